package control

import (
	"time"

	"starling/hub"
)

// Limits of the control API. Past one of them a request, an item of a batch or a line of a stream is refused.
const (
	// EventBytesMaxDefault bounds the body of a request and a line of a stream, in bytes, unless Config says otherwise.
	EventBytesMaxDefault = 1 << 20
	// EventBytesMaxMax bounds Config.EventBytesMax: each request holds so much.
	EventBytesMaxMax = 64 << 20
	// BatchBytesMax bounds the body of a batch, in bytes. Each of its items is bounded as an event of its own.
	BatchBytesMax = 8 << 20
	// BatchItemsMax bounds the items of a batch.
	BatchItemsMax = 1000
	// TargetsMax bounds the names in each of "to", "in", "rooms" and "except".
	TargetsMax = 1000
	// UsersMax bounds the users that are asked about at once.
	UsersMax = 1000
	// BodiesBytesMax bounds the bodies of all requests at once, and of streams what they hold of long lines, in bytes.
	BodiesBytesMax = 256 << 20
	// EventNameBytesMax bounds the name of an event, in bytes.
	EventNameBytesMax = 255
	// ArgsMax bounds the arguments of an event.
	ArgsMax = 100
	// ReasonBytesMax bounds the reason of a disconnection, in bytes: it goes into the log.
	ReasonBytesMax = 255

	// AckTimeMax bounds how long a request may wait for acknowledgements.
	AckTimeMax = time.Minute
	// AckSocketsMax bounds how many sockets may be asked for an acknowledgement: all that they answer is in one reply, of which
	// hub.AckBytesMax bounds the bytes. ArgsMax bounds the arguments of an acknowledgement too.
	AckSocketsMax = 1000
	// AcksPerKeyMax bounds what the requests of one key that wait for acknowledgements count together. Each counts as many as it
	// asks sockets, and at most ackShareMax: hub.AckBytesMax in messages of a usual client's size, of which each may answer one.
	AcksPerKeyMax = 128
	ackShareMax   = hub.AckBytesMax >> 20
	// DrainTimeMax bounds how long a drain may be asked to take.
	DrainTimeMax = time.Hour

	// PageMax bounds what a listing returns at once, and PageDefault is what it returns unless it is asked for more.
	PageMax     = 1000
	PageDefault = 100
	// pageWalkMax bounds how many entries a listing looks at for one page, but for those of locked keys: by pages that end early
	// these could count what others have. pageStep is how many it looks at before it looks at the time.
	pageWalkMax = 100_000
	pageStep    = 100

	// IdempotencyTime is how long the reply to a request with an Idempotency-Key is kept.
	IdempotencyTime = 5 * time.Minute
	// IdempotencyEntriesMax and IdempotencyBytesMax bound the replies that are kept; past them the oldest go.
	IdempotencyEntriesMax = 10_000
	// IdempotencyBytesMax is the bound in bytes. A reply that is longer by itself is not kept.
	IdempotencyBytesMax = 16 << 20
	// HeaderBytesMax bounds the values of Idempotency-Key and X-Request-Id, in bytes.
	HeaderBytesMax = 128

	// StreamsMax bounds how many streams may be open, each of which has a buffer of at least streamBufferBytes.
	StreamsMax = 1000
	// StreamsPerKeyMax bounds those of one key, unless the file of keys says otherwise: one key must not have all of them, and a
	// hundred processes of a backend may have one each.
	StreamsPerKeyMax = 100
	// StreamWindowMax bounds how many lines of a stream wait for their results.
	StreamWindowMax = 1024
	// StreamIdleTime is how long a stream may be silent before it ends.
	StreamIdleTime = 10 * time.Minute
	// streamBufferBytes is what a stream reads at once, and resultsBytesMax when it writes results without being asked to.
	streamBufferBytes = 64 << 10
	resultsBytesMax   = 64 << 10

	// KeysMax bounds the keys: each request is held against all of them.
	KeysMax = 1000
	// KeyBytesMin and KeyBytesMax bound a key. Shorter ones could be guessed.
	KeyBytesMin = 16
	// KeyBytesMax keeps what a stranger can have hashed short.
	KeyBytesMax = 512
	// KeyNameBytesMax bounds the name of a key, in bytes: it goes into the log.
	KeyNameBytesMax = 64
	// KeysFileBytesMax bounds the file of keys.
	KeysFileBytesMax = 4 << 20
	// KeyRoomsMax bounds the patterns that a key is locked to: each target is held against all of them.
	KeyRoomsMax = 100

	// receiptTimeMax is how long a reply waits for its counts, which are there within a turn of the loops.
	receiptTimeMax = 10 * time.Second
	// statsTimeMax is how long /v1/stats waits for loops that are held by something.
	statsTimeMax = 2 * time.Second
	// bodyTimeMax is how long a body may take to arrive, and a result of a stream to leave.
	bodyTimeMax = 30 * time.Second
	// restTimeMax is how long the rest of a body may take to arrive that nobody has read, and restBytesMax how much of it is
	// waited for; behind more the connection is closed.
	restTimeMax  = time.Second
	restBytesMax = 256 << 10
	// overloadTime is when a client should try again that was refused because there is too much to do.
	overloadTime = time.Second

	// What NewServer sets.
	headerTimeMax  = 10 * time.Second
	idleTimeMax    = 2 * time.Minute
	headerBytesMax = 32 << 10
)

// An item may be as large as an event, and a batch must hold it.
const _ = uint(BatchBytesMax - EventBytesMaxDefault)

// The largest body must be one that there is room for, and so must the largest question.
const (
	_ = uint(BodiesBytesMax - max(BatchBytesMax, EventBytesMaxMax))
	_ = uint(AcksPerKeyMax - ackShareMax)
)
