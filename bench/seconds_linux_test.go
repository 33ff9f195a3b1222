package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
)

// The seconds of a run say all that its totals say, whoever held the connections.
func TestTheSecondsAddUp(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name           string
		threads, procs int
	}{{"one loop", 1, 1}, {"threads", 2, 1}, {"processes", 1, 2}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			var live []report.Sample
			f := newFake(t, nil)
			r := runScenario(t, f, scenario.Options{
				Threads: mode.threads, Procs: mode.procs, Warmup: time.Second, Duration: 2500 * time.Millisecond,
				Phases: []scenario.Phase{
					{Name: "quiet", For: time.Second, Rate: 20},
					{Name: "busy", For: time.Second, Rate: 80},
					{Name: "after", For: 500 * time.Millisecond, Rate: 20},
				},
				Config:   scenario.Config{Scenario: scenario.Mix, Rate: 20, EchoRate: 40, Connections: 4, LateAfter: time.Second},
				OnSample: func(s report.Sample) { live = append(live, s) },
			})
			f.mu.Lock()
			defer f.mu.Unlock()
			echoes, deliveries := f.made["echo"], f.made["room"]
			// Of the messages to the room 20 behind the warm-up's 20, and then 80 and 10; of the echoes 40 a second.
			if !r.OK() || r.Messages != 20+80+10 || deliveries != 4*(20+20+80+10) || echoes < 140 || r.Delivered != uint64(deliveries+echoes) {
				t.Fatalf("%d deliveries, %d echoes: %+v, %+v", deliveries, echoes, r, r.Tally)
			}
			checkSeconds(t, r, uint64(deliveries/4+echoes))
			if len(live) != len(r.Timeline) {
				t.Errorf("%d seconds were shown, and %d are reported", len(live), len(r.Timeline))
			}
			checkPhases(t, r, []report.Phase{
				{Name: "quiet", FromS: 0, ToS: 1, Rate: 20}, {Name: "busy", FromS: 1, ToS: 2, Rate: 80}, {Name: "after", FromS: 2, ToS: 2.5, Rate: 20},
			})
		})
	}
}

// checkSeconds holds the timeline of a run that sends for 2.5 s behind a second of warm-up against its totals.
func checkSeconds(t *testing.T, r *report.Report, messages uint64) {
	t.Helper()
	var sent, delivered uint64
	connects := 0
	for i, s := range r.Timeline {
		sent += s.Sent
		delivered += s.Delivered
		connects += s.Connects
		if i > 0 && i < len(r.Timeline)-1 && s.AtS != r.Timeline[i-1].AtS+1 {
			t.Errorf("a second ends at %v, and the one before at %v", s.AtS, r.Timeline[i-1].AtS)
		}
		if want := phaseAt(s.AtS); want != "" && !strings.Contains(want, s.Phase) {
			t.Errorf("the second that ends at %v is called %q, want %q", s.AtS, s.Phase, want)
		}
		isWhole := s.AtS > -1 && s.AtS <= 2 // of all agents: processes begin one after the other, and at the end some are ahead
		if isWhole && s.Connected != r.Connections || s.Disconnected != 0 || s.Failed != 0 || s.Faults != 0 || s.ClientCPU < 0 || s.ServerCPU != 0 {
			t.Errorf("%+v", s)
		}
		if (s.Latency == nil) != (s.Delivered == 0) {
			t.Errorf("%d delivered, latency %v", s.Delivered, s.Latency)
		}
		if s.Phase == "connect" && (s.Sent != 0 || s.Delivered != 0) {
			t.Errorf("traffic before the warm-up: %+v", s)
		}
	}
	if sent != messages || delivered != r.Delivered || connects != r.Connections {
		t.Errorf("the seconds have %d sent, %d delivered, %d connected; the run %d, %d, %d",
			sent, delivered, connects, messages, r.Delivered, r.Connections)
	}
	if last := r.Timeline[len(r.Timeline)-1].AtS; last < 2.5 {
		t.Errorf("the last second ends at %v", last)
	}
}

// phaseAt is how a second that ends at a time may be called. Connecting and joining may take part of a second or several.
func phaseAt(atS float64) string {
	switch {
	case atS <= -1:
		return "connect join"
	case atS <= 0:
		return "warm-up"
	case atS <= 1:
		return "quiet"
	case atS <= 2:
		return "busy"
	case atS <= 3:
		return "after"
	default:
		return ""
	}
}

func checkPhases(t *testing.T, r *report.Report, want []report.Phase) {
	t.Helper()
	if len(r.Phases) != len(want) {
		t.Fatalf("%+v", r.Phases)
	}
	delivered := uint64(0)
	for i, p := range r.Phases {
		if p.Name != want[i].Name || p.FromS != want[i].FromS || p.ToS != want[i].ToS || p.Rate != want[i].Rate {
			t.Errorf("%+v, want %+v", p, want[i])
		}
		if (p.Latency == nil) != (p.Delivered == 0) {
			t.Errorf("%d delivered, latency %v", p.Delivered, p.Latency)
		}
		delivered += p.Delivered
	}
	// What was delivered behind the warm-up, but for what came behind the last second.
	inPhases := uint64(0)
	for _, s := range r.Timeline {
		if s.AtS > 0 {
			inPhases += s.Delivered
		}
	}
	if delivered != inPhases {
		t.Errorf("the phases have %d deliveries, and the seconds %d", delivered, inPhases)
	}
}

// What is kept of the latencies besides the report has the same percentiles.
func TestTheHistogramIsTheReports(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]scenario.Options{
		"by a timetable": {Duration: time.Second, Config: scenario.Config{Scenario: scenario.Broadcast, Rate: 100, LateAfter: time.Second}},
		"in answer":      {Messages: 200, Config: scenario.Config{Scenario: scenario.Broadcast, Depth: 4}},
		"echoes":         {Duration: 100 * time.Millisecond, Config: scenario.Config{Scenario: scenario.Echo, Depth: 2}},
		"connects":       {Rounds: 2, Config: scenario.Config{Scenario: scenario.Connect}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts.Config.Connections, opts.Procs = 4, 2
			r := runScenario(t, newFake(t, nil), opts)
			if !r.OK() {
				t.Fatalf("%+v", r)
			}
			if r.Connect != nil {
				h, err := ledger.ImportLatency(r.HandshakeHDR)
				if err != nil || h.Count() != 8 || !near(h.Quantile(50), r.HandshakeP50) || !near(h.Quantile(99.9), r.HandshakeP999) || !near(h.Max(), r.HandshakeMax) {
					t.Errorf("%v, %d handshakes, %+v", err, h.Count(), r.Connect)
				}
				return
			}
			l := recorded(t, r)
			if l.Count() != int64(r.Delivered) {
				t.Errorf("%d latencies of %d", l.Count(), r.Delivered)
			}
			for _, p := range []struct{ percent, want float64 }{{50, r.P50}, {90, r.P90}, {99, r.P99}, {99.9, r.P999}, {99.99, r.P9999}} {
				if !near(l.Quantile(p.percent), p.want) {
					t.Errorf("percentile %v: %v, and %v in the report", p.percent, l.Quantile(p.percent), p.want)
				}
			}
			if !near(l.Max(), r.Max) {
				t.Errorf("at most %v, and %v in the report", l.Max(), r.Max)
			}
		})
	}
}

// near allows for the report's rounding.
func near(a, b float64) bool { return math.Abs(a-b) < 0.001 }

// The search finds what a server can do. This one takes any rate up to its limit at once, and is far too slow at any other; it goes
// by the times at which the messages were to be sent, so that it does not matter how busy the machine is.
func TestFindMaxFindsTheLimit(t *testing.T) {
	t.Parallel()
	const (
		limit = 110.0 // messages a second
		slow  = 700 * time.Millisecond
	)
	f := newFake(t, slowAbove(limit, slow))
	r := runScenario(t, f, scenario.Options{
		Warmup: 100 * time.Millisecond, Step: 200 * time.Millisecond, P99Max: 500 * time.Millisecond,
		Config: scenario.Config{Scenario: scenario.FindMax, Rate: 80, Connections: 2, LateAfter: 500 * time.Millisecond, Return: true},
	})
	if r.Error != "" || r.FindMax == nil || len(r.Steps) < 2 || r.P99LimitUs != 5e5 {
		t.Fatalf("%+v, %+v", r, r.FindMax)
	}
	worst, isBusy := math.Inf(1), false
	for _, s := range r.Steps {
		if s.OK != (s.P99 < r.P99LimitUs) || s.OK && s.Rate > limit || s.Lost != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		if !s.OK {
			worst = min(worst, s.Rate)
		}
		if !s.OK && s.Rate <= limit {
			isBusy = true
			if s.LagP99 < 5000 {
				t.Errorf("not the machine's fault: %+v", s)
			}
		}
	}
	if !isBusy && (!r.OK() || len(r.Steps) < 4 || r.Steps[0].Rate != 80 || r.Steps[1].Rate != 160 || r.MaxRate > limit || worst <= limit) {
		t.Errorf("%v passed, and %v did not: the limit is %v: %+v", r.MaxRate, worst, limit, r.Steps)
	}
	if worst-r.MaxRate > 0.05*r.MaxRate+1e-3 && r.MaxRate > 0 {
		t.Errorf("a gap from %v to %v", r.MaxRate, worst)
	}
	if r.MaxRate > 0 && (r.RateWanted != r.MaxRate || r.P99 > r.P99LimitUs) {
		t.Errorf("the report is of a rate of %v with %v us, not of the %v that passed last", r.RateWanted, r.P99, r.MaxRate)
	}
}

// A search at a server that loses something at every rate, all that is for one of the members, finds none.
func TestFindMaxFindsNone(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(f *fake) {
		f.tamper = func(c *fakeConn, packet string) []string {
			if c.number == 0 {
				return nil
			}
			return []string{packet}
		}
	})
	r := runScenario(t, f, scenario.Options{
		Warmup: 100 * time.Millisecond, Step: 200 * time.Millisecond, P99Max: 500 * time.Millisecond,
		Config: scenario.Config{Scenario: scenario.FindMax, Rate: 100, Connections: 2, LateAfter: 500 * time.Millisecond, Return: true, Timeout: 2 * time.Second},
	})
	if r.OK() || r.FindMax == nil || r.MaxRate != 0 {
		t.Fatalf("%+v, %+v", r, r.FindMax)
	}
	var rates []float64
	for _, s := range r.Steps {
		rates = append(rates, s.Rate)
		if s.OK || s.Lost == 0 {
			t.Errorf("%+v", s)
		}
	}
	// On a busy machine a rate may be tried several times.
	if want := []float64{100, 25, 6.25, 1.5625}; !slices.Equal(slices.Compact(rates), want) {
		t.Errorf("tried %v, want %v", rates, want)
	}
	if code := finish(judge(r), t.Output()); code != exitFault {
		t.Errorf("exit %d", code)
	}
}

// slowAbove has a fake take its time over each message that follows the one before sooner than a rate allows: so long that it is
// delivered late, counted from when it was to be sent.
func slowAbove(rate float64, late time.Duration) func(*fake) {
	return func(f *fake) {
		var before, due int64
		f.tamper = func(_ *fakeConn, packet string) []string {
			stamp, _ := ledger.FindStamp([]byte(packet))
			if stamp.SentNs != due {
				before, due = due, stamp.SentNs
			}
			if float64(due-before) < 1e9/rate-1000 {
				time.Sleep(time.Duration(due + int64(late) - flood.Now()))
			}
			return []string{packet}
		}
	}
}
