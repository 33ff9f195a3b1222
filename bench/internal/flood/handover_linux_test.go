package flood

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starling/bench/internal/rawio"
	"starling/wsproto"
)

// greeted is a watcher that is told of the CONNECT packet too.
type greeted struct {
	watcher
	calls []string // in their order
	close bool     // when it is greeted
}

func (g *greeted) Greeted(c *Conn, connect []byte) {
	g.calls = append(g.calls, string(connect))
	if g.close {
		g.loop.Close(c)
	}
}

func (g *greeted) Opened(c *Conn) {
	g.calls = append(g.calls, "opened")
	g.watcher.Opened(c)
}

func TestGreeter(t *testing.T) {
	for _, tc := range []struct {
		name  string
		close bool
		want  []string
	}{
		{"stays", false, []string{`{"sid":"x"}`, "opened"}},
		{"closes", true, []string{`{"sid":"x"}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := &greeted{watcher: watcher{loop: newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), SocketIO).loop}, close: tc.close}
			c := g.loop.take()
			*c = Conn{handler: g, reader: wsproto.NewReader(wsproto.Client, &readLimits), fd: -1, slot: c.slot, state: joining, speech: socketIOSpeech}
			g.loop.consume(c, []byte("\x81\x0d"+`40{"sid":"x"}`))
			if !slices.Equal(g.calls, tc.want) || (c.state == closed) != tc.close {
				t.Errorf("called %q, state %d", g.calls, c.state)
			}
		})
	}
}

// What comes after the message at which a connection is handed over belongs to the new handler, and the loop answers pings for it.
func TestHandOver(t *testing.T) {
	const request = "GET /own HTTP/1.1\r\nSec-WebSocket-Key: " + UpgradeKey + "\r\n\r\n"
	at := server(t, func(c net.Conn) {
		if !expect(c, request) {
			return
		}
		io.WriteString(c, switching+"\x81\x012"+"\x81\x02go"+"\x81\x012"+"\x81\x06"+`42["a"`)
		if expect(c, sendPong) {
			io.WriteString(c, "\x81\x06"+`42["b"`+"\x81\x0241")
		}
		io.Copy(io.Discard, c)
	})
	second := &watcher{}
	first := &handingOver{to: second}
	first.loop = newWatcher(t, at, SocketIO).loop
	second.loop = first.loop
	c, err := first.loop.DialWith([]byte(request), Raw, netip.Addr{}, 7, first)
	if err != nil {
		t.Fatal(err)
	}
	second.run(t, func() bool { return len(second.causes) == 1 })
	if got := strings.Join(first.messages, " "); got != "2 go" || first.opened != 1 || len(first.causes) != 0 {
		t.Errorf("the first was told %q, opened %d, causes %v", got, first.opened, first.causes)
	}
	if got := strings.Join(second.messages, " "); got != `42["early" 42["a" 42["b"` || second.opened != 0 || !errors.Is(second.causes[0], ErrPeerClosed) {
		t.Errorf("the second was told %q, opened %d, causes %v", got, second.opened, second.causes)
	}
	if c.Number() != 7 {
		t.Errorf("number %d", c.Number())
	}
	first.loop.Replay(c, []byte("42"))
	first.loop.HandOver(c, Raw, first)
	if len(second.messages) != 3 || c.state != closed {
		t.Error("a closed connection was brought to life")
	}
}

// handingOver hands its connection over when it is told to go.
type handingOver struct {
	watcher
	to *watcher
}

func (h *handingOver) Message(c *Conn, m []byte) {
	h.watcher.Message(c, m)
	if string(m) == "go" {
		h.loop.HandOver(c, SocketIO, h.to)
		h.loop.Replay(c, []byte(`42["early"`))
	}
}

// redialler dials anew for each connection that it loses.
type redialler struct {
	watcher
	t    *testing.T
	next *Conn
}

func (r *redialler) Closed(c *Conn, cause error) {
	r.watcher.Closed(c, cause)
	next, err := r.loop.Dial(netip.Addr{}, 1, r)
	if err != nil {
		r.t.Error(err)
	}
	r.next = next
}

// What a closed connection has left behind in the same read is not taken for its successor's.
func TestASuccessorHearsNothingOfTheClosed(t *testing.T) {
	at := server(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	r := &redialler{t: t}
	r.loop = newWatcher(t, at, SocketIO).loop
	c := r.loop.take()
	*c = Conn{handler: r, reader: wsproto.NewReader(wsproto.Client, &readLimits), fd: -1, slot: c.slot, state: open, speech: socketIOSpeech}
	r.loop.consume(c, []byte("\x81\x0241"+"\x88\x02\x03\xe8"+"\x81\x06"+`42["a"`))
	if len(r.causes) != 1 || len(r.messages) != 0 || r.next == nil || r.next.state == closed {
		t.Errorf("causes %v, messages %q, next %+v", r.causes, r.messages, r.next)
	}
}

// isQuiet says that epoll has nothing to tell, which a loop would turn for.
func isQuiet(t *testing.T, l *Loop) bool {
	t.Helper()
	n, err := rawio.Wait(l.epfd, l.events, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n == 0
}

// A muted connection is heard again with all that came meanwhile, and its end last.
func TestMute(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reset bool
		cause error
	}{{"closed meanwhile", false, ErrPeerClosed}, {"reset meanwhile", true, unix.ECONNRESET}} {
		t.Run(tc.name, func(t *testing.T) {
			conns := make(chan net.Conn, 2)
			at := server(t, func(c net.Conn) {
				io.ReadFull(c, make([]byte, len("GET /socket.io/ HTTP/1.1\r\n\r\n")))
				io.WriteString(c, switching)
				conns <- c
				io.Copy(io.Discard, c)
			})
			muted, other := newWatcher(t, at, Raw), &watcher{}
			other.loop = muted.loop
			c := muted.dial(t, 0)
			muted.run(t, func() bool { return muted.opened == 1 })
			toMuted := <-conns
			other.dial(t, 1)
			other.run(t, func() bool { return other.opened == 1 })
			toOther := <-conns

			muted.loop.Mute(c)
			muted.loop.Mute(c) // again is nothing
			io.WriteString(toMuted, "\x81\x01a"+"\x81\x01b")
			io.WriteString(toOther, "\x81\x01x") // comes after that
			other.run(t, func() bool { return len(other.messages) == 1 })
			muted.loop.ready(c, unix.EPOLLIN) // as if it had been muted in the midst of a turn
			if len(muted.messages) != 0 {
				t.Fatalf("heard %q", muted.messages)
			}
			muted.loop.Unmute(c)
			if len(muted.messages) != 0 {
				t.Fatalf("heard %q from within Unmute", muted.messages)
			}
			muted.run(t, func() bool { return strings.Join(muted.messages, "") == "ab" })

			muted.loop.Mute(c)
			if tc.reset {
				toMuted.(*net.TCPConn).SetLinger(0)
			}
			toMuted.Close()
			io.WriteString(toOther, "\x81\x01y")
			other.run(t, func() bool { return len(other.messages) == 2 })
			if len(muted.causes) != 0 || !isQuiet(t, muted.loop) {
				t.Fatalf("causes %v", muted.causes)
			}
			muted.loop.Unmute(c)
			muted.run(t, func() bool { return len(muted.causes) == 1 })
			if !errors.Is(muted.causes[0], tc.cause) {
				t.Errorf("%v, want %v", muted.causes[0], tc.cause)
			}
			muted.loop.Mute(c)
			muted.loop.Unmute(c)
			if c.muted || !isQuiet(t, muted.loop) {
				t.Error("a closed connection was muted")
			}
		})
	}
}

// The end of a muted connection that has something to send is kept for later as well, and does not keep the loop busy.
func TestMuteWithAMessageUnderWay(t *testing.T) {
	conns := make(chan net.Conn, 1)
	at := server(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, len("GET /socket.io/ HTTP/1.1\r\n\r\n")))
		io.WriteString(c, switching)
		conns <- c
		<-t.Context().Done()
	})
	w := newWatcher(t, at, Raw)
	c := w.dial(t, 0)
	w.run(t, func() bool { return w.opened == 1 })
	w.loop.Mute(c)
	for len(w.loop.unsent) == 0 {
		w.loop.Send(c, bytes.Repeat([]byte{1}, 1<<20))
	}
	toMuted := <-conns
	toMuted.(*net.TCPConn).SetLinger(0)
	toMuted.Close()
	w.run(t, func() bool { return len(w.loop.unsent) == 0 })
	if !isQuiet(t, w.loop) {
		t.Error("the loop is kept busy")
	}
	w.loop.Unmute(c)
	w.run(t, func() bool { return len(w.causes) == 1 })
}
