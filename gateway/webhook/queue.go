package webhook

import (
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// queue holds the notifications that wait to be sent, in order, and accounts for each that there ever was. Anybody puts,
// one goroutine, the sender, takes. What it has taken counts as waiting until it is settled.
type queue struct {
	max, bytesMax, batchMax int
	delay                   time.Duration
	ids                     *ids
	wake                    chan struct{} // gets a token when the sender may have something to do

	mu       sync.Mutex
	waiting  fifo
	bytes    int // of those that wait
	taken    batch
	closed   bool
	notified int64
	sent     int64
	dropped  Drops
}

// batch is what of the notifications on their way has to be known.
type batch struct {
	count, bytes int
	first        time.Time // when the first was put
}

// entry is one notification.
type entry struct {
	Notification
	id ulid.ULID
	at time.Time // when it was put
}

func (e *entry) bytes() int {
	return notificationBytes + len(e.Type) + len(e.SID) + len(e.User) + len(e.Namespace) + len(e.Room) + len(e.Reason)
}

func (q *queue) init(cfg *Config, ids *ids) {
	q.ids = ids
	q.max, q.bytesMax, q.batchMax, q.delay = cfg.QueueMax, cfg.QueueBytesMax, cfg.BatchMax, cfg.BatchDelay
	q.wake = make(chan struct{}, 1)
}

// put appends an entry, if it may, under an id of this moment that is made here, so that ids have the order of the queue.
func (q *queue) put(e entry, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notified++
	switch size := e.bytes(); {
	case q.closed:
		q.dropped.Closed++
		return ErrClosed
	case q.waiting.len+q.taken.count >= q.max, q.bytes+q.taken.bytes+size > q.bytesMax:
		q.dropped.Full++
		return errFull
	default:
		q.bytes += size
	}
	e.id = q.ids.next(now)
	q.waiting.push(e)
	if n := q.waiting.len; n == 1 || n == q.batchMax {
		q.signal()
	}
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it has a token already
	}
}

// due tells how long the sender has to wait for a batch: not at all if there is a full one, or nothing to wait for; for
// as long as nobody signals if there is nothing. over says that there will never be anything.
func (q *queue) due(now time.Time) (wait time.Duration, some, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.waiting.len == 0:
		return 0, false, q.closed
	case q.waiting.len >= q.batchMax, q.closed:
		return 0, true, false
	}
	return max(0, q.waiting.first().at.Add(q.delay).Sub(now)), true, false
}

// head appends the first entries, as many as a batch may have.
func (q *queue) head(dst []entry) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.appendFirst(dst, q.batchMax)
}

// take removes these entries, the first ones that head returned.
func (q *queue) take(entries []entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = batch{count: len(entries), first: entries[0].at}
	for i := range entries {
		q.taken.bytes += entries[i].bytes()
	}
	q.bytes -= q.taken.bytes
	q.waiting.remove(len(entries))
}

// settle accounts for what was taken last, in one of the queue's counters.
func (q *queue) settle(counter *int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*counter += int64(q.taken.count)
	q.taken = batch{}
}

// close lets nothing in any more, and has the sender send the rest without delay.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// report fills in what the queue knows.
func (q *queue) report(s *Stats, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Notified, s.Sent, s.Dropped = q.notified, q.sent, q.dropped
	s.Waiting, s.WaitingBytes = q.waiting.len+q.taken.count, q.bytes+q.taken.bytes
	switch {
	case q.taken.count > 0:
		s.Lag = max(0, now.Sub(q.taken.first))
	case q.waiting.len > 0:
		s.Lag = max(0, now.Sub(q.waiting.first().at))
	}
}
