package hub

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"starling/hub/cluster"
	"starling/wsproto/socketio"
)

// node is the server as its Adapter sees it.
type node struct {
	*Server
	id cluster.NodeID
}

var _ cluster.Node = (*node)(nil)

// ID is part of cluster.Node.
func (n *node) ID() cluster.NodeID { return n.id }

// joinCluster makes the server a node.
func (s *Server) joinCluster() error {
	if s.opts.Adapter == nil {
		return nil
	}
	if err := s.opts.Adapter.Join(s.node); err != nil {
		return fmt.Errorf("hub: joining the cluster: %w", err)
	}
	return nil
}

// leaveCluster ends that.
func (s *Server) leaveCluster() {
	if s.opts.Adapter == nil {
		return
	}
	if err := s.opts.Adapter.Close(); err != nil {
		s.opts.Logger.Warn("leaving the cluster", "error", err)
	}
}

// reachesOthers reports whether the operator means sockets of other nodes too, and there may be such nodes.
func (b BroadcastOperator) reachesOthers() bool { return !b.local && b.nsp.server.opts.Adapter != nil }

// message begins a message to the other nodes about the sockets that the operator means.
func (b BroadcastOperator) message(kind cluster.Kind) *cluster.Message {
	return &cluster.Message{
		Kind: kind, Namespace: b.nsp.name,
		Target: cluster.Target{Everyone: !b.aimed, Rooms: b.rooms, Except: b.except},
	}
}

// publish gives a message to the other nodes.
func (s *Server) publish(m *cluster.Message) error {
	m.From = s.node.id
	return s.opts.Adapter.Publish(m)
}

// targeted returns the operator that means a target's sockets on this node.
func (n *Namespace) targeted(t cluster.Target) BroadcastOperator {
	return BroadcastOperator{nsp: n, local: true, aimed: !t.Everyone, rooms: t.Rooms, except: t.Except}
}

// Deliver is part of cluster.Node. A message for a namespace that this node does not have is for nobody here, and the
// answer to it is that.
func (n *node) Deliver(m *cluster.Message) {
	nsp := n.lookup(m.Namespace)
	if nsp == nil {
		n.nothing(m)
		return
	}
	switch m.Kind {
	case cluster.Broadcast:
		n.broadcast(nsp, m)
	case cluster.Join:
		n.did(m, nsp.targeted(m.Target).SocketsJoin(m.Rooms...))
	case cluster.Leave:
		n.did(m, nsp.targeted(m.Target).SocketsLeave(m.Rooms...))
	case cluster.Disconnect:
		n.did(m, nsp.targeted(m.Target).DisconnectSockets(m.Close))
	case cluster.Fetch:
		nsp.enqueueAnswer(job{run: func() { n.fetch(nsp, m) }})
	case cluster.ServerEmit:
		nsp.enqueue(job{run: func() { n.serverEvent(nsp, m) }})
	case cluster.Cancel:
		n.errands.cancel(askedBy{m.From, m.Request})
	case cluster.Acks, cluster.Sockets, cluster.ServerReply:
		if by := n.inquiries.find(m.Request); by != nil {
			by.answer(m)
		}
	}
}

// Lost is part of cluster.Node.
func (n *node) Lost(id cluster.NodeID) {
	n.inquiries.nodeLost(id)
	n.errands.forget(id)
}

// nothing answers a request that concerns nobody here.
func (n *node) nothing(m *cluster.Message) {
	if m.Request == 0 {
		return
	}
	switch m.Kind {
	case cluster.Broadcast:
		n.reply(m, &cluster.Message{Kind: cluster.Acks, Last: true})
	case cluster.Fetch:
		n.reply(m, &cluster.Message{Kind: cluster.Sockets, Last: true})
	case cluster.ServerEmit:
		n.reply(m, &cluster.Message{Kind: cluster.ServerReply, Last: true})
	}
}

// reply answers a request. A node that does not keep up does not get it, and waits until its own timeout.
func (n *node) reply(to, m *cluster.Message) {
	m.To, m.Namespace, m.Request = to.From, to.Namespace, to.Request
	if err := n.publish(m); err != nil {
		n.opts.Logger.Warn("answering another node", "node", to.From, "kind", m.Kind, "error", err)
	}
}

// broadcast sends another node's event to the sockets of this one.
func (n *node) broadcast(nsp *Namespace, m *cluster.Message) {
	b := nsp.targeted(m.Target)
	b.volatile, b.plain = m.Volatile, m.NoCompression
	var err error
	if m.Request == 0 {
		err = b.send(nsp.relay(ackID{}, m.Data, m.Attachments), nil)
	} else {
		err = n.gatherFor(b, m)
	}
	n.did(m, err)
}

// did logs what could not be done for another node.
func (n *node) did(m *cluster.Message, err error) {
	if err != nil {
		n.opts.Logger.Error("what another node asked for is not done", "kind", m.Kind, "node", m.From, "namespace", m.Namespace, "error", err)
	}
}

// askedBy names a request of another node.
type askedBy struct {
	node    cluster.NodeID
	request uint64
}

// errands are the gatherings that other nodes have asked for.
type errands struct {
	mu   sync.Mutex
	open map[askedBy]*gathering
}

func (e *errands) begin(by askedBy, g *gathering) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == nil {
		e.open = map[askedBy]*gathering{}
	}
	e.open[by] = g
}

// cancel ends one.
func (e *errands) cancel(by askedBy) {
	e.mu.Lock()
	g := e.open[by]
	delete(e.open, by)
	e.mu.Unlock()
	if g != nil {
		g.update(func() { g.over = true })
		g.callOff()
	}
}

// forget ends those of a node that is gone.
func (e *errands) forget(id cluster.NodeID) {
	e.mu.Lock()
	var gone []askedBy
	for by := range e.open {
		if by.node == id {
			gone = append(gone, by)
		}
	}
	e.mu.Unlock()
	for _, by := range gone {
		e.cancel(by)
	}
}

// gatherFor gathers acknowledgements for another node, and sends them on as they come.
func (n *node) gatherFor(b BroadcastOperator, m *cluster.Message) error {
	g := b.nsp.newGathering()
	g.ask(nil)
	by := askedBy{m.From, m.Request}
	e := &errand{node: n, gathering: g, request: m, by: by}
	g.changed = e.changed
	n.errands.begin(by, g)
	if m.Timeout > 0 {
		e.timer = time.AfterFunc(m.Timeout, func() { n.errands.cancel(by) })
	}
	if err := b.sendAsking(b.nsp.relay(ackID{g.id, true}, m.Data, m.Attachments), g); err != nil {
		n.errands.cancel(by)
		n.nothing(m)
		return err
	}
	e.changed() // there may be no loop that would
	return nil
}

// errand sends on what a gathering brings.
type errand struct {
	*gathering
	node    *node
	request *cluster.Message
	by      askedBy
	timer   *time.Timer

	mu      sync.Mutex
	posted  bool
	counted int // of the sockets asked, told
	sent    int // of the replies
	ended   bool
}

// changed has the news sent soon: off the loops, and with whatever comes until then.
func (e *errand) changed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.posted || e.ended {
		return
	}
	e.posted = true
	e.nsp.enqueueAnswer(job{run: e.send})
}

// send sends the news.
func (e *errand) send() {
	m := e.news()
	if m == nil {
		return
	}
	e.node.reply(e.request, m)
	if m.Last {
		if e.timer != nil {
			e.timer.Stop()
		}
		e.node.errands.cancel(e.by)
	}
}

// news returns what was not sent yet, nil if there is nothing.
func (e *errand) news() *cluster.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.posted = false
	g := e.gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	replies := slices.Clone(g.replies[e.sent:])
	m := &cluster.Message{Kind: cluster.Acks, Asked: g.asked - e.counted, Last: g.over}
	if e.ended || len(replies) == 0 && m.Asked == 0 && !m.Last {
		return nil
	}
	for i := range replies {
		m.Acks = append(m.Acks, e.nsp.relayAck(&replies[i]))
	}
	e.counted, e.sent, e.ended = g.asked, e.sent+len(replies), m.Last
	return m
}

// relayAck encodes a reply for another node.
func (n *Namespace) relayAck(r *BroadcastReply) cluster.Ack {
	a := cluster.Ack{SocketID: r.SocketID, Attachments: r.buffers}
	if r.parser == nil {
		a.Data = slices.Concat([]byte{'['}, r.list, []byte{']'})
		return a
	}
	values, err := r.Values(0)
	if err == nil {
		a.Data, err = r.parser.AppendData(nil, socketio.Ack, values)
	}
	if err != nil {
		n.server.opts.Logger.Error("relaying an acknowledgement", "namespace", n.name, "socket", r.SocketID, "error", err)
		a.Data, _ = r.parser.AppendData(nil, socketio.Ack, nil)
	}
	return a
}
