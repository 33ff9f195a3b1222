package wsproto

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// responseRows are response heads, and what a client says of them.
var responseRows = []struct {
	name string
	head string
	err  error
}{
	{name: "accepted", head: goodResponse},
	{name: "in any case, among others", head: strings.NewReplacer("Upgrade: websocket", "UPGRADE: WebSocket", "Connection: Upgrade", "connection: keep-alive,upgrade\r\nDate: x", "Accept: s3", "Accept:s3").Replace(goodResponse)},
	{name: "without a reason", head: strings.Replace(goodResponse, "Switching Protocols", "", 1)},
	{name: "of the greatest size", head: strings.Replace(goodResponse, "\r\n", strings.Repeat("x", HeadBytesMax-len(goodResponse))+"\r\n", 1)},
	{name: "200", head: strings.Replace(goodResponse, "101", "200", 1), err: ErrResponseStatus},
	{name: "1010", head: strings.Replace(goodResponse, "101", "1010", 1), err: ErrResponseStatus},
	{name: "HTTP/1.0", head: strings.Replace(goodResponse, "1.1", "1.0", 1), err: ErrResponseStatus},
	{name: "no Upgrade", head: strings.Replace(goodResponse, "Upgrade: websocket\r\n", "", 1), err: ErrResponseUpgrade},
	{name: "another Upgrade", head: strings.Replace(goodResponse, "websocket", "h2c", 1), err: ErrResponseUpgrade},
	{name: "no Connection", head: strings.Replace(goodResponse, "Connection: Upgrade\r\n", "", 1), err: ErrResponseConnection},
	{name: "another Connection", head: strings.Replace(goodResponse, "Connection: Upgrade", "Connection: close", 1), err: ErrResponseConnection},
	{name: "no Accept", head: strings.Replace(goodResponse, "Accept", "Except", 1), err: ErrResponseAccept},
	{name: "another Accept", head: strings.Replace(goodResponse, "s3pP", "S3pP", 1), err: ErrResponseAccept},
	{name: "an extension", head: strings.Replace(goodResponse, "Upgrade: ", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: ", 1), err: ErrResponseExtension},
	{name: "a subprotocol", head: strings.Replace(goodResponse, "Upgrade: ", "Sec-WebSocket-Protocol: chat\r\nUpgrade: ", 1), err: ErrResponseExtension},
	{name: "a header that is none", head: strings.Replace(goodResponse, "Upgrade: ", "Upgrade ", 1), err: ErrHeaderName},
	{name: "a status line that is none", head: strings.Replace(goodResponse, "HTTP", "\x00", 1), err: ErrHeadByte},
	{name: "not whole", head: strings.TrimSuffix(goodResponse, "\r\n"), err: ErrHeadNotOne},
	{name: "with a frame behind", head: goodResponse + "\x81\x00", err: ErrHeadNotOne},
	{name: "bare LF", head: strings.ReplaceAll(goodResponse, "\r\n", "\n"), err: ErrLineEnd},
	{name: "of a byte more", head: strings.Replace(goodResponse, "\r\n", strings.Repeat("x", HeadBytesMax+1-len(goodResponse))+"\r\n", 1), err: ErrHeadTooLarge},
}

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

func TestCheckUpgradeResponse(t *testing.T) {
	for _, row := range responseRows {
		t.Run(row.name, func(t *testing.T) {
			if err := CheckUpgradeResponse([]byte(row.head), sampleKey); err != row.err {
				t.Errorf("got %v, want %v", err, row.err)
			}
		})
	}
	if err := CheckUpgradeResponse([]byte(goodResponse), "AAAAAAAAAAAAAAAAAAAAAA=="); err != ErrResponseAccept {
		t.Errorf("for another key there is %v", err)
	}
}

func TestAppendUpgradeRequest(t *testing.T) {
	got := AppendUpgradeRequest([]byte("before "), "example.org", "/socket.io/?EIO=4", sampleKey, "Origin: http://example.org", "Cookie: a=b")
	want := "before GET /socket.io/?EIO=4 HTTP/1.1\r\n" +
		"Host: example.org\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Origin: http://example.org\r\n" +
		"Cookie: a=b\r\n" +
		"\r\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	response, err := Upgrade(nil, got[len("before "):], nil)
	if err != nil || string(response) != goodResponse {
		t.Errorf("it is answered with %q, %v", response, err)
	}
}

func TestHandshakeKey(t *testing.T) {
	if got := HandshakeKey([16]byte([]byte("the sample nonce"))); got != sampleKey {
		t.Errorf("got %s, want %s", got, sampleKey)
	}
}

// slowAccepts is the obvious twin of CheckUpgradeResponse, for heads that both
// parsers can read: net/http reads the headers, RFC 6455 4.1 says what they are to be.
func slowAccepts(r *http.Response) bool {
	upgrades := r.Header["Upgrade"]
	options := strings.Split(strings.Join(r.Header["Connection"], ","), ",")
	accepts := r.Header["Sec-Websocket-Accept"]
	return r.Proto == "HTTP/1.1" && r.StatusCode == 101 &&
		len(upgrades) > 0 && strings.EqualFold(upgrades[len(upgrades)-1], "websocket") &&
		slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(strings.Trim(o, " \t"), "upgrade") }) &&
		len(accepts) > 0 && accepts[len(accepts)-1] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" &&
		r.Header["Sec-Websocket-Extensions"] == nil && r.Header["Sec-Websocket-Protocol"] == nil
}

// FuzzCheckUpgradeResponse wants no panic, acceptance only of what holds the accept
// of the key, and of a head that net/http reads the same judgement of its headers.
func FuzzCheckUpgradeResponse(f *testing.F) {
	for _, row := range responseRows {
		f.Add([]byte(row.head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		before := string(head)
		err := CheckUpgradeResponse(head, sampleKey)
		if string(head) != before {
			t.Fatal("the head has changed")
		}
		if n, lenErr := HeadLen(head); err == nil && (n != len(head) || lenErr != nil || !strings.Contains(before, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
			t.Errorf("accepted: %q, of which HeadLen says %d, %v", head, n, lenErr)
		}
		response, theirErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
		unread := err != ErrResponseStatus && err != ErrResponseUpgrade && err != ErrResponseConnection && err != ErrResponseAccept && err != ErrResponseExtension
		switch {
		case theirErr != nil && err == nil:
			t.Errorf("accepted: %q, of which net/http says %v", head, theirErr)
		case theirErr == nil && (err == nil || !unread) && slowAccepts(response) != (err == nil):
			t.Errorf("%q: %v, and by net/http %v", head, err, response.Header)
		}
	})
}
