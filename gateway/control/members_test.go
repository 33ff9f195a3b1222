package control

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"starling/hub"
)

func TestJoinAndLeave(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"ann","join":["acme:x"]}`)
	bob := s.connect(t, `{"user":"bob","join":["acme:x"]}`)
	admin := s.connectTo(t, "/admin", `{"join":["acme:x"]}`)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		reply                    string
		ann, bob                 string // rooms afterwards
	}{
		{name: "join", method: "POST", path: "/v1/join", body: `{"in":["acme:x"],"rooms":["a","b"]}`, status: 200, reply: `{"matched":2}`, ann: "a acme:x b user:ann", bob: "a acme:x b user:bob"},
		{name: "leave", method: "POST", path: "/v1/leave", body: `{"in":["user:bob"],"rooms":["a","c"]}`, status: 200, reply: `{"matched":1}`, ann: "a acme:x b user:ann", bob: "acme:x b user:bob"},
		{name: "by a socket id, as strings", method: "POST", path: "/v1/leave", body: `{"in":"` + ann.sid + `","rooms":"b"}`, status: 200, reply: `{"matched":1}`, ann: "a acme:x user:ann", bob: "acme:x b user:bob"},
		{name: "nobody", method: "POST", path: "/v1/join", body: `{"in":"nobody","rooms":"z"}`, status: 200, reply: `{"matched":0}`, ann: "a acme:x user:ann", bob: "acme:x b user:bob"},
		{name: "elsewhere", method: "POST", path: "/v1/join", body: `{"in":"acme:x","rooms":"z","nsp":"/admin"}`, status: 200, reply: `{"matched":1}`, ann: "a acme:x user:ann", bob: "acme:x b user:bob"},
		{name: "put", method: "PUT", path: "/v1/rooms/c/sockets/" + ann.sid, status: 204, ann: "a acme:x c user:ann", bob: "acme:x b user:bob"},
		{name: "put again", method: "PUT", path: "/v1/rooms/c/sockets/" + ann.sid, status: 204, ann: "a acme:x c user:ann", bob: "acme:x b user:bob"},
		{name: "put with a body, which is not looked at", method: "PUT", path: "/v1/rooms/c/sockets/" + bob.sid, body: "x", status: 204, ann: "a acme:x c user:ann", bob: "acme:x b c user:bob"},
		{name: "delete", method: "DELETE", path: "/v1/rooms/c/sockets/" + ann.sid, status: 204, ann: "a acme:x user:ann", bob: "acme:x b c user:bob"},
		{name: "delete again", method: "DELETE", path: "/v1/rooms/c/sockets/" + ann.sid, status: 204, ann: "a acme:x user:ann", bob: "acme:x b c user:bob"},
		{name: "delete a room", method: "DELETE", path: "/v1/rooms/acme:x", status: 200, reply: `{"matched":2}`, ann: "a user:ann", bob: "b c user:bob"},
		{name: "delete it again", method: "DELETE", path: "/v1/rooms/acme:x", status: 200, reply: `{"matched":0}`, ann: "a user:ann", bob: "b c user:bob"},
		{name: "a name with a slash", method: "PUT", path: "/v1/rooms/d%2F1/sockets/" + ann.sid, status: 204, ann: "a d/1 user:ann", bob: "b c user:bob"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.ask(t, fullKey, tc.method, tc.path, tc.body)
			r.expect(t, tc.status, tc.reply)
			if got := strings.Join(s.roomsOf(t, ann), " "); got != tc.ann {
				t.Errorf("ann is in %s, want %s", got, tc.ann)
			}
			if got := strings.Join(s.roomsOf(t, bob), " "); got != tc.bob {
				t.Errorf("bob is in %s, want %s", got, tc.bob)
			}
		})
	}
	if got := s.roomsOf(t, admin); !slices.Equal(got, []string{"acme:x", "z"}) {
		t.Errorf("admin is in %s", got)
	}
}

func TestDisconnect(t *testing.T) {
	var log logged
	s := newSystem(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ann := s.connect(t, `{"user":"ann","join":["acme:x"]}`)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		reply                    string
		closes                   bool
		logged                   string
	}{
		{name: "by a room", method: "POST", path: "/v1/disconnect", body: `{"in":["acme:x"],"reason":"revoked"}`, status: 200, reply: `{"matched":1}`, logged: "sockets=1 reason=revoked key=full request_id=r"},
		{name: "with the connection", method: "POST", path: "/v1/disconnect", body: `{"in":"user:bob","close":true}`, status: 200, reply: `{"matched":1}`, closes: true},
		{name: "a user", method: "DELETE", path: "/v1/users/bob/sockets?reason=gone", status: 200, reply: `{"matched":1}`, logged: "sockets=1 reason=gone"},
		{name: "a user with the connection", method: "DELETE", path: "/v1/users/bob/sockets?close=true", status: 200, reply: `{"matched":1}`, closes: true},
		{name: "a socket", method: "DELETE", path: "/v1/sockets/$sid?reason=gone", status: 204, logged: "reason=gone key=full"},
		{name: "a socket with the connection", method: "DELETE", path: "/v1/sockets/$sid?close=1", status: 204, closes: true},
		{name: "nobody", method: "DELETE", path: "/v1/users/zoe/sockets", status: 200, reply: `{"matched":0}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bob := s.connect(t, `{"user":"bob","join":["acme:x"]}`)
			if strings.Contains(tc.body, "acme:x") {
				s.ask(t, fullKey, "DELETE", "/v1/rooms/acme:x/sockets/"+ann.sid, "").expect(t, 204, "")
			}
			s.ask(t, fullKey, tc.method, strings.ReplaceAll(tc.path, "$sid", bob.sid), tc.body).expect(t, tc.status, tc.reply)
			if tc.name != "nobody" {
				bob.gone()
				s.ask(t, fullKey, "GET", "/v1/sockets/"+bob.sid, "").fails(t, http.StatusNotFound, "socket_unknown", "sid")
			}
			if tc.closes {
				if f, err := bob.conn.ReadFrame(); err == nil && f.Head != 0x88 && string(f.Payload) != "1" {
					t.Errorf("the connection goes on with %x %s", f.Head, f.Payload)
				}
			}
			if !strings.Contains(log.String(), tc.logged) {
				t.Errorf("the log has no %q:\n%s", tc.logged, log.String())
			}
		})
	}
}

// TestUnknownSockets: a socket that is addressed as a resource is there or is a 404.
func TestUnknownSockets(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{}`)
	for _, sid := range []string{"AAAAAAAAAAAAAAAAAAAA", "short", strings.Repeat("x", 500), "..........%2e........."} {
		for _, r := range []string{
			"GET /v1/sockets/%s", "DELETE /v1/sockets/%s", "PUT /v1/rooms/r/sockets/%s", "DELETE /v1/rooms/r/sockets/%s",
		} {
			method, path, _ := strings.Cut(fmt.Sprintf(r, sid), " ")
			s.ask(t, fullKey, method, path, "").fails(t, http.StatusNotFound, "socket_unknown", "sid")
		}
	}
	s.ask(t, fullKey, "GET", "/v1/sockets/"+ann.sid+"?nsp=/admin", "").fails(t, http.StatusNotFound, "socket_unknown", "sid")
}

// hold holds the loop of a client of its own until release is called.
func (s *system) hold(t *testing.T) (release func()) {
	t.Helper()
	held, over := make(chan struct{}), make(chan struct{})
	s.io.OnLoop("hold", func(*hub.Socket, *hub.Event) {
		close(held)
		<-over
	})
	s.connect(t, "").send(`42["hold"]`)
	receive(t, held)
	return func() { close(over) }
}

// TestChangeOfHeldLoop: what is asked for is done although a loop does not say so in time, and is not told as if it were not.
func TestChangeOfHeldLoop(t *testing.T) {
	s := newSystem(t, nil)
	var all []*client
	for range 4 { // of which each loop has some
		all = append(all, s.connect(t, `{"join":["acme:x"]}`))
	}
	ctx, giveUp := context.WithCancel(t.Context())
	var release func()
	m, err := countWithin(ctx, s.io.To("acme:x"), func(o hub.BroadcastOperator) error {
		release = s.hold(t)
		giveUp()
		return o.SocketsJoin("acme:y")
	})
	if err != nil || m != (matched{Matched: 4, Incomplete: true}) {
		t.Errorf("countWithin = %+v, %v", m, err)
	}
	release()
	for _, c := range all {
		if got := s.roomsOf(t, c); !slices.Contains(got, "acme:y") {
			t.Errorf("a client is in %q", got)
		}
	}
	release = s.hold(t)
	defer release()
	_, err = countWithin(ctx, s.io.To("acme:x"), func(hub.BroadcastOperator) error {
		t.Error("it was done although nobody was counted")
		return nil
	})
	if err == nil {
		t.Error("it is told as if it were done")
	}
}

// TestIncompleteChange is how such a change looks like.
func TestIncompleteChange(t *testing.T) {
	s := newSystem(t, nil)
	r := result{matched: matched{Matched: 3, Incomplete: true}}
	item, err := r.reply(t.Context())
	if got := string(appendJSON(nil, item)); err != nil || got != `{"status":200,"matched":3,"incomplete":true}`+"\n" {
		t.Errorf("an item is %s, %v", got, err)
	}
	if got := string(appendJSON(nil, r.matched)); got != `{"matched":3,"incomplete":true}`+"\n" {
		t.Errorf("a reply is %s", got)
	}
	c := s.connect(t, "")
	socket, errSocket := s.io.Socket(t.Context(), c.sid)
	if errSocket != nil {
		t.Fatal(errSocket)
	}
	s.stop()
	if err := done(t.Context(), socket, nil); err != nil {
		t.Errorf("a change that was asked for is %v", err)
	}
}
