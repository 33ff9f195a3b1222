// Package cluster is the seam between the nodes of a cluster: servers that share namespaces and rooms, so that what one of
// them emits reaches the sockets of all. An [Adapter] carries [Message] values between them; what they mean is the servers'
// affair. Package clustertest holds the tests that any Adapter has to pass.
package cluster

import (
	"errors"
	"time"
)

// NodeID names a node, for as long as it lives. It is unguessable, so that two nodes never have the same.
type NodeID string

// Adapter carries messages between the nodes. A server has one, for all of its namespaces. Its methods may be called from
// any goroutine.
type Adapter interface {
	// Join makes a node part of the cluster: from now on it gets what others publish. It is called once.
	Join(n Node) error
	// Publish sends a message to all other nodes, or to m.To alone. It queues and never waits; what one goroutine publishes
	// arrives everywhere in that order. It keeps the message, which never changes. ErrBacklog says that there is a node that
	// does not keep up and has not got it; the others have. A node that is not there (any more) gets nothing, and before
	// Join and after Close nobody does.
	Publish(m *Message) error
	// Nodes are the other nodes that are known to live. One that Node.Lost tells of is not among them any more.
	Nodes() []NodeID
	// Close takes the node out of the cluster, when what it has published is on its way or a deadline of the adapter's own
	// has passed. The others are told by Node.Lost. The node itself is not called any more when Close has returned.
	Close() error
}

// ErrBacklog is what Adapter.Publish returns when a node does not keep up.
var ErrBacklog = errors.New("cluster: a node does not keep up")

// Node is a server as its Adapter sees it. Its methods may call those of the adapter, and are called without a lock that
// those take.
type Node interface {
	// ID is the node's name.
	ID() NodeID
	// Deliver takes a message of another node. Those of one node come in the order in which it has published them, one at a
	// time. It does not wait for anything, but it may call Publish and Nodes.
	Deliver(m *Message)
	// Lost tells that a node is gone, once, and after its last message: whoever waits for its answers has to stop. A node
	// that is itself cut off loses all others.
	Lost(id NodeID)
}

// Message is what one node tells the others. It never changes once it is published, nor do the bytes in it. What a message
// has of the fields below Request depends on its kind. Strings arrive as they were, UTF-8 or not: names of rooms are the
// application's, and headers the client's.
type Message struct {
	Kind      Kind
	From      NodeID // set by the node that publishes it
	To        NodeID // "" for all others
	Namespace string
	Request   uint64 // a number of the node that asks, which its answers repeat; 0 when no answer is wanted

	// Of requests.
	Target        Target        // Broadcast, Join, Leave, Disconnect, Fetch: which sockets
	Volatile      bool          // Broadcast: may be lost where a client does not keep up
	NoCompression bool          // Broadcast: not worth compressing
	Close         bool          // Disconnect: the connections end too
	Timeout       time.Duration // Broadcast that wants acknowledgements: how long to wait for them; 0: until it is called off
	Rooms         []string      // Join, Leave

	// Data is a payload in the format of the servers' packets, which must be the same on all nodes: an event's name and its
	// arguments (Broadcast, ServerEmit), or arguments alone (ServerReply). Attachments are its binary parts.
	Data        []byte
	Attachments [][]byte

	// Of answers. An answer may come in several messages.
	Asked   int      // Acks: how many sockets were asked that earlier ones did not count
	Acks    []Ack    // Acks: what has come since
	Sockets []Socket // Sockets: what was asked for
	Last    bool     // the node has no more to say to this request
}

// Kind is what a message asks for, or answers.
type Kind uint8

// The kinds. New ones are added at the end; a node ignores those that it does not know.
const (
	Broadcast  Kind = iota + 1 // send an event to sockets; with a Request, answer by Acks
	Join                       // put sockets into rooms
	Leave                      // take sockets out of rooms
	Disconnect                 // disconnect sockets
	Fetch                      // say which sockets there are, by Sockets
	ServerEmit                 // call the handlers of a server event; with a Request, answer by ServerReply
	Cancel                     // nobody waits for the answers to Request any more

	Acks
	Sockets
	ServerReply
)

// String is the kind's name, for logs.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

var kindNames = [...]string{
	Broadcast: "broadcast", Join: "join", Leave: "leave", Disconnect: "disconnect", Fetch: "fetch", ServerEmit: "server emit",
	Cancel: "cancel", Acks: "acks", Sockets: "sockets", ServerReply: "server reply",
}

// Target says which sockets of a namespace are meant: those in any of Rooms, or Everyone, without those in any of Except.
// Neither Everyone nor Rooms is nobody.
type Target struct {
	Everyone bool
	Rooms    []string
	Except   []string
}

// Ack is what one client has acknowledged with.
type Ack struct {
	SocketID    string
	Data        []byte // arguments, as in Message.Data
	Attachments [][]byte
}

// Socket is a socket as other nodes see it.
type Socket struct {
	ID    string
	Rooms []string // its own id is not among them
	Data  []byte   // what the application has attached to it, as JSON; nil for nothing

	// What its connection began with.
	Time    time.Time
	Address string
	URL     string
	Host    string
	Header  map[string][]string
}
