package hub

import (
	"slices"
	"testing"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto"
)

// simulation is a server on one simulated loop, for what would take long otherwise: limits of time and of thousands.
// Handlers that are not OnLoop ones run on goroutines all the same.
type simulation struct {
	*Server
	t   testing.TB
	sim *eventloop.Sim
}

func simulate(t testing.TB, opts Options, setup func(*Server)) *simulation {
	t.Helper()
	opts.Logger = quiet
	s := New(opts)
	if setup != nil {
		setup(s)
	}
	var shards []*shard
	front, err := newFront(&s.opts)
	if err != nil {
		t.Fatal(err)
	}
	s.front = front
	cfg := s.opts.sessionConfig()
	cfg.Busy, cfg.SessionsMax = func() session.Cause { return 0 }, 1000
	front.configure(cfg)
	limits := s.opts.engineConfig("").Limits
	sim := eventloop.NewSim(limits, quiet, func(l *eventloop.Loop) eventloop.Handler {
		shards = append(shards, newShard(s, l, cfg))
		return shards[0]
	})
	s.shards.Store(&shards)
	t.Cleanup(s.workers.stop)
	return &simulation{Server: s, t: t, sim: sim}
}

// shard is the one that there is.
func (s *simulation) shard() *shard { return s.column()[0] }

// simPeer is a client of a simulation.
type simPeer struct {
	*eventloop.Peer
	t      testing.TB
	socket *Socket // in the namespace that was joined last
	reader wsproto.Reader
}

// dial opens a session. query is appended to that of the request.
func (s *simulation) dial(query string) *simPeer {
	s.t.Helper()
	p := &simPeer{t: s.t, Peer: s.sim.Open(), reader: wsproto.NewReader(wsproto.Client, clientLimits)}
	p.Send(wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket"+query, "dGhlIHNhbXBsZSBub25jZQ=="))
	n, err := wsproto.HeadLen(p.Got)
	if err != nil || n == 0 {
		s.t.Fatalf("the upgrade failed: %q", p.Got)
	}
	p.Got = p.Got[n:]
	p.expect(`0{"sid":"<20>","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	return p
}

// join opens a session and connects to the main namespace.
func (s *simulation) join() *simPeer {
	s.t.Helper()
	p := s.dial("")
	s.connect(p, "/")
	return p
}

// connect connects to a namespace that has no middleware.
func (s *simulation) connect(p *simPeer, nsp string) {
	s.t.Helper()
	if nsp == "/" {
		p.send("40")
		p.expect(`40{"sid":"<20>"}`)
	} else {
		p.send("40" + nsp + ",")
		p.expect("40" + nsp + `,{"sid":"<20>"}`)
	}
	s.shard().space(s.Of(nsp)).index.Each(nil, nil, func(m *Socket) {
		if m.client.Conn() == p.Conn() {
			p.socket = m
		}
	})
}

func (p *simPeer) send(messages ...string) {
	var out []byte
	for _, m := range messages {
		out = appendMessage(out, m)
	}
	p.Send(out)
}

// got returns what has arrived since the last time, with <20> for ids.
func (p *simPeer) got() (all []string) {
	in := p.Got
	p.Got = nil
	for len(in) > 0 {
		m, n, err := p.reader.Next(in)
		if err != nil {
			p.t.Fatal(err)
		}
		in = in[n:]
		if m.Op != wsproto.None {
			all = append(all, sids.ReplaceAllString(messageOf(m), `"sid":"<20>"`))
		}
	}
	return all
}

// expect wants exactly these messages to have arrived.
func (p *simPeer) expect(want ...string) {
	p.t.Helper()
	if got := p.got(); !slices.Equal(got, want) {
		p.t.Fatalf("got %.500q, want %.500q", got, want)
	}
}

// advance lets time pass, with the peers answering pings.
func (s *simulation) advance(d time.Duration, peers ...*simPeer) {
	for ; d > 0; d -= time.Second {
		s.sim.Advance(min(d, time.Second))
		for _, p := range peers {
			for _, m := range p.got() {
				if m == "2" {
					p.send("3")
				} else {
					p.t.Fatalf("got %q", m)
				}
			}
		}
	}
}
