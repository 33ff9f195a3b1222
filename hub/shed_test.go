package hub

import (
	"maps"
	"strings"
	"testing"
)

// TestShares: the loops' shares are those for whom most waits, and no more of them than it takes.
func TestShares(t *testing.T) {
	for _, row := range []struct {
		name     string
		backlogs map[int][]int
		bytes    int
		want     map[int]int
	}{
		{"nobody", map[int][]int{0: {}, 1: nil}, 10, map[int]int{}},
		{"one is enough", map[int][]int{0: {5, 3}, 1: {100, 1}}, 100, map[int]int{1: 1}},
		{"one byte more", map[int][]int{0: {5, 3}, 1: {100, 1}}, 101, map[int]int{0: 1, 1: 1}},
		{"all of one loop", map[int][]int{0: {50, 40}, 1: {30}}, 90, map[int]int{0: 2}},
		{"equal ones", map[int][]int{0: {10, 10, 10}, 1: {10, 10}}, 35, map[int]int{0: 3, 1: 1}},
		{"more than there is", map[int][]int{0: {10}, 3: {10, 5}}, 1000, map[int]int{0: 1, 3: 2}},
		{"nothing is wanted", map[int][]int{0: {10}}, 0, map[int]int{}},
	} {
		if got := sharesOf(row.backlogs, row.bytes); !maps.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestShedSlowest: of clients that do not read, on several loops, the worst go, and nobody else.
func TestShedSlowest(t *testing.T) {
	const size = 1 << 20
	gone := newNotes()
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 3, OutboundBytesPerConnMax: 64 * size}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack(e.Raw(0)) })
		s.OnDisconnect(func(s *Socket, r Reason) { gone.add("%v: %s", s.Data(), r) })
	})
	if n := s.ShedSlowest(size); n != 0 {
		t.Errorf("%d bytes of nobody's", n)
	}
	text := strings.Repeat("x", size)
	for i, megabytes := range []int{16, 12, 20} { // more than the kernel takes
		_ = join(t, s).conn.SetReadBuffer(4 << 10)
		socket := receive(t, sockets)
		socket.SetData(i)
		for range megabytes {
			emit(t, socket.Self(), "big", text)
		}
	}
	_, _ = joinPolling(t, s) // what waits for it is less than what waits for any other
	polls := receive(t, sockets)
	polls.SetData("polls")
	emit(t, polls.Self(), "small", text[:1000])
	quick := join(t, s)
	receive(t, sockets).SetData("quick")

	backlog := func() int { return stats(t, s).Total().PendingBytes }
	eventually(t, "they are blocked", func() bool { return stats(t, s).Total().BlockedConnections == 3 && backlog() > 25*size })
	waits := backlog()
	if freed := s.ShedSlowest(1); freed < 8*size || freed > 20*size+size {
		t.Errorf("%d bytes were freed", freed)
	}
	gone.expect(t, "2: slow consumer")
	eventually(t, "it is gone", func() bool { return stats(t, s).Total().BlockedConnections == 2 })
	if now := backlog(); now > waits-8*size {
		t.Errorf("%d bytes wait, before it were %d", now, waits)
	}
	if freed := s.ShedSlowest(1 << 40); freed < 10*size {
		t.Errorf("%d bytes were freed", freed)
	}
	gone.expectInAnyOrder(t, "0: slow consumer", "1: slow consumer", "polls: slow consumer")
	eventually(t, "nothing waits", func() bool { return backlog() == 0 })
	gone.none(t)
	quick.send(`421["echo","a"]`)
	quick.expect(`431["a"]`)
	if got := stats(t, s).Closed[ReasonSlowConsumer]; got != 4 {
		t.Errorf("%d sessions have ended so", got)
	}
	for _, bytes := range []int{0, -1, 5} {
		if n := s.ShedSlowest(bytes); n != 0 {
			t.Errorf("%d bytes of nobody's", n)
		}
	}
	if n := New(Options{}).ShedSlowest(1); n != 0 {
		t.Errorf("%d bytes before Listen", n)
	}
}

// TestOnLoopsEnds: whoever waits for the loops is let go when they stop.
func TestOnLoopsEnds(t *testing.T) {
	s, stop := startServer(t, Options{}, nil)
	if got, err := onLoops(t.Context(), s, func(sh *shard) int { return sh.loop.Index() }); err != nil || !maps.Equal(got, map[int]int{0: 0, 1: 1}) {
		t.Errorf("%v, %v", got, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got, err := onLoops(t.Context(), s, func(*shard) int { return 1 }); err != ErrShutdown || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}
