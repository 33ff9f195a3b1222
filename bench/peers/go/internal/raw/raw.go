// Package raw is the bench's raw protocol, for servers that are WebSocket libraries and have no protocol of their own on top. The
// first byte of a message decides what is done with it:
//
//	E…          comes back to the sender
//	P…          goes to every connection that has sent neither P nor J nor R; the sender is from then on a publisher
//	J<room>…    makes the sender a member of that room and comes back to it; <room> is 8 hexadecimal digits
//	R<room>…    goes to the members of that room; the sender is from then on a publisher
package raw

import "strconv"

// Verb is what a message asks for.
type Verb byte

// The verbs.
const (
	None    Verb = iota // nothing that a server knows
	Echo                // send it back to its sender
	Join                // put its sender into the room, and send it back
	Publish             // send it to the members of the room
)

// Hall is the room in which a connection is until it says otherwise. The rooms of J and R begin after it.
const Hall Room = 0

// Room numbers a room.
type Room uint64

const digits = 8

// Parse reads what a message asks for, and of which room.
func Parse(message []byte) (Verb, Room) {
	if len(message) == 0 {
		return None, Hall
	}
	switch message[0] {
	case 'E':
		return Echo, Hall
	case 'P':
		return Publish, Hall
	case 'J':
		return inRoom(Join, message)
	case 'R':
		return inRoom(Publish, message)
	}
	return None, Hall
}

func inRoom(v Verb, message []byte) (Verb, Room) {
	if len(message) < 1+digits {
		return None, Hall
	}
	number, err := strconv.ParseUint(string(message[1:1+digits]), 16, 32)
	if err != nil {
		return None, Hall
	}
	return v, Hall + 1 + Room(number)
}
