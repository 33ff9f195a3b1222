package verdict

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/bench/internal/expect"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// run is a broadcast with that p99, which some change.
func run(p99us float64, changes ...func(*report.Report)) *report.Report {
	r := &report.Report{
		Scenario: "broadcast", Target: "server", Protocol: "socketio", Connections: 1000, Connected: 1000, Procs: 1, Threads: 1,
		Latency: &report.Latency{P99: p99us}, Tally: &ledger.Tally{Delivered: 5000},
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

func runs(p99us ...float64) (all []*report.Report) {
	for i, v := range p99us {
		all = append(all, run(v, func(r *report.Report) { r.Round = i + 1 }))
	}
	return all
}

func invalid(r *report.Report)     { r.Invalid = "the client was full" }
func interrupted(r *report.Report) { r.Interrupted = true }
func dead(r *report.Report)        { r.Error, r.ID = "killed", "03-broadcast" }
func stalled(r *report.Report)     { r.Stalled = "5 messages" }
func idle(r *report.Report) {
	r.Scenario, r.Latency, r.Tally, r.Idle = "idle", nil, nil, &report.Idle{RSSPerConn: 1500}
}

func TestKeyOf(t *testing.T) {
	full := &report.Report{
		Scenario: "rooms", Target: "server", Protocol: "socketio", Transport: "default", Connections: 1000, Depth: 4, SizeBytes: 64, Threads: 1, Procs: 2,
		Delivery: &report.Delivery{Rooms: 100, Members: 10}, Open: &report.Open{RateWanted: 2.5, LateUs: 1e5},
		Echo: &report.Echo{Event: "echo"}, Storm: &report.Storm{Cut: "server"}, Phases: []report.Phase{{Name: "quiet"}, {Name: "attack"}},
		URL: "http://127.0.0.1:1/", Seed: 7, WallS: 10, Round: 3, ID: "02",
	}
	want := "rooms server protocol=socketio transport=default connections=1000 depth=4 size=64 threads=1 procs=2 rooms=100 members=10 " +
		"event=echo cut=server rate=2.5 late_after_us=100000 phase=quiet phase=attack"
	if got := keyOf(full).String(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	old, found := run(1), run(1)
	found.Scenario, found.Open = "find-max", &report.Open{RateWanted: 777}
	if got := keyOf(old); got != keyOf(run(2, func(r *report.Report) { r.Transport = "websocket" })) {
		t.Errorf("%s", got)
	}
	if got := keyOf(found).String(); strings.Contains(got, "777") {
		t.Errorf("%s has what was found", got)
	}
}

func TestCompareLikeWithLike(t *testing.T) {
	many := func(r *report.Report) { r.Connections, r.Depth = 2000, 4 }
	a := append(runs(100, 101, 99, 102), run(0, idle), run(100, many))
	b := append(runs(120, 121, 119, 122), run(0, idle), run(0, func(r *report.Report) { r.Target = "other" }))
	c := Compare(a, b, Options{})
	if len(c.Groups) != 2 || c.Groups[0].Key.Scenario != "broadcast" || c.Groups[0].A != 4 || c.Groups[0].B != 4 || c.Groups[1].Key.Scenario != "idle" {
		t.Errorf("groups: %+v", c.Groups)
	}
	if row := c.Groups[0].row("p99"); row == nil || row.Verdict != Worse || row.Ratio != 120.5/100.5 {
		t.Errorf("p99: %+v", row)
	}
	if len(c.OnlyA) != 1 || c.OnlyA[0].Rounds != 1 || c.OnlyA[0].Nearest != "connections=1000 no depth" {
		t.Errorf("only in A: %+v", c.OnlyA)
	}
	if len(c.OnlyB) != 1 || c.OnlyB[0].Key.Target != "other" || c.OnlyB[0].Nearest != "" {
		t.Errorf("only in B: %+v", c.OnlyB)
	}
	if c.Count(Worse) != 1 {
		t.Errorf("%d are worse", c.Count(Worse))
	}
}

// What does not count is left out, and said.
func TestCompareLeavesOut(t *testing.T) {
	good := runs(100, 101, 99, 102)
	for _, tc := range []struct {
		name           string
		b              []*report.Report
		p99, delivered Verdict
		rounds         int // of p99 that count
		remark         string
	}{
		{"one invalid round", append(runs(100, 101, 99), run(900, invalid)), Noise, Same, 3, "B, round 4 is invalid, its rates and times are left out: the client was full"},
		{"nothing but invalid rounds", []*report.Report{run(900, invalid), run(901, invalid)}, Invalid, Same, 0, "B, round 2 is invalid, its rates and times are left out: the client was full"},
		{"one that stalled", append(runs(100, 101, 99), run(900, stalled)), Noise, Same, 3, "B, round 4 is invalid, its rates and times are left out: it stalled: 5 messages"},
		{"one that was interrupted", append(runs(100, 101, 99), run(900, interrupted)), Noise, Same, 3, "B, round 4 is left out: it was interrupted"},
		{"nothing but one that came to no end", []*report.Report{run(900, dead)}, Invalid, Invalid, 0, "B, 03-broadcast is left out: killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := Compare(good, tc.b, Options{}).Groups[0]
			if row := g.row("p99"); row.Verdict != tc.p99 || len(row.B.Values) != tc.rounds {
				t.Errorf("p99: %+v", row)
			}
			if row := g.row("delivered"); row.Verdict != tc.delivered {
				t.Errorf("delivered: %+v", row)
			}
			if !slices.Contains(g.Remark, tc.remark) {
				t.Errorf("said %q, want %q", g.Remark, tc.remark)
			}
		})
	}
}

func TestCompareMissing(t *testing.T) {
	blind := run(0, func(r *report.Report) { r.Latency = nil })
	for side, c := range map[string]*Comparison{
		"A": Compare([]*report.Report{blind}, runs(1), Options{}),
		"B": Compare(runs(1), []*report.Report{blind}, Options{}),
	} {
		if row := c.Groups[0].row("p99"); row.Verdict != Missing || row.Why != "p99 was not measured in "+side {
			t.Errorf("%s: %+v", side, row)
		}
	}
}

func TestFailIf(t *testing.T) {
	a := runs(100, 101, 99, 102)
	lossy := run(100, func(r *report.Report) { r.Lost = 3 })
	for _, tc := range []struct {
		name, condition   string
		a, b              []*report.Report
		broken, tolerated string // a part of what is said, "" if nothing is
	}{
		{"worse beyond the bound", "p99>+10%", a, runs(120, 121, 119, 122), "p99 100 us -> 120 us (+19.9%)", ""},
		{"worse within the bound", "p99>+30%", a, runs(120, 121, 119, 122), "", ""},
		{"better", "p99>+10%", a, runs(80, 81, 79, 82), "", ""},
		{"progress asked for, and not made", "p99>-10%", a, runs(95, 96, 94, 93), "p99 100 us -> 94.5 us (-6.0%)", ""},
		{"within noise", "p99>+1%", a, runs(100, 104, 101, 105), "", "which is within noise"},
		{"one round", "p99>+10%", a[:1], runs(120), "(+20.0%) in one round", ""},
		{"invalid", "p99>+10%", a, []*report.Report{run(1, invalid)}, "no run of B counts", ""},
		{"measured on one side", "p99>+10%", a, []*report.Report{run(1, func(r *report.Report) { r.Latency = nil })}, "was not measured in B", ""},
		{"measured nowhere", "rss>+10%", a, a, "nobody has measured rss on both sides", ""},
		{"no counterpart", "p99>+10%", append(runs(1), run(1, func(r *report.Report) { r.Depth = 9 })), runs(1), "it has no counterpart in B", ""},
		{"no counterpart of a group that has not measured it", "p99>+10%", append(runs(1), run(1, idle)), runs(1), "", ""},
		{"a group that is new", "p99>+10%", runs(1), append(runs(1), run(1, func(r *report.Report) { r.Depth = 9 })), "", ""},
		{"a loss in one round of three", "lost>+0%", runs(1, 1, 1), append(runs(1, 1), lossy), "and more in other rounds", ""},
		{"a loss in one round", "lost>+5%", runs(1), []*report.Report{lossy}, "lost 0 -> 3", ""},
		{"nothing in common", "p99>+10%", nil, a, "nobody has measured p99", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conditions, err := expect.ParseRelatives(tc.condition)
			if err != nil {
				t.Fatal(err)
			}
			broken, tolerated := Compare(tc.a, tc.b, Options{}).FailIf(conditions)
			for _, said := range []struct {
				what string
				got  []string
				want string
			}{{"broken", broken, tc.broken}, {"tolerated", tolerated, tc.tolerated}} {
				if len(said.got) > 1 || (len(said.got) == 1) != (said.want != "") || !strings.Contains(strings.Join(said.got, ""), said.want) {
					t.Errorf("%s: %q, want %q", said.what, said.got, said.want)
				}
			}
			if len(broken) > 0 && !strings.HasPrefix(broken[0], tc.condition+": ") {
				t.Errorf("%q does not say which condition", broken[0])
			}
		})
	}
}

// shown is a comparison in which most of what can be said is said.
func shown() *Comparison {
	a := append(runs(1000, 1000, 1000, 1000), run(100, func(r *report.Report) { r.Target = "a|b" }))
	b := append(runs(1200, 1200, 1200, 1200), run(900, invalid), run(0, idle))
	return Compare(a, b, Options{Resamples: 100})
}

func TestWriteText(t *testing.T) {
	var out bytes.Buffer
	if err := shown().WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := `broadcast server protocol=socketio transport=websocket connections=1000 threads=1 procs=1: 4 and 5 rounds
  metric  A        B        B/A    95% interval    p       rounds  verdict
  p99     1.00 ms  1.20 ms  1.200  1.200 to 1.200  <0.001  4+4     worse
  B, round 5 is invalid, its rates and times are left out: the client was full
  same in all rounds: connected 1.00k, failed 0, disconnected 0, refused 0, client_busy 0, p50 0 us, p90 0 us, p99.9 0 us, p99.99 0 us, max 0 us, ` +
		`delivered 5.00k, lost 0, duplicated 0, reordered 0, misrouted 0, garbled 0

only in A: broadcast a|b protocol=socketio transport=websocket connections=1000 threads=1 procs=1 (1 round)
only in B: idle server protocol=socketio transport=websocket connections=1000 threads=1 procs=1 (1 round)
of B's metrics: 1 worse, 16 same
`
	if got := out.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWriteMarkdown(t *testing.T) {
	var out bytes.Buffer
	if err := shown().WriteMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"### broadcast server protocol=socketio transport=websocket connections=1000 threads=1 procs=1\n\n4 and 5 rounds.\n\n",
		"| metric | A | B | B/A | 95% interval | p | rounds | verdict |\n|---|--:|--:|--:|--:|--:|--:|---|\n" +
			"| p99 | 1.00 ms | 1.20 ms | 1.200 | 1.200 to 1.200 | &lt;0.001 | 4+4 | **worse** |\n\n",
		"- only in A: broadcast a\\|b ",
		"\nOf B's metrics: 1 worse, 16 same.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nis without\n%s", got, want)
		}
	}
}

func TestWriteNothingInCommon(t *testing.T) {
	c := Compare(runs(1), []*report.Report{run(0, idle)}, Options{})
	var text, page bytes.Buffer
	if err := errors.Join(c.WriteText(&text), c.WriteMarkdown(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text.String(), "nothing to compare: A and B have no run in common\n") ||
		!strings.HasSuffix(page.String(), "Nothing to compare: A and B have no run in common.\n") {
		t.Errorf("%s%s", text.String(), page.String())
	}
}

func TestWriteOneRound(t *testing.T) {
	var out bytes.Buffer
	if err := Compare(runs(100), runs(1250), Options{}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 and 1 rounds, which is too few to tell a difference from noise",
		"  p99     100 us  1.25 ms  12.5  -             -  1+1     one round\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is without %q", out.String(), want)
		}
	}
}

// A writer's failure is the caller's to hear of.
func TestWriteFails(t *testing.T) {
	c := shown()
	broken := errors.New("broken")
	if err := c.WriteText(failing{broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := c.WriteMarkdown(failing{broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func ExampleCompare() {
	a := []*report.Report{run(1000), run(1010), run(990), run(1005)}
	b := []*report.Report{run(800), run(805), run(790), run(810)}
	c := Compare(a, b, Options{})
	fmt.Println(c.Count(Better), "better,", c.Count(Worse), "worse")
	// Output: 1 better, 0 worse
}
