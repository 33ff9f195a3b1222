package session

import (
	"sync"

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

// Prepared is a message encoded once for all its receivers. It never changes, and any goroutine may use it.
type Prepared struct {
	frames  []byte   // as it goes to a WebSocket: one text frame, then a binary frame for each attachment
	text    int      // length of the text frame
	buffers [][]byte // the attachments

	base64 struct { // for WebSocket clients that asked for base64 instead of binary frames
		once   sync.Once
		frames []byte
	}
}

// Prepare ends a message that was begun with BeginMessage and makes p hold it. It keeps buf and buffers, which must not
// change any more. It is called once, before anybody else sees p.
func (p *Prepared) Prepare(buf []byte, buffers [][]byte) {
	p.frames = wsproto.PrependHeader(buf, wsproto.OpText)
	p.text, p.buffers = len(p.frames), buffers
	for _, b := range buffers {
		p.frames = wsproto.AppendFrame(p.frames, wsproto.OpBinary, b)
	}
}

// JoinsWith reports whether messages of this kind and size can be joined, size by now and another one: small ones without
// attachments, which all transports take as one piece.
func (p *Prepared) JoinsWith(next *Prepared, size int) bool {
	return len(p.buffers) == 0 && len(next.buffers) == 0 && (size+1)*max(len(p.frames), len(next.frames)) <= joinedBytesMax
}

// Append joins a message to p, which holds none or those that were appended before and is seen by nobody else yet.
func (p *Prepared) Append(next *Prepared) { p.frames = append(p.frames, next.frames...) }

// Len is the number of bytes on the wire of a WebSocket.
func (p *Prepared) Len() int { return len(p.frames) }

// framesBase64 returns the message with its attachments as base64 text, encoded at the first call.
func (p *Prepared) framesBase64() []byte {
	if len(p.buffers) == 0 {
		return p.frames
	}
	p.base64.once.Do(func() {
		out := append([]byte(nil), p.frames[:p.text]...)
		for _, b := range p.buffers {
			out = wsproto.AppendFrame(out, wsproto.OpText, engineio.AppendBinaryBase64(nil, b))
		}
		p.base64.frames = out
	})
	return p.base64.frames
}
