package client_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a running process of the binary.
type server struct {
	cmd    *exec.Cmd
	addr   string        // where it listens
	exited chan struct{} // closed when the process is gone and err is set
	err    error
	log    serverLog
}

// startServer starts the binary and returns when it listens. The process does not outlive the test, and a failed test
// shows what the process had to say.
func startServer(t *testing.T, binary, addr string, flags ...string) *server {
	t.Helper()
	args := append([]string{"serve", "--addr", addr, "--log-format", "json"}, flags...)
	s := &server{cmd: exec.Command(binary, args...), exited: make(chan struct{})}
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go func() {
		s.log.follow(stderr, listening)
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it is gone already unless the test failed half-way
		<-s.exited
		if t.Failed() {
			t.Logf("%s\n%s", s.cmd, s.log.text())
		}
	})
	select {
	case s.addr = <-listening:
	case <-s.exited:
		t.Fatalf("the server ended before it listened: %v", s.err)
	case <-time.After(startTimeout):
		t.Fatalf("the server did not say within %v that it listens", startTimeout)
	}
	return s
}

// stop ends the process as an operator would, and wants it to end well.
func (s *server) stop(t *testing.T) {
	t.Helper()
	select {
	case <-s.exited:
		t.Fatalf("the server ended by itself: %v", s.cmd.ProcessState)
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case <-s.exited:
		if s.err != nil {
			t.Fatalf("after SIGTERM the server ended with %v, want exit code 0", s.err)
		}
	case <-time.After(stopTimeout):
		t.Fatalf("the server did not end within %v after SIGTERM", stopTimeout)
	}
}

// serverLog keeps what a server wrote to its standard error.
type serverLog struct {
	mu    sync.Mutex
	lines []string
}

// follow reads the log to its end, and sends the address from the line that tells it.
func (l *serverLog) follow(r io.Reader, listening chan<- string) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var entry struct{ Msg, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			select {
			case listening <- entry.Addr:
			default: // it was told before
			}
		}
		l.mu.Lock()
		l.lines = append(l.lines, line)
		l.mu.Unlock()
	}
}

func (l *serverLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

// reusableAddr finds an address that a second server can take after the first has gone: one with a free port below
// those that the system gives to outgoing connections, which come up by the dozen while a client tries to reconnect.
func reusableAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("found no free port between 20000 and 30000")
	return ""
}
