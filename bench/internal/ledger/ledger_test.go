package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSequenceVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name     string
		arrivals []uint32
		want     Tally
		sent     uint32
		missing  uint64
	}{
		{"in order", []uint32{0, 1, 2}, Tally{Delivered: 3}, 3, 0},
		{"nothing", nil, Tally{}, 2, 2},
		{"drop in the middle", []uint32{0, 2, 3}, Tally{Delivered: 3}, 4, 1},
		{"drop at the end", []uint32{0, 1}, Tally{Delivered: 2}, 3, 1},
		{"double at once", []uint32{0, 0, 1}, Tally{Delivered: 2, Duplicated: 1}, 2, 0},
		{"double of one that waits for another", []uint32{1, 1, 0}, Tally{Delivered: 2, Duplicated: 1, Reordered: 1}, 2, 0},
		{"double much later", []uint32{0, 1, 2, 0}, Tally{Delivered: 3, Duplicated: 1}, 3, 0},
		{"swap", []uint32{0, 2, 1, 3}, Tally{Delivered: 4, Reordered: 1}, 4, 0},
		{"swap beyond a gap", []uint32{0, 4, 3}, Tally{Delivered: 3, Reordered: 1}, 5, 2},
		{"reversed", []uint32{2, 1, 0}, Tally{Delivered: 3, Reordered: 2}, 3, 0},
		{"edge of the window", []uint32{63}, Tally{Delivered: 1}, 64, 63},
		{"beyond the window", []uint32{64, 0}, Tally{Delivered: 1, Garbled: 1}, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Sequence
			var got Tally
			for _, seq := range tc.arrivals {
				got.Note(s.Note(seq))
			}
			if got != tc.want {
				t.Errorf("tally %+v, want %+v", got, tc.want)
			}
			if m := s.Missing(tc.sent); m != tc.missing {
				t.Errorf("%d missing, want %d", m, tc.missing)
			}
		})
	}
}

// slowSequence says the same as Sequence with a list of all that has come.
type slowSequence struct{ arrived []uint32 }

func (s *slowSequence) note(seq uint32) Verdict {
	next := uint32(0)
	for slices.Contains(s.arrived, next) {
		next++
	}
	switch {
	case slices.Contains(s.arrived, seq):
		return Duplicated
	case seq >= next+SequenceWindowMax:
		return Unsent
	}
	before := slices.ContainsFunc(s.arrived, func(a uint32) bool { return a > seq })
	s.arrived = append(s.arrived, seq)
	if before {
		return Reordered
	}
	return Fresh
}

func (s *slowSequence) missing(sent uint32) (n uint64) {
	for seq := range sent {
		if !slices.Contains(s.arrived, seq) {
			n++
		}
	}
	return n
}

func TestSequenceEqualsItsTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var s Sequence
		var slow slowSequence
		for at := range uint32(120) {
			seq := at + random.Uint32N(12) - min(at, 4)
			if got, want := s.Note(seq), slow.note(seq); got != want {
				t.Fatalf("number %d after %v: verdict %d, want %d", seq, slow.arrived, got, want)
			}
			if got, want := s.Seen(seq), slices.Contains(slow.arrived, seq); got != want {
				t.Fatalf("number %d after %v: seen %v", seq, slow.arrived, got)
			}
		}
		if got, want := s.Missing(120), slow.missing(120); got != want {
			t.Fatalf("after %v: %d missing, want %d", slow.arrived, got, want)
		}
	}
}

func TestTallyCleanAndAdd(t *testing.T) {
	sum := Tally{Delivered: 5}
	if !sum.Clean() {
		t.Error("deliveries alone are not clean")
	}
	for _, fault := range []Tally{{Lost: 1}, {Duplicated: 1}, {Reordered: 1}, {Misrouted: 1}, {Garbled: 1}} {
		if fault.Clean() {
			t.Errorf("%+v is clean", fault)
		}
		sum.Add(fault)
	}
	if want := (Tally{Delivered: 5, Lost: 1, Duplicated: 1, Reordered: 1, Misrouted: 1, Garbled: 1}); sum != want {
		t.Errorf("sum %+v, want %+v", sum, want)
	}
}
