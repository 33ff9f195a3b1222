package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"starling/hub"
)

// TestAck: what a handler acknowledges with goes back under the event's id, once.
func TestAck(t *testing.T) {
	type row struct {
		name         string
		event        []string // without its namespace
		arguments    int
		ack          []any
		answer, bins string
	}
	table := []row{
		{"neither arguments nor values", []string{`["woot"]`}, 0, nil, `43NS7[]`, ""},
		{"two values", []string{`["woot"]`}, 0, []any{1, 2}, `43NS7[1,2]`, ""},
		{"arguments", []string{`["woot",1,2]`}, 2, []any{"got them"}, `43NS7["got them"]`, ""},
		{"bytes as argument", []string{`["woot",` + attached + `]`, "<bin 000000>"}, 1, []any{1, 2}, `43NS7[1,2]`, ""},
		{"bytes as value", []string{`["woot"]`}, 0, []any{[]byte{1, 2}}, `461-NS7[` + attached + `]`, "<bin 0102>"},
		{"bytes both ways", []string{`["woot",` + attached + `]`, "<bin 09>"}, 1, []any{map[string]any{"b": []byte{3}}}, `461-NS7[{"b":` + attached + `}]`, "<bin 03>"},
	}
	rows(t, table, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, n := range []*hub.Namespace{s.Namespace, s.Of("/chat")} {
				n.On("sync", acked)
				n.On("woot", func(_ *hub.Socket, e *hub.Event) {
					want(t, "the number of arguments", e.Len(), r.arguments)
					want(t, "WantsAck", e.WantsAck(), true)
					ok(t, e.Ack(r.ack...))
					want(t, "WantsAck afterwards", e.WantsAck(), false)
					if err := e.Ack("again"); !errors.Is(err, hub.ErrAcked) {
						t.Errorf("the second ack: %v", err)
					}
				})
			}
		})
		p := join(t, s, k)
		p.connect("/chat", "")
		for _, nsp := range []string{"/", "/chat"} {
			head := "42"
			if len(r.event) > 1 {
				head = "451-"
			}
			p.send(append([]string{head + inside(nsp) + "7" + r.event[0]}, r.event[1:]...)...)
			answer := []string{strings.Replace(r.answer, "NS", inside(nsp), 1)}
			if r.bins != "" {
				answer = append(answer, r.bins)
			}
			p.expect(answer...)
			p.settled(nsp)
		}
	})
}

// TestAckLater: an acknowledgement may be taken out of its handler, and none is wanted where the client wants none.
func TestAckLater(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		ackers := make(chan *hub.Acker, 2)
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.On("woot", func(_ *hub.Socket, e *hub.Event) { ackers <- e.Acker() })
		})
		p := join(t, s, k)
		p.send(`42["woot"]`, `425["woot"]`)
		if receive(t, ackers) != nil {
			t.Fatal("an acker for an event that wants no ack")
		}
		acker := receive(t, ackers)
		p.settled("/")
		ok(t, acker.Ack("later"))
		if err := acker.Ack("again"); !errors.Is(err, hub.ErrAcked) {
			t.Errorf("the second ack: %v", err)
		}
		p.expect(`435["later"]`)
		p.settled("/")
	})
}

// TestEmitWithAck: the client's answer is what the server gets, also where it is bytes.
func TestEmitWithAck(t *testing.T) {
	type row struct {
		name          string
		args          []any
		event, answer []string
		want          func(t *testing.T, r *hub.Reply)
	}
	number := func(t *testing.T, r *hub.Reply) {
		var n int
		ok(t, r.Bind(&n))
		want(t, "the reply", n, 3)
	}
	nothing := func(t *testing.T, r *hub.Reply) { want(t, "the number of values", r.Len(), 0) }
	bytes := func(t *testing.T, r *hub.Reply) {
		var b []byte
		ok(t, r.Bind(&b))
		want(t, "the reply", string(b), "\x00\x01")
	}
	rows(t, []row{
		{"without arguments", nil, []string{`420["hi"]`}, []string{`430[]`}, nothing},
		{"with arguments", []any{1, 2}, []string{`420["hi",1,2]`}, []string{`430[3]`}, number},
		{"bytes as argument", []any{[]byte{0, 0, 0, 0}}, []string{`451-0["hi",` + attached + `]`, "<bin 00000000>"}, []string{`430[]`}, nothing},
		{"bytes as answer", nil, []string{`420["hi"]`}, []string{`461-0[` + attached + `]`, "<bin 0001>"}, bytes},
		{"answered twice", nil, []string{`420["hi"]`}, []string{`430[3]`, `430["again"]`}, number},
		{"and an answer that nobody waits for", nil, []string{`420["hi"]`}, []string{`4377["?"]`, `430[3]`, `431[4]`}, number},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket := receive(t, connected)
		replies := make(chan *hub.Reply, 1)
		go func() {
			reply, err := socket.EmitWithAck(context.Background(), "hi", r.args...)
			ok(t, err)
			replies <- reply
		}()
		p.expect(r.event...)
		p.send(r.answer...)
		r.want(t, receive(t, replies))
		p.settled("/")

		again := make(chan error, 1) // the next id of this namespace
		ok(t, socket.EmitAck(0, "hi", func(r *hub.Reply, err error) { again <- err }))
		p.expect(`421["hi"]`)
		p.send(`431[]`)
		ok(t, receive(t, again))
	})
}

// TestAckTimeout: a client that does not answer in time, or at all, is given up; its late answer means nothing.
func TestAckTimeout(t *testing.T) {
	type answer struct {
		value string
		err   error
	}
	type row struct {
		name string
		ask  func(s *hub.Socket, told chan<- answer)
		err  error
	}
	told := func(to chan<- answer) func(*hub.Reply, error) {
		return func(r *hub.Reply, err error) {
			if err != nil {
				to <- answer{err: err}
				return
			}
			to <- answer{value: string(r.Raw(0))}
		}
	}
	rows(t, []row{
		{"EmitAck", func(s *hub.Socket, to chan<- answer) {
			ok(t, s.EmitAck(soon, "echo", told(to), 42))
		}, hub.ErrAckTimeout},
		{"EmitWithAck", func(s *hub.Socket, to chan<- answer) {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), soon)
				defer cancel()
				told(to)(s.EmitWithAck(ctx, "echo", 42))
			}()
		}, context.DeadlineExceeded},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket, answers := receive(t, connected), make(chan answer, 10)
		r.ask(socket, answers)
		p.expect(`420["echo",42]`)
		if got := receive(t, answers); !errors.Is(got.err, r.err) {
			t.Fatalf("got %v, want %v", got, r.err)
		}
		p.send(`430[42]`)
		p.settled("/")

		ok(t, socket.EmitAck(patience, "echo", told(answers), 43))
		p.expect(`421["echo",43]`)
		p.send(`431[43]`)
		want(t, "the answer in time", receive(t, answers), answer{value: "43"})
		select {
		case late := <-answers:
			t.Errorf("an answer too many: %v", late)
		default:
		}
	})
}

// TestAckOfAClientThatGoes: who waits is told at once.
func TestAckOfAClientThatGoes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket, answers := receive(t, connected), make(chan error, 2)
		for range 2 {
			ok(t, socket.EmitAck(time.Hour, "question", func(_ *hub.Reply, err error) { answers <- err }))
		}
		p.expect(`420["question"]`, `421["question"]`)
		p.hungUp()
		for range 2 {
			if err := receive(t, answers); !errors.Is(err, hub.ErrDisconnected) {
				t.Errorf("told %v, want ErrDisconnected", err)
			}
		}
	})
}

// TestAcksGivenUpAreForgotten: more of them than may be awaited at once leave room for others.
func TestAcksGivenUpAreForgotten(t *testing.T) {
	t.Parallel()
	var connected <-chan *hub.Socket
	s := start(t, byWebSocket, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
	p := join(t, s, byWebSocket)
	socket := receive(t, connected)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range hub.AcksPendingMax/2 + 1 {
		_, one := socket.EmitWithAck(cancelled, "?")
		_, all := s.EmitWithAck(cancelled, "?")
		if !errors.Is(one, context.Canceled) || !errors.Is(all, context.Canceled) {
			t.Fatalf("given up with %v and %v", one, all)
		}
		if i%100 == 0 {
			_ = roomsOf(t, socket) // the loop has caught up
		}
	}
	told := make(chan error, 1)
	ok(t, socket.EmitAck(0, "!", func(_ *hub.Reply, err error) { told <- err }))
	for {
		packet := p.packet()
		if id, isLast := strings.CutSuffix(packet, `["!"]`); isLast {
			p.send("43" + strings.TrimPrefix(id, "42") + "[]")
			break
		}
	}
	ok(t, receive(t, told))
	p.settled("/")
}
