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

// What is done wrong is done to members that have come in again, one after the other, at this message to their room since then. One
// that is leaving just then does not see it, so it is done to more than one.
const (
	wrongJoin    = 9
	wrongMessage = 20
)

// startRooms serves an application of rooms within the test, on one loop. The join of a victim is carried out by admit, nil for as usual.
// deeds counts the victims to whom wrong was done.
func startRooms(t *testing.T, admit func(v *victim), do wrong) (at netip.AddrPort, deeds *atomic.Uint64) {
	t.Helper()
	deeds = new(atomic.Uint64)
	io := hub.New(hub.Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	var v *victim
	joins := 0
	io.OnLoop("join", func(s *hub.Socket, e *hub.Event) {
		var room string
		_ = e.Bind(&room)
		if joins++; joins >= wrongJoin && do != nil && (v == nil || v.kept == "" && (v.told >= wrongMessage || !v.s.Connected())) {
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
			v.told++
			toAll := do(v, message)
			if v.told == wrongMessage {
				deeds.Add(1)
			}
			if !toAll {
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
	return serve(t, io), deeds
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
			at, deeds := startRooms(t, tc.admit, tc.do)
			const deliveries = 40_000
			r := Run(t.Context(), Options{Threads: 1, Duration: time.Minute, Config: Config{
				Scenario: Soak, Transport: Default, Protocol: flood.SocketIO, Addr: at, Host: at.String(), Path: "/socket.io/",
				Connections: 8, Rooms: 2, Publishers: 1, Depth: 4, Size: 64, Concurrency: 8, Timeout: 30 * time.Second, RunID: runID,
				Seed: 1, Deliveries: deliveries, ChurnRate: 20, ChurnShare: 0.25, ReconnectShare: 1,
			}})
			if r.Error != "" || r.Stalled != "" || r.Tally == nil || r.Delivered < deliveries || r.Delivery == nil || r.Churn == nil {
				t.Fatalf("%+v", r)
			}
			done := deeds.Load()
			seen := func(got, each uint64) bool { return got >= each && got <= each*done }
			if !seen(r.Duplicated, tc.doubled) || !seen(r.Reordered, tc.swapped) || r.Misrouted+r.Garbled != 0 || r.OK() != (tc.do == nil) {
				t.Errorf("%+v, OK %v, of %d", r.Tally, r.OK(), done)
			}
			if !seen(r.Lost, tc.lost) && (tc.admit == nil || r.Lost < tc.lost) {
				t.Errorf("%+v, of %d", r.Tally, done)
			}
			if r.UpgradedMeanwhile == 0 || r.Reconnected < r.UpgradedMeanwhile || r.PolledMeanwhile == 0 && tc.admit == nil {
				t.Errorf("%+v", r.Churn)
			}
		})
	}
}
