package wsproto

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// smuggled is what no row below may let through as a request of its own.
const smuggled = "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"

// pipelineRows are what comes on one connection, and what a server hears of it.
var pipelineRows = []struct {
	name string
	in   string
	want []string
}{
	{"two requests", get() + asking("GET /b HTTP/1.1"), []string{"GET /a", "GET /b"}},
	{"a body of a length", post("Content-Length: 5") + "hello" + asking("GET /b HTTP/1.1"), []string{"POST /a hello", "GET /b"}},
	{"a body in chunks", post("Transfer-Encoding: chunked") + "3\r\nhel\r\n2;x\r\nlo\r\n0\r\nX: y\r\n\r\n" + asking("GET /b HTTP/1.1"), []string{"POST /a hello", "GET /b"}},
	{"empty bodies", post("Content-Length: 0") + post("Transfer-Encoding: chunked") + "0\r\n\r\n" + post(), []string{"POST /a", "POST /a", "POST /a"}},
	{"a body that has not come", post("Content-Length: 5") + "hell", nil},
	{"a body that is a request", post(fmt.Sprintf("Content-Length: %d", len(smuggled))) + smuggled + get(), []string{"POST /a " + smuggled, "GET /a"}},
	{"a GET with a body that is a request", get(fmt.Sprintf("Content-Length: %d", len(smuggled))) + smuggled + get(), []string{"GET /a " + smuggled, "GET /a"}},
	{"a chunk that is a request", post("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n", len(smuggled)) + smuggled + "\r\n0\r\n\r\n", []string{"POST /a " + smuggled}},
	{"trailers that are a request's headers", post("Transfer-Encoding: chunked") + "0\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + get(), []string{"POST /a", "GET /a"}},

	// The end of the connection.
	{"a method of digits", asking("413 /a HTTP/1.1") + get(), []string{"413 /a", "GET /a"}},
	{"close", get("Connection: close") + smuggled, []string{"GET /a", "closed"}},
	{"HTTP/1.0", asking("GET /a HTTP/1.0") + smuggled, []string{"GET /a", "closed"}},
	{"HTTP/1.0 that stays", requestOf("GET /a HTTP/1.0", []string{"Connection: keep-alive"}) + get(), []string{"GET /a", "GET /a"}},
	{"a body, and close", post("Connection: close", "Content-Length: 2") + "hi" + smuggled, []string{"POST /a hi", "closed"}},

	// What two readers would understand in two ways.
	{"by length the rest is a body, by chunks a request", post(fmt.Sprintf("Content-Length: %d", 5+len(smuggled)), "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, []string{"400 Content-Length and Transfer-Encoding"}},
	{"by chunks the rest is a body, by length a request", post("Content-Length: 4", "Transfer-Encoding: chunked") + "22\r\n" + smuggled + "\r\n0\r\n\r\n", []string{"400 Content-Length and Transfer-Encoding"}},
	{"a coding that hides", post("Content-Length: 4", "Transfer-Encoding: xchunked") + "22\r\n" + smuggled, []string{"400 Transfer-Encoding is not chunked"}},
	{"a coding behind a space", post("Content-Length: 4", "Transfer-Encoding : chunked") + "22\r\n" + smuggled, []string{"400 malformed header line"}},
	{"a coding behind a bare LF", post("X: y\nTransfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, []string{"400 line does not end in CRLF"}},
	{"a coding behind a bare CR", post("X: y\rTransfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, []string{"400 control byte or byte beyond ASCII"}},
	{"an empty line in a header", get("X: y\r\n\r\nGET /b HTTP/1.1", "Host: x"), []string{"GET /a", "GET /b"}},
	{"two lengths", post("Content-Length: 0", "Content-Length: 33") + smuggled, []string{"400 header is there twice"}},
	{"a length that some take for 0", post("Content-Length: 0x22") + smuggled, []string{"400 Content-Length is malformed"}},
	{"a size that wraps", post("Transfer-Encoding: chunked") + "10000000000000000\r\n\r\n" + smuggled, []string{"400 chunk size has too many digits"}},
	{"a size that some take for 0", post("Transfer-Encoding: chunked") + "0x22\r\n" + smuggled, []string{"400 chunk size is malformed"}},
	{"an extension that some end at its LF", post("Transfer-Encoding: chunked") + "2;\nxx\r\n22\r\n" + smuggled, []string{"400 line does not end in CRLF"}},
	{"an extension that some end at its CR", post("Transfer-Encoding: chunked") + "2;\rxx\r\n22\r\n" + smuggled, []string{"400 control byte or byte beyond ASCII"}},
	{"data that some take to its size and any two bytes", post("Transfer-Encoding: chunked") + "5\r\nhelloXX0\r\n\r\n" + smuggled, []string{"400 chunk does not end in CRLF"}},
	{"a line end of one byte behind data", post("Transfer-Encoding: chunked") + "5\r\nhello\n0\r\n\r\n" + smuggled, []string{"400 chunk does not end in CRLF"}},
	{"another request behind a broken one", get("X") + smuggled, []string{"400 malformed header line"}},
	{"an empty line between requests", get() + "\r\n" + smuggled, []string{"GET /a", "400 malformed request line"}},

	// What is too much is refused when it is announced.
	{"a length", post("Content-Length: 101"), []string{"413"}},
	{"the greatest length", post("Content-Length: 9223372036854775807"), []string{"413"}},
	{"a chunk", post("Transfer-Encoding: chunked") + "65\r\n", []string{"413"}},
	{"a chunk whose size has not ended", post("Transfer-Encoding: chunked") + "65\r", nil},
	{"the greatest chunk", post("Transfer-Encoding: chunked") + "fffffffffffffff\r\n", []string{"413"}},
	{"a second chunk", post("Transfer-Encoding: chunked") + "40\r\n" + strings.Repeat("x", 64) + "\r\n25\r\n", []string{"413"}},
}

// pipeline is a server's side of a connection as far as framing goes. It bounds
// bodies to 100 bytes.
type pipeline struct {
	head    []byte
	request Request
	inBody  bool
	body    []byte
	chunks  Chunked
	heard   []string
	over    bool
}

// take is fed what arrives.
func (p *pipeline) take(b []byte) {
	for again := true; again && !p.over; {
		if p.inBody {
			b, again = p.takeBody(b)
		} else {
			b, again = p.takeHead(b)
		}
	}
}

func (p *pipeline) takeHead(b []byte) (rest []byte, again bool) {
	from := len(p.head)
	p.head = append(p.head, b...)
	n, err := HeadLenFrom(p.head, from)
	if n == 0 {
		p.refuse(err)
		return nil, false
	}
	head, rest := p.head[:n:n], bytes.Clone(p.head[n:])
	p.head = nil
	if p.request, err = ParseRequest(head); err != nil {
		p.refuse(err)
		return nil, false
	}
	p.inBody, p.body, p.chunks = true, nil, Chunked{}
	p.bound(p.request.BodyLen)
	return rest, true
}

func (p *pipeline) takeBody(b []byte) (rest []byte, again bool) {
	n, done := 0, false
	if p.request.Chunked {
		var err error
		p.body, n, done, err = p.chunks.Next(p.body, b)
		p.refuse(err)
		p.bound(int64(len(p.body)) + p.chunks.Pending())
	} else {
		n = min(len(b), int(p.request.BodyLen)-len(p.body))
		p.body = append(p.body, b[:n]...)
		done = len(p.body) == int(p.request.BodyLen)
	}
	if done {
		p.inBody = false
		p.heard = append(p.heard, strings.TrimSuffix(fmt.Sprintf("%s %s %s", p.request.Method, p.request.Target, p.body), " "))
		if p.over = p.request.Close; p.over {
			p.heard = append(p.heard, "closed")
		}
	}
	return b[n:], done && n < len(b)
}

func (p *pipeline) refuse(err error) {
	if err != nil {
		p.over = true
		p.heard = append(p.heard, fmt.Sprintf("%d %s", err.(HandshakeError).Status(), strings.TrimPrefix(err.Error(), "http: ")))
	}
}

func (p *pipeline) bound(size int64) {
	if size > 100 && !p.over {
		p.over = true
		p.heard = append(p.heard, "413")
	}
}

// slowPipeline is what net/http hears.
func slowPipeline(in string) (heard []string) {
	src := bufio.NewReader(strings.NewReader(in))
	for {
		r, err := http.ReadRequest(src)
		if err != nil {
			return heard
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return heard
		}
		heard = append(heard, strings.TrimSuffix(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body), " "))
		if r.Close {
			return append(heard, "closed")
		}
	}
}

// refusal is a status and why: a method may be digits too, but a target follows it.
var refusal = regexp.MustCompile(`^[0-9]{3}($| [^/*])`)

func isRefusal(said string) bool { return refusal.MatchString(said) }

func TestPipeline(t *testing.T) {
	for _, row := range pipelineRows {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				var p pipeline
				for _, piece := range pieces {
					p.take(piece)
				}
				if !slices.Equal(p.heard, row.want) {
					t.Errorf("%s: heard %q, want %q", how, p.heard, row.want)
				}
			}
			check("whole", in)
			check("byte by byte", bytewise(in)...)
			for cut := range in {
				check(fmt.Sprintf("cut at %d", cut), in[:cut], in[cut:])
			}
			accepted := slices.DeleteFunc(slices.Clone(row.want), isRefusal)
			if theirs := slowPipeline(row.in); len(theirs) < len(accepted) || !slices.Equal(theirs[:len(accepted)], accepted) {
				t.Errorf("net/http hears %q, want %q", theirs, accepted)
			}
		})
	}
}

// FuzzPipeline wants a connection heard in one way however it is cut, and by
// net/http as far as we hear it. Of a fault and a body that is too much, which
// are both refused, a cut may bring either to light.
func FuzzPipeline(f *testing.F) {
	for i, row := range pipelineRows {
		f.Add([]byte(row.in), []byte{30, 1, byte(i)})
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		var whole pipeline
		whole.take(in)
		accepted := slices.DeleteFunc(slices.Clone(whole.heard), isRefusal)
		for _, pieces := range [][][]byte{bytewise(in), cutBy(in, cuts)} {
			var p pipeline
			for _, piece := range pieces {
				p.take(piece)
			}
			if got := slices.DeleteFunc(slices.Clone(p.heard), isRefusal); !slices.Equal(got, accepted) || p.over != whole.over {
				t.Fatalf("whole %q; in %d pieces %q", whole.heard, len(pieces), p.heard)
			}
		}
		if theirs := slowPipeline(string(in)); len(theirs) < len(accepted) || !slices.Equal(theirs[:len(accepted)], accepted) {
			t.Errorf("net/http hears %q, we %q", theirs, accepted)
		}
	})
}
