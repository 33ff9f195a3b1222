package main

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"testing"
)

func TestUsageErrors(t *testing.T) {
	const url = "http://127.0.0.1:1"
	for _, tc := range []struct {
		name string
		args []string
		text string
	}{
		{"nothing", nil, "expected one of"},
		{"no such command", []string{"flood"}, "unexpected argument flood"},
		{"no such flag", []string{"echo", "--fast"}, "unknown flag --fast"},
		{"no such protocol", []string{"echo", "--url", url, "--protocol", "mqtt"}, "--protocol must be one of"},
		{"no URL", []string{"echo"}, "--url is missing"},
		{"a pid without a URL", []string{"echo", "--spawn-limit", "--pid", "1"}, "--url is missing"},
		{"a URL of TLS", []string{"echo", "--url", "https://x"}, "there is no TLS"},
		{"a URL without a host", []string{"echo", "--url", "http://"}, "--url must be"},
		{"no connections", []string{"echo", "--url", url, "-n", "0"}, "-n must be at least 1"},
		{"no window", []string{"echo", "--url", url, "--concurrency", "0"}, "--concurrency"},
		{"threads and processes", []string{"echo", "--url", url, "--threads", "2", "--procs", "2"}, "exclude each other"},
		{"more processes than connections", []string{"echo", "--url", url, "-n", "2", "--procs", "3"}, "more event loops than connections"},
		{"two servers", []string{"echo", "--url", url, "--pid", "1", "--server-cmd", "x"}, "exclude each other"},
		{"no patience", []string{"echo", "--url", url, "--timeout", "0s"}, "--timeout"},
		{"no depth", []string{"echo", "--url", url, "--depth", "0"}, "--depth must be 1 to 63"},
		{"too deep", []string{"broadcast", "--url", url, "--depth", "64"}, "--depth must be 1 to 63"},
		{"too deep for two rooms", []string{"rooms", "--url", url, "--rooms", "2", "--depth", "127"}, "--depth must be 1 to 126"},
		{"too small", []string{"broadcast", "--url", url, "--size", "40"}, "--size must be at least 49"},
		{"backwards", []string{"broadcast", "--url", url, "--duration=-1s"}, "--duration"},
		{"no rooms", []string{"rooms", "--url", url, "--rooms", "0"}, "--rooms and --members"},
		{"no rounds", []string{"connect", "--url", url, "--rounds", "0"}, "--rounds"},
		{"no repetition", []string{"connect", "--url", url, "--repeat", "0"}, "--repeat"},
		{"idle without a process", []string{"idle", "--url", url}, "--pid or --server-cmd is missing"},
		{"bad sources", []string{"echo", "--url", url, "--src", "here"}, `"here"`},
		{"sources of another family", []string{"echo", "--url", url, "--src", "::1"}, "the family of 127.0.0.1"},
		{"nobody's source", []string{"echo", "--url", url, "--src", "192.0.2.1"}, "ip address add 192.0.2.1/32 dev lo"},
		{"not enough sources", []string{"echo", "--url", url, "--src", "127.0.0.2", "-n", "70000", "--procs", "70"}, "--src 127.0.0.2-127.0.0.4"},
		{"not enough descriptors", []string{"echo", "--url", url, "-n", "900000000"}, "descriptors of a client process"},
		{"bad processors", []string{"echo", "--url", url, "--client-cpu", "x"}, "--client-cpu"},
		{"bad processors of the server", []string{"echo", "--url", url, "--server-cpu", "x"}, "--server-cpu"},
		{"processors that are not there", []string{"echo", "--url", url, "--client-cpu", "1023"}, "processors of --client-cpu"},
		{"a storm against the limit", []string{"storm", "--url", url, "--server-cmd", "x", "--spawn-limit"}, "storm speaks Socket.IO alone"},
		{"a storm of another protocol", []string{"storm", "--url", url, "--server-cmd", "x", "--protocol", "raw"}, "storm speaks Socket.IO alone"},
		{"nobody to kill", []string{"storm", "--url", url}, "--server-cmd or --server is missing"},
		{"servers of two kinds", []string{"storm", "--url", url, "--server-cmd", "x", "--server", "a=b"}, "--server excludes"},
		{"a server without a name", []string{"storm", "--url", url, "--server", "bin/server"}, "--server must be NAME=CMD"},
		{"a server without a command", []string{"storm", "--url", url, "--server", "a="}, "--server must be NAME=CMD"},
		{"a storm without a URL", []string{"storm", "--server", "a=b"}, "--url is missing"},
		{"a reset by a server that is killed", []string{"storm", "--url", url, "--server-cmd", "x", "--rst"}, "--rst is for --cut client"},
		{"down, but not killed", []string{"storm", "--url", url, "--cut", "client", "--down", "1s"}, "--down is for --cut server"},
		{"nearer than near", []string{"storm", "--url", url, "--cut", "client", "--rtt=-1ms"}, "--rtt must not be negative"},
		{"within no time", []string{"storm", "--url", url, "--cut", "client", "--within", "0s"}, "--within must be more than 0"},
		{"back at once", []string{"storm", "--url", url, "--cut", "client", "--reconnection-delay", "0s"}, "--reconnection-delay must be"},
		{"back at the latest before at the earliest", []string{"storm", "--url", url, "--cut", "client", "--reconnection-delay-max", "0.5s"}, "--reconnection-delay must be"},
		{"three descriptors for each client", []string{"storm", "--url", url, "--cut", "client", "-n", "300000000"}, "need 900000067"},
		{"an address that is none", []string{"limit", "--addr", "x"}, "want an address"},
		{"bad processors of the limit", []string{"limit", "--cpu", "x"}, "--cpu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if runtime.GOOS != "linux" && tc.args != nil {
				t.Skip("the commands are for Linux")
			}
			var out, text bytes.Buffer
			code := run(context.Background(), tc.args, streams{strings.NewReader(""), &out, &text})
			if code != exitUsage || !strings.Contains(text.String(), tc.text) {
				t.Errorf("exit %d, %q; want %d and %q", code, text.String(), exitUsage, tc.text)
			}
			if out.Len() != 0 {
				t.Errorf("standard output has %q", out.String())
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out, text bytes.Buffer
	if code := run(context.Background(), []string{"broadcast", "--help"}, streams{strings.NewReader(""), &out, &text}); code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, flag := range []string{"--url", "--pid", "--depth", "--spawn-limit", "--server-cpu", "--client-cpu", "--src"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("%s is not explained", flag)
		}
	}
}
