package engineio

const (
	// PayloadPacketsMax bounds the packets of one polling body. Stock clients cut
	// their batches by bytes alone, so the bound is high; it only keeps a body of
	// one-byte packets from becoming a flood of answers.
	PayloadPacketsMax = 10_000

	// handshakeMillisMax bounds the intervals a client believes: a day. A longer
	// one is a mistake, and would overflow the arithmetic of timers.
	handshakeMillisMax = 24 * 60 * 60 * 1000
)
