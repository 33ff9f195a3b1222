package flood

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// caller is a Caller that remembers.
type caller struct {
	*watcher
	refusals []string
}

func (k *caller) Refused(_ *Conn, status int, body []byte) {
	k.refusals = append(k.refusals, fmt.Sprintf("%d %s", status, body))
}

// newCaller has a loop whose own target is not there.
func newCaller(t *testing.T) *caller {
	t.Helper()
	return &caller{watcher: newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), SocketIO)}
}

func (k *caller) call(t *testing.T, to netip.AddrPort) *Conn {
	t.Helper()
	c, err := k.loop.Call(to, []byte(askNothing), 7, k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	askNothing  = "POST /v1/emit HTTP/1.1\r\nHost: example.org\r\nContent-Length: 0\r\n\r\n"
	nothingMore = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	askToStream = "POST /v1/emit HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n"
	streamHead  = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	askOnce     = "POST /v1/rooms/r/emit HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\n\r\n{}"
)

// What is written goes out as it is, and each line of the reply is a message, to whomever the loop's target may be. What the first
// request is answered with beyond its status is for nobody.
func TestAReplyThatGoesOn(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if !expect(c, askNothing) {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n0\n")
		if !expect(c, askToStream+"4\r\na\nb\n\r\n") {
			return
		}
		io.WriteString(c, streamHead+"2\r\n1\n\r\n")
		if expect(c, "2\r\nc\n\r\n") {
			io.WriteString(c, "1\r\n2\r\n"+"3\r\n\n3\n\r\n")
		}
		io.Copy(io.Discard, c)
	})
	k := newCaller(t)
	k.onOpen = func(c *Conn) {
		k.loop.Stream(c, []byte(askToStream))
		k.loop.Write(c, nil)
		k.loop.Write(c, []byte("4\r\na\nb\n\r\n"))
	}
	c := k.call(t, at)
	k.run(t, func() bool { return len(k.messages) == 1 })
	k.loop.Write(c, []byte("2\r\nc\n\r\n"))
	k.run(t, func() bool { return len(k.messages) == 3 })
	if got := strings.Join(k.messages, " "); got != "1 2 3" || k.opened != 1 || c.Number() != 7 || len(k.causes) != 0 {
		t.Errorf("%q, opened %d, %v", got, k.opened, k.causes)
	}
	k.loop.Close(c)
	k.loop.Stream(c, []byte(askToStream)) // is nothing any more
	if len(k.loop.calls) != 0 {
		t.Error("a closed connection leaves its reader behind")
	}
}

// Requests do not wait for the answers to those before, and one that is refused is not the end.
func TestRequestsInTurn(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if !expect(c, askNothing) {
			return
		}
		io.WriteString(c, nothingMore)
		if expect(c, askOnce+askOnce+askOnce) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"+
				"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 8\r\n\r\nlater on"+
				"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n3\n\r\n0\r\n\r\n")
		}
		io.Copy(io.Discard, c)
	})
	k := newCaller(t)
	k.onOpen = func(c *Conn) {
		for range 3 {
			k.loop.Write(c, []byte(askOnce))
		}
	}
	k.call(t, at)
	k.run(t, func() bool { return len(k.messages) == 2 })
	if got := strings.Join(append(k.messages, k.refusals...), ", "); got != "1, 3, 429 later on" || k.opened != 1 || len(k.causes) != 0 {
		t.Errorf("%q, opened %d, %v", got, k.opened, k.causes)
	}
}

func TestCallsThatFail(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer string
		stream string // what is answered to a request that goes on, if there is to be one
		label  string
		err    error
	}{
		{
			"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\n{\"error\":\"\"}", "",
			`status 403: {"error":""}`,
			ReplyError{403, `{"error":""}`},
		},
		{"refused, up to the end", "HTTP/1.1 401 X\r\nConnection: close\r\n\r\nwho?", "", "status 401: who?", ReplyError{401, "who?"}},
		{"nothing", "", "", "closed by the server", ErrPeerClosed},
		{"no HTTP", "hello\r\n\r\n", "", "malformed HTTP answer", ErrAnswer},
		{"half of the first reply", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "", "closed by the server", ErrPeerClosed},
		{"closed behind the first reply", nothingMore, "", "closed by the server", ErrPeerClosed},
		{"a stream that is refused", nothingMore, "HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nfull", "status 503: full", ReplyError{503, "full"}},
		{"a reply that ends", nothingMore, streamHead + "0\r\n\r\n", "reply ended by the server", ErrReplyEnded},
		{"a reply that ends with the connection", nothingMore, "HTTP/1.1 200 OK\r\n\r\n", "reply ended by the server", ErrReplyEnded},
		{"a reply that is cut off", nothingMore, streamHead + "2\r\n", "closed by the server", ErrPeerClosed},
		{"a reply that goes wrong", nothingMore, streamHead + "x\r\n", "malformed HTTP answer", ErrAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := server(t, func(c net.Conn) {
				if expect(c, askNothing) {
					io.WriteString(c, tc.answer)
				}
				if tc.stream != "" && expect(c, askToStream) {
					io.WriteString(c, tc.stream)
				}
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			k := newCaller(t)
			k.onOpen = func(c *Conn) {
				if tc.stream != "" {
					k.loop.Stream(c, []byte(askToStream))
				}
			}
			k.call(t, at)
			k.run(t, func() bool { return len(k.causes) > 0 })
			if !errors.Is(k.causes[0], tc.err) || Label(k.causes[0]) != tc.label || (k.opened == 1) != (tc.answer == nothingMore) || len(k.refusals) != 0 {
				t.Errorf("%v, opened %d, refused %q; want %v", k.causes, k.opened, k.refusals, tc.err)
			}
		})
	}
}

func TestACallToNobody(t *testing.T) {
	k := newCaller(t)
	_, err := k.loop.Call(netip.MustParseAddrPort("127.0.0.1:1"), []byte(askNothing), 0, k)
	if err == nil {
		k.run(t, func() bool { return len(k.causes) > 0 })
		err = k.causes[0]
	}
	if !errors.Is(err, unix.ECONNREFUSED) || len(k.loop.calls) != 0 {
		t.Errorf("%v, %d left", err, len(k.loop.calls))
	}
}

// A handler that closes at a line hears nothing of those that came with it.
func TestACallClosedWithin(t *testing.T) {
	at := server(t, func(c net.Conn) {
		io.WriteString(c, nothingMore)
		if expect(c, askNothing+askToStream) {
			io.WriteString(c, streamHead+"4\r\n1\n2\n\r\n")
		}
		io.Copy(io.Discard, c)
	})
	k := newCaller(t)
	k.onOpen = func(c *Conn) { k.loop.Stream(c, []byte(askToStream)) }
	if _, err := k.loop.Call(at, []byte(askNothing), 0, &closingCaller{k}); err != nil {
		t.Fatal(err)
	}
	k.run(t, func() bool { return len(k.messages) > 0 })
	if got := strings.Join(k.messages, " "); got != "1" || len(k.causes) != 0 {
		t.Errorf("%q, %v", got, k.causes)
	}
}

type closingCaller struct{ *caller }

func (k *closingCaller) Message(c *Conn, m []byte) {
	k.caller.Message(c, m)
	k.loop.Close(c)
}

// The target may have connections say who they are.
func TestConnectWithAPayload(t *testing.T) {
	at := server(t, func(c net.Conn) {
		io.WriteString(c, switching+openPacket)
		// 40{"a":7}, 9 bytes, masked
		if expect(c, upgradeRequest+"\x81\x89\x01\x02\x03\x04"+"\x35\x32\x78\x26\x60\x20\x39\x33\x7c") {
			io.WriteString(c, connected)
		}
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, SocketIO)
	w.loop.target.Connect = func(number uint32) []byte { return fmt.Appendf(nil, `40{"a":%d}`, number) }
	w.dial(t, 7)
	w.run(t, func() bool { return w.opened == 1 })
}
