//go:build linux && !race && !invariants

package flood

import (
	"net/netip"
	"testing"
)

// countingCaller hears of replies and keeps none.
type countingCaller struct{ counter }

func (*countingCaller) Refused(*Conn, int, []byte) {}

func TestAReplyAllocatesNothing(t *testing.T) {
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), SocketIO)
	for name, in := range map[string]string{
		"a chunk of a stream":                  "4\r\na\nb\n\r\n",
		"replies one behind the other":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb",
		"a line in two chunks, and one in one": "2\r\n1a\r\n" + "4\r\n2\nb\n\r\n",
	} {
		k := &countingCaller{}
		c := w.loop.take()
		*c = Conn{handler: k, state: open, slot: c.slot, speech: callSpeech}
		w.loop.calls[c.slot] = &call{}
		if in[0] != 'H' {
			w.loop.consume(c, []byte(streamHead))
		}
		bytes := []byte(in)
		if n := testing.AllocsPerRun(100, func() { w.loop.consume(c, bytes) }); n != 0 {
			t.Errorf("%s: %v allocations for two lines", name, n)
		}
		if k.messages != 202 {
			t.Errorf("%s: %d lines, want 202", name, k.messages)
		}
		c.state = closed
	}
}
