package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/hub"
	"starling/hub/cluster"
)

// testShutdown: the others go on without a server that shuts down, and its clients know.
func testShutdown(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := f.joinEach()
	emit(t, f.nodes[2], "m", 1)
	for _, m := range each {
		m.expect(`42["m",1]`)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.nodes[2].stop()
	}()
	each[2].expect("<close>")
	each[2].conn.Close()
	receive(t, stopped)
	_ = f.nodes[2].Emit("nobody is there any more")
	for _, s := range f.nodes[:2] {
		s.knows(1)
		emit(t, s, "m", 2)
		if found := fetch(t, s); len(found) != 2 {
			t.Errorf("%d sockets are left", len(found))
		}
	}
	for _, m := range each[:2] {
		m.expect(`42["m",2]`, `42["m",2]`)
	}
	asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(t.Context(), "name?") })
	for _, m := range each[:2] {
		m.answers(`["name?"]`, `["`+m.Name+`"]`)
	}
	asked.expect(t, texts(each[:2]...))
}

// testAskedShutdown: who waits for an answer hears of a shutdown, be it of the server that asks or of one that was asked.
func testAskedShutdown(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := f.joinEach()
	f.nodes[1].OnServerEvent("name", func(*hub.ServerEvent) {}) // and no answer
	for _, node := range []int{2, 0} {
		asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(t.Context(), "name?") })
		serverAsked := make(chan error, 1)
		go func() {
			_, err := f.nodes[0].ServerSideEmitWithAck(t.Context(), "name")
			serverAsked <- err
		}()
		m := each[node]
		for _, other := range each[:2] {
			if other != m {
				other.answers(`["name?"]`, `["`+other.Name+`"]`)
			}
		}
		m.asked(`["name?"]`)
		go f.nodes[node].stop()
		m.expect("<close>")
		m.conn.Close()
		answered := each[:2]
		if node == 0 {
			answered = each[1:2]
		}
		if err := asked.expectError(t, texts(answered...)); err == nil {
			t.Error("EmitWithAck has no error")
		}
		if node == 0 {
			if err := receive(t, serverAsked); !errors.Is(err, hub.ErrShutdown) {
				t.Errorf("ServerSideEmitWithAck: %v, want ErrShutdown", err)
			}
		}
	}
}

// testSlowServer: nobody waits for a node that falls behind, and it misses nothing while its queue has room.
func testSlowServer(t *testing.T, n Network) {
	pauser := faulty[Pauser](t, n)
	f := newFleet(t, n, nil)
	each := f.joinEach()
	slow := f.nodes[2].id()
	pauser.Pause(slow)
	var want []string
	for i := range 100 {
		emit(t, f.nodes[0], "m", i)
		want = append(want, fmt.Sprintf(`42["m",%d]`, i))
	}
	each[0].expect(want...)
	each[1].expect(want...)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	others := f.nodes[0].whenDelivered(1, func(m *cluster.Message) int { return len(m.Sockets) })
	go func() {
		<-others
		cancel()
	}()
	found, err := f.nodes[0].FetchSockets(ctx)
	if found, err := f.nodes[0].Timeout(100 * time.Millisecond).FetchSockets(t.Context()); !errors.Is(err, hub.ErrAckTimeout) {
		t.Errorf("with a timeout FetchSockets finds %d sockets, %v; want ErrAckTimeout", len(found), err)
	}
	has := func(m *member) bool {
		return slices.ContainsFunc(found, func(r *hub.RemoteSocket) bool { return r.ID() == m.id })
	}
	if !errors.Is(err, context.Canceled) || !has(each[1]) || has(each[2]) {
		t.Errorf("FetchSockets finds %d sockets, %v", len(found), err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	answered := f.nodes[0].whenDelivered(1, acksOf)
	asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(ctx, "name?") })
	for _, m := range each[:2] {
		m.answers(`["name?"]`, `["`+m.Name+`"]`)
		m.settled()
	}
	receive(t, answered)
	cancel()
	if err := asked.expectError(t, texts(each[:2]...)); !errors.Is(err, context.Canceled) {
		t.Errorf("EmitWithAck: %v", err)
	}

	pauser.Resume(slow)
	each[2].expect(want...)
	each[2].asked(`["name?"]`) // too late, but it cannot know
	emit(t, f.nodes[0], "end")
	each[2].expect(`42["end"]`)
}

// testBacklog: when a node has fallen so far behind that it misses something, whoever emits is told, and the others miss
// nothing.
func testBacklog(t *testing.T, n Network) {
	pauser := faulty[Pauser](t, n)
	f := newFleet(t, n, nil)
	red, slow := f.join(1, identity{"red", []string{"red"}}), f.join(2, identity{Name: "slow"})
	pauser.Pause(f.nodes[2].id())
	text := strings.Repeat("x", 64<<10)
	var err error
	for i := 0; err == nil && i < 1<<16; i++ {
		err = f.nodes[0].To("red").Emit("m", i, text)
		red.expect(fmt.Sprintf(`42["m",%d,"%s"]`, i, text))
	}
	if !errors.Is(err, cluster.ErrBacklog) {
		t.Fatalf("Emit to a backlog: %v, want ErrBacklog", err)
	}
	pauser.Resume(f.nodes[2].id())
	for attempt := 0; err != nil; attempt++ { // it takes a moment to catch up
		err = f.nodes[0].Emit("again", attempt)
		if err != nil && !errors.Is(err, cluster.ErrBacklog) {
			t.Fatal(err)
		}
		if red.expect(fmt.Sprintf(`42["again",%d]`, attempt)); err == nil {
			slow.expect(fmt.Sprintf(`42["again",%d]`, attempt))
		}
	}
}

// testLostAcks: who waits for the acknowledgements of a node that is lost waits no longer.
func testLostAcks(t *testing.T, n Network) {
	cutter := faulty[Cutter](t, n)
	f := newFleet(t, n, nil)
	each := f.joinEach()
	asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(t.Context(), "name?") })
	for _, m := range each[:2] {
		m.answers(`["name?"]`, `["`+m.Name+`"]`)
	}
	id := each[2].asked(`["name?"]`)
	cutter.Cut(f.nodes[2].id())
	if err := asked.expectError(t, texts(each[:2]...)); !errors.Is(err, hub.ErrNodeLost) {
		t.Errorf("EmitWithAck: %v, want ErrNodeLost", err)
	}
	each[2].send("43" + id + `["late"]`)
	each[2].settled()

	// Both parts go on by themselves.
	f.nodes[0].knows(1)
	f.nodes[2].knows(0)
	emit(t, f.nodes[0], "m", "most")
	emit(t, f.nodes[2], "m", "one")
	each[0].expect(`42["m","most"]`)
	each[1].expect(`42["m","most"]`)
	each[2].expect(`42["m","one"]`)
	if found := fetch(t, f.nodes[2]); len(found) != 1 {
		t.Errorf("alone it finds %d sockets", len(found))
	}
}

// testLostFetch: the same for sockets.
func testLostFetch(t *testing.T, n Network) {
	cutter, pauser := faulty[Cutter](t, n), faulty[Pauser](t, n)
	f := newFleet(t, n, nil)
	each := f.joinEach()
	pauser.Pause(f.nodes[2].id()) // it must not answer before it is lost
	published := f.nodes[0].whenPublished(cluster.Fetch)
	go func() {
		<-published
		cutter.Cut(f.nodes[2].id())
	}()
	found, err := f.nodes[0].FetchSockets(t.Context())
	if !errors.Is(err, hub.ErrNodeLost) || len(found) != 2 {
		t.Errorf("FetchSockets finds %d sockets, %v; want 2 and ErrNodeLost", len(found), err)
	}
	for _, r := range found {
		if r.ID() != each[0].id && r.ID() != each[1].id {
			t.Errorf("it finds %s", r.ID())
		}
	}
}

// testLostServer: the same for the answer of a server.
func testLostServer(t *testing.T, n Network) {
	cutter := faulty[Cutter](t, n)
	f := newFleet(t, n, nil)
	f.named()
	f.nodes[2].OnServerEvent("name", func(*hub.ServerEvent) { cutter.Cut(f.nodes[2].id()) })
	replies, err := f.nodes[0].ServerSideEmitWithAck(t.Context(), "name")
	if got := serverReplies(t, replies); !errors.Is(err, hub.ErrNodeLost) || !slices.Equal(got, []string{"node 1"}) {
		t.Errorf("the servers reply %q, %v; want node 1 and ErrNodeLost", got, err)
	}
}

// testLostAtOnce: a node may be lost at the very moment at which it is asked.
func testLostAtOnce(t *testing.T, n Network) {
	cutter := faulty[Cutter](t, n)
	f := newFleet(t, n, nil)
	s := f.nodes[0]
	for name, ask := range map[string]func() error{
		"EmitWithAck":           func() error { _, err := s.EmitWithAck(t.Context(), "m"); return err },
		"FetchSockets":          func() error { _, err := s.FetchSockets(t.Context()); return err },
		"ServerSideEmitWithAck": func() error { _, err := s.ServerSideEmitWithAck(t.Context(), "m"); return err },
	} {
		others := len(s.Nodes())
		f.start(func(*hub.Server) {})
		s.knows(others + 1)
		s.onNodes(func() {
			cutter.Cut(f.nodes[len(f.nodes)-1].id())
			select {
			case <-s.lost:
			case <-time.After(50 * time.Millisecond): // a server may have reason to put it off until it knows Nodes
			}
		})
		ended := make(chan error, 1)
		go func() { ended <- ask() }()
		if err := receive(t, ended); err != nil && !errors.Is(err, hub.ErrNodeLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
