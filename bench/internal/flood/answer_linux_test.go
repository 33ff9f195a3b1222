package flood

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asker is a Requester that remembers.
type asker struct {
	watcher
	statuses []int
	bodies   []string
	onAnswer func()
}

func (a *asker) Answered(_ *Conn, status int, body []byte) {
	a.statuses, a.bodies = append(a.statuses, status), append(a.bodies, string(body))
	if a.onAnswer != nil {
		a.onAnswer()
	}
}

func newAsker(t *testing.T, at netip.AddrPort) *asker {
	t.Helper()
	a := &asker{}
	a.loop = newWatcher(t, at, Raw).loop
	return a
}

const askForPoll = "GET /socket.io/?EIO=4&transport=polling&t=x HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"

// answers are what servers send, and what it comes to; those with an error are cut short by the server's end.
var answers = []struct {
	name   string
	bytes  string
	status int
	body   string
	err    error // if it ends there
}{
	{"a length", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 2\r\n\r\nok", 200, "ok", nil},
	{"no body", "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n", 413, "", nil},
	{"no reason", "HTTP/1.0 500\r\nContent-Length: 0\r\n\r\n", 500, "", nil},
	{"until the end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", 200, "ok", nil},
	{"never a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", nil},
	{"chunks", "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\n{\"cod\r\nA;x=y\r\ne\":1234567\r\n1\r\n}\r\n0\r\n\r\n", 400, `{"code":1234567}`, nil},
	{"less than its length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 0, "", ErrPeerClosed},
	{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", 0, "", ErrPeerClosed},
	{"nothing", "", 0, "", ErrPeerClosed},
	{"chunks without the last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0, "", ErrPeerClosed},
	{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", 0, "", ErrPeerClosed},
	{"no HTTP", "SSH-2.0-x 200\r\n\r\n", 0, "", ErrAnswer},
	{"no status", "HTTP/1.1 OK\r\n\r\n", 0, "", ErrAnswer},
	{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", 0, "", ErrAnswer},
	{"a length below nothing", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", 0, "", ErrAnswer},
	{"a chunk whose size is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n", 0, "", ErrAnswer},
	{"a chunk of 64 MiB and a byte", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000001\r\n", 0, "", ErrAnswer},
	{"a chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", 0, "", ErrAnswer},
}

func TestAnswers(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			at := server(t, func(c net.Conn) {
				if !expect(c, askForPoll) {
					return
				}
				io.WriteString(c, tc.bytes)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			a := newAsker(t, at)
			c, err := a.loop.Request([]byte(askForPoll), netip.Addr{}, 5, a)
			if err != nil || c.Number() != 5 {
				t.Fatal(err)
			}
			a.run(t, func() bool { return len(a.statuses)+len(a.causes) > 0 })
			if tc.err != nil {
				if len(a.statuses) != 0 || !errors.Is(a.causes[0], tc.err) {
					t.Errorf("%d %q %v, want %v", a.statuses, a.bodies, a.causes, tc.err)
				}
				return
			}
			if len(a.causes) != 0 || a.statuses[0] != tc.status || a.bodies[0] != tc.body {
				t.Errorf("%d %q %v, want %d %q", a.statuses, a.bodies, a.causes, tc.status, tc.body)
			}
		})
	}
}

// However the server's bytes are cut, the answer is the same, and nothing of it is left behind.
func TestAnswersAtAnyCut(t *testing.T) {
	a := newAsker(t, netip.MustParseAddrPort("127.0.0.1:1"))
	for _, tc := range answers {
		for cut := range len(tc.bytes) + 1 {
			a.statuses, a.bodies, a.causes = nil, nil, nil
			c := a.loop.take()
			*c = Conn{handler: a, fd: -1, slot: c.slot, state: answering}
			for _, in := range []string{tc.bytes[:cut], tc.bytes[cut:]} {
				if len(in) > 0 && c.state != closed {
					a.loop.consume(c, []byte(in))
				}
			}
			if c.state != closed {
				a.loop.answer(c, nil, true)
			}
			right := len(a.causes) == 0 && len(a.statuses) == 1 && a.statuses[0] == tc.status && a.bodies[0] == tc.body
			if tc.err != nil {
				right = len(a.statuses) == 0 && len(a.causes) == 1 && errors.Is(a.causes[0], tc.err)
			}
			if !right {
				t.Fatalf("%s, cut at %d: %d %q %v", tc.name, cut, a.statuses, a.bodies, a.causes)
			}
		}
	}
	if len(a.loop.heads)+len(a.loop.unsent) != 0 {
		t.Error("closed connections leave bytes behind")
	}
}

// Whatever comes as an answer, it comes to the same in two pieces.
func FuzzAnswer(f *testing.F) {
	for _, tc := range answers {
		f.Add([]byte(tc.bytes), uint(len(tc.bytes)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		l := &Loop{}
		whole, wantErr := l.parseAnswer(b, true)
		want := string(whole.body)
		part, err := l.parseAnswer(b[:min(cut, uint(len(b)))], false)
		switch {
		case err != nil && wantErr == nil:
			t.Fatalf("%v, which the rest makes good", err)
		case part.whole && (!whole.whole || part.status != whole.status || string(part.body) != want):
			t.Fatalf("%d %q, with the rest %d %q", part.status, part.body, whole.status, want)
		}
	})
}

// The connection of an answer is closed before its handler hears of it, so that a handler which asks again needs no second
// one. The number of the descriptor does not tell: the server of this test takes descriptors of the same process.
func TestAskAgain(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if expect(c, askForPoll) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	a := newAsker(t, at)
	ask := func() *Conn {
		c, err := a.loop.Request([]byte(askForPoll), netip.Addr{}, 0, a)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	fd := int(ask().fd)
	first := inodeOf(fd)
	a.onAnswer = func() {
		if len(a.statuses) > 1 {
			return
		}
		if inodeOf(fd) == first {
			t.Error("the connection of the answer is still open")
		}
		ask()
	}
	a.run(t, func() bool { return len(a.statuses) == 2 })
	if first == 0 {
		t.Error("the connection of the first request was never open")
	}
}

// inodeOf is what tells one socket from every other, or 0 where the descriptor is not open.
func inodeOf(fd int) uint64 {
	var at unix.Stat_t
	if unix.Fstat(fd, &at) != nil {
		return 0
	}
	return at.Ino
}

// A request of the caller's own upgrades as well as the target's, and what is spoken then is the connection's own choice.
func TestDialWith(t *testing.T) {
	const request = "GET /elsewhere HTTP/1.1\r\nSec-WebSocket-Key: " + UpgradeKey + "\r\n\r\n"
	at := server(t, func(c net.Conn) {
		if expect(c, request) {
			io.WriteString(c, switching+"\x81\x01a")
		}
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, SocketIO)
	if _, err := w.loop.DialWith([]byte(request), Raw, netip.Addr{}, 0, w); err != nil {
		t.Fatal(err)
	}
	w.run(t, func() bool { return len(w.messages) == 1 })
	if w.opened != 1 || w.messages[0] != "a" {
		t.Errorf("opened %d, messages %q", w.opened, w.messages)
	}
}

// What a fresh socket does not take, here because it is still connecting, goes out once it is connected.
func TestRequestWaitsForTheConnection(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if expect(c, askForPoll) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	a := newAsker(t, at)
	c, err := a.loop.Request([]byte(askForPoll), netip.Addr{}, 0, a)
	if err != nil {
		t.Fatal(err)
	}
	// The same from the middle: a connection that has its request still to send.
	fd, err := socket(at, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	late := a.loop.take()
	*late = Conn{handler: a, fd: fd, slot: late.slot, state: connecting, next: answering}
	if err := unix.Connect(int(fd), a.loop.sockaddr); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	a.loop.unsent[late.slot] = []byte(askForPoll)
	if err := a.loop.watch(late, unix.EPOLL_CTL_ADD, unix.EPOLLIN|unix.EPOLLOUT); err != nil {
		t.Fatal(err)
	}
	a.run(t, func() bool { return len(a.statuses) == 2 })
	if late == c || strings.Join(a.bodies, " ") != "ok ok" {
		t.Errorf("%q", a.bodies)
	}
}

func TestReset(t *testing.T) {
	ended := make(chan error, 1)
	at := server(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, 20))
		io.WriteString(c, switching)
		_, err := io.Copy(io.Discard, c)
		ended <- err
	})
	w := newWatcher(t, at, Raw)
	c := w.dial(t, 0)
	w.run(t, func() bool { return w.opened == 1 })
	w.loop.Reset(c)
	w.loop.Reset(c) // again is nothing
	if err := <-ended; !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the server saw %v", err)
	}
}

// A loop that has something due wakes up for it, and not before.
func TestDue(t *testing.T) {
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), Raw)
	due := Now() + 3_000_000
	w.loop.Due = func() int64 { return due }
	early := 0
	w.loop.Tick = func() {
		switch now := Now(); {
		case due == 0:
		case now < due:
			early++
		default:
			due = 0
		}
	}
	w.run(t, func() bool { return due == 0 })
	if early > 0 || w.loop.patience() != int64(Tick) {
		t.Errorf("woken %d times too early; afterwards it waits %d ns", early, w.loop.patience())
	}
	for _, tc := range []struct{ after, want int64 }{{-5_000_000, 0}, {0, 0}, {3_600_000_000_000, int64(Tick)}} {
		due = Now() + tc.after
		if got := w.loop.patience(); got != tc.want {
			t.Errorf("due after %d ns: waits %d ns, want %d", tc.after, got, tc.want)
		}
	}
}
