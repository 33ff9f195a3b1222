package scenario

import (
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// reader is an agent of one member that is in and has heard the first of a few messages.
func reader(t *testing.T, cfg Config) (*agent, *memory) {
	t.Helper()
	cfg.Scenario, cfg.Protocol, cfg.Connections, cfg.Rooms, cfg.Rate, cfg.Timeout = Broadcast, flood.SocketIO, 1, 1, 1, time.Hour
	a, up := testAgent(t, cfg, share{0, 1})
	a.members[0].conn, a.members[0].state = &flood.Conn{}, entered
	hear(0)(a, &a.members[0])
	return a, up
}

// finished is what the agent has answered, nil if it still waits.
func finished(up *memory) *part {
	for _, e := range up.events {
		if e.Op == opFinish {
			return e.Part
		}
	}
	return nil
}

func TestFinishWaitsForWhatIsComing(t *testing.T) {
	a, up := reader(t, Config{})
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	for n := range uint32(2) {
		a.watch()
		if finished(up) != nil {
			t.Fatal("finished too early")
		}
		hear(n+1)(a, &a.members[0])
	}
	a.watch() // it looks again when nothing moves
	a.watch()
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 3}) || p.Stalled != "" {
		t.Errorf("%+v", p)
	}
}

func TestFinishDoesNotWaitForWhatIsLost(t *testing.T) {
	a, up := reader(t, Config{})
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	hear(2)(a, &a.members[0])
	a.watch()
	a.seenNs -= int64(finishGrace) - int64(time.Second)
	a.watch()
	if finished(up) != nil {
		t.Fatal("finished before its time")
	}
	a.seenNs -= int64(2 * time.Second)
	a.watch()
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 2, Lost: 1}) {
		t.Errorf("%+v", p)
	}
}

// Whoever has come in and heard nothing is waited for if something was sent since.
func TestFinishWaitsForWhoHasComeIn(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after time.Duration // the last message was sent so long after the member came in
		waits bool
	}{{"sent before", -time.Second, false}, {"sent since", time.Second, true}} {
		t.Run(tc.name, func(t *testing.T) {
			a, up := reader(t, Config{ChurnRate: 1, ChurnShare: 1})
			m := &a.members[0]
			leave(a, m)
			letOut(a, m)
			letIn(a, m)
			a.handle(command{Op: opFinish, Rooms: []uint32{9}, LastNs: []int64{m.sinceNs + int64(tc.after)}})
			a.watch()
			if waits := finished(up) == nil; waits != tc.waits {
				t.Fatalf("waits: %v", waits)
			}
			if !tc.waits {
				return
			}
			hear(8)(a, m)
			a.watch()
			a.watch()
			if p := finished(up); p == nil || p.Tally.Lost != 0 || len(p.Unheard) != 0 || len(p.Rest.Entries) != 1 {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestFinishOfTheDeaf(t *testing.T) {
	a, up := reader(t, Config{})
	hungUp(a, &a.members[0])
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 1, Lost: 2}) || p.Disconnected["gone"] != 1 {
		t.Errorf("%+v", p)
	}
}

// Those that do not read have no account.
func TestFinishOfTheSlow(t *testing.T) {
	a, up := reader(t, Config{SlowShare: 1})
	a.handle(command{Op: opMute})
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 1}) || p.Cut != 0 {
		t.Errorf("%+v", p)
	}
	up.events = nil
	a.handle(command{Op: opUnmute})
	hungUp(a, &a.members[0])
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	if p := finished(up); p == nil || p.Cut != 1 || len(p.Disconnected) != 0 {
		t.Errorf("%+v", p)
	}
}

// An account may be closed several times: what was lost at first may have come by the second.
func TestFinishAgain(t *testing.T) {
	a, up := reader(t, Config{})
	a.cfg.Timeout = 0
	a.handle(command{Op: opFinish, Rooms: []uint32{3}})
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 1, Lost: 2}) {
		t.Fatalf("%+v", p)
	}
	up.events = nil
	hear(1, 2, 3)(a, &a.members[0])
	a.handle(command{Op: opFinish, Rooms: []uint32{5}})
	if p := finished(up); p == nil || p.Tally != (ledger.Tally{Delivered: 4, Lost: 1}) {
		t.Errorf("%+v", p)
	}
}

// What comes to one alone has an account of its own.
func TestDirectMessagesAreAccountedFor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		streams []uint32
		numbers []uint32
		want    ledger.Tally
	}{
		{"all", []uint32{directStream, directStream}, []uint32{0, 1}, ledger.Tally{Delivered: 2}},
		{"one lost", []uint32{directStream}, []uint32{1}, ledger.Tally{Delivered: 1, Lost: 1}},
		{"doubled", []uint32{directStream, directStream, directStream}, []uint32{0, 1, 0}, ledger.Tally{Delivered: 2, Duplicated: 1}},
		{"swapped", []uint32{directStream, directStream}, []uint32{1, 0}, ledger.Tally{Delivered: 2, Reordered: 1}},
		{"another's", []uint32{directStream, directStream | 7}, []uint32{0, 1}, ledger.Tally{Delivered: 1, Lost: 1, Misrouted: 1}},
		{"never sent", []uint32{directStream, directStream, directStream}, []uint32{0, 1, 2}, ledger.Tally{Delivered: 2, Garbled: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, up := testAgent(t, Config{Scenario: Direct, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, DirectRate: 1}, share{0, 1})
			a.members[0].conn, a.members[0].state = &flood.Conn{}, present
			for i, stream := range tc.streams {
				a.Message(a.members[0].conn, delivered(runID, stream, tc.numbers[i]))
			}
			a.handle(command{Op: opFinish, Rooms: []uint32{0}, Direct: []uint32{2}})
			if p := finished(up); p == nil || p.Tally != tc.want {
				t.Errorf("%+v, want %+v", p, tc.want)
			}
		})
	}
}

// Whoever is held up owes what was due meanwhile, to the end of the timetable and no further.
func TestStopForgetsNothing(t *testing.T) {
	a, _ := testAgent(t, Config{Scenario: Echo, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, EchoRate: 10, Event: "echo"}, share{0, 1})
	m := &a.members[0]
	m.conn, m.state = &flood.Conn{}, present
	end := flood.Now() - int64(time.Second)
	begin := end - int64(time.Second)
	a.handle(command{Op: opBegin, StartNs: begin - int64(time.Second), FromNs: begin, EndNs: end})
	a.handle(command{Op: opStop})
	if m.sent != 20 || a.measured.lag.Count() != 10 {
		t.Errorf("%d sent of 20 that were due, and %d measured of 10", m.sent, a.measured.lag.Count())
	}
	// They were due 1 to 1.9 s ago.
	if least := a.measured.lag.Quantile(0); least < 1e6*0.998 {
		t.Errorf("one was %v us late", least)
	}
	a.watch()
	if m.sent != 20 || a.due() != 0 {
		t.Errorf("%d sent; %d is due", m.sent, a.due())
	}
}

// What arrives in a turn that began too late has been read late, and nobody else is to blame.
func TestReadingLateIsNoticed(t *testing.T) {
	a, _ := reader(t, Config{})
	m := &a.members[0]
	a.measured.reset(0)
	a.noteReading(1000)
	hear(1, 2)(a, m)
	a.noteReading(1000 + int64(flood.Tick))
	hear(3)(a, m)
	a.noteReading(1000 + 2*int64(flood.Tick) + int64(30*time.Millisecond))
	held := a.measured.held
	if held.Count() != 3 || held.Quantile(50) != 0 || held.Max() < 30e3*0.998 || held.Max() > 30e3*1.002 {
		t.Errorf("%d deliveries, %v and at most %v us late", held.Count(), held.Quantile(50), held.Max())
	}

	// The wait that a stop has interrupted finds nothing; the next one finds what came meanwhile, and is the last that does.
	a.measured.reset(0)
	for i := range 3 {
		a.noteReading(int64(time.Hour) + int64(i))
		hear(uint32(4+i))(a, m)
	}
	if held.Count() != 2 || held.Max() < 3e8 || held.Quantile(0) > 0 {
		t.Errorf("%d deliveries, %v to %v us late", held.Count(), held.Quantile(0), held.Max())
	}
}
