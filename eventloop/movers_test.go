package eventloop

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAMoveWithoutADescriptorToSpare runs out of descriptors at each of the three places where a move needs one.
func TestAMoveWithoutADescriptorToSpare(t *testing.T) {
	logged, enough := make(chan string, 100), make(chan struct{}, 1)
	log := slog.New(slog.NewTextHandler(writer(func(b []byte) {
		if !bytes.Contains(b, []byte("held by a callback")) { // a busy machine may hold it too
			logged <- string(b)
		}
	}), nil))
	e := startMoving(t, Config{Loops: 2, Logger: log}, func(_ *Loop, a *app, on func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if string(b) == "copy" { // MoveTo says so, and nothing has changed
				withFewFiles(t, func() {
					if err := c.MoveTo(on(1), b); !errors.Is(err, unix.EMFILE) || c.Closing() {
						t.Errorf("MoveTo = %v, closing: %v", err, c.Closing())
					}
				})
				c.Queue(b)
				return
			}
			fd, err := c.t.Dup()
			if err != nil {
				t.Error(err)
			}
			c.leave(ErrMoved, func() {})
			lost := &arrival{fd: fd}
			if string(b) == "registration" {
				if err := lost.makeSocket(); err != nil {
					t.Error(err)
				}
			}
			withFewFiles(t, func() {
				m := c.loop.binding.movers
				m.lose(lost, m.bring(lost))
			})
			enough <- struct{}{}
		}
	})
	c := dial(t, e)
	exchange(t, c, "copy")
	if n := e.Connections(); n != 1 {
		t.Fatalf("%d connections, want 1", n)
	}
	c.Close()
	eventually(t, "it has gone", func() bool { return e.Connections() == 0 })
	for _, place := range []string{"socket", "registration"} {
		c := dial(t, e)
		_, _ = io.WriteString(c, place)
		if _, err := io.ReadAll(c); err != nil {
			t.Fatalf("instead of a clean end: %v", err)
		}
		if line := <-logged; !strings.Contains(line, "lost on its way") || !strings.Contains(line, "too many open files") {
			t.Fatalf("logged %q", line)
		}
		<-enough
		if n := e.Connections(); n != 0 {
			t.Fatalf("%d connections, want none", n)
		}
	}
}

// withFewFiles runs f while no file can be opened.
func withFewFiles(t *testing.T, f func()) { limitFiles(t, 3, f) }

// limitFiles runs f while no file can be opened but those whose number is below a limit.
func limitFiles(t *testing.T, limit int, f func()) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Error(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: lim.Max}); err != nil {
		t.Error(err)
	}
	f()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Error(err)
	}
}

// TestWhatCannotArriveIsLost covers the ends that a peer cannot bring about.
func TestWhatCannotArriveIsLost(t *testing.T) {
	pipe := func(t *testing.T) int {
		var fds [2]int
		if err := unix.Pipe(fds[:]); err != nil {
			t.Fatal(err)
		}
		unix.Close(fds[1])
		return fds[0]
	}
	for name, row := range map[string]struct {
		prepare func(e *Engine)
		want    error
	}{
		"no socket at all":          {func(e *Engine) { close(e.ready) }, unix.ENOTSOCK},
		"an engine that never runs": {func(e *Engine) { close(e.stopped) }, ErrStopped},
	} {
		t.Run(name, func(t *testing.T) {
			leakNoDescriptor(t)
			e, err := New(Config{Addr: "127.0.0.1:0", Logger: quiet, Loops: 1}, func(*Loop) Handler { return &app{} })
			if err != nil {
				t.Fatal(err)
			}
			defer e.reservation.release()
			row.prepare(e)
			m := e.loops[0].binding.movers
			a := &arrival{fd: pipe(t)}
			if err := m.bring(a); !errors.Is(err, row.want) {
				t.Errorf("bring = %v, want %v", err, row.want)
			}
			m.lose(a, row.want)
			e.shared.conns.Store(1)
			if err := m.put(&arrival{fd: pipe(t)}); err != nil {
				t.Error(err)
			}
			eventually(t, "its place is free", func() bool { return e.Connections() == 0 })
			m.end()
			if err := m.put(&arrival{fd: pipe(t)}); !errors.Is(err, ErrShutdown) || e.Connections() != -1 {
				t.Errorf("put = %v at the end, %d connections", err, e.Connections())
			}
		})
	}
}

// TestMoversAreFew puts more connections on their way to a loop than may be at a time: the last of them wait, and are given
// up when the engine ends.
func TestMoversAreFew(t *testing.T) {
	leakNoDescriptor(t)
	e, err := New(Config{Addr: "127.0.0.1:0", Logger: quiet, Loops: 1}, func(*Loop) Handler { return &app{} })
	if err != nil {
		t.Fatal(err)
	}
	defer e.reservation.release()
	const extra = 7
	m := e.loops[0].binding.movers
	n := m.max + extra
	e.shared.conns.Store(int64(n))
	for range n {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.put(&arrival{fd: fd}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the movers wait for the loops", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.waiting) == extra && m.working == m.max
	})
	ended := make(chan struct{})
	go func() { m.end(); close(ended) }()
	eventually(t, "those that wait are given up", func() bool { return e.Connections() == m.max })
	close(e.stopped)
	<-ended
	if e.Connections() != 0 {
		t.Fatalf("%d connections are left", e.Connections())
	}
}
