package hub

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/hub/internal/session"
)

// meeting is a simulated client that is in the rooms ann and secret, and something that is done to ann's sockets while it goes away
// and comes back. Handlers run when they are told to.
type meeting struct {
	*simulation
	act     func() error
	asked   func(s *Socket) error // the middleware of the main namespace
	expired notes
	old     *simPeer // the connection on which it has been
	now     *simPeer // the one on which it comes back
	id, pid string
}

func newMeeting(t *testing.T, runMiddleware bool, act func(b BroadcastOperator) error) *meeting {
	m := &meeting{expired: newNotes(), asked: func(*Socket) error { return nil }}
	m.simulation = simulate(t, Options{Recovery: &Recovery{
		RunMiddleware: runMiddleware,
		OnExpired:     func(_ *Namespace, id string, _ any) { m.expired.add("%s", id) },
	}}, func(s *Server) {
		s.workers.limit = 0
		s.Use(func(s *Socket) error { return m.asked(s) })
		control := s.Of("/control")
		control.OnLoop("act", func(*Socket, *Event) { m.do() })
		control.OnLoop("cut", func(*Socket, *Event) { m.old.socket.client.Close(session.TransportClose) })
		control.OnLoop("go", func(s *Socket, _ *Event) { s.client.Close(session.TransportClose) })
	})
	m.act = func() error { return act(m.To("ann")) }
	m.old, m.now = m.dial(""), m.dial("")
	m.say(m.old, "40")
	m.old.socket = m.newest()
	_ = m.old.socket.Join("ann", "secret")
	m.say(m.now, "40/control,")
	m.id, m.pid = m.old.socket.id, m.old.socket.kept.pid
	m.old.got()
	m.now.got()
	return m
}

func (m *meeting) do() {
	if err := m.act(); err != nil {
		m.t.Error(err)
	}
}

// connect is the CONNECT with which the client wants its session back.
func (m *meeting) connect() string { return fmt.Sprintf(`40{"pid":%q}`, m.pid) }

// say sends messages in one piece, so that the loop reads all of them before it does what it has posted, and handles what comes
// of it.
func (m *meeting) say(p *simPeer, messages ...string) {
	p.send(messages...)
	m.handle()
}

// handle runs handlers, and the loop, until there is nothing to do.
func (m *meeting) handle() {
	w := &m.workers
	for m.sim.Run(); len(w.waiting) > 0; m.sim.Run() {
		box := w.waiting[0]
		if j, ok := box.take(); ok {
			w.do(box, j)
			continue
		}
		w.waiting = w.waiting[1:]
		box.queue.mail.CompareAndSwap(box, nil)
	}
}

const (
	doAct = `42/control,["act"]`
	doCut = `42/control,["cut"]`
	doGo  = `42/control,["go"]`
)

// TestActsMeetThoseWhoComeBack: a leave or a ban has its effect in whatever order it meets a client that goes away and comes back.
func TestActsMeetThoseWhoComeBack(t *testing.T) {
	for _, row := range []struct {
		name     string
		with     string // "middleware": with RunMiddleware alone
		run      func(m *meeting)
		stays    bool // the act finds a socket: after a leave it is there, or comes back, without the room
		cut      bool // with RunMiddleware the connection on which it comes back is closed
		returned bool // run has it come back
		back     bool // it is back when the act begins
	}{
		{name: "before it goes away", stays: true, run: func(m *meeting) {
			m.do()
			m.sim.Run()
			m.old.Hangup(io.EOF)
		}},
		{name: "it goes away when the loop has still to do it", run: func(m *meeting) { m.say(m.now, doAct, doCut) }},
		{name: "it has gone away when the loop has still to do it", run: func(m *meeting) { m.say(m.now, doCut, doAct) }},
		{name: "while it is away", run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.do()
			m.sim.Run()
		}},
		{name: "in front of its return", returned: true, run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.say(m.now, doAct, m.connect())
		}},
		{name: "on the way back", returned: true, cut: true, run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.say(m.now, m.connect(), doAct)
		}},
		{name: "on the way back, twice", returned: true, cut: true, run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.say(m.now, m.connect(), doAct, doAct)
		}},
		{name: "on the way back, which breaks off behind it", run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.say(m.now, m.connect(), doAct, doGo)
		}},
		{name: "on the way back, which breaks off before it", run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			second := m.dial("")
			m.say(second, "40/control,")
			m.say(m.now, m.connect(), doGo)
			m.say(second, doAct)
		}},
		{name: "while the middleware is asked", with: "middleware", returned: true, cut: true, run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.asked = func(*Socket) error {
				m.asked = func(*Socket) error { return nil }
				m.do()
				m.sim.Run() // the loop has done it when the middleware answers
				return nil
			}
			m.say(m.now, m.connect())
		}},
		{name: "while the middleware is asked, which refuses", with: "middleware", run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.asked = func(*Socket) error {
				m.asked = func(*Socket) error { return nil }
				m.do()
				return errors.New("no")
			}
			m.say(m.now, m.connect())
		}},
		{name: "in front of its return, when its connection is not known to be broken", stays: true, returned: true, run: func(m *meeting) {
			m.say(m.now, doAct, m.connect())
		}},
		{name: "behind its return, when its connection is not known to be broken", returned: true, run: func(m *meeting) {
			m.say(m.now, m.connect(), doAct)
		}},
		{name: "when it is back", stays: true, returned: true, back: true, run: func(m *meeting) {
			m.old.Hangup(io.EOF)
			m.say(m.now, m.connect())
			m.do()
			m.handle()
		}},
	} {
		for _, middleware := range []bool{false, true} {
			for _, ban := range []bool{false, true} {
				if row.with == "middleware" && !middleware {
					continue
				}
				t.Run(fmt.Sprintf("%s/middleware %v/ban %v", row.name, middleware, ban), func(t *testing.T) {
					m := newMeeting(t, middleware, func(b BroadcastOperator) error {
						if ban {
							return b.DisconnectSockets(true)
						}
						return b.SocketsLeave("secret")
					})
					row.run(m)
					m.handle()
					want := row.cut && middleware || row.back && ban
					if got := m.now.Closed || m.now.ShutByUs; row.returned && got != want {
						t.Errorf("the connection on which it comes back is closed: %v, want %v", got, want)
					}
					m.comeAgain()
					m.wantWithout(row.stays && !ban)
					m.wantExpired(!row.stays)
				})
			}
		}
	}
}

// hasPending reports whether an act has begun and not ended, or a client is on the way back.
func (m *meeting) hasPending() bool {
	stats := m.Namespace.journal.Stats()
	return stats.Acts != 0 || stats.Transit != 0
}

// wantExpired wants OnExpired to have been told of the session once, or not at all.
func (m *meeting) wantExpired(want bool) {
	m.t.Helper()
	if len(m.expired) == 0 && want {
		m.t.Error("OnExpired was not told")
		return
	}
	if want {
		m.expired.expect(m.t.(*testing.T), m.id)
	}
	m.expired.none(m.t.(*testing.T))
}

// comeAgain has the client come once more if it is not there.
func (m *meeting) comeAgain() {
	m.t.Helper()
	if m.SocketsCount() > 0 {
		return
	}
	m.now = m.dial("")
	m.say(m.now, m.connect())
	if m.SocketsCount() != 1 {
		m.t.Fatalf("%d sockets are there, want one", m.SocketsCount())
	}
}

// wantWithout wants the client to be there without the room, as who it was if that is so, and to get nothing that is for the room.
func (m *meeting) wantWithout(itself bool) {
	t := m.t
	t.Helper()
	s := m.newest()
	if got := s.id == m.id; got != itself {
		t.Errorf("it is who it was: %v, want %v", got, itself)
	}
	if rooms := s.roomNames(); slices.Contains(rooms, "secret") || itself && !slices.Contains(rooms, "ann") {
		t.Errorf("it is in %q", rooms)
	}
	if err := m.To("secret").Emit("told"); err != nil {
		t.Fatal(err)
	}
	m.handle()
	for _, got := range m.now.got() {
		if strings.Contains(got, "told") {
			t.Errorf("it has got %q", got)
		}
	}
	if stats := m.Namespace.journal.Stats(); m.hasPending() || stats.Sessions != 0 {
		t.Errorf("the journal has %+v, want nothing but messages", stats)
	}
}

// TestNobodyStaysInTransit: however a return ends, its session is not in transit any more.
func TestNobodyStaysInTransit(t *testing.T) {
	for _, row := range []struct {
		name    string
		connect func(m *meeting)
		expired bool
		kept    int
	}{
		{"it is back", func(m *meeting) { m.say(m.now, m.connect()) }, false, 0},
		{"it names an offset that is none", func(m *meeting) { m.say(m.now, fmt.Sprintf(`40{"pid":%q,"offset":"hello"}`, m.pid)) }, true, 0},
		{"its connection breaks", func(m *meeting) { m.say(m.now, m.connect(), doGo) }, false, 1},
		{"the server shuts down", func(m *meeting) {
			m.now.send(m.connect(), `42/control,["end"]`)
		}, false, 0},
		{"it is disconnected by its handle", func(m *meeting) {
			m.asked = func(s *Socket) error { s.Disconnect(false); return nil }
			m.say(m.now, m.connect())
		}, true, 0},
	} {
		for _, middleware := range []bool{false, true} {
			if strings.Contains(row.name, "handle") && !middleware {
				continue // nobody has one
			}
			t.Run(fmt.Sprintf("%s/middleware %v", row.name, middleware), func(t *testing.T) {
				m := newMeeting(t, middleware, nil)
				m.Of("/control").OnLoop("end", func(s *Socket, _ *Event) { s.client.Close(session.ServerShutdown) })
				m.old.Hangup(io.EOF)
				row.connect(m)
				m.handle()
				if stats := m.Namespace.journal.Stats(); m.hasPending() || stats.Sessions != row.kept {
					t.Errorf("the journal has %+v, want %d sessions", stats, row.kept)
				}
				m.wantExpired(row.expired)
			})
		}
	}
}

// TestActsEnd: an act that fails, or is asked for where there are no loops, or meets nobody, keeps nobody from coming back.
func TestActsEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		act  func(s *Server) error
	}{
		{"a ban", func(s *Server) error { return s.To("ann").DisconnectSockets(true) }},
		{"a leave", func(s *Server) error { return s.SocketsLeave("secret") }},
		{"a leave of no room", func(s *Server) error { return s.SocketsLeave() }},
		{"a leave of nobody", func(s *Server) error { return s.To().SocketsLeave("secret") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := New(Options{Recovery: &Recovery{}, Logger: quiet})
			if err := row.act(s); err != nil {
				t.Fatal(err)
			}
			if n := s.Namespace.journal.Stats().Acts; n != 0 {
				t.Errorf("before Serve %d acts go on", n)
			}
			m := newMeeting(t, false, nil)
			for !m.shard().loop.Full() {
				m.shard().loop.PostAlways(taskFunc(func() {}))
			}
			want := ErrOverloaded
			if row.name == "a leave of nobody" {
				want = nil
			}
			if err := row.act(m.Server); err != want {
				t.Errorf("with a full inbox the error is %v, want %v", err, want)
			}
			m.old.Hangup(io.EOF)
			m.say(m.now, m.connect())
			if got := m.newest(); !got.Recovered() || !slices.Contains(got.roomNames(), "secret") || m.hasPending() {
				t.Errorf("behind acts that have failed it is %s in %q, the journal has %+v", got.id, got.roomNames(), m.Namespace.journal.Stats())
			}
			m.expired.none(t)
		})
	}
}

// TestALeaveOfNothingEndsNothing: who leaves no room, or its own id, comes back when it is away.
func TestALeaveOfNothingEndsNothing(t *testing.T) {
	m := newMeeting(t, false, nil)
	m.old.Hangup(io.EOF)
	for _, leave := range [][]string{nil, {}, {m.id}, {"other"}} {
		if err := m.To("ann").SocketsLeave(leave...); err != nil {
			t.Fatal(err)
		}
		m.handle()
	}
	m.say(m.now, m.connect())
	if got := m.newest(); !got.Recovered() || got.id != m.id {
		t.Error("it has not come back")
	}
	m.expired.none(t)
}

// TestActsRaceWithReturns has clients come back over and over while something is done to them: no act may be without effect.
func TestActsRaceWithReturns(t *testing.T) {
	const times = 300
	for _, middleware := range []bool{false, true} {
		t.Run(fmt.Sprintf("middleware %v", middleware), func(t *testing.T) {
			s := start(t, Options{Loops: 2, Recovery: &Recovery{RunMiddleware: middleware}}, func(s *Server) {
				s.Use(func(*Socket) error { return nil })
			})
			over := make(chan struct{})
			var load sync.WaitGroup
			load.Go(func() { emitUntil(s, over) })
			came := 0
			for i := range times {
				if raceOnce(t, s, i) {
					came++
				}
			}
			close(over)
			load.Wait()
			eventually(t, "nobody is on the way back, and no act goes on", func() bool {
				stats := s.Namespace.journal.Stats()
				return stats.Transit == 0 && stats.Acts == 0
			})
			t.Logf("%d of %d came back as who they were", came, times)
		})
	}
}

// emitUntil keeps the loops busy.
func emitUntil(s *Server, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		default:
			for range 50 {
				_ = s.To("nobody").Emit("x", 1)
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// raceOnce cuts a client off, and has it come back while a leave (i is even) or a ban (i is odd) is under way. It reports whether
// the client is who it was.
func raceOnce(t *testing.T, s *Server, i int) bool {
	t.Helper()
	p := dial(t, s, "")
	p.next()
	p.send("40")
	m := p.message()
	pid, id := privateID.FindStringSubmatch(m), strings.SplitN(m, `"`, 5)[3]
	if err := s.To(id).SocketsJoin("ann", "secret"); err != nil || pid == nil {
		t.Fatal(err, m)
	}
	eventually(t, "it is in", func() bool { return s.RoomSize("secret") == 1 })
	p.conn.Close()
	if i%3 > 0 { // else it may be back before its old connection is known to be broken
		eventually(t, "it is gone", func() bool { return s.SocketsCount() == 0 })
	}
	q := dial(t, s, "")
	q.next()
	var acted sync.WaitGroup
	acted.Go(func() {
		for until := time.Now().Add(time.Duration(i%40) * 10 * time.Microsecond); time.Now().Before(until); {
		}
		err := error(nil)
		if i%2 == 0 {
			err = s.To("ann").SocketsLeave("secret")
		} else {
			err = s.To("ann").DisconnectSockets(true)
		}
		if err != nil {
			t.Error(err)
		}
	})
	q.send(fmt.Sprintf(`40{"pid":%q}`, pid[1]))
	answer := q.message() // a CONNECT, or the end
	acted.Wait()
	if n, err := s.Count(t.Context()); err != nil { // every loop has done it, and what came before
		t.Fatal(n, err)
	}
	if n := s.RoomSize("secret"); n != 0 {
		t.Errorf("time %d: %d sockets are in the room", i, n)
	}
	if n := s.RoomSize("ann"); i%2 == 1 && n != 0 {
		t.Errorf("time %d: %d sockets are there that were banned", i, n)
	}
	q.conn.Close()
	eventually(t, "all are gone", func() bool { return s.SocketsCount() == 0 })
	return strings.Contains(answer, id)
}
