package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/preflight"
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
	cfg.Transport, cfg.Ramp, cfg.Seed, cfg.Auth = t.Transport, t.Ramp, t.Seed, t.Auth
	cfg.Rooms, cfg.Publishers = max(cfg.Rooms, 1), max(cfg.Publishers, 1)
	cfg.RunID = rand.Uint32()
	cfg.Mask = [4]byte{0x5c, 0xa7, 0x13, 0xe9}
	opts.Threads, opts.Procs = t.Threads, t.Procs
	if cfg.DirectRate > 0 && t.Protocol != "socketio" {
		return place{}, fmt.Errorf("%w: only Socket.IO has socket ids to write to", errUsage)
	}
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
	// Where servers run is asked before the client is pinned, and once in a command of several parts: where nothing is asked for,
	// the client's own pinning shall not pass on to a server.
	if s.at == nil {
		s.at = &host{cpus: proc.AllowedCPUs()}
	}
	on, err := t.processors()
	if err == nil {
		err = t.preflight(s, opts, on)
	}
	if err != nil {
		return place{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return on.place(s.at), pinClient(opts, on.client)
}

// processors are where servers and the client are to run; empty where nothing is asked for.
type processors struct{ server, client proc.CPUs }

func (t *target) processors() (on processors, err error) {
	if on.client, err = proc.ParseCPUs(t.ClientCPU); err != nil {
		return on, fmt.Errorf("--client-cpu: %w", err)
	}
	if on.server, err = proc.ParseCPUs(t.ServerCPU); err != nil {
		return on, fmt.Errorf("--server-cpu: %w", err)
	}
	return on, nil
}

// host is what the bench found when it started.
type host struct{ cpus proc.CPUs }

// resolve reads the URL.
func (t *target) resolve(cfg *scenario.Config) error {
	at, u, err := addressOf("--url", t.URL)
	if err != nil {
		return err
	}
	cfg.Addr = at
	cfg.Host, cfg.Path, cfg.Protocol = u.Host, u.EscapedPath(), flood.Protocol(t.Protocol)
	if cfg.Path == "" || cfg.Path == "/" {
		cfg.Path = pathOf(cfg.Protocol)
	}
	return nil
}

// pathOf is where servers of a protocol are by default. Those of the raw one take any path.
func pathOf(p flood.Protocol) string {
	if p == flood.Centrifuge {
		return "/connection/websocket"
	}
	return "/socket.io/"
}

// preflight finds now what would otherwise fail after thousands of connections, and says how to mend it.
func (t *target) preflight(s *session, opts *scenario.Options, on processors) error {
	if _, err := proc.RaiseDescriptors(); err != nil {
		return err
	}
	pool, err := source.Parse(t.Src)
	if err != nil {
		return err
	}
	cfg := &opts.Config
	facts := preflight.ReadFacts(pool, t.Pid)
	facts.CPUs = s.at.cpus
	found := preflight.Check(facts, preflight.Plan{
		Args: append([]string{"bench"}, withoutSecrets(s.args)...), Connections: t.Connections + cfg.Publishers + onTheWay(cfg), Members: members(cfg),
		DescriptorsEach: descriptorsOf(cfg), PortsEach: portsOf(cfg) * max(opts.Rounds, 1), Handshakes: handshakes(cfg),
		Procs: t.Procs, Threads: t.Threads, SpawnLimit: t.SpawnLimit, Sources: pool, Target: cfg.Addr,
		Local:     !cfg.Addr.IsValid() || cfg.Addr.Addr().IsLoopback() || t.ServerCmd != "" || t.Pid != 0,
		ServerPid: t.Pid, Traffic: cfg.Depth > 0 || cfg.Rate+cfg.DirectRate+cfg.EchoRate > 0, ServerCPUs: on.server, ClientCPUs: on.client,
	})
	if err := preflight.Err(found); err != nil {
		return err
	}
	return preflight.Write(s.std.err, s.unsaid(preflight.Only(found, preflight.Warn)))
}

// unsaid leaves out the warnings that an earlier part of the same command has given.
func (s *session) unsaid(all []preflight.Finding) (rest []preflight.Finding) {
	for _, f := range all {
		if !s.warned[f.What] {
			s.warned[f.What] = true
			rest = append(rest, f)
		}
	}
	return rest
}

// members are those of each room, where it is by rooms that connections are counted.
func members(cfg *scenario.Config) int {
	if cfg.Rooms == 1 {
		return 0
	}
	return cfg.Connections / cfg.Rooms
}

// handshakes is how many connect at a time: in a storm all do.
func handshakes(cfg *scenario.Config) int {
	if cfg.Scenario == scenario.Storm {
		return cfg.Connections
	}
	return cfg.Concurrency
}

// descriptorsOf is how many a connection may take at a time: a client of a storm that comes back has a WebSocket, a poll and a
// POST, and so may all of them.
func descriptorsOf(cfg *scenario.Config) int {
	if cfg.Scenario == scenario.Storm {
		return 3
	}
	return 1
}

// onTheWay is how many connections there are besides: elsewhere it is only the clients on their way in that poll.
func onTheWay(cfg *scenario.Config) int {
	if cfg.Scenario != scenario.Storm && cfg.Transport == scenario.Default {
		return 2 * cfg.Concurrency
	}
	return 0
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

// place is where servers go.
func (on processors) place(h *host) place {
	if len(on.server) == 0 {
		return place{cpus: h.cpus, goMaxProcs: 1}
	}
	return place{cpus: on.server, goMaxProcs: len(on.server)}
}

// pinClient puts this process on the client's processors, and says how to start workers on them.
func pinClient(opts *scenario.Options, cpus proc.CPUs) error {
	if err := proc.PinProcess(cpus); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if len(cpus) > 0 {
		runtime.GOMAXPROCS(len(cpus))
	}
	self, err := os.Executable()
	opts.Worker = scenario.Worker{Argv: []string{self, workerCommand}, CPUs: cpus}
	return err
}
