package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"starling/gateway/access"
	"starling/hub"
)

// away cuts a client off and waits until the server knows.
func away(t *testing.T, g *Gateway, c *client) {
	t.Helper()
	c.conn.Close()
	eventually(t, "it is known to be away", func() bool {
		_, err := g.Server().Socket(t.Context(), c.id)
		return err == hub.ErrDisconnected
	})
}

// comeback connects as a client that was away, with a token of the given claims, or a text that is none.
func comeback(t *testing.T, g *Gateway, was *client, claims string) (*client, string) {
	t.Helper()
	text := claims
	if strings.HasPrefix(claims, "{") {
		text = token(t, claims)
	}
	return attempt(t, g, fmt.Sprintf(`{"token":%q,"pid":%q,"offset":"none"}`, text, was.pid))
}

func TestWhoMayComeBack(t *testing.T) {
	g := start(t, Config{Hub: hub.Options{Recovery: &hub.Recovery{}}})
	for _, tc := range []struct{ name, claims, code string }{
		{"its user", `{"sub":"1"}`, ""},
		{"another user", `{"sub":"2"}`, access.CodeUser},
		{"nobody", "rubbish", access.CodeMalformed},
		{"nobody at all", "", access.CodeRequired},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := enter(t, g, `{"sub":"1","join":["acme"]}`)
			_ = g.Server().To("acme").Emit("first", 1)
			offset := strings.SplitN(c.next(), `"`, 5)[3] // ["first",1,"<offset>"]
			away(t, g, c)
			_ = g.Server().To("acme").Emit("secret")
			text := tc.claims
			if strings.HasPrefix(text, "{") {
				text = token(t, text)
			}
			back, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q,"pid":%q,"offset":%q}`, text, c.pid, offset))
			switch {
			case tc.code == "" && (refusal != "" || back.id != c.id || len(back.said) != 1 || !strings.HasPrefix(back.said[0], `42["secret"`)):
				t.Errorf("it is refused with %q, or is %s, not %s, or gets %q", refusal, back.id, c.id, back.said)
			case tc.code != "" && (!strings.Contains(refusal, tc.code) || len(back.said) > 0):
				t.Errorf("it is told %q and gets %q, want %s", refusal, back.said, tc.code)
			}
			back.conn.Close()
		})
	}
}

// TestLeaveHoldsForThoseWhoAreAway: whom the backend takes out of a room does not come back into it.
func TestLeaveHoldsForThoseWhoAreAway(t *testing.T) {
	g := start(t, Config{Hub: hub.Options{Recovery: &hub.Recovery{}}})
	for _, ask := range []func(id string) (method, path, body string){
		func(string) (string, string, string) {
			return "POST", "/v1/leave", `{"in":["user:1"],"rooms":["acme"]}`
		},
		func(string) (string, string, string) { return "DELETE", "/v1/rooms/acme", "" },
		func(id string) (string, string, string) { return "DELETE", "/v1/rooms/acme/sockets/" + id, "" },
		func(id string) (string, string, string) { return "DELETE", "/v1/sockets/" + id, "" },
	} {
		c := enter(t, g, `{"sub":"1","rooms":["acme"]}`)
		c.wants(`"join","acme"`, `{"room":"acme"}`)
		away(t, g, c)
		method, path, body := ask(c.id)
		api(t, g, method, path, body)
		back, refusal := comeback(t, g, c, `{"sub":"1"}`)
		if refusal != "" || back.id == c.id || g.Server().RoomSize("acme") != 0 {
			t.Errorf("after %s %s it is told %q, is the same: %v, and %d are in the room", method, path, refusal, back.id == c.id, g.Server().RoomSize("acme"))
		}
		back.conn.Close()
	}
}

// TestOrderOfNotificationsOnReturn: the backend hears that the old connection has gone before it hears of the new one, although a
// handler holds the old one up; and each user's sockets are counted right.
func TestOrderOfNotificationsOnReturn(t *testing.T) {
	hold := make(chan struct{})
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookEvent: func(map[string]json.RawMessage) (int, string) { <-hold; return 200, `{}` },
	})
	cfg := b.config(HookEvent, HookConnected, HookDisconnected)
	cfg.Hub.Recovery, cfg.SocketsPerUserMax = &hub.Recovery{}, 1
	g := start(t, cfg)
	c := enter(t, g, `{"sub":"1"}`)
	b.expect(t, fmt.Sprintf(`{"nsp":"/","sid":%q,"type":"connected","user":"1"}`, c.id))
	_ = g.Server().Emit("first")
	offset := strings.SplitN(c.next(), `"`, 5)[3]
	c.send(`42["ping"]`)
	b.expect(t, fmt.Sprintf(`{"args":[],"event":"ping","nsp":"/","sid":%q,"type":"event","user":"1"}`, c.id))
	away(t, g, c)
	back, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q,"pid":%q,"offset":%q}`, token(t, `{"sub":"1"}`), c.pid, offset))
	if refusal != "" || back.id != c.id {
		t.Fatalf("it is told %q, and is %s", refusal, back.id)
	}
	close(hold)
	b.expect(t, fmt.Sprintf(`{"nsp":"/","reason":"transport close","sid":%q,"type":"disconnected","user":"1"}`, c.id))
	b.expect(t, fmt.Sprintf(`{"nsp":"/","sid":%q,"type":"connected","user":"1"}`, c.id))
	back.silent()
	if _, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q}`, token(t, `{"sub":"1"}`))); !strings.Contains(refusal, codeUserSocketsMax) {
		t.Errorf("a second socket of the user is told %q", refusal)
	}
	back.conn.Close()
	eventually(t, "nobody is counted any more", func() bool { return !g.users.full("1", 1) })
}

// TestSecondNamespace: what the request has said is there for each namespace.
func TestSecondNamespace(t *testing.T) {
	g := start(t, Config{Namespaces: []string{"/", "/chat"}, Hub: hub.Options{ForgetHandshake: true}})
	c := dial(t, g, "", "Authorization: Bearer "+token(t, `{"sub":"1"}`))
	if refusal := c.connect("40"); refusal != "" {
		t.Fatal(refusal)
	}
	c.silent() // and OnConnect has returned
	c.send("40/chat,")
	if got := c.next(); !strings.HasPrefix(got, `40/chat,{"sid":`) {
		t.Errorf("the second namespace answers %s", got)
	}
}

// TestLateRefresh: a refresh that comes while the expiry is under way counts.
func TestLateRefresh(t *testing.T) {
	g := start(t, Config{})
	c := enter(t, g, `{"sub":"1"}`)
	s, err := g.Server().Socket(t.Context(), c.id)
	if err != nil {
		t.Fatal(err)
	}
	g.expired(s)
	c.silent()
	visitorOf(s).SetGrant(&access.Grant{User: "1", Expires: time.Now().Add(-time.Second)})
	g.expired(s)
	c.ends()
}

// TestRefreshWhileThePredecessorIsHeld: a client that is back, and not counted yet, may refresh, and expires as others do.
func TestRefreshWhileThePredecessorIsHeld(t *testing.T) {
	hold := make(chan struct{})
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookEvent: func(map[string]json.RawMessage) (int, string) { <-hold; return 200, `{}` },
	})
	cfg := b.config(HookEvent, HookConnected, HookDisconnected)
	cfg.Hub.Recovery = &hub.Recovery{}
	g := start(t, cfg)
	c := enter(t, g, `{"sub":"1"}`)
	b.expect(t, fmt.Sprintf(`{"nsp":"/","sid":%q,"type":"connected","user":"1"}`, c.id))
	_ = g.Server().Emit("first")
	offset := strings.SplitN(c.next(), `"`, 5)[3]
	c.send(`42["ping"]`)
	<-b.calls
	again := func() *client {
		t.Helper()
		back, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q,"pid":%q,"offset":%q}`, token(t, `{"sub":"1"}`), c.pid, offset))
		if refusal != "" || back.id != c.id {
			t.Fatalf("it is told %q, and is %s", refusal, back.id)
		}
		return back
	}
	away(t, g, c)
	away(t, g, again()) // twice
	back := again()
	back.emit(fmt.Sprintf(`"refresh",%q`, token(t, `{"sub":"1","ttl":3}`)))
	if said := back.ends(); len(said) != 2 || said[0] != `42["expired"]` && !strings.HasPrefix(said[0], `42["expired",`) {
		t.Errorf("at its end it is told %q", said)
	}
	close(hold)
	b.expect(t, fmt.Sprintf(`{"nsp":"/","reason":"transport close","sid":%q,"type":"disconnected","user":"1"}`, c.id))
	eventually(t, "nobody waits, and nobody is counted", func() bool {
		g.comings.Lock()
		defer g.comings.Unlock()
		g.expiries.mu.Lock()
		defer g.expiries.mu.Unlock()
		return len(g.waiting) == 0 && len(g.expiries.queue) == 0 && !g.users.full("1", 1)
	})
	if len(b.calls) > 0 {
		t.Errorf("the backend was told %s of somebody who was never in", <-b.calls)
	}
}
