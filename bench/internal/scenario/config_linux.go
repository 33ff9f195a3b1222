// Package scenario is what a flood does: it connects, waits, broadcasts or echoes, keeps the accounts, and reports.
//
// Each event loop is an agent that holds its share of the connections. A run leads the agents through the phases of the scenario
// by commands and hears back by events. An agent is on the run's own loop, on a loop in another goroutine, or in another process;
// the run does not know the difference (see link). Whoever writes to the members is always on the run's loop, be it a client as they are or
// one of the server's control API (see route).
package scenario

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/source"
	"starling/bench/internal/stock"
)

// The scenarios.
const (
	Connect   = "connect"
	Idle      = "idle"
	Broadcast = "broadcast"
	Rooms     = "rooms"
	Direct    = "direct"
	Echo      = "echo"
	Churn     = "churn"
	Slow      = "slow"
	Mix       = "mix"
	Soak      = "soak"
	FindMax   = "find-max"
	Chaos     = "chaos"
	Storm     = "storm"
)

// PayloadBytesMin is the least a message carries: its stamp.
const PayloadBytesMin = ledger.StampBytes

// DepthMax is how many messages of one stream may be in flight, so that the receivers' ledgers judge exactly.
const DepthMax = ledger.SequenceWindowMax - 1

// Config is what all agents of a run have to know. It is sent to other processes as JSON.
type Config struct {
	Scenario    string
	Transport   string // websocket, or default: the stock client's way
	Protocol    flood.Protocol
	Auth        string // payload of the CONNECT packets, in which {n} stands for the connection's number; "" for none
	API         *API   `json:"-"` // by which messages go to the server, nil if clients send them; agents send none, and need no key
	Addr        netip.AddrPort
	Host, Path  string
	Sources     string // as source.Parse reads it
	Connections int
	Rooms       int // 1 for a broadcast
	Depth       int // in flight: of all rooms together, or of each echoing connection, where there is no timetable
	Size        int // bytes of payload
	Event       string
	Concurrency int // handshakes, or joins, in flight
	Timeout     time.Duration
	Stock       stock.Options // storm
	RTT         time.Duration // storm: what a packet's way there and back would take
	Reset       bool          // storm: cut by RST, not by FIN
	RunID       uint32
	Mask        [4]byte
	Seed        uint64 // of all that is random
	EpochNs     int64  // on flood's clock: the seconds of the timeline are counted from it

	// The rates of a run with a timetable, each a second and of all connections together. If all are 0 the run sends in answer to
	// what has arrived, and Depth says how much.
	Rate       float64 // messages to rooms
	DirectRate float64 // messages to socket ids
	EchoRate   float64
	ChurnRate  float64 // members that leave and come again
	Ramp       float64 // connections; 0 for as many as the window of handshakes allows

	// Deliveries, if not 0, is how many there are to be before the run ends, of messages to rooms that are sent in answer to what has
	// arrived although members come and go: what those get who stay says when the next is sent.
	Deliveries uint64

	Zipf           float64       // how much more the first rooms are written to than the last: an exponent above 1, or 0 for all alike
	Publishers     int           // connections that write to the rooms, each to its own unless it is to the control API (see apiRoute.spreads)
	ChurnShare     float64       // of the members: those that leave and come again
	ReconnectShare float64       // of the churn: connections closed and opened, not rooms left and joined
	SlowShare      float64       // of the members: those that stop reading when the measurement begins
	LateAfter      time.Duration // what takes longer counts as late
	Return         bool          // members and publishers that lose their connection come back, and the loss is no failure
}

// Transports.
const (
	WebSocket = "websocket"
	Default   = "default"
)

// open says whether messages are sent by a timetable.
func (c *Config) open() bool {
	return c.Deliveries == 0 && c.timed()
}

// timed says whether anything at all is done by a timetable.
func (c *Config) timed() bool {
	return c.Rate > 0 || c.DirectRate > 0 || c.EchoRate > 0 || c.ChurnRate > 0
}

// joins says whether the members are members of rooms.
func (c *Config) joins() bool {
	return c.Rate > 0 || c.ChurnRate > 0 || c.Scenario == Broadcast || c.Scenario == Rooms
}

// spread says whether a member is one of a share of all, which is spread evenly over them.
func spread(number int, share float64) bool {
	return math.Floor(float64(number+1)*share) > math.Floor(float64(number)*share)
}

func (c *Config) slow(number int) bool { return spread(number, c.SlowShare) }

func (c *Config) churns(number int) bool {
	return c.ChurnRate > 0 && spread(number, c.ChurnShare) && !c.slow(number)
}

// stayers is how many connections have that room and never leave it.
func (c *Config) stayers(room int) (n int) {
	for number := c.firstOf(room); number < c.firstOf(room+1); number++ {
		if !c.churns(number) {
			n++
		}
	}
	return n
}

// Stay says whether each room has a member that never leaves it.
func (c *Config) Stay() bool {
	for room := range c.Rooms {
		if c.stayers(room) == 0 {
			return false
		}
	}
	return true
}

// Streams are numbered as rooms are; those that one member alone hears have its number and one of these marks.
const (
	directStream = 1 << 30
	echoStream   = 1 << 31
	streamMarks  = directStream | echoStream
)

func (c *Config) target() *flood.Target {
	t := flood.NewTarget(c.Addr, c.Host, c.Path, c.Protocol)
	if c.Auth != "" {
		t.Connect = c.connectPacket
	}
	return t
}

// connectPacket is what a connection asks for the namespace with, its Engine.IO type in front.
func (c *Config) connectPacket(number uint32) []byte {
	return append([]byte("40"), strings.ReplaceAll(c.Auth, "{n}", strconv.FormatUint(uint64(number), 10))...)
}

// roomOf spreads the connections over the rooms in runs of neighbours, so that an agent has few rooms and most of their members.
func (c *Config) roomOf(number int) uint32 {
	return uint32(number * c.Rooms / c.Connections)
}

// roomSize is how many connections have that room.
func (c *Config) roomSize(room int) int { return c.firstOf(room+1) - c.firstOf(room) }

// firstOf is the first number of a room: the least n with n*Rooms/Connections >= room.
func (c *Config) firstOf(room int) int { return (room*c.Connections + c.Rooms - 1) / c.Rooms }

func (c *Config) wire() wire {
	if c.Protocol == flood.Raw {
		return &rawWire{padding: padding(c.Size), rooms: c.Rooms > 1}
	}
	if c.Protocol == flood.Centrifuge {
		return &centrifugeWire{padding: padding(c.Size), method: c.Event, rooms: c.Rooms > 1}
	}
	return &socketWire{padding: padding(c.Size), event: c.Event, rooms: c.Rooms > 1}
}

func (c *Config) sources() (source.Pool, error) {
	pool, err := source.Parse(c.Sources)
	if err != nil {
		return pool, fmt.Errorf("scenario: %w", err)
	}
	return pool, nil
}

// share is the part of the connections that one agent holds.
type share struct{ First, Count int }

func shareOf(connections, agents, i int) share {
	first, next := connections*i/agents, connections*(i+1)/agents
	return share{first, next - first}
}

// splitWindow is one agent's part of a window; it is never empty.
func splitWindow(window, agents int) int { return max(1, (window+agents-1)/agents) }
