//go:build !race

package webhook

import (
	"context"
	"testing"
	"time"
)

// TestAllocationsOfNotify: whoever notifies of a hundred thousand disconnections pays for the places in the queue alone.
func TestAllocationsOfNotify(t *testing.T) {
	c := dial(t, Config{URL: aURL, BatchDelay: time.Hour, BatchMax: QueueMaxDefault})
	n := Notification{Type: TypeDisconnected, SID: "a1", User: "42", Namespace: "/", Reason: "transport close"}
	const many = 10_000
	per := testing.AllocsPerRun(5, func() {
		for range many {
			if !c.Notify(n) {
				t.Fatal("not queued")
			}
		}
	})
	if per > 0.01*many {
		t.Errorf("%.0f allocations for %d notifications", per, many)
	}
}

func BenchmarkNotify(b *testing.B) {
	c, err := New(Config{URL: aURL, BatchDelay: time.Hour, BatchMax: 1 << 20, QueueMax: 1 << 40, QueueBytesMax: 1 << 60})
	if err != nil {
		b.Fatal(err)
	}
	n := Notification{Type: TypeDisconnected, SID: "a1", User: "42", Namespace: "/", Reason: "transport close"}
	b.ReportAllocs()
	for b.Loop() {
		c.Notify(n)
	}
	b.StopTimer()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.Close(ctx)
}

func BenchmarkBatch(b *testing.B) {
	entries := make([]entry, BatchMaxDefault)
	for i := range entries {
		entries[i].Notification = Notification{Type: TypeDisconnected, SID: "a1", User: "42", Namespace: "/", Reason: "transport close"}
	}
	b.ReportAllocs()
	for b.Loop() {
		appendBatch(nil, head{}, entries, BatchBytesMaxDefault)
	}
}
