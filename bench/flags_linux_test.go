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
		{"a negative rate", []string{"broadcast", "--url", url, "--rate=-1"}, "--rate must not be negative"},
		{"a rate and a depth", []string{"broadcast", "--url", url, "--rate", "10", "--depth", "2"}, "--rate excludes --messages and --depth"},
		{"a rate and a number of messages", []string{"rooms", "--url", url, "--rate", "10", "--messages", "2"}, "--rate excludes --messages and --depth"},
		{"a negative rate of echoes", []string{"echo", "--url", url, "--rate=-1"}, "--rate must not be negative"},
		{"no rate of direct messages", []string{"direct", "--url", url, "--rate", "0"}, "--rate must be more than 0"},
		{"direct messages without socket ids", []string{"direct", "--url", url, "--protocol", "raw"}, "only Socket.IO has socket ids"},
		{"publishers without a rate", []string{"rooms", "--url", url, "--publishers", "2"}, "--publishers and --zipf are for --rate"},
		{"Zipf without a rate", []string{"rooms", "--url", url, "--zipf", "2"}, "--publishers and --zipf are for --rate"},
		{"no publisher", []string{"rooms", "--url", url, "--rate", "1", "--publishers", "0"}, "--publishers must be at least 1"},
		{"a flat Zipf", []string{"rooms", "--url", url, "--rate", "1", "--zipf", "1"}, "--zipf more than 1 or 0"},
		{"no rate amid churn", []string{"churn", "--url", url, "--rate", "0"}, "--rate must be more than 0"},
		{"a negative churn", []string{"churn", "--url", url, "--churn-rate=-1"}, "--churn-rate must not be negative"},
		{"more churn than members", []string{"churn", "--url", url, "--churn-share", "1.5"}, "--churn-share and --reconnect-share must be 0 to 1"},
		{"more reconnects than churn", []string{"mix", "--url", url, "--reconnect-share", "2"}, "--churn-share and --reconnect-share must be 0 to 1"},
		{"nobody is slow", []string{"slow", "--url", url, "--share", "0"}, "--share must be between 0 and 1"},
		{"all are slow", []string{"slow", "--url", url, "--share", "1"}, "--share must be between 0 and 1"},
		{"no rate to slow readers", []string{"slow", "--url", url, "--rate", "0"}, "--rate must be more than 0"},
		{"a soak of a depth, by a timetable", []string{"soak", "--url", url, "--depth", "3"}, "--depth is for --deliveries"},
		{"deliveries in rooms that nobody stays in", []string{"soak", "--url", url, "--deliveries", "9", "--members", "2", "--churn-share", "0.9"}, "somebody has to stay in each room"},
		{"deliveries too deep", []string{"soak", "--url", url, "--deliveries", "9", "--rooms", "2", "--depth", "127"}, "--depth must be 1 to 126"},
		{"deliveries by two", []string{"soak", "--url", url, "--deliveries", "9", "--publishers", "2"}, "--deliveries excludes"},
		{"deliveries of another protocol", []string{"soak", "--url", url, "--deliveries", "9", "--protocol", "raw"}, "--deliveries is for Socket.IO"},
		{"a soak of no rooms", []string{"soak", "--url", url, "--rooms", "0"}, "--rooms and --members"},
		{"a mix without a rate", []string{"mix", "--url", url, "--rate", "0"}, "--rate must be more than 0"},
		{"a search from nothing", []string{"find-max", "--url", url, "--rate", "0"}, "--rate must be more than 0"},
		{"a search below nothing", []string{"find-max", "--url", url, "--p99", "0s"}, "--p99 must be more than 0"},
		{"a search in a hurry", []string{"find-max", "--url", url, "--step", "500ms"}, "--step at least 1s"},
		{"a warm-up backwards", []string{"broadcast", "--url", url, "--warmup=-1s"}, "--warmup"},
		{"late before it was sent", []string{"broadcast", "--url", url, "--late-after=-1s"}, "--late-after"},
		{"a ramp down", []string{"connect", "--url", url, "--ramp=-1"}, "--ramp must not be negative"},
		{"the stock client's way to another server", []string{"connect", "--url", url, "--protocol", "raw", "--transport", "default"}, "--transport default is Socket.IO's"},
		{"tokens that are none", []string{"connect", "--url", url, "--auth", "secret"}, "--auth must be a JSON object"},
		{"tokens in an array", []string{"connect", "--url", url, "--auth", `["{n}"]`}, "--auth must be a JSON object"},
		{"tokens for another server", []string{"connect", "--url", url, "--protocol", "raw", "--auth", "{}"}, "for Socket.IO"},
		{"an API of TLS", []string{"direct", "--url", url, "--api", "https://x"}, "--api must be http://host:port/path"},
		{"an API without a host", []string{"mix", "--url", url, "--api", "here"}, "--api must be http://host:port/path"},
		{"an API that nobody finds", []string{"soak", "--url", url, "--api", "http://127.0.0.1:none"}, "--api"},
		{"an API of another server", []string{"rooms", "--url", url, "--protocol", "raw", "--api", url}, "--api is for Socket.IO"},
		{"an API of the limit", []string{"broadcast", "--url", url, "--spawn-limit", "--api", url}, "--api excludes --spawn-limit"},
		{"a key of two lines", []string{"find-max", "--url", url, "--api", url, "--api-key", "a\r\nX: b"}, "--api-key must be of visible ASCII"},
		{"an API without a connection", []string{"direct", "--url", url, "--api", url, "--api-conns", "0"}, "--api-conns must be at least 1"},
		{"an API by other means", []string{"direct", "--url", url, "--api", url, "--api-mode", "batch"}, "--api-mode must be one of"},
		{"several of no server", []string{"connect", "--url", url, "--server-procs", "2"}, "--server-procs is for --server-cmd"},
		{"no server at all", []string{"connect", "--url", url, "--server-cmd", "x", "--server-procs", "0"}, "--server-procs must be at least 1"},
		{"an assertion that is none", []string{"connect", "--url", url, "--assert", "fast"}, "--assert"},
		{"an assertion of what is unknown", []string{"connect", "--url", url, "--assert", "beauty>1"}, "unknown metric"},
		{"an assertion without a unit", []string{"connect", "--url", url, "--assert", "p99<20"}, "--assert"},
		{"a suite without a folder", []string{"suite", "--url", url, "--server-cmd", "x"}, "--out is missing"},
		{"a suite without a server", []string{"suite", "--url", url, "--out", "x"}, "--url or --server-cmd is missing"},
		{"a comparison of nothing", []string{"compare", "/nowhere", "/nowhere"}, "/nowhere"},
		{"an address that is none", []string{"limit", "--addr", "x"}, "want an address"},
		{"bad processors of the limit", []string{"limit", "--cpu", "x"}, "--cpu"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if runtime.GOOS != "linux" && tc.args != nil {
				t.Skip("the commands are for Linux")
			}
			t.Parallel()
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
