package eventloop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// answer is an HTTP response of our loop, or of net/http when it has nothing to add.
func answer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// TestThereAndBackAgain has one connection serve requests of loops and of net/http by turns.
func TestThereAndBackAgain(t *testing.T) {
	set := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}
	ln := NewListener(&net.TCPAddr{})
	var handed atomic.Int64
	e := startMoving(t, Config{Loops: 4, ConnectionsMax: 1}, func(_ *Loop, a *app, _ func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if !c.Moved() {
				c.SetRemoteAddr(set)
			}
			if bytes.HasPrefix(b, []byte("GET /loop ")) {
				c.Queue([]byte(answer("loop of " + c.RemoteAddr().String())))
				return
			}
			handed.Add(1)
			if err := c.HandOver(ln, b); err != nil {
				t.Error(err)
			}
		}
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/web", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "web of "+r.RemoteAddr) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		nc, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		rest, _ := buffered.Peek(buffered.Reader.Buffered())
		to := e.Loops()[handed.Load()%4]
		if err := to.Take(nc, append([]byte("GET /loop HTTP/1.1\r\n\r\n"), rest...), nil); err != nil {
			t.Error(err)
		}
		if err := to.Take(nc, nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("taking it twice = %v", err)
		}
		if err := nc.Close(); !errors.Is(err, net.ErrClosed) { // what many a handler defers
			t.Errorf("closing what was taken = %v", err)
		}
	})
	srv := &http.Server{Handler: mux}
	served := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(served) }()

	c := dial(t, e)
	in := bufio.NewReader(c)
	for i := range 60 {
		who := []string{"loop", "web"}[i/2%2]
		_, _ = io.WriteString(c, "GET /"+who+" HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if want := who + " of " + set.String(); string(got) != want || err != nil {
			t.Fatalf("request %d: got %q, %v; want %q", i, got, err, want)
		}
		if n := e.Connections(); n != 1 {
			t.Fatalf("%d connections are counted, want 1", n)
		}
	}
	if n := handed.Load(); n != 15 {
		t.Fatalf("handed over %d times, want 15", n)
	}
	c.Close()
	srv.Close()
	<-served
	eventually(t, "its place is free", func() bool { return e.Connections() == 0 })
}

// TestTakeKeepsTheOrder takes a connection back of which the other side has read only a part: what the loop had read and
// nobody has asked for stands between what is given and what the socket has.
func TestTakeKeepsTheOrder(t *testing.T) {
	ln := NewListener(&net.TCPAddr{})
	e := startMoving(t, Config{Loops: 2}, func(_ *Loop, a *app, _ func(int) *Loop) {
		a.onData = func(c *Conn, b []byte) {
			if c.Moved() {
				c.Queue(b)
				return
			}
			if err := c.HandOver(ln, b); err != nil {
				t.Error(err)
			}
		}
	})
	c := dial(t, e)
	_, _ = io.WriteString(c, "one two ")
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4)
	if _, err := io.ReadFull(nc, first); err != nil || string(first) != "one " {
		t.Fatalf("read %q, %v", first, err)
	}
	_, _ = io.WriteString(c, "three")
	given := []byte("ONE ")
	if err := e.Loops()[1].Take(nc, given, nil); err != nil {
		t.Fatal(err)
	}
	copy(given, "####")
	got := make([]byte, len("ONE two three"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "ONE two three" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// sockets are the kinds of connection that a loop can take in, as pairs of a client's end and one to take.
var sockets = map[string]func(t testing.TB) (client, nc net.Conn){
	"TCP":  func(t testing.TB) (net.Conn, net.Conn) { return pairOf(t, "tcp", "127.0.0.1:0") },
	"Unix": func(t testing.TB) (net.Conn, net.Conn) { return pairOf(t, "unix", filepath.Join(t.TempDir(), "s")) },
}

func pairOf(t testing.TB, network, addr string) (client, nc net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial(network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(patience))
	if nc, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, nc
}

// TestTakenConnectionsMove to another loop, and to a listener and back, as those do that were accepted.
func TestTakenConnectionsMove(t *testing.T) {
	for name, pair := range sockets {
		t.Run(name, func(t *testing.T) {
			set := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}
			ln := NewListener(&net.TCPAddr{})
			var e *Engine
			e = startNowhere(t, Config{Loops: 2}, func(l *Loop, a *app) {
				a.onData = func(c *Conn, b []byte) {
					var err error
					switch b[0] {
					case 'm':
						err = c.MoveTo(e.Loops()[1-l.Index()], []byte("e"))
					case 'h':
						c.SetRemoteAddr(set)
						err = c.HandOver(ln, b)
					default:
						c.Queue([]byte("echo of " + c.RemoteAddr().String()))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
			client, nc := pair(t)
			own := "echo of " + nc.RemoteAddr().String()
			if err := e.Loops()[0].Take(nc, nil, nil); err != nil {
				t.Fatal(err)
			}
			ask := func(what, want string) {
				t.Helper()
				_, _ = io.WriteString(client, what)
				if what == "h" {
					nc, err := ln.Accept()
					if err != nil {
						t.Fatal(err)
					}
					if nc.RemoteAddr() != set {
						t.Errorf("it comes from %v", nc.RemoteAddr())
					}
					if err := e.Loops()[1].Take(nc, []byte("e"), nil); err != nil {
						t.Error(err)
					}
				}
				got := make([]byte, len(want))
				if _, err := io.ReadFull(client, got); err != nil || string(got) != want {
					t.Fatalf("%s: got %q, %v; want %q", what, got, err, want)
				}
				if n := e.Connections(); n != 1 {
					t.Fatalf("%s: %d connections", what, n)
				}
			}
			ask("e", own)
			for range 3 {
				ask("m", own)
			}
			for range 3 {
				ask("h", "echo of "+set.String())
				ask("m", "echo of "+set.String())
			}
		})
	}
}

// TestHome: a connection that is handed over to its home leaves the engine, and needs a place when it comes again.
func TestHome(t *testing.T) {
	home := NewListener(&net.TCPAddr{})
	e := startNowhere(t, Config{Loops: 2, ConnectionsMax: 1}, func(_ *Loop, a *app) {
		a.onData = func(c *Conn, b []byte) {
			if b[0] == 'e' {
				c.Queue(b)
			} else if err := c.HandOver(c.Home(), b); err != nil {
				t.Error(err)
			}
		}
	})
	client, nc := sockets["TCP"](t)
	other, busy := sockets["TCP"](t)
	for i := range 4 {
		if err := e.Loops()[i%2].Take(nc, nil, home); err != nil {
			t.Fatal(err)
		}
		if err := e.Loops()[0].Take(busy, nil, home); !errors.Is(err, ErrFull) {
			t.Fatalf("Take of one too many = %v", err)
		}
		exchange(t, client, "echo")
		_, _ = io.WriteString(client, "home")
		var err error
		if nc, err = home.Accept(); err != nil {
			t.Fatal(err)
		}
		if n := e.Connections(); n != 0 {
			t.Fatalf("%d connections", n)
		}
		if b, err := io.ReadAll(io.LimitReader(nc, 4)); string(b) != "home" || err != nil {
			t.Fatalf("at home arrives %q, %v", b, err)
		}
	}
	if err := e.Loops()[0].Take(busy, nil, home); err != nil {
		t.Fatal(err)
	}
	exchange(t, other, "echo")
	if err := e.Loops()[1].Take(nc, nil, home); !errors.Is(err, ErrFull) {
		t.Fatalf("Take of one that was here before = %v", err)
	}
	_, _ = nc.Write([]byte("still the caller's"))
	nc.Close()
	if got, err := io.ReadAll(client); string(got) != "still the caller's" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	other.Close()
	eventually(t, "its place is free", func() bool { return e.Connections() == 0 })
	_ = home.Close()
	client, nc = sockets["TCP"](t)
	if err := e.Loops()[0].Take(nc, []byte("home"), home); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); len(got) > 0 || err != nil {
		t.Fatalf("from a home that is closed comes %q, %v", got, err)
	}
}

// TestHomeGoesAlong over moves, and over a listener that is not home.
func TestHomeGoesAlong(t *testing.T) {
	home, elsewhere := NewListener(&net.TCPAddr{}), NewListener(&net.TCPAddr{})
	homes := make(chan *Listener, 10)
	var e *Engine
	e = startNowhere(t, Config{Loops: 2}, func(l *Loop, a *app) {
		a.onData = func(c *Conn, b []byte) {
			homes <- c.Home()
			switch string(b) {
			case "move":
				_ = c.MoveTo(e.Loops()[1-l.Index()], []byte("moved"))
			case "elsewhere":
				_ = c.HandOver(elsewhere, nil)
			case "forget":
				c.SetRemoteAddr(nil)
				homes <- c.Home()
			}
		}
	})
	client, nc := sockets["TCP"](t)
	if err := e.Loops()[0].Take(nc, []byte("forget"), home); err != nil {
		t.Fatal(err)
	}
	<-homes
	_, _ = io.WriteString(client, "move")
	for range 3 {
		if h := <-homes; h != home {
			t.Fatalf("its home is %v", h)
		}
	}
	_, _ = io.WriteString(client, "elsewhere")
	<-homes
	nc, err := elsewhere.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n := e.Connections(); n != 1 {
		t.Fatalf("%d connections, want it to count", n)
	}
	if err := e.Loops()[0].Take(nc, []byte("back"), nil); err != nil {
		t.Fatal(err)
	}
	if h := <-homes; h != home {
		t.Fatalf("its home is %v", h)
	}
}

// wrapped is a connection of which a part may be kept beside the socket.
type wrapped struct{ *net.TCPConn }

// TestWhatCannotBeTaken stays the caller's.
func TestWhatCannotBeTaken(t *testing.T) {
	ln := NewListener(&net.TCPAddr{})
	handOver := func(_ *Loop, a *app) { a.onData = func(c *Conn, b []byte) { _ = c.HandOver(ln, b) } }
	handed := func(t testing.TB, e *Engine) (client, nc net.Conn) {
		client, nc = sockets["TCP"](t)
		if err := e.Loops()[0].Take(nc, []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return client, nc
	}
	tcp := func(t testing.TB, _ *Engine) (net.Conn, net.Conn) { return sockets["TCP"](t) }
	drain := func(t *testing.T, e *Engine) { // with somebody who does not go
		_, held := sockets["TCP"](t)
		if err := e.Loops()[0].Take(held, nil, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- e.Shutdown(ctx) }()
		t.Cleanup(func() { cancel(); <-ended })
		eventually(t, "it drains", e.Draining)
	}
	for _, row := range []struct {
		name string
		make func(t testing.TB, e *Engine) (client, nc net.Conn)
		set  func(t *testing.T, e *Engine)
		want error
	}{
		{"no socket", func(testing.TB, *Engine) (net.Conn, net.Conn) { return net.Pipe() }, nil, ErrNoSocket},
		{"a wrapped one", func(t testing.TB, _ *Engine) (net.Conn, net.Conn) {
			client, nc := sockets["TCP"](t)
			return client, wrapped{nc.(*net.TCPConn)}
		}, nil, ErrNoSocket},
		{"TLS", func(t testing.TB, _ *Engine) (net.Conn, net.Conn) {
			client, nc := sockets["TCP"](t)
			return client, tls.Server(nc, &tls.Config{})
		}, nil, ErrNoSocket},
		{"closed already", func(t testing.TB, _ *Engine) (net.Conn, net.Conn) {
			client, nc := sockets["TCP"](t)
			nc.Close()
			return client, nc
		}, nil, net.ErrClosed},
		{"handed over and closed", func(t testing.TB, e *Engine) (net.Conn, net.Conn) {
			client, nc := handed(t, e)
			nc.Close()
			return client, nc
		}, nil, net.ErrClosed},
		{"too many", tcp, func(t *testing.T, e *Engine) { e.cfg.ConnectionsMax = 0 }, ErrFull},
		{"when the engine drains", tcp, drain, ErrShutdown},
		{"when the engine is about to stop", tcp, func(_ *testing.T, e *Engine) { e.loops[0].binding.movers.end() }, ErrShutdown},
		{"handed over, when the engine is about to stop", handed, func(_ *testing.T, e *Engine) { e.loops[0].binding.movers.end() }, ErrShutdown},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := startNowhere(t, Config{Loops: 1}, handOver)
			client, nc := row.make(t, e)
			if row.set != nil {
				row.set(t, e)
			}
			before := e.Connections()
			for range 2 {
				if err := e.Loops()[0].Take(nc, []byte("x"), nil); !errors.Is(err, row.want) {
					t.Fatalf("Take = %v, want %v", err, row.want)
				}
			}
			if n := e.Connections(); n != before {
				t.Fatalf("%d connections are counted, %d before", n, before)
			}
			go nc.Close() // it is still ours to close; net.Pipe waits for a reader, TLS says goodbye
			if _, err := io.ReadAll(client); err != nil {
				t.Fatalf("the peer gets %v instead of the end", err)
			}
		})
	}
	t.Run("for want of a descriptor", func(t *testing.T) {
		e := startNowhere(t, Config{Loops: 1}, nil)
		client, nc := sockets["TCP"](t)
		withFewFiles(t, func() {
			if err := e.Loops()[0].Take(nc, nil, nil); !errors.Is(err, unix.EMFILE) || e.Connections() != 0 {
				t.Errorf("Take = %v, %d connections", err, e.Connections())
			}
		})
		if err := e.Loops()[0].Take(nc, nil, nil); err != nil {
			t.Fatal(err)
		}
		exchange(t, client, "nothing has happened to it")
	})
}

// TestTakeFromAnotherEngine: its connections are like anybody's, and leave a place behind there.
func TestTakeFromAnotherEngine(t *testing.T) {
	ln := NewListener(&net.TCPAddr{})
	from := startNowhere(t, Config{Loops: 1}, func(_ *Loop, a *app) { a.onData = func(c *Conn, b []byte) { _ = c.HandOver(ln, b) } })
	to := startNowhere(t, Config{Loops: 1}, nil)
	client, nc := sockets["TCP"](t)
	if err := from.Loops()[0].Take(nc, []byte("hello"), nil); err != nil {
		t.Fatal(err)
	}
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Loops()[0].Take(nc, nil, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if from.Connections() != 0 || to.Connections() != 1 {
		t.Fatalf("%d and %d connections, want 0 and 1", from.Connections(), to.Connections())
	}
}

// TestZonesStayWhole: gnet recycles the bytes of the zones of a connection that ends, on loops without a listener those of
// its own address too. Package net has lent them.
func TestZonesStayWhole(t *testing.T) {
	client, nc := sockets["TCP"](t)
	defer client.Close()
	lent := strings.Clone("eth0")
	local, remote := nc.LocalAddr().(*net.TCPAddr), nc.RemoteAddr().(*net.TCPAddr)
	local.Zone, remote.Zone = lent, lent
	a := &arrival{fd: -1, socket: nc}
	if err := a.makeSocket(); err != nil {
		t.Fatal(err)
	}
	defer a.socket.Close()
	for _, addr := range []*net.TCPAddr{local, remote} {
		if addr.Zone != lent || unsafe.StringData(addr.Zone) == unsafe.StringData(lent) {
			t.Errorf("the zone is %s, and what was lent: %v", addr.Zone, unsafe.StringData(addr.Zone) == unsafe.StringData(lent))
		}
	}
}
