package hub

import (
	"starling/eventloop"
	"starling/hub/internal/recovery"
	"starling/hub/internal/rooms"
	"starling/hub/internal/session"
)

// shard is what one loop owns: its clients and, for each namespace, the sockets and rooms of these clients. Nothing of it
// is touched by any other goroutine.
type shard struct {
	server *Server
	loop   *eventloop.Loop
	table  *session.Table
	spaces map[*Namespace]*space
	event  Event // the one that OnLoop handlers borrow
	counts counts

	// early are changes of rooms that a middleware has asked for before its socket was connected.
	early map[*Socket][]func(*space)
}

func newShard(s *Server, l *eventloop.Loop, cfg *session.Config) *shard {
	sh := &shard{server: s, loop: l, spaces: map[*Namespace]*space{}, early: map[*Socket][]func(*space){}}
	sh.table = session.NewTable(l, cfg, sh.newClient)
	return sh
}

// OnOpen is part of eventloop.Handler.
func (sh *shard) OnOpen(c *eventloop.Conn) { sh.table.Open(c) }

// OnDrain is part of eventloop.Handler.
func (sh *shard) OnDrain() { sh.table.Drain() }

// newClient is the session table's newUpper.
func (sh *shard) newClient(req session.Request) session.Upper {
	c := &client{shard: sh}
	c.decoder = sh.server.newDecoder()
	c.remember(req)
	return c
}

// space is one loop's part of a namespace.
type space struct {
	index *index
	at    recovery.Position // of the newest message that this loop has delivered
}

// index is the index of a namespace on a loop.
type index = rooms.Index[*Socket]

// space returns this loop's part of a namespace.
func (sh *shard) space(n *Namespace) *space {
	sp := sh.spaces[n]
	if sp == nil {
		sp = &space{index: rooms.New[*Socket](n.rooms)}
		if n.users.Load() != namespaceGone { // or somebody who has kept it would have us keep it
			sh.spaces[n] = sp
		}
	}
	return sp
}

// spaceFor returns this loop's part of a namespace to deliver the message of a position there; nil if it has none and
// the message has no position, which would have to be remembered for sockets that come later.
func (sh *shard) spaceFor(n *Namespace, at recovery.Position) *space {
	if at == 0 {
		return sh.spaces[n]
	}
	sp := sh.space(n)
	sp.at = max(sp.at, at)
	return sp
}

// join puts a connected socket into a room.
func (sp *space) join(s *Socket, room string) {
	if sp.index.Join(s, room) && s.kept != nil {
		s.kept.history.Joined(room, sp.at)
	}
}

// leave takes a connected socket out of a room.
func (sp *space) leave(s *Socket, room string) {
	if sp.index.Leave(s, room) && s.kept != nil {
		s.kept.history.Left(room, sp.at, s.nsp.journal.Settled())
	}
}

// leaveAll takes a connected socket out of all rooms but its own id.
func (sp *space) leaveAll(s *Socket) {
	if s.kept == nil {
		sp.index.LeaveAll(s)
		return
	}
	for _, room := range s.roomNames() {
		sp.leave(s, room)
	}
}

// taskFunc makes a task of a function that does not care for the loop.
func taskFunc(f func()) eventloop.TaskFunc { return func(*eventloop.Loop) { f() } }
