//go:build linux && !race

package scenario

import (
	"testing"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

type silence struct{}

func (silence) emit(event)                      {}
func (silence) count(room, seq, arrived uint32) {}

func TestADeliveryAllocatesNothing(t *testing.T) {
	a, _ := testAgent(t, Config{Scenario: Broadcast, Protocol: flood.SocketIO, Connections: 1, Rooms: 1}, share{0, 1})
	a.up = silence{}
	conn := &flood.Conn{}
	message := make([]byte, 0, 100)
	seq := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		message = append(message[:0], `42["room","flood","`...)
		message = ledger.Stamp{Run: runID, Seq: seq, SentNs: 1}.Append(message)
		seq++
		a.Message(conn, message)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if a.tally != (ledger.Tally{Delivered: uint64(seq)}) {
		t.Errorf("%+v", a.tally)
	}
}

func TestAnEchoAllocatesNothing(t *testing.T) {
	a, _ := testAgent(t, Config{Scenario: Echo, Protocol: flood.Raw, Connections: 1, Rooms: 1, Depth: 1}, share{0, 1})
	a.up = silence{}
	a.members[0].conn = &flood.Conn{}
	a.handle(command{Op: opEcho, For: 1 << 60})
	message := make([]byte, 0, 100)
	seq := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		message = ledger.Stamp{Run: runID, Room: echoStream, Seq: seq, SentNs: 1}.Append(append(message[:0], 'E'))
		seq++
		a.Message(a.members[0].conn, message)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if a.tally != (ledger.Tally{Delivered: uint64(seq)}) || a.members[0].sent != seq+1 {
		t.Errorf("%+v, sent %d", a.tally, a.members[0].sent)
	}
}
