package wsproto

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

	"github.com/gobwas/ws"
)

// goodHead has the key of RFC 6455 1.3, and goodResponse the accept that
// belongs to it.
const (
	goodHead = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" +
		"Host: example.org:8080\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"\r\n"
	goodResponse = "HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
		"\r\n"
)

// adding is goodHead with more header lines at its end.
func adding(lines ...string) string {
	return strings.TrimSuffix(goodHead, "\r\n") + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// with is goodHead with one part exchanged.
func with(old, part string) string {
	if strings.Count(goodHead, old) != 1 {
		panic(old + " is not in goodHead once")
	}
	return strings.Replace(goodHead, old, part, 1)
}

// numbered is n header lines with names of two letters.
func numbered(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("%c%c: x", 'a'+i/26%26, 'a'+i%26)
	}
	return lines
}

// upgradeRows are request heads, and what Upgrade says of them.
var upgradeRows = []struct {
	name   string
	head   string
	err    error
	status int // 101 if 0
}{
	{name: "the least that is needed", head: goodHead},
	{name: "a browser", head: string(browserHead)},
	{name: "names and tokens in any case", head: strings.NewReplacer("Host", "HOST", "Upgrade: websocket", "uPGRADE: WebSocket", "Connection: Upgrade", "connection: upgrade", "Sec-WebSocket-Key", "sec-websocket-key").Replace(goodHead)},
	{name: "a list of connection options", head: with("Connection: Upgrade", "Connection: keep-alive, Upgrade")},
	{name: "an empty Host", head: with("Host: example.org:8080", "Host:")},
	{name: "white space around a value", head: with("Host: example.org:8080", "Host: \t example.org:8080 \t ")},
	{name: "no body, and says so", head: adding("Content-Length: 0")},
	{name: "an absolute target", head: with("/socket.io/?EIO=4&transport=websocket", "http://example.org/")},

	{name: "HTTP/1.9", head: with("HTTP/1.1", "HTTP/1.9")},
	{name: "a tilde in the target, and in a name", head: strings.Replace(adding("X~: y"), "/socket.io", "/~socket.io", 1)},
	{name: "HeadBytesMax", head: adding("Cookie: " + strings.Repeat("x", HeadBytesMax-len(adding("Cookie: "))))},

	// The request line.
	{name: "POST", head: with("GET", "POST"), err: ErrMethod, status: 405},
	{name: "get", head: with("GET", "get"), err: ErrMethod, status: 405},
	{name: "HTTP/1.0", head: with("HTTP/1.1", "HTTP/1.0"), err: ErrHTTPVersion, status: 505},
	{name: "HTTP/2.0", head: with("HTTP/1.1", "HTTP/2.0"), err: ErrHTTPVersion, status: 505},
	{name: "the preface of HTTP/2", head: "PRI * HTTP/2.0\r\n\r\n", err: ErrHTTPVersion, status: 505},
	{name: "a version of two digits", head: with("HTTP/1.1", "HTTP/1.11"), err: ErrRequestLine, status: 400},
	{name: "a version that wraps", head: with("HTTP/1.1", "HTTP/18446744073709551617.1"), err: ErrRequestLine, status: 400},
	{name: "a version that is none", head: with("HTTP/1.1", "HTTP/1,1"), err: ErrRequestLine, status: 400},
	{name: "a version that is no number", head: with("HTTP/1.1", "HTTP/1.x"), err: ErrRequestLine, status: 400},
	{name: "a version whose digit is none, which ws would take for 10", head: with("HTTP/1.1", "HTTP/1.:"), err: ErrRequestLine, status: 400},
	{name: "a version before any number", head: with("HTTP/1.1", "HTTP/-.1"), err: ErrRequestLine, status: 400},
	{name: "no version", head: with(" HTTP/1.1", ""), err: ErrRequestLine, status: 400},
	{name: "no target", head: with("/socket.io/?EIO=4&transport=websocket", ""), err: ErrRequestLine, status: 400},
	{name: "no method", head: with("GET", ""), err: ErrRequestLine, status: 400},
	{name: "a method that is no token", head: with("GET", "G(T"), err: ErrRequestLine, status: 400},
	{name: "a space in the target", head: with("/socket.io/", "/socket io/"), err: ErrRequestLine, status: 400},
	{name: "a tab for a space", head: with("GET ", "GET\t"), err: ErrRequestLine, status: 400},
	{name: "a NUL in the target", head: with("/socket.io/", "/socket\x00io/"), err: ErrHeadByte, status: 400},
	{name: "an umlaut in the target", head: with("/socket.io/", "/söcket.io/"), err: ErrHeadByte, status: 400},
	{name: "an empty line first", head: "\r\n" + goodHead, err: ErrRequestLine, status: 400},
	{name: "an empty head", head: "\r\n\r\n", err: ErrRequestLine, status: 400},

	// One whole head.
	{name: "nothing", head: "", err: ErrHeadNotOne, status: 400},
	{name: "no empty line", head: strings.TrimSuffix(goodHead, "\r\n"), err: ErrHeadNotOne, status: 400},
	{name: "half an empty line", head: strings.TrimSuffix(goodHead, "\n"), err: ErrHeaderName, status: 400},
	{name: "half a line end", head: strings.TrimSuffix(goodHead, "\n\r\n"), err: ErrHeadNotOne, status: 400},
	{name: "a line that ends in a NUL", head: strings.TrimSuffix(goodHead, "\r\n\r\n") + "\x00", err: ErrHeadByte, status: 400},
	{name: "a name that goes on", head: strings.TrimSuffix(goodHead, "\r\n") + "Orig", err: ErrHeadNotOne, status: 400},
	{name: "a frame behind the head", head: goodHead + "\x81\x80\x00\x00\x00\x00", err: ErrHeadNotOne, status: 400},
	{name: "another head behind the head", head: goodHead + goodHead, err: ErrHeadNotOne, status: 400},
	{name: "more than HeadBytesMax", head: adding("Cookie: " + strings.Repeat("x", HeadBytesMax+1-len(adding("Cookie: ")))), err: ErrHeadTooLarge, status: 431},
	{name: "Sec-WebSocket-Protocol with 30,000 spaces", head: adding("Sec-WebSocket-Protocol: b" + strings.Repeat(" ", 30_000) + "x"), err: ErrHeadTooLarge, status: 431},
	{name: "Sec-WebSocket-Protocol with 15,000 spaces", head: adding("Sec-WebSocket-Protocol: b" + strings.Repeat(" ", 15_000) + "x")},
	{name: "Connection with 5,000 options", head: with("Connection: Upgrade", "Connection: "+strings.Repeat("x, ", 5_000)+"Upgrade")},

	// Line ends: HeadLen and ws.Upgrader would not agree on a bare LF.
	{name: "a bare LF behind the request line", head: with(" HTTP/1.1\r\n", " HTTP/1.1\n"), err: ErrLineEnd, status: 400},
	{name: "a bare LF behind a header", head: with("websocket\r\n", "websocket\n"), err: ErrLineEnd, status: 400},
	{name: "an empty line of bare LFs, and a head of its author's", head: with("Upgrade: websocket\r\n", "X: y\n\nUpgrade: websocket\r\n"), err: ErrLineEnd, status: 400},
	{name: "a bare CR in a value", head: adding("Origin: a\rb"), err: ErrHeadByte, status: 400},
	{name: "a CR too many", head: with("websocket\r\n", "websocket\r\r\n"), err: ErrHeadByte, status: 400},

	// Header lines.
	{name: "100 headers", head: adding(numbered(95)...)},
	{name: "101 headers", head: adding(numbered(96)...), err: ErrTooManyHeaders, status: 431},
	{name: "2000 headers before the ones that count", head: with("Host", strings.Join(numbered(2000), "\r\n")+"\r\nHost"), err: ErrTooManyHeaders, status: 431},
	{name: "a line without a colon", head: adding("Origin"), err: ErrHeaderName, status: 400},
	{name: "a line without a name", head: adding(": x"), err: ErrHeaderName, status: 400},
	{name: "a space before the colon", head: adding("Origin : x"), err: ErrHeaderName, status: 400},
	{name: "a folded line", head: adding("Origin: x", " y"), err: ErrHeaderName, status: 400},
	{name: "a name that is no token", head: adding("Ori[gin: x"), err: ErrHeaderName, status: 400},
	{name: "an umlaut in a name", head: adding("Örigin: x"), err: ErrHeaderName, status: 400},
	{name: "a NUL in a value", head: adding("Cookie: a\x00b"), err: ErrHeadByte, status: 400},
	{name: "a DEL in a value", head: adding("Cookie: a\x7fb"), err: ErrHeadByte, status: 400},
	{name: "an escape in a value", head: adding("Cookie: \x1b[31m"), err: ErrHeadByte, status: 400},
	{name: "0x80 in Sec-WebSocket-Protocol", head: adding("Sec-WebSocket-Protocol: \x80"), err: ErrHeadByte, status: 400},
	{name: "0xff in Sec-WebSocket-Protocol", head: adding("Sec-WebSocket-Protocol: chat\xff"), err: ErrHeadByte, status: 400},
	{name: "0xff in Host", head: with("example.org", "ex\xffample.org"), err: ErrHeadByte, status: 400},
	{name: "0xe9 in Origin", head: adding("Origin: http://caf\xe9.example"), err: ErrHeadByte, status: 400},
	{name: "the name of a city from a proxy", head: adding("CF-IPCity: S\xc3\xa3o Paulo")},
	{name: "a value of bytes beyond ASCII, and a control byte", head: adding("X: \xff\x80\x01"), err: ErrHeadByte, status: 400},
	{name: "two Host", head: adding("Host: evil.example.org"), err: ErrHeaderTwice, status: 400},
	{name: "two Origin", head: adding("Origin: a", "origin: b"), err: ErrHeaderTwice, status: 400},
	{name: "two keys", head: adding("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), err: ErrHeaderTwice, status: 400},
	{name: "two versions", head: adding("Sec-WebSocket-Version: 13"), err: ErrHeaderTwice, status: 400},
	{name: "two lengths", head: adding("Content-Length: 0", "Content-Length: 0"), err: ErrHeaderTwice, status: 400},
	{name: "a body", head: adding("Content-Length: 5"), err: ErrBody, status: 400},
	{name: "a length that is none", head: adding("Content-Length: +0"), err: ErrBody, status: 400},
	{name: "a body in chunks", head: adding("Transfer-Encoding: chunked"), err: ErrBody, status: 400},

	// RFC 6455 4.2.1.
	{name: "no Host", head: with("Host", "Hast"), err: ErrHost, status: 400},
	{name: "no Upgrade", head: with("Upgrade: websocket", "Upgrode: websocket"), err: ErrUpgradeHeader, status: 400},
	{name: "an upgrade to something else", head: with("Upgrade: websocket", "Upgrade: h2c"), err: ErrUpgradeHeader, status: 400},
	{name: "no Connection", head: with("Connection: ", "Connections: "), err: ErrConnectionHeader, status: 400},
	{name: "a connection that is closed", head: with("Connection: Upgrade", "Connection: close"), err: ErrConnectionHeader, status: 400},
	{name: "no version of WebSocket", head: with("Sec-WebSocket-Version", "Sec-WebSocket-Versien"), err: ErrVersionMissing, status: 400},
	{name: "version 8", head: with("Version: 13", "Version: 8"), err: ErrVersion, status: 426},
	{name: "no key", head: with("Sec-WebSocket-Key", "Sec-WebSocket-Kee"), err: ErrKey, status: 400},
	{name: "an empty key", head: with("dGhlIHNhbXBsZSBub25jZQ==", ""), err: ErrKey, status: 400},
	{name: "a key of 15 bytes", head: with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), err: ErrKey, status: 400},
	{name: "a key of 17 bytes in 24", head: with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWQ="), err: ErrKey, status: 400},
	{name: "a key of 18 bytes in 24", head: with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWQh"), err: ErrKey, status: 400},
	{name: "a key of 24 bytes that are no base64", head: with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j$Q=="), err: ErrKey, status: 400},

	// Nothing is ever negotiated.
	{name: "permessage-deflate", head: adding("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")},
	{name: "an extension named constructor", head: adding("Sec-WebSocket-Extensions: constructor")},
	{name: "an extension named __proto__", head: adding("Sec-WebSocket-Extensions: foo; constructor, __proto__; toString")},
	{name: "an extension with 1,000 parameters", head: adding("Sec-WebSocket-Extensions: permessage-deflate" + strings.Repeat("; x", 1000))},
	{name: "an extension that is malformed", head: adding("Sec-WebSocket-Extensions: ;;=,\"")},
	{name: "a subprotocol", head: adding("Sec-WebSocket-Protocol: chat, superchat")},

	// Our own side.
	{name: "a response header that would split the response", head: adding("Ask: split"), err: ErrAnswerHeader, status: 500},
}

// splitter stands for a caller that lets the client choose a response header.
func splitter(h *Handshake) error {
	if string(h.Header("ask")) == "split" {
		h.AddHeader("Set-Cookie", "a=b\r\nSec-WebSocket-Protocol: evil")
	}
	return nil
}

func TestUpgrade(t *testing.T) {
	for _, row := range upgradeRows {
		t.Run(row.name, func(t *testing.T) {
			head := []byte(row.head)
			response, err := Upgrade([]byte("before"), head, splitter)
			if err != row.err {
				t.Errorf("got %v, want %v", err, row.err)
			}
			if string(head) != row.head {
				t.Error("the head has changed")
			}
			text, isAppended := strings.CutPrefix(string(response), "before")
			if want := fmt.Sprintf("HTTP/1.1 %d ", max(row.status, 101)); !isAppended || !strings.HasPrefix(text, want) {
				t.Errorf("the response is %q, want it to begin with %q", text, want)
			}
			if row.err == nil && text != goodResponse {
				t.Errorf("got %q, want %q", text, goodResponse)
			}
			readOne(t, []byte(text))
		})
	}
}

// readOne wants response to be one HTTP response and nothing else.
func readOne(t *testing.T, response []byte) *http.Response {
	t.Helper()
	src := bufio.NewReader(bytes.NewReader(response))
	r, err := http.ReadResponse(src, nil)
	if err != nil {
		t.Fatalf("%v in %q", err, response)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%v in the body of %q", err, response)
	}
	if r.StatusCode == 101 {
		if src.Buffered() != 0 {
			t.Fatalf("something follows the response %q", response)
		}
		return r
	}
	if int(r.ContentLength) != len(body) || !r.Close || src.Buffered() != 0 {
		t.Fatalf("the response has %d bytes, announces %d, and is followed by %d: %q", len(body), r.ContentLength, src.Buffered(), response)
	}
	return r
}

// TestUpgradeAtEachByte cuts the head wherever it can be cut, as a caller gets
// it, and wants no answer before it is whole.
func TestUpgradeAtEachByte(t *testing.T) {
	for cut := range len(goodHead) {
		if n, err := HeadLen([]byte(goodHead[:cut])); n != 0 || err != nil {
			t.Fatalf("of %d bytes HeadLen says %d, %v", cut, n, err)
		}
		if _, err := Upgrade(nil, []byte(goodHead[:cut]), mustNotBeAsked(t)); err == nil {
			t.Fatalf("%d bytes of %d are upgraded", cut, len(goodHead))
		}
	}
	in := []byte(goodHead + "\x81\x80\x00\x00\x00\x00")
	n, _ := HeadLen(in)
	response, err := Upgrade(nil, in[:n], nil)
	if err != nil || string(response) != goodResponse || string(in[n:]) != "\x81\x80\x00\x00\x00\x00" {
		t.Errorf("got %q, %v, and left %q", response, err, in[n:])
	}
}

// TestUpgradeOfTheUnforeseen wants an answer also where ws.Upgrader should one
// day refuse what we have passed.
func TestUpgradeOfTheUnforeseen(t *testing.T) {
	for _, err := range []error{ws.ErrMalformedRequest, io.EOF} {
		if got := handshakeRuleOf(err); got != ErrRequestLine {
			t.Errorf("%v becomes %v", err, got)
		}
	}
}

func mustNotBeAsked(t *testing.T) func(*Handshake) error {
	return func(*Handshake) error {
		t.Error("decide was asked about a request that breaks a rule")
		return nil
	}
}

// TestUpgradeAsksOnce wants the caller asked once about what is in order and
// never about what is not.
func TestUpgradeAsksOnce(t *testing.T) {
	for _, row := range upgradeRows {
		if row.err != nil && row.err != ErrAnswerHeader {
			Upgrade(nil, []byte(row.head), mustNotBeAsked(t))
			continue
		}
		asked := 0
		Upgrade(nil, []byte(row.head), func(*Handshake) error { asked++; return nil })
		if asked != 1 {
			t.Errorf("%s: asked %d times", row.name, asked)
		}
	}
}

func TestHandshake(t *testing.T) {
	head := adding("Origin: https://example.org", "Cookie:  a=b; c=d ", "X-Empty: \t ", "cookie: e=f", "X-Tab: a\tb")
	_, err := Upgrade(nil, []byte(head), func(h *Handshake) error {
		for _, field := range []struct{ name, got, want string }{
			{"Target", string(h.Target), "/socket.io/?EIO=4&transport=websocket"},
			{"Host", string(h.Host), "example.org:8080"},
			{"Origin", string(h.Origin), "https://example.org"},
			{"Header(Cookie)", string(h.Header("Cookie")), "a=b; c=d"},
			{"Header(COOKIE)", string(h.Header("COOKIE")), "a=b; c=d"},
			{"Header(host)", string(h.Header("host")), "example.org:8080"},
		} {
			if field.got != field.want {
				t.Errorf("%s is %q, want %q", field.name, field.got, field.want)
			}
		}
		if h.Header("X-Empty") == nil || h.Header("X-None") != nil || h.Header("") != nil {
			t.Error("an empty header and none are mixed up")
		}
		var lines []string
		for name, value := range h.Headers {
			lines = append(lines, string(name)+"="+string(value))
		}
		want := []string{
			"Host=example.org:8080", "Upgrade=websocket", "Connection=Upgrade", "Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ==",
			"Sec-WebSocket-Version=13", "Origin=https://example.org", "Cookie=a=b; c=d", "X-Empty=", "cookie=e=f",
			"X-Tab=a\tb",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("the headers are %q, want %q", lines, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	_, _ = Upgrade(nil, []byte(goodHead), func(h *Handshake) error {
		if h.Origin != nil {
			t.Errorf("without an Origin there is %q", h.Origin)
		}
		return nil
	})
}

// TestUpgradeAnswers writes the whole response out for each way to decide.
func TestUpgradeAnswers(t *testing.T) {
	wide := errors.New("the database is at 10.0.0.7")
	const plain = "Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
	for _, row := range []struct {
		name   string
		head   string
		decide func(*Handshake) error
		want   string
		err    error
	}{
		{name: "accepted", head: goodHead, want: goodResponse},
		{
			name: "accepted with headers", head: goodHead,
			decide: func(h *Handshake) error {
				h.AddHeader("Set-Cookie", "io=x; HttpOnly")
				h.AddHeader("X-Empty", "")
				return nil
			},
			want: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: io=x; HttpOnly\r\nX-Empty: \r\n\r\n",
		},
		{
			name: "refused", head: goodHead,
			decide: func(*Handshake) error { return &Refusal{Status: 403, Body: "origin is not allowed"} },
			want:   "HTTP/1.1 403 Forbidden\r\n" + plain + "Content-Length: 21\r\n\r\norigin is not allowed",
			err:    &Refusal{Status: 403, Body: "origin is not allowed"},
		},
		{
			name: "refused with a header and no body", head: goodHead,
			decide: func(h *Handshake) error { h.AddHeader("Retry-After", "5"); return &Refusal{Status: 503} },
			want:   "HTTP/1.1 503 Service Unavailable\r\n" + plain + "Retry-After: 5\r\nContent-Length: 0\r\n\r\n",
			err:    &Refusal{Status: 503},
		},
		{
			name: "refused with a status that has no name", head: goodHead,
			decide: func(*Handshake) error { return &Refusal{Status: 499, Body: "x"} },
			want:   "HTTP/1.1 499 \r\n" + plain + "Content-Length: 1\r\n\r\nx",
			err:    &Refusal{Status: 499, Body: "x"},
		},
		{
			name: "refused with a status that refuses nothing", head: goodHead,
			decide: func(*Handshake) error { return &Refusal{Status: 101, Body: "x"} },
			want:   "HTTP/1.1 500 Internal Server Error\r\n" + plain + "Content-Length: 21\r\n\r\nInternal Server Error",
			err:    &Refusal{Status: 101, Body: "x"},
		},
		{
			name: "failed", head: goodHead,
			decide: func(*Handshake) error { return wide },
			want:   "HTTP/1.1 500 Internal Server Error\r\n" + plain + "Content-Length: 21\r\n\r\nInternal Server Error",
			err:    wide,
		},
		{
			name: "against a rule", head: with("GET", "PUT"),
			want: "HTTP/1.1 405 Method Not Allowed\r\n" + plain + "Allow: GET\r\nContent-Length: 17\r\n\r\nmethod is not GET",
			err:  ErrMethod,
		},
		{
			name: "of another version", head: with("Version: 13", "Version: 12"),
			want: "HTTP/1.1 426 Upgrade Required\r\n" + plain + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
				"Content-Length: 31\r\n\r\nSec-WebSocket-Version is not 13",
			err: ErrVersion,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			response, err := Upgrade(nil, []byte(row.head), row.decide)
			if string(response) != row.want {
				t.Errorf("got  %q\nwant %q", response, row.want)
			}
			if fmt.Sprint(err) != fmt.Sprint(row.err) {
				t.Errorf("got %v, want %v", err, row.err)
			}
			readOne(t, response)
		})
	}
}

// TestAppendRefusal also serves for what HeadLen says, and for errors from
// elsewhere in the caller.
func TestAppendRefusal(t *testing.T) {
	for _, row := range []struct {
		err    error
		status int
		body   string
	}{
		{ErrHeadTooLarge, 431, "request head is too large"},
		{fmt.Errorf("conn 7: %w", ErrLineEnd), 400, "line does not end in CRLF"},
		{fmt.Errorf("conn 7: %w", &Refusal{Status: 401, Body: "no token"}), 401, "no token"},
		{&Refusal{Status: 300, Body: "elsewhere"}, 300, "elsewhere"},
		{&Refusal{Status: 599, Body: "x"}, 599, "x"},
		{&Refusal{Status: 299, Body: "x"}, 500, "Internal Server Error"},
		{&Refusal{Status: 600, Body: "x"}, 500, "Internal Server Error"},
		{ErrResponseAccept, 500, "Internal Server Error"},
		{io.EOF, 500, "Internal Server Error"},
	} {
		response := AppendRefusal([]byte("before"), row.err)
		r := readOne(t, bytes.TrimPrefix(response, []byte("before")))
		if r.StatusCode != row.status || !bytes.HasSuffix(response, []byte("\r\n\r\n"+row.body)) {
			t.Errorf("%v is answered with %q", row.err, response)
		}
	}
}

func TestAddHeader(t *testing.T) {
	for _, field := range [][2]string{
		{"", "x"},
		{"Set Cookie", "x"},
		{"Set-Cookie:", "x"},
		{"Set\r\nCookie", "x"},
		{"Set-Cookie", "a\r\nb"},
		{"Set-Cookie", "a\nb"},
		{"Set-Cookie", "a\x00b"},
		{"Set-Cookie", "ä"},
	} {
		response, err := Upgrade(nil, []byte(goodHead), func(h *Handshake) error {
			h.AddHeader(field[0], field[1])
			h.AddHeader("X-Good", "good")
			return nil
		})
		if r := readOne(t, response); err != ErrAnswerHeader || r.StatusCode != 500 || r.Header.Get("X-Good") != "good" || len(r.Header) != 3 {
			t.Errorf("%q is answered with %q, %v", field, response, err)
		}
	}
}

// slowConn lets ws.Upgrader talk to a buffer, without any check of ours.
type slowConn struct {
	io.Reader
	bytes.Buffer
}

func (c *slowConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// FuzzUpgrade wants one whole response to every head; nothing accepted that
// ws.Upgrader or net/http would refuse or read otherwise; and an end where
// HeadLen sees it.
func FuzzUpgrade(f *testing.F) {
	for _, row := range upgradeRows {
		if len(row.head) < 2048 {
			f.Add([]byte(row.head), "Set-Cookie", "a=b")
		}
	}
	f.Add([]byte(goodHead), "Set-Cookie\r\nX", "a\r\n\r\nb")
	f.Fuzz(func(t *testing.T, head []byte, name, value string) {
		before := bytes.Clone(head)
		var seen Handshake
		response, err := Upgrade(nil, head, func(h *Handshake) error { seen = *h; h.AddHeader(name, value); return nil })
		if !bytes.Equal(head, before) {
			t.Fatal("the head has changed")
		}
		r := readOne(t, response)
		if (err == nil) != (r.StatusCode == 101) {
			t.Fatalf("%v, and the response is %q", err, response)
		}
		if err != nil {
			return
		}
		if n, lenErr := HeadLen(head); n != len(head) || lenErr != nil {
			t.Fatalf("HeadLen sees %d bytes of %d, %v", n, len(head), lenErr)
		}
		theirs := &slowConn{Reader: bytes.NewReader(before)}
		if _, err := ws.Upgrade(theirs); err != nil {
			t.Fatalf("ws refuses it: %v", err)
		}
		if lines := strings.Split(string(response), "\r\n"); len(lines) != 7 || lines[4] != name+": "+value {
			t.Fatalf("the response has other lines than a status, 3 headers of ws's and one of ours: %q", lines)
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(before)))
		if err != nil {
			return // net/http also looks into the target
		}
		if request.RequestURI != string(seen.Target) || request.Header.Get("Origin") != string(seen.Origin) {
			t.Fatalf("net/http reads %q, %q; we %q, %q", request.RequestURI, request.Header.Get("Origin"), seen.Target, seen.Origin)
		}
	})
}
