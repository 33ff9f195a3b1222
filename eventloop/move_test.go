package eventloop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// newTestSims makes a simulation of n loops, each with an app of its own.
func newTestSims(n int, limits Limits) ([]*Sim, []*app) {
	var apps []*app
	sims := NewSims(n, limits, quiet, func(*Loop) Handler {
		apps = append(apps, &app{})
		return apps[len(apps)-1]
	})
	return sims, apps
}

// TestAConnIs96Bytes holds the size of what there are 100,000 of: one byte more, and each takes 112.
func TestAConnIs96Bytes(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 96 {
		t.Fatalf("a Conn has %d bytes", size)
	}
}

func TestAMove(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	var log []string
	for i, a := range apps {
		a.onOpen = func(c *Conn) { log = append(log, fmt.Sprintf("%d opens, moved: %v", i, c.Moved())) }
		a.onClose = func(_ *Conn, cause error) { log = append(log, fmt.Sprint(i, " closes: ", cause)) }
	}
	apps[0].onData = func(c *Conn, b []byte) {
		read := slices.Clone(b[5:])
		if err := c.MoveTo(s[1].Loop(), read); err != nil {
			t.Error(err)
		}
		copy(read, "######") // it was copied
		if !c.Closing() || c.Queue([]byte("late")) != Dropped || c.RemoteAddr() != nil || c.MoveTo(s[1].Loop(), nil) != ErrBusy {
			t.Error("the old Conn is not gone")
		}
		log = append(log, "0 has moved it")
	}
	apps[1].onData = func(c *Conn, b []byte) {
		log = append(log, "1 gets "+string(b))
		c.Queue(b)
	}
	p := s[0].Open()
	old := p.Conn()
	p.Send([]byte("here,there"))
	if p.Conn() == old || p.Conn().Loop() != s[1].Loop() || string(p.Got) != "there" || p.Closed {
		t.Fatalf("on loop %d, got %q, closed %v", p.Conn().Loop().Index(), p.Got, p.Closed)
	}
	p.Send([]byte(" and on"))
	p.Hangup(io.EOF)
	want := []string{
		"0 opens, moved: false", "0 has moved it", "0 closes: " + ErrMoved.Error(),
		"1 opens, moved: true", "1 gets there", "1 gets  and on", "1 closes: EOF",
	}
	if !slices.Equal(log, want) || string(p.Got) != "there and on" || s[0].Connections() != 0 {
		t.Fatalf("%q, got %q, %d connections left; want\n%q", log, p.Got, s[0].Connections(), want)
	}
}

func TestMovesThatAreRefused(t *testing.T) {
	elsewhere, _ := newTestSim(Limits{})
	for _, row := range []struct {
		name string
		to   func(s []*Sim) *Loop
		make func(c *Conn, p *Peer)
		want error
	}{
		{"output is queued", nil, func(c *Conn, _ *Peer) { c.Queue([]byte("x")) }, ErrBusy},
		{"the peer does not read", nil, func(c *Conn, p *Peer) {
			p.Stalled = true
			c.Queue([]byte("x"))
			c.loop.flushConn(c)
		}, ErrBusy},
		{"closing", nil, func(c *Conn, _ *Peer) { c.Close(io.EOF) }, ErrBusy},
		{"to be cut", nil, func(c *Conn, _ *Peer) { c.Abort(io.EOF) }, ErrBusy},
		{"moved already", nil, func(c *Conn, p *Peer) { _ = c.MoveTo(p.sim.sims[1].Loop(), nil) }, ErrBusy},
		{"its own loop", func(s []*Sim) *Loop { return s[0].Loop() }, nil, ErrTarget},
		{"another engine's loop", func([]*Sim) *Loop { return elsewhere.Loop() }, nil, ErrTarget},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, apps := newTestSims(2, Limits{})
			p := s[0].Open()
			to := s[1].Loop()
			if row.to != nil {
				to = row.to(s)
			}
			apps[0].onData = func(c *Conn, _ []byte) {
				if row.make != nil {
					row.make(c, p)
				}
				before := c.state
				if err := c.MoveTo(to, []byte("read")); !errors.Is(err, row.want) || c.state != before {
					t.Errorf("MoveTo = %v, state %b; want %v and %b as before", err, c.state, row.want, before)
				}
			}
			p.Send([]byte("x"))
			if s[0].Connections() != 1 && row.want == ErrTarget {
				t.Fatal("the connection is gone")
			}
		})
	}
}

// TestWhatIsSentOnTheWayArrivesBehind has the peer send and hang up while its connection belongs to no loop.
func TestWhatIsSentOnTheWayArrivesBehind(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	var got []string
	apps[1].onData = func(c *Conn, b []byte) {
		got = append(got, string(b))
		c.Queue(b)
	}
	p := s[0].Open()
	s[0].Loop().Post(TaskFunc(func(*Loop) {
		if err := p.Conn().MoveTo(s[1].Loop(), []byte("read,")); err != nil {
			t.Error(err)
		}
		if s[0].Connections() != 1 {
			t.Errorf("%d connections counted on the way, want 1", s[0].Connections())
		}
		p.Send([]byte("sent,"))
		p.Send([]byte("more"))
		p.Hangup(nil)
		p.Send([]byte("never"))
		if len(apps[0].closes) != 0 || len(apps[1].opened) != 0 {
			t.Error("told within the callback")
		}
	}))
	s[1].Run()
	if want := []string{"read,", "sent,more"}; !slices.Equal(got, want) || string(p.Got) != "read,sent,more" {
		t.Fatalf("received %q, echoed %q; want %q", got, p.Got, want)
	}
	if fmt.Sprint(apps[0].closes, apps[1].closes) != fmt.Sprint([]error{ErrMoved}, []error{io.EOF}) || s[0].Connections() != 0 {
		t.Fatalf("closes %v and %v, %d connections left", apps[0].closes, apps[1].closes, s[0].Connections())
	}
}

func TestAMoveOutsideOfAnyCallback(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	p := s[0].Open()
	if err := p.Conn().MoveTo(s[1].Loop(), nil); err != nil {
		t.Fatal(err)
	}
	s[0].Run()
	if len(apps[0].closes) != 1 || len(apps[1].opened) != 1 || p.Conn() != apps[1].opened[0] {
		t.Fatalf("%d closes, %d opened", len(apps[0].closes), len(apps[1].opened))
	}
}

func TestMovesOnAndOn(t *testing.T) {
	const hops = 1000
	s, apps := newTestSims(3, Limits{})
	for i, a := range apps {
		a.onData = func(c *Conn, b []byte) {
			if len(b) == hops {
				c.Queue(b)
				return
			}
			if err := c.MoveTo(s[(i+1)%3].Loop(), append(b, '.')); err != nil {
				t.Error(err)
			}
			if c.loop.shared.conns.Load() != 2 {
				t.Errorf("%d connections counted, want 2", c.loop.shared.conns.Load())
			}
		}
	}
	s[1].Open()
	p := s[0].Open()
	p.Send([]byte("."))
	if string(p.Got) != strings.Repeat(".", hops) || p.Conn().Loop() != s[(hops-1)%3].Loop() {
		t.Fatalf("got %d bytes on loop %d", len(p.Got), p.Conn().Loop().Index())
	}
	opened, closes := 0, 0
	for _, a := range apps {
		opened, closes = opened+len(a.opened), closes+len(a.closes)
	}
	if opened != hops+1 || closes != hops-1 {
		t.Fatalf("%d opened, %d closed; want %d and two less", opened, closes, hops+1)
	}
}

func TestArrivalsThatAreNotWanted(t *testing.T) {
	for name, open := range map[string]func(c *Conn){
		"closed":      func(c *Conn) { c.Close(io.EOF) },
		"cut":         func(c *Conn) { c.Abort(io.EOF) },
		"no receiver": func(c *Conn) { c.SetReceiver(nil) },
		"panic":       func(*Conn) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			s, apps := newTestSims(2, Limits{})
			apps[0].onData = func(c *Conn, b []byte) { _ = c.MoveTo(s[1].Loop(), b) }
			apps[1].onOpen = open
			apps[1].onData = func(*Conn, []byte) { t.Error("OnData was called") }
			p := s[0].Open()
			p.Send([]byte("x"))
			s[0].Advance(2 * LingerMax)
			if !p.Closed || s[0].Connections() != 0 {
				t.Fatalf("closed %v, %d connections left", p.Closed, s[0].Connections())
			}
		})
	}
}

// TestMovingWhileWalking moves connections from within a walk over all of them.
func TestMovingWhileWalking(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	walking := false
	apps[0].onClose = func(*Conn, error) {
		if walking {
			t.Error("OnClose ran inside the walk")
		}
	}
	for range 50 {
		s[0].Open()
	}
	s[0].Loop().Post(TaskFunc(func(*Loop) {
		walking = true
		for i, c := range apps[0].opened {
			c.Queue(nil)
			if i%2 == 0 {
				_ = c.MoveTo(s[1].Loop(), nil)
			}
		}
		walking = false
	}))
	s[0].Run()
	if len(apps[0].closes) != 25 || len(apps[1].opened) != 25 || s[1].Connections() != 50 {
		t.Fatalf("%d closed, %d opened, %d connections", len(apps[0].closes), len(apps[1].opened), s[1].Connections())
	}
}

func TestAPanicBehindAMoveDoesNotReachTheConnection(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	apps[0].onData = func(c *Conn, b []byte) {
		_ = c.MoveTo(s[1].Loop(), b)
		panic("boom")
	}
	apps[0].onClose = func(*Conn, error) { panic("and in OnClose") }
	apps[1].onData = func(c *Conn, b []byte) { c.Queue(b) }
	p := s[0].Open()
	p.Send([]byte("unharmed"))
	if string(p.Got) != "unharmed" || fmt.Sprint(apps[0].closes) != fmt.Sprint([]error{ErrMoved}) || s[0].Panics() != 2 {
		t.Fatalf("got %q, closes %v, panics %d", p.Got, apps[0].closes, s[0].Panics())
	}
}

func TestASetAddressStaysThroughMoves(t *testing.T) {
	s, apps := newTestSims(2, Limits{})
	own := "192.0.2.1:1"
	set := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}
	for i, a := range apps {
		a.onData = func(c *Conn, b []byte) {
			if string(b) == "move" {
				_ = c.MoveTo(s[1-i].Loop(), nil)
				return
			}
			c.Queue([]byte(c.RemoteAddr().String()))
			if string(b) == "close" {
				c.Close(io.EOF)
			}
		}
	}
	p := s[0].Open()
	says := func(to, want string) {
		t.Helper()
		p.Got = nil
		p.Send([]byte(to))
		if string(p.Got) != want {
			t.Fatalf("%s: the address is %q, want %q", to, p.Got, want)
		}
	}
	says("who", own)
	p.Conn().SetRemoteAddr(set)
	says("who", set.String())
	says("move", "")
	says("who", set.String())
	other := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9), Port: 1}
	p.Conn().SetRemoteAddr(other)
	says("who", other.String())
	p.Conn().SetRemoteAddr(nil)
	says("who", own)
	says("move", "")
	says("who", own)
	p.Conn().SetRemoteAddr(set)
	says("close", set.String())
	if p.Hangup(nil); !p.ShutByUs || !p.Closed || s[0].Connections() != 0 {
		t.Fatalf("half closed %v, closed %v, %d connections left", p.ShutByUs, p.Closed, s[0].Connections())
	}
}

func TestLoopsOfOneSimulationShareTheirClockAndRun(t *testing.T) {
	s, _ := newTestSims(3, Limits{})
	var fired []int
	timers := make([]Timer, len(s))
	for i := range s {
		if s[i].Loop().Index() != i {
			t.Fatalf("loop %d has index %d", i, s[i].Loop().Index())
		}
		s[i].Loop().Schedule(&timers[i], time.Duration(3-i)*time.Second, expirer(func(*Timer) { fired = append(fired, i) }))
	}
	s[1].Advance(4 * time.Second)
	if !slices.Equal(fired, []int{2, 1, 0}) || s[2].Loop().Now() != 4*time.Second {
		t.Fatalf("fired %v, and it is %v on the last loop", fired, s[2].Loop().Now())
	}
	var ran []int
	s[2].Loop().Post(TaskFunc(func(*Loop) {
		s[0].Loop().Post(TaskFunc(func(l *Loop) {
			s[1].Loop().Post(TaskFunc(func(l *Loop) { ran = append(ran, l.Index()) }))
			ran = append(ran, l.Index())
		}))
	}))
	s[1].Run()
	if !slices.Equal(ran, []int{0, 1}) {
		t.Fatalf("ran on %v", ran)
	}
	s[0].Open()
	s[2].Open()
	if s[1].Connections() != 2 {
		t.Fatalf("%d connections, want those of all loops", s[1].Connections())
	}
}

func TestAnAddressHasItsOwnZone(t *testing.T) {
	shared := string([]byte("eth0"))
	a := &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 80, Zone: shared}
	ownZone(a)
	if a.String() != "[fe80::1%eth0]:80" || unsafe.StringData(a.Zone) == unsafe.StringData(shared) {
		t.Fatalf("%v, with a zone of its own: %v", a, unsafe.StringData(a.Zone) != unsafe.StringData(shared))
	}
	ownZone(nil) // what is no TCP address has none
}
