package wsproto

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// get and post are request heads with the given header lines behind Host.
func get(lines ...string) string  { return requestOf("GET /a HTTP/1.1", lines) }
func post(lines ...string) string { return requestOf("POST /a HTTP/1.1", lines) }

func requestOf(line string, lines []string) string {
	return strings.Join(slices.Concat([]string{line, "Host: example.org"}, lines), "\r\n") + "\r\n\r\n"
}

// asking is a request head with a request line of its own.
func asking(line string) string { return requestOf(line, nil) }

// requestRows are request heads, each as the front of what arrives, and what
// ParseRequest says of them.
var requestRows = []struct {
	name   string
	in     string
	want   string // the framing, as framingOf writes it
	err    error
	status int // that the request is refused with
}{
	// What clients send.
	{name: "the least that is needed", in: get(), want: "GET /a of example.org"},
	{name: "a poll", in: "GET /socket.io/?EIO=4&transport=polling&t=x HTTP/1.1\r\nHost: a:8080\r\nOrigin: http://b:80\r\n\r\n", want: "GET /socket.io/?EIO=4&transport=polling&t=x of a:8080 from http://b:80"},
	{name: "a post", in: post("Content-Length: 5"), want: "POST /a of example.org, 5 bytes"},
	{name: "a post, and its body", in: post("Content-Length: 5") + "hello", want: "POST /a of example.org, 5 bytes"},
	{name: "a post in chunks", in: post("Transfer-Encoding: chunked"), want: "POST /a of example.org, chunked"},
	{name: "a post that waits", in: post("Content-Length: 5", "Expect: 100-continue"), want: "POST /a of example.org, 5 bytes, continue"},
	{name: "a preflight", in: requestOf("OPTIONS /a HTTP/1.1", []string{"Origin: null", "Access-Control-Request-Method: POST"}), want: "OPTIONS /a of example.org from null"},
	{name: "an upgrade", in: string(browserHead), want: "GET /socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC of chat.example.org from https://chat.example.org, upgrade"},
	{name: "names and values in any case", in: "POST /a HTTP/1.1\r\nhOST: x\r\nTRANSFER-encoding: ChunKed\r\ncONNECTION: CLOSE\r\nEXPECT: 100-Continue\r\n\r\n", want: "POST /a of x, chunked, continue, close"},
	{name: "white space around values", in: "POST /a HTTP/1.1\r\nHost:\t x \t\r\nContent-Length:  7 \t\r\nOrigin:b\r\n\r\n", want: "POST /a of x from b, 7 bytes"},
	{name: "an empty Host", in: "GET /a HTTP/1.1\r\nHost:\r\n\r\n", want: "GET /a of "},
	{name: "an empty Origin", in: get("Origin:"), want: "GET /a of example.org from "},
	{name: "an Origin of two, as it once could be", in: get("Origin: http://a http://b"), want: "GET /a of example.org from http://a http://b"},
	{name: "an address of IPv6", in: "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", want: "GET /a of [::1]:80"},
	{name: "the name of a city from a proxy", in: get("CF-IPCity: S\xc3\xa3o Paulo"), want: "GET /a of example.org"},
	{name: "another request behind it", in: get() + "GET /b HTTP/1.1\r\n\r\n", want: "GET /a of example.org"},
	{name: "100 headers", in: get(numbered(99)...), want: "GET /a of example.org"},
	{name: "16 KiB", in: get("Cookie: " + strings.Repeat("x", HeadBytesMax-len(get("Cookie: ")))), want: "GET /a of example.org"},

	// The request line (RFC 9112 3).
	{name: "a query with a stray % in it", in: asking("GET /a?100%&x=%zz HTTP/1.1"), want: "GET /a?100%&x=%zz of example.org"},
	{name: "an escape in the path", in: asking("GET /a%2Fb%00%ff HTTP/1.1"), want: "GET /a%2Fb%00%ff of example.org"},
	{name: "a path that looks like a host", in: asking("GET //evil.example/a HTTP/1.1"), want: "GET //evil.example/a of example.org"},
	{name: "bytes that no URL should have", in: asking("GET /a|b{c}^\"\\`<> HTTP/1.1"), want: "GET /a|b{c}^\"\\`<> of example.org"},
	{name: "a method of its own", in: asking("get-it /a HTTP/1.1"), want: "get-it /a of example.org"},
	{name: "OPTIONS *", in: asking("OPTIONS * HTTP/1.1"), want: "OPTIONS * of example.org"},
	{name: "GET *", in: asking("GET * HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "options *", in: asking("options * HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "OPTIONS **", in: asking("OPTIONS ** HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "an absolute target", in: asking("GET http://evil.example/a HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "an absolute target of OPTIONS", in: asking("OPTIONS http://example.org HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a target that is a host", in: asking("CONNECT example.org:80 HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "CONNECT to a path", in: asking("CONNECT /a HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a target without its slash", in: asking("GET a HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a query alone", in: asking("GET ?a HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a fragment", in: asking("GET /a#b HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a fragment in the query", in: asking("GET /a?b#c HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "an escape that is none", in: asking("GET /a%zz HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "an escape whose second digit is none", in: asking("GET /a%2g HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "half an escape", in: asking("GET /a%2 HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "half an escape before the query", in: asking("GET /%41%?00 HTTP/1.1"), err: ErrTarget, status: 400},
	{name: "a space in the target", in: asking("GET /a b HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "a version in the target", in: asking("GET /a HTTP/1.1 HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "two spaces", in: asking("GET  /a HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "a space behind the version", in: asking("GET /a HTTP/1.1 "), err: ErrRequestLine, status: 400},
	{name: "a space before the method", in: asking(" GET /a HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "a tab in the target", in: asking("GET /a\tb HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "a NUL in the target", in: asking("GET /a\x00b HTTP/1.1"), err: ErrHeadByte, status: 400},
	{name: "a DEL in the target", in: asking("GET /a\x7fb HTTP/1.1"), err: ErrHeadByte, status: 400},
	{name: "a CR in the target", in: asking("GET /a\rb HTTP/1.1"), err: ErrHeadByte, status: 400},
	{name: "an umlaut in the target", in: asking("GET /\xc3\xa4 HTTP/1.1"), err: ErrHeadByte, status: 400},
	{name: "a method that is no token", in: asking("G:T /a HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "no method", in: asking("/a HTTP/1.1"), err: ErrRequestLine, status: 400},
	{name: "no version", in: asking("GET /a"), err: ErrRequestLine, status: 400},
	{name: "a version in small letters", in: asking("GET /a http/1.1"), err: ErrRequestLine, status: 400},
	{name: "a version of two digits", in: asking("GET /a HTTP/1.10"), err: ErrRequestLine, status: 400},
	{name: "a version of another protocol", in: asking("GET /a RTSP/1.0"), err: ErrRequestLine, status: 400},
	{name: "HTTP/0.9", in: asking("GET /a HTTP/0.9"), err: ErrHTTPVersion, status: 505},
	{name: "HTTP/1.2", in: asking("GET /a HTTP/1.2"), err: ErrHTTPVersion, status: 505},
	{name: "HTTP/2.0", in: asking("GET /a HTTP/2.0"), err: ErrHTTPVersion, status: 505},
	{name: "the preface of HTTP/2", in: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", err: ErrHTTPVersion, status: 505},
	{name: "a hello of TLS", in: "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n", err: ErrHeadByte, status: 400},
	{name: "an empty line first", in: "\r\n" + get(), err: ErrRequestLine, status: 400},

	// Lines and their ends (RFC 9112 2.2, 5).
	{name: "a bare LF behind the request line", in: "GET /a HTTP/1.1\nHost: x\r\n\r\n", err: ErrLineEnd, status: 400},
	{name: "a bare LF behind a header", in: get("X: y\nContent-Length: 5"), err: ErrLineEnd, status: 400},
	{name: "an empty line of a bare LF", in: "GET /a HTTP/1.1\r\nHost: x\r\n\nGET /b HTTP/1.1\r\n\r\n", err: ErrLineEnd, status: 400},
	{name: "a bare CR for a line end", in: get("X: y\rContent-Length: 5"), err: ErrHeadByte, status: 400},
	{name: "a CR too many", in: get("X: y\r"), err: ErrHeadByte, status: 400},
	{name: "a CR before the empty line", in: get("\rTransfer-Encoding: chunked"), err: ErrHeaderName, status: 400},
	{name: "a NUL in a value", in: get("X: a\x00b"), err: ErrHeadByte, status: 400},
	{name: "a NUL in a name", in: get("X\x00: a"), err: ErrHeaderName, status: 400},
	{name: "a vertical tab in a value", in: get("X: a\x0bb"), err: ErrHeadByte, status: 400},
	{name: "a line without a colon", in: get("X"), err: ErrHeaderName, status: 400},
	{name: "a line without a name", in: get(": x"), err: ErrHeaderName, status: 400},
	{name: "a name with a space", in: get("X Y: z"), err: ErrHeaderName, status: 400},
	{name: "a name with a byte beyond ASCII", in: get("X\xa0: z"), err: ErrHeaderName, status: 400},
	{name: "a folded line", in: get("X: a", " b"), err: ErrHeaderName, status: 400},
	{name: "a folded line with a tab", in: get("X: a", "\tb"), err: ErrHeaderName, status: 400},
	{name: "a first line that is folded", in: "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", err: ErrHeaderName, status: 400},
	{name: "101 headers", in: get(numbered(100)...), err: ErrTooManyHeaders, status: 431},
	{name: "a byte more than 16 KiB", in: get("Cookie: " + strings.Repeat("x", HeadBytesMax+1-len(get("Cookie: ")))), err: ErrHeadTooLarge, status: 431},
	{name: "a target of 16 KiB", in: asking("GET /" + strings.Repeat("x", HeadBytesMax) + " HTTP/1.1"), err: ErrHeadTooLarge, status: 431},

	// For whom it is (RFC 9112 3.2, RFC 6454 7).
	{name: "no Host", in: "GET /a HTTP/1.1\r\nX: y\r\n\r\n", err: ErrHost, status: 400},
	{name: "no headers", in: "GET /a HTTP/1.1\r\n\r\n", err: ErrHost, status: 400},
	{name: "two Host", in: get("Host: evil.example"), err: ErrHeaderTwice, status: 400},
	{name: "two equal Host", in: get("host: example.org"), err: ErrHeaderTwice, status: 400},
	{name: "two Host, the first of them empty", in: "GET /a HTTP/1.1\r\nHost:\r\nHost: x\r\n\r\n", err: ErrHeaderTwice, status: 400},
	{name: "two Host in HTTP/1.0", in: "GET /a HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", err: ErrHeaderTwice, status: 400},
	{name: "Host with a space before the colon", in: "GET /a HTTP/1.1\r\nHost : x\r\n\r\n", err: ErrHeaderName, status: 400},
	{name: "Host with a space", in: "GET /a HTTP/1.1\r\nHost: x y\r\n\r\n", err: ErrHostBytes, status: 400},
	{name: "Host with a path", in: "GET /a HTTP/1.1\r\nHost: x/y\r\n\r\n", err: ErrHostBytes, status: 400},
	{name: "Host with a user", in: "GET /a HTTP/1.1\r\nHost: x@y\r\n\r\n", err: ErrHostBytes, status: 400},
	{name: "Host with a query", in: "GET /a HTTP/1.1\r\nHost: x?y\r\n\r\n", err: ErrHostBytes, status: 400},
	{name: "Host with a byte beyond ASCII", in: "GET /a HTTP/1.1\r\nHost: ex\xffample.org\r\n\r\n", err: ErrHostBytes, status: 400},
	{name: "two Origin", in: get("Origin: http://a", "origin: http://b"), err: ErrHeaderTwice, status: 400},
	{name: "two equal Origin", in: get("Origin: http://a", "Origin: http://a"), err: ErrHeaderTwice, status: 400},
	{name: "Origin with a tab", in: get("Origin: http://a\thttp://b"), err: ErrHeadByte, status: 400},
	{name: "Origin with a byte beyond ASCII", in: get("Origin: http://caf\xe9.example"), err: ErrHeadByte, status: 400},

	// How long it is: Content-Length (RFC 9110 8.6, RFC 9112 6.3).
	{name: "no length", in: post(), want: "POST /a of example.org"},
	{name: "length 0", in: post("Content-Length: 0"), want: "POST /a of example.org"},
	{name: "a length with leading zeros", in: post("Content-Length: 00000000000000000000000000000005"), want: "POST /a of example.org, 5 bytes"},
	{name: "the greatest length", in: post("Content-Length: 9223372036854775807"), want: "POST /a of example.org, 9223372036854775807 bytes"},
	{name: "a length under another name", in: post("Content_Length: 5", "Content-Lengths: 6", "X-Content-Length: 7"), want: "POST /a of example.org"},
	{name: "a length of one more than the greatest", in: post("Content-Length: 9223372036854775808"), err: ErrContentLength, status: 400},
	{name: "a length of two more", in: post("Content-Length: 9223372036854775809"), err: ErrContentLength, status: 400},
	{name: "a length that wraps to 5", in: post("Content-Length: 18446744073709551621"), err: ErrContentLength, status: 400},
	{name: "a length of 40 digits", in: post("Content-Length: " + strings.Repeat("9", 40)), err: ErrContentLength, status: 400},
	{name: "an empty length", in: post("Content-Length:"), err: ErrContentLength, status: 400},
	{name: "a length with +", in: post("Content-Length: +5"), err: ErrContentLength, status: 400},
	{name: "a length with -", in: post("Content-Length: -5"), err: ErrContentLength, status: 400},
	{name: "-0", in: post("Content-Length: -0"), err: ErrContentLength, status: 400},
	{name: "a length with a space inside", in: post("Content-Length: 1 0"), err: ErrContentLength, status: 400},
	{name: "a hexadecimal length", in: post("Content-Length: 0x5"), err: ErrContentLength, status: 400},
	{name: "a hexadecimal digit", in: post("Content-Length: a"), err: ErrContentLength, status: 400},
	{name: "a length with an underscore", in: post("Content-Length: 1_0"), err: ErrContentLength, status: 400},
	{name: "a length with a point", in: post("Content-Length: 5.0"), err: ErrContentLength, status: 400},
	{name: "a length with an exponent", in: post("Content-Length: 5e0"), err: ErrContentLength, status: 400},
	{name: "a quoted length", in: post("Content-Length: \"5\""), err: ErrContentLength, status: 400},
	{name: "a length in other digits", in: post("Content-Length: \xd9\xa5"), err: ErrContentLength, status: 400},
	{name: "a list of equal lengths", in: post("Content-Length: 5, 5"), err: ErrContentLength, status: 400},
	{name: "a list of lengths", in: post("Content-Length: 5,6"), err: ErrContentLength, status: 400},
	{name: "two equal lengths", in: post("Content-Length: 5", "Content-Length: 5"), err: ErrHeaderTwice, status: 400},
	{name: "two lengths", in: post("Content-Length: 5", "content-length: 6"), err: ErrHeaderTwice, status: 400},
	{name: "two lengths, the first 0", in: post("Content-Length: 0", "Content-Length: 6"), err: ErrHeaderTwice, status: 400},
	{name: "two lengths in HTTP/1.0", in: requestOf("POST /a HTTP/1.0", []string{"Content-Length: 5", "Content-Length: 5"}), err: ErrHeaderTwice, status: 400},
	{name: "a length with a space before the colon", in: post("Content-Length : 5"), err: ErrHeaderName, status: 400},
	{name: "a length with a NUL", in: post("Content-Length: 5\x00"), err: ErrHeadByte, status: 400},
	{name: "a length with a CR", in: post("Content-Length: 5\r6"), err: ErrHeadByte, status: 400},
	{name: "a length that is folded", in: post("Content-Length:", " 5"), err: ErrContentLength, status: 400},

	// Transfer-Encoding (RFC 9112 6.1, 6.3).
	{name: "a coding under another name", in: post("Transfer_Encoding: chunked", "X-Transfer-Encoding: chunked"), want: "POST /a of example.org"},
	{name: "both lengths", in: post("Content-Length: 5", "Transfer-Encoding: chunked"), err: ErrTwoLengths, status: 400},
	{name: "both lengths, the other way round", in: post("Transfer-Encoding: chunked", "Content-Length: 5"), err: ErrTwoLengths, status: 400},
	{name: "both lengths, of which one is 0", in: post("Transfer-Encoding: chunked", "Content-Length: 0"), err: ErrTwoLengths, status: 400},
	{name: "chunked twice", in: post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), err: ErrHeaderTwice, status: 400},
	{name: "chunked, and identity", in: post("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), err: ErrTransferEncoding, status: 400},
	{name: "chunked twice in a list", in: post("Transfer-Encoding: chunked, chunked"), err: ErrTransferEncoding, status: 400},
	{name: "chunked, and nothing", in: post("Transfer-Encoding: chunked,"), err: ErrTransferEncoding, status: 400},
	{name: "chunked below another coding", in: post("Transfer-Encoding: chunked, gzip"), err: ErrTransferEncoding, status: 400},
	{name: "chunked above another coding", in: post("Transfer-Encoding: gzip, chunked"), err: ErrTransferCoding, status: 501},
	{name: "chunked above another coding, in two lines", in: post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), err: ErrTransferEncoding, status: 400},
	{name: "two other codings", in: post("Transfer-Encoding: gzip, xchunked"), err: ErrTransferEncoding, status: 400},
	{name: "another coding", in: post("Transfer-Encoding: gzip"), err: ErrTransferEncoding, status: 400},
	{name: "identity", in: post("Transfer-Encoding: identity"), err: ErrTransferEncoding, status: 400},
	{name: "xchunked", in: post("Transfer-Encoding: xchunked"), err: ErrTransferEncoding, status: 400},
	{name: "chunkedx", in: post("Transfer-Encoding: chunkedx"), err: ErrTransferEncoding, status: 400},
	{name: "chunked with a parameter", in: post("Transfer-Encoding: chunked;q=1"), err: ErrTransferEncoding, status: 400},
	{name: "chunked in quotes", in: post("Transfer-Encoding: \"chunked\""), err: ErrTransferEncoding, status: 400},
	{name: "no coding", in: post("Transfer-Encoding:"), err: ErrTransferEncoding, status: 400},
	{name: "chunked in letters that fold to ASCII", in: post("Transfer-Encoding: chun\xe2\x84\xaaed"), err: ErrTransferEncoding, status: 400},
	{name: "chunked behind a vertical tab", in: post("Transfer-Encoding:\x0bchunked"), err: ErrHeadByte, status: 400},
	{name: "chunked behind a form feed", in: post("Transfer-Encoding: \x0cchunked"), err: ErrHeadByte, status: 400},
	{name: "chunked behind a byte that some call a space", in: post("Transfer-Encoding: \xa0chunked"), err: ErrTransferEncoding, status: 400},
	{name: "chunked before a NUL", in: post("Transfer-Encoding: chunked\x00"), err: ErrHeadByte, status: 400},
	{name: "chunked before a CR", in: post("Transfer-Encoding: chunked\r"), err: ErrHeadByte, status: 400},
	{name: "chunked in a folded line", in: post("Transfer-Encoding:", " chunked"), err: ErrTransferEncoding, status: 400},
	{name: "chunked in a line that is folded into another", in: post("X: y", " Transfer-Encoding: chunked"), err: ErrHeaderName, status: 400},
	{name: "a coding with a space before the colon", in: post("Transfer-Encoding : chunked"), err: ErrHeaderName, status: 400},
	{name: "a coding with a tab before the colon", in: post("Transfer-Encoding\t: chunked"), err: ErrHeaderName, status: 400},
	{name: "a coding behind a space", in: post("X: y", "\x20Transfer-Encoding: chunked"), err: ErrHeaderName, status: 400},
	{name: "a coding whose name has a quote", in: post("\"Transfer-Encoding\": chunked"), err: ErrHeaderName, status: 400},
	{name: "chunked in HTTP/1.0", in: requestOf("POST /a HTTP/1.0", []string{"Transfer-Encoding: chunked"}), err: ErrTransferEncodingVersion, status: 400},
	{name: "chunked in HTTP/1.0 that stays", in: requestOf("POST /a HTTP/1.0", []string{"Connection: keep-alive", "Transfer-Encoding: chunked"}), err: ErrTransferEncodingVersion, status: 400},
	{name: "a trailer", in: post("Transfer-Encoding: chunked", "Trailer: X-Sum, X-Time"), want: "POST /a of example.org, chunked"},
	{name: "a trailer that is a length", in: post("Transfer-Encoding: chunked", "Trailer: X-Sum, content-length"), err: ErrTrailerNames, status: 400},
	{name: "a trailer that is a coding", in: post("Transfer-Encoding: chunked", "Trailer: Transfer-Encoding"), err: ErrTrailerNames, status: 400},
	{name: "a trailer that announces trailers, and no chunks", in: post("Trailer: \ttrailer ,"), err: ErrTrailerNames, status: 400},

	// Connection, Upgrade and Expect (RFC 9112 9.3, RFC 9110 7.6.1, 7.8, 10.1.1).
	{name: "close", in: get("Connection: close"), want: "GET /a of example.org, close"},
	{name: "close in a list, in a second line", in: get("Connection: a, b", "connection: ,Keep-Alive ,\tCLOSE\t, "), want: "GET /a of example.org, close"},
	{name: "keep-alive", in: get("Connection: keep-alive"), want: "GET /a of example.org"},
	{name: "close as a part of other words", in: get("Connection: closed, xclose, clo se, close;q=1"), want: "GET /a of example.org"},
	{name: "close in a header of proxies", in: get("Proxy-Connection: close"), want: "GET /a of example.org"},
	{name: "an empty Connection", in: get("Connection:"), want: "GET /a of example.org"},
	{name: "a Connection that names the length", in: post("Connection: Content-Length, Host", "Content-Length: 5"), want: "POST /a of example.org, 5 bytes"},
	{name: "5,000 options", in: get("Connection: " + strings.Repeat("x,", 5_000) + "close"), want: "GET /a of example.org, close"},
	{name: "HTTP/1.0", in: "GET /a HTTP/1.0\r\n\r\n", want: "GET /a of nobody, HTTP/1.0, close"},
	{name: "HTTP/1.0 that stays", in: requestOf("GET /a HTTP/1.0", []string{"Connection: x, Keep-Alive"}), want: "GET /a of example.org, HTTP/1.0"},
	{name: "HTTP/1.0 that stays and closes", in: requestOf("GET /a HTTP/1.0", []string{"Connection: close, keep-alive"}), want: "GET /a of example.org, HTTP/1.0, close"},
	{name: "HTTP/1.0 that would upgrade", in: requestOf("GET /a HTTP/1.0", []string{"Connection: Upgrade, keep-alive", "Upgrade: websocket"}), want: "GET /a of example.org, HTTP/1.0"},
	{name: "an upgrade in two lines", in: get("Upgrade: h2c", "Connection: close", "Upgrade:", "Connection: upgrade"), want: "GET /a of example.org, close, upgrade"},
	{name: "an upgrade that no Connection names", in: get("Upgrade: websocket", "Connection: keep-alive"), want: "GET /a of example.org"},
	{name: "an upgrade without an Upgrade", in: get("Connection: Upgrade"), want: "GET /a of example.org"},
	{name: "an upgrade to nothing", in: get("Connection: Upgrade", "Upgrade: "), want: "GET /a of example.org"},
	{name: "an expectation in chunks, twice", in: post("Expect: 100-continue", "Transfer-Encoding: chunked", "Expect: 100-CONTINUE"), want: "POST /a of example.org, chunked, continue"},
	{name: "an expectation without a body", in: post("Expect: 100-continue", "Content-Length: 0"), want: "POST /a of example.org"},
	{name: "an expectation of HTTP/1.0", in: requestOf("POST /a HTTP/1.0", []string{"Expect: 100-continue", "Content-Length: 5"}), want: "POST /a of example.org, 5 bytes, HTTP/1.0, close"},
	{name: "another expectation", in: post("Expect: 200-ok"), err: ErrExpect, status: 417},
	{name: "an expectation, and another", in: post("Expect: 100-continue, 200-ok"), err: ErrExpect, status: 417},
	{name: "an empty expectation", in: post("Expect:"), err: ErrExpect, status: 417},
}

// framingOf is a Request as the table writes it.
func framingOf(r Request) string {
	said := []string{fmt.Sprintf("%s %s of %s", r.Method, r.Target, r.Host)}
	if r.Host == nil {
		said[0] = fmt.Sprintf("%s %s of nobody", r.Method, r.Target)
	}
	if r.Origin != nil {
		said[0] += " from " + string(r.Origin)
	}
	if r.BodyLen > 0 {
		said = append(said, fmt.Sprintf("%d bytes", r.BodyLen))
	}
	for _, flag := range []struct {
		is   bool
		name string
	}{{r.Chunked, "chunked"}, {r.Continue, "continue"}, {r.Minor != 1, fmt.Sprintf("HTTP/1.%d", r.Minor)}, {r.Close, "close"}, {r.Upgrade, "upgrade"}} {
		if flag.is {
			said = append(said, flag.name)
		}
	}
	return strings.Join(said, ", ")
}

// arrive finds the head in pieces as a caller does, and parses it.
func arrive(pieces ...[]byte) (framing string, err error) {
	var b []byte
	for _, piece := range pieces {
		from := len(b)
		b = append(b, piece...)
		n, err := HeadLenFrom(b, from)
		if err != nil {
			return "", err
		}
		if n > 0 {
			r, err := ParseRequest(b[:n])
			if err != nil {
				return "", err
			}
			return framingOf(r), nil
		}
	}
	return "", nil
}

func TestParseRequest(t *testing.T) {
	for _, row := range requestRows {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				if got, err := arrive(pieces...); got != row.want || err != row.err {
					t.Errorf("%s: got %q, %v; want %q, %v", how, got, err, row.want, row.err)
				}
			}
			check("whole", in)
			check("byte by byte", bytewise(in)...)
			for cut := range in {
				if cut < 512 || cut%1024 < 2 || cut > len(in)-8 { // inside a long line one cut is like the next
					check(fmt.Sprintf("cut at %d", cut), in[:cut], in[cut:])
				}
			}
			if string(in) != row.in {
				t.Error("the head has changed")
			}
			if n, err := HeadLen(in); err == nil {
				checkRequest(t, in[:n])
			} else if r, again := ParseRequest(in); again == nil {
				t.Errorf("HeadLen says %v, and ParseRequest %s", err, framingOf(r))
			}
			if row.err == nil {
				return
			}
			response := AppendRefusal(nil, row.err)
			if want := fmt.Sprintf("HTTP/1.1 %d ", row.status); !strings.HasPrefix(string(response), want) {
				t.Errorf("it is refused with %q, want %q", response, want)
			}
			readOne(t, response)
		})
	}
}

// TestParseRequestAlone feeds what HeadLen would not have called a head.
func TestParseRequestAlone(t *testing.T) {
	for _, row := range []struct {
		name string
		in   string
		err  error
	}{
		{"nothing", "", ErrHeadNotOne},
		{"half a request line", "GET /a HTT", ErrHeadNotOne},
		{"no headers and no end", "GET /a HTTP/1.1\r\n", ErrHeadNotOne},
		{"half a header", "GET /a HTTP/1.1\r\nHo", ErrHeadNotOne},
		{"no empty line", strings.TrimSuffix(get(), "\r\n"), ErrHeadNotOne},
		{"half an empty line", strings.TrimSuffix(get(), "\n"), ErrHeaderName},
		{"a body", post("Content-Length: 5") + "hello", ErrHeadNotOne},
		{"two heads", get() + get(), ErrHeadNotOne},
		{"a bare LF", strings.ReplaceAll(get(), "\r\n", "\n"), ErrLineEnd},
		{"too much", strings.Repeat("x", HeadBytesMax+1), ErrHeadTooLarge},
	} {
		if r, err := ParseRequest([]byte(row.in)); err != row.err || framingOf(r) != framingOf(Request{}) {
			t.Errorf("%s: got %s, %v; want %v", row.name, framingOf(r), err, row.err)
		}
	}
}

func TestRequestHeaders(t *testing.T) {
	r := must(ParseRequest([]byte(get("Cookie:  a=b; c=d ", "X-Empty: \t ", "cookie: e=f"))))
	for _, field := range []struct{ name, want string }{
		{"Cookie", "a=b; c=d"}, {"COOKIE", "a=b; c=d"}, {"host", "example.org"}, {"x-empty", ""},
	} {
		if got := r.Header(field.name); got == nil || string(got) != field.want {
			t.Errorf("Header(%s) is %q, want %q", field.name, got, field.want)
		}
	}
	if r.Header("X-None") != nil || r.Header("") != nil || (&Request{}).Header("Host") != nil {
		t.Error("a header that is not there was found")
	}
	var lines []string
	for name, value := range r.Headers {
		if lines = append(lines, string(name)+"="+string(value)); len(lines) == 3 {
			break
		}
	}
	if want := []string{"Host=example.org", "Cookie=a=b; c=d", "X-Empty="}; !slices.Equal(lines, want) {
		t.Errorf("the headers are %q, want %q", lines, want)
	}
}

// checkRequest wants what ParseRequest takes to be taken by net/http, and to be
// understood in the same way. The other way round there is no such promise:
// net/http also takes bare LF, folded lines, other versions, an absolute target,
// a length beside chunks, equal lengths, and Transfer-Encoding in HTTP/1.0.
func checkRequest(t *testing.T, head []byte) {
	t.Helper()
	r, err := ParseRequest(head)
	if err != nil {
		return
	}
	src := bufio.NewReader(bytes.NewReader(head))
	theirs, err := http.ReadRequest(src)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	length, codings := r.BodyLen, []string(nil)
	if r.Chunked {
		length, codings = -1, []string{"chunked"}
	}
	for _, field := range []struct{ name, ours, theirs string }{
		{"method", string(r.Method), theirs.Method},
		{"target", string(r.Target), theirs.RequestURI},
		{"version", fmt.Sprintf("HTTP/1.%d", r.Minor), theirs.Proto},
		{"host", string(r.Host), theirs.Host},
		{"origin", string(r.Origin), theirs.Header.Get("Origin")},
		{"length", fmt.Sprint(length), fmt.Sprint(theirs.ContentLength)},
		{"codings", fmt.Sprint(codings), fmt.Sprint(theirs.TransferEncoding)},
		{"close", fmt.Sprint(r.Close), fmt.Sprint(theirs.Close)},
		{"upgrade", fmt.Sprint(r.Upgrade), fmt.Sprint(slowUpgrade(theirs))},
		{"continue", fmt.Sprint(r.Continue), fmt.Sprint(slowContinue(theirs))},
	} {
		if field.ours != field.theirs {
			t.Errorf("the %s is %q, and to net/http %q", field.name, field.ours, field.theirs)
		}
	}
	for name := range r.Headers {
		if first := string(r.Header(string(name))); !slices.Contains(hidden, strings.ToLower(string(name))) && first != theirs.Header.Get(string(name)) {
			t.Errorf("%s is %q, and to net/http %q", name, first, theirs.Header.Get(string(name)))
		}
	}
}

// hidden are the headers that net/http moves elsewhere.
var hidden = []string{"host", "transfer-encoding", "trailer"}

// slowUpgrade is the obvious twin of Request.Upgrade.
func slowUpgrade(r *http.Request) bool {
	for _, option := range strings.Split(strings.Join(r.Header["Connection"], ","), ",") {
		if strings.EqualFold(strings.Trim(option, " \t"), "upgrade") {
			return r.Proto == "HTTP/1.1" && strings.Join(r.Header["Upgrade"], "") != ""
		}
	}
	return false
}

// slowContinue is the obvious twin of Request.Continue.
func slowContinue(r *http.Request) bool {
	return r.Proto == "HTTP/1.1" && r.ContentLength != 0 && len(r.Header["Expect"]) > 0
}

// TestHostBytes holds the class against the sets that RFC 3986 builds a host
// and a port of.
func TestHostBytes(t *testing.T) {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	const subDelims, escape, literal, port = "!$&'()*+,;=", "%", "[]", ":"
	for c := range 256 {
		want := strings.Contains(unreserved+subDelims+escape+literal+port, string([]byte{byte(c)}))
		if got := classes[c]&hostByte != 0; got != want {
			t.Errorf("%q is of a host: %v, want %v", rune(c), got, want)
		}
	}
}

// TestContentLength holds the sum of digits against strconv's around its bounds.
func TestContentLength(t *testing.T) {
	for _, around := range []uint64{0, 10, math.MaxInt64 / 10, math.MaxInt64, math.MaxUint64 / 10} {
		for n := around - 12; n != around+12; n++ {
			var r Request
			fault := r.parseContentLength(fmt.Append(nil, n))
			if fits := n <= math.MaxInt64; fits != (fault == 0) || fits && r.BodyLen != int64(n) {
				t.Errorf("%d is read as %d, %v", n, r.BodyLen, fault)
			}
		}
	}
}

// FuzzParseRequest wants one outcome however the head is cut, and nothing taken
// that HeadLen or net/http understand otherwise.
func FuzzParseRequest(f *testing.F) {
	for i, row := range requestRows {
		if len(row.in) < 2048 {
			f.Add([]byte(row.in), []byte{20, 1, byte(i)})
		}
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		before := bytes.Clone(in)
		want, fault := arrive(in)
		for _, pieces := range [][][]byte{bytewise(in), cutBy(in, cuts)} {
			if got, err := arrive(pieces...); got != want || err != fault {
				t.Fatalf("whole %q, %v; in %d pieces %q, %v", want, fault, len(pieces), got, err)
			}
		}
		if _, err := ParseRequest(in); err == nil {
			if n, lenErr := HeadLen(in); n != len(in) || lenErr != nil {
				t.Fatalf("HeadLen sees %d bytes of %d, %v", n, len(in), lenErr)
			}
		}
		checkRequest(t, in)
		if n, err := HeadLen(in); err == nil {
			checkRequest(t, in[:n])
		}
		if !bytes.Equal(in, before) {
			t.Fatal("the head has changed")
		}
	})
}
