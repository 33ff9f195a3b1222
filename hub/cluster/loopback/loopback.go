// Package loopback joins several servers of one process into a cluster. Nothing is encoded and nothing leaves the process:
// it is for tests, which it lets break the cluster in controlled ways, and for programs that serve on several addresses
// with different options.
package loopback

import (
	"errors"
	"sync"

	"starling/hub/cluster"
	"starling/internal/invariants"
)

// Errors of Join.
var (
	// ErrJoined: the adapter has a node already, or the network has one of that id.
	ErrJoined = errors.New("loopback: joined already")
	// ErrClosed: the adapter was closed.
	ErrClosed = errors.New("loopback: the adapter is closed")
)

// Options describe a network. The zero value of each field stands for its default.
type Options struct {
	// Messages and Bytes bound what waits on its way from one node to another; default QueueMessagesMax and QueueBytesMax.
	Messages, Bytes int
	// Copy gives each node a copy of its own of each message, as a real network does. Otherwise all nodes share the
	// message that was published. Builds with invariants always copy, and panic when somebody has changed what is not
	// his any more.
	Copy bool
}

// Network is a cluster within the process. Its methods may be called from any goroutine.
type Network struct {
	opts Options

	// mu guards the network with its nodes and links. There is one lock for all, so that every node is told the same
	// story; it is never held while a node is called.
	mu    sync.Mutex
	nodes map[cluster.NodeID]*adapter
}

// New makes a network without nodes.
func New(opts Options) *Network {
	if opts.Messages == 0 {
		opts.Messages = QueueMessagesMax
	}
	if opts.Bytes == 0 {
		opts.Bytes = QueueBytesMax
	}
	opts.Copy = opts.Copy || invariants.Enabled
	return &Network{opts: opts, nodes: map[cluster.NodeID]*adapter{}}
}

// Adapter makes the adapter of one more node. The node has a goroutine from Join to Close.
//
// Its Close does not wait for other nodes to take what was published: that is on its way, and they are told of the loss
// behind it. It waits until the node's own Deliver or Lost has returned, so neither may call it.
func (n *Network) Adapter() cluster.Adapter {
	a := &adapter{net: n, links: map[cluster.NodeID]*link{}, ended: make(chan struct{})}
	a.wake.L = &n.mu
	return a
}

// Cut cuts a node off, as a network that fails does: what was on its way from it and to it still arrives, and then it is
// lost to the others and they are to it. There is no way back. It does nothing if there is no such node.
func (n *Network) Cut(id cluster.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.nodes[id]; a != nil {
		a.part()
	}
}

// Pause has a node fall behind: nothing more is delivered to it until Resume. It does nothing if there is no such node.
func (n *Network) Pause(id cluster.NodeID) { n.pause(id, true) }

// Resume ends a Pause.
func (n *Network) Resume(id cluster.NodeID) { n.pause(id, false) }

func (n *Network) pause(id cluster.NodeID, paused bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.nodes[id]; a != nil {
		a.paused = paused
		a.wake.Signal()
	}
}
