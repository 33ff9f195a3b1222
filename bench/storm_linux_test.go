package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"starling/bench/internal/report"
)

// soon has the clients come back after some ms.
var soon = []string{"storm", "--reconnection-delay", "20ms", "--reconnection-delay-max", "100ms"}

// asFake in the environment makes the test's own program a server for the address that it holds.
const asFake = "STARLING_BENCH_TEST_AS_FAKE"

func TestStorms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		args     []string
		set      func(*pollFake)
		upgraded int
		check    func(*report.Report) bool
	}{
		{"by FIN", nil, nil, 50, func(r *report.Report) bool { return r.Cut == "closed by the clients" && r.RequestsPerClient >= 4 }},
		{"by RST", []string{"--rst"}, nil, 50, func(r *report.Report) bool { return r.Cut == "reset by the clients" }},
		{"from afar", []string{"--rtt", "5ms"}, nil, 50, func(r *report.Report) bool { return r.RequestsPerClient > 4 }},
		{"by threads", []string{"--threads", "2"}, nil, 50, nil},
		{"by processes", []string{"--procs", "2"}, nil, 50, nil},
		{"from several addresses", []string{"--src", "127.0.0.2-127.0.0.4"}, nil, 50, nil},
		{"WebSocket at once", []string{"--transport", "websocket"}, nil, 50, func(r *report.Report) bool {
			return r.Transport == "websocket" && r.RequestsPerClient == 1
		}},
		{"polling for good", []string{"--transport", "polling"}, nil, 0, func(r *report.Report) bool { return r.RequestsPerClient >= 4 }},
		{"no echo", []string{"--no-echo"}, func(f *pollFake) { f.mute = 1000 }, 50, func(r *report.Report) bool { return r.Proven == 0 }},
		{"a server that was full while they connected", nil, func(f *pollFake) { f.busy = 5 }, 50, func(r *report.Report) bool {
			return r.Storm.RetriesSum == 0 && r.Failures["connecting: handshake: status 503"] == 5
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := startPollFake(t, tc.set)
			o := bench(t, t.Context(), append(append(soon, "-n", "50", "--url", f.URL, "--pid", self, "--cut", "client"), tc.args...)...)
			if o.code != exitOK || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			r := &o.reports[0]
			if r.Storm == nil || r.Back != 50 || r.Upgraded != tc.upgraded || r.Proven != 50 && tc.name != "no echo" {
				t.Fatalf("%s", o.text)
			}
			if tc.check != nil && !tc.check(r) {
				t.Errorf("%+v: %s", r.Storm, o.text)
			}
			s := r.Storm
			if s.CPUUsPerClient == nil || s.Reconnect.P50 <= 0 || s.Away.P50 < 10 || s.CutToLastS <= s.CutToFirstS || s.CutToFirstS < 0.01 || s.DownS != nil {
				t.Errorf("%+v: %s", s, o.text)
			}
		})
	}
}

func TestStormFaultsAreFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		set   func(*pollFake)
		check func(*report.Report) bool
		text  string
	}{
		{"upgrades refused", func(f *pollFake) { f.noUpgrade = true }, func(r *report.Report) bool {
			return r.Back == 3 && r.Upgraded == 0 && r.Errors["upgrade: status 400"] == 3
		}, "3 x upgrade: status 400"},
		{"the namespace refused", func(f *pollFake) { f.deny = true }, func(r *report.Report) bool {
			return r.Storm == nil && r.Failed == 3 && r.Failures[`namespace: refused: {"message":"no"}`] == 3
		}, "0/3 connected"},
		{"an echo missing", func(f *pollFake) { f.mute = 1 }, func(r *report.Report) bool {
			return r.Back == 3 && r.Proven == 2 && r.Stalled == "1 echoes missing"
		}, "STALLED"},
		{"a poll lost while they connect", func(f *pollFake) { f.lose = 1 }, func(r *report.Report) bool {
			return r.Back == 3 && r.Failures["connecting: poll: closed by the server"] == 1
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := startPollFake(t, tc.set)
			o := bench(t, t.Context(), append(soon, "-n", "3", "--url", f.URL, "--cut", "client", "--timeout", "300ms")...)
			if len(o.reports) != 1 || (o.code == exitFault) == (tc.text == "") {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; !tc.check(r) || !strings.Contains(o.text, tc.text) {
				t.Errorf("%s", o.text)
			}
		})
	}
}

// fakeCommand starts a fake in a process of its own, as a shell command.
func fakeCommand(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "env " + asFake + "={addr} " + exe
}

func TestStormKillsItsServers(t *testing.T) {
	at := freeAddr(t)
	o := bench(t, t.Context(), append(soon, "-n", "10", "--url", "http://"+at, "--procs", "2",
		"--server", "one="+fakeCommand(t), "--server", "other="+fakeCommand(t))...)
	if o.code != exitOK || len(o.reports) != 2 {
		t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
	}
	for i, name := range []string{"one", "other"} {
		r := &o.reports[i]
		if r.Target != name || r.Storm == nil || r.Back != 10 || r.Upgraded != 10 || r.Proven != 10 || r.ErrorsSum != 0 || r.Cut != "server killed" {
			t.Errorf("%s", o.text)
		}
		if r.DownS == nil || *r.DownS <= 0 || r.StartCPUS == nil || r.CPUUsPerClient == nil || r.ServerCPUS == nil {
			t.Errorf("%+v", r.Storm)
		}
		if (r.CPURatio != nil) != (i == 1) || i == 1 && r.RatioTo != "one" {
			t.Errorf("ratio %v to %q", r.CPURatio, r.RatioTo)
		}
	}
	if !strings.Contains(o.text, "cut to last s") {
		t.Errorf("no table in %s", o.text)
	}
}

// Whoever comes before the server is there again comes later, and that is no error.
func TestStormRetries(t *testing.T) {
	at := freeAddr(t)
	o := bench(t, t.Context(), append(soon, "-n", "10", "--url", "http://"+at, "--server-cmd", fakeCommand(t), "--down", "200ms", "--no-echo")...)
	if len(o.reports) != 1 || o.reports[0].Storm == nil {
		t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
	}
	r := &o.reports[0]
	if r.Back != 10 || r.RetriesSum == 0 || r.Retries["handshake: ECONNREFUSED"] != r.RetriesSum || r.ErrorsSum != 0 || *r.DownS < 0.2 || r.RequestsPerClient > 5 {
		t.Errorf("%s", o.text)
	}
}

func TestStormOfAServerThatStaysAway(t *testing.T) {
	at, exe := freeAddr(t), fakeCommand(t)
	once := t.TempDir() + "/once"
	o := bench(t, t.Context(), "storm", "-n", "2", "--url", "http://"+at, "--server-cmd", "sh -c 'mkdir "+once+" || exit 7; exec "+exe+"'")
	if o.code != exitFault || !strings.Contains(o.text, "the server did not come back") || !strings.Contains(o.text, "exit status 7") {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

// The clients that are not back in time are missing, and so are those of a run that was interrupted; but that is all.
func TestStormEndsEarly(t *testing.T) {
	t.Run("late", func(t *testing.T) {
		f := startPollFake(t, nil)
		o := bench(t, t.Context(), "storm", "-n", "4", "--url", f.URL, "--cut", "client", "--within", "1ms")
		if o.code != exitFault || len(o.reports) != 1 || o.reports[0].Stalled != "4 clients are not back" {
			t.Errorf("exit %d: %s", o.code, o.text)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		f := startPollFake(t, nil)
		f.onLost = interrupt
		o := bench(t, ctx, "storm", "-n", "4", "--url", f.URL, "--cut", "client")
		if o.code != exitFault || len(o.reports) != 1 || !o.reports[0].Interrupted || o.reports[0].Storm == nil {
			t.Errorf("exit %d: %s", o.code, o.text)
		}
	})
}
