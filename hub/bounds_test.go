package hub

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestChildNamespacesMax: beyond it clients are refused, and the log says why; a child that is gone makes room.
func TestChildNamespacesMax(t *testing.T) {
	var log bytes.Buffer
	s := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	p := s.OfFunc(func(name string, _ Raw) bool {
		if name == "/panics" {
			panic("a function that panics says no")
		}
		return true
	})
	if s.admit("/panics", nil) != nil || s.Panics() != 1 {
		t.Error("a function that panics has said yes")
	}
	p.children = map[*Namespace]struct{}{}
	for range ChildNamespacesMax - 1 {
		p.children[new(Namespace)] = struct{}{}
	}
	last := s.admit("/last", nil)
	if last == nil || p.ChildrenCount() != ChildNamespacesMax {
		t.Fatalf("%v, and %d children", last, p.ChildrenCount())
	}
	if s.admit("/beyond", nil) != nil || !strings.Contains(log.String(), "too many children") {
		t.Errorf("one child too many came into being; the log says %q", &log)
	}
	if s.admit("/last", nil) != last {
		t.Error("the last child is not there any more")
	}
	p.abandon(last)
	if s.admit("/beyond", nil) == nil {
		t.Error("no room was made")
	}
}

// TestRoomEventsMax: what a handler that is far too slow does not get is logged, and it goes on with the rest.
func TestRoomEventsMax(t *testing.T) {
	var log bytes.Buffer
	s := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	t.Cleanup(s.workers.stop)
	hold, begun, told := make(chan struct{}), make(chan struct{}), 0
	s.OnRoom(func(e RoomEvent) {
		if told++; told == 1 {
			close(begun)
			<-hold
		}
	})
	s.tellRoom(RoomEvent{Kind: RoomCreated})
	receive(t, begun)
	for range RoomEventsMax + 5 {
		s.tellRoom(RoomEvent{Kind: RoomJoined})
	}
	close(hold)
	if quiet := s.workers.quiet(); quiet != nil {
		receive(t, quiet)
	}
	if want := 1 + RoomEventsMax; told != want || !strings.Contains(log.String(), "lost_so_far=4") {
		t.Errorf("%d events were told, want %d; the log says %q", told, want, &log)
	}
	s.OnRoom(nil)
	s.tellRoom(RoomEvent{Kind: RoomLeft})
	if quiet := s.workers.quiet(); quiet != nil {
		receive(t, quiet)
	}
	if told != 1+RoomEventsMax {
		t.Error("an event was told to a handler that is gone")
	}
}
