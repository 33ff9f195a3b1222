package wsproto

import (
	"bytes"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
)

// inflate undoes the compression of one message, which it only reads (RFC 7692
// 7.2.2). The result is memory of its own. A message of more than most bytes is
// ErrMessageTooBig as soon as that is certain, for which at most one and a half
// times as many are held beside the copy of what was compressed, whatever has
// been made of how little.
func inflate(compressed []byte, most int) ([]byte, ProtocolError) {
	z := inflaters.Get().(*inflater)
	defer z.release()
	return z.inflate(compressed, most)
}

const (
	// inflateHead goes in front of each payload: a final block of nothing, with codes
	// of one word each, for the end and for distances from 24,577 on. A corrupt block
	// that uses a code and brings none gets that of a block before it, and without
	// these it could be one of somebody else's message. What comes of a message is to
	// depend on it alone.
	inflateHead = "\x05\xdd\x81\x00\x00\x00\x00\x00\x90\xff\x6b\x25\x00"
	// inflateEnd goes behind it: the tail, and an empty final block, which tells the
	// reader where the end is.
	inflateEnd = deflateTail + "\x01\x00\x00\xff\xff"
)

// inflater undoes DEFLATE (RFC 1951), message by message. Its reader is not that
// of the standard library, which makes tables of 36 KB anew, in 131 pieces, for
// each block that asks for them with 31 bytes: 1 MB of such blocks held a loop for
// 0.7 s and left 1.1 GB of garbage. This one keeps its tables, leaves none, and
// takes 0.25 s (measured, on two cores of a shared virtual machine).
type inflater struct {
	r     io.ReadCloser // a flate.Resetter
	in    bytes.Reader  // over whole
	whole []byte        // a copy of the payload, between inflateHead and inflateEnd
}

func newInflater() *inflater {
	z := new(inflater)
	z.r = flate.NewReader(&z.in)
	return z
}

// inflate is inflate with z.
func (z *inflater) inflate(compressed []byte, most int) ([]byte, ProtocolError) {
	z.open(compressed)
	out := make([]byte, 0, roomFor(inflateRatio*len(compressed), most))
	for z.in.Len() > len(inflateEnd) {
		var fault ProtocolError
		if out, fault = z.stream(out, most); fault != 0 {
			return nil, fault
		}
	}
	if cap(out) > 2*len(out) { // whoever keeps the message is not to keep the guess
		return bytes.Clone(out), 0
	}
	return out, 0
}

// open begins a message. A sender that has left the tail where it was means the
// same as one that has cut it off, and what is built on zlib takes it too.
func (z *inflater) open(compressed []byte) {
	compressed = bytes.TrimSuffix(compressed, []byte(deflateTail))
	z.whole = slices.Grow(z.whole[:0], len(inflateHead)+len(compressed)+len(inflateEnd))
	z.whole = append(append(append(z.whole, inflateHead...), compressed...), inflateEnd...)
	z.in.Reset(z.whole)
}

// release gives z back to the pool.
func (z *inflater) release() {
	if cap(z.whole) > pooledBytesMax {
		z.whole = nil
		z.in.Reset(nil)
	}
	inflaters.Put(z)
}

// stream appends what the blocks up to the next final one hold. That does not end
// the message: another begins with the next byte, and may refer to what is there
// (RFC 7692 7.2.1).
func (z *inflater) stream(out []byte, most int) ([]byte, ProtocolError) {
	_ = z.r.(flate.Resetter).Reset(&z.in, out) // never fails
	for {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, roomFor(2*len(out), most)), out...)
		}
		n, err := z.r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > most:
			return nil, ErrMessageTooBig
		case err == io.EOF:
			return out, 0
		case err != nil:
			return nil, ErrDeflate
		}
	}
}

// roomFor is how much to allocate where n bytes would be good. More than half of
// the limit is all of it, so that no more than half is ever copied. The byte on
// top is for what is one too many.
func roomFor(n, most int) int {
	if n > most/2 {
		n = most
	}
	return n + 1
}
