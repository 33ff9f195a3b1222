//go:build linux && !race && !invariants

package scenario

import (
	"testing"

	"starling/bench/internal/ledger"
)

// A message through the control API costs no allocation, nor does its reply, whichever way it goes.
func TestAMessageThroughTheAPIAllocatesNothing(t *testing.T) {
	for _, requests := range []bool{false, true} {
		r, c, _ := testRoute(Config{Connections: 4, Rooms: 2}, API{Requests: requests, Key: "key"})
		text := []byte(`{"status":200,"id":"01J9ZK3V5T8Y2W6Q4R7N0M1P3S","matched":2,"queued":2,"dropped":0}`)
		n := testing.AllocsPerRun(1000, func() {
			r.publish(c, ledger.Stamp{Room: 1})
			r.direct(c, "AbC", ledger.Stamp{})
			r.flush()
			r.replied(c, 200, text, 1)
			r.replied(c, 200, text, 1)
		})
		if n != 0 || r.faults > 0 || r.accepted != 2002 {
			t.Errorf("requests %v: %v allocations for two messages, %d faults, %d accepted", requests, n, r.faults, r.accepted)
		}
	}
}
