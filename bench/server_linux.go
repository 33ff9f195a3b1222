package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// How long servers that are started here may take.
const (
	stopGrace  = 15 * time.Second
	knockPause = 20 * time.Millisecond  // between two tries to reach a server that is starting
	knockLimit = 500 * time.Millisecond // of one try
)

// errStart means that a server did not come up.
var errStart = errors.New("the server did not start")

// errSilent means that a process does not listen yet.
var errSilent = errors.New("it does not listen")

// server is one that is started here, of one process or of several that share the address, and that may be killed and started again.
// Its methods are safe from any goroutine.
type server struct {
	ctx      context.Context
	command  string // of the shell; {addr} stands for the address
	on       place
	at       netip.AddrPort
	api      netip.AddrPort // of its control API; not valid if nobody writes to that
	patience time.Duration  // until it accepts connections
	down     time.Duration  // before it is started again
	copies   int

	mu       sync.Mutex
	children []*proc.Child
}

// pids are the processes that run now, or ran last.
func (s *server) pids() (all []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.children {
		all = append(all, c.Pid())
	}
	return all
}

func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children = nil
	for range max(s.copies, 1) {
		child, err := s.startOne()
		if err != nil {
			for _, c := range s.children {
				_ = c.Stop(0)
			}
			return err
		}
		s.children = append(s.children, child)
	}
	return nil
}

// startOne runs a shell command that becomes the server, and waits until it accepts connections.
func (s *server) startOne() (*proc.Child, error) {
	command := strings.ReplaceAll(s.command, "{addr}", s.at.String())
	child, err := proc.Start(proc.Spec{
		Argv: []string{"/bin/sh", "-c", "exec " + command}, // exec: the process that is measured is the server, not the shell
		Env:  []string{fmt.Sprintf("GOMAXPROCS=%d", s.on.goMaxProcs)},
		CPUs: s.on.cpus,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := s.knock(child); err != nil {
		_ = child.Stop(0)
		return nil, err
	}
	return child, nil
}

// knock tries to connect. Where several processes share the address, any of them may answer, so the new one must be seen to listen.
func (s *server) knock(child *proc.Child) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	for {
		err := knockAt(s.at)
		if err == nil && s.api.IsValid() {
			err = knockAt(s.api)
		}
		if err == nil && s.copies > 1 && !proc.Listens(child.Pid(), s.at.Port()) {
			err = errSilent
		}
		if err == nil {
			return nil
		}
		select {
		case <-child.Ended():
			return fmt.Errorf("%w: %w", errStart, child.Fault())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errStart, err)
		case <-time.After(knockPause):
		}
	}
}

func knockAt(at netip.AddrPort) error {
	conn, err := net.DialTimeout("tcp", at.String(), knockLimit)
	if err == nil {
		err = conn.Close()
	}
	return err
}

// restart kills the server and starts it again. If it does not come back, what was killed is left, of which stop says that it has
// ended.
func (s *server) restart() error {
	for _, c := range s.running() {
		if err := c.Kill(); err != nil {
			return err
		}
	}
	return s.startAgain()
}

func (s *server) running() []*proc.Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.children
}

func (s *server) startAgain() error {
	select {
	case <-time.After(s.down):
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	before := s.running()
	err := s.start()
	if err != nil {
		s.mu.Lock()
		s.children = before
		s.mu.Unlock()
	}
	return err
}

// stop ends the server; one that had ended already, or had to be killed, spoils the run.
func (s *server) stop(rep *report.Report) {
	for _, c := range s.running() {
		stopServer(c, rep)
	}
}

func stopServer(child *proc.Child, rep *report.Report) {
	if err := child.Stop(stopGrace); err != nil {
		rep.Error = strings.TrimPrefix(rep.Error+"; "+err.Error(), "; ")
	}
}
