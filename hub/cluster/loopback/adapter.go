package loopback

import (
	"maps"
	"slices"
	"sync"

	"starling/hub/cluster"
)

// adapter is one node's end of the network. All but its first field is guarded by net.mu.
type adapter struct {
	net   *Network
	node  cluster.Node             // nil before Join
	links map[cluster.NodeID]*link // to the nodes that it knows, each of which has one to this node

	wake   sync.Cond // one of these has changed
	due    []*link   // those to this node that have something to deliver; each once, so that every sender has its turn
	paused bool
	parted bool // for ever
	closed bool
	ended  chan struct{} // closed when the goroutine that Join starts has ended
}

var _ cluster.Adapter = (*adapter)(nil)

// Join is part of cluster.Adapter. The error is ErrJoined or ErrClosed.
func (a *adapter) Join(node cluster.Node) error {
	id := node.ID()
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	switch {
	case a.closed:
		return ErrClosed
	case a.node != nil || a.net.nodes[id] != nil:
		return ErrJoined
	}
	a.node = node
	for otherID, other := range a.net.nodes {
		if !other.parted {
			a.links[otherID] = &link{from: id, to: other}
			other.links[id] = &link{from: otherID, to: a}
		}
	}
	a.net.nodes[id] = a
	go a.run()
	return nil
}

// Publish is part of cluster.Adapter.
func (a *adapter) Publish(m *cluster.Message) error {
	p := a.net.pack(m)
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	if m.To != "" {
		return a.links[m.To].put(p)
	}
	var err error
	for _, l := range a.links {
		if full := l.put(p); full != nil {
			err = full
		}
	}
	return err
}

// Nodes is part of cluster.Adapter.
func (a *adapter) Nodes() []cluster.NodeID {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	return slices.Sorted(maps.Keys(a.links))
}

// Close is part of cluster.Adapter.
func (a *adapter) Close() error {
	if joined := a.leave(); joined {
		<-a.ended
	}
	return nil
}

func (a *adapter) leave() (joined bool) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	joined = a.node != nil
	if joined && !a.closed {
		a.part()
		delete(a.net.nodes, a.node.ID())
		a.due = nil
	}
	a.closed = true
	a.wake.Signal()
	return joined
}

// part ends all links from the node and to it.
func (a *adapter) part() {
	a.parted = true
	for _, l := range a.links {
		l.to.links[l.from].end()
		delete(l.to.links, l.from)
		l.end()
	}
	clear(a.links)
}

// run calls the node, and nobody else does.
func (a *adapter) run() {
	defer close(a.ended)
	for {
		l, p := a.next()
		switch {
		case l == nil:
			return
		case p == nil:
			a.node.Lost(l.from)
		default:
			p.deliver(a.node)
		}
	}
}

// next waits for what the node is to be told: a parcel of a link, or that there will be none any more. Once the adapter is
// closed there is no link either.
func (a *adapter) next() (*link, *parcel) {
	a.net.mu.Lock()
	defer a.net.mu.Unlock()
	for !a.closed && (a.paused || len(a.due) == 0) {
		a.wake.Wait()
	}
	if a.closed {
		return nil, nil
	}
	l := a.due[0]
	a.due[0] = nil
	a.due = a.due[1:]
	return l, l.take()
}
