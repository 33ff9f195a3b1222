package gateway

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// expiries end things when their time has come, sockets when their tokens expire: one goroutine and one timer for all, and some 40
// bytes for each that waits, which leaves them when it goes.
type expiries[T any] struct {
	mu    sync.Mutex
	queue expiryQueue[T]
	woken chan struct{} // somebody is the first now
	now   func() time.Time
	end   func(T)
}

// expiring is somebody who waits for an expiry. Its slot belongs to the expiries that it was given to.
type expiring[T any] struct {
	who  T
	at   int64 // Unix nanoseconds
	slot int   // place in the queue, plus one; 0: it does not wait
}

func newExpiries[T any](now func() time.Time, end func(T)) *expiries[T] {
	return &expiries[T]{woken: make(chan struct{}, 1), now: now, end: end}
}

// set has e.who ended at a time, instead of whenever it was to be ended before; never for the zero time.
func (x *expiries[T]) set(e *expiring[T], at time.Time) {
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
func (x *expiries[T]) wake() {
	select {
	case x.woken <- struct{}{}:
	default:
	}
}

// run calls what is due until ctx is done.
func (x *expiries[T]) run(ctx context.Context) {
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
			x.end(e.who)
		}
		timer.Reset(next)
	}
}

// expiryLook is how long the expiries sleep at most: clocks may be set.
const expiryLook = time.Minute

// due takes those whose time has come, and tells when to look again.
func (x *expiries[T]) due() (due []*expiring[T], next time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now().UnixNano()
	for len(x.queue) > 0 && x.queue[0].at <= now {
		due = append(due, heap.Pop(&x.queue).(*expiring[T]))
	}
	if len(x.queue) == 0 {
		return due, expiryLook
	}
	return due, min(expiryLook, time.Duration(x.queue[0].at-now))
}

// expiryQueue is a heap, the next expiry first.
type expiryQueue[T any] []*expiring[T]

var _ heap.Interface = (*expiryQueue[int])(nil)

// Len is part of heap.Interface.
func (q expiryQueue[T]) Len() int { return len(q) }

// Less is part of heap.Interface.
func (q expiryQueue[T]) Less(i, j int) bool { return q[i].at < q[j].at }

// Swap is part of heap.Interface.
func (q expiryQueue[T]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].slot, q[j].slot = i+1, j+1
}

// Push is part of heap.Interface.
func (q *expiryQueue[T]) Push(e any) {
	*q = append(*q, e.(*expiring[T]))
	(*q)[len(*q)-1].slot = len(*q)
}

// Pop is part of heap.Interface.
func (q *expiryQueue[T]) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.slot = 0
	return e
}
