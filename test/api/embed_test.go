package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"starling/hub"
	"starling/internal/starlingtest"
	"starling/wsproto/msgpack"
)

// newServer is a server for a kind of client that nobody has run yet.
func newServer(k kind, opts hub.Options) *hub.Server {
	opts.Logger = slog.New(slog.DiscardHandler)
	opts.Loops = 2
	if opts.PingInterval == 0 {
		opts.PingInterval = time.Hour // no conversation has to reckon with a ping
	}
	if opts.ShutdownTimeout == 0 {
		opts.ShutdownTimeout = hub.TimeMax
	}
	if k.packed {
		opts.Parser = msgpack.Parser{}
	}
	s := hub.New(opts)
	s.On("sync", acked)
	return s
}

// tcp is a port of this machine's own, and its address.
func tcp(t *testing.T) (net.Listener, string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Addr().String()
}

// run runs a server as serve does until the test ends, and waits until it takes connections.
func run(t *testing.T, s *hub.Server, serve func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		ok(t, receive(t, ended))
	})
	receive(t, s.Ready())
}

// TestServeHTTP: a server inside of another one, which goes on with everything else, also on the same connections.
func TestServeHTTP(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := newServer(k, hub.Options{})
		connected := sockets(s)
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", s)
		mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "own") })
		l, addr := tcp(t)
		own := &http.Server{Handler: mux, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		go func() { _ = own.Serve(l) }()
		t.Cleanup(func() { ok(t, own.Close()) })
		want(t, "the answer before Serve", ask(t, addr, starlingtest.GetRequest("/socket.io/?EIO=4&transport=polling")).Status, 503)
		run(t, s, s.Serve)

		p := dialAt(t, addr, k, "")
		p.connect("/", "")
		socket := receive(t, connected)
		ok(t, socket.Join("room"), s.To("room").Emit("hello", []byte{1}))
		p.expect(`451-["hello",`+attached+`]`, "<bin 01>")
		p.settled("/")
		want(t, "the query", socket.Handshake().URL, "/socket.io/?EIO=4&transport="+k.transport)

		c := starlingtest.Dial(t, addr)
		for _, row := range []struct{ target, body string }{
			{"/hello", "own"},
			{"/socket.io/?EIO=4&transport=polling&sid=none", `{"code":1,"message":"Session ID unknown"}`},
			{"/hello", "own"},
		} {
			_, err := io.WriteString(c, starlingtest.GetRequest(row.target))
			ok(t, err)
			r, err := c.ReadResponse()
			ok(t, err)
			want(t, "the answer to "+row.target, r.Body, row.body)
		}
		socket.Disconnect(true)
		p.expect("41")
		p.ended()
	})
}

// TestServeListener: a server whose connections somebody else's listener accepts.
func TestServeListener(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := newServer(k, hub.Options{})
		l, addr := tcp(t)
		run(t, s, func(ctx context.Context) error { return s.ServeListener(ctx, l) })
		p, q := dialAt(t, addr, k, ""), dialAt(t, addr, k, "")
		for _, one := range []*peer{p, q} {
			one.connect("/", "")
		}
		ok(t, s.Emit("hello"))
		for _, one := range []*peer{p, q} {
			one.expect(`42["hello"]`)
			one.settled("/")
		}
	})
}

// TestShutdown: clients are told, disconnected over some time, and Serve returns.
func TestShutdown(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		gone, ended := newNotes(), make(chan error, 1)
		s := newServer(k, hub.Options{ShutdownNotice: "going", DrainTime: soon})
		s.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { gone.add("%s", reason) })
		ok(t, s.Listen("127.0.0.1:0"))
		go func() { ended <- s.Serve(context.Background()) }()
		receive(t, s.Ready())
		peers := joinAll(t, s, k, 5)
		for _, p := range peers {
			ok(t, p.ask())
		}
		ok(t, s.Shutdown(t.Context()), receive(t, ended))
		for _, p := range peers {
			gone.expect(t, string(hub.ReasonServerShutdown))
			p.expect(`42["going"]`)
		}
		gone.none(t)
		if _, _, err := k.open(s.Addr().String(), ""); err == nil {
			t.Error("somebody was let in afterwards")
		}
		ok(t, s.Shutdown(t.Context())) // again
	})
}
