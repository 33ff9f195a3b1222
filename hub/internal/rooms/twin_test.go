package rooms

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowDirectory is the obvious twin: of each room, the set of its members' ids.
type slowDirectory map[string]map[string]bool

func (s slowDirectory) join(room, id string) {
	if s[room] == nil {
		s[room] = map[string]bool{}
	}
	s[room][id] = true
}

func (s slowDirectory) leave(room, id string) {
	delete(s[room], id)
	if len(s[room]) == 0 {
		delete(s, room)
	}
}

func (s slowDirectory) remove(id string) {
	for room := range s {
		s.leave(room, id)
	}
}

// sizes are the rooms as a directory lists them.
func (s slowDirectory) sizes() map[string]int {
	sizes := map[string]int{}
	for room, ids := range s {
		sizes[room] = len(ids)
	}
	return sizes
}

// picture is what events tell of the rooms. It breaks on one that cannot come now.
type picture struct {
	slowDirectory
	broken string
}

func newPicture() *picture { return &picture{slowDirectory: slowDirectory{}} }

func (p *picture) see(e Event) {
	ids, there := p.slowDirectory[e.Room]
	allowed := false
	switch e.Kind {
	case Created:
		allowed = !there && e.Member == ""
		p.slowDirectory[e.Room] = map[string]bool{}
	case Deleted:
		allowed = there && len(ids) == 0 && e.Member == ""
		delete(p.slowDirectory, e.Room)
	case Joined:
		allowed = there && !ids[e.Member]
		p.join(e.Room, e.Member)
	case Left:
		allowed = there && ids[e.Member]
		delete(ids, e.Member) // the room stays until it is deleted
	}
	if !allowed && p.broken == "" {
		p.broken = fmt.Sprintf("%v of %q with %q, where there were %v", e.Kind, e.Room, e.Member, ids)
	}
}

// listed is what a whole iteration lists.
func listed(d *Directory, limit int) map[string]int {
	all := map[string]int{}
	for cursor := ""; ; {
		var page []Info
		page, cursor = d.List(cursor, limit)
		for _, room := range page {
			all[room.Name] = room.Members
		}
		if cursor == "" {
			return all
		}
	}
}

// fleet is the indexes of several loops over one directory, and their twin, changed at random by one goroutine.
type fleet struct {
	r       *rand.Rand
	dir     *Directory
	slow    slowDirectory
	loops   []*Index[*member]
	home    map[string]*Index[*member]
	members map[string]*member
	made    int
}

func newFleet(loops int) *fleet {
	f := &fleet{
		r: rand.New(rand.NewPCG(5, 6)), dir: NewDirectory(loops), slow: slowDirectory{},
		home: map[string]*Index[*member]{}, members: map[string]*member{},
	}
	for range loops {
		f.loops = append(f.loops, New[*member](f.dir))
	}
	return f
}

func (f *fleet) add() {
	f.made++
	m := &member{id: fmt.Sprint("id", f.made)}
	f.members[m.id], f.home[m.id] = m, f.loops[f.r.IntN(len(f.loops))]
	f.home[m.id].Add(m, m.id)
}

func (f *fleet) remove(id string) {
	f.home[id].Remove(f.members[id], id)
	delete(f.home, id)
	delete(f.members, id)
	f.slow.remove(id)
}

// change does one thing at random: a few members among a few more rooms, so that rooms come and go all the time.
func (f *fleet) change(rooms int) {
	if len(f.members) < 8 || len(f.members) < 30 && f.r.IntN(20) == 0 {
		f.add()
		return
	}
	id := slices.Sorted(maps.Keys(f.members))[f.r.IntN(len(f.members))]
	room := fmt.Sprint("room", f.r.IntN(rooms))
	switch n := f.r.IntN(40); {
	case n == 0:
		f.remove(id)
	case n == 1:
		f.home[id].LeaveAll(f.members[id])
		f.slow.remove(id)
	case n < 22:
		f.home[id].Join(f.members[id], room)
		f.slow.join(room, id)
	default:
		if mine := slices.Sorted(f.members[id].rooms.Names); len(mine) > 0 && n < 36 {
			room = mine[f.r.IntN(len(mine))]
		}
		f.home[id].Leave(f.members[id], room)
		f.slow.leave(room, id)
	}
}

func TestDirectoryAgainstTheObviousTwin(t *testing.T) {
	f, seen := newFleet(3), newPicture()
	f.dir.Watch(seen.see)
	const rooms = 60
	for step := range 20_000 {
		f.change(rooms)
		if seen.broken != "" {
			t.Fatalf("step %d: an event out of order: %s", step, seen.broken)
		}
		room := fmt.Sprint("room", f.r.IntN(rooms))
		if got, want := f.dir.Size(room), len(f.slow[room]); got != want {
			t.Fatalf("step %d: %s has %d members, want %d", step, room, got, want)
		}
		if f.dir.Rooms() != len(f.slow) {
			t.Fatalf("step %d: %d rooms, want %d", step, f.dir.Rooms(), len(f.slow))
		}
		if step%50 != 0 {
			continue
		}
		if got, want := listed(f.dir, 1+f.r.IntN(20)), f.slow.sizes(); !maps.Equal(got, want) {
			t.Fatalf("step %d: listed %v, want %v", step, got, want)
		}
		if !maps.EqualFunc(seen.slowDirectory, f.slow, maps.Equal) {
			t.Fatalf("step %d: the events tell of %v, want %v", step, seen.slowDirectory, f.slow)
		}
	}
	for id := range maps.Clone(f.members) {
		f.remove(id)
	}
	if len(seen.slowDirectory) != 0 || f.dir.Rooms() != 0 || len(listed(f.dir, 0)) != 0 {
		t.Errorf("nobody is left, but %d rooms: events told of %v", f.dir.Rooms(), seen.slowDirectory)
	}
}

// TestAPageMissesNothingThatStays changes rooms between the pages of an iteration. The twin of the walk is a set: what was
// there at its beginning, less what has gone since.
func TestAPageMissesNothingThatStays(t *testing.T) {
	f := newFleet(2)
	for range 2000 {
		f.change(500)
	}
	stayedInAll, goneInAll := 0, 0
	for iteration := range 200 {
		stayed, limit := map[string]bool{}, 1+f.r.IntN(30) // whether a room that stays has been in a page
		for room := range f.slow {
			stayed[room] = false
		}
		begun := len(stayed)
		for cursor := ""; ; {
			var page []Info
			if page, cursor = f.dir.List(cursor, limit); len(page) > limit {
				t.Fatalf("a page of %d for a limit of %d", len(page), limit)
			}
			for _, room := range page {
				if room.Members != len(f.slow[room.Name]) {
					t.Fatalf("%s is listed with %d members, has %d", room.Name, room.Members, len(f.slow[room.Name]))
				}
				if _, ok := stayed[room.Name]; ok {
					stayed[room.Name] = true
				}
			}
			if cursor == "" {
				break
			}
			for range f.r.IntN(30) {
				f.change(500)
				maps.DeleteFunc(stayed, func(room string, _ bool) bool { return f.slow[room] == nil })
			}
		}
		for room, met := range stayed {
			if !met {
				t.Fatalf("iteration %d: %s was there throughout and is in no page", iteration, room)
			}
		}
		stayedInAll, goneInAll = stayedInAll+len(stayed), goneInAll+begun-len(stayed)
	}
	if stayedInAll < 1000 || goneInAll < 1000 {
		t.Fatalf("%d rooms stayed and %d went: the test tests nothing", stayedInAll, goneInAll)
	}
}

func TestAPageMissesNobodyWhoStays(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x := New[*member](nil)
	var members []*member
	add := func(id string) {
		members = append(members, &member{id: id})
		x.Add(members[len(members)-1], id)
	}
	for i := range 200 {
		add(fmt.Sprint("first", i))
	}
	for iteration := range 300 {
		stayed, limit := map[string]bool{}, 1+r.IntN(40) // whether somebody who stays has been in a page
		for _, m := range members {
			stayed[m.id] = false
		}
		for from, next := -1, 0; ; from = next {
			var page []*member
			if page, next = x.Page(from, limit); len(page) > limit {
				t.Fatalf("a page of %d for a limit of %d", len(page), limit)
			}
			for _, m := range page {
				if !slices.Contains(members, m) {
					t.Fatalf("%s is in a page although it has gone", m.id)
				}
				stayed[m.id] = true
			}
			if next == 0 {
				break
			}
			for i := range r.IntN(20) {
				if len(members) < 250 {
					add(fmt.Sprint(iteration, " ", next, " ", i))
				}
			}
			for range r.IntN(len(members) / 10) {
				at := r.IntN(len(members))
				x.Remove(members[at], members[at].id)
				delete(stayed, members[at].id)
				members = slices.Delete(members, at, at+1)
			}
		}
		for id, met := range stayed {
			if !met {
				t.Fatalf("iteration %d: %s was there throughout and is in no page", iteration, id)
			}
		}
	}
}
