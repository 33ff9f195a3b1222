package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"starling/hub/internal/session"
)

func TestAuth(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		s.OnConnect(func(s *Socket) {
			auth := struct {
				Token string
				N     int
			}{N: -1}
			noted.add("%v %+v", s.Auth(&auth), auth)
		})
	})
	for packet, want := range map[string]string{
		"40":                                 "<nil> {Token: N:-1}",
		"40{}":                               "<nil> {Token: N:-1}",
		`40{"token":"secret","n":7,"x":[1]}`: "<nil> {Token:secret N:7}",
		`40/,{"token":"by name"}`:            "<nil> {Token:by name N:-1}",
	} {
		c := dial(t, s, "")
		c.expect(openPacket)
		c.send(packet)
		c.expect(`40{"sid":"<20>"}`)
		noted.expect(t, want)
	}
	c := dial(t, s, "")
	c.expect(openPacket)
	c.connect(`40{"token":{}}`) // not what the application has in mind; its Auth says so
	if note := receive(t, noted); !strings.HasPrefix(note, "socketio: argument does not fit") {
		t.Fatalf("Auth of another type: %s", note)
	}
}

func TestHandshake(t *testing.T) {
	asked := make(chan *Socket, 10)
	for _, forget := range []bool{false, true} {
		started := time.Now()
		s := start(t, Options{ForgetHandshake: forget}, func(s *Server) {
			s.OnConnect(func(s *Socket) {
				h := s.Handshake()
				if h.URL != "/socket.io/?EIO=4&transport=websocket&token=a%20b" || h.Header["X-Test"][0] != "yes" {
					t.Errorf("handshake %+v", h)
				}
				if !strings.HasPrefix(h.Address, "127.0.0.1:") || h.Time.Before(started) || time.Since(h.Time) < 0 {
					t.Errorf("handshake from %s at %v", h.Address, h.Time)
				}
				asked <- s
			})
			s.OnLoop("later", func(s *Socket, e *Event) { _ = e.Ack(s.Handshake().URL) })
		})
		c := dial(t, s, "&token=a%20b")
		c.expect(openPacket)
		c.connect("40")
		if got := receive(t, asked); got.ID() != c.id || got.Namespace() != s.Namespace || !got.Connected() {
			t.Errorf("socket %s in %s, connected %v; the client was told %s", got.ID(), got.Namespace().Name(), got.Connected(), c.id)
		}
		c.send(`420["later"]`)
		if forget {
			c.expect(`430[""]`)
		} else {
			c.expect(`430["/socket.io/?EIO=4&transport=websocket&token=a%20b"]`)
		}
	}
}

func TestDataOfASocket(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		s.Use(func(s *Socket) error { noted.add("%v", s.Data()); s.SetData(map[string]int{"a": 1}); return nil })
		s.OnConnect(func(s *Socket) { noted.add("%v", s.Data()); s.SetData(nil); noted.add("%v", s.Data()) })
	})
	join(t, s)
	noted.expect(t, "<nil>", "map[a:1]", "<nil>")
}

func TestMiddleware(t *testing.T) {
	noted := newNotes()
	verdicts := map[string]error{
		"plain":       errors.New("not authorized"),
		"data":        &ConnectError{Message: "not authorized", Data: map[string]int{"code": 7}},
		"no data":     &ConnectError{Message: `with "quotes" & <html>`},
		"wrapped":     fmt.Errorf("looking you up: %w", &ConnectError{Message: "inner", Data: []int{1, 2}}),
		"unencodable": &ConnectError{Message: "still told", Data: make(chan int)},
		"bytes":       &ConnectError{Message: "bytes", Data: []byte{1, 2, 3}},
	}
	s := start(t, Options{}, func(s *Server) {
		for i := range 3 {
			s.Use(func(s *Socket) error {
				var auth struct{ Verdict string }
				if err := s.Auth(&auth); err != nil {
					t.Error(err)
				}
				noted.add("middleware %d", i)
				if i == 1 {
					if auth.Verdict == "panic" {
						panic("on purpose")
					}
					return verdicts[auth.Verdict]
				}
				return nil
			})
		}
		s.OnConnect(func(*Socket) { noted.add("connected") })
		s.OnDisconnect(func(*Socket, Reason) { noted.add("disconnected") })
	})
	for _, row := range []struct{ verdict, answer string }{
		{"plain", `44{"message":"not authorized"}`},
		{"data", `44{"message":"not authorized","data":{"code":7}}`},
		{"no data", `44{"message":"with \"quotes\" & <html>"}`},
		{"wrapped", `44{"message":"inner","data":[1,2]}`},
		{"unencodable", `44{"message":"still told"}`},
		{"bytes", `44{"message":"bytes","data":"AQID"}`},
		{"panic", `44{"message":"internal error"}`},
	} {
		t.Run(row.verdict, func(t *testing.T) {
			c := dial(t, s, "")
			c.expect(openPacket)
			c.send(`40{"verdict":"` + row.verdict + `"}`)
			c.expect(row.answer)
			noted.expect(t, "middleware 0", "middleware 1")
			c.send("40") // a refusal ends neither the connection nor the right to try again on it
			c.expect(`40{"sid":"<20>"}`)
			noted.expect(t, "middleware 0", "middleware 1", "middleware 2", "connected")
			c.leave()
			noted.expect(t, "disconnected")
		})
	}
	if n := s.Panics(); n != 1 {
		t.Errorf("Panics() = %d, want 1", n)
	}
	if e := (&ConnectError{Message: "m"}).Error(); e != "m" {
		t.Errorf("the error says %q", e)
	}
}

// TestClientGoneWhileMiddlewareRuns: nobody hears of a socket that was never connected, and nothing is kept of it.
func TestClientGoneWhileMiddlewareRuns(t *testing.T) {
	noted, sockets, release := newNotes(), make(chan *Socket), make(chan struct{})
	s := start(t, Options{}, func(s *Server) {
		s.Use(func(s *Socket) error {
			_ = s.Join("early")
			sockets <- s
			<-release
			_ = s.Join("late")
			noted.add("middleware")
			return nil
		})
		s.OnConnect(func(*Socket) { noted.add("connected") })
		s.OnDisconnect(func(*Socket, Reason) { noted.add("disconnected") })
	})
	for _, ending := range []func(c *peer){
		func(c *peer) { c.leave() },
		func(c *peer) { c.conn.Close() },
		func(c *peer) { c.send("41"); c.expectClose(1005) }, // leaving where one is not in yet
		func(c *peer) { c.send(`42["a"]`); c.expectClose(1005) },
		func(c *peer) { c.send("40"); c.expectClose(1005) }, // the reference asks its middleware twice
	} {
		c := dial(t, s, "")
		c.expect(openPacket)
		c.send("40")
		socket := receive(t, sockets)
		ending(c)
		eventually(t, "the socket is gone", socket.Gone)
		release <- struct{}{}
		noted.expect(t, "middleware")
		if err := socket.Emit("x"); !errors.Is(err, ErrDisconnected) {
			t.Errorf("Emit to a socket that never was = %v", err)
		}
		if names, err := socket.Rooms(context.Background()); err != nil || names != nil {
			t.Errorf("its rooms are %q, %v", names, err)
		}
		onLoop(socket, func() {
			if n := len(socket.client.shard.early); n != 0 {
				t.Errorf("%d changes of rooms are kept for it", n)
			}
		})
	}
	noted.none(t)
}

// onLoop runs f on the loop of a socket and waits for it.
func onLoop(s *Socket, f func()) {
	done := make(chan struct{})
	s.client.shard.loop.PostAlways(taskFunc(func() { f(); close(done) }))
	<-done
}

// TestMiddlewareThatSendsAway: who is disconnected before it is connected hears that it is not.
func TestMiddlewareThatSendsAway(t *testing.T) {
	s := start(t, Options{}, func(s *Server) {
		s.Use(func(s *Socket) error { s.Disconnect(false); return nil })
		s.Of("/hard").Use(func(s *Socket) error { s.Disconnect(true); return nil })
		s.OnConnect(func(*Socket) { t.Error("connected") })
		s.OnDisconnect(func(*Socket, Reason) { t.Error("disconnected") })
	})
	c := dial(t, s, "")
	c.expect(openPacket)
	c.send("40")
	c.expect(`44{"message":"disconnected"}`)
	c.send("40/hard,")
	c.expect(`44/hard,{"message":"disconnected"}`)
	c.expectClose(1005)
}

func TestUnknownNamespace(t *testing.T) {
	s := start(t, Options{}, func(s *Server) { s.OnLoop("sync", acked) })
	c := join(t, s)
	for _, name := range []string{"/random", "/__proto__", "/a?token=1", "/" + strings.Repeat("n", 254)} {
		c.send("40" + name + ",")
		c.expect("44" + name + `,{"message":"Invalid namespace"}`)
	}
	c.send("40/random") // the comma may be missing
	c.expect(`44/random,{"message":"Invalid namespace"}`)
	c.settled()
	if s.Of("random") != s.Of("/random") || s.Of("/random").Name() != "/random" || s.Of("") != s.Namespace {
		t.Error("Of has made two namespaces of one name")
	}
	c.connect("40/random,") // known from now on
}

func TestNamesThatNoNamespaceCanHave(t *testing.T) {
	s := New(Options{})
	for _, name := range []string{"a,b", "/a\nb", "/\xff", "/" + strings.Repeat("n", 255)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Of(%q) did not panic", name)
				}
			}()
			s.Of(name)
		}()
	}
}

func TestTwoNamespacesOnAConnection(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		for _, n := range []*Namespace{s.Namespace, s.Of("/b")} {
			n.OnConnect(func(s *Socket) { _ = s.Join("r") })
			n.OnDisconnect(func(_ *Socket, r Reason) { noted.add("%s %s", n.Name(), r) })
			n.OnLoop("where", func(s *Socket, e *Event) { _ = e.Ack(n.Name(), s.ID()) })
			n.OnLoop("sync", acked)
		}
	})
	c := join(t, s)
	main := c.id
	second := c.connect("40/b,")
	if main == second {
		t.Fatal("one id for two sockets")
	}
	c.send(`421["where"]`)
	c.expect(`431["/","` + main + `"]`)
	c.send(`42/b,2["where"]`)
	c.expect(`43/b,2["/b","` + second + `"]`)
	emit(t, s.To("r"), "m", 1)
	c.expect(`42["m",1]`)
	emit(t, s.Of("/b").To("r"), "m", 2)
	c.expect(`42/b,["m",2]`)
	emit(t, s.To(second), "wrong house")
	emit(t, s.Of("/b").To(second), "m", 3)
	c.expect(`42/b,["m",3]`)
	c.send("41")
	noted.expect(t, "/ client namespace disconnect")
	c.send(`42/b,2["where"]`)
	c.expect(`43/b,2["/b","` + second + `"]`)
	emit(t, s, "nobody is there")
	emit(t, s.Of("/b"), "m", 4)
	c.expect(`42/b,["m",4]`)
	if again := c.connect("40"); again == main {
		t.Error("the same id after a reconnection")
	}
	c.settled()
	c.leave()
	noted.expectInAnyOrder(t, "/ transport close", "/b transport close")
}

// emitter is all that one can emit with.
type emitter interface {
	Emit(event string, args ...any) error
}

func emit(t *testing.T, to emitter, event string, args ...any) {
	t.Helper()
	if err := to.Emit(event, args...); err != nil {
		t.Fatalf("Emit(%q) = %v", event, err)
	}
}

// TestNamespacesPerConnMax: the bound counts the namespaces that were left, too.
func TestNamespacesPerConnMax(t *testing.T) {
	s := simulate(t, Options{}, func(s *Server) {
		for i := range NamespacesPerConnMax + 1 {
			s.Of(fmt.Sprint("/n", i))
		}
	})
	p := s.dial("")
	for i := range NamespacesPerConnMax {
		s.connect(p, fmt.Sprint("/n", i))
		if i%2 == 0 {
			p.send(fmt.Sprintf("41/n%d,", i))
		}
	}
	s.connect(p, "/n0") // coming back is not another one
	p.send("40/unknown,")
	p.expect(`44/unknown,{"message":"Invalid namespace"}`)
	p.send(fmt.Sprintf("40/n%d,", NamespacesPerConnMax))
	p.expect("<close 1005>")
}

// TestConnectTimeout: a connection must be in a namespace in time; once it was, it may stay without.
func TestConnectTimeout(t *testing.T) {
	s := simulate(t, Options{}, nil)
	idle, tries, early, left := s.dial(""), s.dial(""), s.dial(""), s.dial("")
	s.connect(early, "/")
	s.connect(left, "/")
	left.send("41")
	s.advance(44*time.Second, idle, tries, early, left)
	tries.send("40/unknown,")
	tries.expect(`44/unknown,{"message":"Invalid namespace"}`)
	s.sim.Advance(2 * time.Second)
	for name, p := range map[string]*simPeer{"idle": idle, "refused": tries} {
		if got := p.got(); len(got) == 0 || got[len(got)-1] != "<close 1005>" {
			t.Errorf("the %s one got %q, want a close frame", name, got)
		}
	}
	s.advance(60*time.Second, early, left)
	if n := s.shard().table.Len(); n != 2 {
		t.Errorf("%d sessions, want those two that were connected", n)
	}
}

// TestConnectTimeoutOverTCP is the same with a clock that ticks.
func TestConnectTimeoutOverTCP(t *testing.T) {
	s := start(t, Options{ConnectTimeout: 100 * time.Millisecond}, nil)
	c := dial(t, s, "")
	c.expect(openPacket)
	c.expectClose(1005)
}

// TestAttachmentsTime: a packet must have its attachments in time, whatever else happens on the connection.
func TestAttachmentsTime(t *testing.T) {
	s := simulate(t, Options{}, func(s *Server) {
		s.OnLoop("files", func(_ *Socket, e *Event) { _ = e.Ack(e.Len()) })
		s.OnDisconnect(func(_ *Socket, r Reason) {
			if r != ReasonForcedClose {
				t.Errorf("disconnected for %q", r)
			}
		})
	})
	late, intime, accepted := s.join(), s.join(), s.join()
	c := accepted.socket.client // for which a middleware is being asked elsewhere
	asks := &Socket{id: "AAECAwQFBgcICQoLDA0A", nsp: s.Of("/asks"), client: c}
	asks.nsp.acquire()
	*c.newSeat() = seat{nsp: asks.nsp, socket: asks}
	header := `452-7["files",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for _, p := range []*simPeer{late, intime, accepted} {
		p.send(header, "<bin 01>")
	}
	s.advance(9 * time.Second)
	intime.send("<bin 02>")
	intime.expect(`437[2]`)
	s.sim.Loop().PostAlways(taskFunc(func() { c.answer(asks, nil) })) // to be let in there is no sign of the attachments
	s.sim.Run()
	accepted.expect(`40/asks,{"sid":"<20>"}`)
	s.advance(1100 * time.Millisecond)
	late.expect("<close 1005>")
	accepted.expect("<close 1005>")
	s.advance(30*time.Second, intime)
}

// TestIDsCarryTheirLoop: whoever has an id knows which loop to ask.
func TestIDsCarryTheirLoop(t *testing.T) {
	sockets := make(chan *Socket, 100)
	s := start(t, Options{Loops: 3}, func(s *Server) { s.OnConnect(func(s *Socket) { sockets <- s }) })
	seen := map[int]int{}
	for range 60 {
		join(t, s)
		socket := receive(t, sockets)
		want := socket.client.shard.loop.Index()
		seen[want]++
		if index, ok := session.LoopOf(socket.ID()); !ok || index != want {
			t.Fatalf("id %s says loop %d, %v; it is %d", socket.ID(), index, ok, want)
		}
	}
	if len(seen) != 3 {
		t.Errorf("60 connections went to the loops %v", seen)
	}
}

// TestConnectsPerNamespaceMax: who comes and goes on one connection has to take its time, also if nobody lets it in. Others and other
// namespaces do not count.
func TestConnectsPerNamespaceMax(t *testing.T) {
	asked := newNotes()
	s := start(t, Options{}, func(s *Server) {
		s.Of("/closed").Use(func(*Socket) error { asked.add("asked"); return errors.New("no") })
	})
	in, refused := join(t, s), join(t, s)
	for range ConnectsPerNamespaceMax { // a second may pass meanwhile, and allows one more
		in.send("41", "40")
		if got := in.next(); got != `40{"sid":"<20>"}` {
			t.Fatalf("got %q", got)
		}
	}
	for range ConnectsPerNamespaceMax + 1 { // the first is no second one
		refused.send("40/closed,")
		refused.expect(`44/closed,{"message":"no"}`)
		asked.expect(t, "asked")
	}
	for packets, c := range map[string]*peer{"41 40": in, "40/closed,": refused} {
		c.send(strings.Fields(strings.Repeat(packets+" ", 1000))...) // some seconds' worth, in one write
		for said := ""; !strings.HasPrefix(said, "<"); {
			said = c.message()
		}
	}
	join(t, s)
}
