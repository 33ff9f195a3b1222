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
		{"beyond the window", []uint32{64, 1, 0}, Tally{Delivered: 2, Reordered: 1, Duplicated: 1}, 65, 63},
		{"far beyond it, with some there", []uint32{1, 3, 200, 199}, Tally{Delivered: 4, Reordered: 1}, 201, 197},
		{"at the edge of belief", []uint32{SequenceJumpMax - 1}, Tally{Delivered: 1}, SequenceJumpMax, SequenceJumpMax - 1},
		{"beyond belief", []uint32{SequenceJumpMax, 0}, Tally{Delivered: 1, Garbled: 1}, 1, 0},
		{"one missing for long", append([]uint32{0}, numbers(2, 500)...), Tally{Delivered: 499}, 500, 1},
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

// numbers are those from a number on and below another.
func numbers(from, to uint32) (all []uint32) {
	for seq := from; seq < to; seq++ {
		all = append(all, seq)
	}
	return all
}

func TestSequenceFromANumberOn(t *testing.T) {
	s := SequenceFrom(7)
	for _, step := range []struct {
		seq  uint32
		want Verdict
		gaps uint64
	}{{7, Fresh, 0}, {9, Fresh, 1}, {6, Duplicated, 1}, {100, Fresh, 91}, {50, Reordered, 90}, {8, Duplicated, 90}} {
		if got := s.Note(step.seq); got != step.want || s.Gaps() != step.gaps {
			t.Errorf("%d: verdict %d with %d gaps, want %d with %d", step.seq, got, s.Gaps(), step.want, step.gaps)
		}
	}
	if got := s.Missing(102); got != 91 {
		t.Errorf("%d missing, want 91", got)
	}
}

func TestSequenceBeyondWhatWasSent(t *testing.T) {
	s := Sequence{}
	for _, seq := range []uint32{0, 1, 4, 6} {
		s.Note(seq)
	}
	for sent, want := range map[uint32]uint64{0: 4, 1: 3, 2: 2, 4: 2, 5: 1, 6: 1, 7: 0, 100: 0} {
		if got := s.Beyond(sent); got != want {
			t.Errorf("%d beyond %d, want %d", got, sent, want)
		}
	}
}

// slowSequence says the same as Sequence with a list of all that has come.
type slowSequence struct {
	arrived []uint32
	next    uint32 // of what is below it nothing is waited for
}

func (s *slowSequence) note(seq uint32) Verdict {
	for slices.Contains(s.arrived, s.next) {
		s.next++
	}
	if slices.Contains(s.arrived, seq) || seq < s.next {
		return Duplicated
	}
	if seq >= s.next+SequenceWindowMax {
		s.next = seq - (SequenceWindowMax - 1)
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
	for trial := range 300 {
		var s Sequence
		var slow slowSequence
		for at := range uint32(120) {
			seq := at + random.Uint32N(12) - min(at, 4)
			if trial%2 == 1 && random.Uint32N(20) == 0 {
				seq += random.Uint32N(100)
			}
			if got, want := s.Note(seq), slow.note(seq); got != want {
				t.Fatalf("number %d after %v: verdict %d, want %d", seq, slow.arrived, got, want)
			}
			if got, want := s.Seen(seq), slices.Contains(slow.arrived, seq) || seq < slow.next; got != want {
				t.Fatalf("number %d after %v: seen %v", seq, slow.arrived, got)
			}
		}
		top := slices.Max(slow.arrived)
		if got, want := s.Missing(top+5), slow.missing(top+5); got != want {
			t.Fatalf("after %v: %d missing, want %d", slow.arrived, got, want)
		}
		if got, want := s.Gaps(), slow.missing(top); got != want {
			t.Fatalf("after %v: %d gaps, want %d", slow.arrived, got, want)
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
