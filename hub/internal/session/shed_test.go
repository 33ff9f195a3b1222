package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestShed: who goes is whoever has most waiting, by any transport, and all that waits for him is let go of.
func TestShed(t *testing.T) {
	k := newTalk(t)
	emit := func(n int) { k.command("emit " + strings.Repeat("x", n)) }
	websocket := func(waits int) {
		k.open("0")
		k.command("upgrade /socket.io/?EIO=4&transport=websocket")
		k.end.peer.Stalled, k.end.peer.Window = true, 0
		emit(waits - 3) // a header and a type
	}
	polling := func(waits int) {
		k.begin("0")
		emit(waits - 3)
	}
	websocket(100)
	polling(50)
	websocket(20)
	polling(120)
	polling(10)
	k.command("end forced close") // it waits for its client all the same
	k.begin("0")                  // for this one nothing does
	k.open("0")
	k.command("upgrade /socket.io/?EIO=4&transport=websocket")

	table := k.tables[0]
	shed := func(n, freed int, left ...int) {
		t.Helper()
		k.on(table.loop, func() {
			if got := table.Shed(n); got != freed {
				t.Errorf("%d bytes were freed, want %d", got, freed)
			}
		})
		k.on(table.loop, func() {
			if got := table.Backlogs(); !slices.Equal(got, left) {
				t.Errorf("there wait %v bytes, want %v", got, left)
			}
		})
		k.counted()
	}
	shed(0, 0, 120, 100, 50, 20, 10)
	shed(2, 220, 50, 20, 10)
	shed(3, 80)
	websocket(30)
	k.end.peer.Resume()
	shed(3, 0)
	var ends []string
	for _, u := range k.uppers {
		ends = append(ends, fmt.Sprint(u.closed, " ", u.why))
	}
	const slow = "true slow consumer"
	if want := []string{slow, slow, slow, slow, "true forced close", "false unknown", "false unknown", "false unknown"}; !slices.Equal(ends, want) {
		t.Errorf("the sessions are %q, want %q", ends, want)
	}
	if known, polling := k.known(); known != 1 || polling != 1 {
		t.Errorf("%d ids are known, %d poll", known, polling)
	}
	for _, e := range k.ends {
		e.peer.Hangup(nil)
	}
	k.sims[0].Advance(k.duration("80s"))
	k.finished()
}
