package recovery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQueueAgainstASlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q queue[int]
	var slow []int
	for step := range 20_000 {
		filling := step/2000%2 == 0
		if len(slow) == 0 || filling == (r.IntN(4) > 0) {
			q.push(step)
			slow = append(slow, step)
		} else if got := q.pop(); got != slow[0] {
			t.Fatalf("popped %d, want %d", got, slow[0])
		} else {
			slow = slow[1:]
		}
		if q.len() != len(slow) {
			t.Fatalf("%d elements, want %d", q.len(), len(slow))
		}
		if len(slow) == 0 {
			continue
		}
		if i := r.IntN(len(slow)); q.at(i) != slow[i] || q.newest() != slow[len(slow)-1] {
			t.Fatalf("element %d is %d and the newest %d, want %d and %d", i, q.at(i), q.newest(), slow[i], slow[len(slow)-1])
		}
		wanted := r.IntN(step + 2)
		want, _ := slices.BinarySearch(slow, wanted)
		if got := q.search(func(v int) bool { return v >= wanted }); got != want {
			t.Fatalf("%d is at %d, want %d", wanted, got, want)
		}
		if len(q.ring) > queueKeptMin && q.len() < len(q.ring)/4 {
			t.Fatalf("%d elements in a ring of %d", q.len(), len(q.ring))
		}
	}
}

func TestQueueKeepsNothingAlive(t *testing.T) {
	var q queue[*int]
	for i := range 5 {
		q.push(&i)
	}
	q.pop()
	q.pop()
	kept := 0
	for _, p := range q.ring {
		if p != nil {
			kept++
		}
	}
	if kept != 3 {
		t.Errorf("the ring refers to %d values, want 3", kept)
	}
	for q.len() > 0 {
		q.pop()
	}
	if q.ring != nil {
		t.Error("an empty queue has a ring")
	}
}

func TestList(t *testing.T) {
	for _, row := range []struct {
		name   string
		remove []int
		want   []int
	}{
		{"nothing removed", nil, []int{0, 1, 2, 3}},
		{"the oldest", []int{0}, []int{1, 2, 3}},
		{"the newest", []int{3}, []int{0, 1, 2}},
		{"from the middle", []int{1, 2}, []int{0, 3}},
		{"all", []int{2, 0, 3, 1}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var l list[int]
			var nodes []*node[int]
			for i := range 4 {
				nodes = append(nodes, l.push(i))
			}
			for _, i := range row.remove {
				l.remove(nodes[i])
				if nodes[i].older != nil || nodes[i].newer != nil {
					t.Errorf("what was removed keeps others alive")
				}
			}
			var forth, back []int
			for n := l.oldest; n != nil; n = n.newer {
				forth = append(forth, n.value)
			}
			for n := l.newest; n != nil; n = n.older {
				back = append(back, n.value)
			}
			slices.Reverse(back)
			if !slices.Equal(forth, row.want) || !slices.Equal(back, row.want) || l.n != len(row.want) {
				t.Errorf("%v, backwards %v, %d in all, want %v", forth, back, l.n, row.want)
			}
		})
	}
}

func TestTableGivesMemoryBack(t *testing.T) {
	var tb table[int]
	const many = 4 * shrinkMin
	for i := range many {
		tb.set(fmt.Sprint(i), i)
	}
	for i := range many - 10 {
		tb.remove(fmt.Sprint(i))
	}
	if tb.peak > many/shrinkTo {
		t.Errorf("10 are left in a map made for %d", tb.peak)
	}
	for i := range many {
		if v, ok := tb.get(fmt.Sprint(i)); ok != (i >= many-10) || ok && v != i {
			t.Fatalf("%d is %d, %v", i, v, ok)
		}
	}
	tb.remove("nobody")
	if tb.len() != 10 {
		t.Errorf("%d are left, want 10", tb.len())
	}
}

func TestPast(t *testing.T) {
	p := past{step: 10 * time.Second}
	for _, s := range []struct {
		second   int
		position Position
	}{{0, 0}, {1, 0}, {2, 5}, {3, 6}, {11, 7}, {12, 8}, {13, 8}, {60, 8}, {61, 9}, {90, 9}, {91, 20}} {
		p.note(time.Duration(s.second)*time.Second, s.position)
	}
	look := func(second int) Position { return p.at(time.Duration(second) * time.Second) }
	for _, row := range []struct {
		name   string
		second int
		want   Position
	}{
		{"before all", -1, 0},
		{"when there was nothing", 1, 0},
		{"at a sample", 2, 5},
		{"between two samples: a step too low at most", 11, 5},
		{"at the next", 12, 8},
		{"in a silence", 59, 8},
		{"at the first thing behind it", 61, 9},
		{"at the last", 91, 20},
		{"since", 1000, 20},
	} {
		if got := look(row.second); got != row.want {
			t.Errorf("%s: at %d s it is at %d, want %d", row.name, row.second, got, row.want)
		}
	}
	p.forget(59 * time.Second)
	if look(59) != 8 || look(91) != 20 || p.samples.len() != 3 {
		t.Errorf("%d samples, and at 59 s it is at %d, want 3 and 8", p.samples.len(), look(59))
	}
}
