package wsproto

import (
	"bytes"
	"strings"
	"testing"
)

var headRows = []struct {
	name string
	in   string
	want int
	err  error
}{
	{name: "nothing"},
	{name: "a line that goes on", in: "GET / HT"},
	{name: "a line", in: "GET / HTTP/1.1\r\n"},
	{name: "a header that goes on", in: "GET / HTTP/1.1\r\nHost: x"},
	{name: "an empty line that goes on", in: "GET / HTTP/1.1\r\nHost: x\r\n\r"},
	{name: "a head", in: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", want: 27},
	{name: "a head without headers", in: "GET / HTTP/1.1\r\n\r\n", want: 18},
	{name: "a head and frames", in: "GET / HTTP/1.1\r\n\r\n\x81\x80\x00\x00\x00\x00", want: 18},
	{name: "a head and a frame that looks like an end", in: "GET / HTTP/1.1\r\n\r\n\r\n\r\n", want: 18},
	{name: "two heads", in: "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", want: 18},
	{name: "an empty head", in: "\r\n\r\n", want: 4},
	{name: "an empty line first", in: "\r\nGET / HTTP/1.1\r\n\r\n", want: 20},
	{name: "a CR in a line", in: "GET\r / HTTP/1.1\r\n\r\r\r\n\r\n", want: 23},
	{name: "a bare LF first", in: "\nGET", err: ErrLineEnd},
	{name: "a bare LF", in: "GET / HTTP/1.1\n", err: ErrLineEnd},
	{name: "an empty line of bare LF", in: "GET / HTTP/1.1\r\nHost: x\n\nGET", err: ErrLineEnd},
	{name: "an empty line of a bare LF alone", in: "GET / HTTP/1.1\r\nHost: x\r\n\n", err: ErrLineEnd},
	{name: "a bare LF behind CRLF CR", in: "GET / HTTP/1.1\r\n\r \n", err: ErrLineEnd},
	{name: "a head of the greatest size", in: strings.Repeat("x", HeadBytesMax-4) + "\r\n\r\n", want: HeadBytesMax},
	{name: "a head of a byte more", in: strings.Repeat("x", HeadBytesMax-3) + "\r\n\r\n", err: ErrHeadTooLarge},
	{name: "a line without end, a byte short", in: strings.Repeat("x", HeadBytesMax-1)},
	{name: "a line without end", in: strings.Repeat("x", HeadBytesMax), err: ErrHeadTooLarge},
	{name: "a bare LF too late to matter", in: strings.Repeat("x", HeadBytesMax) + "\n", err: ErrHeadTooLarge},
}

// slowHeadLen is the obvious twin of HeadLen: it looks at every length.
func slowHeadLen(b []byte) (int, error) {
	for n := range len(b) + 1 {
		switch head := b[:n]; {
		case n > HeadBytesMax:
			return 0, ErrHeadTooLarge
		case bytes.HasSuffix(head, []byte("\n")) && !bytes.HasSuffix(head, []byte("\r\n")):
			return 0, ErrLineEnd
		case bytes.HasSuffix(head, []byte("\r\n\r\n")):
			return n, nil
		}
	}
	if len(b) == HeadBytesMax {
		return 0, ErrHeadTooLarge
	}
	return 0, nil
}

// headLenIn finds the head in pieces, and spoils what has been searched, so
// that a second look at it would be seen. It returns how much had arrived.
func headLenIn(pieces ...[]byte) (n int, err error) {
	var b []byte
	spoilt := 0
	for _, piece := range pieces {
		from := len(b)
		for ; spoilt < from-3; spoilt++ { // an end may begin in the last 3 bytes
			b[spoilt] = '\n'
		}
		b = append(b, piece...)
		if n, err = HeadLenFrom(b, from); n != 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func TestHeadLen(t *testing.T) {
	for _, row := range headRows {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			if n, err := HeadLen(in); n != row.want || err != row.err {
				t.Errorf("got %d, %v; want %d, %v", n, err, row.want, row.err)
			}
			if n, err := slowHeadLen(in); n != row.want || err != row.err {
				t.Errorf("the twin says %d, %v", n, err)
			}
			if n, err := headLenIn(bytewise(in)...); n != row.want || err != row.err {
				t.Errorf("byte by byte: got %d, %v; want %d, %v", n, err, row.want, row.err)
			}
			for cut := range in {
				if 64 < cut && cut < len(in)-64 && cut%4096 > 1 {
					continue // inside a long line one cut is like the next
				}
				if n, err := headLenIn(in[:cut], in[cut:]); n != row.want || err != row.err {
					t.Errorf("cut at %d: got %d, %v; want %d, %v", cut, n, err, row.want, row.err)
				}
			}
		})
	}
}

func FuzzHeadLen(f *testing.F) {
	for _, row := range headRows {
		f.Add([]byte(row.in), []byte{3, 1, 20})
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		n, err := HeadLen(in)
		if slow, slowErr := slowHeadLen(in); n != slow || err != slowErr {
			t.Errorf("got %d, %v; the twin says %d, %v", n, err, slow, slowErr)
		}
		for _, pieces := range [][][]byte{bytewise(in), cutBy(in, cuts)} {
			if cut, cutErr := headLenIn(pieces...); n != cut || err != cutErr {
				t.Errorf("whole %d, %v; in %d pieces %d, %v", n, err, len(pieces), cut, cutErr)
			}
		}
	})
}

// slowTextRun is the obvious twin of textRun.
func slowTextRun(b []byte) int {
	for i, c := range b {
		if c != '\t' && (c < ' ' || c > '~') {
			return i
		}
	}
	return len(b)
}

func TestTextRun(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				b := bytes.Repeat([]byte("a"), n)
				b[at] = byte(c)
				b[n-1-at/2] = byte(c + at)
				if got, want := textRun(b), slowTextRun(b); got != want {
					t.Fatalf("textRun(%q) = %d, want %d", b, got, want)
				}
			}
		}
	}
}

func FuzzTextRun(f *testing.F) {
	for _, s := range []string{"", "chat.example.org\r\n", "\t\t\t\t\t\t\t\t\t\t", "seven..\x7fx", "\xff\x1f\x20\x7e\x7f\x80\x00a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := textRun(b), slowTextRun(b); got != want {
			t.Errorf("textRun(%q) = %d, want %d", b, got, want)
		}
	})
}
