package stock

import "testing"

// What was recorded of the real client, but for the names of the host, the session and the key.
func TestRequests(t *testing.T) {
	r := Requests{Host: "127.0.0.1:845", Path: "/socket.io/", Key: "qdSSSmn1A/mmciRD2hiXkw=="}
	const stamp = 78_364_164_096 + 35 // 36 to the 7th, and 35
	for _, tc := range []struct {
		name      string
		link      Link
		sid, body string
		want      string
	}{
		{"handshake", Get, "", "", "GET /socket.io/?EIO=4&transport=polling&t=1000000z HTTP/1.1\r\nUser-Agent: node-XMLHttpRequest\r\n" +
			"Accept: */*\r\nHost: 127.0.0.1:845\r\nConnection: close\r\n\r\n"},
		{"poll", Get, "9AAqwi_BFXclQnrNAAAD", "", "GET /socket.io/?EIO=4&transport=polling&t=1000000z&sid=9AAqwi_BFXclQnrNAAAD HTTP/1.1\r\n" +
			"User-Agent: node-XMLHttpRequest\r\nAccept: */*\r\nHost: 127.0.0.1:845\r\nConnection: close\r\n\r\n"},
		{"POST", Post, "9AAqwi_BFXclQnrNAAAD", `40{"token":"t"}`, "POST /socket.io/?EIO=4&transport=polling&t=1000000z&sid=9AAqwi_BFXclQnrNAAAD HTTP/1.1\r\n" +
			"User-Agent: node-XMLHttpRequest\r\nAccept: */*\r\nContent-type: text/plain;charset=UTF-8\r\nHost: 127.0.0.1:845\r\n" +
			"Content-Length: 15\r\nConnection: close\r\n\r\n40{\"token\":\"t\"}"},
		{"upgrade", Socket, "9AAqwi_BFXclQnrNAAAD", "", "GET /socket.io/?EIO=4&transport=websocket&sid=9AAqwi_BFXclQnrNAAAD HTTP/1.1\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: qdSSSmn1A/mmciRD2hiXkw==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1:845\r\n\r\n"},
		{"WebSocket at once", Socket, "", "", "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: qdSSSmn1A/mmciRD2hiXkw==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1:845\r\n\r\n"},
	} {
		if got := string(r.Append([]byte("before"), tc.link, tc.sid, stamp, []byte(tc.body))); got != "before"+tc.want {
			t.Errorf("%s:\n%q, want\n%q", tc.name, got, tc.want)
		}
	}
}

func TestStampsHaveEightDigits(t *testing.T) {
	const least, end = 78_364_164_096, 2_821_109_907_456 // 36 to the 7th and to the 8th
	for _, tc := range []struct {
		ns   int64
		want uint64
	}{
		{0, least},
		{99, least},
		{100, least + 1},
		{(end-least)*100 - 100, end - 1},
		{(end - least) * 100, least}, // and around
	} {
		if got := Stamp(tc.ns); got != tc.want {
			t.Errorf("%d: %d, want %d", tc.ns, got, tc.want)
		}
	}
}
