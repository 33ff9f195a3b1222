package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/hub"
)

// porter is a doorkeeper that remembers, and a loop with the door that it keeps.
type porter struct {
	t     *testing.T
	loop  *flood.Loop
	door  door
	first int
	log   []string
	inner []*flood.Conn // by member; nil unless it is in

	onAdmitted func(i int, c *flood.Conn)
	onMessage  func(i int, m []byte)
}

const porterFirst = 1000

func newPorter(t *testing.T, cfg Config, members int) *porter {
	t.Helper()
	cfg.Connections = porterFirst + members
	loop, err := flood.NewLoop(cfg.target(), [4]byte{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Shut)
	p := &porter{t: t, loop: loop, first: porterFirst, inner: make([]*flood.Conn, members)}
	if p.door, err = newDoor(&cfg, share{porterFirst, members}, loop, p); err != nil {
		t.Fatal(err)
	}
	loop.Tick, loop.Due = p.door.watch, p.door.due
	return p
}

func (p *porter) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *porter) admitted(i int, c *flood.Conn, connect []byte) {
	if int(c.Number()) != p.first+i || p.inner[i] != nil {
		p.t.Errorf("member %d is admitted with connection %d, and was in: %v", i, c.Number(), p.inner[i] != nil)
	}
	p.inner[i] = c
	p.note("admitted %d %s", i, connect)
	if p.onAdmitted != nil {
		p.onAdmitted(i, c)
	}
}

func (p *porter) refused(i int, reason string) { p.note("refused %d %s", i, reason) }

func (p *porter) Opened(c *flood.Conn) { p.note("opened %d", c.Number()) }

func (p *porter) Message(c *flood.Conn, m []byte) {
	i := int(c.Number()) - p.first
	if p.inner[i] != c {
		p.t.Errorf("member %d hears %q, and is not in", i, m)
	}
	p.note("%d %s", i, m)
	if p.onMessage != nil {
		p.onMessage(i, m)
	}
}

func (p *porter) Closed(c *flood.Conn, cause error) {
	i := int(c.Number()) - p.first
	p.inner[i] = nil
	p.note("closed %d %s", i, flood.Label(cause))
}

// leave closes a member's connection.
func (p *porter) leave(i int) {
	p.loop.Close(p.inner[i])
	p.inner[i] = nil
}

func (p *porter) run(done func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	if err := p.loop.RunUntil(func() bool { return done() || time.Now().After(deadline) }); err != nil {
		p.t.Fatal(err)
	}
	if !done() {
		p.t.Fatalf("so far: %q", p.log)
	}
}

func (p *porter) runFor(lines int) {
	p.t.Helper()
	p.run(func() bool { return len(p.log) >= lines })
}

func (p *porter) expect(want ...string) {
	p.t.Helper()
	p.runFor(len(want))
	if !slices.Equal(p.log, want) {
		p.t.Errorf("%q\nwant %q", p.log, want)
	}
	p.log = nil
}

// However a member comes, it shows who it is.
func TestMembersShowWhoTheyAre(t *testing.T) {
	for transport, script := range map[string]sioScript{
		WebSocket: {frames: []string{`40{"sid":"public"}`}},
		Default:   {polls: []string{`40{"sid":"public"}`, "6"}},
	} {
		t.Run(transport, func(t *testing.T) {
			script.auth = `{"token":"t1000","number":1000}`
			cfg := doorTo(startSIO(t, script).at, transport)
			cfg.Auth = `{"token":"t{n}","number":{n}}`
			p := newPorter(t, cfg, 1)
			p.door.enter(0)
			p.expect(`admitted 0 {"sid":"public"}`)
		})
	}
}

// doorTo is the config of a door to a server.
func doorTo(at netip.AddrPort, transport string) Config {
	return Config{
		Scenario: Connect, Transport: transport, Protocol: flood.SocketIO, Addr: at, Host: at.String(), Path: "/socket.io/",
	}
}

var transports = []string{WebSocket, Default}

// What a server says after it has connected the namespace reaches the keeper once, whole and in order, by whatever way it comes.
func TestTheWayIn(t *testing.T) {
	in := []string{`admitted 2 {"sid":"public"}`}
	for _, tc := range []struct {
		name      string
		transport string
		script    sioScript
		want      []string
	}{
		{
			"a WebSocket at once", WebSocket,
			sioScript{frames: []string{`40{"sid":"public"}`, `42["a"]`, "2", `430["b"]`}, pong: []string{`42["c"]`, "41"}},
			append(in, `2 42["a"]`, `2 430["b"]`, `2 42["c"]`, "closed 2 closed by the server"),
		},
		{
			"the namespace over the WebSocket", Default,
			sioScript{polls: []string{"6"}, frames: []string{`40{"sid":"public"}`, `42["a"]`, "2", `430["b"]`}, pong: []string{`42["c"]`, "41"}},
			append(in, `2 42["a"]`, `2 430["b"]`, `2 42["c"]`, "closed 2 closed by the server"),
		},
		{
			"the namespace by polling", Default,
			sioScript{polls: []string{`40{"sid":"public"}`, "6"}, frames: []string{`42["a"]`}},
			append(in, `2 42["a"]`),
		},
		{"events by polling as well", Default, sioScript{
			polls:  []string{`40{"sid":"public"}` + "\x1e" + `42["a"]` + "\x1e2", `430["b"]`, `42["c"]` + "\x1e2" + "\x1e" + `461-["d"]`},
			frames: []string{`42["e"]`}, pong: []string{`42["f"]`}, // the answer to the last ping comes over the WebSocket
		}, append(in, `2 42["a"]`, `2 430["b"]`, `2 42["c"]`, `2 461-["d"]`, `2 42["e"]`, `2 42["f"]`)},
	} {
		for _, rtt := range []time.Duration{0, 20 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s, %v", tc.name, rtt), func(t *testing.T) {
				cfg := doorTo(startSIO(t, tc.script).at, tc.transport)
				cfg.RTT = rtt
				p := newPorter(t, cfg, 3)
				p.door.enter(2)
				p.expect(tc.want...)
			})
		}
	}
}

func TestTheWayInOfARawServer(t *testing.T) {
	cfg := doorTo(startSIO(t, sioScript{frames: []string{"40", "x"}}).at, WebSocket)
	cfg.Protocol, cfg.Path = flood.Raw, "/socket.io/?EIO=4&transport=websocket"
	p := newPorter(t, cfg, 1)
	p.door.enter(0)
	p.runFor(1)
	p.loop.Send(p.inner[0], []byte("40")) // which the server takes for the namespace's
	p.runFor(4)
	if got := p.log[0] + p.log[2] + p.log[3]; got != "admitted 0 "+"0 40"+"0 x" || !strings.HasPrefix(p.log[1], `0 0{"sid"`) {
		t.Errorf("%q", p.log)
	}
}

func TestRefusals(t *testing.T) {
	whole := []string{`40{"sid":"public"}`, "6"}
	for _, tc := range []struct {
		name      string
		transport string
		script    sioScript
		want      string
	}{
		{"no handshake", Default, sioScript{status: map[string]int{"open": 400}}, "handshake: status 400"},
		{"no handshake by WebSocket", WebSocket, sioScript{status: map[string]int{"open": 503}}, "status 503"},
		{"no namespace", Default, sioScript{polls: []string{`44{"message":"no"}`}}, `namespace: refused: {"message":"no"}`},
		{"no namespace by WebSocket", WebSocket, sioScript{frames: []string{`44{"message":"no"}`}}, `namespace refused: {"message":"no"}`},
		{"no POST", Default, sioScript{polls: whole, status: map[string]int{"post": 413}}, "post: status 413"},
		{"no poll", Default, sioScript{polls: whole, status: map[string]int{"poll": 400}}, "poll: status 400"},
		{"no upgrade", Default, sioScript{polls: whole, status: map[string]int{"upgrade": 400}}, "upgrade: status 400"},
		{"an upgrade that breaks", Default, sioScript{polls: whole, mute: true}, "upgrade: closed by the server"},
		{"no upgrade offered", Default, sioScript{polls: whole, alone: true}, noUpgrade},
		{"ended by the server", Default, sioScript{polls: []string{"1"}}, "poll: closed by the server"},
		{"ended after the upgrade", Default, sioScript{polls: []string{"6"}, hangUp: true}, "websocket: closed by the server"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPorter(t, doorTo(startSIO(t, tc.script).at, tc.transport), 1)
			for range 2 { // whoever was refused may come again
				p.door.enter(0)
				p.expect("refused 0 " + tc.want)
			}
			isEmpty(t, p.door)
		})
	}
}

// A member whose connection has ended already when its client learns that it is connected does not get in.
func TestEndedWhenItWasAboutToBeIn(t *testing.T) {
	cfg := doorTo(startSIO(t, sioScript{polls: []string{"6"}, frames: []string{`40{"sid":"public"}`}, hangUp: true}).at, Default)
	cfg.RTT = time.Hour // everything arrives when the test wants it to
	p := newPorter(t, cfg, 1)
	g := p.door.(*stockDoor).guests
	p.door.enter(0)
	p.run(func() bool {
		for _, a := range g.frames.arrivals[g.frames.head:] {
			if a.kind == framed && a.body[0] == '4' {
				return len(g.frames.arrivals)-g.frames.head == 2 // the end as well
			}
		}
		g.deliver(1 << 62)
		return false
	})
	g.deliver(1 << 62)
	p.expect("refused 0 websocket: closed by the server")
	isEmpty(t, p.door)
}

// A member that is refused because it would have to stay with polling takes its leave.
func TestRefusedOnPolling(t *testing.T) {
	server := startSIO(t, sioScript{polls: []string{`40{"sid":"public"}`}, alone: true})
	p := newPorter(t, doorTo(server.at, Default), 1)
	p.door.enter(0)
	p.expect("refused 0 " + noUpgrade)
	p.run(func() bool { return isClosed(server.left) })
}

// isEmpty checks that a door keeps nothing of those who are on their way no more, nor of those who are in.
func isEmpty(t *testing.T, of door) {
	t.Helper()
	switch d := of.(type) {
	case *wsDoor:
		if len(d.coming)+len(d.stopped) != 0 || d.connect != nil || d.due() != 0 {
			t.Errorf("%d on their way, %d stopped", len(d.coming), len(d.stopped))
		}
	case *stockDoor:
		d.guests.deliver(1 << 62)
		left := slices.ContainsFunc(d.guests.list, func(g *guest) bool { return g != nil })
		if len(d.arriving) != 0 || left || d.due() != 0 || d.guests.alarms != nil {
			t.Errorf("%d on their way, guests left: %v, due at %d, %d alarms", len(d.arriving), left, d.due(), len(d.guests.alarms))
		}
	}
}

// Nobody is told from within enter, not even of what fails there, and whoever tries again from within refused is told in another turn.
func TestNobodyListens(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:1")
	for _, tc := range []struct{ transport, want string }{{WebSocket, "refused 0 ECONNREFUSED"}, {Default, "refused 0 handshake: ECONNREFUSED"}} {
		t.Run(tc.transport, func(t *testing.T) {
			p := newPorter(t, doorTo(at, tc.transport), 2)
			p.door.enter(0)
			p.door.enter(1)
			if len(p.log) != 0 || p.door.due() == 0 {
				t.Fatalf("told %q, due at %d", p.log, p.door.due())
			}
			p.door.cancel(1)
			p.expect(tc.want)
			isEmpty(t, p.door)
		})
	}
}

// Those who are given up on their way are heard of no more, by either side, and may come again.
func TestCancelAndShut(t *testing.T) {
	for _, transport := range transports {
		for _, tc := range []struct {
			name string
			end  func(door)
		}{{"cancel", func(d door) { d.cancel(1) }}, {"shut", func(d door) { d.shut() }}} {
			t.Run(transport+" "+tc.name, func(t *testing.T) {
				server := startSIO(t, sioScript{polls: []string{`40{"sid":"public"}`, "6"}, frames: []string{`40{"sid":"public"}`}, stall: true})
				p := newPorter(t, doorTo(server.at, transport), 2)
				p.door.enter(1)
				p.run(func() bool { return isClosed(server.stalled) })
				tc.end(p.door)
				p.run(func() bool { return isClosed(server.left) })
				if len(p.log) != 0 {
					t.Errorf("told %q", p.log)
				}
				isEmpty(t, p.door)
				p.door.cancel(1) // again is nothing
				p.door.enter(1)
				p.runFor(1)
				if want := `admitted 1 {"sid":"public"}`; p.log[0] != want {
					t.Errorf("%q, want %q", p.log, want)
				}
			})
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A member that leaves as soon as it is in hears nothing more, and that it comes again at once by the same door changes nothing.
func TestLeaveWhenAdmitted(t *testing.T) {
	script := sioScript{polls: []string{`40{"sid":"public"}` + "\x1e" + `42["a"]`, "6"}, frames: []string{`42["b"]`}}
	p := newPorter(t, doorTo(startSIO(t, script).at, Default), 1)
	visits := 0
	p.onAdmitted = func(i int, _ *flood.Conn) {
		if visits++; visits < 3 {
			p.leave(i)
			p.door.enter(i)
		}
	}
	p.door.enter(0)
	in := `admitted 0 {"sid":"public"}`
	p.expect(in, in, in, `0 42["a"]`, `0 42["b"]`)
	isEmpty(t, p.door)
}

// The same when it leaves upon a message, with another behind that.
func TestLeaveUponAMessage(t *testing.T) {
	const connected = `40{"sid":"public"}`
	in := `admitted 0 {"sid":"public"}`
	for _, tc := range []struct {
		name      string
		transport string
		script    sioScript
	}{
		{"by WebSocket", WebSocket, sioScript{frames: []string{connected, `42["a"]`, `42["b"]`}}},
		{"the first by polling", Default, sioScript{polls: []string{connected + "\x1e" + `42["a"]`, "6"}, frames: []string{`42["b"]`}}},
		{"by polling", Default, sioScript{polls: []string{connected, `42["a"]` + "\x1e" + `42["b"]`}}},
		{"behind the namespace", Default, sioScript{polls: []string{"6"}, frames: []string{connected, `42["a"]`, `42["b"]`}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPorter(t, doorTo(startSIO(t, tc.script).at, tc.transport), 1)
			messages := 0
			p.onMessage = func(i int, _ []byte) {
				if messages++; messages < 3 {
					p.leave(i)
					p.door.enter(i)
				}
			}
			p.door.enter(0)
			p.expect(in, `0 42["a"]`, in, `0 42["a"]`, in, `0 42["a"]`, `0 42["b"]`)
		})
	}
}

// Members of a real server that come, leave in the midst of what it tells them, and come again, miss nothing of it while they are in.
func TestMembersOfAHub(t *testing.T) {
	const members, visits, news = 60, 3, 40
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := newPorter(t, doorTo(startHub(t, news), transport), members)
			next, visit, left := make([]int, members), make([]int, members), members*visits
			p.onAdmitted = func(i int, _ *flood.Conn) { next[i] = 0 }
			p.onMessage = func(i int, m []byte) {
				if want := `42["news",` + strconv.Itoa(next[i]) + `]`; string(m) != want {
					t.Fatalf("member %d on its visit %d hears %s, want %s", i, visit[i], m, want)
				}
				next[i]++
				if stay := []int{1, news / 2, news}[(visit[i]+i)%visits]; next[i] < stay {
					return
				}
				p.leave(i)
				left--
				if visit[i]++; visit[i] < visits {
					p.door.enter(i)
				}
			}
			for i := range members {
				p.door.enter(i)
			}
			p.run(func() bool { return left == 0 })
			for _, line := range p.log {
				if !strings.HasPrefix(line, "admitted ") && !strings.Contains(line, ` 42["news",`) {
					t.Error(line)
				}
			}
			isEmpty(t, p.door)
		})
	}
}

// startHub serves within the test: each socket is told so many news from the moment it is connected.
func startHub(t *testing.T, news int) netip.AddrPort {
	t.Helper()
	io := hub.New(hub.Options{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	io.OnConnect(func(s *hub.Socket) {
		for n := range news {
			_ = s.Emit("news", n) // it may have left
		}
	})
	return serve(t, io)
}

// serve has a server of this process listen until the test is over.
func serve(t *testing.T, io *hub.Server) netip.AddrPort {
	t.Helper()
	if err := io.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- io.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	<-io.Ready()
	return netip.MustParseAddrPort(io.Addr().String())
}

func TestNewDoor(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:1")
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
		err    error
	}{
		{"nothing said", func(c *Config) { c.Transport = "" }, "*scenario.wsDoor", nil},
		{"WebSocket", func(c *Config) { c.Transport = WebSocket }, "*scenario.wsDoor", nil},
		{"a raw server", func(c *Config) { c.Transport, c.Protocol = WebSocket, flood.Raw }, "*scenario.wsDoor", nil},
		{"the stock client's way", func(c *Config) { c.Transport = Default }, "*scenario.stockDoor", nil},
		{"the stock client's way to a raw server", func(c *Config) { c.Transport, c.Protocol = Default, flood.Raw }, "<nil>", ErrTransport},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := doorTo(at, "")
			tc.change(&cfg)
			d, err := newDoor(&cfg, share{}, nil, nil)
			if got := fmt.Sprintf("%T", d); got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s, %v", got, err)
			}
			cfg.Sources = "nowhere"
			if _, err := newDoor(&cfg, share{}, nil, nil); err == nil {
				t.Error("sources that are none")
			}
		})
	}
}
