package eventloop

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
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
		if err := to.Take(nc, nil, nil); !errors.Is(err, ErrNotHandedOver) {
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

func TestWhatCannotBeTaken(t *testing.T) {
	ln := NewListener(&net.TCPAddr{})
	handOver := func(_ *Loop, a *app, _ func(int) *Loop) { a.onData = func(c *Conn, b []byte) { _ = c.HandOver(ln, b) } }
	e, other := startMoving(t, Config{Loops: 1}, handOver), startMoving(t, Config{Loops: 1}, handOver)
	handed := func(by *Engine) (net.Conn, net.Conn) {
		c := dial(t, by)
		_, _ = io.WriteString(c, "x")
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return nc, c
	}
	for _, row := range []struct {
		name string
		make func() (nc, peer net.Conn)
		want error
	}{
		{"another engine's", func() (net.Conn, net.Conn) { return handed(other) }, ErrNotHandedOver},
		{"closed already", func() (net.Conn, net.Conn) {
			nc, c := handed(e)
			nc.Close()
			return nc, c
		}, ErrNotHandedOver},
		{"when the engine is about to stop", func() (net.Conn, net.Conn) {
			e.Loops()[0].binding.movers.end()
			return handed(e)
		}, ErrShutdown},
	} {
		t.Run(row.name, func(t *testing.T) {
			nc, peer := row.make()
			if err := e.Loops()[0].Take(nc, nil, nil); !errors.Is(err, row.want) {
				t.Fatalf("Take = %v, want %v", err, row.want)
			}
			if _, err := io.ReadAll(peer); err != nil {
				t.Fatalf("the peer gets %v instead of the end", err)
			}
			if n := e.Connections() + other.Connections(); n != 0 {
				t.Fatalf("%d connections are counted", n)
			}
		})
	}
}
