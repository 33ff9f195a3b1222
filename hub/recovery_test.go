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
