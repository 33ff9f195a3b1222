package hub

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// upgrader is a client that goes over from polling to a WebSocket while messages go both ways.
type upgrader struct {
	t      *testing.T
	s      *Server
	target string
	got    []string // events, from whichever transport
}

// flooded is how many events each upgrader gets, and sends.
const flooded = 150

// TestOrderAcrossUpgrades has many clients go over to a WebSocket at once, each with its requests on connections of any
// loop, in the middle of a flood in either direction: everything arrives once and in order.
func TestOrderAcrossUpgrades(t *testing.T) {
	s := start(t, Options{Loops: 4}, func(s *Server) {
		s.On("flood", func(s *Socket, e *Event) {
			_ = e.Ack()
			for i := range flooded {
				if err := s.Emit("n", i); err != nil {
					t.Error(err)
				}
			}
		})
		s.OnLoop("n", func(s *Socket, e *Event) { // each socket's data is its own loop's
			next, _ := s.Data().(int)
			if got := string(e.Raw(0)); got != fmt.Sprint(next) {
				t.Errorf("got %s, want %d", got, next)
			}
			s.SetData(next + 1)
		})
		s.OnLoop("count", func(s *Socket, e *Event) { _ = e.Ack(s.Data()) })
	})
	var crowd sync.WaitGroup
	for i := range 24 {
		crowd.Go(func() {
			_, sid := joinPolling(t, s)
			u := &upgrader{t: t, s: s, target: pollTarget + "&sid=" + sid}
			u.run(i * flooded / 24)
		})
	}
	crowd.Wait()
}

// run sends its first events by POST, and the others by frames.
func (u *upgrader) run(posted int) {
	pausing, paused := make(chan struct{}), make(chan struct{})
	go func() { // the client's GETs, one after the other
		defer close(paused)
		for w := openWire(u.t, u.s); ; {
			select {
			case <-pausing:
				return
			default:
				u.take(w.ask(getRequest(u.target)))
			}
		}
	}()
	post := openWire(u.t, u.s)
	say := func(message string) {
		if a := post.ask(postRequest(u.target, message)); a.body != "ok" {
			u.t.Errorf("a POST is answered with %v", a)
		}
	}
	say(`427["flood"]`)
	for i := range posted {
		say(fmt.Sprintf(`42["n",%d]`, i))
	}
	w := openWire(u.t, u.s)
	if a := w.ask(upgradeRequest(u.target + "&transport=websocket")); a.status != http.StatusSwitchingProtocols {
		u.t.Errorf("the upgrade is answered with %v", a)
		close(pausing)
		return
	}
	c := w.socket(u.t)
	c.send("2probe")
	if got := c.message(); got != "3probe" {
		u.t.Errorf("the probe is answered with %q", got)
	}
	close(pausing)
	<-paused // the server owes its answer to the GET
	c.send("5")
	for i := posted; i < flooded; i++ {
		c.send(fmt.Sprintf(`42["n",%d]`, i))
	}
	c.send(`428["count"]`)
	for counted := false; !counted || len(u.got) < flooded+1; {
		m := c.message()
		counted = counted || m == fmt.Sprintf("438[%d]", flooded)
		switch {
		case strings.HasPrefix(m, "438"):
		case strings.HasPrefix(m, "4"):
			u.got = append(u.got, m)
		default:
			u.t.Errorf("got %q after %d events", m, len(u.got))
			return
		}
	}
	for i, m := range u.got {
		if want := fmt.Sprintf(`42["n",%d]`, i-1); i == 0 && m != "437[]" || i > 0 && m != want {
			u.t.Errorf("event %d is %q, want %q", i, m, want)
			return
		}
	}
}

// take takes the packets of an answer.
func (u *upgrader) take(a answer) {
	if a.status != http.StatusOK {
		u.t.Errorf("a GET is answered with %v", a)
		return
	}
	for m := range strings.SplitSeq(a.body, "\x1e") {
		if m != "6" {
			u.got = append(u.got, m)
		}
	}
}
