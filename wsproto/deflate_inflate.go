package wsproto

import "bytes"

// inflate undoes the compression of one message, which it only reads (RFC 7692
// 7.2.2). The result is memory of its own. A message of more than most bytes is
// ErrMessageTooBig as soon as that is certain, for which at most one and a half
// times as many are held, whatever has been made of how little.
//
// This is not left to compress/flate because that makes tables of 36 KB, in 131
// pieces, for each block that asks for them with 31 bytes. 1 MB of such blocks
// held a loop for half a second and left 1.1 GB of garbage; here it takes 0.08 s
// and leaves none (measured, on two cores of a shared virtual machine).
func inflate(compressed []byte, most int) ([]byte, ProtocolError) {
	z := inflater{bitReader: bitReader{in: compressed}, most: most}
	z.out = make([]byte, 0, z.room(inflateRatio*len(compressed)))
	if fault := z.blocks(); fault != 0 {
		return nil, fault
	}
	if cap(z.out) > 2*len(z.out) { // whoever keeps the message is not to keep the guess
		return bytes.Clone(z.out), 0
	}
	return z.out, 0
}

// inflater undoes DEFLATE (RFC 1951). It lives on the stack, for one message.
type inflater struct {
	bitReader
	out      []byte // the message so far, and so the window
	most     int
	literals huffman // the codes of a dynamic block: for bytes and lengths,
	offsets  huffman // and for distances
}

// blocks takes the blocks of a message. A final one does not end it: the next
// begins with the next byte (RFC 7692 7.2.1).
func (z *inflater) blocks() ProtocolError {
	for !z.ended() {
		z.fill()
		final, kind := z.take(1) == 1, z.take(2) // RFC 1951 3.2.3
		if fault := z.block(kind); fault != 0 {
			return fault
		}
		if final {
			z.align()
		}
	}
	return 0
}

func (z *inflater) block(kind int) ProtocolError {
	switch kind {
	case 0:
		return z.stored()
	case 1:
		return z.compressed(&fixedLiterals, &fixedOffsets)
	case 2:
		if !z.readCodes() {
			return ErrDeflate
		}
		return z.compressed(&z.literals, &z.offsets)
	default:
		return ErrDeflate
	}
}

// stored takes the bytes of a block that is not compressed (RFC 1951 3.2.4).
func (z *inflater) stored() ProtocolError {
	z.align()
	z.fill()
	n, inverse := z.take(16), z.take(16)
	if z.overdrawn() || n != inverse^0xffff {
		return ErrDeflate
	}
	if fault := z.grow(n); fault != 0 {
		return fault
	}
	if z.out = z.appendBytes(z.out, n); z.overdrawn() {
		return ErrDeflate
	}
	return 0
}

// compressed takes the symbols of a block up to its end (RFC 1951 3.2.3).
func (z *inflater) compressed(literals, offsets *huffman) ProtocolError {
	for {
		if z.n < symbolBitsMax {
			z.fill()
		}
		entry := literals.short[z.bits%(1<<shortBits)] // z.symbol, which is not inlined: 15 % of the time
		if entry == 0 {
			entry = literals.long(z.bits)
		}
		symbol := z.takeWord(entry)
		switch {
		case z.overdrawn():
			return ErrDeflate
		case symbol < endOfBlock:
			if len(z.out) == cap(z.out) {
				if fault := z.grow(1); fault != 0 {
					return fault
				}
			}
			z.out = append(z.out, byte(symbol))
		case symbol == endOfBlock:
			return 0
		default:
			if fault := z.repeat(symbol, offsets); fault != 0 {
				return fault
			}
		}
	}
}

// repeat takes what follows the symbol of a length, and appends so many bytes of
// those before them, perhaps of themselves (RFC 1951 3.2.3).
func (z *inflater) repeat(symbol int, offsets *huffman) ProtocolError {
	if symbol -= endOfBlock + 1; symbol >= len(lengths) {
		return ErrDeflate
	}
	length := z.measure(lengths[symbol])
	if symbol = z.symbol(offsets); symbol >= len(distances) {
		return ErrDeflate
	}
	distance := z.measure(distances[symbol])
	if z.overdrawn() || distance > len(z.out) {
		return ErrDeflate
	}
	if fault := z.grow(length); fault != 0 {
		return fault
	}
	at := len(z.out)
	from := at - distance
	z.out = z.out[:at+length]
	for at < len(z.out) {
		at += copy(z.out[at:], z.out[from:at])
	}
	return 0
}

// grow makes room for n bytes more, if the limit allows them.
func (z *inflater) grow(n int) ProtocolError {
	need := len(z.out) + n
	switch {
	case need > z.most:
		return ErrMessageTooBig
	case need > cap(z.out):
		z.out = append(make([]byte, 0, z.room(2*need)), z.out...)
	}
	return 0
}

// room is how much to allocate where n bytes would be good. More than half of
// the limit is all of it, so that no more than half is ever copied.
func (z *inflater) room(n int) int {
	if n > z.most/2 {
		return z.most
	}
	return n
}
