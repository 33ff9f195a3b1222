package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"starling/bench/internal/limit"
	"starling/bench/internal/report"
)

// asMain in the environment makes the test's own program the bench, so that a bench under test can start itself.
const asMain = "STARLING_BENCH_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if addr := os.Getenv(asFake); addr != "" {
		fmt.Fprintln(os.Stderr, servePollFake(addr))
		os.Exit(1)
	}
	if addr, dir, ok := strings.Cut(os.Getenv(asShared), " "); ok {
		fmt.Fprintln(os.Stderr, serveShared(addr, dir))
		os.Exit(1)
	}
	if os.Getenv(asMain) != "" {
		main()
	}
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = p.Value.Set("12") // those that run side by side wait most of the time
	}
	os.Setenv(asMain, "1")
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // else each child lingers for a second under the race detector
	os.Exit(m.Run())
}

// outcome is what a run of the bench came to.
type outcome struct {
	code    int
	reports []report.Report
	text    string
}

func bench(t *testing.T, ctx context.Context, args ...string) outcome {
	t.Helper()
	var out, text bytes.Buffer
	o := outcome{code: run(ctx, args, streams{strings.NewReader(""), &out, &text})}
	o.text = text.String()
	for lines := json.NewDecoder(&out); lines.More(); {
		var r report.Report
		if err := lines.Decode(&r); err != nil {
			t.Fatalf("%v in %q", err, out.String())
		}
		o.reports = append(o.reports, r)
	}
	return o
}

// startLimitServer is a limit server inside the test.
func startLimitServer(t *testing.T) (url string) {
	t.Helper()
	s, err := limit.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run() }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

var self = fmt.Sprint(os.Getpid())

// scenarios are all of them, each short, with what its report must hold besides the accounts.
var scenarios = []struct {
	name  string
	args  []string
	conns int
	check func(*report.Report) bool
}{
	{"connect", []string{"connect", "-n", "200", "--rounds", "3", "--concurrency", "16"}, 600, func(r *report.Report) bool {
		return r.ConnPerS > 0 && len(r.Rounds) == 3 && r.Rounds[2].Connected == 200 && r.HandshakeP50 > 0 && r.HandshakeMax >= r.HandshakeP99
	}},
	{"idle", []string{"idle", "-n", "100", "--settle", "1ms", "--hold", "10ms", "--after", "10ms"}, 100, func(r *report.Report) bool {
		return r.RSS > 0 && r.RSSBefore > 0 && r.RSSAnon > 0 && len(r.Idle.After) == 1 && r.Idle.After[0].RSS > 0 && r.HoldCPUUs != nil
	}},
	{"broadcast", []string{"broadcast", "-n", "50", "--messages", "40", "--depth", "4"}, 50, func(r *report.Report) bool {
		return r.Messages == 40 && r.Delivered == 2000 && r.DeliveriesPerS > 0 && r.P50 > 0 && r.Rooms == 1
	}},
	{"rooms", []string{"rooms", "--rooms", "7", "--members", "3", "--messages", "100", "--depth", "9"}, 21, func(r *report.Report) bool {
		return r.Messages == 100 && r.Delivered == 300 && r.Rooms == 7 && r.Members == 3 && r.Depth == 9
	}},
	{"echo", []string{"echo", "-n", "20", "--depth", "3", "--duration", "50ms", "--size", "200"}, 20, func(r *report.Report) bool {
		return r.Echoes >= 60 && r.Echoes == r.Delivered && r.EchoesPerS > 0 && r.SizeBytes == 200
	}},
}

func TestScenarios(t *testing.T) {
	raw, fake := startLimitServer(t), newFake(t, nil)
	for _, sc := range scenarios {
		for _, mode := range []struct {
			name string
			args []string
		}{
			{"raw", []string{"--protocol", "raw", "--url", raw}},
			{"socketio", []string{"--url", fake.URL}},
		} {
			t.Run(sc.name+" "+mode.name, func(t *testing.T) {
				r := runOne(t, append(append(sc.args, mode.args...), "--pid", self)...)
				if r.Connections != sc.conns || r.Connected != sc.conns || !r.OK() || !sc.check(r) {
					t.Errorf("%+v", r)
				}
				if r.ServerCPUS == nil || r.WallS <= 0 || r.ServerBusy == nil || r.Delivery != nil && r.CPUUsPerDelivery == nil || r.Echo != nil && r.CPUUsPerEcho == nil {
					t.Errorf("usage %v %v %v", r.ServerCPUS, r.WallS, r.ServerBusy)
				}
			})
		}
	}
}

// runOne is for a command that makes one report and finds no fault.
func runOne(t *testing.T, args ...string) *report.Report {
	t.Helper()
	o := bench(t, t.Context(), args...)
	if o.code != exitOK || len(o.reports) != 1 {
		t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
	}
	return &o.reports[0]
}

// Whatever holds the connections, and wherever they come from, the accounts are the same. The processor times are not: these run side
// by side.
func TestScenariosByOtherMeans(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios {
		for _, mode := range []struct {
			name string
			args []string
		}{
			{"raw by threads", []string{"--protocol", "raw", "--threads", "2"}},
			{"socketio by processes", []string{"--procs", "2"}},
			{"from several addresses", []string{"--src", "127.0.0.2-127.0.0.4"}},
		} {
			t.Run(sc.name+" "+mode.name, func(t *testing.T) {
				t.Parallel()
				url := ""
				if mode.args[0] == "--protocol" {
					url = startLimitServer(t)
				} else {
					url = newFake(t, nil).URL
				}
				args := append(slices.Clone(sc.args), mode.args...)
				if sc.name == "idle" { // which measures a process
					args = append(args, "--pid", self)
				}
				r := runOne(t, append(args, "--url", url)...)
				if r.Connections != sc.conns || r.Connected != sc.conns || !r.OK() || !sc.check(r) {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	broadcast := []string{"broadcast", "-n", "3", "--messages", "8", "--depth", "2", "--timeout", "2s"}
	rooms := []string{"rooms", "--rooms", "2", "--members", "1", "--messages", "8", "--depth", "2", "--timeout", "2s", "--concurrency", "1"}
	echo := []string{"echo", "-n", "2", "--depth", "2", "--duration", "1h", "--timeout", "2s"}
	for _, tc := range []struct {
		name  string
		args  []string
		fault func(*fake)
		check func(*report.Report) bool
		text  string // in the readable line
	}{
		{"broadcast drop", broadcast, drop, func(r *report.Report) bool {
			return r.Lost == 1 && r.Delivered == 11 && r.Stalled != ""
		}, "lost 1"},
		{"broadcast double", broadcast, double, func(r *report.Report) bool {
			return r.Duplicated == 1 && r.Delivered == 24
		}, "duplicated 1"},
		{"broadcast swap", broadcast, swap, func(r *report.Report) bool {
			return r.Reordered == 1 && r.Delivered == 24
		}, "reordered 1"},
		{"broadcast garble", broadcast, garble, func(r *report.Report) bool { return r.Garbled == 1 }, "garbled 1"},
		{"broadcast hang up", broadcast, hangUp, func(r *report.Report) bool {
			return r.Disconnected == 1 && r.Lost > 0
		}, "1 x "},
		{"rooms stray", rooms, strayThird, func(r *report.Report) bool {
			return r.Misrouted == 1 && r.Lost == 0
		}, "misrouted 1"},
		{"echo hang up", echo, hangUp, func(r *report.Report) bool {
			return r.Disconnected == 1 && r.Lost > 0 && r.Echoes > 2
		}, "1 x "},
		{"no answer to a join", broadcast, ignore("join"), func(r *report.Report) bool {
			return r.Connected == 3 && r.Stalled == "3 answers to a join missing"
		}, "STALLED"},
		{"no open packet", broadcast, func(f *fake) { f.first = "6" }, func(r *report.Report) bool {
			return r.Failed == 3 && r.Failures["timeout"] == 3
		}, "3 x timeout"},
		{"full", broadcast, func(f *fake) { f.status = 503 }, func(r *report.Report) bool {
			return r.Failed == 3 && r.Failures["status 503"] == 3
		}, "3 x status 503"},
		{"refused", broadcast, func(f *fake) { f.first = "1" }, func(r *report.Report) bool {
			return r.Failed == 3 && r.Failures["closed by the server"] == 3
		}, "0/3 connected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.fault)
			o := bench(t, t.Context(), append(slices.Clone(tc.args), "--url", f.URL)...)
			if o.code != exitFault || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if r := &o.reports[0]; r.OK() || !tc.check(r) || !strings.Contains(o.text, tc.text) {
				t.Errorf("%s", o.text)
			}
		})
	}
}

// The accounts of several event loops are added up.
func TestFaultsAreFoundByEachLoop(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"--threads", "--procs"} {
		for name, tc := range map[string]struct {
			fault func(*fake)
			check func(*report.Report) bool
		}{
			"drop": {drop, func(r *report.Report) bool {
				return r.Lost == 1 && r.Delivered == 19 && r.Stalled == "messages 2 to 3 have not reached every member"
			}},
			"double":  {double, func(r *report.Report) bool { return r.Duplicated == 1 && r.Delivered == 40 }},
			"hang up": {hangUp, func(r *report.Report) bool { return r.Disconnected == 1 && r.Lost > 0 }},
		} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				f := newFake(t, tc.fault)
				o := bench(t, t.Context(), "broadcast", "-n", "5", "--messages", "8", "--depth", "2", "--timeout", "2s", "--url", f.URL, mode, "2")
				if o.code != exitFault || len(o.reports) != 1 || !tc.check(&o.reports[0]) {
					t.Errorf("exit %d: %s", o.code, o.text)
				}
			})
		}
	}
}

// strayThird sends the first connection's third delivery to everybody.
func strayThird(f *fake) {
	f.tamper = func(c *fakeConn, packet string) []string {
		if c.number == 0 && c.said == 3 {
			for _, members := range f.members {
				for _, other := range members {
					if other != c {
						f.say(other, packet)
					}
				}
			}
		}
		return []string{packet}
	}
}

// An echo that never returns ends the run by the timeout, with what is missing.
func TestEchoStalls(t *testing.T) {
	f := newFake(t, func(f *fake) { f.tamper = func(*fakeConn, string) []string { return nil } })
	o := bench(t, t.Context(), "echo", "-n", "4", "--url", f.URL, "--timeout", "200ms", "--duration", "1h")
	if o.code != exitFault || len(o.reports) != 1 || o.reports[0].Stalled != "4 echoes missing" || o.reports[0].Lost != 4 {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

// ^C during the traffic ends it early, and what was measured is reported.
func TestInterruptEndsTheTraffic(t *testing.T) {
	for _, args := range [][]string{
		{"broadcast", "-n", "3", "--duration", "1h"},
		{"echo", "-n", "3", "--duration", "1h"},
		{"echo", "-n", "3", "--duration", "1h", "--procs", "2"},
		{"idle", "-n", "3", "--pid", self, "--settle", "0s", "--hold", "1h", "--after", "1h"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			f := newFake(t, func(f *fake) {
				f.tamper = func(c *fakeConn, packet string) []string {
					if c.said == 5 {
						interrupt()
					}
					return []string{packet}
				}
				f.onPong = func(pongs int) {
					if args[0] == "idle" && pongs == 3 {
						interrupt()
					}
				}
			})
			o := bench(t, ctx, append(args, "--url", f.URL)...)
			if o.code != exitOK || len(o.reports) != 1 || !o.reports[0].Interrupted {
				t.Errorf("exit %d: %s", o.code, o.text)
			}
		})
	}
}

func TestInterruptBeforeTheTraffic(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	f := newFake(t, nil)
	interrupt()
	o := bench(t, ctx, "broadcast", "-n", "300", "--url", f.URL)
	if o.code != exitFault || !strings.Contains(o.text, "interrupted before anything was measured") {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

func TestSpawnLimit(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, nil)
			o := bench(t, t.Context(), append(sc.args, "--url", f.URL, "--pid", self, "--spawn-limit")...)
			if o.code != exitOK || len(o.reports) != 2 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			limit, server := &o.reports[0], &o.reports[1]
			if limit.Target != "limit" || limit.Protocol != "raw" || server.Target != "server" || server.Protocol != "socketio" {
				t.Errorf("%s", o.text)
			}
			if !sc.check(limit) || !sc.check(server) || len(limit.Ratio) != 0 {
				t.Errorf("%s", o.text)
			}
			if sc.name != "idle" && len(server.Ratio) < 2 { // in so short a time the limit's memory may not grow at all
				t.Errorf("ratio %v", server.Ratio)
			}
		})
	}
}

func TestSpawnLimitAlone(t *testing.T) {
	o := bench(t, t.Context(), "echo", "-n", "2", "--duration", "20ms", "--spawn-limit")
	if o.code != exitOK || len(o.reports) != 1 || o.reports[0].Target != "limit" {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	s, err := limit.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := s.Addr().String()
	s.Stop()
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestServerCmd(t *testing.T) {
	at := freeAddr(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := bench(t, t.Context(), "broadcast", "-n", "5", "--messages", "3", "--protocol", "raw", "--url", "http://"+at,
		"--server-cmd", exe+" limit --addr "+at)
	if o.code != exitOK || len(o.reports) != 1 || o.reports[0].ServerCPUS == nil {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

func TestServerCmdThatDoesNotStart(t *testing.T) {
	at := freeAddr(t)
	for _, tc := range []struct{ name, command, text string }{
		{"ends", "sh -c 'echo no luck >&2; exit 3'", "no luck"},
		{"is silent", "sleep 60", "the server did not start"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := bench(t, t.Context(), "connect", "--url", "http://"+at, "--server-cmd", tc.command, "--timeout", "200ms")
			if o.code != exitFault || !strings.Contains(o.text, tc.text) {
				t.Errorf("exit %d: %s", o.code, o.text)
			}
		})
	}
}

func TestLimitCommand(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "limit")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var hello limitHello
	if err := json.NewDecoder(out).Decode(&hello); err != nil || hello.Pid != child.Process.Pid || !hello.Addr.IsValid() {
		t.Errorf("%+v %v", hello, err)
	}
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A worker whose run is gone must go too.
func TestWorkerEndsWithItsInput(t *testing.T) {
	o := bench(t, t.Context(), "worker")
	if o.code != exitFault || !strings.Contains(o.text, "bad input to a worker") {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}
