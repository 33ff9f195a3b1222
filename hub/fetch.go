package hub

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"starling/eventloop"
	"starling/hub/cluster"
	"starling/wsproto/socketio"
)

// RemoteSocket is a socket of this node or another one as FetchSockets has found it: what it was then, and a handle to
// reach it. Any goroutine may use it.
type RemoteSocket struct {
	id    string
	nsp   *Namespace
	rooms []string

	origin *origin         // on this node; nil if it is forgotten
	data   any             // on this node
	remote *cluster.Socket // on another one
}

// ID is the socket's id.
func (r *RemoteSocket) ID() string { return r.id }

// Namespace is the namespace that the socket is connected to, as this node has it.
func (r *RemoteSocket) Namespace() *Namespace { return r.nsp }

// Rooms are the rooms that it was in, sorted, its id among them. The slice must not be changed.
func (r *RemoteSocket) Rooms() []string { return r.rooms }

// Handshake is what its connection began with; see Socket.Handshake.
func (r *RemoteSocket) Handshake() Handshake {
	if m := r.remote; m != nil {
		return Handshake{Time: m.Time, Address: m.Address, URL: m.URL, Host: m.Host, Header: m.Header}
	}
	return r.nsp.server.handshake(r.origin)
}

// Data decodes what the application has attached to the socket, by way of JSON, into what v points to; *v stays as it is
// when there was nothing.
func (r *RemoteSocket) Data(v any) error {
	data := []byte(nil)
	switch {
	case r.remote != nil:
		data = r.remote.Data
	case r.data != nil:
		var err error
		if data, err = socketio.AppendJSON(nil, r.data); err != nil {
			return err
		}
	}
	if data == nil {
		return nil
	}
	return socketio.Bind(data, nil, v)
}

// self aims at the socket, wherever it is.
func (r *RemoteSocket) self() BroadcastOperator {
	b := r.nsp.To(r.id)
	b.local = r.remote == nil
	return b
}

// Emit sends an event to the socket. See [BroadcastOperator.Emit].
func (r *RemoteSocket) Emit(event string, args ...any) error { return r.self().Emit(event, args...) }

// EmitWithAck sends an event to the socket and waits for its acknowledgement, as long as ctx allows. The error is ctx's,
// ErrDisconnected when it is not there (any more), or one of Emit's.
func (r *RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (*Reply, error) {
	replies, err := r.self().EmitWithAck(ctx, event, args...)
	var partial *PartialError
	switch {
	case errors.As(err, &partial):
		return nil, partial.Err
	case err != nil:
		return nil, err
	case len(replies) == 0:
		return nil, ErrDisconnected
	}
	return &replies[0].Reply, nil
}

// Join puts the socket into rooms. See [BroadcastOperator.SocketsJoin].
func (r *RemoteSocket) Join(rooms ...string) error { return r.self().SocketsJoin(rooms...) }

// Leave takes the socket out of rooms. See [BroadcastOperator.SocketsLeave].
func (r *RemoteSocket) Leave(rooms ...string) error { return r.self().SocketsLeave(rooms...) }

// Disconnect has the socket leave its namespace. See [Socket.Disconnect].
func (r *RemoteSocket) Disconnect(closeConnection bool) error {
	return r.self().DisconnectSockets(closeConnection)
}

// FetchSockets returns the sockets that the operator means, in no order, as long as ctx and Timeout allow. When some node
// has not answered, the sockets are those of the others, and the error is ctx's, ErrAckTimeout, ErrNodeLost, ErrShutdown, or
// that of the adapter. Not for OnLoop handlers, which would wait for themselves.
//
// Each loop is held while it lists its sockets, about a millisecond for some thousands: for all sockets of a large
// namespace Namespace.ListSockets is better.
func (b BroadcastOperator) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	ctx, cancel := b.bound(ctx)
	defer cancel()
	var all []*RemoteSocket
	fetch := func(b BroadcastOperator) error {
		found, err := b.fetch(ctx)
		all = append(all, found...)
		return err
	}
	if parent, err := b.children(fetch); parent {
		return all, err
	}
	return all, fetch(b)
}

// fetching collects sockets from all loops and nodes.
type fetching struct {
	survey
	nsp     *Namespace
	sockets []*RemoteSocket
}

func (b BroadcastOperator) fetch(ctx context.Context) ([]*RemoteSocket, error) {
	if b.nobody() {
		return nil, nil
	}
	s := b.nsp.server
	f := &fetching{nsp: b.nsp}
	f.init(s, len(s.column()))
	s.post(eventloop.TaskFunc(func(l *eventloop.Loop) {
		found := s.column()[l.Index()].fetch(b)
		f.update(func() {
			f.loops--
			f.sockets = append(f.sockets, found...)
		})
	}))
	var lost error
	if b.reachesOthers() {
		m := b.message(cluster.Fetch)
		m.Request = s.inquiries.begin(f)
		defer s.inquiries.end(m.Request)
		if f.ask(s.opts.Adapter.Nodes) {
			lost = s.publish(m)
		}
	} else {
		f.ask(nil)
	}
	err := f.wait(ctx)
	return f.sockets, errors.Join(err, lost)
}

// answer is part of inquiry.
func (f *fetching) answer(m *cluster.Message) {
	f.update(func() {
		for i := range m.Sockets {
			c := &m.Sockets[i]
			rooms := append(slices.Clone(c.Rooms), c.ID)
			slices.Sort(rooms)
			f.sockets = append(f.sockets, &RemoteSocket{id: c.ID, nsp: f.nsp, rooms: rooms, remote: c})
		}
		if m.Last {
			f.finished(m.From)
		}
	})
}

// fetch lists the sockets of this loop that an operator means.
func (sh *shard) fetch(b BroadcastOperator) (found []*RemoteSocket) {
	sp := sh.spaces[b.nsp]
	if sp == nil {
		return nil
	}
	sp.index.Each(b.rooms, b.except, func(s *Socket) {
		rooms := append(s.roomNames(), s.id)
		slices.Sort(rooms)
		found = append(found, &RemoteSocket{id: s.id, nsp: s.nsp, rooms: rooms, origin: s.client.origin.Load(), data: s.Data()})
	})
	return found
}

// socketsPerMessage is how many sockets a node tells another one of at a time.
const socketsPerMessage = 1000

// fetch answers another node's question for sockets.
func (n *node) fetch(nsp *Namespace, m *cluster.Message) {
	found, err := nsp.targeted(m.Target).fetch(context.Background())
	if err != nil {
		return // this node is shutting down, and the other one will hear of it
	}
	for {
		some := found[:min(len(found), socketsPerMessage)]
		found = found[len(some):]
		n.reply(m, &cluster.Message{Kind: cluster.Sockets, Sockets: nsp.describe(some), Last: len(found) == 0})
		if len(found) == 0 {
			return
		}
	}
}

// describe writes sockets down for another node.
func (n *Namespace) describe(sockets []*RemoteSocket) []cluster.Socket {
	out := make([]cluster.Socket, 0, len(sockets))
	for _, r := range sockets {
		h := r.Handshake()
		c := cluster.Socket{ID: r.id, Time: h.Time, Address: h.Address, URL: h.URL, Host: h.Host, Header: h.Header}
		c.Rooms = slices.DeleteFunc(slices.Clone(r.rooms), func(room string) bool { return room == r.id })
		if r.data != nil {
			var err error
			if c.Data, err = socketio.AppendJSON(nil, r.data); err != nil {
				n.server.opts.Logger.Error("the data of a socket has no JSON", "namespace", n.name, "socket", r.id, "error", err)
				c.Data = nil
			}
		}
		out = append(out, c)
	}
	return out
}

// SocketsJoin puts sockets into rooms. It is done in the order in which any one goroutine asks for it: the rooms are in
// force for an Emit behind it. Errors are those of Socket.Join, and [cluster.ErrBacklog].
func (b BroadcastOperator) SocketsJoin(rooms ...string) error {
	return b.changeRooms(cluster.Join, rooms, (*space).join)
}

// SocketsLeave takes sockets out of rooms; see SocketsJoin. Those that are away (Options.Recovery) and were in one of these rooms
// begin anew: what they have missed there is not theirs any more.
func (b BroadcastOperator) SocketsLeave(rooms ...string) error {
	return b.changeRooms(cluster.Leave, rooms, (*space).leave)
}

func (b BroadcastOperator) changeRooms(kind cluster.Kind, rooms []string, change func(*space, *Socket, string)) error {
	rooms, err := ownRooms(rooms)
	if err != nil {
		return err
	}
	var away func(BroadcastOperator) (end func())
	if kind == cluster.Leave && len(rooms) > 0 {
		away = func(b BroadcastOperator) func() { return b.forgetAway(rooms) }
	}
	fill := func(m *cluster.Message) { m.Kind, m.Rooms = kind, rooms }
	return b.act(fill, func(sp *space, all []*Socket) {
		for _, s := range all {
			for _, room := range rooms {
				change(sp, s, room)
			}
		}
	}, away)
}

// DisconnectSockets has sockets leave the namespace; see Socket.Disconnect. Those that are away (Options.Recovery) do not come
// back. The error is ErrOverloaded or [cluster.ErrBacklog].
func (b BroadcastOperator) DisconnectSockets(closeConnection bool) error {
	fill := func(m *cluster.Message) { m.Kind, m.Close = cluster.Disconnect, closeConnection }
	return b.act(fill, func(_ *space, all []*Socket) {
		for _, s := range all {
			s.client.disconnect(s, closeConnection)
		}
	}, func(b BroadcastOperator) func() { return b.forgetAway(nil) })
}

// forgetAway ends the sessions of those who are meant and are away, on the way back, or about to be away before their loops have
// done the act, which is until end is called. Given rooms, they are those alone who are in one of these.
func (b BroadcastOperator) forgetAway(rooms []string) (end func()) {
	if b.nsp.journal == nil {
		return func() {}
	}
	aim := b.aim()
	aim.Also = rooms
	over, end := b.nsp.journal.Begin(aim)
	b.nsp.tellExpired(over)
	return end
}

// act does something with the sockets that the operator means, on each loop with those of that loop, and asks the other
// nodes for the same by a message that fill completes. away sees to those who are on no loop, if anybody has to, until the last
// loop has done its part.
func (b BroadcastOperator) act(fill func(*cluster.Message), do func(*space, []*Socket), away func(BroadcastOperator) (end func())) error {
	if parent, err := b.children(func(c BroadcastOperator) error { return c.act(fill, do, away) }); parent || b.nobody() {
		return err
	}
	s := b.nsp.server
	if s.full() {
		return ErrOverloaded
	}
	end := func() {}
	if away != nil {
		end = away(b)
	}
	left := new(atomic.Int32)
	left.Store(1 + int32(len(s.column())))
	done := func() {
		if left.Add(-1) == 0 {
			end()
		}
	}
	s.post(eventloop.TaskFunc(func(l *eventloop.Loop) {
		defer done() // also when a task panics: an act that never ends would keep everybody from coming back
		sp := s.column()[l.Index()].space(b.nsp)
		var all []*Socket // a walk must not change the index
		sp.index.Each(b.rooms, b.except, func(s *Socket) { all = append(all, s) })
		do(sp, all)
	}))
	done() // before Serve there are no loops
	if !b.reachesOthers() {
		return nil
	}
	m := b.message(0)
	fill(m)
	return s.publish(m)
}

// RoomInfo is a room of this node, and how many of the node's sockets are in it.
type RoomInfo struct {
	Name    string
	Sockets int
}

// ListRooms returns some rooms of this node, at most about limit of them (0: a default), and a cursor for the next ones: an
// iteration begins with "" and ends when it gets "". What is there from its beginning to its end is listed at least once.
// What is no cursor gets nothing. The rooms of one socket's id are not listed.
func (n *Namespace) ListRooms(cursor string, limit int) (rooms []RoomInfo, next string) {
	infos, next := n.rooms.List(cursor, limit)
	for _, i := range infos {
		rooms = append(rooms, RoomInfo{i.Name, i.Members})
	}
	return rooms, next
}

// parseCursor reads where a page begins: on which loop, and at which place of it, negative for its end. A cursor that is none
// is not ok.
func parseCursor(cursor string) (loop, at int, ok bool) {
	if cursor == "" {
		return 0, -1, true
	}
	first, second, _ := strings.Cut(cursor, ":")
	loop, err := strconv.Atoi(first)
	if err != nil || loop < 0 {
		return 0, 0, false
	}
	at, err = strconv.Atoi(second)
	return loop, at, err == nil
}

// page is a page of one loop's sockets, and where the next one begins there.
type page struct {
	sockets []*Socket
	next    int
}

// ask has a question answered on a loop, and waits for that as long as ctx allows. The error is ctx's, ErrOverloaded, or
// ErrShutdown.
func ask[T any](ctx context.Context, sh *shard, question func() T) (answer T, err error) {
	answers := make(chan T, 1)
	if !sh.loop.Post(taskFunc(func() { answers <- question() })) {
		return answer, ErrOverloaded
	}
	select {
	case answer = <-answers:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-sh.server.stopped:
		return answer, ErrShutdown
	}
}
