package hub

import (
	"fmt"
	"testing"

	"starling/eventloop"
)

// The benchmarks run one loop over model peers: what an event costs beside the kernel.

func BenchmarkEchoOnLoop(b *testing.B) {
	for _, clients := range []int{1, 1000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			s := simulate(b, Options{}, func(io *Server) {
				io.OnLoop("echo", func(_ *Socket, e *Event) { _ = e.Ack(e.Raw(0)) })
			})
			peers := joinMany(s, clients)
			frame := appendMessage(nil, `4212["echo","0123456789012345678901234567890123456789"]`)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := peers[i%clients]
				p.Got = p.Got[:0]
				p.Send(frame)
			}
			if got := string(peers[0].Got[2:]); got != `4312["0123456789012345678901234567890123456789"]` {
				b.Fatalf("got %q", got)
			}
		})
	}
}

func BenchmarkEmitToRoom(b *testing.B) {
	for _, members := range []int{10, 10_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			s := simulate(b, Options{}, nil)
			peers := joinMany(s, members)
			for _, p := range peers {
				_ = p.socket.Join("room")
			}
			s.sim.Run()
			to := s.To("room")
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range peers {
					p.Got = p.Got[:0]
				}
				_ = to.Emit("event", Raw(`"0123456789012345678901234567890123456789"`))
				s.sim.Run()
			}
			if got := string(peers[0].Got[2:]); got != `42["event","0123456789012345678901234567890123456789"]` {
				b.Fatalf("got %q", got)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members), "ns/delivery")
		})
	}
}

// joinMany connects n clients to the main namespace.
func joinMany(s *simulation, n int) []*simPeer {
	peers := make([]*simPeer, n)
	for i := range peers {
		peers[i] = s.dial("")
		peers[i].send("40")
		peers[i].Got = nil
	}
	byConn := make(map[*eventloop.Conn]*simPeer, n)
	for _, p := range peers {
		byConn[p.Conn()] = p
	}
	s.shard().space(s.Namespace).index.Each(nil, nil, func(m *Socket) {
		if p := byConn[m.client.Conn()]; p != nil {
			p.socket = m
		}
	})
	return peers
}
