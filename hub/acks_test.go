package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// firstSocket is a namespace's OnConnect that hands each socket to the test.
func firstSocket(n *Namespace) <-chan *Socket {
	sockets := make(chan *Socket, 1000)
	n.OnConnect(func(s *Socket) { sockets <- s })
	return sockets
}

// ackRows are handlers that acknowledge, what they are told, and what the client gets: NS stands for the namespace.
var ackRows = []struct {
	name   string
	do     func(s *Socket, e *Event) []error
	told   string
	answer []string
}{
	{"once", func(_ *Socket, e *Event) []error {
		return []error{e.Ack("first", 2, nil), e.Ack("second")}
	}, "fine, acked before", []string{`43NS7["first",2,null]`}},
	{"without arguments", func(_ *Socket, e *Event) []error { return []error{e.Ack()} }, "fine", []string{`43NS7[]`}},
	{"bytes", func(_ *Socket, e *Event) []error {
		return []error{e.Ack([]byte{1}, map[string]any{"b": []byte{2, 3}})}
	}, "fine", []string{`462-NS7[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]`, "<bin 01>", "<bin 0203>"}},
	{"what cannot be encoded does not count", func(_ *Socket, e *Event) []error {
		return []error{e.Ack(make(chan int)), e.Ack("instead"), e.Ack("again")}
	}, "not encoded, fine, acked before", []string{`43NS7["instead"]`}},
	{"an acker of what cannot be encoded", func(_ *Socket, e *Event) []error {
		a := e.Acker()
		return []error{a.Ack(make(chan int)), a.Ack("instead"), a.Ack("again")}
	}, "not encoded, fine, acked before", []string{`43NS7["instead"]`}},
	{"behind an emit", func(s *Socket, e *Event) []error {
		return []error{s.Emit("before", 1), e.Ack("after")}
	}, "fine, fine", []string{`42NS["before",1]`, `43NS7["after"]`}},
	{"an acker takes the ack along", func(_ *Socket, e *Event) []error {
		a := e.Acker()
		return []error{e.Ack("the event's"), a.Ack("the acker's")}
	}, "acked before, fine", []string{`43NS7["the acker's"]`}},
	{"an acker from goroutines", func(_ *Socket, e *Event) []error {
		a, errs := e.Acker(), make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = a.Ack("from a goroutine") })
		}
		wg.Wait()
		slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(verdict(a), verdict(b)) })
		return errs[len(errs)-2:]
	}, "acked before, fine", []string{`43NS7["from a goroutine"]`}},
}

// verdict is what an Ack has returned.
func verdict(err error) string {
	switch {
	case err == nil:
		return "fine"
	case errors.Is(err, ErrAcked):
		return "acked before"
	}
	return "not encoded"
}

func TestAcksOfEvents(t *testing.T) {
	told := newNotes()
	s := start(t, Options{}, func(s *Server) {
		for _, n := range []*Namespace{s.Namespace, s.Of("/n")} {
			for _, row := range ackRows {
				handle := func(s *Socket, e *Event) {
					var verdicts []string
					for _, err := range row.do(s, e) {
						verdicts = append(verdicts, verdict(err))
					}
					told.add("%s", strings.Join(verdicts, ", "))
				}
				n.On("off "+row.name, handle)
				n.OnLoop("on "+row.name, handle)
			}
		}
	})
	c := join(t, s)
	c.connect("40/n,")
	for _, way := range []string{"off", "on"} {
		for _, nsp := range []string{"", "/n,"} {
			for _, row := range ackRows {
				c.send("42" + nsp + `7["` + way + " " + row.name + `"]`)
				for _, answer := range row.answer {
					c.expect(strings.Replace(answer, "NS", nsp, 1))
				}
				told.expect(t, row.told)
			}
		}
	}
	c.send(`429007199254740991["off once"]`) // the largest id that there is
	c.expect(`439007199254740991["first",2,null]`)
}

// TestAckerOfADisconnectedSocket does nothing, and says nothing either.
func TestAckerOfADisconnectedSocket(t *testing.T) {
	ackers, gone := make(chan *Acker, 1), make(chan Reason, 1)
	s := start(t, Options{}, func(s *Server) {
		s.OnLoop("later", func(_ *Socket, e *Event) { ackers <- e.Acker() })
		s.OnDisconnect(func(_ *Socket, r Reason) { gone <- r })
		s.OnLoop("sync", acked)
		s.Of("/other").OnLoop("sync", acked)
	})
	c := join(t, s)
	c.connect("40/other,")
	c.send(`427["later"]`)
	a := receive(t, ackers)
	c.send("41")
	receive(t, gone)
	if err := a.Ack("too late"); err != nil {
		t.Errorf("Ack = %v", err)
	}
	c.send(`42/other,9["sync"]`)
	c.expect("43/other,9[]")
}

// result is what EmitWithAck has returned.
type result struct {
	reply *Reply
	err   error
}

// asking connects a client and returns a function that asks it.
func asking(t *testing.T) (c *peer, socket *Socket, ask func(ctx context.Context, args ...any) <-chan result) {
	t.Helper()
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("sync", acked)
	})
	c = join(t, s)
	socket = receive(t, sockets)
	return c, socket, func(ctx context.Context, args ...any) <-chan result {
		results := make(chan result, 1)
		go func() {
			reply, err := socket.EmitWithAck(ctx, "q", args...)
			results <- result{reply, err}
		}()
		return results
	}
}

func TestEmitWithAck(t *testing.T) {
	c, _, ask := asking(t)
	asked := ask(t.Context(), 1, []byte{7})
	c.expect(`451-0["q",1,{"_placeholder":true,"num":0}]`, "<bin 07>")
	c.send(`439["unknown"]`, `43["no id"]`, `430`, `430["answer",{"x":1}]`, `430["twice"]`)
	r := receive(t, asked)
	var word string
	var m map[string]int
	if r.err != nil || r.reply.Len() != 2 || r.reply.Bind(&word, &m) != nil || word != "answer" || m["x"] != 1 {
		t.Fatalf("reply %+v, %v", r.reply, r.err)
	}

	asked = ask(t.Context())
	c.expect(`421["q"]`)
	c.send(`461-1[{"_placeholder":true,"num":0}]`, "<bin 0102>")
	var b []byte
	if r := receive(t, asked); r.err != nil || r.reply.Arg(0, &b) != nil || string(b) != "\x01\x02" {
		t.Fatalf("reply %+v, %v", r.reply, r.err)
	}
}

// TestEmitWithAckThatIsNotAnswered: who waits is let go by his context and by the end of the socket.
func TestEmitWithAckThatIsNotAnswered(t *testing.T) {
	c, socket, ask := asking(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := ask(ctx)
	c.expect(`420["q"]`)
	cancel()
	if r := receive(t, asked); !errors.Is(r.err, context.Canceled) || r.reply != nil {
		t.Fatalf("given up: %v, %v", r.reply, r.err)
	}
	onLoop(socket, func() {
		if socket.acks != nil {
			t.Errorf("acks are kept: %v", socket.acks)
		}
	})
	c.send(`430["too late"]`)
	c.settled()

	if _, err := socket.EmitWithAck(t.Context(), "q", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}

	asked = ask(t.Context())
	c.expect(`422["q"]`)
	c.leave()
	if r := receive(t, asked); !errors.Is(r.err, ErrDisconnected) {
		t.Fatalf("disconnected while waiting: %v", r.err)
	}
	if r := receive(t, ask(t.Context())); !errors.Is(r.err, ErrDisconnected) {
		t.Fatalf("disconnected before: %v", r.err)
	}
}

// TestAcksBelongToTheirSocket: nobody can answer for another (A18), although the ids come from one counter.
func TestAcksBelongToTheirSocket(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("sync", acked)
	})
	ann := join(t, s)
	annsSocket := receive(t, sockets)
	bob := join(t, s)
	bobsSocket := receive(t, sockets)
	answers := make(chan string, 10)
	for name, socket := range map[string]*Socket{"ann": annsSocket, "bob": bobsSocket} {
		err := socket.EmitAck(0, "q", func(r *Reply, err error) { answers <- fmt.Sprint(name, " ", string(r.Raw(0)), " ", err) })
		if err != nil {
			t.Fatal(err)
		}
	}
	annsID, bobsID := ann.next(), bob.next()
	if annsID == bobsID {
		t.Fatalf("both were asked %s", annsID)
	}
	reply := func(question, answer string) string { return "43" + question[2:3] + `["` + answer + `"]` }
	bob.send(reply(annsID, "forged"))
	bob.settled()
	ann.send(reply(annsID, "genuine"))
	if got := receive(t, answers); got != `ann "genuine" <nil>` {
		t.Fatal(got)
	}
	bob.send(reply(bobsID, "mine"))
	if got := receive(t, answers); got != `bob "mine" <nil>` {
		t.Fatal(got)
	}
}

// TestEmitAck waits on a clock of its own.
func TestEmitAck(t *testing.T) {
	s := simulate(t, Options{}, nil)
	p := s.join()
	answers := make(chan string, 10)
	ask := func(timeout time.Duration) {
		t.Helper()
		err := p.socket.EmitAck(timeout, "q", func(r *Reply, err error) {
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- string(r.Raw(0))
		})
		if err != nil {
			t.Fatal(err)
		}
		s.sim.Run()
	}
	wait := func(want string) {
		t.Helper()
		if got := receive(t, answers); got != want {
			t.Fatalf("done was told %q, want %q", got, want)
		}
	}
	ask(time.Second)
	p.expect(`420["q"]`)
	p.send(`430["in time"]`)
	wait(`"in time"`)

	ask(time.Second)
	p.expect(`421["q"]`)
	s.sim.Advance(900 * time.Millisecond)
	if len(answers) > 0 {
		t.Fatal("too early")
	}
	s.sim.Advance(300 * time.Millisecond)
	wait("operation has timed out") // the text is Socket.IO's
	p.send(`431["too late"]`)

	ask(0) // for as long as the socket is connected
	p.expect(`422["q"]`)
	s.advance(10*time.Minute, p)
	p.send(`432["at last"]`)
	wait(`"at last"`)

	ask(time.Minute)
	p.expect(`423["q"]`)
	p.Hangup(nil)
	wait("hub: socket is disconnected")
	err := p.socket.EmitAck(0, "q", func(*Reply, error) { t.Error("called") })
	if !errors.Is(err, ErrDisconnected) {
		t.Fatalf("EmitAck on a socket that is gone = %v", err)
	}
	if len(answers) > 0 {
		t.Fatalf("done was called again: %s", <-answers)
	}
}

// TestAcksPendingMax: the acks that one client may owe are bounded, and those that came make room.
func TestAcksPendingMax(t *testing.T) {
	s := simulate(t, Options{OutboundBytesPerConnMax: 64 << 20}, nil)
	p, other := s.join(), s.join()
	answers := make(chan error, AcksPendingMax+10)
	ask := func(socket *Socket) {
		t.Helper()
		if err := socket.EmitAck(0, "q", func(_ *Reply, err error) { answers <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range AcksPendingMax {
		ask(p.socket)
	}
	s.sim.Run()
	if n := len(p.got()); n != AcksPendingMax || len(answers) != 0 {
		t.Fatalf("%d questions were sent, %d answered", n, len(answers))
	}
	ask(p.socket)
	ask(other.socket)
	s.sim.Run()
	if err := receive(t, answers); !errors.Is(err, ErrAcksPending) {
		t.Fatalf("one more: %v", err)
	}
	p.expect()
	other.expect(fmt.Sprintf(`42%d["q"]`, AcksPendingMax+1)) // his account is his own
	p.send("430[]")
	if err := receive(t, answers); err != nil {
		t.Fatal(err)
	}
	ask(p.socket)
	s.sim.Run()
	p.expect(fmt.Sprintf(`42%d["q"]`, AcksPendingMax+2))
	p.send("41")
	for range AcksPendingMax {
		if err := receive(t, answers); !errors.Is(err, ErrDisconnected) {
			t.Fatalf("at the end: %v", err)
		}
	}
}
