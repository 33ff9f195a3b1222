package hub

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"starling/hub/internal/session"
	"starling/wsproto"
)

// act does something.
func (r *columnRun) act() string {
	if len(r.members) < r.row.population || r.rand.IntN(100) < 10 && len(r.members) < r.row.population*2 {
		return r.arrive()
	}
	acts := columnActs[r.rand.IntN(len(columnActs))]
	return acts.name + r.some(acts.do)
}

// arrive has somebody come, or come back.
func (r *columnRun) arrive() string {
	for range max(2, r.row.population/50) {
		if len(r.away) > 0 && r.rand.IntN(2) == 0 {
			r.back()
			continue
		}
		c := r.call(r.rand.IntN(100) < r.row.polling)
		if c == nil {
			continue
		}
		c.connect("/", "", nil)
		if r.rand.IntN(2) == 0 {
			c.pump(1 << 20)
		}
	}
	return "arrive"
}

// back has somebody come back who was away.
func (r *columnRun) back() {
	r.sim.Run() // so that nothing is under way to somebody who is on neither list
	i := r.rand.IntN(len(r.away))
	before := r.away[i]
	r.away = slices.Delete(r.away, i, i+1)
	c := r.call(false)
	if c == nil {
		return
	}
	for _, p := range slices.Clone(before.places) {
		if p.state == in && p.pid != "" && p.nsp != "/m" {
			c.connect(p.nsp, fmt.Sprintf(`{"pid":%q,"offset":%q}`, p.pid, p.offset), p)
			before.line.peer.Got = nil
			r.away = append(r.away, before) // it goes on to want what comes meanwhile
			c.pump(1 << 20)
			r.away = r.away[:len(r.away)-1]
		}
	}
}

// some calls do with a caller.
func (r *columnRun) some(do func(*columnRun, *caller, *place) string) string {
	if len(r.members) == 0 {
		return " nobody"
	}
	c := r.members[r.rand.IntN(len(r.members))]
	if !c.alive() || c.must {
		return " one who is gone"
	}
	var p *place
	if len(c.places) > 0 {
		p = c.places[r.rand.IntN(len(c.places))]
	}
	return fmt.Sprintf(" caller %d: %s", c.n, do(r, c, p))
}

func (r *columnRun) room() string { return fmt.Sprintf("r%d", r.rand.IntN(columnRooms)) }

// rooms are some rooms.
func (r *columnRun) someRooms(most int) (rooms []string) {
	for range r.rand.IntN(most + 1) {
		rooms = append(rooms, r.room())
	}
	return rooms
}

// columnActs are what may happen in a step; one that happens often is there several times.
var columnActs = []struct {
	name string
	do   func(*columnRun, *caller, *place) string
}{
	{"pump", (*columnRun).actPump},
	{"pump", (*columnRun).actPump},
	{"pump all", (*columnRun).actPumpAll},
	{"pump all", (*columnRun).actPumpAll},
	{"event", (*columnRun).actEvent},
	{"event", (*columnRun).actEvent},
	{"event", (*columnRun).actEvent},
	{"broadcast", (*columnRun).actBroadcast},
	{"broadcast", (*columnRun).actBroadcast},
	{"broadcast", (*columnRun).actBroadcast},
	{"emit", (*columnRun).actEmit},
	{"ask", (*columnRun).actAsk},
	{"gather", (*columnRun).actGather},
	{"rooms", (*columnRun).actRooms},
	{"rooms", (*columnRun).actRooms},
	{"connect", (*columnRun).actConnect},
	{"quit", (*columnRun).actQuit},
	{"disconnect", (*columnRun).actDisconnect},
	{"upgrade", (*columnRun).actUpgrade},
	{"upgrade", (*columnRun).actUpgrade},
	{"stall", (*columnRun).actStall},
	{"resume", (*columnRun).actResume},
	{"resume", (*columnRun).actResume},
	{"time", (*columnRun).actTime},
	{"time", (*columnRun).actTime},
	{"harm", (*columnRun).actHarm},
	{"harm", (*columnRun).actHarm},
	{"harm", (*columnRun).actHarm},
	{"work", (*columnRun).actWork},
	{"stray ack", (*columnRun).actStray},
	{"upgrade", (*columnRun).actUpgrade},
	{"upgrade", (*columnRun).actUpgrade},
	{"pump all", (*columnRun).actPumpAll},
	{"pump all", (*columnRun).actPumpAll},
}

func (r *columnRun) actPump(c *caller, _ *place) string {
	n := 1 + r.rand.IntN(60)
	c.pump(n)
	return fmt.Sprintf("%d bytes", n)
}

func (r *columnRun) actPumpAll(_ *caller, _ *place) string {
	r.pumpAll(1 + r.rand.IntN(300))
	return "all"
}

func (r *columnRun) pumpAll(n int) {
	for _, c := range slices.Clone(r.members) {
		c.pump(n)
	}
}

func (r *columnRun) actWork(_ *caller, _ *place) string {
	r.work(1 << 20)
	return "all handlers"
}

func (r *columnRun) actEvent(c *caller, p *place) string {
	if p == nil || p.state != in && r.rand.IntN(20) > 0 {
		return "nowhere"
	}
	what := []string{"", "", "", "cast", "cast", "join", "leave", "panic", "quit"}[r.rand.IntN(9)]
	if what == "quit" && r.rand.IntN(4) > 0 {
		what = ""
	}
	for range 1 + r.rand.IntN(4) {
		c.event(p, r.rand.IntN(2) == 0, what, r.rand.IntN(3)*r.rand.IntN(1000), r.rand.IntN(6) == 0)
	}
	return fmt.Sprintf("%q in %s", what, p.nsp)
}

func (r *columnRun) actBroadcast(_ *caller, p *place) string {
	a := columnAim{nsp: "/", rooms: r.someRooms(2), except: r.someRooms(1), volatile: r.rand.IntN(4) == 0}
	if p != nil && p.socket != nil {
		a.nsp = p.nsp
		switch r.rand.IntN(4) {
		case 0:
			a.except = append(a.except, p.socket.id)
		case 1:
			a.rooms = append(a.rooms, p.socket.id)
		}
	}
	times, size := 1+r.rand.IntN(5)*r.rand.IntN(2), r.rand.IntN(20)
	if r.rand.IntN(5) == 0 {
		size = r.rand.IntN(900)
	}
	r.broadcasts(a, times, size, r.rand.IntN(8) == 0)
	return fmt.Sprintf("%d times %s", times, a)
}

func (r *columnRun) actEmit(_ *caller, p *place) string {
	if p == nil || p.socket == nil {
		return "nowhere"
	}
	for range 1 + r.rand.IntN(3) {
		r.emit(p, r.rand.IntN(3) == 0, r.rand.IntN(300))
	}
	return p.nsp
}

func (r *columnRun) actAsk(_ *caller, p *place) string {
	if p == nil || p.socket == nil {
		return "nowhere"
	}
	r.ask(p, time.Duration(r.rand.IntN(3))*time.Second)
	return p.nsp
}

func (r *columnRun) actGather(_ *caller, p *place) string {
	if len(r.gatherings) > 3 {
		r.gatherings[0].callOff()
		r.acksIn += len(r.gatherings[0].replies)
		r.gatherings = r.gatherings[1:]
		return "call one off"
	}
	a := columnAim{nsp: columnNamespaces[r.rand.IntN(3)], rooms: r.someRooms(2)}
	r.gather(a)
	return a.String()
}

func (r *columnRun) actRooms(_ *caller, p *place) string {
	if p == nil || p.socket == nil {
		return "nowhere"
	}
	switch r.rand.IntN(6) {
	case 0:
		r.leaveAll(p)
		return "leave all"
	case 1, 2:
		room := r.room()
		r.leave(p, room)
		return "leave " + room
	}
	rooms := append(r.someRooms(4), p.socket.id, "alone "+p.socket.id)
	r.join(p, rooms...)
	return fmt.Sprintf("join %q", rooms)
}

func (r *columnRun) actConnect(c *caller, _ *place) string {
	if c.connects++; c.connects > ConnectsPerNamespaceMax {
		return "often enough"
	}
	nsp := []string{"/", "/b", "/b", "/m", "/m", "/none"}[r.rand.IntN(6)]
	if p := c.at(nsp); p != nil && (p.state == in || p.state == waiting) && r.rand.IntN(30) > 0 {
		return "there already"
	}
	auth := ""
	if nsp == "/m" {
		auth = []string{"", "{}", `{"do":"no"}`, `{"do":"panic"}`}[r.rand.IntN(4)]
	}
	c.connect(nsp, auth, nil)
	return nsp + auth
}

func (r *columnRun) actQuit(c *caller, p *place) string {
	if p == nil || p.state != in {
		return "nothing"
	}
	c.quit(p)
	return p.nsp
}

func (r *columnRun) actDisconnect(_ *caller, p *place) string {
	if p == nil || p.socket == nil || r.rand.IntN(2) > 0 {
		return "nobody"
	}
	whole := r.rand.IntN(2) == 0
	r.disconnect(p, whole)
	return fmt.Sprintf("%s, with the connection: %v", p.nsp, whole)
}

// actStray has a caller acknowledge what nobody has asked for.
func (r *columnRun) actStray(c *caller, p *place) string {
	if p == nil || p.state != in {
		return "nowhere"
	}
	c.acknowledge(p, "4000000000", `["ask",1]`)
	return p.nsp
}

// actUpgrade begins an upgrade, or ends one badly.
func (r *columnRun) actUpgrade(c *caller, _ *place) string {
	switch {
	case !c.polls:
		return "it has"
	case c.stage == staying && !c.mute:
		c.probe = r.open()
		c.stage = asked
		id := peek[session.ID](c.real.Base(), "id").String()
		c.probe.asked = true
		c.probe.say(wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket&sid="+id, "dGhlIHNhbXBsZSBub25jZQ=="), true, nil, nil)
		return "begin"
	case c.stage != staying && r.rand.IntN(4) == 0:
		at := c.stage
		c.probe.peer.Hangup(io.EOF)
		return fmt.Sprintf("hang up at stage %d", at)
	}
	return "go on"
}

func (r *columnRun) actStall(c *caller, _ *place) string {
	if r.rand.IntN(2) == 0 {
		return "nobody"
	}
	c.line.peer.Stalled, c.line.peer.Window = true, r.rand.IntN(200)
	c.may[ReasonSlowConsumer] = true
	return fmt.Sprintf("after %d bytes", c.line.peer.Window)
}

func (r *columnRun) actResume(_ *caller, _ *place) string {
	for _, c := range r.members {
		if c.line.peer.Stalled && r.rand.IntN(2) == 0 {
			c.line.peer.Resume()
		}
	}
	return "some"
}

// actTime lets time pass, in steps in which everybody who is not mute does what is to be done.
func (r *columnRun) actTime(_ *caller, _ *place) string {
	d := time.Duration(1+r.rand.IntN(60)) * 100 * time.Millisecond
	if r.rand.IntN(6) == 0 {
		d *= 10
	}
	r.pass(d)
	return d.String()
}

func (r *columnRun) pass(d time.Duration) {
	for ; d > 0; d -= time.Second {
		for range 3 { // a ping, the pong, and the next GET
			r.pumpAll(1 << 20)
		}
		r.overdue(min(d, time.Second))
		r.sim.Advance(min(d, time.Second))
		for _, c := range r.members {
			c.read()
		}
	}
}

// overdue notes whose sessions may end when time passes, and whose have to.
func (r *columnRun) overdue(d time.Duration) {
	now := r.sim.Loop().Now()
	for _, c := range r.members {
		if !c.alive() {
			continue
		}
		if c.line.peer.Stalled || c.line.peer.Conn().Blocked() { // it hears no pings, or no answers
			c.may[ReasonPingTimeout] = true
		}
		if c.mute && now+d > c.since+46*time.Second {
			c.must = true
		}
		idle := !slices.ContainsFunc(c.places, func(p *place) bool { return p.state == in || p.state == waiting })
		if idle {
			c.may[ReasonForcedClose] = true
		}
	}
}

// actHarm is what ends a session badly.
func (r *columnRun) actHarm(c *caller, p *place) string {
	kind := r.rand.IntN(8)
	if r.rand.IntN(2) == 0 {
		return "nobody"
	}
	switch kind {
	case 0:
		c.harm(io.EOF, ReasonTransportClose)
		return "hang up"
	case 1:
		c.harm(syscall.ECONNRESET, ReasonTransportError)
		return "reset"
	case 2, 3:
		if c.mute {
			return "mute already"
		}
		c.silent()
		return "fall silent"
	case 4:
		c.line.peer.Broken = true
		c.may[ReasonTransportError] = true
		return "break"
	case 5:
		c.send(packetOut{text: "x", control: true, before: func() { c.ifAlive(ReasonParseError) }})
		return "a packet that makes no sense"
	case 6:
		bad := []string{"42", "4{", "44", "42[]", `42["connect"]`, "49", `42/never,["e"]`, "451-[]"}[r.rand.IntN(8)]
		c.send(packetOut{text: bad, control: true, before: func() { c.ifAlive(ReasonForcedClose) }})
		if bad == "451-[]" {
			return "an event without a name"
		}
		return bad
	}
	if !c.polls {
		c.line.say(frame(wsproto.OpClose, true, binary.BigEndian.AppendUint16(nil, 1000)), true, func() { c.ifAlive(ReasonTransportClose) }, nil)
		return "close frame"
	}
	c.send(packetOut{text: "1", control: true, before: func() { c.ifAlive(ReasonTransportClose) }})
	return "close packet"
}

// ifAlive is end for a session that may be over already.
func (c *caller) ifAlive(reason Reason) {
	if c.alive() {
		c.end(reason)
	}
}

// harm ends the connections of a caller. Of a session that is polled that is the end if a request was under way.
func (c *caller) harm(err error, reason Reason) {
	c.read()
	if c.polls {
		if !c.line.waits() || c.line.peer.Closed {
			return
		}
		reason = ReasonTransportError
	}
	c.ifAlive(reason)
	c.line.peer.Hangup(err)
}
