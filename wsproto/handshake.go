package wsproto

import "encoding/base64"

// Handshake is what an upgrade request says. Its slices alias the request head.
type Handshake struct {
	Target []byte // the request target as it was sent, with its query; never empty
	Host   []byte // with its port, if it was sent with one; may be empty
	Origin []byte // nil if the request has no Origin

	fields  fields        // the header lines and the empty line
	seen    seen          // what may be there only once
	answer  []byte        // header lines for the response
	unsafe  bool          // the caller gave a header that would break the response
	deflate deflateAnswer // to the offers of compression, if the caller wants it
}

// Header returns the value of the first header of the given name, in any case,
// or nil if there is none. The value aliases the request head.
func (h *Handshake) Header(name string) []byte { return h.fields.find(name) }

// Headers calls yield for each header in the order of the request, until it
// returns false; it is meant for range. The slices alias the request head.
func (h *Handshake) Headers(yield func(name, value []byte) bool) { h.fields.each(yield) }

// AddHeader adds a header to the response, whichever it will be. A name or a
// value that HTTP does not allow makes the response a refusal with
// ErrAnswerHeader: sent, it would be a header of its author's choice.
func (h *Handshake) AddHeader(name, value string) {
	if !isAll([]byte(name), tokenByte) || textRun([]byte(value)) < len(value) {
		h.unsafe = true
		return
	}
	h.answer = append(h.answer, name...)
	h.answer = append(h.answer, ": "...)
	h.answer = append(h.answer, value...)
	h.answer = append(h.answer, "\r\n"...)
}

// parse reads a request head and checks what ws.Upgrader takes as it comes.
func (h *Handshake) parse(head []byte) HandshakeError {
	if len(head) > HeadBytesMax {
		return ErrHeadTooLarge
	}
	fields, fault := h.parseRequestLine(head)
	if fault == 0 {
		fault = walkFields(fields, h.parseField)
	}
	h.fields = fields
	return fault
}

// parseRequestLine takes the request line off head. It leaves the method and
// the version, once well-formed, to ws.Upgrader, which has an answer of its own
// to each.
func (h *Handshake) parseRequestLine(head []byte) (fields []byte, fault HandshakeError) {
	_, h.Target, _, fields, fault = cutRequestLine(head)
	return fields, fault
}

func (h *Handshake) parseField(name, value []byte) HandshakeError {
	switch {
	case isOurs(name) && textRun(value) < len(value): // what we read ourselves is ASCII
		return ErrHeadByte
	case isNamed(name, "host"):
		h.Host = value
		return h.seen.once(seenHost) // RFC 9112 3.2
	case isNamed(name, "origin"):
		h.Origin = value
		return h.seen.once(seenOrigin) // which of two would be the one that is allowed?
	case isNamed(name, "sec-websocket-key"):
		if !isKey(value) {
			return ErrKey
		}
		return h.seen.once(seenKey) // RFC 6455 11.3.1
	case isNamed(name, "sec-websocket-version"):
		return h.seen.once(seenVersion) // RFC 6455 11.3.5
	case isNamed(name, "content-length"):
		if string(value) != "0" { // the body would be taken for frames
			return ErrBody
		}
		return h.seen.once(seenLength)
	case isNamed(name, "transfer-encoding"):
		return ErrBody
	}
	return 0
}

// isOurs reports whether a header is one that the upgrade depends on.
func isOurs(name []byte) bool {
	const prefix = "sec-websocket-"
	return len(name) > len(prefix) && isNamed(name[:len(prefix)], prefix) || isNamed(name, "host") || isNamed(name, "origin")
}

// isKey reports whether b is 16 bytes in base64 (RFC 6455 4.2.1, item 5).
func isKey(b []byte) bool {
	if len(b) != keyBytes {
		return false
	}
	var nonce [18]byte // what 24 characters hold if none of them is padding
	n, err := base64.StdEncoding.Decode(nonce[:], b)
	return err == nil && n == 16
}

// keyBytes is the length of a Sec-WebSocket-Key.
const keyBytes = 24
