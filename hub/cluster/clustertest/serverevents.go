package clustertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"starling/hub"
	"starling/hub/cluster"
)

// testServerSideEmit: all other servers get a server event, once and in order, and the one that emits it does not.
func testServerSideEmit(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	heard := make([]chan string, len(f.nodes))
	for i, s := range f.nodes {
		heard[i] = make(chan string, 1000)
		hear := func(namespace string) func(*hub.ServerEvent) {
			return func(e *hub.ServerEvent) {
				var number int
				var bytes []byte
				if err := e.Bind(&number, &bytes); err != nil {
					t.Error(err)
				}
				if e.WantsAck() || !errors.Is(e.Ack(), hub.ErrAcked) {
					t.Error("an acknowledgement is wanted")
				}
				heard[i] <- fmt.Sprintf("%s %s %d %x", namespace, e.Name(), number, bytes)
			}
		}
		s.OnServerEvent("news", hear("/"))
		s.OnServerEvent("other news", hear("/"))
		s.Of("/chat").OnServerEvent("news", hear("/chat"))
	}
	s := f.nodes[1]
	var want []string
	for i := range 100 {
		if err := s.ServerSideEmit("news", i, []byte{byte(i), 0xff}); err != nil {
			t.Error(err)
		}
		want = append(want, fmt.Sprintf("/ news %d %02xff", i, i))
	}
	for _, err := range []error{
		s.ServerSideEmit("nobody cares", 1, []byte{}),
		s.ServerSideEmit("other news", 7, []byte("x")),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want = append(want, "/ other news 7 78")
	for _, i := range []int{0, 2} {
		for _, w := range want {
			if got := receive(t, heard[i]); got != w {
				t.Fatalf("node %d hears %q, want %q", i, got, w)
			}
		}
	}
	if err := s.Of("/chat").ServerSideEmit("news", 8, []byte{8}); err != nil {
		t.Error(err)
	}
	for _, i := range []int{0, 2} {
		if got := receive(t, heard[i]); got != "/chat news 8 08" {
			t.Errorf("node %d hears %q", i, got)
		}
	}
	if err := s.ServerSideEmit("connection"); !errors.Is(err, hub.ErrReservedEvent) {
		t.Errorf("ServerSideEmit of a reserved event: %v", err)
	}
	if len(heard[1]) > 0 {
		t.Errorf("the server has heard itself: %q", <-heard[1])
	}
}

// testBusyServer: a server whose handler of a server event takes its time answers what others ask meanwhile, and may
// itself ask.
func testBusyServer(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := f.joinEach()
	var busy sync.WaitGroup
	busy.Add(2)
	done := make(chan struct{}, 2)
	for _, s := range f.nodes[:2] {
		s.OnServerEvent("count", func(*hub.ServerEvent) {
			defer func() { done <- struct{}{} }()
			busy.Done()
			busy.Wait() // now the handlers of both nodes are running
			if found := fetch(t, s); len(found) != len(each) {
				t.Errorf("a handler finds %d sockets", len(found))
			}
			if replies, err := s.EmitWithAck(t.Context(), "name?"); len(replies) != len(each) || err != nil {
				t.Errorf("a handler gets %d replies, %v", len(replies), err)
			}
		})
	}
	for _, s := range f.nodes[:2] {
		if err := s.ServerSideEmit("count"); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		for _, m := range each {
			m.answers(`["name?"]`, `["`+m.Name+`"]`)
		}
	}
	receive(t, done)
	receive(t, done)
}

// serverReplies are the texts that servers have replied with, sorted.
func serverReplies(t *testing.T, replies []hub.Reply) (texts []string) {
	t.Helper()
	for i := range replies {
		var text string
		var bytes []byte
		if err := replies[i].Bind(&text, &bytes); err != nil || string(bytes) != text {
			t.Errorf("a server replies with %q and %q, %v", text, bytes, err)
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

// named has each server answer the event name with its number.
func (f *fleet) named() {
	for i, s := range f.nodes {
		s.OnServerEvent("name", func(e *hub.ServerEvent) {
			text := fmt.Sprint("node ", i)
			if err := e.Ack(text, []byte(text)); err != nil {
				f.t.Error(err)
			}
			if e.WantsAck() || !errors.Is(e.Ack(), hub.ErrAcked) {
				f.t.Error("a second acknowledgement is wanted")
			}
		})
	}
}

func testServerSideEmitWithAck(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	f.named()
	for i, s := range f.nodes {
		replies, err := s.ServerSideEmitWithAck(t.Context(), "name", []byte("?"))
		want := slices.Delete([]string{"node 0", "node 1", "node 2"}, i, i+1)
		if got := serverReplies(t, replies); err != nil || !slices.Equal(got, want) {
			t.Errorf("replies to node %d: %q, %v; want %q", i, got, err, want)
		}
	}
	f.nodes[2].OnServerEvent("name", nil)
	replies, err := f.nodes[0].ServerSideEmitWithAck(t.Context(), "name")
	if got := serverReplies(t, replies); err != nil || !slices.Equal(got, []string{"node 1"}) {
		t.Errorf("replies without one that has no handler: %q, %v", got, err)
	}

	var late *hub.ServerEvent
	called := make(chan struct{})
	f.nodes[2].OnServerEvent("name", func(e *hub.ServerEvent) { late = e; close(called) })
	answered := f.nodes[0].whenDelivered(1, func(m *cluster.Message) int {
		if m.Kind == cluster.ServerReply {
			return 1
		}
		return 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-called
		<-answered
		cancel()
	}()
	replies, err = f.nodes[0].ServerSideEmitWithAck(ctx, "name")
	if got := serverReplies(t, replies); !errors.Is(err, context.Canceled) || !slices.Equal(got, []string{"node 1"}) {
		t.Errorf("replies without one that keeps silent: %q, %v", got, err)
	}
	if err := late.Ack("late", []byte("late")); err != nil { // harms nobody
		t.Error(err)
	}
	f.named()
	replies, err = f.nodes[0].ServerSideEmitWithAck(t.Context(), "name")
	if got := serverReplies(t, replies); err != nil || !slices.Equal(got, []string{"node 1", "node 2"}) {
		t.Errorf("replies at last: %q, %v", got, err)
	}
}
