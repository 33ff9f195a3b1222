package control

import (
	"net/http"
	"strings"
	"testing"
)

// TestEmits sends one event in each way that there is, to the same three clients, and looks at the reply and at what each
// client has got.
func TestEmits(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"ann","join":["acme:x","acme:y"]}`)
	bob := s.connect(t, `{"user":"bob","join":["acme:x"]}`)
	eve := s.connect(t, `{"user":"eve","join":["globex:x"]}`)
	admin := s.connectTo(t, "/admin", `{"join":["acme:x"]}`)

	for _, tc := range []struct {
		name, path, body string
		header           string
		matched          int
		want             string // the event
		to               []*client
	}{
		{name: "to a room", path: "/v1/emit", body: `{"event":"a","data":1,"to":"acme:x"}`, matched: 2, want: `["a",1]`, to: []*client{ann, bob}},
		{name: "to an array of rooms, once each", path: "/v1/emit", body: `{"event":"a","to":["acme:x","acme:y"]}`, matched: 2, want: `["a"]`, to: []*client{ann, bob}},
		{name: "to a socket id among them", path: "/v1/emit", body: `{"event":"a","to":["acme:y","` + eve.sid + `"]}`, matched: 2, want: `["a"]`, to: []*client{ann, eve}},
		{name: "to everyone by the star", path: "/v1/emit", body: `{"event":"a","to":"*"}`, matched: 3, want: `["a"]`, to: []*client{ann, bob, eve}},
		{name: "to everyone by the star in an array", path: "/v1/emit", body: `{"event":"a","to":["*"]}`, matched: 3, want: `["a"]`, to: []*client{ann, bob, eve}},
		{name: "to a room that is empty", path: "/v1/emit", body: `{"event":"a","to":"acme:z"}`, matched: 0},
		{name: "but one room", path: "/v1/emit", body: `{"event":"a","to":"acme:x","except":"acme:y"}`, matched: 1, want: `["a"]`, to: []*client{bob}},
		{name: "but rooms and sockets", path: "/v1/emit", body: `{"event":"a","to":"*","except":["acme:y","` + eve.sid + `"]}`, matched: 1, want: `["a"]`, to: []*client{bob}},
		{name: "but the socket of a header", path: "/v1/emit", header: "X-Socket-Id: " + ann.sid, body: `{"event":"a","to":"acme:x"}`, matched: 1, want: `["a"]`, to: []*client{bob}},
		{name: "but that, and those of the body", path: "/v1/emit", header: "X-Socket-Id: " + ann.sid, body: `{"event":"a","to":"*","except":"globex:x"}`, matched: 1, want: `["a"]`, to: []*client{bob}},
		{name: "volatile", path: "/v1/emit", body: `{"event":"a","to":"acme:y","volatile":true}`, matched: 1, want: `["a"]`, to: []*client{ann}},
		{name: "in another namespace, by the body", path: "/v1/emit", body: `{"event":"a","to":"acme:x","nsp":"/admin"}`, matched: 1, want: `["a"]`, to: []*client{admin}},
		{name: "in another namespace, by the query", path: "/v1/emit?nsp=/admin", body: `{"event":"a","to":"acme:x"}`, matched: 1, want: `["a"]`, to: []*client{admin}},
		{name: "in the same namespace, by both", path: "/v1/emit?nsp=/admin", body: `{"event":"a","to":"acme:x","nsp":"/admin"}`, matched: 1, want: `["a"]`, to: []*client{admin}},
		{name: "several arguments", path: "/v1/emit", body: `{"event":"a","args":[1,"two",[3],{"four":null}],"to":"acme:y"}`, matched: 1, want: `["a",1,"two",[3],{"four":null}]`, to: []*client{ann}},
		{name: "no arguments", path: "/v1/emit", body: `{"event":"a","args":[],"to":"acme:y"}`, matched: 1, want: `["a"]`, to: []*client{ann}},
		{name: "null is an argument", path: "/v1/emit", body: `{"event":"a","data":null,"to":"acme:y"}`, matched: 1, want: `["a",null]`, to: []*client{ann}},
		{name: "null is no other field", path: "/v1/emit", body: `{"event":"a","to":"acme:y","except":null,"nsp":null,"volatile":null,"args":null}`, matched: 1, want: `["a"]`, to: []*client{ann}},
		{
			name: "numbers, order, and escapes stay as they are", path: "/v1/emit",
			body:    `{"event":"a","data":{"z":10000000000000000000001,"a":1.50,"e":1E+2,"s":"\u00e9\/<"},"to":"acme:y"}`,
			matched: 1, want: `["a",{"z":10000000000000000000001,"a":1.50,"e":1E+2,"s":"\u00e9\/<"}]`, to: []*client{ann},
		},
		{name: "white space does not", path: "/v1/emit", body: " {\t\"event\" : \"a\" ,\r\n \"data\" : [ 1 , \"x y\" ] , \"to\" : [ \"acme:y\" ] } \n", matched: 1, want: `["a",[1,"x y"]]`, to: []*client{ann}},
		{name: "a name with escapes", path: "/v1/emit", body: `{"\u0065vent":"\u0061","t\u006f":["\u0061cme:y"]}`, matched: 1, want: `["a"]`, to: []*client{ann}},

		{name: "room", path: "/v1/rooms/acme:x/emit", body: `{"event":"a","data":"d"}`, matched: 2, want: `["a","d"]`, to: []*client{ann, bob}},
		{name: "room, but a socket", path: "/v1/rooms/acme:x/emit", body: `{"event":"a","except":"` + bob.sid + `"}`, matched: 1, want: `["a"]`, to: []*client{ann}},
		{name: "room, encoded", path: "/v1/rooms/acme%3Ax/emit", body: `{"event":"a"}`, matched: 2, want: `["a"]`, to: []*client{ann, bob}},
		{name: "socket", path: "/v1/sockets/" + eve.sid + "/emit", body: `{"event":"a","data":{}}`, matched: 1, want: `["a",{}]`, to: []*client{eve}},
		{name: "socket, which is required", path: "/v1/sockets/" + eve.sid + "/emit?required=1", body: `{"event":"a"}`, matched: 1, want: `["a"]`, to: []*client{eve}},
		{name: "socket that there is not", path: "/v1/sockets/AAAAAAAAAAAAAAAAAAAA/emit", body: `{"event":"a"}`, matched: 0},
		{name: "user", path: "/v1/users/bob/emit", body: `{"event":"a","args":[1,2]}`, matched: 1, want: `["a",1,2]`, to: []*client{bob}},
		{name: "user that is not there", path: "/v1/users/zoe/emit", body: `{"event":"a"}`, matched: 0},
		{name: "everyone", path: "/v1/broadcast", body: `{"event":"a","data":"d"}`, matched: 3, want: `["a","d"]`, to: []*client{ann, bob, eve}},
		{name: "everyone but some", path: "/v1/broadcast", body: `{"event":"a","except":["acme:x"]}`, matched: 1, want: `["a"]`, to: []*client{eve}},
		{name: "everyone of another namespace", path: "/v1/broadcast", body: `{"event":"a","nsp":"/admin"}`, matched: 1, want: `["a"]`, to: []*client{admin}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := []string{"Content-Type: application/json"}
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			s.ask(t, fullKey, "POST", tc.path, tc.body, headers...).expect(t, http.StatusOK, delivered(tc.matched))
			for _, c := range tc.to {
				c.t = t
				c.expect(tc.want)
			}
			s.silent(ann, bob, eve)
			s.silent(admin)
		})
	}
}

// TestEmitToTheMost sends as many names as there may be.
func TestEmitToTheMost(t *testing.T) {
	s := newSystem(t, nil)
	c := s.connect(t, `{"join":["r999"]}`)
	var rooms []string
	for i := range TargetsMax {
		rooms = append(rooms, `"r`+itoa(i)+`"`)
	}
	body := `{"event":"a","to":[` + strings.Join(rooms, ",") + `]}`
	s.ask(t, fullKey, "POST", "/v1/emit", body).expect(t, http.StatusOK, delivered(1))
	c.expect(`["a"]`)
	tooMany := `{"event":"a","to":[` + strings.Join(append(rooms, `"x"`), ",") + `]}`
	s.ask(t, fullKey, "POST", "/v1/emit", tooMany).fails(t, http.StatusBadRequest, "field_too_long", "to")
}

// TestContentTypes: what curl sends by itself is JSON, what says to be something else is not.
func TestContentTypes(t *testing.T) {
	s := newSystem(t, nil)
	for _, kind := range []string{
		"application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/x-www-form-urlencoded",
	} {
		s.ask(t, fullKey, "POST", "/v1/broadcast", `{"event":"a"}`, "Content-Type: "+kind).expect(t, http.StatusOK, delivered(0))
	}
	for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x", "application/", ";", "application/x-ndjson", "application/json, text/plain"} {
		s.ask(t, fullKey, "POST", "/v1/broadcast", `{"event":"a"}`, "Content-Type: "+kind).
			fails(t, http.StatusUnsupportedMediaType, "content_type_unsupported", "Content-Type")
	}
}

// TestRequired wants a 404 for a socket that has gone.
func TestRequired(t *testing.T) {
	s := newSystem(t, nil)
	for _, sid := range []string{"AAAAAAAAAAAAAAAAAAAA", "--------------------"} {
		s.ask(t, fullKey, "POST", "/v1/sockets/"+sid+"/emit?required=true", `{"event":"a"}`).fails(t, http.StatusNotFound, "socket_unknown", "sid")
	}
}
