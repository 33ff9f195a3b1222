package chaos

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// stage is how far a connection has come on the way that an honest one goes.
type stage uint8

const (
	dialling  stage = iota // TCP is not connected yet
	wired                  // TCP
	upgraded               // WebSocket
	greeted                // Engine.IO: the open packet has come
	connected              // Socket.IO: in the main namespace
	joined                 // and in the flooded room
)

// load is bytes to be sent: a head, and then a block as often as it says.
type load struct {
	head, block []byte
	times       int64
}

func (l *load) size() int64 { return int64(len(l.head)) + l.times*int64(len(l.block)) }

// after is the rest of the head or of the block, from a place before the end.
func (l *load) after(sent int64) []byte {
	if sent < int64(len(l.head)) {
		return l.head[sent:]
	}
	return l.block[(sent-int64(len(l.head)))%int64(len(l.block)):]
}

// input is something malformed, and how far one has to behave well in order to be heard.
type input struct {
	name string
	at   stage
	load load
}

// zeroMask masks nothing, which is as good as any other (RFC 6455 5.3) and leaves a frame legible.
const zeroMask = "\x00\x00\x00\x00"

// text is a text message in one masked frame.
func text(payload string) string { return frame("\x81", payload) }

// blob is a binary one.
func blob(payload string) string { return frame("\x82", payload) }

// frame is a masked frame, rightly made of whatever first byte it is given (RFC 6455 5.2).
func frame(first, payload string) string {
	head := []byte(first)
	switch n := len(payload); {
	case n < 126:
		head = append(head, 0x80|byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(n))
	}
	return string(head) + zeroMask + payload
}

// malformed is the table for a target: each entry breaks one rule that any server has to keep. A raw server knows no packets.
func malformed(host, path string, raw bool) []input {
	all := append(badRequests(host, path), badFrames()...)
	if !raw {
		all = append(all, badHandshakes(host, path)...)
		all = append(all, badPackets()...)
	}
	return all
}

// badRequests are refused with a status of 400 and more. All but one end, so that no server has a reason to wait for the rest.
func badRequests(host, path string) []input {
	get := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n"
	post := "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\n"
	upgrade := get + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	const end = "\r\n\r\n"
	var all []input
	add := func(name, sent string) { all = append(all, input{name, wired, load{head: []byte(sent)}}) }
	add("TLS in place of HTTP", "\x16\x03\x01\x00\x3c\x01\x00\x00\x38\x03\x03"+strings.Repeat("\xa5", 32)+end)
	add("bytes in place of HTTP", "\x00\xff\xfe\x80\x81"+end)
	add("words in place of HTTP", "hello, is anybody there?"+end)
	add("request without a version", "GET "+path+end)
	add("HTTP version that there is not", "GET "+path+" HTTP/x.y\r\nHost: "+host+end)
	add("lines that end in a bare LF", "GET "+path+" HTTP/1.1\nHost: "+host+"\n\n")
	add("no Host", "GET "+path+" HTTP/1.1"+end)
	add("two Hosts", get+"Host: elsewhere"+end)
	add("space before a colon", get+"X-Word : 1"+end)
	add("header without a colon", get+"nothing"+end)
	add("folded header", get+"X-Word: 1\r\n  2"+end)
	add("NUL in a header", get+"X-Word: a\x00b"+end)
	add("CR in a header", get+"X-Word: a\rb"+end)
	// Request smuggling: what two servers in a row would take for requests of different lengths (RFC 9112 11.2).
	add("two Content-Lengths", post+"Content-Length: 5\r\nContent-Length: 6"+end+"hello")
	add("Content-Length and chunks", post+"Content-Length: 4\r\nTransfer-Encoding: chunked"+end+"0\r\n\r\n")
	add("encoding that there is not", post+"Transfer-Encoding: xchunked"+end+"0\r\n\r\n")
	add("negative Content-Length", post+"Content-Length: -1"+end)
	add("Content-Length with a sign", post+"Content-Length: +5"+end+"hello")
	add("chunk larger than a number", post+"Transfer-Encoding: chunked"+end+"fffffffffffffffff\r\n")
	add("upgrade without a key", upgrade+"Sec-WebSocket-Version: 13"+end)
	add("upgrade with a short key", upgrade+"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ="+end)
	add("upgrade to an unknown version", upgrade+"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: c3RhcmxpbmctYmVuY2gtMQ=="+end)
	all = append(all,
		input{"2,000 headers", wired, load{head: []byte(get), block: bytes.Repeat([]byte("X-Word: 1\r\n"), 500), times: 4}},
		input{"line of 64 KiB", wired, load{head: []byte("GET /"), block: letters, times: 1}},
	)
	return all
}

// badHandshakes are refused by Engine.IO.
func badHandshakes(host, path string) []input {
	var all []input
	for _, row := range []struct{ name, query string }{
		{"transport that there is not", "?EIO=4&transport=__proto__"},
		{"protocol that there is not", "?EIO=99&transport=polling"},
		{"session that there is not", "?EIO=4&transport=polling&sid=__proto__"},
	} {
		request := "GET " + path + row.query + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		all = append(all, input{row.name, wired, load{head: []byte(request)}})
	}
	return all
}

// badFrames are closed with 1002, 1007, 1008 or 1009 (RFC 6455 7.4.1).
func badFrames() []input {
	var all []input
	add := func(name, sent string) { all = append(all, input{name, upgraded, load{head: []byte(sent)}}) }
	add("frame without a mask", "\x81\x01"+"2")
	add("RSV1 set", frame("\xc1", "2"))
	add("RSV2 set", frame("\xa1", "2"))
	add("RSV3 set", frame("\x91", "2"))
	add("reserved opcode 3", frame("\x83", "2"))
	add("reserved control opcode 11", frame("\x8b", ""))
	add("ping in fragments", frame("\x09", ""))
	add("ping of 126 bytes", frame("\x89", strings.Repeat("p", 126)))
	add("continuation of nothing", frame("\x80", ""))
	add("message within a message", frame("\x01", "4")+frame("\x81", "2"))
	add("length in more bytes than it needs", "\x81\xfe\x00\x01"+zeroMask+"2")
	add("length in many more bytes than it needs", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01"+zeroMask+"2")
	add("negative length", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"+zeroMask)
	add("length of 2^64-1", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"+zeroMask)
	add("length of 2^63-1", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"+zeroMask)
	add("text that is not UTF-8", text("4\xc3\x28"))
	add("text with a surrogate", text("4\xed\xa0\x80"))
	add("close of one byte", frame("\x88", "\x03"))
	add("close code 999", frame("\x88", "\x03\xe7"))
	add("close code 1005", frame("\x88", "\x03\xed"))
	add("close reason that is not UTF-8", frame("\x88", "\x03\xe8\xff"))
	// More fragments than a message has of any client that means well: each costs a server work, and is no payload.
	none := bytes.Repeat([]byte(frame("\x00", "")), 1000)
	return append(all, input{"100,000 empty fragments", upgraded, load{head: []byte(frame("\x01", "")), block: none, times: 100}})
}

// badPackets are packets of Engine.IO v4 and Socket.IO v5 that nobody may send, or that are none.
func badPackets() []input {
	var all []input
	add := func(name, sent string) { all = append(all, input{name, connected, load{head: []byte(sent)}}) }
	add("empty packet", text(""))
	add("packet type that there is not", text("9"))
	add("ping, which is the server's", text("2"))
	add("attachment that nobody waits for", blob("\x01"))
	add("Socket.IO type that there is not", text("47"))
	add("letter for a type", text("4{}"))
	add("second CONNECT", text("40"))
	add("CONNECT_ERROR, which is the server's", text(`44{"message":"x"}`))
	add("event for a namespace never joined", text(`42/never,["x"]`))
	add("JSON that ends early", text(`42["x"`))
	add("JSON with something behind it", text(`42["x"]x`))
	add("raw separator in JSON", text("42[\"x\",\"a\x1e42\"]"))
	add("event that is an object", text(`42{}`))
	add("event without a name", text(`42[]`))
	add("name that is not a string", text(`42[true]`))
	add("reserved name", text(`42["connect"]`))
	add("attachment count without a number", text(`45-["x"]`))
	add("attachment count of a fraction", text(`451.5-["x"]`))
	add("huge attachment count", text(`45999999999-["x",{"_placeholder":true,"num":0}]`))
	add("placeholder that is a word", text(`451-["x",{"_placeholder":true,"num":"splice"}]`)+blob("\x01"))
	add("ack id of 40 digits", text("42"+strings.Repeat("7", 40)+`["x"]`))
	return all
}

// fragmentBytes and blockBytes are the pieces in which messages that are too big are sent.
const (
	fragmentBytes = 16 << 10
	blockBytes    = 64 << 10
)

// oversized are messages of more than a server takes: in one frame, in fragments, and announced only.
func oversized(bytesMax int64) []load {
	frames := bytesMax/blockBytes + 1
	length := binary.BigEndian.AppendUint64([]byte("\x81\xff"), uint64(frames*blockBytes))
	return []load{
		{head: append(length, zeroMask...), block: letters, times: frames},
		{head: []byte(frame("\x01", "")), block: fragment, times: bytesMax/fragmentBytes + 1},
		{head: []byte("\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00" + zeroMask)},
	}
}

var (
	letters  = bytes.Repeat([]byte("a"), blockBytes)
	fragment = []byte(frame("\x00", string(letters[:fragmentBytes])))
)

// events is a block of events that the room application sends back.
var events = bytes.Repeat([]byte(text(`42["echo","again"]`)), 200)

// pings is a block of empty pings, as large as one write should be.
var pings = bytes.Repeat([]byte(frame("\x89", "")), 680)
