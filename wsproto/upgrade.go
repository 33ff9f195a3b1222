package wsproto

import (
	"io"

	"github.com/gobwas/ws"
)

// Upgrade answers an upgrade request. head is exactly one request head, as long
// as HeadLen says; it is only read. The response is appended to dst, which must
// not overlap head, and the extended slice is returned: a 101 if err is nil,
// otherwise a whole refusal, behind which the connection is to be closed.
//
// decide, if it is not nil, is asked once about a request that breaks no rule.
// It may add headers to the response, and refuses with a *Refusal, or with any
// other error, which is answered with 500. It must not keep the Handshake.
//
// No subprotocol is ever agreed to, and no extension but what
// Handshake.AcceptDeflate accepts. err is a HandshakeError or
// what decide returned.
func Upgrade(dst, head []byte, decide func(*Handshake) error) (response []byte, err error) {
	u := upgrade{decide: decide}
	if fault := u.parse(head); fault != 0 {
		return AppendRefusal(dst, fault), fault
	}
	u.unread, u.response = head, dst
	if _, err = (ws.Upgrader{OnBeforeUpgrade: u.ask}).Upgrade(&u); err == nil {
		return u.response, nil
	}
	if u.refused == nil {
		u.refused = handshakeRuleOf(err)
	}
	return appendRefusal(dst, u.refused, u.answer), u.refused
}

// upgrade is the connection that ws.Upgrader believes it talks to. It never
// sees the real one: on a head that is not complete it would run the callbacks
// and give up, and what follows the head it would swallow.
type upgrade struct {
	Handshake
	decide   func(*Handshake) error
	refused  error // what decide, or the check of what it did, said
	unread   []byte
	response []byte
}

// Read gives ws.Upgrader the head.
func (u *upgrade) Read(p []byte) (int, error) {
	if len(u.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, u.unread)
	u.unread = u.unread[n:]
	return n, nil
}

// Write takes the response.
func (u *upgrade) Write(p []byte) (int, error) {
	u.response = append(u.response, p...)
	return len(p), nil
}

// WriteTo writes the caller's headers, and that of an extension, into the
// response.
func (u *upgrade) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(append(u.answer, deflateAnswers[u.deflate]...))
	return int64(n), err
}

// ask lets the caller decide, once nothing else speaks against the request.
func (u *upgrade) ask() (ws.HandshakeHeader, error) {
	if u.decide != nil {
		u.refused = u.decide(&u.Handshake)
	}
	if u.unsafe {
		u.refused = ErrAnswerHeader
	}
	if u.refused != nil {
		return nil, u.refused
	}
	return u, nil
}

// handshakeRuleOf names what ws.Upgrader found, which on a head that
// Handshake.parse has passed is one of a fixed set.
func handshakeRuleOf(err error) HandshakeError {
	switch err {
	case ws.ErrHandshakeBadProtocol:
		return ErrHTTPVersion // RFC 6455 4.2.1, item 1
	case ws.ErrHandshakeBadMethod:
		return ErrMethod // RFC 6455 4.2.1, item 1
	case ws.ErrHandshakeBadHost:
		return ErrHost // RFC 6455 4.2.1, item 2
	case ws.ErrHandshakeBadUpgrade:
		return ErrUpgradeHeader // RFC 6455 4.2.1, item 3
	case ws.ErrHandshakeBadConnection:
		return ErrConnectionHeader // RFC 6455 4.2.1, item 4
	case ws.ErrHandshakeBadSecKey:
		return ErrKey // RFC 6455 4.2.1, item 5
	case ws.ErrHandshakeBadSecVersion:
		return ErrVersionMissing // RFC 6455 4.2.1, item 6
	case ws.ErrHandshakeUpgradeRequired:
		return ErrVersion // RFC 6455 4.4
	default: // ws.ErrMalformedRequest
		return ErrRequestLine
	}
}
