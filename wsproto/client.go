package wsproto

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
)

// HandshakeKey is the Sec-WebSocket-Key that a client makes of a nonce, which
// is to be random for each connection (RFC 6455 4.1, item 7).
func HandshakeKey(nonce [16]byte) string { return base64.StdEncoding.EncodeToString(nonce[:]) }

// AppendUpgradeRequest appends a client's request to upgrade, and returns the
// extended slice. key is a HandshakeKey; headers are whole lines without their
// CRLF, as "Origin: http://example.org". The arguments are sent as they are.
func AppendUpgradeRequest(dst []byte, host, target, key string, headers ...string) []byte {
	dst = append(dst, "GET "...)
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, host...)
	dst = append(dst, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = append(dst, key...)
	for _, header := range headers {
		dst = append(dst, "\r\n"...)
		dst = append(dst, header...)
	}
	return append(dst, "\r\n\r\n"...)
}

// CheckUpgradeResponse tells whether head, exactly one response head as long as
// HeadLen says, accepts the request that was sent with key (RFC 6455 4.1). It
// only reads head. The error is a HandshakeError.
func CheckUpgradeResponse(head []byte, key string) error {
	if len(head) > HeadBytesMax {
		return ErrHeadTooLarge
	}
	status, fields, fault := cutLine(head)
	if fault != 0 {
		return fault
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101 ")) {
		return ErrResponseStatus
	}
	r := response{key: key}
	if fault := walkFields(fields, r.parseField); fault != 0 {
		return fault
	}
	return r.missing()
}

// response is what a client has found in a response.
type response struct {
	key                         string
	upgrade, connection, accept bool
}

func (r *response) parseField(name, value []byte) HandshakeError {
	switch {
	case isNamed(name, "upgrade"):
		r.upgrade = bytes.EqualFold(value, []byte("websocket"))
	case isNamed(name, "connection"):
		r.connection = r.connection || hasToken(value, "upgrade")
	case isNamed(name, "sec-websocket-accept"):
		accept := acceptOf(r.key)
		r.accept = bytes.Equal(value, accept[:])
	case isNamed(name, "sec-websocket-extensions"), isNamed(name, "sec-websocket-protocol"):
		return ErrResponseExtension // RFC 6455 4.1, items 5 and 6: we offer none
	}
	return 0
}

func (r *response) missing() error {
	switch {
	case !r.upgrade:
		return ErrResponseUpgrade // RFC 6455 4.1, item 2
	case !r.connection:
		return ErrResponseConnection // RFC 6455 4.1, item 3
	case !r.accept:
		return ErrResponseAccept // RFC 6455 4.1, item 4
	default:
		return nil
	}
}

// hasToken reports whether a list of tokens has one that is lower in any case.
func hasToken(list []byte, lower string) bool {
	for token := range bytes.SplitSeq(list, []byte{','}) {
		if isNamed(trimSpace(token), lower) {
			return true
		}
	}
	return false
}

// acceptOf is the Sec-WebSocket-Accept that belongs to a key (RFC 6455 4.2.2,
// item 5.4).
func acceptOf(key string) (accept [28]byte) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid))
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}
