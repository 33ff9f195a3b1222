package session

import (
	"bytes"
	"compress/gzip"
	"sync"
	"sync/atomic"

	"starling/wsproto"
	"starling/wsproto/engineio"
)

// A message is built in one buffer, once: room for a frame header, the Engine.IO type, then the Socket.IO packet, which
// the caller appends. The header is written in front when the length is known.

// BeginMessage appends the start of a message to dst, which must be empty, and returns it; the caller appends the packet.
func BeginMessage(dst []byte) []byte {
	dst = append(dst, make([]byte, wsproto.HeaderBytesMax)...)
	return append(dst, byte(engineio.Message))
}

// Prepared is a message encoded once for all its receivers, or several that were joined. It never changes, and any
// goroutine may use it.
type Prepared struct {
	frames  []byte   // as most receivers take it: a frame, then a binary frame for each attachment
	first   int      // length of the first frame
	head    uint8    // length of its header
	binary  bool     // the first frame is a binary one; of several messages: one of them is
	plain   bool     // never compressed
	buffers [][]byte // the attachments

	parts []*Prepared           // what was joined; nil for a message
	other atomic.Pointer[forms] // nil until one of them is asked for
}

// forms are a message as only some receivers take it, each encoded when the first of them comes.
type forms struct {
	frames  [textOnly | compressed + 1]form // by mode
	payload form                            // packets as a polling response carries them
	gzipped form                            // that, compressed
}

type form struct {
	once  sync.Once
	bytes []byte
}

// Prepare ends a message that was begun with BeginMessage and makes p hold it. It keeps buf and buffers, which must not
// change any more. It is called once, before anybody else sees p.
func (p *Prepared) Prepare(buf []byte, buffers [][]byte) {
	packet := len(buf) - wsproto.HeaderBytesMax
	p.frames = wsproto.PrependHeader(buf, wsproto.OpText)
	p.first, p.buffers = len(p.frames), buffers
	p.head = uint8(p.first - packet)
	for _, b := range buffers {
		p.frames = wsproto.AppendFrame(p.frames, wsproto.OpBinary, b)
	}
}

// PrepareBinary makes p hold a binary message, which is one whole packet of a format that has no text: it has no Engine.IO
// type where there are binary frames, and is base64 elsewhere (Engine.IO v4). The message is copied, once for all its
// receivers. It is called once, instead of Prepare, before anybody else sees p.
func (p *Prepared) PrepareBinary(message []byte) {
	frames := make([]byte, 0, wsproto.HeaderBytesMax+len(message))
	p.frames = wsproto.AppendFrame(frames, wsproto.OpBinary, message)
	p.first, p.binary = len(p.frames), true
	p.head = uint8(p.first - len(message))
}

// NoCompression has p never be compressed: as frames never, and in the answer to a GET unless something beside it is to be.
// It is called before anybody else sees p.
func (p *Prepared) NoCompression() { p.plain = true }

// JoinsWith reports whether messages of this kind and size can be joined, size by now and another one: small ones without
// attachments, which all transports take as one piece, and which are compressed both or neither.
func (p *Prepared) JoinsWith(next *Prepared, size int) bool {
	return len(p.buffers) == 0 && len(next.buffers) == 0 && p.plain == next.plain &&
		(size+1)*max(len(p.frames), len(next.frames)) <= joinedBytesMax
}

// Append joins a message to p, which holds none or those that were appended before and is seen by nobody else yet.
func (p *Prepared) Append(next *Prepared) {
	p.frames = append(p.frames, next.frames...)
	p.parts = append(p.parts, next)
	p.binary, p.plain = p.binary || next.binary, next.plain
}

// Messages is how many messages p holds: one, or as many as were joined.
func (p *Prepared) Messages() int { return max(1, len(p.parts)) }

// packet is the payload of the first frame: the text of the message with the Engine.IO type, or the bytes of a binary one.
func (p *Prepared) packet() []byte { return p.frames[p.head:p.first] }

// texts reports whether the message has nothing but text.
func (p *Prepared) texts() bool { return !p.binary && len(p.buffers) == 0 }

// encode returns a form of the message, made at the first call.
func (p *Prepared) encode(which func(*forms) *form, make func() []byte) []byte {
	o := p.other.Load()
	for o == nil {
		p.other.CompareAndSwap(nil, new(forms))
		o = p.other.Load()
	}
	f := which(o)
	f.once.Do(func() { f.bytes = make() })
	return f.bytes
}

// framesFor returns the message as frames for a WebSocket of a mode.
func (p *Prepared) framesFor(m mode) []byte {
	m &= textOnly | compressed
	if p.plain || len(p.frames) < compressedBytesMin {
		m &^= compressed
	}
	if m == 0 || m == textOnly && p.texts() {
		return p.frames
	}
	return p.encode(func(o *forms) *form { return &o.frames[m] }, func() []byte { return p.build(m) })
}

// build encodes the message as frames of a mode.
func (p *Prepared) build(m mode) (out []byte) {
	if p.parts != nil {
		for _, part := range p.parts {
			out = append(out, part.framesFor(m)...)
		}
		return out
	}
	if p.binary {
		return appendBinary(nil, p.packet(), m)
	}
	out = appendFrame(nil, wsproto.OpText, p.packet(), m)
	for _, b := range p.buffers {
		out = appendBinary(out, b, m)
	}
	return out
}

// appendBinary appends a binary message, or an attachment, as a frame of a mode.
func appendBinary(dst, b []byte, m mode) []byte {
	if m&textOnly != 0 {
		return appendFrame(dst, wsproto.OpText, engineio.AppendBinaryBase64(nil, b), m)
	}
	return appendFrame(dst, wsproto.OpBinary, b, m)
}

// appendFrame appends a frame, compressed if that is wanted and worthwhile.
func appendFrame(dst []byte, op wsproto.Opcode, payload []byte, m mode) []byte {
	if m&compressed != 0 && len(payload) >= compressedBytesMin {
		return wsproto.AppendDeflatedFrame(dst, op, payload)
	}
	return wsproto.AppendFrame(dst, op, payload)
}

// payload returns the message as a polling response carries it: packets with separators between them, what is binary as
// base64 (Engine.IO v4).
func (p *Prepared) payload() []byte {
	if p.parts == nil && p.texts() {
		return p.packet()
	}
	return p.encode(func(o *forms) *form { return &o.payload }, func() []byte {
		switch {
		case p.parts != nil:
			return joinPayloads(nil, p.parts)
		case p.binary:
			return engineio.AppendBinaryBase64(nil, p.packet())
		}
		out := bytes.Clone(p.packet())
		for _, b := range p.buffers {
			out = engineio.AppendBinaryBase64(append(out, engineio.Separator), b)
		}
		return out
	})
}

// gzippedPayload is payload compressed, for a response that holds nothing else.
func (p *Prepared) gzippedPayload() []byte {
	return p.encode(func(o *forms) *form { return &o.gzipped }, func() []byte { return appendGzip(nil, p.payload()) })
}

// joinPayloads appends messages as a polling response carries them.
func joinPayloads(dst []byte, messages []*Prepared) []byte {
	for i, p := range messages {
		if i > 0 {
			dst = append(dst, engineio.Separator)
		}
		dst = append(dst, p.payload()...)
	}
	return dst
}

// gzipWriters are kept because each holds some 800 KB.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
}}

// appendGzip appends b compressed.
func appendGzip(dst, b []byte) []byte {
	out := bytes.NewBuffer(dst)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
