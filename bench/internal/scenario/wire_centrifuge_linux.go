package scenario

import (
	"bytes"
	"strconv"

	"starling/bench/internal/ledger"
)

// centrifugeWire speaks Centrifugo's client protocol in JSON: rooms are channels, and an echo is a remote procedure call.
type centrifugeWire struct {
	padding []byte
	method  string // that gives its argument back
	rooms   bool
}

var _ wire = (*centrifugeWire)(nil)

// The ids of commands; 1 is flood's own. They only have to be different among those that are under way, and a connection has one
// join or leave at a time.
const (
	subscribeID   = 2
	unsubscribeID = 3
	firstID       = 4 // of what has a number of its own
)

func (w *centrifugeWire) needsJoin() bool { return true }

func (w *centrifugeWire) appendJoin(dst []byte, room uint32) []byte {
	dst = appendCommand(dst, subscribeID, "subscribe")
	return append(w.appendChannel(dst, room), "}}"...)
}

func (w *centrifugeWire) leaves() bool { return true }

func (w *centrifugeWire) appendLeave(dst []byte, room uint32) []byte {
	dst = appendCommand(dst, unsubscribeID, "unsubscribe")
	return append(w.appendChannel(dst, room), "}}"...)
}

func (w *centrifugeWire) appendPublish(dst []byte, s ledger.Stamp) []byte {
	dst = appendCommand(dst, firstID+uint64(s.Seq), "publish")
	dst = append(w.appendChannel(dst, s.Room), ',')
	return append(w.appendData(dst, s), "}}"...)
}

// directs is false: a client of Centrifugo has no address that others could write to.
func (w *centrifugeWire) directs() bool { return false }

func (w *centrifugeWire) appendDirect(dst []byte, _ string, _ ledger.Stamp) []byte { return dst }

func (w *centrifugeWire) appendEcho(dst []byte, s ledger.Stamp) []byte {
	dst = appendCommand(dst, firstID+uint64(s.Seq), "rpc")
	dst = append(dst, `"method":`...)
	dst = append(strconv.AppendQuote(dst, w.method), ',')
	return append(w.appendData(dst, s), "}}"...)
}

// appendCommand begins a command, whose two objects the caller closes.
func appendCommand(dst []byte, id uint64, name string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"`...)
	return append(append(dst, name...), `":{`...)
}

func (w *centrifugeWire) appendChannel(dst []byte, room uint32) []byte {
	dst = append(dst, `"channel":"flood`...)
	if w.rooms {
		dst = strconv.AppendUint(append(dst, '-'), uint64(room), 10)
	}
	return append(dst, '"')
}

func (w *centrifugeWire) appendData(dst []byte, s ledger.Stamp) []byte {
	dst = append(dst, `"data":"`...)
	return append(append(s.Append(dst), w.padding...), '"')
}

// How replies go on after their id. An error goes on otherwise, and is no answer that was hoped for.
var (
	replyHead        = []byte(`{"id":`)
	pushHead         = []byte(`{"push":`)
	subscribeReply   = []byte(`,"subscribe":`)
	unsubscribeReply = []byte(`,"unsubscribe":`)
	rpcReply         = []byte(`,"rpc":`)
)

func (w *centrifugeWire) kind(m []byte) kind {
	if bytes.HasPrefix(m, pushHead) {
		return delivery
	}
	_, reply, _ := replyOf(m)
	switch {
	case bytes.HasPrefix(reply, rpcReply):
		return echoed
	case bytes.HasPrefix(reply, subscribeReply):
		return joined
	case bytes.HasPrefix(reply, unsubscribeReply):
		return left
	}
	return other
}

func (w *centrifugeWire) answers(m []byte, seq uint32) bool {
	id, _, ok := replyOf(m)
	return ok && id == firstID+uint64(seq)
}

// replyOf takes a reply's id from what follows it.
func replyOf(m []byte) (id uint64, rest []byte, ok bool) {
	if !bytes.HasPrefix(m, replyHead) {
		return 0, nil, false
	}
	rest = m[len(replyHead):]
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		id = id*10 + uint64(rest[0]-'0')
		rest = rest[1:]
	}
	return id, rest, len(rest) < len(m)-len(replyHead)
}
