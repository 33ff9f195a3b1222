package scenario

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// noDoor lets nobody in by itself.
type noDoor struct{ entered []int }

func (d *noDoor) enter(i int)    { d.entered = append(d.entered, i) }
func (d *noDoor) cancel(int)     {}
func (d *noDoor) due() int64     { return 0 }
func (d *noDoor) watch()         {}
func (d *noDoor) shut()          {}
func (d *noDoor) replays() int64 { return 0 }

// act is what befalls a member of the only room, which is connection 0.
type act func(a *agent, m *member)

func hear(numbers ...uint32) act {
	return func(a *agent, m *member) {
		for _, n := range numbers {
			a.Message(m.conn, delivered(runID, 0, n))
		}
	}
}

// echoBack is the answer to echo n.
func echoBack(n uint32) act {
	return func(a *agent, m *member) {
		a.Message(m.conn, fmt.Appendf(nil, `43%d["~%08x%08x%08x%08x%016x"]`, n, uint32(runID), 1<<31, n, 0, 1))
	}
}

func leave(a *agent, m *member)    { a.leave(m) }
func cut(a *agent, _ *member)      { a.reconnect(0, flood.Now()) }
func sendEcho(a *agent, m *member) { a.sendEcho(m, 1, 1) }
func back(a *agent, _ *member)     { a.admitted(0, &flood.Conn{}, []byte(`{"sid":"again"}`)) }
func hungUp(a *agent, m *member)   { a.Closed(m.conn, errors.New("gone")) }
func letOut(a *agent, m *member)   { a.Message(m.conn, []byte(`431["left"]`)) }
func letIn(a *agent, m *member)    { a.Message(m.conn, []byte(`430["joined"]`)) }

// What a member has heard before it leaves, or loses its connection, is judged by itself; what it hears when it is in again begins a
// new account.
func TestChurnIsAccountedFor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		acts    []act
		sent    uint32 // to the room
		want    ledger.Tally
		entries []entry // without their times
		stalled string
	}{
		{"nobody leaves", []act{hear(0, 1, 2)}, 3, ledger.Tally{Delivered: 3}, nil, ""},
		{"what it missed before it left", []act{hear(0, 2), leave, letOut, letIn, hear(5)}, 6, ledger.Tally{Delivered: 3, Lost: 1}, []entry{{First: 5}}, ""},
		{"what it missed from the beginning", []act{hear(2), leave, letOut, letIn, hear(5)}, 6, ledger.Tally{Delivered: 2, Lost: 2}, []entry{{First: 5}}, ""},
		{"what came while it was out", []act{hear(0, 1), leave, letOut, letIn, hear(5)}, 6, ledger.Tally{Delivered: 3}, []entry{{First: 5}}, ""},
		{"what it may have missed last", []act{hear(0), leave, letOut, letIn, hear(3)}, 4, ledger.Tally{Delivered: 2}, []entry{{First: 3}}, ""},
		{"what it missed when it was back", []act{hear(0), leave, letOut, letIn, hear(3, 5)}, 6, ledger.Tally{Delivered: 3, Lost: 1}, []entry{{First: 3}}, ""},
		{"what it missed in the end", []act{hear(0), leave, letOut, letIn, hear(3)}, 6, ledger.Tally{Delivered: 2, Lost: 2}, []entry{{First: 3}}, ""},
		{"what came before it was let out", []act{hear(0), leave, hear(2), letOut, letIn, hear(3)}, 4, ledger.Tally{Delivered: 3, Lost: 1}, []entry{{First: 3}}, ""},
		{"what came before it knew that it was in", []act{hear(0), leave, letOut, hear(3), letIn, hear(5)}, 6, ledger.Tally{Delivered: 3, Lost: 1}, nil, ""},
		{"doubled when it was back", []act{hear(0), leave, letOut, letIn, hear(3, 3)}, 4, ledger.Tally{Delivered: 2, Duplicated: 1}, []entry{{First: 3}}, ""},
		{"again what it heard before it left", []act{hear(0, 1), leave, letOut, letIn, hear(1, 3)}, 4, ledger.Tally{Delivered: 3, Duplicated: 1}, []entry{{First: 3}}, ""},
		{"what is older than what it heard before it left", []act{hear(0, 2), leave, letOut, letIn, hear(1, 3)}, 4, ledger.Tally{Delivered: 3, Lost: 1, Duplicated: 1}, []entry{{First: 3}}, ""},
		{"over another connection, which may be behind", []act{hear(0, 1), cut, back, letIn, hear(1, 2)}, 3, ledger.Tally{Delivered: 4}, []entry{{First: 1}}, ""},
		{"never sent", []act{hear(0), leave, letOut, letIn, hear(3)}, 3, ledger.Tally{Delivered: 1, Garbled: 1}, []entry{{First: 3}}, ""},
		{"nothing when it was back", []act{hear(0), leave, letOut, letIn}, 9, ledger.Tally{Delivered: 1}, nil, ""}, // see TestLostAtTheDoor
		{"twice in and out", []act{hear(1), leave, letOut, letIn, hear(4, 6), leave, letOut, letIn, hear(9)}, 10, ledger.Tally{Delivered: 4, Lost: 2}, []entry{{First: 4}, {First: 9}}, ""},
		{"what it missed before it reconnected", []act{hear(0, 2), cut, back, letIn, hear(5)}, 6, ledger.Tally{Delivered: 3, Lost: 1}, []entry{{First: 5}}, ""},
		{"what came while it reconnected", []act{hear(0, 1), cut, back, letIn, hear(5)}, 6, ledger.Tally{Delivered: 3}, []entry{{First: 5}}, ""},
		{"an echo across the way out", []act{sendEcho, leave, sendEcho, letOut, echoBack(0), echoBack(1), letIn}, 0, ledger.Tally{Delivered: 2}, nil, ""},
		{"an echo lost across the way out", []act{sendEcho, leave, sendEcho, letOut, echoBack(1), letIn}, 0, ledger.Tally{Delivered: 1, Lost: 1}, nil, ""},
		{"an echo lost before it reconnected", []act{sendEcho, sendEcho, echoBack(1), cut, back, letIn}, 0, ledger.Tally{Delivered: 1, Lost: 1}, nil, ""},
		{"an echo under way when it reconnected", []act{sendEcho, sendEcho, echoBack(0), cut, back, letIn, sendEcho, echoBack(2)}, 0, ledger.Tally{Delivered: 2}, nil, ""},
		{"let out unasked", []act{letOut}, 0, ledger.Tally{Garbled: 1}, nil, ""},
		{"let in unasked", []act{letIn}, 0, ledger.Tally{Garbled: 1}, nil, ""},
		{"never let out", []act{hear(0), leave, hear(2)}, 3, ledger.Tally{Delivered: 2, Lost: 1}, nil, "1 answers to a leave missing"},
		{"never let in", []act{hear(0), leave, letOut}, 3, ledger.Tally{Delivered: 1}, nil, "1 answers to a join missing"},
		{"never back", []act{hear(0), cut}, 3, ledger.Tally{Delivered: 1}, nil, "1 members have not come back"},
		{"disconnected", []act{hear(0), hungUp}, 3, ledger.Tally{Delivered: 1, Lost: 2}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, up := testAgent(t, Config{
				Scenario: Mix, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, Rate: 1, EchoRate: 1, ChurnRate: 1, ChurnShare: 1, Event: "echo",
			}, share{0, 1})
			a.door = &noDoor{}
			m := &a.members[0]
			m.conn, m.state = &flood.Conn{}, entered
			for _, do := range tc.acts {
				do(a, m)
			}
			entries := a.diary.Entries
			a.handle(command{Op: opFinish, Rooms: []uint32{tc.sent}})
			last := up.events[len(up.events)-1]
			if last.Op != opFinish || last.Part.Tally != tc.want || last.Part.Stalled != tc.stalled {
				t.Errorf("%+v, stalled %q, want %+v, %q", last.Part.Tally, last.Part.Stalled, tc.want, tc.stalled)
			}
			if len(entries) != len(tc.entries) {
				t.Fatalf("entries %+v, want %+v", entries, tc.entries)
			}
			for i, e := range entries {
				if e.First != tc.entries[i].First || e.Ns == 0 {
					t.Errorf("entry %+v, want %+v", e, tc.entries[i])
				}
			}
		})
	}
}

// Whoever is in must get what was sent from then on.
func TestLostAtTheDoor(t *testing.T) {
	s := &senders{sendings: &sendings{[]roomSendings{{at: []int64{10, 20, 30, 40}}, {at: []int64{15}}, {}, {at: []int64{30, 40}, first: 2, forgottenNs: 20}}}}
	s.sent.rooms = []uint32{4, 1, 0, 4}
	r := &run{senders: s}
	for _, tc := range []struct {
		name string
		entry
		want uint64
	}{
		{"in before the first, and heard it", entry{0, 5, 0}, 0},
		{"in before the first, and missed it", entry{0, 5, 1}, 1},
		{"in between, and heard the next", entry{0, 15, 1}, 0},
		{"in between, and heard the one before, which was on its way", entry{0, 15, 0}, 0},
		{"in between, and missed two", entry{0, 15, 3}, 2},
		{"in when it was sent, and missed it", entry{0, 20, 2}, 1},
		{"in after all", entry{0, 50, 4}, 0},
		{"another room", entry{1, 10, 1}, 1},
		{"a room of no messages", entry{2, 10, 0}, 0},
		{"in after what is forgotten, and heard the next", entry{3, 25, 2}, 0},
		{"in after what is forgotten, and missed one", entry{3, 25, 3}, 1},
		{"in before the last that is forgotten, and missed that at least", entry{3, 15, 2}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := r.lostBefore(tc.entry); got != tc.want || r.report.Stalled != "" {
				t.Errorf("lost %d, want %d; %s", got, tc.want, r.report.Stalled)
			}
		})
	}
	r.parts = []part{{Unheard: []entry{{Room: 0, Ns: 25}, {Room: 1, Ns: 16}}}, {Unheard: []entry{{Room: 2, Ns: 1}}}}
	r.enters([]entry{{0, 15, 3}})
	if got := r.lostAtTheDoor(); got != 2+2 {
		t.Errorf("lost %d in all, want 2 by one who has heard something since and 2 by one who has not", got)
	}
	if lost := r.lostBefore(entry{3, 15, 1}); lost != 0 || r.report.Stalled == "" {
		t.Errorf("lost %d, and nothing said of an entry that cannot be judged", lost)
	}
}

// However long a run is, what is kept of when messages were sent is bounded, and what is kept is right.
func TestSendingsAreForgotten(t *testing.T) {
	const each, many = int64(time.Millisecond), 400_000
	s := newSendings(2)
	for n := range int64(many) {
		s.add(1, n*each)
	}
	r := &s.rooms[1]
	if kept := int64(sendingsKept) / each; int64(len(r.at)) < kept || int64(cap(r.at)) > 4*kept {
		t.Errorf("%d are kept in %d places", len(r.at), cap(r.at))
	}
	if r.first+uint32(len(r.at)) != many || r.at[0] != int64(r.first)*each || r.forgottenNs != r.at[0]-each {
		t.Errorf("from number %d on, of %d, behind %d", r.first, r.at[0], r.forgottenNs)
	}
	if last := s.lastNs(); last[0] != 0 || last[1] != (many-1)*each {
		t.Errorf("written to last at %v", last)
	}
}

// Who may go is in, and one of those whose part it is; what is due when nobody may is not done.
func TestChurnDue(t *testing.T) {
	a, _ := testAgent(t, Config{
		Scenario: Churn, Protocol: flood.SocketIO, Connections: 10, Rooms: 1, Rate: 1, ChurnRate: 10, ChurnShare: 0.2, ReconnectShare: 0.5, Seed: 1,
	}, share{0, 10})
	door := &noDoor{}
	a.door = door
	for i := range a.members {
		a.members[i].conn, a.members[i].state = &flood.Conn{}, entered
	}
	a.churn.begin(0, int64(time.Second), 10)
	a.churnDue(int64(time.Second))
	if a.measured.churned != 2 || a.measured.unsent != 8 {
		t.Errorf("%d came and went, and %d did not", a.measured.churned, a.measured.unsent)
	}
	gone := 0
	for i := range a.members {
		switch a.members[i].state {
		case leaving, dialling:
			gone++
			if i != 4 && i != 9 {
				t.Errorf("member %d goes", i)
			}
		}
	}
	if gone != 2 {
		t.Errorf("%d are gone", gone)
	}
}
