package rooms

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	testLoops   = 4
	testChanges = 15_000
)

// onLoops runs goroutines that each own an index over one directory and do all that an index can do, in a few rooms so that
// they meet in each. It returns when everybody has left.
func onLoops(d *Directory) {
	var loops sync.WaitGroup
	for loop := range testLoops {
		loops.Go(func() {
			r := rand.New(rand.NewPCG(uint64(loop), 9))
			x, members := New[*member](d), make([]member, 2)
			for i := range members {
				members[i].id = fmt.Sprint(loop, "-", i)
				x.Add(&members[i], members[i].id)
			}
			for range testChanges {
				m, room := &members[r.IntN(len(members))], fmt.Sprint("room", r.IntN(6))
				switch n := r.IntN(40); {
				case n == 0:
					x.Remove(m, m.id)
					x.Add(m, m.id)
				case n == 1:
					x.LeaveAll(m)
				case n < 12:
					x.Join(m, room)
				default:
					x.Leave(m, room)
				}
			}
			for i := range members {
				x.Remove(&members[i], members[i].id)
			}
		})
	}
	loops.Wait()
}

// wantEmpty wants nothing to be left of the rooms.
func wantEmpty(t *testing.T, d *Directory) {
	t.Helper()
	page, next := d.List("", PageItemsMax)
	if d.Rooms() != 0 || len(page) != 0 || next != "" {
		t.Errorf("everybody has gone, but there are %d rooms: %v", d.Rooms(), page)
	}
	for i := range d.stripes {
		if s := &d.stripes[i]; len(s.entries) != 0 || len(s.byName) != 0 {
			t.Errorf("stripe %d keeps %d entries and %d names", i, len(s.entries), len(s.byName))
		}
	}
}

func TestEventsOfLoopsAreInOrder(t *testing.T) {
	d := NewDirectory(testLoops)
	var mu sync.Mutex // events of different rooms come at the same time
	seen, kinds := newPicture(), map[EventKind]int{}
	d.Watch(func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		seen.see(e)
		kinds[e.Kind]++
	})
	onLoops(d)
	if seen.broken != "" {
		t.Error("an event out of order: ", seen.broken)
	}
	if len(seen.slowDirectory) != 0 {
		t.Errorf("in the end the events tell of %v", seen.slowDirectory)
	}
	if kinds[Created] < 100 || kinds[Created] != kinds[Deleted] || kinds[Joined] != kinds[Left] {
		t.Errorf("%d rooms created, %d deleted, %d joined, %d left", kinds[Created], kinds[Deleted], kinds[Joined], kinds[Left])
	}
	wantEmpty(t, d)
}

// TestOthersLookOnWhileLoopsChange has a room that stays, somebody who lists and asks, and somebody who begins and ends to
// watch.
func TestOthersLookOnWhileLoopsChange(t *testing.T) {
	d := NewDirectory(testLoops)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	x.Join(m, "stays")
	var (
		over   atomic.Bool
		others sync.WaitGroup
	)
	others.Go(func() {
		for !over.Load() {
			if rooms := listed(d, 2); rooms["stays"] != 1 {
				t.Errorf("the room that stays is missing among %v", rooms)
				return
			}
			if n := d.Size("stays"); n != 1 || d.Rooms() < 1 {
				t.Errorf("the room that stays has %d members, among %d rooms", n, d.Rooms())
				return
			}
		}
	})
	others.Go(func() {
		for !over.Load() {
			var ended atomic.Bool
			d.Watch(func(Event) {
				if ended.Load() {
					t.Error("told after the watch had ended")
				}
			})
			d.Watch(nil)
			ended.Store(true)
		}
	})
	onLoops(d)
	over.Store(true)
	others.Wait()
	x.Remove(m, m.id)
	wantEmpty(t, d)
}
