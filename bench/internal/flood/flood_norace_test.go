//go:build linux && !race && !invariants

package flood

import (
	"net/netip"
	"testing"

	"starling/wsproto"
)

type counter struct{ messages int }

func (*counter) Opened(*Conn)            {}
func (k *counter) Message(*Conn, []byte) { k.messages++ }
func (*counter) Closed(*Conn, error)     {}

func TestADeliveryAllocatesNothing(t *testing.T) {
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), SocketIO)
	in := []byte("\x81\x06" + `42["a"` + "\x81\x06" + `42["b"`)
	for _, s := range []speech{rawSpeech, socketIOSpeech} {
		k := &counter{}
		c := w.loop.take()
		*c = Conn{handler: k, reader: wsproto.NewReader(wsproto.Client, &readLimits), state: open, slot: c.slot, speech: s}
		if n := testing.AllocsPerRun(100, func() { w.loop.consume(c, in) }); n != 0 {
			t.Errorf("%v allocations for two messages", n)
		}
		if k.messages != 202 {
			t.Errorf("%d messages, want 202", k.messages)
		}
		c.state = closed
	}
}
