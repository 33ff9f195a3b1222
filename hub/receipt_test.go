package hub

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
)

// socketsOf collects the sockets of a server as they connect.
func socketsOf(n *Namespace) <-chan *Socket {
	sockets := make(chan *Socket, 1000)
	n.OnConnect(func(s *Socket) { sockets <- s })
	return sockets
}

func TestEmitReceipt(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 4}, func(s *Server) { sockets = socketsOf(s.Namespace) })
	peers := joinAll(t, s, 20)
	var ids []string
	for i := range peers {
		socket := receive(t, sockets)
		ids = append(ids, socket.ID())
		if i < 7 {
			if err := socket.Join("few", "many"); err != nil {
				t.Fatal(err)
			}
		}
	}
	child := s.OfMatch(regexp.MustCompile("^/child$"))
	for _, row := range []struct {
		name string
		to   BroadcastOperator
		want int
	}{
		{"everyone", s.Except(), 20},
		{"a room", s.To("few"), 7},
		{"two rooms with the same members, and an id", s.To("few", "many", ids[10]), 8},
		{"an id", s.To(ids[3]), 1},
		{"all but two", s.Except(ids[0], ids[19]), 18},
		{"a room but the others of it", s.To("few").Except("many"), 0},
		{"nobody by name", s.To(), 0},
		{"an empty room", s.To("none"), 0},
		{"an empty namespace", s.Of("/empty").Except(), 0},
		{"a parent without children", child.Except(), 0},
		{"volatile", s.To("few").Volatile(), 7},
	} {
		r, err := row.to.EmitReceipt("hello", 1)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		d, err := r.Wait(t.Context())
		if want := (Delivery{Matched: row.want, Queued: row.want}); d != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", row.name, d, err, want)
		}
		if n, err := row.to.Count(t.Context()); n != row.want || err != nil {
			t.Errorf("%s: counted %d, %v; want %d", row.name, n, err, row.want)
		}
	}
	if _, err := s.EmitReceipt("connect"); !errors.Is(err, ErrReservedEvent) {
		t.Errorf("a reserved event: %v", err)
	}
}

// TestReceiptsOfABatch: broadcasts that wait together go out as one piece, and each has its own receipt.
func TestReceiptsOfABatch(t *testing.T) {
	s := start(t, Options{}, nil)
	joinAll(t, s, 10)
	var receipts []*Receipt
	for i := range 500 {
		r, err := s.EmitReceipt("n", i)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	for i, r := range receipts {
		if d, err := r.Wait(t.Context()); d != (Delivery{Matched: 10, Queued: 10}) || err != nil {
			t.Fatalf("receipt %d: %+v, %v", i, d, err)
		}
	}
}

// TestReceiptOfTheDropped: who polls and has no GET waiting does not keep up.
func TestReceiptOfTheDropped(t *testing.T) {
	s := start(t, Options{}, nil)
	joinPolling(t, s)
	join(t, s)
	r, err := s.Volatile().EmitReceipt("now or never")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := r.Wait(t.Context()); d != (Delivery{Matched: 2, Queued: 1, Dropped: 1}) || err != nil {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestReceiptGivesUp(t *testing.T) {
	r := &Receipt{done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Wait(ctx); err != context.Canceled {
		t.Errorf("Wait = %v", err)
	}
	s, stop := startServer(t, Options{}, nil)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.expect(s)
	if _, err := r.Wait(t.Context()); err != ErrShutdown {
		t.Errorf("Wait = %v", err)
	}
}

func TestSocketByID(t *testing.T) {
	for _, opts := range []Options{{Loops: 4}, {Loops: 4, Recovery: &Recovery{}}} {
		t.Run(fmt.Sprint("recovery ", opts.Recovery != nil), func(t *testing.T) {
			var sockets <-chan *Socket
			s := start(t, opts, func(s *Server) { sockets = socketsOf(s.Namespace) })
			peers := joinAll(t, s, 20)
			var last *Socket
			for range peers {
				last = receive(t, sockets)
				if got, err := s.Socket(t.Context(), last.ID()); got != last || err != nil {
					t.Fatalf("Socket(%s) = %v, %v", last.ID(), got, err)
				}
				if _, err := s.Of("/other").Socket(t.Context(), last.ID()); err != ErrDisconnected {
					t.Errorf("in another namespace: %v", err)
				}
			}
			for _, id := range []string{"", "room", "AAAAAAAAAAAAAAAAAAAA", "_____________________", last.ID()[:19], last.ID() + "="} {
				if got, err := s.Socket(t.Context(), id); got != nil || err != ErrDisconnected {
					t.Errorf("Socket(%q) = %v, %v", id, got, err)
				}
			}
			last.Disconnect(true)
			eventually(t, "it has left", func() bool { return !last.Connected() })
			if _, err := s.Socket(t.Context(), last.ID()); err != ErrDisconnected {
				t.Errorf("one that has left: %v", err)
			}
			if _, err := last.Info(t.Context()); err != ErrDisconnected {
				t.Errorf("Info of one that has left: %v", err)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) { sockets = socketsOf(s.Namespace) })
	join(t, s)
	socket := receive(t, sockets)
	if err := socket.Join("b", "a"); err != nil {
		t.Fatal(err)
	}
	info, err := socket.Info(t.Context())
	if err != nil || len(info.Rooms) != 3 || info.Transport != "websocket" || info.QueuedBytes != 0 || info.RTT != 0 {
		t.Errorf("over a WebSocket: %+v, %v", info, err)
	}
	joinPolling(t, s)
	socket = receive(t, sockets)
	if err := socket.Emit("waiting"); err != nil {
		t.Fatal(err)
	}
	info, err = socket.Info(t.Context())
	if err != nil || info.Transport != "polling" || info.QueuedBytes < len(`42["waiting"]`) {
		t.Errorf("by polling: %+v, %v", info, err)
	}
}

// TestListMembers lists a room in pages, all of which together are the room.
func TestListMembers(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 4}, func(s *Server) { sockets = socketsOf(s.Namespace) })
	want := map[string]bool{}
	for i := range joinAll(t, s, 30) {
		socket := receive(t, sockets)
		if i%3 == 0 {
			continue
		}
		want[socket.ID()] = true
		if err := socket.Join("room"); err != nil {
			t.Fatal(err)
		}
		roomsOf(t, socket) // it has joined
	}
	for _, limit := range []int{0, 1, 3, 19, 20, 21, 5000} {
		got, cursor := map[string]bool{}, ""
		for pages := 0; ; pages++ {
			page, next, err := s.ListMembers(t.Context(), "room", cursor, limit)
			if err != nil || limit > 0 && len(page) > limit || pages > 100 {
				t.Fatalf("limit %d: page %d of %d, %v", limit, pages, len(page), err)
			}
			for _, m := range page {
				if got[m.ID()] || !want[m.ID()] {
					t.Errorf("limit %d: %s is listed twice, or is no member", limit, m.ID())
				}
				got[m.ID()] = true
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if len(got) != len(want) {
			t.Errorf("limit %d: %d members, want %d", limit, len(got), len(want))
		}
	}
	if page, next, err := s.ListMembers(t.Context(), "empty", "", 0); len(page) > 0 || next != "" || err != nil {
		t.Errorf("an empty room: %v, %q, %v", page, next, err)
	}
	if page, next, err := s.ListMembers(t.Context(), "room", "no cursor", 0); len(page) > 0 || next != "" || err != nil {
		t.Errorf("no cursor: %v, %q, %v", page, next, err)
	}
}

// TestOnOther: what has no handler of its own comes to it, in order with the rest, and can be acknowledged.
func TestOnOther(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		s.On("known", func(_ *Socket, e *Event) { noted.add("known %d", e.Size()) })
		s.OnOther(func(_ *Socket, e *Event) {
			noted.add("%s %d", e.Name(), e.Size())
			_ = e.Ack(e.Name())
		})
	})
	c := join(t, s)
	c.send(`42["known",1]`, `421["strange",[1,2]]`, `42["known"]`)
	c.expect(`431["strange"]`)
	noted.expect(t, "known 6", "strange 12", "known 5")
}

// TestReceiptThatIsDone: what is counted is counted, also for who does not wait any more.
func TestReceiptThatIsDone(t *testing.T) {
	s := start(t, Options{}, nil)
	joinAll(t, s, 3)
	r, err := s.EmitReceipt("hello")
	if err != nil {
		t.Fatal(err)
	}
	receive(t, r.done)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 1000 { // a choice at random would be the wrong one soon
		if d, err := r.Wait(ctx); d != (Delivery{Matched: 3, Queued: 3}) || err != nil {
			t.Fatalf("counted %+v, %v", d, err)
		}
	}
}

// TestSocketsByID finds many at once, and nobody else.
func TestSocketsByID(t *testing.T) {
	for _, recovery := range []*Recovery{nil, {}} {
		var sockets <-chan *Socket
		s := start(t, Options{Loops: 4, Recovery: recovery}, func(s *Server) { sockets = socketsOf(s.Namespace) })
		want := map[string]bool{}
		ids := []string{"", "x", "none-of-all-sockets-", "none-of-all-sockets_"}
		for i := range joinAll(t, s, 8) {
			socket := receive(t, sockets)
			ids = append(ids, socket.ID(), socket.ID())
			if err := socket.Join("r", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			want[socket.ID()] = true
		}
		found, err := s.SocketsByID(t.Context(), ids)
		if err != nil || len(found) != len(want) {
			t.Fatalf("found %d of %d, %v", len(found), len(want), err)
		}
		for id, f := range found {
			if !want[id] || f.Socket.ID() != id || len(f.Rooms) != 3 || !slices.Contains(f.Rooms, "r") || !slices.Contains(f.Rooms, id) {
				t.Errorf("%s is %s in %q", id, f.Socket.ID(), f.Rooms)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		release := make(chan struct{})
		for _, sh := range s.column() {
			sh.loop.PostAlways(taskFunc(func() { <-release }))
		}
		if _, err := s.SocketsByID(ctx, ids); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		close(release)
	}
}
