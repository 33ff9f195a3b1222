package rooms

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
)

// joined returns an index of n members that are all in the room "large" and in one more each.
func joined(dir *Directory, n int) (*Index[*member], []member) {
	x, members := New[*member](dir), make([]member, n)
	for i := range members {
		members[i].id = fmt.Sprint(i)
		x.Add(&members[i], members[i].id)
		x.Join(&members[i], "another")
		x.Join(&members[i], "large")
	}
	return x, members
}

// directories are the ways in which an index can be kept.
func directories() map[string]*Directory {
	watched := NewDirectory(2)
	watched.Watch(func(Event) {})
	return map[string]*Directory{"alone": nil, "directory": NewDirectory(2), "watched": watched}
}

// BenchmarkJoinLeave is a member's way out of a room of 100,000 and back.
func BenchmarkJoinLeave(b *testing.B) {
	for name, dir := range directories() {
		b.Run(name, func(b *testing.B) {
			x, members := joined(dir, 100_000)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m := &members[i%len(members)]
				x.Leave(m, "large")
				x.Join(m, "large")
			}
		})
	}
}

// BenchmarkNewRoom is the life of a room with one member.
func BenchmarkNewRoom(b *testing.B) {
	for name, dir := range directories() {
		b.Run(name, func(b *testing.B) {
			x, members := joined(dir, 1)
			b.ReportAllocs()
			for b.Loop() {
				x.Join(&members[0], "small")
				x.Leave(&members[0], "small")
			}
		})
	}
}

// BenchmarkLoopsMeet is BenchmarkNewRoom on all loops at once, each with rooms of its own or all with the same.
func BenchmarkLoopsMeet(b *testing.B) {
	for _, same := range []bool{false, true} {
		b.Run(fmt.Sprintf("same=%t", same), func(b *testing.B) {
			dir, loops := NewDirectory(2), atomic.Int32{}
			b.RunParallel(func(pb *testing.PB) {
				id := fmt.Sprint("loop", loops.Add(1))
				x, m, names := New[*member](dir), &member{id: id}, make([]string, 1000)
				for i := range names {
					names[i] = strconv.Itoa(i)
					if !same {
						names[i] += id
					}
				}
				x.Add(m, id)
				x.Join(m, "another of "+id)
				for i := 0; pb.Next(); i++ {
					x.Join(m, names[i%len(names)])
					x.Leave(m, names[i%len(names)])
				}
			})
		})
	}
}

// BenchmarkEach is a walk over a room of 10,000.
func BenchmarkEach(b *testing.B) {
	x, _ := joined(nil, 10_000)
	in, met := []string{"large"}, 0
	for b.Loop() {
		x.Each(in, nil, func(*member) { met++ })
	}
	if met < 10_000 {
		b.Fatalf("met %d", met)
	}
}

// BenchmarkList is a page of 100 of 100,000 rooms.
func BenchmarkList(b *testing.B) {
	d := NewDirectory(2)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	for i := range 100_000 {
		x.Join(m, fmt.Sprint("room", i))
	}
	cursor := ""
	for b.Loop() {
		_, cursor = d.List(cursor, 100)
	}
}

// BenchmarkSize asks for one of 100,000 rooms.
func BenchmarkSize(b *testing.B) {
	d := NewDirectory(2)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	for i := range 100_000 {
		x.Join(m, fmt.Sprint("room", i))
	}
	for b.Loop() {
		if d.Size("room77") != 1 {
			b.Fatal("the room is gone")
		}
	}
}
