package api_test

import (
	"errors"
	"fmt"
	"testing"

	"starling/hub"
)

// TestTypedHandlers: an argument that fits is decoded, one that does not never reaches the handler. It is what the types
// of the reference server promise to the compiler, held against what clients send.
func TestTypedHandlers(t *testing.T) {
	type order struct {
		Item  string `json:"item"`
		Count int    `json:"count"`
	}
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, way := range []struct {
				event string
				on    func(hub.Registrar, string, func(*hub.Socket, order, hub.Ack))
			}{{"off", hub.On[order]}, {"on", hub.OnLoop[order]}} {
				way.on(s, way.event, func(_ *hub.Socket, o order, ack hub.Ack) {
					err := ack(o.Count + 1)
					noted.add("%s: %+v, %v", way.event, o, errors.Is(err, hub.ErrAcked))
				})
			}
			hub.On(s, "bytes", func(_ *hub.Socket, b []byte, ack hub.Ack) { ok(t, ack(len(b))) })
			s.OnError(func(_ *hub.Socket, err error) {
				var wrong *hub.ArgumentError
				noted.add("%t %t", errors.As(err, &wrong) && wrong.Event != "", errors.Is(err, hub.ErrNoArgument))
			})
			s.OnConnect(func(s *hub.Socket) {
				s.SetData(order{"x", 1})
				o, isOrder := hub.DataOf[order](s)
				_, isInt := hub.DataOf[int](s)
				noted.add("data %v %v %v", o, isOrder, isInt)
			})
		})
		p := join(t, s, k)
		noted.expect(t, "data {x 1} true false")
		for _, event := range []string{"off", "on"} {
			p.send(`421["` + event + `",{"item":"a","count":2},"more"]`)
			p.expect(`431[3]`)
			noted.expect(t, event+": {Item:a Count:2}, false")
			p.send(`42["` + event + `",{}]`) // no ack is wanted
			noted.expect(t, event+": {Item: Count:0}, true")
			p.send(`422["`+event+`","a string"]`, `423["`+event+`"]`)
			noted.expect(t, "true false", "true true")
			p.settled("/")
		}
		p.send(`451-4["bytes",`+attached+`]`, "<bin 010203>")
		p.expect(`434[3]`)
		noted.none(t)
	})
}

// TestHandlersMayAskForAnything: what a handler asks the server for about itself and others is done, without waiting for
// itself.
func TestHandlersMayAskForAnything(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.On("everything", func(s *hub.Socket, e *hub.Event) {
				ok(t, s.Join("a"), s.Namespace().In("a").SocketsJoin("b"))
				fetched, err := s.Namespace().In("b").FetchSockets(t.Context())
				ok(t, err)
				rooms := roomsOf(t, s)
				reply, err := s.EmitWithAck(t.Context(), "question")
				ok(t, err)
				replies, err := s.Namespace().In("b").EmitWithAck(t.Context(), "question to all")
				ok(t, err)
				ok(t, e.Ack(len(fetched), rooms, reply.Raw(0), len(replies), fmt.Sprint(s.Namespace().RoomSize("b"))))
				s.Disconnect(true)
			})
		})
		p := join(t, s, k)
		p.send(`427["everything"]`)
		p.expect(`420["question"]`)
		p.send(`430["answer"]`)
		p.expect(`421["question to all"]`)
		p.send(`431[]`)
		p.expect(`437[1,"[a b]","answer",1,"1"]`, "41")
		p.ended()
	})
}
