// Package clustertest holds the tests that any cluster.Adapter has to pass: [Adapter] holds it to what package cluster
// promises, and [Servers] has real servers with real clients work together over it.
package clustertest

import (
	"testing"

	"starling/hub/cluster"
	"starling/internal/starlingtest"
)

// patience bounds the waits of the tests. It says that something has failed; nothing waits for it to pass.
var patience = starlingtest.Patience

// Factory makes a network that nobody has joined, for one test.
type Factory func(t *testing.T) Network

// Network is a cluster under test. What a network can do besides, it does by the methods of Cutter and Pauser; tests that
// need those are skipped where they are missing.
type Network interface {
	// Adapter makes the adapter of one more node. The tests close it.
	Adapter() cluster.Adapter
}

// Cutter is a network that can lose a node.
type Cutter interface {
	// Cut cuts a node off for ever, without a word to anybody.
	Cut(id cluster.NodeID)
}

// Pauser is a network that can have a node fall behind.
type Pauser interface {
	// Pause has nothing delivered to a node until Resume. What is published for it waits, up to a bound of the adapter's.
	Pause(id cluster.NodeID)
	Resume(id cluster.NodeID)
}

// faulty returns what a network can do besides.
func faulty[T any](t *testing.T, n Network) T {
	t.Helper()
	f, ok := n.(T)
	if !ok {
		t.Skipf("a %T cannot do that", n)
	}
	return f
}
