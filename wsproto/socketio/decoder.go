package socketio

// Decoder joins a packet's text with the attachments that follow it. The zero value
// is ready and takes the default limits. It holds 16 bytes while nothing is
// awaited. It is not safe for use by several goroutines: it belongs to one session.
//
// After an error the Decoder has forgotten the packet it was waiting for; the
// session is to be closed, since nobody knows what the next message belongs to.
type Decoder struct {
	limits  *Limits
	waiting *incomplete
}

// incomplete is a packet whose attachments are still coming. All its memory is its own.
type incomplete struct {
	packet Packet
	bytes  int // of text and attachments so far
}

// NewDecoder returns a Decoder that keeps to limits. It keeps the pointer, so that
// all sessions may share one Limits, which must not change any more.
func NewDecoder(limits *Limits) Decoder {
	return Decoder{limits: limits}
}

// Add takes the text of a packet. When ready is true the packet is complete, and its
// slices alias text. When it is false, without an error, attachments have to follow:
// p is the packet so far, in memory of its own, so that a caller can refuse it for
// its namespace before it collects anything (CVE-2026-48804). Text that comes while
// attachments are awaited is ErrTextUnexpected.
//
// The placeholders are checked here already, before the first attachment is kept.
func (d *Decoder) Add(text []byte) (p Packet, ready bool, err error) {
	if d.waiting != nil {
		d.waiting = nil
		return Packet{}, false, ErrTextUnexpected
	}
	if len(text) > d.limits.bytesMax() {
		return Packet{}, false, ErrPacketBytes
	}
	if p, err = Parse(text, d.limits); err != nil || p.Attachments == 0 {
		return p, err == nil, err
	}
	if err = checkPlaceholders(p.Data, p.Attachments); err != nil {
		return Packet{}, false, err
	}
	p.Namespace, p.Data = clone(p.Namespace), clone(p.Data)
	d.waiting = &incomplete{packet: p, bytes: len(text)}
	return p, false, nil
}

// AddBinary takes a binary message, which it copies. With the last attachment of a
// packet ready is true and the packet is handed over: all its memory is the
// caller's from then on. A binary message that no packet waits for is
// ErrBinaryUnexpected.
func (d *Decoder) AddBinary(b []byte) (p Packet, ready bool, err error) {
	w := d.waiting
	if w == nil {
		return Packet{}, false, ErrBinaryUnexpected
	}
	if len(b) > d.limits.bytesMax()-w.bytes { // CVE-2026-33151: one bound over all attachments
		d.waiting = nil
		return Packet{}, false, ErrPacketBytes
	}
	w.bytes += len(b)
	w.packet.Buffers = append(w.packet.Buffers, clone(b))
	if len(w.packet.Buffers) < w.packet.Attachments {
		return Packet{}, false, nil
	}
	d.waiting = nil
	return w.packet, true, nil
}

// Waiting returns how many attachments are still to come. While it is not zero the
// session should run a deadline.
func (d *Decoder) Waiting() int {
	if d.waiting == nil {
		return 0
	}
	return d.waiting.packet.Attachments - len(d.waiting.packet.Buffers)
}

// clone copies b into memory of exactly its size, and an empty b into an empty slice
// that is not nil: an empty attachment is there.
func clone(b []byte) []byte {
	c := make([]byte, len(b))
	copy(c, b)
	return c
}
