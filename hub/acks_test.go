package hub

import (
	"context"
	"errors"
	"fmt"
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

func TestAcksOfEvents(t *testing.T) {
	results := make(chan error, 100)
	app := func(s *Socket, e *Event) {
		switch string(e.Raw(0)) {
		case `"once"`:
			results <- e.Ack("first", 2, nil)
			results <- e.Ack("second")
		case `"acker"`:
			a := e.Acker()
			results <- e.Ack("taken out already")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { results <- a.Ack("from a goroutine") })
			}
			wg.Wait()
		case `"unencodable"`:
			results <- e.Ack(make(chan int))
			results <- e.Ack("instead")
		case `"unencodable acker"`:
			a := e.Acker()
			results <- a.Ack(make(chan int))
			results <- a.Ack("instead")
			results <- a.Ack("again")
		case `"bytes"`:
			results <- e.Ack([]byte{1}, map[string]any{"b": []byte{2, 3}})
		case `"behind an emit"`:
			_ = s.Emit("before", 1)
			results <- e.Ack("after")
		}
	}
	s := start(t, Options{}, func(s *Server) {
		for _, n := range []*Namespace{s.Namespace, s.Of("/n")} {
			n.On("off", app)
			n.OnLoop("on", app)
		}
	})
	expect := func(errs ...error) {
		t.Helper()
		for i, want := range errs {
			if err := receive(t, results); !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("ack %d = %v, want %v", i, err, want)
			}
		}
	}
	c := join(t, s)
	c.connect("40/n,")
	for _, event := range []string{"off", "on"} {
		for _, nsp := range []string{"", "/n,"} {
			send := func(id, what string) { c.send("42" + nsp + id + `["` + event + `","` + what + `"]`) }
			send("12", "once")
			c.expect("43" + nsp + `12["first",2,null]`)
			expect(nil, ErrAcked)
			send("9007199254740991", "bytes")
			c.expect("462-"+nsp+`9007199254740991[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]`, "<bin 01>", "<bin 0203>")
			expect(nil)
			send("0", "unencodable")
			c.expect("43" + nsp + `0["instead"]`)
			if err := receive(t, results); err == nil {
				t.Error("a channel was encoded")
			}
			expect(nil)
			send("1", "unencodable acker")
			c.expect("43" + nsp + `1["instead"]`)
			if err := receive(t, results); err == nil {
				t.Error("a channel was encoded")
			}
			expect(nil, ErrAcked)
			send("2", "behind an emit")
			c.expect("42"+nsp+`["before",1]`, "43"+nsp+`2["after"]`)
			expect(nil)
			send("3", "acker")
			c.expect("43" + nsp + `3["from a goroutine"]`)
			expect(ErrAcked)
			given := 0
			for range 8 {
				if receive(t, results) == nil {
					given++
				}
			}
			if given != 1 {
				t.Errorf("%d of 8 acks were accepted", given)
			}
		}
	}
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

func TestEmitWithAck(t *testing.T) {
	s, sockets := (*Server)(nil), (<-chan *Socket)(nil)
	s = start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("sync", acked)
	})
	c := join(t, s)
	socket := receive(t, sockets)
	type result struct {
		reply *Reply
		err   error
	}
	ask := func(ctx context.Context, args ...any) <-chan result {
		results := make(chan result, 1)
		go func() {
			reply, err := socket.EmitWithAck(ctx, "q", args...)
			results <- result{reply, err}
		}()
		return results
	}

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

	ctx, cancel := context.WithCancel(t.Context())
	asked = ask(ctx)
	c.expect(`422["q"]`)
	cancel()
	if r := receive(t, asked); !errors.Is(r.err, context.Canceled) || r.reply != nil {
		t.Fatalf("given up: %v, %v", r.reply, r.err)
	}
	c.send(`432["too late"]`)
	c.settled()
	onLoop(socket, func() {
		if socket.acks != nil {
			t.Errorf("acks are kept: %v", socket.acks)
		}
	})

	if _, err := socket.EmitWithAck(t.Context(), "q", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}

	asked = ask(t.Context())
	c.expect(`424["q"]`)
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
