package control

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// This file bounds what requests hold together: their number does not, since one may hold much more than another.

// shares counts what each key has at once. The zero value is nothing.
type shares struct {
	mu    sync.Mutex
	taken map[[sha256.Size]byte]int // by the sum of the key, which outlives a reload
}

// take takes n more for a key, unless that made more than most.
func (s *shares) take(k *key, n, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[k.sum]+n > most {
		return false
	}
	if s.taken == nil {
		s.taken = map[[sha256.Size]byte]int{}
	}
	s.taken[k.sum] += n
	return true
}

// give gives back what take has taken.
func (s *shares) give(k *key, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[k.sum] -= n; s.taken[k.sum] == 0 {
		delete(s.taken, k.sum)
	}
}

// budget counts the bytes of bodies that are held, at most BodiesBytesMax.
type budget struct{ used atomic.Int64 }

func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) <= BodiesBytesMax {
		return true
	}
	b.give(n)
	return false
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }
