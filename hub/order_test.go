package hub

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"starling/hub/cluster/loopback"
)

// TestOrder: what one goroutine emits arrives in that order at every socket, whatever it aims at from one to the next, on
// the other node too.
func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		name     string
		nodes    int
		recovery *Recovery
	}{
		{name: "one node", nodes: 1},
		{name: "two nodes", nodes: 2},
		{name: "two nodes with recovery", nodes: 2, recovery: &Recovery{}},
	} {
		t.Run(tc.name, func(t *testing.T) { testOrder(t, tc.nodes, tc.recovery) })
	}
}

func testOrder(t *testing.T, nodes int, recovery *Recovery) {
	const members, emitters, events = 6, 8, 300
	network := loopback.New(loopback.Options{})
	servers := make([]*Server, nodes)
	var peers []*peer
	for i := range servers {
		servers[i] = start(t, Options{Loops: 3, Adapter: network.Adapter(), Recovery: recovery}, func(s *Server) {
			s.Use(func(s *Socket) error { return s.Join("a", "b", "c") })
		})
		peers = append(peers, joinAll(t, servers[i], members)...)
	}
	var emitting, reading sync.WaitGroup
	for e := range emitters {
		emitting.Go(func() {
			for i := range events {
				if err := emitAnyhow(servers[e%nodes], peers[e%len(peers)].id, e, i); err != nil {
					t.Errorf("emitter %d, event %d: %v", e, i, err)
				}
			}
		})
	}
	for _, p := range peers {
		reading.Go(func() { p.wantInOrder(emitters, events) })
	}
	emitting.Wait()
	reading.Wait()
}

// emitAnyhow emits event i of an emitter to everybody, in a way that differs from one to the next.
func emitAnyhow(s *Server, id string, emitter, i int) error {
	switch i % 7 {
	case 0:
		return s.Emit("n", emitter, i)
	case 1:
		return s.To("a").Emit("n", emitter, i)
	case 2:
		return s.To("a", "b").Emit("n", emitter, i)
	case 3:
		return s.Except("nobody").Emit("n", emitter, i)
	case 4:
		_, err := s.To("c").EmitWithAck(canceled, "n", emitter, i) // sent, and not waited for
		if partial, ok := err.(*PartialError); ok && partial.Err == context.Canceled {
			return nil
		}
		return fmt.Errorf("EmitWithAck: %w", err)
	case 5: // in two halves
		if err := s.To(id).Emit("n", emitter, i); err != nil {
			return err
		}
		return s.Except(id).Emit("n", emitter, i)
	}
	return s.To("b").Compress(false).Emit("n", emitter, i)
}

// canceled is a context that is over.
var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// wantInOrder reads all events of all emitters.
func (p *peer) wantInOrder(emitters, events int) {
	next := make([]int, emitters)
	for range emitters * events {
		m := p.message()
		for m == "2" {
			p.send("3")
			m = p.message()
		}
		var emitter, i int
		if !scanEvent(m, &emitter, &i) || emitter >= emitters || i != next[emitter] {
			p.t.Errorf("got %q, when emitter %d was at %v", m, emitter, next)
			return
		}
		next[emitter]++
	}
}

// scanEvent reads the numbers of an event: 42["n",1,2], with an id or an offset perhaps.
func scanEvent(m string, emitter, i *int) bool {
	var id int
	if n, _ := fmt.Sscanf(m, `42["n",%d,%d`, emitter, i); n == 2 {
		return true
	}
	n, _ := fmt.Sscanf(m, `42%d["n",%d,%d`, &id, emitter, i)
	return n == 3
}
