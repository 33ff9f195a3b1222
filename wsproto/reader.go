package wsproto

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Role is the side of the connection that a Reader reads on.
type Role uint8

// The two roles. They differ in the mask alone (RFC 6455 5.1).
const (
	Server Role = iota // reads what a client sends, which is masked
	Client             // reads what a server sends, which is not
)

// Message is what Reader.Next hands out.
type Message struct {
	// Op is OpText or OpBinary for a whole message, OpClose, OpPing or OpPong
	// for a control frame, and None for no message.
	Op Opcode
	// Payload is unmasked, and UTF-8 if Op is OpText. The caller may change it
	// but has it only until the next call of Next: it lies within Next's
	// argument, or in a buffer of the Reader's.
	Payload []byte
}

// Reader makes messages of the bytes of one direction of one connection. An
// idle one holds no buffer: what it needs while a message is partial is
// allocated when that happens and let go of with the message. It belongs to
// whoever reads the connection, and must not be copied while a message is
// partial.
type Reader struct {
	loan    loan
	limits  *Limits
	partial *partial // nil unless a frame or a message has begun and not ended
	role    Role
	fault   ProtocolError
	closed  bool
	deflate bool // RSV1 has a meaning
}

// NewReader returns a Reader for one connection that has sent nothing yet. It
// keeps limits.
func NewReader(role Role, limits *Limits) Reader {
	return Reader{role: role, limits: limits}
}

// SetLimits exchanges the limits, for instance once a client may send more
// because it is known. It keeps limits. What has been accepted stays accepted.
func (r *Reader) SetLimits(limits *Limits) { r.limits = limits }

// EnableDeflate makes the Reader take compressed messages, which it hands out
// inflated, for a connection that Handshake.AcceptDeflate has agreed on them for.
// It is to be called before the first byte is read.
func (r *Reader) EnableDeflate() { r.deflate = true }

// HeldBytes is the size of the buffers that hold a partial message; it is zero
// when the connection is idle.
func (r *Reader) HeldBytes() int {
	if r.partial == nil {
		return 0
	}
	return cap(r.partial.message) + cap(r.partial.control)
}

// Next takes bytes off the front of in until a message or a control frame is
// complete. n is how many it took; the caller comes again with the rest. If all
// of in was taken and nothing is complete, m.Op is None.
//
// What it took it unmasks in place and never looks at again; the rest of in it
// leaves untouched. A whole frame in one call costs no allocation.
//
// The error is a ProtocolError, and then no byte counts any more: the Reader
// returns it for ever. Everything behind a close frame is taken and ignored
// (RFC 6455 5.5.1).
func (r *Reader) Next(in []byte) (m Message, n int, err error) {
	r.loan.end()
	switch {
	case r.fault != 0:
		return Message{}, 0, r.fault
	case r.closed || len(in) == 0:
		return Message{}, len(in), nil
	case r.partial == nil:
		return r.begin(in)
	default:
		return r.resume(in)
	}
}

// begin reads where no frame and no message is under way.
func (r *Reader) begin(in []byte) (Message, int, error) {
	h, n, fault := parseHeader(in)
	if n > 0 && fault == 0 {
		fault = r.check(h)
	}
	if fault != 0 {
		return r.fail(fault)
	}
	if n == 0 || !h.Fin || h.Length > int64(len(in)-n) {
		r.partial = new(partial)
		return r.resume(in)
	}
	end := n + int(h.Length)
	payload := in[n:end:end]
	unmask(payload, h, 0)
	m := Message{Op: Opcode(h.OpCode), Payload: payload}
	if h.Rsv != 0 {
		return r.beginCompressed(m, end)
	}
	if fault = m.check(); fault != 0 {
		return r.fail(fault)
	}
	return r.handOut(m), end, nil
}

// beginCompressed is the rest of begin for a message that is compressed.
func (r *Reader) beginCompressed(m Message, end int) (Message, int, error) {
	payload, fault := inflate(m.Payload, r.limits.MessageBytesMax)
	m.Payload = payload
	if fault == 0 {
		fault = m.check()
	}
	if fault != 0 {
		return r.fail(fault)
	}
	r.loan.give(payload)
	return m, end, nil
}

// resume goes on with a frame or a message that has begun.
func (r *Reader) resume(in []byte) (Message, int, error) {
	p, rest := r.partial, in
	for {
		if p.missing() == 0 {
			rest = p.takeHeader(rest)
			h, n, fault := parseHeader(p.head[:p.headLen])
			if n == 0 {
				return Message{}, len(in), nil
			}
			if fault == 0 {
				fault = r.check(h)
			}
			if fault != 0 {
				return r.fail(fault)
			}
			p.beginFrame(h)
		}
		chunk := rest[:min(int64(len(rest)), p.missing())]
		rest = rest[len(chunk):]
		m, fault := p.take(chunk[:len(chunk):len(chunk)])
		if fault == 0 && p.compressed && m.Op != None {
			m, fault = p.inflate(m, r.limits)
		}
		if fault != 0 {
			return r.fail(fault)
		}
		if m.Op != None {
			return r.handOut(m), len(in) - len(rest), nil
		}
		if p.missing() > 0 {
			return Message{}, len(in), nil
		}
	}
}

// check holds a complete header against the rules and the limits, before a byte
// of its payload is kept.
func (r *Reader) check(h ws.Header) ProtocolError {
	state, have, fragments := ws.StateServerSide, 0, 0
	if r.role == Client {
		state = ws.StateClientSide
	}
	if p := r.partial; p != nil && p.op != None {
		state = state.Set(ws.StateFragmented)
		have, fragments = len(p.message), p.fragments
	}
	if h.Rsv == rsv1 && r.deflate && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
		state = state.Set(ws.StateExtended) // RFC 7692 6: the bit is for the first frame of a message, and no other
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return ruleOf(err)
	}
	if h.OpCode.IsControl() {
		return 0
	}
	if h.Length > int64(r.limits.MessageBytesMax)-int64(have) {
		return ErrMessageTooBig
	}
	// An empty fragment costs the peer 6 bytes and us a turn, so it counts.
	if (fragments > 0 || !h.Fin) && fragments >= r.limits.FragmentsMax {
		return ErrTooManyFragments
	}
	return 0
}

// check holds a complete message against the rules of its payload.
func (m Message) check() ProtocolError {
	switch m.Op {
	case OpText:
		if !utf8.Valid(m.Payload) { // RFC 6455 8.1
			return ErrTextNotUTF8
		}
	case OpClose:
		_, _, fault := parseClose(m.Payload)
		return fault
	}
	return 0
}

// handOut forgets m, and with it all state, unless m is a control frame between
// the fragments of a message.
func (r *Reader) handOut(m Message) Message {
	p := r.partial
	r.closed = m.Op == OpClose
	if p == nil {
		return m
	}
	if !m.Op.IsControl() {
		r.loan.give(p.message)
		r.partial = nil
		return m
	}
	r.loan.give(p.control)
	p.control = nil
	if r.closed || p.op == None {
		r.partial = nil
	}
	return m
}

func (r *Reader) fail(fault ProtocolError) (Message, int, error) {
	r.fault, r.partial = fault, nil
	return Message{}, 0, fault
}

// unmask undoes the mask, if h has one, of the bytes of its payload from
// offset on.
func unmask(b []byte, h ws.Header, offset int64) {
	if h.Masked {
		ws.Cipher(b, h.Mask, int(offset&3)) // RFC 6455 5.3: the key repeats every 4 bytes
	}
}
