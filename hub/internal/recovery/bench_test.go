package recovery

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkRecord(b *testing.B) {
	for _, row := range []struct {
		name string
		aim  func(i int) Aim
	}{
		{"one room", func(int) Aim { return Aim{Rooms: []string{"red"}} }},
		{"everyone but one", func(int) Aim { return Aim{Everyone: true, Except: []string{"id"}} }},
		{"three rooms", func(int) Aim { return Aim{Rooms: []string{"red", "green", "blue"}} }},
		{"10,000 ids", func(i int) Aim { return Aim{Rooms: []string{fmt.Sprintf("%020d", i%10_000)}} }},
	} {
		b.Run(row.name, func(b *testing.B) {
			aims := make([]Aim, 10_000)
			for i := range aims {
				aims[i] = row.aim(i)
			}
			start := time.Now()
			j := New[*sent](usualLimits, func() time.Duration { return time.Since(start) }, sixBytes())
			m := new(sent)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				j.Record(aims[i%len(aims)], 100, func(Position, Offset) *sent { return m })
			}
		})
	}
}

// BenchmarkReplay is a session that comes back and has missed 100 of 1,000,000 messages that are kept, while 1,000 others
// are away too.
func BenchmarkReplay(b *testing.B) {
	const rooms, each, missed = 1000, 1000, 100
	limits := usualLimits
	limits.BytesMax = 1 << 30
	j := New[*sent](limits, func() time.Duration { return 0 }, sixBytes())
	offsets := make([]string, rooms)
	for n := range each {
		for room := range rooms {
			j.Record(Aim{Rooms: []string{fmt.Sprint("room", room)}}, 100, func(_ Position, offset Offset) *sent {
				if n == each-missed-1 {
					offsets[room] = offset.String()
				}
				return new(sent)
			})
		}
	}
	for room := range rooms {
		h := NewHistory(0)
		for _, name := range []string{fmt.Sprint("room", room), "hall", "lobby"} {
			h.Joined(name, 0)
		}
		j.Save(fmt.Sprint("pid", room), Saved{SocketID: fmt.Sprint("id", room), History: h})
	}
	if kept := j.Stats().Messages; kept != rooms*each {
		b.Fatalf("%d messages are kept", kept)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		pid := fmt.Sprint("pid", i%rooms)
		s, _ := j.Take(pid)
		got := 0
		err := j.Replay(s, offsets[i%rooms], func(missed []*sent, _ Position) { got = len(missed) })
		if err != nil || got != missed || j.Arrived(pid) != nil {
			b.Fatalf("%d messages, %v", got, err)
		}
		s.History.sure = 0 // as it was before
		j.Save(pid, s)
	}
}

// BenchmarkExpire is how long Expire holds the lock when there is much: what it clears away here it does in two pieces.
func BenchmarkExpire(b *testing.B) {
	now := time.Duration(0)
	limits := usualLimits
	limits.InFlightTime = time.Second
	j := New[*sent](limits, func() time.Duration { return now }, sixBytes())
	m := new(sent)
	for range b.N {
		b.StopTimer()
		for i := range sweptAtOnceMax {
			j.Record(Aim{Rooms: []string{fmt.Sprint("room", i)}}, 100, func(Position, Offset) *sent { return m })
			j.Save(fmt.Sprint("pid", i), Saved{SocketID: "id", History: NewHistory(0)})
		}
		now += 2 * time.Second
		j.Settled()
		now += limits.Retention()
		b.StartTimer()
		if over := j.Expire(); len(over) != sweptAtOnceMax {
			b.Fatalf("%d sessions were over", len(over))
		}
	}
	if stats := j.Stats(); stats != (Stats{}) {
		b.Fatalf("%+v is left", stats)
	}
}
