package chaos

import "time"

// The bounds of what may be asked for.
const (
	ConnectionsMax = 1_000_000 // of one attack at once
	RateMin        = 0.001     // connects a second of one attack
	RateMax        = 1_000_000 // likewise
	TimeMax        = 1000 * time.Hour
	EventsMax      = 1000 // of a schedule
)

// What is not asked for.
const (
	rateDefault        = 1000    // connects a second of an attack that holds its connections
	connectionsDefault = 1000    // at once of an attack whose connections come at a rate: it is as many as a server may leave open
	messageBytesMax    = 1000000 // what a server takes in one message if it does not say: Socket.IO's default
	forDefault         = 5 * time.Second
)

// keptAfter is how long a server may leave a connection open that has sent a malformed input. A close takes one round trip, and a
// busy server a little longer.
const keptAfter = 2 * time.Second
