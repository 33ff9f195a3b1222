package hub

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"starling/wsproto"
)

// peer is a client of these tests: a WebSocket, and no idea of Socket.IO. What it sends and gets are literals; binary
// frames are written <bin 0102>.
type peer struct {
	t      *testing.T
	conn   *net.TCPConn
	reader wsproto.Reader
	unread []byte
	buf    []byte
	id     string // of the socket that the last CONNECT made
}

var clientLimits = &wsproto.Limits{MessageBytesMax: 64 << 20, FragmentsMax: 1}

// mask is what client frames are masked with.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// openPacket is the first message of every session of a server with calm options.
const openPacket = `0{"sid":"<20>","upgrades":[],"pingInterval":86400000,"pingTimeout":20000,"maxPayload":1000000}`

// dialTCP connects and says nothing.
func dialTCP(t *testing.T, s *Server) *net.TCPConn {
	t.Helper()
	return dialAddr(t, s.Addr())
}

// dialAddr is dialTCP for a server that lives at some other address.
func dialAddr(t *testing.T, addr net.Addr) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * patience)) // all that is done with it; each wait has a deadline of its own
	return conn.(*net.TCPConn)
}

// dial opens a session. query is appended to that of the request.
func dial(t *testing.T, s *Server, query string) *peer {
	t.Helper()
	return dialAt(t, s.Addr(), query)
}

// dialAt is dial for a server that lives at some other address.
func dialAt(t *testing.T, addr net.Addr, query string) *peer {
	t.Helper()
	p := &peer{t: t, conn: dialAddr(t, addr), reader: wsproto.NewReader(wsproto.Client, clientLimits), buf: make([]byte, 4<<10)}
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	p.write(wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket"+query, key, "X-Test: yes"))
	for {
		n, err := wsproto.HeadLen(p.unread)
		if err == nil && n == 0 {
			err = p.fill()
		}
		if err != nil {
			t.Fatalf("upgrade: %v", err)
		}
		if n > 0 {
			if err := wsproto.CheckUpgradeResponse(p.unread[:n], key); err != nil {
				t.Fatalf("upgrade: %v: %q", err, p.unread)
			}
			p.unread = p.unread[n:]
			return p
		}
	}
}

// join opens a session and connects to the main namespace.
func join(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dial(t, s, "")
	if open := p.next(); !strings.HasPrefix(open, `0{"sid":"<20>"`) {
		t.Fatalf("the first message is %q", open)
	}
	p.connect("40")
	return p
}

// joinAll opens that many.
func joinAll(t *testing.T, s *Server, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = join(t, s)
	}
	return peers
}

// connect sends a CONNECT and expects to be let in; it returns the socket's id.
func (p *peer) connect(packet string) string {
	p.t.Helper()
	p.send(packet)
	head, _, _ := strings.Cut(packet, "{")
	answer := p.message()
	var data struct{ SID string }
	if rest, ok := strings.CutPrefix(answer, head); !ok || json.Unmarshal([]byte(rest), &data) != nil || len(data.SID) != 20 {
		p.t.Fatalf("%s is answered with %q", packet, answer)
	}
	p.id = data.SID
	return p.id
}

// send sends messages in one write.
func (p *peer) send(messages ...string) {
	p.t.Helper()
	var out []byte
	for _, m := range messages {
		out = appendMessage(out, m)
	}
	p.write(out)
}

func appendMessage(dst []byte, message string) []byte {
	if digits, ok := strings.CutPrefix(message, "<bin "); ok {
		b, err := hex.DecodeString(strings.TrimSuffix(digits, ">"))
		if err != nil {
			panic(err)
		}
		return wsproto.AppendMaskedFrame(dst, wsproto.OpBinary, mask, b)
	}
	return wsproto.AppendMaskedFrame(dst, wsproto.OpText, mask, []byte(message))
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Errorf("sending %d bytes: %v", len(b), err)
	}
}

func (p *peer) fill() error {
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := p.conn.Read(p.buf)
	p.unread = append(p.unread, p.buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// sids are the ids in the server's packets, which differ from run to run.
var sids = regexp.MustCompile(`"sid":"[A-Za-z0-9_-]{20}"`)

// next returns the next message, with <20> for ids. A close frame is <close 1005>, the end of the connection <end>.
func (p *peer) next() string { return sids.ReplaceAllString(p.message(), `"sid":"<20>"`) }

// message is next with the ids. It does not fail the test, so any goroutine may call it.
func (p *peer) message() string {
	for {
		m, n, err := p.reader.Next(p.unread)
		if err != nil {
			return fmt.Sprintf("<error %v>", err)
		}
		p.unread = p.unread[n:]
		if m.Op != wsproto.None {
			return messageOf(m)
		}
		if err := p.fill(); errors.Is(err, io.EOF) {
			return "<end>"
		} else if err != nil {
			return fmt.Sprintf("<error %v>", err)
		}
	}
}

func messageOf(m wsproto.Message) string {
	switch m.Op {
	case wsproto.OpText:
		return string(m.Payload)
	case wsproto.OpBinary:
		return fmt.Sprintf("<bin %x>", m.Payload)
	case wsproto.OpClose:
		if len(m.Payload) == 0 {
			return "<close 1005>" // RFC 6455 7.1.5
		}
		return fmt.Sprintf("<close %d>%s", int(m.Payload[0])<<8|int(m.Payload[1]), m.Payload[2:])
	case wsproto.OpPong:
		return fmt.Sprintf("<pong %x>", m.Payload)
	}
	return fmt.Sprintf("<op %d %x>", m.Op, m.Payload)
}

// expect reads as many messages as are wanted.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	for i, w := range want {
		if got := p.next(); got != w {
			p.t.Fatalf("message %d is %.300q, want %.300q", i, got, w)
		}
	}
}

// expectClose wants the server to close with a code, to end the connection, and nothing before that.
func (p *peer) expectClose(code int) {
	p.t.Helper()
	p.expect(fmt.Sprintf("<close %d>", code))
	p.conn.Close()
}

// leave closes in order: the server must not have closed before and must have nothing more to say.
func (p *peer) leave() {
	p.t.Helper()
	p.write(wsproto.AppendMaskedFrame(nil, wsproto.OpClose, mask, []byte{0x03, 0xe8}))
	p.expectClose(1000)
}

// settled wants an answer from the server on this connection, so that all that was sent on it before has been read. In a
// test's namespace the event sync must acknowledge.
func (p *peer) settled() {
	p.t.Helper()
	p.send(`429["sync"]`)
	p.expect("439[]")
}

// acked is the handler that settled needs, and others that have nothing to do.
func acked(_ *Socket, e *Event) { _ = e.Ack() }
