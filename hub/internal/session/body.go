package session

import (
	"time"

	"starling/wsproto"
)

// body is a request body that is arriving.
type body struct {
	missing int64            // bytes to come, if the length is known
	chunked *wsproto.Chunked // otherwise
	data    []byte           // what has come, if it did not come in one piece
	max     int
	here    bool // all of it has come with the head
	refused bool // what comes of it is thrown away until the connection ends
}

// newBody makes the body of a request of which arrived bytes are there, nil if it has none.
func newBody(r wsproto.Request, arrived, max int) *body {
	switch {
	case r.Chunked:
		return &body{chunked: new(wsproto.Chunked), max: max}
	case r.BodyLen > 0:
		return &body{missing: r.BodyLen, max: max, here: int64(arrived) >= r.BodyLen}
	}
	return nil
}

// tooLarge reports whether the body is known to be larger than a message may be.
func (b *body) tooLarge() bool {
	pending := b.missing
	if b.chunked != nil {
		pending = b.chunked.Pending()
	}
	return pending > int64(b.max)-int64(len(b.data))
}

// take takes the next bytes. whole is the body once it is complete; it lies within in if all of it came at once.
func (b *body) take(in []byte) (whole []byte, used int, done bool, err error) {
	if b.chunked != nil {
		b.data, used, done, err = b.chunked.Next(b.data, in)
		return b.data, used, done, err
	}
	used = int(min(b.missing, int64(len(in))))
	b.missing -= int64(used)
	if b.missing == 0 && len(b.data) == 0 {
		return in[:used:used], used, true, nil
	}
	b.data = append(b.data, in[:used]...) // grows with what has arrived, not with what was promised
	return b.data, used, b.missing == 0, nil
}

// awaitBody waits for the body of the request under way.
func (h *httpConn) awaitBody(r wsproto.Request) {
	if h.body.here {
		return
	}
	seconds := max(r.BodyLen, 0) / bodyBytesPerSecondMin
	if r.Chunked {
		seconds = int64(h.table.cfg.Frames.MessageBytesMax) / bodyBytesPerSecondMin
	}
	h.wait(h.table.cfg.HandshakeTime + time.Duration(seconds)*time.Second)
	if r.Continue { // RFC 9110 10.1.1
		h.conn.Queue([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
}

// narrow lowers the bound of the body under way to that of strangers.
func (h *httpConn) narrow(x *exchange) {
	if h.exchange != x || h.body == nil || h.body.refused {
		return
	}
	h.body.max = h.table.cfg.strangersFrames.MessageBytesMax
	if h.body.tooLarge() {
		h.body.refused = true
		x.overflow()
	}
}

// takeBody takes bytes of the body.
func (h *httpConn) takeBody(b []byte) (used int) {
	if h.body.refused {
		return len(b)
	}
	whole, used, done, err := h.body.take(b)
	x := h.exchange
	switch {
	case err != nil:
		h.refuse(wsproto.AppendRefusal(nil, err), err)
		return len(b)
	case h.body.tooLarge():
		h.body.refused = true
		x.overflow()
		return len(b)
	case done:
		h.body = nil
		h.table.loop.Cancel(&h.timer)
		x.deliver(whole)
	}
	return used
}
