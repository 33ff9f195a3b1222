package preflight

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// root makes a command one that root runs.
func (c *check) root(command string) string {
	if c.f.Root {
		return command
	}
	return "sudo " + command
}

func (c *check) sysctl(name string, value any) string {
	return c.root(fmt.Sprintf("sysctl -w %s=%v", name, value))
}

// prlimit raises the limit of a process, by default that of the shell from which the run is started.
func (c *check) prlimit(pid string, descriptors uint64) string {
	return c.root(fmt.Sprintf("prlimit --pid %s --nofile=%d:%d", pid, descriptors, descriptors))
}

// again is the command line of the run with other values of flags: names and values in turn.
func (c *check) again(flags ...any) string {
	args := slices.Clone(c.p.Args)
	if len(args) == 0 {
		args = []string{"bench"}
	}
	for i := 0; i < len(flags); i += 2 {
		name := fmt.Sprint(flags[i])
		args = append(without(without(args, name), longNames[name]), name, fmt.Sprint(flags[i+1]))
	}
	for i, a := range args {
		args[i] = quote(a)
	}
	return strings.Join(args, " ")
}

// longNames are those of the flags that have a short one.
var longNames = map[string]string{"-n": "--connections"}

// without takes a flag and its value out of a command line, in whichever form it is there: --procs 2, --procs=2, -n 2, -n2.
func without(args []string, flag string) []string {
	if flag == "" {
		return args
	}
	short := !strings.HasPrefix(flag, "--")
	var kept []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == flag:
			i++
		case strings.HasPrefix(a, flag+"="), short && strings.HasPrefix(a, flag):
		default:
			kept = append(kept, a)
		}
	}
	return kept
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote makes one word of a text for a POSIX shell.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
