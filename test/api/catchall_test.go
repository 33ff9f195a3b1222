package api_test

import (
	"strings"
	"testing"

	"starling/hub"
)

// TestOnAny: each event is shown first, whether it has a handler or not, and acknowledgements are not.
func TestOnAny(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, connected := newNotes(), (<-chan *hub.Socket)(nil)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnAny(func(s *hub.Socket, e *hub.Event) { noted.add("any: %s of %d, %s", e.Name(), e.Len(), e.Raw(0)) })
			s.UseEvent(func(_ *hub.Socket, e *hub.Event) error { noted.add("middleware: %s", e.Name()); return nil })
			s.On("handled", func(_ *hub.Socket, e *hub.Event) { noted.add("handler: %s", e.Raw(0)); ok(t, e.Ack()) })
			s.OnLoop("on the loop", func(_ *hub.Socket, e *hub.Event) { noted.add("loop: %s", e.Raw(0)); ok(t, e.Ack()) })
			s.Of("/other").On("sync", acked)
		})
		p := join(t, s, k)
		p.connect("/other", "")
		p.send(`421["handled","123"]`)
		p.expect(`431[]`)
		noted.expect(t, `any: handled of 1, "123"`, "middleware: handled", `handler: "123"`)
		p.send(`422["on the loop",4]`)
		p.expect(`432[]`)
		noted.expect(t, "any: on the loop of 1, 4", "middleware: on the loop", "loop: 4")
		p.send(`42["my-event","123"]`)
		noted.expect(t, `any: my-event of 1, "123"`, "middleware: my-event")
		p.settled("/other")
		noted.none(t)

		answered := make(chan error, 1)
		ok(t, receive(t, connected).EmitAck(0, "question", func(_ *hub.Reply, err error) { answered <- err }))
		p.expect(`420["question"]`)
		p.send(`430[]`)
		ok(t, receive(t, answered))
		noted.none(t)
	})
}

// TestOnAnyBytes: what is shown has its attachments, and can be sent on.
func TestOnAnyBytes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnAny(func(s *hub.Socket, e *hub.Event) {
				values, err := e.Values(0)
				ok(t, err, s.Emit("seen "+e.Name(), values...))
			})
		})
		p := join(t, s, k)
		p.send(`451-["bin",{"b":`+attached+`}]`, "<bin 0102>")
		p.expect(`451-["seen bin",{"b":`+attached+`}]`, "<bin 0102>")
	})
}

// TestOnAnyIsReplaced, and removed by nil. There is one for each namespace, where the reference server has lists: so
// neither can one be put before another, nor one of many be removed.
func TestOnAnyIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, connected := newNotes(), (<-chan *hub.Socket)(nil)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnAny(func(*hub.Socket, *hub.Event) { t.Error("the first one was called") })
			s.OnAny(func(_ *hub.Socket, e *hub.Event) { noted.add("in: %s", e.Name()) })
			s.OnAnyOutgoing(func(*hub.Socket, *hub.Outgoing) { t.Error("the first one was called") })
			s.OnAnyOutgoing(func(_ *hub.Socket, o *hub.Outgoing) { noted.add("out: %s", o.Name()) })
		})
		p := join(t, s, k)
		p.settled("/")
		noted.expect(t, "in: sync")
		ok(t, receive(t, connected).Emit("x"))
		p.expect(`42["x"]`)
		noted.expect(t, "out: x")
		s.OnAny(nil)
		s.OnAnyOutgoing(nil)
		p.settled("/")
		ok(t, s.Emit("y"))
		p.expect(`42["y"]`)
		noted.none(t)
	})
}

// TestOnAnyOutgoing: each event that a socket is sent is shown, for each socket that gets it.
func TestOnAnyOutgoing(t *testing.T) {
	type row struct {
		name string
		emit func(t *testing.T, c *crowd)
		gets string
		want string // what is shown of it
	}
	rows(t, []row{
		{"to a socket", func(t *testing.T, c *crowd) { ok(t, c.sockets["ann"].Emit("my-event", "123")) }, "ann", `my-event 1 "123"`},
		{"to everyone", func(t *testing.T, c *crowd) { ok(t, c.s.Emit("my-event", "123", 4)) }, "ann bob cid dan", `my-event 2 "123"`},
		{"to a room", func(t *testing.T, c *crowd) { ok(t, c.s.To("red").Except("blue").Emit("my-event")) }, "ann", "my-event 0 "},
		{"to the others", func(t *testing.T, c *crowd) { ok(t, c.sockets["ann"].To("red").Emit("my-event", nil)) }, "bob", "my-event 1 null"},
		{"with an ack", func(t *testing.T, c *crowd) {
			ok(t, c.sockets["dan"].EmitAck(0, "my-event", func(*hub.Reply, error) {}, 5))
		}, "dan", "my-event 1 5"},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted := newNotes()
		c := gather(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnAnyOutgoing(func(s *hub.Socket, o *hub.Outgoing) { noted.add("%s %s %d %s", s.ID(), o.Name(), o.Len(), o.Raw(0)) })
		})
		r.emit(t, c)
		var shown []string
		for _, name := range crowdNames {
			for got := range strings.FieldsSeq(r.gets) {
				if got == name {
					shown = append(shown, c.peers[name].id+" "+r.want)
					c.peers[name].packet()
				}
			}
		}
		noted.expectInAnyOrder(t, shown...)
		c.settled() // the acks of which are not shown
		noted.none(t)
	})
}

// TestOnAnyOutgoingBytes: the bytes are there too.
func TestOnAnyOutgoingBytes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnAnyOutgoing(func(_ *hub.Socket, o *hub.Outgoing) {
				var b []byte
				ok(t, o.Arg(1, &b))
				noted.add("%s %s %x", o.Name(), o.Raw(0), b)
			})
		})
		p := join(t, s, k)
		ok(t, s.Emit("my-event", 1, []byte{1, 2, 3}))
		p.expect(`451-["my-event",1,`+attached+`]`, "<bin 010203>")
		noted.expect(t, "my-event 1 010203")
	})
}
