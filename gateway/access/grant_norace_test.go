//go:build !race

package access

import (
	"fmt"
	"testing"
	"time"
)

// TestGrantsAreAskedWithoutAllocating: each join and each emit of each client asks.
func TestGrantsAreAskedWithoutAllocating(t *testing.T) {
	var rooms []string
	for i := range PatternsMax {
		rooms = append(rooms, fmt.Sprintf("ws:%d:*", i))
	}
	g, err := NewGrant("42", nil, rooms, rooms, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMember(g, time.Time{}, "192.0.2.1")
	ok := true
	allocs := testing.AllocsPerRun(100, func() {
		g := m.Grant()
		ok = ok && g.MayJoin("ws:99:board-7") && g.MayEmit("ws:99:board-7") && g.MayJoin("user:42") && !g.MayJoin("user:43")
	})
	if allocs > 0 || !ok {
		t.Errorf("%v allocations, allowed %v", allocs, ok)
	}
}
