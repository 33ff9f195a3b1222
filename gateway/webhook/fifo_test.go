package webhook

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestFIFO holds it against a slice.
func TestFIFO(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var f fifo
	var slow []string
	for step := range 3000 {
		for range rnd.IntN(3 * chunkEntries / 2) {
			sid := fmt.Sprint(step, len(slow))
			f.push(entry{Notification: Notification{SID: sid}})
			slow = append(slow, sid)
		}
		n := rnd.IntN(2 * chunkEntries)
		if rnd.IntN(10) == 0 {
			n = len(slow)
		}
		n = min(n, len(slow))
		got := f.appendFirst(nil, n)
		if f.len != len(slow) || len(got) != n || n > 0 && *f.first() != got[0] {
			t.Fatalf("step %d: %d of %d entries, want %d of %d", step, len(got), f.len, n, len(slow))
		}
		for i := range got {
			if got[i].SID != slow[i] {
				t.Fatalf("step %d: entry %d is %s, want %s", step, i, got[i].SID, slow[i])
			}
		}
		f.remove(n)
		slow = slow[n:]
		if pieces := f.len/chunkEntries + 2; len(f.chunks) > pieces {
			t.Fatalf("step %d: %d pieces for %d entries", step, len(f.chunks), f.len)
		}
	}
	if got := f.appendFirst(nil, f.len+1); len(got) != f.len {
		t.Errorf("%d of %d entries when one more is asked for", len(got), f.len)
	}
}

// TestRemovedEntriesAreForgotten, or their strings would be kept as long as the piece.
func TestRemovedEntriesAreForgotten(t *testing.T) {
	var f fifo
	for range 10 {
		f.push(entry{Notification: Notification{SID: "a"}})
	}
	f.remove(4)
	for i, e := range f.chunks[0] {
		if (e.SID == "") != (i < 4) {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
}
