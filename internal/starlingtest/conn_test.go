package starlingtest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestWire(t *testing.T) {
	want := []byte{0x81, 0x02, 'H', 'i', 0, 0, 0, 'a', 'a'}
	if got := Wire("8102 'Hi' 00*3 'a'*2 ff*0"); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestMasked(t *testing.T) {
	for _, tc := range []struct{ name, payload, begins string }{
		{"the masked Hello of RFC 6455 5.7", "Hello", "81 85 37fa213d 7f9f4d5158"},
		{"nothing", "", "81 80 37fa213d"},
		{"125", strings.Repeat("H", 125), "81 fd 37fa213d 7fb269"},
		{"126", strings.Repeat("H", 126), "81 fe 007e 37fa213d 7fb269"},
		{"65535", strings.Repeat("H", 65535), "81 fe ffff 37fa213d 7fb269"},
		{"65536", strings.Repeat("H", 65536), "81 ff 0000000000010000 37fa213d 7fb269"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Masked(Text, []byte(tc.payload))
			header := bytes.IndexByte(got, 0x37) + len("mask")
			if !bytes.HasPrefix(got, Wire(tc.begins)) || len(got) != header+len(tc.payload) {
				t.Errorf("got %d bytes, % .20x", len(got), got)
			}
		})
	}
}

func TestReadFrame(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		length   int // of the payload; -1 for an error
	}{
		{"nothing in it", "81 00", 0},
		{"125", "82 7d 'x'*125", 125},
		{"126", "82 7e 007e 'x'*126", 126},
		{"65536", "82 7f 0000000000010000 'x'*65536", 65536},
		{"a mask", "81 85 37fa213d 7f9f4d5158", -1},
		{"125 in 16 bits", "82 7e 007d 'x'*125", -1},
		{"65535 in 64 bits", "82 7f 000000000000ffff 'x'*65535", -1},
		{"more than a test can mean", "82 7f 7fffffffffffffff", -1},
		{"a payload that is cut", "82 02 'x'", -1},
		{"a header that is cut", "82 7e 00", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := Wire(tc.in)
			f, err := over(in).ReadFrame()
			if tc.length < 0 {
				if err == nil {
					t.Errorf("got %x, % .20x; want an error", f.Head, f.Payload)
				}
				return
			}
			if err != nil || f.Head != in[0] || len(f.Payload) != tc.length || !bytes.HasSuffix(in, f.Payload) {
				t.Errorf("got %x, % .20x and %v", f.Head, f.Payload, err)
			}
		})
	}
}

func TestUpgraded(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	for _, tc := range []struct {
		name, response string
		want           error // nil: some error
	}{
		{"silence", "", ErrSilent},
		{"a whole refusal", "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", RefusedError{503}},
		{"a refusal that is cut", "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn", io.ErrUnexpectedEOF},
		{"a head that is cut", "HTTP/1.1 503 Bu", io.ErrUnexpectedEOF},
		{"more behind a refusal", "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno!", nil},
		{"another accept", strings.Replace(good, "s3p", "S3P", 1), nil},
		{"an extension", strings.Replace(good, "Upgrade:", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade:", 1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := over([]byte(tc.response)).Upgraded()
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	if err := over([]byte(good)).Upgraded(); err != nil {
		t.Errorf("a good response: %v", err)
	}
}

// over is a connection on which the server has sent in and then closed.
func over(in []byte) *Conn { return &Conn{in: bufio.NewReader(bytes.NewReader(in))} }
