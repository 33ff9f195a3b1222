package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"starling/wsproto"
)

// pollFake is a Socket.IO server that speaks polling, upgrades and answers echoes, and can be told to do it wrong.
type pollFake struct {
	*httptest.Server
	mu       sync.Mutex
	sessions map[string]*pollSession

	busy      int    // handshakes that are answered with 503 before the first that is not
	noUpgrade bool   // upgrades are answered with 400
	deny      bool   // the namespace is refused
	mute      int    // echoes that are not answered
	lose      int    // polls whose connection is closed instead of an answer
	onLost    func() // called for each WebSocket that the client has closed
}

type pollSession struct {
	id      string
	out     []string // packets for the client
	changed chan struct{}
	conn    net.Conn // once it is upgraded
	probed  bool     // every poll is answered at once from now on
}

func newPollFake() *pollFake { return &pollFake{sessions: make(map[string]*pollSession)} }

// startPollFake serves within the test.
func startPollFake(t *testing.T, set func(*pollFake)) *pollFake {
	t.Helper()
	f := newPollFake()
	if set != nil {
		set(f)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.CloseClientConnections() // those of sessions that a client has left may be polling still
		f.Close()
	})
	return f
}

// servePollFake is the whole of a process that is killed and started again.
func servePollFake(addr string) error { return http.ListenAndServe(addr, newPollFake()) }

func (f *pollFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	s := f.sessions[q.Get("sid")]
	f.mu.Unlock()
	switch isWebSocket := q.Get("transport") == "websocket"; {
	case r.URL.Path != "/socket.io/" || q.Get("EIO") != "4":
		w.WriteHeader(http.StatusNotFound)
	case q.Get("sid") == "":
		f.handshake(w, r, isWebSocket)
	case s == nil || isWebSocket && f.noUpgrade:
		w.WriteHeader(http.StatusBadRequest)
	case isWebSocket:
		f.upgrade(w, r, s)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		for packet := range strings.SplitSeq(string(body), "\x1e") {
			f.hear(s, packet)
		}
		f.mu.Unlock()
		io.WriteString(w, "ok")
	default:
		f.poll(w, r, s)
	}
}

func (f *pollFake) handshake(w http.ResponseWriter, r *http.Request, isWebSocket bool) {
	f.mu.Lock()
	f.busy--
	isBusy := f.busy >= 0
	s := &pollSession{id: fmt.Sprintf("session%d", len(f.sessions)), changed: make(chan struct{}, 1)}
	f.sessions[s.id] = s
	f.mu.Unlock()
	upgrades := `"websocket"`
	if isWebSocket {
		upgrades = ""
	}
	open := fmt.Sprintf(`0{"sid":%q,"upgrades":[%s],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, s.id, upgrades)
	switch {
	case isBusy:
		w.WriteHeader(http.StatusServiceUnavailable)
	case isWebSocket:
		s.out = []string{open}
		s.probed = true
		f.upgrade(w, r, s)
	default:
		io.WriteString(w, open)
	}
}

// poll waits for something to say.
func (f *pollFake) poll(w http.ResponseWriter, r *http.Request, s *pollSession) {
	for {
		f.mu.Lock()
		out, isProbed := s.out, s.probed
		s.out = nil
		lose := f.lose > 0
		if lose {
			f.lose--
		}
		f.mu.Unlock()
		switch {
		case lose:
			panic(http.ErrAbortHandler)
		case len(out) > 0:
			io.WriteString(w, strings.Join(out, "\x1e"))
			return
		case isProbed:
			io.WriteString(w, "6")
			return
		}
		select {
		case <-s.changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (f *pollFake) upgrade(w http.ResponseWriter, r *http.Request, s *pollSession) {
	conn, err := switchProtocols(w, r)
	if err != nil {
		return
	}
	defer conn.Close()
	f.mu.Lock()
	if s.probed {
		s.conn = conn
		f.flush(s)
	}
	f.mu.Unlock()
	limits := wsproto.Limits{MessageBytesMax: 1 << 20, FragmentsMax: 1}
	reader := wsproto.NewReader(wsproto.Server, &limits)
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			if f.onLost != nil {
				f.onLost()
			}
			return
		}
		for in := buf[:n]; len(in) > 0; {
			m, used, err := reader.Next(in)
			if err != nil {
				return
			}
			in = in[used:]
			if m.Op == wsproto.OpText {
				f.hearFrame(s, conn, string(m.Payload))
			}
		}
	}
}

func (f *pollFake) hearFrame(s *pollSession, conn net.Conn, p string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch p {
	case "2probe":
		_, _ = conn.Write([]byte("\x81\x063probe"))
		s.probed = true
		f.flush(s)
	case "5":
		s.conn = conn
		f.flush(s)
	default:
		f.hear(s, p)
	}
}

// hear and flush are called with the lock held.
func (f *pollFake) hear(s *pollSession, p string) {
	switch {
	case p == "40" && f.deny:
		s.out = append(s.out, `44{"message":"no"}`)
	case p == "40":
		s.out = append(s.out, `40{"sid":"public"}`)
	case p == `420["echo","proof"]`:
		if f.mute--; f.mute < 0 {
			s.out = append(s.out, `430["proof"]`)
		}
	}
	f.flush(s)
}

func (f *pollFake) flush(s *pollSession) {
	if s.conn == nil {
		select {
		case s.changed <- struct{}{}:
		default:
		}
		return
	}
	for _, p := range s.out {
		_, _ = s.conn.Write(wsproto.AppendFrame(nil, wsproto.OpText, []byte(p)))
	}
	s.out = nil
}
