package server_test

import (
	"errors"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// allowedOrigin is the one that the abused server allows.
const allowedOrigin = "https://app.example.com"

// TestAbuse does to a server what no client does that means well.
func TestAbuse(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--origins", allowedOrigin, "--credentials", "--cookie", "io"))
	withstands(t, s, []abuse{
		{"requests that end their connection", refusedRequests},
		{"line ends in what is repeated", lineEnds},
		{"a megabyte of headers, byte by byte", headerFlood},
		{"forbidden origins", forbiddenOrigins},
		{"100 GETs at once", manyGets},
		{"100 POSTs at once", manyPosts},
		{"POSTs that overlap", overlappingPosts},
		{"unknown sessions", unknownSessions},
		{"large bodies for unknown sessions", bodiesForNobody},
		{"bodies of many packets", manyPackets},
		{"answers that nobody fetches", unfetchedAnswers},
		{"packets within packets", forgedPackets},
		{"1,000 requests in one piece", pipelined},
		{"1,000 GETs of one session in one piece", pipelinedGets},
		{"half-closed connections", halfClosed},
		{"upgrades to HTTP/2, and a reset", upgradeAndReset},
		{"random bytes", randomBytes},
	}, "refused a page of an origin that is not allowed")
}

// refused is a request that must be answered with a status, and that is the last of its connection. SID stands for the
// id of a session.
type refused struct {
	name, request string
	status        int
}

func refusals() []refused {
	post := func(headers string) string {
		return "POST " + pollTarget + "&sid=SID HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n\r\n"
	}
	get := func(headers string) string {
		return "GET " + pollTarget + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n\r\n"
	}
	return []refused{
		{"a body of 10^12 bytes", post("Content-Length: 1000000000000"), 413},
		{"a body of 1 byte too many", post("Content-Length: 1000001"), 413},
		{"a body of 2^63-1 bytes", post("Content-Length: 9223372036854775807"), 413},
		{"a body of 2^63 bytes", post("Content-Length: 9223372036854775808"), 400},
		{"a body of 2^64 bytes", post("Content-Length: 18446744073709551616"), 400},
		{"a body of -1 bytes", post("Content-Length: -1"), 400},
		{"a body of +1 bytes", post("Content-Length: +1"), 400},
		{"a body of no length", post("Content-Length:"), 400},
		{"a body of two lengths", post("Content-Length: 1\r\nContent-Length: 2"), 400},
		{"a body of a list of lengths", post("Content-Length: 1, 1"), 400},
		{"a body of a hexadecimal length", post("Content-Length: 0x10"), 400},
		{"length and chunks", post("Content-Length: 4\r\nTransfer-Encoding: chunked"), 400},
		{"chunks and length", post("Transfer-Encoding: chunked\r\nContent-Length: 4"), 400},
		{"chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
		{"chunks within gzip", post("Transfer-Encoding: gzip, chunked"), 501},
		{"gzip within chunks", post("Transfer-Encoding: chunked, gzip"), 400},
		{"chunks that hide", post("Transfer-Encoding: xchunked"), 400},
		{"chunks in HTTP/1.0", strings.Replace(post("Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1), 400},
		{"a chunk without a size", post("Transfer-Encoding: chunked") + "\r\n", 400},
		{"a chunk of zz bytes", post("Transfer-Encoding: chunked") + "zz\r\n", 400},
		{"a chunk of 2^59 bytes", post("Transfer-Encoding: chunked") + "800000000000000\r\n", 413},
		{"a chunk of 2^64 bytes", post("Transfer-Encoding: chunked") + "10000000000000000\r\n", 400},
		{"a chunk without an end", post("Transfer-Encoding: chunked") + "1\r\n33", 400},
		{"an expectation", post("Content-Length: 1\r\nExpect: 200-ok"), 417},

		{"101 headers", get(strings.TrimSuffix(strings.Repeat("X: y\r\n", 100), "\r\n")), 431},
		{"a line of 16 KiB", get("X: " + strings.Repeat("y", 16<<10)), 431},
		{"a target of 16 KiB", "GET " + pollTarget + strings.Repeat("x", 16<<10) + " HTTP/1.1\r\n", 431},
		{"a header without a name", get(": y"), 400},
		{"a header with a space before the colon", get("Content-Length : 4"), 400},
		{"a folded header", get("X: y\r\n z"), 400},
		{"a header with a NUL", get("X: y\x00z"), 400},
		{"a header with CR", get("X: y\rz"), 400},
		{"a header with LF", get("X: y\nz"), 400},
		{"two hosts", get("Host: localhost"), 400},
		{"no host", "GET " + pollTarget + " HTTP/1.1\r\n\r\n", 400},
		{"a host with a space", "GET " + pollTarget + " HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"a target elsewhere", "GET http://evil.example" + pollTarget + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"a target with a fragment", "GET " + pollTarget + "#x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"a tunnel", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		{"HTTP/1.2", "GET " + pollTarget + " HTTP/1.2\r\nHost: localhost\r\n\r\n", 505},
		{"HTTP/0.9", "GET " + pollTarget + "\r\n\r\n", 400},
		{"two origins", get("Origin: " + allowedOrigin + "\r\nOrigin: https://evil.example"), 400},
	}
}

// refusedRequests sends each of them whole and byte by byte. None may end the session that it names.
func refusedRequests(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	for _, r := range refusals() {
		request := strings.Replace(r.request, "SID", c.SID, 1)
		for _, piece := range []int{len(request), 1} {
			conn := starlingtest.Dial(t, s.Addr)
			go inPieces(conn, request, piece)
			got, err := conn.LastResponse()
			if err != nil || got.Status != r.status {
				t.Errorf("%s, in pieces of %d: answered with %d and %q, %v; want %d and the end", r.name, piece, got.Status, got.Body, err, r.status)
			}
			conn.Close()
		}
		if strings.Contains(r.name, "a chunk ") { // it was under way, and may have been half a packet
			c = mustJoinPolling(t, s.Addr)
		}
	}
	if err := errors.Join(c.echo(), c.leave()); err != nil {
		t.Error(err)
	}
}

// lineEnds puts line ends wherever the server repeats what it was sent. Each answer must be one HTTP message all the same.
func lineEnds(t *testing.T, s *starlingtest.Server) {
	const evil, escaped = "x\r\nInjected: yes\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "x%0d%0aInjected:%20yes%0d%0a%0d%0aHTTP/1.1%20200%20OK"
	c := mustJoinPolling(t, s.Addr)
	preflight := func(header string) string {
		return "OPTIONS " + pollTarget + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccess-Control-Request-Method: POST\r\n" + header + "\r\n\r\n"
	}
	for _, tc := range []struct {
		name, request string
		status        int
	}{
		{"in the path", starlingtest.GetRequest("/socket.io/"+escaped+"/?EIO=4&transport=polling&sid=1", "Connection: close"), 400},
		{"in another path", starlingtest.GetRequest("/"+escaped, "Connection: close"), 404},
		{"in the transport", starlingtest.GetRequest("/socket.io/?EIO=4&transport="+escaped, "Connection: close"), 400},
		{"in the version", starlingtest.GetRequest("/socket.io/?transport=polling&EIO="+escaped, "Connection: close"), 400},
		{"in a session's id", starlingtest.GetRequest(pollTarget+"&sid="+escaped, "Connection: close"), 400},
		{"in a session's id, between its halves", starlingtest.GetRequest(pollTarget+"&sid="+c.SID[:10]+"%0d%0a"+c.SID[10:], "Connection: close"), 400},
		{"in the origin", starlingtest.GetRequest(pollTarget, "Connection: close", "Origin: "+allowedOrigin+escaped), 403},
		{"in the origin, as CR", starlingtest.GetRequest(pollTarget, "Connection: close", "Origin: "+allowedOrigin+"\rInjected: yes"), 400},
		{"in the origin, as LF", starlingtest.GetRequest(pollTarget, "Connection: close", "Origin: "+allowedOrigin+"\nInjected: yes"), 400},
		{"in the headers that a page wants to send", preflight("Origin: " + allowedOrigin + "\r\nAccess-Control-Request-Headers: x" + escaped), 204},
		{"in these headers, as CR", preflight("Origin: " + allowedOrigin + "\r\nAccess-Control-Request-Headers: x\rInjected: yes"), 400},
		{"in the request's own query, behind an upgrade", strings.Replace(starlingtest.UpgradeRequest(target+"&sid="+escaped), "Sec-WebSocket-Key: ", "Sec-WebSocket-Key: !", 1), 400},
	} {
		if r, err := ask(t, s, tc.request); err != nil || r.Status != tc.status || r.Header["Injected"] != nil {
			t.Errorf("%s: answered with %d, %v and %v; want %d alone", tc.name, r.Status, r.Header, err, tc.status)
		}
	}
	for _, packet := range []string{"40/" + evil + ",", `420["echo","` + strings.ReplaceAll(evil, "\r\n", `\r\n`) + `"]`, "40/" + evil, `42["` + evil + `"]`} {
		c := mustJoinPolling(t, s.Addr)
		if err := c.Post(packet); err != nil {
			t.Errorf("%q: %v", packet, err)
		}
		r, err := ask(t, s, starlingtest.GetRequest(c.Target(), "Connection: close"))
		if err != nil || r.Header["Injected"] != nil {
			t.Errorf("%q: the answer is %v, %v", packet, r.Header, err)
		}
	}
}

// headerFlood sends headers without end. The server reads no more of them than it allows.
func headerFlood(t *testing.T, s *starlingtest.Server) {
	line := "X-Header: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
	flood := "GET " + pollTarget + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat(line, 1_000_000/len(line))
	c := starlingtest.Dial(t, s.Addr)
	defer c.Close()
	go inPieces(c, flood, 1)
	if r, err := c.LastResponse(); err != nil || r.Status != 431 {
		t.Errorf("answered with %d, %v; want 431 and the end", r.Status, err)
	}
}

// forbiddenOrigins has pages of other sites try their luck, to begin sessions and to get at that of somebody else.
func forbiddenOrigins(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	for _, origin := range []string{
		"https://evil.example", "http://evil.example:8080", "null", "file://", "http://app.example.com", "https://app.example.com:444",
		"https://app.example.com.evil.example", "https://evil.example/.app.example.com", "https://app.example.com@evil.example",
		"https://app.example.comevil", "https://xapp.example.com", "https://sub.app.example.com", "https://app.example.com/",
		"//app.example.com", "app.example.com", "*", "http://localhost.evil.example", "http://localhost:8080", "chrome-extension://abc", "https://",
	} {
		header := "Origin: " + origin
		for what, request := range map[string]string{
			"a handshake": starlingtest.GetRequest(pollTarget, "Connection: close", header),
			"a GET":       starlingtest.GetRequest(c.Target(), "Connection: close", header),
			"a POST":      starlingtest.PostRequest(c.Target(), "41", "Connection: close", header),
			"a WebSocket": withHeader(starlingtest.UpgradeRequest(target), header),
			"an upgrade":  withHeader(starlingtest.UpgradeRequest(c.UpgradeTarget()), header),
		} {
			r, err := ask(t, s, request)
			if err != nil || r.Status != 403 || r.Header["Access-Control-Allow-Origin"] != nil {
				t.Errorf("%s from %s was answered with %d, %v and %v; want 403 and nothing allowed", what, origin, r.Status, r.Header, err)
			}
		}
	}
	for _, origin := range []string{allowedOrigin, "http://localhost", "https://localhost"} {
		r, err := ask(t, s, starlingtest.GetRequest(pollTarget, "Connection: close", "Origin: "+origin))
		if err != nil || r.Status != 200 {
			t.Errorf("a handshake from %s was answered with %d, %v", origin, r.Status, err)
		}
		ws := dial(t, s, withHeader(starlingtest.UpgradeRequest(target), "Origin: "+origin))
		if _, err := ws.ReadResponse(); err != nil {
			t.Errorf("a WebSocket from %s: %v", origin, err)
		}
		ws.Close()
	}
	if err := errors.Join(c.echo(), c.leave()); err != nil {
		t.Errorf("the session of somebody else: %v", err)
	}
}
