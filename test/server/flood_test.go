package server_test

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestFloodBeyondTheCap has many more clients come than are admitted. Those inside must not notice, those outside must
// hear why, and whoever leaves makes room.
func TestFloodBeyondTheCap(t *testing.T) {
	const capacity, attempts, atOnce, leaving = 200, 500, 50, 50
	s := starlingtest.Start(t, starlingtest.Serve(t, "--connections-max", fmt.Sprint(capacity)))
	inside := crowd(t, s.Addr, capacity)
	stop := keepEchoing(t, inside[:20])
	told := flood(t, s.Addr, attempts, atOnce)
	if stop() == 0 {
		t.Error("nobody inside had an echo while the flood lasted")
	}
	t.Logf("of %d attempts %d were refused with 503, %d closed without a word, %d were too slow", attempts, told.refused, told.closed, told.late)
	if told.refused == 0 || told.reset > 0 {
		t.Errorf("of %d attempts %d were reset", attempts, told.reset)
	}
	echoAll(t, inside)

	quickest := time.Hour
	for _, c := range inside[:leaving] {
		began := time.Now()
		if err := c.leave(); err != nil {
			t.Fatal(err)
		}
		quickest = min(quickest, time.Since(began))
	}
	if quickest > refusalTime {
		t.Errorf("none has left within %v, as if the server waited for its clients' ends", quickest)
	}
	inside = inside[leaving:]
	for range leaving {
		inside = append(inside, joinAgain(t, s.Addr))
	}
	echoAll(t, inside)
	if c, err := join(s.Addr); err == nil {
		c.Close()
		t.Error("there was room for one more than the cap")
	}
	s.Running(t)
}

// TestRefusalInFull holds a connection beyond the cap to each byte of its answer.
func TestRefusalInFull(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--connections-max", "1"))
	mustJoin(t, s.Addr)
	const want = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	for range 10 {
		begin := time.Now()
		c := starlingtest.Dial(t, s.Addr)
		_, err := io.WriteString(c, starlingtest.UpgradeRequest(target))
		got, readErr := io.ReadAll(c)
		if string(got) == want && errors.Join(err, readErr) == nil {
			return
		}
		if time.Since(begin) < refusalTime {
			t.Fatalf("got %q, %v and %v, want %q and the end", got, err, readErr, want)
		}
	}
	t.Error("this machine is too slow to hear a refusal")
}

// TestFewFiles has the server run into what the system gives it, which is less than the connections that come: many of
// them say nothing, and none goes away.
func TestFewFiles(t *testing.T) {
	const files, fit, attempts = 256, 128, 1000
	s := starlingtest.Start(t, starlingtest.WithFiles(files, starlingtest.Serve(t)))
	inside := crowd(t, s.Addr, fit)
	stop := keepEchoing(t, inside[:20])
	var outside []*starlingtest.Conn
	for i := range attempts {
		c := starlingtest.Dial(t, s.Addr)
		outside = append(outside, c)
		if i%2 == 0 { // it may be cut already
			_, _ = io.WriteString(c, starlingtest.UpgradeRequest(target))
		}
	}
	if stop() == 0 {
		t.Error("nobody inside had an echo while the flood lasted")
	}
	s.Running(t)
	echoAll(t, inside)
	for _, c := range outside {
		c.Close()
	}
	for _, c := range inside[:fit/2] {
		if err := c.leave(); err != nil {
			t.Fatal(err)
		}
	}
	inside = inside[fit/2:]
	for range fit / 2 {
		inside = append(inside, joinAgain(t, s.Addr))
	}
	echoAll(t, inside)
}

// crowd connects n clients.
func crowd(t *testing.T, addr string, n int) []*client {
	t.Helper()
	var all []*client
	for range n {
		all = append(all, mustJoin(t, addr))
	}
	return all
}

// echoAll wants an echo for each client.
func echoAll(t *testing.T, clients []*client) {
	t.Helper()
	for i, c := range clients {
		if err := c.echo(); err != nil {
			t.Fatalf("client %d of %d: %v", i, len(clients), err)
		}
	}
}

// keepEchoing has clients ask for one echo after the other until stop, which tells how many came.
func keepEchoing(t *testing.T, clients []*client) (stop func() int64) {
	var over atomic.Bool
	var echoes atomic.Int64
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for !over.Load() {
				if err := c.echo(); err != nil {
					t.Errorf("client %d, while others come: %v", i, err)
					return
				}
				echoes.Add(1)
			}
		})
	}
	return func() int64 {
		over.Store(true)
		wg.Wait()
		return echoes.Load()
	}
}

// tally counts what connections were told that could not get in.
type tally struct{ refused, closed, reset, late int64 }

// refusalTime is how long a connection beyond the cap may take to say what it wants, with as much to spare again. Who is
// cut off for taking longer gets no answer.
const refusalTime = 500 * time.Millisecond

// flood makes attempts to connect, some of them at once, none of which may succeed.
func flood(t *testing.T, addr string, attempts, atOnce int) tally {
	var left, refused, closed, reset, late atomic.Int64
	left.Store(int64(attempts))
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				begin := time.Now()
				c, err := join(addr)
				var why starlingtest.RefusedError
				switch {
				case err == nil:
					c.Close()
					t.Error("somebody got in although there was no room")
				case errors.As(err, &why) && why.Status == 503:
					refused.Add(1)
				case errors.Is(err, starlingtest.ErrSilent) && errors.Is(err, io.EOF):
					closed.Add(1)
				case (errors.Is(err, starlingtest.ErrSilent) || errors.Is(err, syscall.EPIPE)) && time.Since(begin) > refusalTime:
					late.Add(1)
				case errors.Is(err, starlingtest.ErrSilent) || errors.Is(err, syscall.EPIPE):
					reset.Add(1)
				default:
					t.Errorf("instead of a whole answer: %v", err)
				}
			}
		})
	}
	wg.Wait()
	return tally{refused.Load(), closed.Load(), reset.Load(), late.Load()}
}
