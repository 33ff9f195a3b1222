package clustertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"starling/hub/cluster"
)

// node is a cluster.Node that hears, and knows what it must not hear.
type node struct {
	t       *testing.T
	id      cluster.NodeID
	adapter cluster.Adapter
	heard   chan heard
	answer  func(m *cluster.Message) // what Deliver does besides

	mu     sync.Mutex
	inside map[cluster.NodeID]bool // it is being called on behalf of that one
	lost   map[cluster.NodeID]bool
	away   bool // before Join and after Close
}

// heard is what a node is told: a message, or who is lost.
type heard struct {
	message *cluster.Message
	lost    cluster.NodeID
}

func (h heard) String() string {
	if h.message == nil {
		return fmt.Sprintf("the loss of %s", h.lost)
	}
	return fmt.Sprintf("%s %d of %s", h.message.Kind, h.message.Request, h.message.From)
}

// heardMax is more than any test has for one node to hear.
const heardMax = 200_000

// newNode makes a node that has not joined. Its adapter is closed with the test, unless it was before.
func newNode(t *testing.T, n Network, name string) *node {
	t.Helper()
	x := &node{
		t: t, id: cluster.NodeID(name), adapter: n.Adapter(), heard: make(chan heard, heardMax), answer: func(*cluster.Message) {},
		inside: map[cluster.NodeID]bool{}, lost: map[cluster.NodeID]bool{}, away: true,
	}
	t.Cleanup(x.leave)
	return x
}

// newNodes makes nodes that have joined and know each other.
func newNodes(t *testing.T, n Network, names ...string) []*node {
	t.Helper()
	var nodes []*node
	for _, name := range names {
		nodes = append(nodes, newNode(t, n, name))
		nodes[len(nodes)-1].join()
	}
	for _, x := range nodes {
		x.knows(without(names, x)...)
	}
	return nodes
}

func without(names []string, x *node) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == string(x.id) })
}

func (x *node) join() {
	x.t.Helper()
	x.setAway(false)
	if err := x.adapter.Join(x); err != nil {
		x.t.Fatalf("%s cannot join: %v", x.id, err)
	}
}

// leave closes the adapter. Nothing may be delivered afterwards.
func (x *node) leave() {
	if err := x.adapter.Close(); err != nil {
		x.t.Errorf("Close of %s: %v", x.id, err)
	}
	x.setAway(true)
}

func (x *node) setAway(away bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.away = away
}

// publish publishes, and wants no error.
func (x *node) publish(messages ...*cluster.Message) {
	x.t.Helper()
	for _, m := range messages {
		if err := x.adapter.Publish(m); err != nil {
			x.t.Errorf("%s publishes %s %d: %v", x.id, m.Kind, m.Request, err)
		}
	}
}

// tries publishes, which must not wait for anybody.
func (x *node) tries(m *cluster.Message) error {
	x.t.Helper()
	published := make(chan error, 1)
	go func() { published <- x.adapter.Publish(m) }()
	return receive(x.t, published)
}

// numbered is a message of a node's with a number.
func (x *node) numbered(number int, to cluster.NodeID) *cluster.Message {
	return &cluster.Message{Kind: cluster.Broadcast, From: x.id, To: to, Namespace: "/", Request: uint64(number), Data: []byte(`["m"]`)}
}

// ID is part of cluster.Node.
func (x *node) ID() cluster.NodeID { return x.id }

// Deliver is part of cluster.Node.
func (x *node) Deliver(m *cluster.Message) {
	x.enter(m.From)
	if m.To != "" && m.To != x.id {
		x.t.Errorf("%s was delivered what was sent to %s", x.id, m.To)
	}
	x.answer(m)
	x.tell(heard{message: m})
	x.exit(m.From)
}

// Lost is part of cluster.Node. A node that begins to wait for answers looks at Nodes first, so a lost one must not be
// among them any more.
func (x *node) Lost(id cluster.NodeID) {
	x.enter(id)
	if slices.Contains(x.adapter.Nodes(), id) {
		x.t.Errorf("%s has lost %s, which is still among its Nodes", x.id, id)
	}
	x.tell(heard{lost: id})
	x.exit(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lost[id] = true
}

// enter and exit stand around each call on behalf of another node.
func (x *node) enter(from cluster.NodeID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case from == x.id:
		x.t.Errorf("%s hears itself", x.id)
	case x.inside[from]:
		x.t.Errorf("%s hears %s twice at once", x.id, from)
	case x.lost[from]:
		x.t.Errorf("%s hears %s, which it has lost", x.id, from)
	case x.away:
		x.t.Errorf("%s hears %s without being part of the cluster", x.id, from)
	}
	x.inside[from] = true
}

func (x *node) exit(from cluster.NodeID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.inside[from] = false
}

func (x *node) tell(h heard) {
	select {
	case x.heard <- h:
	default:
		x.t.Errorf("%s hears too much", x.id)
	}
}

// next waits for what the node hears next.
func (x *node) next() heard {
	x.t.Helper()
	select {
	case h := <-x.heard:
		return h
	case <-time.After(patience):
		x.t.Fatalf("%s has waited in vain", x.id)
		return heard{}
	}
}

// expect wants numbered messages of another node, in that order and nothing between.
func (x *node) expect(from *node, numbers ...int) {
	x.t.Helper()
	for _, number := range numbers {
		h := x.next()
		if h.message == nil || h.message.From != from.id || h.message.Request != uint64(number) {
			x.t.Fatalf("%s hears %s, want number %d of %s", x.id, h, number, from.id)
		}
	}
}

// expectLost wants the loss of others, in any order.
func (x *node) expectLost(others ...*node) {
	x.t.Helper()
	lost := map[cluster.NodeID]bool{}
	for range others {
		h := x.next()
		if h.message != nil {
			x.t.Fatalf("%s hears %s, want a loss", x.id, h)
		}
		lost[h.lost] = true
	}
	for _, other := range others {
		if !lost[other.id] {
			x.t.Errorf("%s has lost %v, not %s", x.id, lost, other.id)
		}
	}
}

// silent wants the node to have heard nothing more. It is only of use once nothing can be on its way.
func (x *node) silent() {
	x.t.Helper()
	select {
	case h := <-x.heard:
		x.t.Errorf("%s hears %s, want nothing", x.id, h)
	default:
	}
}

// knows waits until the nodes that this one knows are those.
func (x *node) knows(names ...string) {
	x.t.Helper()
	eventually(x.t, fmt.Sprintf("%s knows %q", x.id, names), func() bool {
		var known []string
		for _, id := range x.adapter.Nodes() {
			known = append(known, string(id))
		}
		slices.Sort(known)
		return slices.Equal(known, slices.Sorted(slices.Values(names)))
	})
}

// eventually waits for a state that no event tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}
