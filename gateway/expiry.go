package gateway

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// expiries disconnect sockets when their tokens expire: one goroutine and one timer for all, and some 40 bytes for each socket
// that waits, which leaves them when it goes.
type expiries struct {
	mu    sync.Mutex
	queue expiryQueue
	woken chan struct{} // somebody is the first now
	now   func() time.Time
}

// expiring is somebody who waits for an expiry. Its slot belongs to the expiries that it was given to.
type expiring struct {
	at   int64 // Unix nanoseconds
	slot int   // place in the queue, plus one; 0: it does not wait
	end  func()
}

func newExpiries(now func() time.Time) *expiries {
	return &expiries{woken: make(chan struct{}, 1), now: now}
}

// set has e.end called at a time, instead of whenever it was to be called before; never for the zero time.
func (x *expiries) set(e *expiring, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.slot > 0 {
		heap.Remove(&x.queue, e.slot-1)
	}
	if at.IsZero() {
		return
	}
	e.at = at.UnixNano()
	heap.Push(&x.queue, e)
	if e.slot == 1 {
		x.wake()
	}
}

// wake has run look at the queue again.
func (x *expiries) wake() {
	select {
	case x.woken <- struct{}{}:
	default:
	}
}

// run calls what is due until ctx is done.
func (x *expiries) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-x.woken:
		}
		due, next := x.due()
		for _, e := range due {
			e.end()
		}
		timer.Reset(next)
	}
}

// expiryLook is how long the expiries sleep at most: clocks may be set.
const expiryLook = time.Minute

// due takes those whose time has come, and tells when to look again.
func (x *expiries) due() (due []*expiring, next time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now().UnixNano()
	for len(x.queue) > 0 && x.queue[0].at <= now {
		due = append(due, heap.Pop(&x.queue).(*expiring))
	}
	if len(x.queue) == 0 {
		return due, expiryLook
	}
	return due, min(expiryLook, time.Duration(x.queue[0].at-now))
}

// expiryQueue is a heap, the next expiry first.
type expiryQueue []*expiring

var _ heap.Interface = (*expiryQueue)(nil)

// Len is part of heap.Interface.
func (q expiryQueue) Len() int { return len(q) }

// Less is part of heap.Interface.
func (q expiryQueue) Less(i, j int) bool { return q[i].at < q[j].at }

// Swap is part of heap.Interface.
func (q expiryQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].slot, q[j].slot = i+1, j+1
}

// Push is part of heap.Interface.
func (q *expiryQueue) Push(e any) {
	*q = append(*q, e.(*expiring))
	(*q)[len(*q)-1].slot = len(*q)
}

// Pop is part of heap.Interface.
func (q *expiryQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.slot = 0
	return e
}
