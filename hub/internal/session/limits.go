package session

import "time"

const (
	// HandshakeTimeMax is the default time from accept to a complete request head.
	HandshakeTimeMax = 10 * time.Second
	// UpgradeTimeMax is the default time for each of the two steps of an upgrade: from its request to the probe, and from the probe to the end.
	UpgradeTimeMax = 10 * time.Second

	// queryBytesMax bounds the query of a request; the longest that a stock client sends has under 200 bytes.
	queryBytesMax = 4 << 10
	// joinedBytesMax bounds messages that are joined; a write of more gains nothing from it.
	joinedBytesMax = 32 << 10
	// burstSeconds is for how many seconds' worth of a Rate a client may use at once: as much as comes together when it, or
	// what is between it and us, has stood still for that long.
	burstSeconds = 10
	// randomBytes is how much randomness a table draws at a time.
	randomBytes = 2 << 10
	// retryAfter is what a refused client is told to wait before it comes again.
	retryAfter = 2 * time.Second

	// bodyBytesPerSecondMin is how fast a request body must come, once the time of a request head is over.
	bodyBytesPerSecondMin = 16 << 10
	// KeepAliveTime is how long a connection may be without a request. It is longer than what the usual proxies in front
	// keep theirs, so that it is they who close: a connection that we closed while a request was on its way to it would
	// cost that request.
	KeepAliveTime = 75 * time.Second
	// pipelinedBytesMax bounds what a connection may send before it has the answer to its last request.
	pipelinedBytesMax = 16 << 10
	// goodbyeTime is how long a session that we have closed waits for the request by which its client learns of it (the
	// reference server's time).
	goodbyeTime = 30 * time.Second
	// addressStripes is how many locks the addresses of clients have, a power of two: with them loops seldom meet at one.
	addressStripes = 64
	// addressesKeptMin is how many addresses a stripe may have had without being made smaller when most have gone.
	addressesKeptMin = 64
	// packetBytes is what a waiting packet counts beside its bytes.
	packetBytes = 64
	// compressedBytesMin is the size from which a response, or a frame, is compressed (the reference server's threshold).
	compressedBytesMin = 1024
	// probeBytesMax bounds the messages of a WebSocket that is to take over a session: 2probe and 5.
	probeBytesMax = 64
	// scratchBytesKeptMax bounds memory that a table keeps for the next message.
	scratchBytesKeptMax = 64 << 10
)
