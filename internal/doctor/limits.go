package doctor

import "time"

// ConnectionsDefault is for how many connections the checks are made if nobody says.
const ConnectionsDefault = 10_000

// What a connection takes, by which memory is reckoned.
const (
	// processBytes is what `starling serve` without a client has resident: 30 to 31 MiB.
	processBytes = 31 << 20
	// userBytesEach is what an idle client over a WebSocket takes of the process. The server itself takes 1,037 to 1,060 bytes
	// (docs/BENCHMARKS.md, Memory); with a token that names a user, a room to join and a pattern it was 2,100 bytes
	// where all clients had the same user and room, and 2,450 to 2,820 where each had a user of its own (10,000 and 16,000
	// of them, on two cores of a shared virtual machine).
	userBytesEach = 2600
	// recoveryBytesEach is what it takes besides with recovery switched on: 1,386 bytes in all (docs/BENCHMARKS.md).
	recoveryBytesEach = 330
	// kernelBytesEach is what its TCP connection takes of the kernel: socket, inode, file, directory entry, epoll entry.
	kernelBytesEach = 4 << 10
	// slowShare is the part, one in so many, of clients that do not read as fast as they are written to.
	slowShare = 100
	// wmemBytesDefault is the kernel's own maximum of what it holds for one that does not read.
	wmemBytesDefault = 4 << 20
	// memoryPercentMax is how much of the memory may be in use: above it the server refuses new sessions.
	memoryPercentMax = 85
)

// The defaults of the server's own bounds, as docs/LIMITS.md has them.
const (
	outboundBytesPerConnMax = 1 << 20
	outboundBytesMax        = 256 << 20
	pathDefault             = "/socket.io/"
	// What admission keeps of the open files for everything that is no admitted connection.
	filesReserveMin   = 256
	filesReserveShare = 20
)

// What is wanted of the kernel.
const (
	// largeMin is from how many connections on more is wanted than the kernel's defaults.
	largeMin = 50_000
	// wmemBytesMax is what the kernel should hold for one client that does not read.
	wmemBytesMax = 1 << 20
	// pagesEach is how many pages of buffers a connection with traffic may take, one for each direction.
	pagesEach = 2
	// The widest range of ports to connect from: the privileged ones are not in it.
	portLowest, portHighest = 1024, 65535
	// conntrackTimeMax is how long a packet filter should remember a connection that says nothing, in seconds, and
	// conntrackTimeDefault how long it does unless told otherwise: five days.
	conntrackTimeMax, conntrackTimeDefault = 86_400, 432_000
	// queuesMax is up to how many queues of a network card are wanted.
	queuesMax = 8
	// tasksMin is how many threads the process should be able to have.
	tasksMin = 512
	// kernelFileCovers is up to how many connections deploy/99-starling.conf is enough.
	kernelFileCovers = 500_000
)

// Bounds of the doctor itself.
const (
	// fileBytesMax bounds what is read of a file.
	fileBytesMax = 1 << 20
	// quotedBytesMax bounds what is shown of something that makes no sense.
	quotedBytesMax = 60
	// answerBytesMax bounds the body of an answer through the proxy, and frameBytesMax a frame.
	answerBytesMax = 64 << 10
	frameBytesMax  = 64 << 10
	// stepTime is how long one step of the trial may take.
	stepTime = 10 * time.Second
	// trials is how many sessions are begun, at most, before the first of them is asked for again. One, two and then three: who
	// sends requests to several servers in turn sends some of them to another one than before, whatever the turn.
	trials = 3
	// holdMargin is how much longer than a heartbeat takes a connection is left alone.
	holdMargin = 5 * time.Second
	// framesMax bounds the frames that are read while waiting for one.
	framesMax = 1000
)
