package eventloop

import "time"

// Defaults of Config. Each is documented, with its reason, in docs/LIMITS.md.
const (
	// OutboundBytesPerConnMax is the default bound on what one connection may have pending, in bytes.
	OutboundBytesPerConnMax = 1 << 20
	// OutboundBytesMax is the default bound on what all connections of the process may have pending, in bytes.
	OutboundBytesMax = 256 << 20
	// InboxTasksMax is how many tasks may wait in the inbox of one loop before Post refuses.
	InboxTasksMax = 1 << 16
	// LingerMax is how long a closing connection may take to send what is pending and to see the peer's end.
	LingerMax = time.Second
	// lingerProgressMax is how long it may take if its peer goes on taking what is pending.
	lingerProgressMax = 30 * time.Second
)

// The inner figures of a loop.
const (
	// tick is the resolution of timers and of Loop.Now.
	tick = 100 * time.Millisecond
	// blockedPoll is how often connections whose peer does not read are looked at: gnet tells nobody when its
	// buffer has drained, so somebody has to ask.
	blockedPoll = 20 * time.Millisecond
	// drainTasksMax and drainTimeMax bound how long one iteration works off its inbox before I/O has its turn again.
	drainTasksMax = 256
	drainTimeMax  = 4 * time.Millisecond
	// soonTasksMax bounds how many tasks that were put off with Soon one iteration runs: each may be the answer to a
	// poll, some 5 us.
	soonTasksMax = 1024
	// flushConnsMax bounds how many connections one iteration writes to before I/O has its turn again: at 6 us a
	// write that is about 6 ms. What is queued meanwhile joins the writes that are still to come.
	flushConnsMax = 1024
	// gatherBytesMax is up to how much is copied together for one write: below it a copy costs less than a
	// writev (a 16 KiB copy under 1 us, a system call 5 us and more).
	gatherBytesMax = 64 << 10
	// directBytesMin is from what size a buffer is written as it is rather than copied together with others.
	directBytesMin = 16 << 10
	// corkBytesMax is how much may be queued on a connection within one iteration before it is written at once.
	corkBytesMax = 256 << 10
	// handedBytesMax is how much of a blocked connection's backlog gnet is given at a time. One large piece at a
	// time: gnet drains a list of many small ones in quadratic time.
	handedBytesMax = 256 << 10
	// segmentBytes is what one queued reference costs beside the bytes it refers to (a slice header).
	segmentBytes = 24
	// scratchBytesKeptMax bounds the scratch memory that a loop keeps.
	scratchBytesKeptMax = 256 << 10
	// boxSegmentsKeptMax bounds the capacity that a recycled backlog keeps.
	boxSegmentsKeptMax = 64
	// heldLoopMax is how long a loop may go without answering its tick before the watchdog names it, and how long it then
	// has to read what came meanwhile before its timers find anybody late.
	heldLoopMax = time.Second
	// filesReserveMin and filesReserveShare (a part in so many) are what admission leaves of RLIMIT_NOFILE to
	// everything that is not an admitted connection.
	filesReserveMin   = 256
	filesReserveShare = 20
	// acceptPauseMin and acceptPauseMax are how long Accept waits when the system has nothing to accept with: at first,
	// and when that goes on.
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
	// moversMax is how many connections may be arriving on one loop from elsewhere at a time. gnet takes them in before
	// it looks at its sockets again, so it also bounds how long a storm of them can hold I/O up.
	moversMax = 16
	// moversShare is the part of that reserve that they may take on all loops, each with a descriptor too many for a
	// moment. Refusals take half of the reserve.
	moversShare = 8
)
