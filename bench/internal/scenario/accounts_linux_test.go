package scenario

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// memory is an upstream that remembers.
type memory struct {
	counts []string
	events []event
}

func (m *memory) emit(e event) { m.events = append(m.events, e) }
func (m *memory) count(room, seq, members uint32) {
	m.counts = append(m.counts, fmt.Sprintf("%d:%d x %d", room, seq, members))
}

const runID = 0x0badcafe

func testAgent(t *testing.T, cfg Config, s share) (*agent, *memory) {
	t.Helper()
	cfg.RunID, cfg.Size = runID, PayloadBytesMin
	up := &memory{}
	a, err := newAgent(&cfg, s, 4, &flood.Loop{}, up)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.members {
		a.members[i].room = cfg.roomOf(s.First + i)
	}
	return a, up
}

// delivered is a delivery as a Socket.IO server sends it, laid out.
func delivered(run, room, seq uint32) []byte {
	return fmt.Appendf(nil, `42["room","flood","~%08x%08x%08x%08x%016x"]`, run, room, seq, 0, 1)
}

func TestDeliveriesAreAccountedFor(t *testing.T) {
	type arrival struct {
		member    int
		room, seq uint32
	}
	for _, tc := range []struct {
		name     string
		arrivals []arrival
		want     ledger.Tally
		counts   string
	}{
		{"all in order", []arrival{{0, 0, 0}, {1, 0, 0}, {2, 1, 0}, {3, 1, 0}, {0, 0, 1}, {1, 0, 1}}, ledger.Tally{Delivered: 6}, "0:0 x 2, 1:0 x 2, 0:1 x 2"},
		{"doubled", []arrival{{0, 0, 0}, {1, 0, 0}, {2, 1, 0}, {0, 0, 1}, {1, 0, 1}, {3, 1, 0}, {0, 0, 1}}, ledger.Tally{Delivered: 6, Duplicated: 1}, "0:0 x 2, 0:1 x 2, 1:0 x 2"},
		{"dropped", []arrival{{0, 0, 0}, {2, 1, 0}, {3, 1, 0}, {0, 0, 1}, {1, 0, 1}}, ledger.Tally{Delivered: 5, Lost: 1}, "1:0 x 2, 0:1 x 2"},
		{"swapped", []arrival{{0, 0, 0}, {1, 0, 1}, {1, 0, 0}, {0, 0, 1}, {2, 1, 0}, {3, 1, 0}}, ledger.Tally{Delivered: 6, Reordered: 1}, "0:0 x 2, 0:1 x 2, 1:0 x 2"},
		{"in the wrong room", []arrival{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {3, 1, 0}, {0, 0, 1}, {1, 0, 1}}, ledger.Tally{Delivered: 5, Lost: 1, Misrouted: 1}, "0:0 x 2, 0:1 x 2"},
		{"never sent", []arrival{{0, 0, 64}}, ledger.Tally{Lost: 6, Garbled: 1}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, up := testAgent(t, Config{Scenario: Rooms, Protocol: flood.SocketIO, Connections: 4, Rooms: 2}, share{0, 4})
			for _, in := range tc.arrivals {
				a.deliver(&a.members[in.member], delivered(runID, in.room, in.seq))
			}
			a.handle(command{Op: opFinish, Rooms: []uint32{2, 1}}) // two to room 0, one to room 1
			if got := strings.Join(up.counts, ", "); got != tc.counts {
				t.Errorf("counted %q, want %q", got, tc.counts)
			}
			last := up.events[len(up.events)-1]
			if last.Op != opFinish || last.Part.Tally != tc.want {
				t.Errorf("reported %+v", last)
			}
		})
	}
}

func TestStrangersMessagesAreGarbled(t *testing.T) {
	a, _ := testAgent(t, Config{Scenario: Broadcast, Protocol: flood.SocketIO, Connections: 1, Rooms: 1}, share{0, 1})
	a.deliver(&a.members[0], delivered(runID+1, 0, 0))
	a.deliver(&a.members[0], []byte(`42["room","flood","hello"]`))
	if a.tally != (ledger.Tally{Garbled: 2}) {
		t.Errorf("%+v", a.tally)
	}
}

func TestEchoesAreAccountedFor(t *testing.T) {
	back := func(id, room, seq uint32) []byte {
		return fmt.Appendf(nil, `43%d["~%08x%08x%08x%08x%016x"]`, id, uint32(runID), 1<<31|room, seq, 0, 1)
	}
	for _, tc := range []struct {
		name     string
		messages [][]byte
		want     ledger.Tally
	}{
		{"in order", [][]byte{back(0, 0, 0), back(1, 0, 1), back(2, 0, 2)}, ledger.Tally{Delivered: 3}},
		{"dropped", [][]byte{back(0, 0, 0), back(2, 0, 2)}, ledger.Tally{Delivered: 2, Lost: 1}},
		{"doubled", [][]byte{back(0, 0, 0), back(0, 0, 0), back(1, 0, 1), back(2, 0, 2)}, ledger.Tally{Delivered: 3, Duplicated: 1}},
		{"swapped", [][]byte{back(1, 0, 1), back(0, 0, 0), back(2, 0, 2)}, ledger.Tally{Delivered: 3, Reordered: 1}},
		{"somebody else's", [][]byte{back(0, 9, 0), back(1, 0, 1), back(2, 0, 2)}, ledger.Tally{Delivered: 2, Lost: 1, Misrouted: 1}},
		{"under another id", [][]byte{back(1, 0, 0), back(1, 0, 1), back(2, 0, 2)}, ledger.Tally{Delivered: 2, Lost: 1, Garbled: 1}},
		{"never asked for", [][]byte{back(0, 0, 0), back(1, 0, 1), back(2, 0, 2), back(3, 0, 3)}, ledger.Tally{Delivered: 3, Garbled: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _ := testAgent(t, Config{Scenario: Echo, Protocol: flood.SocketIO, Connections: 1, Rooms: 1, Depth: 3, Event: "echo"}, share{0, 1})
			a.members[0].conn = &flood.Conn{}
			a.handle(command{Op: opEcho}) // sends three, and no more
			for _, m := range tc.messages {
				a.Message(a.members[0].conn, m)
			}
			a.handle(command{Op: opFinish})
			if a.tally != tc.want {
				t.Errorf("tally %+v, want %+v", a.tally, tc.want)
			}
		})
	}
}

func TestPublisherKeepsItsDepth(t *testing.T) {
	cfg := &Config{Scenario: Rooms, Protocol: flood.Raw, Connections: 5, Rooms: 2, Depth: 3, Size: PayloadBytesMin}
	p := newPublisher(cfg, &flood.Loop{})
	p.Opened(&flood.Conn{})
	p.start(6, 0)
	// Rooms of 3 and 2 members get messages 0, 2, 4 and 1, 3, 5.
	for _, step := range []struct {
		room, seq, members   uint32
		published, completed uint64
		owed                 uint32
	}{
		{0, 0, 2, 3, 0, 3 + 2 + 3 - 2},
		{1, 0, 2, 3, 0, 1 + 3}, // the oldest still waits for one
		{0, 0, 1, 5, 2, 3 + 2 + 3},
		{0, 9, 3, 5, 2, 3 + 2 + 3}, // never sent
		{0, 0, 3, 5, 2, 3 + 2 + 3}, // done with
		{1, 1, 2, 5, 2, 3 + 3},
		{0, 1, 3, 6, 4, 3 + 2},
		{1, 2, 2, 6, 4, 3},
		{0, 2, 3, 6, 6, 0},
	} {
		if p.finished() {
			t.Fatal("finished too early")
		}
		p.count(step.room, step.seq, step.members)
		owed := p.missing[0] + p.missing[1] + p.missing[2]
		if p.published != step.published || p.completed != step.completed || owed != step.owed {
			t.Fatalf("after %+v: published %d, completed %d, owed %d", step, p.published, p.completed, owed)
		}
	}
	if !p.finished() {
		t.Error("not finished")
	}
}

func TestRoomsAndShares(t *testing.T) {
	for _, tc := range []struct{ connections, rooms int }{{1, 1}, {10, 1}, {10, 3}, {12, 4}, {7, 7}, {1000, 37}} {
		cfg := Config{Connections: tc.connections, Rooms: tc.rooms}
		sizes := make([]int, tc.rooms)
		for n := range tc.connections {
			sizes[cfg.roomOf(n)]++
		}
		for room, size := range sizes {
			if size != cfg.roomSize(room) || size == 0 {
				t.Errorf("%+v: room %d has %d members, roomSize says %d", tc, room, size, cfg.roomSize(room))
			}
		}
		for agents := range 5 {
			next := 0
			for i := range agents {
				s := shareOf(tc.connections, agents, i)
				if s.First != next {
					t.Errorf("%+v: share %d of %d begins at %d, want %d", tc, i, agents, s.First, next)
				}
				next += s.Count
			}
			if agents > 0 && next != tc.connections {
				t.Errorf("%+v: %d shares hold %d", tc, agents, next)
			}
		}
	}
	if got := []uint32{publishedTo(0, 3, 7), publishedTo(1, 3, 7), publishedTo(2, 3, 7)}; !slices.Equal(got, []uint32{3, 2, 2}) {
		t.Errorf("7 messages to 3 rooms: %v", got)
	}
}

func TestWires(t *testing.T) {
	stamp := ledger.Stamp{Run: runID, Room: 7, Seq: 10, SentNs: 1}
	const text = "~" + "0badcafe" + "00000007" + "0000000a" + "00000000" + "0000000000000001"
	config := func(p flood.Protocol, rooms int) *Config {
		return &Config{Protocol: p, Rooms: rooms, Size: PayloadBytesMin + 2, Event: "work"}
	}
	for _, tc := range []struct {
		name                string
		cfg                 *Config
		needsJoin           bool
		join, publish, echo string
		leave, direct       string
	}{
		{"socketio", config(flood.SocketIO, 1), true, `420["join","flood"]`, `42["room","flood","` + text + `.."]`, `4210["work","` + text + `.."]`, `421["leave","flood"]`, `42["direct","AbC","` + text + `.."]`},
		{"socketio rooms", config(flood.SocketIO, 8), true, `420["join","flood:7"]`, `42["room","flood:7","` + text + `.."]`, `4210["work","` + text + `.."]`, `421["leave","flood:7"]`, `42["direct","AbC","` + text + `.."]`},
		{"raw", config(flood.Raw, 1), false, "J00000007", "P" + text + "..", "E" + text + "..", "", ""},
		{"raw rooms", config(flood.Raw, 8), true, "J00000007", "R00000007" + text + "..", "E" + text + "..", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.cfg.wire()
			if w.needsJoin() != tc.needsJoin {
				t.Errorf("needs to join: %v", w.needsJoin())
			}
			for _, m := range []struct{ got, want string }{
				{string(w.appendJoin(nil, 7)), tc.join},
				{string(w.appendPublish(nil, stamp)), tc.publish},
				{string(w.appendEcho(nil, stamp)), tc.echo},
				{string(w.appendLeave(nil, 7)), tc.leave},
				{string(w.appendDirect(nil, "AbC", stamp)), tc.direct},
			} {
				if m.got != m.want {
					t.Errorf("%q, want %q", m.got, m.want)
				}
			}
		})
	}
}

func TestKinds(t *testing.T) {
	socket, raw := &socketWire{}, &rawWire{}
	for _, tc := range []struct {
		w    wire
		in   string
		want kind
	}{
		{socket, `42["room"]`, delivery},
		{socket, `430["ok"]`, joined},
		{socket, `431["ok"]`, left},
		{socket, `4310["~"]`, echoed},
		{socket, `435["~"]`, echoed},
		{socket, `430[{"room":"flood","sockets":1}]`, joined},
		{socket, `431[{"room":"flood"}]`, left},
		{socket, `430[{"error":"no"}]`, denied},
		{socket, `431[{"error":{"code":"no","message":"~"}}]`, denied},
		{socket, `4312[{"error":null}]`, denied},
		{socket, `42[{"error":"~"}]`, delivery},
		{socket, `451-["x",{"_placeholder":true,"num":0}]`, other},
		{raw, "P", delivery},
		{raw, "R00000001", delivery},
		{raw, "J00000001", joined},
		{raw, "E", echoed},
		{raw, "x", other},
		{raw, "", other},
	} {
		if got := tc.w.kind([]byte(tc.in)); got != tc.want {
			t.Errorf("%q is %d, want %d", tc.in, got, tc.want)
		}
	}
	for in, want := range map[string]bool{`4312["~"]`: true, `431["~"]`: false, `43["~"]`: false} {
		if socket.answers([]byte(in), 12) != want {
			t.Errorf("%q answers 12: %v", in, !want)
		}
	}
	if (&socketWire{}).answers([]byte(`43["~"]`), 0) {
		t.Error("an event without an id answers 0")
	}
}

func TestWorkerWantsAHello(t *testing.T) {
	for _, in := range []string{"", "not JSON\n"} {
		if err := Work(strings.NewReader(in), io.Discard); !errors.Is(err, ErrWorker) {
			t.Errorf("%q: %v, want %v", in, err, ErrWorker)
		}
	}
}

func TestAWorkerThatDies(t *testing.T) {
	rep := Run(t.Context(), Options{
		Config: Config{Scenario: Connect, Protocol: flood.Raw, Addr: netip.MustParseAddrPort("127.0.0.1:1"), Connections: 4, Rooms: 1, Concurrency: 1, Timeout: time.Minute},
		Procs:  2, Threads: 1, Worker: Worker{Argv: []string{"/bin/sh", "-c", "echo dead >&2"}},
	})
	if !strings.Contains(rep.Error, ErrAgent.Error()) || !strings.Contains(rep.Error, "dead") {
		t.Errorf("error %q", rep.Error)
	}
}

func TestAWorkerThatBabbles(t *testing.T) {
	rep := Run(t.Context(), Options{
		Config: Config{Scenario: Connect, Protocol: flood.Raw, Addr: netip.MustParseAddrPort("127.0.0.1:1"), Connections: 4, Rooms: 1, Concurrency: 1, Timeout: time.Minute},
		Procs:  2, Threads: 1, Worker: Worker{Argv: []string{"/bin/sh", "-c", "echo babble; exec sleep 100"}},
	})
	if !strings.Contains(rep.Error, ErrAgent.Error()) {
		t.Errorf("error %q", rep.Error)
	}
}
