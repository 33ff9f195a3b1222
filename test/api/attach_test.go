package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"starling/hub"
	"starling/internal/starlingtest"
)

// ask sends a request on a connection of its own, and returns the answer.
func ask(t *testing.T, addr, request string) starlingtest.Response {
	t.Helper()
	c := starlingtest.Dial(t, addr)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r, err := c.ReadResponse()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestConnectionErrors: a request that does not become a session is answered with its code, and the application is told.
func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	told := newNotes()
	s := start(t, byWebSocket, hub.Options{
		OnConnectionError: func(e hub.ConnectionError) {
			told.add("%d %d %s %s, %s %t", e.Code, e.Status, e.Message, e.Context, e.Request.Method, strings.HasPrefix(e.RemoteAddr, "127.0.0.1:"))
		},
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("refuse") {
				return fmt.Errorf("Thou shall not pass")
			}
			return nil
		},
	}, nil)
	poll := "/socket.io/?EIO=4&transport=polling"
	session := starlingtest.NewPoller(s.Addr().String())
	ok(t, session.Handshake())
	t.Cleanup(session.Close)
	for _, row := range []struct {
		name, request string
		status        int
		body, told    string
	}{
		{"an unknown transport", starlingtest.GetRequest("/socket.io/?EIO=4&transport=tobi"), 400, `{"code":0,"message":"Transport unknown"}`, "0 400 Transport unknown , GET true"},
		{"a transport by the name of a method", starlingtest.GetRequest("/socket.io/?EIO=4&transport=constructor"), 400, `{"code":0,"message":"Transport unknown"}`, "0 400 Transport unknown , GET true"},
		{"no transport", starlingtest.GetRequest("/socket.io/?EIO=4"), 400, `{"code":0,"message":"Transport unknown"}`, "0 400 Transport unknown , GET true"},
		{"an unknown session", starlingtest.GetRequest(poll + "&sid=test"), 400, `{"code":1,"message":"Session ID unknown"}`, "1 400 Session ID unknown , GET true"},
		{"another method", starlingtest.PostRequest(poll, "40"), 400, `{"code":2,"message":"Bad handshake method"}`, "2 400 Bad handshake method , POST true"},
		{"a WebSocket that is no upgrade", starlingtest.GetRequest("/socket.io/?EIO=4&transport=websocket"), 400, `{"code":3,"message":"Bad request"}`, "3 400 Bad request TRANSPORT_HANDSHAKE_ERROR, GET true"},
		{"a session of another transport", starlingtest.GetRequest("/socket.io/?EIO=4&transport=websocket&sid=" + session.SID), 400, `{"code":3,"message":"Bad request"}`, "3 400 Bad request TRANSPORT_MISMATCH, GET true"},
		{"an Origin of bytes that it must not have", starlingtest.GetRequest(poll, "Origin: http://engine.io /"), 400, `{"code":3,"message":"Bad request"}`, "3 400 Bad request INVALID_ORIGIN, GET true"},
		{"refused by the application", starlingtest.GetRequest(poll + "&refuse=1"), 403, `{"code":4,"message":"Thou shall not pass"}`, "4 403 Thou shall not pass , GET true"},
		{"another version", starlingtest.GetRequest("/socket.io/?EIO=3&transport=polling"), 400, `{"code":5,"message":"Unsupported protocol version"}`, "5 400 Unsupported protocol version , GET true"},
		{"an upgrade by an unknown transport", starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=__proto__"), 400, "Transport unknown", "0 400 Transport unknown , GET true"},
		{"an upgrade of an unknown session", starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket&sid=test"), 400, "Session ID unknown", "1 400 Session ID unknown , GET true"},
		{"an upgrade that is refused by the application", starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket&refuse=1"), 403, "Thou shall not pass", "4 403 Thou shall not pass , GET true"},
		{"an upgrade of another version", starlingtest.UpgradeRequest("/socket.io/?EIO=3&transport=websocket"), 400, "Unsupported protocol version", "5 400 Unsupported protocol version , GET true"},
		{"no version", starlingtest.GetRequest("/socket.io/?transport=polling"), 400, `{"code":5,"message":"Unsupported protocol version"}`, "5 400 Unsupported protocol version , GET true"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := ask(t, s.Addr().String(), row.request)
			want(t, "the answer", fmt.Sprint(r.Status, r.Body), fmt.Sprint(row.status, row.body))
			told.expect(t, row.told)
		})
	}
	p := dialWith(t, s, byPolling, "") // and whoever does it right is no error
	p.connect("/", "")
	told.none(t)
}

// TestHeaders: the application may add to the answers of each transport, and knows which of them begins a session.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, byWebSocket, hub.Options{Headers: func(h http.Header, r *http.Request, first bool) {
		h.Set("X-Test", fmt.Sprint(r.URL.Query().Get("key"), " ", first))
	}}, nil)
	addr := s.Addr().String()
	header := func(r starlingtest.Response) string { return r.Header.Get("X-Test") }
	poll := "/socket.io/?EIO=4&transport=polling&key=a"
	first := ask(t, addr, starlingtest.GetRequest(poll))
	want(t, "the header of a handshake", header(first), "a true")
	p := starlingtest.NewPoller(addr)
	ok(t, p.Accept(first.Body))
	want(t, "that of a POST", header(ask(t, addr, starlingtest.PostRequest(p.Target()+"&key=b", "40"))), "b false")
	want(t, "that of a GET", header(ask(t, addr, starlingtest.GetRequest(p.Target()+"&key=c"))), "c false")
	want(t, "that of a WebSocket", header(ask(t, addr, starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket&key=d"))), "d true")
	want(t, "that of an upgrade", header(ask(t, addr, starlingtest.UpgradeRequest(p.UpgradeTarget()+"&key=e"))), "e false")
}

// TestPath: only what is below the path is Engine.IO's; the rest is for the application's own handler.
func TestPath(t *testing.T) {
	t.Parallel()
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "own ", r.URL.Path) })
	for _, row := range []struct {
		name   string
		opts   hub.Options
		target string
		status int
		body   string // what it begins with
	}{
		{"the default path", hub.Options{}, "/socket.io/?EIO=4&transport=polling", 200, `0{"sid":"`},
		{"anything below", hub.Options{}, "/socket.io/default/?EIO=4&transport=polling", 200, `0{"sid":"`},
		{"without its slash", hub.Options{}, "/socket.io?EIO=4&transport=polling", 404, ""},
		{"elsewhere", hub.Options{}, "/index.html", 404, ""},
		{"elsewhere, with a handler", hub.Options{Handler: own}, "/index.html", 200, "own /index.html"},
		{"another path", hub.Options{Path: "/chat/v1"}, "/chat/v1/?EIO=4&transport=polling", 200, `0{"sid":"`},
		{"the default path when it is another one", hub.Options{Path: "/chat/v1"}, "/socket.io/?EIO=4&transport=polling", 404, ""},
		{"the browser's client, when there is none", hub.Options{}, "/socket.io/socket.io.js", 400, `{"code":0`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, byWebSocket, row.opts, nil)
			r := ask(t, s.Addr().String(), starlingtest.GetRequest(row.target))
			if r.Status != row.status || !strings.HasPrefix(r.Body, row.body) {
				t.Errorf("answered with %d %q", r.Status, r.Body)
			}
		})
	}
}
