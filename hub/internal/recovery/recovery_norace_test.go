//go:build !race

package recovery

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestAllocations(t *testing.T) {
	limits := usualLimits
	limits.RoomBytesMax = 100_000
	now := time.Duration(0)
	j := New[*sent](limits, func() time.Duration { return now }, sixBytes())
	m, last := new(sent), Offset{}
	publish := func(_ Position, offset Offset) *sent { last = offset; return m }
	record := func(aim Aim) func() {
		return func() { j.Record(aim, 100, publish) }
	}
	for range 2000 { // so that the logs are as long as they will be
		j.Record(Aim{Rooms: []string{"red"}}, 100, publish)
		j.Record(Aim{Rooms: []string{"blue"}}, 100, publish)
		j.Record(Aim{Everyone: true}, 100, publish)
	}
	h := NewHistory(0)
	h.Joined("red", 0)
	for _, row := range []struct {
		name string
		run  func()
		most float64
	}{
		{"Record to a room", record(Aim{Rooms: []string{"red"}}), 1},
		{"Record to everyone but one", record(Aim{Everyone: true, Except: []string{"id"}}), 1},
		{"Record to two rooms", record(Aim{Rooms: []string{"red", "blue"}}), 2},
		{"Record to nobody", record(Aim{}), 0},
		{"Settled", func() { j.Settled() }, 0},
		{"Expire", func() { j.Expire() }, 0},
		{"joining a room and leaving it", func() {
			h.Joined("green", j.newest)
			h.Left("green", j.newest, 0)
		}, 0},
	} {
		if n := testing.AllocsPerRun(1000, row.run); n > row.most {
			t.Errorf("%s: %v allocations, want at most %v", row.name, n, row.most)
		}
	}
	if last == (Offset{}) {
		t.Fatal("nothing was recorded")
	}
}

func TestAllocationsOfAReplayDoNotGrow(t *testing.T) {
	for _, missed := range []int{1, 1000} {
		now := time.Duration(0)
		j := New[*sent](usualLimits, func() time.Duration { return now }, sixBytes())
		m := new(sent)
		for i := range missed {
			j.Record(Aim{Rooms: []string{fmt.Sprint("room", i%3)}}, 10, func(Position, Offset) *sent { return m })
		}
		saved := Saved{SocketID: "me", History: NewHistory(0)}
		for i := range 3 {
			saved.History.Joined(fmt.Sprint("room", i), 0)
		}
		got := 0
		if n := testing.AllocsPerRun(100, func() {
			_ = j.Replay(saved, "", func(missed []*sent, _ Position) { got = len(missed) })
		}); n > 4 || got != missed { // the runs, as they grow, and the list of what was missed
			t.Errorf("%d messages of 3 rooms: %v allocations for a replay of %d", missed, n, got)
		}
	}
}

// TestWhatThingsCount holds what things count in bytes against what they take.
func TestWhatThingsCount(t *testing.T) {
	const many = 100_000
	limits := Limits{
		MaxDisconnectionDuration: time.Minute, InFlightTime: time.Minute,
		RoomBytesMax: 1 << 40, BytesMax: 1 << 40, SessionsMax: many,
	}
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("%020d", i)) // as the ids of sockets, which others hold too
	}
	newJournal := func() *Journal[*sent] {
		return New[*sent](limits, func() time.Duration { return 0 }, sixBytes())
	}
	m := new(sent)
	publish := func(Position, Offset) *sent { return m }
	for _, row := range []struct {
		name   string
		fill   func(j *Journal[*sent])
		counts int
	}{
		{"a message in a room that has others", func(j *Journal[*sent]) {
			aim := Aim{Rooms: []string{"red"}}
			for range many {
				j.Record(aim, 0, publish)
			}
		}, entryBytes},
		{"a message in each of many rooms", func(j *Journal[*sent]) {
			for _, name := range names {
				j.Record(Aim{Rooms: []string{name}}, 0, publish)
			}
		}, entryBytes + logBytes},
		{"a message in two rooms", func(j *Journal[*sent]) {
			aim := Aim{Rooms: []string{"red", "blue"}}
			for range many {
				j.Record(aim, 0, publish)
			}
		}, entryBytes + placeBytes},
		{"a session in no room", func(j *Journal[*sent]) {
			for _, name := range names {
				j.Save(name, Saved{SocketID: name, History: NewHistory(0)})
			}
		}, sessionBytes},
		{"a session in three rooms", func(j *Journal[*sent]) {
			for _, name := range names {
				h := NewHistory(0)
				for _, room := range []string{"red", "green", "blue"} {
					h.Joined(room, 0)
				}
				j.Save(name, Saved{SocketID: name, History: h})
			}
		}, sessionBytes + 3*memberBytes},
		{"a history in three rooms", func(j *Journal[*sent]) {
			for range many {
				h := NewHistory(0)
				for _, room := range []string{"red", "green", "blue"} {
					h.Joined(room, 0)
				}
				histories = append(histories, h)
			}
		}, 9 * memberBytes / 2},
	} {
		j := newJournal()
		histories = make([]*History, 0, many)
		before := heapBytes()
		row.fill(j)
		takes := int(heapBytes()-before) / many
		runtime.KeepAlive(j)
		t.Logf("%s takes %d bytes and counts %d", row.name, takes, row.counts)
		if takes > row.counts || takes < row.counts/2 {
			t.Errorf("%s takes %d bytes and counts %d", row.name, takes, row.counts)
		}
	}
	histories = nil
}

var histories []*History

func heapBytes() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
