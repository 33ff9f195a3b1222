package hub

import (
	"sync/atomic"

	"starling/hub/internal/rooms"
)

// Namespace is a set of sockets with handlers of their own: a client is connected to each namespace that it asks for,
// over one connection. Get one with Server.Of.
//
// Handlers are registered once, on the namespace, not on each socket. All methods may be called from any goroutine.
type Namespace struct {
	registry
	broadcaster
	server *Server
	name   string
	parent *ParentNamespace // nil for one that the application has asked for

	announced      chan struct{} // closed when OnNewNamespace has been called
	nextAck        atomic.Uint64
	users          atomic.Int64 // sockets that are connected or about to be; namespaceGone once it is removed
	sockets        atomic.Int64 // those that are connected
	rooms          *rooms.Directory
	roomTeller     roomTeller
	queue          queue // what the application does for the namespace off the loops, in order
	answers        queue // what is done to answer other nodes: a handler that takes its time must not keep them waiting
	serverHandlers serverHandlers
	journal        *journal // nil: nobody recovers
	present        present  // who could, if journal is not nil
}

func newNamespace(s *Server, name string) *Namespace {
	n := &Namespace{server: s, name: name, announced: make(chan struct{}), rooms: rooms.NewDirectory(s.opts.loops()), journal: s.newJournal()}
	n.registry.init()
	n.all = BroadcastOperator{nsp: n}
	return n
}

// Name is the name of the namespace, "/" for the main one.
func (n *Namespace) Name() string { return n.name }

// SocketsCount is how many sockets are connected to the namespace on this node.
func (n *Namespace) SocketsCount() int { return int(n.sockets.Load()) }

// RoomsCount is how many rooms have members on this node; those of one socket's id are not counted.
func (n *Namespace) RoomsCount() int { return n.rooms.Rooms() }

// RoomSize is how many sockets of this node are in a room; those that have the room's name as their id are not counted.
func (n *Namespace) RoomSize(room string) int { return n.rooms.Size(room) }
