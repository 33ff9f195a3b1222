package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/wsproto"
)

// fake is a Socket.IO server that does what the bench expects of one, a goroutine for each connection, and can be told to do it
// wrong.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	members map[string][]*fakeConn // by room, its name in quotes
	sockets map[string]*fakeConn   // by socket id, in quotes
	conns   int
	made    map[string]int // deliveries so far, by kind

	// tamper, if set, says what is written in place of a delivery or an echo. It is called with the lock held.
	tamper func(c *fakeConn, packet string) []string
	ignore func(c *fakeConn, event string) bool // what is asked for and not done; called with the lock held
	deny   map[string]string                    // by event, what is acknowledged instead of doing it
	books  *books                               // of what is delivered, and when; nil if nobody wants to know
	status int                                  // answered to upgrades instead of 101
	first  string                               // sent instead of the open packet

	auths []string // payloads of CONNECT, where there was one

	pongs  int
	onPong func(pongs int) // a connection's pong says that it knows it is open
}

type fakeConn struct {
	net.Conn
	number int    // in the order of connecting
	id     string // of its socket, in quotes
	kept   string // for a tamper that swaps
	said   int    // deliveries so far
	entry  entry  // in the books
}

// newSilentFake does not listen yet.
func newSilentFake() *fake {
	return &fake{
		members: make(map[string][]*fakeConn), sockets: make(map[string]*fakeConn), made: make(map[string]int),
		first: `0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
	}
}

func newFake(t *testing.T, set func(*fake)) *fake {
	t.Helper()
	f := newSilentFake()
	if set != nil {
		set(f)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	c := &fakeConn{Conn: conn, number: f.conns, id: fmt.Sprintf(`"socket%d"`, f.conns)}
	f.conns++
	f.mu.Unlock()
	f.talk(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sockets, c.id)
	for room := range f.members {
		f.remove(room, c)
	}
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
		at := time.Now()
		for in := buf[:n]; len(in) > 0; {
			m, used, err := reader.Next(in)
			if err != nil {
				return
			}
			in = in[used:]
			if m.Op == wsproto.OpText {
				f.hear(c, m.Payload, at)
			}
		}
	}
}

// say writes packets in one go; whoever writes to a connection holds the lock.
func (f *fake) say(c *fakeConn, packets ...string) {
	var out []byte
	for _, p := range packets {
		out = wsproto.AppendFrame(out, wsproto.OpText, []byte(p))
	}
	_, _ = c.Write(out)
}

// hear does what a packet asks for that was read at a time.
func (f *fake) hear(c *fakeConn, p []byte, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, args := "", string(p)
	if at := bytes.IndexByte(p, '['); at > 0 {
		id, args = string(p[2:at]), string(p[at+1:len(p)-1]) // the arguments without their brackets
	}
	name, rest, _ := strings.Cut(args, ",")
	to, message, _ := strings.Cut(rest, ",")
	switch {
	case f.ignore != nil && f.ignore(c, strings.Trim(name, `"`)):
	case f.deny[strings.Trim(name, `"`)] != "":
		f.say(c, "43"+id+"["+f.deny[strings.Trim(name, `"`)]+"]")
	case strings.HasPrefix(string(p), "40"):
		f.connect(c, string(p[2:]))
	case string(p) == "3":
		f.pong(c, at)
	case name == `"join"`:
		f.members[to] = append(f.members[to], c)
		f.books.join(c)
		f.confirm(c, "43"+id+`["joined"]`)
	case name == `"leave"`:
		f.remove(to, c)
		f.say(c, "43"+id+`["left"]`)
	case name == `"room"`:
		f.books.publish()
		for _, member := range f.members[to] {
			f.deliver(member, "room", `42["room",`+rest+"]")
		}
	case name == `"direct"` && f.sockets[to] != nil:
		f.deliver(f.sockets[to], "direct", `42["direct",`+message+"]")
	case name == `"echo"`:
		f.deliver(c, "echo", "43"+id+"["+rest+"]")
	}
}

func (f *fake) connect(c *fakeConn, auth string) {
	if auth != "" {
		f.auths = append(f.auths, auth)
	}
	f.sockets[c.id] = c
	f.say(c, `40{"sid":`+c.id+`}`, "2")
}

func (f *fake) pong(c *fakeConn, at time.Time) {
	f.books.pong(c, at)
	if f.pongs++; f.onPong != nil {
		f.onPong(f.pongs)
	}
}

// deliver writes a delivery of a kind: room, direct or echo.
func (f *fake) deliver(c *fakeConn, kind, packet string) {
	c.said++
	f.made[kind]++
	packets := []string{packet}
	if f.tamper != nil {
		packets = f.tamper(c, packet)
	}
	if len(packets) == 0 {
		f.books.drop(c, packet)
	}
	for _, p := range packets {
		f.books.write(c, p)
		f.confirm(c, p)
	}
}

// confirm says a packet, and if there are books has a pong tell when it has been read.
func (f *fake) confirm(c *fakeConn, packet string) {
	if f.books == nil {
		f.say(c, packet)
	} else {
		f.say(c, packet, "2")
	}
}

func (f *fake) remove(room string, c *fakeConn) {
	f.books.leave(c)
	f.members[room] = slices.DeleteFunc(f.members[room], func(m *fakeConn) bool { return m == c })
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

// ignore never does what an event asks for.
func ignore(event string) func(*fake) {
	return func(f *fake) { f.ignore = func(_ *fakeConn, asked string) bool { return asked == event } }
}

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
