package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"

	"starling/bench/internal/flood"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
	"starling/bench/internal/scenario"
	"starling/bench/internal/source"
)

// Run is called by kong, as are those of the other commands.
func (c *connectCmd) Run(s *session) error {
	if c.Repeat < 1 {
		return fmt.Errorf("%w: --repeat must be at least 1", errUsage)
	}
	return c.run(s, scenario.Options{Config: scenario.Config{Scenario: scenario.Connect}, Rounds: c.Repeat})
}

// Run carries out the command.
func (c *idleCmd) Run(s *session) error {
	if c.URL != "" && c.Pid == 0 && c.ServerCmd == "" {
		return fmt.Errorf("%w: idle measures a process: --pid or --server-cmd is missing", errUsage)
	}
	return c.run(s, scenario.Options{
		Config: scenario.Config{Scenario: scenario.Idle}, Settle: c.Settle, Hold: c.Hold, After: c.After,
	})
}

// Run carries out the command.
func (c *broadcastCmd) Run(s *session) error {
	return c.runFlow(s, &c.flow, 1, c.Messages, scenario.Config{Scenario: scenario.Broadcast})
}

// Run carries out the command.
func (c *roomsCmd) Run(s *session) error {
	if c.Rooms < 1 || c.Members < 1 {
		return fmt.Errorf("%w: --rooms and --members must be at least 1", errUsage)
	}
	c.Connections = c.Rooms * c.Members
	return c.runFlow(s, &c.flow, c.Rooms, c.Messages, scenario.Config{Scenario: scenario.Rooms, Rooms: c.Rooms})
}

// Run carries out the command.
func (c *echoCmd) Run(s *session) error {
	return c.runFlow(s, &c.flow, 1, 0, scenario.Config{Scenario: scenario.Echo, Event: c.Event})
}

func (t *target) runFlow(s *session, f *flow, streams int, messages uint64, cfg scenario.Config) error {
	if err := f.check(streams, scenario.DepthMax, scenario.PayloadBytesMin); err != nil {
		return err
	}
	f.complete(messages)
	cfg.Depth, cfg.Size = f.Depth, f.Size
	return t.run(s, scenario.Options{Config: cfg, Messages: messages, Duration: f.Duration})
}

// run is what all scenarios have in common: check, pin, the limit if wanted, the server, the reports.
func (t *target) run(s *session, opts scenario.Options) error {
	servers, err := t.prepare(&opts)
	if err != nil {
		return err
	}
	var limit *report.Report
	if t.SpawnLimit {
		if limit, err = runLimit(s.ctx, opts, servers); err != nil {
			return err
		}
		s.show(limit)
	}
	if t.URL == "" {
		return verdict(limit)
	}
	rep, err := t.runServer(s, opts, servers)
	if err != nil {
		return err
	}
	if limit != nil && limit.OK() {
		rep.SetRatio(limit)
	}
	s.show(rep)
	return verdict(limit, rep)
}

func (s *session) show(r *report.Report) {
	if err := r.WriteJSON(s.std.out); err != nil {
		fmt.Fprintln(s.std.err, "bench:", err)
	}
	_ = r.WriteText(s.std.err) // there is nowhere left to complain
}

func verdict(reports ...*report.Report) error {
	for _, r := range reports {
		if r != nil && !r.OK() {
			return errFault
		}
	}
	return nil
}

// prepare checks what was asked for, and what the machine has to give, before anything is started. It returns where servers run.
func (t *target) prepare(opts *scenario.Options) (place, error) {
	if err := t.check(); err != nil {
		return place{}, err
	}
	cfg := &opts.Config
	cfg.Connections, cfg.Sources, cfg.Concurrency, cfg.Timeout = t.Connections, t.Src, t.Concurrency, t.Timeout
	cfg.Rooms = max(cfg.Rooms, 1)
	cfg.RunID = rand.Uint32()
	cfg.Mask = [4]byte{0x5c, 0xa7, 0x13, 0xe9}
	opts.Threads, opts.Procs = t.Threads, t.Procs
	if t.URL != "" {
		if err := t.resolve(cfg); err != nil {
			return place{}, err
		}
	}
	if at := cfg.Addr.Addr(); t.Src == "" && (!at.IsValid() || at.Is4() && at.IsLoopback()) {
		t.Src = source.Loopback(t.Connections * max(opts.Rounds, 1) * portsOf(cfg))
		cfg.Sources = t.Src
	}
	if err := t.preflight(cfg); err != nil {
		return place{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	servers, err := t.place()
	if err != nil {
		return place{}, err
	}
	return servers, t.pinClient(opts)
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

// preflight finds now what would otherwise fail after thousands of connections, and says how to mend it. A publisher counts as
// one more connection.
func (t *target) preflight(cfg *scenario.Config) error {
	limit, err := proc.RaiseDescriptors()
	if err != nil {
		return err
	}
	descriptors := t.Connections*descriptorsOf(cfg) + 1
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
	if cfg.Scenario == scenario.Storm {
		return 3
	}
	return 1
}

// portsOf is how many ports a connection takes within a minute, which is how long the system remembers those that are closed: a
// client of a storm comes twice, by five connections.
func portsOf(cfg *scenario.Config) int {
	if cfg.Scenario == scenario.Storm {
		return 10
	}
	return 1
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

// Run carries out the command.
func (*workerCmd) Run(s *session) error { return scenario.Work(s.std.in, s.std.out) }

// runServer runs the scenario against the server that is named, or started, by the command line.
func (t *target) runServer(s *session, opts scenario.Options, at place) (*report.Report, error) {
	opts.Target, opts.URL, opts.ServerPid = "server", t.URL, t.Pid
	if t.ServerCmd == "" {
		warnDescriptors(s, opts)
		return scenario.Run(s.ctx, opts), nil
	}
	server, err := startServer(s.ctx, t.ServerCmd, at, opts.Config.Addr, t.Timeout)
	if err != nil {
		return nil, err
	}
	opts.ServerPid = server.Pid()
	warnDescriptors(s, opts)
	rep := scenario.Run(s.ctx, opts)
	stopServer(server, rep)
	return rep, nil
}

// warnDescriptors only warns: a server may share its connections among processes.
func warnDescriptors(s *session, opts scenario.Options) {
	has, wants := proc.DescriptorLimit(opts.ServerPid), opts.Config.Connections*descriptorsOf(&opts.Config)
	if opts.ServerPid != 0 && has != 0 && has <= uint64(wants) {
		fmt.Fprintf(s.std.err, "bench: warning: the server may open %d descriptors, and might need %d\n", has, wants)
	}
}
