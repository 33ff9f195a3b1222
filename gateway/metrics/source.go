package metrics

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrScrapeTime is why a scrape lacks the figures of some loops, or of all: they did not answer in time.
var ErrScrapeTime = errors.New("metrics: the loops did not answer in time")

// source asks a question for many at once. There is never more than one on its way, so that one which is never answered
// costs one goroutine, however often it is asked.
type source[T any] struct {
	ask     func(context.Context) (T, error)
	timeMax time.Duration // that the context of ask lasts

	lock   sync.Mutex
	flight *flight[T] // nil: nobody asks
}

// flight is a question on its way.
type flight[T any] struct {
	landed chan struct{} // closed when the rest is set
	answer T
	err    error
}

// get returns the answer, which may be worth having in spite of its error. It is nil if none has come although the time of
// its context, and a little more, is over.
func (s *source[T]) get() (*T, error) {
	f := s.board()
	late := time.NewTimer(s.timeMax + graceTime)
	defer late.Stop()
	select {
	case <-f.landed:
		return &f.answer, f.err
	case <-late.C:
		return nil, ErrScrapeTime
	}
}

// board joins the question that is on its way, or asks it.
func (s *source[T]) board() *flight[T] {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.flight == nil {
		s.flight = &flight[T]{landed: make(chan struct{})}
		go s.fly(s.flight)
	}
	return s.flight
}

func (s *source[T]) fly(f *flight[T]) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), s.timeMax, ErrScrapeTime)
	defer cancel()
	f.answer, f.err = s.ask(ctx)
	s.lock.Lock()
	s.flight = nil
	s.lock.Unlock()
	close(f.landed)
}
