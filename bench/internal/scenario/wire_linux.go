package scenario

import (
	"bytes"
	"fmt"
	"strconv"

	"starling/bench/internal/ledger"
)

// kind is what a received message is to a scenario.
type kind uint8

const (
	other kind = iota
	delivery
	joined
	left
	echoed
	denied // an acknowledgement that tells what went wrong
)

// wire is how a scenario's messages look in one protocol. The slices belong to the caller.
type wire interface {
	// appendJoin asks to be made a member of a room; needsJoin says whether that is necessary at all.
	appendJoin(dst []byte, room uint32) []byte
	needsJoin() bool
	// appendLeave asks to be let out again; leaves says whether that can be asked for.
	appendLeave(dst []byte, room uint32) []byte
	leaves() bool
	// appendPublish has the stamp delivered to its room.
	appendPublish(dst []byte, s ledger.Stamp) []byte
	// appendDirect has the stamp delivered to a socket id alone; directs says whether that can be asked for.
	appendDirect(dst []byte, id string, s ledger.Stamp) []byte
	directs() bool
	// appendEcho asks for the stamp back.
	appendEcho(dst []byte, s ledger.Stamp) []byte
	// kind tells what was received; answers whether it is the answer to the echo of that number.
	kind(m []byte) kind
	answers(m []byte, seq uint32) bool
}

var (
	_ wire = (*socketWire)(nil)
	_ wire = (*rawWire)(nil)
)

// padding fills a payload up to its size. It needs no escape in JSON.
func padding(size int) []byte {
	return bytes.Repeat([]byte{'.'}, max(0, size-ledger.StampBytes))
}

// socketWire speaks Socket.IO v5 packets, their Engine.IO type in front.
type socketWire struct {
	padding []byte
	event   string
	rooms   bool
}

func (w *socketWire) needsJoin() bool { return true }

// The ack ids of joins and leaves, whose acks have no stamp, unlike those of echoes.
const (
	joinID  = 0
	leaveID = 1
)

func (w *socketWire) appendJoin(dst []byte, room uint32) []byte {
	dst = fmt.Appendf(dst, `42%d["join",`, joinID)
	return append(w.appendRoom(dst, room), ']')
}

func (w *socketWire) leaves() bool { return true }

func (w *socketWire) appendLeave(dst []byte, room uint32) []byte {
	dst = fmt.Appendf(dst, `42%d["leave",`, leaveID)
	return append(w.appendRoom(dst, room), ']')
}

func (w *socketWire) directs() bool { return true }

func (w *socketWire) appendDirect(dst []byte, id string, s ledger.Stamp) []byte {
	dst = append(dst, `42["direct","`...) // a socket id needs no escape in JSON
	dst = append(append(dst, id...), `","`...)
	dst = append(s.Append(dst), w.padding...)
	return append(dst, `"]`...)
}

// appendRoom names a room. Rights to rooms are given by prefixes that end in a colon: flood:*.
func (w *socketWire) appendRoom(dst []byte, room uint32) []byte {
	if !w.rooms {
		return append(dst, `"flood"`...)
	}
	dst = append(dst, `"flood:`...)
	dst = strconv.AppendUint(dst, uint64(room), 10)
	return append(dst, '"')
}

func (w *socketWire) appendPublish(dst []byte, s ledger.Stamp) []byte {
	dst = append(dst, `42["room",`...)
	dst = append(w.appendRoom(dst, s.Room), `,"`...)
	dst = append(s.Append(dst), w.padding...)
	return append(dst, `"]`...)
}

func (w *socketWire) appendEcho(dst []byte, s ledger.Stamp) []byte {
	dst = append(dst, "42"...)
	dst = strconv.AppendUint(dst, uint64(s.Seq), 10)
	dst = append(dst, '[')
	dst = strconv.AppendQuote(dst, w.event)
	dst = append(dst, `,"`...)
	dst = append(s.Append(dst), w.padding...)
	return append(dst, `"]`...)
}

// kind trusts that the loop hands on events and acks alone.
func (w *socketWire) kind(m []byte) kind {
	switch {
	case m[1] == '2':
		return delivery
	case m[1] != '3':
		return other
	case bytes.HasPrefix(ackOf(m), ackError):
		return denied
	case bytes.IndexByte(m, '~') >= 0:
		return echoed
	case bytes.HasPrefix(m[2:], []byte{'0' + leaveID, '['}):
		return left
	default:
		return joined
	}
}

// ackError begins the arguments of an acknowledgement that tells what went wrong: [{"error":"…"}], or an object with a code and a
// message in place of the string.
var ackError = []byte(`[{"error":`)

// ackOf is what an ack has behind its id.
func ackOf(m []byte) []byte { return bytes.TrimLeft(m[2:], "0123456789") }

func (w *socketWire) answers(m []byte, seq uint32) bool {
	id, digits := uint32(0), m[2:]
	for len(digits) > 0 && digits[0] >= '0' && digits[0] <= '9' {
		id = id*10 + uint32(digits[0]-'0')
		digits = digits[1:]
	}
	return id == seq && len(digits) < len(m)-2
}

// rawWire speaks with a server like the limit: the first byte of a message says what is to be done with it.
type rawWire struct {
	padding []byte
	rooms   bool
}

func (w *rawWire) needsJoin() bool { return w.rooms }

func (w *rawWire) appendJoin(dst []byte, room uint32) []byte { return fmt.Appendf(dst, "J%08x", room) }

func (w *rawWire) leaves() bool { return false }

func (w *rawWire) appendLeave(dst []byte, _ uint32) []byte { return dst }

func (w *rawWire) directs() bool { return false }

func (w *rawWire) appendDirect(dst []byte, _ string, _ ledger.Stamp) []byte { return dst }

func (w *rawWire) appendPublish(dst []byte, s ledger.Stamp) []byte {
	if w.rooms {
		dst = fmt.Appendf(dst, "R%08x", s.Room)
	} else {
		dst = append(dst, 'P')
	}
	return append(s.Append(dst), w.padding...)
}

func (w *rawWire) appendEcho(dst []byte, s ledger.Stamp) []byte {
	return append(s.Append(append(dst, 'E')), w.padding...)
}

func (w *rawWire) kind(m []byte) kind {
	if len(m) == 0 {
		return other
	}
	switch m[0] {
	case 'P', 'R':
		return delivery
	case 'J':
		return joined
	case 'E':
		return echoed
	}
	return other
}

func (w *rawWire) answers([]byte, uint32) bool { return true }

// socketID finds the socket id in a CONNECT packet's payload, {"sid":"…"}; "" if there is none.
func socketID(connect []byte) string {
	_, rest, _ := bytes.Cut(connect, []byte(`"sid":"`))
	id, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return ""
	}
	return string(id)
}
