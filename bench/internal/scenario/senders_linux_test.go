package scenario

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"starling/bench/internal/flood"
)

// testSenders have their connections, which go nowhere.
func testSenders(cfg Config, ids ...string) *senders {
	cfg.Protocol, cfg.RunID, cfg.Size = flood.SocketIO, runID, PayloadBytesMin
	s := newSenders(&cfg, &flood.Loop{}, ids)
	for i := range s.conns {
		s.conns[i] = &flood.Conn{}
	}
	s.opened = len(s.conns)
	return s
}

func TestRoomsAreWrittenToInTurn(t *testing.T) {
	s := testSenders(Config{Connections: 6, Rooms: 3, Rate: 10})
	s.begin(0, 500, 1000, 1e9/100) // every 100 ns
	s.rooms.begin(0, 1000, 1e9/100)
	for now := int64(0); now <= 2000; now += 250 { // four turns, and more behind the end
		for at, ok := s.rooms.next(now); ok; at, ok = s.rooms.next(now) {
			s.publish(at, now)
		}
	}
	if !slices.Equal(s.sent.rooms, []uint32{4, 3, 3}) || s.bySecond.take(0, int64(time.Second)) != 10 || s.measured != 5 || s.lag.Count() != 5 || s.unsent != 0 {
		t.Errorf("%v, %d measured", s.sent.rooms, s.measured)
	}
	// Due at 500 to 900, and sent at 500, 750 (600, 700) and 1000 (800, 900).
	if s.lag.Max() != 0.2 || s.lag.Quantile(20) != 0 {
		t.Errorf("late by %v us at most, by %v at least", s.lag.Max(), s.lag.Quantile(20))
	}
}

// By Zipf's law room k gets a share of 1/(k+1)^s.
func TestZipfWritesMoreToTheFirst(t *testing.T) {
	const rooms, messages, exponent = 8, 40_000, 1.5
	count := func(seed uint64) []uint32 {
		s := testSenders(Config{Connections: rooms, Rooms: rooms, Rate: 1, Zipf: exponent, Seed: seed})
		for range messages {
			s.publish(0, 0)
		}
		return s.sent.rooms
	}
	got, whole := count(1), 0.0
	for k := range rooms {
		whole += math.Pow(float64(k+1), -exponent)
	}
	for k, n := range got {
		want := messages * math.Pow(float64(k+1), -exponent) / whole
		if off := math.Abs(float64(n) - want); off > 5*math.Sqrt(want) {
			t.Errorf("room %d has %d messages, want %.0f", k, n, want)
		}
	}
	if !slices.Equal(got, count(1)) || slices.Equal(got, count(2)) {
		t.Error("the seed does not decide")
	}
}

// Each room has a publisher of its own, so that its messages have an order.
func TestARoomHasOnePublisher(t *testing.T) {
	s := testSenders(Config{Connections: 4, Rooms: 4, Rate: 1, Publishers: 2})
	s.conns[1] = nil
	for range 8 {
		s.publish(0, 0)
	}
	if !slices.Equal(s.sent.rooms, []uint32{2, 0, 2, 0}) || s.unsent != 4 {
		t.Errorf("%v, %d not sent", s.sent.rooms, s.unsent)
	}
}

func TestOnlyThoseWhoStayAreWrittenToAlone(t *testing.T) {
	cfg := Config{Scenario: Mix, Connections: 10, Rooms: 1, DirectRate: 1, ChurnRate: 1, ChurnShare: 0.5, SlowShare: 0.2, Seed: 1}
	ids := make([]string, 10)
	for i := range ids {
		ids[i] = "id"
	}
	ids[0] = "" // it has no id
	s := testSenders(cfg, ids...)
	if !slices.Equal(s.heard, []int32{0, 2, 6, 8}) { // slow: 4 and 9, churning: the odd ones
		t.Errorf("heard: %v", s.heard)
	}
	for range 1000 {
		s.address(0, 0)
	}
	total := uint64(0)
	for n, sent := range s.sent.direct {
		total += uint64(sent)
		if written := sent > 0; written != (n == 2 || n == 6 || n == 8) {
			t.Errorf("%d messages to member %d", sent, n)
		}
	}
	if total+s.unsent != 1000 || s.unsent == 0 {
		t.Errorf("%d sent, %d not", total, s.unsent)
	}
}

// A publisher that loses its connection is missed, and comes back where that is no failure.
func TestAPublisherComesBack(t *testing.T) {
	gone := errors.New("gone")
	s := testSenders(Config{Connections: 1, Rooms: 1, Rate: 1, Return: true})
	s.publish(0, 0)
	before := flood.Now()
	s.Closed(s.conns[0], gone)
	s.publish(0, 0)
	if s.err != nil || s.unsent != 1 || s.opened != 0 || len(s.alarms) != 1 || s.due() < before || s.due() > flood.Now()+int64(returnDelay) {
		t.Errorf("%v, %d not sent, due %d", s.err, s.unsent, s.due())
	}
	s.alarms = nil
	s.Opened(&flood.Conn{})
	s.publish(0, 0)
	if s.sent.rooms[0] != 2 || s.opened != 1 || s.unsent != 1 {
		t.Errorf("%v sent, %d open", s.sent.rooms, s.opened)
	}

	s = testSenders(Config{Connections: 1, Rooms: 1, Rate: 1})
	s.Closed(s.conns[0], gone)
	if !errors.Is(s.err, gone) || len(s.alarms) != 0 {
		t.Errorf("%v", s.err)
	}
}

// What was due before the end is sent, however late.
func TestSendersStopForgetsNothing(t *testing.T) {
	s := testSenders(Config{Connections: 1, Rooms: 1, Rate: 10, DirectRate: 10}, "id")
	end := flood.Now()
	begin := end - int64(time.Second)
	s.begin(begin, begin, end, 10)
	s.rooms.begin(begin, end, 10)
	s.stop()
	if s.sent.rooms[0] != 10 || s.sent.direct[0] != 10 || s.measured != 20 || s.due() != math.MaxInt64 {
		t.Errorf("%v and %v sent, %d measured", s.sent.rooms, s.sent.direct, s.measured)
	}
}

// What was sent last says for whom something may be on its way.
func TestWhenARoomWasWrittenTo(t *testing.T) {
	s := testSenders(Config{Connections: 3, Rooms: 3, Rate: 1, ChurnRate: 1})
	for now := range int64(5) {
		s.publish(0, 100+now)
	}
	s.sendings.rooms[2] = roomSendings{}
	if all := s.accounts(); !slices.Equal(all.lastNs, []int64{103, 104, 0}) || !slices.Equal(all.rooms, []uint32{2, 2, 1}) {
		t.Errorf("%+v", all)
	}
	if all := testSenders(Config{Connections: 1, Rooms: 1, Rate: 1}).accounts(); all.lastNs != nil {
		t.Errorf("%+v, where nobody comes in", all)
	}
}

func TestGridAfter(t *testing.T) {
	const s = int64(time.Second)
	c := Config{EpochNs: 500}
	for _, tc := range []struct{ at, want int64 }{
		{500, 500 + s}, {501, 500 + s}, {499 + s, 500 + s}, {500 + s, 500 + 2*s}, {7*s + 600, 500 + 8*s},
	} {
		if got := c.gridAfter(tc.at); got != tc.want {
			t.Errorf("after %d: %d, want %d", tc.at, got, tc.want)
		}
	}
}

// A share of the members is that share of any of them, as far as it goes.
func TestSpread(t *testing.T) {
	for _, share := range []float64{0, 0.001, 0.05, 0.2, 0.3, 0.5, 0.9, 1} {
		before := make([]int, 1001)
		for n := range 1000 {
			before[n+1] = before[n]
			if spread(n, share) {
				before[n+1]++
			}
		}
		for from := range 1000 {
			for _, length := range []int{1, 10, 100, 1000} {
				if to := from + length; to <= 1000 {
					if off := float64(before[to]-before[from]) - share*float64(length); off < -1 || off > 1 {
						t.Fatalf("share %v: %d of those from %d to %d", share, before[to]-before[from], from, to)
					}
				}
			}
		}
		if want := int(math.Round(share * 1000)); before[1000] != want {
			t.Errorf("share %v: %d of 1000", share, before[1000])
		}
	}
	c := Config{ChurnRate: 1, ChurnShare: 1, SlowShare: 0.5}
	if c.churns(1) || !c.slow(1) || !c.churns(0) || c.slow(0) {
		t.Error("whoever is slow must not churn")
	}
	c.ChurnRate = 0
	if c.churns(0) {
		t.Error("churn at no rate")
	}
}
