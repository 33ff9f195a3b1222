// Package rooms is the two-way index between the members and the rooms of one namespace. It does no I/O.
//
// An Index is one loop's part and belongs to that loop. A Directory, which is for everybody, has the names and sizes of the
// rooms of all loops; the only locks are there.
//
// Joining and leaving cost the same however large the room is: a member remembers its place in each of its rooms, a room
// remembers its place in each of its members, and removal moves the last one into the gap.
package rooms

// Member is what an index holds, a pointer as a rule; it carries its own half of the index.
type Member[M any] interface {
	comparable
	// Memberships returns the member's half of the index, always the same.
	Memberships() *Memberships[M]
	// ID returns the id under which the member is in the index, always the same.
	ID() string
}

// Memberships is a member's half of an index. Embed it; the zero value is in no index.
type Memberships[M any] struct {
	rooms  []place[M]         // where this member stands, in no order
	byRoom map[*room[M]]int32 // place in rooms, kept only when there are many
	all    place[M]           // where it stands among all members
	mark   uint32             // the walk that met this member last
}

// place is a position in a room.
type place[M any] struct {
	room *room[M]
	at   int32
}

// room is a set of members.
type room[M any] struct {
	name    string
	members []seat[M]
	entry   *entry // the room in the directory, nil without one
}

// seat is a member of a room, and where in the member's own list the room stands.
type seat[M any] struct {
	member M
	slot   int32
}

// mappedMin is from how many rooms on a member keeps a map of them; below it a walk through the list is quicker.
const mappedMin = 16

// keptMin is the capacity up to which a list that shrinks does not bother to give memory back.
const keptMin = 64

// Len is the number of rooms joined, the member's own id not counted.
func (ms *Memberships[M]) Len() int { return len(ms.rooms) }

// Names calls yield with the name of each room joined, in no order, until it returns false.
func (ms *Memberships[M]) Names(yield func(string) bool) {
	for _, p := range ms.rooms {
		if !yield(p.room.name) {
			return
		}
	}
}

// find returns the slot of r in the member's list, or -1.
func (ms *Memberships[M]) find(r *room[M]) int32 {
	if ms.byRoom != nil {
		if slot, ok := ms.byRoom[r]; ok {
			return slot
		}
		return -1
	}
	for i := range ms.rooms {
		if ms.rooms[i].room == r {
			return int32(i)
		}
	}
	return -1
}

// add appends a place and returns its slot.
func (ms *Memberships[M]) add(p place[M]) int32 {
	slot := int32(len(ms.rooms))
	ms.rooms = append(ms.rooms, p)
	switch {
	case ms.byRoom != nil:
		ms.byRoom[p.room] = slot
	case len(ms.rooms) >= mappedMin:
		ms.byRoom = make(map[*room[M]]int32, 2*mappedMin)
		for i := range ms.rooms {
			ms.byRoom[ms.rooms[i].room] = int32(i)
		}
	}
	return slot
}

// drop removes a slot; the last place moves into it, and its room is told.
func (ms *Memberships[M]) drop(slot int32) {
	delete(ms.byRoom, ms.rooms[slot].room)
	last := int32(len(ms.rooms) - 1)
	if slot != last {
		moved := ms.rooms[last]
		ms.rooms[slot] = moved
		moved.room.members[moved.at].slot = slot
		if ms.byRoom != nil {
			ms.byRoom[moved.room] = slot
		}
	}
	ms.rooms[last] = place[M]{}
	ms.rooms = ms.rooms[:last]
	if last == 0 {
		ms.rooms, ms.byRoom = nil, nil
	}
}

// Index holds the members of one namespace on one loop and their rooms. A member's own id is a room with this one member
// from the start; it costs nothing but its entry among the ids. Use New.
type Index[M Member[M]] struct {
	dir   *Directory
	all   room[M]
	ids   map[string]M
	rooms map[string]*room[M]
	walk  uint32 // number of the current marking walk
}

// New returns an empty index. What is in it is in the directory too, if one is given; that one is shared with the indexes of
// the same namespace on the other loops.
func New[M Member[M]](dir *Directory) *Index[M] {
	return &Index[M]{dir: dir, ids: map[string]M{}, rooms: map[string]*room[M]{}}
}

// Len is the number of members.
func (x *Index[M]) Len() int { return len(x.all.members) }

// Rooms is the number of rooms that have members, ids not counted.
func (x *Index[M]) Rooms() int { return len(x.rooms) }

// Add takes in a member under its id, which no other member has.
func (x *Index[M]) Add(m M, id string) {
	ms := m.Memberships()
	ms.all = place[M]{&x.all, int32(len(x.all.members))}
	x.all.members = append(x.all.members, seat[M]{member: m})
	x.ids[id] = m
}

// Remove takes a member out of all its rooms and out of the index. Removing what is not in it does nothing.
func (x *Index[M]) Remove(m M, id string) {
	ms := m.Memberships()
	if ms.all.room == nil {
		return
	}
	x.LeaveAll(m)
	at := ms.all.at
	if moved, ok := x.all.remove(at); ok {
		moved.member.Memberships().all.at = at
	}
	ms.all = place[M]{}
	delete(x.ids, id)
	if len(x.ids) == 0 { // a map never shrinks by itself
		x.ids, x.rooms = map[string]M{}, map[string]*room[M]{}
	}
}

// Get returns the member with an id.
func (x *Index[M]) Get(id string) (m M, ok bool) {
	m, ok = x.ids[id]
	return m, ok
}

// Join puts a member into a room. It reports false, and nothing has changed, when the member is there already or is not
// in the index (any more).
func (x *Index[M]) Join(m M, name string) bool {
	ms := m.Memberships()
	if own, ok := x.ids[name]; ms.all.room == nil || ok && own == m {
		return false
	}
	r := x.rooms[name]
	switch {
	case r == nil:
		r = x.open(name, m)
	case ms.find(r) >= 0:
		return false
	case r.entry == nil:
	case x.dir.watched.Load():
		x.dir.join(r.entry, m.ID())
	default:
		r.entry.members.Add(1)
	}
	slot := ms.add(place[M]{r, int32(len(r.members))})
	r.members = append(r.members, seat[M]{m, slot})
	return true
}

// open makes the room that m is about to be the first in.
func (x *Index[M]) open(name string, m M) *room[M] {
	r := &room[M]{name: name}
	if x.dir != nil {
		r.entry = x.dir.enter(name, m.ID())
		r.name = r.entry.name // the same memory for all loops
	}
	x.rooms[r.name] = r
	return r
}

// Leave takes a member out of a room and reports whether it was there.
func (x *Index[M]) Leave(m M, name string) bool {
	r := x.rooms[name]
	if r == nil {
		return false
	}
	ms := m.Memberships()
	slot := ms.find(r)
	if slot < 0 {
		return false
	}
	x.leave(m, ms, slot)
	return true
}

// LeaveAll takes a member out of all rooms but its own id.
func (x *Index[M]) LeaveAll(m M) {
	ms := m.Memberships()
	for len(ms.rooms) > 0 {
		x.leave(m, ms, int32(len(ms.rooms)-1))
	}
}

func (x *Index[M]) leave(m M, ms *Memberships[M], slot int32) {
	p := ms.rooms[slot]
	if moved, ok := p.room.remove(p.at); ok {
		moved.member.Memberships().rooms[moved.slot].at = p.at
	}
	ms.drop(slot)
	last := len(p.room.members) == 0
	if last {
		delete(x.rooms, p.room.name)
	}
	switch {
	case p.room.entry == nil:
	case last || x.dir.watched.Load():
		x.dir.leave(p.room.entry, m.ID())
	default:
		p.room.entry.members.Add(-1)
	}
}

// remove empties a seat; the last member moves into it and is returned, so that it can be told.
func (r *room[M]) remove(at int32) (moved seat[M], ok bool) {
	last := len(r.members) - 1
	if int(at) != last {
		moved, ok = r.members[last], true
		r.members[at] = moved
	}
	r.members[last] = seat[M]{}
	r.members = shrunk(r.members[:last])
	return moved, ok
}

// shrunk returns the list in half its memory if it fills less than a quarter, so that each copy is paid for by as many
// removals.
func shrunk[T any](list []T) []T {
	if cap(list) <= keptMin || len(list) >= cap(list)/4 {
		return list
	}
	return append(make([]T, 0, cap(list)/2), list...)
}

// Page returns up to limit members and where the next page begins, 0 when there are no more; a negative from, or one beyond
// the end, begins. For limits see [Directory.List], whose promise this one makes too, and keeps in the same way: from is
// the number of seats still to be walked, downwards, and nobody ever moves to a higher seat.
func (x *Index[M]) Page(from, limit int) (members []M, next int) { return x.all.page(from, limit) }

// PageOf is Page for the members of one room. A member whose id is the room's name is not among them.
func (x *Index[M]) PageOf(name string, from, limit int) (members []M, next int) {
	if r := x.rooms[name]; r != nil {
		return r.page(from, limit)
	}
	return nil, 0
}

func (r *room[M]) page(from, limit int) (members []M, next int) {
	if from < 0 || from > len(r.members) {
		from = len(r.members)
	}
	next = max(from-pageLimit(limit), 0)
	members = make([]M, 0, from-next)
	for i := range r.members[next:from] {
		members = append(members, r.members[next+i].member)
	}
	return members, next
}

// Each calls visit once for each member that is in any of the given rooms (with none given: for every member) and in none
// of the excepted ones. An id is the name of the room that its member alone is in. visit must not change the index.
func (x *Index[M]) Each(in, except []string, visit func(M)) {
	simple := len(in) == 0 || len(in) == 1 && !x.both(in[0])
	switch {
	case simple && len(except) == 0:
		x.eachIn(in, visit)
	case simple && len(except) == 1 && x.rooms[except[0]] == nil:
		x.eachBut(in, x.ids[except[0]], visit)
	default:
		x.eachMarked(in, except, visit)
	}
}

// eachIn visits everyone, or the members of the one room given.
func (x *Index[M]) eachIn(in []string, visit func(M)) {
	if len(in) == 0 {
		x.all.each(visit)
	} else {
		x.each(in[0], visit)
	}
}

// eachBut is eachIn without one member: the commonest broadcast, to a room but not to the sender. A comparison for each
// member is cheaper than a mark in it.
func (x *Index[M]) eachBut(in []string, but M, visit func(M)) {
	x.eachIn(in, func(m M) {
		if m != but {
			visit(m)
		}
	})
}

// eachMarked is Each for any combination. It marks who is excepted or was visited with the number of this walk.
func (x *Index[M]) eachMarked(in, except []string, visit func(M)) {
	x.walk++
	if x.walk == 0 {
		x.forgetMarks()
	}
	mark := func(m M) { m.Memberships().mark = x.walk }
	for _, name := range except {
		x.each(name, mark)
	}
	once := func(m M) {
		if ms := m.Memberships(); ms.mark != x.walk {
			ms.mark = x.walk
			visit(m)
		}
	}
	if len(in) == 0 {
		x.all.each(once)
	}
	for _, name := range in {
		x.each(name, once)
	}
}

// forgetMarks prepares for a second round of walk numbers: a mark of four billion walks ago must not count.
func (x *Index[M]) forgetMarks() {
	x.all.each(func(m M) { m.Memberships().mark = 0 })
	x.walk = 1
}

// both reports whether a name is somebody's id and at once a room that others have joined.
func (x *Index[M]) both(name string) bool {
	if _, id := x.ids[name]; !id {
		return false
	}
	return x.rooms[name] != nil
}

// each visits the members of one room.
func (x *Index[M]) each(name string, visit func(M)) {
	if m, ok := x.ids[name]; ok {
		visit(m)
	}
	if r := x.rooms[name]; r != nil {
		r.each(visit)
	}
}

func (r *room[M]) each(visit func(M)) {
	for i := range r.members {
		visit(r.members[i].member)
	}
}
