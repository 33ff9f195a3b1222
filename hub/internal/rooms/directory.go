package rooms

import (
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"
	"sync"
	"sync/atomic"

	"starling/internal/invariants"
)

// Directory knows the rooms of one namespace on all loops of a node: how many there are, how large each is, and what
// happens to them. Any goroutine may use it. The room of a member's own id is not among them.
//
// The indexes keep it up to date. The first member of a room on a loop, and the last one to go, are told to it under a
// lock; those between only change a counter, unless somebody watches. Each loop with members in a room accounts for at
// least one in that counter, from its first member's lock to its last one's. So the counter comes to zero under the lock
// alone, and exactly when no loop has members there any more.
type Directory struct {
	seed    maphash.Seed
	stripes []stripe    // a power of two of them
	watched atomic.Bool // somebody watches, or did a moment ago; read at each join

	watching sync.Mutex // held by Watch

	_     [64]byte // what each new room changes is not in the cache line that each join reads
	rooms atomic.Int64
}

// stripe is the part of a directory under one lock: the rooms whose names have the same hash, as far as it counts.
type stripe struct {
	mu      sync.Mutex
	byName  map[string]*entry
	entries []*entry // the same, in no order, but see [Directory.List]
	watch   func(Event)
	most    int // most entries there have been since byName was made

	_ [8]byte // to 64: two loops at two stripes do not share a cache line
}

// entry is a room of the node. It exists as long as the room has members.
type entry struct {
	name    string
	members atomic.Int32 // on all loops
	at      int32        // place in the stripe's entries
	stripe  uint32
}

// Info is a room and how many members it has on all loops.
type Info struct {
	Name    string
	Members int
}

// NewDirectory returns an empty directory for the indexes of the given number of loops.
func NewDirectory(loops int) *Directory {
	stripes := min(max(loops, 1)*stripesPerLoop, stripesMax)
	return &Directory{seed: maphash.MakeSeed(), stripes: make([]stripe, 1<<bits.Len(uint(stripes-1)))}
}

// Rooms is the number of rooms that have members on any loop. It costs the same however many there are.
func (d *Directory) Rooms() int { return int(d.rooms.Load()) }

// Size is the number of members that a room has on all loops, 0 if there is no such room. A member whose own id is the
// room's name does not count. It costs the same however large the room is.
func (d *Directory) Size(room string) int {
	s := &d.stripes[d.stripeOf(room)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byName[room]; e != nil {
		return int(e.members.Load())
	}
	return 0
}

func (d *Directory) stripeOf(name string) uint32 {
	return uint32(maphash.String(d.seed, name)) & uint32(len(d.stripes)-1)
}

// enter counts a loop's first member of a room, and returns the room's entry.
func (d *Directory) enter(name, member string) *entry {
	at := d.stripeOf(name)
	s := &d.stripes[at]
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[name]
	if e == nil {
		e = s.open(name, at)
		d.rooms.Add(1)
		s.tell(Created, e, "")
	}
	e.members.Add(1)
	s.tell(Joined, e, member)
	return e
}

// join counts a further member while somebody watches.
func (d *Directory) join(e *entry, member string) {
	s := &d.stripes[e.stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	e.members.Add(1)
	s.tell(Joined, e, member)
}

// leave counts a member that goes: a loop's last one in this room, or any while somebody watches.
func (d *Directory) leave(e *entry, member string) {
	s := &d.stripes[e.stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	left := e.members.Add(-1)
	invariants.Assert(left >= 0, "a room has fewer members than none")
	s.tell(Left, e, member)
	if left == 0 {
		s.close(e)
		d.rooms.Add(-1)
		s.tell(Deleted, e, "")
	}
}

// open makes the entry of a room that is not there.
func (s *stripe) open(name string, at uint32) *entry {
	if s.byName == nil {
		s.byName = map[string]*entry{}
	}
	e := &entry{name: name, at: int32(len(s.entries)), stripe: at}
	s.byName[name] = e
	s.entries = append(s.entries, e)
	s.most = max(s.most, len(s.entries))
	return e
}

// close removes an entry; the last one moves into its place.
func (s *stripe) close(e *entry) {
	delete(s.byName, e.name)
	last := len(s.entries) - 1
	moved := s.entries[last]
	s.entries[e.at] = moved
	moved.at = e.at
	s.entries[last] = nil
	s.entries = shrunk(s.entries[:last])
	if last == 0 && s.most > keptMin {
		s.byName, s.most = nil, 0 // a map never shrinks by itself
	}
}

// List returns a page of up to limit rooms, in no order, and the cursor of the next page. The cursor "" begins, and a next
// of "" says that there are no more. A limit that is not positive is PageItemsDefault, one above PageItemsMax is that. What
// is no cursor of List's lists nothing and is the end, so that whoever goes on to the end gets there.
//
// A room that is there from the first page to the last is in at least one of them. One that comes or goes meanwhile may be
// in none, and any may be in several. A page costs what its limit is, however many rooms there are.
func (d *Directory) List(cursor string, limit int) (rooms []Info, next string) {
	limit = pageLimit(limit)
	found, next := d.page(cursor, limit, make([]*entry, 0, min(limit, d.Rooms())))
	rooms = make([]Info, 0, len(found))
	for _, e := range found {
		if members := int(e.members.Load()); members > 0 { // none: it has gone since
			rooms = append(rooms, Info{e.name, members})
		}
	}
	return rooms, next
}

// page appends a page's entries to found.
//
// The stripes are walked in turn, each from the end of its entries downwards. In a stripe the entries below the cursor are
// those still to come, and the walk misses none of them that stays: a new entry is put at the end, and a removal moves the
// last entry into the gap, so that an entry's place never becomes higher than it was. What is below the cursor therefore
// stays below it until it is listed. What moves from above to below has been listed, or is new, and comes (again).
func (d *Directory) page(cursor string, limit int, found []*entry) (_ []*entry, next string) {
	at, below := d.position(cursor)
	for ; at < len(d.stripes); at, below = at+1, math.MaxInt {
		found, below = d.stripes[at].take(found, below, limit-len(found))
		if below > 0 {
			return found, strconv.Itoa(below*len(d.stripes) + at)
		}
	}
	return found, ""
}

// position tells what a cursor stands for: the stripe where the walk is, and below which place. What is no cursor stands
// for the end.
func (d *Directory) position(cursor string) (at, below int) {
	if cursor == "" {
		return 0, math.MaxInt
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 0 {
		return len(d.stripes), 0
	}
	return n % len(d.stripes), n / len(d.stripes)
}

// take appends the last entries below a place to found, at most limit, and returns below which place the others are. Only
// pointers are copied under the lock: the entries themselves are all over the memory.
func (s *stripe) take(found []*entry, below, limit int) ([]*entry, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	below = min(below, len(s.entries))
	from := max(below-limit, 0)
	return append(found, s.entries[from:below]...), from
}

// EventKind is what has happened to a room.
type EventKind uint8

// The kinds of events.
const (
	Created EventKind = iota // the room has its first member on any loop, whose Joined follows
	Deleted                  // the last one has gone, whose Left came before
	Joined
	Left
)

// Event is something that has happened to a room.
type Event struct {
	Kind   EventKind
	Room   string
	Member string // the id of the one who has joined or left
}

// Watch has f called with each event from now on, in the place of any other function; nil ends it. When Watch returns, the
// former function has been called for the last time. What was there before is not told: a Joined, Left or Deleted may be
// the first that f hears of a room. What changes while Watch runs may be told or not.
//
// The events of one room come one after the other and in order, whatever the loops do at once: Created before the first
// Joined, the last Left before Deleted, and then Created again. Those of different rooms may come at the same time.
//
// It is the loops that call f, with a lock held that other loops may be waiting for. It must be quick and must not call
// this directory or its indexes.
func (d *Directory) Watch(f func(Event)) {
	d.watching.Lock()
	defer d.watching.Unlock()
	d.watched.Store(f != nil)
	for i := range d.stripes {
		d.stripes[i].setWatch(f)
	}
}

func (s *stripe) setWatch(f func(Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = f
}

// tell calls who watches. The lock is held: it is what puts a room's events in order.
func (s *stripe) tell(kind EventKind, e *entry, member string) {
	if s.watch != nil {
		s.watch(Event{kind, e.name, member})
	}
}
