package flood

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"

	"starling/wsproto"
)

// Requester is a Handler that makes HTTP requests as well. Of a request it is told Answered or Closed.
type Requester interface {
	Handler
	// Answered is called with the whole answer to a request. The connection is closed then and must not be used any more. The
	// body is the loop's and valid until Answered returns. The handler may dial and request.
	Answered(c *Conn, status int, body []byte)
}

// ErrAnswer means that what came is no answer to an HTTP request.
var ErrAnswer = errors.New("malformed HTTP answer")

// answerBodyBytesMax bounds a chunk, as readLimits bound a message.
const answerBodyBytesMax = 64 << 20

// Request sends one HTTP request over a connection of its own, which is closed when the answer has come whole: so does a client
// that says Connection: close. The request is copied if it has to wait. For the rest it is like Dial.
func (l *Loop) Request(request []byte, from netip.Addr, number uint32, h Requester) (*Conn, error) {
	return l.start(Conn{handler: h, number: number, next: answering}, l.target.Addr, request, from)
}

// answer takes more of an answer, or the end of the connection.
func (l *Loop) answer(c *Conn, in []byte, ended bool) {
	before, begun := l.heads[c.slot]
	if begun {
		in = append(before, in...)
	}
	a, err := l.parseAnswer(in, ended)
	switch {
	case err != nil:
		l.fail(c, err)
	case a.whole:
		h := c.handler.(Requester)
		l.Close(c)
		h.Answered(c, a.status, a.body)
	case ended:
		l.fail(c, ErrPeerClosed)
	case begun:
		l.heads[c.slot] = in
	default:
		l.heads[c.slot] = append([]byte(nil), in...)
	}
}

// answer is an HTTP/1.1 answer as far as it has come. The body lies within what was read, or in the loop's buffer for chunks.
type answer struct {
	status int
	body   []byte
	whole  bool
}

// parseAnswer reads an answer from its beginning. ended says that nothing follows, which ends a body without a length
// (RFC 9112 6.3, item 8).
func (l *Loop) parseAnswer(in []byte, ended bool) (a answer, err error) {
	end, err := wsproto.HeadLen(in)
	if err != nil || end == 0 {
		return a, err
	}
	h, err := parseHead(in[:end])
	if err != nil {
		return a, err
	}
	a.status, a.body = h.status, in[end:]
	switch {
	case h.status == 204 || h.status == 304: // they have no body, whatever they say (RFC 9112 6.3, item 1)
		a.body, a.whole = nil, true
	case h.chunked:
		l.body, a.whole, err = appendChunks(l.body[:0], a.body)
		a.body = l.body
	case h.length < 0:
		a.whole = ended
	case len(a.body) >= h.length:
		a.body, a.whole = a.body[:h.length], true
	}
	return a, err
}

// answerHead is what the head of an answer says of the body.
type answerHead struct {
	status  int
	length  int // -1 if it does not say
	chunked bool
}

func parseHead(head []byte) (h answerHead, err error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	version, status, _ := bytes.Cut(line, []byte(" "))
	status, _, _ = bytes.Cut(status, []byte(" "))
	if h.status, err = strconv.Atoi(string(status)); err != nil || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return h, ErrAnswer
	}
	h.length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.Atoi(string(value)); err != nil || h.length < 0 {
				return h, ErrAnswer
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	return h, nil
}

// appendChunks appends the chunks that have come (RFC 9112 7.1); whole says that the last was among them. Nobody sends trailers.
func appendChunks(dst, in []byte) (body []byte, whole bool, err error) {
	for {
		line, rest, found := bytes.Cut(in, []byte("\r\n"))
		if !found {
			return dst, false, nil
		}
		digits, _, _ := bytes.Cut(line, []byte(";")) // what follows is an extension
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil || size > answerBodyBytesMax {
			return dst, false, ErrAnswer
		}
		n := int(size)
		if len(rest) < n+2 {
			return dst, false, nil
		}
		if string(rest[n:n+2]) != "\r\n" {
			return dst, false, ErrAnswer
		}
		if n == 0 {
			return dst, true, nil
		}
		dst, in = append(dst, rest[:n]...), rest[n+2:]
	}
}
