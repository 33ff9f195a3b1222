package session

import "time"

const (
	// HandshakeTimeMax is the default time from accept to a complete request head.
	HandshakeTimeMax = 10 * time.Second
	// queryBytesMax bounds the query of a request; the longest that a stock client sends has under 200 bytes.
	queryBytesMax = 4 << 10
	// joinedBytesMax bounds messages that are joined; a write of more gains nothing from it.
	joinedBytesMax = 32 << 10
	// randomBytes is how much randomness a table draws at a time.
	randomBytes = 2 << 10
	// retryAfter is what a refused client is told to wait before it comes again.
	retryAfter = 2 * time.Second
)
