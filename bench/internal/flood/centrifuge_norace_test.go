//go:build linux && !race && !invariants

package flood

import (
	"net/netip"
	"testing"

	"starling/wsproto"
)

func TestACentrifugeDeliveryAllocatesNothing(t *testing.T) {
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), Centrifuge)
	k := &counter{}
	c := w.loop.take()
	*c = Conn{handler: k, reader: wsproto.NewReader(wsproto.Client, &readLimits), state: open, slot: c.slot, speech: centrifugeSpeech}
	in := []byte("\x81\x19" + `{"push":"a"}` + "\n" + `{"push":"b"}`)
	if n := testing.AllocsPerRun(100, func() { w.loop.consume(c, in) }); n != 0 {
		t.Errorf("%v allocations for two messages", n)
	}
	if k.messages != 202 {
		t.Errorf("%d messages, want 202", k.messages)
	}
	c.state = closed
}
