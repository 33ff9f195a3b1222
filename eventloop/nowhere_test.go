package eventloop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
	"golang.org/x/sys/unix"
)

// startNowhere runs an engine that listens nowhere. Its loops echo.
func startNowhere(t *testing.T, cfg Config, setup func(l *Loop, a *app)) *Engine {
	t.Helper()
	leakNoDescriptor(t)
	cfg.Addr = nowhere
	return startEngine(t, cfg, func(l *Loop) Handler {
		a := echo()
		if setup != nil {
			setup(l, a)
		}
		return a
	})
}

// TestLoopsWithoutAListener: they are loops like others, and their connections are given to them.
func TestLoopsWithoutAListener(t *testing.T) {
	for name, pair := range sockets {
		t.Run(name, func(t *testing.T) {
			const loops, conns = 4, 40
			opened, closed, timed := make(chan string, conns), make(chan error, conns), make(chan int, loops)
			e := startNowhere(t, Config{Loops: loops}, func(l *Loop, a *app) {
				a.onOpen = func(c *Conn) { opened <- fmt.Sprintf("on loop %d, moved: %v", c.Loop().Index(), c.Moved()) }
				a.onClose = func(_ *Conn, cause error) { closed <- cause }
				a.onDrain = func() {
					for _, c := range a.opened {
						c.Queue([]byte("bye"))
						c.Close(ErrShutdown)
					}
				}
			})
			if e.Addr() != nil {
				t.Errorf("it listens on %v", e.Addr())
			}
			for i, l := range e.Loops() {
				l.Post(TaskFunc(func(l *Loop) { l.Schedule(&Timer{}, tick, expirer(func(*Timer) { timed <- i })) }))
			}
			var clients []net.Conn
			for i := range conns {
				client, nc := pair(t)
				read := []byte("what was read, ")
				if err := e.Loops()[i%loops].Take(nc, read, nil); err != nil {
					t.Fatal(err)
				}
				copy(read, "###") // it was copied
				if err := nc.Close(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("closing what was taken = %v", err)
				}
				_, _ = io.WriteString(client, "and what came")
				const want = "what was read, and what came"
				got := make([]byte, len(want))
				if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
					t.Fatalf("got %q, %v", got, err)
				}
				if got, want := <-opened, fmt.Sprintf("on loop %d, moved: true", i%loops); got != want {
					t.Errorf("it opened %s, want %s", got, want)
				}
				clients = append(clients, client)
			}
			if n := e.Connections(); n != conns {
				t.Errorf("%d connections", n)
			}
			for range loops {
				<-timed
			}
			clients[0].Close()
			if cause := <-closed; !errors.Is(cause, io.EOF) {
				t.Errorf("the first has ended with %v", cause)
			}
			done := make(chan error, 1)
			go func() { done <- e.Shutdown(t.Context()) }()
			for _, c := range clients[1:] {
				if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
					t.Errorf("at the end: %q, %v", got, err)
				}
				c.Close()
			}
			if err := <-done; err != nil || e.Connections() != 0 {
				t.Errorf("Shutdown = %v, %d connections left", err, e.Connections())
			}
		})
	}
}

// TestALoopThatEndsUnasked ends all of them: gnet's client would tell nobody.
func TestALoopThatEndsUnasked(t *testing.T) {
	leakNoDescriptor(t)
	e, err := New(Config{Loops: 3, Logger: quiet}, func(*Loop) Handler { return echo() })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run() }()
	<-e.Ready()
	client, nc := sockets["TCP"](t)
	if err := e.Loops()[0].Take(nc, nil, nil); err != nil {
		t.Fatal(err)
	}
	exchange(t, client, "all is well")
	end := gnet.RunnableFunc(func(context.Context) error { return gneterrors.ErrEngineShutdown })
	if err := (*e.Loops()[1].binding.gnet.Load()).Execute(context.Background(), end); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrStopped) {
		t.Fatalf("Run = %v, want ErrStopped", err)
	}
	if _, err := io.ReadAll(client); err != nil {
		t.Errorf("the client hears %v", err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

// TestLoopsThatCannotBegin find no descriptor: for their pollers, or for the pairs by which they become known.
func TestLoopsThatCannotBegin(t *testing.T) {
	const loops, filesOfPoller = 2, 2
	for _, row := range []struct {
		name  string
		files int
		want  error
	}{
		{"no poller", 0, unix.EMFILE},
		{"one poller", filesOfPoller, unix.EMFILE},
		{"no pair", loops * filesOfPoller, ErrStopped},
		{"one pair, and no copy of it", loops*filesOfPoller + 2, ErrStopped},
	} {
		t.Run(row.name, func(t *testing.T) {
			leakNoDescriptor(t)
			e, err := New(Config{Loops: loops, Logger: quiet}, func(*Loop) Handler { return echo() })
			if err != nil {
				t.Fatal(err)
			}
			withFiles(t, row.files, func() {
				if err := e.Run(); !errors.Is(err, row.want) {
					t.Errorf("Run = %v, want %v", err, row.want)
				}
			})
			if err := e.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		})
	}
}

// withFiles runs f while n files can be opened.
func withFiles(t *testing.T, n int, f func()) {
	var spare []int
	last := 2
	for range n {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		spare, last = append(spare, fd), max(last, fd)
	}
	limitFiles(t, last+1, func() {
		for _, fd := range spare {
			unix.Close(fd)
		}
		f()
	})
}

// TestRelease frees the address of an engine that does not run.
func TestRelease(t *testing.T) {
	leakNoDescriptor(t)
	e, err := New(Config{Addr: "127.0.0.1:0", Logger: quiet}, func(*Loop) Handler { return echo() })
	if err != nil {
		t.Fatal(err)
	}
	e.Release()
	e.Release()
	ln, err := net.Listen("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	e, err = New(Config{Logger: quiet}, func(*Loop) Handler { return echo() })
	if err != nil {
		t.Fatal(err)
	}
	e.Release()
}
