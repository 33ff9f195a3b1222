package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrEnded means that a process ended on its own while it was still needed.
var ErrEnded = errors.New("proc: process ended")

// Spec says how to start a process.
type Spec struct {
	Argv   []string // program and arguments
	Env    []string // added to this process's own environment
	CPUs   CPUs     // where it may run
	Stdin  io.Reader
	Stdout io.Writer // nil: joined to what Stderr keeps
}

// Child is a process that this one started and will end. Its methods are safe from any goroutine.
type Child struct {
	cmd   *exec.Cmd
	words tail
	ended chan struct{}
}

// Start starts a process in a group of its own, so that a ^C on the terminal reaches only this process, which then ends the child
// in its own time. Should this process be killed, the kernel kills the child.
func Start(spec Spec) (*Child, error) {
	c := &Child{ended: make(chan struct{})}
	c.cmd = exec.Command(spec.Argv[0], spec.Argv[1:]...)
	c.cmd.Env = append(os.Environ(), spec.Env...)
	c.cmd.Stdin = spec.Stdin
	c.cmd.Stderr = &c.words
	c.cmd.Stdout = spec.Stdout
	if spec.Stdout == nil {
		c.cmd.Stdout = &c.words
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := pinnedStart(spec.CPUs, c.cmd.Start); err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", spec.Argv[0], err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended is in ProcessState
		close(c.ended)
	}()
	return c, nil
}

// Pid is the process's id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Fault describes how the process ended, with the last it wrote. Call it only once Ended is closed.
func (c *Child) Fault() error {
	return fmt.Errorf("%w: %s: %v: %s", ErrEnded, c.cmd.Path, c.cmd.ProcessState, c.words.String())
}

// Stop asks the process to end and waits for it; after the grace time it is killed. It returns an error if the process had ended
// before or had to be killed.
func (c *Child) Stop(grace time.Duration) error {
	select {
	case <-c.ended:
		return c.Fault()
	default:
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	return c.Wait(grace)
}

// Kill ends the process and whatever it has started in its group at once, and waits for its end. It returns an error if it had
// ended before.
func (c *Child) Kill() error {
	select {
	case <-c.ended:
		return c.Fault()
	default:
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
	return nil
}

// Wait waits for the process to end by itself; after the grace time it is killed, and that is an error.
func (c *Child) Wait(grace time.Duration) error {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
		return nil
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.ended
		return c.Fault()
	}
}

// tail keeps the last tailBytesMax bytes written to it, which is what one wants to read of a process that failed.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytesMax = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailBytesMax; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
