package rooms

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"unsafe"
)

// pair is two loops over one directory, with the members a and b on the first and c on the second.
func pair(dir *Directory) (x, y *Index[*member], m map[string]*member) {
	x, y, m = New[*member](dir), New[*member](dir), map[string]*member{}
	for id, home := range map[string]*Index[*member]{"a": x, "b": x, "c": y} {
		m[id] = &member{id: id}
		home.Add(m[id], id)
	}
	return x, y, m
}

func TestDirectoryCounts(t *testing.T) {
	d := NewDirectory(2)
	x, y, m := pair(d)
	for _, row := range []struct {
		name  string
		do    func()
		rooms int
		size  int // of "r"
		here  int // of "r" on the first loop
	}{
		{"own ids are no rooms", func() {}, 0, 0, 0},
		{"the first member", func() { x.Join(m["a"], "r") }, 1, 1, 1},
		{"a second join of the same", func() { x.Join(m["a"], "r") }, 1, 1, 1},
		{"a second member", func() { x.Join(m["b"], "r") }, 1, 2, 2},
		{"one on another loop", func() { y.Join(m["c"], "r") }, 1, 3, 2},
		{"another room", func() { y.Join(m["c"], "q") }, 2, 3, 2},
		{"somebody else's id is a room", func() { y.Join(m["c"], "a") }, 3, 3, 2},
		{"a join of who has gone", func() { y.Join(&member{id: "d"}, "s") }, 3, 3, 2},
		{"one leaves", func() { x.Leave(m["a"], "r") }, 3, 2, 1},
		{"the loop's last leaves", func() { x.Leave(m["b"], "r") }, 3, 1, 0},
		{"a leave of who is not there", func() { x.Leave(m["b"], "r") }, 3, 1, 0},
		{"the last of all goes, with all its rooms", func() { y.Remove(m["c"], "c") }, 0, 0, 0},
		{"the room comes again", func() { x.Join(m["b"], "r") }, 1, 1, 1},
		{"leaving all", func() { x.LeaveAll(m["b"]) }, 0, 0, 0},
	} {
		row.do()
		if d.Rooms() != row.rooms || d.Size("r") != row.size || here(x, "r") != row.here {
			t.Errorf("%s: %d rooms, %d members in r, %d of them here; want %d, %d, %d",
				row.name, d.Rooms(), d.Size("r"), here(x, "r"), row.rooms, row.size, row.here)
		}
	}
	if n := d.Size("a"); n != 0 {
		t.Errorf("the room of an id has size %d, want 0", n)
	}
}

func TestEventsOfTwoLoops(t *testing.T) {
	d := NewDirectory(2)
	x, y, m := pair(d)
	var told []string
	tell := func(e Event) {
		told = append(told, fmt.Sprint([]string{"created", "deleted", "joined", "left"}[e.Kind], " ", e.Room, " ", e.Member))
	}
	for _, row := range []struct {
		name string
		do   func()
		want []string
	}{
		{"nobody watches", func() { x.Join(m["a"], "old"); x.Join(m["b"], "old") }, nil},
		{"from now on", func() { d.Watch(tell) }, nil},
		{"the first member", func() { x.Join(m["a"], "r") }, []string{"created r ", "joined r a"}},
		{"nothing changes", func() { x.Join(m["a"], "r"); x.Join(m["a"], "a"); x.Leave(m["b"], "r") }, nil},
		{"one more", func() { x.Join(m["b"], "r") }, []string{"joined r b"}},
		{"one on another loop", func() { y.Join(m["c"], "r") }, []string{"joined r c"}},
		{"one leaves", func() { x.Leave(m["a"], "r") }, []string{"left r a"}},
		{"the loop's last leaves", func() { x.Leave(m["b"], "r") }, []string{"left r b"}},
		{"the last of all goes", func() { y.Remove(m["c"], "c") }, []string{"left r c", "deleted r "}},
		{"a room from before", func() { x.LeaveAll(m["a"]); x.Remove(m["b"], "b") }, []string{"left old a", "left old b", "deleted old "}},
		{"another watches", func() { d.Watch(func(Event) {}); x.Join(m["a"], "r") }, nil},
		{"nobody any more", func() { d.Watch(nil); x.Leave(m["a"], "r") }, nil},
	} {
		told = nil
		row.do()
		if !slices.Equal(told, row.want) {
			t.Errorf("%s: told %q, want %q", row.name, told, row.want)
		}
	}
}

func TestStripes(t *testing.T) {
	for _, row := range []struct{ loops, want int }{{-1, 4}, {0, 4}, {1, 4}, {2, 8}, {3, 16}, {64, 256}, {256, 256}} {
		if got := len(NewDirectory(row.loops).stripes); got != row.want {
			t.Errorf("%d stripes for %d loops, want %d", got, row.loops, row.want)
		}
	}
	if size := unsafe.Sizeof(stripe{}); math.MaxInt > math.MaxInt32 && size != 64 {
		t.Errorf("a stripe has %d bytes, want a cache line's 64", size)
	}
}

func TestALimitHasItsBounds(t *testing.T) {
	d := NewDirectory(1)
	x := New[*member](d)
	for i := range 3 * PageItemsMax {
		m := &member{id: strconv.Itoa(i)}
		x.Add(m, m.id)
		x.Join(m, "room of "+m.id)
	}
	for _, row := range []struct{ limit, want int }{
		{math.MinInt, PageItemsDefault},
		{-1, PageItemsDefault},
		{0, PageItemsDefault},
		{1, 1},
		{PageItemsMax, PageItemsMax},
		{PageItemsMax + 1, PageItemsMax},
		{math.MaxInt, PageItemsMax},
	} {
		if page, next := d.List("", row.limit); len(page) != row.want || next == "" {
			t.Errorf("a limit of %d lists %d rooms, and then %q; want %d and more", row.limit, len(page), next, row.want)
		}
		if page, next := x.Page(-1, row.limit); len(page) != row.want || next != x.Len()-row.want {
			t.Errorf("a limit of %d gives %d members, and then %d; want %d", row.limit, len(page), next, row.want)
		}
	}
}

func TestCursors(t *testing.T) {
	d := NewDirectory(1)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	for i := range 50 {
		x.Join(m, strconv.Itoa(i))
	}
	for _, row := range []struct {
		name, cursor string
		want         int
	}{
		{"the beginning", "", 50},
		{"behind the last stripe's first place", strconv.Itoa(len(d.stripes) - 1), 0},
		{"beyond a stripe's end, which is its end", strconv.Itoa(1_000_000 * len(d.stripes)), 50},
		{"the greatest number", strconv.Itoa(math.MaxInt), len(d.stripes[math.MaxInt%len(d.stripes)].entries)},
		{"a greater one", strconv.Itoa(math.MaxInt) + "0", 0},
		{"a negative one", "-1", 0},
		{"no number", "room", 0},
		{"a number and more", "4 ", 0},
		{"bytes that are no text", "\xff\x00", 0},
	} {
		if page, next := d.List(row.cursor, 0); len(page) != row.want || next != "" {
			t.Errorf("%s: %d rooms, and then %q; want %d and the end", row.name, len(page), next, row.want)
		}
	}
	for _, from := range []int{0, 1, 2, math.MaxInt, math.MinInt} {
		want := 1
		if from == 0 {
			want = 0
		}
		if page, next := x.Page(from, 0); len(page) != want || next != 0 {
			t.Errorf("a page from %d has %d members, and then %d; want %d and the end", from, len(page), next, want)
		}
	}
}

// FuzzList wants an iteration from any cursor to end, with no more in a page than there may be and no room twice while
// nothing changes.
func FuzzList(f *testing.F) {
	d := NewDirectory(2)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	for i := range 50 {
		x.Join(m, strconv.Itoa(i))
	}
	for _, cursor := range []string{"", "0", "17", "-1", "9223372036854775807", "1e3", "+8", "\x00"} {
		f.Add(cursor, 7)
	}
	f.Fuzz(func(t *testing.T, cursor string, limit int) {
		met := map[string]bool{}
		for pages := 0; ; pages++ {
			page, next := d.List(cursor, limit)
			if pages > 50 || len(page) > pageLimit(limit) {
				t.Fatalf("page %d, of %d rooms, with a limit of %d", pages, len(page), limit)
			}
			for _, room := range page {
				if met[room.Name] || room.Members != 1 {
					t.Fatalf("%v a second time, or of the wrong size", room)
				}
				met[room.Name] = true
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	})
}

func TestMemoryOfManyRoomsGoesBack(t *testing.T) {
	d := NewDirectory(1)
	x, m := New[*member](d), &member{id: "m"}
	x.Add(m, m.id)
	for i := range 10_000 {
		x.Join(m, strconv.Itoa(i))
	}
	x.Remove(m, m.id)
	for i := range d.stripes {
		if s := &d.stripes[i]; s.byName != nil || cap(s.entries) > 2*keptMin {
			t.Errorf("an empty stripe keeps a map (%t) and %d entries", s.byName != nil, cap(s.entries))
		}
	}
}

// here is how many members a room has on one loop.
func here(x *Index[*member], name string) int {
	if r := x.rooms[name]; r != nil {
		return len(r.members)
	}
	return 0
}
