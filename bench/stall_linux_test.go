package main

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// runScenario carries out a scenario against a fake without the command line, which hands on neither the histograms nor the seconds.
func runScenario(t *testing.T, f *fake, opts scenario.Options) *report.Report {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := &opts.Config
	cfg.Protocol, cfg.Transport, cfg.Host, cfg.Path, cfg.Event = flood.SocketIO, scenario.WebSocket, "fake", "/socket.io/", "echo"
	cfg.Addr = netip.MustParseAddrPort(f.Listener.Addr().String())
	cfg.Rooms, cfg.Publishers, cfg.Size, cfg.Concurrency = max(cfg.Rooms, 1), 1, 64, 1
	cfg.RunID, cfg.Seed = 0xfeedbeef, 1
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	opts.Threads, opts.Procs = max(opts.Threads, 1), max(opts.Procs, 1)
	if opts.Worker.Argv == nil {
		opts.Worker.Argv = []string{exe, "worker"}
	}
	return scenario.Run(t.Context(), opts)
}

// recorded is what a report's histogram holds.
func recorded(t *testing.T, r *report.Report) *ledger.Latency {
	t.Helper()
	l, err := ledger.ImportLatency(r.LatencyHDR)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// bounds are what each latency is between, in order, from when its message was to be sent, or from when it was. What the books say of
// single deliveries so also holds for the k-th smallest of all.
func (b *books) bounds(t *testing.T, intended bool) (least, most []int64) {
	t.Helper()
	for _, one := range b.flights {
		from := one.due
		if !intended {
			from += one.lag
		}
		switch {
		case one.due == 0:
		case one.back == 0:
			t.Fatal("a delivery without a pong")
		default:
			least, most = append(least, one.written-from), append(most, one.back-from)
		}
	}
	slices.Sort(least)
	slices.Sort(most)
	return least, most
}

// above is how many of those that are in order are more than a threshold.
func above(sorted []int64, threshold int64) int {
	at, _ := slices.BinarySearch(sorted, threshold+1)
	return len(sorted) - at
}

// A histogram is exact to three digits.
const (
	digitsDown = 0.998
	digitsUp   = 1.002
)

// A server that rests in the middle of a run delays all that is due meanwhile, and so the latencies must say, one for each message: a
// client that waited for the answer before it sent the next would know of one.
func TestAStallIsSeenByAllThatWasDue(t *testing.T) {
	t.Parallel()
	const (
		rate    = 100
		members = 2
		rest    = 200 * time.Millisecond
		late    = 50 * time.Millisecond
	)
	b := &books{clock: flood.Now}
	f := newFake(t, func(f *fake) {
		f.books = b
		f.tamper = func(_ *fakeConn, packet string) []string {
			if f.made["room"] == rate/2*members+1 { // before the first delivery of the message in the middle
				b.rest(rest)
			}
			return []string{packet}
		}
	})
	r := runScenario(t, f, scenario.Options{Duration: time.Second, Config: scenario.Config{
		Scenario: scenario.Broadcast, Rate: rate, Connections: members, LateAfter: late,
	}})
	f.mu.Lock()
	defer f.mu.Unlock()
	if !r.OK() || r.Messages != rate || r.Delivered != rate*members || len(b.stalls) != 1 {
		t.Fatalf("%+v, %+v", r, r.Tally)
	}

	// The timetable took no notice: a message every 10 ms, those of the stall among them.
	dues := b.dues()
	for i, due := range dues {
		if off := due - dues[0] - int64(i)*int64(time.Second)/rate; off < -1 || off > 1 {
			t.Fatalf("message %d was due at %d ns, %d off", i, due, off)
		}
	}
	if len(dues) != rate {
		t.Fatalf("%d messages", len(dues))
	}

	// What was due in the stall has waited for its end, from 200 ms down to nothing: by 10 ms less from one to the next.
	const all = rate * members
	l, stalled := recorded(t, r), b.stalls[0]
	for threshold := 10 * time.Millisecond; threshold < rest; threshold += 10 * time.Millisecond {
		waiting := 0
		for _, due := range dues {
			if due > stalled.from && due+int64(threshold) < stalled.to {
				waiting += members
			}
		}
		if want := members * int((rest-threshold)/(time.Second/rate)-1); waiting < want {
			t.Errorf("%d deliveries were due more than %v before the end of the stall, want %d", waiting, threshold, want)
		}
		rank := all - waiting + 1
		if got := l.Quantile(100 * (float64(rank) + 0.2) / all); waiting > 0 && got < digitsDown*float64(threshold.Microseconds()) {
			t.Errorf("%d deliveries took more than %v, but of %d number %d took %v us", waiting, threshold, all, rank, got)
		}
	}
	if took := stalled.to - stalled.from; r.Max < float64(took)/1e3*digitsDown {
		t.Errorf("a stall of %v, and at most %v us", time.Duration(took), r.Max)
	}

	// And all in all the latencies are what the fake has seen.
	compareWithBooks(t, r, b, late)
}

// compareWithBooks holds each number of a report that is about latencies against what the fake has seen.
func compareWithBooks(t *testing.T, r *report.Report, b *books, late time.Duration) {
	t.Helper()
	least, most := b.bounds(t, true)
	sentLeast, sentMost := b.bounds(t, false)
	l := recorded(t, r)
	if l.Count() != int64(len(least)) {
		t.Fatalf("%d latencies of %d", l.Count(), len(least))
	}
	for _, p := range []struct {
		percent, got float64
		least, most  []int64
	}{
		{50, r.P50, least, most},
		{90, r.P90, least, most},
		{99, r.P99, least, most},
		{99.9, r.P999, least, most},
		{99.99, r.P9999, least, most},
		{100, r.Max, least, most},
		{50, r.SentP50, sentLeast, sentMost},
		{99, r.SentP99, sentLeast, sentMost},
	} {
		// HDR takes the nearest rank; a neighbour's will do.
		k := min(max(int(p.percent/100*float64(len(least))+0.5), 1), len(least)) - 1
		from, to := float64(p.least[max(k-1, 0)])/1e3*digitsDown, float64(p.most[min(k+1, len(p.most)-1)])/1e3*digitsUp
		if p.got < from || p.got > to {
			t.Errorf("percentile %v is %v us, and was between %v and %v", p.percent, p.got, from, to)
		}
	}
	if from, to := above(least, int64(late)), above(most, int64(late)); int(r.Late) < from || int(r.Late) > to {
		t.Errorf("%d late, and there were %d to %d", r.Late, from, to)
	}
}

// A server that is slow with one in ten is late as often as that.
func TestDelaysAreCounted(t *testing.T) {
	t.Parallel()
	const late = 30 * time.Millisecond
	b := &books{clock: flood.Now}
	f := newFake(t, func(f *fake) {
		f.books = b
		f.tamper = func(_ *fakeConn, packet string) []string {
			if f.made["echo"]%10 == 0 {
				b.rest(late)
			}
			return []string{packet}
		}
	})
	r := runScenario(t, f, scenario.Options{Duration: time.Second, Config: scenario.Config{
		Scenario: scenario.Echo, EchoRate: 20, Connections: 4, LateAfter: late,
	}})
	f.mu.Lock()
	defer f.mu.Unlock()
	if !r.OK() || r.Echoes != 20 || r.Late < 2 || len(b.stalls) != 2 {
		t.Errorf("%d late: %+v", r.Late, r)
	}
	compareWithBooks(t, r, b, late)
}

// A generator that is held up itself says so: in what it sent late, in what it would have measured without that, and in its exit status.
func TestAGeneratorThatIsHeldUp(t *testing.T) {
	t.Parallel()
	const rate, members, hold = 100, 2, 50 * time.Millisecond
	b := &books{clock: flood.Now}
	f := newFake(t, func(f *fake) { f.books = b })
	var held stall
	r := runScenario(t, f, scenario.Options{
		Duration: 2 * time.Second,
		Config:   scenario.Config{Scenario: scenario.Broadcast, Rate: rate, Connections: members, LateAfter: time.Second},
		OnSample: func(s report.Sample) { // on the goroutine that sends
			if s.Phase == "run" && held.from == 0 {
				held.from = flood.Now()
				time.Sleep(hold)
				held.to = flood.Now()
			}
		},
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if !r.OK() || r.Messages != 2*rate || held.to == 0 {
		t.Fatalf("%+v", r)
	}
	var most int64 // how late the latest was sent, by its stamp
	late := 0
	for _, one := range b.flights {
		if one.due > held.from && one.due < held.to {
			late++
			if one.due+one.lag < held.to-1000 { // a stamp has microseconds
				t.Errorf("due %d ns before the end of the hold, and said to be %d ns late", held.to-one.due, one.lag)
			}
		}
		most = max(most, one.lag)
	}
	if late < 4*members || r.LagMax < float64(most)/1e3*digitsDown || r.LagMax > float64(most)/1e3*digitsUp+1 {
		t.Errorf("%d deliveries of what was due in the hold; %v us late at most, and it was %d ns", late, r.LagMax, most)
	}
	checkHeldUp(t, r, r.LagP99)
	compareWithBooks(t, r, b, time.Second)
}

// checkHeldUp is for a run whose generator was held up, and so was late.
func checkHeldUp(t *testing.T, r *report.Report, lateUs float64) {
	t.Helper()
	if lateUs < 5000 || !strings.Contains(r.Invalid, "the generator was the bottleneck") && r.ClientBusy < 0.85 || r.Invalid == "" {
		t.Errorf("late by %v us, and %q", lateUs, r.Invalid)
	}
	if code := finish(judge(r), t.Output()); code != exitVoid {
		t.Errorf("exit %d", code)
	}
}

// A process of the generator that stands still, as the system may let it stand, is late with all that it has to do: the echoes that it
// was to send, or the deliveries that it was to read.
func TestAProcessThatIsHeldUp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		cfg     scenario.Config
		from, n int // deliveries: the hold begins with the one, and lasts for so many, some 200 ms
	}{
		{"sends", scenario.Config{Scenario: scenario.Echo, EchoRate: 200}, 60, 20},
		{"reads", scenario.Config{Scenario: scenario.Broadcast, Rate: 100}, 60, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, pidFile, made := tc.cfg, t.TempDir()+"/pid", 0
			cfg.Connections, cfg.LateAfter = 2, time.Second
			var faults []error
			f := newFake(t, func(f *fake) {
				f.tamper = func(_ *fakeConn, packet string) []string {
					made++
					switch made {
					case tc.from:
						faults = append(faults, signalFirst(pidFile, syscall.SIGSTOP))
					case tc.from + tc.n:
						faults = append(faults, signalFirst(pidFile, syscall.SIGCONT))
					}
					return []string{packet}
				}
			})
			r := runScenario(t, f, scenario.Options{
				Duration: time.Second, Config: cfg, Procs: 2,
				Worker: scenario.Worker{Argv: []string{"/bin/sh", "-c", "echo $$ >> " + pidFile + "; exec " + os.Args[0] + " worker"}},
			})
			f.mu.Lock()
			defer f.mu.Unlock()
			if err := errors.Join(faults...); err != nil || !r.OK() || len(faults) != 2 {
				t.Fatalf("%v, %+v", err, r)
			}
			checkHeldUp(t, r, max(r.LagP99, r.HeldP99))
		})
	}
}

// signalFirst sends a signal to the first process of those whose numbers are in a file.
func signalFirst(pidFile string, signal syscall.Signal) error {
	pids, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(pids), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	return syscall.Kill(pid, signal)
}
