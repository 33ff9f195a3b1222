package hub

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"starling/hub/cluster"
)

// gathered is what EmitWithAck of a broadcast has returned.
type gathered struct {
	replies []BroadcastReply
	err     error
}

// askAll asks in the background.
func askAll(t *testing.T, b BroadcastOperator) <-chan gathered {
	t.Helper()
	results := make(chan gathered, 1)
	go func() {
		replies, err := b.EmitWithAck(t.Context(), "q")
		results <- gathered{replies, err}
	}()
	return results
}

// acknowledge reads a question of a namespace, and answers it with so many bytes of arguments.
func (p *peer) acknowledge(t *testing.T, nsp string, size int) {
	t.Helper()
	m := regexp.MustCompile(`^42` + nsp + `(\d+)\["q"\]$`).FindStringSubmatch(p.message())
	if m == nil {
		t.Fatal("the client was not asked")
	}
	p.send("43" + nsp + m[1] + `["` + strings.Repeat("x", size-len(`""`)) + `"]`)
}

// TestAckBytesMax: what the clients of a broadcast answer has a bound together, and what is beyond is missing.
func TestAckBytesMax(t *testing.T) {
	var sockets <-chan *Socket
	s := start(t, Options{Loops: 4, PayloadBytesMax: 2 * AckBytesMax}, func(s *Server) { sockets = firstSocket(s.Namespace) })
	var peers []*peer
	var ids []string
	for range 4 {
		peers = append(peers, join(t, s))
		ids = append(ids, receive(t, sockets).ID())
	}
	for _, tc := range []struct {
		name     string
		sizes    []int // of the answers
		answered int
		err      error
	}{
		{"as much as allowed", []int{AckBytesMax / 2, AckBytesMax/2 - 20, 10, 10}, 4, nil},
		{"a byte too much", []int{AckBytesMax / 4, AckBytesMax / 4, AckBytesMax / 4, AckBytesMax/4 + 1}, 3, ErrAckBytes},
		{"one alone", []int{AckBytesMax + 1}, 1, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := askAll(t, s.To(ids[:len(tc.sizes)]...))
			for i, size := range tc.sizes {
				peers[i].acknowledge(t, "", size)
			}
			got := receive(t, results)
			if len(got.replies) != tc.answered || !errors.Is(got.err, tc.err) {
				t.Errorf("%d replies, %v", len(got.replies), got.err)
			}
			var partial *PartialError
			if tc.err != nil && (!errors.As(got.err, &partial) || partial.Asked != len(tc.sizes) || partial.Answered != tc.answered) {
				t.Errorf("the error is %#v", got.err)
			}
		})
	}
	t.Run("and somebody does not answer", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g, err := s.To(ids...).ask(ctx, "q", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range peers[:3] {
			p.acknowledge(t, "", AckBytesMax/2)
		}
		eventually(t, "three answers", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.open == 1
		})
		cancel()
		if replies, err := g.collect(ctx); len(replies) != 2 || !errors.Is(err, ErrAckBytes) {
			t.Errorf("%d replies, %v", len(replies), err)
		}
	})
}

// TestAckBytesMaxOfAParent: the children of a parent have no more together.
func TestAckBytesMaxOfAParent(t *testing.T) {
	s := start(t, Options{PayloadBytesMax: 2 * AckBytesMax}, nil)
	parent := s.OfMatch(regexp.MustCompile("^/child-[ab]$"))
	a, b := join(t, s), join(t, s)
	a.connect("40/child-a,")
	b.connect("40/child-b,")
	results := askAll(t, parent.Except())
	a.acknowledge(t, "/child-a,", AckBytesMax/2+1)
	b.acknowledge(t, "/child-b,", AckBytesMax/2+1)
	got := receive(t, results)
	if len(got.replies) != 1 || !errors.Is(got.err, ErrAckBytes) {
		t.Errorf("%d replies, %v", len(got.replies), got.err)
	}
}

// TestAckBytesOfNodes: what comes from other nodes counts too.
func TestAckBytesOfNodes(t *testing.T) {
	s := New(calm(Options{}))
	g := s.newGathering()
	ack := cluster.Ack{SocketID: "far", Data: []byte(`["` + strings.Repeat("x", AckBytesMax/2) + `"]`)}
	g.answer(&cluster.Message{Asked: 2, Acks: []cluster.Ack{ack, ack}})
	if len(g.replies) != 1 || !g.cut || g.asked != 2 {
		t.Errorf("%d of %d replies were kept, cut: %v", len(g.replies), g.asked, g.cut)
	}
}
