package session

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/wsproto"
)

// column makes a table the handler of its loop.
type column struct{ *Table }

func (c column) OnOpen(conn *eventloop.Conn) { c.Open(conn) }
func (c column) OnDrain()                    { c.Drain() }

// counting is a source of bytes that are anything but random: 0, 1, 2, …
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

// constant is a source of one byte.
type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// testConfig is the configuration of the stock server, but with bytes for ids that a test can foresee.
func testConfig() *Config {
	return &Config{
		Path: "/socket.io/", Transports: []string{"polling", "websocket"}, PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second,
		HandshakeTime: 10 * time.Second, UpgradeTime: 10 * time.Second, HeldBytesMax: 1 << 20, SessionsMax: 100, Origins: sameOrigin(),
		Frames: wsproto.Limits{MessageBytesMax: 1_000_000, FragmentsMax: 4096},
		Random: &counting{}, Busy: func() Cause { return 0 }, Logger: slog.New(slog.DiscardHandler),
	}
}

// sameOrigin are the Origins of the stock server.
func sameOrigin() *edge.Origins {
	o, err := edge.NewOrigins(nil, false)
	if err != nil {
		panic(err)
	}
	return o
}

// setup is what a conversation begins with.
type setup struct {
	*Config
	talk        *talk
	limits      eventloop.Limits
	loops       int
	origins     []string
	credentials bool
}

// settings are what follows the word new, each key=value.
var settings = map[string]func(s *setup, value string){
	"interval":     func(s *setup, v string) { s.PingInterval = s.talk.duration(v) },
	"timeout":      func(s *setup, v string) { s.PingTimeout = s.talk.duration(v) },
	"upper":        func(s *setup, v string) { s.UpperTime = s.talk.duration(v) },
	"message":      func(s *setup, v string) { s.Frames.MessageBytesMax = s.talk.number(v) },
	"strangers":    func(s *setup, v string) { s.StrangerMax = s.talk.number(v) },
	"control":      func(s *setup, v string) { s.ControlRate = NewRate(s.talk.number(v)) },
	"messages":     func(s *setup, v string) { s.MessageRate = NewRate(s.talk.number(v)) },
	"fragments":    func(s *setup, v string) { s.Frames.FragmentsMax = s.talk.number(v) },
	"outbound":     func(s *setup, v string) { s.limits.OutboundBytesPerConnMax = s.talk.number(v) },
	"total":        func(s *setup, v string) { s.limits.OutboundBytesMax = s.talk.number(v) },
	"loops":        func(s *setup, v string) { s.loops = s.talk.number(v) },
	"held":         func(s *setup, v string) { s.HeldBytesMax = s.talk.number(v) },
	"addresses":    func(s *setup, v string) { s.AddressMax = s.talk.number(v) },
	"sessions":     func(s *setup, v string) { s.SessionsMax = s.talk.number(v) },
	"transports":   func(s *setup, v string) { s.Transports = strings.Split(v, ",") },
	"origins":      func(s *setup, v string) { s.origins = strings.Split(v, ",") },
	"credentials":  func(s *setup, _ string) { s.credentials = true },
	"uncompressed": func(s *setup, _ string) { s.NoCompression = true },
	"deflate":      func(s *setup, _ string) { s.Deflate = true },
	"random":       func(s *setup, v string) { s.Random = constant(s.talk.hex(v)[0]) },
	"file":         func(s *setup, v string) { s.IsFile = func(name string) bool { return name == v } },
	"foreign":      func(s *setup, _ string) { s.Foreign = eventloop.NewListener(nil) },
	"cookie": func(s *setup, v string) {
		s.Cookie = &http.Cookie{Name: v, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	},
	// Requests whose query has the word are not allowed; each one that is asked about is noted.
	"deny": func(s *setup, v string) {
		s.Allow = func(r *http.Request) error {
			s.talk.note("asked: %s %s from %s", r.Method, r.RequestURI, r.RemoteAddr)
			if r.URL.Query().Has(v) {
				return errors.New("nope")
			}
			return nil
		}
	},
	// Each refusal is noted.
	"told":   func(s *setup, _ string) { s.Refused = s.talk.refused },
	"panics": func(s *setup, _ string) { s.talk.panics = true },
	// The headers of answers are changed by a list of changes.
	"headers": func(s *setup, v string) { s.Headers = s.talk.headers(strings.Split(v, ",")) },
	"proxies": func(s *setup, v string) {
		var err error
		if s.Proxies, err = edge.ParseProxies([]string{v}); err != nil {
			s.talk.t.Fatal(err)
		}
		s.ProxyHeader, s.talk.where = true, true
	},
	"forwarders": func(s *setup, v string) {
		var err error
		if s.Proxies, err = edge.ParseProxies([]string{v}); err != nil {
			s.talk.t.Fatal(err)
		}
	},
}

func newTalk(t testing.TB) *talk {
	talk := &talk{t: t}
	talk.restart("")
	return talk
}

// restart begins anew with empty loops.
func (k *talk) restart(words string) {
	*k = talk{t: k.t, spread: k.spread, sink: k.sink}
	s := &setup{Config: testConfig(), talk: k, loops: max(1, k.spread)}
	s.AddressMax = 1000 // so that all that is said here shows that what is counted is given back
	s.Busy = func() Cause {
		if k.busy {
			return Overloaded
		}
		return 0
	}
	for _, setting := range strings.Fields(words) {
		key, value, _ := strings.Cut(setting, "=")
		set, ok := settings[key]
		if !ok {
			k.t.Fatalf("no such setting: %s", setting)
		}
		set(s, value)
	}
	var err error
	if s.Origins, err = edge.NewOrigins(s.origins, s.credentials); err != nil {
		k.t.Fatal(err)
	}
	k.sims = eventloop.NewSims(s.loops, s.limits, s.Logger, func(l *eventloop.Loop) eventloop.Handler {
		t := NewTable(l, s.Config, k.newUpper)
		k.tables = append(k.tables, t)
		return column{t}
	})
}

// finished wants nothing to be left of anybody, after the peers have hung up and the time has come: no sessions, no
// connections, no bytes that are held, and no panics on the way. With the setting total=1 a held byte shows.
func (k *talk) finished() {
	k.t.Helper()
	known, polling := k.known()
	sessions, heads := 0, 0
	for _, t := range k.tables {
		sessions += t.Len()
		heads += len(t.conns)
	}
	sim := k.sims[0]
	if sessions+heads+known+polling+sim.Connections()+sim.Panics() > 0 || sim.Loop().Overloaded() {
		k.t.Fatalf("left are %d sessions, %d heads, %d ids, %d that poll, %d connections, held bytes: %v; there were %d panics",
			sessions, heads, known, polling, sim.Connections(), sim.Loop().Overloaded(), sim.Panics())
	}
	k.counted()
	for i, u := range k.uppers {
		if u.closes != 1 {
			k.t.Fatalf("session %d was closed %d times", i+1, u.closes)
		}
	}
}

// counted holds what the tables have counted against what there is.
func (k *talk) counted() {
	k.t.Helper()
	var got, want Stats
	for _, t := range k.tables {
		stats := t.Stats()
		got.Polling += stats.Polling
		got.WebSocket += stats.WebSocket
		got.BegunPolling += stats.BegunPolling + stats.BegunWebSocket
		for reason, n := range stats.Closed {
			got.Closed[reason] += n
		}
		for _, s := range t.sessions {
			if s.poll != nil {
				want.Polling++
			} else {
				want.WebSocket++
			}
		}
	}
	want.BegunPolling = uint64(len(k.uppers))
	for _, u := range k.uppers {
		if u.closes > 0 {
			want.Closed[u.why]++
		}
	}
	if got != want {
		k.t.Errorf("counted were %+v, want %+v", got, want)
	}
	if n := k.housed(); n != want.Polling+want.WebSocket && k.tables[0].cfg.addresses != nil {
		k.t.Errorf("addresses have %d sessions, want %d", n, want.Polling+want.WebSocket)
	}
}

// housed is how many sessions the addresses have, as they were counted.
func (k *talk) housed() (sessions int) {
	a := k.tables[0].cfg.addresses
	if a == nil {
		return 0
	}
	for i := range a.stripes {
		for _, h := range a.stripes[i].of {
			sessions += h.sessions
		}
	}
	return sessions
}
