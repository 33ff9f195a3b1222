package wsproto

import "github.com/gobwas/ws"

// partial is what a Reader knows of a frame or a message that has begun and not
// ended: nothing of it exists on an idle connection.
type partial struct {
	head    [maskedHeaderBytesMax]byte // the header that is arriving
	headLen int
	frame   ws.Header // the frame that is arriving, while its payload is missing
	taken   int64     // bytes of its payload that have arrived

	op         Opcode // of the fragmented message, or None
	compressed bool   // whether the data message is
	fragments  int
	message    []byte // what has arrived of the data message, unmasked
	whole      int    // bytes of message that are whole runes, if it is text
	control    []byte // what has arrived of a control frame, unmasked
}

// takeHeader takes the next frame's header, or what there is of it, off the
// front of in and returns the rest.
func (p *partial) takeHeader(in []byte) (rest []byte) {
	if p.headLen < 2 {
		n := copy(p.head[p.headLen:2], in)
		p.headLen += n
		in = in[n:]
	}
	if p.headLen < 2 {
		return in
	}
	n := copy(p.head[p.headLen:headerLen(p.head[1])], in)
	p.headLen += n
	return in[n:]
}

// beginFrame begins the payload of a frame whose header has been checked.
func (p *partial) beginFrame(h ws.Header) {
	p.frame, p.taken, p.headLen = h, 0, 0
	if h.OpCode.IsControl() {
		return
	}
	if h.OpCode != ws.OpContinuation {
		p.compressed = h.Rsv != 0
		if !h.Fin {
			p.op = Opcode(h.OpCode)
		}
	}
	if p.op != None {
		p.fragments++
	}
}

// missing is how many bytes of the frame's payload are still to come.
func (p *partial) missing() int64 { return p.frame.Length - p.taken }

// take adds the next bytes of the frame's payload and returns the message if
// they complete one.
func (p *partial) take(chunk []byte) (Message, ProtocolError) {
	offset := p.taken
	p.taken += int64(len(chunk))
	complete := p.frame.Fin && p.missing() == 0
	op, buf := Opcode(p.frame.OpCode), &p.control
	if !op.IsControl() {
		op, buf = p.dataOp(), &p.message
	}
	if complete && len(*buf) == 0 {
		unmask(chunk, p.frame, offset) // the payload is in one piece, as on the fast path
		m := Message{Op: op, Payload: chunk}
		if p.compressed && !op.IsControl() {
			return m, 0
		}
		return m, m.check()
	}
	*buf = p.grow(*buf, len(chunk))
	*buf = append(*buf, chunk...)
	unmask((*buf)[len(*buf)-len(chunk):], p.frame, offset)
	return p.finish(op, *buf, complete)
}

// dataOp is the opcode of the message that a data frame belongs to.
func (p *partial) dataOp() Opcode {
	if p.op != None {
		return p.op
	}
	return Opcode(p.frame.OpCode)
}

// finish checks what has been accumulated, and makes a message of it if it is
// complete.
func (p *partial) finish(op Opcode, payload []byte, complete bool) (Message, ProtocolError) {
	if op == OpText && !p.compressed {
		n, ok := validPrefix(payload[p.whole:])
		p.whole += n
		if !ok || complete && p.whole < len(payload) { // RFC 6455 8.1
			return Message{}, ErrTextNotUTF8
		}
	}
	if !complete {
		return Message{}, 0
	}
	m := Message{Op: op, Payload: payload}
	if op == OpClose {
		return m, m.check()
	}
	return m, 0
}

// inflate makes of a complete message what was compressed, and checks that: what
// arrived of it is no text (RFC 7692 6.2). It returns a control frame as it is.
func (p *partial) inflate(m Message, limits *Limits) (Message, ProtocolError) {
	if m.Op.IsControl() {
		return m, 0
	}
	var fault ProtocolError
	if m.Payload, fault = inflate(m.Payload, limits.MessageBytesMax); fault != 0 {
		return Message{}, fault
	}
	p.message = m.Payload // which is the buffer that is lent
	return m, m.check()
}

// grow makes room in buf for n bytes that have arrived. What the header still
// promises may lower what is allocated, but what raises it is only what has
// arrived, to about twice of that. It must be twice behind each fragment but the
// last, however little that fragment still promises: with room for no more than
// itself, each fragment would have the whole message copied, and 4,096 of them
// held a loop for a second (measured, with 1 MB).
func (p *partial) grow(buf []byte, n int) []byte {
	need := len(buf) + n
	if need <= cap(buf) {
		return buf
	}
	room := 2*need + accumulatorBytesMin
	if p.frame.Fin {
		room = min(room, need+int(p.missing()))
	}
	grown := make([]byte, len(buf), room)
	copy(grown, buf)
	return grown
}
