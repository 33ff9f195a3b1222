package msgpack

import (
	"encoding/binary"
	"fmt"
	"time"
)

// The types of extensions: what the npm package writes, and the timestamps of the
// MessagePack specification.
const (
	npmExt       = 0
	timestampExt = -1
)

// extension is what an extension stands for.
type extension uint8

const (
	extForeign   extension = iota // none that we know: its type and its bytes
	extUndefined                  // JavaScript's
	extDate                       // milliseconds since 1970
	extBytes                      // an ArrayBuffer
	extTimestamp
)

// extension tells the npm package's by their form: an ArrayBuffer is of any length,
// also of one and eight bytes, but always has a length field.
func (h head) extension() extension {
	switch {
	case h.ext == npmExt && h.code == codeFixExt1:
		return extUndefined
	case h.ext == npmExt && h.code == codeFixExt8:
		return extDate
	case h.ext == npmExt && h.code < codeFixExt1:
		return extBytes
	case h.ext == timestampExt && (h.n == 4 || h.n == 8 || h.n == 12):
		return extTimestamp
	}
	return extForeign
}

// isUndefined says whether b, which is checked, is JavaScript's undefined.
func isUndefined(b []byte) bool {
	return b[0] == codeFixExt1 && b[1] == npmExt
}

// timeOf reads the bytes of a Date or a timestamp. The time is in UTC.
func timeOf(e extension, b []byte) time.Time {
	if e == extDate {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()
	}
	switch len(b) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC()
	case 8:
		n := binary.BigEndian.Uint64(b) // 30 bits of nanoseconds, 34 of seconds
		return time.Unix(int64(n&(1<<34-1)), int64(n>>34)).UTC()
	default:
		return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint32(b))).UTC()
	}
}

// appendDate appends t as a Date of the npm package's, which knows milliseconds; what
// is below them is cut off. ok is false for a time that JavaScript has no Date for.
func appendDate(dst []byte, t time.Time) (out []byte, ok bool) {
	if !isDate(t) {
		return dst, false
	}
	return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, npmExt), uint64(t.UnixMilli())), true
}

// isDate says whether JavaScript has a Date for t. The seconds are compared first,
// because the milliseconds of a time far away overflow.
func isDate(t time.Time) bool {
	if s := t.Unix(); s < -dateMillisMax/1000 || s > dateMillisMax/1000 {
		return false
	}
	ms := t.UnixMilli()
	return ms >= -dateMillisMax && ms <= dateMillisMax
}

// appendTimeJSON appends the JSON that JavaScript has for a Date (ECMA-262,
// "Date.prototype.toISOString"): a string, or null if there is no such Date. A
// timestamp's nanoseconds are kept.
func appendTimeJSON(dst []byte, t time.Time) []byte {
	if !isDate(t) {
		return append(dst, "null"...)
	}
	layout := "-01-02T15:04:05.000Z"
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		layout = "-01-02T15:04:05.000000000Z"
	}
	switch year := t.Year(); {
	case year < 0:
		dst = fmt.Appendf(dst, `"-%06d`, -year)
	case year > 9999:
		dst = fmt.Appendf(dst, `"+%06d`, year)
	default:
		dst = fmt.Appendf(dst, `"%04d`, year)
	}
	return append(t.AppendFormat(dst, layout), '"')
}
