package recovery

import (
	"io"
	"sync"
	"time"
)

// Aim is whom a message is for: everyone in the namespace, or the members of the rooms, without the members of those that
// are excepted. The id of a socket is a room that it is in.
type Aim struct {
	Everyone bool
	Rooms    []string // not looked at with Everyone
	Except   []string
	Also     []string // for Begin: whoever is meant is in one of these rooms too, its id apart; nil: or in none
}

// Journal is the memory of one namespace. Any goroutine may use it. M is a message as the caller sends it, as a rule a
// pointer to something that never changes.
type Journal[M any] struct {
	limits Limits
	now    func() time.Duration
	epoch  epoch

	mu       sync.Mutex // guards what follows
	newest   Position
	past     past
	shelf    shelf[M]
	sessions sessions
}

// Stats are what a journal holds.
type Stats struct {
	Messages int // messages kept
	Rooms    int // rooms of which something is kept, or is known to have gone early; ids count, everyone does not
	Sessions int
	Transit  int // sessions that were taken and have not arrived
	Acts     int // that have begun and not ended
	Bytes    int // what all that counts; at most Limits.BytesMax
}

// New returns an empty journal. now is a clock that does not go back, and random is unpredictable; it is read once. Both
// may be shared.
func New[M any](limits Limits, now func() time.Duration, random io.Reader) *Journal[M] {
	return &Journal[M]{
		limits: limits,
		now:    now,
		epoch:  newEpoch(random),
		past:   past{step: max(limits.Retention()/samplesMax, sampleTimeMin)},
		shelf:  shelf[M]{roomBytesMax: limits.RoomBytesMax, marksBytesMax: limits.BytesMax / marksShare},

		sessions: sessions{max: limits.SessionsMax, bytesMax: limits.BytesMax / sessionsShare},
	}
}

// Record gives the next message its place in the stream and keeps it. publish is called with that place, and with the
// offset that the client is to learn of it; it sends the message and returns it. All that is recorded is published one after
// the other in the order of positions, so publish should do little more than post, and must not call the journal.
//
// bytes is what the message takes in memory. The strings and the slice aim.Except are kept and must not change; aim.Rooms
// is the caller's again when Record returns. A message for nobody is published and not kept.
func (j *Journal[M]) Record(aim Aim, bytes int, publish func(p Position, offset Offset) M) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tick()
	j.newest++ // before publish: should that panic, nobody may get the same position again
	m := publish(j.newest, j.epoch.offset(j.newest))
	j.shelf.put(j.newest, aim, bytes, m)
	j.trim()
	j.shelf.sweep(sweptPerRecord)
}

// Issued reports whether a text is an offset of this journal's.
func (j *Journal[M]) Issued(text string) bool {
	e, _, ok := parseOffset(text)
	return ok && e == j.epoch
}

// Settled returns a position up to which every connection that is good now has delivered everything. It is for History.Left.
func (j *Journal[M]) Settled() Position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.settled(j.tick())
}

// Save keeps a session whose socket has just disconnected, under an id that only its client knows. The journal has the
// history from then on. It returns the sessions that had to go for it, which are over: the oldest, one under the same id, or
// this one if it is too big, or meant by an act that has begun and not ended (see Begin).
func (j *Journal[M]) Save(pid string, s Saved) (over []Saved) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.tick()
	s.History.leave(j.settled(now))
	over = j.sessions.put(pid, s, now+j.limits.MaxDisconnectionDuration)
	j.trim()
	return over
}

// Take hands a session out, once. It is the caller's, who may Replay it. It is in transit then, and Arrived has to be called
// when its socket is connected, or when it is over. Should the client be gone again, before that or after, it can be saved
// as before, and is in transit no more. ok is false if there is none of this id, or its time is over.
func (j *Journal[M]) Take(pid string) (s Saved, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sessions.take(pid, j.now())
}

// Arrived says that a session in transit is so no more: its socket is connected from now on, and found by every act that
// begins, or the session is over. On ErrForgotten an act has meant it meanwhile, and it must not go on.
func (j *Journal[M]) Arrived(pid string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sessions.arrived(pid) {
		return ErrForgotten
	}
	return nil
}

// Begin is for what is done to sockets on all loops, to each on its own when the loop gets to it: an act, which takes them out of
// rooms or of the namespace. It is called before any loop does it, and end when all have. Whoever is away, or goes away before his
// loop has done it, or is on the way back, would be missed; so sessions that the aim means, by the rooms that they will be in
// again, do not go on:
//
//   - Those that are kept end, and are returned: nobody comes back as one of them.
//   - Those in transit are told by Arrived.
//   - Those that are saved before end is called are not kept, as Save says. Among them may be one that has joined again behind
//     the act, while other loops had still to do it: that costs it the recovery.
//
// The strings and slices of the aim must not change until then. Begin looks at each session, without holding the lock for long.
func (j *Journal[M]) Begin(aim Aim) (over []Saved, end func()) {
	a := newAct(aim)
	j.mu.Lock()
	j.sessions.begin(a)
	j.mu.Unlock()
	for more := true; more; {
		more = j.walk(a, &over)
	}
	return over, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.sessions.end(a)
	}
}

func (j *Journal[M]) walk(a *act, over *[]Saved) (more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sessions.walk(a, walkedAtOnceMax, over)
}

// Expire clears away what time is over for, and returns the sessions among it. It is to be called about each second; it does
// not hold the lock for long.
func (j *Journal[M]) Expire() (over []Saved) {
	for more := true; more; {
		more = j.expire(&over)
	}
	return over
}

func (j *Journal[M]) expire(over *[]Saved) (more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.tick()
	for range sweptAtOnceMax {
		s, ok := j.sessions.takeOver(now)
		if !ok {
			return j.shelf.sweep(sweptAtOnceMax)
		}
		*over = append(*over, s)
	}
	return true
}

// Stats returns what the journal holds.
func (j *Journal[M]) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{
		Messages: j.shelf.kept.n,
		Rooms:    j.shelf.rooms.len(),
		Sessions: j.sessions.kept.n,
		Transit:  j.sessions.transit.len(),
		Acts:     len(j.sessions.acts),
		Bytes:    j.shelf.bytes + j.sessions.bytes,
	}
}

// tick looks at the clock: it notes how far the journal is, and raises the floor to what is past its age.
func (j *Journal[M]) tick() (now time.Duration) {
	now = j.now()
	j.past.note(now, j.newest)
	j.past.forget(now - j.limits.Retention())
	j.shelf.raise(j.past.at(now - j.limits.Retention()))
	return now
}

func (j *Journal[M]) settled(now time.Duration) Position {
	return j.past.at(now - j.limits.InFlightTime)
}

// trim keeps to BytesMax. What is left when all messages are gone are sessions and marks, which have bounds of their own.
func (j *Journal[M]) trim() {
	for j.shelf.bytes+j.sessions.bytes > j.limits.BytesMax && j.shelf.dropOldest() {
	}
}
