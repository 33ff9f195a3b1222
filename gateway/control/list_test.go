package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// decodeReply reads a reply that has succeeded.
func decodeReply[T any](t testing.TB, r reply) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || r.status != http.StatusOK {
		t.Fatalf("replied %d %s: %v", r.status, r.body, err)
	}
	return v
}

// pages follows a listing to its end.
func (s *system) pages(t *testing.T, key, path string) (all []string) {
	t.Helper()
	for cursor := ""; ; {
		page := decodeReply[struct {
			Rooms   []struct{ Name string }
			Sockets []struct{ SID string }
			Next    string
		}](t, s.ask(t, key, "GET", path+"&cursor="+cursor, ""))
		for _, r := range page.Rooms {
			all = append(all, r.Name)
		}
		for _, m := range page.Sockets {
			all = append(all, m.SID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.Sort(all)
	return all
}

func TestRooms(t *testing.T) {
	s := newSystem(t, nil)
	var acme, all []string
	for i := range 7 {
		room := fmt.Sprintf("acme:%d", i)
		acme = append(acme, room)
		s.connect(t, `{"user":"acme:u","join":["`+room+`","globex:`+room+`"]}`)
		all = append(all, room, "globex:"+room)
	}
	all = append(all, "user:acme:u")
	slices.Sort(all)
	for _, limit := range []string{"", "1", "3", "1000"} {
		path := "/v1/rooms?limit=" + limit
		if got := s.pages(t, fullKey, path); !slices.Equal(got, all) {
			t.Errorf("%s lists %q, want %q", path, got, all)
		}
		if got := s.pages(t, fullKey, path+"&prefix=acme:"); !slices.Equal(got, acme) {
			t.Errorf("%s with a prefix lists %q, want %q", path, got, acme)
		}
		if got := s.pages(t, acmeKey, path); !slices.Equal(got, append(slices.Clone(acme), "user:acme:u")) {
			t.Errorf("%s with a locked key lists %q", path, got)
		}
		if got := s.pages(t, acmeKey, path+"&prefix=globex:"); got != nil {
			t.Errorf("%s with a locked key and a foreign prefix lists %q", path, got)
		}
	}
	s.ask(t, fullKey, "GET", "/v1/rooms?prefix=user:", "").expect(t, 200, `{"rooms":[{"name":"user:acme:u","sockets":7}]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms?nsp=/admin", "").expect(t, 200, `{"rooms":[]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:1", "").expect(t, 200, `{"name":"acme:1","sockets":1}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/none", "").expect(t, 200, `{"name":"none","sockets":0}`)
}

func TestRoomMembers(t *testing.T) {
	s := newSystem(t, nil)
	var sids []string
	for i := range 9 {
		c := s.connect(t, fmt.Sprintf(`{"user":"u%d","join":["acme:x"],"data":{"n":1.0,"z":2,"a":3}}`, i%2))
		sids = append(sids, c.sid)
	}
	slices.Sort(sids)
	for _, limit := range []string{"1", "4", "9", "1000"} {
		if got := s.pages(t, fullKey, "/v1/rooms/acme:x/sockets?limit="+limit); !slices.Equal(got, sids) {
			t.Errorf("pages of %s list %q, want %q", limit, got, sids)
		}
	}
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:x/users", "").
		expect(t, 200, `{"users":[{"user":"u0","sockets":5},{"user":"u1","sockets":4}],"anonymous":0}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/none/users", "").expect(t, 200, `{"users":[],"anonymous":0}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/none/sockets", "").expect(t, 200, `{"sockets":[]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:x/sockets?nsp=/admin", "").expect(t, 200, `{"sockets":[]}`)

	one := s.connect(t, `{"join":["acme:y"]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:y/sockets", "").
		expect(t, 200, `{"sockets":[{"sid":"`+one.sid+`","since":"2020-09-13T12:26:40Z"}]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:y/users", "").expect(t, 200, `{"users":[],"anonymous":1}`)
}

func TestSocketAndUser(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"ann","join":["acme:x","acme:a"],"data":{"z":1.0}}`)
	s.connect(t, `{"user":"ann"}`)
	s.ask(t, fullKey, "GET", "/v1/sockets/"+ann.sid, "").expect(t, 200,
		`{"sid":"`+ann.sid+`","user":"ann","since":"2020-09-13T12:26:40Z","data":{"z":1.0},"nsp":"/","rooms":["acme:a","acme:x","user:ann"],`+
			`"transport":"websocket","address":"192.0.2.7","rtt":0,"queued_bytes":0}`)
	s.ask(t, fullKey, "GET", "/v1/users/ann", "").expect(t, 200, `{"user":"ann","online":true,"sockets":2}`)
	s.ask(t, fullKey, "GET", "/v1/users/zoe", "").expect(t, 200, `{"user":"zoe","online":false,"sockets":0}`)
	s.ask(t, fullKey, "GET", "/v1/users/ann?nsp=/admin", "").expect(t, 200, `{"user":"ann","online":false,"sockets":0}`)
	s.ask(t, fullKey, "POST", "/v1/users/online", `{"users":["zoe","ann","bob","ann"]}`).expect(t, 200, `{"online":["ann","ann"]}`)
	s.ask(t, fullKey, "POST", "/v1/users/online", `{"users":["ann"],"nsp":"/admin"}`).expect(t, 200, `{"online":[]}`)
	s.ask(t, fullKey, "POST", "/v1/users/online?nsp=/admin", `{"users":["ann"]}`).expect(t, 200, `{"online":[]}`)
}

// TestCursors: a cursor means something to its own listing alone.
func TestCursors(t *testing.T) {
	s := newSystem(t, nil)
	for range 3 {
		s.connect(t, `{"join":["acme:x","acme:y","acme:z"]}`)
	}
	next := func(key, path string) string {
		c := decodeReply[struct{ Next string }](t, s.ask(t, key, "GET", path, "")).Next
		if c == "" || strings.Contains(c, ":") {
			t.Fatalf("the cursor is %q", c)
		}
		return c
	}
	rooms, locked := next(fullKey, "/v1/rooms?limit=1"), next(acmeKey, "/v1/rooms?limit=1")
	members := next(fullKey, "/v1/rooms/acme:x/sockets?limit=1")
	for _, path := range []string{
		"/v1/rooms?cursor=x", "/v1/rooms?cursor=0", "/v1/rooms?cursor=" + locked, "/v1/rooms?cursor=" + members, "/v1/rooms?nsp=/admin&cursor=" + rooms,
		"/v1/rooms?cursor=" + rooms[1:], "/v1/rooms?cursor=" + rooms + "A",
		"/v1/rooms/acme:y/sockets?cursor=" + members, "/v1/rooms/acme:x/sockets?cursor=" + rooms, "/v1/rooms/acme:x/users?cursor=0:1",
	} {
		s.ask(t, fullKey, "GET", path, "").fails(t, http.StatusBadRequest, "cursor_invalid", "cursor")
	}
	s.ask(t, acmeKey, "GET", "/v1/rooms?cursor="+rooms, "").fails(t, http.StatusBadRequest, "cursor_invalid", "cursor")
	if r := s.ask(t, fullKey, "GET", "/v1/rooms/acme:x/users?cursor="+members, ""); r.status != http.StatusOK {
		t.Errorf("the cursor of a room's sockets is none of its users: %s", r.body)
	}
}

// TestRoomsOfManyOthers: a locked key learns nothing of the rooms of others by how its pages end, be they more than another listing
// looks at for a page.
func TestRoomsOfManyOthers(t *testing.T) {
	s := newSystem(t, nil)
	s.connect(t, `{"join":["globex:x"]}`)
	others := make([]string, pageWalkMax+10*pageStep)
	for i := range others {
		others[i] = fmt.Sprintf("globex:%d", i)
	}
	if err := s.io.To("globex:x").SocketsJoin(others...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.io.To("globex:x").Count(t.Context()); err != nil { // which comes behind it
		t.Fatal(err)
	}
	s.ask(t, acmeKey, "GET", "/v1/rooms", "").expect(t, 200, `{"rooms":[]}`)
	s.connect(t, `{"join":["acme:1","acme:2"]}`)
	s.ask(t, acmeKey, "GET", "/v1/rooms?limit=2", "").expect(t, 200, `{"rooms":[{"name":"acme:1","sockets":1},{"name":"acme:2","sockets":1}]}`)
	first := decodeReply[roomsReply](t, s.ask(t, acmeKey, "GET", "/v1/rooms?limit=1", ""))
	if len(first.Rooms) != 1 || first.Next == "" {
		t.Fatalf("the first page is %+v", first)
	}
	last := decodeReply[roomsReply](t, s.ask(t, acmeKey, "GET", "/v1/rooms?limit=1&cursor="+first.Next, ""))
	if len(last.Rooms) != 1 || last.Next != "" || last.Rooms[0].Name == first.Rooms[0].Name {
		t.Fatalf("the pages are %+v and %+v", first, last)
	}
	if got := s.pages(t, fullKey, "/v1/rooms?limit=1&prefix=acme:"); !slices.Equal(got, []string{"acme:1", "acme:2"}) {
		t.Errorf("listed %q", got)
	}
	none := decodeReply[roomsReply](t, s.ask(t, fullKey, "GET", "/v1/rooms?prefix=nobody:", ""))
	if len(none.Rooms) != 0 || none.Next == "" {
		t.Errorf("a page of a key that is not locked has looked at all rooms: %+v", none)
	}
}

// TestListRoomsInTime: a walk that takes too long is given up.
func TestListRoomsInTime(t *testing.T) {
	s := newSystem(t, nil)
	var rooms []string
	for i := range 10 * pageStep {
		rooms = append(rooms, fmt.Sprintf(`"globex:%d"`, i))
	}
	s.connect(t, `{"join":[`+strings.Join(rooms, ",")+`]}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	locked, _ := s.api.cfg.Keys.find(acmeKey)
	if found, next, err := locked.listRooms(ctx, s.api.main, &roomsInput{Limit: 1}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("listed %v, %q, %v", found, next, err)
	}
}

func TestSockets(t *testing.T) {
	s := newSystem(t, nil)
	var all, inRoom, ofUser []string
	for i := range 8 {
		c := s.connect(t, fmt.Sprintf(`{"user":"acme:u%d","join":["acme:r%d"]}`, i%4, i%2))
		all = append(all, c.sid)
		if i%2 == 1 {
			inRoom = append(inRoom, c.sid)
		}
		if i%4 == 3 {
			ofUser = append(ofUser, c.sid)
		}
	}
	s.connectTo(t, "/admin", `{"user":"acme:u3","join":["acme:r1"]}`)
	for _, sids := range [][]string{all, inRoom, ofUser} {
		slices.Sort(sids)
	}
	for _, tc := range []struct {
		name, key, query string
		want             []string
	}{
		{"all", fullKey, "", all},
		{"of a room", fullKey, "&room=acme:r1", inRoom},
		{"of a user", fullKey, "&user=acme:u3", ofUser},
		{"of a socket's own room", fullKey, "&room=" + all[0], nil},
		{"of nobody", fullKey, "&user=nobody", nil},
		{"of a room, with a locked key", acmeKey, "&room=acme:r1", inRoom},
		{"of a user, with a locked key", acmeKey, "&user=acme:u3", ofUser},
	} {
		for _, limit := range []string{"1", "3", "1000"} {
			if got := s.pages(t, tc.key, "/v1/sockets?limit="+limit+tc.query); !slices.Equal(got, tc.want) {
				t.Errorf("%s, in pages of %s: %q, want %q", tc.name, limit, got, tc.want)
			}
		}
	}
	s.ask(t, fullKey, "GET", "/v1/sockets?user=acme:u3&room=acme:r1", "").fails(t, 400, "field_conflict", "user")
	s.ask(t, fullKey, "GET", "/v1/sockets?room=*", "").fails(t, 400, "room_name_invalid", "room")
	s.ask(t, fullKey, "GET", "/v1/sockets?user=*", "").fails(t, 400, "user_invalid", "user")
	s.ask(t, fullKey, "GET", "/v1/sockets?nsp=/none", "").fails(t, 400, "namespace_unknown", "nsp")
	s.ask(t, fullKey, "GET", "/v1/sockets?cursor=0:1", "").fails(t, 400, "cursor_invalid", "cursor")
}

// TestSocketWithoutMember: of a socket that nobody has said anything about there is what its connection began with.
func TestSocketWithoutMember(t *testing.T) {
	s := newSystem(t, nil)
	c := s.connect(t, `{"join":["acme:x"]}`)
	socket, err := s.io.Socket(t.Context(), c.sid)
	if err != nil {
		t.Fatal(err)
	}
	socket.SetData(nil)
	got := decodeReply[struct {
		SID, User, Address string
		Since              time.Time
	}](t, s.ask(t, fullKey, "GET", "/v1/sockets/"+c.sid, ""))
	if got.SID != c.sid || got.User != "" || !strings.HasPrefix(got.Address, "127.0.0.1") || time.Since(got.Since) > time.Hour {
		t.Errorf("the socket is %+v", got)
	}
	s.ask(t, fullKey, "GET", "/v1/rooms/acme:x/users", "").expect(t, 200, `{"users":[],"anonymous":1}`)
}

// TestDefaultNamespace: the first namespace is meant by requests that name none.
func TestDefaultNamespace(t *testing.T) {
	s := newSystem(t, func(c *Config) { c.Namespaces = []string{"/admin", "/"} })
	admin := s.connectTo(t, "/admin", `{"join":["x"]}`)
	s.ask(t, fullKey, "POST", "/v1/emit", `{"event":"a","to":"x"}`).expect(t, 200, delivered(1))
	admin.expect(`["a"]`)
	s.ask(t, fullKey, "GET", "/v1/rooms?nsp=/", "").expect(t, 200, `{"rooms":[]}`)
	s.ask(t, fullKey, "GET", "/v1/rooms", "").expect(t, 200, `{"rooms":[{"name":"x","sockets":1}]}`)
}
