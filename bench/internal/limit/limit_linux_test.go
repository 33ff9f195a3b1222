package limit

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// serve runs a server for the length of the test.
func serve(t *testing.T) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run() }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// The example of RFC 6455 1.3.
const (
	request  = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nsec-websocket-KEY:  dGhlIHNhbXBsZSBub25jZQ== \r\n\r\n"
	response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

type peer struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, s *Server) *peer {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return &peer{t, c}
}

func upgraded(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dial(t, s)
	p.send(request)
	p.want(response)
	return p
}

func (p *peer) send(b string) {
	p.t.Helper()
	if _, err := p.Write([]byte(b)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) want(b string) {
	p.t.Helper()
	got := make([]byte, len(b))
	if _, err := io.ReadFull(p, got); err != nil {
		p.t.Fatalf("%v after %q, want %q", err, got, b)
	}
	if string(got) != b {
		p.t.Fatalf("got %q, want %q", got, b)
	}
}

func (p *peer) wantEnd() {
	p.t.Helper()
	if n, err := p.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

// masked is the payload under the mask 01 02 03 04.
func masked(payload string) string {
	b := []byte(payload)
	for i := range b {
		b[i] ^= byte(i&3 + 1)
	}
	return "\x01\x02\x03\x04" + string(b)
}

func TestEchoWhateverTheCut(t *testing.T) {
	s := serve(t)
	in := request + "\x81\x85" + masked("Ehelp") + "\x82\x81" + masked("E")
	out := response + "\x81\x05Ehelp" + "\x82\x01E"
	for cut := 1; cut < len(in); cut += 3 {
		p := dial(t, s)
		p.send(in[:cut])
		if cut >= len(request) {
			p.want(response) // so that the server has read the first part before the second comes
		}
		p.send(in[cut:])
		if cut >= len(request) {
			p.want(out[len(response):])
		} else {
			p.want(out)
		}
		p.Close()
	}
}

func TestEchoOfEachLengthForm(t *testing.T) {
	s := serve(t)
	p := upgraded(t, s)
	middle := "E" + strings.Repeat("m", 999)
	p.send("\x81\xfe\x03\xe8" + masked(middle))
	p.want("\x81\x7e\x03\xe8" + middle)
	long := "E" + strings.Repeat("l", 69_999)
	p.send("\x81\xff\x00\x00\x00\x00\x00\x01\x11\x70" + masked(long))
	p.want("\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70" + long)
}

func TestPublishReachesEveryoneElse(t *testing.T) {
	s := serve(t)
	a, b, publisher := upgraded(t, s), upgraded(t, s), upgraded(t, s)
	for range 3 {
		publisher.send("\x81\x83" + masked("Phi"))
		a.want("\x81\x03Phi")
		b.want("\x81\x03Phi")
	}
	publisher.send("\x81\x82" + masked("E."))
	publisher.want("\x81\x02E.") // and nothing of its own before
	a.Close()
	publisher.send("\x81\x81" + masked("P"))
	b.want("\x81\x01P")
}

func TestRoomsAreApart(t *testing.T) {
	s := serve(t)
	one, two, none, publisher := upgraded(t, s), upgraded(t, s), upgraded(t, s), upgraded(t, s)
	one.send("\x81\x89" + masked("J00000001"))
	one.want("\x81\x09J00000001")
	two.send("\x81\x89" + masked("J00000002"))
	two.want("\x81\x09J00000002")
	publisher.send("\x81\x8a" + masked("R00000001a"))
	publisher.send("\x81\x8a" + masked("R00000002b"))
	publisher.send("\x81\x8a" + masked("R00000009c")) // nobody is there
	publisher.send("\x81\x8a" + masked("R0000000gd")) // no number
	publisher.send("\x81\x84" + masked("Rfoo"))       // no room for a number
	publisher.send("\x81\x82" + masked("Pe"))
	one.want("\x81\x0aR00000001a")
	two.want("\x81\x0aR00000002b")
	none.want("\x81\x02Pe")
	one.send("\x81\x81" + masked("E"))
	one.want("\x81\x01E") // and nothing else came
}

func TestControlFrames(t *testing.T) {
	s := serve(t)
	p := upgraded(t, s)
	p.send("\x89\x82" + masked("hi") + "\x8a\x80" + masked("") + "\x81\x80" + masked("") + "\x81\x81" + masked("?"))
	p.want("\x8a\x02hi")
	p.send("\x88\x82" + masked("\x03\xe8"))
	p.want("\x88\x02\x03\xe8")
	p.wantEnd()
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	for _, tc := range []struct{ name, in, out string }{
		{"no key", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"no end of the request", strings.Repeat("x", requestBytesMax+1), ""},
		{"a frame without a mask", request + "\x81\x01E", response},
		{"a frame too long", request + "\x81\xff\x00\x00\x00\x00\x00\x10\x00\x01" + masked(""), response},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := dial(t, s)
			p.send(tc.in)
			p.want(tc.out)
			p.wantEnd()
		})
	}
}

// A peer that does not read makes the kernel refuse; everything must still come, in order, once it reads again.
func TestWhatTheKernelDoesNotTakeComesLater(t *testing.T) {
	s := serve(t)
	member, publisher := upgraded(t, s), upgraded(t, s)
	payload := "P" + strings.Repeat("x", 65_534)
	const frames = 200
	for i := range frames {
		b := []byte(payload)
		b[1] = byte('a' + i%26)
		publisher.send("\x81\xfe\xff\xff" + masked(string(b)))
	}
	publisher.send("\x81\x81" + masked("E"))
	publisher.want("\x81\x01E") // by now all has been published, and not all of it can have been taken
	want := make([]byte, 65_539)
	for i := range frames {
		if _, err := io.ReadFull(member, want); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(want, []byte{0x81, 0x7e, 0xff, 0xff, 'P', byte('a' + i%26)}) {
			t.Fatalf("frame %d begins with %q", i, want[:8])
		}
	}
}

func TestListenOnNothing(t *testing.T) {
	if _, err := Listen("localhost"); !errors.Is(err, ErrAddress) {
		t.Errorf("%v, want %v", err, ErrAddress)
	}
	s := serve(t)
	if _, err := Listen("192.0.2.1:0"); err == nil {
		t.Error("an address of nobody's is listened on")
	}
	if _, err := Listen(s.Addr().String()); err == nil {
		t.Error("one address is listened on twice")
	}
}
