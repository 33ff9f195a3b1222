package scenario

import (
	"math"
	"slices"
	"testing"
)

func TestTimetable(t *testing.T) {
	take := func(table *timetable, now int64) (due []int64) {
		for at, ok := table.next(now); ok; at, ok = table.next(now) {
			due = append(due, at)
		}
		return due
	}
	var table timetable
	if due := take(&table, math.MaxInt64-1); due != nil || table.due() != math.MaxInt64 {
		t.Errorf("an empty table has %v", due)
	}
	table.begin(1000, 3_000_001_000, 4) // every 250 ms for 3 s
	for _, step := range []struct {
		now  int64
		want []int64
	}{
		{999, nil},
		{1000, []int64{1000}},
		{250_000_999, nil},
		{750_001_000, []int64{250_001_000, 500_001_000, 750_001_000}}, // who is late has all of them
		{750_001_001, nil},
	} {
		if got := take(&table, step.now); !slices.Equal(got, step.want) {
			t.Errorf("at %d: %v, want %v", step.now, got, step.want)
		}
	}
	table.begin(2_000_001_000, 3_000_001_000, 2)
	want := []int64{2_000_001_000, 2_500_001_000} // the one of 3 s is beyond the end
	if got := take(&table, 1<<40); !slices.Equal(got, want) {
		t.Errorf("at another rate %v, want %v", got, want)
	}
}
