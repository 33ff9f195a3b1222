package flood

import (
	"bytes"
	"errors"
	"strconv"

	"starling/wsproto"
)

// What a reply on a connection that stays may hold at most.
const (
	replyLineBytesMax   = 64 << 10 // a line of its body
	refusalBytesMax     = 512      // what is kept of the body of a reply that is not 200
	chunkHeaderBytesMax = 256      // the line before a chunk, or of a trailer
)

// ErrLineTooLong means that a line of a reply's body is longer than anything that is asked for.
var ErrLineTooLong = errors.New("line of an HTTP reply too long")

// replyKind is what has come of a reply.
type replyKind uint8

const (
	nothing replyKind = iota
	line              // a line of the body of a reply of status 200, without its end; empty ones are passed over
	over              // the end of such a reply
	refused           // the whole of a reply of another status, and the beginning of its body
)

// replyPart is a piece of a reply. The text is the reader's, or lies in what was read, and is valid until next is called again.
type replyPart struct {
	kind   replyKind
	status int
	text   []byte
}

// replyStep is what comes next.
type replyStep uint8

const (
	inHead      replyStep = iota
	inBody                // of a length, or up to the end of the connection
	atChunk               // the line with its size
	inChunk               // bytes of it
	behindChunk           // the line end
	inTrailer             // a line, the last of which is empty
	atEnd                 // nothing more comes of the body
)

// replyReader takes the replies on one connection apart, in whatever pieces they come. It holds no more of them than the beginning of
// a head, of a line, or of a refusal. The zero value is ready.
type replyReader struct {
	step   replyStep
	status int
	left   int    // bytes of the body, or of its chunk, that are to come; below 0 if nobody has said
	kept   []byte // what has come of a head or of a line of the body, or is kept of a refusal
	header []byte // what has come of a line between chunks
}

// next takes the next part off the front of what has come. If there is none, it has taken all of it.
func (r *replyReader) next(in []byte) (p replyPart, n int, err error) {
	for err == nil && p.kind == nothing && (n < len(in) || r.step == atEnd) {
		var took int
		p, took, err = r.advance(in[n:])
		n += took
	}
	return p, n, err
}

func (r *replyReader) advance(in []byte) (p replyPart, n int, err error) {
	switch r.step {
	case inHead:
		return r.head(in)
	case inBody, inChunk:
		return r.data(in)
	case atEnd:
		return r.end(), 0, nil
	default:
		header, n, err := r.headerLine(in)
		if err == nil && header != nil {
			err = r.between(header)
		}
		return p, n, err
	}
}

// head takes what has come of a head. Nearly always it comes whole.
func (r *replyReader) head(in []byte) (p replyPart, n int, err error) {
	head, before := in, len(r.kept)
	if before > 0 {
		r.kept = append(r.kept, in[:min(len(in), wsproto.HeadBytesMax)]...)
		head = r.kept
	}
	end, err := wsproto.HeadLenFrom(head, before)
	if err != nil {
		return p, len(in), err
	}
	if end == 0 {
		if before == 0 {
			r.kept = append(r.kept, in...)
		}
		return p, len(in), nil
	}
	h, err := parseHead(head[:end])
	r.kept = r.kept[:0]
	switch {
	case err != nil || h.status < 100 || h.status == 101: // nobody has asked to upgrade
		err = ErrAnswer
	case h.status >= 200: // before it there may be others (RFC 9110 15.2)
		r.begin(h)
	}
	return p, end - before, err
}

// begin says where the body ends (RFC 9112 6.3).
func (r *replyReader) begin(h answerHead) {
	r.status, r.left, r.step = h.status, h.length, inBody
	switch {
	case h.status == 204 || h.status == 304 || h.length == 0 && !h.chunked:
		r.step = atEnd
	case h.chunked:
		r.step = atChunk
	}
}

// data takes bytes of the body as far as its chunk, or its line, goes.
func (r *replyReader) data(in []byte) (p replyPart, n int, err error) {
	if r.left >= 0 {
		in = in[:min(len(in), r.left)]
	}
	n = len(in)
	if r.status != 200 {
		r.kept = append(r.kept, in[:min(n, refusalBytesMax-len(r.kept))]...)
	} else if p, n, err = r.line(in); err != nil {
		return p, n, err
	}
	if r.left < 0 {
		return p, n, nil
	}
	if r.left -= n; r.left == 0 && r.step == inBody {
		r.step = atEnd
	} else if r.left == 0 {
		r.step = behindChunk
	}
	return p, n, nil
}

// line takes bytes up to the end of a line, or keeps them until that comes.
func (r *replyReader) line(in []byte) (p replyPart, n int, err error) {
	end := bytes.IndexByte(in, '\n')
	n = end + 1
	if end < 0 {
		end, n = len(in), len(in)
	}
	if len(r.kept)+end > replyLineBytesMax {
		return p, n, ErrLineTooLong
	}
	text := in[:end]
	if len(r.kept) > 0 || n == end { // it has begun before, or has no end yet
		r.kept = append(r.kept, text...)
		text = r.kept
	}
	if n == end {
		return p, n, nil
	}
	r.kept = r.kept[:0]
	return r.lineOf(text), n, nil
}

// lineOf is a line, unless it is empty.
func (r *replyReader) lineOf(text []byte) replyPart {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return replyPart{}
	}
	return replyPart{kind: line, status: r.status, text: text}
}

// end is what the end of a body makes known: a last line without an end, a refusal, or that it was the end.
func (r *replyReader) end() replyPart {
	text := bytes.TrimSpace(r.kept)
	r.kept = r.kept[:0]
	if r.status == 200 && len(text) > 0 {
		return replyPart{kind: line, status: r.status, text: text}
	}
	r.step = inHead
	if r.status != 200 {
		return replyPart{kind: refused, status: r.status, text: text}
	}
	return replyPart{kind: over, status: r.status}
}

// hangUp is called at the end of the connection, which ends a body without a length (RFC 9112 6.3, item 8). It says whether there is
// a part of that still.
func (r *replyReader) hangUp() bool {
	if r.step == inBody && r.left < 0 {
		r.step = atEnd
	}
	return r.step == atEnd
}

// headerLine takes a line between chunks, nil if its end has not come.
func (r *replyReader) headerLine(in []byte) (header []byte, n int, err error) {
	end := bytes.IndexByte(in, '\n')
	if n = end + 1; end < 0 {
		n = len(in)
	}
	if len(r.header)+n > chunkHeaderBytesMax {
		return nil, n, ErrAnswer
	}
	r.header = append(r.header, in[:n]...)
	if end < 0 {
		return nil, n, nil
	}
	header, whole := bytes.CutSuffix(r.header, []byte("\r\n"))
	r.header = r.header[:0]
	if !whole {
		return nil, n, ErrAnswer
	}
	return header, n, nil
}

// between goes on to what a line between chunks announces (RFC 9112 7.1).
func (r *replyReader) between(header []byte) error {
	switch {
	case r.step == behindChunk && len(header) == 0:
		r.step = atChunk
	case r.step == behindChunk:
		return ErrAnswer
	case r.step == inTrailer && len(header) == 0:
		r.step = atEnd
	case r.step == atChunk:
		digits, _, _ := bytes.Cut(header, []byte(";")) // what follows is an extension
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil {
			return ErrAnswer
		}
		r.left, r.step = int(size), inChunk
		if size == 0 {
			r.step = inTrailer
		}
	}
	return nil
}
