package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// senders are the connections that write to the rooms and to single members by a timetable. A room is written to
// by one of them alone, so that its messages have an order. They belong to the run's loop.
type senders struct {
	cfg   *Config
	loop  *flood.Loop
	route route
	conns []*flood.Conn // nil while it is not open
	err   error         // why one was lost for good

	rooms  timetable
	direct timetable
	turn   uint64
	zipf   *rand.Zipf // nil: the rooms in turn
	random *rand.Rand
	sent   published
	ids    []string // of the members, by connection number
	heard  []int32  // the members that are written to alone: those that stay and read

	sendings *sendings // nil where nobody comes in meanwhile

	fromNs   int64
	lag      *ledger.Latency
	bySecond bySecond // what is not measured too
	measured uint64
	unsent   uint64 // due while there was no connection
	alarms   alarms // of those that come back
	opened   int
}

func newSenders(cfg *Config, loop *flood.Loop, ids []string) *senders {
	s := &senders{
		cfg: cfg, loop: loop, conns: make([]*flood.Conn, max(cfg.Publishers, 1)), ids: ids,
		random: rand.New(rand.NewPCG(cfg.Seed, math.MaxUint64)), lag: ledger.NewLatency(),
	}
	s.route = newRoute(cfg, loop, s)
	s.sent.rooms = make([]uint32, cfg.Rooms)
	if cfg.ChurnRate > 0 || cfg.Return {
		s.sendings = newSendings(cfg.Rooms)
	}
	if cfg.Zipf > 1 {
		s.zipf = rand.NewZipf(s.random, cfg.Zipf, 1, uint64(cfg.Rooms-1))
	}
	if cfg.DirectRate > 0 {
		s.sent.direct = make([]uint32, cfg.Connections)
		for n := range cfg.Connections {
			if !cfg.slow(n) && !cfg.churns(n) {
				s.heard = append(s.heard, int32(n))
			}
		}
	}
	return s
}

// Opened is part of flood.Handler.
func (s *senders) Opened(c *flood.Conn) { s.conns[c.Number()], s.opened = c, s.opened+1 }

// Message is part of flood.Handler. What a server says to a publisher is not asked for.
func (s *senders) Message(*flood.Conn, []byte) {}

// Closed is part of flood.Handler.
func (s *senders) Closed(c *flood.Conn, cause error) {
	if s.conns[c.Number()] != nil {
		s.conns[c.Number()] = nil
		s.opened--
	}
	if !s.cfg.Return {
		s.err = cause
		return
	}
	s.alarms.push(alarm{flood.Now() + int64(returnDelay/4), int32(c.Number())})
}

// begin sets up the timetables. Messages that are due before fromNs are sent, and not measured; from then on the rooms have a
// timetable for each phase.
func (s *senders) begin(startNs, fromNs, endNs int64, rate float64) {
	s.fromNs, s.measured, s.unsent = fromNs, 0, 0
	s.lag.Reset()
	if api, ok := s.route.(*apiRoute); ok {
		api.begin(fromNs)
	}
	s.rooms.begin(startNs, fromNs, rate)
	s.direct.begin(startNs, endNs, s.cfg.DirectRate)
}

// stop ends the timetables, once all is sent that was due by then.
func (s *senders) stop() {
	s.work()
	s.rooms, s.direct = timetable{}, timetable{}
}

// due is when work is wanted next.
func (s *senders) due() int64 {
	at := min(s.rooms.due(), s.direct.due())
	if len(s.alarms) > 0 {
		at = min(at, s.alarms[0].due)
	}
	return at
}

// work sends what is due.
func (s *senders) work() {
	now := flood.Now()
	for at, ok := s.rooms.next(now); ok; at, ok = s.rooms.next(now) {
		now = s.publish(at, now)
	}
	for at, ok := s.direct.next(now); ok; at, ok = s.direct.next(now) {
		now = s.address(at, now)
	}
	s.route.flush()
	for len(s.alarms) > 0 && s.alarms[0].due <= now {
		i := s.alarms.pop().guest
		if err := s.route.dial(int(i)); err != nil {
			s.alarms.push(alarm{now + int64(returnDelay), i})
		}
	}
}

// publish sends the message to a room that was due at a time, and returns what time it is then.
func (s *senders) publish(dueNs, now int64) int64 {
	room := s.turn % uint64(s.cfg.Rooms)
	s.turn++
	if s.zipf != nil {
		room = s.zipf.Uint64()
	}
	conn := s.conns[room%uint64(len(s.conns))]
	if conn == nil {
		s.unsent++
		return now
	}
	s.route.publish(conn, s.stamp(uint32(room), &s.sent.rooms[room], dueNs, now))
	s.sendings.add(int(room), now)
	return flood.Now()
}

// address sends the message to a member that was due at a time, and returns what time it is then.
func (s *senders) address(dueNs, now int64) int64 {
	n := s.heard[s.random.IntN(len(s.heard))]
	conn := s.conns[int(n)%len(s.conns)]
	if conn == nil || s.ids[n] == "" {
		s.unsent++
		return now
	}
	s.route.direct(conn, s.ids[n], s.stamp(directStream|uint32(n), &s.sent.direct[n], dueNs, now))
	return flood.Now()
}

// accounts are what was sent so far.
func (s *senders) accounts() published {
	all := s.sent
	all.lastNs = s.sendings.lastNs()
	return all
}

// stamp numbers a message of a stream, and enters it into the accounts.
func (s *senders) stamp(stream uint32, next *uint32, dueNs, now int64) ledger.Stamp {
	seq := *next
	*next++
	s.bySecond.add(s.cfg.EpochNs, now)
	if dueNs >= s.fromNs {
		s.measured++
		s.lag.Record(now - dueNs)
	}
	return ledger.Stamp{Run: s.cfg.RunID, Room: stream, Seq: seq, SentNs: dueNs, LagUs: lagUs(dueNs, now)}
}

// openSenders connects them all.
func (r *run) openSenders(ids []string) error {
	r.senders = newSenders(r.cfg, r.loop, ids)
	s := r.senders
	r.api, _ = s.route.(*apiRoute)
	if r.cfg.DirectRate > 0 && (!s.route.directs() || len(s.heard) == 0) {
		return fmt.Errorf("%w: nobody can be written to alone", ErrPublisher)
	}
	for i := range s.conns {
		if err := s.route.dial(i); err != nil {
			return fmt.Errorf("%w: %w", ErrPublisher, err)
		}
	}
	deadline := flood.Now() + int64(r.cfg.Timeout)
	err := r.loop.RunUntil(func() bool { return s.opened == len(s.conns) || s.err != nil || flood.Now() > deadline })
	switch {
	case err != nil:
		return err
	case s.err != nil:
		return fmt.Errorf("%w: %w", ErrPublisher, s.err)
	case s.opened < len(s.conns):
		return fmt.Errorf("%w: from the server to a publisher's handshake", ErrSilent)
	}
	return nil
}

// gridAfter is the first second of the timeline that begins after a time.
func (c *Config) gridAfter(ns int64) int64 {
	const s = int64(time.Second)
	return c.EpochNs + ((ns-c.EpochNs)/s+1)*s
}
