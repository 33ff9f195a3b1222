//go:build !race

package session

import (
	"fmt"
	"testing"

	"starling/eventloop"
)

// quietUpper notes nothing: what it is given only counts, and is answered if that is wanted.
type quietUpper struct {
	Session
	texts, binaries int
	answers         bool
}

func (u *quietUpper) Base() *Session { return &u.Session }
func (u *quietUpper) OnText(b []byte) {
	if u.texts++; u.answers {
		u.Finish(append(u.Begin(), b...))
	}
}

func (u *quietUpper) OnBinary(b []byte) {
	if u.binaries++; u.answers {
		u.SendBinary(b)
	}
}
func (u *quietUpper) OnDeadline()    {}
func (u *quietUpper) OnClose(Reason) {}

// sending is a task that sends one message to all sessions, as a broadcast does.
type sending struct {
	to      []*quietUpper
	message Prepared
}

func (s *sending) Run(*eventloop.Loop) {
	for _, u := range s.to {
		u.Send(&s.message, false)
	}
}

// TestAllocations keeps the way of an event in and the way of a broadcast out free of allocations.
func TestAllocations(t *testing.T) {
	var uppers []*quietUpper
	sim, table := newTestTable(testConfig(), func(Request) Upper {
		uppers = append(uppers, &quietUpper{})
		return uppers[len(uppers)-1]
	})
	var peers []*eventloop.Peer
	for range 100 {
		p := sim.Open()
		p.Send([]byte(upgradeRequest("/socket.io/?EIO=4&transport=websocket")))
		peers = append(peers, p)
	}
	out, packet := &sending{to: uppers}, &sending{to: uppers}
	out.message.Prepare(append(BeginMessage(nil), `2["message","hello"]`...), nil)
	packet.message.PrepareBinary([]byte("\x83\xa4type\x02"))
	event := []byte("\x81\x95\x01\x02\x03\x04")
	for i, c := range []byte(`42["message","hello"]`) {
		event = append(event, c^byte(i%4+1))
	}
	in := make([]byte, len(event))
	send := func(frame []byte) func() {
		return func() {
			peers[0].Send(frame)
			peers[0].Got = peers[0].Got[:0]
		}
	}
	broadcast := func(s *sending) {
		sim.Loop().Post(s)
		sim.Run()
		for _, p := range peers {
			p.Got = p.Got[:0]
		}
	}
	ask, askBinary := send(event), send([]byte("\x82\x82\x00\x00\x00\x00\x01\x02"))
	for _, gate := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"an event on its way to the Upper", 0, func() { copy(in, event); uppers[0].OnData(peers[0].Conn(), in) }},
		{"a message to a hundred members", 0, func() { broadcast(out) }},
		{"a binary message to a hundred members", 0, func() { broadcast(packet) }},
		{"a pong from the peer", 0, func() { uppers[0].awaiting = true; uppers[0].pong() }},
		{"an id", 0, func() { table.random = random; table.NewID() }},
		// The model of a peer copies what it sends.
		{"a ping and its pong", 1, send([]byte("\x89\x81\x00\x00\x00\x00!"))},
		{"an event and its answer", 1, func() { uppers[0].answers = true; ask(); uppers[0].answers = false }},
		{"a binary message and its answer", 1, func() { uppers[0].answers = true; askBinary(); uppers[0].answers = false }},
	} {
		if n := testing.AllocsPerRun(200, gate.run); n > gate.max {
			t.Errorf("%s allocates %v times, and may %v times", gate.name, n, gate.max)
		}
	}
	if uppers[0].texts < 400 {
		t.Fatalf("the Upper was told of %d events", uppers[0].texts)
	}
}

var random = make([]byte, randomBytes)

// TestAllocationsOfPolling bounds what the requests of a client that polls cost. Most of it is net/http's: a request, its
// URL, its headers; a request and an answer that go to another loop and back are copied. One of each is the model's of a peer,
// which copies what it sends.
func TestAllocationsOfPolling(t *testing.T) {
	for _, loops := range []int{1, 2} {
		k := newTalk(t)
		k.restart(fmt.Sprintf("interval=24h timeout=24h loops=%d", loops))
		k.begin("0")
		k.open(fmt.Sprint(loops - 1)) // where its requests come
		peer, session := k.end.peer, &k.last.Session
		var message Prepared
		message.Prepare(append(BeginMessage(nil), `2["message","hello"]`...), nil)
		emit := eventloop.TaskFunc(func(*eventloop.Loop) { session.Send(&message, false) })
		get := []byte("GET " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\n\r\n")
		post := []byte("POST " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3")
		for _, gate := range []struct {
			name string
			max  [2]float64 // over one loop, over two
			run  func()
		}{
			{"a GET, and its answer later", [2]float64{15, 17}, func() {
				peer.Send(get)
				session.table.loop.PostAlways(emit)
				k.sims[0].Run()
			}},
			{"a POST", [2]float64{15, 19}, func() { peer.Send(post) }},
		} {
			got := 0
			allocs := testing.AllocsPerRun(200, func() {
				peer.Got = peer.Got[:0]
				gate.run()
				got += len(peer.Got)
			})
			if got < 200*50 {
				t.Fatalf("%s over %d loops: %d bytes of answers", gate.name, loops, got)
			}
			if max := gate.max[loops-1]; allocs > max {
				t.Errorf("%s over %d loops allocates %v times, and may %v times", gate.name, loops, allocs, max)
			}
		}
	}
}
