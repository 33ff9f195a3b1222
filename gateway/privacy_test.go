package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lockedKey may do everything that there is, within one workspace.
const lockedKey = "key-of-the-workspace-acme-alone"

// twoWorkspaces runs a gateway with a client in each of two workspaces, and a key of the control API for one of them.
func twoWorkspaces(t *testing.T) (g *Gateway, ann, gus *client) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.yaml")
	keys := `keys: [{name: acme, key: ` + lockedKey + `, scopes: [publish, read, manage], rooms: ["ws:acme", "ws:acme:*"]}]`
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	g = start(t, Config{APIKeyFile: file, Pprof: true})
	ann = enter(t, g, `{"sub":"ann","join":["ws:acme"],"rooms":["ws:acme:*"],"emit":["ws:acme","ws:acme:*"]}`)
	gus = enter(t, g, `{"sub":"gus","join":["ws:globex","ws:globex:board"],"rooms":["ws:globex:*"],"emit":["ws:globex"]}`)
	return g, ann, gus
}

// untouched wants the other workspace to be as it was, and wants what its backend says to reach it alone.
func untouched(t *testing.T, g *Gateway, ann, gus *client) {
	t.Helper()
	gus.silent()
	ann.silent()
	s, err := g.Server().Socket(t.Context(), gus.id)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{gus.id, "user:gus", "ws:globex", "ws:globex:board"}
	slices.Sort(want)
	if rooms, err := s.Rooms(t.Context()); err != nil || !slices.Equal(rooms, want) {
		t.Errorf("the other one is in %q, %v; want %q", rooms, err, want)
	}
	for _, to := range []string{"ws:globex", "ws:globex:board", "user:gus", gus.id} {
		_ = g.Server().To(to).Emit("secret", to)
		gus.expect(fmt.Sprintf(`42["secret",%q]`, to))
	}
	ann.silent()
}

// roomTricks are names by which a client of ws:acme might hope to come into a room of ws:globex.
func roomTricks(gus *client) []string {
	return []string{
		`"ws:globex"`, `"ws:globex:board"`, `"ws:globex:"`, `"ws:globex:*"`, `"ws:*"`, `"*"`, `""`, `"ws:"`, `":"`, `"ws"`,
		`"WS:GLOBEX"`, `"Ws:Globex"`, `"WS:ACME"`, `"ws:acmE"`, // case
		`"ws:ɡlobex"`, `"ws:gl\u043ebex"`, `"ws\uff1aglobex"`, `"ws:globex\u200b"`, `"\ufeffws:globex"`, `"ws:glo\u0301bex"`, `"\u202ews:globex"`, // look-alikes
		`" ws:globex"`, `"ws:globex "`, `"ws:globex\u0000"`, `"\u0000ws:globex"`, `"ws:acme\u0000:ws:globex"`, `"ws:acme\n"`, `"ws:acme\u0085x"`,
		`"ws:acme/../ws:globex"`, `"ws:acme,ws:globex"`, `"ws:acme|ws:globex"`, `"ws:acme*"`, `"ws:acme:*"`, `"ws:acmecorp"`, `"ws:acme:"`,
		`"user:gus"`, `"user:"`, `"user:ann:"`, `"user:*"`, `"USER:gus"`, `"user:Ann"`, `"` + gus.id + `"`, `"` + strings.ToLower(gus.id) + `"`,
		`["ws:acme","ws:globex"]`, `{"room":"ws:globex"}`, `["ws:acme:x"]`, `5`, `true`, `null`, `{}`, `"__proto__"`, `"` + strings.Repeat("ws:globex", 40) + `"`,
	}
}

// TestClientsStayInTheirWorkspace is a table of attempts by a client of one workspace on another one.
func TestClientsStayInTheirWorkspace(t *testing.T) {
	g, ann, gus := twoWorkspaces(t)
	refused := func(event string) {
		t.Helper()
		if ack := ann.emit(event); !strings.HasPrefix(ack, `{"error":{"code":"`) {
			t.Errorf("%s is acknowledged with %s", event, ack)
		}
	}
	for _, room := range roomTricks(gus) {
		refused(`"join",` + room)
		refused(`"who",` + room)
		refused(`"emit",` + room + `,"client:spam"`)
	}
	for _, id := range []string{gus.id, "user:gus", "ws:globex", "ws:acme:*", ann.id[:19] + "!"} {
		refused(fmt.Sprintf(`"direct",%q,"client:spam"`, id))
	}
	refused(fmt.Sprintf(`"refresh",%q`, token(t, `{"sub":"gus","join":["ws:globex"]}`)))
	refused(fmt.Sprintf(`"refresh",%q`, token(t, `{"join":["ws:globex"]}`)))
	for _, event := range []string{"invoice.paid", "expired", "connect", "disconnect", "connect_error", "disconnecting", "newListener"} {
		refused(fmt.Sprintf(`"emit","ws:acme",%q`, event)) // nor may it pretend to be the backend
	}
	untouched(t, g, ann, gus)
	// By the rules of names a room of its own workspace may look as if it were of another; that is all it is.
	ann.wants(`"join","ws:acme:ws:globex"`, `{"room":"ws:acme:ws:globex"}`)
	untouched(t, g, ann, gus)
}

// TestKeysStayInTheirWorkspace is a table of attempts by a backend whose key is locked to one workspace.
func TestKeysStayInTheirWorkspace(t *testing.T) {
	g, ann, gus := twoWorkspaces(t)
	sid := gus.id
	for _, try := range []struct {
		method, path, body string
		want               int    // 200: it works, and says:
		says               string // among more
	}{
		{"POST", "/v1/emit", `{"event":"x","to":"ws:globex"}`, 403, ""},
		{"POST", "/v1/emit", `{"event":"x","to":["ws:acme","ws:globex"]}`, 403, ""},
		{"POST", "/v1/emit", `{"event":"x","to":["ws:acme"],"except":["ws:globex"]}`, 403, ""}, // the count would tell who is in both
		{"POST", "/v1/emit", `{"event":"x","to":"*"}`, 403, ""},
		{"POST", "/v1/emit", `{"event":"x","to":"ws:acme:*"}`, 400, ""},
		{"POST", "/v1/emit", `{"event":"x","to":"WS:ACME"}`, 403, ""},
		{"POST", "/v1/emit", `{"event":"x","to":"user:gus"}`, 403, ""},
		{"POST", "/v1/emit", `{"event":"x","to":"` + sid + `"}`, 200, `"matched":0`},
		{"POST", "/v1/emit?ack=5s", `{"event":"x","to":"` + sid + `"}`, 200, `"acks":[]`},
		{"POST", "/v1/emit", `{"event":"x"}`, 400, ""},
		{"POST", "/v1/emit", `{"event":"x","to":[]}`, 400, ""},
		{"POST", "/v1/emit", `{"event":"x","to":null}`, 400, ""},
		{"POST", "/v1/broadcast", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/rooms/ws:globex/emit", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/rooms/ws%3Aglobex/emit", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/rooms/ws:acme%2F..%2Fws:globex/emit", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/rooms/" + sid + "/emit", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/sockets/" + sid + "/emit", `{"event":"x"}`, 200, `"matched":0`},
		{"POST", "/v1/sockets/" + sid + "/emit?required=1", `{"event":"x"}`, 404, ""},
		{"POST", "/v1/sockets/ws:globex/emit", `{"event":"x"}`, 0, ""},
		{"POST", "/v1/users/gus/emit", `{"event":"x"}`, 403, ""},
		{"POST", "/v1/join", `{"in":["ws:globex"],"rooms":["ws:acme"]}`, 403, ""},
		{"POST", "/v1/join", `{"in":["` + sid + `"],"rooms":["ws:acme"]}`, 200, `"matched":0`},
		{"POST", "/v1/join", `{"in":["` + ann.id + `"],"rooms":["ws:globex"]}`, 403, ""},
		{"POST", "/v1/join", `{"in":["` + ann.id + `"],"rooms":["user:gus"]}`, 403, ""},
		{"POST", "/v1/join", `{"in":["` + ann.id + `"],"rooms":["` + sid + `"]}`, 0, ""},
		{"POST", "/v1/leave", `{"in":["ws:globex"],"rooms":["ws:globex"]}`, 403, ""},
		{"POST", "/v1/leave", `{"in":["` + sid + `"],"rooms":["ws:acme"]}`, 200, `"matched":0`},
		{"PUT", "/v1/rooms/ws:acme/sockets/" + sid, ``, 404, ""},
		{"PUT", "/v1/rooms/ws:globex/sockets/" + ann.id, ``, 403, ""},
		{"DELETE", "/v1/rooms/ws:globex/sockets/" + sid, ``, 403, ""},
		{"POST", "/v1/disconnect", `{"in":["ws:globex"]}`, 403, ""},
		{"POST", "/v1/disconnect", `{"in":["` + sid + `"]}`, 200, `"matched":0`},
		{"POST", "/v1/disconnect", `{"in":"*"}`, 0, ""},
		{"DELETE", "/v1/sockets/" + sid, ``, 404, ""},
		{"DELETE", "/v1/users/gus/sockets", ``, 403, ""},
		{"DELETE", "/v1/rooms/ws:globex", ``, 403, ""},
		{"GET", "/v1/rooms/ws:globex", ``, 403, ""},
		{"GET", "/v1/rooms/ws:globex/sockets", ``, 403, ""},
		{"GET", "/v1/rooms/ws:globex/users", ``, 403, ""},
		{"GET", "/v1/sockets/" + sid, ``, 404, ""},
		{"GET", "/v1/users/gus", ``, 403, ""},
		{"GET", "/v1/rooms", ``, 200, `"rooms":[{"name":"ws:acme","sockets":1}]`},
		{"GET", "/v1/rooms?prefix=ws:globex", ``, 200, `"rooms":[]`},
		{"POST", "/v1/users/online", `{"users":["gus"]}`, 403, ""},
		{"POST", "/v1/drain", ``, 403, ""},
		{"GET", "/v1/stats", ``, 403, ""},
		{"GET", "/debug/pprof/heap", ``, 403, ""},
		{"POST", "/v1/batch", `{"items":[{"op":"emit","event":"x","to":"ws:globex"}]}`, 200, `"status":403`},
	} {
		status, body := askWith(t, g, lockedKey, try.method, try.path, try.body)
		switch {
		case try.want == 0 && status >= 200 && status < 300 && !strings.Contains(body, `"matched":0`):
			t.Errorf("%s %s %s: %d %s, want that it has no effect", try.method, try.path, try.body, status, body)
		case try.want != 0 && status != try.want || !strings.Contains(body, try.says):
			t.Errorf("%s %s %s: %d %s, want %d %s", try.method, try.path, try.body, status, body, try.want, try.says)
		}
	}
	ann.silent()
	untouched(t, g, ann, gus)
	status, body := askWith(t, g, lockedKey, "POST", "/v1/emit", `{"event":"hello","to":"ws:acme"}`) // its own it does reach
	if status != 200 || !strings.Contains(body, `"matched":1`) {
		t.Errorf("%d %s", status, body)
	}
	ann.expect(`42["hello"]`)
	for _, key := range []string{"", "wrong", lockedKey + "x", lockedKey[:len(lockedKey)-1], strings.ToUpper(lockedKey)} {
		if status, body := askWith(t, g, key, "GET", "/v1/rooms", ""); status != 401 {
			t.Errorf("the key %q: %d %s", key, status, body)
		}
	}
}

// askWith makes a request with a key.
func askWith(t *testing.T, g *Gateway, key, method, path, body string) (int, string) {
	t.Helper()
	u, err := url.Parse("http://" + g.APIAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do((&http.Request{
		Method: method, URL: u, Header: http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
