package wsproto

import (
	"bytes"
	"fmt"
	"testing"
)

// browserHead is the upgrade request of a browser behind a cookie or two.
var browserHead = []byte("GET /socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1\r\n" +
	"Host: chat.example.org\r\n" +
	"Connection: Upgrade\r\n" +
	"Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\n" +
	"Origin: https://chat.example.org\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n" +
	"Cookie: session=3f786850e387550fdab836ed7e6dc881de23001b; theme=dark\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
	"\r\n")

func BenchmarkUpgrade(b *testing.B) {
	dst := make([]byte, 0, 512)
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Upgrade(dst, browserHead, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeadLen(b *testing.B) {
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		if n, _ := HeadLen(browserHead); n == 0 {
			b.Fatal("no head")
		}
	}
}

// BenchmarkHeadLenByteWise is the slow loris: one byte an arrival.
func BenchmarkHeadLenByteWise(b *testing.B) {
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		for i := range browserHead {
			if _, err := HeadLenFrom(browserHead[:i+1], i); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{8, 128, 1 << 10, 64 << 10} {
		payload := bytes.Repeat([]byte("a"), size)
		frame := AppendMaskedFrame(nil, OpText, [4]byte{1, 2, 3, 4}, payload)
		cuts := []struct {
			name  string
			piece int
		}{{"whole", len(frame)}, {"halves", (len(frame) + 1) / 2}, {"bytes", 1}}
		for _, cut := range cuts {
			b.Run(fmt.Sprintf("%s/%d", cut.name, size), func(b *testing.B) { benchmarkReader(b, frame, cut.piece) })
		}
	}
}

func benchmarkReader(b *testing.B, frame []byte, piece int) {
	r := NewReader(Server, &Limits{MessageBytesMax: MessageBytesMax, FragmentsMax: FragmentsMax})
	in := bytes.Clone(frame)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		copy(in, frame)
		for rest := in; len(rest) > 0; {
			_, n, err := r.Next(rest[:min(piece, len(rest))])
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	payload := bytes.Repeat([]byte("a"), 128)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		AppendFrame(dst, OpText, payload)
	}
}

func BenchmarkAppendMaskedFrame(b *testing.B) {
	payload := bytes.Repeat([]byte("a"), 128)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		AppendMaskedFrame(dst, OpText, [4]byte{1, 2, 3, 4}, payload)
	}
}

func BenchmarkPrependHeader(b *testing.B) {
	buf := make([]byte, HeaderBytesMax+128)
	b.ReportAllocs()
	for b.Loop() {
		PrependHeader(buf, OpText)
	}
}

func BenchmarkValidPrefix(b *testing.B) {
	for _, text := range []struct{ name, unit string }{{"ascii", "abcd"}, {"two-byte", "äö"}, {"four-byte", "😀"}} {
		b.Run(text.name, func(b *testing.B) {
			message := bytes.Repeat([]byte(text.unit), 1<<10/len(text.unit))
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				if _, ok := validPrefix(message); !ok {
					b.Fatal("not valid")
				}
			}
		})
	}
}
