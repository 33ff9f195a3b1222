package scenario

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/hub"
)

// victim is a member that has come in again, and what is done to it by a server that does wrong.
type victim struct {
	s    *hub.Socket
	room string
	told int    // messages to its room since it asked to be let in
	kept string // the one that comes behind the next

	upgraded atomic.Bool
}

// awaitUpgrade notes when the victim has gone over to a WebSocket, as it does once it has heard that it is in its room.
func (v *victim) awaitUpgrade() {
	go func() {
		for {
			info, err := v.s.Info(context.Background())
			if err != nil { // it has left
				return
			}
			if info.Transport == "websocket" {
				v.upgraded.Store(true)
				return
			}
		}
	}()
}

// wrong is what becomes of a message to the room of a victim, which says who gets it: the room does, unless it says no.
type wrong func(v *victim, message string) (toAll bool)

// What is done wrong is done to the first member that has come in again, and is then there for so many messages to its room.
const (
	wrongJoin    = 9
	wrongMessage = 20
)

// startRooms serves an application of rooms within the test, on one loop. The join of a victim is carried out by admit, nil for as usual.
func startRooms(t *testing.T, admit func(v *victim), do wrong) netip.AddrPort {
	t.Helper()
	io := hub.New(hub.Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	var v *victim
	joins := 0
	io.OnLoop("join", func(s *hub.Socket, e *hub.Event) {
		var room string
		_ = e.Bind(&room)
		if joins++; joins >= wrongJoin && do != nil && (v == nil || v.told < wrongMessage && !v.s.Connected()) {
			v = &victim{s: s, room: room}
		}
		if v != nil && v.s == s && admit != nil {
			admit(v)
		} else {
			_ = s.Join(room)
		}
		_ = e.Ack("ok")
	})
	io.OnLoop("leave", func(s *hub.Socket, e *hub.Event) {
		var room string
		_ = e.Bind(&room)
		_ = s.Leave(room)
		_ = e.Ack("ok")
	})
	io.OnLoop("room", func(s *hub.Socket, e *hub.Event) {
		var room, message string
		_ = e.Bind(&room, &message)
		if v != nil && v.room == room {
			if v.told++; !do(v, message) {
				_ = s.To(room).Except(v.s.ID()).Emit("room", room, message)
				return
			}
		}
		_ = s.To(room).Emit("room", room, message)
		if v != nil && v.room == room && v.kept != "" {
			_ = v.s.Emit("room", room, v.kept)
			v.kept = ""
		}
	})
	return serve(t, io)
}

// Members that come by polling, are let into their rooms there, and go over while messages flow, are held to the same account as all
// others: what a real server does right is right, and what it does wrong to one of them is seen.
func TestAccountAcrossUpgrades(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		admit                  func(v *victim)
		do                     wrong
		lost, doubled, swapped uint64
	}{
		{"nothing", nil, nil, 0, 0, 0},
		{"one is lost", nil, func(v *victim, _ string) bool { return v.told != wrongMessage }, 1, 0, 0},
		{"let in long after it was told so", (*victim).awaitUpgrade, func(v *victim, _ string) bool {
			if !v.upgraded.Load() {
				v.told = 0 // it may not have heard yet that it is in
			} else if v.told == wrongMessage {
				_ = v.s.Join(v.room)
			}
			return true
		}, wrongMessage - 1, 0, 0}, // at the least
		{"one comes twice", nil, func(v *victim, message string) bool {
			if v.told == wrongMessage {
				v.kept = message
			}
			return true
		}, 0, 1, 0},
		{"one comes behind the next", nil, func(v *victim, message string) bool {
			if v.told == wrongMessage {
				v.kept = message
				return false
			}
			return true
		}, 0, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			at := startRooms(t, tc.admit, tc.do)
			const deliveries = 40_000
			r := Run(t.Context(), Options{Threads: 1, Duration: time.Minute, Config: Config{
				Scenario: Soak, Transport: Default, Protocol: flood.SocketIO, Addr: at, Host: at.String(), Path: "/socket.io/",
				Connections: 8, Rooms: 2, Publishers: 1, Depth: 4, Size: 64, Concurrency: 8, Timeout: 30 * time.Second, RunID: runID,
				Seed: 1, Deliveries: deliveries, ChurnRate: 20, ChurnShare: 0.25, ReconnectShare: 1,
			}})
			if r.Error != "" || r.Stalled != "" || r.Tally == nil || r.Delivered < deliveries || r.Delivery == nil || r.Churn == nil {
				t.Fatalf("%+v", r)
			}
			if r.Duplicated != tc.doubled || r.Reordered != tc.swapped || r.Misrouted+r.Garbled != 0 {
				t.Errorf("%+v", r.Tally)
			}
			if r.Lost < tc.lost || r.Lost != tc.lost && tc.admit == nil || r.OK() != (tc.do == nil) {
				t.Errorf("%+v, OK %v", r.Tally, r.OK())
			}
			if r.UpgradedMeanwhile == 0 || r.Reconnected < r.UpgradedMeanwhile || r.PolledMeanwhile == 0 {
				t.Errorf("%+v", r.Churn)
			}
		})
	}
}
