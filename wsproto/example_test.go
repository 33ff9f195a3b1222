package wsproto_test

import (
	"fmt"

	"starling/wsproto"
)

// A server answers the request once its head is whole, and what follows the
// head is frames.
func ExampleUpgrade() {
	arrived := []byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" +
		"Host: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Origin: https://example.net\r\n\r\n")
	n, err := wsproto.HeadLen(arrived)
	if n == 0 || err != nil {
		return // wait for more, or refuse
	}
	response, err := wsproto.Upgrade(nil, arrived[:n], func(h *wsproto.Handshake) error {
		if string(h.Origin) != "https://example.org" {
			return &wsproto.Refusal{Status: 403, Body: "origin is not allowed"}
		}
		return nil
	})
	fmt.Println(err)
	fmt.Printf("%.22s\n", response)
	// Output:
	// websocket handshake refused with 403: origin is not allowed
	// HTTP/1.1 403 Forbidden
}

// Each arrival is taken to its end, however many messages it completes.
func ExampleReader() {
	limits := &wsproto.Limits{MessageBytesMax: wsproto.MessageBytesMax, FragmentsMax: wsproto.FragmentsMax}
	reader := wsproto.NewReader(wsproto.Client, limits)
	for _, in := range [][]byte{
		[]byte("\x81\x05Hello\x01\x02Go"), // a message, and the first fragment of another
		[]byte("\x89\x00\x80\x05phe"),     // a ping, and most of the last fragment
		[]byte("rs"),
		[]byte("\x81\x01\xff"), // text that is not UTF-8
	} {
		for len(in) > 0 {
			m, n, err := reader.Next(in)
			if err != nil {
				fmt.Println(wsproto.CloseCodeOf(err), err)
				return
			}
			if m.Op != wsproto.None {
				fmt.Printf("%x %q\n", m.Op, m.Payload)
			}
			in = in[n:]
		}
	}
	// Output:
	// 1 "Hello"
	// 9 ""
	// 1 "Gophers"
	// 1007 websocket: text message is not UTF-8
}

// What goes to many is encoded once, behind room for its header.
func ExamplePrependHeader() {
	buf := make([]byte, wsproto.HeaderBytesMax, 64)
	buf = append(buf, `42["tick",1]`...)
	frame := wsproto.PrependHeader(buf, wsproto.OpText)
	fmt.Printf("%q\n", frame)
	// Output: "\x81\f42[\"tick\",1]"
}
