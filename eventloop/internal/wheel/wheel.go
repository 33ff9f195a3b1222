// Package wheel is the coarse timer of one loop: a hashed wheel of intrusive nodes. Setting, moving and cancelling
// a timer is a few pointer writes and no allocation, so that each of 100,000 sessions can have one.
package wheel

// slotCount is how many ticks one turn of the wheel has. A deadline further away stays in its slot for as many turns
// as it needs: with the loop's tick of 100 ms a turn is 51.2 s, longer than the usual ping interval.
const slotCount = 512

// Timer is a node of the wheel, made to be embedded. The zero value is an unset timer. It may not be copied while set.
type Timer struct {
	next, prev *Timer
	at         int64 // the tick at which it is due
	owner      Expirer
}

// Expirer is told when its timer is due. The timer is unset by then and may be set again.
type Expirer interface {
	Expired(t *Timer)
}

// Set reports whether the timer is waiting.
func (t *Timer) Set() bool { return t.next != nil }

// Wheel belongs to one goroutine. Use New.
type Wheel struct {
	now   int64
	slots [slotCount]Timer // each a ring with the slot itself as its sentinel
}

// New returns a wheel that stands at tick 0.
func New() *Wheel {
	w := &Wheel{}
	for i := range w.slots {
		s := &w.slots[i]
		s.next, s.prev = s, s
	}
	return w
}

// Schedule sets t to be due in the given number of ticks (at least 1), moving it if it was set already.
func (w *Wheel) Schedule(t *Timer, ticks int64, owner Expirer) { w.ScheduleAt(t, w.now+ticks, owner) }

// ScheduleAt sets t to be due at the given tick, or at the next one if that is over, moving it if it was set already.
func (w *Wheel) ScheduleAt(t *Timer, at int64, owner Expirer) {
	w.Cancel(t) // forgets the owner
	t.at, t.owner = max(at, w.now+1), owner
	s := &w.slots[t.at%slotCount]
	t.prev, t.next = s.prev, s
	s.prev.next, s.prev = t, t
}

// Cancel unsets t; cancelling an unset timer does nothing.
func (w *Wheel) Cancel(t *Timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev, t.owner = nil, nil, nil
}

// Advance moves the wheel to the given tick and tells the owners of what has become due, tick by tick. An owner may
// schedule and cancel any timer from within; what it sets is due in a later tick, so Advance always ends. A panic of an
// owner passes through, and costs no other timer more than a tick.
func (w *Wheel) Advance(to int64) {
	for w.now < to {
		w.now++
		w.turn(&w.slots[w.now%slotCount])
	}
}

// turn fires the due timers of one slot. They are first moved to a ring of their own: an owner may then cancel or set
// any timer, of this slot too, without disturbing the walk.
func (w *Wheel) turn(s *Timer) {
	var due Timer
	due.next, due.prev = &due, &due
	for t := s.next; t != s; {
		next := t.next
		if t.at <= w.now {
			t.prev.next, t.next.prev = t.next, t.prev
			t.prev, t.next = due.prev, &due
			due.prev.next, due.prev = t, t
		}
		t = next
	}
	defer w.putBack(&due)
	for due.next != &due {
		t := due.next
		owner := t.owner
		w.Cancel(t)
		owner.Expired(t)
	}
}

// putBack has what is left of a ring of due timers fire in the next tick: something is left when an owner has panicked.
func (w *Wheel) putBack(due *Timer) {
	for due.next != due {
		t := due.next
		w.Schedule(t, 1, t.owner)
	}
}
