package wsproto

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// chunkedRows are bodies in chunks, and what Chunked makes of them.
var chunkedRows = []struct {
	name    string
	in      string
	want    string // the data
	rest    string // what is behind the body, or where the fault is
	more    bool   // the body has not ended
	pending int64  // data still to come, if it has not
	err     error
}{
	{name: "nothing", more: true},
	{name: "no data", in: "0\r\n\r\n"},
	{name: "a chunk", in: "5\r\nhello\r\n0\r\n\r\n", want: "hello"},
	{name: "two chunks", in: "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", want: "hello"},
	{name: "data that looks like a chunk", in: "5\r\n0\r\n\r\n\r\n0\r\n\r\n", want: "0\r\n\r\n"},
	{name: "another request behind it", in: "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", want: "a", rest: "GET / HTTP/1.1\r\n"},
	{name: "an empty line behind it", in: "0\r\n\r\n\r\n", rest: "\r\n"},
	{name: "16 bytes", in: "10\r\n0123456789abcdef\r\n0\r\n\r\n", want: "0123456789abcdef"},
	{name: "letters of both cases", in: "0a\r\n0123456789\r\n0B\r\n0123456789a\r\n0\r\n\r\n", want: "01234567890123456789a"},
	{name: "leading zeros", in: "000000000000001\r\na\r\n000\r\n\r\n", want: "a"},
	{name: "a size that goes on", in: "1f", more: true},
	{name: "a size whose line goes on", in: "1f\r", more: true},
	{name: "a size", in: "1f\r\n", more: true, pending: 0x1f},
	{name: "the greatest size", in: "fffffffffffffff\r\n", more: true, pending: 1<<60 - 1},
	{name: "data that goes on", in: "1f\r\nabc", want: "abc", more: true, pending: 0x1c},
	{name: "data without its end", in: "3\r\nabc", want: "abc", more: true},
	{name: "data with half its end", in: "3\r\nabc\r", want: "abc", more: true},
	{name: "a last chunk that goes on", in: "0\r\n", more: true},
	{name: "half the empty line", in: "0\r\n\r", more: true},

	// The size.
	{name: "no size", in: "\r\n\r\n", rest: "\r\n\r\n", err: ErrChunkSize},
	{name: "no size, and a bare LF", in: "\n", rest: "\n", err: ErrChunkSize},
	{name: "an extension without a size", in: ";x\r\n", rest: ";x\r\n", err: ErrChunkSize},
	{name: "an empty line where the next chunk should be", in: "1\r\na\r\n\r\n0\r\n\r\n", want: "a", rest: "\r\n0\r\n\r\n", err: ErrChunkSize},
	{name: "a size of 2^64 - 1", in: "FFFFFFFFFFFFFFFF\r\n", rest: "F\r\n", err: ErrChunkDigits},
	{name: "a size that wraps to 5", in: "10000000000000005\r\nhello", rest: "05\r\nhello", err: ErrChunkDigits},
	{name: "a zero too many", in: "0000000000000005\r\nhello", rest: "5\r\nhello", err: ErrChunkDigits},
	{name: "0x5", in: "0x5\r\nhello\r\n", rest: "x5\r\nhello\r\n", err: ErrChunkSize},
	{name: "-1", in: "-1\r\n", rest: "-1\r\n", err: ErrChunkSize},
	{name: "+5", in: "+5\r\nhello", rest: "+5\r\nhello", err: ErrChunkSize},
	{name: "a space before the size", in: " 5\r\nhello", rest: " 5\r\nhello", err: ErrChunkSize},
	{name: "a space behind the size", in: "5 \r\nhello", rest: " \r\nhello", err: ErrChunkSize},
	{name: "a tab behind the size", in: "5\t\r\nhello", rest: "\t\r\nhello", err: ErrChunkSize},
	{name: "a space before the extension", in: "5 ;x\r\nhello", rest: " ;x\r\nhello", err: ErrChunkSize},
	{name: "a NUL behind the size", in: "5\x00\r\nhello", rest: "\x00\r\nhello", err: ErrChunkSize},
	{name: "a separator of digits", in: "1_0\r\n", rest: "_0\r\n", err: ErrChunkSize},
	{name: "a point", in: "5.0\r\n", rest: ".0\r\n", err: ErrChunkSize},
	{name: "a letter that is no digit", in: "g\r\n", rest: "g\r\n", err: ErrChunkSize},
	{name: "a capital that is no digit", in: "G\r\n", rest: "G\r\n", err: ErrChunkSize},
	{name: "a letter that is no digit, and a digit's neighbour", in: "5:\r\n", rest: ":\r\n", err: ErrChunkSize},
	{name: "a header where a chunk should be", in: "Host: x\r\n", rest: "Host: x\r\n", err: ErrChunkSize},

	// Line ends.
	{name: "a bare LF behind the size", in: "5\nhello\r\n", rest: "\nhello\r\n", err: ErrLineEnd},
	{name: "a bare LF behind the last size", in: "0\n\r\n", rest: "\n\r\n", err: ErrLineEnd},
	{name: "a bare CR behind the size", in: "5\rhello\r\n", rest: "hello\r\n", err: ErrHeadByte},
	{name: "a bare CR behind the last size", in: "0\rX\r\n\r\n", rest: "X\r\n\r\n", err: ErrHeadByte},
	{name: "a CR too many", in: "5\r\r\nhello\r\n", rest: "\r\nhello\r\n", err: ErrHeadByte},
	{name: "a bare LF behind an extension", in: "5;x\nhello", rest: "\nhello", err: ErrLineEnd},
	{name: "a bare CR in an extension", in: "5;x\ry\r\nhello", rest: "y\r\nhello", err: ErrHeadByte},
	{name: "a NUL in an extension", in: "5;x=\x00\r\nhello", rest: "\x00\r\nhello", err: ErrHeadByte},
	{name: "a byte beyond ASCII in an extension", in: "5;x=\"\x80\"\r\nhello", rest: "\x80\"\r\nhello", err: ErrHeadByte},
	{name: "data that is too long", in: "5\r\nhello!\r\n0\r\n\r\n", want: "hello", rest: "!\r\n0\r\n\r\n", err: ErrChunkEnd},
	{name: "data that is too short", in: "6\r\nhello\r\n0\r\n\r\n", want: "hello\r", rest: "\n0\r\n\r\n", err: ErrChunkEnd},
	{name: "data that is two bytes too short", in: "7\r\nhello\r\n0\r\n\r\n", want: "hello\r\n", rest: "0\r\n\r\n", err: ErrChunkEnd},
	{name: "a bare LF behind the data", in: "5\r\nhello\n0\r\n\r\n", want: "hello", rest: "\n0\r\n\r\n", err: ErrChunkEnd},
	{name: "a bare CR behind the data", in: "5\r\nhello\r0\r\n\r\n", want: "hello", rest: "0\r\n\r\n", err: ErrChunkEnd},
	{name: "no line end behind the data", in: "1\r\na0\r\n\r\n", want: "a", rest: "0\r\n\r\n", err: ErrChunkEnd},

	// Extensions and trailers.
	{name: "an extension", in: "5;x=y;z=\"a, b\"\r\nhello\r\n0;end\r\n\r\n", want: "hello"},
	{name: "an extension of nothing", in: "5;\r\nhello\r\n0;\r\n\r\n", want: "hello"},
	{name: "an extension with white space", in: "5; x =\ty\r\nhello\r\n0\r\n\r\n", want: "hello"},
	{name: "trailers", in: "1\r\na\r\n0\r\nX-Sum: 5\r\nY:\r\n\r\nrest", want: "a", rest: "rest"},
	{name: "a trailer beyond ASCII", in: "0\r\nX: \xff\x80\r\n\r\n"},
	{name: "a trailer that would be another length", in: "0\r\nContent-Length: 50\r\n\r\nrest", rest: "rest"},
	{name: "a trailer that goes on", in: "0\r\nX: y", more: true},
	{name: "a trailer whose end goes on", in: "0\r\nX: y\r", more: true},
	{name: "a trailer that ended", in: "0\r\nX: y\r\n", more: true},
	{name: "a trailer without a colon", in: "0\r\nX\r\n\r\n", rest: "\r\n\r\n", err: ErrHeaderName},
	{name: "a trailer without a name", in: "0\r\n: x\r\n\r\n", rest: ": x\r\n\r\n", err: ErrHeaderName},
	{name: "a trailer with a space before the colon", in: "0\r\nX : y\r\n\r\n", rest: " : y\r\n\r\n", err: ErrHeaderName},
	{name: "a trailer that is folded", in: "0\r\nX: y\r\n z\r\n\r\n", rest: " z\r\n\r\n", err: ErrHeaderName},
	{name: "a trailer with a NUL", in: "0\r\nX: \x00\r\n\r\n", rest: "\x00\r\n\r\n", err: ErrHeadByte},
	{name: "a trailer with a DEL", in: "0\r\nX: \x7f\r\n\r\n", rest: "\x7f\r\n\r\n", err: ErrHeadByte},
	{name: "a trailer with a bare CR", in: "0\r\nX: y\rz\r\n\r\n", rest: "z\r\n\r\n", err: ErrHeadByte},
	{name: "a trailer with a bare LF", in: "0\r\nX: y\n\r\n", rest: "\n\r\n", err: ErrLineEnd},
	{name: "a bare LF for the empty line", in: "0\r\n\nGET", rest: "\nGET", err: ErrLineEnd},
	{name: "a bare CR for the empty line", in: "0\r\n\rGET", rest: "GET", err: ErrHeadByte},
	{name: "an extension of the greatest size", in: "1;" + strings.Repeat("x", ChunkExtraBytesMax-1) + "\r\na\r\n0\r\n\r\n", want: "a"},
	{name: "an extension of a byte more", in: "1;" + strings.Repeat("x", ChunkExtraBytesMax) + "\r\n", rest: "x\r\n", err: ErrChunkExtras},
	{name: "many small extensions", in: strings.Repeat("1;x\r\na\r\n", ChunkExtraBytesMax/2) + "0\r\n\r\n", want: strings.Repeat("a", ChunkExtraBytesMax/2)},
	{name: "one too many small extensions", in: strings.Repeat("1;x\r\na\r\n", ChunkExtraBytesMax/2) + "0;\r\n\r\n", want: strings.Repeat("a", ChunkExtraBytesMax/2), rest: ";\r\n\r\n", err: ErrChunkExtras},
	{name: "trailers of the greatest size", in: "0\r\n" + strings.Repeat("a:\r\n", ChunkExtraBytesMax/2) + "\r\n"},
	{name: "a trailer too many", in: "0\r\n" + strings.Repeat("a:\r\n", ChunkExtraBytesMax/2) + "a:\r\n", rest: "a:\r\n", err: ErrChunkExtras},
	{name: "extensions and trailers of a byte too many", in: "0;" + strings.Repeat("x", ChunkExtraBytesMax-3) + "\r\nX:y\r\n\r\n", rest: "y\r\n\r\n", err: ErrChunkExtras},
	{name: "a trailer without end", in: "0\r\nX:" + strings.Repeat("\xff", ChunkExtraBytesMax), rest: "\xff\xff", err: ErrChunkExtras},
}

// feedChunked gives pieces to a Chunked, each in a buffer that is used again,
// and returns the data, what it did not take, and how it ended. It holds it to
// its promises: about what it takes, about Pending, and about staying as it is
// when it is over.
func feedChunked(t testing.TB, pieces ...[]byte) (data, rest string, end string) {
	t.Helper()
	var c Chunked
	var out []byte
	announced := int64(0)
	for i, piece := range pieces {
		in := bytes.Clone(piece)
		got, n, done, err := c.Next(out, in)
		if grown := len(got) - len(out); !bytes.Equal(in, piece) || grown < 0 || grown > n || n > len(in) {
			t.Fatalf("Next took %d bytes of %q, left %q of it, and appended %d", n, piece, in, grown)
		}
		for j := range in {
			in[j] = 0xCC
		}
		out = got
		if n != len(piece) && !done && err == nil {
			t.Fatalf("Next took %d of %d bytes and says nothing", n, len(piece))
		}
		if sum := int64(len(out)) + c.Pending(); err == nil {
			if sum < announced {
				t.Fatalf("%d bytes were announced, and then %d", announced, sum)
			}
			announced = sum
		}
		if done || err != nil {
			checkOver(t, &c, done, err)
			return string(out), string(bytes.Join(append([][]byte{piece[n:]}, pieces[i+1:]...), nil)), fmt.Sprint(done, err)
		}
	}
	return string(out), "", fmt.Sprint(c.Pending())
}

// checkOver holds a Chunked that has ended to its promise to stay so.
func checkOver(t testing.TB, c *Chunked, done bool, err error) {
	t.Helper()
	for _, in := range []string{"", "0\r\n\r\n", "\n", "5\r\nhello"} {
		if out, n, again, fault := c.Next([]byte("x"), []byte(in)); string(out) != "x" || n != 0 || again != done || fault != err {
			t.Fatalf("after %v, %v Next returns %q, %d, %v, %v", done, err, out, n, again, fault)
		}
	}
}

func TestChunked(t *testing.T) {
	for _, row := range chunkedRows {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			wantEnd := fmt.Sprint(row.err == nil, row.err)
			if row.more {
				wantEnd = fmt.Sprint(row.pending)
			}
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				if data, rest, end := feedChunked(t, pieces...); data != row.want || rest != row.rest || end != wantEnd {
					t.Errorf("%s: got %q, left %q, %s; want %q, %q, %s", how, data, rest, end, row.want, row.rest, wantEnd)
				}
			}
			check("whole", in)
			check("byte by byte", bytewise(in)...)
			for cut := range in {
				if cut < 64 || cut%512 < 4 || cut > len(in)-64 { // inside a long run one cut is like the next
					check(fmt.Sprintf("cut at %d", cut), in[:cut], in[cut:])
				}
			}
			checkChunked(t, in)
		})
	}
}

// The grammar of RFC 9112 7.1, as far as we take it: a chunk up to its data, and
// what follows the last one.
var (
	chunkLine    = regexp.MustCompile(`\A([0-9A-Fa-f]{1,15})((?:;[\t -~]*)?)\r\n`)
	trailerLines = regexp.MustCompile("\\A((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\\x00-\\x08\\x0a-\\x1f\\x7f]*\r\n)*)\r\n")
)

// slowChunked is the obvious twin of Chunked: it has the whole input before it.
func slowChunked(in string) (data, rest string, done bool) {
	extras := 0
	for {
		line := chunkLine.FindStringSubmatch(in)
		if line == nil {
			return "", "", false
		}
		extras += len(line[2])
		in = in[len(line[0]):]
		size := must(strconv.ParseInt(line[1], 16, 64))
		if size == 0 {
			break
		}
		if size > int64(len(in)) || !strings.HasPrefix(in[size:], "\r\n") {
			return "", "", false
		}
		data, in = data+in[:size], in[size+2:]
	}
	trailers := trailerLines.FindStringSubmatch(in)
	if trailers == nil {
		return "", "", false
	}
	extras += len(strings.ReplaceAll(trailers[1], "\r\n", ""))
	return data, in[len(trailers[0]):], extras <= ChunkExtraBytesMax
}

// checkChunked wants a body to be taken if and only if the obvious twin takes
// it, and in the same way by net/http, as a body and, without what follows the
// last chunk, by httputil. Both also take bare LF in trailers, folded trailers,
// white space around sizes, and extensions of any bytes.
func checkChunked(t *testing.T, in []byte) {
	t.Helper()
	data, rest, end := feedChunked(t, in)
	slow, slowRest, slowDone := slowChunked(string(in))
	if done := end == fmt.Sprint(true, nil); done != slowDone || done && (data != slow || rest != slowRest) {
		t.Fatalf("got %q, left %q, %s; the twin says %q, %q, %v", data, rest, end, slow, slowRest, slowDone)
	}
	if !slowDone {
		return
	}
	if theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in))); err != nil || string(theirs) != data {
		t.Fatalf("got %q; httputil %q, %v", data, theirs, err)
	}
	src := bufio.NewReaderSize(io.MultiReader(strings.NewReader(post("Transfer-Encoding: chunked")), bytes.NewReader(in)), 64<<10)
	request := must(http.ReadRequest(src))
	if theirs, err := io.ReadAll(request.Body); err != nil || string(theirs) != data {
		t.Fatalf("got %q; net/http %q, %v", data, theirs, err)
	}
	if theirs := must(io.ReadAll(src)); string(theirs) != rest {
		t.Fatalf("left %q; net/http %q", rest, theirs)
	}
}

// TestChunkedIsBounded wants a chunk that is announced to cost nothing before it
// is there.
func TestChunkedIsBounded(t *testing.T) {
	var c Chunked
	out, n, done, err := c.Next(nil, []byte("fffffffffffffff\r\nab"))
	if string(out) != "ab" || cap(out) > 64 || n != 19 || done || err != nil || c.Pending() != 1<<60-3 {
		t.Errorf("got %q of %d bytes, %d, %v, %v, and %d are pending", out, cap(out), n, done, err, c.Pending())
	}
}

// TestChunkedAppends wants what is in dst left alone.
func TestChunkedAppends(t *testing.T) {
	var c Chunked
	dst := append(make([]byte, 0, 64), "before "...)
	out, _, _, _ := c.Next(dst, []byte("5\r\nhel"))
	out, _, done, err := c.Next(out, []byte("lo\r\n0\r\n\r\n"))
	if string(out) != "before hello" || !done || err != nil || &out[0] != &dst[0] {
		t.Errorf("got %q, %v, %v", out, done, err)
	}
}

// FuzzChunked wants one outcome however the body is cut, and that of the twins.
func FuzzChunked(f *testing.F) {
	for i, row := range chunkedRows {
		if len(row.in) < 512 {
			f.Add([]byte(row.in), []byte{3, 1, byte(i)})
		}
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		data, rest, end := feedChunked(t, in)
		for _, pieces := range [][][]byte{bytewise(in), cutBy(in, cuts)} {
			if d, r, e := feedChunked(t, pieces...); d != data || r != rest || e != end {
				t.Fatalf("whole %q, %q, %s; in %d pieces %q, %q, %s", data, rest, end, len(pieces), d, r, e)
			}
		}
		checkChunked(t, in)
	})
}
