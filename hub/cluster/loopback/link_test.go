package loopback_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"starling/hub/cluster"
	"starling/hub/cluster/loopback"
	"starling/internal/starlingtest"
)

// hearer is a node that hears. What it is told it gives away one by one: it is busy until somebody takes it.
type hearer struct {
	id    cluster.NodeID
	heard chan *cluster.Message // nil for a loss
}

func (h *hearer) ID() cluster.NodeID         { return h.id }
func (h *hearer) Deliver(m *cluster.Message) { h.heard <- m }
func (h *hearer) Lost(cluster.NodeID)        { h.heard <- nil }

// joined is a node with its adapter.
func joined(t *testing.T, n *loopback.Network, id cluster.NodeID) (*hearer, cluster.Adapter) {
	t.Helper()
	h := &hearer{id, make(chan *cluster.Message)}
	a := n.Adapter()
	if err := a.Join(h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, h, a) })
	return h, a
}

// ended closes an adapter, and takes what its node is told meanwhile.
func ended(t *testing.T, h *hearer, a cluster.Adapter) {
	closed := make(chan error)
	go func() { closed <- a.Close() }()
	for {
		select {
		case <-h.heard:
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// message has so many bytes of data.
func message(from cluster.NodeID, size int) *cluster.Message {
	return &cluster.Message{Kind: cluster.Broadcast, From: from, Data: make([]byte, size)}
}

// publishes tells how many of some messages, with so many bytes of data each, find room.
func publishes(t *testing.T, a cluster.Adapter, sizes ...int) (fit []bool) {
	t.Helper()
	for _, size := range sizes {
		err := a.Publish(message("ann", size))
		if err != nil && !errors.Is(err, cluster.ErrBacklog) {
			t.Fatalf("Publish = %v", err)
		}
		fit = append(fit, err == nil)
	}
	return fit
}

func TestBounds(t *testing.T) {
	const overhead = 256 + 3 // a message and the name of its sender
	for name, row := range map[string]struct {
		opts  loopback.Options
		sizes []int
		fit   []bool
	}{
		"few": {loopback.Options{Messages: 2}, []int{1, 1, 1}, []bool{true, true, false}},
		"little": {
			loopback.Options{Bytes: 2*overhead + 10},
			[]int{5, 6, 5, 0},
			[]bool{true, false, true, false},
		},
		"a large one fits alone": {loopback.Options{Bytes: 100}, []int{1 << 20, 0}, []bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			n := loopback.New(row.opts)
			_, ann := joined(t, n, "ann")
			bob, _ := joined(t, n, "bob")
			n.Pause("bob")
			if got := publishes(t, ann, row.sizes...); !slices.Equal(got, row.fit) {
				t.Errorf("found room: %v, want %v", got, row.fit)
			}
			n.Resume("bob")
			for i, size := range row.sizes { // what has found room arrives, and makes room
				if !row.fit[i] {
					continue
				}
				if m := <-bob.heard; len(m.Data) != size {
					t.Errorf("bob hears %d bytes, want %d", len(m.Data), size)
				}
			}
			n.Pause("bob")
			if got := publishes(t, ann, row.sizes...); !slices.Equal(got, row.fit) {
				t.Errorf("found room again: %v, want %v", got, row.fit)
			}
		})
	}
}

// TestDefaultBounds: they are those of the constants.
func TestDefaultBounds(t *testing.T) {
	n := loopback.New(loopback.Options{})
	_, ann := joined(t, n, "ann")
	joined(t, n, "bob")
	n.Pause("bob")
	for i := range loopback.QueueMessagesMax {
		if err := ann.Publish(message("ann", 0)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := ann.Publish(message("ann", 0)); !errors.Is(err, cluster.ErrBacklog) {
		t.Errorf("a message too many: %v, want ErrBacklog", err)
	}

	joined(t, n, "cid")
	n.Pause("cid")
	const size = 1 << 20
	for published := 0; published < loopback.QueueBytesMax-2*size; published += size {
		m := message("ann", size-1024)
		m.To = "cid"
		if err := ann.Publish(m); err != nil {
			t.Fatalf("after %d bytes: %v", published, err)
		}
	}
	m := message("ann", 3*size)
	m.To = "cid"
	if err := ann.Publish(m); !errors.Is(err, cluster.ErrBacklog) {
		t.Errorf("a byte too many: %v, want ErrBacklog", err)
	}
}

// TestTurns: a sender that has much to say does not keep the others from being heard.
func TestTurns(t *testing.T) {
	n := loopback.New(loopback.Options{})
	_, ann := joined(t, n, "ann")
	_, bob := joined(t, n, "bob")
	cid, _ := joined(t, n, "cid")
	n.Pause("cid")
	for range 100 {
		if err := ann.Publish(&cluster.Message{From: "ann", To: "cid"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := bob.Publish(&cluster.Message{From: "bob", To: "cid"}); err != nil {
			t.Fatal(err)
		}
	}
	n.Resume("cid")
	var heard []cluster.NodeID
	for range 5 {
		heard = append(heard, (<-cid.heard).From)
	}
	if want := []cluster.NodeID{"ann", "bob", "ann", "bob", "ann"}; !slices.Equal(heard, want) {
		t.Errorf("cid hears %q, want %q", heard, want)
	}
}

// TestJoin refuses who cannot be told apart from others.
func TestJoin(t *testing.T) {
	n := loopback.New(loopback.Options{})
	ann, a := joined(t, n, "ann")
	if err := a.Join(ann); !errors.Is(err, loopback.ErrJoined) {
		t.Errorf("a second Join: %v, want ErrJoined", err)
	}
	other := n.Adapter()
	if err := other.Join(&hearer{id: "ann"}); !errors.Is(err, loopback.ErrJoined) {
		t.Errorf("Join of another node of the same id: %v, want ErrJoined", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Join(&hearer{id: "bob"}); !errors.Is(err, loopback.ErrClosed) {
		t.Errorf("Join after Close: %v, want ErrClosed", err)
	}
	if nodes := a.Nodes(); len(nodes) > 0 {
		t.Errorf("ann knows %q", nodes)
	}
}

// TestFaultsOfNobody: a node that is not there cannot be harmed, and comes later without harm.
func TestFaultsOfNobody(t *testing.T) {
	n := loopback.New(loopback.Options{})
	n.Cut("bob")
	n.Pause("bob")
	n.Resume("bob")
	_, ann := joined(t, n, "ann")
	bob, _ := joined(t, n, "bob")
	if err := ann.Publish(message("ann", 1)); err != nil {
		t.Fatal(err)
	}
	if m := <-bob.heard; m.From != "ann" {
		t.Errorf("bob hears %+v", m)
	}
}

// TestRules: each error that a caller may get is expected by a test.
func TestRules(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 2 {
		t.Errorf("the package declares only %q", declared)
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte("loopback."+name)) {
			t.Errorf("no test expects %s", name)
		}
	}
}
