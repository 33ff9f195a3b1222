// Package preflight says what a machine lacks for a flood before the flood has begun, and the command that mends it. What would
// otherwise fail after thousands of connections, or only make the numbers worse than the server is, is found by arithmetic: Check
// holds the facts of a machine against the plan of a run.
package preflight

import (
	"errors"
	"fmt"
	"net/netip"

	"starling/bench/internal/proc"
	"starling/bench/internal/source"
)

// ErrUnfit means that the run cannot succeed on this machine as it is.
var ErrUnfit = errors.New("preflight: this machine is not ready for the run")

// Severity is what a finding means for the run.
type Severity int8

// The severities.
const (
	Pass    Severity = iota
	Unknown          // the machine does not tell; Fix is how to ask it
	Warn             // the run works, but the numbers may be the machine's
	Fail             // the run cannot work
)

func (s Severity) String() string { return [...]string{"ok", "unknown", "warning", "FAIL"}[s] }

// Finding is one thing that was looked at. Fix is a command that can be pasted into a shell and is empty only if all is well; Or is
// another that does it as well.
type Finding struct {
	Severity Severity
	What     string
	Have     string
	Need     string
	Fix, Or  string
}

// Facts are what is to be known of a machine. What is not known is zero, and found to be unknown where it matters.
type Facts struct {
	Root bool // commands need no sudo

	NoFile       uint64 // descriptors one process may raise its limit to
	NrOpen       uint64 // fs.nr_open: descriptors that any limit may be raised to
	FileMax      uint64 // fs.file-max: open files of the whole machine
	FileUsed     uint64 // how many there are
	ServerNoFile uint64 // descriptors that a server that runs already may open

	PortLow, PortHigh int          // net.ipv4.ip_local_port_range
	Reserved          string       // net.ipv4.ip_local_reserved_ports
	Unbindable        []netip.Addr // source addresses that are not this machine's
	Interface         string       // of the network that is not loopback

	Somaxconn     int64 // net.core.somaxconn: connections that wait to be accepted
	SynBacklog    int64 // net.ipv4.tcp_max_syn_backlog: handshakes that wait for their last packet
	NetdevBacklog int64 // net.core.netdev_max_backlog: packets that wait for a processor

	ConntrackLoaded bool  // connections are, or may be, tracked by a packet filter
	ConntrackMax    int64 // net.netfilter.nf_conntrack_max
	ConntrackCount  int64

	PageBytes    int64
	TCPMem       [3]int64 // net.ipv4.tcp_mem in pages: from when on TCP saves, and from when on it has no more
	TCPMemUsed   int64    // pages
	MemAvailable int64    // bytes
	MemGroup     int64    // bytes that the process's group may still take; 0 if it has no limit

	CPUs       proc.CPUs // that this process may run on
	ServerCPUs proc.CPUs // that a server that runs already may run on
}

// Plan is what a run is going to need.
type Plan struct {
	Args []string // the command line of the run, which fixes repeat with another flag; "bench" if it is empty

	Connections     int // publishers included
	Members         int // of each room, if it is by rooms that connections are counted
	DescriptorsEach int // that a connection takes at a time, 1 if 0; a client that polls and upgrades takes more
	PortsEach       int // that it takes within a minute, which is how long a closed one stays taken; as many as descriptors if 0
	Handshakes      int // in flight at a time: of a storm, all

	Procs, Threads int
	SpawnLimit     bool // a limit server, which is one process

	Sources source.Pool
	Target  netip.AddrPort // not valid if the server is yet to say where it listens, which is on loopback then
	Targets int            // addresses or ports of the server that connections are spread over, 1 if 0

	Local           bool  // the server is on this machine
	ServerPid       int   // of one that runs already
	ServerBytesEach int64 // user memory that the server takes for a connection; 10 KiB if 0
	Traffic         bool  // messages flow while all are connected

	ServerCPUs, ClientCPUs proc.CPUs // that they will be pinned to; empty if to none
}

// complete fills in the defaults.
func (p Plan) complete() Plan {
	p.DescriptorsEach = max(p.DescriptorsEach, 1)
	p.PortsEach = max(p.PortsEach, p.DescriptorsEach)
	p.Procs, p.Threads, p.Targets = max(p.Procs, 1), max(p.Threads, 1), max(p.Targets, 1)
	if p.ServerBytesEach == 0 {
		p.ServerBytesEach = serverBytesEach
	}
	return p
}

// ends is how many ends of a connection are on this machine.
func (p *Plan) ends() int {
	if p.Local {
		return 2
	}
	return 1
}

// loopback says whether connections never leave the machine.
func (p *Plan) loopback() bool {
	at := p.Target.Addr()
	return !at.IsValid() || at.IsLoopback()
}

// Check holds the facts against the plan. It asks nobody: the same facts and plan have the same findings, in the same order.
func Check(f Facts, p Plan) []Finding {
	c := check{f: f, p: p.complete()}
	c.descriptors()
	c.ports()
	c.queues()
	c.conntrack()
	c.memory()
	c.processors()
	return c.found
}

// check collects findings.
type check struct {
	f     Facts
	p     Plan
	found []Finding
}

func (c *check) add(f Finding) { c.found = append(c.found, f) }

// Err is nil if the run can work, and otherwise says what it needs first: an ErrUnfit.
func Err(findings []Finding) error {
	for _, f := range findings {
		if f.Severity == Fail {
			return fmt.Errorf("%w: %s: have %s, need %s; %s", ErrUnfit, f.What, f.Have, f.Need, f.Fix)
		}
	}
	return nil
}
