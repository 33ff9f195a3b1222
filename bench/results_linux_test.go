package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"starling/bench/internal/folder"
	"starling/bench/internal/report"
)

func TestAssertions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		args  []string
		fault func(*fake)
		code  int
		unmet []string // how each begins
	}{
		{"met", []string{"--assert", "lost=0", "--assert", "delivered=24,connected>=100%"}, nil, exitOK, nil},
		{"unmet", []string{"--assert", "delivered>24"}, nil, exitFault, []string{"delivered>24"}},
		{"one of several", []string{"--assert", "lost=0,delivered<24", "--assert", "connected=3"}, nil, exitFault, []string{"delivered<24"}},
		{"several of several", []string{"--assert", "p50>600s", "--assert", "lost>0"}, nil, exitFault, []string{"p50>600s", "lost>0"}},
		{"of what was not measured", []string{"--assert", "rss_per_conn<1GiB"}, nil, exitFault, []string{"rss_per_conn<1GiB"}},
		{"a fault that is expected is one all the same", []string{"--assert", "duplicated=1"}, double, exitFault, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.fault)
			o := bench(t, t.Context(), append([]string{"broadcast", "-n", "3", "--messages", "8", "--url", f.URL}, tc.args...)...)
			if o.code != tc.code || len(o.reports) != 1 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			if got := o.reports[0].Unmet; !slices.EqualFunc(got, tc.unmet, strings.HasPrefix) {
				t.Errorf("unmet: %q, want %q", got, tc.unmet)
			}
			for _, why := range tc.unmet {
				if !strings.Contains(o.text, "NOT AS ASSERTED: "+why) {
					t.Errorf("%q is not in %s", why, o.text)
				}
			}
		})
	}
}

// What is asserted is asserted of the server, not of the limit that it is compared with.
func TestAssertionsAreNotTheLimits(t *testing.T) {
	o := bench(t, t.Context(), "broadcast", "-n", "3", "--messages", "8", "--url", newFake(t, nil).URL, "--spawn-limit", "--assert", "delivered=1")
	if o.code != exitFault || len(o.reports) != 2 || len(o.reports[0].Unmet) != 0 || len(o.reports[1].Unmet) != 1 {
		t.Errorf("exit %d: %s", o.code, o.text)
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		fault   func(*fake)
		code    int
		doubled []uint64
	}{
		{"clean", nil, exitOK, []uint64{0, 0, 0}},
		{"a fault in the first round alone", doubleFirst, exitFault, []uint64{1, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			f := newFake(t, tc.fault)
			o := bench(t, t.Context(), "echo", "-n", "2", "--duration", "20ms", "--url", f.URL, "--repeat", "3", "--out", out)
			if o.code != tc.code || len(o.reports) != 3 {
				t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
			}
			kept, err := folder.Read(out)
			if err != nil || len(kept.Results) != 3 {
				t.Fatalf("%v: %s", err, o.text)
			}
			ids := make(map[string]bool)
			for i, r := range kept.Results {
				ids[r.ID] = true
				if said := &o.reports[i]; said.Round != i+1 || said.Duplicated != tc.doubled[i] || said.Delivered == 0 {
					t.Errorf("round %d: %+v", i+1, said)
				}
				if r.Round != i+1 || r.Duplicated != tc.doubled[i] || r.Delivered != o.reports[i].Delivered || uint64(recorded(t, r).Count()) != r.Delivered {
					t.Errorf("round %d was kept as %+v", i+1, r)
				}
				checkSum(t, r)
			}
			if len(ids) != 3 {
				t.Errorf("IDs %v", ids)
			}
		})
	}
}

// checkSum holds the seconds that were kept against the report's totals.
func checkSum(t *testing.T, r *report.Report) {
	t.Helper()
	var sent, delivered uint64
	for _, s := range r.Timeline {
		sent += s.Sent
		delivered += s.Delivered
	}
	if delivered != r.Delivered || sent != r.Delivered+r.Lost {
		t.Errorf("the seconds have %d sent and %d delivered, the report %d and %d lost", sent, delivered, r.Delivered, r.Lost)
	}
}

// doubleFirst answers the first echo of all twice.
func doubleFirst(f *fake) {
	f.tamper = func(_ *fakeConn, packet string) []string {
		if f.made["echo"] == 1 {
			return []string{packet, packet}
		}
		return []string{packet}
	}
}

// The exit status is that of the worst: a fault says more than latencies that say nothing.
func TestTheWorstDecides(t *testing.T) {
	ok := &report.Report{Open: &report.Open{}}
	invalid := &report.Report{Open: &report.Open{}, Invalid: "the generator was the bottleneck"}
	answered := &report.Report{Invalid: "the client was the bottleneck"} // without a timetable its cost stands
	fault := &report.Report{Failed: 1}
	for _, tc := range []struct {
		name    string
		reports []*report.Report
		code    int
	}{
		{"none", nil, exitOK},
		{"all well", []*report.Report{ok, ok}, exitOK},
		{"one is invalid", []*report.Report{ok, invalid, ok}, exitVoid},
		{"one without a timetable is", []*report.Report{ok, answered}, exitOK},
		{"a fault behind it", []*report.Report{invalid, fault}, exitFault},
		{"a fault before it", []*report.Report{fault, invalid}, exitFault},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if code := finish(judge(tc.reports...), t.Output()); code != tc.code {
				t.Errorf("exit %d, want %d", code, tc.code)
			}
		})
	}
}

// asShared in the environment makes the test's own program one of several servers that share an address.
const asShared = "STARLING_BENCH_TEST_AS_SHARED"

// serveShared is the whole of a process that is one of several servers at an address. It leaves a file with its number.
func serveShared(addr, dir string) error {
	pid := strconv.Itoa(os.Getpid())
	if err := os.WriteFile(filepath.Join(dir, pid), nil, 0o600); err != nil {
		return err
	}
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, failed)
	}}
	l, err := share.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	return http.Serve(l, newSilentFake())
}

// A server may be several processes, all of which are started, measured and ended.
func TestServerProcs(t *testing.T) {
	at, dir := freeAddr(t), t.TempDir()
	command := fmt.Sprintf("env %s='{addr} %s' %s", asShared, dir, os.Args[0])
	o := bench(t, t.Context(), "echo", "-n", "40", "--duration", "100ms", "--url", "http://"+at, "--server-cmd", command, "--server-procs", "3")
	if o.code != exitOK || len(o.reports) != 1 {
		t.Fatalf("exit %d, %d reports: %s", o.code, len(o.reports), o.text)
	}
	started, err := os.ReadDir(dir)
	if err != nil || len(started) != 3 {
		t.Errorf("%v, %d processes", err, len(started))
	}
	for _, file := range started {
		pid, err := strconv.Atoi(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d: %v", pid, err)
		}
	}
	if r := &o.reports[0]; r.Connected != 40 || r.ServerCPUS == nil || r.Lost != 0 {
		t.Errorf("%s", o.text)
	}
}
