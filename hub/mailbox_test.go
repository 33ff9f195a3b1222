package hub

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// crowd is a set of sockets whose mailboxes share workers.
func crowd(t *testing.T, limit, n int) (*workers, []*Socket) {
	s := New(Options{HandlersMax: limit, Logger: quiet})
	t.Cleanup(s.workers.stop)
	sockets := make([]*Socket, n)
	for i := range sockets {
		sockets[i] = &Socket{id: fmt.Sprint(i), nsp: s.Namespace}
	}
	return &s.workers, sockets
}

// TestWorkersKeepTheLimit, whether they were parked before or are new.
func TestWorkersKeepTheLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 20} {
		w, sockets := crowd(t, limit, 100)
		var running, most atomic.Int64
		for range 50 {
			var all sync.WaitGroup
			for _, s := range sockets {
				all.Add(1)
				s.enqueue(job{run: func() {
					defer all.Done()
					now := running.Add(1)
					defer running.Add(-1)
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
				}})
			}
			all.Wait()
			if quiet := w.quiet(); quiet != nil {
				receive(t, quiet)
			}
		}
		if n := most.Load(); n > int64(limit) {
			t.Errorf("%d jobs ran at once, and %d may", n, limit)
		}
	}
}

// TestWorkersPassBlockedOnes: however many jobs block, up to the limit, one that does not is done.
func TestWorkersPassBlockedOnes(t *testing.T) {
	const limit = 50
	_, sockets := crowd(t, limit, limit)
	release, done := make(chan struct{}), make(chan int, limit)
	for i, s := range sockets[1:] {
		s.enqueue(job{run: func() { <-release; done <- i }})
		sockets[0].enqueue(job{run: func() { done <- -1 }})
		if got := receive(t, done); got != -1 {
			t.Fatalf("job %d was not blocked", got)
		}
	}
	close(release)
	for range limit - 1 {
		receive(t, done)
	}
}

// TestMailboxKeepsOrder: the jobs that one goroutine enqueues for a socket are done in order and one at a time, while
// goroutines come, park and go.
func TestMailboxKeepsOrder(t *testing.T) {
	w, sockets := crowd(t, 4, 20)
	var all sync.WaitGroup
	for i, s := range sockets {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			next, at := 0, make(chan struct{}, 1)
			var done sync.WaitGroup
			for n := range 500 {
				done.Add(1)
				s.enqueue(job{run: func() {
					defer done.Done()
					at <- struct{}{} // would block a second one
					if n != next {
						t.Errorf("socket %d: job %d was done in place %d", i, n, next)
					}
					next++
					<-at
					if n%50 == 0 {
						panic("costs its job alone")
					}
				}})
				if r.IntN(10) == 0 {
					done.Wait() // lets the mailbox go
				}
			}
			done.Wait()
		})
	}
	all.Wait()
	if n := w.panics.Load(); n != 20*10 {
		t.Errorf("%d panics were counted, want 200", n)
	}
}

// TestWorkersStop: parked goroutines go, and what comes afterwards is still done. That none stays is checked when all
// tests are over.
func TestWorkersStop(t *testing.T) {
	w, sockets := crowd(t, 10, 10)
	for range 3 {
		var all sync.WaitGroup
		for _, s := range sockets {
			all.Add(1)
			s.enqueue(job{run: all.Done})
		}
		all.Wait()
		w.stop()
	}
	if quiet := w.quiet(); quiet != nil {
		receive(t, quiet)
	}
}

// TestHandlersThatGoexit lose their goroutine, and nothing else: what waits behind them is done, and nobody waits for them.
func TestHandlersThatGoexit(t *testing.T) {
	for _, limit := range []int{1, 20} {
		w, sockets := crowd(t, limit, 10)
		done := make(chan int, 100)
		for i := range 100 {
			sockets[i%10].enqueue(job{run: func() {
				done <- i
				if i%2 == 0 {
					runtime.Goexit()
				}
			}})
		}
		for range 100 {
			receive(t, done)
		}
		if quiet := w.quiet(); quiet != nil {
			receive(t, quiet)
		}
	}
}
