package hub

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests in this file have connections that go to net/http and come back.

// site is what stands beside the server on its port: /health tells who asks, /echo says what it is told, /wait waits.
type site struct {
	*http.ServeMux
	waiting chan struct{} // gets a value for each request that waits
	release chan struct{}
}

func newSite() *site {
	s := &site{http.NewServeMux(), make(chan struct{}, 100), make(chan struct{})}
	s.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "fine, %s", r.RemoteAddr) })
	s.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	s.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		s.waiting <- struct{}{}
		<-s.release
		_, _ = io.WriteString(w, "at last")
	})
	return s
}

// echoes is an application that acknowledges with what it got.
func echoes(s *Server) {
	s.OnLoop("echo", func(_ *Socket, e *Event) {
		values, _ := e.Values(0)
		_ = e.Ack(values...)
	})
}

func startSite(t *testing.T) (*Server, *site) {
	beside := newSite()
	return start(t, Options{Loops: 4, Handler: beside, ClientFiles: clientFiles()}, echoes), beside
}

// fine wants a foreign request to be answered.
func (w *wire) fine() {
	w.t.Helper()
	if a := w.ask(getRequest("/health")); a.status != http.StatusOK || a.body != "fine, "+w.conn.LocalAddr().String() {
		w.t.Fatalf("/health is answered with %v", a)
	}
}

// TestThereAndBack has one connection do everything in turn, and become a WebSocket in the end.
func TestThereAndBack(t *testing.T) {
	s, _ := startSite(t)
	w := openWire(t, s)
	w.fine()
	target := pollTarget + "&sid=" + w.handshake()
	file := func() {
		t.Helper()
		if a := w.ask(getRequest("/socket.io/socket.io.min.js")); a.status != http.StatusOK || a.body != string(clientFiles()["socket.io.min.js"].Data) {
			t.Fatalf("the client's file is answered with %v", a)
		}
	}
	file()
	w.send(postRequest(target, "40"))
	w.expect("POST", http.StatusOK, "ok")
	w.fine()
	w.fine()
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
	file()
	w.send(postRequest(target, `421["echo","a"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `431["a"]`)
	w.fine()
	w.send(upgradeRequest(target + "&transport=websocket"))
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := w.socket(t)
	c.send("2probe")
	c.expect("3probe")
	c.send("5", `422["echo","b"]`)
	c.expect(`432["b"]`)
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	c.leave()
}

// bodies are the ways in which the body of a POST can come, behind a request that was somebody else's.
var bodies = []struct {
	name string
	send func(w *wire, target string)
}{
	{"with its head", func(w *wire, target string) { w.send(postRequest(target, `421["echo","a"]`)) }},
	{"behind its head, in pieces", func(w *wire, target string) {
		head, body, _ := strings.Cut(postRequest(target, `421["echo","a"]`), "\r\n\r\n")
		w.send(head + "\r\n\r\n")
		for _, piece := range strings.SplitAfter(body, `"`) {
			w.send(piece)
		}
	}},
	{"the head in pieces too", func(w *wire, target string) {
		for _, piece := range strings.SplitAfter(postRequest(target, `421["echo","a"]`), "\n") {
			w.send(piece)
		}
	}},
	{"in chunks", func(w *wire, target string) {
		w.send("POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n421[\r\nb\r\n\"echo\",\"a\"]\r\n0\r\n\r\n")
	}},
	{"in chunks and pieces", func(w *wire, target string) {
		w.send("POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		for _, piece := range []string{"4\r\n42", "1[\r", "\nb", "\r\n\"echo\",\"a\"]\r\n", "0\r\n", "X-Trailer: y\r\n\r\n"} {
			w.send(piece)
		}
	}},
	{"after it was asked for", func(w *wire, target string) {
		head, body, _ := strings.Cut(postRequest(target, `421["echo","a"]`, "Expect: 100-continue"), "\r\n\r\n")
		w.send(head + "\r\n\r\n")
		w.expect("POST", http.StatusContinue, "")
		w.send(body)
	}},
	{"behind a foreign request, in one piece with it", func(w *wire, target string) {
		w.send(getRequest("/health") + postRequest(target, `421["echo","a"]`))
		w.expect("GET", http.StatusOK, "fine, "+w.conn.LocalAddr().String())
	}},
	{"behind a foreign body, in one piece with it", func(w *wire, target string) {
		w.send(postRequest("/echo", "hello") + postRequest(target, `421["echo","a"]`) + getRequest(pollTarget+"&sid=unknown"))
		w.expect("POST", http.StatusOK, "hello")
		w.expect("POST", http.StatusOK, "ok")
		w.expect("GET", http.StatusBadRequest, `{"code":1,"message":"Session ID unknown"}`)
		w.send(postRequest(target, "3"))
	}},
}

// TestBodiesThatComeBack: a connection that net/http gives back has its body before it or behind it, or in part.
func TestBodiesThatComeBack(t *testing.T) {
	s, _ := startSite(t)
	wantBodies(t, s)
}

// wantBodies wants the bodies of all rows to arrive, three times over one connection.
func wantBodies(t *testing.T, s *Server) {
	for _, row := range bodies {
		t.Run(row.name, func(t *testing.T) {
			poll, sid := joinPolling(t, s)
			w := openWire(t, s)
			for range 3 {
				w.fine()
				row.send(w, pollTarget+"&sid="+sid)
				w.expect("POST", http.StatusOK, "ok")
				poll.send(getRequest(pollTarget + "&sid=" + sid))
				poll.expect("GET", http.StatusOK, `431["a"]`)
			}
			w.fine()
		})
	}
}

// TestForeignBehindOurs: behind an answer that is not written yet a connection cannot be handed over. One that has its
// answer can.
func TestForeignBehindOurs(t *testing.T) {
	s, _ := startSite(t)
	w := openWire(t, s)
	w.send(getRequest("/socket.io/?EIO=4&transport=pigeon") + getRequest("/health"))
	w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
	if a := w.answer("GET"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" || !a.close {
		t.Fatalf("the foreign request is answered with %v", a)
	}
	w.ended()
}

// TestCrowdBetween has many connections go there and back at once, and wants their places and descriptors back.
func TestCrowdBetween(t *testing.T) {
	s, _ := startSite(t)
	openWire(t, s).fine() // what net/http needs once
	before := descriptors(t)
	conns := s.Connections()
	var crowd sync.WaitGroup
	for i := range 40 {
		crowd.Go(func() {
			w := openWire(t, s)
			defer w.conn.Close()
			target := pollTarget + "&sid=" + w.handshake()
			w.send(postRequest(target, "40"))
			w.expect("POST", http.StatusOK, "ok")
			w.send(getRequest(target))
			w.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
			for round := range 5 {
				w.fine()
				w.send(postRequest(target, fmt.Sprintf(`42%d["echo",%d]`, round, i)))
				w.expect("POST", http.StatusOK, "ok")
				w.send(getRequest("/health") + getRequest(target))
				w.expect("GET", http.StatusOK, "fine, "+w.conn.LocalAddr().String())
				w.expect("GET", http.StatusOK, fmt.Sprintf(`43%d[%d]`, round, i))
			}
		})
	}
	crowd.Wait()
	eventually(t, "all places are free again", func() bool { return s.Connections() == conns })
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	if n := s.Panics(); n > 0 {
		t.Errorf("%d panics", n)
	}
}

// descriptors is how many files the process has open.
func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// TestShutdownOnEitherSide ends a server whose connections are here and there, in every state.
func TestShutdownOnEitherSide(t *testing.T) {
	beside := newSite()
	noted := newNotes()
	s, stop := startServer(t, Options{Loops: 4, Handler: beside}, func(s *Server) {
		s.OnDisconnect(func(_ *Socket, r Reason) { noted.add("%s", r) })
	})
	idle, served, waiting := openWire(t, s), openWire(t, s), openWire(t, s)
	served.fine() // it is net/http's now
	waiting.fine()
	waiting.send(getRequest("/wait"))
	receive(t, beside.waiting)
	idle.fine()
	idle.handshake() // it is a loop's again
	polling, sid := joinPolling(t, s)
	sleeping, _ := joinPolling(t, s)
	polling.send(getRequest(pollTarget + "&sid=" + sid))
	half := openWire(t, s)
	half.fine()
	half.send("POST " + pollTarget + "&sid=" + half.sessionOf(s) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	half.expect("POST", http.StatusContinue, "")
	socket := join(t, s)

	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	polling.expect("GET", http.StatusOK, "1")
	socket.expectClose(1001)
	for _, w := range []*wire{idle, served, sleeping, half} {
		w.ended()
		w.conn.Close()
	}
	polling.conn.Close()
	select {
	case err := <-stopped:
		t.Errorf("Serve has returned %v while a request is being handled", err)
	default:
	}
	close(beside.release)
	waiting.expect("GET", http.StatusOK, "at last")
	waiting.ended()
	if err := receive(t, stopped); err != nil {
		t.Errorf("Serve = %v", err)
	}
	noted.expect(t, "server shutting down", "server shutting down", "server shutting down")
	noted.none(t)
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// sessionOf begins a session by another connection, and returns its id.
func (w *wire) sessionOf(s *Server) string {
	other := openWire(w.t.(*testing.T), s)
	return other.handshake()
}

// TestSlowHeadBehindAForeignRequest: net/http has the patience of a loop, and no more.
func TestSlowHeadBehindAForeignRequest(t *testing.T) {
	s := start(t, Options{Handler: newSite(), HandshakeTimeout: 2 * time.Second}, nil) // time enough for a request
	w := openWire(t, s)
	w.fine()
	w.send("GET /socket.io/")
	rest, err := io.ReadAll(w.in)
	if err != nil || strings.HasPrefix(string(rest), "HTTP/1.1 2") {
		t.Errorf("who says too little gets %q, %v", rest, err)
	}
}
