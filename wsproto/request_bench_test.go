package wsproto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// pollHead is a browser's POST of a payload by long-polling.
var pollHead = []byte("POST /socket.io/?EIO=4&transport=polling&t=P2bq8xA&sid=lv_VI97HAXpY6yYWAAAC HTTP/1.1\r\n" +
	"Host: chat.example.org\r\n" +
	"Connection: keep-alive\r\n" +
	"Content-Length: 47\r\n" +
	"Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n" +
	"Content-type: text/plain;charset=UTF-8\r\n" +
	"Accept: */*\r\n" +
	"Origin: https://chat.example.org\r\n" +
	"Referer: https://chat.example.org/\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n" +
	"Cookie: session=3f786850e387550fdab836ed7e6dc881de23001b; theme=dark\r\n" +
	"\r\n")

func BenchmarkParseRequest(b *testing.B) {
	for _, head := range []struct {
		name string
		in   []byte
	}{
		{"poll", pollHead},
		{"upgrade", browserHead},
		{"options", []byte(get("Connection: " + strings.Repeat("x,", 8_000)))},
		{"escapes", []byte(asking("GET /" + strings.Repeat("%41", 5_000) + " HTTP/1.1"))},
	} {
		b.Run(head.name, func(b *testing.B) {
			b.SetBytes(int64(len(head.in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseRequest(head.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHandshakeParse is what ParseRequest is to be held against.
func BenchmarkHandshakeParse(b *testing.B) {
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		var h Handshake
		if fault := h.parse(browserHead); fault != 0 {
			b.Fatal(fault)
		}
	}
}

func BenchmarkChunked(b *testing.B) {
	for _, size := range []int{1, 64, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body := bytes.Repeat(fmt.Appendf(nil, "%x\r\n%s\r\n", size, strings.Repeat("a", size)), max(1, 4096/size))
			body = append(body, "0\r\n\r\n"...)
			dst := make([]byte, 0, len(body))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var c Chunked
				if _, _, done, err := c.Next(dst, body); !done || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
