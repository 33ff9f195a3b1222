package recovery

import "time"

// Limits bound a Journal. Each is positive but for those that say what 0 means.
type Limits struct {
	// MaxDisconnectionDuration is how long a session may be away.
	MaxDisconnectionDuration time.Duration
	// InFlightTime is the longest time from Record to the end of a connection that was to deliver the message and did not,
	// as seen by Save. With the heartbeat of Engine.IO it is the ping interval and twice the ping timeout (a pong that is
	// nearly late, the next interval, and a pong that never comes), and beside them as long as a loop may be behind.
	InFlightTime time.Duration
	// RoomBytesMax bounds what is kept of one room: past it the room's oldest messages go. The newest one always fits.
	RoomBytesMax int
	// BytesMax bounds everything: past it the oldest messages of the namespace go. Sessions may have a quarter of it.
	BytesMax int
	// SessionsMax bounds how many sessions are kept: past it the oldest go. With 0 none is kept.
	SessionsMax int
	// ReplayBytesMax bounds what a client is sent when it comes back, by the bytes given to Record; 0 is no bound. More than
	// may wait for one connection would end it as too slow, and the client would come back for the same again.
	ReplayBytesMax int
}

// Retention is how long a message is kept if there is room for it.
func (l Limits) Retention() time.Duration { return l.MaxDisconnectionDuration + l.InFlightTime }

const (
	// HistoryLeftMax bounds how many rooms that a socket has left its history remembers, of those whose messages may still be
	// on their way.
	HistoryLeftMax = 64

	// samplesMax bounds how many points in time a journal can tell positions of: age is measured in steps of the retention
	// divided by it, 1.4 s with the usual times.
	samplesMax = 128
	// sampleTimeMin is the least such step.
	sampleTimeMin = time.Millisecond

	// sweptPerRecord is how many messages that are past their age a Record clears away: more than the one that it adds, so
	// they never pile up.
	sweptPerRecord = 4
	// sweptAtOnceMax is how many Expire clears away before it lets others have the lock: about 100 us on two cores of a
	// shared virtual machine.
	sweptAtOnceMax = 1000

	// walkedAtOnceMax is how many sessions Begin looks at before it lets others have the lock: 10 to 150 us on two cores of a
	// shared virtual machine.
	walkedAtOnceMax = 1000
	// crowdKeptMin is the length below which an emptying crowd keeps its memory.
	crowdKeptMin = 1024

	// What things count beside their own bytes, close to what they take (TestWhatThingsCount).
	entryBytes   = 112 // a message kept, with its place in the first log
	placeBytes   = 24  // each further log
	nameBytes    = 16  // a room that is excepted
	logBytes     = 144 // a room with anything kept, or with a mark, beside its name
	sessionBytes = 256 // a session, beside its rooms
	memberBytes  = 40  // a room in a history, beside its name

	// sessionsShare and marksShare are the parts of Limits.BytesMax that sessions and empty logs with a mark may have.
	sessionsShare = 4
	marksShare    = 8

	// shrinkMin is the size from which a map that is nearly empty gives memory back, and shrinkTo when it counts as that.
	shrinkMin = 1024
	shrinkTo  = 16
)
