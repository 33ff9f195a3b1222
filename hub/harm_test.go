package hub

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The tests in this file let one client, or its handler, do its worst, and watch the others.

// bystanders are clients that must not notice.
type bystanders struct {
	t     *testing.T
	s     *Server
	peers []*peer
	round int
}

// watch connects bystanders, some of them to each loop.
func watch(t *testing.T, s *Server) *bystanders {
	t.Helper()
	b := &bystanders{t: t, s: s, peers: joinAll(t, s, 6)}
	for _, p := range b.peers {
		p.enlist()
	}
	return b
}

// enlist joins the room of all.
func (p *peer) enlist() {
	p.t.Helper()
	p.send(`420["enlist"]`)
	p.expect("430[]")
}

// fine wants echoes on the loop and off it, and messages to the room of all.
func (b *bystanders) fine() {
	b.t.Helper()
	b.round++
	for _, p := range b.peers {
		p.send(fmt.Sprintf(`421["echo",%d]`, b.round), fmt.Sprintf(`422["work",%d]`, b.round))
		got := map[string]bool{p.next(): true, p.next(): true}
		if !got[fmt.Sprintf(`431[%d]`, b.round)] || !got[fmt.Sprintf(`432[%d]`, b.round)] {
			b.t.Fatalf("a bystander's echoes are %v", got)
		}
	}
	emit(b.t, b.s.To("all"), "news", b.round)
	for _, p := range b.peers {
		p.expect(fmt.Sprintf(`42["news",%d]`, b.round))
	}
}

// ordinary is the application of the bystanders.
func ordinary(s *Server) {
	echo := func(_ *Socket, e *Event) {
		values, _ := e.Values(0)
		_ = e.Ack(values...)
	}
	s.OnLoop("echo", echo)
	s.On("work", echo)
	s.On("enlist", func(s *Socket, e *Event) { _ = s.Join("all"); _ = e.Ack() })
}

// TestHandlersThatPanic: each costs its event or less, is counted, and is logged with its stack.
func TestHandlersThatPanic(t *testing.T) {
	var logged strings.Builder
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { mu.Lock(); logged.Write(b); mu.Unlock() }), nil))
	told := make(chan string, 100)
	var sockets <-chan *Socket
	s := start(t, Options{Logger: log}, func(s *Server) {
		ordinary(s)
		s.On("panic off", func(*Socket, *Event) { panic("off purpose") })
		s.OnLoop("panic on", func(*Socket, *Event) { panic("on purpose") })
		s.OnLoop("panic index", func(_ *Socket, e *Event) { _ = []int{}[e.Len()] })
		n := s.Of("/panics")
		sockets = firstSocket(s.Of("/ack"))
		n.OnConnect(func(*Socket) { panic("in OnConnect") })
		n.OnDisconnect(func(_ *Socket, r Reason) { told <- string(r); panic("in OnDisconnect") })
		n.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack("alive") })
	})
	others := watch(t, s)
	others.fine()
	c := join(t, s)
	for range 10 {
		c.send(`421["panic on"]`, `422["panic off"]`, `423["panic index"]`)
	}
	c.send(`424["echo"]`)
	c.expect("434[]") // the same client goes on
	c.send(`425["work"]`)
	c.expect("435[]")
	others.fine()

	c.connect("40/panics,")
	c.send(`42/panics,6["echo"]`) // an OnLoop event that waited for the OnConnect that panicked
	c.expect(`43/panics,6["alive"]`)
	c.send("41/panics,")
	if r := receive(t, told); r != "client namespace disconnect" {
		t.Errorf("OnDisconnect was told %q", r)
	}
	c.connect("40/ack,")
	socket := receive(t, sockets)
	if err := socket.EmitAck(0, "q", func(*Reply, error) { panic("in an ack") }); err != nil {
		t.Fatal(err)
	}
	c.expect(`42/ack,0["q"]`)
	c.send("43/ack,0[]")
	eventually(t, "33 panics are counted", func() bool { return s.Panics() == 33 })
	c.send(`427["echo"]`)
	c.expect("437[]")
	others.fine()
	for _, want := range []string{
		"on purpose", "off purpose", "index out of range", "in OnConnect", "in OnDisconnect", "in an ack",
		"harm_test.go", `event="panic on"`, "namespace=/panics", "socket=" + c.id,
	} {
		eventually(t, "the log says "+want, func() bool { // a panic is counted before it is logged
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(logged.String(), want)
		})
	}
}

type writerFunc func([]byte)

func (w writerFunc) Write(b []byte) (int, error) { w(b); return len(b), nil }

// TestHandlersThatBlock: nobody waits for them but their own socket.
func TestHandlersThatBlock(t *testing.T) {
	release := make(chan struct{})
	var blocked atomic.Int64
	block := func() { blocked.Add(1); <-release }
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		ordinary(s)
		s.On("block", func(*Socket, *Event) { block() })
		connecting, leaving, middleware := s.Of("/connect"), s.Of("/disconnect"), s.Of("/middleware")
		connecting.OnConnect(func(*Socket) { block() })
		leaving.OnDisconnect(func(*Socket, Reason) { block() })
		middleware.Use(func(*Socket) error { block(); return nil })
		sockets = firstSocket(s.Of("/ack"))
	})
	others := watch(t, s)
	var stuck []*peer
	for range 20 {
		c := join(t, s)
		c.connect("40/connect,")
		c.connect("40/disconnect,")
		c.connect("40/ack,")
		if err := receive(t, sockets).EmitAck(0, "q", func(*Reply, error) { block() }); err != nil {
			t.Fatal(err)
		}
		q := c.next()
		c.send(`42["block"]`, "41/disconnect,", "43/ack,"+strings.TrimPrefix(strings.TrimSuffix(q, `["q"]`), "42/ack,")+"[]", "40/middleware,")
		stuck = append(stuck, c)
	}
	eventually(t, "100 handlers block", func() bool { return blocked.Load() == 100 })
	for range 5 {
		others.fine()
	}
	for _, c := range stuck { // their own OnLoop events do not wait
		c.send(`421["echo",1]`)
		c.expect("431[1]")
	}
	close(release)
	for _, c := range stuck {
		c.expect(`40/middleware,{"sid":"<20>"}`)
		c.send(`422["work",2]`)
		c.expect("432[2]")
	}
}

// TestAClientThatNeverReads: while its room gets 10 MB, what waits for it stays within its bound, it is disconnected as a
// slow consumer, and everybody else gets everything in order.
func TestAClientThatNeverReads(t *testing.T) {
	const bound, messages, size = 1 << 20, 160, 64 << 10
	type farewell struct {
		socket *Socket
		reason Reason
	}
	gone := make(chan farewell, 10)
	var sockets <-chan *Socket
	s := start(t, Options{OutboundBytesPerConnMax: bound}, func(s *Server) {
		ordinary(s)
		sockets = firstSocket(s.Namespace)
		s.OnDisconnect(func(s *Socket, r Reason) { gone <- farewell{s, r} })
	})
	others := watch(t, s)
	for range others.peers {
		receive(t, sockets)
	}
	stalled := join(t, s)
	stalled.enlist()
	_ = stalled.conn.SetReadBuffer(4 << 10) // so that the kernel holds little for it
	theirs := receive(t, sockets)
	var most atomic.Int64 // that has waited for the stalled one
	var hearing sync.WaitGroup
	step := make([]chan struct{}, len(others.peers))
	for i, p := range others.peers {
		step[i] = make(chan struct{}, messages)
		hearing.Go(func() {
			for n := range messages {
				if got := p.message(); !strings.HasPrefix(got, fmt.Sprintf(`42["big",%d,"xxx`, n)) || len(got) < size {
					t.Errorf("a bystander got %.40q (%d bytes), want message %d", got, len(got), n)
					close(step[i])
					return
				}
				step[i] <- struct{}{}
			}
		})
	}
	text := strings.Repeat("x", size)
	for n := range messages {
		emit(t, s.To("all"), "big", n, text)
		onLoop(theirs, func() { most.Store(max(most.Load(), int64(theirs.client.Conn().Pending()))) })
		for i := range step {
			receive(t, step[i]) // each message, before the next one: nobody waits for the stalled one
		}
	}
	hearing.Wait()
	bye := receive(t, gone)
	if bye.socket != theirs || bye.reason != ReasonSlowConsumer {
		t.Fatalf("%q for a socket that is the stalled one: %v", bye.reason, bye.socket == theirs)
	}
	if n := most.Load(); n == 0 || n > bound+size {
		t.Errorf("%d bytes have waited for the stalled client, want at most %d", n, bound+size)
	}
	others.fine()
	eventually(t, "its connection is cut", func() bool { return s.Connections() == len(others.peers) })
}

// TestFloodsThatCostNothing: what a client may send without end is bounded in memory and in answers.
func TestFloodsThatCostNothing(t *testing.T) {
	s := start(t, Options{}, ordinary)
	others := watch(t, s)
	c := join(t, s)
	for name, unit := range map[string]string{
		"acks that nobody waits for": `439007199254740991["x"]`, "events that nobody handles": `42["nobody"]`,
		"packets for a namespace that was left": `42/left,["x"]`,
	} {
		if strings.Contains(unit, "left") {
			s.Of("/left")
			c.connect("40/left,")
			c.send("41/left,")
		}
		var out []byte
		for range 1000 {
			out = appendMessage(out, unit)
		}
		for range 20 {
			c.write(out)
		}
		c.send(`421["echo"]`)
		if got := c.next(); got != "431[]" {
			t.Errorf("after 20,000 %s: %q", name, got)
		}
		others.fine()
	}
}

// TestHandlersThatWaitForAClientEndWithTheServer: handlers that wait for clients are let go when the server stops.
func TestHandlersThatWaitForAClientEndWithTheServer(t *testing.T) {
	errs := make(chan error, 2)
	asked := make(chan struct{}, 2)
	s, stop := startServer(t, Options{}, func(s *Server) {
		s.OnConnect(func(s *Socket) {
			asked <- struct{}{}
			_, err := s.EmitWithAck(context.Background(), "q")
			errs <- err
		})
	})
	c := join(t, s)
	receive(t, asked)
	c.expect(`420["q"]`)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	c.expectClose(1001)
	if err := receive(t, errs); err != ErrDisconnected {
		t.Errorf("EmitWithAck = %v", err)
	}
	if err := receive(t, stopped); err != nil {
		t.Errorf("Serve = %v", err)
	}
}
