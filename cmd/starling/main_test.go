package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// outcome is what a command line comes to.
type outcome struct {
	code     int
	out, err string
}

// starling runs a command line in an environment.
func starling(environ []string, args ...string) outcome {
	var out, err strings.Builder
	code := run(args, surroundings{&out, &err, environ})
	return outcome{code, out.String(), err.String()}
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name     string
		args     []string
		code     int
		out, err string // what the streams say, among more; "" for nothing at all
	}{
		{"version", []string{"version"}, exitOK, runtime.Version(), ""},
		{"help", []string{"--help"}, exitOK, "Usage: starling <command>", ""},
		{"help of a command", []string{"serve", "--help"}, exitOK, "STARLING_PING_INTERVAL]", ""},
		{"help, whatever else is said", []string{"roomapp", "--loops", "9999", "--help"}, exitOK, "--loops", ""},
		{"help, whatever is missing", []string{"init", "--help"}, exitOK, "caddy, compose, config, docker, haproxy, kubernetes,", ""},
		{"no command", nil, exitUsage, "", `expected one of "serve", "token", "config", "doctor", "init", ...`},
		{"an unknown command", []string{"fly"}, exitUsage, "", "unexpected argument fly"},
		{"an unknown flag", []string{"serve", "--fly"}, exitUsage, "", "unknown flag --fly"},
		{"a flag of serve that roomapp has not", []string{"roomapp", "--dev"}, exitUsage, "", "unknown flag --dev"},
		{"an argument too many", []string{"version", "9"}, exitUsage, "", "unexpected argument 9"},
		{"no value", []string{"roomapp", "--loops"}, exitUsage, "", "--loops: expected number value"},
		{"a value that is no number", []string{"roomapp", "--loops", "two"}, exitUsage, "", "starling: --loops: must be within 0 and 256, not two\n"},
		{"a value that is no time", []string{"roomapp", "--ping-interval", "5"}, exitUsage, "", "starling: --ping-interval: must be within 100ms and 24h, not 5: a time has a unit, as 500ms, 90s and 1h30m have\n"},
		{"a value that cannot work", []string{"roomapp", "--loops", "257"}, exitUsage, "", "starling: --loops must be within 0 and 256, not 257\n"},
		{"values that cannot work", []string{"roomapp", "--loops", "257", "--max-payload", "0"}, exitUsage, "", "not 257\nstarling: --max-payload must be within 1 and 1073741824, not 0\n"},
		{"more connections than files", []string{"roomapp", "--connections-max", "2000000000"}, exitUsage, "", "--connections-max 2000000000"},
		{"an address of somebody else", []string{"roomapp", "--addr", "192.0.2.1:80"}, exitFailed, "", "cannot listen on --addr 192.0.2.1:80"},
		{"a control API on an address of somebody else", []string{"serve", "--dev", "--addr", "127.0.0.1:0", "--api-addr", "192.0.2.1:80"}, exitFailed, "", "cannot listen on --api-addr 192.0.2.1:80: listen tcp 192.0.2.1:80: "},
		{"a key file that is not there", []string{"serve", "--anonymous", "--api-key-file", "/nowhere/keys"}, exitUsage, "", "/nowhere/keys"},
		{"a secret file that is not there", []string{"serve", "--dev", "--jwt-secret-file", "/nowhere/secret"}, exitUsage, "", "/nowhere/secret"},
		{"a secret of webhooks that is not there", []string{"serve", "--dev", "--webhook-url", "http://localhost", "--webhook-secret-file", "/nowhere/secret"}, exitUsage, "", "open /nowhere/secret: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := starling(nil, tc.args...)
			if got.code != tc.code {
				t.Errorf("ended with %d, want %d", got.code, tc.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"output", got.out, tc.out}, {"error", got.err, tc.err}} {
				if !strings.Contains(stream.got, stream.want) || stream.want == "" && stream.got != "" {
					t.Errorf("on standard %s: %q, want %q", stream.name, stream.got, stream.want)
				}
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want int
		says string
	}{
		{"nothing wrong", nil, exitOK, ""},
		{"the command line", usageError{errors.New("--loops is odd")}, exitUsage, "starling: --loops is odd\n"},
		{"the command line, deeper", fmt.Errorf("serve: %w", usageError{errors.New("odd")}), exitUsage, "starling: serve: odd\n"},
		{"several mistakes", usageError{errors.Join(errors.New("odd"), errors.New("even"))}, exitUsage, "starling: odd\nstarling: even\n"},
		{"anything else", errors.New("out of luck"), exitFailed, "starling: out of luck\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, err strings.Builder
			got := exitCode(tc.err, surroundings{&out, &err, nil})
			if got != tc.want || err.String() != tc.says || out.Len() > 0 {
				t.Errorf("got %d, %q and %q; want %d and %q", got, out.String(), err.String(), tc.want, tc.says)
			}
		})
	}
}

func TestVersionIsTheLinkers(t *testing.T) {
	defer func(v string) { version = v }(version)
	version = "v1.2.3"
	want := outcome{exitOK, fmt.Sprintf("starling v1.2.3 %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH), ""}
	if got := starling(nil, "version"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
