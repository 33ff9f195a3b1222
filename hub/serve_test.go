package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"starling/eventloop"
)

// TestShutdown: clients are told that the server goes away, their connections end, and nobody new is let in.
func TestShutdown(t *testing.T) {
	noted := newNotes()
	s, stop := startServer(t, Options{Loops: 4}, func(s *Server) {
		s.OnDisconnect(func(_ *Socket, r Reason) { noted.add("%s", r) })
	})
	peers := joinAll(t, s, 20)
	unfinished := dialTCP(t, s)
	if _, err := io.WriteString(unfinished, "GET /socket.io/"); err != nil {
		t.Fatal(err)
	}
	emit(t, s, "last words")
	var leaving sync.WaitGroup
	for _, p := range peers {
		leaving.Go(func() {
			for _, want := range []string{`42["last words"]`, "<close 1001>", "<end>"} {
				if got := p.message(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			p.conn.Close()
		})
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	leaving.Wait()
	for range peers {
		noted.expect(t, "server shutting down")
	}
	noted.none(t)
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	emit(t, s, "nobody hears it, and nothing waits for ever")
}

// TestShutdownWaitsForHandlers, as long as it may.
func TestShutdownWaitsForHandlers(t *testing.T) {
	for _, row := range []struct {
		name    string
		timeout time.Duration
		want    error
	}{
		{"a handler that ends", 0, nil},
		{"a handler that does not", 2 * time.Second, context.DeadlineExceeded}, // its client hears of the end before
	} {
		t.Run(row.name, func(t *testing.T) {
			entered, release, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
			s, stop := startServer(t, Options{ShutdownTimeout: row.timeout}, func(s *Server) {
				s.OnDisconnect(func(*Socket, Reason) { close(entered); <-release; close(gone) })
			})
			c := join(t, s)
			stopped := make(chan error, 1)
			go func() { stopped <- stop() }()
			c.expectClose(1001)
			receive(t, entered)
			if row.want == nil {
				select {
				case err := <-stopped:
					t.Errorf("Serve has returned %v while a handler runs", err)
				default:
				}
				close(release)
				receive(t, gone)
			}
			if err := receive(t, stopped); !errors.Is(err, row.want) || row.want == nil && err != nil {
				t.Errorf("Serve = %v, want %v", err, row.want)
			}
			if row.want != nil {
				close(release)
				receive(t, gone)
			}
		})
	}
}

// TestShutdownCutsWhoDoesNotGo: a client that does not close in answer is cut off after its second.
func TestShutdownCutsWhoDoesNotGo(t *testing.T) {
	s, stop := startServer(t, Options{}, nil)
	c := join(t, s)
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	c.expectClose(1001)
}

// TestShutdownAtOnce: a server whose context is done already starts and ends.
func TestShutdownAtOnce(t *testing.T) {
	s := New(Options{Logger: quiet, Loops: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.ListenAndServe(ctx, "127.0.0.1:0"); err != nil {
		t.Errorf("ListenAndServe = %v", err)
	}
}

// TestHandler answers what is outside of the path on the same port, and does not hold up the end.
func TestHandler(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("GET /socket.io", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not the path") })
	s, stop := startServer(t, Options{Handler: mux}, nil)
	c := join(t, s)
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	base := "http://" + s.Addr().String()
	get := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(body), " ", err)
	}
	big := strings.Repeat("x", 1<<20)
	for range 3 { // on one connection, which is kept
		for what, got := range map[string]string{
			"200 fine <nil>":                                     get(client.Get(base + "/health")),
			"200 " + big + " <nil>":                              get(client.Post(base+"/echo", "text/plain", strings.NewReader(big))),
			"200 not the path <nil>":                             get(client.Get(base + "/socket.io")),
			"404 404 page not found\n <nil>":                     get(client.Get(base + "/nope")),
			`405 Method Not Allowed` + "\n":                      get(client.Get(base + "/echo")),
			`400 {"code":0,"message":"Transport unknown"} <nil>`: get(client.Get(base + "/socket.io/?EIO=4&transport=pigeon")),
		} {
			if !strings.HasPrefix(got, what) {
				t.Errorf("got %.100q, want %.100q", got, what)
			}
		}
	}
	emit(t, s, "and the socket lives")
	c.expect(`42["and the socket lives"]`)
	eventually(t, "there are two connections, the client's and the kept one", func() bool { return s.Connections() == 2 })
	c.leave()
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	if err := receive(t, ended); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// TestAHandlerThatDoesNotEnd is cut off when the time for the end is over.
func TestAHandlerThatDoesNotEnd(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(ended)
	})
	s, stop := startServer(t, Options{Handler: handler, ShutdownTimeout: 100 * time.Millisecond}, nil)
	conn := dialTCP(t, s)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	receive(t, entered)
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve = %v, want context.DeadlineExceeded", err)
	}
	receive(t, ended)
	if got, err := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("the client got %q, %v", got, err)
	}
}

// TestServeThatCannot: when somebody has taken the address between Listen and Serve, Serve says so.
func TestServeThatCannot(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Addr().String()
	first.Close()
	s := New(Options{Logger: quiet, Handler: http.NotFoundHandler()})
	if err := s.Listen(addr); err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	if err := receive(t, served); err == nil {
		t.Error("Serve = nil")
	}
}

// TestNoHandler: without one there is nothing outside of the path.
func TestNoHandler(t *testing.T) {
	s := start(t, Options{Path: "/chat"}, nil) // the slash at its end may be missing
	for target, want := range map[string]string{
		"/":                                   "HTTP/1.1 404 Not Found\r\n",
		"/socket.io/?EIO=4&transport=polling": "HTTP/1.1 404 Not Found\r\n",
		"/chat/?EIO=4&transport=pigeon":       "HTTP/1.1 400 Bad Request\r\n",
	} {
		conn := dialTCP(t, s)
		if _, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %q, %v; want %q", target, got, err, want)
		}
		conn.Close()
	}
}

// TestHandshakeTimeout: who does not finish a request in time is cut off.
func TestHandshakeTimeout(t *testing.T) {
	s := start(t, Options{HandshakeTimeout: 2 * time.Second}, nil) // time enough to begin
	slow := dialTCP(t, s)
	if _, err := io.WriteString(slow, "GET /"); err != nil {
		t.Fatal(err)
	}
	silent := dialTCP(t, s)
	if got, err := io.ReadAll(silent); len(got) > 0 || err != nil {
		t.Errorf("who says nothing gets %q, %v", got, err)
	}
	if got, err := io.ReadAll(slow); !strings.HasPrefix(string(got), "HTTP/1.1 408 Request Timeout\r\n") || err != nil {
		t.Errorf("who says too little gets %q, %v", got, err)
	}
}

// TestConnectionsMax: beyond the cap there is a 503, and who is in stays in.
func TestConnectionsMax(t *testing.T) {
	s := start(t, Options{ConnectionsMax: 3}, func(s *Server) { s.OnLoop("sync", acked) })
	peers := joinAll(t, s, 3)
	for range 3 {
		wantRefused(t, s)
	}
	for _, p := range peers {
		p.settled()
	}
	if s.ConnectionsMax() != 3 || s.Connections() != 3 {
		t.Errorf("%d of %d connections", s.Connections(), s.ConnectionsMax())
	}
	peers[0].leave()
	eventually(t, "there is room again", func() bool { return s.Connections() == 2 })
	join(t, s)
}

// wantRefused wants one more to be refused. It has eventloop.LingerMax to say something, and gets no answer if it is slow
// about that, as on a machine that does not let it run meanwhile.
func wantRefused(t *testing.T, s *Server) {
	t.Helper()
	const want = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	for range 10 {
		began := time.Now()
		conn := dialTCP(t, s)
		_, err := io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n\r\n")
		got, readErr := io.ReadAll(conn)
		conn.Close()
		if string(got) == want && errors.Join(err, readErr) == nil {
			return
		}
		if time.Since(began) < eventloop.LingerMax/2 {
			t.Fatalf("one too many gets %q, %v, %v", got, err, readErr)
		}
	}
	t.Error("one too many is never in time to be refused")
}

// TestListen wants an error for each option that cannot work, which names it.
func TestListen(t *testing.T) {
	for _, row := range []struct {
		name string
		opts Options
		want string
	}{
		{"Path", Options{Path: "socket.io/"}, `hub: Path "socket.io/" does not begin with a slash`},
		{"PingInterval", Options{PingInterval: 99 * time.Millisecond}, "hub: PingInterval 99ms is not within 100ms and 24h0m0s"},
		{"PingInterval, too long", Options{PingInterval: 24*time.Hour + 1}, "hub: PingInterval 24h0m0.000000001s is not within 100ms and 24h0m0s"},
		{"PingTimeout", Options{PingTimeout: -time.Second}, "hub: PingTimeout -1s is not within 100ms and 24h0m0s"},
		{"PayloadBytesMax", Options{PayloadBytesMax: -1}, "hub: PayloadBytesMax -1 is not within 1 and 1073741824"},
		{"PayloadBytesMax, too large", Options{PayloadBytesMax: PayloadBytesMaxMax + 1}, "hub: PayloadBytesMax 1073741825 is not within 1 and 1073741824"},
		{"ConnectPayloadBytesMax", Options{ConnectPayloadBytesMax: -1}, "hub: ConnectPayloadBytesMax -1 is negative"},
		{"ControlRateMax", Options{ControlRateMax: -1}, "hub: ControlRateMax -1 is not within 1 and 1000000000"},
		{"ControlRateMax, too large", Options{ControlRateMax: RateMax + 1}, "hub: ControlRateMax 1000000001 is not within 1 and 1000000000"},
		{"MessageRateMax", Options{MessageRateMax: -1}, "hub: MessageRateMax -1 is not within 0 and 1000000000"},
		{"MessageRateMax, too large", Options{MessageRateMax: RateMax + 1}, "hub: MessageRateMax 1000000001 is not within 0 and 1000000000"},
		{"ConnectTimeout", Options{ConnectTimeout: -1}, "hub: ConnectTimeout -1ns is not within 100ms and 24h0m0s"},
		{"HandshakeTimeout", Options{HandshakeTimeout: -1}, "hub: HandshakeTimeout -1ns is not within 100ms and 24h0m0s"},
		{"ShutdownTimeout", Options{ShutdownTimeout: -1}, "hub: ShutdownTimeout -1ns is not within 100ms and 24h0m0s"},
		{"Loops", Options{Loops: LoopsMax + 1}, "hub: Loops 257 is not within 0 and 256"},
		{"Loops, negative", Options{Loops: -1}, "hub: Loops -1 is not within 0 and 256"},
		{"ConnectionsMax", Options{ConnectionsMax: -1}, "hub: ConnectionsMax -1 is negative"},
		{"OutboundBytesPerConnMax", Options{OutboundBytesPerConnMax: -1}, "hub: OutboundBytesPerConnMax -1 is negative"},
		{"OutboundBytesMax", Options{OutboundBytesMax: -1}, "hub: OutboundBytesMax -1 is negative"},
		{"HandlersMax", Options{HandlersMax: -1}, "hub: HandlersMax -1 is negative"},
		{"two at once", Options{Path: "x", Loops: -1}, "hub: Path \"x/\" does not begin with a slash\nhub: Loops -1 is not within 0 and 256"},
	} {
		s := New(row.opts)
		if err := s.Listen("127.0.0.1:0"); err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
		if s.Addr() != nil || isClosed(s.Ready()) || s.Connections() != 0 || s.ConnectionsMax() != 0 || s.Panics() != 0 {
			t.Errorf("%s: it listens all the same", row.name)
		}
	}
	var files *FilesError
	if err := New(Options{ConnectionsMax: 1 << 30}).Listen("127.0.0.1:0"); !errors.As(err, &files) || files.Wanted != 1<<30 {
		t.Errorf("more connections than files: %v", err)
	}
	if err := New(Options{}).Listen("no port"); err == nil {
		t.Error("an address without a port was taken")
	}
	if err := New(Options{Loops: -1}).ListenAndServe(t.Context(), "127.0.0.1:0"); err == nil {
		t.Error("ListenAndServe with wrong options")
	}
}

// isClosed reports whether a channel is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestListenTwice, on one server and on one address.
func TestListenTwice(t *testing.T) {
	s := start(t, Options{}, nil)
	if err := s.Listen("127.0.0.1:0"); !errors.Is(err, ErrListening) {
		t.Errorf("a second Listen = %v, want ErrListening", err)
	}
	if err := New(Options{Logger: quiet}).Listen(s.Addr().String()); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("Listen on an address in use = %v, want EADDRINUSE", err)
	}
	shared := New(Options{Logger: quiet, ShareAddr: true})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- shared.ListenAndServe(ctx, s.Addr().String()) }()
	eventually(t, "both listen", func() bool {
		ready := shared.Ready()
		if ready == nil {
			return false
		}
		<-ready
		return true
	})
	cancel()
	if err := receive(t, served); err != nil {
		t.Errorf("a server that shares its address: %v", err)
	}
}
