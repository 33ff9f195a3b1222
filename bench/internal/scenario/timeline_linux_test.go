package scenario

import (
	"slices"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// timelineRun is a run of so many agents whose seconds begin at 1000 ns of flood's clock.
func timelineRun(agents int) (*run, *[]report.Sample) {
	var shown []report.Sample
	r := &run{cfg: &Config{EpochNs: 1000}, agents: make([]link, agents)}
	r.opts = &Options{OnSample: func(s report.Sample) { shown = append(shown, s) }}
	r.timeline.next, r.timeline.endNs = 1, 1000
	r.timeline.enter("connect", 1000)
	return r, &shown
}

// latencies are those of a second.
func latencies(ms ...int64) []byte {
	l := ledger.NewLatency()
	for _, one := range ms {
		l.Record(one * int64(time.Millisecond))
	}
	b, _ := l.Export()
	return b
}

// rowOf is a sample's numbers that are added up.
func rowOf(s report.Sample) [7]int {
	return [7]int{int(s.AtS), s.Connected, s.Connects, s.Failed, s.Disconnected, int(s.Delivered), int(s.Faults)}
}

func TestTheSecondsOfAllAgentsAreAdded(t *testing.T) {
	r, shown := timelineRun(2)
	r.addSecond(&second{Index: 1, Connected: 2, Connects: 2, Delivered: 3, Latency: latencies(1, 1, 9)})
	if len(*shown) != 0 {
		t.Fatal("shown before both agents have handed it in")
	}
	r.addSecond(&second{Index: 1, First: 2, Connected: 1, Connects: 2, Failed: 1, Disconnected: 1, Delivered: 1, Faults: 4, Latency: latencies(5)})
	if len(*shown) != 1 || rowOf((*shown)[0]) != [7]int{1, 3, 4, 1, 1, 4, 4} {
		t.Fatalf("%+v", *shown)
	}
	if l := (*shown)[0].Latency; l.P50 < 998 || l.P50 > 1002 || l.Max < 8990 || l.Max > 9010 {
		t.Errorf("%+v", l)
	}
	r.addSecond(&second{Index: 2, Connected: 3})
	r.addSecond(&second{Index: 2, First: 2})
	if len(*shown) != 2 || (*shown)[1].Latency != nil {
		t.Errorf("%+v", *shown)
	}
}

// An agent that has slept hands in several seconds as one: what it did then is there, and those between have the others' part.
func TestALateAgent(t *testing.T) {
	r, shown := timelineRun(2)
	for index := range int64(5) { // the agent in time
		r.addSecond(&second{Index: index + 1, Connected: 1, Delivered: 10})
	}
	r.addSecond(&second{Index: 1, First: 1, Connected: 1, Delivered: 1})
	if len(*shown) != 1 {
		t.Fatalf("%+v", *shown)
	}
	r.addSecond(&second{Index: 2, First: 1, Connected: 1, Delivered: 3}) // and all until the end of the fourth
	if len(*shown) != 2 {
		t.Fatalf("%+v", *shown)
	}
	r.addSecond(&second{Index: 5, First: 1, Connected: 1, Delivered: 1})
	var rows [][7]int
	for _, s := range *shown {
		rows = append(rows, rowOf(s))
	}
	want := [][7]int{{1, 2, 0, 0, 0, 11}, {2, 2, 0, 0, 0, 13}, {3, 1, 0, 0, 0, 10}, {4, 1, 0, 0, 0, 10}, {5, 2, 0, 0, 0, 11}}
	if !slices.Equal(rows, want) {
		t.Errorf("%v\nwant %v", rows, want)
	}
}

// At the end nothing waits any more for an agent that has not handed its second in, nor for the end of the second.
func TestTheTimelineIsClosed(t *testing.T) {
	r, shown := timelineRun(2)
	r.cfg.EpochNs = flood.Now() - int64(2500*time.Millisecond)
	r.timeline.endNs = r.cfg.EpochNs
	r.addSecond(&second{Index: 1, Delivered: 1})
	r.addSecond(&second{Index: 1, Delivered: 2})
	r.addSecond(&second{Index: 2, Delivered: 4})
	r.closeTimeline([]part{{Rest: &second{Index: 3, Delivered: 8}}, {Rest: &second{Index: 2, Delivered: 16}}, {}})
	delivered := uint64(0)
	for i, s := range *shown {
		delivered += s.Delivered
		if i > 0 && s.AtS <= (*shown)[i-1].AtS {
			t.Errorf("%v behind %v", s.AtS, (*shown)[i-1].AtS)
		}
	}
	if len(*shown) != 3 || delivered != 31 || (*shown)[2].AtS < 2.5 {
		t.Errorf("%d delivered: %+v", delivered, *shown)
	}
}

func TestASecondHasTheNameOfItsTime(t *testing.T) {
	const s = int64(time.Second)
	r, shown := timelineRun(1)
	r.timeline.enter("join", 1000+s/4) // within the first, which is more of it than what came before
	r.timeline.enter("warm-up", 1000+s)
	r.timeline.enter("run", 1000+3*s)
	for index := range int64(4) { // all are handed in long after
		r.addSecond(&second{Index: index + 1})
	}
	var names []string
	for _, s := range *shown {
		names = append(names, s.Phase)
	}
	if want := []string{"join", "warm-up", "warm-up", "run"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// The times of the report count from the beginning of what is measured, in a search from that of its first step.
func TestTheTimesOfTheTimeline(t *testing.T) {
	const s = int64(time.Second)
	r, _ := timelineRun(1)
	r.addSecond(&second{Index: 1})
	r.addSecond(&second{Index: 2, First: 2})
	r.firstNs, r.startNs = 1000+s, 1000+9*s
	r.finishTimeline()
	if len(r.report.Timeline) != 2 || r.report.Timeline[0].AtS != 0 || r.report.Timeline[1].AtS != 1 {
		t.Errorf("%+v", r.report.Timeline)
	}
	r.finishTimeline() // once is enough
	if len(r.report.Timeline) != 2 {
		t.Errorf("%+v", r.report.Timeline)
	}
}

func TestLatencyBetween(t *testing.T) {
	const s = float64(time.Second)
	r, _ := timelineRun(1)
	r.opts.Phases = make([]Phase, 2)
	for index := range int64(4) {
		r.addSecond(&second{Index: index + 1, Delivered: 2, Latency: latencies(index+1, 10*(index+1))})
	}
	for _, tc := range []struct {
		name      string
		from, to  float64 // seconds
		delivered uint64
		max       float64 // ms
	}{
		{"all", 0, 4, 8, 40},
		{"the first", 0, 1, 2, 10},
		{"two between", 1, 3, 4, 30},
		{"the last", 3, 4, 2, 40},
		{"none", 4, 9, 0, 0},
		{"more than half of one", 0, 1.6, 4, 20},
		{"less", 0, 1.4, 2, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, delivered := r.latencyBetween(1000+int64(tc.from*s), 1000+int64(tc.to*s))
			if delivered != tc.delivered || l.Count() != int64(tc.delivered) || l.Max() < tc.max*998 || l.Max() > tc.max*1002 {
				t.Errorf("%d delivered, %d latencies up to %v us", delivered, l.Count(), l.Max())
			}
		})
	}
}

// What is sent is counted by the second in which it was, whenever the row is closed.
func TestSentBySecond(t *testing.T) {
	const s = int64(time.Second)
	var b bySecond
	for _, at := range []int64{1000, 999 + s, 1000 + s, 1001 + s, 1000 + 3*s} {
		b.add(1000, at)
	}
	for _, tc := range []struct {
		end  int64
		want uint64
	}{{1000 + s, 2}, {1000 + 2*s, 2}, {1000 + 3*s, 0}, {1000 + 3*s + s/2, 1}, {1000 + 9*s, 0}} {
		if got := b.take(1000, tc.end); got != tc.want {
			t.Errorf("%d by %d, want %d", got, tc.end, tc.want)
		}
	}
	b.add(1000, 1000+20*s) // after a long rest
	if got := b.take(1000, 1000+21*s); got != 1 {
		t.Errorf("%d", got)
	}
}

// A diary has a page for each second. One that is opened late has the past on one page.
func TestDiary(t *testing.T) {
	const s = int64(time.Second)
	d := newDiary(flood.Now())
	d.epochNs = 0
	d.turn(s / 2)
	if d.Index != 1 {
		t.Fatalf("second %d", d.Index)
	}
	d.Connected, d.Sent = 5, 1
	if _, over := d.page(s - 1); over {
		t.Error("over too early")
	}
	d.latency.Record(int64(time.Millisecond))
	page, over := d.page(s)
	if l, err := ledger.ImportLatency(page.Latency); !over || page.Index != 1 || page.Connected != 5 || page.Sent != 1 || err != nil || l.Count() != 1 {
		t.Errorf("%+v", page)
	}
	d.Sent = 7
	page, over = d.page(4*s + s/2) // it has slept for three
	if !over || page.Index != 2 || page.Connected != 5 || page.Sent != 7 || page.Latency != nil {
		t.Errorf("%+v", page)
	}
	d.Sent = 2
	if page, over = d.page(5 * s); !over || page.Index != 5 || page.Sent != 2 {
		t.Errorf("%+v", page)
	}
	d.Sent = 3
	if page = d.close(5*s + 1); page.Index != 6 || page.Sent != 3 || d.Sent != 0 || d.Index != 6 {
		t.Errorf("%+v", page)
	}
}
