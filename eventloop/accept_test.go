package eventloop

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen makes a listener that an engine is to accept from, and a way to connect to it.
func listen(t *testing.T, network string) (ln net.Listener, connect func() net.Conn) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln, func() net.Conn {
		t.Helper()
		c, err := net.Dial(network, ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	}
}

// accept has an engine accept from a listener, and returns what Accept will return.
func accept(e *Engine, ln net.Listener) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- e.Accept(ln) }()
	return ended
}

// TestAccept: what comes by a listener is as if it had been accepted by the loops, which share the work.
func TestAccept(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			const loops, conns = 3, 30
			var handlers []*app
			e := startNowhere(t, Config{Loops: loops}, func(_ *Loop, a *app) {
				a.onOpen = func(c *Conn) {
					if c.Moved() || c.Home() != nil {
						t.Errorf("moved: %v, home: %v", c.Moved(), c.Home())
					}
				}
				handlers = append(handlers, a)
			})
			ln, connect := listen(t, network)
			ended := accept(e, ln)
			for range conns {
				exchange(t, connect(), "hello")
			}
			exchange(t, connect(), strings.Repeat("a long one ", 10_000))
			if n := e.Connections(); n != conns+1 {
				t.Errorf("%d connections", n)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = e.Shutdown(ctx)
			if err := <-ended; err != nil {
				t.Errorf("Accept = %v", err)
			}
			if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener is still open: %v", err)
			}
			for i, a := range handlers {
				if n := len(a.opened); n < conns/loops {
					t.Errorf("loop %d had %d connections", i, n)
				}
			}
		})
	}
}

// TestAcceptBesideAnAddress: both are of one engine.
func TestAcceptBesideAnAddress(t *testing.T) {
	leakNoDescriptor(t)
	e := startEngine(t, Config{Loops: 2, ConnectionsMax: 2, Refusal: []byte("full"), Limits: forgiving}, func(*Loop) Handler { return echo() })
	ln, connect := listen(t, "tcp")
	ended := accept(e, ln)
	exchange(t, dial(t, e), "here")
	exchange(t, connect(), "there")
	for _, c := range []net.Conn{dial(t, e), connect()} {
		_, _ = io.WriteString(c, "?")
		if got, err := io.ReadAll(c); string(got) != "full" || err != nil {
			t.Errorf("beyond the cap: %q, %v", got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = e.Shutdown(ctx)
	if err := <-ended; err != nil {
		t.Errorf("Accept = %v", err)
	}
}

// TestAcceptBeyondTheCap: who is one too many hears it, and when too many hear it already is cut off; all places come back.
func TestAcceptBeyondTheCap(t *testing.T) {
	const refusal, manyRefused = "503, come back later", 2
	e := startNowhere(t, Config{Loops: 2, ConnectionsMax: 3, Refusal: []byte(refusal), Limits: forgiving}, nil)
	e.refusalsMax = manyRefused
	ln, connect := listen(t, "tcp")
	accept(e, ln)
	var in []net.Conn
	for range 3 {
		c := connect()
		exchange(t, c, "in")
		in = append(in, c)
	}
	var hear []net.Conn
	for range manyRefused {
		hear = append(hear, connect())
	}
	eventually(t, "both are to hear it", func() bool { return e.shared.refusals.Load() == manyRefused })
	if got, err := io.ReadAll(connect()); len(got) > 0 || err != nil {
		t.Errorf("who is cut off gets %q, %v", got, err)
	}
	for _, c := range hear {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
		if got, err := io.ReadAll(c); string(got) != refusal || err != nil {
			t.Errorf("beyond the cap: %q, %v", got, err)
		}
		c.Close()
	}
	for _, c := range in {
		exchange(t, c, "unharmed")
		c.Close()
	}
	eventually(t, "all places are free", func() bool { return e.Connections() == 0 && e.shared.refusals.Load() == 0 })
	exchange(t, connect(), "in again")
}

// TestAcceptWhileTheEngineDrains answers with the refusal until the end.
func TestAcceptWhileTheEngineDrains(t *testing.T) {
	e := startNowhere(t, Config{Loops: 1, Refusal: []byte("503"), Limits: forgiving}, nil)
	ln, connect := listen(t, "tcp")
	ended := accept(e, ln)
	held := connect()
	exchange(t, held, "I stay")
	done := make(chan error, 1)
	go func() { done <- e.Shutdown(t.Context()) }()
	eventually(t, "it drains", e.Draining)
	late := connect()
	_, _ = io.WriteString(late, "?")
	if got, err := io.ReadAll(late); string(got) != "503" || err != nil {
		t.Errorf("who comes late gets %q, %v", got, err)
	}
	late.Close()
	held.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Accept = %v", err)
	}
	if err := e.Accept(ln); err != nil {
		t.Errorf("Accept after the end = %v", err)
	}
}

// TestAcceptAtOnce is called before the engine runs.
func TestAcceptAtOnce(t *testing.T) {
	leakNoDescriptor(t)
	e, err := New(Config{Loops: 2, Logger: quiet}, func(*Loop) Handler { return echo() })
	if err != nil {
		t.Fatal(err)
	}
	ln, connect := listen(t, "tcp")
	ended := accept(e, ln)
	early := connect()
	eventually(t, "it is on its way", func() bool { return e.Connections() == 1 })
	done := make(chan error, 1)
	go func() { done <- e.Run() }()
	exchange(t, early, "was early")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = e.Shutdown(ctx)
	if err := errors.Join(<-done, <-ended); err != nil {
		t.Error(err)
	}
}

// script is a listener whose Accept returns what a test says.
type script struct {
	net.Listener
	accepts chan func() (net.Conn, error)
	once    sync.Once
	closed  chan struct{}
}

func newScript(accepts ...func() (net.Conn, error)) *script {
	s := &script{accepts: make(chan func() (net.Conn, error), len(accepts)), closed: make(chan struct{})}
	for _, a := range accepts {
		s.accepts <- a
	}
	return s
}

func (s *script) Accept() (net.Conn, error) {
	select {
	case a := <-s.accepts:
		return a()
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *script) Addr() net.Addr { return &net.TCPAddr{} }

// TestAcceptThatFails goes on after what will pass, and ends with everything else.
func TestAcceptThatFails(t *testing.T) {
	errBroken := errors.New("broken")
	fails := func(err error) func() (net.Conn, error) { return func() (net.Conn, error) { return nil, err } }
	accepts := func(nc net.Conn) func() (net.Conn, error) { return func() (net.Conn, error) { return nc, nil } }
	e := startNowhere(t, Config{Loops: 1}, nil)
	client, nc := sockets["TCP"](t)
	pipe, piped := net.Pipe()
	for _, row := range []struct {
		name    string
		accepts []func() (net.Conn, error)
		want    error
	}{
		{"closed", []func() (net.Conn, error){fails(net.ErrClosed)}, net.ErrClosed},
		{"broken", []func() (net.Conn, error){fails(errBroken)}, errBroken},
		{"short of descriptors, of memory, and of a peer", []func() (net.Conn, error){
			fails(&net.OpError{Op: "accept", Err: unix.EMFILE}), fails(unix.ENOBUFS), fails(syscall.ECONNABORTED),
			accepts(nc), fails(errBroken),
		}, errBroken},
		{"no sockets", []func() (net.Conn, error){accepts(piped)}, ErrNoSocket},
	} {
		t.Run(row.name, func(t *testing.T) {
			ln := newScript(row.accepts...)
			if err := e.Accept(ln); !errors.Is(err, row.want) {
				t.Errorf("Accept = %v, want %v", err, row.want)
			}
			<-ln.closed
		})
	}
	exchange(t, client, "was accepted in between")
	if _, err := pipe.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("what is no socket is not closed: %v", err)
	}
}

// TestAcceptThatRests does not hold up the end.
func TestAcceptThatRests(t *testing.T) {
	e := startNowhere(t, Config{Loops: 1}, nil)
	rests := make(chan struct{}, 100)
	ln := newScript()
	go func() {
		for {
			select {
			case ln.accepts <- func() (net.Conn, error) { rests <- struct{}{}; return nil, unix.EMFILE }:
			case <-ln.closed:
				return
			}
		}
	}()
	ended := accept(e, ln)
	for range 4 {
		<-rests
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Accept = %v", err)
	}
}
