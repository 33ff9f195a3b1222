package clustertest_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"starling/hub/cluster"
	"starling/hub/cluster/clustertest"
	"starling/hub/cluster/loopback"
)

// defect is what is wrong with an adapter, and the test that must find it.
type defect struct {
	publish func(a cluster.Adapter, m *cluster.Message) error // instead of a's own
	node    func(n cluster.Node) cluster.Node                 // between the adapter and the node
	found   string
}

var defects = map[string]defect{
	"loses a message": {found: "the order of one goroutine", publish: func(a cluster.Adapter, m *cluster.Message) error {
		if m.Request == 7 {
			return nil
		}
		return a.Publish(m)
	}},
	"delivers a message twice": {found: "the orders of many goroutines", publish: func(a cluster.Adapter, m *cluster.Message) error {
		if m.Request == 7 {
			_ = a.Publish(m)
		}
		return a.Publish(m)
	}},
	"tells all what is for one": {found: "one node hears a message", publish: func(a cluster.Adapter, m *cluster.Message) error {
		for _, id := range a.Nodes() {
			c := *m
			c.To = id
			_ = a.Publish(&c)
		}
		return nil
	}},
	"forgets a flag": {found: "whole messages", publish: func(a cluster.Adapter, m *cluster.Message) error {
		c := *m
		c.NoCompression = false
		return a.Publish(&c)
	}},
	"mistakes bytes for text": {found: "whole messages", publish: func(a cluster.Adapter, m *cluster.Message) error {
		c := *m
		c.Data = []byte(strings.ToValidUTF8(string(m.Data), "?"))
		return a.Publish(&c)
	}},
	"cuts large messages": {found: "large messages", publish: func(a cluster.Adapter, m *cluster.Message) error {
		c := *m
		c.Data = m.Data[:min(len(m.Data), 64<<10)]
		return a.Publish(&c)
	}},
	"waits for the slow": {found: "a node that falls behind", publish: func(a cluster.Adapter, m *cluster.Message) error {
		for {
			if err := a.Publish(m); !errors.Is(err, cluster.ErrBacklog) {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	}},
	"keeps silent about a backlog": {found: "a node that falls behind", publish: func(a cluster.Adapter, m *cluster.Message) error {
		_ = a.Publish(m)
		return nil
	}},
	"delivers to the sender": {found: "all others hear a message", node: func(n cluster.Node) cluster.Node {
		return changed{n, func(m *cluster.Message) {
			n.Deliver(m)
			c := *m
			c.From, c.To = n.ID(), ""
			n.Deliver(&c)
		}, n.Lost}
	}},
	"changes the order": {found: "the order of one goroutine", node: func(n cluster.Node) cluster.Node {
		var late *cluster.Message
		return changed{n, func(m *cluster.Message) {
			if late == nil {
				late = m
				return
			}
			n.Deliver(m)
			n.Deliver(late)
			late = nil
		}, n.Lost}
	}},
	"tells of no loss": {found: "a node that closes is lost", node: func(n cluster.Node) cluster.Node {
		return changed{n, n.Deliver, func(cluster.NodeID) {}}
	}},
	"tells of a loss twice": {found: "a node that closes is lost", node: func(n cluster.Node) cluster.Node {
		return changed{n, n.Deliver, func(id cluster.NodeID) { n.Lost(id); n.Lost(id) }}
	}},
	"tells of a loss too early": {found: "a node that closes is lost", node: func(n cluster.Node) cluster.Node {
		var late *cluster.Message
		return changed{n, func(m *cluster.Message) {
			if late != nil {
				n.Deliver(late)
			}
			late = m
		}, func(id cluster.NodeID) { n.Lost(id); n.Deliver(late) }}
	}},
	"nothing": {},
}

// changed is a node that is told something else.
type changed struct {
	cluster.Node
	deliver func(m *cluster.Message)
	lost    func(id cluster.NodeID)
}

func (c changed) Deliver(m *cluster.Message) { c.deliver(m) }
func (c changed) Lost(id cluster.NodeID)     { c.lost(id) }

// broken is a network with a defect.
type broken struct {
	*loopback.Network
	defect
}

func (b broken) Adapter() cluster.Adapter { return brokenAdapter{b.Network.Adapter(), b.defect} }

type brokenAdapter struct {
	cluster.Adapter
	defect
}

func (b brokenAdapter) Join(n cluster.Node) error {
	if b.node != nil {
		n = b.node(n)
	}
	return b.Adapter.Join(n)
}

func (b brokenAdapter) Publish(m *cluster.Message) error {
	if b.publish != nil {
		return b.publish(b.Adapter, m)
	}
	return b.Adapter.Publish(m)
}

// brokenEnv has a process of the test's binary hold a broken adapter to the suite.
const brokenEnv = "STARLING_BROKEN_ADAPTER"

// TestBroken: the suite finds what is wrong with an adapter. A test that fails needs a process of its own.
func TestBroken(t *testing.T) {
	if name := os.Getenv(brokenEnv); name != "" {
		if defects[name].found != "" { // what it waits for does not come
			clustertest.SetPatience(2 * time.Second)
		}
		clustertest.Adapter(t, func(*testing.T) clustertest.Network {
			return broken{loopback.New(loopback.Options{Messages: 3000, Bytes: 8 << 20}), defects[name]}
		})
		return
	}
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$/^"+strings.ReplaceAll(d.found, " ", "_")+"$", "-test.timeout=5m")
			cmd.Env = append(os.Environ(), brokenEnv+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			switch {
			case d.found == "":
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			case !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: TestBroken/"):
				t.Errorf("%q does not find it: %v\n%s", d.found, err, out)
			}
		})
	}
}
