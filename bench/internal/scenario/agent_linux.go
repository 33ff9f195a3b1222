package scenario

import (
	"fmt"
	"maps"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/source"
)

// agent holds a share of the connections on one loop. Everything it has belongs to that loop's goroutine.
type agent struct {
	cfg     *Config
	share   share
	window  int // handshakes or joins in flight
	loop    *flood.Loop
	up      upstream
	wire    wire
	sources source.Pool

	members []member // by connection number less share.First
	phase   op       // the command that is being carried out, "" if none
	next    int      // the member that dials or joins next
	flying  int      // handshakes, joins or echoes in flight
	rooms   []room   // by room number less that of the first member
	coming  int      // deliveries still to come of messages that have begun to arrive
	tally   ledger.Tally
	latency *ledger.Latency
	dialled dialled
	echoEnd int64          // no echo starts after it, on flood's clock
	gone    map[string]int // connections lost once open, by reason
	stalled string
	quit    bool

	progress uint64 // grows with each step forward
	seen     uint64 // progress when it was last looked at
	seenNs   int64  // when it had last grown
	out      []byte // one message at a time is made here
}

// member is what an agent keeps of one connection, besides the connection itself.
type member struct {
	conn  *flood.Conn // nil once it is closed
	seq   ledger.Sequence
	room  uint32
	sent  uint32 // echoes
	state memberState
}

type memberState uint8

const (
	absent memberState = iota
	dialling
	present
	asking // to join its room
	entered
)

// dialled is what came of the handshakes.
type dialled struct {
	connected int
	failures  map[string]int
	handshake *ledger.Latency
	lastNs    int64
}

func newAgent(cfg *Config, s share, window int, loop *flood.Loop, up upstream) (*agent, error) {
	sources, err := cfg.sources()
	if err != nil {
		return nil, err
	}
	a := &agent{
		cfg: cfg, share: s, window: window, loop: loop, up: up, wire: cfg.wire(), sources: sources,
		members: make([]member, s.Count), latency: ledger.NewLatency(), gone: make(map[string]int),
	}
	a.openRooms()
	loop.RestWhile = a.busy
	return a, nil
}

// restMin is how many messages must be under way for the loop to rest: more than a server that writes many at a time, at half a
// microsecond each, gets through meanwhile. So the last of a broadcast, which the next one waits for, is never slept through.
const restMin = int(2 * flood.Rest / time.Microsecond)

func (a *agent) busy() bool { return a.coming > restMin || a.phase == opEcho && a.flying > restMin }

// serve runs the agent on a loop of its own until it is told to quit.
func (a *agent) serve() error {
	a.loop.Tick = a.watch
	return a.loop.RunUntil(func() bool { return a.quit })
}

func (a *agent) handle(c command) {
	switch c.Op {
	case opConnect:
		a.begin(opConnect)
		a.dialled = dialled{failures: make(map[string]int), handshake: ledger.NewLatency()}
		a.dial()
	case opJoin:
		a.begin(opJoin)
		a.join()
	case opEcho:
		a.begin(opEcho)
		a.echo(c.For)
	case opStop:
		a.echoEnd = 0
	case opFinish:
		a.finish(c.Published)
	case opClose:
		a.begin(opClose)
		a.close()
		a.done()
	case opQuit:
		a.close()
		a.quit = true
	}
}

func (a *agent) begin(phase op) {
	a.phase, a.next, a.seenNs = phase, 0, flood.Now()
}

// watch is called every turn and ends a phase in which nothing has moved for too long.
func (a *agent) watch() {
	if a.phase == "" {
		return
	}
	now := flood.Now()
	if a.progress != a.seen {
		a.seen, a.seenNs = a.progress, now
	}
	if now-a.seenNs > int64(a.cfg.Timeout) {
		a.stall()
	}
}

func (a *agent) stall() {
	switch a.phase {
	case opConnect:
		a.dropDialling()
	case opJoin:
		a.stalled = missing(a.flying, "answers to a join")
	case opEcho:
		a.stalled = missing(a.flying, "echoes")
		a.echoEnd = 0
	}
	a.done()
}

// done ends the phase and tells the run what came of it.
func (a *agent) done() {
	e := event{Op: a.phase, Part: a.part()}
	a.phase, a.flying = "", 0
	a.up.emit(e)
}

// part is the agent's contribution so far; it shares nothing with the agent, whose run may be on another goroutine. A histogram that cannot be exported is left out, and then the run sees that it is
// missing.
func (a *agent) part() *part {
	p := &part{
		Connected: a.dialled.connected, Failures: maps.Clone(a.dialled.failures), LastNs: a.dialled.lastNs,
		Disconnected: maps.Clone(a.gone), Stalled: a.stalled, Tally: a.tally,
	}
	if a.phase == opConnect {
		p.Handshake, _ = a.dialled.handshake.Export()
	}
	if a.phase == opFinish {
		p.Latency, _ = a.latency.Export()
	}
	return p
}

// dial keeps the window of handshakes full and ends the phase after the last.
func (a *agent) dial() {
	for a.flying < a.window && a.next < len(a.members) {
		m := &a.members[a.next]
		number := a.share.First + a.next
		a.next++
		c, err := a.loop.Dial(a.sources.At(number), uint32(number), a)
		if err != nil {
			a.dialled.failures[flood.Label(err)]++
			continue
		}
		*m = member{conn: c, room: a.cfg.roomOf(number), state: dialling}
		a.flying++
	}
	if a.flying == 0 && a.next == len(a.members) {
		a.done()
	}
}

// dropDialling gives up on the handshakes that have not moved, and on those that were still to begin.
func (a *agent) dropDialling() {
	for i := range a.members {
		if m := &a.members[i]; m.state == dialling {
			a.loop.Close(m.conn)
			*m = member{}
			a.dialled.failures["timeout"]++
		}
	}
	if left := len(a.members) - a.next; left > 0 {
		a.dialled.failures["not tried"] += left
	}
}

func (a *agent) member(c *flood.Conn) *member { return &a.members[int(c.Number())-a.share.First] }

// Opened is part of flood.Handler.
func (a *agent) Opened(c *flood.Conn) {
	now := flood.Now()
	a.member(c).state = present
	a.dialled.connected++
	a.dialled.lastNs = now
	a.dialled.handshake.Record(now - c.StartedNs())
	a.progress++
	a.flying--
	a.dial()
}

// Message is part of flood.Handler.
func (a *agent) Message(c *flood.Conn, m []byte) {
	switch a.wire.kind(m) {
	case delivery:
		a.deliver(a.member(c), m)
	case echoed:
		a.returned(a.member(c), m)
	case joined:
		a.entered(a.member(c))
	case other:
		a.tally.Garbled++
	}
}

// Closed is part of flood.Handler.
func (a *agent) Closed(c *flood.Conn, cause error) {
	m := a.member(c)
	before := m.state
	m.conn, m.state = nil, absent
	a.progress++
	if before == dialling {
		a.dialled.failures[flood.Label(cause)]++
		a.flying--
		a.dial()
		return
	}
	if len(a.gone) == 0 {
		a.up.emit(event{Op: opGone})
	}
	a.gone[flood.Label(cause)]++
	switch {
	case a.phase == opJoin && before == asking:
		a.flying--
		a.join()
	case a.phase == opEcho:
		a.flying -= int(m.seq.Missing(m.sent))
		a.endEcho()
	}
}

func (a *agent) close() {
	for i := range a.members {
		if m := &a.members[i]; m.conn != nil {
			a.loop.Close(m.conn)
		}
		a.members[i] = member{}
	}
}

// finish closes the accounts: what was sent and has not come is lost.
func (a *agent) finish(published uint64) {
	a.begin(opFinish)
	for i := range a.members {
		m := &a.members[i]
		sent := m.sent
		if a.cfg.Scenario != Echo {
			sent = publishedTo(m.room, published, a.cfg.Rooms)
		}
		a.tally.Lost += m.seq.Missing(sent)
	}
	a.done()
}

// publishedTo is how many of the messages that went to the rooms in turn went to one of them.
func publishedTo(room uint32, published uint64, rooms int) uint32 {
	n := published / uint64(rooms)
	if uint64(room) < published%uint64(rooms) {
		n++
	}
	return uint32(n)
}

func missing(n int, what string) string { return fmt.Sprintf("%d %s missing", n, what) }
