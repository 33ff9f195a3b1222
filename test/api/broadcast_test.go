package api_test

import (
	"strings"
	"testing"

	"starling/hub"
)

// crowd is some clients of one kind, with names: ann is in the room red, bob in red and blue, cid in blue, dan in none. eve
// is in another namespace, in a room red of that.
type crowd struct {
	s       *hub.Server
	peers   map[string]*peer
	sockets map[string]*hub.Socket
}

// crowdNames are those in the main namespace.
var crowdNames = []string{"ann", "bob", "cid", "dan"}

// gather makes a crowd.
func gather(t *testing.T, k kind, opts hub.Options, setup func(*hub.Server)) *crowd {
	t.Helper()
	var connected, others <-chan *hub.Socket
	c := &crowd{peers: map[string]*peer{}, sockets: map[string]*hub.Socket{}}
	c.s = start(t, k, opts, func(s *hub.Server) {
		connected, others = sockets(s), sockets(s.Of("/other"))
		s.Of("/other").On("sync", acked)
		if setup != nil {
			setup(s)
		}
	})
	for _, name := range crowdNames {
		c.peers[name] = join(t, c.s, k)
		c.sockets[name] = receive(t, connected)
	}
	eve := dial(t, c.s, k)
	eve.connect("/other", "")
	c.peers["eve"], c.sockets["eve"] = eve, receive(t, others)
	for name, rooms := range map[string][]string{"ann": {"red"}, "bob": {"red", "blue"}, "cid": {"blue"}, "eve": {"red"}} {
		ok(t, c.sockets[name].Join(rooms...))
		_ = roomsOf(t, c.sockets[name]) // they are in force for whoever emits
	}
	return c
}

// gets wants a packet to reach those who are named, and nobody else; what follows shows the latter.
func (c *crowd) gets(t *testing.T, names string, want ...string) {
	t.Helper()
	for _, name := range strings.Fields(names) {
		for _, w := range want {
			if got := c.peers[name].next(); got != w {
				t.Fatalf("%s got %q, want %q", name, got, w)
			}
		}
	}
}

// settled wants nobody to have got anything more.
func (c *crowd) settled() {
	for _, name := range crowdNames {
		c.peers[name].settled("/")
	}
	c.peers["eve"].settled("/other")
}

// TestBroadcast: an operator reaches whom it says, each once.
func TestBroadcast(t *testing.T) {
	type emitter interface {
		Emit(event string, args ...any) error
	}
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, nil)
		s, ann, bob := c.s, c.sockets["ann"], c.sockets["bob"]
		for _, row := range []struct {
			name string
			to   emitter
			gets string
		}{
			{"everyone", s, "ann bob cid dan"},
			{"another namespace", s.Of("/other"), "eve"},
			{"a room", s.To("red"), "ann bob"},
			{"a room, by In", s.In("red"), "ann bob"},
			{"a room that is not there", s.To("grey"), ""},
			{"a room of another namespace", s.Of("/other").To("red"), "eve"},
			{"two rooms, without repeating itself", s.To("red").To("blue"), "ann bob cid"},
			{"two rooms at once", s.To("red", "blue"), "ann bob cid"},
			{"one by its id", s.To(bob.ID()), "bob"},
			{"one by its id and its room", s.To(bob.ID(), "blue"), "bob cid"},
			{"no room at all, which is nobody", s.To(), ""}, // docs/COMPATIBILITY.md: the reference reaches everyone
			{"all but a room", s.Except("red"), "cid dan"},
			{"all but two rooms", s.Except("red").Except("blue"), "dan"},
			{"all but one", s.Except(ann.ID()), "bob cid dan"},
			{"all but a room, in a namespace", s.Of("/other").Except("red"), ""},
			{"a room but another", s.To("red").Except("blue"), "ann"},
			{"all but nobody", s.Except(), "ann bob cid dan"},
			{"of this server alone", s.Local(), "ann bob cid dan"},
			{"a room of this server alone", s.Local().To("red"), "ann bob"},
			{"compressed", s.Compress(true).To("blue"), "bob cid"},
			{"not compressed", s.Compress(false), "ann bob cid dan"},
			{"of a socket: the others", ann.Broadcast(), "bob cid dan"},
			{"of a socket: a room", ann.To("red"), "bob"},
			{"of a socket: by In", bob.In("blue"), "cid"},
			{"of a socket: two rooms", bob.To("red").To("blue"), "ann cid"},
			{"of a socket: all but a room", ann.Except("blue"), "dan"},
			{"of a socket: all but one", ann.Broadcast().Except(bob.ID()), "cid dan"},
			{"of a socket: of this server alone", ann.Broadcast().Local(), "bob cid dan"},
			{"of a socket: not compressed", ann.Broadcast().Compress(false).To("red"), "bob"},
			{"of a socket: to itself by its id", ann.To(ann.ID()), ""},
			{"a socket alone", ann, "ann"},
			{"a socket alone, not compressed", ann.Self().Compress(false), "ann"},
		} {
			ok(t, row.to.Emit("m", row.name))
			c.gets(t, row.gets, packetOf(row.gets, row.name))
		}
		c.settled()
	})
}

// packetOf is the event of a row as those get it who are named.
func packetOf(gets, name string) string {
	if gets == "eve" {
		return `42/other,["m","` + name + `"]`
	}
	return `42["m","` + name + `"]`
}

// TestBroadcastBytes: attachments go to each of those who are meant, behind their packet.
func TestBroadcastBytes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, nil)
		ok(t, c.s.Emit("bin", []byte{1, 2}))
		c.gets(t, "ann bob cid dan", `451-["bin",`+attached+`]`, "<bin 0102>")
		ok(t, c.sockets["ann"].To("red").Emit("bin", map[string]any{"b": []byte{3}}), c.sockets["ann"].Emit("bin2", []byte{4}))
		c.gets(t, "bob", `451-["bin",{"b":`+attached+`}]`, "<bin 03>")
		c.gets(t, "ann", `451-["bin2",`+attached+`]`, "<bin 04>")
		ok(t, c.s.Of("/other").Emit("bin", []byte{5}))
		c.gets(t, "eve", `451-/other,["bin",`+attached+`]`, "<bin 05>")
		c.settled()
	})
}

// TestOperatorsNeverChange: whatever is made of one, it stays what it was.
func TestOperatorsNeverChange(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, nil)
		for _, row := range []struct {
			name string
			op   hub.BroadcastOperator
			gets string
		}{
			{"of the server", c.s.Local().Compress(false).To("red", "green").Except("blue"), "ann"},
			{"of a socket", c.sockets["ann"].Broadcast().Local().To("red", "blue").Except(c.sockets["cid"].ID()), "bob"},
		} {
			_ = row.op.To("blue").Except("red")
			_ = row.op.Volatile().Compress(true).In(c.sockets["dan"].ID())
			ok(t, row.op.To("more").Emit("derived"), row.op.Except("red", "blue").Emit("nobody"), row.op.Emit("base", row.name))
			c.gets(t, row.gets, `42["derived"]`, `42["base","`+row.name+`"]`)
		}
		c.settled()
	})
}

// TestBroadcastFromHandlers: rooms and broadcasts as an application has clients ask for them.
func TestBroadcastFromHandlers(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnConnect(func(s *hub.Socket) { ok(t, s.Join("lobby")) })
			s.On("join", func(s *hub.Socket, e *hub.Event) {
				var room string
				ok(t, e.Bind(&room), s.Join(room), e.Ack())
			})
			s.On("leave", func(s *hub.Socket, e *hub.Event) {
				var room string
				ok(t, e.Bind(&room), s.Leave(room), e.Ack())
			})
			s.On("say", func(s *hub.Socket, e *hub.Event) {
				var room string
				ok(t, e.Bind(&room), s.To(room).Emit("said", e.Raw(1)), s.Emit("sent"))
			})
		})
		p := joinAll(t, s, k, 3)
		for _, one := range p[:2] {
			one.send(`421["join","woot"]`)
			one.expect(`431[]`)
		}
		p[0].send(`42["say","woot","hi"]`)
		p[0].expect(`42["sent"]`)
		p[1].expect(`42["said","hi"]`)
		p[1].send(`422["leave","woot"]`)
		p[1].expect(`432[]`)
		p[0].send(`42["say","woot","anybody?"]`)
		p[0].expect(`42["sent"]`)
		p[2].send(`42["say","lobby",[1]]`) // all joined it on connect
		p[2].expect(`42["sent"]`)
		p[0].expect(`42["said",[1]]`)
		p[1].expect(`42["said",[1]]`)
		p[1].hungUp()
		p[0].send(`42["say","lobby",2]`)
		p[0].expect(`42["sent"]`)
		p[2].expect(`42["said",2]`)
		for _, one := range []*peer{p[0], p[2]} {
			one.settled("/")
		}
	})
}
