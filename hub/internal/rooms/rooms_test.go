package rooms

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

type member struct {
	id    string
	rooms Memberships[*member]
}

func (m *member) Memberships() *Memberships[*member] { return &m.rooms }

func (m *member) ID() string { return m.id }

// met returns the ids that a walk visits, sorted, and fails on a second visit of the same.
func met(t *testing.T, x *Index[*member], in, except []string) []string {
	t.Helper()
	var ids []string
	x.Each(in, except, func(m *member) { ids = append(ids, m.id) })
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Fatalf("Each(%v, %v) met somebody twice: %v", in, except, ids)
	}
	return ids
}

// slowIndex is the obvious twin: sets of names.
type slowIndex struct{ rooms map[string]map[string]bool } // member id -> names of its rooms, own id included

func (s *slowIndex) each(in, except []string) []string {
	var met []string
	for id, names := range s.rooms {
		hit := func(name string) bool { return names[name] }
		if (len(in) == 0 || slices.ContainsFunc(in, hit)) && !slices.ContainsFunc(except, hit) {
			met = append(met, id)
		}
	}
	slices.Sort(met)
	return met
}

func newIndex(ids ...string) (*Index[*member], map[string]*member) {
	x, members := New[*member](nil), map[string]*member{}
	for _, id := range ids {
		members[id] = &member{id: id}
		x.Add(members[id], id)
	}
	return x, members
}

func TestEach(t *testing.T) {
	x, m := newIndex("a", "b", "c", "d")
	for _, join := range [][2]string{{"a", "red"}, {"b", "red"}, {"b", "blue"}, {"c", "blue"}, {"d", "a"}} {
		if !x.Join(m[join[0]], join[1]) {
			t.Fatalf("%s could not join %s", join[0], join[1])
		}
	}
	for _, row := range []struct {
		name       string
		in, except []string
		want       string
	}{
		{"everyone", nil, nil, "[a b c d]"},
		{"one room", []string{"red"}, nil, "[a b]"},
		{"two rooms, a member of both once", []string{"red", "blue"}, nil, "[a b c]"},
		{"the same room twice", []string{"red", "red"}, nil, "[a b]"},
		{"an id", []string{"c"}, nil, "[c]"},
		{"an id that is a room too", []string{"a"}, nil, "[a d]"},
		{"everyone except a room", nil, []string{"red"}, "[c d]"},
		{"everyone except an id", nil, []string{"b"}, "[a c d]"},
		{"a room except an id", []string{"red"}, []string{"a"}, "[b]"},
		{"a room except a room", []string{"red"}, []string{"blue"}, "[a]"},
		{"nobody's room", []string{"green"}, nil, "[]"},
		{"except nobody's room", nil, []string{"green"}, "[a b c d]"},
	} {
		if got := fmt.Sprint(met(t, x, row.in, row.except)); got != row.want {
			t.Errorf("%s: met %s, want %s", row.name, got, row.want)
		}
	}
}

func TestJoinAndLeaveSayWhetherTheyDid(t *testing.T) {
	x, m := newIndex("a", "b")
	if !x.Join(m["a"], "r") || x.Join(m["a"], "r") {
		t.Error("joining works once")
	}
	if x.Join(m["a"], "a") {
		t.Error("a member is in the room of its own id from the start")
	}
	if x.Leave(m["b"], "r") || x.Leave(m["a"], "q") || !x.Leave(m["a"], "r") || x.Leave(m["a"], "r") {
		t.Error("leaving works once, and only what was joined")
	}
	if x.Leave(m["a"], "a") {
		t.Error("a member cannot leave the room of its own id")
	}
	if x.Rooms() != 0 {
		t.Errorf("%d rooms left, want an empty one to vanish", x.Rooms())
	}
	x.Remove(m["a"], "a")
	x.Remove(m["a"], "a")
	if x.Join(m["a"], "r") || x.Len() != 1 {
		t.Error("a removed member can still join: a ghost")
	}
	if _, ok := x.Get("a"); ok {
		t.Error("a removed member is still found by its id")
	}
}

func TestWalkNumbersComeRound(t *testing.T) {
	x, m := newIndex("a", "b")
	x.Join(m["a"], "r")
	met(t, x, []string{"r", "a"}, nil) // leaves mark 1
	x.walk = ^uint32(0)
	if got := met(t, x, []string{"r", "b"}, nil); len(got) != 2 {
		t.Fatalf("after four billion walks an old mark hides a member: %v", got)
	}
}

func TestAgainstTheObviousTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x, members := newIndex()
	slow := &slowIndex{rooms: map[string]map[string]bool{}}
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprint("room", i)
	}
	some := func() []string {
		var list []string
		for range r.IntN(3) {
			list = append(list, names[r.IntN(len(names))])
		}
		if len(members) > 0 && r.IntN(3) == 0 {
			list = append(list, slices.Sorted(maps.Keys(members))[r.IntN(len(members))])
		}
		return list
	}
	for step := range 20_000 {
		switch r.IntN(20) {
		case 0:
			id := fmt.Sprint("id", step)
			members[id] = &member{id: id}
			x.Add(members[id], id)
			slow.rooms[id] = map[string]bool{id: true}
		case 1:
			if len(members) > 50 {
				id := slices.Sorted(maps.Keys(members))[r.IntN(len(members))]
				x.Remove(members[id], id)
				delete(members, id)
				delete(slow.rooms, id)
			}
		default:
			if len(members) == 0 {
				continue
			}
			id := slices.Sorted(maps.Keys(members))[r.IntN(len(members))]
			name := names[r.IntN(len(names))]
			if r.IntN(5) < 3 {
				x.Join(members[id], name)
				slow.rooms[id][name] = true
			} else {
				x.Leave(members[id], name)
				delete(slow.rooms[id], name)
			}
		}
		if step%20 != 0 {
			continue
		}
		in, except := some(), some()
		if got, want := met(t, x, in, except), slow.each(in, except); !slices.Equal(got, want) {
			t.Fatalf("step %d: Each(%v, %v) met %v, want %v", step, in, except, got, want)
		}
	}
	for id, m := range members {
		got := append(slices.Sorted(m.rooms.Names), id)
		want := slices.Collect(maps.Keys(slow.rooms[id]))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s is in %v, want %v", id, got, want)
		}
		x.LeaveAll(m)
		if m.rooms.Len() != 0 {
			t.Fatalf("%s is in %d rooms after LeaveAll", id, m.rooms.Len())
		}
	}
	if x.Rooms() != 0 {
		t.Fatalf("%d rooms left although nobody is in one", x.Rooms())
	}
}
