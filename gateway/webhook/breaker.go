package webhook

import (
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// breaker keeps calls from a backend that does not answer. Without it each client that comes during an outage would wait
// for the whole timeout to be told the same, all InFlightMax places would be taken by such waits, and a backend that has
// just come back would meet a queue of calls that nobody needs any more.
//
// Only failures to reach the backend, and timeouts, count. Whatever a backend answers it answers: a handler that replies
// 500 to one client must not keep the others out. Each lane has a breaker, or a handler of events that is too slow would.
type breaker struct {
	failuresMax int
	now         func() time.Time // time.Now but in tests

	mu       sync.Mutex
	failures int // in a row, while closed
	open     bool
	until    time.Time // while open: when the next call may try
	trying   bool      // while open: one call does
	era      int       // grows with each opening and closing; what began in another era says nothing of this one
	pauses   backoff.ExponentialBackOff
	count    int64 // of pauses
}

// turn is a call's permission, to be given back.
type turn struct{ era int }

// verdict is what a call has taught of the backend.
type verdict int

const (
	nothing verdict = iota // the caller went away
	alive
	dead
)

func (b *breaker) init(cfg *Config) {
	b.failuresMax, b.now = cfg.FailuresMax, time.Now
	b.pauses = backoff.ExponentialBackOff{
		InitialInterval: cfg.PauseMin, MaxInterval: cfg.PauseMax, Multiplier: pauseMultiplier, RandomizationFactor: jitter,
	}
}

// enter reports whether a call may be made. If so, leave has to follow.
func (b *breaker) enter() (turn, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		if b.trying || b.now().Before(b.until) {
			return turn{}, false
		}
		b.trying = true
	}
	return turn{b.era}, true
}

// change is what a call's end has brought about.
type change struct {
	paused, closed bool
	pause          time.Duration // if paused
}

// leave gives a turn back with what its call has taught.
func (b *breaker) leave(t turn, v verdict) change {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.era != b.era {
		return change{}
	}
	b.trying = false // if the breaker is open, then this call was the one that tried
	switch {
	case v == alive && b.open:
		return b.close()
	case v == alive:
		b.failures = 0
	case v == dead:
		b.failures++
		if b.open || b.failures >= b.failuresMax {
			return b.pause()
		}
	}
	return change{}
}

// pause opens the breaker, or keeps it open for another, longer while.
func (b *breaker) pause() change {
	pause := b.pauses.NextBackOff()
	b.open, b.until = true, b.now().Add(pause)
	b.era++
	b.count++
	return change{paused: true, pause: pause}
}

func (b *breaker) close() change {
	b.open, b.failures = false, 0
	b.era++
	b.pauses.Reset()
	return change{closed: true}
}

// state returns whether calls fail at once now, and how many pauses there have been.
func (b *breaker) state() (open bool, pauses int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open, b.count
}
