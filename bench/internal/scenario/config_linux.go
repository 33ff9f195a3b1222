// Package scenario is what a flood does: it connects, waits, broadcasts or echoes, keeps the accounts, and reports.
//
// Each event loop is an agent that holds its share of the connections. A run leads the agents through the phases of the scenario
// by commands and hears back by events. An agent is on the run's own loop, on a loop in another goroutine, or in another process;
// the run does not know the difference (see link). The publisher of a broadcast is always on the run's loop.
package scenario

import (
	"fmt"
	"net/netip"
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
	Echo      = "echo"
	Storm     = "storm"
)

// PayloadBytesMin is the least a message carries: its stamp.
const PayloadBytesMin = ledger.StampBytes

// DepthMax is how many messages of one stream may be in flight, so that the receivers' ledgers judge exactly.
const DepthMax = ledger.SequenceWindowMax - 1

// Config is what all agents of a run have to know. It is sent to other processes as JSON.
type Config struct {
	Scenario    string
	Protocol    flood.Protocol
	Addr        netip.AddrPort
	Host, Path  string
	Sources     string // as source.Parse reads it
	Connections int
	Rooms       int // 1 for a broadcast
	Depth       int // in flight: of all rooms together, or of each echoing connection
	Size        int // bytes of payload
	Event       string
	Concurrency int // handshakes, or joins, in flight
	Timeout     time.Duration
	Stock       stock.Options // storm
	RTT         time.Duration // storm: what a packet's way there and back would take
	Reset       bool          // storm: cut by RST, not by FIN
	RunID       uint32
	Mask        [4]byte
}

func (c *Config) target() *flood.Target {
	p := c.Protocol
	if c.Scenario == Storm {
		p = flood.Raw // a stock client sees to the packets itself
	}
	return flood.NewTarget(c.Addr, c.Host, c.Path, p)
}

// roomOf spreads the connections over the rooms in runs of neighbours, so that an agent has few rooms and most of their members.
func (c *Config) roomOf(number int) uint32 {
	return uint32(number * c.Rooms / c.Connections)
}

// roomSize is how many connections have that room.
func (c *Config) roomSize(room int) int {
	// The first number of a room is the least n with n*Rooms/Connections >= room.
	first := func(room int) int { return (room*c.Connections + c.Rooms - 1) / c.Rooms }
	return first(room+1) - first(room)
}

func (c *Config) wire() wire {
	if c.Protocol == flood.Raw {
		return &rawWire{padding: padding(c.Size), rooms: c.Scenario == Rooms}
	}
	return &socketWire{padding: padding(c.Size), event: c.Event, rooms: c.Scenario == Rooms}
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
