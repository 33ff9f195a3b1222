package recovery

import (
	"math"
	"slices"
)

// Replay finds what the client of a session, which Take has handed out, has missed behind the offset that it names: ""
// if it has received none. It calls then with these messages in their order, and with a position behind all that was
// recorded up to now. Nothing is recorded before then returns: what then posts to the session's loop stands in its inbox
// behind everything up to that position and before everything behind it. From upTo on the socket gets messages as usual.
// missed is the callee's.
//
// On an error, one of the Err values, then was not called: the session cannot go on and its client has to get a new one. The
// history must have been saved by this journal.
func (j *Journal[M]) Replay(s Saved, offset string, then func(missed []M, upTo Position)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tick()
	from, err := j.after(s.History, offset)
	if err != nil {
		return err
	}
	runs, err := j.shelf.runs(&s, from)
	if err != nil {
		return err
	}
	// A position that no message has, so that whatever Settled says of it is about a time behind this replay.
	upTo := j.newest + 1
	missed, first, bytes := merge(runs, &s, upTo)
	if j.limits.ReplayBytesMax > 0 && bytes > j.limits.ReplayBytesMax {
		return ErrReplayBytes
	}
	j.newest = upTo
	s.History.resume(first, upTo)
	then(missed, upTo)
	return nil
}

// after returns the position behind which a client needs what was sent.
func (j *Journal[M]) after(h *History, offset string) (from Position, err error) {
	from = h.sure
	if offset != "" {
		epoch, p, ok := parseOffset(offset)
		switch {
		case !ok:
			return 0, ErrOffset
		case epoch != j.epoch: // clients keep the offset of an earlier session until they get one in this
		case p > j.newest:
			return 0, ErrOffsetAhead
		default:
			from = max(from, p)
		}
	}
	switch {
	case from < h.floor:
		return 0, ErrHistory
	case from < j.shelf.floor:
		return 0, ErrAge
	}
	return from, nil
}

// run is a part of a log, in order.
type run[M any] struct {
	entries   *queue[*node[entry[M]]]
	next, end int
}

func (r *run[M]) first() *entry[M] { return &r.entries.at(r.next).value }

// runs returns what was aimed at a session behind a position, once for each log that has it.
func (s *shelf[M]) runs(saved *Saved, from Position) (runs []run[M], err error) {
	const open = math.MaxUint64
	add := func(l *log[M], after, upTo Position) {
		after = max(after, from)
		if l.dropped > after {
			err = ErrDropped
		}
		if i, end := l.after(after), l.after(upTo); i < end {
			runs = append(runs, run[M]{&l.entries, i, end})
		}
	}
	addRoom := func(room string, after, upTo Position) {
		if l, ok := s.rooms.get(room); ok {
			add(l, after, upTo)
		}
	}
	add(&s.everyone, 0, open)
	addRoom(saved.SocketID, 0, open)
	for _, m := range saved.History.open {
		addRoom(m.room, m.from, open)
	}
	for _, m := range saved.History.left {
		if m.to > from {
			addRoom(m.room, m.from, m.to)
		}
	}
	return runs, err
}

// merge returns the messages of runs in order, each once, without those that excepted the session; the position of the
// first of them, none if there is none; and what they count together. It uses runs up.
func merge[M any](runs []run[M], saved *Saved, none Position) (missed []M, first Position, bytes int) {
	total := 0
	for _, r := range runs {
		total += r.end - r.next
	}
	missed, first = make([]M, 0, total), none
	for i := len(runs)/2 - 1; i >= 0; i-- {
		sink(runs, i)
	}
	last := Position(0)
	for len(runs) > 0 {
		e := runs[0].first()
		if e.position != last && !excepts(e, saved) {
			missed = append(missed, e.message)
			first = min(first, e.position)
			bytes += int(e.bytes)
		}
		last = e.position
		if runs[0].next++; runs[0].next == runs[0].end {
			runs[0] = runs[len(runs)-1]
			runs = runs[:len(runs)-1]
		}
		sink(runs, 0)
	}
	return missed, first, bytes
}

// sink restores the heap of runs, the one with the oldest entry on top, where the one at i may be too high.
func sink[M any](runs []run[M], i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(runs); child++ {
			if runs[child].first().position < runs[least].first().position {
				least = child
			}
		}
		if least == i {
			return
		}
		runs[i], runs[least] = runs[least], runs[i]
		i = least
	}
}

// excepts reports whether a message that was aimed at one of a session's rooms was not for its socket.
func excepts[M any](e *entry[M], saved *Saved) bool {
	return slices.ContainsFunc(e.except, func(room string) bool {
		return room == saved.SocketID || saved.History.has(room, e.position)
	})
}
