package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestNewRoute(t *testing.T) {
	for _, tc := range []struct {
		url        string
		addr, host string
		path       string
		secure     bool
		err        error
	}{
		{"http://app.example.com", "app.example.com:http", "app.example.com", "/socket.io/", false, nil},
		{"https://app.example.com/", "app.example.com:https", "app.example.com", "/socket.io/", true, nil},
		{"https://app.example.com:8443/live", "app.example.com:8443", "app.example.com:8443", "/live/socket.io/", true, nil},
		{"http://[::1]:80/a%20b/", "[::1]:80", "[::1]:80", "/a%20b/socket.io/", false, nil},
		{"http://[::1]", "[::1]:http", "[::1]", "/socket.io/", false, nil},
		{"ws://app.example.com", "", "", "", false, errURL},
		{"app.example.com", "", "", "", false, errURL},
		{"http://", "", "", "", false, errURL},
		{"http://app.example.com:port", "", "", "", false, errURL},
		{"", "", "", "", false, errURL},
	} {
		r, err := newRoute(System{}, tc.url, "/socket.io/")
		if !errors.Is(err, tc.err) || r.addr != tc.addr || r.host != tc.host || r.path != tc.path || r.secure != tc.secure {
			t.Errorf("%q leads to %+v, %v", tc.url, r, err)
		}
	}
}

func TestParseOpening(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		heartbeat  time.Duration
		err        error
	}{
		{"a session", openPacket, 45 * time.Second, nil},
		{"a session, and a packet more", openPacket + "\x1e2", 45 * time.Second, nil},
		{"the longest heartbeat", `0{"sid":"a","pingInterval":9223372036854775807,"pingTimeout":9223372036854775807}`, 48 * time.Hour, nil},
		{"nothing", "", 0, errNoOpen},
		{"another packet", "40", 0, errNoOpen},
		{"no object", "0[]", 0, errNoOpen},
		{"no id", `0{"pingInterval":1,"pingTimeout":1}`, 0, errNoOpen},
		{"no interval", `0{"sid":"a","pingTimeout":1}`, 0, errNoOpen},
		{"a timeout that is none", `0{"sid":"a","pingInterval":1,"pingTimeout":-1}`, 0, errNoOpen},
		{"a page", "<html>", 0, errNoOpen},
	} {
		t.Run(tc.name, func(t *testing.T) {
			open, err := parseOpening(tc.text)
			if !errors.Is(err, tc.err) || err == nil && open.heartbeat() != tc.heartbeat {
				t.Errorf("%+v, %v", open, err)
			}
		})
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]fault{
		`{"code":1,"message":"Session ID unknown"}`: {1, "Session ID unknown"},
		`{"code":0}`:           {0, ""},
		`{"message":"x"}`:      {noFault, ""},
		`{"error":{"code":1}}`: {noFault, ""},
		`[1]`:                  {noFault, ""},
		`{"code":"1"}`:         {noFault, ""},
		"bad gateway":          {noFault, ""},
		"":                     {noFault, ""},
	} {
		if got := parseFault([]byte(text)); got != want {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
}

func TestReadFrame(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
		op   byte
		size int
		err  error
	}{
		{"a text", "\x81" + "\x02" + "hi", opText, 2, nil},
		{"an empty text", "\x81" + "\x00", opText, 0, nil},
		{"two bytes of length", "\x81" + "\x7e\x00\x80" + strings.Repeat("x", 128), opText, 128, nil},
		{"eight bytes of length", "\x81" + "\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536), opText, 65536, nil},
		{"a close", "\x88" + "\x02" + "\x03\xe8", opClose, 2, nil},
		{"too large", "\x81" + "\x7f\x00\x00\x00\x00\x00\x01\x00\x01", 0, 0, errFrameSize},
		{"larger than anything", "\x81" + "\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 0, 0, errFrameSize},
		{"a fragment", "\x01" + "\x02" + "hi", 0, 0, errFrame},
		{"compressed", "\xc1" + "\x02" + "hi", 0, 0, errFrame},
		{"masked", "\x81" + "\x82" + "\x00\x00\x00\x00" + "hi", 0, 0, errFrame},
		{"a long ping", "\x89" + "\x7e\x00\x80" + strings.Repeat("x", 128), 0, 0, errFrame},
		{"nothing", "", 0, 0, io.EOF},
		{"half a head", "\x81", 0, 0, io.ErrUnexpectedEOF},
		{"no length", "\x81" + "\x7e", 0, 0, io.ErrUnexpectedEOF},
		{"no payload", "\x81" + "\x02", 0, 0, io.ErrUnexpectedEOF},
		{"half a payload", "\x81" + "\x02" + "h", 0, 0, io.ErrUnexpectedEOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			op, payload, err := readFrame(strings.NewReader(tc.wire))
			if op != tc.op || len(payload) != tc.size || !errors.Is(err, tc.err) {
				t.Errorf("%d, %d bytes, %v; want %d, %d, %v", op, len(payload), err, tc.op, tc.size, tc.err)
			}
		})
	}
}

// TestLongFrames: a token may be longer than the short form of a length allows.
func TestLongFrames(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	s := &socket{conn: client}
	wrote := make(chan error, 1)
	payload := strings.Repeat("t", 300)
	go func() { wrote <- s.write(opText, []byte(payload)) }()
	var head [8]byte
	if _, err := io.ReadFull(server, head[:]); err != nil {
		t.Fatal(err)
	}
	if want := []byte{0x81, 0x80 | 126, 300 >> 8, 300 & 0xFF}; !bytes.Equal(head[:4], want) {
		t.Errorf("it begins with %x, want %x", head[:4], want)
	}
	got := make([]byte, 300)
	if _, err := io.ReadFull(server, got); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i] ^= head[4+i%4]
	}
	if string(got) != payload || <-wrote != nil {
		t.Errorf("it says %q", got)
	}
	s.close()
	if s.write(opText, nil) == nil {
		t.Error("a socket that is closed can be written to")
	}
}

// TestEndlessFrames: who sends nothing but what is passed over is not listened to for ever.
func TestEndlessFrames(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		for {
			if _, err := io.WriteString(server, frame(0x8A, "")); err != nil {
				return
			}
		}
	}()
	defer server.Close()
	if _, err := (&socket{conn: client, in: bufio.NewReader(client)}).read(time.Now().Add(time.Minute)); !errors.Is(err, errFrame) {
		t.Errorf("it ends with %v", err)
	}
}

func TestSecureRoute(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.ServerName != "example.com" || r.Host != "example.com" || r.Proto != "HTTP/1.1" {
			t.Errorf("asked for %q at %q by %s", r.TLS.ServerName, r.Host, r.Proto)
		}
		_, _ = io.WriteString(w, openPacket)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	sys := machine(tuned())
	sys.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "example.com:https" {
			t.Errorf("it dials %s", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	transport, _ := srv.Client().Transport.(*http.Transport)
	sys.TLS = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs}
	set := settings()
	set.URL = "https://example.com"
	if got := line(find(t, Run(context.Background(), set, sys), pollName)); got != goodPolling {
		t.Errorf("got %s", got)
	}
	sys.TLS = nil // nobody has signed the certificate of the test's server
	if got, want := line(find(t, Run(context.Background(), set, sys), pollName)), "fail | no answer: tls: failed to verify certificate: x509: certificate signed … | a session"+noReach; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func FuzzFrame(f *testing.F) {
	for _, seed := range []string{"\x81\x02hi", "\x89\x00", "\x81\x7e\x00\x80", "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "\x88\x02\x03\xe8"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		op, payload, err := readFrame(bytes.NewReader(wire))
		cutOp, cutPayload, cutErr := readFrame(iotest.OneByteReader(bytes.NewReader(wire)))
		if op != cutOp || !bytes.Equal(payload, cutPayload) || (err == nil) != (cutErr == nil) {
			t.Fatalf("at once: %d %x %v; byte by byte: %d %x %v", op, payload, err, cutOp, cutPayload, cutErr)
		}
		if len(payload) > len(wire) || len(payload) > frameBytesMax {
			t.Fatalf("%d bytes of %d", len(payload), len(wire))
		}
	})
}
