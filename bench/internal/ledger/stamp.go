package ledger

import "bytes"

// Stamp is what a flood message carries, so that whoever receives it can tell which message of which stream it is, and when it
// was sent. It is written as fixed-width text, because it has to pass through JSON unchanged.
type Stamp struct {
	Run    uint32 // of one bench run: bytes of an earlier run are not counted
	Room   uint32 // the stream: a room, or the connection of an echo
	Seq    uint32 // from 0 within the stream
	LagUs  uint32 // how much later than SentNs, in microseconds, the message was really sent: more than 0 in a run with a timetable
	SentNs int64  // when it was to be sent, in nanoseconds of the clock that sender and receiver share
}

// StampBytes is the length of a stamp: a mark, then run, room, seq and lag in 8 hexadecimal digits each, then the time in 16.
const StampBytes = 1 + 8 + 8 + 8 + 8 + 16

// stampMark begins a stamp. It needs no escape in JSON and occurs in no event or room name of the bench.
const stampMark = '~'

const hexDigits = "0123456789abcdef"

// Append appends the stamp's StampBytes bytes to dst, which the caller keeps.
func (s Stamp) Append(dst []byte) []byte {
	dst = append(dst, stampMark)
	dst = appendHex(dst, uint64(s.Run), 8)
	dst = appendHex(dst, uint64(s.Room), 8)
	dst = appendHex(dst, uint64(s.Seq), 8)
	dst = appendHex(dst, uint64(s.LagUs), 8)
	return appendHex(dst, uint64(s.SentNs), 16)
}

// FindStamp reads the stamp that begins at the first mark in b; ok is false if there is none. It borrows b for the call only.
func FindStamp(b []byte) (s Stamp, ok bool) {
	at := bytes.IndexByte(b, stampMark)
	if at < 0 || len(b)-at < StampBytes {
		return Stamp{}, false
	}
	b = b[at+1 : at+StampBytes]
	run, ok1 := parseHex(b[0:8])
	room, ok2 := parseHex(b[8:16])
	seq, ok3 := parseHex(b[16:24])
	lag, ok4 := parseHex(b[24:32])
	sent, ok5 := parseHex(b[32:48])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return Stamp{}, false
	}
	return Stamp{Run: uint32(run), Room: uint32(room), Seq: uint32(seq), LagUs: uint32(lag), SentNs: int64(sent)}, true
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}

// hexValue holds the value of each hexadecimal digit and notHex for every other byte: a table, because a receiver reads 48
// digits of every delivery and the client must stay cheaper than the server it measures.
var hexValue = func() (table [256]uint8) {
	for i := range table {
		table[i] = notHex
	}
	for i := range len(hexDigits) {
		table[hexDigits[i]] = uint8(i)
	}
	return table
}()

const notHex = 0xff

func parseHex(b []byte) (v uint64, ok bool) {
	bad := uint8(0)
	for _, c := range b {
		digit := hexValue[c]
		bad |= digit
		v = v<<4 | uint64(digit&15)
	}
	return v, bad < 16
}
