package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// TestABackendThatStandsStill: while the backend answers nothing, everything that does not need it goes on, and what it misses is
// counted.
func TestABackendThatStandsStill(t *testing.T) {
	held := make(chan struct{})
	var told atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		<-held
		told.Add(int64(bytes.Count(body, []byte(`"type":"connected"`)) + bytes.Count(body, []byte(`"type":"disconnected"`))))
	}))
	defer backend.Close()
	released := false
	release := func() {
		if !released {
			close(held)
		}
		released = true
	}
	defer release()
	s := start(t, "--webhook-url", backend.URL, "--webhook-hooks", "event,connected,disconnected", "--webhook-events", "order",
		"--webhook-queue-max", "200", "--webhook-timeout", "1m", "--webhook-in-flight-max", "10", "--connections-max", "5000")

	clients := crowd(t, s.Addr, 300)
	for _, c := range clients[:100] { // more than may be under way
		if _, err := c.Write(starlingtest.Masked(starlingtest.Text, []byte(`42["order",1]`))); err != nil {
			t.Fatal(err)
		}
	}
	for range 300 { // and clients that come and go
		c, err := join(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for i := range 100 {
		var reply struct{ Matched, Queued int }
		if err := s.Ask("POST", "/v1/broadcast", map[string]any{"event": "tick", "data": i}, &reply); err != nil || reply.Queued < 300 {
			t.Fatalf("broadcast %d: %+v, %v", i, reply, err)
		}
	}
	for n, c := range clients {
		for i := range 100 {
			if f, err := c.ReadFrame(); err != nil || string(f.Payload) != fmt.Sprintf(`42["tick",%d]`, i) {
				t.Fatalf("client %d: message %d is %q, %v", n, i, f.Payload, err)
			}
		}
	}
	const notifications = 300 + 2*300
	dropped := func() float64 { return s.Metric(t, `starling_webhook_notifications_dropped_total{cause="full"}`) }
	eventually(t, "what does not fit is counted", func() bool { return dropped() == notifications-200 })
	release()
	eventually(t, "what has waited is sent", func() bool { return told.Load() == 200 })
	if got := dropped(); got != notifications-200 {
		t.Errorf("%v notifications were dropped, want %d", got, notifications-200)
	}
}
