package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/proc"
	"starling/bench/internal/scenario"
	"starling/bench/internal/source"
)

// prepare checks what was asked for, and what the machine has to give, before anything is started. It returns where servers run.
func (t *target) prepare(s *session, opts *scenario.Options) (place, error) {
	if err := t.check(); err != nil {
		return place{}, err
	}
	cfg := &opts.Config
	cfg.Connections, cfg.Sources, cfg.Concurrency, cfg.Timeout = t.Connections, t.Src, t.Concurrency, t.Timeout
	cfg.Transport, cfg.Ramp, cfg.Seed = t.Transport, t.Ramp, t.Seed
	cfg.Rooms, cfg.Publishers = max(cfg.Rooms, 1), max(cfg.Publishers, 1)
	cfg.RunID = rand.Uint32()
	cfg.Mask = [4]byte{0x5c, 0xa7, 0x13, 0xe9}
	opts.Threads, opts.Procs = t.Threads, t.Procs
	if t.URL != "" {
		if err := t.resolve(cfg); err != nil {
			return place{}, err
		}
	}
	if at := cfg.Addr.Addr(); t.Src == "" && (!at.IsValid() || at.Is4() && at.IsLoopback()) {
		again := int(cfg.ChurnRate * cfg.ReconnectShare * time.Minute.Seconds())
		t.Src = source.Loopback((t.Connections*max(opts.Rounds, 1) + again) * portsOf(cfg))
		cfg.Sources = t.Src
	}
	if err := t.preflight(cfg); err != nil {
		return place{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return t.settle(s, opts)
}

// settle finds out where servers run, and pins the client. A command of several parts does it once.
func (t *target) settle(s *session, opts *scenario.Options) (place, error) {
	if s.at == nil {
		at, err := t.place()
		if err != nil {
			return place{}, err
		}
		s.at = &at
	}
	return *s.at, t.pinClient(opts)
}

// resolve reads the URL.
func (t *target) resolve(cfg *scenario.Config) error {
	u, err := url.Parse(t.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "ws" {
		return fmt.Errorf("%w: --url must be http://host:port/path, not %q (there is no TLS here)", errUsage, t.URL)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	addr, err := net.ResolveTCPAddr("tcp", host)
	if err != nil {
		return fmt.Errorf("%w: --url: %w", errUsage, err)
	}
	at := addr.AddrPort()
	cfg.Addr = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	cfg.Host, cfg.Path, cfg.Protocol = u.Host, u.EscapedPath(), flood.Protocol(t.Protocol)
	if cfg.Path == "" || cfg.Path == "/" {
		cfg.Path = "/socket.io/"
	}
	return nil
}

// preflight finds now what would otherwise fail after thousands of connections, and says how to mend it. Each publisher counts
// as one more connection.
func (t *target) preflight(cfg *scenario.Config) error {
	limit, err := proc.RaiseDescriptors()
	if err != nil {
		return err
	}
	descriptors := t.Connections*descriptorsOf(cfg) + cfg.Publishers
	if err := proc.CheckDescriptors(limit, descriptors, t.Procs); err != nil {
		return err
	}
	if t.SpawnLimit && proc.CheckDescriptors(limit, t.Connections+1, 1) != nil {
		return fmt.Errorf("%w: --spawn-limit is one process, and the hard limit is %d", proc.ErrDescriptors, limit)
	}
	pool, err := source.Parse(t.Src)
	if err != nil {
		return err
	}
	if err := pool.Check(descriptors, proc.PortsPerAddress()); err != nil {
		return err
	}
	for i := range pool.Len() {
		from := pool.At(i)
		if cfg.Addr.IsValid() && from.Is4() != cfg.Addr.Addr().Is4() {
			return fmt.Errorf("%w: --src and --url", source.ErrFamilies)
		}
		if err := flood.CheckSource(from); err != nil {
			return err
		}
	}
	return nil
}

// descriptorsOf is how many a connection may take at a time: a client of a storm that comes back has a WebSocket, a poll and a
// POST.
func descriptorsOf(cfg *scenario.Config) int {
	if cfg.Scenario == scenario.Storm || cfg.Transport == scenario.Default {
		return 3
	}
	return 1
}

// portsOf is how many ports a connection takes within a minute, which is how long the system remembers those that are closed: a
// client by the default transport comes by five connections, and one of a storm comes twice.
func portsOf(cfg *scenario.Config) int {
	switch {
	case cfg.Scenario == scenario.Storm:
		return 10
	case cfg.Transport == scenario.Default:
		return 5
	default:
		return 1
	}
}

// place is where servers that are started here run.
type place struct {
	cpus       proc.CPUs
	goMaxProcs int
}

// place reads where servers go; it must be asked before the client is pinned, since where nothing is asked for the client's own
// pinning shall not pass on to a server.
func (t *target) place() (place, error) {
	cpus, err := proc.ParseCPUs(t.ServerCPU)
	if err != nil {
		return place{}, fmt.Errorf("%w: --server-cpu: %w", errUsage, err)
	}
	if len(cpus) == 0 {
		return place{cpus: proc.AllowedCPUs(), goMaxProcs: 1}, nil
	}
	return place{cpus: cpus, goMaxProcs: len(cpus)}, nil
}

// pinClient puts this process on the client's processors, and says how to start workers on them.
func (t *target) pinClient(opts *scenario.Options) error {
	cpus, err := proc.ParseCPUs(t.ClientCPU)
	if err != nil {
		return fmt.Errorf("%w: --client-cpu: %w", errUsage, err)
	}
	if err := proc.PinProcess(cpus); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if len(cpus) > 0 {
		runtime.GOMAXPROCS(len(cpus))
	}
	self, err := os.Executable()
	opts.Worker = scenario.Worker{Argv: []string{self, "worker"}, CPUs: cpus}
	return err
}
