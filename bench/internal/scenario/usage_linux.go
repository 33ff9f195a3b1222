package scenario

import (
	"errors"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// usage is a reading of the clock, of the processor times, and of the packets that the kernel dropped; or the difference of two.
type usage struct {
	wall, server, client time.Duration
	drops                uint64
}

func (u usage) since(from usage) usage {
	return usage{u.wall - from.wall, u.server - from.server, u.client - from.client, u.drops - from.drops}
}

func (u usage) plus(v usage) usage {
	return usage{u.wall + v.wall, u.server + v.server, u.client + v.client, u.drops + v.drops}
}

func (r *run) usage() (u usage, err error) {
	u.wall, u.drops = time.Duration(flood.Now()), proc.KernelDrops()
	if r.server != nil {
		if u.server, err = r.server.Read(); err != nil {
			return u, err
		}
	}
	for _, c := range r.clientCPU {
		used, err := c.Read()
		if err != nil {
			return u, err
		}
		u.client += used
	}
	return u, nil
}

// measure says what was used while something was done.
func (r *run) measure(do func() error) (usage, error) {
	from, err := r.usage()
	if err != nil {
		return usage{}, err
	}
	if err := do(); err != nil {
		return usage{}, err
	}
	to, err := r.usage()
	return to.since(from), err
}

// serverS is the server's part in seconds, nil if its process is not known.
func (r *run) serverS(u usage) *float64 {
	if r.server == nil {
		return nil
	}
	s := u.server.Seconds()
	return &s
}

// setUsage enters what the measured part used.
func (r *run) setUsage(u usage) {
	r.report.KernelDrops = u.drops
	r.report.SetUsage(u.wall.Seconds(), r.serverS(u), u.client.Seconds(), r.width())
}

// width is how many of the client's loops can run at once.
func (r *run) width() int {
	if cpus := len(r.opts.Worker.CPUs); cpus > 0 {
		return min(r.loops(), cpus)
	}
	return r.loops()
}

// setLatency enters the latencies, and keeps the whole histogram for whoever draws it.
func (r *run) setLatency(l *ledger.Latency) {
	r.report.Latency = report.LatencyOf(l)
	r.report.LatencyHDR, _ = l.Export() // one that cannot be exported is missing from the plots alone
}

// A server at rest uses less than restCPU in restWait. Waiting for that keeps the aftermath of one phase, a garbage collection
// say, out of the measurement of the next.
const (
	restWait   = 50 * time.Millisecond
	restCPU    = restWait / 20
	restTrials = 40
)

func (r *run) rest() error {
	if r.server == nil {
		return r.pause(restWait)
	}
	before, err := r.server.Read()
	for range restTrials {
		if err = errors.Join(err, r.pause(restWait)); err != nil || r.interrupted() {
			return err
		}
		var now time.Duration
		now, err = r.server.Read()
		if now-before < restCPU {
			break
		}
		before = now
	}
	return err
}
