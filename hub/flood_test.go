package hub

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The tests in this file have one client send too much, over either transport.

// flooding is what a flood is made of: a frame of a client's with a mask of zeros, and the packet of Engine.IO if it is one.
type flooding struct {
	name, frame, packet string
	setup               Options
}

// floodings are told apart by their names alone: a thousand of each may come at once, and no more.
var floodings = []flooding{
	{"pings", "\x89\x81\x00\x00\x00\x00p", "", Options{}},
	{"empty pings", "\x89\x80\x00\x00\x00\x00", "", Options{}},
	{"pongs of the WebSocket", "\x8a\x81\x00\x00\x00\x00p", "", Options{}},
	{"heartbeats", "\x81\x81\x00\x00\x00\x003", "3", Options{}},
	{"noops", "\x81\x81\x00\x00\x00\x006", "6", Options{}},
	{"upgrades", "\x81\x81\x00\x00\x00\x005", "5", Options{}},
	{"open packets", "\x81\x81\x00\x00\x00\x000", "0", Options{}},
	{"events that nobody handles", "\x81\x8c\x00\x00\x00\x0042[\"nobody\"]", `42["nobody"]`, Options{MessageRateMax: 100}},
	{"acks that nobody waits for", "\x81\x85\x00\x00\x00\x00431[]", "431[]", Options{MessageRateMax: 100}},
}

// TestFlood: a client that sends a thousand packets which mean nothing is served, and one that goes on is disconnected and
// counted as such, over either transport.
func TestFlood(t *testing.T) {
	for _, row := range floodings {
		t.Run(row.name, func(t *testing.T) {
			gone := newNotes()
			s := start(t, row.setup, func(s *Server) {
				ordinary(s)
				s.OnDisconnect(func(_ *Socket, r Reason) { gone.add("%s", r) })
			})
			others := watch(t, s)
			c := join(t, s)
			c.write([]byte(strings.Repeat(row.frame, 990)))
			c.send(`421["echo"]`)
			for got := c.next(); got != "431[]"; got = c.next() {
				if !strings.HasPrefix(got, "<pong ") {
					t.Fatalf("got %q", got)
				}
			}
			c.write([]byte(strings.Repeat(row.frame, 5000))) // fifty seconds' worth
			last := c.next()
			for strings.HasPrefix(last, "<pong ") {
				last = c.next()
			}
			if last != "<close 1008>" {
				t.Errorf("the flood ends with %q", last)
			}
			gone.expect(t, "flood")
			want, refused := map[Reason]uint64{ReasonFlood: 1}, map[Cause]uint64{}
			if row.packet != "" {
				floodByPolling(t, s, row.packet)
				gone.expect(t, "flood")
				want[ReasonFlood], refused[CauseFlood], refused[CauseUnknownSession] = 2, 1, 1
			}
			others.fine()
			wantWords(t, stats(t, s), want, refused)
		})
	}
}

// floodByPolling does the same by POST.
func floodByPolling(t *testing.T, s *Server, packet string) {
	t.Helper()
	w, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	w.send(postRequest(target, strings.Repeat(packet+"\x1e", 990)+`421["echo"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, "431[]")
	w.send(postRequest(target, strings.Repeat(packet+"\x1e", 5000)+packet))
	w.expect("POST", http.StatusBadRequest, "")
	w.send(postRequest(target, `421["echo"]`))
	w.expect("POST", http.StatusBadRequest, `{"code":1,"message":"Session ID unknown"}`)
}

// TestControlRateOfThoseWhoMeanWell: what goes on in an ordinary connection for days is no flood, were the bound a hundredth.
func TestControlRateOfThoseWhoMeanWell(t *testing.T) {
	s := simulate(t, Options{ControlRateMax: 1}, ordinary)
	c := s.join()
	for range 3600 {
		c.Send([]byte("\x89\x80\x00\x00\x00\x00")) // a proxy that wants to know
		s.sim.Advance(time.Second)
		for _, got := range c.got() {
			switch got {
			case "2":
				c.send("3")
			case "<pong >":
			default:
				t.Fatalf("got %q", got)
			}
		}
	}
	for range 1000 {
		c.send(`421["echo"]`)
		c.expect("431[]")
	}
}

// aCONNECT is one whose Engine.IO packet has so many bytes.
func aCONNECT(head string, bytes int) string {
	return head + `{"a":"` + strings.Repeat("a", bytes-len(head)-len(`{"a":""}`)) + `"}`
}

// TestConnectPayloadBytesMax: who has not been let in may say less at once, and who has may say as much as all.
func TestConnectPayloadBytesMax(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		max  int
	}{
		{"the default", Options{}, 65536},
		{"less", Options{ConnectPayloadBytesMax: 1000}, 1000},
		{"more than all may", Options{ConnectPayloadBytesMax: 1000, PayloadBytesMax: 500}, 500},
	} {
		s := start(t, row.opts, func(s *Server) {
			ordinary(s)
			s.Of("/closed").Use(func(*Socket) error { return &ConnectError{Message: "no"} })
		})
		for _, before := range []string{"", "40/closed,", "40/nowhere,"} { // a refusal changes nothing
			for _, over := range []int{0, 1} {
				t.Run(fmt.Sprintf("%s, behind %q, and %d", row.name, before, over), func(t *testing.T) {
					packet := aCONNECT("40", row.max+over)
					wantStranger(t, s, before, packet, over == 0, row.opts.PayloadBytesMax == 0)
					wantPollingStranger(t, s, before, packet, over == 0, row.opts.PayloadBytesMax == 0)
				})
			}
		}
	}
}

// large is an event that a stranger may not send, and largeAck what answers it.
var (
	large    = `421["echo","` + strings.Repeat("a", 100_000) + `"]`
	largeAck = `431["` + strings.Repeat("a", 100_000) + `"]`
)

func wantStranger(t *testing.T, s *Server, before, packet string, in, thenLarge bool) {
	t.Helper()
	c := dial(t, s, "")
	c.next() // the open packet
	if before != "" {
		c.send(before)
		if got := c.next(); !strings.HasPrefix(got, "44/") {
			t.Fatalf("got %q", got)
		}
	}
	c.send(packet)
	if !in {
		c.expectClose(1009)
		return
	}
	c.expect(`40{"sid":"<20>"}`)
	if thenLarge {
		c.send(large)
		c.expect(largeAck)
	}
}

func wantPollingStranger(t *testing.T, s *Server, before, packet string, in, thenLarge bool) {
	t.Helper()
	w := openWire(t, s)
	target := pollTarget + "&sid=" + w.handshake()
	if before != "" {
		w.send(postRequest(target, before))
		w.expect("POST", http.StatusOK, "ok")
		if a := w.ask(getRequest(target)); !strings.HasPrefix(a.body, "44/") {
			t.Fatalf("got %v", a)
		}
	}
	w.send(postRequest(target, packet))
	if !in {
		w.expect("POST", http.StatusRequestEntityTooLarge, "")
		w = openWire(t, s) // the session goes on
		w.send(postRequest(target, "40"))
	}
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
	if thenLarge {
		w.send(postRequest(target, large))
		w.expect("POST", http.StatusOK, "ok")
		w.send(getRequest(target))
		w.expect("GET", http.StatusOK, largeAck)
	}
}

// TestConnectPayloadBytesMaxOfOneWhoComesBack: who recovers a session is no stranger.
func TestConnectPayloadBytesMaxOfOneWhoComesBack(t *testing.T) {
	s := simulate(t, Options{Recovery: &Recovery{}}, ordinary)
	old := s.recoverable()
	pid := s.newest().kept.pid
	old.Hangup(io.EOF)
	back := s.dial("")
	back.send(fmt.Sprintf(`40{"pid":%q}`, pid))
	s.sim.Run()
	if !s.newest().Recovered() {
		t.Fatal("it did not recover")
	}
	back.got()
	back.send(large)
	back.expect(largeAck)
}

// TestConnectsNowhere: namespaces that there are not are asked for as often as there may be namespaces, and then once a second,
// all together. They take nobody's place.
func TestConnectsNowhere(t *testing.T) {
	asked := 0
	s := simulate(t, Options{}, func(s *Server) {
		s.OfFunc(func(string, Raw) bool { asked++; return false })
		for i := range NamespacesPerConnMax {
			s.Of(fmt.Sprintf("/known%d", i))
		}
	})
	c := s.dial("")
	ask := func(from, n int) {
		t.Helper()
		for i := range n {
			c.send(fmt.Sprintf("40/n%d,", from+i))
			c.expect(fmt.Sprintf(`44/n%d,{"message":"Invalid namespace"}`, from+i))
		}
	}
	ask(0, NamespacesPerConnMax-1)
	for i := range NamespacesPerConnMax {
		c.send(fmt.Sprintf("40/known%d,", i))
		c.expect(fmt.Sprintf(`40/known%d,{"sid":"<20>"}`, i))
	}
	ask(1000, 1)
	s.advance(3 * time.Second)
	ask(2000, 3)
	if asked != NamespacesPerConnMax+3 {
		t.Errorf("the parent was asked %d times", asked)
	}
	s.shard().space(s.Of("/known0")).index.Each(nil, nil, func(m *Socket) {
		if n := len(m.client.more); n != NamespacesPerConnMax {
			t.Errorf("it has %d seats beside the first", n)
		}
	})
	c.send("40/n0,", "40/n1,")
	c.expect("<close 1005>")
	if asked != NamespacesPerConnMax+4 {
		t.Errorf("the parent was asked %d times", asked)
	}
}
