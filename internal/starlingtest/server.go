package starlingtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds what goes wrong; no test waits for it to pass.
const Patience = 2 * time.Minute

// beyond is a time that no test waits for: what ends within Patience has ended for another reason.
const beyond = "10m"

// Serve is the command that serves the room application on a free port of this machine, with flags besides. A later flag
// wins, so --addr may be among them. The times of the server are long unless a test is about them: no client is given up
// because the machine is busy, no heartbeat comes in between, and what is to end at once does not pass by ending some time. Its
// environment is Environ.
func Serve(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	return command(t, "roomapp", nil, flags)
}

// Gateway is Serve for the server that applications deploy, with its control API on another free port.
func Gateway(t testing.TB, flags ...string) *exec.Cmd {
	t.Helper()
	return command(t, "serve", []string{"--api-addr", "127.0.0.1:0"}, flags)
}

func command(t testing.TB, name string, more, flags []string) *exec.Cmd {
	t.Helper()
	args := []string{
		name, "--addr", "127.0.0.1:0", "--log-format", "json",
		"--ping-interval", beyond, "--ping-timeout", beyond,
		"--connect-timeout", beyond, "--upgrade-timeout", beyond, "--drain-timeout", beyond,
	}
	cmd := exec.Command(ServerBinary(t), slices.Concat(args, more, flags)...)
	cmd.Env = Environ()
	return cmd
}

// Environ is the environment of this process without STARLING_… and with more, each "NAME=value": the server looks at all of these,
// and warns of those that it does not know, such as STARLING_BINARY and STARLING_SEED, which are for tests.
func Environ(more ...string) []string {
	isOurs := func(entry string) bool { return strings.HasPrefix(entry, "STARLING_") }
	return append(slices.DeleteFunc(os.Environ(), isOurs), more...)
}

// WithFiles is cmd under a limit of open files, soft and hard, which only a shell can set for somebody else. The process
// is that of the command all the same: the shell becomes it.
func WithFiles(files int, cmd *exec.Cmd) *exec.Cmd {
	script := "ulimit -n " + strconv.Itoa(files) + ` && exec "$@"`
	limited := exec.Command("sh", append([]string{"-c", script, "sh"}, cmd.Args...)...)
	limited.Env = cmd.Env
	return limited
}

// Server is a running process of the binary.
type Server struct {
	Addr string // where it listens

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	log    journal
}

// Start starts a command that Serve has made and returns when the server listens. The process does not outlive the test,
// and a failed test shows what the process had to say.
func Start(t testing.TB, cmd *exec.Cmd) *Server {
	t.Helper()
	s := &Server{cmd: cmd, exited: make(chan struct{})}
	s.log.grown.L = &s.log.mu
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		s.log.follow(stderr)
		_ = cmd.Wait() // ProcessState tells more
		close(s.exited)
		s.log.end()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it is gone already unless the test failed half-way
		<-s.exited
		if t.Failed() {
			t.Logf("%s\n%s", cmd, s.log.text())
		}
	})
	s.Addr = s.Await(t, "listening").Addr
	return s
}

// Pid is the id of the process.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Signal sends a signal to the process; it does nothing when that is gone.
func (s *Server) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// Running fails the test if the process has ended.
func (s *Server) Running(t testing.TB) {
	t.Helper()
	select {
	case <-s.exited:
		t.Fatalf("the server ended by itself: %v", s.cmd.ProcessState)
	default:
	}
}

// Exited is closed when the process has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Wait waits for the end of the process and returns how it ended.
func (s *Server) Wait(t testing.TB) *os.ProcessState {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(Patience):
		t.Fatalf("the server did not end within %v", Patience)
	}
	return s.cmd.ProcessState
}

// Stop ends the process as an operator would, and wants it to end well.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.Running(t)
	s.Signal(t, syscall.SIGTERM)
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Fatalf("after SIGTERM the server ended with %v, want exit code 0", state)
	}
}

// Entry is a line of the server's log.
type Entry struct {
	Level string
	Msg   string
	Addr  string
	// Connections is how many were open when the server began to stop.
	Connections int
}

// Await returns the first entry of the log whose message is msg, once it is there.
func (s *Server) Await(t testing.TB, msg string) Entry {
	t.Helper()
	patience := time.AfterFunc(Patience, s.log.end)
	defer patience.Stop()
	e, ok := s.log.await(msg)
	if !ok {
		t.Fatalf("the server has ended, or %v have passed, and its log has no %q:\n%s", Patience, msg, s.log.text())
	}
	return e
}

// Log is the whole log of a server that has ended, entry by entry.
func (s *Server) Log(t testing.TB) []Entry {
	t.Helper()
	s.Wait(t)
	return s.log.entries
}

// journal keeps what a server wrote to its standard error.
type journal struct {
	mu      sync.Mutex
	grown   sync.Cond
	lines   strings.Builder
	entries []Entry
	ended   bool // nobody is to wait any longer
}

// follow reads the log to its end.
func (j *journal) follow(r io.Reader) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var e Entry
		_ = json.Unmarshal([]byte(line), &e) // what is no entry, a panic say, is still text
		j.mu.Lock()
		j.lines.WriteString(line)
		j.entries = append(j.entries, e)
		j.mu.Unlock()
		j.grown.Broadcast()
	}
}

func (j *journal) end() {
	j.mu.Lock()
	j.ended = true
	j.mu.Unlock()
	j.grown.Broadcast()
}

func (j *journal) await(msg string) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(j.entries) {
			if j.ended {
				return Entry{}, false
			}
			j.grown.Wait()
		}
		if j.entries[i].Msg == msg {
			return j.entries[i], true
		}
	}
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}
