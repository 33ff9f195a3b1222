package metrics

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"starling/hub"
	"starling/internal/starlingtest"
)

// serve runs a server with two loops until the test is over.
func serve(t *testing.T, io *hub.Server) {
	t.Helper()
	if err := io.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- io.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	<-io.Ready()
}

// client is a WebSocket that is in the main namespace.
func client(t *testing.T, io *hub.Server) *starlingtest.Conn {
	t.Helper()
	c := starlingtest.Dial(t, io.Addr().String())
	if err := c.Upgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
		t.Fatal(err)
	}
	hear(t, c, '0')
	say(t, c, "40")
	hear(t, c, '4')
	return c
}

func say(t *testing.T, c *starlingtest.Conn, packet string) {
	t.Helper()
	if _, err := c.Write(starlingtest.Masked(starlingtest.Text, []byte(packet))); err != nil {
		t.Fatal(err)
	}
}

// hear reads a packet, and wants it to be of a type of Engine.IO.
func hear(t *testing.T, c *starlingtest.Conn, kind byte) {
	t.Helper()
	f, err := c.ReadFrame()
	if err != nil || len(f.Payload) == 0 || f.Payload[0] != kind {
		t.Fatalf("got %q, %v; want a packet of type %c", f.Payload, err, kind)
	}
}

// TestARealServer connects, sends, is refused, and holds a loop.
func TestARealServer(t *testing.T) {
	io := hub.New(hub.Options{Loops: 2, ConnectionsMax: 50, Logger: slog.New(slog.DiscardHandler)})
	holding, release := make(chan struct{}), make(chan struct{})
	io.OnLoop("hold", func(_ *hub.Socket, e *hub.Event) {
		close(holding)
		<-release
		_ = e.Ack()
	})
	io.OnLoop("everyone", func(_ *hub.Socket, e *hub.Event) { _ = io.Emit("news", 1) })
	serve(t, io)
	cfg := Config{
		Stats: io.Stats, ConnectionsMax: io.ConnectionsMax, Draining: io.Draining,
		ScrapeTime: starlingtest.Patience, Logger: slog.New(slog.DiscardHandler),
	}
	patient := New(cfg)
	cfg.ScrapeTime = time.Millisecond
	hasty := New(cfg)

	a, b := client(t, io), client(t, io)
	say(t, a, `42["everyone"]`)
	hear(t, a, '4')
	hear(t, b, '4')
	refused := starlingtest.Dial(t, io.Addr().String())
	if _, err := refused.Write([]byte(starlingtest.GetRequest("/socket.io/?EIO=3&transport=polling"))); err != nil {
		t.Fatal(err)
	}
	if r, err := refused.ReadResponse(); err != nil || r.Status != 400 {
		t.Fatalf("got %+v, %v; want a refusal", r, err)
	}
	want := []string{
		"starling_scrape_success 1", "starling_connections 3", "starling_connections_max 50", "starling_sockets 2", "starling_draining 0",
		`starling_sessions{transport="websocket"} 2`, `starling_sessions{transport="polling"} 0`,
		`starling_sessions_begun_total{transport="websocket"} 2`,
		"starling_events_received_total 1", "starling_deliveries_total 2",
		`starling_requests_refused_total{cause="unsupported version"} 1`,
		`starling_sessions_closed_total{reason="transport close"} 0`,
		`starling_loop_held{loop="0"} 0`, `starling_loop_held{loop="1"} 0`,
	}
	expectLines(t, scrape(t, patient), want...)
	var wg sync.WaitGroup
	for range 8 { // at once
		wg.Go(func() { expectLines(t, scrape(t, patient), want...) })
	}
	wg.Wait()

	say(t, a, `421["hold"]`)
	<-holding
	// Who asks once more than there is time for gets the figures from before.
	expectLines(t, scrape(t, hasty), "starling_scrape_success 0", "starling_connections 3", "starling_sockets 2")
	close(release)
	hear(t, a, '4')
	expectLines(t, scrape(t, patient), "starling_scrape_success 1", "starling_acks_sent_total 1", "starling_events_received_total 2")
}
