package stock

import (
	"testing"
	"time"
)

// world is a World that knows what is in flight, and complains about what no client may do.
type world struct {
	t       *testing.T
	flying  [Links]bool
	frames  bool // the WebSocket is open
	leaving bool // the client has left, and only its goodbye may follow
	alarm   bool
	told    [Heard + 1]int
}

func (w *world) Ask(c *Client, l Link, body []byte) {
	switch {
	case w.flying[l]:
		w.t.Fatalf("a second request on link %d", l)
	case l == Post && c.SID() == "":
		w.t.Fatal("a POST before the handshake")
	case (l == Post) != (len(body) > 0):
		w.t.Fatalf("a body of %d bytes on link %d", len(body), l)
	case w.leaving && (l != Post || string(body) != "1"):
		w.t.Fatalf("%q on link %d after leaving", body, l)
	}
	w.flying[l] = true
}

func (w *world) Send(_ *Client, p []byte) {
	if !w.frames || len(p) == 0 {
		w.t.Fatalf("%q over a WebSocket that is open: %v", p, w.frames)
	}
}

func (w *world) Leave(*Client) {
	w.flying, w.frames, w.leaving = [Links]bool{}, false, true
}

func (w *world) Wake(_ *Client, after time.Duration) {
	if after < 0 || after > time.Hour {
		w.t.Fatalf("an alarm after %v", after)
	}
	w.alarm = after > 0
}

func (w *world) Tell(_ *Client, n News) {
	w.told[n.Kind]++
	if n.Kind == Asking {
		w.leaving = false
	}
}

// packets are what a server may say, and some that it may not.
var packets = []string{
	`0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`, `0{"sid":"s","upgrades":[],"pingInterval":1,"pingTimeout":1}`,
	`40{"sid":"p"}`, "2", "6", "1", "41", "44{}", "430[\"proof\"]", "42[\"x\"]", "4x", "", "3probe", "6\x1e40{\"sid\":\"p\"}\x1e2", "0{",
}

// Whatever happens in whatever order, a client has one request at a time on each link, sends nothing where nothing is open, and is
// never left without something that it waits for.
func FuzzClient(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 0, 4, 0, 3, 12, 0, 4, 5, 0})
	f.Add(uint8(1), []byte{2, 0, 3, 1, 3, 2, 5, 0})
	f.Add(uint8(2), []byte{0, 0, 0, 2, 6, 0, 7, 0})
	f.Fuzz(func(t *testing.T, transport uint8, happens []byte) {
		w := &world{t: t}
		o := &Options{Transport: []Transport{Default, WebSocket, Polling}[transport%3], Delay: DelayDefault, DelayMax: DelayMaxDefault}
		c := NewClient(0, o, w, func() float64 { return 0.7 })
		c.Open()
		for i := 0; i+1 < len(happens); i += 2 {
			happen(&c, w, happens[i], packets[int(happens[i+1])%len(packets)])
			if c.stage != ended && !w.alarm {
				t.Fatalf("it waits for nothing, in stage %d", c.stage)
			}
		}
		if w.told[Ended] > 1 || w.told[Back] > w.told[Asking] || w.told[Lost]+w.told[Missed]+w.told[Ended] > w.told[Asking] {
			t.Errorf("told %v", w.told)
		}
	})
}

// happen does what the first byte says if it can happen now.
func happen(c *Client, w *world, what byte, packet string) {
	link := Link(what/8) % Links
	switch what % 8 {
	case 0, 1:
		if l := Link(what % 8); w.flying[l] {
			w.flying[l] = false
			c.Answered(l, 200, []byte(packet))
		}
	case 2:
		if w.flying[Socket] && !w.frames {
			w.frames = true
			c.Upgraded()
		}
	case 3:
		if w.frames {
			c.Frame([]byte(packet))
		}
	case 4:
		if w.flying[link] {
			w.flying[link], w.frames = false, w.frames && link != Socket
			c.Closed(link, Cause{Text: "x", Refused: what > 128})
		}
	case 5:
		if w.alarm {
			w.alarm = false
			c.Alarm()
		}
	case 6:
		c.Echo("echo")
	case 7:
		w.flying, w.frames = [Links]bool{}, false
		c.Cut()
	}
}
