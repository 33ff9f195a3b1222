package api_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"starling/hub"
	"starling/internal/starlingtest"
)

// TestRecoveryUnderWay: a client whose connection breaks again and again, in each way, while it is being sent events gets
// all of them, once and in order.
func TestRecoveryUnderWay(t *testing.T) {
	const events, breaks = 3000, 25
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		s := &stream{recovering: r, window: make(chan struct{}, 100), p: r.first}
		emitted := make(chan struct{})
		go func() {
			defer close(emitted)
			for i := range events {
				if wanted(i) != "" {
					s.window <- struct{}{}
				}
				ok(t, r.emitSomehow(i))
			}
		}()
		defer func() {
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
			for {
				select {
				case <-s.window:
				case <-emitted:
					return
				}
			}
		}()
		for s.next < events {
			s.take(t, s.p.next())
			if random.IntN(events) < breaks {
				s.comesBack(t, k, random.IntN(3))
			}
		}
	})
}

// stream is what a client has got of the events, and who it is just now.
type stream struct {
	*recovering
	window chan struct{} // events that are emitted and were not taken
	p      *peer
	next   int
}

// take wants a packet to be the next event.
func (s *stream) take(t *testing.T, packet string) {
	t.Helper()
	for wanted(s.next) == "" {
		s.next++
	}
	if packet != wanted(s.next) {
		t.Fatalf("event %d is %q", s.next, packet)
	}
	s.next++
	<-s.window
}

// emitSomehow emits event i by one of the ways to reach the client; one in five is for others.
func (r *recovering) emitSomehow(i int) error {
	switch i % 5 {
	case 0:
		return r.s.Emit("n", i)
	case 1:
		return r.s.To("room1", "room2").Emit("n", i)
	case 2:
		return r.s.To(r.first.id).Emit("n", i)
	case 3:
		return r.s.Except("room1").Emit("not for it", i)
	default:
		return r.s.Except("elsewhere").Emit("n", i)
	}
}

// wanted is event i as the client gets it, "" for one that it does not get.
func wanted(i int) string {
	if i%5 == 3 {
		return ""
	}
	return fmt.Sprintf(`42["n",%d,"<offset>"]`, i)
}

// comesBack breaks the connection in one of the ways and has the client come back, until the answer to its CONNECT.
func (s *stream) comesBack(t *testing.T, k kind, way int) {
	t.Helper()
	switch way {
	case 0:
		s.p.hungUp()
	case 1:
		ok(t, s.p.vanish())
	} // or the server is to find out by the comeback
	q := s.p.back(t, s.s, k, "/")
	q.offset = s.p.offset
	packet := q.next()
	for ; packet != `40{"sid":"<id>","pid":"<id>"}`; packet = q.next() {
		s.take(t, packet)
	}
	q.id, q.pid = s.p.id, s.p.pid
	s.p = q
}

// TestRecoveryByMany: of clients that all want one session there is one at a time that has it, and at the end one.
func TestRecoveryByMany(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		var wg sync.WaitGroup
		all := make(chan *peer, 100)
		for range 4 {
			wg.Go(func() {
				for range 10 {
					l, _, err := k.open(r.s.Addr().String(), "")
					if err == nil {
						p := &peer{t: t, link: l}
						all <- p
						err = errors.Join(p.write(`40{"pid":"`+r.first.pid+`","offset":"`+r.first.offset+`"}`), p.reads(`40{"sid":"<id>","pid":"<id>"}`))
					}
					if err != nil && !errors.Is(err, starlingtest.ErrUnknownSession) { // it was lost to another one before it was polled
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		close(all)
		found, err := r.s.In(r.first.id).FetchSockets(t.Context())
		ok(t, err)
		want(t, "the number of sockets that have the session", len(found), 1)
		for p := range all {
			p.close()
		}
		p := r.first.back(t, r.s, k, "/")
		p.connected("/")
		want(t, "its id", p.id, r.first.id)
	})
}

// TestRecoveryOfTwoNamespaces: each has a session of its own, and they come back over one connection.
func TestRecoveryOfTwoNamespaces(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		gone := newNotes()
		s := start(t, k, hub.Options{Recovery: &hub.Recovery{}}, func(s *hub.Server) {
			for _, name := range []string{"/", "/chat"} {
				s.Of(name).On("sync", acked)
				s.Of(name).OnDisconnect(func(*hub.Socket, hub.Reason) { gone.add("%s", name) })
			}
		})
		p := dial(t, s, k)
		p.connect("/", "")
		first := *p
		p.connect("/chat", "")
		if first.pid == p.pid || first.id == p.id {
			t.Error("two sockets with one id")
		}
		p.hungUp()
		gone.expectInAnyOrder(t, "/", "/chat")
		ok(t, s.Emit("a"), s.Of("/chat").Emit("b"))
		q := p.back(t, s, k, "/chat")
		q.expect(`42/chat,["b","<offset>"]`)
		q.connected("/chat")
		want(t, "the id in /chat", q.id, p.id)
		q.send(`40{"pid":"` + first.pid + `"}`)
		q.expect(`42["a","<offset>"]`)
		q.connected("/")
		want(t, "the id in the main namespace", q.id, first.id)
		q.settled("/")
		q.settled("/chat")

		other := dial(t, s, k) // what one namespace has given out means nothing in another one
		other.connect("/chat", `{"pid":"`+first.pid+`"}`)
		if other.id == first.id || other.pid == first.pid {
			t.Error("a session of the main namespace came back in /chat")
		}
	})
}

// TestRecoveredSocket: what belongs to the connection is new, and what was waited for over the old one is lost.
func TestRecoveredSocket(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		told := make(chan error, 1)
		ok(t, r.socket.EmitAck(0, "question", func(_ *hub.Reply, err error) { told <- err }))
		r.first.expect(`420["question"]`)
		r.breaks(t, r.first)
		if err := receive(t, told); !errors.Is(err, hub.ErrDisconnected) {
			t.Errorf("told %v, want ErrDisconnected", err)
		}
		p := dialWith(t, r.s, k, "&key=again")
		p.send(`40{"token":"new","pid":"` + r.first.pid + `","offset":"` + r.first.offset + `"}`)
		socket := r.recovered(t, p)
		var auth struct{ Token string }
		ok(t, socket.Auth(&auth))
		want(t, "its auth payload", auth.Token, "new")
		want(t, "its handshake is the new one", socket.Handshake().URL != r.socket.Handshake().URL, true)
		want(t, "the old one is gone", r.socket.Connected(), false)
		want(t, "and the new one is not", socket.Connected(), true)
		if err := r.socket.Emit("x"); !errors.Is(err, hub.ErrDisconnected) {
			t.Errorf("the old one takes an emit: %v", err)
		}
		p.send(`430["too late"]`)
		ok(t, socket.EmitAck(0, "question", func(r *hub.Reply, err error) { told <- errors.Join(err, r.Bind(new(int))) }))
		p.expect(`421["question"]`)
		p.send(`431[1]`)
		ok(t, receive(t, told))
		r.socket.Disconnect(true) // what it could do has passed on to the new one
		ok(t, r.socket.Join("room3"))
		p.settled("/")
		want(t, "its rooms", roomsOf(t, socket), "[room1 room2]")
	})
}
