package wsproto

// Chunked takes a body in chunks (RFC 9112 7.1) apart as it arrives, in pieces
// of any size. Its zero value stands before the first chunk of a body. It is a
// plain value of 16 bytes that holds nothing of what it was fed.
type Chunked struct {
	left   int64  // bytes of the chunk to come; while its size is read, what the digits so far say
	extras uint16 // bytes of extensions and trailer fields so far
	digits uint8  // of the chunk's size so far
	at     chunkedAt
	fault  HandshakeError
}

// chunkedAt is what comes next.
type chunkedAt uint8

const (
	atSize         chunkedAt = iota // a digit, or what ends the size
	atExtension                     // more of an extension, or the CR behind it
	atSizeLF                        // the LF behind size and extension
	atData                          // data
	atDataCR                        // the CR behind the data
	atDataLF                        // the LF behind that
	atTrailer                       // a trailer field, or the CR that ends the body
	atTrailerName                   // more of its name, or the colon
	atTrailerValue                  // more of its value, or the CR behind it
	atTrailerLF                     // the LF behind that
	atLastLF                        // the LF that ends the body
	atEnd                           // what follows is not the body's
)

// Next takes what it can from in, appends the data that it finds to dst, and
// returns the extended slice and how many bytes it took: all of in, unless the
// body ends before that, which is told by done, or breaks a rule. in is only
// read and must not overlap dst; Chunked keeps neither. dst grows by no more
// than len(in).
//
// Extensions and trailer fields are checked and skipped, and ChunkExtraBytesMax
// bounds the sum of them in one body. The size of the body is for the caller to
// bound, by what has come and by what is Pending.
//
// err is a HandshakeError, and is the same in every later call; out then has the
// data before the fault. The connection is of no use behind it.
func (c *Chunked) Next(dst, in []byte) (out []byte, n int, done bool, err error) {
	for n < len(in) && c.at != atEnd && c.fault == 0 {
		if c.at != atData {
			if c.fault = c.step(in[n]); c.fault == 0 {
				n++
			}
			continue
		}
		data := in[n:][:min(c.left, int64(len(in)-n))]
		dst = append(dst, data...)
		n += len(data)
		if c.left -= int64(len(data)); c.left == 0 {
			c.at = atDataCR
		}
	}
	if c.fault != 0 {
		return dst, n, false, c.fault
	}
	return dst, n, c.at == atEnd, nil
}

// Pending is how many bytes of data the chunk that has begun will still have. It
// is known as soon as the line of its size is whole, and 0 before. Together with
// what has come it bounds the body from below: a body that is too large can be
// refused when it is announced. It is always less than 2^60.
func (c *Chunked) Pending() int64 {
	if c.at != atData {
		return 0
	}
	return c.left
}

// step takes one byte that is not data.
func (c *Chunked) step(b byte) HandshakeError {
	switch c.at {
	case atSize:
		return c.stepSize(b)
	case atExtension: // RFC 9112 7.1.1
		return c.stepText(b, atSizeLF)
	case atSizeLF:
		c.digits = 0
		if c.left == 0 { // RFC 9112 7.1: the last chunk has no data
			return c.stepTo(atTrailer, b == '\n', ErrHeadByte)
		}
		return c.stepTo(atData, b == '\n', ErrHeadByte)
	case atDataCR:
		return c.stepTo(atDataLF, b == '\r', ErrChunkEnd)
	case atDataLF:
		return c.stepTo(atSize, b == '\n', ErrChunkEnd)
	case atTrailerLF:
		return c.stepTo(atTrailer, b == '\n', ErrHeadByte)
	case atLastLF:
		return c.stepTo(atEnd, b == '\n', ErrHeadByte)
	default:
		return c.stepTrailer(b)
	}
}

// stepTo goes on to next if the byte is the one that has to be here.
func (c *Chunked) stepTo(next chunkedAt, is bool, otherwise HandshakeError) HandshakeError {
	if !is {
		return otherwise
	}
	c.at = next
	return 0
}

// stepSize takes a byte of a chunk's size, or the first one behind it. White
// space there is no part of the grammar (RFC 9112 7.1); readers that skip it and
// readers that stop at it find different chunks.
func (c *Chunked) stepSize(b byte) HandshakeError {
	digit := hexDigit(b)
	switch {
	case digit >= 0 && c.digits == ChunkSizeDigitsMax: // RFC 9112 7.1: no overflow
		return ErrChunkDigits
	case digit >= 0:
		c.digits++
		c.left = c.left<<4 | int64(digit)
		return 0
	case c.digits == 0:
		return ErrChunkSize
	case b == ';':
		c.at = atExtension
		return c.stepExtra()
	case b == '\n':
		return ErrLineEnd
	default:
		return c.stepTo(atSizeLF, b == '\r', ErrChunkSize)
	}
}

// stepTrailer takes a byte of a trailer field (RFC 9112 7.1.2), which has the
// form of a header line.
func (c *Chunked) stepTrailer(b byte) HandshakeError {
	switch {
	case c.at == atTrailerValue && b >= 0x80: // as in the values of a head
		return c.stepExtra()
	case c.at == atTrailerValue:
		return c.stepText(b, atTrailerLF)
	case classes[b]&tokenByte != 0:
		c.at = atTrailerName
		return c.stepExtra()
	case c.at == atTrailerName && b == ':':
		c.at = atTrailerValue
		return c.stepExtra()
	case c.at == atTrailer && b == '\n':
		return ErrLineEnd
	case c.at == atTrailer && b == '\r':
		c.at = atLastLF
		return 0
	default: // a folded line, too
		return ErrHeaderName
	}
}

// stepText takes a byte of text, or the CR behind it, after which comes next.
func (c *Chunked) stepText(b byte, next chunkedAt) HandshakeError {
	switch {
	case b == '\t' || ' ' <= b && b <= '~':
		return c.stepExtra()
	case b == '\n':
		return ErrLineEnd
	default:
		return c.stepTo(next, b == '\r', ErrHeadByte)
	}
}

// stepExtra counts a byte that is of no use to us.
func (c *Chunked) stepExtra() HandshakeError {
	if c.extras == ChunkExtraBytesMax {
		return ErrChunkExtras
	}
	c.extras++
	return 0
}
