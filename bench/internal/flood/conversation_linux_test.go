package flood

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"starling/wsproto"
)

// heardOf is all that a handler hears of a connection to which the pieces come.
func heardOf(w *watcher, as speech, pieces ...[]byte) []string {
	w.opened, w.messages, w.causes = 0, nil, nil
	c := w.loop.take()
	*c = Conn{handler: w, reader: wsproto.NewReader(wsproto.Client, &readLimits), fd: -1, slot: c.slot, state: upgrading, speech: as}
	for _, piece := range pieces {
		if len(piece) > 0 && c.state != closed {
			w.loop.consume(c, slices.Clone(piece))
		}
	}
	said := []string{fmt.Sprint("opened ", w.opened)}
	said = append(said, w.messages...)
	for _, cause := range w.causes {
		said = append(said, Label(cause))
	}
	w.loop.Close(c)
	return said
}

// FuzzConversation wants the same heard of an upgrade and of what follows it, whole, byte by byte and cut in two, in each of
// the protocols; at most one end of it, and no message before it is open.
func FuzzConversation(f *testing.F) {
	const refused = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	for _, seed := range []string{
		switching + "\x81\x05hello\x82\x01\x00\x89\x00\x88\x02\x03\xe8",
		switching + openPacket + connected + "\x81\x06" + `42["a"` + "\x01\x02" + `42` + "\x80\x04" + `["b"`,
		switching + openPacket + "\x81\x04" + `44{}` + "\x81\x02" + `42`,
		switching + helloAnswer + "\x81\x11" + `{"id":2}` + "\n" + `{"id":3}`,
		switching + "\x81\x1b" + `{"id":1,"error":{"code":1}}`,
		refused, "HTTP/1.1 101\r\n\r\n", "\n", "SSH-2.0\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(len(seed)/2))
	}
	w := &watcher{}
	loop, err := NewLoop(NewTarget(netip.MustParseAddrPort("127.0.0.1:1"), "example.org", "/socket.io/", SocketIO), [4]byte{1, 2, 3, 4})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(loop.Shut)
	w.loop = loop
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		at := min(int(cut), len(in))
		for _, as := range []speech{rawSpeech, socketIOSpeech, centrifugeSpeech} {
			whole := heardOf(w, as, in)
			if w.opened > 1 || len(w.causes) > 1 || w.opened == 0 && len(w.messages) > 0 && as != socketIOSpeech {
				t.Fatalf("protocol %d: %d times open, %q, %v", as, w.opened, w.messages, w.causes)
			}
			if got := heardOf(w, as, in[:at], in[at:]); !slices.Equal(got, whole) {
				t.Fatalf("protocol %d: whole %q, cut at %d %q", as, whole, at, got)
			}
			if got := heardOf(w, as, slices.Collect(slices.Chunk(in, 1))...); !slices.Equal(got, whole) {
				t.Fatalf("protocol %d: whole %q, byte by byte %q", as, whole, got)
			}
		}
		if len(loop.heads)+len(loop.unsent) != 0 {
			t.Fatal("closed connections leave bytes behind")
		}
	})
}

// TestCheckResponse: of a refusal the status is told, of what only looks like an acceptance the rule that it breaks.
func TestCheckResponse(t *testing.T) {
	for _, tc := range []struct {
		name, head string
		want       error
	}{
		{"accepted", switching, nil},
		{"refused", "HTTP/1.1 503 Service Unavailable\r\n\r\n", StatusError(503)},
		{"without a reason", "HTTP/1.1 400\r\n\r\n", StatusError(400)},
		{"of another protocol", "SSH-2.0-x y\r\n\r\n", wsproto.ErrResponseStatus},
		{"no status", "HTTP/1.1\r\n\r\n", wsproto.ErrResponseStatus},
		{"another key's", strings.Replace(switching, "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", 1), wsproto.ErrResponseAccept},
		{"no upgrade", strings.Replace(switching, "Upgrade: websocket\r\n", "", 1), wsproto.ErrResponseUpgrade},
	} {
		if err := checkResponse([]byte(tc.head)); err != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}
