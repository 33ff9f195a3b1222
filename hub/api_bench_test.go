package hub

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// BenchmarkJoinLeave: a socket joins and leaves a room that 100,000 others are in.
func BenchmarkJoinLeave(b *testing.B) {
	for _, recovery := range []*Recovery{nil, {}} {
		b.Run(fmt.Sprintf("recovery=%v", recovery != nil), func(b *testing.B) {
			s := simulate(b, Options{Recovery: recovery}, nil)
			p := joinMany(s, 1)[0]
			sp := s.shard().space(s.Namespace)
			for i := range 100_000 {
				other := &Socket{id: fmt.Sprintf("%020d", i), nsp: s.Namespace}
				sp.index.Add(other, other.id)
				sp.index.Join(other, "room")
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = p.socket.Join("room")
				_ = p.socket.Leave("room")
				s.sim.Run()
			}
		})
	}
}

// BenchmarkEmitToManyRooms: one event goes to 1,000 rooms of 10, in which 5,000 sockets are, each in two of them.
func BenchmarkEmitToManyRooms(b *testing.B) {
	const rooms, members = 1000, 5000
	s := simulate(b, Options{}, nil)
	peers := joinMany(s, members)
	names := make([]string, rooms)
	for i := range names {
		names[i] = fmt.Sprint("room", i)
	}
	for i, p := range peers {
		_ = p.socket.Join(names[i%rooms], names[(i+1)%rooms])
	}
	s.sim.Run()
	to := s.To(names...)
	b.ReportAllocs()
	for b.Loop() {
		forget(peers)
		_ = to.Emit("event", Raw(`"0123456789012345678901234567890123456789"`))
		s.sim.Run()
	}
	if got := string(peers[0].Got[2:]); got != `42["event","0123456789012345678901234567890123456789"]` {
		b.Fatalf("got %q", got)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/delivery")
}

func forget(peers []*simPeer) {
	for _, p := range peers {
		p.Got = p.Got[:0]
	}
}

// BenchmarkFetchSockets: 10,000 sockets in three rooms each are fetched.
func BenchmarkFetchSockets(b *testing.B) {
	const members = 10_000
	s := simulate(b, Options{}, nil)
	for i, p := range joinMany(s, members) {
		_ = p.socket.Join("all", fmt.Sprint("workspace", i%100), fmt.Sprint("user", i))
	}
	s.sim.Run()
	b.ReportAllocs()
	for b.Loop() {
		if found := fetched(b, s); len(found) != members {
			b.Fatalf("fetched %d sockets", len(found))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/socket")
}

// fetched drives the loop while FetchSockets waits for it.
func fetched(b *testing.B, s *simulation) (found []*RemoteSocket) {
	done := make(chan error, 1)
	go func() {
		var err error
		found, err = s.FetchSockets(context.Background())
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatal(err)
			}
			return found
		default:
			s.sim.Run()
		}
	}
}

// BenchmarkEmitWithAck: 1,000 sockets are asked, and answer.
func BenchmarkEmitWithAck(b *testing.B) {
	const members = 1000
	s := simulate(b, Options{}, nil)
	peers := joinMany(s, members)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		forget(peers)
		g, err := s.all.ask(context.Background(), "ask", nil)
		if err != nil {
			b.Fatal(err)
		}
		s.sim.Run()
		answer := appendMessage(nil, fmt.Sprintf(`43%d["fine"]`, i))
		for _, p := range peers {
			p.Send(answer)
		}
		s.sim.Run()
		if replies, err := g.collect(context.Background()); len(replies) != members || err != nil {
			b.Fatalf("%d replies, %v", len(replies), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/socket")
}

// BenchmarkRecovery: 1,000 clients whose connections have broken come back, each to 10 messages that it has missed, of
// 100,000 that are kept. A connection and an upgrade are part of it; "fresh" is the same for clients that have nothing to come
// back to.
func BenchmarkRecovery(b *testing.B) {
	for _, fresh := range []bool{true, false} {
		b.Run(map[bool]string{true: "fresh", false: "recovered"}[fresh], func(b *testing.B) { benchmarkRecovery(b, fresh) })
	}
}

func benchmarkRecovery(b *testing.B, fresh bool) {
	const clients, rooms = 1000, 100
	s := simulate(b, Options{Recovery: &Recovery{MaxDisconnectionDuration: time.Hour}}, nil)
	for i := range 100_000 {
		_ = s.To(fmt.Sprint("room", i%1000)).Emit("old", i)
	}
	s.sim.Run()
	connects := make([]string, clients)
	for b.Loop() {
		b.StopTimer()
		for i, p := range joinMany(s, clients) {
			_ = p.socket.Join(fmt.Sprint("room", i%rooms))
			s.sim.Run()
			connects[i] = "40"
			if !fresh {
				connects[i] += fmt.Sprintf(`{"pid":%q}`, p.socket.kept.pid)
			}
			p.Hangup(io.EOF)
		}
		for i := range 10 * rooms {
			_ = s.To(fmt.Sprint("room", i%rooms)).Emit("missed", i)
		}
		s.sim.Run()
		b.StartTimer()
		for i := range connects {
			p := s.dial("")
			p.send(connects[i])
			if missed := strings.Count(string(p.Got), `42["missed"`); !fresh && missed != 10 {
				b.Fatalf("client %d: %d messages came: %.200q", i, missed, p.Got)
			}
			b.StopTimer()
			p.send("41")
			p.Hangup(io.EOF)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clients, "ns/client")
}
