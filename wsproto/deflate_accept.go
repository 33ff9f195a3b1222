package wsproto

import "bytes"

// AcceptDeflate agrees to permessage-deflate (RFC 7692) if the request offers it
// in a form that we can do, and reports whether it has. A 101 will then say so,
// the Reader of the connection needs EnableDeflate, and AppendDeflatedFrame may
// be used for it. No message will refer to an earlier one, in neither direction,
// so that an idle connection has nothing to remember.
//
// Of several offers the first that will do is taken. What we cannot do or cannot
// read is passed over (RFC 7692 7.1), and never the reason of a refusal.
func (h *Handshake) AcceptDeflate() bool {
	for name, value := range h.Headers {
		if h.deflate == noDeflate && isNamed(name, "sec-websocket-extensions") {
			h.deflate = answerToOffers(value)
		}
	}
	return h.deflate != noDeflate
}

// deflateAnswer is what we answer an offer of permessage-deflate.
type deflateAnswer uint8

const (
	noDeflate deflateAnswer = iota
	plainDeflate
	windowedDeflate // the offer names our window, so the answer has to (RFC 7692 7.1.2.1)
)

// deflateAnswers are the header lines of the response.
var deflateAnswers = [...]string{
	noDeflate: "",
	plainDeflate: "Sec-WebSocket-Extensions: permessage-deflate; " +
		"server_no_context_takeover; client_no_context_takeover\r\n",
	windowedDeflate: "Sec-WebSocket-Extensions: permessage-deflate; " +
		"server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15\r\n",
}

// answerToOffers reads the offers of one header line, which are a list as in
// RFC 6455 9.1, up to the first that will do. It looks at no byte twice,
// whatever the line holds.
func answerToOffers(list []byte) deflateAnswer {
	for {
		list = bytes.TrimLeft(list, " \t,") // an element may be empty (RFC 9110 5.6.1.2)
		answer, rest, ok := cutOffer(list)
		if !ok || answer != noDeflate {
			return answer // behind what is malformed nobody knows where an offer begins
		}
		list = rest
	}
}

// cutOffer takes an offer off the front of list; rest begins with the comma
// behind it, if there is one. ok is false if there is no offer, or a malformed
// one.
func cutOffer(list []byte) (answer deflateAnswer, rest []byte, ok bool) {
	name, rest := cutToken(list)
	o := deflateOffer{declined: string(name) != "permessage-deflate"}
	for ok = len(name) > 0; ok && len(rest) > 0 && rest[0] != ','; {
		var value []byte
		if name, value, rest, ok = cutParameter(rest); ok {
			o.take(name, value)
		}
	}
	if !ok {
		return noDeflate, nil, false
	}
	return o.answer(), rest, true
}

// cutParameter takes a semicolon and a parameter off the front of b. value is
// nil if the parameter has none.
func cutParameter(b []byte) (name, value, rest []byte, ok bool) {
	if b[0] != ';' {
		return nil, nil, nil, false
	}
	name, b = cutToken(skipSpace(b[1:]))
	if len(b) > 0 && b[0] == '=' {
		if value, b = cutValue(skipSpace(b[1:])); value == nil {
			return nil, nil, nil, false
		}
	}
	return name, value, b, len(name) > 0
}

// cutToken takes a token, which is empty if there is none, and the space behind
// it off the front of b.
func cutToken(b []byte) (token, rest []byte) {
	n := run(b, tokenByte)
	return b[:n], skipSpace(b[n:])
}

// cutValue takes the value of a parameter and the space behind it off the front
// of b. It is nil if there is none. A quoted one is left as it is between its
// quotes: no value that we know needs a backslash.
func cutValue(b []byte) (value, rest []byte) {
	if len(b) == 0 || b[0] != '"' {
		if value, rest = cutToken(b); len(value) == 0 {
			return nil, nil
		}
		return value, rest
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], skipSpace(b[i+1:])
		}
	}
	return nil, nil
}

func skipSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t") }

// deflateOffer is what the parameters of one offer come to.
type deflateOffer struct {
	declined bool
	seen     deflateParameter
}

// deflateParameter is a set of parameters.
type deflateParameter uint8

const (
	serverForgets deflateParameter = 1 << iota
	clientForgets
	serverWindow
	clientWindow
)

// take notes a parameter, and declines the offer if it is unknown, has a value
// that it must not have, or is there twice (RFC 7692 7.1).
func (o *deflateOffer) take(name, value []byte) {
	var parameter deflateParameter
	var ok bool
	switch string(name) {
	case "server_no_context_takeover": // RFC 7692 7.1.1.1
		parameter, ok = serverForgets, value == nil
	case "client_no_context_takeover": // RFC 7692 7.1.1.2
		parameter, ok = clientForgets, value == nil
	case "server_max_window_bits": // RFC 7692 7.1.2.1; our compressor knows but the largest window
		parameter, ok = serverWindow, string(value) == "15"
	case "client_max_window_bits": // RFC 7692 7.1.2.2; we undo what was made with any window
		parameter, ok = clientWindow, value == nil || isWindowBits(value)
	}
	o.declined = o.declined || !ok || o.seen&parameter != 0
	o.seen |= parameter
}

// isWindowBits reports whether b is a number from 8 to 15 (RFC 7692 7.1.2).
func isWindowBits(b []byte) bool {
	switch string(b) {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}

func (o *deflateOffer) answer() deflateAnswer {
	switch {
	case o.declined:
		return noDeflate
	case o.seen&serverWindow != 0:
		return windowedDeflate
	default:
		return plainDeflate
	}
}
