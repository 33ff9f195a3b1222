package raw

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		message string
		verb    Verb
		room    Room
	}{
		{"E~stamp", Echo, Hall},
		{"P~stamp", Publish, Hall},
		{"J00000000", Join, 1},
		{"J0000000aand more", Join, 11},
		{"Rffffffff~stamp", Publish, 1 << 32},
		{"J0000000", None, Hall},
		{"R0000000g", None, Hall},
		{"X", None, Hall},
		{"", None, Hall},
	} {
		if verb, room := Parse([]byte(tc.message)); verb != tc.verb || room != tc.room {
			t.Errorf("%q: %d %d, want %d %d", tc.message, verb, room, tc.verb, tc.room)
		}
	}
}

// heard is who gets what is published to a room, in order of name.
func heard(r *Rooms[string], from *Member[string], room Room) []string {
	var all []string
	r.Publish(from, room, func(c string) { all = append(all, c) })
	slices.Sort(all)
	return all
}

func TestRooms(t *testing.T) {
	r := NewRooms[string]()
	a, b, c, publisher := r.Enter("a"), r.Enter("b"), r.Enter("c"), r.Enter("publisher")
	want := func(room Room, names ...string) {
		t.Helper()
		if got := heard(r, publisher, room); !slices.Equal(got, names) {
			t.Errorf("room %d: %q, want %q", room, got, names)
		}
	}
	want(Hall, "a", "b", "c") // and not the publisher, now or later
	r.Join(a, 1)
	r.Join(b, 1)
	want(Hall, "c")
	want(1, "a", "b")
	want(2)
	r.Join(b, 2)
	want(1, "a")
	want(2, "b")
	r.Leave(a)
	r.Leave(a) // again is nothing
	want(1)
	r.Leave(c)
	r.Join(publisher, 2)
	want(2, "b")
	r.Leave(b)
	if len(r.members) != 0 {
		t.Errorf("empty rooms are kept: %v", r.members)
	}
}

// A member that goes leaves the others in their places, wherever it was.
func TestLeaveFromAnyPlace(t *testing.T) {
	for gone := range 4 {
		r := NewRooms[string]()
		publisher := r.Enter("")
		r.Leave(publisher)
		var members []*Member[string]
		var rest []string
		for i, name := range []string{"a", "b", "c", "d"} {
			members = append(members, r.Enter(name))
			if i != gone {
				rest = append(rest, name)
			}
		}
		r.Leave(members[gone])
		if got := heard(r, publisher, Hall); !slices.Equal(got, rest) {
			t.Errorf("without the one at %d: %q", gone, got)
		}
		for i := range members {
			r.Leave(members[i])
		}
		if got := heard(r, publisher, Hall); len(got) != 0 {
			t.Errorf("%q are left", got)
		}
	}
}
