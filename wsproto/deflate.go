package wsproto

import (
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"

	"starling/internal/invariants"
)

// The bit that says, on the first frame of a message, that the message is
// compressed (RFC 7692 6): in a frame's first byte, and in a ws.Header.
const (
	rsv1Bit = 0x40
	rsv1    = rsv1Bit >> 4
)

// deflateTail is what each flush of a compressor ends in. It does not travel:
// the sender cuts it off (RFC 7692 7.2.1), the receiver puts it back (7.2.2).
const deflateTail = "\x00\x00\xff\xff"

// deflateLevel is the fastest that looks for repetitions. Of 1 KB of events as
// JSON it leaves 40 %, and of 10 KB 28 %; level 6 leaves 38 % and 25 %, and takes
// one and a half times as long. At this level compress/flate takes up to three
// times as long, leaves more, and has compressors of 1.2 MB.
const deflateLevel = flate.BestSpeed

// AppendDeflatedFrame appends one whole unmasked frame with a compressed payload,
// for a connection that Handshake.AcceptDeflate has agreed on it for, and returns
// the extended slice. op is OpText or OpBinary; payload is only read. A payload
// that does not compress grows by a few bytes, so the caller chooses what is
// worth it.
//
// The same payload always becomes the same frame, and none refers to another, so
// one frame serves all such connections. It may be called on any goroutine.
func AppendDeflatedFrame(dst []byte, op Opcode, payload []byte) []byte {
	if invariants.Enabled && op != OpText && op != OpBinary {
		panic("wsproto: only text and binary are compressed") // RFC 7692 6.1
	}
	d := deflaters.Get().(*deflater)
	defer d.release()
	compressed := d.deflate(payload)
	start := len(dst)
	dst = slices.Grow(dst, HeaderBytesMax+len(compressed))
	dst = append(AppendHeader(dst, op, true, len(compressed)), compressed...)
	dst[start] |= rsv1Bit
	return dst
}

// deflaters and inflaters are all that this package shares. A compressor takes
// 0.8 MB and a decompressor 40 to 60 KB, so no connection has one, and the pools
// let go of those that nobody needs.
var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.w, _ = flate.NewWriter(d, deflateLevel) // the error would be an unknown level
	return d
}}

var inflaters = sync.Pool{New: func() any { return newInflater() }}

// deflater compresses messages one by one.
type deflater struct {
	w   *flate.Writer
	out []byte // what w has written
}

// Write takes what w has compressed.
func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// deflate compresses a message that refers to none before it (RFC 7692 7.1.1.1).
// The result is valid until the next call.
func (d *deflater) deflate(payload []byte) []byte {
	d.out = d.out[:0]
	d.w.Reset(d)
	_, _ = d.w.Write(payload) // the errors would be those of our own Write
	_ = d.w.Flush()
	return d.out[:len(d.out)-len(deflateTail)]
}

// release gives d back to the pool.
func (d *deflater) release() {
	if cap(d.out) > pooledBytesMax {
		d.out = nil
	}
	deflaters.Put(d)
}
