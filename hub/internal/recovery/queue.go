package recovery

import "sort"

// queue is a FIFO whose elements can be looked at by index: a ring whose capacity is a power of two. The zero value is
// empty. Memory goes back as it empties.
type queue[T any] struct {
	ring []T
	head int32 // index in ring of the oldest
	n    int32
}

// queueKeptMin is the capacity below which an emptying queue keeps its memory.
const queueKeptMin = 8

func (q *queue[T]) len() int { return int(q.n) }

// at returns the element with i older ones before it.
func (q *queue[T]) at(i int) T { return q.ring[(int(q.head)+i)&(len(q.ring)-1)] }

func (q *queue[T]) newest() T { return q.at(int(q.n) - 1) }

func (q *queue[T]) push(v T) {
	if int(q.n) == len(q.ring) {
		q.resize(max(1, 2*len(q.ring)))
	}
	q.ring[(int(q.head)+int(q.n))&(len(q.ring)-1)] = v
	q.n++
}

func (q *queue[T]) pop() T {
	var zero T
	v := q.ring[q.head]
	q.ring[q.head] = zero
	q.head = (q.head + 1) & int32(len(q.ring)-1)
	q.n--
	switch {
	case q.n == 0:
		*q = queue[T]{}
	case len(q.ring) > queueKeptMin && int(q.n) <= len(q.ring)/4:
		q.resize(len(q.ring) / 2)
	}
	return v
}

func (q *queue[T]) resize(capacity int) {
	ring := make([]T, capacity)
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// search returns the index of the first element for which is holds, len if there is none. It holds for all behind one for
// which it holds.
func (q *queue[T]) search(is func(T) bool) int {
	return sort.Search(q.len(), func(i int) bool { return is(q.at(i)) })
}
