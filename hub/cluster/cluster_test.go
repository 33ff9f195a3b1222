package cluster_test

import (
	"testing"

	"starling/hub/cluster"
)

// silent is a node that must hear of nobody.
type silent struct{ t *testing.T }

func (silent) ID() cluster.NodeID           { return "silent" }
func (n silent) Deliver(m *cluster.Message) { n.t.Errorf("was delivered %+v", m) }
func (n silent) Lost(id cluster.NodeID)     { n.t.Errorf("has lost %s", id) }

func TestAlone(t *testing.T) {
	a := cluster.Alone()
	for name, err := range map[string]error{
		"Join":            a.Join(silent{t}),
		"Publish to all":  a.Publish(&cluster.Message{Kind: cluster.Broadcast, From: "silent"}),
		"Publish to one":  a.Publish(&cluster.Message{Kind: cluster.Cancel, From: "silent", To: "another"}),
		"Close":           a.Close(),
		"a second Close":  a.Close(),
		"Publish at last": a.Publish(&cluster.Message{Kind: cluster.Broadcast, From: "silent"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if nodes := a.Nodes(); len(nodes) > 0 {
		t.Errorf("the other nodes are %q, want none", nodes)
	}
}

func TestKindsHaveNames(t *testing.T) {
	names := map[string]cluster.Kind{}
	for k := cluster.Broadcast; k <= cluster.ServerReply; k++ {
		if other, taken := names[k.String()]; taken || k.String() == "" || k.String() == "unknown" {
			t.Errorf("kind %d is called %q, as is kind %d", k, k, other)
		}
		names[k.String()] = k
	}
	for _, k := range []cluster.Kind{0, cluster.ServerReply + 1, 255} {
		if got := k.String(); got != "unknown" {
			t.Errorf("kind %d is called %q, want unknown", k, got)
		}
	}
}
