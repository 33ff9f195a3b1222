package server_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestHandshakesWithoutMore has one client begin sessions that it does nothing with. There are never more than
// --connections-max of them, and they cost little.
func TestHandshakesWithoutMore(t *testing.T) {
	t.Parallel()
	const most, attempts, atOnce = 2000, 5000, 10
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--connections-max", fmt.Sprint(most)))
	o := newOnlookers(t, s.Addr)
	memory := memoryOf(t, s)
	begun := 0
	o.during(t, func() {
		begun = len(beginSessions(t, s.Addr, attempts, atOnce))
		comeAndGo(t, s.Addr) // a WebSocket takes up a connection and nothing else
	})
	if begun != most-1 { // one of the onlookers polls
		t.Errorf("of %d handshakes %d were accepted, want %d", attempts, begun, most-1)
	}
	if more := memoryOf(t, s) - memory; more > memoryMax && !starlingtest.RaceEnabled {
		t.Errorf("the server has %d MiB more than before", more>>20)
	}
	s.Stop(t)
}

// TestHandshakesTimeOut has --connect-timeout end sessions that nothing is done with, and their places are free again.
func TestHandshakesTimeOut(t *testing.T) {
	t.Parallel()
	const most = 500
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--connections-max", fmt.Sprint(most), "--connect-timeout", "1s"))
	since := time.Now()
	wantTimedOut(t, s, beginSessions(t, s.Addr, most, 10), since)
	if begun := len(beginSessions(t, s.Addr, most, 10)); begun != most {
		t.Errorf("of %d handshakes after that %d were accepted", most, begun)
	}
	s.Stop(t)
}

// beginSessions begins sessions over several connections at once, and returns those that were not refused with 503.
func beginSessions(t *testing.T, addr string, attempts, atOnce int) (begun []*starlingtest.Poller) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			c, err := starlingtest.TryDial(addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range attempts / atOnce {
				p, err := handshake(c)
				mu.Lock()
				if err != nil {
					t.Error(err)
				} else if p != nil {
					begun = append(begun, p)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return begun
}

// handshake tries to begin a session: it returns nil where the server refuses with 503.
func handshake(c *starlingtest.Conn) (*starlingtest.Poller, error) {
	if _, err := io.WriteString(c, starlingtest.GetRequest(pollTarget)); err != nil {
		return nil, err
	}
	switch r, err := c.ReadResponse(); {
	case err != nil:
		return nil, err
	case r.Status == 503 && r.Header.Get("Retry-After") == "2":
		return nil, nil
	case r.Status != 200:
		return nil, fmt.Errorf("answered with %d, %v", r.Status, r.Header)
	default:
		p := new(starlingtest.Poller)
		return p, p.Accept(r.Body)
	}
}

// goodbyeTime is for how long the server remembers a session that it has ended, with some time to spare.
const goodbyeTime = 20 * time.Second

// wantTimedOut wants each session, none of which has begun earlier than that, to be over, or to end while a GET waits, and
// to be told so, unless it comes too late.
func wantTimedOut(t *testing.T, s *starlingtest.Server, all []*starlingtest.Poller, since time.Time) {
	t.Helper()
	c := starlingtest.Dial(t, s.Addr)
	defer c.Close()
	for _, p := range all {
		_, err := io.WriteString(c, p.GetRequest())
		r, readErr := c.ReadResponse()
		forgotten := time.Since(since) > goodbyeTime && (starlingtest.StatusError{Status: r.Status, Body: r.Body}) == starlingtest.ErrUnknownSession
		told := slices.Contains([]string{"1", "6" + starlingtest.Separator + "1"}, r.Body)
		if err = errors.Join(err, readErr); err != nil || !told && !forgotten {
			t.Fatalf("a session that never connected: %d, %q, %v", r.Status, r.Body, err)
		}
	}
}

// TestConnectRate has 500 clients come at once, of either kind, where 50 may begin in a second.
func TestConnectRate(t *testing.T) {
	t.Parallel()
	const perSecond, attempts = 50, 500
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--connect-rate", fmt.Sprint(perSecond)))
	requests := []string{starlingtest.GetRequest(pollTarget), starlingtest.UpgradeRequest(target)}
	conns := make([]*starlingtest.Conn, attempts)
	for i := range conns {
		conns[i] = starlingtest.Dial(t, s.Addr)
	}
	var mu sync.Mutex
	begun := map[int]int{} // sessions, by the kind of request
	begin := time.Now()
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			_, err := io.WriteString(c, requests[i%2])
			r, readErr := c.ReadResponse()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Join(err, readErr) != nil:
				t.Errorf("client %d: %v, %v", i, err, readErr)
			case r.Status == 503 && r.Header.Get("Retry-After") == "2":
			case r.Status == 200-99*(i%2): // 101 for an upgrade
				begun[i%2]++
			default:
				t.Errorf("client %d was answered with %d, %v", i, r.Status, r.Header)
			}
		})
	}
	wg.Wait()
	bound := perSecond + int(time.Since(begin).Seconds()*perSecond) + 1
	if all := begun[0] + begun[1]; all < perSecond || all > bound || begun[0] == 0 || begun[1] == 0 {
		t.Errorf("%d clients that poll and %d with a WebSocket were let in; want %d to %d, and some of each", begun[0], begun[1], perSecond, bound)
	}
	eventually(t, "one that polls is let in again", func() bool { _, err := joinPolling(s.Addr); return err == nil })
	if err := joinAgain(t, s.Addr).echo(); err != nil {
		t.Error(err)
	}
	s.Stop(t)
}
