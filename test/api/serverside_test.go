package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"starling/hub"
	"starling/hub/cluster/loopback"
)

// TestServerSideEmitAlone: a server without others reaches nobody, itself neither, and waits for nobody.
func TestServerSideEmitAlone(t *testing.T) {
	t.Parallel()
	s := start(t, byWebSocket, hub.Options{}, func(s *hub.Server) {
		s.OnServerEvent("hello", func(*hub.ServerEvent) { t.Error("a server heard itself") })
	})
	ok(t, s.ServerSideEmit("hello", "world", 1))
	replies, err := s.ServerSideEmitWithAck(t.Context(), "hello")
	ok(t, err)
	want(t, "the number of replies", len(replies), 0)
}

// TestServerSideEmitReserved: the names that the libraries keep for themselves.
func TestServerSideEmitReserved(t *testing.T) {
	t.Parallel()
	s := hub.New(hub.Options{})
	for _, name := range []string{"connect", "connection", "new_namespace", "disconnect", "disconnecting"} {
		if err := s.ServerSideEmit(name); !errors.Is(err, hub.ErrReservedEvent) {
			t.Errorf("ServerSideEmit(%q) = %v, want ErrReservedEvent", name, err)
		}
		if _, err := s.ServerSideEmitWithAck(t.Context(), name); !errors.Is(err, hub.ErrReservedEvent) {
			t.Errorf("ServerSideEmitWithAck(%q): %v, want ErrReservedEvent", name, err)
		}
	}
}

// nodes are three servers of a cluster, each with one client in the main namespace: ann, bob and cid, by the node's number.
type nodes struct {
	servers [3]*hub.Server
	peers   [3]*peer
	sockets [3]*hub.Socket
}

func startNodes(t *testing.T, k kind, setup func(i int, s *hub.Server)) *nodes {
	t.Helper()
	network, n := loopback.New(loopback.Options{}), &nodes{}
	var connected [3]<-chan *hub.Socket
	for i := range n.servers {
		n.servers[i] = start(t, k, hub.Options{Adapter: network.Adapter()}, func(s *hub.Server) {
			connected[i] = sockets(s)
			s.Of("/custom").On("sync", acked)
			if setup != nil {
				setup(i, s)
			}
		})
	}
	for i, s := range n.servers {
		n.peers[i] = join(t, s, k)
		n.sockets[i] = receive(t, connected[i])
	}
	return n
}

// gets wants packets to reach the clients of the nodes that are named, and nobody else. What a node has published before
// a fetch has arrived when that is answered.
func (n *nodes) gets(t *testing.T, at []int, want ...string) {
	t.Helper()
	for _, s := range n.servers {
		if _, err := s.FetchSockets(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range n.peers {
		if slices.Contains(at, i) {
			p.expect(want...)
		}
		p.settled("/")
	}
}

// TestClusterBroadcast: broadcasts reach whom they mean on all nodes.
func TestClusterBroadcast(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		n := startNodes(t, k, nil)
		s, bob := n.servers[0], n.sockets[1]
		ok(t, s.Emit("test", 1, "2", []byte{3, 4}))
		n.gets(t, []int{0, 1, 2}, `451-["test",1,"2",`+attached+`]`, "<bin 0304>")
		ok(t, bob.Join("room1"))
		_ = roomsOf(t, bob)
		ok(t, s.To("room1").Emit("room"))
		n.gets(t, []int{1}, `42["room"]`)
		ok(t, s.Except("room1").Emit("except"))
		n.gets(t, []int{0, 2}, `42["except"]`)
		ok(t, s.Local().Emit("local"))
		n.gets(t, []int{0}, `42["local"]`)
		ok(t, bob.Broadcast().Emit("others"))
		n.gets(t, []int{0, 2}, `42["others"]`)
		ok(t, s.To(bob.ID()).Emit("you"))
		n.gets(t, []int{1}, `42["you"]`)

		for _, p := range n.peers {
			p.connect("/custom", "")
		}
		ok(t, s.Of("/custom").Emit("test"))
		n.gets(t, []int{0, 1, 2}, `42/custom,["test"]`)
	})
}

// TestClusterAcks: all nodes' clients answer.
func TestClusterAcks(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		type row struct {
			name    string
			op      func(n *nodes) hub.BroadcastOperator
			asked   []int
			answers []int
			want    string
			err     error
		}
		for _, r := range []row{
			{"all", func(n *nodes) hub.BroadcastOperator { return n.servers[0].Timeout(patience) }, []int{0, 1, 2}, []int{0, 1, 2}, "[0 1 2]", nil},
			{"nobody", func(n *nodes) hub.BroadcastOperator { return n.servers[0].To("abc").Timeout(patience) }, nil, nil, "[]", nil},
			{"one does not", func(n *nodes) hub.BroadcastOperator { return n.servers[0].Timeout(later) }, []int{0, 1, 2}, []int{0, 1}, "[0 1]", hub.ErrAckTimeout},
			{"of another node alone", func(n *nodes) hub.BroadcastOperator {
				return n.servers[0].To(n.sockets[1].ID()).Timeout(patience)
			}, []int{1}, []int{1}, "[1]", nil},
		} {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				n := startNodes(t, k, nil)
				done := make(chan outcome, 1)
				go func() {
					replies, err := r.op(n).EmitWithAck(context.Background(), "test")
					var all []string
					for _, reply := range replies {
						all = append(all, valueOf(&reply.Reply))
					}
					slices.Sort(all)
					done <- outcome{fmt.Sprint(all), err}
				}()
				for _, i := range r.asked {
					event := n.peers[i].next() // ids are each node's own
					var id int
					if _, err := fmt.Sscanf(event, `42%d["test"]`, &id); err != nil {
						t.Fatalf("got %q", event)
					}
					if slices.Contains(r.answers, i) {
						n.peers[i].send(fmt.Sprintf(`43%d[%d]`, id, i))
					}
				}
				got := receive(t, done)
				want(t, "the answers", got.replies, r.want)
				if !errors.Is(got.err, r.err) {
					t.Errorf("the error is %v, want %v", got.err, r.err)
				}
			})
		}
	})
}

// TestClusterUtilities: sockets of all nodes can be listed, moved and sent away from any of them.
func TestClusterUtilities(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		n := startNodes(t, k, nil)
		s, bob := n.servers[0], n.sockets[1]
		bob.SetData("test")
		count := func(what string, op interface {
			FetchSockets(context.Context) ([]*hub.RemoteSocket, error)
		}, number int,
		) []*hub.RemoteSocket {
			t.Helper()
			all, err := op.FetchSockets(t.Context())
			ok(t, err)
			want(t, "the number of sockets: "+what, len(all), number)
			return all
		}
		count("all", s, 3)
		count("local", s.Local(), 1)
		r := count("bob", s.In(bob.ID()), 1)[0]
		var data string
		ok(t, r.Data(&data))
		want(t, "its data", data, "test")
		want(t, "its rooms", fmt.Sprint(r.Rooms()), "["+bob.ID()+"]")
		want(t, "its handshake", r.Handshake().URL, bob.Handshake().URL)

		ok(t, s.SocketsJoin("room1"), s.In(bob.ID()).SocketsJoin("room2"))
		count("in room1", s.In("room1"), 3)
		count("in room2", s.In("room2"), 1)
		ok(t, s.In("room2").SocketsLeave("room1"), s.SocketsLeave("room3"))
		count("left in room1", s.In("room1"), 2)
		want(t, "bob's rooms", roomsOf(t, bob), "[room2]")
		ok(t, r.Emit("to you"), r.Join("room4"))
		count("in room4", s.In("room4"), 1)
		n.peers[1].expect(`42["to you"]`)

		ok(t, s.Emit("bye"), s.DisconnectSockets(true))
		for _, p := range n.peers {
			p.expect(`42["bye"]`, "41")
			p.ended()
		}
		count("all gone", s, 0)
	})
}

// TestServerSideEmit: all other nodes hear it, with bytes, and may answer.
func TestServerSideEmit(t *testing.T) {
	t.Parallel()
	noted := newNotes()
	n := startNodes(t, byWebSocket, func(i int, s *hub.Server) {
		s.OnServerEvent("hello", func(e *hub.ServerEvent) {
			var word string
			var bytes []byte
			ok(t, e.Bind(&word, nil, &bytes))
			noted.add("%d: %s %s %x, wants ack %v", i, e.Name(), word, bytes, e.WantsAck())
			if e.WantsAck() {
				ok(t, e.Ack(i))
			}
		})
		s.Of("/custom").OnServerEvent("hello", func(*hub.ServerEvent) { noted.add("%d in /custom", i) })
		if i == 1 {
			s.OnServerEvent("known to one", func(e *hub.ServerEvent) { ok(t, e.Ack([]byte{1})) })
		}
		s.OnServerEvent("answered by one", func(e *hub.ServerEvent) {
			if i == 2 {
				ok(t, e.Ack([]byte{2}))
			}
		})
	})
	ok(t, n.servers[0].ServerSideEmit("hello", "world", 1, []byte{2}))
	noted.expectInAnyOrder(t, "1: hello world 02, wants ack false", "2: hello world 02, wants ack false")
	replies, err := n.servers[0].ServerSideEmitWithAck(t.Context(), "hello", "again", 1, []byte{3})
	ok(t, err)
	var all []string
	for _, r := range replies {
		all = append(all, valueOf(&r))
	}
	slices.Sort(all)
	want(t, "the replies", fmt.Sprint(all), "[1 2]")
	noted.expectInAnyOrder(t, "1: hello again 03, wants ack true", "2: hello again 03, wants ack true")
	ok(t, n.servers[1].Of("/custom").ServerSideEmit("hello"))
	noted.expectInAnyOrder(t, "0 in /custom", "2 in /custom")

	replies, err = n.servers[0].ServerSideEmitWithAck(t.Context(), "known to one") // the other one has nothing to say
	if err != nil || len(replies) != 1 || valueOf(&replies[0]) != "<bin 01>" {
		t.Errorf("replies %v, %v; want one", replies, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), later)
	defer cancel()
	replies, err = n.servers[0].ServerSideEmitWithAck(ctx, "answered by one")
	if !errors.Is(err, context.DeadlineExceeded) || len(replies) != 1 || valueOf(&replies[0]) != "<bin 02>" {
		t.Errorf("replies %v, %v; want one, and the context's error", replies, err)
	}
	noted.none(t)
}

// TestServerSideEmitToOneThatLeaves: a node that goes is not waited for.
func TestServerSideEmitToOneThatLeaves(t *testing.T) {
	t.Parallel()
	network := loopback.New(loopback.Options{})
	heard := make(chan struct{})
	stay := start(t, byWebSocket, hub.Options{Adapter: network.Adapter()}, nil)
	start(t, byWebSocket, hub.Options{Adapter: network.Adapter()}, func(s *hub.Server) {
		s.OnServerEvent("hello", func(e *hub.ServerEvent) { ok(t, e.Ack(2)) })
	})
	_, stop := startServer(t, byWebSocket, hub.Options{Adapter: network.Adapter()}, func(s *hub.Server) {
		s.OnServerEvent("hello", func(*hub.ServerEvent) { close(heard) })
	})
	done := make(chan outcome, 1)
	go func() {
		replies, err := stay.ServerSideEmitWithAck(context.Background(), "hello")
		done <- outcome{fmt.Sprint(len(replies)), err}
	}()
	receive(t, heard)
	ok(t, stop())
	got := receive(t, done)
	want(t, "the number of replies", got.replies, "1")
	if !errors.Is(got.err, hub.ErrNodeLost) {
		t.Errorf("the error is %v, want ErrNodeLost", got.err)
	}
}
