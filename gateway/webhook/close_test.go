package webhook

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestClose(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cfg     Config
		before  func(p *play)
		ctx     time.Duration
		dropped int64
		took    time.Duration
		want    string // the batches
	}{
		{"with nothing to do", Config{}, func(*play) {}, time.Minute, 0, 0, "[]"},
		{"does not wait for company", Config{}, func(p *play) { p.notify("a") }, time.Minute, 0, 0, "[[a]]"},
		{"flushes all, at its rate", Config{BatchMax: 1}, func(p *play) {
			p.notify("a", "b", "c")
		}, time.Minute, 0, 20 * time.Millisecond, "[[a] [b] [c]]"},
		{"flushes what fits", Config{BatchMax: 2, RateMax: 1}, func(p *play) {
			p.notify("a", "b", "c", "d", "e")
		}, 1500 * time.Millisecond, 1, 1500 * time.Millisecond, "[[a b] [c d]]"},
		{"cuts a pause short", Config{RetryTimeMin: time.Minute}, func(p *play) {
			p.replies(500, "")
			p.notify("a")
			p.wait(time.Second)
			p.replies(200, "")
			p.requests()
		}, 10 * time.Second, 0, 0, "[[a]]"},
		{"drops what the backend refuses", Config{}, func(p *play) {
			p.replies(400, "")
			p.notify("a", "b")
		}, time.Minute, 2, 0, "[[a b]]"},
		{"gives up with the backend away", Config{BatchMax: 2}, func(p *play) {
			p.away(true)
			p.notify("a", "b", "c", "d", "e")
			p.wait(2 * time.Second)
		}, 10 * time.Second, 5, 10 * time.Second, "[]"},
		{"gives up a stalled batch", Config{BatchMax: 2}, func(p *play) {
			p.stall()
			p.notify("a", "b", "c")
			p.wait(0)
		}, 2 * time.Second, 3, 2 * time.Second, "[[a b]]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, tc.cfg, func(p *play) {
				tc.before(p)
				ctx, cancel := context.WithTimeout(context.Background(), tc.ctx)
				defer cancel()
				began := time.Now()
				if dropped := p.client.Close(ctx); dropped != tc.dropped {
					t.Errorf("%d dropped, want %d", dropped, tc.dropped)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("Close took %v, want %v", took, tc.took)
				}
				if got := fmt.Sprint(p.batches()); got != tc.want {
					t.Errorf("sent %s, want %s", got, tc.want)
				}
				if p.client.Notify(Notification{Type: TypeConnected}) {
					t.Error("queued after Close")
				}
				if dropped := p.client.Close(ctx); dropped != 0 {
					t.Errorf("a second Close dropped %d", dropped)
				}
				if s := p.balance(); s.Waiting != 0 || s.Dropped.Closed == 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}
