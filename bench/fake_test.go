package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"starling/wsproto"
)

// fake is a Socket.IO server that does what the bench expects of one, a goroutine for each connection, and can be told to do it
// wrong.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	members map[string][]*fakeConn // by room
	conns   int

	// tamper, if set, says what is written in place of a delivery or an echo. It is called with the lock held.
	tamper func(c *fakeConn, packet string) []string
	status int    // answered to upgrades instead of 101
	first  string // sent instead of the open packet
	mute   bool   // no answer to a join

	pongs  int
	onPong func(pongs int) // a connection's pong says that it knows it is open
}

type fakeConn struct {
	net.Conn
	number int    // in the order of connecting
	kept   string // for a tamper that swaps
	said   int    // deliveries so far
}

func newFake(t *testing.T, set func(*fake)) *fake {
	t.Helper()
	f := &fake{members: make(map[string][]*fakeConn), first: `0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`}
	if set != nil {
		set(f)
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.upgrade))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) upgrade(w http.ResponseWriter, r *http.Request) {
	if f.status != 0 || r.URL.Path != "/socket.io/" || r.URL.RawQuery != "EIO=4&transport=websocket" {
		w.WriteHeader(max(f.status, 400))
		return
	}
	conn, err := switchProtocols(w, r)
	if err != nil {
		return
	}
	defer conn.Close()
	f.mu.Lock()
	c := &fakeConn{Conn: conn, number: f.conns}
	f.conns++
	f.mu.Unlock()
	f.talk(c)
	f.leave(c)
}

func (f *fake) talk(c *fakeConn) {
	f.say(c, f.first)
	limits := wsproto.Limits{MessageBytesMax: 1 << 20, FragmentsMax: 1}
	reader := wsproto.NewReader(wsproto.Server, &limits)
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		for in := buf[:n]; len(in) > 0; {
			m, used, err := reader.Next(in)
			if err != nil {
				return
			}
			in = in[used:]
			if m.Op == wsproto.OpText {
				f.hear(c, m.Payload)
			}
		}
	}
}

// say writes one packet; whoever writes to a connection holds the lock.
func (f *fake) say(c *fakeConn, packet string) {
	_, _ = c.Write(wsproto.AppendFrame(nil, wsproto.OpText, []byte(packet)))
}

func (f *fake) hear(c *fakeConn, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, args := string(p[min(2, len(p)):]), []byte(nil)
	if at := bytes.IndexByte(p, '['); at > 0 {
		id, args = string(p[2:at]), p[at+1:len(p)-1] // the arguments without their brackets
	}
	name, rest, _ := bytes.Cut(args, []byte(","))
	switch {
	case string(p) == "40":
		f.say(c, `40{"sid":"public"}`)
		f.say(c, "2")
	case string(p) == "3":
		if f.pongs++; f.onPong != nil {
			f.onPong(f.pongs)
		}
	case string(name) == `"join"` && !f.mute:
		f.members[string(rest)] = append(f.members[string(rest)], c)
		f.say(c, "43"+id+`["joined"]`)
	case string(name) == `"room"`:
		room, _, _ := bytes.Cut(rest, []byte(","))
		for _, member := range f.members[string(room)] {
			f.deliver(member, "42"+`["room",`+string(rest)+"]")
		}
	case string(name) == `"echo"`:
		f.deliver(c, "43"+id+"["+string(rest)+"]")
	}
}

func (f *fake) deliver(c *fakeConn, packet string) {
	c.said++
	packets := []string{packet}
	if f.tamper != nil {
		packets = f.tamper(c, packet)
	}
	for _, p := range packets {
		f.say(c, p)
	}
}

func (f *fake) leave(c *fakeConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for room, members := range f.members {
		for i, m := range members {
			if m == c {
				f.members[room] = append(members[:i:i], members[i+1:]...)
			}
		}
	}
}

// onThird tampers with the third delivery of the first connection.
func onThird(do func(c *fakeConn, packet string) []string) func(*fake) {
	return func(f *fake) {
		f.tamper = func(c *fakeConn, packet string) []string {
			if c.number == 0 && c.said == 3 {
				return do(c, packet)
			}
			if kept := c.kept; kept != "" {
				c.kept = ""
				return []string{packet, kept}
			}
			return []string{packet}
		}
	}
}

var (
	drop   = onThird(func(*fakeConn, string) []string { return nil })
	double = onThird(func(_ *fakeConn, p string) []string { return []string{p, p} })
	swap   = onThird(func(c *fakeConn, p string) []string { c.kept = p; return nil })
	hangUp = onThird(func(c *fakeConn, _ string) []string { c.Close(); return nil })
	garble = onThird(func(_ *fakeConn, p string) []string { return []string{p, `42["room","flood","what?"]`} })
)

// switchProtocols answers an upgrade request with 101. The caller closes the connection.
func switchProtocols(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
