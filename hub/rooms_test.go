package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// roomsOf asks a socket for its rooms, less that of its own id.
func roomsOf(t *testing.T, s *Socket) string {
	t.Helper()
	names, err := s.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(names) || len(names) > 0 && !slices.Contains(names, s.ID()) {
		t.Errorf("rooms %q of socket %s", names, s.ID())
	}
	return fmt.Sprint(slices.DeleteFunc(names, func(name string) bool { return name == s.ID() }))
}

func TestRooms(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	c := join(t, s)
	socket := receive(t, sockets)
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"at first", func() error { return nil }, "[]"},
		{"join two", func() error { return socket.Join("b", "a") }, "[a b]"},
		{"join one again", func() error { return socket.Join("a") }, "[a b]"},
		{"join none", func() error { return socket.Join() }, "[a b]"},
		{"leave one", func() error { return socket.Leave("b", "not there") }, "[a]"},
		{"names of prototypes", func() error { return socket.Join("__proto__", "constructor") }, "[__proto__ a constructor]"},
		{"its own id", func() error { return socket.Join(socket.ID()) }, "[__proto__ a constructor]"},
		{"not out of its own id", func() error { return socket.Leave(socket.ID()) }, "[__proto__ a constructor]"},
		{"leave all", socket.LeaveAll, "[]"},
		{"many", func() error {
			for i := range 100 {
				if err := socket.Join(fmt.Sprintf("%03d", i)); err != nil {
					return err
				}
			}
			for i := range 98 {
				if err := socket.Leave(fmt.Sprintf("%03d", i)); err != nil {
					return err
				}
			}
			return nil
		}, "[098 099]"},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := roomsOf(t, socket); got != step.want {
			t.Errorf("%s: rooms %s, want %s", step.name, got, step.want)
		}
	}
	emit(t, s.To(socket.ID()), "still reached by its id")
	c.expect(`42["still reached by its id"]`)
}

func TestNamesOfRooms(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	c := join(t, s)
	socket := receive(t, sockets)
	longest := strings.Repeat("r", RoomBytesMax)
	for name, do := range map[string]func(...string) error{"Join": socket.Join, "Leave": socket.Leave} {
		for _, rooms := range [][]string{{""}, {longest + "r"}, {"fine", ""}, {longest + "r", "fine"}} {
			if err := do(rooms...); !errors.Is(err, ErrRoomName) {
				t.Errorf("%s(%.10q) = %v, want ErrRoomName", name, rooms, err)
			}
		}
	}
	if got := roomsOf(t, socket); got != "[]" {
		t.Errorf("rooms %s: one wrong name must keep it out of all", got)
	}
	if err := socket.Join(longest); err != nil {
		t.Fatal(err)
	}
	emit(t, s.To(longest), "m")
	c.expect(`42["m"]`)
	emit(t, s.To(longest+"r", ""), "nobody can be there")
	emit(t, socket, "end")
	c.expect(`42["end"]`)
}

// TestAJoinIsInForceForAnEmitBehindIt, and a leave too.
func TestAJoinIsInForceForAnEmitBehindIt(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 4}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	c := join(t, s)
	socket := receive(t, sockets)
	for i := range 200 {
		room := fmt.Sprint("r", i)
		if err := socket.Join(room); err != nil {
			t.Fatal(err)
		}
		emit(t, s.To(room), "in", i)
		if err := socket.Leave(room); err != nil {
			t.Fatal(err)
		}
		emit(t, s.To(room), "out", i)
	}
	for i := range 200 {
		c.expect(fmt.Sprintf(`42["in",%d]`, i))
	}
}

// TestJoinInMiddleware counts from the moment at which the socket is connected, and not before.
func TestJoinInMiddleware(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.Use(func(s *Socket) error {
			for _, err := range []error{s.Join("a", "b", "c"), s.Leave("b"), s.Emit("lost"), s.Namespace().To("a").Emit("too early")} {
				if err != nil {
					t.Error(err)
				}
			}
			return nil
		})
	})
	c := join(t, s)
	socket := receive(t, sockets)
	emit(t, s.To("a"), "m")
	c.expect(`42["m"]`)
	if got := roomsOf(t, socket); got != "[a c]" {
		t.Errorf("rooms %s, want [a c]", got)
	}
	onLoop(socket, func() {
		if n := len(socket.client.shard.early); n != 0 {
			t.Errorf("%d changes of rooms are still kept", n)
		}
	})
}

// TestJoinAfterDisconnect leaves no ghost in the room.
func TestJoinAfterDisconnect(t *testing.T) {
	var sockets <-chan *Socket
	gone := make(chan Reason, 1)
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnDisconnect(func(s *Socket, r Reason) {
			if s.Connected() {
				t.Error("connected in OnDisconnect")
			}
			if err := s.Join("from OnDisconnect"); err != nil {
				t.Error(err)
			}
			gone <- r
		})
	})
	c := join(t, s)
	socket := receive(t, sockets)
	if err := socket.Join("before"); err != nil {
		t.Fatal(err)
	}
	c.leave()
	receive(t, gone)
	if err := socket.Join("after"); err != nil {
		t.Fatal(err)
	}
	if names, err := socket.Rooms(context.Background()); names != nil || err != nil {
		t.Errorf("rooms %q, %v; want none", names, err)
	}
	onLoop(socket, func() {
		x := socket.client.shard.space(s.Namespace).index
		if x.Len() != 0 || x.Rooms() != 0 || socket.members.Len() != 0 || len(socket.client.shard.early) != 0 {
			t.Errorf("%d members, %d rooms, %d memberships, %d changes are left", x.Len(), x.Rooms(), socket.members.Len(), len(socket.client.shard.early))
		}
	})
}

// TestRoomsGivesUp when its loop does not answer, as long as it is asked to wait.
func TestRoomsGivesUp(t *testing.T) {
	var sockets <-chan *Socket
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, Options{Loops: 1}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("hold", func(*Socket, *Event) { close(entered); <-release })
	})
	c := join(t, s)
	socket := receive(t, sockets)
	c.send(`42["hold"]`)
	receive(t, entered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := socket.Rooms(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Rooms = %v, want context.Canceled", err)
	}
	close(release)
	if got := roomsOf(t, socket); got != "[]" {
		t.Errorf("rooms %s", got)
	}
}
