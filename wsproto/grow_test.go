package wsproto

import (
	"bytes"
	"testing"
)

// TestFragmentsAreNotCopiedEach counts how often the accumulator of a message in many fragments is replaced: it must
// grow by a factor, not by fragments, or their sender has the message copied as often as it has fragments.
func TestFragmentsAreNotCopiedEach(t *testing.T) {
	for _, row := range []struct {
		name      string
		fragment  string
		fragments int
	}{
		{"one byte each", "00 81 00000000 'a'", 1 << 14},
		{"64 bytes each", "00 c0 00000000 61*64", 1 << 14},
		{"1000 bytes each", "00 fe 03e8 00000000 61*1000", 1 << 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := NewReader(Server, &Limits{MessageBytesMax: 16 << 20, FragmentsMax: 1 << 17})
			frame, in := wire(row.fragment), wire("02 80 00000000")
			grown, held := 0, 0
			for range row.fragments {
				if _, n, err := r.Next(in); n != len(in) || err != nil {
					t.Fatalf("Next took %d of %d bytes and returned %v", n, len(in), err)
				}
				if r.HeldBytes() != held {
					grown, held = grown+1, r.HeldBytes()
				}
				in = bytes.Clone(frame)
			}
			if grown > 24 { // log2 of 16 MiB
				t.Errorf("the accumulator was replaced %d times for %d fragments", grown, row.fragments)
			}
		})
	}
}
