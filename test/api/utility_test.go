package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/hub"
)

// named are the names in the crowd of sockets that were fetched, sorted.
func (c *crowd) named(fetched []*hub.RemoteSocket) string {
	var names []string
	for _, r := range fetched {
		for name, socket := range c.sockets {
			if socket.ID() == r.ID() {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestFetchSockets: those that an operator means.
func TestFetchSockets(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		type fetcher interface {
			FetchSockets(ctx context.Context) ([]*hub.RemoteSocket, error)
		}
		c := gather(t, k, hub.Options{}, nil)
		for _, row := range []struct {
			name string
			of   fetcher
			want string
		}{
			{"all", c.s, "ann bob cid dan"},
			{"of another namespace", c.s.Of("/other"), "eve"},
			{"of a room", c.s.In("red"), "ann bob"},
			{"of two rooms", c.s.In("red").In("blue"), "ann bob cid"},
			{"of a room but another", c.s.In("red").Except("blue"), "ann"},
			{"of a room that is not there", c.s.In("grey"), ""},
			{"of no room", c.s.To(), ""},
			{"one by its id", c.s.In(c.sockets["dan"].ID()), "dan"},
			{"of this server alone", c.s.Local(), "ann bob cid dan"},
			{"of a socket: the others", c.sockets["ann"].Broadcast(), "bob cid dan"},
			{"of a socket: a room", c.sockets["ann"].To("red"), "bob"},
		} {
			fetched, err := row.of.FetchSockets(t.Context())
			ok(t, err)
			want(t, row.name, c.named(fetched), row.want)
		}
	})
}

// TestRemoteSocket: what is known of a socket that was fetched, and what can be done with it.
func TestRemoteSocket(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, nil)
		bob := c.sockets["bob"]
		bob.SetData(map[string]string{"username": "john"})
		fetched, err := c.s.In(bob.ID()).FetchSockets(t.Context())
		if err != nil || len(fetched) != 1 {
			t.Fatalf("fetched %v, %v", fetched, err)
		}
		r := fetched[0]
		want(t, "its id", r.ID(), bob.ID())
		rooms := slices.DeleteFunc(r.Rooms(), func(room string) bool { return room == bob.ID() })
		slices.Sort(rooms)
		want(t, "its rooms", fmt.Sprint(rooms), "[blue red]")
		want(t, "its handshake", fmt.Sprint(r.Handshake()), fmt.Sprint(bob.Handshake()))
		var data struct{ Username string }
		ok(t, r.Data(&data))
		want(t, "its data", data.Username, "john")

		ok(t, r.Emit("hello", 1), r.Join("green", "grey"), r.Leave("red"))
		c.gets(t, "bob", `42["hello",1]`)
		eventually(t, "it is in the rooms", func() bool { return roomsOf(t, bob) == "[blue green grey]" })
		answered := make(chan string, 1)
		go func() {
			reply, err := r.EmitWithAck(context.Background(), "question")
			ok(t, err)
			answered <- valueOf(reply)
		}()
		c.gets(t, "bob", `420["question"]`)
		c.peers["bob"].send(`430[2]`)
		want(t, "its answer", receive(t, answered), "2")
		ok(t, r.Disconnect(false))
		c.gets(t, "bob", "41")
		delete(c.peers, "bob")
		for _, name := range []string{"ann", "cid", "dan"} {
			c.peers[name].settled("/")
		}
	})
}

// TestSocketsJoinAndLeave: those that an operator means join and leave rooms together.
func TestSocketsJoinAndLeave(t *testing.T) {
	type row struct {
		name string
		do   func(c *crowd) error
		want string // of ann, bob, cid and dan
	}
	rows(t, []row{
		{"all join", func(c *crowd) error { return c.s.SocketsJoin("green") }, "[green red] [blue green red] [blue green] [green]"},
		{"all join several", func(c *crowd) error { return c.s.SocketsJoin("green", "red") }, "[green red] [blue green red] [blue green red] [green red]"},
		{"those in a room join", func(c *crowd) error { return c.s.In("red").SocketsJoin("green") }, "[green red] [blue green red] [blue] []"},
		{"all but a room join", func(c *crowd) error { return c.s.Except("red").SocketsJoin("green") }, "[red] [blue red] [blue green] [green]"},
		{"one joins", func(c *crowd) error { return c.s.In(c.sockets["dan"].ID()).SocketsJoin("red") }, "[red] [blue red] [blue] [red]"},
		{"the others join", func(c *crowd) error { return c.sockets["ann"].Broadcast().SocketsJoin("green") }, "[red] [blue green red] [blue green] [green]"},
		{"nobody joins", func(c *crowd) error { return c.s.To().SocketsJoin("green") }, "[red] [blue red] [blue] []"},
		{"all leave", func(c *crowd) error { return c.s.SocketsLeave("red") }, "[] [blue] [blue] []"},
		{"all leave several", func(c *crowd) error { return c.s.SocketsLeave("red", "blue") }, "[] [] [] []"},
		{"those in a room leave another", func(c *crowd) error { return c.s.In("blue").SocketsLeave("red") }, "[red] [blue] [blue] []"},
		{"those in a room leave it", func(c *crowd) error { return c.s.In("blue").SocketsLeave("blue") }, "[red] [red] [] []"},
		{"one leaves", func(c *crowd) error { return c.s.In(c.sockets["bob"].ID()).SocketsLeave("red", "grey") }, "[red] [blue] [blue] []"},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		c := gather(t, k, hub.Options{}, nil)
		ok(t, r.do(c))
		var got []string
		for _, name := range crowdNames {
			got = append(got, roomsOf(t, c.sockets[name]))
		}
		want(t, "their rooms", strings.Join(got, " "), r.want)
		want(t, "those of another namespace", roomsOf(t, c.sockets["eve"]), "[red]")
	})
}

// TestParentUtilities: what an operator of a parent means is what it means in each child.
func TestParentUtilities(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var parent *hub.ParentNamespace
		connected := make(chan *hub.Socket, 2)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			parent = s.OfMatch(numbered)
			parent.On("sync", acked)
			parent.OnConnect(func(s *hub.Socket) { connected <- s })
		})
		fetched, err := parent.FetchSockets(t.Context()) // without a child so far
		ok(t, err, parent.SocketsJoin("early"), parent.Emit("early"))
		want(t, "the number of sockets", len(fetched), 0)
		p := dial(t, s, k)
		p.connect("/dynamic-1", "")
		p.connect("/dynamic-2", "")
		one, two := receive(t, connected), receive(t, connected)
		ok(t, one.Join("red"), parent.SocketsJoin("green"), parent.In(two.ID()).SocketsJoin("blue"), parent.Except("red").SocketsLeave("green"))
		want(t, "the rooms of one", roomsOf(t, one), "[green red]")
		want(t, "the rooms of the other", roomsOf(t, two), "[blue]")
		for _, row := range []struct {
			name string
			of   hub.BroadcastOperator
			want int
		}{
			{"all", parent.Local(), 2}, {"a room", parent.In("green"), 1}, {"all but a room", parent.Except("blue"), 1}, {"nobody", parent.To(), 0},
		} {
			fetched, err := row.of.FetchSockets(t.Context())
			ok(t, err)
			want(t, "the number of sockets: "+row.name, len(fetched), row.want)
		}
		ok(t, parent.Local().Compress(false).To("blue").Emit("hello"), parent.In("green").DisconnectSockets(false))
		p.expect(`42/dynamic-2,["hello"]`, "41/dynamic-1,")
		p.settled("/dynamic-2")
	})
}

// TestDisconnectSockets: those that an operator means go, behind what was emitted to them before.
func TestDisconnectSockets(t *testing.T) {
	type row struct {
		name  string
		do    func(c *crowd) error
		close bool
		gone  string
	}
	rows(t, []row{
		{"all", func(c *crowd) error { return c.s.DisconnectSockets(false) }, false, "ann bob cid dan"},
		{"all, with their connections", func(c *crowd) error { return c.s.DisconnectSockets(true) }, true, "ann bob cid dan"},
		{"those in a room", func(c *crowd) error { return c.s.In("red").DisconnectSockets(true) }, true, "ann bob"},
		{"all but a room", func(c *crowd) error { return c.s.Except("red").DisconnectSockets(false) }, false, "cid dan"},
		{"the others", func(c *crowd) error { return c.sockets["ann"].Broadcast().DisconnectSockets(true) }, true, "bob cid dan"},
		{"nobody", func(c *crowd) error { return c.s.To().DisconnectSockets(true) }, true, ""},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted := newNotes()
		c := gather(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { noted.add("%s", reason) })
		})
		ok(t, c.s.Emit("bye"), r.do(c))
		c.gets(t, "ann bob cid dan", `42["bye"]`)
		for _, name := range crowdNames {
			if !strings.Contains(r.gone, name) {
				c.peers[name].settled("/")
				continue
			}
			c.gets(t, name, "41")
			if r.close {
				c.peers[name].ended()
			}
			noted.expect(t, string(hub.ReasonServerNamespaceDisconnect))
		}
		c.peers["eve"].settled("/other")
		noted.none(t)
	})
}
