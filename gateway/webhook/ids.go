package webhook

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// ids makes the ids of messages and notifications. Those of one millisecond are counted on from a random number, so they
// sort in the order in which they were made.
type ids struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
	random  [10]byte // what follows the time in an id; here, since it would be allocated elsewhere
}

func (i *ids) init() { i.entropy = ulid.Monotonic(rand.Reader, 0) }

// next makes an id at a time.
func (i *ids) next(now time.Time) (id ulid.ULID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	ms := min(ulid.Timestamp(now), ulid.MaxTime())
	if i.entropy.MonotonicRead(ms, i.random[:]) != nil {
		_, _ = rand.Read(i.random[:]) // the last number was the largest; this one is as unlikely to be taken as any
	}
	_ = id.SetTime(ms) // it is not above the maximum
	copy(id[6:], i.random[:])
	return id
}
