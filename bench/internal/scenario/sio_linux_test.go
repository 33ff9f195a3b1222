package scenario

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"starling/wsproto"
)

// sioScript is what a server of one client at a time says, and when. Polls after the last that it has an answer to are never answered.
type sioScript struct {
	auth   string   // payload of CONNECT, without which it is not answered
	polls  []string // answers: the last once the probe is answered, those before it once CONNECT has come
	frames []string // once the upgrade is complete, or CONNECT has come over a WebSocket: all in one write
	pong   []string // once a pong has come over the WebSocket
	status map[string]int
	alone  bool // no upgrade is offered
	mute   bool // a WebSocket is closed instead of an answer to its probe
	hangUp bool // it is closed behind the frames
	stall  bool // the first session is opened by no answer
}

// sio is a Socket.IO server that follows a script, for one session after the other.
type sio struct {
	script  sioScript
	at      netip.AddrPort
	stalled chan struct{} // closed when the session is asked for that is opened by no answer
	left    chan struct{} // closed when the first client has gone from that, or has said goodbye

	leave    func() // closes left
	mu       sync.Mutex
	sessions map[string]*sioSession
	begun    int
}

// sioSession is one session's progress.
type sioSession struct {
	polls                    int
	connected, polled, begun chan struct{} // closed: by CONNECT, by the last poll, by the answer to the probe
}

func startSIO(t *testing.T, script sioScript) *sio {
	t.Helper()
	s := &sio{script: script, stalled: make(chan struct{}), left: make(chan struct{}), sessions: make(map[string]*sioSession)}
	s.leave = sync.OnceFunc(func() { close(s.left) })
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.at = netip.MustParseAddrPort(server.Listener.Addr().String())
	return s
}

func (s *sio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	isWebSocket := q.Get("transport") == "websocket"
	s.mu.Lock()
	one := s.sessions[q.Get("sid")]
	s.mu.Unlock()
	switch {
	case one == nil:
		s.open(w, r, isWebSocket)
	case isWebSocket:
		s.answer(w, "upgrade", func() { s.upgrade(w, one, "") })
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		s.answer(w, "post", func() {
			switch string(body) {
			case "40" + s.script.auth:
				close(one.connected)
			case "1":
				s.leave()
			}
			io.WriteString(w, "ok")
		})
	default:
		s.answer(w, "poll", func() { s.poll(w, r, one) })
	}
}

// answer has a request answered, unless the script wants a status for its kind.
func (s *sio) answer(w http.ResponseWriter, kind string, otherwise func()) {
	if status := s.script.status[kind]; status != 0 {
		w.WriteHeader(status)
		return
	}
	otherwise()
}

func (s *sio) open(w http.ResponseWriter, r *http.Request, isWebSocket bool) {
	s.mu.Lock()
	s.begun++
	id := fmt.Sprintf("session%d", s.begun)
	one := &sioSession{connected: make(chan struct{}), polled: make(chan struct{}), begun: make(chan struct{})}
	s.sessions[id] = one
	isFirst := s.begun == 1
	s.mu.Unlock()
	if s.script.stall && isFirst {
		close(s.stalled)
		<-r.Context().Done()
		s.leave()
		return
	}
	upgrades := `"websocket"`
	if s.script.alone {
		upgrades = ""
	}
	open := fmt.Sprintf(`0{"sid":%q,"upgrades":[%s],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, id, upgrades)
	s.answer(w, "open", func() {
		if isWebSocket {
			s.upgrade(w, one, open)
			return
		}
		io.WriteString(w, open)
	})
}

func (s *sio) poll(w http.ResponseWriter, r *http.Request, one *sioSession) {
	s.mu.Lock()
	n := one.polls
	one.polls++
	s.mu.Unlock()
	after := []chan struct{}{one.connected}
	switch last := len(s.script.polls) - 1; {
	case n > last:
		after = append(after, nil)
	case n == last:
		close(one.polled)
		if !s.script.alone && s.script.status["upgrade"] == 0 && len(s.script.polls) > 1 || s.script.polls[n] == "6" {
			after = append(after, one.begun)
		}
	}
	for _, c := range after {
		select {
		case <-c:
		case <-r.Context().Done():
			return
		}
	}
	io.WriteString(w, s.script.polls[n])
}

// upgrade is the whole of a WebSocket; greeting is empty unless the session begins with it.
func (s *sio) upgrade(w http.ResponseWriter, one *sioSession, greeting string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	// The accept belongs to the one key that a flood has.
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: wqpKnLzhmCd0YSGDm3ZgKIXhagU=\r\n\r\n"+frames(greeting))
	limits := wsproto.Limits{MessageBytesMax: 1000, FragmentsMax: 1}
	reader, in := wsproto.NewReader(wsproto.Server, &limits), make([]byte, 1000)
	for {
		n, err := conn.Read(in)
		if err != nil {
			return
		}
		for rest := in[:n]; len(rest) > 0; {
			m, took, err := reader.Next(rest)
			if err != nil || !s.hear(conn, one, string(m.Payload)) {
				return
			}
			rest = rest[took:]
		}
	}
}

// hear answers a packet over a WebSocket; it is false if that ends it.
func (s *sio) hear(conn io.Writer, one *sioSession, packet string) bool {
	switch packet {
	case "2probe":
		if s.script.mute {
			return false
		}
		<-one.polled
		io.WriteString(conn, frames("3probe"))
		close(one.begun)
	case "5", "40" + s.script.auth:
		io.WriteString(conn, frames(s.script.frames...))
		return !s.script.hangUp
	case "3":
		io.WriteString(conn, frames(s.script.pong...))
	}
	return true
}

// frames are short text messages as a server sends them (RFC 6455 5.2).
func frames(packets ...string) string {
	var b strings.Builder
	for _, p := range packets {
		if p != "" {
			b.WriteString("\x81" + string(rune(len(p))) + p)
		}
	}
	return b.String()
}
