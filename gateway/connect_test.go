package gateway

import (
	"fmt"
	"strings"
	"testing"

	"starling/gateway/access"
)

func TestWhoMayConnect(t *testing.T) {
	strict := start(t, Config{})
	lax := start(t, Config{Anonymous: true, TokenQuery: "token"})
	good := token(t, `{"sub":"42","rooms":["acme"]}`)
	for _, tc := range []struct {
		name    string
		g       *Gateway
		query   string
		headers []string
		auth    string
		code    string // "": is let in
	}{
		{"a token", strict, "", nil, `{"token":"` + good + `"}`, ""},
		{"nothing", strict, "", nil, "", access.CodeRequired},
		{"an empty token", strict, "", nil, `{"token":""}`, access.CodeRequired},
		{"a token of another type", strict, "", nil, `{"token":5}`, access.CodeMalformed},
		{"a token of another type, though anybody may", lax, "", nil, `{"token":["x"]}`, access.CodeMalformed},
		{"null as a token", lax, "", nil, `{"token":null}`, ""},
		{"a token by another name", strict, "", nil, `{"TOKEN":"` + good + `"}`, access.CodeRequired},
		{"no token at all", strict, "", nil, `{"token":"x.y.z"}`, access.CodeMalformed},
		{"an auth payload that is too long", strict, "", nil, `{"token":"` + strings.Repeat("x", credentialBytesMax) + `"}`, access.CodeMalformed},
		{"a token with a byte more", strict, "", nil, `{"token":"` + good + `x"}`, access.CodeSignature},
		{"in the header", strict, "", []string{"Authorization: Bearer " + good}, "", ""},
		{"in the header, in lower case", strict, "", []string{"authorization: bearer  " + good}, "", ""},
		{"in the header, by another scheme", strict, "", []string{"Authorization: Basic " + good}, "", access.CodeRequired},
		{"a bad one in the payload, though the header's is good", strict, "", []string{"Authorization: Bearer " + good}, `{"token":"x"}`, access.CodeMalformed},
		{"in the query, which is not looked at", strict, "&token=" + good, nil, "", access.CodeRequired},
		{"in the query", lax, "&token=" + good, nil, "", ""},
		{"anonymously", lax, "", nil, "", ""},
		{"with a bad token, though anybody may", lax, "", nil, `{"token":"x"}`, access.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, tc.g, tc.query, tc.headers...)
			got := c.connect("40" + tc.auth)
			if want := fmt.Sprintf(`"data":{"code":"%s"}`, tc.code); tc.code == "" && got != "" || tc.code != "" && !strings.Contains(got, want) {
				t.Errorf("got %s, want %q", got, tc.code)
			}
		})
	}
}

func TestRoomsFromTheStart(t *testing.T) {
	g := start(t, Config{})
	c := enter(t, g, `{"sub":"42","join":["acme"],"rooms":["other"]}`)
	for room, want := range map[string]int{"user:42": 1, "acme": 1, "other": 0} {
		if n := g.Server().RoomSize(room); n != want {
			t.Errorf("%d are in %s, want %d", n, room, want)
		}
	}
	_ = g.Server().To("user:42").Emit("hello")
	c.expect(`42["hello"]`)
}

func TestAnonymousClientsHaveNoRights(t *testing.T) {
	g := start(t, Config{Anonymous: true})
	other := enter(t, g, `{"sub":"1","join":["acme"]}`)
	c, _ := attempt(t, g, "")
	for _, room := range []string{"acme", "user:1", "user:", "x", other.id} {
		c.wantsError(fmt.Sprintf(`"join",%q`, room), codeRoomForbidden)
		c.wantsError(fmt.Sprintf(`"emit",%q,"client:x"`, room), codeRoomForbidden)
	}
	c.wantsError(fmt.Sprintf(`"direct",%q,"client:x"`, other.id), codeSocketUnknown)
	_ = g.Server().Emit("hello")
	c.expect(`42["hello"]`)
}

func TestDevelopment(t *testing.T) {
	g := start(t, Config{Dev: true})
	a, _ := attempt(t, g, "")
	b, _ := attempt(t, g, "")
	a.wants(`"join","anything"`, `{"room":"anything"}`)
	b.wants(`"emit","anything","client:x",1`, `{"room":"anything"}`)
	a.expect(fmt.Sprintf(`42["client:x",{"sid":%q,"room":"anything"},1]`, b.id))
	a.wantsError(`"join","user:1"`, codeRoomForbidden)
	a.wantsError(fmt.Sprintf(`"join",%q`, b.id), codeRoomForbidden)
	a.wants(fmt.Sprintf(`"direct",%q,"client:y"`, b.id), fmt.Sprintf(`{"sid":%q}`, b.id))
	b.expect(fmt.Sprintf(`42["client:y",{"sid":%q}]`, a.id))
	if c, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q}`, g.dev.token("ann", "ws:acme"))); refusal != "" {
		t.Errorf("the playground's token is refused: %s", refusal)
	} else {
		c.wants(`"join","ws:acme"`, `{"room":"ws:acme"}`)
		c.wantsError(`"join","ws:globex"`, codeRoomForbidden)
	}
	if !strings.HasPrefix(g.DevKey(), "dev_") {
		t.Errorf("the key is %q", g.DevKey())
	}
}

// TestSocketsPerUserMax: one user's sockets are bounded exactly, also when they come at once; others' are not.
func TestSocketsPerUserMax(t *testing.T) {
	g := start(t, Config{SocketsPerUserMax: 3})
	auth := fmt.Sprintf(`{"token":%q}`, token(t, `{"sub":"42"}`))
	var in []*client
	for range 3 {
		c, refusal := attempt(t, g, auth)
		if refusal != "" {
			t.Fatal(refusal)
		}
		c.silent() // it has entered
		in = append(in, c)
	}
	if _, refusal := attempt(t, g, auth); !strings.Contains(refusal, codeUserSocketsMax) {
		t.Errorf("the fourth gets %q", refusal)
	}
	enter(t, g, `{"sub":"43"}`)
	in[0].send("41")
	eventually(t, "there is room again", func() bool {
		c, refusal := attempt(t, g, auth)
		if refusal != "" {
			c.conn.Close()
		}
		return refusal == ""
	})

	crowd := make([]*client, 30)
	auth = fmt.Sprintf(`{"token":%q}`, token(t, `{"sub":"44"}`))
	for i := range crowd { // all ask before anybody hears
		crowd[i] = dial(t, g, "")
	}
	for _, c := range crowd {
		c.send("40" + auth)
	}
	stays := 0
	for _, c := range crowd {
		if strings.HasPrefix(c.next(), "44") {
			continue
		}
		c.send(`420["leave","nowhere"]`)
		if packet, err := c.read(); err == nil && strings.HasPrefix(packet, "430") {
			stays++
		}
	}
	if stays != 3 || g.Server().RoomSize("user:44") != 3 {
		t.Errorf("%d stay, and %d are in the user's room; want 3", stays, g.Server().RoomSize("user:44"))
	}
}

func TestExpiry(t *testing.T) {
	g := start(t, Config{})
	short := enter(t, g, `{"sub":"1","ttl":3}`)
	stays := enter(t, g, `{"sub":"2","ttl":3}`)
	refreshed := stays.emit(fmt.Sprintf(`"refresh",%q`, token(t, `{"sub":"2","ttl":3600,"rooms":["new"]}`)))
	if want := fmt.Sprintf(`{"user":"2","expires":%d}`, visitorIn(t, g, stays.id).Grant().Expires.Unix()); refreshed != want {
		t.Errorf("refresh is acknowledged with %s, want %s", refreshed, want)
	}
	stays.wants(`"join","new"`, `{"room":"new"}`)
	if said := short.ends(); len(said) != 2 || said[0] != `42["expired"]` || said[1] != "41" {
		t.Errorf("at its end it is told %q", said)
	}
	stays.wantsError(fmt.Sprintf(`"refresh",%q`, token(t, `{"sub":"1"}`)), access.CodeUser)
	stays.wantsError(`"refresh","x"`, access.CodeMalformed)
	stays.wantsError(`"refresh"`, codeArguments)
	stays.silent()
}

// visitorIn is what a gateway knows of a socket.
func visitorIn(t *testing.T, g *Gateway, id string) *visitor {
	t.Helper()
	s, err := g.Server().Socket(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return visitorOf(s)
}

// TestWhoLeavesIsForgotten: nothing is kept of sockets that have left before their tokens expire.
func TestWhoLeavesIsForgotten(t *testing.T) {
	g := start(t, Config{})
	for range 20 {
		enter(t, g, `{"sub":"1","join":["a"]}`).conn.Close()
	}
	eventually(t, "all are forgotten", func() bool {
		g.expiries.mu.Lock()
		waiting := len(g.expiries.queue)
		g.expiries.mu.Unlock()
		g.users.mu.Lock()
		defer g.users.mu.Unlock()
		return waiting == 0 && len(g.users.sockets) == 0
	})
}

func TestReady(t *testing.T) {
	g := start(t, Config{})
	status, body := api(t, g, "GET", "/readyz", "")
	if status != 200 {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if err := g.Ready(); err != nil {
		t.Errorf("Ready = %v", err)
	}
}
