package scenario

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// agent holds a share of the connections on one loop. Everything it has belongs to that loop's goroutine.
type agent struct {
	cfg    *Config
	share  share
	window int // handshakes or joins in flight
	loop   *flood.Loop
	up     upstream
	wire   wire
	door   door
	random *rand.Rand

	members  []member // by connection number less share.First
	ids      []string // their socket ids, if messages go to these
	churners []int32  // the members that leave and come again
	phase    op       // the command that is being carried out, "" if none
	next     int      // the member that dials or joins next
	flying   int      // handshakes, joins or echoes in flight
	rooms    []room   // by room number less that of the first member; nil where nobody waits for arrivals
	coming   int      // deliveries still to come of messages that have begun to arrive
	dialled  dialled
	gone     map[string]int // connections lost once open, by reason
	refusals map[string]int // what was acknowledged with an error, by what that says
	stalled  string
	quit     bool

	tally      ledger.Tally // but for what is lost, which is known at the end
	lostBefore uint64       // by members that have begun a new account since
	measured   measured
	sent       published // opFinish
	finishNs   int64
	diary      diary

	ramp    timetable // connects
	echoes  timetable
	churn   timetable
	speaker int    // the member that echoes next
	echoEnd int64  // no echo starts after it where an arrival starts the next, on flood's clock
	alarms  alarms // of members that come back

	turnedNs int64  // when watch was last called
	lateNs   int64  // how much later that was than it should have been
	progress uint64 // grows with each step forward
	seen     uint64 // progress when it was last looked at
	seenNs   int64  // when it had last grown
	out      []byte // one message at a time is made here
}

// member is what an agent keeps of one connection, besides the connection itself.
type member struct {
	conn     *flood.Conn     // nil unless it is in
	seq      ledger.Sequence // of its room
	direct   ledger.Sequence
	echoes   ledger.Sequence
	sinceNs  int64 // when it was to begin to connect
	room     uint32
	sent     uint32 // echoes
	heard    uint32 // messages to its room over this connection, up to the last before it left it
	attempts uint8  // to come back, in vain
	state    memberState
	slow     bool // it has stopped reading
	floating bool // the first message that it hears begins its account
	goes     bool // it is one of those that leave and come again
	early    bool // it has asked to be let into its room before it came over to WebSocket
}

type memberState uint8

const (
	absent   memberState = iota
	dialling             // on its way in
	present
	asking // to join its room
	entered
	leaving // its room
)

// dialled is what came of the handshakes of one opConnect.
type dialled struct {
	connected int
	failures  map[string]int
	handshake *ledger.Latency
	lastNs    int64
}

func newAgent(cfg *Config, s share, window int, loop *flood.Loop, up upstream) (*agent, error) {
	a := &agent{
		cfg: cfg, share: s, window: window, loop: loop, up: up, wire: cfg.wire(),
		random:  rand.New(rand.NewPCG(cfg.Seed, uint64(s.First))),
		members: make([]member, s.Count), gone: make(map[string]int), refusals: make(map[string]int), measured: newMeasured(), diary: newDiary(cfg.EpochNs),
	}
	if cfg.DirectRate > 0 {
		a.ids = make([]string, s.Count)
	}
	for i := range a.members {
		if cfg.churns(s.First + i) {
			a.churners = append(a.churners, int32(i))
			a.members[i].goes = true
		}
	}
	a.diary.First = s.First
	a.openRooms()
	var err error
	a.door, err = newDoor(cfg, s, loop, a)
	loop.RestWhile, loop.Due = a.busy, a.due
	return a, err
}

// restMin is how many messages must be under way for the loop to rest: more than a server that writes many at a time, at half a
// microsecond each, gets through meanwhile. So the last of a broadcast, which the next one waits for, is never slept through.
const restMin = int(2 * flood.Rest / time.Microsecond)

// busy is never true with a timetable, whose latencies are not to hold what the client rests.
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
		a.ramp.begin(flood.Now(), math.MaxInt64, a.portion(a.cfg.Ramp))
		a.dial()
	case opJoin:
		a.begin(opJoin)
		a.join()
	case opBegin:
		a.measure(c)
	case opEcho:
		a.begin(opEcho)
		a.echo(c.For)
	case opStop:
		a.stop()
	case opMute:
		a.mute()
	case opUnmute:
		a.unmute()
	case opFinish:
		a.beginFinish(c)
	case opClose:
		a.begin(opClose)
		a.close()
		a.done()
	case opQuit:
		a.close()
		a.quit = true
	}
}

// portion is this agent's part of a rate.
func (a *agent) portion(rate float64) float64 {
	return rate * float64(a.share.Count) / float64(a.cfg.Connections)
}

func (a *agent) begin(phase op) {
	a.phase, a.next, a.seenNs, a.seen = phase, 0, flood.Now(), a.progress
}

// measure begins a measured time, and what this agent does in it by its own timetable.
func (a *agent) measure(c command) {
	a.measured.reset(c.FromNs)
	a.echoes.begin(c.StartNs, c.EndNs, a.portion(a.cfg.EchoRate))
	a.churn.begin(c.StartNs, c.EndNs, a.portion(a.cfg.ChurnRate))
	a.begin(opBegin)
	a.done()
}

// stop ends what would go on by itself.
func (a *agent) stop() {
	now := flood.Now()
	a.echoDue(now) // what was due by then is not forgotten
	a.churnDue(now)
	a.echoEnd, a.echoes, a.churn = 0, timetable{}, timetable{}
}

// mute has the slow members read no more.
func (a *agent) mute() {
	for i := range a.members {
		if m := &a.members[i]; m.conn != nil && a.cfg.slow(a.share.First+i) {
			m.slow = true
			a.loop.Mute(m.conn)
		}
	}
}

// unmute has them read again, so that those who were disconnected meanwhile learn of it.
func (a *agent) unmute() {
	for i := range a.members {
		if m := &a.members[i]; m.conn != nil && m.slow {
			a.loop.Unmute(m.conn)
		}
	}
}

// due is when watch is wanted next, 0 if any time will do.
func (a *agent) due() int64 {
	at := min(a.echoes.due(), a.churn.due())
	if a.phase == opConnect && a.flying < a.window && a.next < len(a.members) {
		at = min(at, a.ramp.due())
	}
	if len(a.alarms) > 0 {
		at = min(at, a.alarms[0].due)
	}
	if door := a.door.due(); door != 0 {
		at = min(at, door)
	}
	if at == math.MaxInt64 {
		return 0
	}
	return at
}

// watch is called every turn: it does what is due, and ends a phase in which nothing has moved for too long.
func (a *agent) watch() {
	now := flood.Now()
	a.turnPage(now)
	a.door.watch()
	a.echoDue(now)
	a.churnDue(now)
	a.ringAlarms(now)
	a.noteReading(now)
	if a.phase == "" {
		return
	}
	if a.phase == opConnect {
		a.dial()
	}
	switch {
	case a.progress != a.seen: // while something arrives nobody need count what is missing
		a.seen, a.seenNs = a.progress, now
	case a.phase == opFinish:
		a.finish(now)
	case now-a.seenNs > int64(a.cfg.Timeout):
		a.stall()
	}
}

// turnPage tells the run of a second that is over.
func (a *agent) turnPage(now int64) {
	if s, over := a.diary.page(now); over {
		a.up.emit(event{Op: opSecond, Second: &s})
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

// part is the agent's contribution so far; it shares nothing with the agent, whose run may be on another goroutine. A histogram that
// cannot be exported is left out, and then the run sees that it is missing.
func (a *agent) part() *part {
	p := &part{
		Connected: a.dialled.connected, Failures: maps.Clone(a.dialled.failures), LastNs: a.dialled.lastNs,
		Disconnected: maps.Clone(a.gone), Refused: maps.Clone(a.refusals), Stalled: a.stalled, Tally: a.tally, First: a.share.First,
	}
	switch a.phase {
	case opConnect:
		p.Handshake, _ = a.dialled.handshake.Export()
		p.IDs = slices.Clone(a.ids)
	case opFinish:
		p.Latency, _ = a.measured.latency.Export()
		p.Real, _ = a.measured.real.Export()
		p.Lag, _ = a.measured.lag.Export()
		p.Held, _ = a.measured.held.Export()
		p.HeardNs = a.measured.heardNs
		p.Late, p.Unsent, p.Churned, p.Cut = a.measured.late, a.measured.unsent, a.measured.churned, a.measured.cut
		p.Dropped, p.Unheard = a.measured.dropped, a.unheard()
		p.Reconnected = a.measured.reconnected
		if door, polls := a.door.(*stockDoor); polls {
			p.Upgraded, p.Polled = door.upgraded, door.polled
		}
		rest := a.diary.close(flood.Now())
		p.Rest = &rest
	}
	return p
}

// dial keeps the window of handshakes full, as far as the ramp lets it, and ends the phase after the last.
func (a *agent) dial() {
	for a.flying < a.window && a.next < len(a.members) {
		at := flood.Now()
		if a.cfg.Ramp > 0 {
			due, ok := a.ramp.next(at)
			if !ok {
				break
			}
			at = due
		}
		a.flying++
		a.next++
		a.enter(a.next-1, at)
	}
	if a.flying == 0 && a.next == len(a.members) {
		a.done()
	}
}

// enter sends a member in, which was due at a time.
func (a *agent) enter(i int, dueNs int64) {
	m := &a.members[i]
	m.conn, m.state, m.sinceNs, m.room = nil, dialling, dueNs, a.cfg.roomOf(a.share.First+i)
	door, polls := a.door.(*stockDoor)
	if m.early = polls && a.cfg.Deliveries > 0 && a.phase != opConnect; m.early {
		a.out = a.wire.appendJoin(a.out[:0], m.room)
		door.enterAsking(i, a.out)
		return
	}
	a.door.enter(i)
}

// dropDialling gives up on the handshakes that have not moved, and on those that were still to begin.
func (a *agent) dropDialling() {
	for i := range a.members {
		if m := &a.members[i]; m.state == dialling {
			a.door.cancel(i)
			*m = member{goes: m.goes}
			a.dialled.failures["timeout"]++
		}
	}
	if left := len(a.members) - a.next; left > 0 {
		a.dialled.failures["not tried"] += left
	}
}

func (a *agent) member(c *flood.Conn) *member { return &a.members[int(c.Number())-a.share.First] }

// admitted is part of doorkeeper.
func (a *agent) admitted(i int, c *flood.Conn, connect []byte) {
	now, m := flood.Now(), &a.members[i]
	m.conn, m.state, m.attempts = c, present, 0
	a.progress++
	a.diary.Connected++
	a.diary.Connects++
	if a.ids != nil {
		a.ids[i] = socketID(connect)
	}
	if m.early {
		m.state = asking // the answer has come, and follows
		return
	}
	if a.phase != opConnect { // it has come back
		if a.cfg.joins() {
			a.ask(m)
		}
		return
	}
	a.dialled.connected++
	a.dialled.lastNs = now
	a.dialled.handshake.Record(now - m.sinceNs)
	a.flying--
	a.dial()
}

// refused is part of doorkeeper.
func (a *agent) refused(i int, reason string) {
	m := &a.members[i]
	m.conn, m.state = nil, absent
	a.progress++
	a.diary.Failed++
	switch {
	case a.phase == opConnect:
		a.dialled.failures[reason]++
		a.flying--
		a.dial()
	case a.cfg.Return:
		a.comeBack(i)
	default:
		a.lose(reason)
	}
}

// Opened is part of flood.Handler; the door hears of it in the agent's place.
func (a *agent) Opened(*flood.Conn) {}

// Message is part of flood.Handler.
func (a *agent) Message(c *flood.Conn, m []byte) {
	switch a.wire.kind(m) {
	case delivery:
		a.deliver(a.member(c), m)
	case echoed:
		a.returned(a.member(c), m)
	case joined:
		a.entered(a.member(c))
	case left:
		a.left(a.member(c))
	case denied:
		a.denied(a.member(c), m)
	case other:
		a.fault(&a.tally.Garbled)
	}
}

// Closed is part of flood.Handler.
func (a *agent) Closed(c *flood.Conn, cause error) {
	i := int(c.Number()) - a.share.First
	m := &a.members[i]
	before := m.state
	m.conn, m.state = nil, absent
	a.progress++
	a.diary.Connected--
	a.diary.Disconnected++
	switch {
	case m.slow:
		a.measured.cut++
		return
	case a.cfg.Return:
		a.measured.dropped++
		a.forgetAll(m)
		a.comeBack(i)
		return
	}
	a.lose(flood.Label(cause))
	switch {
	case a.phase == opJoin && before == asking:
		a.flying--
		a.join()
	case a.phase == opEcho:
		a.flying -= int(m.echoes.Missing(m.sent))
		a.endEcho()
	}
}

// lose counts a connection that was lost and should not have been.
func (a *agent) lose(reason string) {
	if len(a.gone) == 0 {
		a.up.emit(event{Op: opGone})
	}
	a.gone[reason]++
}

func (a *agent) close() {
	a.stop()
	a.alarms = nil
	for i := range a.members {
		m := &a.members[i]
		if m.conn != nil {
			a.loop.Close(m.conn)
		}
		a.members[i] = member{goes: m.goes}
	}
	a.diary.Connected = 0
	a.door.shut()
}

func missing(n int, what string) string { return fmt.Sprintf("%d %s missing", n, what) }
