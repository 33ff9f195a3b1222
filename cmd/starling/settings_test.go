package main

import (
	"testing"

	"github.com/alecthomas/kong"
)

// parsed is a command line that has been read, in an environment.
type parsed struct {
	cli  *cli
	src  *sources
	node *kong.Node // the command
	err  error      // what is wrong with its settings
}

// parse reads a command line, and checks it if it has settings.
func parse(t *testing.T, environ []string, args ...string) parsed {
	t.Helper()
	p := parsed{cli: &cli{}, src: newSources(environ)}
	parser, err := newParser(p.cli, p.src)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		p.err = err
		return p
	}
	p.node = ctx.Selected()
	if c, ok := p.node.Target.Addr().Interface().(settings); ok {
		p.err = p.src.check(c)
	}
	return p
}

// says is what an error says, "" for none.
func says(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// flag is a setting by its name.
func (p parsed) flag(t *testing.T, name string) *kong.Flag {
	t.Helper()
	for _, flag := range p.node.Flags {
		if flag.Name == name {
			return flag
		}
	}
	t.Fatalf("there is no --%s", name)
	return nil
}
