package hub

import (
	"starling/eventloop"
	"starling/hub/internal/rooms"
	"starling/hub/internal/session"
)

// shard is what one loop owns: its clients and, for each namespace, the sockets and rooms of these clients. Nothing of it
// is touched by any other goroutine.
type shard struct {
	server *Server
	loop   *eventloop.Loop
	table  *session.Table
	spaces []*space // by Namespace.index; nil where this loop has no sockets
	event  Event    // the one that OnLoop handlers borrow

	// early are changes of rooms that a middleware has asked for before its socket was connected.
	early map[*Socket][]func(*index)
}

// space is one loop's part of a namespace.
type space struct{ index *index }

func newShard(s *Server, l *eventloop.Loop, cfg *session.Config) *shard {
	sh := &shard{server: s, loop: l, early: map[*Socket][]func(*index){}}
	sh.table = session.NewTable(l, cfg, sh.newClient)
	return sh
}

// OnOpen is part of eventloop.Handler.
func (sh *shard) OnOpen(c *eventloop.Conn) { sh.table.Open(c) }

// OnDrain is part of eventloop.Handler.
func (sh *shard) OnDrain() { sh.table.Drain() }

// spaceIfAny returns this loop's part of a namespace, nil if it has none.
func (sh *shard) spaceIfAny(n *Namespace) *space {
	if n.index < len(sh.spaces) {
		return sh.spaces[n.index]
	}
	return nil
}

// space returns this loop's part of a namespace.
func (sh *shard) space(n *Namespace) *space {
	for n.index >= len(sh.spaces) {
		sh.spaces = append(sh.spaces, nil)
	}
	if sh.spaces[n.index] == nil {
		sh.spaces[n.index] = &space{index: rooms.New[*Socket]()}
	}
	return sh.spaces[n.index]
}

// newClient is the session table's newUpper.
func (sh *shard) newClient(req session.Request) session.Upper {
	c := &client{shard: sh}
	c.decoder = sh.server.newDecoder()
	c.remember(req)
	return c
}
