package stock

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// separator stands between the packets of a payload (Engine.IO v4).
const separator = "\x1e"

func (c *Client) get() {
	c.getting = true
	c.world.Ask(c, Get, nil)
}

func (c *Client) dial() {
	c.socket = dialling
	c.world.Ask(c, Socket, nil)
}

// got takes a payload: the next poll is begun only once all its packets are taken, and none while the transport pauses.
func (c *Client) got(payload []byte) {
	for p := range bytes.SplitSeq(payload, []byte(separator)) {
		c.packet(p)
		if c.stage == waiting || c.stage == ended {
			return
		}
	}
	if c.stage == opening {
		c.lose("handshake", Cause{Text: "no open packet"})
		return
	}
	c.getting = false
	if c.poller == polling {
		c.get()
	}
	c.proceed()
}

// proceed is for whenever a GET or a POST has been answered: what has waited for that goes on.
func (c *Client) proceed() {
	if c.poller == pausing && !c.getting && !c.posting {
		c.poller = paused
		c.changeOver()
	}
	c.flush()
}

// packet takes an Engine.IO packet of the transport that carries the session. The first must be the open packet.
func (c *Client) packet(p []byte) {
	if len(p) == 0 {
		return
	}
	if c.stage == opening && p[0] != '0' {
		c.lose("handshake", Cause{Text: "no open packet"})
		return
	}
	switch p[0] {
	case '0':
		c.opened(p[1:])
	case '1': // close means something over polling alone; over WebSocket the stock client does not look at it
		if c.socket != current {
			c.poller = noPoller // there is nobody to say goodbye to
			c.lose("poll", Cause{Text: "closed by the server"})
		}
	case '2':
		c.world.Wake(c, c.heartbeat)
		c.write([]byte("3"))
	case '4':
		c.message(p)
	}
}

// openPacket is what a client reads of the open packet.
type openPacket struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
}

// opened begins the session. The CONNECT packet and the upgrade set off at once and do not wait for each other.
func (c *Client) opened(text []byte) {
	var o openPacket
	if err := json.Unmarshal(text, &o); err != nil || o.SID == "" || c.stage != opening {
		c.lose("handshake", Cause{Text: "bad open packet"})
		return
	}
	c.stage, c.sid, c.attempts = open, o.SID, 0
	c.heartbeat = time.Duration(o.PingInterval+o.PingTimeout) * time.Millisecond
	if c.socket != current {
		c.poller = polling
	}
	c.write(c.connect())
	if c.options.Transport == Default && slices.Contains(o.Upgrades, "websocket") {
		c.socket = held
		if !c.holds {
			c.dial()
		}
	}
	c.world.Wake(c, c.heartbeat)
}

// connect is the packet that asks for the namespace.
func (c *Client) connect() []byte {
	if c.options.Connect == nil {
		return []byte("40")
	}
	return c.options.Connect(c.number)
}

// write sends a packet, or keeps it until the transport is writable and no upgrade is under way.
func (c *Client) write(p []byte) {
	if len(c.unsent) > 0 {
		c.unsent = append(c.unsent, separator...)
	}
	c.unsent = append(c.unsent, p...)
	c.flush()
}

func (c *Client) flush() {
	switch {
	case len(c.unsent) == 0:
		return
	case c.socket == current:
		for p := range bytes.SplitSeq(c.unsent, []byte(separator)) {
			c.world.Send(c, p)
		}
	case c.poller == polling && !c.posting:
		c.posting = true
		c.world.Ask(c, Post, c.unsent)
	default:
		return
	}
	c.unsent = c.unsent[:0]
}

// probeAnswered pauses polling if the probe was answered as it should be: what is in flight is waited for, because the server
// answers it with what it still has to say over polling, or with a noop.
func (c *Client) probeAnswered(p []byte) {
	if string(p) != "3probe" {
		c.socket = ignored
		c.world.Tell(c, News{Kind: Fault, About: "upgrade: probe answered otherwise"})
		c.arrive()
		return
	}
	c.socket, c.poller = probed, pausing
	c.proceed()
}

// changeOver goes over to the WebSocket; if that has broken meanwhile, the stock client goes nowhere.
func (c *Client) changeOver() {
	if c.socket != probed {
		return
	}
	c.socket = current
	c.world.Send(c, []byte("5"))
	c.arrive()
}

// upgradeFailed stays with polling. But once the transport pauses, the stock client does not resume it: it is silent until the
// heartbeat fails.
func (c *Client) upgradeFailed(why Cause) {
	if c.socket == probed {
		c.socket = stranded
		why.Text += " after the probe"
	} else {
		c.socket = noSocket
	}
	c.world.Tell(c, News{Kind: Fault, About: "upgrade: " + why.Text})
	c.arrive()
}

// message takes an Engine.IO packet that carries a Socket.IO v5 packet. Those of other namespaces than the main one are for nobody
// here.
func (c *Client) message(whole []byte) {
	p := whole[1:]
	if len(p) == 0 || p[0] < '0' || p[0] > '6' {
		c.lose("packet", Cause{Text: "parse error"})
		return
	}
	if len(p) > 1 && p[1] == '/' {
		return
	}
	switch p[0] {
	case '0':
		c.connected = c.connected || bytes.HasPrefix(p[1:], []byte(`{"sid":"`))
		c.world.Tell(c, News{Kind: Heard, Packet: whole})
		c.arrive()
	case '1':
		c.end("namespace: disconnected by the server")
	case '4':
		c.end("namespace: refused: " + string(p[1:]))
	default:
		news := News{Kind: Heard, Packet: whole}
		if bytes.HasPrefix(p, []byte(`30["proof"`)) {
			news = News{Kind: Proven}
		}
		c.world.Tell(c, news)
	}
}

// arrive tells that the client is back, once nothing of its way back is left to happen.
func (c *Client) arrive() {
	upgrading := c.socket == held || c.socket == dialling || c.socket == probing || c.socket == probed || c.socket == stranded
	if c.connected && !upgrading && !c.back {
		c.back = true
		c.world.Tell(c, News{Kind: Back})
	}
}
