package hub

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// audit holds everything that a column has against everything else, and against the model, after a step.
func (r *columnRun) audit() {
	r.sim.Run()
	r.ends()
	sessions := peek[[]*session.Session](r.shard.table, "sessions")
	polled := peek[map[session.ID]*session.Session](r.shard.table, "byID")
	r.auditSessions(sessions)
	for _, nsp := range columnNamespaces {
		r.auditRooms(r.Of(nsp))
	}
	r.auditPending(polled)
	r.auditTimers(sessions, polled)
	r.auditFigures(sessions, polled)
	r.auditAddresses()
	r.auditCallers()
	r.auditQuestions()
}

// ends finds out whose sessions have ended in this step: those that had to, and nobody who must not.
func (r *columnRun) ends() {
	closed := r.shard.table.Stats().Closed
	fresh := map[Reason]int{}
	for reason := range closed {
		if n := closed[reason] - r.closed[reason]; n > 0 {
			fresh[reasonOf(session.Reason(reason))] = int(n)
		}
	}
	r.closed = closed
	var ended []*caller
	for _, c := range r.members {
		if c.dead > 0 {
			continue
		}
		switch {
		case c.alive() && c.must:
			r.fail("caller %d goes on, and had to end with one of %v", c.n, c.may)
		case c.alive():
			continue
		case len(c.may) == 0:
			r.fail("caller %d has ended with one of %v, and there was no reason", c.n, fresh)
		}
		c.dead = 1
		r.over++
		ended = append(ended, c)
	}
	if !matched(ended, fresh) {
		var may []map[Reason]bool
		for _, c := range ended {
			may = append(may, c.may)
		}
		r.fail("sessions have ended with %v, and had reason to with %v", fresh, may)
	}
}

// matched reports whether each caller can be given one of the reasons for which its session may have ended, so that each
// reason is given as often as it was counted (Kuhn's algorithm).
func matched(ended []*caller, counted map[Reason]int) bool {
	given := map[Reason][]*caller{}
	var give func(c *caller, tried map[Reason]bool) bool
	give = func(c *caller, tried map[Reason]bool) bool {
		for reason := range c.may {
			if tried[reason] {
				continue
			}
			tried[reason] = true
			if len(given[reason]) < counted[reason] {
				given[reason] = append(given[reason], c)
				return true
			}
			for i, other := range given[reason] {
				if give(other, tried) {
					given[reason][i] = c
					return true
				}
			}
		}
		return false
	}
	total := 0
	for _, n := range counted {
		total += n
	}
	return total == len(ended) && !slices.ContainsFunc(ended, func(c *caller) bool { return !give(c, map[Reason]bool{}) })
}

// auditSessions holds the list of sessions against the callers.
func (r *columnRun) auditSessions(sessions []*session.Session) {
	alive := 0
	for _, c := range r.members {
		if c.alive() {
			alive++
		}
	}
	if len(sessions) != alive {
		r.fail("%d sessions, want %d", len(sessions), alive)
	}
	seen := map[*caller]bool{}
	for i, s := range sessions {
		c := r.byClient[peek[session.Upper](s, "upper").(*client)]
		if c == nil || seen[c] || !c.alive() || int(peek[int32](s, "at")) != i {
			r.fail("session %d of the list is not in order", i)
		}
		seen[c] = true
	}
}

// auditRooms holds a namespace's index against the model, from both sides, and its directory against it.
func (r *columnRun) auditRooms(n *Namespace) {
	there, rooms, users := map[*Socket]*place{}, map[string]map[*Socket]bool{}, 0
	for _, c := range r.members {
		if p := c.at(n.name); p != nil && c.alive() && (p.state == in || p.state == waiting) {
			if users++; p.state == waiting {
				continue
			}
			there[p.socket] = p
			for room := range p.rooms {
				if rooms[room] == nil {
					rooms[room] = map[*Socket]bool{}
				}
				rooms[room][p.socket] = true
			}
		}
	}
	x := r.shard.space(n).index
	if x.Len() != len(there) || n.SocketsCount() != len(there) || x.Rooms() != len(rooms) || n.RoomsCount() != len(rooms) || int(n.users.Load()) != users {
		r.fail("%s has %d members (counted %d), %d rooms (counted %d) and %d users, want %d, %d and %d",
			n.name, x.Len(), n.SocketsCount(), x.Rooms(), n.RoomsCount(), n.users.Load(), len(there), len(rooms), users)
	}
	x.Each(nil, nil, func(s *Socket) {
		p := there[s]
		if p == nil || s.state != connected || s.client != p.caller.real || s.client.seat([]byte(n.name)).socket != s {
			r.fail("%s has a member that is not there", n.name)
		}
		delete(there, s)
		if same, ok := x.Get(s.id); !ok || same != s {
			r.fail("%s does not find socket %s", n.name, s.id)
		}
		names := slices.Sorted(s.members.Names)
		if want := slices.Sorted(maps.Keys(p.rooms)); !slices.Equal(names, want) {
			r.fail("socket %s is in %q, want %q", s.id, names, want)
		}
	})
	for room, members := range rooms {
		list, next := x.PageOf(room, -1, ListMax)
		for next > 0 {
			var more []*Socket
			more, next = x.PageOf(room, next, ListMax)
			list = append(list, more...)
		}
		if len(list) != len(members) || n.RoomSize(room) != len(members) {
			r.fail("room %s of %s has %d members, and in the directory %d, want %d", room, n.name, len(list), n.RoomSize(room), len(members))
		}
		for _, s := range list {
			if !members[s] {
				r.fail("room %s of %s has a member that is not in it", room, n.name)
			}
			delete(members, s)
		}
	}
	listed := 0
	for all, next := n.rooms.List("", ListMax); ; all, next = n.rooms.List(next, ListMax) {
		if listed += len(all); next == "" {
			break
		}
	}
	if listed != len(rooms) {
		r.fail("the directory lists %d rooms of %s, want %d", listed, n.name, len(rooms))
	}
	if n.journal != nil && len(n.present.byPID) != x.Len() {
		r.fail("%d could come back to %s, want %d", len(n.present.byPID), n.name, x.Len())
	}
}

// auditPending adds up what waits, for those who poll and on connections.
func (r *columnRun) auditPending(polled map[session.ID]*session.Session) {
	held := 0
	for _, s := range polled {
		q := look(s, "poll")
		if q.IsNil() {
			continue
		}
		bytes, out, sum := int(q.Elem().FieldByName("bytes").Int()), q.Elem().FieldByName("out"), 0
		for i := range out.Len() {
			sum += out.Index(i).Elem().FieldByName("frames").Len() + 64
		}
		if held += bytes; bytes != sum {
			r.fail("%d bytes are counted for a client that polls, and %d wait", bytes, sum)
		}
	}
	l := r.sim.Loop()
	if n := peek[int](l, "held"); n != held || peek[int](l, "heldKnown") != held {
		r.fail("%d bytes are held, and counted as %d", held, n)
	}
	blocked, waiting, conns := 0, held, 0
	r.links = slices.DeleteFunc(r.links, func(k *link) bool {
		k.take()
		if k.peer.Closed {
			r.bytesOut += k.got + k.peer.OutboundBuffered()
			return true
		}
		conns++
		c := k.peer.Conn()
		if sum := segments(c); sum != peek[int](c, "queued") {
			r.fail("%d bytes are queued on a connection, and counted as %d", sum, peek[int](c, "queued"))
		}
		if c.Blocked() {
			blocked++
			waiting += c.Pending()
		} else if c.Pending() > 0 {
			r.fail("%d bytes wait on a connection that is not blocked", c.Pending())
		}
		return false
	})
	st := l.Stats()
	if st.Connections != conns || r.sim.Connections() != conns || st.Blocked != blocked || st.PendingBytes != waiting || st.Tasks != 0 {
		r.fail("%+v, want %d connections, of which %d are blocked, and %d bytes that wait", st, conns, blocked, waiting)
	}
}

// segments adds up what is queued on a connection.
func segments(c *eventloop.Conn) (sum int) {
	sum = len(peek[[]byte](c, "one"))
	if box := look(c, "box"); !box.IsNil() {
		all := box.Elem().FieldByName("segments")
		for i := int(box.Elem().FieldByName("next").Int()); i < all.Len(); i++ {
			sum += all.Index(i).Len()
		}
	}
	return sum
}

// auditTimers wants each timer to be of somebody who lives, and each session to have its own.
func (r *columnRun) auditTimers(sessions []*session.Session, polled map[session.ID]*session.Session) {
	timed := map[*session.Session]bool{}
	heads, probes, acks := 0, 0, 0
	for _, o := range owners(r.sim.Loop()) {
		switch o := o.(type) {
		case *session.Session:
			timed[o] = true
			over := peek[bool](o, "closed")
			if over && polled[peek[session.ID](o, "id")] != o || !over && !slices.Contains(sessions, o) {
				r.fail("a timer of a session that is no more")
			}
		case *pendingAck:
			acks++
			if o.socket.state != connected || o.socket.acks[o.id] != awaited(o) {
				r.fail("a timer for an acknowledgement that nobody waits for")
			}
		default:
			switch name := strings.TrimPrefix(fmt.Sprintf("%T", o), "*session."); name {
			case "httpConn":
				heads++
				if look(o, "over").Bool() {
					r.fail("a timer of a request that is over")
				}
			case "probe":
				probes++
			default:
				r.fail("a timer of %s", name)
			}
		}
	}
	for _, s := range sessions {
		if !timed[s] {
			r.fail("a session without a timer")
		}
	}
	tried := 0
	for _, s := range polled {
		if q := look(s, "poll"); !q.IsNil() && !q.Elem().FieldByName("probe").IsNil() {
			tried++
		}
	}
	if known := look(r.shard.table, "conns").Len(); heads > known || probes != tried {
		r.fail("%d timers of requests and %d of upgrades, want %d at most and %d", heads, probes, known, tried)
	}
}

// auditFigures holds what is counted against what there is, and was.
func (r *columnRun) auditFigures(sessions []*session.Session, polled map[session.ID]*session.Session) {
	polling, held, acksIn := 0, 0, r.acksIn
	for _, s := range sessions {
		if s.Conn() == nil {
			polling++
		}
	}
	for _, s := range polled {
		if !look(s, "poll").IsNil() {
			held++
		}
	}
	for _, g := range r.gatherings {
		acksIn += len(g.replies)
	}
	f := r.shard.figures()
	sockets, closed, bytesOut := 0, 0, r.bytesOut
	for _, sp := range r.shard.spaces {
		sockets += sp.index.Len()
	}
	for _, n := range f.closed {
		closed += int(n)
	}
	for _, k := range r.links {
		bytesOut += k.got + k.peer.OutboundBuffered()
	}
	if len(r.workers.waiting) > 0 {
		acksIn = int(f.AcksIn) // some are still to be told
	}
	for _, row := range []struct {
		name      string
		got, want int
	}{
		{"sessions that poll", f.PollingSessions, polling},
		{"places for sessions that poll", int(r.polling()), held},
		{"sessions over WebSockets", f.WebSocketSessions, len(sessions) - polling},
		{"sockets", f.Sockets, sockets},
		{"sessions that have begun", int(f.BegunPolling + f.BegunWebSocket), r.begun},
		{"upgrades", int(f.Upgraded), r.upgraded},
		{"sessions that have ended", closed, r.begun - len(sessions)},
		{"sessions that have ended, by the model", closed, r.over},
		{"refusals for an address", int(f.refused[session.TooManyOfAddress]), r.refused},
		{"events", int(f.Events), r.events},
		{"acks in", int(f.AcksIn), acksIn},
		{"acks out", int(f.AcksOut), r.acksOut},
		{"deliveries", int(f.Deliveries + f.Dropped + f.DroppedVolatile), r.delivered},
		{"bytes in", int(f.BytesIn), r.bytesIn},
		{"reads", int(f.Reads), r.reads},
		{"bytes out", int(f.BytesOut), bytesOut},
		{"panics of handlers", int(r.workers.panics.Load()), r.panics},
		{"panics on the loop", r.sim.Panics(), 0},
	} {
		if row.got != row.want {
			r.fail("%s: %d, want %d", row.name, row.got, row.want)
		}
	}
}

// auditAddresses holds the sessions of addresses, as they are counted, against the callers.
func (r *columnRun) auditAddresses() {
	if r.row.addressMax == 0 {
		return
	}
	want := map[string]int{}
	for _, c := range r.members {
		if c.alive() {
			want[c.addr]++
		}
	}
	stripes := look(r.cfg, "addresses", "stripes")
	for i := range stripes.Len() {
		for _, h := range stripes.Index(i).FieldByName("of").Seq2() {
			addr := (*netip.Addr)(h.Elem().FieldByName("addr").Addr().UnsafePointer()).String()
			if n := int(h.Elem().FieldByName("sessions").Int()); n != want[addr] || n == 0 || n > r.row.addressMax {
				r.fail("%s has %d sessions, want %d", addr, n, want[addr])
			}
			delete(want, addr)
		}
	}
	if len(want) > 0 {
		r.fail("addresses that are not counted: %v", want)
	}
}

// auditCallers wants everybody who reads to have got everything.
func (r *columnRun) auditCallers() {
	for _, c := range r.members {
		c.read()
		if !c.alive() {
			continue
		}
		for _, p := range c.places {
			if len(r.workers.waiting) == 0 && p.state == in && len(p.onLoop)+len(p.off) > 0 {
				r.fail("caller %d: the events %v and %v were never handled", c.n, p.onLoop, p.off)
			}
		}
		if c.polls && (!c.line.waits() || c.line.peer.Closed) || c.line.peer.Stalled || c.line.peer.Conn().Blocked() {
			continue
		}
		if i := slices.IndexFunc(c.wants, func(w want) bool { return !w.optional }); i >= 0 {
			r.fail("caller %d (%s) has not got %.40q", c.n, c, c.wants[i].text)
		}
		if len(c.line.buf) > 0 {
			r.fail("caller %d has got half a message: %q", c.n, c.line.buf)
		}
	}
}

// waits reports whether a GET is with the server.
func (l *link) waits() bool { return l.asked && len(l.out) == 0 }

// auditQuestions wants receipts to tell the truth.
func (r *columnRun) auditQuestions() {
	for _, s := range r.slips {
		select {
		case <-s.done:
			if n := int(s.Receipt.matched.Load()); n != s.matched {
				r.fail("broadcast %d (%s) has met %d sockets, want %d", s.n, s.aim, n, s.matched)
			}
		default:
			r.fail("broadcast %d was not delivered", s.n)
		}
	}
	r.slips = nil
	for _, g := range r.gatherings {
		if g.asked != g.matched || len(g.replies) > g.asked {
			r.fail("event %d asked %d sockets and got %d replies, want %d asked", g.n, g.asked, len(g.replies), g.matched)
		}
		for i, reply := range g.replies {
			var n int
			if err := reply.Arg(0, &n); err != nil || n != g.n || slices.ContainsFunc(g.replies[:i], func(o BroadcastReply) bool { return o.SocketID == reply.SocketID }) {
				r.fail("event %d was answered with %d by %s", g.n, n, reply.SocketID)
			}
		}
	}
}
