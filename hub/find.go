package hub

import (
	"context"
	"slices"
	"strconv"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// SocketInfo is what is known of a socket at a moment.
type SocketInfo struct {
	Rooms       []string      // sorted, its id among them
	Transport   string        // "polling" or "websocket"
	RTT         time.Duration // between the last heartbeat and the answer to it; 0 before the first
	QueuedBytes int           // that wait for the client to read
}

// Info looks at the socket. The error is ErrDisconnected, ctx's, ErrOverloaded, or ErrShutdown. Not for OnLoop handlers,
// which would wait for themselves.
func (s *Socket) Info(ctx context.Context) (SocketInfo, error) {
	info, err := ask(ctx, s.client.shard, func() *SocketInfo {
		if s.state != connected {
			return nil
		}
		c := s.client
		i := &SocketInfo{Rooms: append(s.roomNames(), s.id), Transport: c.Transport(), RTT: c.RoundTrip(), QueuedBytes: c.QueuedBytes()}
		slices.Sort(i.Rooms)
		return i
	})
	switch {
	case err != nil:
		return SocketInfo{}, err
	case info == nil:
		return SocketInfo{}, ErrDisconnected
	}
	return *info, nil
}

// Socket returns the socket of this node that has an id. The error is ErrDisconnected if there is none, ctx's, ErrOverloaded, or
// ErrShutdown. Not for OnLoop handlers, which would wait for themselves.
func (n *Namespace) Socket(ctx context.Context, id string) (*Socket, error) {
	shards := n.server.column()
	at, ok := session.LoopOf(id)
	if !ok || len(shards) == 0 {
		return nil, ErrDisconnected
	}
	if n.journal == nil { // else the client may have come back on another loop than the one that has made the id
		shards = shards[min(at, len(shards)):min(at+1, len(shards))]
	}
	for _, sh := range shards {
		s, err := ask(ctx, sh, func() *Socket { return sh.socket(n, id) })
		if s != nil || err != nil {
			return s, err
		}
	}
	return nil, ErrDisconnected
}

// socket returns the socket of this loop that has an id, or nil.
func (sh *shard) socket(n *Namespace, id string) (s *Socket) {
	if sp := sh.spaces[n]; sp != nil {
		s, _ = sp.index.Get(id)
	}
	return s
}

// SocketRooms is a socket with the rooms that it is in at a moment, its id among them, in no order.
type SocketRooms struct {
	Socket *Socket
	Rooms  []string
}

// SocketsByID finds those sockets of this node that have the given ids, by these. Each loop is asked once, however many ids there
// are, and is held for about a microsecond by each of its own: bound them. The error is ctx's, ErrOverloaded, or ErrShutdown.
// Not for OnLoop handlers, which would wait for themselves.
func (n *Namespace) SocketsByID(ctx context.Context, ids []string) (map[string]SocketRooms, error) {
	all := map[string]SocketRooms{}
	for i, sh := range n.server.column() {
		mine := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			at, ok := session.LoopOf(id)
			return !ok || n.journal == nil && at != i // with one the client may have come back on another loop
		})
		if len(mine) == 0 {
			continue
		}
		found, err := ask(ctx, sh, func() (found []SocketRooms) {
			for _, id := range mine {
				if s := sh.socket(n, id); s != nil {
					found = append(found, SocketRooms{s, append(s.roomNames(), id)})
				}
			}
			return found
		})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			all[f.Socket.id] = f
		}
	}
	return all, nil
}

// Count is how many sockets of this node the operator means. Each loop walks through them. The error is ctx's, ErrOverloaded, or
// ErrShutdown. Not for OnLoop handlers, which would wait for themselves.
func (b BroadcastOperator) Count(ctx context.Context) (total int, err error) {
	if parent, err := b.children(func(c BroadcastOperator) error {
		n, err := c.Count(ctx)
		total += n
		return err
	}); parent || b.nobody() {
		return total, err
	}
	s := b.nsp.server
	if s.full() {
		return 0, ErrOverloaded
	}
	r := &Receipt{done: make(chan struct{})}
	r.loops.Store(1)
	r.expect(s)
	s.post(eventloop.TaskFunc(func(l *eventloop.Loop) {
		n := 0
		if sp := s.column()[l.Index()].spaces[b.nsp]; sp != nil {
			sp.index.Each(b.rooms, b.except, func(*Socket) { n++ })
		}
		r.delivered(n, 0)
	}))
	r.delivered(0, 0) // before Serve there are no loops
	d, err := r.Wait(ctx)
	return d.Matched, err
}

// ListMembers returns some sockets of this node that are in a room, in the manner of ListSockets. A socket whose id is the
// room's name is not listed.
func (n *Namespace) ListMembers(ctx context.Context, room, cursor string, limit int) (sockets []*Socket, next string, err error) {
	return n.list(ctx, cursor, limit, func(sp *space, at, limit int) ([]*Socket, int) { return sp.index.PageOf(room, at, limit) })
}

// ListSockets returns some sockets of this node, at most limit of them (0: a default), and a cursor for the next ones, as
// ListRooms does. Each call asks one loop or more, and costs it no more than what is listed. The error is ctx's, ErrOverloaded, or
// ErrShutdown. Not for OnLoop handlers, which would wait for themselves.
func (n *Namespace) ListSockets(ctx context.Context, cursor string, limit int) (sockets []*Socket, next string, err error) {
	return n.list(ctx, cursor, limit, func(sp *space, at, limit int) ([]*Socket, int) { return sp.index.Page(at, limit) })
}

// list makes a page of the pages of the loops.
func (n *Namespace) list(ctx context.Context, cursor string, limit int, of func(sp *space, at, limit int) ([]*Socket, int)) (sockets []*Socket, next string, err error) {
	if limit <= 0 || limit > ListMax {
		limit = ListMax
	}
	loop, at, ok := parseCursor(cursor)
	if !ok {
		return nil, "", nil
	}
	shards := n.server.column()
	for loop < len(shards) {
		sh, left := shards[loop], limit-len(sockets)
		p, err := ask(ctx, sh, func() (p page) {
			if sp := sh.spaces[n]; sp != nil {
				p.sockets, p.next = of(sp, at, left)
			}
			return p
		})
		if err != nil {
			return nil, "", err
		}
		sockets = append(sockets, p.sockets...)
		if at = p.next; at == 0 {
			loop, at = loop+1, -1
		}
		if len(sockets) == limit && loop < len(shards) {
			return sockets, strconv.Itoa(loop) + ":" + strconv.Itoa(at), nil
		}
	}
	return sockets, "", nil
}
