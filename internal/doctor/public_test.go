package doctor

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a server says, as bytes on the wire.
const (
	openPacket = `0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	hastyOpen  = `0{"sid":"abc","upgrades":[],"pingInterval":1,"pingTimeout":20000}`
	goodOpen   = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nSet-Cookie: io=one~abc; Path=/; HttpOnly\r\nSet-Cookie: lb=7\r\nContent-Length: 101\r\n\r\n" + openPacket
	goodPost   = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"
	unknownSID = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n" + `{"code":1,"message":"Session ID unknown"}`
	badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n" + `{"code":3,"message":"Bad request"}` + "\n"
)

// public is what answers at a public address: each function gets a request, and says all that comes back on its connection.
type public struct {
	get, post, upgrade func(*http.Request) string
	// talk goes on over a WebSocket, from the open packet on.
	talk func(conn net.Conn, in *bufio.Reader)
}

// good is a server with nothing in front that does harm.
func good() public {
	return public{
		get:     func(*http.Request) string { return goodOpen },
		post:    func(*http.Request) string { return goodPost },
		upgrade: accepting,
		talk:    func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, frame(0x81, openPacket)) },
	}
}

// always is an answer to everything.
func (p public) always(answer string) public {
	say := func(*http.Request) string { return answer }
	p.get, p.post, p.upgrade = say, say, say
	return p
}

// accepting agrees to an upgrade (RFC 6455 4.2.2).
func accepting(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

// frame is a frame of a server: its first byte, a length, the payload.
func frame(first byte, payload string) string {
	return string([]byte{first, byte(len(payload))}) + payload
}

// dialTo makes a Dial whose connections this answers. All of it has ended when the test does.
func (p public) dialTo(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	var answering sync.WaitGroup
	t.Cleanup(answering.Wait)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		answering.Go(func() {
			defer server.Close()
			p.answer(server)
		})
		return client, nil
	}
}

func (p public) answer(conn net.Conn) {
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	answer := ""
	switch {
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		answer = p.post(r)
	case r.Header.Get("Upgrade") != "":
		answer = p.upgrade(r)
	default:
		answer = p.get(r)
	}
	if _, err := io.WriteString(conn, answer); err == nil && strings.HasPrefix(answer, "HTTP/1.1 101 ") {
		p.talk(conn, in)
	}
}

// ticking is a clock of which each look takes two milliseconds, so that what it measures is known.
func ticking() func() time.Time {
	now := time.Now()
	return func() time.Time {
		now = now.Add(2 * time.Millisecond)
		return now
	}
}

// report is what the checks say of a public address.
func (p public) report(t *testing.T, change func(*Settings)) Report {
	t.Helper()
	sys, set := machine(tuned()), settings()
	sys.Dial, sys.Now = p.dialTo(t), ticking()
	set.URL = "http://app.example.com"
	if change != nil {
		change(&set)
	}
	return Run(context.Background(), set, sys)
}
