package api_test

import (
	"io"
	"strings"
	"testing"

	"starling/hub"
	"starling/internal/starlingtest"
)

// compressible is an argument that compression pays for.
var compressible = strings.Repeat("abcd", 1000)

// sent are emits of a compressible argument to a client, and whether it may go compressed.
var sent = []struct {
	name       string
	emit       func(s *hub.Server, socket *hub.Socket) error
	compressed bool
}{
	{"to a socket", func(_ *hub.Server, socket *hub.Socket) error { return socket.Emit("big", compressible) }, true},
	{"to everyone", func(s *hub.Server, _ *hub.Socket) error { return s.Emit("big", compressible) }, true},
	{"to everyone, with leave", func(s *hub.Server, _ *hub.Socket) error { return s.Compress(true).Emit("big", compressible) }, true},
	{"to everyone, without", func(s *hub.Server, _ *hub.Socket) error { return s.Compress(false).Emit("big", compressible) }, false},
	{"to a room, without", func(s *hub.Server, socket *hub.Socket) error {
		return s.To(socket.ID()).Compress(false).Emit("big", compressible)
	}, false},
	{"to a socket, without", func(_ *hub.Server, socket *hub.Socket) error {
		return socket.Self().Compress(false).Emit("big", compressible)
	}, false},
	{"with leave after all", func(s *hub.Server, _ *hub.Socket) error {
		return s.Compress(false).Compress(true).Emit("big", compressible)
	}, true},
}

// TestNotCompressed: what may not go compressed does not, where everything else does that is large enough.
func TestNotCompressed(t *testing.T) {
	t.Parallel()
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		var connected <-chan *hub.Socket
		s := start(t, byWebSocket, hub.Options{PerMessageDeflate: true}, func(s *hub.Server) { connected = sockets(s) })
		c := starlingtest.Dial(t, s.Addr().String())
		request := starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket")
		request = strings.Replace(request, "\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", 1)
		_, err := io.WriteString(c, request)
		ok(t, err)
		r, err := c.ReadResponse()
		ok(t, err)
		if !strings.HasPrefix(r.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Fatalf("the extension was not agreed on: %v", r.Header)
		}
		_, err = c.Write(starlingtest.Masked(starlingtest.Text, []byte("40")))
		ok(t, err)
		for range 2 {
			_, err = c.ReadFrame()
			ok(t, err)
		}
		socket := receive(t, connected)
		for _, row := range sent {
			ok(t, row.emit(s, socket))
			f, err := c.ReadFrame()
			ok(t, err)
			want(t, row.name+": the compression bit", f.Head&0x40 != 0, row.compressed) // RFC 7692 6
			want(t, row.name+": a legible payload", string(f.Payload) == `42["big","`+compressible+`"]`, !row.compressed)
		}
	})
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		var connected <-chan *hub.Socket
		s := start(t, byWebSocket, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		l, _, err := openPolling(s.Addr().String(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.close)
		p := &peer{t: t, link: l}
		p.connect("/", "")
		socket := receive(t, connected)
		for _, row := range sent {
			ok(t, row.emit(s, socket))
			r := ask(t, s.Addr().String(), starlingtest.GetRequest(l.(*polling).Target(), "Accept-Encoding: gzip"))
			want(t, row.name+": compressed", r.Header.Get("Content-Encoding") == "gzip", row.compressed)
			want(t, row.name+": a legible payload", r.Body == `42["big","`+compressible+`"]`, !row.compressed)
		}
	})
}
