package raw

import (
	"sync"
	"sync/atomic"
)

// Rooms says which connections are in which room. Its methods may be called from any goroutine, and a member's own from any one at
// a time.
//
// A room is a slice, because it is walked far more often than it changes, and a walk holds the lock for reading only: what it calls
// hands the message on and does not wait for the network.
type Rooms[C any] struct {
	mu      sync.RWMutex
	members map[Room][]*Member[C]
}

// Member is a connection's place in the rooms: in one at most.
type Member[C any] struct {
	Conn C

	inside atomic.Bool // so that a publisher, which is in none, takes no lock to find that out
	room   Room
	place  int // in the room's slice
}

// NewRooms makes rooms without a member.
func NewRooms[C any]() *Rooms[C] { return &Rooms[C]{members: make(map[Room][]*Member[C])} }

// Enter makes a member of a new connection, in the hall.
func (r *Rooms[C]) Enter(c C) *Member[C] {
	m := &Member[C]{Conn: c}
	r.Join(m, Hall)
	return m
}

// Join moves a member to a room.
func (r *Rooms[C]) Join(m *Member[C], to Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(m)
	m.room, m.place = to, len(r.members[to])
	m.inside.Store(true)
	r.members[to] = append(r.members[to], m)
}

// Leave takes a member out of its room, if it is in one.
func (r *Rooms[C]) Leave(m *Member[C]) {
	if !m.inside.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(m)
}

// leave puts the room's last member in the place of the one that goes.
func (r *Rooms[C]) leave(m *Member[C]) {
	if !m.inside.Swap(false) {
		return
	}
	list := r.members[m.room]
	last := len(list) - 1
	list[m.place] = list[last]
	list[m.place].place = m.place
	list[last] = nil
	if r.members[m.room] = list[:last]; last == 0 {
		delete(r.members, m.room)
	}
}

// Publish takes the sender out of its room, and calls send for each member of another. send must neither wait nor join nor leave.
func (r *Rooms[C]) Publish(from *Member[C], to Room, send func(C)) {
	r.Leave(from)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, m := range r.members[to] {
		send(m.Conn)
	}
}
