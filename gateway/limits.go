package gateway

import "time"

// Defaults and bounds, each with its reason in docs/LIMITS.md.
const (
	// EventsRateDefault and EventsBurstDefault bound the events of one socket: so many a second, and so many at once after a
	// quiet time.
	EventsRateDefault  = 50
	EventsBurstDefault = 100 // the burst that goes with it
	// BytesRateDefault and BytesBurstDefault bound their bytes.
	BytesRateDefault  = 256 << 10
	BytesBurstDefault = 1 << 20 // the burst that goes with it: as much as the largest event that a client may send
	// SocketsPerUserMaxDefault bounds the sockets of one user at once.
	SocketsPerUserMaxDefault = 100
	// RoomsPerSocketMaxDefault bounds the rooms that a client may be in by its own doing.
	RoomsPerSocketMaxDefault = 100

	// refusalsRateMax and refusalsBurstMax bound how often a client may be told that it is too fast, in a second and at once: one
	// that does not listen would go on for ever, at the cost of reading what it sends. It is disconnected.
	refusalsRateMax  = 50
	refusalsBurstMax = 1000
	// whoMax is how many sockets an answer to who has.
	whoMax = 100
	// callTimeMax bounds what a handler waits for the loops.
	callTimeMax = 10 * time.Second
	// whoBytesMax is how many bytes of data an answer to who has, about; one socket's always fit.
	whoBytesMax = 64 << 10
	// nonsenseTime is the time between two lines of the log on a backend whose replies make no sense.
	nonsenseTime = 10 * time.Second
	// leaverTime is how long the backend may go on being asked about a client that has left.
	leaverTime = 250 * time.Millisecond
	// flushTimeMax is how long the end of the gateway waits for webhooks that are still to be sent.
	flushTimeMax = 5 * time.Second
	// apiConnectionsMin and apiConnectionsMax bound the connections of the control API, between them one for each apiFilesPart of the
	// open files that clients leave: a server that cannot open another file ends.
	apiConnectionsMin, apiConnectionsMax, apiFilesPart = 64, 1024, 4
	// apiEndTimeMax is how long it waits for requests of the control API.
	apiEndTimeMax = 2 * time.Second
	// credentialBytesMax bounds the auth payload that is looked at.
	credentialBytesMax = 16 << 10
)
