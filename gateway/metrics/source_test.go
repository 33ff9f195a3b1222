package metrics

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errAsked = errors.New("no answer")

func TestSource(t *testing.T) {
	n := 0
	s := source[int]{timeMax: time.Minute, ask: func(context.Context) (int, error) {
		n++
		if n == 2 {
			return -1, errAsked
		}
		return n, nil
	}}
	for _, tc := range []struct {
		name string
		want int
		err  error
	}{
		{"an answer", 1, nil},
		{"an error, and what there is all the same", -1, errAsked},
		{"asked anew behind an error", 3, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := s.get(); *got != tc.want || err != tc.err {
				t.Errorf("got %d, %v; want %d, %v", *got, err, tc.want, tc.err)
			}
		})
	}
}

func TestSourceWaitsForWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source[int]{timeMax: 2 * time.Second, ask: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 7, context.Cause(ctx)
		}}
		began := time.Now()
		if got, err := s.get(); got == nil || *got != 7 || !errors.Is(err, ErrScrapeTime) {
			t.Errorf("got %v, %v; want 7 and ErrScrapeTime", got, err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestSourceAsksOnce: who comes while a question is on its way waits for that answer, also if it never comes.
func TestSourceAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		answer := make(chan int)
		s := source[int]{timeMax: 2 * time.Second, ask: func(context.Context) (int, error) { asked.Add(1); return <-answer, nil }}
		began := time.Now()
		for round := range 3 {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if got, err := s.get(); got != nil || err != ErrScrapeTime {
						t.Errorf("round %d: got %v, %v; want nothing and ErrScrapeTime", round, got, err)
					}
				})
			}
			wg.Wait()
		}
		if took := time.Since(began); took != 3*2500*time.Millisecond {
			t.Errorf("they gave up after %v", took)
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times while no answer came, want once", asked.Load())
		}
		answer <- 5
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() {
			if got, err := s.get(); *got != 6 || err != nil {
				t.Errorf("got %d, %v behind that; want 6", *got, err)
			}
		})
		synctest.Wait()
		answer <- 6
		wg.Wait()
		if asked.Load() != 2 {
			t.Errorf("asked %d times, want 2", asked.Load())
		}
	})
}
