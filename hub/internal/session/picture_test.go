package session

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// gather notes what has arrived at the peers since the last time.
func (k *talk) gather() {
	for i, e := range k.ends {
		k.look(e, k.who("peer", i+1))
	}
}

func (k *talk) look(e *end, who string) {
	p := e.peer
	if p.Writes > e.writes+1 {
		k.note("%s%d writes", who, p.Writes-e.writes)
	}
	e.writes = p.Writes
	e.unread = append(e.unread, p.Got...)
	p.Got = nil
	for {
		line, n := pictureNext(e.unread)
		if n == 0 {
			break
		}
		for l := range strings.SplitSeq(line, "\n") {
			k.note("%s%s", who, l)
		}
		e.unread = e.unread[n:]
	}
	if p.ShutByUs && !e.shut {
		e.shut = true
		k.note("%sour half is closed", who)
	}
	if p.Closed && !e.closed {
		e.closed = true
		if len(e.unread) > 0 {
			k.note("%s% x, and no more", who, e.unread[:min(8, len(e.unread))])
		}
		k.note("%sclosed", who)
	}
}

// pictureNext lays out the HTTP response or the frame that b begins with. n is its length, 0 if it is not whole.
func pictureNext(b []byte) (line string, n int) {
	if strings.HasPrefix(string(b), "HTTP/") {
		return pictureResponse(string(b))
	}
	header, size := frameHeader(b)
	if header == 0 || len(b) < header+size {
		return "", 0
	}
	payload := b[header : header+size]
	length := fmt.Sprintf("[% x]", b[:header])
	if b[0]&0x40 != 0 { // RSV1 (RFC 7692 7.2.2): how many bytes there are is the compressor's business
		length = fmt.Sprintf("[%x, deflated]", b[0])
		payload = read(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	}
	shown := pictureHex(payload)
	if b[0]&0xf == 1 {
		shown = picture(payload)
	}
	return strings.TrimSpace(length + " " + shown), header + size
}

// frameHeader returns the length of an unmasked header, 0 if it is not whole, and that of the payload (RFC 6455 5.2).
func frameHeader(b []byte) (header, size int) {
	switch {
	case len(b) < 2:
		return 0, 0
	case b[1] < 126:
		return 2, int(b[1])
	case b[1] == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:]))
	case b[1] == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	return 0, 0
}

// read reads all there is, and shows as such what cannot be read.
func read(r io.Reader) []byte {
	b, err := io.ReadAll(r)
	if err != nil {
		b = fmt.Appendf(b, " (%v)", err)
	}
	return b
}

// pictureResponse lays out a response, each line of its head behind a bar; a line end that is not CRLF shows. A compressed
// body is shown as what it says, without its length, which is the compressor's business. The answer to a HEAD has a length
// and no body: what follows it is another response, or nothing.
func pictureResponse(s string) (line string, n int) {
	head, body, ok := strings.Cut(s, "\r\n\r\n")
	if !ok {
		return "", 0
	}
	zipped := strings.Contains(head, "\r\nContent-Encoding: gzip")
	var lines []string
	size := 0
	for l := range strings.SplitSeq(head, "\r\n") {
		if length, ok := strings.CutPrefix(l, "Content-Length: "); ok {
			if size, _ = strconv.Atoi(length); zipped {
				l = "Content-Length: (of gzip)"
			}
		}
		lines = append(lines, "| "+picture([]byte(l)))
	}
	if body == "" || strings.HasPrefix(body, "HTTP/") {
		size = 0
	}
	switch {
	case len(body) < size:
		return "", 0
	case zipped:
		lines = append(lines, "gzip: "+picture(unzip(body[:size])))
	case size > 0:
		lines = append(lines, picture([]byte(body[:size])))
	}
	return strings.Join(lines, "\n"), len(head) + 4 + size
}

func unzip(s string) []byte {
	r, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		return []byte(err.Error())
	}
	return read(r)
}

// pictureHex is bytes in hexadecimal; many are cut.
func pictureHex(b []byte) string {
	if len(b) > pictureBytesMax {
		return fmt.Sprintf("% x… (%d bytes)", b[:8], len(b))
	}
	return fmt.Sprintf("% x", b)
}

// pictureBytesMax is how much of a long text is shown.
const pictureBytesMax = 400

// picture is a text as it is if that can be printed, else quoted; a long one is cut.
func picture(b []byte) string {
	cut := b[:min(len(b), pictureBytesMax)]
	s := string(cut)
	if !utf8.Valid(cut) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = strconv.Quote(s)
	}
	if len(cut) < len(b) {
		s = fmt.Sprintf("%s… (%d bytes)", s[:20], len(b))
	}
	return s
}

// bytes reads what send sends: strings in quotes and bytes in hexadecimal, each of them perhaps many times: "a"*5.
func (k *talk) bytes(s string) (out []byte) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var unit []byte
		if quoted, err := strconv.QuotedPrefix(s); err == nil {
			text, _ := strconv.Unquote(quoted)
			unit, s = []byte(text), s[len(quoted):]
		} else {
			word, rest, _ := strings.Cut(s, " ")
			word, times, many := strings.Cut(word, "*")
			unit, s = k.hex(word), rest
			if many {
				s = "*" + times + " " + rest
			}
		}
		times := 1
		if rest, ok := strings.CutPrefix(s, "*"); ok {
			word, rest, _ := strings.Cut(rest, " ")
			times, s = k.number(word), rest
		}
		for range times {
			out = append(out, unit...)
		}
	}
	return out
}

func (k *talk) hex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		k.t.Fatalf("%q: %v", s, err)
	}
	return b
}
