package wsproto

import (
	"bytes"
	"math"
)

// Request is what a request head says about where the request ends, for whom it
// is, and how it wants to be answered. Its slices alias the head.
type Request struct {
	Method []byte // a token, in the case that it was sent in
	Target []byte // begins with '/', or is "*" if the method is OPTIONS
	Host   []byte // with its port, if it was sent with one; may be empty; nil is possible only in HTTP/1.0
	Origin []byte // nil if the request has no Origin; visible ASCII and spaces

	BodyLen  int64 // bytes of the body, if it is not Chunked
	Chunked  bool  // the body is in chunks (RFC 9112 7.1), for a Chunked to take apart
	Continue bool  // the client waits for a 100 (Continue) before it sends the body (RFC 9110 10.1.1)

	Minor   uint8 // of the version: 1 for HTTP/1.1, 0 for HTTP/1.0, which must not be answered in chunks
	Close   bool  // the connection ends with the response (RFC 9112 9.3)
	Upgrade bool  // the client wants to go on in another protocol (RFC 9110 7.8)

	fields  fields
	seen    seen
	options options
}

// ParseRequest reads the framing of a request. head is exactly one request head,
// as long as HeadLen says; it is only read, and the Request aliases it. The
// error is a HandshakeError, which AppendRefusal answers; the connection is to
// be closed behind that answer, since nobody knows where the next request
// would begin.
//
// Whatever two readers of one connection could understand in two ways is
// refused, also where HTTP would let us guess: a proxy in front of us may have
// guessed otherwise. What passes is read by net/http in the same way.
func ParseRequest(head []byte) (Request, error) {
	var r Request
	if fault := r.parse(head); fault != 0 {
		return Request{}, fault
	}
	return r, nil
}

// Header returns the value of the first header of the given name, in any case,
// or nil if there is none. The value aliases the request head.
func (r *Request) Header(name string) []byte { return r.fields.find(name) }

// Headers calls yield for each header in the order of the request, until it
// returns false; it is meant for range. The slices alias the request head.
func (r *Request) Headers(yield func(name, value []byte) bool) { r.fields.each(yield) }

func (r *Request) parse(head []byte) HandshakeError {
	if len(head) > HeadBytesMax {
		return ErrHeadTooLarge
	}
	lines, fault := r.parseRequestLine(head)
	if fault == 0 {
		fault = walkFields(lines, r.parseField)
	}
	if fault != 0 {
		return fault
	}
	r.fields = lines
	return r.conclude()
}

func (r *Request) parseRequestLine(head []byte) (lines []byte, fault HandshakeError) {
	method, target, version, lines, fault := cutRequestLine(head)
	switch {
	case fault != 0:
		return nil, fault
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0": // RFC 9110 2.5, 15.6.6
		return nil, ErrHTTPVersion
	case !isTarget(method, target):
		return nil, ErrTarget
	}
	r.Method, r.Target, r.Minor = method, target, version[len("HTTP/1.")]-'0'
	return lines, 0
}

// isTarget reports whether a target has the form that its method needs of a
// server that is no proxy (RFC 9112 3.2.1, 3.2.4). A target that names a host
// of its own would make Host a matter of opinion.
func isTarget(method, target []byte) bool {
	switch string(method) {
	case "CONNECT": // RFC 9112 3.2.3: its target is no path
		return false
	case "OPTIONS":
		return string(target) == "*" || isPath(target)
	default:
		return isPath(target)
	}
}

// isPath reports whether target is a path, and perhaps a query. A fragment is
// not sent (RFC 9110 7.1), so readers differ on what a '#' means. Of the rest
// only the escapes of the path are checked (RFC 3986 2.1): browsers send other
// bytes that a URL should not have, and '%' in queries, as they are.
func isPath(target []byte) bool {
	if target[0] != '/' || bytes.IndexByte(target, '#') >= 0 {
		return false
	}
	path, _, _ := bytes.Cut(target, []byte{'?'})
	for {
		_, escape, found := bytes.Cut(path, []byte{'%'})
		if !found {
			return true
		}
		if len(escape) < 2 || hexDigit(escape[0]) < 0 || hexDigit(escape[1]) < 0 {
			return false
		}
		path = escape[2:]
	}
}

// hexDigit is the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

// parseField knows the headers by their lengths first, because most are none of
// these.
func (r *Request) parseField(name, value []byte) HandshakeError {
	switch {
	case len(name) == len("host") && isNamed(name, "host"):
		return r.parseHost(value)
	case len(name) == len("origin") && isNamed(name, "origin"):
		return r.parseOrigin(value)
	case len(name) == len("expect") && isNamed(name, "expect"):
		return r.parseExpect(value)
	case len(name) == len("upgrade") && isNamed(name, "upgrade"):
		r.Upgrade = r.Upgrade || len(value) > 0
	case len(name) == len("trailer") && isNamed(name, "trailer"):
		return checkTrailer(value)
	case len(name) == len("connection") && isNamed(name, "connection"):
		r.options.add(value)
	case len(name) == len("content-length") && isNamed(name, "content-length"):
		return r.parseContentLength(value)
	case len(name) == len("transfer-encoding") && isNamed(name, "transfer-encoding"):
		return r.parseTransferEncoding(value)
	}
	return 0
}

func (r *Request) parseHost(value []byte) HandshakeError {
	if run(value, hostByte) < len(value) { // RFC 9112 3.2
		return ErrHostBytes
	}
	r.Host = value
	return r.seen.once(seenHost) // RFC 9112 3.2
}

func (r *Request) parseOrigin(value []byte) HandshakeError {
	for _, c := range value {
		if classes[c]&visibleByte == 0 && c != ' ' { // RFC 6454 7.1
			return ErrHeadByte
		}
	}
	r.Origin = value
	return r.seen.once(seenOrigin) // which of two would be the one that is allowed?
}

func (r *Request) parseExpect(value []byte) HandshakeError {
	if !isNamed(value, "100-continue") { // RFC 9110 10.1.1
		return ErrExpect
	}
	r.Continue = true
	return 0
}

// checkTrailer wants nothing announced as a trailer that would come too late
// there (RFC 9110 6.5.1). Trailers are skipped; but net/http refuses this too.
func checkTrailer(value []byte) HandshakeError {
	if hasToken(value, "content-length") || hasToken(value, "transfer-encoding") || hasToken(value, "trailer") {
		return ErrTrailerNames
	}
	return 0
}

// parseContentLength takes digits alone (RFC 9110 8.6): no sign, no list, also
// none of equal numbers, which others read as the first or as the last.
func (r *Request) parseContentLength(value []byte) HandshakeError {
	if len(value) == 0 {
		return ErrContentLength
	}
	n := uint64(0)
	for _, c := range value {
		if c < '0' || c > '9' || n > math.MaxInt64/10 {
			return ErrContentLength
		}
		n = n*10 + uint64(c-'0') // up to MaxInt64 + 2, which is seen below
	}
	if n > math.MaxInt64 {
		return ErrContentLength
	}
	r.BodyLen = int64(n)
	return r.seen.once(seenLength)
}

// parseTransferEncoding takes chunked, and that once.
func (r *Request) parseTransferEncoding(value []byte) HandshakeError {
	if isNamed(value, "chunked") {
		r.Chunked = true
		return r.seen.once(seenTransfer) // RFC 9112 6.1: not applied more than once
	}
	at := bytes.LastIndexByte(value, ',')
	if at >= 0 && isNamed(trimSpace(value[at+1:]), "chunked") && !hasToken(value[:at], "chunked") {
		return ErrTransferCoding // RFC 9112 6.1
	}
	return ErrTransferEncoding // RFC 9112 6.3, item 4
}

// conclude checks what the headers say together.
func (r *Request) conclude() HandshakeError {
	switch {
	case r.Minor > 0 && r.seen&seenHost == 0: // RFC 9112 3.2
		return ErrHost
	case r.Chunked && r.seen&seenLength != 0: // RFC 9112 6.1
		return ErrTwoLengths
	case r.Chunked && r.Minor == 0: // RFC 9112 6.1
		return ErrTransferEncodingVersion
	}
	// RFC 9112 9.3, RFC 9110 7.8 and 10.1.1: HTTP/1.0 has to ask for the
	// connection to stay, and cannot ask for the others.
	r.Close = r.options&optionClose != 0 || r.Minor == 0 && r.options&optionKeepAlive == 0
	r.Upgrade = r.Upgrade && r.Minor > 0 && r.options&optionUpgrade != 0
	r.Continue = r.Continue && r.Minor > 0 && (r.Chunked || r.BodyLen > 0)
	return 0
}

// options are the connection options that mean something to us.
type options uint8

const (
	optionClose options = 1 << iota
	optionKeepAlive
	optionUpgrade
)

// add adds those of a Connection header (RFC 9110 7.6.1), of which there may be
// several.
func (o *options) add(list []byte) {
	for more := true; more; {
		var option []byte
		option, list, more = bytes.Cut(list, []byte{','})
		switch option = trimSpace(option); {
		case isNamed(option, "close"):
			*o |= optionClose
		case isNamed(option, "keep-alive"):
			*o |= optionKeepAlive
		case isNamed(option, "upgrade"):
			*o |= optionUpgrade
		}
	}
}
