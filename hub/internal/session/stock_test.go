package session

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"starling/wsproto"
)

// stock is a client that does what the stock client does: it polls with one GET and one POST at a time, on connections of
// any loop, and goes over to a WebSocket in the same steps (engine.io-client: probe, pause, upgrade). Messages are numbers.
type stock struct {
	k     *talk
	upper *recorder
	wires []*wire
	phase phase

	sent    []string // messages, answered or not
	emitted []string // what the session has taken on
	got     []string // what of that has come

	eager     bool // it says something in one piece with the end of the upgrade
	pongs     int  // owed
	ended     bool // by the server
	disturbed bool // it has cut a connection, or did not read one
}

// phase is where a client is in its life.
type phase string

const (
	polls    phase = "polls"
	probes   phase = "probes" // and polls
	pauses   phase = "pauses" // 3probe has come; what is under way is waited for, and nothing new begun
	frames   phase = "frames"
	isClosed phase = "closed" // it has heard that the session is over, or cannot go on
)

// wire is one of its connections.
type wire struct {
	*end
	busy string // get, post, ws, or nothing
	half []byte // of its POST, still to be sent
}

// newStock has a client begin a session on a loop.
func newStock(k *talk, loop int) *stock {
	k.begin(strconv.Itoa(loop))
	c := &stock{k: k, upper: k.last, phase: polls}
	c.wires = append(c.wires, &wire{end: k.end})
	return c
}

// wire is the connection that has something under way.
func (c *stock) wire(busy string) *wire {
	if i := slices.IndexFunc(c.wires, func(w *wire) bool { return w.busy == busy }); i >= 0 {
		return c.wires[i]
	}
	return nil
}

// idle is a connection without a request: one that is there, or a new one on a loop.
func (c *stock) idle(loop int, again bool) *wire {
	if w := c.wire(""); w != nil && again {
		return w
	}
	c.k.open(strconv.Itoa(loop))
	w := &wire{end: c.k.end}
	c.wires = append(c.wires, w)
	return w
}

func (c *stock) target() string {
	return "/socket.io/?EIO=4&transport=polling&sid=" + c.upper.id.String()
}

// get begins a GET.
func (c *stock) get(w *wire, close bool) {
	w.busy = "get"
	w.peer.Send([]byte("GET " + c.target() + " HTTP/1.1\r\nHost: x\r\n" + connectionHeader(close) + "\r\n"))
}

func connectionHeader(close bool) string {
	if close {
		return "Connection: close\r\n"
	}
	return ""
}

// post begins a POST with the pongs that are owed and some messages, of which the last byte may be put off.
func (c *stock) post(w *wire, messages int, close, half bool) {
	var packets []string
	for ; c.pongs > 0; c.pongs-- {
		packets = append(packets, "3")
	}
	for range messages {
		packets = append(packets, "4"+c.next())
	}
	body := strings.Join(packets, "\x1e")
	request := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", c.target(), connectionHeader(close), len(body), body))
	w.busy = "post"
	if half {
		w.half = request[len(request)-1:]
		request = request[:len(request)-1]
	}
	w.peer.Send(request)
}

// next numbers a message.
func (c *stock) next() string {
	c.sent = append(c.sent, "c"+strconv.Itoa(len(c.sent)))
	return c.sent[len(c.sent)-1]
}

// finish sends what was put off.
func (c *stock) finish() {
	if w := c.wire("post"); w != nil && w.half != nil {
		half := w.half
		w.half = nil
		w.peer.Send(half)
	}
}

// upgrade begins to go over to a WebSocket. The probe follows when the answer is there.
func (c *stock) upgrade(w *wire) {
	w.busy = "ws"
	c.enter(probes)
	w.peer.Send([]byte(upgradeRequest("/socket.io/?EIO=4&transport=websocket&sid=" + c.upper.id.String())))
}

// frame sends text frames in one piece.
func (c *stock) frame(texts ...string) {
	var out []byte
	for _, text := range texts {
		out = wsproto.AppendMaskedFrame(out, wsproto.OpText, [4]byte{1, 2, 3, 4}, []byte(text))
	}
	c.wire("ws").peer.Send(out)
}

// enter takes the client to another phase. From the last one there is no way back.
func (c *stock) enter(next phase) {
	if c.phase != isClosed {
		c.phase = next
	}
}

// lose takes in that a connection has ended: an upgrade fails with it, or the session.
func (c *stock) lose(w *wire) {
	c.wires = slices.DeleteFunc(c.wires, func(x *wire) bool { return x == w })
	switch {
	case w.busy == "ws" && c.phase != frames:
		c.enter(polls)
	case w.busy != "":
		c.enter(isClosed)
	}
}

// cut has the client lose a connection.
func (c *stock) cut(w *wire, err error) {
	w.peer.Hangup(err)
	c.lose(w)
	c.disturbed = true
}

// read takes what has come, and does what follows from it.
func (c *stock) read(t testing.TB) {
	for _, w := range slices.Clone(c.wires) {
		w.unread = append(w.unread, w.peer.Got...)
		w.peer.Got = nil
		for c.take(t, w) {
		}
		if w.peer.Closed || w.peer.ShutByUs {
			c.over(w)
		}
	}
	if c.phase == pauses && c.wire("get") == nil && c.wire("post") == nil {
		c.enter(frames)
		if c.eager {
			c.frame("5", "4"+c.next(), "4"+c.next())
		} else {
			c.frame("5")
		}
	}
	for ; c.phase == frames && c.pongs > 0; c.pongs-- {
		c.frame("3")
	}
}

// over takes in that the server has ended a connection.
func (c *stock) over(w *wire) {
	w.peer.Hangup(io.EOF)
	c.lose(w)
}

// take takes one response or frame, and reports whether there was a whole one.
func (c *stock) take(t testing.TB, w *wire) bool {
	if w.busy == "ws" && !bytes.HasPrefix(w.unread, []byte("HTTP/")) {
		header, size := frameHeader(w.unread)
		if header == 0 || len(w.unread) < header+size {
			return false
		}
		c.framed(w.unread[0], string(w.unread[header:header+size]))
		w.unread = w.unread[header+size:]
		return true
	}
	head, rest, ok := strings.Cut(string(w.unread), "\r\n\r\n")
	if !ok {
		return false
	}
	size := 0
	if _, length, ok := strings.Cut(head, "Content-Length: "); ok {
		size, _ = strconv.Atoi(strings.TrimSpace(strings.SplitN(length, "\r\n", 2)[0]))
	}
	if len(rest) < size {
		return false
	}
	w.unread = []byte(rest[size:])
	c.answered(t, w, head, rest[:size])
	return true
}

// answered takes a response.
func (c *stock) answered(t testing.TB, w *wire, head, body string) {
	was := w.busy
	switch {
	case strings.HasPrefix(head, "HTTP/1.1 101 "):
		c.frame("2probe")
		return
	case was == "ws": // refused
		c.over(w)
		return
	case was == "":
		t.Fatalf("a response that nobody asked for: %q", head)
	}
	w.busy = ""
	switch {
	case !strings.HasPrefix(head, "HTTP/1.1 200 "):
		c.disturbed = c.disturbed || strings.HasPrefix(head, "HTTP/1.1 408 ") // it was too slow
		c.enter(isClosed)
	case was == "get":
		for packet := range strings.SplitSeq(body, "\x1e") {
			c.packet(packet)
		}
	case body != "ok":
		t.Fatalf("a POST is answered with %q", body)
	}
	if strings.Contains(head, "Connection: close") {
		c.over(w)
	}
}

// framed takes a frame.
func (c *stock) framed(first byte, payload string) {
	switch {
	case first == 0x88:
		if c.phase == frames {
			c.enter(isClosed)
		} else {
			c.enter(polls)
		}
	case payload == "3probe":
		c.enter(pauses)
	default:
		c.packet(payload)
	}
}

// packet takes a packet of Engine.IO.
func (c *stock) packet(p string) {
	switch p[0] {
	case '1':
		c.enter(isClosed)
	case '2':
		c.pongs++
	case '4':
		c.got = append(c.got, p[1:])
	}
}
