package eventloop

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// acceptLog counts what an engine logs of accepts that fail.
type acceptLog struct {
	failures atomic.Int64
	pauses   chan struct{}
	errors   atomic.Int64
}

func newAcceptLog() *acceptLog { return &acceptLog{pauses: make(chan struct{}, 1000)} }

func (a *acceptLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(writer(func(b []byte) {
		switch line := string(b); {
		case strings.Contains(line, "level=ERROR"):
			a.errors.Add(1)
		case strings.Contains(line, "Accept() failed"):
			a.failures.Add(1)
		case strings.Contains(line, "trying again"):
			a.pauses <- struct{}{}
		}
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// TestLoopsThatCannotAccept wait, serve those inside, and let in who waits when there are descriptors again. gnet by itself
// would end all of them.
func TestLoopsThatCannotAccept(t *testing.T) {
	leakNoDescriptor(t)
	const loops, outside, rests = 2, 30, 4
	log := newAcceptLog()
	e := startEngine(t, Config{Loops: loops, Logger: log.logger()}, func(*Loop) Handler { return echo() })
	inside := dial(t, e)
	exchange(t, inside, "inside")
	var fds []int // the clients' own, made while that can be done
	for range outside {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	family, addr := sockaddr(e.Addr().(*net.TCPAddr))
	if family != unix.AF_INET {
		t.Fatalf("it listens on %v", e.Addr())
	}
	withFewFiles(t, func() {
		for _, fd := range fds {
			if err := unix.Connect(fd, addr); err != nil {
				t.Error(err)
			}
		}
		for range rests {
			<-log.pauses
			exchange(t, inside, "still served")
		}
	})
	for _, fd := range fds {
		exchange(t, connOf(t, fd), "let in at last")
	}
	exchange(t, dial(t, e), "as if nothing had been")
	if n := e.Connections(); n != 1+outside+1 {
		t.Errorf("%d connections", n)
	}
	// One for each who comes, one for each loop after a rest, and what has failed before a loop knew that it rests.
	if n, most := log.failures.Load(), int64(outside+loops*(len(log.pauses)+rests)+100); n < rests || n > most {
		t.Errorf("%d accepts have failed, of at most %d", n, most)
	}
	if n := log.errors.Load(); n > 0 {
		t.Errorf("%d errors were logged", n)
	}
}

// connOf makes a connection of a descriptor, and closes it with the test.
func connOf(t *testing.T, fd int) net.Conn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "client")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// TestAcceptFailed has the loops rest, go on at once, or end, and says so accordingly.
func TestAcceptFailed(t *testing.T) {
	for _, row := range []struct {
		name  string
		err   error
		rests bool
		ends  error
	}{
		{"no descriptor for the process", unix.EMFILE, true, nil},
		{"none for the system", unix.ENFILE, true, nil},
		{"no memory", unix.ENOMEM, true, nil},
		{"no buffers", unix.ENOBUFS, true, nil},
		{"a firewall", unix.EPERM, true, nil},
		{"the peer has gone", unix.ECONNABORTED, false, nil},
		{"its network has", unix.ENETUNREACH, false, nil},
		{"a listener that is none", unix.EINVAL, false, ErrStopped},
		{"nothing that is known", nil, false, ErrStopped},
	} {
		t.Run(row.name, func(t *testing.T) {
			leakNoDescriptor(t)
			log := newAcceptLog()
			e, err := New(Config{Addr: "127.0.0.1:0", Loops: 2, Logger: log.logger()}, func(*Loop) Handler { return echo() })
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- e.Run() }()
			<-e.Ready()
			inside := dial(t, e)
			exchange(t, inside, "inside")
			logger := gnetLogger{e.cfg.Logger, e.acceptFailed}
			logger.Errorf(acceptFailedFormat, row.err)
			switch {
			case row.rests:
				<-log.pauses
				eventually(t, "it rests no more", func() bool { return !e.resting.Load() })
			case row.ends == nil && e.resting.Load():
				t.Error("it rests")
			}
			if row.ends == nil {
				exchange(t, inside, "still inside")
				exchange(t, dial(t, e), "and one more")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_ = e.Shutdown(ctx)
			}
			if err := <-done; !errors.Is(err, row.ends) {
				t.Errorf("Run = %v, want %v", err, row.ends)
			}
			if n := log.errors.Load(); (n > 0) != (row.ends != nil) {
				t.Errorf("%d errors were logged", n)
			}
		})
	}
}

// TestAcceptFailedAtTheEnd does not hold the end up, however long the rest.
func TestAcceptFailedAtTheEnd(t *testing.T) {
	log := newAcceptLog()
	e := startEngine(t, Config{Loops: 1, Logger: log.logger()}, func(*Loop) Handler { return echo() })
	e.pauses = pauses{last: acceptPauseMax, ended: e.elapsed()}
	e.acceptFailed(unix.EMFILE)
	<-log.pauses
	if err := e.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

func TestPauses(t *testing.T) {
	var p pauses
	now := time.Minute
	for i, row := range []struct{ quiet, want time.Duration }{
		{0, acceptPauseMin},
		{0, 2 * acceptPauseMin},
		{acceptPauseMax, 4 * acceptPauseMin},
		{acceptPauseMax + 1, acceptPauseMin},
		{0, 2 * acceptPauseMin},
	} {
		now += row.quiet
		if got := p.next(now); got != row.want {
			t.Errorf("rest %d, after %v: %v, want %v", i, row.quiet, got, row.want)
		}
		p.over(now)
	}
	for range 20 {
		p.next(now)
	}
	if p.last != acceptPauseMax {
		t.Errorf("the longest is %v, want %v", p.last, acceptPauseMax)
	}
}

// Loops of a gnet that is not the one we know.
type (
	hollow     struct{ gnet.EventLoop }
	otherClass struct {
		gnet.EventLoop
		poller int
	}
	noListeners struct {
		gnet.EventLoop
		poller *netpoll.Poller
	}
	noSockets struct {
		gnet.EventLoop
		poller    *netpoll.Poller
		listeners map[int]*hollow
	}
)

// TestListenersOf finds what is there, and says what is not.
func TestListenersOf(t *testing.T) {
	for _, row := range []struct {
		name  string
		el    gnet.EventLoop
		wants string
	}{
		{"nothing", nil, "no poller"},
		{"no poller", &hollow{}, "no poller"},
		{"a poller of another type", &otherClass{poller: 1}, "no poller"},
		{"a poller that is nil", &noListeners{}, "no poller"},
		{"no listeners", &noListeners{poller: &netpoll.Poller{}}, "no listeners"},
		{"listeners without a socket", &noSockets{poller: &netpoll.Poller{}, listeners: map[int]*hollow{1: {}}}, "no pollAttachment"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if ls, err := listenersOf(row.el); err == nil || !strings.Contains(err.Error(), row.wants) {
				t.Errorf("listenersOf = %v, %v, want an error with %q", ls, err, row.wants)
			}
		})
	}
	for _, row := range []struct {
		addr    string
		sockets int
	}{{"", 1}, {nowhere, 0}} {
		e := startEngine(t, Config{Loops: 1, Addr: row.addr}, func(*Loop) Handler { return echo() })
		found := make(chan int)
		e.Loops()[0].Post(TaskFunc(func(l *Loop) { found <- len(l.binding.listeners.sockets) }))
		if n := <-found; n != row.sockets {
			t.Errorf("a loop that listens on %q has %d sockets, want %d", row.addr, n, row.sockets)
		}
	}
}
