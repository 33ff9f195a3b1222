package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file is what a simulated column has to do, told twice: to the server, and to the model of what callers get for it. A
// task of the model's stands in the loop's inbox in front of each of the server's.

// effect has the model change when the loop comes to what is posted next.
func (r *columnRun) effect(f func()) { r.shard.loop.PostAlways(taskFunc(f)) }

// everyone are all callers that something may be for: those with sessions, and those that may come back.
func (r *columnRun) everyone() []*caller { return append(slices.Clip(r.members), r.away...) }

// aim is whom a broadcast is for.
type columnAim struct {
	nsp      string
	rooms    []string
	except   []string
	volatile bool
}

func (a columnAim) String() string {
	return fmt.Sprintf("%s to %q except %q volatile %v", a.nsp, a.rooms, a.except, a.volatile)
}

// meets reports whether a place is aimed at.
func (a columnAim) meets(p *place) bool {
	within := func(room string) bool { return p.rooms[room] || p.socket != nil && p.socket.id == room }
	return p.nsp == a.nsp && p.state == in && (len(a.rooms) == 0 || slices.ContainsFunc(a.rooms, within)) && !slices.ContainsFunc(a.except, within)
}

func (r *columnRun) operator(a columnAim) BroadcastOperator {
	op := r.Of(a.nsp).Except(a.except...)
	if len(a.rooms) > 0 {
		op = op.To(a.rooms...)
	}
	if a.volatile {
		op = op.Volatile()
	}
	return op
}

// slip is the receipt of a broadcast, and how many sockets the model says were meant.
type slip struct {
	*Receipt
	aim     columnAim
	n       int
	matched int
}

// broadcasts sends several events to the same aim, one behind the other.
func (r *columnRun) broadcasts(a columnAim, times, size int, binary bool) {
	var slips []*slip
	first := r.next + 1
	r.next += times
	r.effect(func() {
		for i := range times {
			slips[i].matched = r.meet(a, func(p *place, alive bool) {
				r.deliver(p, alive, first+i, "m", size, binary, a.volatile)
			})
			r.delivered += slips[i].matched
		}
	})
	for i := range times {
		slips = append(slips, &slip{aim: a, n: first + i})
		receipt, err := r.operator(a).EmitReceipt("m", eventArgs(first+i, size, binary)...)
		if err != nil {
			r.fail("broadcast: %v", err)
		}
		slips[i].Receipt = receipt
	}
	r.slips = append(r.slips, slips...)
}

// meet calls visit for each place that is aimed at, and returns how many of them are connected.
func (r *columnRun) meet(a columnAim, visit func(p *place, alive bool)) (matched int) {
	for _, c := range r.everyone() {
		for _, p := range c.places {
			if !a.meets(p) {
				continue
			}
			if c.alive() {
				matched++
			}
			visit(p, c.alive())
		}
	}
	return matched
}

// deliver has a place want an event.
func (r *columnRun) deliver(p *place, alive bool, n int, name string, size int, binary, volatile bool) {
	kept := r.row.recovery && name == "m" && !volatile && p.nsp != "/m"
	if !alive && !kept {
		return
	}
	c := p.caller
	optional := volatile && (c.polls || c.line.peer.Stalled || c.line.peer.Conn().Blocked())
	add := func(text string) {
		c.wants = append(c.wants, want{text: text, optional: optional, kept: kept, place: p, n: n})
		n = 0 // the attachment has none
	}
	if c.polls && c.waiting() > r.row.outbound/2 {
		c.may[ReasonSlowConsumer] = true
	}
	head, body := "2", fmt.Sprintf(`[%q,%d,%q`, name, n, strings.Repeat("x", size))
	if binary {
		head, body = "51", body+`,{"_placeholder":true,"num":0}`
	}
	add(head + p.nsp + "," + body + "]")
	if binary {
		add("b00")
	}
}

// waiting is about how much waits for a caller, in bytes.
func (c *caller) waiting() (bytes int) {
	for _, w := range c.wants {
		bytes += len(w.text) + 100
	}
	return bytes
}

func eventArgs(n, size int, binary bool) []any {
	args := []any{n, strings.Repeat("x", size)}
	if binary {
		args = append(args, []byte{0})
	}
	return args
}

// emit sends an event to one socket.
func (r *columnRun) emit(p *place, volatile bool, size int) {
	r.next++
	n := r.next
	emit := p.socket.Emit
	if volatile {
		emit = p.socket.EmitVolatile
	}
	away := p.socket.Gone()
	if !away {
		r.effect(func() {
			if p.state == in {
				if p.caller.alive() {
					r.delivered++
				}
				r.deliver(p, p.caller.alive(), n, "m", size, false, volatile)
			}
		})
	}
	if err := emit("m", n, strings.Repeat("x", size)); (err != nil) != away || err != nil && !errors.Is(err, ErrDisconnected) {
		r.fail("emit to a socket that is gone: %v: %v", away, err)
	}
}

// question is one that a client owes an acknowledgement for.
type columnQuestion struct {
	n    int
	done bool
}

// ask sends an event that wants an acknowledgement.
func (r *columnRun) ask(p *place, timeout time.Duration) {
	if p.socket.Gone() {
		return
	}
	r.next++
	q := &columnQuestion{n: r.next}
	r.questions = append(r.questions, q)
	r.effect(func() {
		if p.state == in && p.caller.alive() {
			r.delivered++
			r.deliver(p, true, q.n, "ask", 0, false, false)
		}
	})
	done := func(reply *Reply, err error) {
		var n int
		switch {
		case q.done:
			r.fail("question %d was answered twice", q.n)
		case err == nil && (reply.Arg(0, &n) != nil || n != q.n):
			r.fail("question %d was answered with %d", q.n, n)
		case err == nil:
			r.acksIn++
		case !errors.Is(err, ErrAckTimeout) && !errors.Is(err, ErrDisconnected):
			r.fail("question %d: %v", q.n, err)
		}
		q.done = true
	}
	if err := p.socket.EmitAck(timeout, "ask", done, q.n, ""); err != nil {
		r.fail("asking: %v", err)
	}
}

// columnGathering is a broadcast that is to be acknowledged.
type columnGathering struct {
	*gathering
	n, matched int
}

// gather asks all whom a broadcast reaches.
func (r *columnRun) gather(a columnAim) {
	r.next++
	g := &columnGathering{n: r.next}
	r.effect(func() {
		g.matched = r.meet(a, func(p *place, alive bool) {
			if alive {
				r.deliver(p, true, g.n, "ask", 0, false, false)
			}
		})
		r.delivered += g.matched
	})
	a.volatile = false
	var err error
	if g.gathering, err = r.operator(a).ask(context.Background(), "ask", []any{g.n, ""}); err != nil {
		r.fail("asking all: %v", err)
	}
	r.gatherings = append(r.gatherings, g)
}

// change changes rooms: when the place is connected, if the middleware has not decided yet.
func (r *columnRun) change(p *place, f func()) {
	r.effect(func() {
		switch {
		case !p.caller.alive():
		case p.state == in:
			f()
		case p.state == waiting:
			p.early = append(p.early, f)
		}
	})
}

// join and leave change rooms.
func (r *columnRun) join(p *place, rooms ...string) {
	r.change(p, func() {
		for _, room := range rooms {
			p.rooms[room] = true
		}
		delete(p.rooms, p.socket.id) // it is in that one as it is
	})
	if err := p.socket.Join(rooms...); err != nil {
		r.fail("join: %v", err)
	}
}

func (r *columnRun) leave(p *place, rooms ...string) {
	r.change(p, func() {
		for _, room := range rooms {
			delete(p.rooms, room)
		}
	})
	if err := p.socket.Leave(rooms...); err != nil {
		r.fail("leave: %v", err)
	}
}

func (r *columnRun) leaveAll(p *place) {
	r.change(p, func() { clear(p.rooms) })
	if err := p.socket.LeaveAll(); err != nil {
		r.fail("leave all: %v", err)
	}
}

// disconnect has the server disconnect a socket.
func (r *columnRun) disconnect(p *place, whole bool) {
	r.effect(func() {
		c := p.caller
		if !c.alive() || p.state != in && p.state != waiting {
			return
		}
		if !whole {
			p.sendAway()
			return
		}
		for _, p := range c.places {
			p.sendAway()
		}
		c.end(ReasonForcedClose)
	})
	p.socket.Disconnect(whole)
}

// sendAway is what becomes of a place whose socket the server disconnects.
func (p *place) sendAway() {
	switch p.state {
	case in:
		p.want("1", "")
		p.state = gone
	case waiting:
		p.want("4", `{"message":"disconnected"}`)
		p.state = never
	}
}

// want has the caller want a packet that is no event.
func (p *place) want(kind, payload string) {
	c := p.caller
	c.wants = append(c.wants, want{text: kind + p.nsp + "," + payload, place: p, connect: kind == "0"})
}

// end says that the session is over after this step, and why.
func (c *caller) end(reason Reason) {
	c.must = true
	c.may[reason] = true
}

// setup registers the handlers of a simulated application.
func (r *columnRun) setup(s *Server) {
	for _, nsp := range []string{"/", "/b", "/m"} {
		n := s.Of(nsp)
		n.OnLoop("e", func(s *Socket, e *Event) { r.handle(s, e, true) })
		n.On("o", func(s *Socket, e *Event) { r.handle(s, e, false) })
		n.OnConnect(func(s *Socket) {
			if r.welcomed[s]++; r.welcomed[s] > 1 {
				r.fail("OnConnect was called twice")
			}
		})
		n.OnDisconnect(func(s *Socket, reason Reason) {
			if r.left[s]++; r.left[s] > 1 || r.welcomed[s] != 1 {
				r.fail("OnDisconnect (%s) was called %d times, OnConnect %d times", reason, r.left[s], r.welcomed[s])
			}
		})
	}
	s.Of("/m").Use(r.middleware)
}

// middleware lets a socket in or not, as it wants.
func (r *columnRun) middleware(s *Socket) error {
	var auth struct{ Do string }
	if err := s.Auth(&auth); err != nil {
		r.fail("auth: %v", err)
	}
	p := r.bySocket[s]
	decide := func(f func()) {
		r.effect(func() {
			if p.state == waiting && p.caller.alive() {
				f()
			}
		})
	}
	switch auth.Do {
	case "no":
		decide(func() { p.want("4", `{"message":"no"}`); p.state = never })
		return errors.New("no")
	case "panic":
		r.panics++
		decide(func() { p.want("4", `{"message":"internal error"}`); p.state = never })
		panic("as wanted")
	}
	r.join(p, "lobby")
	decide(p.accept)
	return nil
}

// accept makes a place connected.
func (p *place) accept() {
	p.want("0", "")
	p.state = in
	p.caller.run.accepted++
	for _, f := range p.early {
		f()
	}
	p.early = nil
}

// handle handles an event of a caller: each has to come once, and in order.
func (r *columnRun) handle(s *Socket, e *Event, onLoop bool) {
	p := r.bySocket[s]
	list := &p.off
	if onLoop {
		list = &p.onLoop
	}
	var n int
	var what string
	if err := e.Bind(&n, &what); err != nil || len(*list) == 0 || (*list)[0] != n {
		r.fail("caller %d: event %d (%v) was handled, and %v are to be", p.caller.n, n, err, *list)
	}
	*list = (*list)[1:]
	if e.WantsAck() {
		r.acknowledge(p, e, n)
	}
	room := fmt.Sprintf("r%d", n%columnRooms)
	switch what {
	case "cast":
		r.broadcasts(columnAim{nsp: p.nsp, rooms: []string{room}, except: []string{s.id}}, 1, 10, false)
	case "join":
		r.join(p, room)
	case "leave":
		r.leave(p, room)
	case "quit":
		r.disconnect(p, n%2 == 0)
	case "panic":
		r.panics++
		panic("as wanted")
	}
}

// acknowledge acknowledges an event: at once if the server does.
func (r *columnRun) acknowledge(p *place, e *Event, n int) {
	id, direct := e.id, e.onLoop && r.shard.loop.Idle()
	do := func() {
		if p.state == in && p.caller.alive() {
			r.acksOut++
			p.want("3", fmt.Sprintf("%d[%d]", id, n))
		}
	}
	if direct {
		do()
	} else {
		r.effect(do)
	}
	if err := e.Ack(n); err != nil {
		r.fail("ack: %v", err)
	}
}
