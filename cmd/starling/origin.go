package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Where a value can come from; of several the last one counts.
const (
	fromDefault = "default"
	fromFile    = "file"
	fromEnv     = "env"
	fromFlag    = "flag"
)

// origin is where a value comes from.
type origin struct {
	kind string // one of the from constants
	at   string // the variable, or the file and the line; "" for the others
}

func (o origin) String() string { return strings.TrimSpace(o.kind + " " + o.at) }

// envPrefix begins the names of all our variables.
const envPrefix = "STARLING_"

// variable is the environment variable that stands for a flag.
func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// settings are the flags of a command that serves clients, or says something of such flags: they can come from the
// environment too, and from a file if --config is among them.
type settings interface {
	// complete fills in what depends on other flags. origins are those of the flags that do not have their defaults.
	complete(origins map[string]origin)
	// mistakes are what is wrong with flags together.
	mistakes() []error
}

// sources give settings what the command line does not: the environment, then the file. A value that cannot be read is a
// mistake, and the others are read all the same, so that all mistakes are told at once.
type sources struct {
	environ map[string]string
	known   []string   // flags that a variable may stand for, of all commands
	node    *kong.Node // the command, once kong has asked for its first flag; nil for commands without settings
	file    *configFile
	origins map[string]origin // by the name of the flag; a flag that is not in it has its default
	found   []error           // mistakes
}

var _ kong.Resolver = (*sources)(nil)

func newSources(environ []string) *sources {
	s := &sources{environ: map[string]string{}, origins: map[string]origin{}}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, envPrefix) {
			s.environ[name] = value
		}
	}
	return s
}

// Validate is part of kong.Resolver.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve gives a flag that is not on the command line its value, nil for the default. It is part of kong.Resolver.
func (s *sources) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	node := parent.Node()
	if !hasSettings(node) || !slices.Contains(node.Flags, flag) {
		return nil, nil
	}
	if s.node == nil {
		s.begin(ctx, node)
	}
	value, from := s.find(flag.Name)
	if value == nil {
		return nil, nil
	}
	if err := readable(flag, value); err != nil {
		s.found = append(s.found, fmt.Errorf("%w (%v)", err, from))
		return nil, nil
	}
	s.origins[flag.Name] = from
	return value, nil
}

func hasSettings(node *kong.Node) bool {
	_, ok := node.Target.Addr().Interface().(settings)
	return ok
}

// begin notes what is on the command line, and reads the file.
func (s *sources) begin(ctx *kong.Context, node *kong.Node) {
	s.node = node
	for _, p := range ctx.Path {
		if p.Flag != nil {
			s.origins[p.Flag.Name] = origin{kind: fromFlag}
		}
	}
	names := flagNames(node)
	at := slices.Index(names, configFlag)
	if at < 0 {
		return
	}
	name := s.environ[variable(configFlag)]
	if _, given := s.origins[configFlag]; given {
		name = ctx.FlagValue(node.Flags[at]).(string)
	}
	if name != "" {
		s.file, s.found = readConfig(name)
		s.found = append(s.found, s.file.unknown(slices.Delete(names, at, at+1))...)
	}
}

// find looks for a value in the environment and then in the file; nil is nowhere.
func (s *sources) find(flag string) (value any, from origin) {
	if v, ok := s.environ[variable(flag)]; ok {
		return v, origin{fromEnv, variable(flag)}
	}
	if e, ok := s.file.entry(flag); ok && flag != configFlag {
		return e.value, origin{fromFile, e.at}
	}
	return nil, origin{}
}

// readable reports why a value is none that the flag can have.
func readable(flag *kong.Flag, value any) error {
	if text, ok := value.(string); ok && !utf8.ValidString(text) {
		return fmt.Errorf("--%s: must be UTF-8", flag.Name) // kong would put other bytes in its place
	}
	if _, isList := value.([]any); isList && !flag.IsSlice() {
		return fmt.Errorf("--%s: must be one value, not a list", flag.Name)
	}
	return flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), reflect.New(flag.Target.Type()).Elem())
}

// flagNames are the names of a command's flags.
func flagNames(node *kong.Node) (names []string) {
	for _, flag := range node.Flags {
		names = append(names, flag.Name)
	}
	return names
}

// check completes settings and returns all that is wrong with them as one error, with a line for each mistake.
func (s *sources) check(c settings) error {
	c.complete(s.origins)
	var together []error
	if len(s.found) == 0 { // else what seems to be missing may be what could not be read
		together = c.mistakes()
	}
	return s.wrong(together...)
}

// wrong returns what is wrong with each value by itself, and besides.
func (s *sources) wrong(besides ...error) error {
	found := slices.Clone(s.found)
	for _, flag := range s.node.Flags {
		if err := ruleMistake(flag); err != nil {
			found = append(found, s.located(flag.Name, err))
		}
	}
	if found = append(found, besides...); len(found) > 0 {
		return usageError{errors.Join(found...)}
	}
	return nil
}

// located says where a value comes from, unless it is before everybody's eyes.
func (s *sources) located(flag string, err error) error {
	if from := s.origins[flag]; from.kind == fromEnv || from.kind == fromFile {
		return fmt.Errorf("%w (%v)", err, from)
	}
	return err
}

// warn logs what is suspicious, and no mistake.
func (s *sources) warn(log *slog.Logger) {
	for _, name := range slices.Sorted(maps.Keys(s.environ)) {
		flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-"))
		if slices.Contains(s.known, flag) && variable(flag) == name || serviceLink.MatchString(name) {
			continue
		}
		meant := []any{"variable", name}
		if known := nearest(flag, s.known); known != "" {
			meant = append(meant, "nearest", variable(known))
		}
		log.Warn("there is no such setting: a variable of the environment is ignored", meant...)
	}
	for _, flag := range s.node.Flags {
		if isSecret(flag) && s.origins[flag.Name].kind == fromFlag {
			log.Warn("a secret is on the command line, where all users of the machine can see it: give it in the environment, or in a file",
				"flag", "--"+flag.Name, "variable", variable(flag.Name))
		}
	}
}

// serviceLink matches the variables that Kubernetes gives to all pods beside a service whose name begins with starling.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
