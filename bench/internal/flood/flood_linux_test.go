package flood

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/wsproto"
)

// What the client sends, laid out: the mask is 01 02 03 04.
const (
	upgradeRequest = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n" +
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3RhcmxpbmctYmVuY2gtMQ==\r\n\r\n"
	sendConnect = "\x81\x82\x01\x02\x03\x04" + "\x35\x32" // 40
	sendPong    = "\x81\x81\x01\x02\x03\x04" + "\x32"     // 3
)

// What a server sends. The accept belongs to the key above.
const (
	switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: wqpKnLzhmCd0YSGDm3ZgKIXhagU=\r\n\r\n"
	openPacket = "\x81\x0b" + `0{"sid":""}`
	connected  = "\x81\x0c" + `40{"sid":""}`
)

// watcher is a Handler that remembers.
type watcher struct {
	loop     *Loop
	opened   int
	messages []string
	causes   []error
	onOpen   func(*Conn)
}

func (w *watcher) Opened(c *Conn) {
	w.opened++
	if w.onOpen != nil {
		w.onOpen(c)
	}
}
func (w *watcher) Message(_ *Conn, m []byte)   { w.messages = append(w.messages, string(m)) }
func (w *watcher) Closed(_ *Conn, cause error) { w.causes = append(w.causes, cause) }
func (w *watcher) run(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	if err := w.loop.RunUntil(func() bool { return done() || len(w.causes) > 0 || time.Now().After(deadline) }); err != nil {
		t.Fatal(err)
	}
	if !done() {
		t.Fatalf("%d opened, messages %q, causes %v", w.opened, w.messages, w.causes)
	}
}

// server accepts one connection after the other and has the script talk to each.
func server(t *testing.T, script func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				script(c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func newWatcher(t *testing.T, at netip.AddrPort, p Protocol) *watcher {
	t.Helper()
	l, err := NewLoop(NewTarget(at, "example.org", "/socket.io/", p), [4]byte{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Shut)
	return &watcher{loop: l}
}

func (w *watcher) dial(t *testing.T, number uint32) *Conn {
	t.Helper()
	c, err := w.loop.Dial(netip.Addr{}, number, w)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// expect reads exactly what is wanted; a script that gets something else hangs up, and the test sees that.
func expect(c net.Conn, want string) bool {
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	return err == nil && string(got) == want
}

func TestSocketIOConversation(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if !expect(c, upgradeRequest) {
			return
		}
		io.WriteString(c, switching+openPacket)
		if !expect(c, sendConnect) {
			return
		}
		io.WriteString(c, connected+"\x81\x012"+"\x81\x016"+"\x81\x06"+`42["a"`+"\x81\x05"+`430[]`+"\x82\x02\x04b")
		if expect(c, sendPong) {
			io.WriteString(c, "\x81\x0b"+`42["ponged"]`[:11])
		}
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, SocketIO)
	c := w.dial(t, 77)
	w.run(t, func() bool { return len(w.messages) == 3 })
	if got := strings.Join(w.messages, " "); w.opened != 1 || got != `42["a" 430[] 42["ponged"` {
		t.Errorf("opened %d, messages %q, causes %v", w.opened, got, w.causes)
	}
	if c.Number() != 77 {
		t.Errorf("number %d", c.Number())
	}
}

// However the server's bytes are cut, the handshake and the messages are the same.
func TestAnyCut(t *testing.T) {
	whole := switching + openPacket + connected + "\x81\x06" + `42["a"` + "\x01\x02" + `42` + "\x80\x04" + `["b"`
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), SocketIO)
	for cut := range len(whole) {
		w.opened, w.messages = 0, nil
		c := w.loop.take()
		*c = Conn{handler: w, reader: wsproto.NewReader(wsproto.Client, &readLimits), fd: -1, slot: c.slot, state: upgrading, speech: socketIOSpeech}
		w.loop.consume(c, []byte(whole[:cut]))
		w.loop.consume(c, []byte(whole[cut:]))
		if got := strings.Join(w.messages, " "); w.opened != 1 || got != `42["a" 42["b"` {
			t.Fatalf("cut at %d: opened %d, messages %q, causes %v", cut, w.opened, got, w.causes)
		}
		w.loop.Close(c)
	}
	if len(w.loop.heads)+len(w.loop.unsent) != 0 {
		t.Error("closed connections leave bytes behind")
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		protocol     Protocol
		label        string
		err          error
	}{
		{"refused", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", SocketIO, "status 503", StatusError(503)},
		{"not HTTP", "SSH-2.0-x\r\n\r\n", SocketIO, "", nil},
		{"an endless answer", strings.Repeat("x", 20_000), SocketIO, "", nil},
		{"wrong accept", strings.Replace(switching, "wqpK", "AAAA", 1), SocketIO, "", nil},
		{"hung up", "", SocketIO, "closed by the server", ErrPeerClosed},
		{"engine close", switching + "\x81\x011", SocketIO, "closed by the server", ErrPeerClosed},
		{"disconnect", switching + openPacket + connected + "\x81\x0241", SocketIO, "closed by the server", ErrPeerClosed},
		{"close frame", switching + "\x88\x02\x03\xf1", SocketIO, "closed by the server with code 1009", ErrPeerClosed},
		{"close frame without a code", switching + "\x88\x00", Raw, "closed by the server", ErrPeerClosed},
		{"connect error", switching + openPacket + "\x81\x04" + `44{}`, SocketIO, "namespace refused: {}", ErrRefused},
		{"connected unasked", switching + connected, SocketIO, "unexpected packet", ErrUnexpected},
		{"opened twice", switching + openPacket + openPacket, SocketIO, "unexpected packet", ErrUnexpected},
		{"empty packet", switching + "\x81\x00", SocketIO, "unexpected packet", ErrUnexpected},
		{"half a packet", switching + "\x81\x014", SocketIO, "unexpected packet", ErrUnexpected},
		{"masked frame", switching + "\x81\x80\x01\x02\x03\x04", Raw, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := server(t, func(c net.Conn) {
				io.ReadFull(c, make([]byte, len("GET /socket.io/ HTTP/1.1\r\n")))
				io.WriteString(c, tc.answer)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			w := newWatcher(t, at, tc.protocol)
			w.dial(t, 0)
			w.run(t, func() bool { return len(w.causes) > 0 })
			cause := w.causes[0]
			if tc.err != nil && !errors.Is(cause, tc.err) || tc.label != "" && Label(cause) != tc.label || Label(cause) == "" {
				t.Errorf("%v (%q), want %v (%q)", cause, Label(cause), tc.err, tc.label)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	w := newWatcher(t, at, Raw)
	_, err = w.loop.Dial(netip.Addr{}, 0, w)
	if err != nil {
		w.causes = append(w.causes, err)
	}
	w.run(t, func() bool { return len(w.causes) > 0 })
	if !errors.Is(w.causes[0], unix.ECONNREFUSED) || Label(w.causes[0]) != "ECONNREFUSED" {
		t.Errorf("%v", w.causes[0])
	}
}

func TestSources(t *testing.T) {
	from := make(chan string, 2)
	at := server(t, func(c net.Conn) {
		from <- c.RemoteAddr().(*net.TCPAddr).IP.String()
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, Raw)
	for _, source := range []string{"127.0.0.2", "127.1.2.3"} {
		if _, err := w.loop.Dial(netip.MustParseAddr(source), 0, w); err != nil {
			t.Fatal(err)
		}
		if got := <-from; got != source {
			t.Errorf("from %s, want %s", got, source)
		}
	}
	const nobodys = "192.0.2.1"
	if _, err := w.loop.Dial(netip.MustParseAddr(nobodys), 0, w); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("%v", err)
	}
}

// What the kernel does not take at once comes later, whole and in order; being muted has nothing to do with it.
func TestSendToASlowReader(t *testing.T) {
	for _, tc := range []struct {
		name  string
		muted bool
	}{{"heard", false}, {"muted", true}} {
		t.Run(tc.name, func(t *testing.T) { sendToASlowReader(t, tc.muted) })
	}
}

func sendToASlowReader(t *testing.T, muted bool) {
	const size, count = 64 << 10, 300
	read := make(chan bool)
	got := make(chan []byte, 1)
	at := server(t, func(c net.Conn) {
		expect(c, strings.Replace(upgradeRequest, "?EIO=4&transport=websocket", "", 1))
		io.WriteString(c, switching)
		<-read
		b := make([]byte, count*(size+14))
		io.ReadFull(c, b)
		got <- b
	})
	w := newWatcher(t, at, Raw)
	var conn *Conn
	w.onOpen = func(c *Conn) { conn = c }
	w.dial(t, 0)
	w.run(t, func() bool { return conn != nil })
	if muted {
		w.loop.Mute(conn)
	}
	want := []byte{}
	for i := range count {
		payload := bytes.Repeat([]byte{byte(i)}, size)
		w.loop.Send(conn, payload)
		frame := append([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, payload...)
		for j := range payload {
			frame[14+j] ^= byte(j&3 + 1)
		}
		want = append(want, frame...)
	}
	if len(w.loop.unsent) != 1 {
		t.Error("the kernel has taken 19 MB at once")
	}
	close(read)
	var all []byte
	w.run(t, func() bool {
		select {
		case all = <-got:
		default:
		}
		return all != nil
	})
	if !bytes.Equal(all, want) {
		t.Error("what arrived is not what was sent")
	}
}

func TestPostAndTick(t *testing.T) {
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), Raw)
	ticks, order := 0, []int{}
	w.loop.Tick = func() { ticks++ }
	go func() {
		for i := range 100 {
			w.loop.Post(func() { order = append(order, i) })
		}
	}()
	w.run(t, func() bool { return len(order) == 100 && ticks > 0 })
	for i, v := range order {
		if i != v {
			t.Fatalf("run as %v", order)
		}
	}
}

func TestPostAfterShut(t *testing.T) {
	l, err := NewLoop(NewTarget(netip.MustParseAddrPort("127.0.0.1:1"), "x", "/", Raw), [4]byte{})
	if err != nil {
		t.Fatal(err)
	}
	l.Shut()
	l.Post(func() { t.Error("run") })
}

// A resting loop misses nothing.
func TestRest(t *testing.T) {
	at := server(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, 20))
		io.WriteString(c, switching+"\x81\x01a")
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, Raw)
	rests := 0
	w.loop.RestWhile = func() bool { rests++; return true }
	w.dial(t, 0)
	w.run(t, func() bool { return len(w.messages) == 1 })
	if rests == 0 {
		t.Error("never asked whether to rest")
	}
}

// Places of closed connections are used again, and a *Conn stays where it is while others come.
func TestPlaces(t *testing.T) {
	at := server(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	w := newWatcher(t, at, Raw)
	first := w.dial(t, 0)
	for i := range slabConns {
		w.dial(t, uint32(i+1))
	}
	if w.loop.at(first.slot) != first || len(w.loop.slabs) != 2 {
		t.Errorf("%d slabs", len(w.loop.slabs))
	}
	w.loop.Close(first)
	w.loop.Close(first) // again is nothing
	if again := w.dial(t, 5); again == first {
		t.Error("a place is used again before the turn is over")
	}
	if err := w.loop.turn(0); err != nil {
		t.Fatal(err)
	}
	if again := w.dial(t, 6); again != first {
		t.Error("a free place is not used")
	}
}

func TestConnIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 100 {
		t.Errorf("a connection takes %d bytes", size)
	}
}
