package flood

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"starling/wsproto"
)

// replies are what servers send on a connection that stays, and the parts of it: lines as they are, E for the end of a reply of
// status 200, and R with the status and the text of a refusal. Those with an error are told up to there.
var replies = []struct {
	name  string
	bytes string
	parts string
	err   error
}{
	{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n", `{"a":1} E`, nil},
	{"a length, and no line end", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}", `{"a":1} E`, nil},
	{"nothing in it", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "E", nil},
	{
		"one behind the other", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nb\n",
		"a E b E", nil,
	},
	{
		"lines in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"4\r\na\nb\n\r\n" + "3;x=y\r\ncd\n\r\n" + "0\r\n\r\n",
		"a b cd E", nil,
	},
	{
		"lines across chunks, some of them empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\nab\r\n" + "05\r\nc\r\n\n\r\r\n" + "A\r\n\ndefghijkl\r\n" + "0\r\n\r\n",
		"abc defghijkl E", nil,
	},
	{"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\nZ: 0\r\n\r\n", "a E", nil},
	{"chunks that do not end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n", "a", nil},
	{"100 first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a E", nil},
	{"a refusal", "HTTP/1.1 403 Forbidden\r\nContent-Length: 14\r\n\r\n {\"error\":1}\r\n", `R403 {"error":1}`, nil},
	{
		"a refusal between", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 429 X\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\nno\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
		"a E R429 no b E", nil,
	},
	{"a refusal without a body", "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "R503 ", nil},
	{"never a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "R204 ", nil},
	{
		"a long refusal", "HTTP/1.1 400 X\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000),
		"R400 " + strings.Repeat("x", 512), nil,
	},
	{"no HTTP", "SSH-2.0-x 200\r\n\r\n", "", ErrAnswer},
	{"an upgrade", "HTTP/1.1 101 X\r\n\r\n", "", ErrAnswer},
	{"a status below all", "HTTP/1.1 99 X\r\n\r\n", "", ErrAnswer},
	{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", "", ErrAnswer},
	{"a head that ends in bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\na", "", wsproto.ErrLineEnd},
	{"a chunk whose size is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "", ErrAnswer},
	{"a chunk below nothing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "", ErrAnswer},
	{"a chunk of 2 GiB", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n", "", ErrAnswer},
	{"a chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n", "", ErrAnswer},
	{"a size that ends in a bare line feed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nok\r\n", "", ErrAnswer},
	{"an extension without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 300), "", ErrAnswer},
	{"a line without end", "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 66_000), "", ErrLineTooLong},
}

// partsOf reads bytes that come in pieces, and the end behind them if there is one.
func partsOf(ends bool, pieces ...[]byte) (parts []string, err error) {
	var r replyReader
	for _, in := range pieces {
		if parts, err = readInto(parts, &r, bytes.Clone(in)); err != nil {
			return parts, err
		}
	}
	if ends && r.hangUp() {
		parts, err = readInto(parts, &r, nil)
	}
	return parts, err
}

func readInto(parts []string, r *replyReader, in []byte) ([]string, error) {
	for {
		p, n, err := r.next(in)
		in = in[n:]
		switch {
		case err != nil:
			return parts, err
		case p.kind == nothing && len(in) > 0:
			return parts, errors.New("not all was taken")
		case p.kind == nothing:
			return parts, nil
		}
		parts = append(parts, partText(p))
	}
}

func partText(p replyPart) string {
	switch p.kind {
	case over:
		return "E"
	case refused:
		return fmt.Sprintf("R%d %s", p.status, p.text)
	default:
		return string(p.text)
	}
}

// However the server's bytes are cut, the parts are the same.
func TestRepliesAtAnyCut(t *testing.T) {
	for _, tc := range replies {
		for cut := 0; cut <= len(tc.bytes); cut += 1 + len(tc.bytes)/2000 {
			parts, err := partsOf(false, []byte(tc.bytes[:cut]), []byte(tc.bytes[cut:]))
			if got := strings.Join(parts, " "); got != tc.parts || !errors.Is(err, tc.err) {
				t.Fatalf("%s, cut at %d: %q %v, want %q %v", tc.name, cut, got, err, tc.parts, tc.err)
			}
		}
	}
}

// A body without a length ends with the connection; nothing else does.
func TestRepliesAtTheEndOfTheConnection(t *testing.T) {
	for _, tc := range []struct{ name, bytes, parts string }{
		{"lines", "HTTP/1.1 200 OK\r\n\r\na\nb", "a b E"},
		{"a refusal", "HTTP/1.0 500 X\r\nConnection: close\r\n\r\nno", "R500 no"},
		{"half a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", ""},
		{"half a head", "HTTP/1.1 200 OK\r\n", ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na", ""},
	} {
		parts, err := partsOf(true, []byte(tc.bytes))
		if got := strings.Join(parts, " "); got != tc.parts || err != nil {
			t.Errorf("%s: %q %v, want %q", tc.name, got, err, tc.parts)
		}
	}
}

// slowParts are those of a reply that has come whole, by net/http.
func slowParts(t *testing.T, reply []byte) (parts []string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(reply)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 {
		return []string{fmt.Sprintf("R%d %s", answer.StatusCode, bytes.TrimSpace(body[:min(len(body), refusalBytesMax)]))}
	}
	for text := range bytes.SplitSeq(body, []byte("\n")) {
		if text = bytes.TrimSpace(text); len(text) > 0 {
			parts = append(parts, string(text))
		}
	}
	return append(parts, "E")
}

// replyWith has a body of chunks of a size, or of a length if that is 0.
func replyWith(status int, body []byte, chunk int) []byte {
	var b bytes.Buffer
	if chunk == 0 {
		fmt.Fprintf(&b, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n", status)
	for piece := range slices.Chunk(body, chunk) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// Whatever comes, it comes to the same in pieces; and whatever a reply has in it, it says what net/http takes it to say.
func FuzzReplies(f *testing.F) {
	for _, tc := range replies {
		if len(tc.bytes) < 4096 { // a fuzzer spends its time on long ones
			f.Add([]byte(tc.bytes), uint16(len(tc.bytes)/2), uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, first, second uint16) {
		cut := func(b []byte) (string, error) {
			i := min(int(first), len(b))
			j := min(i+int(second), len(b))
			parts, err := partsOf(true, b[:i], b[i:j], b[j:])
			return strings.Join(parts, "\x00"), err
		}
		want, wantErr := partsOf(true, b)
		if got, err := cut(b); got != strings.Join(want, "\x00") || (err == nil) != (wantErr == nil) {
			t.Fatalf("%.1000q %v in pieces, %.1000q %v", got, err, want, wantErr)
		}
		for _, status := range []int{200, 403} {
			reply := replyWith(status, b, int(second%100))
			want := strings.Join(slowParts(t, reply), "\x00")
			got, err := cut(reply)
			tooLong := errors.Is(err, ErrLineTooLong) && len(b) > replyLineBytesMax && strings.HasPrefix(want, got)
			if !tooLong && (got != want || err != nil) {
				t.Fatalf("%d: %.1000q %v, by net/http %.1000q", status, got, err, want)
			}
		}
	})
}
