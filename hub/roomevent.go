package hub

import (
	"sync"

	"starling/hub/internal/rooms"
)

// RoomEventKind is what has happened to a room.
type RoomEventKind string

// The kinds, in the words of Socket.IO.
const (
	RoomCreated RoomEventKind = "create-room" // it has got its first member
	RoomDeleted RoomEventKind = "delete-room" // it has lost its last one
	RoomJoined  RoomEventKind = "join-room"   // a socket is in it now
	RoomLeft    RoomEventKind = "leave-room"  // a socket is in it no longer
)

// RoomEvent is something that has happened to a room of this node. The rooms of one socket's id have no events.
type RoomEvent struct {
	Kind      RoomEventKind
	Namespace *Namespace
	Room      string
	SocketID  string // of RoomJoined and RoomLeft
}

// OnRoom sets what is told of the rooms of this node: when one is created, joined, left, and deleted; nil removes it. It is
// called off the loops, for one event after the other, and may block; for each room the order is that in which things have
// happened. What there was before is not told. At most RoomEventsMax events wait; what is more is lost, and logged as an error.
func (n *Namespace) OnRoom(handle func(e RoomEvent)) {
	n.roomTeller.setting.Lock()
	defer n.roomTeller.setting.Unlock()
	n.roomTeller.set(handle)
	if handle == nil {
		n.rooms.Watch(nil)
		return
	}
	n.rooms.Watch(func(e rooms.Event) {
		n.tellRoom(RoomEvent{Kind: roomEventKinds[e.Kind], Namespace: n, Room: e.Room, SocketID: e.Member})
	})
}

var roomEventKinds = map[rooms.EventKind]RoomEventKind{
	rooms.Created: RoomCreated, rooms.Deleted: RoomDeleted, rooms.Joined: RoomJoined, rooms.Left: RoomLeft,
}

// roomTeller holds the events that were not told yet.
type roomTeller struct {
	setting sync.Mutex // held by OnRoom
	mu      sync.Mutex
	handle  func(RoomEvent)
	waiting []RoomEvent
	telling bool   // a job is on its way that tells all of them
	lost    uint64 // events that found no place
}

func (t *roomTeller) set(handle func(RoomEvent)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handle = handle
}

// tellRoom has an event told, soon.
func (n *Namespace) tellRoom(e RoomEvent) {
	t := &n.roomTeller
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= RoomEventsMax {
		t.lost++
		if t.lost&(t.lost-1) == 0 { // ever less often
			n.server.opts.Logger.Error("room events are lost: OnRoom is too slow", "namespace", n.name, "lost_so_far", t.lost)
		}
		return
	}
	t.waiting = append(t.waiting, e)
	if !t.telling {
		t.telling = true
		n.enqueue(job{run: n.tellRooms})
	}
}

// tellRooms tells the events that wait.
func (n *Namespace) tellRooms() {
	for {
		handle, events := n.roomTeller.take()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			n.tellOne(handle, e)
		}
	}
}

// take returns the events that wait; with none the job is over.
func (t *roomTeller) take() (handle func(RoomEvent), events []RoomEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	events, t.waiting = t.waiting, nil
	t.telling = len(events) > 0
	return t.handle, events
}

// tellOne tells one event. A panic costs that one.
func (n *Namespace) tellOne(handle func(RoomEvent), e RoomEvent) {
	defer func() {
		if r := recover(); r != nil {
			n.server.workers.panicked(n.name, nil, string(e.Kind), r)
		}
	}()
	if handle != nil {
		handle(e)
	}
}
