// Command starling is a Socket.IO server.
//
// Exit codes: 0 after an orderly end, 1 when the server could not start or failed, 2 when the command line, the
// environment or the file of settings is wrong.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve Socket.IO clients for a backend that reaches them by HTTP."`
	Token   tokenCmd   `cmd:"" help:"Make a token for a client."`
	Config  configCmd  `cmd:"" help:"Check or print the settings that serve would have."`
	Doctor  doctorCmd  `cmd:"" help:"Say whether this machine is fit for so many connections, and what to do."`
	Init    initCmd    `cmd:"" help:"Print a file for a deployment: of systemd, of containers, of a proxy in front."`
	Roomapp roomappCmd `cmd:"" help:"Serve the built-in room application, in which anybody may do anything: for tests and floods."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// surroundings are what a command has beside files.
type surroundings struct {
	out, err io.Writer
	environ  []string
}

func main() {
	os.Exit(run(os.Args[1:], surroundings{os.Stdout, os.Stderr, os.Environ()}))
}

// run is main with its surroundings given.
func run(args []string, std surroundings) int {
	var c cli
	code := -1
	src := newSources(std.environ)
	parser, err := newParser(&c, src, kong.Writers(std.out, std.err),
		kong.Exit(func(c int) { code = c })) // kong exits after --help
	if err != nil {
		fmt.Fprintln(std.err, "starling:", err)
		return exitFailed
	}
	ctx, err := parser.Parse(args)
	if code >= 0 {
		return code
	}
	if err != nil {
		fmt.Fprintln(std.err, "starling:", err)
		fmt.Fprintln(std.err, "starling: see starling --help")
		return exitUsage
	}
	return exitCode(ctx.Run(&std, src), std)
}

// newParser makes the parser of the command line c, whose settings also come from src.
func newParser(c *cli, src *sources, more ...kong.Option) (*kong.Kong, error) {
	parser, err := kong.New(c, append(more,
		kong.Name("starling"),
		kong.Description("Starling is a Socket.IO server for real-time web applications."),
		kong.UsageOnError(),
		kong.ValueFormatter(describe),
		kong.Resolvers(src),
		kong.KindMapper(reflect.Int, kong.MapperFunc(readNumber)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(readNumber)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readTime)),
		kong.Vars{"files": deployNames()},
	)...)
	if err != nil {
		return nil, err
	}
	for _, command := range parser.Model.Leaves(false) {
		if hasSettings(command) {
			src.known = append(src.known, flagNames(command)...)
		}
	}
	return parser, nil
}

// usageError is an error of the command line that only shows when a command runs.
type usageError struct{ error }

// Unwrap returns what is wrong.
func (e usageError) Unwrap() error { return e.error }

// exitCode tells what is wrong, a line each, and what the process ends with.
func exitCode(err error, std surroundings) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(std.err, "starling:", line)
	}
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}
