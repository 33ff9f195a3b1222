//go:build !race

package hub

import (
	"testing"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/internal/invariants"
)

// crowded is a simulation with that many members, all of them in one room.
func crowded(t *testing.T, members int) (s *simulation, forget func()) {
	s = simulate(t, Options{}, func(s *Server) {
		s.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack(e.Raw(0)) })
		s.OnLoop("quiet", func(*Socket, *Event) {})
	})
	peers := make([]*simPeer, members)
	for i := range peers {
		peers[i] = s.join()
		if err := peers[i].socket.Join("all"); err != nil {
			t.Fatal(err)
		}
	}
	s.sim.Run()
	return s, func() {
		for _, p := range peers {
			p.Got = p.Got[:0]
		}
	}
}

// TestAllocationsOfABroadcast do not grow with its members.
func TestAllocationsOfABroadcast(t *testing.T) {
	ways := map[string]func(s *simulation) emitter{
		"everyone":                  func(s *simulation) emitter { return s },
		"a room":                    func(s *simulation) emitter { return s.To("all") },
		"two rooms, with an except": func(s *simulation) emitter { return s.To("all", "other").Except("nobody") },
		"volatile":                  func(s *simulation) emitter { return s.Volatile() },
	}
	for name, way := range ways {
		var allocs []float64
		for _, members := range []int{10, 1000} {
			s, forget := crowded(t, members)
			to := way(s)
			allocs = append(allocs, testing.AllocsPerRun(100, func() {
				if err := to.Emit("message", "hello", 7); err != nil {
					panic(err)
				}
				s.sim.Run()
				forget()
			}))
		}
		if allocs[1] > allocs[0]+1 || allocs[0] > 4 {
			t.Errorf("%s: %v allocations for 10 members, %v for 1,000", name, allocs[0], allocs[1])
		}
	}
}

// TestAllocationsOfABatch: broadcasts that wait together are joined once, and not for each member.
func TestAllocationsOfABatch(t *testing.T) {
	var allocs []float64
	for _, members := range []int{10, 1000} {
		s, forget := crowded(t, members)
		allocs = append(allocs, testing.AllocsPerRun(100, func() {
			for range 10 {
				if err := s.Emit("message", "hello", 7); err != nil {
					panic(err)
				}
			}
			s.sim.Run()
			forget()
		}))
	}
	if allocs[1] > allocs[0]+1 {
		t.Errorf("%v allocations for 10 members, %v for 1,000", allocs[0], allocs[1])
	}
}

// TestAllocationsOfTheFigures: what a loop counts is counted for nothing, and told for nothing.
func TestAllocationsOfTheFigures(t *testing.T) {
	s, forget := crowded(t, 10)
	var got figures
	if n := testing.AllocsPerRun(100, func() { got = s.shard().figures() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	before := got
	var p session.Prepared
	p.Prepare(append(session.BeginMessage(nil), `2["m"]`...), nil)
	var member *Socket
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) { member = m })
	send := eventloop.TaskFunc(func(*eventloop.Loop) { member.client.deliver(&p, false) })
	var task eventloop.Task = send
	if n := testing.AllocsPerRun(100, func() {
		s.shard().loop.PostAlways(task)
		s.sim.Run()
		forget()
	}); n != 0 {
		t.Errorf("a message that is counted: %v allocations", n)
	}
	if got = s.shard().figures(); got.Deliveries != before.Deliveries+101 || got.Writes != before.Writes+101 {
		t.Errorf("%+v, before %+v", got.LoopStats, before.LoopStats)
	}
}

// TestAllocationsOfAnEvent: one that is handled on the loop costs nothing but what its handler does.
func TestAllocationsOfAnEvent(t *testing.T) {
	if invariants.Enabled {
		t.Skip("with the assertions on no event is used again")
	}
	s, _ := crowded(t, 1)
	var socket *Socket
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) { socket = m })
	for _, gate := range []struct {
		text string
		max  float64
	}{
		{`2["quiet","hello"]`, 0},
		{`2["nobody","hello"]`, 0},
		{`27["quiet","hello"]`, 0},
		{`27["echo","hello"]`, 2}, // the argument in its interface, and what is queued
		{`39["x"]`, 0},
	} {
		text := []byte(gate.text)
		n := testing.AllocsPerRun(100, func() { socket.client.OnText(text) })
		if n > gate.max {
			t.Errorf("%s: %v allocations, and %v may be", gate.text, n, gate.max)
		}
	}
}
