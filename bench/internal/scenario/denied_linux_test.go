package scenario

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// deny acknowledges an event with an error.
func deny(id int, text string) act {
	return func(a *agent, m *member) { a.Message(m.conn, fmt.Appendf(nil, `43%d[{"error":%s}]`, id, text)) }
}

// want has the only member in a state.
func want(s memberState) act { return func(_ *agent, m *member) { m.state = s } }

// begin has the agent begin a phase, which is its own for as long as it waits for an answer.
func begin(phase op) act {
	return func(a *agent, _ *member) {
		a.begin(phase)
		a.flying, a.next = 1, 1
	}
}

// What a server acknowledges with an error has not been done, and it is told why.
func TestWhatTheServerRefuses(t *testing.T) {
	const notYou = `{"code":"room_forbidden","message":"not you"}`
	for _, tc := range []struct {
		name  string
		acts  []act
		state memberState
		phase op // still
		want  map[string]int
	}{
		{"a join", []act{begin(opJoin), want(asking), deny(joinID, notYou)}, present, "", map[string]int{"join refused: room_forbidden: not you": 1}},
		{"a join amid churn", []act{begin(opFinish), want(asking), deny(joinID, `"full"`)}, present, opFinish, map[string]int{"join refused: full": 1}},
		{"a leave", []act{begin(opFinish), want(leaving), deny(leaveID, `"stay"`)}, entered, opFinish, map[string]int{"leave refused: stay": 1}},
		{"an echo", []act{begin(opEcho), want(present), deny(5, notYou)}, present, "", map[string]int{"echo refused: room_forbidden: not you": 1}},
		{"an echo at a rate", []act{want(entered), deny(5, `null`), deny(6, `7`)}, entered, "", map[string]int{"echo refused: null": 1, "echo refused: 7": 1}},
		{"the same twice", []act{want(entered), deny(5, notYou), deny(6, notYou)}, entered, "", map[string]int{"echo refused: room_forbidden: not you": 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, up := testAgent(t, Config{Scenario: Mix, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, Rate: 1, Timeout: time.Hour}, share{0, 1})
			m := &a.members[0]
			m.conn = &flood.Conn{}
			for _, do := range tc.acts {
				do(a, m)
			}
			told := 0
			for _, e := range up.events {
				if e.Op == opGone {
					told++
				}
			}
			if m.state != tc.state || a.phase != tc.phase || told != 1 || a.tally != (ledger.Tally{}) {
				t.Errorf("state %d, phase %q, told %d times, %+v", m.state, a.phase, told, a.tally)
			}
			if got := a.part().Refused; !maps.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// A server that has something else to say each time does not fill the report.
func TestRefusalsAreNotToldApartForEver(t *testing.T) {
	a, _ := testAgent(t, Config{Scenario: Mix, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, Rate: 1}, share{0, 1})
	m := &a.members[0]
	m.conn, m.state = &flood.Conn{}, entered
	for n := range deniedMax + 5 {
		deny(5, fmt.Sprint(n))(a, m)
	}
	if got := a.part().Refused; len(got) != deniedMax+1 || got["echo refused"] != 5 || got["echo refused: 19"] != 1 {
		t.Errorf("%v", got)
	}
}

// Where members come back, one that is not let in comes another time.
func TestARefusedMemberComesBack(t *testing.T) {
	a, up := testAgent(t, Config{Scenario: FindMax, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, Rate: 1, Return: true}, share{0, 1})
	m := &a.members[0]
	m.conn, m.state = &flood.Conn{}, asking
	deny(joinID, `"draining"`)(a, m)
	if m.conn != nil || m.state != absent || len(a.alarms) != 1 || a.measured.dropped != 1 || len(a.part().Refused) != 0 || len(up.events) != 0 {
		t.Errorf("%+v, %d alarms, %d dropped, %v", m, len(a.alarms), a.measured.dropped, up.events)
	}
}
