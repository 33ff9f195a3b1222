package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestEventsWaitForOnConnect: whatever a client sends at once, its handlers see it when OnConnect has returned, and each
// kind in its order.
func TestEventsWaitForOnConnect(t *testing.T) {
	noted, release := newNotes(), make(chan struct{})
	s := start(t, Options{}, func(s *Server) {
		s.OnConnect(func(*Socket) { <-release; noted.add("connected") })
		s.On("off", func(_ *Socket, e *Event) { noted.add("off %s", e.Raw(0)) })
		s.OnLoop("on", func(s *Socket, e *Event) { noted.add("on %s", e.Raw(0)); _ = e.Ack(string(e.Raw(1))) })
		s.OnDisconnect(func(*Socket, Reason) { noted.add("disconnected") })
	})
	c := join(t, s)
	c.send(`42["off",1]`, `4201["on",1,[true]]`, `42["off",2]`, `4202["on",2,"x"]`)
	other := dial(t, s, "") // somebody else's OnConnect waits too, and his connection works all the same
	other.expect(openPacket)
	close(release)
	c.expect(`431["[true]"]`, `432["\"x\""]`)
	var off, on []string
	noted.expect(t, "connected")
	for range 4 {
		if note := receive(t, noted); strings.HasPrefix(note, "off") {
			off = append(off, note)
		} else {
			on = append(on, note)
		}
	}
	if fmt.Sprint(off, on) != "[off 1 off 2] [on 1 on 2]" {
		t.Fatalf("handled %q and %q", off, on)
	}
	c.send(`42["on",3]`, `42["off",3]`)
	c.leave()
	if got := receive(t, noted); got != "on 3" { // on the loop, so before anything that is handed to a goroutine
		t.Fatalf("then %q", got)
	}
	noted.expect(t, "off 3", "disconnected")
}

// TestAnOnLoopEventThatWaitedTooLong: its socket has left before OnConnect returned, so nothing comes after OnDisconnect.
func TestAnOnLoopEventThatWaitedTooLong(t *testing.T) {
	noted, sockets, release := newNotes(), make(chan *Socket), make(chan struct{})
	s := start(t, Options{}, func(s *Server) {
		s.OnConnect(func(s *Socket) { sockets <- s; <-release; noted.add("connected") })
		s.OnLoop("on", func(*Socket, *Event) { noted.add("on") })
		s.OnDisconnect(func(*Socket, Reason) { noted.add("disconnected") })
	})
	c := join(t, s)
	socket := receive(t, sockets)
	c.send(`42["on"]`, "41")
	eventually(t, "the socket has left", func() bool { return !socket.Connected() })
	close(release)
	noted.expect(t, "connected", "disconnected")
	onLoop(socket, func() {})
	noted.none(t)
}

// TestOneSocketsHandlerWaitsAlone: while a handler of one socket blocks, its events wait in order, and other sockets,
// however many, do not notice.
func TestOneSocketsHandlerWaitsAlone(t *testing.T) {
	noted, release := newNotes(), make(chan struct{})
	s := start(t, Options{Loops: 1}, func(s *Server) {
		s.On("block", func(*Socket, *Event) { <-release })
		s.On("n", func(_ *Socket, e *Event) { noted.add("%s", e.Raw(0)); _ = e.Ack() })
		s.OnLoop("sync", acked)
	})
	stuck, free := join(t, s), joinAll(t, s, 3)
	stuck.send(`42["block"]`)
	for i := range 100 {
		stuck.send(fmt.Sprintf(`42["n","stuck %d"]`, i))
	}
	stuck.settled() // OnLoop events pass by
	for i := range 100 {
		for _, c := range free {
			c.send(fmt.Sprintf(`42%d["n","free %d"]`, i, i))
			c.expect(fmt.Sprintf(`43%d[]`, i))
			noted.expect(t, fmt.Sprintf(`"free %d"`, i))
		}
	}
	noted.none(t)
	close(release)
	for i := range 100 {
		noted.expect(t, fmt.Sprintf(`"stuck %d"`, i))
	}
}

func TestOrderOfEventsAndAcks(t *testing.T) {
	const count = 1000
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		handle := func(s *Socket, e *Event) {
			var n int
			if err := e.Bind(&n); err != nil {
				t.Error(err)
			}
			noted.add("%s %d", e.Name(), n)
			_ = s.Emit("answer", n) // an ack must not overtake what was emitted before it
			_ = e.Ack(n)
		}
		s.On("off", handle)
		s.OnLoop("on", handle)
	})
	for _, event := range []string{"off", "on"} {
		c := join(t, s)
		for i := range count {
			c.send(fmt.Sprintf(`42%d["%s",%d]`, i, event, i))
		}
		for i := range count {
			c.expect(fmt.Sprintf(`42["answer",%d]`, i), fmt.Sprintf(`43%d[%d]`, i, i))
			noted.expect(t, fmt.Sprintf("%s %d", event, i))
		}
	}
}

// TestEvent asks an Event everything, on the loop and off it.
func TestEvent(t *testing.T) {
	checked := make(chan struct{}, 2)
	check := func(s *Socket, e *Event) {
		defer func() { checked <- struct{}{} }()
		if e.Name() != "ev" && e.Name() != "ev loop" || e.Socket() != s || e.WantsAck() || e.Acker() != nil || e.Len() != 4 {
			t.Errorf("name %q, ack %v, %d arguments", e.Name(), e.WantsAck(), e.Len())
		}
		if err := e.Ack("unasked"); !errors.Is(err, ErrAcked) {
			t.Errorf("Ack of an event that wants none = %v", err)
		}
		var a int
		var b map[string]any
		var file []byte
		var person struct {
			Name   string
			Avatar []byte
		}
		if err := e.Bind(&a, nil, &file, &person); err != nil || a != 1 || string(file) != "\x01\x02" ||
			person.Name != "ada" || string(person.Avatar) != "\x03" {
			t.Errorf("Bind = %v: %v %q %+v", err, a, file, person)
		}
		if err := e.Arg(1, &b); err != nil || fmt.Sprint(b) != "map[k:[true <nil>]]" {
			t.Errorf("Arg = %v: %v", err, b)
		}
		if err := e.Bind(nil, nil, nil, nil, nil); !errors.Is(err, ErrNoArgument) {
			t.Errorf("Bind of 5 of 4 arguments = %v", err)
		}
		if err := e.Arg(4, &a); !errors.Is(err, ErrNoArgument) {
			t.Errorf("Arg(4) of 4 = %v", err)
		}
		if err := e.Arg(1, &a); err == nil || errors.Is(err, ErrNoArgument) {
			t.Errorf("an object as int: %v", err)
		}
		if got := string(e.Raw(1)); got != `{"k":[true,null]}` || e.Raw(4) != nil {
			t.Errorf("Raw(1) = %s, Raw(4) = %s", got, e.Raw(4))
		}
		values, err := e.Values(1)
		if err != nil || fmt.Sprint(values) != "[map[k:[true <nil>]] [1 2] map[avatar:[3] name:ada]]" {
			t.Errorf("Values = %v, %v", values, err)
		}
	}
	s := start(t, Options{}, func(s *Server) {
		s.On("ev", check)
		s.OnLoop("ev loop", check)
	})
	c := join(t, s)
	for _, name := range []string{"ev", "ev loop"} {
		c.send(`452-["`+name+`",1,{"k":[true,null]},{"_placeholder":true,"num":0},{"name":"ada","avatar":{"_placeholder":true,"num":1}}]`,
			"<bin 0102>", "<bin 03>")
		receive(t, checked)
	}
}

// TestAnEventDiesWithItsHandler: who keeps one is told.
func TestAnEventDiesWithItsHandler(t *testing.T) {
	kept, handled := make(chan *Event, 1), make(chan struct{})
	s := start(t, Options{}, func(s *Server) {
		s.On("off", func(_ *Socket, e *Event) { kept <- e })
		s.OnLoop("on", func(_ *Socket, e *Event) { kept <- e })
		s.On("then", func(*Socket, *Event) { handled <- struct{}{} })
	})
	c := join(t, s)
	for _, event := range []string{"off", "on"} {
		c.send(`421["`+event+`","argument"]`, `42["then"]`)
		receive(t, handled) // so the first handler has returned
		e := <-kept
		for name, use := range map[string]func(){
			"Name":     func() { e.Name() },
			"Socket":   func() { e.Socket() },
			"WantsAck": func() { e.WantsAck() },
			"Ack":      func() { _ = e.Ack() },
			"Acker":    func() { e.Acker() },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s of an %s event that has ended did not panic", name, event)
					}
				}()
				use()
			}()
		}
	}
}

func TestReservedNames(t *testing.T) {
	sockets := make(chan *Socket, 1)
	s := start(t, Options{}, func(s *Server) { s.OnConnect(func(s *Socket) { sockets <- s }) })
	c := join(t, s)
	socket := receive(t, sockets)
	nothing := func(*Socket, *Event) {}
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		for way, register := range map[string]func(string, func(*Socket, *Event)){"On": s.On, "OnLoop": s.OnLoop} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s(%q) did not panic", way, name)
					}
				}()
				register(name, nothing)
			}()
		}
		_, askErr := socket.EmitWithAck(t.Context(), name)
		for way, err := range map[string]error{
			"Namespace.Emit":         s.Emit(name, 1),
			"BroadcastOperator.Emit": s.To("r").Volatile().Emit(name),
			"Socket.Emit":            socket.Emit(name),
			"Socket.EmitVolatile":    socket.EmitVolatile(name),
			"Socket.EmitAck":         socket.EmitAck(0, name, func(*Reply, error) { t.Error("called") }),
			"Socket.EmitWithAck":     askErr,
		} {
			if !errors.Is(err, ErrReservedEvent) {
				t.Errorf("%s(%q) = %v", way, name, err)
			}
		}
	}
	emit(t, socket, "connection") // which is the reference's own name for OnConnect, but not reserved on the wire
	c.expect(`42["connection"]`)
}

// TestHandlersCanBeReplaced: registering concerns what arrives from then on.
func TestHandlersCanBeReplaced(t *testing.T) {
	s := start(t, Options{}, func(s *Server) {
		s.OnLoop("a", func(_ *Socket, e *Event) { _ = e.Ack("loop") })
	})
	c := join(t, s)
	c.send(`421["a"]`)
	c.expect(`431["loop"]`)
	s.On("a", func(_ *Socket, e *Event) { _ = e.Ack("off") })
	c.send(`422["a"]`)
	c.expect(`432["off"]`)
}

// overflow is what must not wait for a socket's handlers: too many events, or too many bytes.
func TestMailboxOverflow(t *testing.T) {
	for _, row := range []struct {
		name  string
		event string
		fits  int
	}{
		{"events", `42["n"]`, MailboxEventsMax},
		// Each has 900,004 bytes of arguments: four of them are within 4 MiB, five are not.
		{"bytes", `42["n","` + strings.Repeat("x", 900_000) + `",1]`, 4},
		{"attachments", `451-["n",{"_placeholder":true,"num":0}]`, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			noted, entered, release := newNotes(), make(chan struct{}), make(chan struct{})
			var handled atomic.Int64
			s := simulate(t, Options{}, func(s *Server) {
				s.On("block", func(*Socket, *Event) { close(entered); <-release })
				s.On("n", func(*Socket, *Event) { handled.Add(1) })
				s.OnDisconnect(func(_ *Socket, r Reason) { noted.add("%s after %d", r, handled.Load()) })
			})
			p := s.join()
			p.send(`42["block"]`)
			receive(t, entered) // it waits no longer
			sent := []string{row.event}
			if row.name == "attachments" {
				sent = append(sent, "<bin "+strings.Repeat("00", 900_000)+">")
			}
			for range row.fits {
				p.send(sent...)
			}
			p.expect()
			p.send(sent...)
			p.expect("<close 1008>")
			close(release)
			noted.expect(t, fmt.Sprintf("inbound overflow after %d", row.fits))
		})
	}
}

// TestAnEventOfAnySizeFitsAnEmptyMailbox: the bound in bytes is not one on events.
func TestAnEventOfAnySizeFitsAnEmptyMailbox(t *testing.T) {
	s := start(t, Options{PayloadBytesMax: 8 << 20}, func(s *Server) {
		s.On("n", func(_ *Socket, e *Event) { _ = e.Ack(len(e.Raw(0))) })
	})
	c := join(t, s)
	c.send(`421["n","` + strings.Repeat("x", 6<<20) + `"]`)
	c.expect(fmt.Sprintf("431[%d]", 6<<20+2))
}

// TestHandlersMax: handlers beyond the bound wait for a place, in the order of the sockets, and none is lost.
func TestHandlersMax(t *testing.T) {
	var running, most atomic.Int64
	noted, release := newNotes(), make(chan struct{})
	s := start(t, Options{HandlersMax: 2}, func(s *Server) {
		s.On("n", func(_ *Socket, e *Event) {
			now := running.Add(1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			<-release
			running.Add(-1)
			noted.add("%s", e.Raw(0))
		})
		s.OnLoop("sync", acked)
	})
	peers := joinAll(t, s, 10)
	var want []string
	for i, c := range peers {
		for j := range 3 {
			c.send(fmt.Sprintf(`42["n","%d.%d"]`, i, j))
			want = append(want, fmt.Sprintf(`"%d.%d"`, i, j))
		}
		c.settled()
	}
	close(release)
	noted.expectInAnyOrder(t, slices.Clone(want)...)
	if n := most.Load(); n != 2 {
		t.Errorf("%d handlers ran at once, want 2", n)
	}
}

// TestANumberAsName: 1 and "1" are one event, as with the reference server.
func TestANumberAsName(t *testing.T) {
	s := start(t, Options{}, func(s *Server) {
		s.OnLoop("1", func(_ *Socket, e *Event) { _ = e.Ack(e.Name()) })
	})
	c := join(t, s)
	c.send(`421[1]`, `422["1"]`)
	c.expect(`431["1"]`, `432["1"]`)
}

// TestUseEventOnLoop: what is asked on the loop sees each event as it comes, before those that wait, and what it refuses never waits.
func TestUseEventOnLoop(t *testing.T) {
	noted := newNotes()
	hold, begun := make(chan struct{}), make(chan struct{}, 1)
	s := start(t, Options{}, func(s *Server) {
		s.UseEventOnLoop(func(_ *Socket, e *Event) error {
			noted.add("asked for %s", e.Name())
			switch e.Name() {
			case "panic":
				panic("no")
			case "bad":
				_ = e.Ack("refused")
				return errors.New("no")
			case "acked":
				_ = e.Ack("early")
			}
			return nil
		})
		s.UseEvent(func(_ *Socket, e *Event) error { noted.add("then for %s", e.Name()); return nil })
		s.On("slow", func(*Socket, *Event) { begun <- struct{}{}; <-hold })
		s.OnOther(func(_ *Socket, e *Event) { noted.add("handled %s, wants %v", e.Name(), e.WantsAck()) })
		s.OnLoop("quick", acked)
	})
	c := join(t, s)
	c.send(`42["slow"]`)
	receive(t, begun)
	noted.expect(t, "asked for slow", "then for slow")
	c.send(`421["bad"]`, `422["acked"]`, `42["panic"]`, `423["last"]`, `424["quick"]`)
	c.expect(`431["refused"]`, `432["early"]`, `434[]`)
	noted.expect(t, "asked for bad", "asked for acked", "asked for panic", "asked for last", "asked for quick", "then for quick")
	close(hold)
	noted.expect(t, "then for acked", "handled acked, wants false", "then for last", "handled last, wants true")
	if s.Panics() != 1 {
		t.Errorf("%d panics were caught", s.Panics())
	}
}
