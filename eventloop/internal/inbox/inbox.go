// Package inbox is the one door through which other goroutines reach a loop: a first-in, first-out queue with
// many producers and one consumer, made of two slices and a mutex. Producers append to one slice; the consumer
// swaps it for its own emptied one, so that a burst of thousands costs one lock of the consumer.
package inbox

import "sync"

// batchKeptMax bounds the capacity that an emptied batch keeps, so that one flood does not hold its memory for ever.
const batchKeptMax = 4096

// Inbox is a FIFO of T. Put may be called from any goroutine; Next and Empty belong to the consumer.
// The zero value is ready.
type Inbox[T any] struct {
	mu sync.Mutex
	in []T // guarded by mu

	batch []T // owned by the consumer: taken, in order, before anything in `in`
	next  int // first element of batch that was not consumed yet
}

// Put appends v and reports whether it did: false means that limit elements or more wait already.
// A limit of 0 or less is no limit.
func (b *Inbox[T]) Put(v T, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit > 0 && len(b.in) >= limit {
		return false
	}
	b.in = append(b.in, v)
	return true
}

// Len is how many elements the consumer has not taken yet; a batch that it has taken does not count. Any goroutine.
func (b *Inbox[T]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.in)
}

// Waiting is how many elements wait, those of a batch that was taken included. Consumer only.
func (b *Inbox[T]) Waiting() int { return len(b.batch) - b.next + b.Len() }

// Next removes and returns the oldest element; ok is false when there is none. Consumer only.
func (b *Inbox[T]) Next() (v T, ok bool) {
	if b.next == len(b.batch) && !b.refill() {
		return v, false
	}
	var zero T
	v, b.batch[b.next] = b.batch[b.next], zero // the slot must not keep v alive
	b.next++
	return v, true
}

// Peek returns the oldest element without removing it; ok is false when there is none. Consumer only.
func (b *Inbox[T]) Peek() (v T, ok bool) {
	if b.next == len(b.batch) && !b.refill() {
		return v, false
	}
	return b.batch[b.next], true
}

// Empty reports whether nothing waits. Consumer only; a Put may of course follow at once.
func (b *Inbox[T]) Empty() bool {
	if b.next < len(b.batch) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.in) == 0
}

// refill swaps the emptied batch for what the producers have put.
func (b *Inbox[T]) refill() bool {
	spent := b.batch[:0]
	if cap(spent) > batchKeptMax {
		spent = nil
	}
	b.next = 0
	b.mu.Lock()
	b.batch, b.in = b.in, spent
	b.mu.Unlock()
	return len(b.batch) > 0
}
