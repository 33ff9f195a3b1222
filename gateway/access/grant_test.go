package access

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMayJoinAndMayEmit(t *testing.T) {
	member := &Grant{User: "42", Join: []string{"ws:acme", "user:7"}, Rooms: Patterns{"ws:acme:*"}, Emit: Patterns{"ws:acme:chat"}}
	support := &Grant{User: "1", Rooms: Patterns{"user:*"}, Emit: Patterns{"user:42"}}
	named := &Grant{Rooms: Patterns{"AAAA-bbbb_0123456789"}}
	dev := &Grant{Everything: true}
	devUser := &Grant{User: "42", Everything: true}
	for _, tc := range []struct {
		name       string
		grant      *Grant
		room       string
		join, emit bool
	}{
		{"no grant", nil, "ws:acme", false, false},
		{"an empty grant", &Grant{}, "ws:acme", false, false},
		{"an empty grant and the room of an empty user", &Grant{}, "user:", false, false},
		{"a room joined at connect", member, "ws:acme", true, false},
		{"a room of a pattern", member, "ws:acme:board-7", true, false},
		{"a room that may be emitted to", member, "ws:acme:chat", true, true},
		{"a room of others", member, "ws:globex", false, false},
		{"its own room", member, "user:42", true, false},
		{"the room of another user", member, "user:43", false, false},
		{"the room of another user that is listed", member, "user:7", true, false},
		{"a room below its own", member, "user:42:x", false, false},
		{"a pattern for a room", member, "ws:acme:*", false, false},
		{"the rooms of all users, by pattern", support, "user:99", true, false},
		{"the room of one user, by pattern", support, "user:42", true, true},
		{"a socket id that is listed", named, "AAAA-bbbb_0123456789", true, false},
		{"a socket id that is not", named, "AAAA-bbbb_0123456780", false, false},
		{"everything", dev, "ws:acme", true, true},
		{"everything, and a user", dev, "user:42", false, false},
		{"everything, and the room of an empty user", dev, "user:", false, false},
		{"everything, and a socket id", dev, "AAAA-bbbb_0123456789", false, false},
		{"everything, and no name", dev, "*", false, false},
		{"everything, and its own room", devUser, "user:42", true, true},
		{"everything, and the room of another user", devUser, "user:43", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.grant.MayJoin(tc.room); got != tc.join {
				t.Errorf("MayJoin(%q) = %v", tc.room, got)
			}
			if got := tc.grant.MayEmit(tc.room); got != tc.emit {
				t.Errorf("MayEmit(%q) = %v", tc.room, got)
			}
		})
	}
}

// TestNoPatternMeansSocketIDs: a prefix has a ':', and a socket id has none.
func TestNoPatternMeansSocketIDs(t *testing.T) {
	for _, p := range []string{"A:*", ":*", "AAAA-bbbb_:*"} {
		g, err := NewGrant("", nil, []string{p}, []string{p}, nil, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if g.MayJoin("AAAA-bbbb_0123456789") || g.MayEmit("AAAA-bbbb_0123456789") {
			t.Errorf("%q means a socket id", p)
		}
	}
}

func TestNewGrant(t *testing.T) {
	join, expires := []string{"ws:acme"}, time.Unix(1_800_000_000, 0)
	data := json.RawMessage(` { "name" : "Ann" } `)
	g, err := NewGrant("42", join, []string{"ws:acme:*"}, []string{"ws:acme:chat"}, data, expires)
	if err != nil {
		t.Fatal(err)
	}
	join[0], data[3] = "ws:globex", 'x' // the grant has its own
	if g.User != "42" || !slices.Equal(g.Join, []string{"ws:acme"}) || !slices.Equal(g.Rooms, Patterns{"ws:acme:*"}) ||
		!slices.Equal(g.Emit, Patterns{"ws:acme:chat"}) || string(g.Data) != `{"name":"Ann"}` || !g.Expires.Equal(expires) || g.Everything {
		t.Errorf("NewGrant = %+v", g)
	}
}

func TestNewGrantRefuses(t *testing.T) {
	many := slices.Repeat([]string{"ws:acme"}, 101)
	for _, tc := range []struct {
		name              string
		user              string
		join, rooms, emit []string
		data              string
		want              error
		part              string
	}{
		{"a user", "4\n2", nil, nil, nil, "", ErrNameControl, "sub: "},
		{"a room to join", "", []string{"ws:acme", "ws:*"}, nil, nil, "", ErrNameStar, "join[1]: "},
		{"an empty room to join", "", []string{""}, nil, nil, "", ErrRoomBytes, "join[0]: "},
		{"a pattern of rooms", "", nil, []string{"*"}, nil, "", ErrPatternStar, "rooms[0]: "},
		{"a pattern to emit to", "", nil, nil, []string{" x"}, "", ErrNameSpace, "emit[0]: "},
		{"101 rooms to join", "", many, nil, nil, "", ErrPatternsMax, "join: "},
		{"101 patterns of rooms", "", nil, many, nil, "", ErrPatternsMax, "rooms: "},
		{"101 patterns to emit to", "", nil, nil, many, "", ErrPatternsMax, "emit: "},
		{"4,097 bytes of data", "", nil, nil, nil, `"` + strings.Repeat("a", 4095) + `"`, ErrDataBytes, "data: "},
		{"data that is no JSON", "", nil, nil, nil, `{`, ErrDataJSON, "data: "},
		{"data of two values", "", nil, nil, nil, `1 2`, ErrDataJSON, "data: "},
		{"data that is no UTF-8", "", nil, nil, nil, "\"\xff\"", ErrDataJSON, "data: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := NewGrant(tc.user, tc.join, tc.rooms, tc.emit, json.RawMessage(tc.data), time.Time{})
			if g != nil || !errors.Is(err, tc.want) || !strings.HasPrefix(err.Error(), tc.part) {
				t.Errorf("NewGrant: %v, %v, want %q and %v", g, err, tc.part, tc.want)
			}
		})
	}
	if _, err := NewGrant("", many[:100], many[:100], many[:100], nil, time.Time{}); err != nil {
		t.Errorf("100 of each: %v", err)
	}
}

func TestDataOfAGrant(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"none", "", ""},
		{"null", " null ", ""},
		{"an object", `{ "a": [1, 2] }`, `{"a":[1,2]}`},
		{"false is something", "false", "false"},
		{"4,096 bytes without the spaces", `  "` + strings.Repeat("a", 4094) + `"  `, `"` + strings.Repeat("a", 4094) + `"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := NewGrant("", nil, nil, nil, json.RawMessage(tc.data), time.Time{})
			if err != nil || string(g.Data) != tc.want || (g.Data == nil) != (tc.want == "") || cap(g.Data) != len(g.Data) {
				t.Errorf("data = %q (%d bytes kept), %v", g.Data, cap(g.Data), err)
			}
		})
	}
}
