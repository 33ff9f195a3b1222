package webhook

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTooManyCalls(t *testing.T) {
	perform(t, Config{InFlightMax: 3}, func(p *play) {
		p.stall()
		ended := make(chan error, 3)
		ctx, cancel := context.WithCancel(context.Background())
		for _, call := range calls {
			go func() { ended <- call(ctx, p.client) }()
		}
		synctest.Wait()
		if n := p.client.Stats().InFlight; n != 3 {
			t.Errorf("%d in flight", n)
		}
		for kind, call := range calls {
			if err := call(context.Background(), p.client); err != ErrBusy {
				t.Errorf("%s: %v", kind, err)
			}
			if n := p.calls(kind, OutcomeBusy); n != 1 {
				t.Errorf("%s: %d are counted", kind, n)
			}
		}
		cancel()
		for range 3 {
			if err := <-ended; err != context.Canceled {
				t.Errorf("%v", err)
			}
		}
		synctest.Wait()
		p.replies(200, `{"allow":true}`)
		if err := calls[KindJoin](context.Background(), p.client); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestABackendThatIsAwayIsLeftAlone has clients come during an outage of a minute, ten a second.
func TestABackendThatIsAwayIsLeftAlone(t *testing.T) {
	perform(t, Config{FailuresMax: 5}, func(p *play) {
		p.stall()
		var mu sync.Mutex
		outcomes := map[error]int{}
		var slowest time.Duration
		for range 600 {
			go func() {
				began := time.Now()
				err := calls[KindJoin](context.Background(), p.client)
				mu.Lock()
				defer mu.Unlock()
				outcomes[err]++
				slowest = max(slowest, time.Since(began))
			}()
			p.wait(100 * time.Millisecond)
		}
		p.replies(200, `{"allow":true}`)
		p.wait(40 * time.Second) // the longest pause, and the call that is under way
		if slowest != TimeoutDefault {
			t.Errorf("the slowest took %v", slowest)
		}
		// 55 come until five have timed out, and then one after each pause.
		if n := outcomes[ErrTimeout]; n < 54 || n > 60 || n+outcomes[ErrUnavailable] != 600 {
			t.Errorf("outcomes %v", outcomes)
		}
		s := p.client.Stats()
		if len(s.Unavailable) == 0 || s.Pauses < 4 || s.Pauses > 6 {
			t.Errorf("%v unavailable, after %d pauses", s.Unavailable, s.Pauses)
		}
		if err := calls[KindJoin](context.Background(), p.client); err != nil {
			t.Errorf("when it is back: %v", err)
		}
		if s := p.client.Stats(); s.Unavailable != nil {
			t.Errorf("%v still unavailable", s.Unavailable)
		}
		log := p.log.String()
		if strings.Count(log, "the backend answers again") != 1 || strings.Count(log, "the backend does not answer") != int(s.Pauses) {
			t.Errorf("log %s", log)
		}
	})
}

// TestWhatOpensNoBreaker: answers, whatever they are, and callers that go away.
func TestWhatOpensNoBreaker(t *testing.T) {
	for name, status := range map[string]int{"500": 500, "404": 404, "junk": 200} {
		t.Run(name, func(t *testing.T) {
			perform(t, Config{FailuresMax: 2}, func(p *play) {
				p.replies(status, "junk")
				for range 10 {
					if err := calls[KindEvent](context.Background(), p.client); err == nil || err == ErrUnavailable {
						t.Fatalf("%v", err)
					}
				}
			})
		})
	}
	t.Run("callers that go away", func(t *testing.T) {
		perform(t, Config{FailuresMax: 2}, func(p *play) {
			p.stall()
			for range 10 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				if err := calls[KindEvent](ctx, p.client); err != context.DeadlineExceeded {
					t.Fatalf("%v", err)
				}
				cancel()
			}
		})
	})
}

func TestNotificationsDoNotWaitForTheBreaker(t *testing.T) {
	perform(t, Config{FailuresMax: 1}, func(p *play) {
		p.stall()
		_ = calls[KindEvent](context.Background(), p.client)
		p.replies(200, "")
		p.notify("a")
		p.wait(BatchDelayDefault)
		if s := p.client.Stats(); s.Sent != 1 || len(s.Unavailable) == 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestCallsAndClose(t *testing.T) {
	t.Run("are finished", func(t *testing.T) {
		perform(t, Config{}, func(p *play) {
			p.answers(func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(2 * time.Second)
				_, _ = io.WriteString(w, `{"allow":true}`)
			})
			ended := make(chan error, 1)
			go func() { ended <- calls[KindJoin](context.Background(), p.client) }()
			synctest.Wait()
			closed := make(chan struct{})
			for range 2 { // two at once do not get in each other's way
				go func() { p.client.Close(context.Background()); closed <- struct{}{} }()
			}
			synctest.Wait()
			for kind, call := range calls {
				if err := call(context.Background(), p.client); err != ErrClosed {
					t.Errorf("%s while it closes: %v", kind, err)
				}
			}
			if err := <-ended; err != nil {
				t.Errorf("%v", err)
			}
			<-closed
			<-closed
			if took := time.Since(p.began); took != 2*time.Second {
				t.Errorf("took %v", took)
			}
			for kind, call := range calls {
				if err := call(context.Background(), p.client); err != ErrClosed {
					t.Errorf("%s afterwards: %v", kind, err)
				}
				if n := p.calls(kind, OutcomeClosed); n != 2 {
					t.Errorf("%s: %d are counted", kind, n)
				}
			}
		})
	})
	t.Run("as far as there is time", func(t *testing.T) {
		perform(t, Config{}, func(p *play) {
			p.stall()
			ended := make(chan error, 3)
			for _, call := range calls {
				go func() { ended <- call(context.Background(), p.client) }()
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			p.client.Close(ctx)
			for range 3 {
				if err := <-ended; err != ErrClosed {
					t.Errorf("%v", err)
				}
			}
			if took := time.Since(p.began); took != time.Second {
				t.Errorf("took %v", took)
			}
		})
	})
}
