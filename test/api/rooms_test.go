package api_test

import (
	"fmt"
	"slices"
	"testing"

	"starling/hub"
)

// roomsOf asks a socket for its rooms, less that of its own id.
func roomsOf(t testing.TB, s *hub.Socket) string {
	t.Helper()
	names, err := s.Rooms(t.Context())
	if err != nil {
		t.Errorf("Rooms: %v", err) // handlers ask too
	}
	if len(names) > 0 && !slices.Contains(names, s.ID()) {
		t.Errorf("socket %s is not in the room of its own id, but in %q", s.ID(), names)
	}
	return fmt.Sprint(slices.DeleteFunc(names, func(name string) bool { return name == s.ID() }))
}

// TestRooms: a socket is in the rooms that it has joined and not left, besides that of its own id.
func TestRooms(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket := receive(t, connected)
		for _, step := range []struct {
			name string
			do   func() error
			want string
		}{
			{"at first", func() error { return nil }, "[]"},
			{"join a", func() error { return socket.Join("a") }, "[a]"},
			{"join b", func() error { return socket.Join("b") }, "[a b]"},
			{"join it again", func() error { return socket.Join("b") }, "[a b]"},
			{"join several", func() error { return socket.Join("c", "d", "e") }, "[a b c d e]"},
			{"leave one", func() error { return socket.Leave("b") }, "[a c d e]"},
			{"leave one that it is not in", func() error { return socket.Leave("unknown") }, "[a c d e]"},
			{"leave several", func() error { return socket.Leave("c", "e") }, "[a d]"},
			{"leave all", socket.LeaveAll, "[]"},
		} {
			ok(t, step.do())
			want(t, step.name+": its rooms", roomsOf(t, socket), step.want)
		}
		ok(t, s.To(socket.ID()).Emit("by its id"))
		p.expect(`42["by its id"]`)
	})
}

// TestEmptyRooms: a room begins with its first member and ends with its last one, and each counts its own.
func TestEmptyRooms(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p, q := join(t, s, k), join(t, s, k)
		one, two := receive(t, connected), receive(t, connected)
		count := func(when string, rooms, size int) {
			t.Helper()
			_ = roomsOf(t, one) // what was asked of it before is done
			_ = roomsOf(t, two)
			want(t, when+": the number of rooms", s.RoomsCount(), rooms)
			want(t, when+": the size of the room", s.RoomSize("a"), size)
		}
		count("at first", 0, 0)
		ok(t, one.Join("a"), two.Join("a", "b"))
		count("joined", 2, 2)
		ok(t, one.Leave("a"))
		count("one left", 2, 1)
		ok(t, two.Leave("a", "b"))
		count("both left", 0, 0)
		ok(t, one.Join("a"), two.Join("a"))
		p.hungUp()
		eventually(t, "the one that is gone is no longer counted", func() bool { return s.SocketsCount() == 1 })
		count("one is gone", 1, 1)
		q.send("41")
		eventually(t, "nobody is counted", func() bool { return s.SocketsCount() == 0 })
		count("both are gone", 0, 0)
	})
}

// TestListRooms: all rooms of the namespace are listed, page by page, with their sizes.
func TestListRooms(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		join(t, s, k)
		join(t, s, k)
		one, two := receive(t, connected), receive(t, connected)
		ok(t, one.Join("a", "b", "c"), two.Join("c", "d"))
		_, _ = roomsOf(t, one), roomsOf(t, two)
		for _, limit := range []int{0, 1, 3, 100} { // 0 is the default
			got := map[string]int{}
			for cursor := ""; ; {
				rooms, next := s.ListRooms(cursor, limit)
				for _, room := range rooms {
					got[room.Name] = room.Sockets
				}
				if cursor = next; cursor == "" {
					break
				}
			}
			want(t, "the list of rooms", fmt.Sprint(got), "map[a:1 b:1 c:2 d:1]")

			var ids []string
			for cursor := ""; ; {
				page, next, err := s.ListSockets(t.Context(), cursor, limit)
				ok(t, err)
				for _, socket := range page {
					ids = append(ids, socket.ID())
				}
				if cursor = next; cursor == "" {
					break
				}
			}
			slices.Sort(ids)
			both := []string{one.ID(), two.ID()}
			slices.Sort(both)
			want(t, "the list of sockets", fmt.Sprint(ids), fmt.Sprint(both))
		}
		for _, cursor := range []string{"none", "-1", "7-7", "99-0"} { // one that was not given out begins or ends somewhere
			rooms, _ := s.ListRooms(cursor, 0)
			found, _, err := s.ListSockets(t.Context(), cursor, 0)
			ok(t, err)
			if len(rooms) > 4 || len(found) > 2 {
				t.Errorf("cursor %q lists %v and %d sockets", cursor, rooms, len(found))
			}
		}
	})
}

// TestJoinAfterDisconnect: a socket that is gone joins nothing, whether it went by itself or was sent away.
func TestJoinAfterDisconnect(t *testing.T) {
	type row struct {
		name string
		end  func(p *peer, s *hub.Socket)
	}
	rows(t, []row{
		{"the server disconnects it", func(p *peer, s *hub.Socket) { s.Disconnect(false); p.expect("41") }},
		{"the client leaves", func(p *peer, _ *hub.Socket) { p.send("41") }},
		{"the client hangs up", func(p *peer, _ *hub.Socket) { p.hungUp() }},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		gone, connected := make(chan bool, 1), (<-chan *hub.Socket)(nil)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnDisconnect(func(s *hub.Socket, _ hub.Reason) { gone <- s.Connected() })
		})
		p := join(t, s, k)
		socket := receive(t, connected)
		ok(t, socket.Join("before"))
		r.end(p, socket)
		want(t, "Connected in OnDisconnect", receive(t, gone), false)
		ok(t, socket.Join("room1"), socket.Leave("room2"))
		want(t, "its rooms", roomsOf(t, socket), "[]")
		want(t, "the number of rooms", s.RoomsCount(), 0)
	})
}

// TestRoomEvents: rooms that come and go, and who joins and leaves them, are told in order. The rooms of the sockets' own
// ids, which the reference server tells of too, have no events.
func TestRoomEvents(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, connected := newNotes(), (<-chan *hub.Socket)(nil)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnRoom(func(e hub.RoomEvent) {
				noted.add("%s %s %s %s", e.Namespace.Name(), e.Kind, e.Room, e.SocketID)
			})
		})
		p, q := join(t, s, k), join(t, s, k)
		one, two := receive(t, connected), receive(t, connected)
		a, b := one.ID(), two.ID()
		step := func(err error, want ...string) {
			t.Helper()
			ok(t, err)
			noted.expect(t, want...)
		}
		step(one.Join("r1"), "/ create-room r1 ", "/ join-room r1 "+a)
		step(one.Join("r1"))
		step(two.Join("r1"), "/ join-room r1 "+b)
		step(two.Join("r2"), "/ create-room r2 ", "/ join-room r2 "+b)
		step(one.Leave("r1"), "/ leave-room r1 "+a)
		step(one.Leave("r1"))
		step(two.Leave("r1"), "/ leave-room r1 "+b, "/ delete-room r1 ")
		step(one.Join("r3"), "/ create-room r3 ", "/ join-room r3 "+a)
		step(two.Join("r3"), "/ join-room r3 "+b)
		step(two.LeaveAll())
		noted.expectInAnyOrder(t, "/ leave-room r2 "+b, "/ delete-room r2 ", "/ leave-room r3 "+b)
		q.send("41")
		p.hungUp()
		noted.expect(t, "/ leave-room r3 "+a, "/ delete-room r3 ")
		s.OnRoom(nil)
		p = join(t, s, k)
		one = receive(t, connected)
		ok(t, one.Join("r4"))
		want(t, "its rooms", roomsOf(t, one), "[r4]")
		p.settled("/")
		noted.none(t)
	})
}
