package eventloop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// leakNoDescriptor checks, when the test and what it has started are over, that as many files are open as now.
func leakNoDescriptor(t *testing.T) {
	t.Helper()
	count := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system does not list open files:", err)
		}
		return len(files)
	}
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close() // the runtime's own descriptors are open from now on
	}
	before := count()
	t.Cleanup(func() { eventually(t, "all descriptors are closed", func() bool { return count() <= before }) })
}

// startMoving runs an engine whose loops each have an app of their own. setup is given a way to the other loops: on(1) is
// the next one.
func startMoving(t *testing.T, cfg Config, setup func(l *Loop, a *app, on func(n int) *Loop)) *Engine {
	t.Helper()
	leakNoDescriptor(t)
	return startEngine(t, cfg, withOthers(setup))
}

// stream is what the server knows of one numbered stream. It goes with its connection from loop to loop, and has no lock:
// the race detector judges whether a move keeps its two ends apart.
type stream struct {
	received int
	owed     []byte // received and not echoed yet
	random   *rand.Rand
	moves    int
}

// numbered is byte i of a stream.
func numbered(i int) byte { return byte(i >> 2 >> (8 * (3 - i&3))) }

// take checks that b is what comes next.
func (s *stream) take(t *testing.T, b []byte) {
	for _, got := range b {
		if want := numbered(s.received); got != want {
			t.Errorf("byte %d is %d, want %d", s.received, got, want)
			return
		}
		s.received++
	}
	s.owed = append(s.owed, b...)
}

// echo sends what is owed.
func (s *stream) echo(c *Conn) {
	c.Queue(s.owed)
	s.owed = s.owed[:0]
}

// TestStreamsSurviveMoves has many connections wander among the loops while their peers send numbered bytes without pause.
func TestStreamsSurviveMoves(t *testing.T) {
	const conns, bytesEach = 24, 60_000
	var streams sync.Map // by the peer's address
	e := startMoving(t, Config{Loops: 4, Limits: Limits{OutboundBytesPerConnMax: 1 << 20}}, func(l *Loop, a *app, on func(int) *Loop) {
		of := func(c *Conn) *stream {
			s, _ := streams.LoadOrStore(c.RemoteAddr().String(), &stream{random: rand.New(rand.NewPCG(1, uint64(l.Index())))})
			return s.(*stream)
		}
		a.onOpen = func(c *Conn) { of(c).echo(c) }
		a.onData = func(c *Conn, b []byte) {
			s := of(c)
			if s.random.IntN(32) > 0 { // some of it is read here, the rest there
				n := s.random.IntN(min(len(b), 500) + 1)
				to := on(1 + s.random.IntN(3))
				if err := c.MoveTo(to, b[n:]); err == nil {
					s.take(t, b[:n])
					s.moves++
					return
				} else if !errors.Is(err, ErrBusy) { // the last echo may not have gone yet
					t.Error(err)
				}
			}
			s.take(t, b)
			s.echo(c)
		}
	})
	var wg sync.WaitGroup
	for i := range conns {
		c := dial(t, e)
		wg.Go(func() { sendNumbered(c, bytesEach, rand.New(rand.NewPCG(2, uint64(i)))) })
		wg.Go(func() {
			defer c.Close()
			got := make([]byte, bytesEach)
			if n, err := io.ReadFull(c, got); err != nil {
				t.Errorf("%d bytes came back, then %v", n, err)
			}
			for i, b := range got {
				if b != numbered(i) {
					t.Errorf("byte %d came back as %d, want %d", i, b, numbered(i))
					return
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "all connections are gone", func() bool { return e.Connections() == 0 })
	moves := 0
	streams.Range(func(_, s any) bool { moves += s.(*stream).moves; return true })
	if t.Logf("%d moves", moves); moves < 10*conns {
		t.Fatal("too few moves: this shows little")
	}
}

// sendNumbered writes a stream in pieces of any length.
func sendNumbered(c net.Conn, n int, r *rand.Rand) {
	all := make([]byte, n)
	for i := range all {
		all[i] = numbered(i)
	}
	for len(all) > 0 {
		k := min(1+r.IntN(1500), len(all))
		if _, err := c.Write(all[:k]); err != nil {
			return // the reader tells
		}
		all = all[k:]
	}
}

// TestTheCapIsExactAfterThousandMoves watches the count of connections while they move.
func TestTheCapIsExactAfterThousandMoves(t *testing.T) {
	const conns, hops = 10, 100
	e := startMoving(t, Config{Loops: 4, ConnectionsMax: conns, Refusal: []byte("full"), Limits: forgiving}, func(_ *Loop, a *app, on func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if len(b) < hops {
				if err := c.MoveTo(on(1), append(bytes.Clone(b), '.')); err != nil {
					t.Error(err)
				}
				return
			}
			c.Queue(b)
		}
	})
	var all []net.Conn
	for range conns {
		c := dial(t, e)
		exchange(t, c, strings.Repeat("x", hops)) // it is in
		all = append(all, c)
	}
	var over atomic.Bool
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for !over.Load() {
			if n := e.Connections(); n != conns {
				t.Errorf("%d connections are counted, want %d at any time", n, conns)
				return
			}
		}
	}()
	for _, c := range all {
		_, _ = io.WriteString(c, ".")
	}
	for _, c := range all {
		got := make([]byte, hops)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != strings.Repeat(".", hops) {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	over.Store(true)
	<-watched
	extra := dial(t, e)
	_, _ = io.WriteString(extra, "?")
	if got, err := io.ReadAll(extra); string(got) != "full" || err != nil {
		t.Fatalf("beyond the cap: %q, %v", got, err)
	}
	for _, c := range all {
		c.Close()
	}
	eventually(t, "all places are free", func() bool { return e.Connections() == 0 })
}

// TestShutdownWhileConnectionsMove ends an engine most of whose connections are on their way, with and without patience.
func TestShutdownWhileConnectionsMove(t *testing.T) {
	for name, patient := range map[string]bool{"until all are closed": true, "at once": false} {
		t.Run(name, func(t *testing.T) {
			const conns = 40
			var e *Engine
			var moves atomic.Int64
			e = startMoving(t, Config{Loops: 4}, func(_ *Loop, a *app, on func(int) *Loop) {
				open := map[*Conn]struct{}{}
				a.onOpen = func(c *Conn) { open[c] = struct{}{} }
				a.onClose = func(c *Conn, _ error) { delete(open, c) }
				a.onDrain = func() {
					for c := range open {
						c.Close(ErrShutdown)
					}
				}
				a.onData = func(c *Conn, b []byte) {
					moves.Add(1)
					if err := c.MoveTo(on(1), b); err != nil && !errors.Is(err, ErrShutdown) {
						t.Error(err)
					}
				}
			})
			var wg sync.WaitGroup
			for range conns {
				c := dial(t, e)
				wg.Go(func() {
					_, _ = io.WriteString(c, "round and round")
					_, _ = io.Copy(io.Discard, c)
					c.Close()
				})
			}
			eventually(t, "they are moving", func() bool { return moves.Load() > 10*conns })
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if !patient {
				cancel()
			}
			if err := e.Shutdown(ctx); (err == nil) != patient {
				t.Fatalf("Shutdown = %v", err)
			}
			wg.Wait()
			if n := e.Connections(); n != 0 {
				t.Fatalf("%d connections are counted at the end", n)
			}
		})
	}
}

// TestAMoveIntoADrainingEngine arrives on a loop whose handler looks after nobody any more.
func TestAMoveIntoADrainingEngine(t *testing.T) {
	const refusal = "503, come back later"
	for _, row := range []struct {
		name, said, read, want string
		limits                 Limits
	}{
		{"with a request", "a request", "a request", refusal, forgiving},
		{"with nothing, and a request behind", "a request", "", refusal, forgiving},
		{"with nothing at all", "nothing", "", "", Limits{LingerMax: 3 * tick}},
	} {
		t.Run(row.name, func(t *testing.T) {
			drained := make(chan struct{}, 2)
			moved := make(chan *Conn, 1)
			e := startMoving(t, Config{Loops: 2, Refusal: []byte(refusal), Limits: row.limits}, func(_ *Loop, a *app, on func(int) *Loop) {
				a.onDrain = func() { drained <- struct{}{} }
				a.onOpen = func(c *Conn) {
					if c.Moved() {
						t.Error("the handler was bothered")
					}
				}
				a.onData = func(c *Conn, _ []byte) {
					if err := c.MoveTo(on(1), []byte(row.read)); err != nil {
						t.Error(err)
					}
					moved <- c
				}
			})
			c := dial(t, e)
			eventually(t, "it is in", func() bool { return e.Connections() == 1 })
			done := make(chan error, 1)
			go func() { done <- e.Shutdown(context.Background()) }()
			<-drained
			<-drained
			_, _ = io.WriteString(c, row.said)
			<-moved
			if row.read == "" && row.want != "" {
				_, _ = io.WriteString(c, row.said)
			}
			if got, err := io.ReadAll(c); string(got) != row.want || err != nil {
				t.Fatalf("got %q, %v; want %q and a clean end", got, err, row.want)
			}
			c.Close()
			if err := <-done; err != nil || e.Connections() != 0 {
				t.Fatalf("Shutdown = %v, %d connections left", err, e.Connections())
			}
		})
	}
}

// TestAPeerThatResetsOnTheWay is one whose address the kernel does not know any more when it is asked.
func TestAPeerThatResetsOnTheWay(t *testing.T) {
	arrived, reset := make(chan *Conn), make(chan struct{})
	e := startMoving(t, Config{Loops: 4}, func(_ *Loop, a *app, on func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if c.Moved() {
				c.Queue(b)
				return
			}
			if string(b) == "reset" {
				arrived <- c
				<-reset
			}
			if err := c.MoveTo(on(1), b); err != nil {
				t.Error(err)
			}
		}
	})
	for range 100 {
		c := dial(t, e)
		_, _ = io.WriteString(c, "reset")
		<-arrived
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
		reset <- struct{}{}
	}
	eventually(t, "their places are free", func() bool { return e.Connections() == 0 })
	exchange(t, dial(t, e), "others still move")
}

func TestNoMoveWhenTheEngineIsAboutToStop(t *testing.T) {
	e := startMoving(t, Config{Loops: 2}, func(l *Loop, a *app, on func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if err := c.MoveTo(on(1), b); !errors.Is(err, ErrShutdown) {
				t.Errorf("MoveTo = %v, want ErrShutdown", err)
			}
			c.Queue(b)
		}
	})
	for _, l := range e.Loops() {
		l.binding.movers.end()
	}
	exchange(t, dial(t, e), "stays where it is")
}

// TestAMovedConnectionIsAsIfAccepted looks at what package net does to a socket on the way.
func TestAMovedConnectionIsAsIfAccepted(t *testing.T) {
	options := func(c *Conn) string {
		keep, _ := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		delay, _ := unix.GetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
		flags, _ := unix.FcntlInt(uintptr(c.fd), unix.F_GETFL, 0)
		fdFlags, _ := unix.FcntlInt(uintptr(c.fd), unix.F_GETFD, 0)
		return fmt.Sprint(keep != 0, delay != 0, flags&unix.O_NONBLOCK != 0, fdFlags&unix.FD_CLOEXEC != 0, " ", c.RemoteAddr())
	}
	e := startMoving(t, Config{Loops: 2}, func(_ *Loop, a *app, on func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if !c.Moved() {
				_ = c.MoveTo(on(1), []byte(options(c)))
				return
			}
			c.Queue(fmt.Appendf(nil, "%s|%s", b, options(c)))
			c.Close(io.EOF)
		}
	})
	c := dial(t, e)
	_, _ = io.WriteString(c, "?")
	got, err := io.ReadAll(c)
	if before, after, ok := strings.Cut(string(got), "|"); !ok || before != after || err != nil {
		t.Fatalf("before %s, after %s, %v", before, after, err)
	}
}
