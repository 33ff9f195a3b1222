//go:build !race

package eventloop

import "testing"

// TestTheHotPathsAllocateNothing holds the price of an echo and of a broadcast: what is sent costs no memory beside itself.
func TestTheHotPathsAllocateNothing(t *testing.T) {
	s, a := newTestSim(Limits{})
	peers := make([]*Peer, 100)
	for i := range peers {
		peers[i] = s.Open()
	}
	frame, in := []byte("a frame"), []byte("x")
	a.onData = func(c *Conn, b []byte) { c.Queue(b) }
	task := TaskFunc(func(*Loop) {
		for _, p := range peers {
			p.Conn().QueueShared(frame)
			p.Conn().QueueShared(frame)
			p.Got = p.Got[:0]
		}
	})
	var posted Task = task
	var answer Task = TaskFunc(func(l *Loop) { peers[0].Conn().QueueShared(frame); l.Hold(-len(frame)) })
	var held Task = TaskFunc(func(l *Loop) { l.Hold(len(frame)); l.Soon(answer) })
	for name, run := range map[string]func(){
		"an echo":                 func() { s.loop.received(peers[0].conn, in); peers[0].Got = peers[0].Got[:0] },
		"an answer put off":       func() { s.Loop().Post(held); s.Run(); peers[0].Got = peers[0].Got[:0] },
		"the figures":             func() { s.Loop().Stats() },
		"two frames to 100 peers": func() { s.Loop().Post(posted); s.Run() },
	} {
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s costs %v allocations", name, n)
		}
	}
	if n := s.Loop().Stats(); n.Reads < 200 || n.Writes < 200*102 || n.BytesOut < 200*100*2*uint64(len(frame)) {
		t.Errorf("of all that was counted %+v", n)
	}
}
