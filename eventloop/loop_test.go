package eventloop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// app is a Handler and Receiver whose behaviour each test fills in.
type app struct {
	onOpen  func(c *Conn)
	onData  func(c *Conn, b []byte)
	onClose func(c *Conn, cause error)
	onDrain func()
	opened  []*Conn
	closes  []error
}

func (a *app) OnOpen(c *Conn) {
	a.opened = append(a.opened, c)
	c.SetReceiver(a)
	if a.onOpen != nil {
		a.onOpen(c)
	}
}

func (a *app) OnDrain() {
	if a.onDrain != nil {
		a.onDrain()
	}
}

func (a *app) OnData(c *Conn, b []byte) {
	if a.onData != nil {
		a.onData(c, b)
	}
}

func (a *app) OnClose(c *Conn, cause error) {
	a.closes = append(a.closes, cause)
	if a.onClose != nil {
		a.onClose(c, cause)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func newTestSim(limits Limits) (*Sim, *app) {
	a := &app{}
	return NewSim(limits, quiet, func(*Loop) Handler { return a }), a
}

func TestCorkOneWriteForAllThatIsQueuedInAnIteration(t *testing.T) {
	s, a := newTestSim(Limits{})
	p := s.Open()
	a.onData = func(c *Conn, _ []byte) {
		c.Queue([]byte("a"))
		c.QueueShared([]byte("b"))
		c.Queue([]byte("c"))
	}
	p.Send([]byte("x"))
	if string(p.Got) != "abc" || p.Writes != 1 {
		t.Fatalf("got %q in %d writes, want abc in 1", p.Got, p.Writes)
	}
	for range 16 {
		s.Loop().Post(TaskFunc(func(*Loop) { p.Conn().QueueShared([]byte("m")) }))
	}
	s.Run()
	if string(p.Got) != "abc"+strings.Repeat("m", 16) || p.Writes != 2 {
		t.Fatalf("got %q in %d writes, want 16 m in one more", p.Got, p.Writes)
	}
}

func TestQueueCopiesAndQueueSharedDoesNot(t *testing.T) {
	s, a := newTestSim(Limits{})
	p := s.Open()
	a.onData = func(c *Conn, _ []byte) {
		b := []byte("private")
		c.Queue(b)
		copy(b, "XXXXXXX")
		shared := []byte("|shared")
		c.QueueShared(shared)
		copy(shared, "|SHARED")
	}
	p.Send([]byte("x"))
	if string(p.Got) != "private|SHARED" {
		t.Fatalf("got %q", p.Got)
	}
}

func TestNothingIsSentForNoBytes(t *testing.T) {
	s, a := newTestSim(Limits{})
	p := s.Open()
	a.onData = func(c *Conn, _ []byte) {
		if c.Queue(nil) != Sent || c.QueueShared([]byte{}) != Sent {
			t.Error("no bytes are dropped on an open connection")
		}
	}
	p.Send([]byte("x"))
	if p.Writes != 0 {
		t.Fatalf("%d writes for no bytes", p.Writes)
	}
}

func TestASliceOfDirtyConnectionsPerIteration(t *testing.T) {
	s, _ := newTestSim(Limits{})
	peers := make([]*Peer, flushConnsMax+10)
	for i := range peers {
		peers[i] = s.Open()
	}
	s.Loop().Post(TaskFunc(func(*Loop) {
		for _, p := range peers {
			p.Conn().QueueShared([]byte("1"))
		}
	}))
	s.due = false
	s.loop.drain()
	written := 0
	for _, p := range peers {
		written += p.Writes
	}
	if written != flushConnsMax || !s.due {
		t.Fatalf("one iteration wrote to %d connections (due again: %v), want %d and more to come", written, s.due, flushConnsMax)
	}
	// What is queued meanwhile joins the writes that are still to come, in order.
	s.Loop().Post(TaskFunc(func(*Loop) {
		for _, p := range peers {
			p.Conn().QueueShared([]byte("2"))
		}
	}))
	s.Run()
	for i, p := range peers {
		want := 2
		if i >= flushConnsMax {
			want = 1
		}
		if string(p.Got) != "12" || p.Writes != want {
			t.Fatalf("peer %d got %q in %d writes, want 12 in %d", i, p.Got, p.Writes, want)
		}
	}
}

func TestBlockedPeer(t *testing.T) {
	s, a := newTestSim(Limits{OutboundBytesPerConnMax: 1000})
	p := s.Open()
	c := p.Conn()
	p.Stalled, p.Window = true, 3
	var verdicts []Verdict
	a.onData = func(c *Conn, b []byte) { verdicts = append(verdicts, c.Queue(b)) }

	p.Send([]byte("abcdef")) // three bytes leave, three are handed to gnet
	p.Send([]byte("ghi"))
	if !c.Blocked() || string(p.Got) != "abc" || c.Pending() != 6 {
		t.Fatalf("blocked %v, got %q, pending %d; want abc gone and 6 pending", c.Blocked(), p.Got, c.Pending())
	}
	p.Send(bytes.Repeat([]byte("x"), 2000)) // over the bound
	want := []Verdict{Sent, Queued, Dropped}
	if fmt.Sprint(verdicts) != fmt.Sprint(want) {
		t.Fatalf("verdicts %v, want %v", verdicts, want)
	}
	p.Resume()
	s.Advance(2 * tick)
	if c.Blocked() || string(p.Got) != "abcdefghi" || c.Pending() != 0 {
		t.Fatalf("after the peer read again: blocked %v, got %q, pending %d", c.Blocked(), p.Got, c.Pending())
	}
}

func TestABlockedPeersBacklogIsItsOwn(t *testing.T) {
	s, a := newTestSim(Limits{})
	slow, other := s.Open(), s.Open()
	slow.Stalled = true
	a.onData = func(c *Conn, b []byte) { c.Queue(b) }
	slow.Send([]byte("first "))
	// The other peer's bytes go through the loop's scratch; the slow one must have copies.
	s.Loop().Post(TaskFunc(func(*Loop) {
		slow.Conn().Queue([]byte("second "))
		slow.Conn().Queue([]byte("third"))
	}))
	s.Run()
	for range 10 {
		other.Send(bytes.Repeat([]byte("#"), 1000)) // reuses the scratch
	}
	slow.Resume()
	s.Advance(2 * tick)
	if string(slow.Got) != "first second third" {
		t.Fatalf("the slow peer got %q", slow.Got)
	}
}

func TestABigBurstKeepsWhatTheSlowPeerIsOwed(t *testing.T) {
	s, _ := newTestSim(Limits{})
	p := s.Open()
	p.Stalled, p.Window = true, 100_000
	var want bytes.Buffer
	s.Loop().Post(TaskFunc(func(*Loop) {
		for i := range 3000 { // many small ones, some big ones, a mix of private and shared
			b := fmt.Appendf(nil, "[%d]%s", i, strings.Repeat("z", i%500))
			if i%7 == 0 {
				b = append(b, bytes.Repeat([]byte("B"), directBytesMin)...)
			}
			v := p.Conn().Queue
			if i%2 == 0 {
				v = p.Conn().QueueShared
			}
			if v(b) != Dropped {
				want.Write(b)
			}
		}
	}))
	s.Run()
	p.Window = 50_000
	for range 1000 {
		if p.Conn().Pending() == 0 {
			break
		}
		p.Resume()
		p.Stalled, p.Window = true, 70_000
		s.Advance(tick)
	}
	if !bytes.Equal(p.Got, want.Bytes()) {
		t.Fatalf("got %d bytes, want %d, equal: %v", len(p.Got), want.Len(), bytes.Equal(p.Got, want.Bytes()))
	}
}

func TestProcessBoundShedsTheWorst(t *testing.T) {
	s, a := newTestSim(Limits{OutboundBytesMax: 10_000, OutboundBytesPerConnMax: 1 << 20})
	worst, mild := s.Open(), s.Open()
	for _, p := range []*Peer{worst, mild} {
		p.Stalled = true
	}
	a.onData = func(c *Conn, b []byte) { c.Queue(b) }
	worst.Send(make([]byte, 9000))
	mild.Send(make([]byte, 2000))
	s.Advance(2 * tick)
	if !worst.Closed || mild.Closed {
		t.Fatalf("cut: worst %v, mild %v; want the worst alone", worst.Closed, mild.Closed)
	}
	if len(a.closes) != 1 || !errors.Is(a.closes[0], ErrShed) {
		t.Fatalf("closes %v, want ErrShed once", a.closes)
	}
}

func TestCloseSendsWhatIsPendingThenHalfCloses(t *testing.T) {
	s, a := newTestSim(Limits{})
	p := s.Open()
	done := errors.New("done")
	var late Verdict
	a.onData = func(c *Conn, _ []byte) {
		c.Queue([]byte("bye"))
		c.Close(done)
		late = c.Queue([]byte("late"))
	}
	p.Send([]byte("x"))
	if string(p.Got) != "bye" || !p.ShutByUs || p.Closed || late != Dropped {
		t.Fatalf("got %q, half closed %v, closed %v, late %v", p.Got, p.ShutByUs, p.Closed, late)
	}
	p.Send([]byte("ignored")) // discarded: the receiver has heard its last
	p.Hangup(io.EOF)
	if len(a.closes) != 1 || a.closes[0] != done {
		t.Fatalf("closes %v, want the cause given to Close", a.closes)
	}
}

func TestCloseHasADeadline(t *testing.T) {
	for _, stalled := range []bool{false, true} {
		s, a := newTestSim(Limits{LingerMax: 500 * time.Millisecond})
		p := s.Open()
		p.Stalled = stalled
		a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("bye")); c.Close(io.EOF) }
		p.Send([]byte("x"))
		s.Advance(400 * time.Millisecond)
		if p.Closed {
			t.Fatalf("stalled %v: cut too early", stalled)
		}
		s.Advance(200 * time.Millisecond)
		if !p.Closed || len(a.closes) != 1 {
			t.Fatalf("stalled %v: closed %v, closes %v; want one", stalled, p.Closed, a.closes)
		}
	}
}

// TestCloseWithin: what is pending has the time given, and the peer's own end no more than LingerMax behind it.
func TestCloseWithin(t *testing.T) {
	for _, stalled := range []bool{false, true} {
		s, a := newTestSim(Limits{LingerMax: 500 * time.Millisecond})
		p := s.Open()
		p.Stalled = true
		a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("bye")); c.CloseWithin(io.EOF, 5*time.Second) }
		p.Send([]byte("x"))
		s.Advance(4 * time.Second)
		if p.Closed || p.ShutByUs {
			t.Fatal("cut while it had time")
		}
		if !stalled {
			p.Resume()
			s.Advance(400 * time.Millisecond)
			if !p.ShutByUs || p.Closed || string(p.Got) != "bye" {
				t.Fatalf("got %q, half closed %v, closed %v", p.Got, p.ShutByUs, p.Closed)
			}
			s.Advance(300 * time.Millisecond)
		} else {
			s.Advance(1100 * time.Millisecond)
		}
		if !p.Closed || len(a.closes) != 1 {
			t.Fatalf("stalled %v: closed %v, closes %v; want one", stalled, p.Closed, a.closes)
		}
	}
}

// TestCloseWaitsForAPeerThatReads: the time of a closing connection begins anew while its peer takes what is pending.
func TestCloseWaitsForAPeerThatReads(t *testing.T) {
	s, a := newTestSim(Limits{LingerMax: time.Second})
	p := s.Open()
	p.Stalled = true
	a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("goodbye")); c.Close(io.EOF) }
	p.Send([]byte("x"))
	for range 5 {
		p.buffered = p.buffered[1:] // the kernel has taken a byte
		s.Advance(800 * time.Millisecond)
		if p.Closed {
			t.Fatal("cut while the peer was reading")
		}
	}
	s.Advance(1100 * time.Millisecond)
	if !p.Closed || len(a.closes) != 1 {
		t.Fatalf("a peer that has stopped: closed %v, closes %v", p.Closed, a.closes)
	}
}

// TestFinish: the connection ends when all is sent, without waiting for the peer's end.
func TestFinish(t *testing.T) {
	s, a := newTestSim(Limits{})
	done := errors.New("done")
	a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("bye")); c.Finish(done, time.Minute) }
	p := s.Open()
	p.Send([]byte("x"))
	slow := s.Open()
	slow.Stalled = true
	slow.Send([]byte("x"))
	if string(p.Got) != "bye" || p.ShutByUs || !p.Closed || slow.Closed {
		t.Fatalf("got %q, half closed %v, closed %v; the slow one %v", p.Got, p.ShutByUs, p.Closed, slow.Closed)
	}
	slow.Resume()
	s.Advance(200 * time.Millisecond)
	if string(slow.Got) != "bye" || !slow.Closed || len(a.closes) != 2 || a.closes[0] != done || a.closes[1] != done {
		t.Fatalf("the slow one got %q, closed %v; closes %v", slow.Got, slow.Closed, a.closes)
	}
}

// Who has had bytes on their way wants to know whether they have gone.
func TestUnsent(t *testing.T) {
	for name, tc := range map[string]struct {
		before func(*Peer)
		want   bool
	}{
		"all was taken":        {func(*Peer) {}, false},
		"a part was taken":     {func(p *Peer) { p.Stalled, p.Window = true, 1 }, true},
		"the write has failed": {func(p *Peer) { p.Broken = true }, true},
	} {
		s, a := newTestSim(Limits{})
		unsent := []bool{}
		a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("yyy")) }
		a.onClose = func(c *Conn, _ error) { unsent = append(unsent, c.Unsent()) }
		p := s.Open()
		tc.before(p)
		p.Send([]byte("x"))
		if p.Conn().Unsent() && !p.Closed {
			t.Errorf("%s: unsent before the end", name)
		}
		p.Hangup(io.EOF)
		if len(unsent) != 1 || unsent[0] != tc.want {
			t.Errorf("%s: %v, want %v", name, unsent, tc.want)
		}
	}
}

func TestOneCloseForEachOpen(t *testing.T) {
	ends := map[string]func(s *Sim, a *app, p *Peer){
		"the peer hangs up": func(_ *Sim, _ *app, p *Peer) { p.Hangup(nil) },
		"reset":             func(_ *Sim, _ *app, p *Peer) { p.Hangup(errors.New("reset")) },
		"abort in a callback": func(_ *Sim, a *app, p *Peer) {
			a.onData = func(c *Conn, _ []byte) { c.Abort(io.EOF); c.Abort(io.EOF); c.Close(io.EOF) }
			p.Send([]byte("x"))
		},
		"abort in a task": func(s *Sim, _ *app, p *Peer) {
			s.Loop().Post(TaskFunc(func(*Loop) { p.Conn().Abort(io.EOF) }))
			s.Run()
		},
		"a write fails": func(_ *Sim, a *app, p *Peer) {
			p.Broken = true
			a.onData = func(c *Conn, _ []byte) { c.Queue([]byte("y")) }
			p.Send([]byte("x"))
		},
		"a write fails inside gnet": func(s *Sim, a *app, p *Peer) {
			p.Stalled, p.Window = true, 1
			a.onData = func(c *Conn, _ []byte) {
				c.Queue([]byte("yy"))
				s.loop.flushConn(c)
				p.Broken = true
				c.state &^= blocked
				c.Queue([]byte("zz"))
			}
			p.Send([]byte("x"))
		},
		"hang up while closing": func(_ *Sim, a *app, p *Peer) {
			a.onData = func(c *Conn, _ []byte) { c.Close(io.EOF); p.Hangup(io.EOF) }
			p.Send([]byte("x"))
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s, a := newTestSim(Limits{})
			end(s, a, s.Open())
			s.Advance(2 * LingerMax)
			if len(a.closes) != 1 || s.Connections() != 0 {
				t.Fatalf("%d closes, %d connections left; want one close and none left", len(a.closes), s.Connections())
			}
			c := a.opened[0]
			if c.Queue([]byte("late")) != Dropped || c.QueueShared([]byte("late")) != Dropped || c.Pending() != 0 || c.RemoteAddr() != nil {
				t.Fatal("a connection that is gone still takes bytes or has an address")
			}
			c.Abort(io.EOF)
			c.Close(io.EOF)
			s.Advance(2 * LingerMax)
			if len(a.closes) != 1 {
				t.Fatal("closing a connection that is gone told the receiver again")
			}
		})
	}
}

// TestCloseWhileWalking cuts connections from within a walk over all of them, the way a failing member of a room would.
func TestCloseWhileWalking(t *testing.T) {
	s, a := newTestSim(Limits{})
	walking := false
	a.onClose = func(*Conn, error) {
		if walking {
			t.Error("OnClose ran inside the walk")
		}
	}
	for range 50 {
		s.Open()
	}
	s.Loop().Post(TaskFunc(func(*Loop) {
		walking = true
		for i, c := range a.opened {
			if i%2 == 0 {
				c.Abort(io.EOF)
				c.t.(*Peer).Hangup(io.EOF) // and the peer's own end comes in the middle of it
			}
		}
		walking = false
	}))
	s.Run()
	if len(a.closes) != 25 {
		t.Fatalf("%d closes, want 25", len(a.closes))
	}
}

func TestAPanicCostsItsOwnConnection(t *testing.T) {
	s, a := newTestSim(Limits{})
	bad, good := s.Open(), s.Open()
	a.onData = func(c *Conn, b []byte) {
		if c == bad.Conn() {
			panic("boom")
		}
		c.Queue(b)
	}
	bad.Send([]byte("x"))
	good.Send([]byte("still here"))
	if !bad.Closed || string(good.Got) != "still here" || s.Panics() != 1 {
		t.Fatalf("bad closed %v, good got %q, panics %d", bad.Closed, good.Got, s.Panics())
	}
	if len(a.closes) != 1 || !errors.Is(a.closes[0], ErrPanic) {
		t.Fatalf("closes %v, want ErrPanic", a.closes)
	}
	// A task, a timer and an OnClose that panic cost nothing but themselves.
	a.onClose = func(*Conn, error) { panic("in OnClose") }
	var timer Timer
	s.Loop().Post(TaskFunc(func(l *Loop) { l.Schedule(&timer, tick, expirer(func(*Timer) { panic("in a timer") })) }))
	s.Loop().Post(TaskFunc(func(*Loop) { panic("in a task") }))
	s.Run()
	s.Advance(3 * tick)
	good.Hangup(nil)
	if s.Panics() != 4 || s.Connections() != 0 {
		t.Fatalf("panics %d, connections %d; want 4 and 0", s.Panics(), s.Connections())
	}
	p := s.Open()
	a.onData = func(c *Conn, b []byte) { c.Queue(b) }
	p.Send([]byte("alive"))
	if string(p.Got) != "alive" {
		t.Fatalf("after the panics the loop answers %q", p.Got)
	}
}

type expirer func(*Timer)

func (f expirer) Expired(t *Timer) { f(t) }

func TestTimersAreNeverEarly(t *testing.T) {
	for _, d := range []time.Duration{1, 99 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Minute} {
		s, _ := newTestSim(Limits{})
		s.Advance(50 * time.Millisecond) // in the middle of a tick
		var timer Timer
		start, fired := s.now, time.Duration(-1)
		s.Loop().Schedule(&timer, d, expirer(func(*Timer) { fired = s.now }))
		s.Advance(d + 3*tick)
		if late := fired - start - d; fired < 0 || late < 0 || late > 2*tick {
			t.Fatalf("a timer of %v fired %v late", d, late)
		}
	}
}

func TestPostRefusesPastItsBound(t *testing.T) {
	s, _ := newTestSim(Limits{InboxTasksMax: 10})
	ran := 0
	task := TaskFunc(func(*Loop) { ran++ })
	for i := range 10 {
		if !s.Loop().Post(task) {
			t.Fatalf("Post %d of 10 was refused", i)
		}
	}
	if s.Loop().Post(task) {
		t.Fatal("an eleventh task passed a bound of 10")
	}
	s.Loop().PostAlways(task)
	if s.Loop().Idle() {
		t.Fatal("Idle with eleven tasks waiting")
	}
	s.Run()
	if ran != 11 || !s.Loop().Idle() {
		t.Fatalf("ran %d tasks, want 11", ran)
	}
}

func TestABoundedDrainAsksForItsNextTurn(t *testing.T) {
	s, _ := newTestSim(Limits{})
	ran := 0
	for range drainTasksMax + 1 {
		s.Loop().Post(TaskFunc(func(*Loop) { ran++ }))
	}
	s.due = false
	s.loop.drain()
	if ran != drainTasksMax || !s.due {
		t.Fatalf("one iteration ran %d tasks (due again: %v), want %d and one more turn", ran, s.due, drainTasksMax)
	}
	s.Run()
	if ran != drainTasksMax+1 {
		t.Fatalf("ran %d in all", ran)
	}
}

// What clients send makes tasks, and an iteration works for as long as it has read; or one client could have those of all the
// others wait behind thousands of its own.
func TestADrainWorksAsLongAsWasRead(t *testing.T) {
	const took, each = 10 * time.Millisecond, 5 * time.Microsecond
	s, a := newTestSim(Limits{})
	ran := 0
	task := TaskFunc(func(*Loop) { ran++; s.now += each })
	flood := func(c *Conn, _ []byte) {
		s.now += took
		for range 2 * took / each {
			c.Loop().PostAlways(task)
		}
	}
	for range 3 { // as if there had been input between them, which no drain came after, and a sleep
		a.onData = func(*Conn, []byte) {}
		p := s.Open()
		s.loop.armed.Store(false)
		s.loop.received(p.conn, []byte("x"))
		s.now += time.Hour

		a.onData = flood
		s.loop.received(p.conn, []byte("x"))
		ran = 0
		s.loop.drain()
		if want := int(took/each) + 1; ran < want-1 || ran > want {
			t.Errorf("%d tasks were run after a reading that has taken %v, want %d", ran, took, want)
		}
		s.Run()
		if ran != int(2*took/each) || !s.Loop().Idle() {
			t.Fatalf("%d tasks were run in all", ran)
		}
	}
}

// tally is a Batcher that joins its equals, up to three.
type tally struct {
	name string
	log  *[]string
}

func (b *tally) Run(*Loop) { *b.log = append(*b.log, b.name) }

func (b *tally) Joins(next Task, size int) bool {
	n, ok := next.(*tally)
	return ok && n.name == b.name && size < 3
}

func (b *tally) RunBatch(_ *Loop, batch []Task) {
	*b.log = append(*b.log, fmt.Sprint(b.name, " x ", len(batch)))
}

func TestTasksThatWaitTogetherRunAsABatchInOrder(t *testing.T) {
	s, _ := newTestSim(Limits{})
	var log []string
	post := func(name string) { s.Loop().Post(&tally{name, &log}) }
	for _, name := range []string{"a", "a", "b", "a", "a", "a", "a"} {
		post(name)
	}
	s.Loop().Post(TaskFunc(func(*Loop) { log = append(log, "other") }))
	post("a")
	s.Run()
	want := "[a x 2 b a x 3 a other a]"
	if fmt.Sprint(log) != want {
		t.Fatalf("ran %v, want %s", log, want)
	}
}

func TestARefusedConnectionThatSaysNothingIsCut(t *testing.T) {
	s, _ := newTestSim(Limits{LingerMax: 300 * time.Millisecond})
	p := &Peer{sim: s}
	p.conn = &Conn{t: p, loop: s.loop, fd: -1, state: refused, recv: refusal{[]byte("no room")}}
	s.loop.shared.refusals.Add(1)
	s.loop.expectRequest(p.conn)
	s.Advance(600 * time.Millisecond) // says nothing at all
	if !p.Closed || s.loop.shared.refusals.Load() != 0 {
		t.Fatalf("closed %v, %d refusals counted; want it cut", p.Closed, s.loop.shared.refusals.Load())
	}
}

// TestLastingOverload has more written to than an iteration flushes, for ever: what is kept for it must not grow for ever.
func TestLastingOverload(t *testing.T) {
	s, a := newTestSim(Limits{})
	for range 2 * flushConnsMax {
		s.Open()
	}
	more := TaskFunc(func(*Loop) {
		for _, c := range a.opened {
			c.QueueShared([]byte("x"))
		}
	})
	for range 100 {
		s.Loop().Post(more)
		s.due = false
		s.loop.drain()
		if s.loop.clean() {
			t.Fatal("the overload has ended, so this test shows nothing")
		}
	}
	if n := cap(s.loop.dirty); n > 10*flushConnsMax {
		t.Fatalf("the list of dirty connections has grown to %d for %d connections", n, len(a.opened))
	}
	s.Run()
	for _, c := range a.opened {
		if p := c.t.(*Peer); len(p.Got) != 100 {
			t.Fatalf("a peer got %d of 100", len(p.Got))
		}
	}
}
