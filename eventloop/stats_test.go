package eventloop

import (
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestStats follows one loop through what it counts.
func TestStats(t *testing.T) {
	s, a := newTestSim(Limits{})
	l := s.Loop()
	want := Stats{}
	check := func(what string) {
		t.Helper()
		if got := l.Stats(); got != want {
			t.Fatalf("%s: %+v, want %+v", what, got, want)
		}
	}
	check("nothing yet")

	p := s.Open()
	want.Connections = 1
	check("a connection")

	a.onData = func(c *Conn, b []byte) {
		c.Queue(b)
		c.QueueShared(b[:1])
	}
	p.Send([]byte("abc"))
	want.Reads, want.BytesIn, want.Flushes, want.Writes, want.BytesOut = 1, 3, 1, 1, 4
	check("two messages in one write")

	for range 5 {
		l.Post(TaskFunc(func(*Loop) { p.Conn().QueueShared([]byte("task")) }))
	}
	l.Post(TaskFunc(func(l *Loop) {
		if got := l.Stats().Tasks; got != 2 {
			t.Errorf("%d tasks wait, want 2", got)
		}
	}))
	l.Post(TaskFunc(func(*Loop) {}))
	l.Post(TaskFunc(func(*Loop) {}))
	s.Run()
	want.Flushes, want.Writes, want.BytesOut = 2, 2, 24
	check("five messages in one write")

	p.Stalled, p.Window = true, 3
	p.Send([]byte("12345"))
	want.Reads, want.BytesIn, want.Flushes, want.Writes, want.BytesOut = 2, 8, 3, 3, 30 // 3 taken, and 3 that are with gnet
	want.Blocked, want.PendingBytes = 1, 3
	check("a peer that does not read")

	l.Post(TaskFunc(func(l *Loop) { p.Conn().QueueShared([]byte("more")); l.Hold(100) }))
	s.Run()
	want.PendingBytes = 107
	check("more for it, and bytes held elsewhere")

	p.Resume()
	s.Advance(tick)
	want.Blocked, want.PendingBytes, want.Flushes, want.Writes, want.BytesOut, want.Ticks = 0, 100, 4, 4, 34, 1
	check("it reads again")

	p.Hangup(io.EOF)
	want.Connections = 0
	check("it is gone")
}

// TestLateTicks: what holds a loop makes its ticks late.
func TestLateTicks(t *testing.T) {
	s, _ := newTestSim(Limits{})
	l := s.Loop()
	late := func(by ...time.Duration) {
		for _, d := range by {
			l.tickAt.Store(int64(s.now))
			l.tickDue.Store(true)
			s.now += d
			l.ring()
			s.Run()
		}
	}
	late(time.Millisecond, 30*time.Millisecond, 2*time.Millisecond)
	want := Stats{Ticks: 3, Late: 33 * time.Millisecond, LateMax: 30 * time.Millisecond}
	if got := l.Stats(); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	late(5 * time.Millisecond)
	want = Stats{Ticks: 4, Late: 38 * time.Millisecond, LateMax: 5 * time.Millisecond}
	if got := l.Stats(); got != want {
		t.Fatalf("later %+v, want %+v", got, want)
	}
}

// TestStatsOfMoves: however connections come, move and go, those of the loops are all that there are, and what they have read
// counts once.
func TestStatsOfMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	apps := []*app{{}, {}, {}}
	sims := NewSims(len(apps), Limits{}, quiet, func(l *Loop) Handler { return apps[l.Index()] })
	for _, a := range apps {
		a.onData = func(c *Conn, b []byte) {
			switch b[0] {
			case 'm':
				b[0] = 'x' // it stays there
				_ = c.MoveTo(sims[random.IntN(len(sims))].Loop(), b)
			case 'c':
				c.Abort(io.EOF)
			}
		}
	}
	var peers []*Peer
	sent := uint64(0)
	for range 2000 {
		if len(peers) == 0 || random.IntN(3) == 0 {
			peers = append(peers, sims[random.IntN(len(sims))].Open())
		}
		i := random.IntN(len(peers))
		p := peers[i]
		text := []string{"m..", "c", "x...."}[random.IntN(3)]
		sent += uint64(len(text))
		p.Send([]byte(text))
		if random.IntN(4) == 0 {
			p.Hangup(io.EOF)
		}
		if p.Closed {
			peers = slices.Delete(peers, i, i+1)
		}
		conns, read := 0, uint64(0)
		for _, s := range sims {
			stats := s.Loop().Stats()
			conns += stats.Connections
			read += stats.BytesIn
		}
		if conns != len(peers) || conns != sims[0].Connections() || read != sent {
			t.Fatalf("%d connections and %d bytes, want %d and %d", conns, read, len(peers), sent)
		}
	}
}

// TestSlow are the connections that are blocked, and no others, also while some are being aborted.
func TestSlow(t *testing.T) {
	s, _ := newTestSim(Limits{})
	var peers []*Peer
	for i := range 4 {
		p := s.Open()
		p.Stalled = i > 0
		peers = append(peers, p)
		p.Conn().QueueShared(make([]byte, 10+i%3))
	}
	s.loop.ring()
	s.Run()
	if got := slices.Collect(s.Loop().Slow()); !slices.Equal(got, []*Conn{peers[1].Conn(), peers[2].Conn(), peers[3].Conn()}) {
		t.Fatalf("slow are %v", got)
	}
	if got := s.Loop().slowest(); !slices.Equal(got, []*Conn{peers[2].Conn(), peers[1].Conn(), peers[3].Conn()}) {
		t.Fatalf("slowest are %v", got)
	}
	s.Loop().Post(TaskFunc(func(l *Loop) {
		for c := range l.Slow() {
			c.Abort(ErrShed)
		}
		for range l.Slow() {
			t.Error("one is still listed that is about to be cut")
		}
		if n := l.Stats().Blocked; n != 0 {
			t.Errorf("%d are blocked", n)
		}
	}))
	s.Run()
	for i, p := range peers {
		if p.Closed != (i > 0) {
			t.Errorf("peer %d is closed: %v", i, p.Closed)
		}
	}
}

// statsOf asks a loop.
func statsOf(t *testing.T, l *Loop) Stats {
	t.Helper()
	answer := make(chan Stats, 1)
	l.PostAlways(TaskFunc(func(l *Loop) { answer <- l.Stats() }))
	select {
	case s := <-answer:
		return s
	case <-time.After(patience):
		t.Fatal("the loop does not answer")
		panic("unreachable")
	}
}

// TestStatsOverSockets: the loops of an engine count what goes through the kernel, and who is turned away.
func TestStatsOverSockets(t *testing.T) {
	e := startEngine(t, Config{Loops: 1, ConnectionsMax: 1, Refusal: []byte("full"), Limits: forgiving}, func(*Loop) Handler { return echo() })
	l := e.Loops()[0]
	c := dial(t, e)
	for range 3 {
		exchange(t, c, "hello")
	}
	s := statsOf(t, l)
	if s.Connections != 1 || s.BytesIn != 15 || s.BytesOut != 15 || s.Reads < 3 || s.Writes < 3 || s.Writes != s.Flushes {
		t.Errorf("%+v", s)
	}
	wantRefusals := func(full, late int) {
		t.Helper()
		if f, l := e.Refusals(); f != full || l != late {
			t.Errorf("refused were %d and %d, want %d and %d", f, l, full, late)
		}
	}
	turnedAway := func() {
		t.Helper()
		c := dial(t, e)
		defer c.Close() // or the engine would wait for it
		_, _ = io.WriteString(c, "in?")
		if got, err := io.ReadAll(c); string(got) != "full" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	wantRefusals(0, 0)
	turnedAway()
	wantRefusals(1, 0)
	if s := statsOf(t, l); s.BytesIn != 18 || s.BytesOut != 19 {
		t.Errorf("%+v", s)
	}
	done := make(chan error, 1)
	go func() { done <- e.Shutdown(t.Context()) }()
	eventually(t, "it drains", e.Draining)
	turnedAway()
	wantRefusals(1, 1)
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
