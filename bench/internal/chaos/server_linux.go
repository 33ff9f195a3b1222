package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Server is the server's process, as whoever has started it gives it into our hands. Its methods are called by one goroutine at a
// time.
type Server interface {
	// Pid is the process now.
	Pid() int
	// Restart sees to it that the server runs: it kills (SIGKILL) a process that does, starts one, and returns when that accepts
	// connections.
	Restart() error
	// Stop asks the process to end (SIGTERM), gives it the time to drain, and returns when it has ended.
	Stop() error
}

// Process is a server that somebody else has started: it can be paused, and no more.
type Process int

// Pid is the process.
func (p Process) Pid() int { return int(p) }

// Restart is ErrNoServer: how the server is started only its owner knows.
func (p Process) Restart() error { return ErrNoServer }

// Stop is ErrNoServer, for the same reason.
func (p Process) Stop() error { return ErrNoServer }

// ErrPid means that what was given as a process is none that may be sent a signal.
var ErrPid = errors.New("chaos: not the id of a process")

// PauseProcess stops a process for a time. It goes on when the time is over or the context is done, whichever is first; only if this
// process is killed meanwhile (SIGKILL) it does not.
func PauseProcess(ctx context.Context, pid int, long time.Duration) (err error) {
	if pid <= 1 { // 0 and -1 would be the bench itself and everybody
		return fmt.Errorf("%w: %d", ErrPid, pid)
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return fmt.Errorf("chaos: pause %d: %w", pid, err)
	}
	defer func() {
		if failed := unix.Kill(pid, unix.SIGCONT); failed != nil {
			err = fmt.Errorf("chaos: continue %d: %w", pid, failed)
		}
	}()
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// act carries out an act on a server.
func act(ctx context.Context, e Event, server Server) error {
	switch e.Act {
	case Pause:
		return PauseProcess(ctx, server.Pid(), e.Pause)
	case Restart:
		if err := server.Stop(); err != nil {
			return err
		}
	}
	return server.Restart()
}
