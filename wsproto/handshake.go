package wsproto

import (
	"bytes"
	"encoding/base64"
)

// Handshake is what an upgrade request says. Its slices alias the request head.
type Handshake struct {
	Target []byte // the request target as it was sent, with its query; never empty
	Host   []byte // with its port, if it was sent with one; may be empty
	Origin []byte // nil if the request has no Origin

	fields []byte // the header lines and the empty line
	seen   seen   // what may be there only once
	answer []byte // header lines for the response
	unsafe bool   // the caller gave a header that would break the response
}

// seen is a set of headers.
type seen uint8

const (
	seenHost seen = 1 << iota
	seenOrigin
	seenKey
	seenVersion
	seenLength
)

// Header returns the value of the first header of the given name, in any case,
// or nil if there is none. The value aliases the request head.
func (h *Handshake) Header(name string) []byte {
	for n, value := range h.Headers {
		if len(n) == len(name) && bytes.EqualFold(n, []byte(name)) {
			return value
		}
	}
	return nil
}

// Headers calls yield for each header in the order of the request, until it
// returns false; it is meant for range. The slices alias the request head.
func (h *Handshake) Headers(yield func(name, value []byte) bool) {
	for rest := h.fields; len(rest) > len(crlf); {
		var name, value []byte
		name, value, rest, _ = cutField(rest)
		if !yield(name, value) {
			return
		}
	}
}

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
	line, fields, fault := cutLine(head)
	if fault != 0 {
		return nil, fault
	}
	method, rest, _ := bytes.Cut(line, space)
	target, version, _ := bytes.Cut(rest, space)
	if !isAll(method, tokenByte) || !isAll(target, visibleByte) || !isVersion(version) { // RFC 9112 3
		return nil, ErrRequestLine
	}
	h.Target = target
	return fields, 0
}

var space = []byte{' '}

// isVersion reports whether b is HTTP/, a digit, a dot and a digit (RFC 9112 2.3).
func isVersion(b []byte) bool {
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	return len(b) == len("HTTP/1.1") && string(b[:5]) == "HTTP/" && isDigit(b[5]) && b[6] == '.' && isDigit(b[7])
}

func (h *Handshake) parseField(name, value []byte) HandshakeError {
	switch {
	case isOurs(name) && textRun(value) < len(value): // what we read ourselves is ASCII
		return ErrHeadByte
	case isNamed(name, "host"):
		h.Host = value
		return h.once(seenHost) // RFC 9112 3.2
	case isNamed(name, "origin"):
		h.Origin = value
		return h.once(seenOrigin) // which of two would be the one that is allowed?
	case isNamed(name, "sec-websocket-key"):
		if !isKey(value) {
			return ErrKey
		}
		return h.once(seenKey) // RFC 6455 11.3.1
	case isNamed(name, "sec-websocket-version"):
		return h.once(seenVersion) // RFC 6455 11.3.5
	case isNamed(name, "content-length"):
		if string(value) != "0" { // the body would be taken for frames
			return ErrBody
		}
		return h.once(seenLength)
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

func (h *Handshake) once(header seen) HandshakeError {
	if h.seen&header != 0 {
		return ErrHeaderTwice
	}
	h.seen |= header
	return 0
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
