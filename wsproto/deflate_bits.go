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
func (r *bitReader) measure(m measure) int { return int(m.base) + r.take(m.bits) }

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

// measure is what a symbol says of a length or a distance (RFC 1951 3.2.5).
type measure struct {
	base uint16
	bits uint8 // how many bits follow, whose value is added
}

// lengths are those of the symbols from endOfBlock+1 on.
var lengths = [29]measure{
	{3, 0},
	{4, 0},
	{5, 0},
	{6, 0},
	{7, 0},
	{8, 0},
	{9, 0},
	{10, 0},
	{11, 1},
	{13, 1},
	{15, 1},
	{17, 1},
	{19, 2},
	{23, 2},
	{27, 2},
	{31, 2},
	{35, 3},
	{43, 3},
	{51, 3},
	{59, 3},
	{67, 4},
	{83, 4},
	{99, 4},
	{115, 4},
	{131, 5},
	{163, 5},
	{195, 5},
	{227, 5},
	{258, 0},
}

var distances = [30]measure{
	{1, 0},
	{2, 0},
	{3, 0},
	{4, 0},
	{5, 1},
	{7, 1},
	{9, 2},
	{13, 2},
	{17, 3},
	{25, 3},
	{33, 4},
	{49, 4},
	{65, 5},
	{97, 5},
	{129, 6},
	{193, 6},
	{257, 7},
	{385, 7},
	{513, 8},
	{769, 8},
	{1025, 9},
	{1537, 9},
	{2049, 10},
	{3073, 10},
	{4097, 11},
	{6145, 11},
	{8193, 12},
	{12289, 12},
	{16385, 13},
	{24577, 13},
}
