package eventloop

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(fewFilesEnv) != "" {
		os.Exit(serveWithFewFiles())
	}
	if load := os.Getenv(loadEnv); load != "" {
		os.Exit(makeLoad(load))
	}
	starlingtest.NoLeaks(m)
}

// patience bounds what goes wrong; no test waits for it to pass.
const patience = 2 * time.Minute

// forgiving are limits with which a client that is told no may take its time to hear it.
var forgiving = Limits{LingerMax: 2 * patience}

// echo is a Handler that sends back what it gets.
func echo() *app {
	return &app{onData: func(c *Conn, b []byte) { c.Queue(b) }}
}

// nowhere is the address of an engine of these tests that listens on none.
const nowhere = "nowhere"

// startEngine runs an engine until the test ends, and requires a clean end.
func startEngine(t testing.TB, cfg Config, newHandler func(*Loop) Handler) *Engine {
	t.Helper()
	switch cfg.Addr {
	case "":
		cfg.Addr = "127.0.0.1:0"
	case nowhere:
		cfg.Addr = ""
	}
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	e, err := New(cfg, newHandler)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run() }()
	select {
	case <-e.Ready():
	case err := <-done:
		t.Fatalf("Run: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whatever is still open is cut
		_ = e.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return e
}

func dial(t *testing.T, e *Engine) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// exchange sends a line and reads as much back.
func exchange(t *testing.T, c net.Conn, line string) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, line)
		sent <- err
	}()
	got := make([]byte, len(line))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != line {
		t.Fatalf("sent %d bytes %.40q, got %d bytes %.40q, %v", len(line), line, n, got, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestEchoOverSockets(t *testing.T) {
	// The bound is larger than all that is sent: an echo that comes while the peer is busy sending must not be dropped.
	e := startEngine(t, Config{Loops: 3, Limits: Limits{OutboundBytesPerConnMax: 16 << 20}}, func(*Loop) Handler { return echo() })
	for range 20 {
		exchange(t, dial(t, e), "hello")
	}
	if e.Connections() != 20 {
		t.Fatalf("Connections() = %d, want 20", e.Connections())
	}
	exchange(t, dial(t, e), strings.Repeat("a long one ", 500_000)) // far more than socket buffers hold
}

// TestPostKeepsOrderOverABacklog posts past the 1,024 tasks at which gnet's own queue begins to reorder.
func TestPostKeepsOrderOverABacklog(t *testing.T) {
	e := startEngine(t, Config{Loops: 1}, func(*Loop) Handler { return echo() })
	const backlog = 4000
	l := e.Loops()[0]
	release, done := make(chan struct{}), make(chan []int, 1)
	l.Post(TaskFunc(func(*Loop) { <-release }))
	var got []int
	for i := range backlog {
		l.Post(TaskFunc(func(*Loop) {
			if got = append(got, i); len(got) == backlog {
				done <- got
			}
		}))
	}
	close(release)
	for i, n := range <-done {
		if n != i {
			t.Fatalf("task %d ran in place %d", n, i)
		}
	}
}

// TestTasksDoNotStarveIO has producers post without pause; an echo must still come back.
func TestTasksDoNotStarveIO(t *testing.T) {
	e := startEngine(t, Config{Loops: 1}, func(*Loop) Handler { return echo() })
	l := e.Loops()[0]
	stop := make(chan struct{})
	var ran atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					l.Post(TaskFunc(func(*Loop) { ran.Add(1) }))
				}
			}
		})
	}
	c := dial(t, e)
	for range 100 {
		exchange(t, c, "am I heard?")
	}
	close(stop)
	wg.Wait()
	if ran.Load() == 0 {
		t.Fatal("no task ran")
	}
}

func TestBeyondTheCap(t *testing.T) {
	const refusal = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"
	e := startEngine(t, Config{Loops: 2, ConnectionsMax: 3, Refusal: []byte(refusal), Limits: forgiving}, func(*Loop) Handler { return echo() })
	var in []net.Conn
	for range 3 {
		c := dial(t, e)
		exchange(t, c, "in")
		in = append(in, c)
	}
	for range 5 {
		c := dial(t, e)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
		if got, err := io.ReadAll(c); string(got) != refusal || err != nil {
			t.Fatalf("beyond the cap: got %q, %v; want the refusal and a clean end", got, err)
		}
		c.Close()
	}
	for _, c := range in {
		exchange(t, c, "unharmed")
	}
	in[0].Close()
	eventually(t, "a place is free again", func() bool { return e.Connections() == 2 })
	exchange(t, dial(t, e), "in again")
}

// eventually waits for something that no event tells us: state of the engine as seen from outside.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func TestTheCapMustFit(t *testing.T) {
	_, err := New(Config{Addr: "127.0.0.1:0", ConnectionsMax: 1 << 30}, nil)
	var files *FilesError
	if !errors.As(err, &files) || files.Wanted != 1<<30 || files.Fit <= 0 {
		t.Fatalf("New = %v, want a FilesError", err)
	}
}

func TestConnectionsThatFit(t *testing.T) {
	for _, row := range []struct{ files, connections, reserve int }{
		{64, 32, 32},
		{256, 128, 128},
		{1024, 768, 256},
		{20_000, 19_000, 1000},
		{1_048_576, 996_148, 52_428},
	} {
		if c, r := connectionsThatFit(row.files); c != row.connections || r != row.reserve {
			t.Errorf("connectionsThatFit(%d) = %d, %d; want %d, %d", row.files, c, r, row.connections, row.reserve)
		}
	}
}

func TestASecondServerOnTheSameAddressIsRefused(t *testing.T) {
	e := startEngine(t, Config{}, func(*Loop) Handler { return echo() })
	if _, err := New(Config{Addr: e.Addr().String(), Logger: quiet}, nil); !errors.Is(err, unix.EADDRINUSE) {
		t.Fatalf("New on an address in use = %v, want EADDRINUSE", err)
	}
	second := startEngine(t, Config{Addr: e.Addr().String(), ShareAddr: true}, func(*Loop) Handler { return echo() })
	if second.Addr().String() != e.Addr().String() {
		t.Fatalf("shared address is %v, want %v", second.Addr(), e.Addr())
	}
}

func TestShutdownDrains(t *testing.T) {
	var handlers []*app
	e := startEngine(t, Config{Loops: 2}, func(*Loop) Handler {
		a := echo()
		a.onDrain = func() {
			for _, c := range a.opened {
				c.Queue([]byte("bye"))
				c.Close(ErrShutdown)
			}
		}
		handlers = append(handlers, a)
		return a
	})
	var conns []net.Conn
	for range 10 {
		c := dial(t, e)
		exchange(t, c, "hi")
		conns = append(conns, c)
	}
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
				t.Errorf("got %q, %v; want bye and a clean end", got, err)
			}
			c.Close()
		})
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatalf("Shutdown = %v", err)
	}
	wg.Wait()
	for _, a := range handlers {
		for _, cause := range a.closes {
			if cause != ErrShutdown {
				t.Errorf("cause %v, want ErrShutdown", cause)
			}
		}
	}
	if _, err := net.Dial("tcp", e.Addr().String()); err == nil {
		t.Error("still listening after Shutdown")
	}
}

func TestHandOverToNetHTTP(t *testing.T) {
	ln := NewListener(&net.TCPAddr{})
	closed := make(chan error, 10)
	e := startEngine(t, Config{Loops: 2}, func(*Loop) Handler {
		a := &app{onClose: func(_ *Conn, cause error) { closed <- cause }}
		a.onData = func(c *Conn, b []byte) {
			if err := c.HandOver(ln, b); err != nil {
				t.Error(err)
			}
		}
		return a
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 5<<20)) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	srv := &http.Server{Handler: mux}
	served := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(served) }()

	client := &http.Client{Transport: &http.Transport{}}
	for range 3 { // on one kept-alive connection
		resp, err := client.Post("http://"+e.Addr().String()+"/echo", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); string(b) != "body" {
			t.Fatalf("got %q", b)
		}
		resp.Body.Close()
	}
	resp, err := client.Get("http://" + e.Addr().String() + "/big")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); len(b) != 5<<20 || err != nil {
		t.Fatalf("got %d bytes, %v", len(b), err)
	}
	resp.Body.Close()
	if cause := <-closed; cause != ErrHandedOver {
		t.Fatalf("OnClose was given %v, want ErrHandedOver", cause)
	}
	if n := e.Connections(); n != 1 {
		t.Fatalf("Connections() = %d, want the handed-over one to count", n)
	}
	client.CloseIdleConnections()
	srv.Close()
	<-served
	eventually(t, "the handed-over connection gave its place back", func() bool { return e.Connections() == 0 })
}

func TestALoopThatIsHeldIsNamed(t *testing.T) {
	logged := make(chan string, 100)
	log := slog.New(slog.NewTextHandler(writer(func(b []byte) { logged <- string(b) }), nil))
	e := startEngine(t, Config{Loops: 1, Logger: log}, func(*Loop) Handler { return echo() })
	release := make(chan struct{})
	e.Loops()[0].Post(TaskFunc(func(*Loop) { <-release }))
	for line := range logged {
		if strings.Contains(line, "held by a callback") {
			break
		}
	}
	close(release)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// fewFilesEnv makes this test binary a server with 256 open files.
const fewFilesEnv = "STARLING_TEST_FEW_FILES"

// TestFewOpenFiles connects 1,000 times to a server that may open 256 files: it must live, and serve again afterwards.
// gnet by itself would shut down at the first accept that finds no descriptor.
func TestFewOpenFiles(t *testing.T) {
	cmd := exec.Command("sh", "-c", "ulimit -n 256; exec "+os.Args[0])
	cmd.Env = append(os.Environ(), fewFilesEnv+"=1")
	in, _ := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make([]byte, 64)
	n, err := out.Read(addr)
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range 1000 {
		c, err := net.Dial("tcp", strings.TrimSpace(string(addr[:n])))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		conns = append(conns, c)
	}
	exchange(t, conns[0], "the first is served")
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "there is room again", func() bool {
		c, err := net.Dial("tcp", strings.TrimSpace(string(addr[:n])))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, "hi")
		got := make([]byte, 2)
		_, err = io.ReadFull(c, got)
		return err == nil && string(got) == "hi"
	})
	in.Close() // asks the server to end
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the server ended with %v", err)
	}
}

// serveWithFewFiles echoes until its standard input ends.
func serveWithFewFiles() int {
	e, err := New(Config{Addr: "127.0.0.1:0", Loops: 2, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}, func(*Loop) Handler { return echo() })
	if err != nil {
		return 2
	}
	done := make(chan error, 1)
	go func() { done <- e.Run() }()
	<-e.Ready()
	_, _ = io.WriteString(os.Stdout, e.Addr().String()+"\n")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Shutdown(ctx)
	}()
	if err := <-done; err != nil {
		return 1
	}
	return 0
}
