package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"starling/hub/internal/session"
	"starling/wsproto"
)

// TestCausesOfSessions: each cause of the sessions has the word that applications know it by.
func TestCausesOfSessions(t *testing.T) {
	for _, row := range []struct {
		cause session.Cause
		want  Cause
	}{
		{session.Malformed, CauseMalformed},
		{session.UnknownTransport, CauseUnknownTransport},
		{session.UnknownSession, CauseUnknownSession},
		{session.BadHandshakeMethod, CauseBadHandshakeMethod},
		{session.BadRequest, CauseBadRequest},
		{session.BadOrigin, CauseBadOrigin},
		{session.OtherTransport, CauseTransportMismatch},
		{session.NoUpgrade, CauseNoUpgrade},
		{session.ForbiddenOrigin, CauseForbiddenOrigin},
		{session.NotAllowed, CauseNotAllowed},
		{session.UnsupportedVersion, CauseUnsupportedVersion},
		{session.BadMethod, CauseBadMethod},
		{session.TooSlow, CauseTimeout},
		{session.TooLarge, CauseTooLarge},
		{session.NotText, CauseNotText},
		{session.TwoAtOnce, CauseTwoAtOnce},
		{session.BehindAnother, CauseBehindAnother},
		{session.Flooding, CauseFlood},
		{session.Draining, CauseDraining},
		{session.Refusing, CauseRefusing},
		{session.Overloaded, CauseOverloaded},
		{session.TooFast, CauseRate},
		{session.TooManyPolling, CausePollingSessions},
		{session.TooManyOfAddress, CauseAddressSessions},
	} {
		if got := causeOf(row.cause); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

// TestRefusalsByCause: what is told of a refusal is what is counted.
func TestRefusalsByCause(t *testing.T) {
	told := make(chan ConnectionError, 100)
	s := start(t, Options{
		Loops: 1, AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("deny") {
				return errors.New("no")
			}
			return nil
		},
		OnConnectionError: func(e ConnectionError) { told <- e },
	}, nil)
	want := map[Cause]uint64{}
	for _, row := range []struct {
		request string
		cause   Cause
	}{
		{getRequest("/socket.io/?EIO=4&transport=pigeon"), CauseUnknownTransport},
		{getRequest(pollTarget + "&sid=AAECAwQFBgcICQoLDA0A"), CauseUnknownSession},
		{postRequest(pollTarget, "40"), CauseBadHandshakeMethod},
		{getRequest("/socket.io/?EIO=%zz"), CauseBadRequest},
		{getRequest(pollTarget, "Origin: \x01"), CauseMalformed},
		{getRequest(pollTarget, "Origin: https://evil.example"), CauseForbiddenOrigin},
		{getRequest("/socket.io/?EIO=4&transport=websocket"), CauseNoUpgrade},
		{getRequest(pollTarget + "&deny"), CauseNotAllowed},
		{upgradeRequest("/socket.io/?EIO=4&transport=websocket&deny"), CauseNotAllowed},
		{getRequest("/socket.io/?EIO=3&transport=polling"), CauseUnsupportedVersion},
		{"nonsense\r\n\r\n", CauseMalformed},
	} {
		openWire(t, s).ask(row.request)
		if got := receive(t, told); got.Cause != row.cause {
			t.Errorf("%.60q: told is %q, want %q", row.request, got.Cause, row.cause)
		}
		want[row.cause]++
	}
	wantWords(t, stats(t, s), nil, want)
}

// TestRefusedConnections: those beyond the cap count, and those that ServeHTTP turns away.
func TestRefusedConnections(t *testing.T) {
	s := start(t, Options{Loops: 1, ConnectionsMax: 1}, nil)
	join(t, s)
	if a := openWire(t, s).ask(getRequest(pollTarget)); a.status != http.StatusServiceUnavailable {
		t.Fatalf("%v", a)
	}
	wantWords(t, stats(t, s), nil, map[Cause]uint64{CauseConnections: 1})
	w := &recorder{}
	r, _ := http.NewRequest(http.MethodGet, pollTarget, nil)
	s.ServeHTTP(w, r)
	New(Options{}).ServeHTTP(w, r)
	if w.status != http.StatusServiceUnavailable {
		t.Errorf("the status is %d", w.status)
	}
	wantWords(t, stats(t, s), nil, map[Cause]uint64{CauseConnections: 2})
}

// recorder is a ResponseWriter that notes the status.
type recorder struct {
	bytes.Buffer
	status int
}

func (r *recorder) Header() http.Header { return http.Header{} }
func (r *recorder) WriteHeader(n int)   { r.status = n }

// TestRefuseSessions: none begins, on no loop and by no transport, until some may again; who is in notices nothing.
func TestRefuseSessions(t *testing.T) {
	s := start(t, Options{Loops: 4}, echoes)
	w, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	p := join(t, s)
	s.RefuseSessions(true)
	s.RefuseSessions(true)
	const times = 8
	for range times {
		for _, request := range []string{getRequest(pollTarget), upgradeRequest("/socket.io/?EIO=4&transport=websocket")} {
			if a := openWire(t, s).ask(request); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
				t.Fatalf("%v", a)
			}
		}
	}
	p.send(`421["echo","a"]`)
	p.expect(`431["a"]`)
	w.send(postRequest(target, `421["echo","a"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `431["a"]`)
	up := openWire(t, s)
	if a := up.ask(upgradeRequest("/socket.io/?EIO=4&transport=websocket&sid=" + sid)); a.status != http.StatusSwitchingProtocols {
		t.Errorf("an upgrade is answered with %v", a)
	}
	wantWords(t, stats(t, s), nil, map[Cause]uint64{CauseRefusing: 2 * times})
	s.RefuseSessions(false)
	s.RefuseSessions(false)
	for range times {
		join(t, s)
	}
	joinPolling(t, s)
}

// TestSessionsPerAddressMax: however many ask at once, on however many loops and by whatever transport, exactly as many get
// in as may; and each who leaves makes room for one.
func TestSessionsPerAddressMax(t *testing.T) {
	const bound, ask = 7, 40
	s := start(t, Options{Loops: 4, SessionsPerAddressMax: bound, TrustedProxies: []string{"loopback"}}, nil)
	type comer struct {
		*wire
		*http.Response
		body string
	}
	from := func(address string) (in []comer, refused int) {
		answers := make(chan comer, ask)
		var asking sync.WaitGroup
		for i := range ask {
			request := getRequest(pollTarget, "X-Forwarded-For: "+address)
			if i%2 == 0 {
				request = upgradeRequest("/socket.io/?EIO=4&transport=websocket", "X-Forwarded-For: "+address)
			}
			w := openWire(t, s)
			asking.Go(func() {
				w.send(request)
				r, err := http.ReadResponse(w.in, nil)
				if err != nil {
					t.Error(err)
					r = &http.Response{Body: http.NoBody}
				}
				body, _ := io.ReadAll(r.Body)
				answers <- comer{w, r, string(body)}
			})
		}
		asking.Wait()
		for range ask {
			switch c := <-answers; {
			case c.StatusCode == http.StatusServiceUnavailable && c.Header.Get("Retry-After") == "2":
				refused++
				_ = c.conn.Close()
			case c.StatusCode == http.StatusOK, c.StatusCode == http.StatusSwitchingProtocols:
				in = append(in, c)
			default:
				t.Fatalf("%s: %s", c.Status, c.body)
			}
		}
		return in, refused
	}
	refused := uint64(0)
	for round, address := range []string{"203.0.113.7", "203.0.113.8", "2001:db8::1, 2001:db8:0:1::2", "203.0.113.7"} {
		in, out := from(address)
		if len(in) != bound || out != ask-bound {
			t.Fatalf("round %d: %d are in, %d out", round, len(in), out)
		}
		refused += uint64(out)
		st := stats(t, s)
		wantWords(t, st, st.Closed, map[Cause]uint64{CauseAddressSessions: refused})
		begun := st.Total()
		for i, c := range in {
			if c.StatusCode == http.StatusOK { // its connection alone says nothing
				_, rest, _ := strings.Cut(c.body, `"sid":"`)
				c.send(postRequest(pollTarget+"&sid="+rest[:20], "1"))
			} else {
				_ = c.conn.Close()
			}
			eventually(t, fmt.Sprintf("client %d has gone", i), func() bool {
				now := stats(t, s).Total()
				return now.PollingSessions+now.WebSocketSessions == begun.PollingSessions+begun.WebSocketSessions-i-1
			})
		}
	}
}

// TestBusy names what keeps sessions from beginning, and what comes first of several.
func TestBusy(t *testing.T) {
	s := start(t, Options{Loops: 1, OutboundBytesMax: 1, ConnectRateMax: 1}, nil)
	joinPolling(t, s)
	want := func(c session.Cause) {
		t.Helper()
		if got := s.busy(); got != c {
			t.Errorf("%s, want %s", got, c)
		}
	}
	eventually(t, "the rate is reached", func() bool { return s.busy() == session.TooFast }) // the bucket fills while we ask, but not that fast
	emit(t, s, "held")                                                                       // until the client's next GET
	eventually(t, "too much is held", s.engine.Load().Overloaded)
	want(session.Overloaded)
	s.RefuseSessions(true)
	want(session.Refusing)
	s.draining.Store(true)
	want(session.Draining)
	s.draining.Store(false)
	s.RefuseSessions(false)
	want(session.Overloaded)
}

// TestSessionsPerAddressMaxOfThoseWhoComeBack: who has been away has the place that was his, and no other.
func TestSessionsPerAddressMaxOfThoseWhoComeBack(t *testing.T) {
	s := simulate(t, Options{Recovery: &Recovery{}, SessionsPerAddressMax: 1}, nil)
	first := s.dial("")
	first.send("40")
	s.sim.Run()
	var pid string
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) { pid = m.kept.pid })
	dial := func() string {
		p := s.sim.Open()
		p.Send(wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket", "dGhlIHNhbXBsZSBub25jZQ=="))
		return string(p.Got[:len("HTTP/1.1 503")])
	}
	if got := dial(); got != "HTTP/1.1 503" {
		t.Fatalf("while the first is there: %q", got)
	}
	first.Hangup(io.EOF)
	second := s.dial("")
	second.send(fmt.Sprintf(`40{"pid":%q}`, pid))
	s.sim.Run()
	recovered := false
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) { recovered = m.Recovered() })
	if !recovered {
		t.Error("it did not recover")
	}
	if got := dial(); got != "HTTP/1.1 503" {
		t.Errorf("while it is back: %q", got)
	}
	second.send("1")
	s.dial("")
}
