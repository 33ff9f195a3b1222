package scenario

import (
	"math"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// publisher is the connection that sends messages to the rooms in turn and keeps a fixed number of them in
// flight: the next is sent when the oldest has reached every member. It belongs to the run's loop.
type publisher struct {
	cfg   *Config
	loop  *flood.Loop
	route route
	conn  *flood.Conn
	err   error // why it has no connection any more

	opened    int // connections: one, or those that requests to the control API are spread over
	stopped   bool
	published uint64    // messages sent; number n went to room n % rooms as its message n / rooms
	completed uint64    // the oldest that has not reached every member
	missing   []uint32  // receipts that are still to come, by number modulo depth
	receipts  []uint32  // by room, how many there are of each message: one of each member that stays
	promised  uint64    // receipts of all messages sent
	promises  uint64    // after so many nothing is sent any more; 0 for no such end
	sendings  *sendings // nil where nobody comes in meanwhile
	startedAt uint64    // messages sent before the last start
	limit     uint64    // number of the message not to be sent any more, 0 for none
	endNs     int64     // when to stop sending
	movedNs   int64     // when a receipt was last reported
	bySecond  bySecond
}

func newPublisher(cfg *Config, loop *flood.Loop) *publisher {
	p := &publisher{cfg: cfg, loop: loop, missing: make([]uint32, cfg.Depth), promises: cfg.Deliveries}
	for room := range cfg.Rooms {
		p.receipts = append(p.receipts, uint32(cfg.stayers(room)))
	}
	if cfg.ChurnRate > 0 {
		p.sendings = newSendings(cfg.Rooms)
	}
	p.route = newRoute(cfg, loop, p)
	return p
}

// Opened is part of flood.Handler.
func (p *publisher) Opened(c *flood.Conn) { p.conn, p.opened = c, p.opened+1 }

// Message is part of flood.Handler. What a server says to a publisher is not asked for.
func (p *publisher) Message(*flood.Conn, []byte) {}

// Closed is part of flood.Handler.
func (p *publisher) Closed(_ *flood.Conn, cause error) { p.conn, p.err, p.stopped = nil, cause, true }

func (p *publisher) start(limit uint64, d time.Duration) {
	p.movedNs = flood.Now()
	p.limit, p.endNs, p.stopped, p.startedAt = 0, math.MaxInt64, p.err != nil, p.published
	if limit > 0 {
		p.limit = p.published + limit
	}
	if d > 0 {
		p.endNs = p.movedNs + int64(d)
	}
	p.pump(p.movedNs)
}

// pump sends while there is room in flight.
func (p *publisher) pump(now int64) {
	defer p.route.flush()
	for p.published-p.completed < uint64(p.cfg.Depth) {
		if now >= p.endNs || p.limit > 0 && p.published == p.limit || p.promises > 0 && p.promised >= p.promises {
			p.stopped = true
		}
		if p.stopped {
			return
		}
		p.publish(now)
		now = flood.Now()
	}
}

func (p *publisher) publish(now int64) {
	rooms := uint64(p.cfg.Rooms)
	room := uint32(p.published % rooms)
	p.missing[p.published%uint64(p.cfg.Depth)] = p.receipts[room]
	p.promised += uint64(p.receipts[room])
	p.sendings.add(int(room), now)
	stamp := ledger.Stamp{Run: p.cfg.RunID, Room: room, Seq: uint32(p.published / rooms), SentNs: now}
	p.published++
	p.bySecond.add(p.cfg.EpochNs, now)
	p.route.publish(p.conn, stamp)
}

// count is told how many members have received a message.
func (p *publisher) count(room, seq, members uint32) {
	number := uint64(seq)*uint64(p.cfg.Rooms) + uint64(room)
	if number < p.completed || number >= p.published {
		return // an agent reports a message once for each of its members, so this is none of ours
	}
	p.missing[number%uint64(p.cfg.Depth)] -= members
	p.movedNs = flood.Now()
	for p.completed < p.published && p.missing[p.completed%uint64(p.cfg.Depth)] == 0 {
		p.completed++
	}
	p.pump(p.movedNs)
}

// sent is how many messages went to each room.
func (p *publisher) sent() published {
	rooms := make([]uint32, p.cfg.Rooms)
	for i := range rooms {
		rooms[i] = publishedTo(i, p.cfg.Rooms, p.published)
	}
	return published{rooms: rooms, lastNs: p.sendings.lastNs()}
}

// finished says that nothing more will be sent and all that was has arrived.
func (p *publisher) finished() bool { return p.stopped && p.completed == p.published }
