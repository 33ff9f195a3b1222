package hub

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"starling/hub/cluster"
	"starling/hub/cluster/loopback"
)

// silent is a node that never answers.
type silent struct {
	id  cluster.NodeID
	got chan *cluster.Message
}

func (n *silent) ID() cluster.NodeID         { return n.id }
func (n *silent) Deliver(m *cluster.Message) { n.got <- m }
func (n *silent) Lost(cluster.NodeID)        {}

// besideSilence starts a server beside a node that never answers.
func besideSilence(t *testing.T) (s *Server, stop func() error, other cluster.Adapter, got chan *cluster.Message) {
	t.Helper()
	network := loopback.New(loopback.Options{})
	other = network.Adapter()
	n := &silent{id: "silent", got: make(chan *cluster.Message, 100)}
	if err := other.Join(n); err != nil {
		t.Fatal(err)
	}
	s, stop = startServer(t, Options{Adapter: network.Adapter()}, nil)
	return s, stop, other, n.got
}

// TestQuestionsToANodeThatIsLost: nobody waits for the answers of a node that is gone.
func TestQuestionsToANodeThatIsLost(t *testing.T) {
	for _, tc := range questions {
		t.Run(tc.name, func(t *testing.T) {
			s, stop, other, got := besideSilence(t)
			errs := make(chan error, 1)
			go func() { errs <- tc.ask(t.Context(), s) }()
			if m := receive(t, got); m.Kind != tc.kind || m.Request == 0 {
				t.Fatalf("the other node was sent %+v", m)
			}
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, errs); !errors.Is(err, ErrNodeLost) {
				t.Errorf("the error is %v, want ErrNodeLost", err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestQuestionsOfAServerThatStops: nobody waits for longer than the server lives.
func TestQuestionsOfAServerThatStops(t *testing.T) {
	for _, tc := range questions {
		t.Run(tc.name, func(t *testing.T) {
			s, stop, other, got := besideSilence(t)
			errs := make(chan error, 1)
			go func() { errs <- tc.ask(context.Background(), s) }()
			receive(t, got)
			if err := stop(); err != nil {
				t.Error(err)
			}
			if err := receive(t, errs); !errors.Is(err, ErrShutdown) {
				t.Errorf("the error is %v, want ErrShutdown", err)
			}
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestQuestionsTakeTheirTime: a context and a timeout end the wait, and the other node is told so if it gathers.
func TestQuestionsTakeTheirTime(t *testing.T) {
	for _, tc := range questions {
		t.Run(tc.name, func(t *testing.T) {
			s, stop, other, got := besideSilence(t)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errImpatient)
			defer cancel()
			if err := tc.ask(ctx, s); !errors.Is(err, errImpatient) {
				t.Errorf("the error is %v, want the context's cause", err)
			}
			asked := receive(t, got)
			if tc.kind == cluster.Broadcast {
				if m := receive(t, got); m.Kind != cluster.Cancel || m.Request != asked.Request {
					t.Errorf("then the other node was sent %+v", m)
				}
			}
			if err := errors.Join(stop(), other.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

var errImpatient = errors.New("impatient")

// questions are all that is asked of other nodes.
var questions = []struct {
	name string
	kind cluster.Kind
	ask  func(context.Context, *Server) error
}{
	{"EmitWithAck", cluster.Broadcast, func(ctx context.Context, s *Server) error {
		_, err := s.To("room").EmitWithAck(ctx, "ask")
		return err
	}},
	{"FetchSockets", cluster.Fetch, func(ctx context.Context, s *Server) error {
		_, err := s.FetchSockets(ctx)
		return err
	}},
	{"ServerSideEmitWithAck", cluster.ServerEmit, func(ctx context.Context, s *Server) error {
		_, err := s.ServerSideEmitWithAck(ctx, "ask")
		return err
	}},
}

// TestErrandsEnd: a node that has asked for acknowledgements and is gone, or does not want them any more, leaves nothing.
func TestErrandsEnd(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, other cluster.Adapter, m cluster.Message)
	}{
		{"called off", func(t *testing.T, other cluster.Adapter, m cluster.Message) {
			m.Kind = cluster.Cancel
			if err := other.Publish(&m); err != nil {
				t.Error(err)
			}
		}},
		{"the node is lost", func(t *testing.T, other cluster.Adapter, _ cluster.Message) { other.Close() }},
		{"no time is left", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, stop, other, got := besideSilence(t)
			sockets := firstSocket(s.Namespace)
			p := join(t, s)
			socket := receive(t, sockets)
			m := cluster.Message{Kind: cluster.Broadcast, From: "silent", Namespace: "/", Request: 7, Target: cluster.Target{Everyone: true}, Data: []byte(`["ask"]`)}
			if tc.end == nil {
				m.Timeout = 2 * time.Second // which is left for the first answer
			}
			if err := other.Publish(&m); err != nil {
				t.Fatal(err)
			}
			p.expect(`420["ask"]`)
			if m := receive(t, got); m.Kind != cluster.Acks || m.Asked != 1 || m.Last || m.Request != 7 {
				t.Errorf("the first answer is %+v", m)
			}
			if tc.end != nil {
				tc.end(t, other, m)
			}
			eventually(t, "no errand is left", func() bool {
				s.errands.mu.Lock()
				defer s.errands.mu.Unlock()
				return len(s.errands.open) == 0
			})
			eventually(t, "the socket owes nothing", func() bool {
				owes, err := ask(t.Context(), socket.client.shard, func() int { return len(socket.acks) })
				return err == nil && owes == 0
			})
			p.conn.Close()
			if err := errors.Join(stop(), other.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBacklogIsTold: an emit that some node has not got says so.
func TestBacklogIsTold(t *testing.T) {
	s := start(t, Options{Adapter: &clogged{}}, nil)
	p := join(t, s)
	for name, err := range map[string]error{
		"Emit":              s.Emit("here"),
		"SocketsJoin":       s.SocketsJoin("room"),
		"SocketsLeave":      s.SocketsLeave("room"),
		"ServerSideEmit":    s.ServerSideEmit("hello"),
		"DisconnectSockets": s.To("nobody").DisconnectSockets(false),
	} {
		if !errors.Is(err, cluster.ErrBacklog) {
			t.Errorf("%s = %v, want ErrBacklog", name, err)
		}
	}
	p.expect(`42["here"]`) // those of this node have it all the same
	if err := s.Local().Emit("local"); err != nil {
		t.Error(err)
	}
	p.expect(`42["local"]`)
	if _, err := s.FetchSockets(t.Context()); !errors.Is(err, cluster.ErrBacklog) {
		t.Errorf("FetchSockets = %v, want ErrBacklog", err)
	}
}

// clogged is an Adapter beside a node that does not keep up, and is told of as lost when it is asked something.
type clogged struct{ node cluster.Node }

func (c *clogged) Join(n cluster.Node) error { c.node = n; return nil }

func (c *clogged) Publish(m *cluster.Message) error {
	if m.Request != 0 {
		c.node.Lost("slow")
	}
	return cluster.ErrBacklog
}

func (c *clogged) Nodes() []cluster.NodeID { return []cluster.NodeID{"slow"} }
func (c *clogged) Close() error            { return nil }

// TestServerEventsInOrder: server events of one node are handled in the order in which they were emitted.
func TestServerEventsInOrder(t *testing.T) {
	network := loopback.New(loopback.Options{})
	var got []int
	done := make(chan struct{})
	a := start(t, Options{Adapter: network.Adapter()}, nil)
	b := start(t, Options{Adapter: network.Adapter()}, nil)
	b.OnServerEvent("n", func(e *ServerEvent) {
		var i int
		if err := e.Bind(&i); err != nil || e.Name() != "n" || e.WantsAck() || !errors.Is(e.Ack(), ErrAcked) {
			t.Errorf("event %s: %v", e.Name(), err)
		}
		if got = append(got, i); len(got) == 1000 {
			close(done)
		}
	})
	for i := range 1000 {
		if err := a.ServerSideEmit("n", i); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, done)
	if !slices.IsSorted(got) {
		t.Errorf("events came as %v", got)
	}
}
