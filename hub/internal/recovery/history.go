package recovery

import (
	"math"
	"slices"
	"strings"
)

// History is between which positions a socket was in which rooms. It belongs to the socket's loop while the socket is
// connected, to the journal from Save to Arrived, and to whoever has taken it from there on; it needs no lock.
//
// The positions given to it are those of the loop: that of the last message that the loop has handed to its sockets. A
// message is the socket's if the loop handed it over while the socket was in the room. So a loop has to know its position
// also while it has no socket of the namespace, and one that goes on with a session, as Replay says, is at its upTo at least.
//
// A socket is in the room of its own id, and one of everyone, from the start; nobody tells the history of that.
type History struct {
	sure    Position // the client needs nothing up to here
	resumed Position // where the present connection has begun; away while there is none
	floor   Position // left is complete from here on
	open    []membership
	left    []formerMembership // in the order of leaving
}

// away is behind every position: no connection has delivered anything since.
const away = Position(math.MaxUint64)

// membership is a room that the socket has joined; they are sorted by room.
type membership struct {
	room string
	from Position // what is behind it is the socket's
}

// formerMembership is a room that the socket has left.
type formerMembership struct {
	membership
	to Position // the last that was the socket's
}

// NewHistory begins the history of a socket that is connected at a position and in no room.
func NewHistory(at Position) *History { return &History{sure: at, resumed: at} }

// Joined says that the socket is in a room from a position on. It does nothing if it was in there already.
func (h *History) Joined(room string, at Position) {
	if i, found := h.find(room); !found {
		h.open = slices.Insert(h.open, i, membership{room, at})
	}
}

// Left says that the socket was in a room up to a position. It does nothing if it was not in there. settled is
// Journal.Settled; with its help rooms are forgotten that nobody will ask for.
//
// It is not for the rooms of a socket that disconnects: these it will be in again.
func (h *History) Left(room string, at, settled Position) {
	i, found := h.find(room)
	if !found {
		return
	}
	was := formerMembership{h.open[i], at}
	h.open = slices.Delete(h.open, i, i+1)
	if cap(h.open) > 2*HistoryLeftMax && len(h.open) < cap(h.open)/4 {
		h.open = slices.Clip(slices.Clone(h.open))
	}
	h.settle(settled)
	if was.from >= was.to || was.to <= h.sure { // nothing was sent meanwhile, or the client has it
		return
	}
	if len(h.left) == HistoryLeftMax {
		h.floor = max(h.floor, h.left[0].to)
		h.left = slices.Delete(h.left, 0, 1)
	}
	h.left = append(h.left, was)
}

// Rooms calls yield with the name of each room that the socket is in, its own id not among them, until it returns false.
func (h *History) Rooms(yield func(room string) bool) {
	for i := range h.open {
		if !yield(h.open[i].room) {
			return
		}
	}
}

// find returns the index of a room in open, or where it would be.
func (h *History) find(room string) (i int, found bool) {
	return slices.BinarySearchFunc(h.open, room, func(m membership, room string) int { return strings.Compare(m.room, room) })
}

// in reports whether the socket is in a room, or will be when it comes back.
func (h *History) in(room string) bool {
	_, found := h.find(room)
	return found
}

// has reports whether a message at a position that was aimed at a room was aimed at the socket.
func (h *History) has(room string, p Position) bool {
	if i, found := h.find(room); found && h.open[i].from < p {
		return true
	}
	return slices.ContainsFunc(h.left, func(m formerMembership) bool { return m.room == room && m.from < p && p <= m.to })
}

// settle says that a connection which is good now, and was so at the given position, has delivered all up to there.
func (h *History) settle(settled Position) {
	if settled >= h.resumed {
		h.sure = max(h.sure, settled)
	}
	if h.left = slices.DeleteFunc(h.left, func(m formerMembership) bool { return m.to <= h.sure }); len(h.left) == 0 {
		h.left = nil
	}
}

// leave says that the connection has ended, and was good at the given position.
func (h *History) leave(settled Position) {
	h.settle(settled)
	h.resumed = away
}

// resume says that the client is sent, at a position, all that it needs; the first of that is at another one.
func (h *History) resume(first, at Position) {
	h.sure, h.resumed = first-1, at
}

// bytes is what the history counts.
func (h *History) bytes() (n int) {
	for i := range h.open {
		n += memberBytes + len(h.open[i].room)
	}
	for i := range h.left {
		n += memberBytes + len(h.left[i].room)
	}
	return n
}
