//go:build !race

package rooms

import (
	"fmt"
	"testing"
)

func TestAWalkAllocatesNothing(t *testing.T) {
	x := New[*member](nil)
	members := make([]member, 1000)
	for i := range members {
		x.Add(&members[i], fmt.Sprint(i))
		x.Join(&members[i], "r")
	}
	met := 0
	count := func(*member) { met++ }
	in, except := []string{"r"}, []string{"7"}
	for name, walk := range map[string]func(){
		"everyone":            func() { x.Each(nil, nil, count) },
		"a room":              func() { x.Each(in, nil, count) },
		"a room but one":      func() { x.Each(in, except, count) },
		"everyone but a room": func() { x.Each(nil, in, count) },
	} {
		if n := testing.AllocsPerRun(100, walk); n > 2 { // the two closures of a marked walk, however many members
			t.Errorf("%s: %v allocations in a walk over 1,000 members", name, n)
		}
	}
	if met == 0 {
		t.Fatal("the walks met nobody")
	}
}

func TestJoinAndLeaveAllocateNothing(t *testing.T) {
	for name, dir := range directories() {
		x, members := joined(dir, 1000)
		m, rejoined := &members[7], true
		n := testing.AllocsPerRun(1000, func() {
			rejoined = x.Leave(m, "large") && x.Join(m, "large") && rejoined
		})
		if n != 0 || !rejoined {
			t.Errorf("%s: %v allocations to leave a room and join it again", name, n)
		}
	}
}

func TestANewRoomAllocatesOneEntryMore(t *testing.T) {
	life := map[string]float64{}
	for name, dir := range directories() {
		x, members := joined(dir, 1)
		life[name] = testing.AllocsPerRun(1000, func() {
			x.Join(&members[0], "small")
			x.Leave(&members[0], "small")
		})
	}
	if life["alone"] == 0 || life["directory"] != life["alone"]+1 || life["watched"] != life["directory"] {
		t.Errorf("allocations for the life of a room: %v", life)
	}
}
