package api_test

import (
	"errors"
	"testing"

	"starling/hub"
)

// TestEventMiddleware: those of the namespace see each event before its handler, in their order.
func TestEventMiddleware(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, which := range []string{"first", "second"} {
				s.UseEvent(func(s *hub.Socket, e *hub.Event) error {
					noted.add("%s: %s %s of %d", which, e.Name(), e.Raw(0), e.Len())
					return nil
				})
			}
			s.On("join", func(_ *hub.Socket, e *hub.Event) { noted.add("handler: %s", e.Raw(0)); ok(t, e.Ack("done")) })
			s.Of("/other").On("join", acked)
		})
		p := join(t, s, k)
		p.send(`427["join","woot"]`)
		p.expect(`437["done"]`)
		noted.expect(t, `first: join "woot" of 1`, `second: join "woot" of 1`, `handler: "woot"`)
		p.connect("/other", "")
		p.send(`42/other,8["join"]`) // each namespace has its own
		p.expect(`43/other,8[]`)
		noted.none(t)
	})
}

// TestEventMiddlewareRefuses: its error stays on the server, and the event goes nowhere.
func TestEventMiddlewareRefuses(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, refusal := newNotes(), errors.New("Authentication error")
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.UseEvent(func(s *hub.Socket, e *hub.Event) error {
				if e.Name() == "join" {
					return refusal
				}
				return nil
			})
			s.UseEvent(func(s *hub.Socket, e *hub.Event) error { noted.add("second: %s", e.Name()); return nil })
			s.On("join", func(*hub.Socket, *hub.Event) { noted.add("handler") })
			s.OnError(func(s *hub.Socket, err error) { noted.add("%s: %v", s.ID(), errors.Is(err, refusal)) })
		})
		p, other := join(t, s, k), join(t, s, k)
		p.send(`427["join","woot"]`)
		noted.expect(t, p.id+": true")
		p.settled("/") // no ack, no error, and the connection goes on
		noted.expect(t, "second: sync")
		other.settled("/")
		noted.expect(t, "second: sync")
		noted.none(t)
	})
}

// TestEventMiddlewareSeesNoAcks: an answer is no event.
func TestEventMiddlewareSeesNoAcks(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.UseEvent(func(_ *hub.Socket, e *hub.Event) error { noted.add("%s", e.Name()); return nil })
		})
		p := join(t, s, k)
		replies := make(chan string, 1)
		ok(t, receive(t, connected).EmitAck(0, "question", func(r *hub.Reply, err error) { ok(t, err); replies <- string(r.Raw(0)) }))
		p.expect(`420["question"]`)
		p.send(`430["answer"]`)
		want(t, "the reply", receive(t, replies), `"answer"`)
		noted.none(t)
	})
}
