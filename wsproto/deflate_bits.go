package wsproto

import "encoding/binary"

// bitReader reads the payload of a message, and the tail behind it, from the
// lowest bit of each byte on (RFC 1951 3.1.1).
type bitReader struct {
	in   []byte
	at   int    // bytes of the payload and the tail that are in bits, or were
	bits uint64 // the n bits that come next, and above them what will, or zeros
	n    int    // negative once more has been taken than there is
}

// fill makes sure of symbolBitsMax bits, or of all that are left.
func (r *bitReader) fill() {
	if r.n >= 0 && len(r.in)-r.at >= 8 {
		r.bits |= binary.LittleEndian.Uint64(r.in[r.at:]) << (r.n & 63)
		r.at += (63 - r.n) / 8
		r.n |= 56
		return
	}
	for ; 0 <= r.n && r.n < 56 && r.at < len(r.in)+len(deflateTail); r.at++ {
		if r.at < len(r.in) {
			r.bits |= uint64(r.in[r.at]) << r.n
		} else {
			r.bits |= uint64(deflateTail[r.at-len(r.in)]) << r.n
		}
		r.n += 8
	}
}

// take takes the next n bits, as a number.
func (r *bitReader) take(n uint8) int {
	v := r.bits & (1<<n - 1)
	r.bits >>= n
	r.n -= int(n)
	return int(v)
}

// measure takes the bits that a length or a distance needs beside its symbol.
func (r *bitReader) measure(s span) int { return int(s.base) + r.take(s.bits) }

// overdrawn reports whether more has been taken than there is. It stays so.
func (r *bitReader) overdrawn() bool { return r.n < 0 }

// ended reports whether all that there is has been taken, or all but the tail. A
// payload is to end in front of the tail of an empty block (RFC 7692 7.2.1); but
// one that ends behind a block, because its sender ended a stream or cut nothing
// off, or because it is empty, can mean only one thing, and what is built on zlib
// takes it.
func (r *bitReader) ended() bool {
	return r.n&7 == 0 && (r.used() == len(r.in) || r.used() == len(r.in)+len(deflateTail))
}

// align skips the bits that are left of a byte.
func (r *bitReader) align() { r.take(uint8(r.n & 7)) }

// used is how many bytes have been taken, of a reader that is aligned.
func (r *bitReader) used() int { return r.at - r.n/8 }

// appendBytes appends the next n bytes, of a reader that is aligned, to dst.
func (r *bitReader) appendBytes(dst []byte, n int) []byte {
	r.at, r.bits, r.n = r.used(), 0, 0
	if r.at < len(r.in) {
		chunk := r.in[r.at:min(r.at+n, len(r.in))]
		dst = append(dst, chunk...)
		r.at += len(chunk)
		n -= len(chunk)
	}
	for ; n > 0 && !r.overdrawn(); n-- { // a block may take the tail for its own
		r.fill()
		dst = append(dst, byte(r.take(8)))
	}
	return dst
}

// span is what a symbol says of a length or a distance (RFC 1951 3.2.5).
type span struct {
	base uint16
	bits uint8 // how many bits follow, whose value is added
}

var (
	lengths   = append(spans(3, 28, 4), span{base: 258}) // of the symbols from endOfBlock+1 on
	distances = spans(1, 30, 2)
)

// spans are count spans, each of which begins where the one before it ends: at
// first without bits, and with one more after every so many.
func spans(base uint16, count, every int) []span {
	var all []span
	for i := range count {
		s := span{base: base, bits: uint8(max(0, i/every-1))}
		all = append(all, s)
		base += 1 << s.bits
	}
	return all
}
