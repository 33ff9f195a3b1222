package hub

import (
	"fmt"
	"io"
	"testing"
)

// TestABanHolds: who is away when its room is disconnected does not come back as who it was.
func TestABanHolds(t *testing.T) {
	expired := newNotes()
	s := simulate(t, Options{Recovery: &Recovery{
		OnExpired: func(n *Namespace, id string, data any) { expired.add("%s %v in %s", id, data, n.Name()) },
	}}, nil)
	away := func(room string) (id, pid string) {
		p := s.recoverable()
		_ = p.socket.Join(room)
		p.socket.SetData(room)
		s.sim.Run()
		id, pid = p.socket.id, p.socket.kept.pid
		p.Hangup(io.EOF)
		s.sim.Run()
		return id, pid
	}
	banned, bannedPID := away("banned")
	other, otherPID := away("others")
	if err := s.To("banned").DisconnectSockets(true); err != nil {
		t.Fatal(err)
	}
	s.sim.Run()
	expired.expect(t, banned+" banned in /")
	if got := s.comeback(bannedPID); got.Recovered() || got.ID() == banned {
		t.Error("the one that was banned is back")
	}
	if got := s.comeback(otherPID); !got.Recovered() || got.ID() != other || got.Data() != "others" {
		t.Errorf("the other one is %s with %v, want %s again", got.ID(), got.Data(), other)
	}
	expired.none(t)
}

// recoverable opens a session and connects to the main namespace.
func (s *simulation) recoverable() *simPeer {
	s.t.Helper()
	p := s.dial("")
	p.send("40")
	p.got()
	p.socket = s.newest()
	return p
}

// comeback connects a client that was here before.
func (s *simulation) comeback(pid string) *Socket {
	s.t.Helper()
	p := s.dial("")
	p.send(fmt.Sprintf(`40{"pid":%q}`, pid))
	s.sim.Run()
	return s.newest()
}

// newest is the socket that has connected last.
func (s *simulation) newest() (newest *Socket) {
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) { newest = m })
	return newest
}

// TestALeaveHoldsForThoseWhoAreAway: who is taken out of a room while it is away begins anew, without what it has missed there. Others
// come back, also those who are meant and were not in that room.
func TestALeaveHoldsForThoseWhoAreAway(t *testing.T) {
	expired := newNotes()
	s := simulate(t, Options{Recovery: &Recovery{
		OnExpired: func(_ *Namespace, _ string, data any) { expired.add("%s", data) },
	}}, nil)
	away := func(name string, rooms ...string) (pid string) {
		p := s.recoverable()
		_ = p.socket.Join(rooms...)
		p.socket.SetData(name)
		s.sim.Run()
		pid = p.socket.kept.pid
		p.Hangup(io.EOF)
		s.sim.Run()
		return pid
	}
	ann, bob, cy := away("ann", "staff", "secret"), away("bob", "staff"), away("cy", "secret")
	if err := s.To("staff").SocketsLeave("secret", "other"); err != nil {
		t.Fatal(err)
	}
	s.sim.Run()
	expired.expect(t, "ann")
	for pid, want := range map[string]bool{ann: false, bob: true, cy: true} {
		if got := s.comeback(pid); got.Recovered() != want {
			t.Errorf("%v has come back: %v, want %v", got.Data(), got.Recovered(), want)
		}
	}
	expired.none(t)
}

// TestOperatorsOfParentsForgetThoseWhoAreAway: what is asked of all children is asked of each.
func TestOperatorsOfParentsForgetThoseWhoAreAway(t *testing.T) {
	expired := newNotes()
	var p *ParentNamespace
	s := simulate(t, Options{Recovery: &Recovery{OnExpired: func(n *Namespace, _ string, _ any) { expired.add("%s", n.Name()) }}}, func(s *Server) {
		p = s.OfFunc(func(string, Raw) bool { return true })
	})
	for _, ask := range []func() error{func() error { return p.SocketsLeave("room") }, func() error { return p.DisconnectSockets(true) }} {
		c := s.dial("")
		c.send("40/child,")
		c.got()
		s.shard().space(s.Of("/child")).index.Each(nil, nil, func(m *Socket) { _ = m.Join("room") })
		s.sim.Run()
		c.Hangup(io.EOF)
		s.sim.Run()
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		s.sim.Run()
		expired.expect(t, "/child")
	}
	expired.none(t)
}
