package recovery

import (
	"math"
	"slices"

	"starling/internal/invariants"
)

// shelf holds the messages of a journal: in one list by age, and by reference in the log of each room that they were aimed
// at.
//
// A log loses its oldest messages first. So all that is known of what it has lost is one position, and a message that is
// the oldest of all is the first of each log that still has it.
type shelf[M any] struct {
	roomBytesMax  int
	marksBytesMax int

	kept     list[entry[M]]
	everyone log[M]
	rooms    table[*log[M]]
	marks    queue[mark[M]]
	floor    Position // nothing is known of what was sent up to here
	bytes    int      // what entries and logs count
}

// entry is a message.
type entry[M any] struct {
	position Position
	bytes    int32 // what Record was told
	held     int32 // how many logs have it
	except   []string
	message  M
	log      *log[M]   // the first that it was put into
	others   []*log[M] // the rest of them
}

func (e *entry[M]) cost() int {
	return int(e.bytes) + entryBytes + placeBytes*len(e.others) + nameBytes*len(e.except)
}

// log is what is kept of one room.
type log[M any] struct {
	room    string
	entries queue[*node[entry[M]]]
	bytes   int
	dropped Position // the last that is not kept any more
}

func (l *log[M]) cost() int { return logBytes + len(l.room) }

// after returns the index of the first entry behind a position.
func (l *log[M]) after(p Position) int {
	return l.entries.search(func(n *node[entry[M]]) bool { return n.value.position > p })
}

// mark is a log that has become empty, which has to be kept until the floor has reached what was dropped from it.
type mark[M any] struct {
	log     *log[M]
	dropped Position
}

// put keeps a message, which is the newest.
func (s *shelf[M]) put(p Position, aim Aim, bytes int, m M) {
	if !aim.Everyone && len(aim.Rooms) == 0 {
		return
	}
	n := s.kept.push(entry[M]{position: p, bytes: int32(min(max(bytes, 0), math.MaxInt32)), except: aim.Except, message: m})
	e := &n.value
	if aim.Everyone {
		e.log = &s.everyone
	} else {
		s.place(e, aim.Rooms)
	}
	s.bytes += e.cost()
	s.append(e.log, n)
	for _, l := range e.others {
		s.append(l, n)
	}
}

// place finds the logs for an entry. A room that is named twice counts once.
func (s *shelf[M]) place(e *entry[M], rooms []string) {
	e.log = s.logOf(rooms[0])
	for i, room := range rooms[1:] {
		if slices.Contains(rooms[:i+1], room) {
			continue
		}
		if e.others == nil {
			e.others = make([]*log[M], 0, len(rooms)-1)
		}
		e.others = append(e.others, s.logOf(room))
	}
}

// logOf returns the log of a room, made if there is none.
func (s *shelf[M]) logOf(room string) *log[M] {
	l, ok := s.rooms.get(room)
	if !ok {
		l = &log[M]{room: room}
		s.rooms.set(room, l)
		s.bytes += l.cost()
	}
	return l
}

func (s *shelf[M]) append(l *log[M], n *node[entry[M]]) {
	l.entries.push(n)
	n.value.held++
	l.bytes += n.value.cost()
	for l.bytes > s.roomBytesMax && l.entries.len() > 1 {
		s.shift(l)
	}
}

// shift drops the oldest of a log. Who needs it can tell from then on that it is gone.
func (s *shelf[M]) shift(l *log[M]) {
	n := l.entries.pop()
	e := &n.value
	l.bytes -= e.cost()
	l.dropped = e.position
	e.held--
	if e.held == 0 {
		s.bytes -= e.cost()
		s.kept.remove(n)
	}
}

// dropOldest drops the oldest message from all logs that have it, and reports whether there was one.
func (s *shelf[M]) dropOldest() bool {
	n := s.kept.oldest
	if n == nil {
		return false
	}
	s.dropFrom(n.value.log, n)
	for _, l := range n.value.others {
		s.dropFrom(l, n)
	}
	invariants.Assert(s.kept.oldest != n, "the oldest message is not the first of a log that has it")
	return true
}

func (s *shelf[M]) dropFrom(l *log[M], n *node[entry[M]]) {
	if l.entries.len() == 0 || l.entries.at(0) != n {
		return // it has gone from there already
	}
	s.shift(l)
	if l.entries.len() == 0 && l != &s.everyone {
		s.mark(l)
	}
}

// mark forgets a log that has become empty, or sees to it that it is forgotten in time.
//
// A flood to ever new rooms would make marks without end, so there is a bound to them too: past it the floor rises over the
// oldest. It is the oldest messages of all that empty a log, for RoomBytesMax leaves one, so marks come in order.
func (s *shelf[M]) mark(l *log[M]) {
	if l.dropped <= s.floor {
		s.forget(l)
		return
	}
	s.marks.push(mark[M]{l, l.dropped})
	for s.marks.len()*logBytes > s.marksBytesMax {
		s.raise(s.marks.at(0).dropped)
		s.clearMark()
	}
}

// forget drops an empty log.
func (s *shelf[M]) forget(l *log[M]) {
	s.bytes -= l.cost()
	s.rooms.remove(l.room)
}

// clearMark takes out the oldest mark, which is at the floor or below. Its log may be in use again, or have been forgotten
// since, or have another mark.
func (s *shelf[M]) clearMark() {
	l := s.marks.pop().log
	if current, ok := s.rooms.get(l.room); ok && current == l && l.entries.len() == 0 && l.dropped <= s.floor {
		s.forget(l)
	}
}

// raise raises the floor. What is below it is not looked at any more, so it can be cleared away at leisure.
func (s *shelf[M]) raise(floor Position) { s.floor = max(s.floor, floor) }

// sweep clears away at most so many entries and marks that are below the floor, and reports whether there may be more.
func (s *shelf[M]) sweep(atOnce int) bool {
	for range atOnce {
		switch {
		case s.kept.oldest != nil && s.kept.oldest.value.position <= s.floor:
			s.dropOldest()
		case s.marks.len() > 0 && s.marks.at(0).dropped <= s.floor:
			s.clearMark()
		default:
			return false
		}
	}
	return true
}
