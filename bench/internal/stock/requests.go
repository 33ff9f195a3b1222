package stock

import (
	"strconv"
	"time"
)

// Requests are the stock client's HTTP requests to one server, header by header.
type Requests struct {
	Host string // for the Host header
	Path string // as "/socket.io/"
	Key  string // Sec-WebSocket-Key
}

// Append appends the request for a link and returns the extended slice. An empty sid is that of a client that has no session yet;
// stamp makes the address one that nobody has asked for before.
func (r *Requests) Append(dst []byte, l Link, sid string, stamp uint64, body []byte) []byte {
	switch l {
	case Socket:
		return r.appendUpgrade(dst, sid)
	case Post:
		dst = append(r.appendLine(dst, "POST ", sid, stamp), "Content-type: text/plain;charset=UTF-8\r\nHost: "...)
		dst = append(append(dst, r.Host...), "\r\nContent-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		return append(append(dst, "\r\nConnection: close\r\n\r\n"...), body...)
	default:
		dst = append(r.appendLine(dst, "GET ", sid, stamp), "Host: "...)
		return append(append(dst, r.Host...), "\r\nConnection: close\r\n\r\n"...)
	}
}

// appendLine appends the request line and the headers that a GET and a POST begin with.
func (r *Requests) appendLine(dst []byte, method, sid string, stamp uint64) []byte {
	dst = append(append(dst, method...), r.Path...)
	dst = append(dst, "?EIO=4&transport=polling&t="...)
	dst = strconv.AppendUint(dst, stamp, 36)
	dst = appendSID(dst, sid)
	return append(dst, " HTTP/1.1\r\nUser-Agent: node-XMLHttpRequest\r\nAccept: */*\r\n"...)
}

func (r *Requests) appendUpgrade(dst []byte, sid string) []byte {
	dst = append(append(dst, "GET "...), r.Path...)
	dst = appendSID(append(dst, "?EIO=4&transport=websocket"...), sid)
	dst = append(dst, " HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = append(dst, r.Key...)
	dst = append(dst, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"...)
	dst = append(dst, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: "...)
	return append(append(dst, r.Host...), "\r\n\r\n"...)
}

func appendSID(dst []byte, sid string) []byte {
	if sid == "" {
		return dst
	}
	return append(append(dst, "&sid="...), sid...)
}

// stampCycle is 36 to the 8th: stamps have eight digits, as the stock client's.
const stampCycle = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36

// Stamp is the stamp of a request: the low digits of the clock in ns, of which no two of one client are the same.
func Stamp(ns int64) uint64 {
	return stampCycle/36 + uint64(ns/int64(time.Microsecond/10))%(stampCycle-stampCycle/36)
}
