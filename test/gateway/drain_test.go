package gateway_test

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestDrain ends the server by SIGTERM under thousands of clients and a backend that goes on emitting. Each client gets everything
// that the backend was told is on its way to it, and an orderly goodbye; they leave one after the other; and the server ends in order.
func TestDrain(t *testing.T) {
	many, over := 9_000, 4*time.Second
	if starlingtest.RaceEnabled || testing.Short() {
		many = 1_500
	}
	s := start(t, "--drain-time", over.String(), "--connections-max", "10000")
	clients := crowd(t, s.Addr, many)

	var received atomic.Int64
	left := make([]time.Time, many)
	var leaving sync.WaitGroup
	for i, c := range clients {
		leaving.Go(func() {
			for {
				f, err := c.ReadFrame()
				switch {
				case err != nil:
					t.Errorf("client %d: %v instead of a goodbye", i, err)
					return
				case f.Head == starlingtest.Close:
					if !bytes.Equal(f.Payload, starlingtest.Wire("03e9")) {
						t.Errorf("client %d: closed with % x", i, f.Payload)
					}
					left[i] = time.Now()
					return
				case bytes.HasPrefix(f.Payload, []byte(`42["tick",`)):
					received.Add(1)
				}
			}
		})
	}
	promised := int64(0)
	emit := func() bool {
		var reply struct{ Queued int64 }
		err := s.Ask("POST", "/v1/broadcast", map[string]any{"event": "tick", "data": 1}, &reply)
		promised += reply.Queued
		return err == nil
	}
	for range 3 {
		if !emit() {
			t.Fatal("the backend is not heard before the drain")
		}
	}
	s.Signal(t, syscall.SIGTERM)
	during := 0
	for emit() { // until the control API ends, which is last
		during++
		time.Sleep(20 * time.Millisecond) // so that the machine has time for the rest
	}
	leaving.Wait()
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v", state)
	}
	s.Await(t, "stopped")
	if got := received.Load(); got != promised {
		t.Errorf("%d messages have arrived, of %d that were promised", got, promised)
	}
	slices.SortFunc(left, time.Time.Compare)
	span := left[many-1].Sub(left[0])
	t.Logf("%d clients left over %v (%v for the middle half), while the backend emitted %d times", many, span, left[many*3/4].Sub(left[many/4]), during)
	if span < over/4 { // a machine that stands still for a while may make it shorter than it is to be
		t.Errorf("the first client left only %v before the last", span)
	}
	if during == 0 {
		t.Error("nothing was emitted during the drain: the test tests nothing")
	}
}

// TestReadiness: who sends new clients hears at once that the server is about to end.
func TestReadiness(t *testing.T) {
	s := start(t, "--drain-time", "0s")
	c := crowd(t, s.Addr, 5)
	if err := s.Ask("GET", "/readyz", nil, nil); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := s.Ask("POST", "/v1/drain?over=1h", nil, nil); err != nil {
		t.Error(err)
	}
	eventually(t, "it is not ready any more", func() bool { return s.Ask("GET", "/readyz", nil, nil) != nil })
	if err := s.Ask("GET", "/healthz", nil, nil); err != nil {
		t.Errorf("it lives on: %v", err)
	}
	if _, err := c[0].Write(starlingtest.Masked(starlingtest.Text, []byte(`420["leave","x"]`))); err != nil {
		t.Fatal(err)
	}
	if f, err := c[0].ReadFrame(); err != nil || string(f.Payload) != `430[{"room":"x"}]` {
		t.Errorf("who is in is served on: %q, %v", f.Payload, err)
	}
	s.Signal(t, syscall.SIGTERM) // is less patient
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("SIGTERM during the drain ended it with %v", state)
	}
}

// TestSecondSignal: whoever has no patience for the drain ends the server by another signal.
func TestSecondSignal(t *testing.T) {
	s := start(t, "--drain-time", "24h")
	crowd(t, s.Addr, 2)
	s.Signal(t, syscall.SIGTERM)
	s.Await(t, "stopping")
	s.Signal(t, syscall.SIGTERM)
	if state := s.Wait(t); state.ExitCode() != 1 {
		t.Errorf("the second signal ended it with %v", state)
	}
}
