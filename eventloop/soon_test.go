package eventloop

import (
	"fmt"
	"strings"
	"testing"

	"starling/internal/invariants"
)

// countBells has the loop count the times that it is rung.
func countBells(s *Sim) *int {
	rung := new(int)
	ring := s.loop.bell
	s.loop.bell = func() { *rung++; ring() }
	return rung
}

// TestSoonFindsTogetherWhatOneIterationProduced is an answer to a poll: tasks produce packets, one write takes them all.
func TestSoonFindsTogetherWhatOneIterationProduced(t *testing.T) {
	s, _ := newTestSim(Limits{})
	p := s.Open()
	var packets []string
	answer := TaskFunc(func(*Loop) {
		p.Conn().Queue([]byte("<" + strings.Join(packets, ",") + ">"))
		packets = nil
	})
	for i := range 5 {
		s.Loop().Post(TaskFunc(func(l *Loop) {
			if packets == nil {
				l.Soon(answer)
			}
			packets = append(packets, fmt.Sprint(i))
		}))
	}
	rung := countBells(s)
	s.due = false
	s.loop.drain()
	if string(p.Got) != "<0,1,2,3,4>" || p.Writes != 1 || *rung != 0 || s.due {
		t.Fatalf("got %q in %d writes after one iteration, rung %d times, due again: %v", p.Got, p.Writes, *rung, s.due)
	}
}

func TestSoonInACallbackRingsAsADirtyConnectionDoes(t *testing.T) {
	s, a := newTestSim(Limits{})
	waiting, posting := s.Open(), s.Open()
	a.onData = func(c *Conn, b []byte) {
		said := string(b)
		c.Loop().Soon(TaskFunc(func(*Loop) { waiting.Conn().Queue([]byte(said)) }))
	}
	rung := countBells(s)
	s.loop.received(posting.conn, []byte("one "))
	s.loop.received(posting.conn, []byte("two "))
	if *rung != 1 || len(waiting.Got) != 0 {
		t.Fatalf("rung %d times and got %q before the iteration, want once and nothing", *rung, waiting.Got)
	}
	s.Run()
	if string(waiting.Got) != "one two " || waiting.Writes != 1 {
		t.Fatalf("got %q in %d writes", waiting.Got, waiting.Writes)
	}
}

// TestWhatOnCloseCausesIsNotLeftForTheNextTick hangs a peer up whose receiver has something to say to others.
func TestWhatOnCloseCausesIsNotLeftForTheNextTick(t *testing.T) {
	s, a := newTestSim(Limits{})
	leaving, staying := s.Open(), s.Open()
	a.onClose = func(c *Conn, _ error) {
		c.Loop().Soon(TaskFunc(func(*Loop) { staying.Conn().Queue([]byte("she has gone")) }))
		staying.Conn().Queue([]byte("she is going, "))
	}
	leaving.Hangup(nil)
	if string(staying.Got) != "she is going, she has gone" {
		t.Fatalf("got %q", staying.Got)
	}
}

func TestSoonIsBoundedAndInOrder(t *testing.T) {
	s, _ := newTestSim(Limits{})
	var ran []int
	s.Loop().Post(TaskFunc(func(l *Loop) {
		for i := range soonTasksMax + 10 {
			l.Soon(TaskFunc(func(l *Loop) {
				ran = append(ran, i)
				if i == 0 { // what is put off again joins the end, and belongs to another iteration
					l.Soon(TaskFunc(func(*Loop) { ran = append(ran, soonTasksMax+10) }))
				}
				if i == 1 {
					panic("boom")
				}
			}))
		}
	}))
	s.due = false
	s.loop.drain()
	if len(ran) != soonTasksMax || !s.due {
		t.Fatalf("one iteration ran %d (due again: %v), want %d and more to come", len(ran), s.due, soonTasksMax)
	}
	s.Run()
	for i, n := range ran {
		if n != i {
			t.Fatalf("task %d ran in place %d", n, i)
		}
	}
	if len(ran) != soonTasksMax+11 || s.Panics() != 1 {
		t.Fatalf("ran %d in all, %d panics", len(ran), s.Panics())
	}
}

func TestSoonOfSoonComesWithTheNextIteration(t *testing.T) {
	s, _ := newTestSim(Limits{})
	depth := 0
	var again Task
	again = TaskFunc(func(l *Loop) {
		if depth++; depth < 3 {
			l.Soon(again)
		}
	})
	s.Loop().Post(TaskFunc(func(l *Loop) { l.Soon(again) }))
	for want := 1; want <= 3; want++ {
		s.due = false
		s.loop.drain()
		if depth != want || s.due != (want < 3) {
			t.Fatalf("after %d iterations it ran %d times, due again: %v", want, depth, s.due)
		}
	}
}

func TestHeldBytesCountAsBacklog(t *testing.T) {
	s, apps := newTestSims(2, Limits{OutboundBytesMax: 10_000})
	hold := func(on, n int) {
		s[on].Loop().Post(TaskFunc(func(l *Loop) { l.Hold(n) }))
		s[on].Run()
	}
	overloaded := func(want bool, when string) {
		t.Helper()
		for i := range s {
			if got := s[i].Loop().Overloaded(); got != want {
				t.Fatalf("%s: loop %d overloaded: %v", when, i, got)
			}
		}
	}
	overloaded(false, "at the start")
	hold(0, 6000)
	hold(1, 4000)
	overloaded(false, "at the limit")
	hold(1, 1)
	overloaded(true, "beyond the limit")
	hold(0, -6000)
	overloaded(false, "when some was fetched")

	// Beside it count the connections that are blocked.
	apps[0].onData = func(c *Conn, b []byte) { c.Queue(b) }
	p := s[0].Open()
	p.Stalled = true
	p.Send(make([]byte, 6000))
	s[0].Advance(2 * tick)
	overloaded(true, "with a blocked connection")
	if p.Closed {
		t.Fatal("cut within its share")
	}
	apps[1].onData = func(c *Conn, _ []byte) { c.Loop().Hold(-4001) }
	s[1].Open().Send([]byte("poll")) // from a callback it counts as soon
	overloaded(false, "when the rest was fetched")
	p.Resume()
	s[0].Advance(2 * tick)
	if n := s[0].loop.shared.backlog.Load(); n != 0 {
		t.Fatalf("%d bytes are counted at the end", n)
	}
}

func TestMoreReleasedThanHeld(t *testing.T) {
	if !invariants.Enabled {
		t.Skip("asserted only with invariants")
	}
	s, _ := newTestSim(Limits{})
	s.Loop().Post(TaskFunc(func(l *Loop) { l.Hold(-1) }))
	s.Run()
	if s.Panics() != 1 {
		t.Fatal("nobody noticed")
	}
}
