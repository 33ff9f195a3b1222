package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name     string
		args     []string
		code     int
		out, err string // what the streams say, among more; "" for nothing at all
	}{
		{"version", []string{"version"}, exitOK, runtime.Version(), ""},
		{"help", []string{"--help"}, exitOK, "STARLING_PING_INTERVAL", ""},
		{"help of a command", []string{"roomapp", "--help"}, exitOK, "--ping-interval", ""},
		{"help, whatever else is said", []string{"roomapp", "--loops", "9999", "--help"}, exitOK, "--loops", ""},
		{"no command", nil, exitUsage, "", `expected one of "roomapp", "version"`},
		{"an unknown command", []string{"fly"}, exitUsage, "", "unexpected argument fly"},
		{"an unknown flag", []string{"roomapp", "--fly"}, exitUsage, "", "unknown flag --fly"},
		{"an argument too many", []string{"version", "9"}, exitUsage, "", "unexpected argument 9"},
		{"a value that is none", []string{"roomapp", "--loops", "two"}, exitUsage, "", "--loops"},
		{"a value that cannot work", []string{"roomapp", "--loops", "257"}, exitUsage, "", "--loops must be within 0 and 256, not 257"},
		{"more connections than files", []string{"roomapp", "--connections-max", "2000000000"}, exitUsage, "", "--connections-max 2000000000"},
		{"an address of somebody else", []string{"roomapp", "--addr", "192.0.2.1:80"}, exitFailed, "", "cannot listen on --addr 192.0.2.1:80"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, err strings.Builder
			if code := run(tc.args, streams{&out, &err}); code != tc.code {
				t.Errorf("ended with %d, want %d", code, tc.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"output", out.String(), tc.out}, {"error", err.String(), tc.err}} {
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
		{"anything else", errors.New("out of luck"), exitFailed, "starling: out of luck\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, err strings.Builder
			got := exitCode(tc.err, streams{&out, &err})
			if got != tc.want || err.String() != tc.says || out.Len() > 0 {
				t.Errorf("got %d, %q and %q; want %d and %q", got, out.String(), err.String(), tc.want, tc.says)
			}
		})
	}
}

func TestVersionIsTheLinkers(t *testing.T) {
	defer func(v string) { version = v }(version)
	version = "v1.2.3"
	var out, err strings.Builder
	code := run([]string{"version"}, streams{&out, &err})
	want := fmt.Sprintf("starling v1.2.3 %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if code != exitOK || out.String() != want {
		t.Errorf("got %d and %q, want 0 and %q", code, out.String(), want)
	}
}
