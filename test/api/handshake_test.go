package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"starling/hub"
	"starling/internal/starlingtest"
)

// TestHandshake: a socket knows what its connection began with, in each namespace, and what it has connected with, in its
// own alone.
func TestHandshake(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var mains, others <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { mains, others = sockets(s), sockets(s.Of("/connection2")) })
		before := time.Now()
		p := dialWith(t, s, k, "&key1=1&key2=a%26b%3D", "X-Token: abc", "Cookie: a=1; b=2")
		p.connect("/", "")
		p.connect("/connection2", `{"key1":"aa","key2":"&=bb","key3":{"a":[1]}}`)
		main, other := receive(t, mains), receive(t, others)
		for _, socket := range []*hub.Socket{main, other} {
			h := socket.Handshake()
			u, err := url.Parse(h.URL)
			ok(t, err)
			want(t, "the path", u.Path, "/socket.io/")
			q := u.Query()
			want(t, "the query", fmt.Sprint(q["EIO"], q["transport"], q["key1"], q["key2"], q["key3"]), fmt.Sprintf("[4] [%s] [1] [a&b=] []", k.transport))
			want(t, "the headers", fmt.Sprint(h.Header["X-Token"], h.Header["Cookie"], " ", h.Host), "[abc] [a=1; b=2] localhost")
			if !strings.HasPrefix(h.Address, "127.0.0.1:") || h.Time.Before(before) || h.Time.After(time.Now()) {
				t.Errorf("the handshake was from %s at %v", h.Address, h.Time)
			}
		}
		type auth struct {
			Key1, Key2 string
			Key3       map[string][]int
		}
		var none, some auth
		ok(t, main.Auth(&none), other.Auth(&some))
		want(t, "the auth payload of the main namespace", fmt.Sprint(none), "{  map[]}")
		want(t, "that of the other one", fmt.Sprint(some), "{aa &=bb map[a:[1]]}")
	})
}

// TestForgetHandshake: it can be had until OnConnect has returned, if that is wanted.
func TestForgetHandshake(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{ForgetHandshake: true}, func(s *hub.Server) {
			s.OnConnect(func(s *hub.Socket) { want(t, "known in OnConnect", s.Handshake().URL != "", true) })
			s.On("handshake", func(s *hub.Socket, e *hub.Event) { ok(t, e.Ack(s.Handshake().URL)) })
		})
		p := join(t, s, k)
		p.send(`420["handshake"]`)
		p.expect(`430[""]`)
	})
}

// TestOpenPacket: what a client is told at first follows the options.
func TestOpenPacket(t *testing.T) {
	rows(t, []hub.Options{
		{PingInterval: 25 * time.Second},
		{PingInterval: 24 * time.Second, PingTimeout: 6 * time.Second, PayloadBytesMax: 1234},
	}, func(o hub.Options) string { return o.PingInterval.String() }, func(t *testing.T, k kind, o hub.Options) {
		s := start(t, k, o, nil)
		p := dial(t, s, k)
		upgrades := map[string]string{"websocket": "[]", "polling": `["websocket"]`}[k.transport]
		timeout, payload := 20000, 1000000
		if o.PingTimeout != 0 {
			timeout, payload = 6000, 1234
		}
		want(t, "the open packet", ids.ReplaceAllString(p.open, `"$1":"<id>"`),
			fmt.Sprintf(`{"sid":"<id>","upgrades":%s,"pingInterval":%d,"pingTimeout":%d,"maxPayload":%d}`, upgrades, o.PingInterval.Milliseconds(), timeout, payload))
		if strings.Contains(p.open, p.connect("/", "")) {
			t.Error("the secret id of the session is the public one of the socket")
		}
	})
}

// refusedWith wants an attempt to open a session to be answered with a status.
func refusedWith(t *testing.T, err error, status int, body string) {
	t.Helper()
	var upgrade starlingtest.RefusedError
	var request starlingtest.StatusError
	switch {
	case errors.As(err, &upgrade):
		want(t, "the status", upgrade.Status, status)
	case errors.As(err, &request):
		want(t, "the answer", request, starlingtest.StatusError{Status: status, Body: body})
	default:
		t.Errorf("not refused: %v", err)
	}
}

// TestAllowRequest: the application may refuse a session by its request, and is asked once for each.
func TestAllowRequest(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{AllowRequest: func(r *http.Request) error {
			noted.add("%s", r.URL.Query().Get("key"))
			if r.URL.Query().Get("key") != "right" {
				return errors.New("Thou shall not pass")
			}
			return nil
		}}, nil)
		_, _, err := k.open(s.Addr().String(), "&key=wrong")
		refusedWith(t, err, http.StatusForbidden, `{"code":4,"message":"Thou shall not pass"}`)
		p := dialWith(t, s, k, "&key=right")
		p.connect("/", "")
		p.settled("/")
		noted.expect(t, "wrong", "right")
		noted.none(t)
	})
}

// TestOrigins: a page that is not listed is refused by either transport, unlike by the reference server
// (docs/COMPATIBILITY.md); one that is listed gets its headers.
func TestOrigins(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := start(t, k, hub.Options{Origins: []string{"http://localhost:54023"}}, nil)
		p := dialWith(t, s, k, "", "Origin: http://localhost:54023")
		p.connect("/", "")
		_, _, err := k.open(s.Addr().String(), "", "Origin: http://foo.example")
		refusedWith(t, err, http.StatusForbidden, `{"code":4,"message":"Forbidden"}`)
	})
}
