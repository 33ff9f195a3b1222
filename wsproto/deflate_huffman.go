package wsproto

import (
	"bytes"
	"math/bits"
)

const (
	endOfBlock    = 256 // bytes are below it, and lengths above (RFC 1951 3.2.5)
	codeBitsMax   = 15
	shortBits     = 9
	symbolBitsMax = codeBitsMax + 5 + codeBitsMax + 13 // a length and a distance with what they need
	noSymbol      = 1<<12 - 1                          // more than any symbol, in an entry of huffman.short

	// What a block may bring codes for, though a fixed one has codes for more
	// (RFC 1951 3.2.7).
	literalsMax = 286
	offsetsMax  = 30
)

// huffman is a code, made of the lengths of its words alone (RFC 1951 3.2.2).
type huffman struct {
	short   [1 << shortBits]uint16  // by the next bits: a symbol and the length of its word, or 0 if that is longer
	count   [codeBitsMax + 1]uint16 // words of each length
	symbols [288]uint16             // in the order of their words
}

// build makes the code whose word for symbol i has lens[i] bits, or does not
// exist. It wants every sequence of bits to mean something, but lets a code of
// nothing, or of one symbol, pass (RFC 1951 3.2.7).
func (h *huffman) build(lens []uint8) (ok bool) {
	h.count = [codeBitsMax + 1]uint16{}
	for _, n := range lens {
		h.count[n]++
	}
	words := len(lens) - int(h.count[0])
	h.count[0] = 0
	var next [codeBitsMax + 2]uint16 // where in symbols those of each length begin
	free := 1                        // words of this length that begin no shorter one
	for n := 1; n <= codeBitsMax; n++ {
		next[n+1] = next[n] + h.count[n]
		if free = 2*free - int(h.count[n]); free < 0 {
			return false
		}
	}
	if free > 0 && words > 0 && (words > 1 || h.count[1] == 0) {
		return false
	}
	for symbol, n := range lens {
		if n > 0 {
			h.symbols[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	h.buildShort()
	return true
}

// buildShort fills the table for what may come next, in which the first bit of a
// word is the lowest of the index.
func (h *huffman) buildShort() {
	clear(h.short[:])
	word, i := uint16(0), 0
	for n := 1; n <= shortBits; n++ {
		for range h.count[n] {
			entry := h.symbols[i]<<4 | uint16(n)
			for at := int(bits.Reverse16(word) >> (16 - n)); at < len(h.short); at += 1 << n {
				h.short[at] = entry
			}
			word, i = word+1, i+1
		}
		word <<= 1
	}
}

// symbol takes a word and returns its symbol, or noSymbol.
func (r *bitReader) symbol(h *huffman) int {
	entry := h.short[r.bits%(1<<shortBits)]
	if entry == 0 {
		entry = h.long(r.bits)
	}
	return r.takeWord(entry)
}

// takeWord takes the word of an entry and returns its symbol.
func (r *bitReader) takeWord(entry uint16) int {
	r.bits >>= entry & 15
	r.n -= int(entry & 15)
	return int(entry >> 4)
}

// long finds the entry of a word that is not in the table. It goes through the
// lengths: words of one length are consecutive numbers, and those above them
// begin longer ones.
func (h *huffman) long(bits uint64) uint16 {
	word, first, i := 0, 0, 0
	for n := 1; n <= codeBitsMax; n++ {
		word += int(bits >> (n - 1) & 1)
		count := int(h.count[n])
		if word-first < count {
			return h.symbols[i+word-first]<<4 | uint16(n)
		}
		i += count
		first = 2 * (first + count)
		word *= 2
	}
	return noSymbol << 4
}

// The code of a block that brings none (RFC 1951 3.2.6).
var fixedLiterals, fixedOffsets = func() (literals, offsets huffman) {
	var lens []byte
	for _, run := range []struct{ symbols, bits int }{{144, 8}, {112, 9}, {24, 7}, {8, 8}} {
		lens = append(lens, bytes.Repeat([]byte{byte(run.bits)}, run.symbols)...)
	}
	literals.build(lens)
	offsets.build(bytes.Repeat([]byte{5}, 32))
	return literals, offsets
}()

// codesOrder is the order in which the lengths of the words for lengths come.
var codesOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes takes the codes that a dynamic block begins with (RFC 1951 3.2.7).
func (z *inflater) readCodes() (ok bool) {
	var lens [literalsMax + offsetsMax]uint8
	z.fill()
	literals, offsets, codes := z.take(5)+257, z.take(5)+1, z.take(4)+4
	if literals > literalsMax || offsets > offsetsMax {
		return false
	}
	for _, i := range codesOrder[:codes] {
		z.fill()
		lens[i] = uint8(z.take(3))
	}
	if z.overdrawn() || !z.literals.build(lens[:len(codesOrder)]) {
		return false
	}
	return z.readLens(lens[:literals+offsets]) && z.literals.build(lens[:literals]) &&
		z.offsets.build(lens[literals:literals+offsets])
}

// readLens takes the lengths of words, whose code is for now in z.literals.
func (z *inflater) readLens(lens []uint8) (ok bool) {
	for i := 0; i < len(lens); {
		z.fill()
		symbol := z.symbol(&z.literals)
		value, times := uint8(0), 1
		switch {
		case symbol < 16:
			value = uint8(symbol)
		case symbol == 16 && i > 0:
			value, times = lens[i-1], 3+z.take(2)
		case symbol == 17:
			times = 3 + z.take(3)
		case symbol == 18:
			times = 11 + z.take(7)
		default: // noSymbol, or a repetition of nothing
			return false
		}
		if z.overdrawn() || times > len(lens)-i {
			return false
		}
		for range times {
			lens[i] = value
			i++
		}
	}
	return true
}
