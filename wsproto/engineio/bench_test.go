package engineio

import (
	"strings"
	"testing"
	"time"
)

func BenchmarkParseText(b *testing.B) {
	message := []byte(`42["chat","hello everyone"]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseText(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPayload(b *testing.B) {
	body := []byte(strings.Repeat("42[\"chat\",\"hello everyone\"]\x1e", 999) + "2")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		n, p := 0, NewPayload(body)
		for _, ok, _ := p.Next(); ok; _, ok, _ = p.Next() {
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkAppendOpen(b *testing.B) {
	h := Handshake{"MXwLJG0x-8XErtwXAAAA", []string{"websocket"}, 25 * time.Second, 20 * time.Second, 1_000_000}
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		_ = AppendOpen(dst, h)
	}
}
