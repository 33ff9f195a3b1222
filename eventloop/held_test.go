package eventloop

import (
	"testing"
	"time"
)

// patient is told that its peer is late, unless it has heard of it.
type patient struct {
	loop  *Loop
	timer Timer
	again time.Duration // what it waits for then
	late  []time.Duration
}

func (p *patient) Expired(*Timer) {
	p.late = append(p.late, p.loop.Clock())
	if p.again > 0 {
		p.loop.Schedule(&p.timer, p.again, p)
	}
}

// hold has a simulated loop do nothing for a while, as when a callback holds it or the machine stands still.
func hold(s *Sim, d time.Duration) {
	s.now += d - tick
	s.Advance(tick)
}

// After a loop was held nobody is late whose bytes have come meanwhile, even if the timers are turned before they are read.
func TestWhoHasSpokenWhileTheLoopWasHeldIsNotLate(t *testing.T) {
	s, a := newTestSim(Limits{})
	speaks, silent := &patient{loop: s.Loop()}, &patient{loop: s.Loop()}
	p := s.Open()
	s.Loop().Schedule(&speaks.timer, time.Second, speaks)
	s.Loop().Schedule(&silent.timer, time.Second, silent)
	a.onData = func(*Conn, []byte) { s.Loop().Cancel(&speaks.timer) }
	hold(s, time.Minute)
	if len(silent.late) > 0 {
		t.Fatal("the timers were turned before anything was read")
	}
	p.Send([]byte("x"))
	s.Advance(2 * heldLoopMax)
	if len(speaks.late) != 0 || len(silent.late) != 1 {
		t.Errorf("late are %v who has spoken and %v who has not", speaks.late, silent.late)
	}
}

// What is due for long is done at once, and what it sets has all its time.
func TestTimersAreSetFromNow(t *testing.T) {
	s, a := newTestSim(Limits{})
	pings := &patient{loop: s.Loop(), again: 20 * time.Second}
	s.Loop().Schedule(&pings.timer, 5*time.Second, pings)
	hold(s, time.Minute)
	s.Advance(21*time.Second + heldLoopMax)
	if n := len(pings.late); n != 2 || pings.late[0] > time.Minute+heldLoopMax+tick || pings.late[1]-pings.late[0] < pings.again {
		t.Errorf("told at %v", pings.late)
	}

	// Also from what is read before the loop has looked at its clock again.
	reads := &patient{loop: s.Loop()}
	p := s.Open()
	a.onData = func(*Conn, []byte) { s.Loop().Schedule(&reads.timer, 20*time.Second, reads) }
	s.now += time.Minute
	from := s.now
	p.Send([]byte("x"))
	s.Advance(25 * time.Second)
	if len(reads.late) != 1 || reads.late[0]-from < 20*time.Second {
		t.Errorf("told at %v, %v having been from %v", reads.late, 20*time.Second, from)
	}
}

// A loop that is always held turns its timers all the same.
func TestALoopThatIsHeldAgainAndAgain(t *testing.T) {
	s, _ := newTestSim(Limits{})
	p := &patient{loop: s.Loop()}
	s.Loop().Schedule(&p.timer, time.Second, p)
	for range 3 {
		hold(s, 2*heldLoopMax)
	}
	if len(p.late) != 1 {
		t.Errorf("told %d times", len(p.late))
	}
}

// What is queued before a close is sent however long the loop takes until its flush comes to it.
func TestASlowLoopSaysItsLastWords(t *testing.T) {
	s, _ := newTestSim(Limits{})
	peers := make([]*Peer, flushConnsMax+10)
	for i := range peers {
		peers[i] = s.Open()
	}
	s.Loop().Post(TaskFunc(func(l *Loop) {
		for _, p := range peers {
			p.Conn().Queue([]byte("bye"))
			p.Conn().Close(nil)
		}
		s.now += heldLoopMax + l.limits.LingerMax/2 // and the next iteration turns the timers before it writes to the rest
		l.tickDue.Store(true)
	}))
	s.Run()
	for i, p := range peers {
		if string(p.Got) != "bye" || !p.ShutByUs {
			t.Fatalf("peer %d got %q; our half is closed: %v", i, p.Got, p.ShutByUs)
		}
	}
}
