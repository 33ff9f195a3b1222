package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"starling/internal/starlingtest"
)

// embedded is a server inside of an http.Server, beside a site.
type embedded struct {
	*Server
	web  *httptest.Server
	site *site
	stop func() error // ends Serve
}

// embed makes one, of which configure may change the outer server. Both end with the test.
func embed(t *testing.T, opts Options, configure func(e *embedded)) *embedded {
	t.Helper()
	if opts.Loops == 0 {
		opts.Loops = 4
	}
	e := &embedded{Server: New(calm(opts)), site: newSite()}
	echoes(e.Server)
	e.site.Handle("/socket.io/", e.Server)
	e.web = httptest.NewUnstartedServer(e.site)
	e.web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if configure != nil {
		configure(e)
	}
	e.web.Start()
	addr := e.web.Listener.Addr()
	e.addr.Store(&addr) // where the clients of these tests go
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx) }()
	select {
	case <-e.Ready():
	case err := <-ended:
		t.Fatalf("Serve: %v", err)
	}
	e.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := e.stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
		e.web.Config.Close()
		e.web.Close()
	})
	return e
}

// TestEmbedThereAndBack has one connection of an http.Server that is there already do everything in turn: requests of a
// session, in between what the outer server has beside it, and a WebSocket in the end.
func TestEmbedThereAndBack(t *testing.T) {
	e := embed(t, Options{ClientFiles: clientFiles()}, func(e *embedded) {
		e.site.HandleFunc("GET /whose", func(w http.ResponseWriter, r *http.Request) {
			srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
			addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			fmt.Fprintf(w, "%v %v", srv == e.web.Config, addr)
		})
	})
	w := openWire(t, e.Server)
	beside := func() {
		t.Helper()
		w.fine()
		w.send(getRequest("/whose"))
		w.expect("GET", http.StatusOK, fmt.Sprintf("true %v", w.conn.RemoteAddr()))
		w.send(postRequest("/echo", "hello"))
		w.expect("POST", http.StatusOK, "hello")
		w.send(getRequest("/nope"))
		w.expect("GET", http.StatusNotFound, "404 page not found\n")
		w.send(getRequest("/socket.io/socket.io.min.js"))
		w.expect("GET", http.StatusOK, string(clientFiles()["socket.io.min.js"].Data))
		if n := e.Connections(); n != 0 {
			t.Errorf("%d connections, and the only one belongs to the outer server", n)
		}
	}
	beside()
	target := pollTarget + "&sid=" + w.handshake()
	if n := e.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	beside()
	w.send(postRequest(target, "40"))
	w.expect("POST", http.StatusOK, "ok")
	beside()
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
	w.send(postRequest(target, `421["echo","a"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `431["a"]`)
	beside()
	w.send(upgradeRequest(target + "&transport=websocket"))
	if a := w.answer("GET"); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade is answered with %v", a)
	}
	c := w.socket(t)
	c.send("2probe")
	c.expect("3probe")
	c.send("5", `422["echo","b"]`)
	c.expect(`432["b"]`)
	c.leave()
}

// TestEmbedWebSocket begins with a WebSocket, and tells the application of the request as it came.
func TestEmbedWebSocket(t *testing.T) {
	asked := newNotes()
	var sockets <-chan *Socket
	e := embed(t, Options{AllowRequest: func(r *http.Request) error {
		asked.add("%s %s %s from %s", r.RequestURI, r.Host, r.Header.Get("X-Test"), r.RemoteAddr)
		return nil
	}}, func(e *embedded) { sockets = firstSocket(e.Namespace) })
	p := dial(t, e.Server, "&a=b")
	p.expect(openPacket)
	p.connect("40")
	const target = "/socket.io/?EIO=4&transport=websocket&a=b"
	asked.expect(t, target+" x yes from "+p.conn.LocalAddr().String())
	h := receive(t, sockets).Handshake()
	if h.URL != target || h.Address != p.conn.LocalAddr().String() || http.Header(h.Header).Get("X-Test") != "yes" {
		t.Errorf("the handshake is %+v", h)
	}
	p.send(`421["echo","a"]`)
	p.expect(`431["a"]`)
	p.leave()
}

// TestEmbedBodies: whatever net/http has read of a body when it lets go of the connection arrives, and so does the rest.
func TestEmbedBodies(t *testing.T) {
	wantBodies(t, embed(t, Options{}, nil).Server)
}

// TestEmbedBodiesThatWereRead: handlers around the server may have read a body, or bound it, and put something else in its
// place.
func TestEmbedBodiesThatWereRead(t *testing.T) {
	for name, around := range map[string]func(http.Handler) http.Handler{
		"read": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			})
		},
		"bounded": func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			e := embed(t, Options{PayloadBytesMax: 100}, func(e *embedded) { e.web.Config.Handler = around(e.site) })
			for _, row := range bodies {
				t.Run(row.name, func(t *testing.T) {
					poll, sid := joinPolling(t, e.Server)
					w := openWire(t, e.Server)
					for range 2 {
						w.fine()
						row.send(w, pollTarget+"&sid="+sid)
						w.expect("POST", http.StatusOK, "ok")
						poll.send(getRequest(pollTarget + "&sid=" + sid))
						poll.expect("GET", http.StatusOK, `431["a"]`)
					}
				})
			}
			w := openWire(t, e.Server)
			w.send(postRequest(pollTarget+"&sid=x", strings.Repeat("x", 101)))
			if a := w.answer("POST"); a.status != http.StatusRequestEntityTooLarge || !a.close {
				t.Errorf("too large a body is answered with %v", a)
			}
			if name == "read" {
				return // that handler says nothing of what it could not read
			}
			w = openWire(t, e.Server)
			w.send("POST " + pollTarget + "&sid=x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n")
			if a := w.answer("POST"); a.status != http.StatusBadRequest || !a.close {
				t.Errorf("a broken body is answered with %v", a)
			}
		})
	}
}

// TestEmbedPipelined: what a client sends without waiting for answers is answered in order, whoever it is for.
func TestEmbedPipelined(t *testing.T) {
	e := embed(t, Options{}, nil)
	w := openWire(t, e.Server)
	w.send(getRequest("/health") + getRequest("/health") + postRequest("/echo", "a") + getRequest("/socket.io/?EIO=4&transport=pigeon"))
	for range 2 {
		w.expect("GET", http.StatusOK, "fine, "+w.conn.LocalAddr().String())
	}
	w.expect("POST", http.StatusOK, "a")
	w.expect("GET", http.StatusBadRequest, `{"code":0,"message":"Transport unknown"}`)
	w.fine()
}

// TestEmbedCrowd has many clients by all transports at once, and wants their places and descriptors back.
func TestEmbedCrowd(t *testing.T) {
	e := embed(t, Options{}, nil)
	openWire(t, e.Server).fine()
	before := descriptors(t)
	var crowd sync.WaitGroup
	for i := range 30 {
		crowd.Go(func() { crowdPolls(t, e, i) })
		crowd.Go(func() { crowdAlternates(t, e, i) })
		crowd.Go(func() {
			c := join(t, e.Server)
			for n := range 20 {
				c.send(fmt.Sprintf(`42%d["echo",%d]`, n, i))
				c.expect(fmt.Sprintf(`43%d[%d]`, n, i))
			}
			c.leave()
		})
	}
	crowd.Wait()
	eventually(t, "all places are free again", func() bool { return e.Connections() == 0 })
	eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
	if n := e.Panics(); n > 0 {
		t.Errorf("%d panics", n)
	}
}

// crowdPolls is a client that polls, with a connection of its own for each request if it is an odd one, and then upgrades.
func crowdPolls(t *testing.T, e *embedded, i int) {
	p := starlingtest.NewPoller(e.Addr().String())
	p.Brief = i%2 == 1
	defer p.Close()
	err := p.Handshake()
	want := func(want string, packets ...string) {
		var got []string
		if err == nil {
			got, err = p.Exchange(packets...)
		}
		if err == nil && !(len(got) == 1 && strings.HasPrefix(got[0], want)) {
			err = fmt.Errorf("got %q, want %s", got, want)
		}
	}
	want(`40{"sid":"`, "40")
	for n := range 10 {
		want(fmt.Sprintf(`43%d[%d]`, n, i), fmt.Sprintf(`42%d["echo",%d]`, n, i))
	}
	if err != nil {
		t.Error(err)
		return
	}
	c, err := starlingtest.TryDial(e.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	err = c.Upgrade(p.UpgradeTarget())
	exchange := func(sent, want string) {
		if err == nil {
			_, err = c.Write(starlingtest.Masked(starlingtest.Text, []byte(sent)))
		}
		if err == nil && want != "" {
			var f starlingtest.Frame
			if f, err = c.ReadFrame(); err == nil && string(f.Payload) != want {
				err = fmt.Errorf("got %q, want %q", f.Payload, want)
			}
		}
	}
	exchange("2probe", "3probe")
	exchange("5", "")
	exchange(`4299["echo",true]`, `4399[true]`)
	if err != nil {
		t.Error(err)
	}
}

// crowdAlternates is a browser that keeps one connection for everything.
func crowdAlternates(t *testing.T, e *embedded, i int) {
	w := openWire(t, e.Server)
	defer w.conn.Close()
	target := pollTarget + "&sid=" + w.handshake()
	w.send(postRequest(target, "40"))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `40{"sid":"<20>"}`)
	for round := range 5 {
		w.fine()
		w.send(postRequest(target, fmt.Sprintf(`42%d["echo",%d]`, round, i)))
		w.expect("POST", http.StatusOK, "ok")
		w.send(getRequest("/health") + getRequest(target))
		w.expect("GET", http.StatusOK, "fine, "+w.conn.LocalAddr().String())
		w.expect("GET", http.StatusOK, fmt.Sprintf(`43%d[%d]`, round, i))
	}
}
