package hub

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"starling/eventloop"
	"starling/wsproto"
)

// link is one connection of a caller: what is still to be sent over it, and what has come.
type link struct {
	run     *columnRun
	peer    *eventloop.Peer
	out     []byte // not sent yet
	marks   []mark // what its bytes mean, in order
	buf     []byte // has come, and is no whole answer or frame yet
	got     int    // bytes that have come in all
	reader  wsproto.Reader
	frames  bool // it is a WebSocket by now
	asked   bool // a request is under way
	over    bool // a close frame has come
	refused bool // the answer was not what was hoped for
}

// mark is the end of a packet within the bytes of a link. What it means happens before the bytes are sent that end it. A
// control one is sent in a read in which no other packet ends: what a server says to it comes at a place among what
// handlers say that is known only then.
type mark struct {
	at      int // bytes of link.out up to its end
	control bool
	before  func()
	after   func()
}

func (r *columnRun) open() *link {
	l := &link{run: r, peer: r.sim.Open(), reader: wsproto.NewReader(wsproto.Client, clientLimits)}
	r.links = append(r.links, l)
	return l
}

// say queues bytes with their meaning.
func (l *link) say(b []byte, control bool, before, after func()) {
	l.out = append(l.out, b...)
	l.marks = append(l.marks, mark{len(l.out), control, before, after})
}

// request queues an HTTP request.
func (l *link) request(c *caller, method, query, body string, control bool, before, after func()) {
	head := method + " /socket.io/?EIO=4&transport=polling" + query + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + c.addr + "\r\n"
	if method == "POST" {
		head += "Content-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	l.asked = true
	l.say([]byte(head+"\r\n"+body), control, before, after)
}

// push sends up to n bytes, in as many reads as it takes for the marks.
func (l *link) push(n int) {
	for n > 0 && len(l.out) > 0 && !l.peer.Closed {
		k, ended := min(n, len(l.out)), 0
		for i, m := range l.marks {
			if m.at > k {
				break
			}
			if i > 0 && (m.control || l.marks[0].control) {
				k = m.at - 1
				break
			}
			ended++
		}
		done := l.marks[:ended]
		for _, m := range done {
			if m.before != nil {
				m.before()
			}
		}
		l.run.bytesIn += k
		l.run.reads++
		l.peer.Send(l.out[:k])
		l.out, l.marks, n = l.out[k:], l.marks[ended:], n-k
		for i := range l.marks {
			l.marks[i].at -= k
		}
		for _, m := range done {
			if m.after != nil {
				m.after()
			}
		}
	}
}

// take takes what has come.
func (l *link) take() {
	l.got += len(l.peer.Got)
	l.buf = append(l.buf, l.peer.Got...)
	l.peer.Got = nil
}

// answer takes one whole response off what has come.
func (l *link) answer() (status int, body string, ok bool) {
	n, err := wsproto.HeadLen(l.buf)
	if err != nil {
		l.run.fail("no answer: %v: %.200q", err, l.buf)
	}
	if n == 0 {
		return 0, "", false
	}
	head := string(l.buf[:n])
	if _, err := fmt.Sscanf(head, "HTTP/1.1 %d ", &status); err != nil {
		l.run.fail("no status: %q", head)
	}
	length := 0
	if _, value, found := strings.Cut(head, "\r\nContent-Length: "); found {
		value, _, _ = strings.Cut(value, "\r\n")
		length, _ = strconv.Atoi(value)
	}
	if len(l.buf) < n+length {
		return 0, "", false
	}
	body = string(l.buf[n : n+length])
	l.buf = l.buf[n+length:]
	return status, body, true
}

// messages takes the whole messages off what has come over a WebSocket. Binary ones are b and their bytes in hexadecimal.
func (l *link) messages(each func(string)) {
	for len(l.buf) > 0 {
		m, n, err := l.reader.Next(l.buf)
		if err != nil {
			l.run.fail("no frame: %v: %.100q", err, l.buf)
		}
		l.buf = l.buf[n:]
		switch m.Op {
		case wsproto.None:
			if n == 0 {
				return
			}
		case wsproto.OpText:
			each(string(m.Payload))
		case wsproto.OpBinary:
			each(fmt.Sprintf("b%x", m.Payload))
		case wsproto.OpClose:
			l.over = true
		case wsproto.OpPong:
			each(fmt.Sprintf("pong %s", m.Payload))
		default:
			l.run.fail("a frame with opcode %d", m.Op)
		}
	}
}

// packets takes an answer to a GET apart.
func (r *columnRun) packets(body string, each func(string)) {
	for _, p := range strings.Split(body, "\x1e") {
		if data, ok := strings.CutPrefix(p, "b"); ok {
			b, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				r.fail("no base64: %q", p)
			}
			p = fmt.Sprintf("b%x", b)
		}
		each(p)
	}
}

// frame is a frame of a client, masked.
func frame(op wsproto.Opcode, fin bool, payload []byte) []byte {
	out := []byte{byte(op)}
	if fin {
		out[0] |= 0x80
	}
	if len(payload) < 126 {
		out = append(out, 0x80|byte(len(payload)))
	} else {
		out = append(out, 0x80|126, byte(len(payload)>>8), byte(len(payload)))
	}
	out = append(out, mask[:]...)
	for i, b := range payload {
		out = append(out, b^mask[i%4])
	}
	return out
}

// text is a text message as one frame or as several, with a ping between them.
func (r *columnRun) text(message string) []byte {
	if r.rand.IntN(8) > 0 || len(message) < 3 {
		return frame(wsproto.OpText, true, []byte(message))
	}
	at := 1 + r.rand.IntN(len(message)-1)
	return bytes.Join([][]byte{frame(wsproto.OpText, false, []byte(message[:at])), frame(wsproto.OpContinuation, true, []byte(message[at:]))}, nil)
}
