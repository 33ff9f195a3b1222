package wsproto

// Sizes that RFC 6455 fixes.
const (
	// HeaderBytesMax is the longest header of an unmasked frame: 2 bytes and
	// an extended length of 8.
	HeaderBytesMax = 10
	// ControlBytesMax bounds the payload of a close, ping or pong frame
	// (RFC 6455 5.5).
	ControlBytesMax = 125
	// CloseReasonBytesMax is what the two bytes of the close code leave.
	CloseReasonBytesMax = 123

	// maskedHeaderBytesMax is HeaderBytesMax and the masking key.
	maskedHeaderBytesMax = 14
)

// Limits of ours, where RFC 6455 leaves the choice to the server.
const (
	// MessageBytesMax is the default for Limits.MessageBytesMax, and the
	// default of Socket.IO's maxHttpBufferSize.
	MessageBytesMax = 1_000_000
	// FragmentsMax is the default for Limits.FragmentsMax.
	FragmentsMax = 4096
	// HeadBytesMax bounds the head of an HTTP request, from its first byte to
	// the end of the empty line.
	HeadBytesMax = 16 << 10
	// HeadersMax bounds the header lines of a request.
	HeadersMax = 100
	// ChunkSizeDigitsMax bounds the digits of a chunk's size, leading zeros
	// included, so that no size is more than 2^60 - 1 and none overflows.
	ChunkSizeDigitsMax = 15
	// ChunkExtraBytesMax bounds what a whole body in chunks has beside chunks:
	// extensions and trailer fields. Hardly anybody sends either.
	ChunkExtraBytesMax = 2 << 10

	// accumulatorBytesMin is what is allocated beyond twice of what has arrived
	// of a payload, so that small ones do not grow in small steps.
	accumulatorBytesMin = 128

	// inflateRatio is how many times as long as its compressed form a message is
	// guessed to be. Events as JSON are 2.6 times as long where they are 1 KB, and
	// 4.7 times where they are 100 KB, at the level that browsers compress at.
	inflateRatio = 5
	// pooledBytesMax is the longest buffer that an idle compressor or decompressor
	// keeps.
	pooledBytesMax = 64 << 10
)

const (
	_ = uint(maskedHeaderBytesMax - HeaderBytesMax - len([4]byte{}))
	_ = uint(ControlBytesMax - CloseReasonBytesMax - 2)
	_ = uint(accumulatorBytesMin - ControlBytesMax) // a control frame never grows its buffer
	_ = uint(63 - 4*ChunkSizeDigitsMax)             // Chunked counts in an int64
	_ = uint16(ChunkExtraBytesMax)                  // and these in a uint16
)

// Limits bounds what one Reader accepts. Both bounds are taken literally: zero
// allows nothing. Many readers may share one Limits, which must then not change
// while any of them is in Next.
type Limits struct {
	MessageBytesMax int // payload of one message, the sum of its fragments; both compressed and inflated
	FragmentsMax    int // frames of one fragmented message, empty ones included
}
