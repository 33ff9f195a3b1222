package scenario

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestAlarmsComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h alarms
	var slow []int64 // the same, sorted at every look
	for step := range 10_000 {
		if len(slow) == 0 || random.IntN(5) < 3 && step < 9_000 {
			due := random.Int64N(1000)
			h.push(alarm{due, int32(due)})
			slow = append(slow, due)
			continue
		}
		slices.Sort(slow)
		if got := h.pop(); got.due != slow[0] || got.guest != int32(slow[0]) {
			t.Fatalf("step %d: %v, want %d", step, got, slow[0])
		}
		slow = slow[1:]
	}
}

func TestLine(t *testing.T) {
	var l line
	if l.first() != nil {
		t.Error("an empty line has a first")
	}
	next, last := int64(0), int64(0)
	for last < 3*lineSlackMax { // two come, one goes
		l.push(arrival{due: last, body: []byte{1}})
		l.push(arrival{due: last + 1, body: []byte{1}})
		last += 2
		if first := l.first().due; first != next || l.pop().due != next {
			t.Fatalf("%d is first, want %d", first, next)
		}
		next++
	}
	for ; next < last; next++ {
		if got := l.pop().due; got != next {
			t.Fatalf("%d, want %d", got, next)
		}
	}
	if l.first() != nil || len(l.arrivals) != 0 {
		t.Errorf("%d are left", len(l.arrivals))
	}
	for i, a := range l.arrivals[:cap(l.arrivals)] {
		if a.body != nil {
			t.Fatalf("place %d holds on to its bytes", i)
		}
	}
}

// Of the frames in a line those of one session are taken, in their order and once.
func TestTakingFrames(t *testing.T) {
	var l line
	for _, a := range []arrival{
		{guest: 1, session: 7, kind: framed, body: []byte("gone")},
		{guest: 1, session: 7, kind: framed, body: []byte("a")},
		{guest: 2, session: 8, kind: framed, body: []byte("another's")},
		{guest: 1, session: 6, kind: framed, body: []byte("an earlier session's")},
		{guest: 1, session: 7, kind: ended},
		{guest: 1, session: 7, kind: framed, body: []byte("b")},
	} {
		l.push(a)
	}
	l.pop()
	for _, want := range []string{"a b", ""} {
		if got := string(bytes.Join(l.take(1, 7), []byte(" "))); strings.TrimSpace(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if len(l.arrivals)-l.head != 5 || string(l.arrivals[2].body) != "another's" {
		t.Errorf("left: %+v", l.arrivals[l.head:])
	}
}
