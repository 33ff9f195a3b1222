package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTenants has a key that is locked to acme:* try each operation on what is globex's. It must be refused, by the names
// alone, or be told what it would be told if there were no globex: each request is made to a server with globex's clients and
// to one without, and the replies must be the same.
func TestTenants(t *testing.T) {
	all := func(c *Config) {
		c.Drain = func(time.Duration) { t.Error("drained") }
		c.Metrics = http.NotFoundHandler()
	}
	with, without := newSystem(t, all), newSystem(t, all)
	globex := []*client{
		with.connect(t, `{"user":"globex:eve","join":["globex:x","globex-board-20-chars","acme","acmecorp:x","ACME:x","user:acme"]}`),
		with.connect(t, `{"user":"mallory","join":["globex:y"]}`),
	}
	both := with.connect(t, `{"user":"acme:ann","join":["acme:x","globex:both"]}`) // who is a member of both workspaces
	alike := without.connect(t, `{"user":"acme:ann","join":["acme:x"]}`)
	foreign := globex[0].sid

	covered := map[string]bool{}
	for _, tc := range []struct {
		operation, request, body string
		status                   int
		code                     string // "": what there is to see is the same
	}{
		{"emit", "POST /v1/emit", `{"event":"a","to":"globex:x"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":["acme:x","globex:x"]}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"globex:nobody"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"*"}`, 403, "key_locked"},
		{"emit", "POST /v1/emit", `{"event":"a","to":["*"]}`, 403, "key_locked"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme:*"}`, 400, "room_name_invalid"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"acmecorp:x"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"ACME:x"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"\u0430cme:x"}`, 403, "room_forbidden"}, // a Cyrillic letter
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme\u003a"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme:x\u0000"}`, 400, "room_name_invalid"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"user:mallory"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"user:acme"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme:x","except":"globex:both"}`, 403, "room_forbidden"},
		{"emit", "POST /v1/emit", `{"event":"a","to":"` + foreign + `"}`, 200, ""},
		{"emit", "POST /v1/emit", `{"event":"a","to":"globex-board-20-char"}`, 200, ""}, // which looks like a socket id
		{"emit", "POST /v1/emit", `{"event":"a","to":"acme:x","except":"` + foreign + `"}`, 200, ""},
		{"emit", "POST /v1/emit?ack=1s", `{"event":"a","to":"` + foreign + `"}`, 200, ""},
		{"emit", "POST /v1/emit?ack=1s", `{"event":"a","to":"globex:x"}`, 403, "room_forbidden"},
		{"rooms.emit", "POST /v1/rooms/globex:x/emit", `{"event":"a"}`, 403, "room_forbidden"},
		{"rooms.emit", "POST /v1/rooms/acme:x/emit", `{"event":"a","except":["globex:both"]}`, 403, "room_forbidden"},
		{"sockets.emit", "POST /v1/sockets/" + foreign + "/emit", `{"event":"a"}`, 200, ""},
		{"sockets.emit", "POST /v1/sockets/" + foreign + "/emit?required=1", `{"event":"a"}`, 404, "socket_unknown"},
		{"sockets.emit", "POST /v1/sockets/" + foreign + "/emit?ack=1s", `{"event":"a"}`, 200, ""},
		{"users.emit", "POST /v1/users/mallory/emit", `{"event":"a"}`, 403, "user_forbidden"},
		{"users.emit", "POST /v1/users/globex:eve/emit", `{"event":"a"}`, 403, "user_forbidden"},
		{"users.emit", "POST /v1/users/nobody/emit", `{"event":"a"}`, 403, "user_forbidden"},
		{"broadcast", "POST /v1/broadcast", `{"event":"a"}`, 403, "key_locked"},
		{"broadcast", "POST /v1/broadcast?nsp=/admin", `{"event":"a"}`, 403, "key_locked"},
		{"batch", "POST /v1/batch", `{"items":[{"op":"emit","event":"a","to":"globex:x"},{"op":"emit","event":"a","to":"` + foreign + `"},{"op":"broadcast","event":"a"},` +
			`{"op":"join","in":"globex:x","rooms":"acme:x"},{"op":"disconnect","in":["` + foreign + `"]},{"op":"leave","in":"globex:x","rooms":"globex:x"}]}`, 200, ""},
		{"join", "POST /v1/join", `{"in":["globex:x"],"rooms":["acme:x"]}`, 403, "room_forbidden"},
		{"join", "POST /v1/join", `{"in":["acme:x"],"rooms":["globex:x"]}`, 403, "room_forbidden"},
		{"join", "POST /v1/join", `{"in":["acme:x"],"rooms":["` + foreign + `"]}`, 403, "room_forbidden"},
		{"join", "POST /v1/join", `{"in":["` + foreign + `"],"rooms":["acme:x"]}`, 200, ""},
		{"join", "POST /v1/join", `{"in":["*"],"rooms":["acme:x"]}`, 400, "room_name_invalid"},
		{"leave", "POST /v1/leave", `{"in":["globex:x"],"rooms":["globex:x"]}`, 403, "room_forbidden"},
		{"leave", "POST /v1/leave", `{"in":["acme:x"],"rooms":["globex:both"]}`, 403, "room_forbidden"},
		{"leave", "POST /v1/leave", `{"in":["` + foreign + `"],"rooms":["acme:x"]}`, 200, ""},
		{"disconnect", "POST /v1/disconnect", `{"in":["globex:x"]}`, 403, "room_forbidden"},
		{"disconnect", "POST /v1/disconnect", `{"in":["` + foreign + `"],"close":true}`, 200, ""},
		{"rooms.sockets.put", "PUT /v1/rooms/acme:x/sockets/" + foreign, "", 404, "socket_unknown"},
		{"rooms.sockets.put", "PUT /v1/rooms/globex:x/sockets/$own", "", 403, "room_forbidden"},
		{"rooms.sockets.delete", "DELETE /v1/rooms/acme:x/sockets/" + foreign, "", 404, "socket_unknown"},
		{"rooms.sockets.delete", "DELETE /v1/rooms/globex:both/sockets/$own", "", 403, "room_forbidden"},
		{"rooms.delete", "DELETE /v1/rooms/globex:x", "", 403, "room_forbidden"},
		{"sockets.delete", "DELETE /v1/sockets/" + foreign, "", 404, "socket_unknown"},
		{"users.sockets.delete", "DELETE /v1/users/mallory/sockets", "", 403, "user_forbidden"},
		{"rooms.list", "GET /v1/rooms", "", 200, ""},
		{"rooms.list", "GET /v1/rooms?prefix=globex:", "", 200, ""},
		{"rooms.list", "GET /v1/rooms?prefix=user:", "", 200, ""},
		{"rooms.get", "GET /v1/rooms/globex:x", "", 403, "room_forbidden"},
		{"rooms.get", "GET /v1/rooms/" + foreign, "", 403, "room_forbidden"},
		{"rooms.sockets.list", "GET /v1/rooms/globex:x/sockets", "", 403, "room_forbidden"},
		{"rooms.users.list", "GET /v1/rooms/globex:x/users", "", 403, "room_forbidden"},
		{"sockets.list", "GET /v1/sockets", "", 403, "key_locked"},
		{"sockets.list", "GET /v1/sockets?room=globex:x", "", 403, "room_forbidden"},
		{"sockets.list", "GET /v1/sockets?room=" + foreign, "", 403, "room_forbidden"},
		{"sockets.list", "GET /v1/sockets?user=mallory", "", 403, "user_forbidden"},
		{"sockets.list", "GET /v1/sockets?room=acme:x", "", 200, ""},
		{"sockets.list", "GET /v1/sockets?user=acme:ann", "", 200, ""},
		{"sockets.get", "GET /v1/sockets/" + foreign, "", 404, "socket_unknown"},
		{"sockets.get", "GET /v1/sockets/$own", "", 200, ""}, // without the rooms of globex that it is in
		{"users.get", "GET /v1/users/mallory", "", 403, "user_forbidden"},
		{"users.get", "GET /v1/users/nobody", "", 403, "user_forbidden"},
		{"users.online", "POST /v1/users/online", `{"users":["acme:ann","mallory"]}`, 403, "user_forbidden"},
		{"users.online", "POST /v1/users/online", `{"users":["acme:ann","acme:bob"]}`, 200, ""},
		{"stats", "GET /v1/stats", "", 403, "key_locked"},
		{"drain", "POST /v1/drain", "", 403, "key_locked"},
		{"metrics", "GET /metrics", "", 403, "key_locked"},
		{"health", "GET /healthz", "", 200, ""},
		{"ready", "GET /readyz", "", 200, ""},
		{"openapi", "GET /openapi.json", "", 200, ""},
	} {
		covered[tc.operation] = true
		t.Run(tc.request+" "+tc.body, func(t *testing.T) {
			method, path, _ := strings.Cut(tc.request, " ")
			seen := with.ask(t, acmeKey, method, strings.ReplaceAll(path, "$own", both.sid), tc.body)
			other := without.ask(t, acmeKey, method, strings.ReplaceAll(path, "$own", alike.sid), tc.body)
			if seen.status != tc.status || tc.code != "" && !strings.Contains(seen.body, `"code":"`+tc.code+`"`) {
				t.Fatalf("replied %d %s, want %d %s", seen.status, seen.body, tc.status, tc.code)
			}
			a, b := strings.ReplaceAll(seen.body, both.sid, "OWN"), strings.ReplaceAll(other.body, alike.sid, "OWN")
			if a != b || seen.status != other.status || fmt.Sprint(seen.header["Content-Length"]) != fmt.Sprint(other.header["Content-Length"]) {
				t.Fatalf("with globex it is\n%d %s\nwithout\n%d %s", seen.status, a, other.status, b)
			}
		})
	}
	// The one event that is allowed has reached the one who is in acme:x, and nothing has reached globex.
	both.expect(`["a"]`)
	alike.expect(`["a"]`)
	with.silent(append(globex, both)...)
	for i, rooms := range []string{"ACME:x acme acmecorp:x globex-board-20-chars globex:x user:acme user:globex:eve", "globex:y user:mallory", "acme:x globex:both user:acme:ann"} {
		c := append(globex, both)[i]
		if got := strings.Join(with.roomsOf(t, c), " "); got != rooms {
			t.Errorf("client %d is in %s, want %s", i, got, rooms)
		}
	}
	for _, id := range operationsOf(t, with.api) {
		if !covered[id] {
			t.Errorf("nobody has tried %s", id)
		}
	}
}

// operationsOf lists the operations of the OpenAPI document.
func operationsOf(t *testing.T, a *API) (ids []string) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(a.document, &doc); err != nil {
		t.Fatal(err)
	}
	for _, methods := range doc.Paths {
		for _, op := range methods {
			ids = append(ids, op.OperationID)
		}
	}
	if len(ids) < 20 {
		t.Fatalf("only %d operations", len(ids))
	}
	return ids
}

// TestTenantsOwn: what is acme's a locked key may do with all operations.
func TestTenantsOwn(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"acme:ann","join":["acme:x"]}`)
	for _, tc := range []struct {
		request, body string
		status        int
		reply         string
		event         string
	}{
		{"POST /v1/emit", `{"event":"1","to":["acme:x","user:acme:ann","` + ann.sid + `"]}`, 200, delivered(1), `["1"]`},
		{"POST /v1/emit", `{"event":"2","to":"` + ann.sid + `"}`, 200, delivered(1), `["2"]`},
		{"POST /v1/emit", `{"event":"3","to":"acme:x","except":"` + ann.sid + `"}`, 200, delivered(0), ""},
		{"POST /v1/emit", `{"event":"4","to":"acme:x","except":"user:acme:ann"}`, 200, delivered(0), ""},
		{"POST /v1/sockets/" + ann.sid + "/emit?required=1", `{"event":"5"}`, 200, delivered(1), `["5"]`},
		{"POST /v1/users/acme:ann/emit", `{"event":"6"}`, 200, delivered(1), `["6"]`},
		{"POST /v1/join", `{"in":["user:acme:ann"],"rooms":["acme:y"]}`, 200, `{"matched":1}`, ""},
		{"PUT /v1/rooms/acme:z/sockets/" + ann.sid, "", 204, "", ""},
		{"GET /v1/rooms/acme:z", "", 200, `{"name":"acme:z","sockets":1}`, ""},
		{"DELETE /v1/rooms/acme:z", "", 200, `{"matched":1}`, ""},
		{"GET /v1/users/acme:ann", "", 200, `{"user":"acme:ann","online":true,"sockets":1}`, ""},
		{"DELETE /v1/sockets/" + ann.sid, "", 204, "", ""},
	} {
		method, path, _ := strings.Cut(tc.request, " ")
		s.ask(t, acmeKey, method, path, tc.body).expect(t, tc.status, tc.reply)
		if tc.event != "" {
			ann.expect(tc.event)
		}
	}
	ann.gone()
}

// TestTenantsSocketID: X-Socket-Id of a locked key is its own socket or nothing, and no room that looks like one.
func TestTenantsSocketID(t *testing.T) {
	s := newSystem(t, nil)
	const foreignRoom = "globex-board-20-char"
	ann := s.connect(t, `{"user":"acme:ann","join":["acme:x","`+foreignRoom+`"]}`)
	emit := func(id string) reply {
		return s.ask(t, acmeKey, "POST", "/v1/rooms/acme:x/emit", `{"event":"a"}`, "X-Socket-Id: "+id)
	}
	emit(foreignRoom).expect(t, 200, delivered(1))
	ann.expect(`["a"]`)
	emit(ann.sid).expect(t, 200, delivered(0))
	emit("acme:x").fails(t, http.StatusBadRequest, "socket_id_invalid", "X-Socket-Id")
	s.silent(ann)
}

// TestManySocketsOfLockedKey names as many sockets as there may be: those that the key may use are found among all others.
func TestManySocketsOfLockedKey(t *testing.T) {
	s := newSystem(t, nil)
	var mine []*client
	var names []string
	for i := range TargetsMax {
		switch {
		case i%250 == 0:
			mine = append(mine, s.connect(t, `{"join":["acme:x"]}`))
			names = append(names, mine[len(mine)-1].sid)
		case i%250 == 1:
			names = append(names, s.connect(t, `{"join":["globex:x"]}`).sid)
		default:
			names = append(names, fmt.Sprintf("%018dAA", i))
		}
	}
	to, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	s.ask(t, acmeKey, "POST", "/v1/emit", `{"event":"a","to":`+string(to)+`}`).expect(t, 200, delivered(len(mine)))
	for _, c := range mine {
		c.expect(`["a"]`)
	}
	s.ask(t, acmeKey, "POST", "/v1/emit", `{"event":"a","to":"acme:x","except":`+string(to)+`}`).expect(t, 200, delivered(0))
	s.silent(mine...)
}
