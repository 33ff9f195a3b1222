package hub

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/wsproto"
)

// wire is a connection on which requests go as they are written. Responses are read by net/http.
type wire struct {
	t    testing.TB
	conn *net.TCPConn
	in   *bufio.Reader
}

func openWire(t *testing.T, s *Server) *wire {
	t.Helper()
	return openWireAt(t, s.Addr())
}

// openWireAt is openWire for a server that lives at some other address.
func openWireAt(t *testing.T, addr net.Addr) *wire {
	t.Helper()
	conn := dialAddr(t, addr)
	return &wire{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// send sends text in one write.
func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, text); err != nil {
		w.t.Errorf("sending %.100q: %v", text, err)
	}
}

// answer is what matters of a response: not how its end is told, nor when it was made.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool // the connection ends with it
}

// framing are the headers that say how a message is transported.
var framing = []string{"Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding"}

// ids are those in cookies and packets, which differ from run to run.
var ids = regexp.MustCompile(`("sid":"|io=)[A-Za-z0-9_-]{20}`)

// readResponse reads one response. Its body is what it says, if it is compressed.
func readResponse(in *bufio.Reader, method string) (answer, error) {
	r, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer r.Body.Close()
	a := answer{status: r.StatusCode, header: r.Header, close: r.Close}
	if r.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return answer{}, err
		}
		if r.Header.Get("Content-Encoding") == "gzip" && len(body) > 0 {
			if body, err = unzip(body); err != nil {
				return answer{}, err
			}
		}
		a.body = ids.ReplaceAllString(string(body), "${1}<20>")
	}
	for _, name := range framing {
		if r.StatusCode != http.StatusSwitchingProtocols {
			a.header.Del(name)
		}
	}
	for _, values := range a.header {
		for i := range values {
			values[i] = ids.ReplaceAllString(values[i], "${1}<20>")
		}
	}
	return a, nil
}

func unzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// String is the answer as text, line by line.
func (a answer) String() string {
	var lines []string
	for name, values := range a.header {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d\n%s\n\n%s\n(ends the connection: %v)", a.status, strings.Join(lines, "\n"), a.body, a.close)
}

// answer reads the response to a request of a method.
func (w *wire) answer(method string) answer {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	a, err := readResponse(w.in, method)
	if err != nil {
		w.t.Fatalf("no response: %v", err)
	}
	return a
}

// ask sends a request and reads its response.
func (w *wire) ask(request string) answer {
	w.t.Helper()
	w.send(request)
	method, _, _ := strings.Cut(request, " ")
	return w.answer(method)
}

// expect wants an answer of a status, with a body.
func (w *wire) expect(method string, status int, body string) {
	w.t.Helper()
	if a := w.answer(method); a.status != status || a.body != body {
		w.t.Fatalf("the answer is %d %.200q, want %d %.200q", a.status, a.body, status, body)
	}
}

// ended wants the connection to be at its end.
func (w *wire) ended() {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	if rest, err := io.ReadAll(w.in); len(rest) > 0 || err != nil {
		w.t.Fatalf("behind the answer came %.100q, %v", rest, err)
	}
}

// socket makes it the connection of a WebSocket, after a 101.
func (w *wire) socket(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, conn: w.conn, reader: wsproto.NewReader(wsproto.Client, clientLimits), buf: make([]byte, 4<<10)}
	p.unread, _ = w.in.Peek(w.in.Buffered())
	return p
}

// The requests of a client that polls.

const pollTarget = "/socket.io/?EIO=4&transport=polling"

func getRequest(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + lines(headers) + "\r\n"
}

func postRequest(target, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\n%sContent-Length: %d\r\n\r\n%s", target, lines(headers), len(body), body)
}

func upgradeRequest(target string, headers ...string) string {
	return getRequest(target, slices.Concat([]string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, headers)...)
}

func lines(headers []string) (all string) {
	for _, h := range headers {
		all += h + "\r\n"
	}
	return all
}

// handshake begins a session that is polled, and returns its id.
func (w *wire) handshake(headers ...string) (sid string) {
	w.t.Helper()
	w.send(getRequest(pollTarget, headers...))
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	r, err := http.ReadResponse(w.in, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	var open struct{ SID string }
	if r.StatusCode != http.StatusOK || len(body) == 0 || json.Unmarshal(body[1:], &open) != nil || len(open.SID) != 20 {
		w.t.Fatalf("the handshake is answered with %s %q", r.Status, body)
	}
	return open.SID
}

// joinPolling begins a session that is polled and connects to the main namespace.
func joinPolling(t *testing.T, s *Server) (w *wire, sid string) {
	t.Helper()
	w = openWire(t, s)
	sid = w.handshake()
	if a := w.ask(postRequest(pollTarget+"&sid="+sid, "40")); a.status != http.StatusOK || a.body != "ok" {
		t.Fatalf("the CONNECT is answered with %v", a)
	}
	if a := w.ask(getRequest(pollTarget + "&sid=" + sid)); a.body != `40{"sid":"<20>"}` {
		t.Fatalf("the CONNECT is answered with %v", a)
	}
	return w, sid
}
