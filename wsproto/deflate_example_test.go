package wsproto_test

import (
	"fmt"
	"strings"

	"starling/wsproto"
)

// Compression is agreed on in the handshake, and used message by message.
func ExampleHandshake_AcceptDeflate() {
	head := wsproto.AppendUpgradeRequest(nil, "example.org", "/", wsproto.HandshakeKey([16]byte{}),
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	reader := wsproto.NewReader(wsproto.Server, &wsproto.Limits{MessageBytesMax: wsproto.MessageBytesMax})
	_, err := wsproto.Upgrade(nil, head, func(h *wsproto.Handshake) error {
		if h.AcceptDeflate() {
			reader.EnableDeflate()
		}
		return nil
	})
	fmt.Println(err)

	m, _, err := reader.Next([]byte("\xc1\x87\x00\x00\x00\x00\xf2\x48\xcd\xc9\xc9\x07\x00"))
	fmt.Printf("%q %v\n", m.Payload, err)

	event := `42["news","` + strings.Repeat("and so on ", 100) + `"]`
	frame := wsproto.AppendDeflatedFrame(nil, wsproto.OpText, []byte(event))
	fmt.Println(len(event), len(frame) < 100)
	// Output:
	// <nil>
	// "Hello" <nil>
	// 1013 true
}
