//go:build !race

package engineio

import (
	"testing"
	"time"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	message := []byte(`42["chat","hello everyone"]`)
	body := []byte("42[\"a\"]\x1e3\x1e42[\"b\",1]")
	packets := []Packet{{Type: Message, Data: message}, {Type: Message, Data: message, Binary: true}}
	handshake := Handshake{"MXwLJG0x-8XErtwXAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1_000_000}
	dst := make([]byte, 0, 4096)

	rows := []struct {
		name string
		run  func()
	}{
		{"ParseText", func() { _, _ = ParseText(message) }},
		{"ParseText of a bad packet", func() { _, _ = ParseText(body[:0]) }},
		{"AppendText", func() { _ = AppendText(dst, Message, message) }},
		{"AppendBinaryBase64", func() { _ = AppendBinaryBase64(dst, message) }},
		{"AppendPayload", func() { _, _ = AppendPayload(dst, packets...) }},
		{"AppendOpen", func() { _ = AppendOpen(dst, handshake) }},
		{"AppendError", func() { _ = AppendError(dst, UnknownSession, "") }},
		{"CheckText", func() { _ = CheckText(body) }},
		{"Payload", func() {
			p := NewPayload(body)
			for _, ok, _ := p.Next(); ok; _, ok, _ = p.Next() {
			}
		}},
	}
	for _, row := range rows {
		if allocs := testing.AllocsPerRun(200, row.run); allocs != 0 {
			t.Errorf("%s: %v allocations a run, want none", row.name, allocs)
		}
	}
}
