package webhook

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"
)

// notReplies are taken for a reply to nothing.
var notReplies = []struct{ name, body string }{
	{"text", "OK"},
	{"a page", "<!doctype html><title>Welcome</title>"},
	{"null", "null"},
	{"true", "true"},
	{"a string", `"ack"`},
	{"an array", `[{"ack":[]}]`},
	{"half", `{"ack":[1`},
	{"two", `{}{}`},
	{"something behind it", `{} x`},
	{"a raw control character in a string", "{\"data\":\"\x1e\"}"},
	{"bad UTF-8 in a string", "{\"data\":\"\xff\"}"},
	{"half of a character", "{\"data\":\"\xe2\x82\"}"},
	{"a byte order mark", "\ufeff{}"},
}

func TestWhatIsNoReply(t *testing.T) {
	for _, tc := range notReplies {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseConnectReply([]byte(tc.body))
			if !errors.Is(err, ErrReply) {
				t.Errorf("to connect: %v", err)
			}
			if err := parseJoinReply([]byte(tc.body)); !errors.Is(err, ErrReply) {
				t.Errorf("to join: %v", err)
			}
			if _, err := parseEventReply([]byte(tc.body)); !errors.Is(err, ErrReply) {
				t.Errorf("to an event: %v", err)
			}
			if got := parseRefusal([]byte(tc.body)); !reflect.DeepEqual(got, &RefusedError{}) {
				t.Errorf("of a refusal: %v", got)
			}
		})
	}
}

func TestConnectReplies(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       ConnectReply
		err        error
	}{
		{"everything", `{"user":"42","join":["ws:acme"],"rooms":["ws:acme:*"],"emit":["ws:acme"],"data":{"name":"Ann"},"ttl":3600}`, ConnectReply{
			User: "42", Join: []string{"ws:acme"}, Rooms: []string{"ws:acme:*"}, Emit: []string{"ws:acme"},
			Data: json.RawMessage(`{"name":"Ann"}`), TTL: 3600,
		}, nil},
		{"nothing: anonymous", "{}", ConnectReply{}, nil},
		{"nulls", `{"user":null,"join":null,"rooms":null,"emit":null,"data":null,"ttl":null}`, ConnectReply{}, nil},
		{"white space around it, and what is not known", " \r\n\t{\"user\":\"42\",\"plan\":\"free\"}\n", ConnectReply{User: "42"}, nil},
		{"ten years", `{"ttl":315360000}`, ConnectReply{TTL: TTLMax}, nil},
		{"more: a point in time", `{"ttl":1789388800}`, ConnectReply{}, ErrReply},
		{"a time that is over", `{"ttl":-1}`, ConnectReply{}, ErrReply},
		{"half a second", `{"ttl":0.5}`, ConnectReply{}, ErrReply},
		{"a user that is a number", `{"user":42}`, ConnectReply{}, ErrReply},
		{"rooms that are one", `{"rooms":"ws:acme"}`, ConnectReply{}, ErrReply},
		{"no body", "", ConnectReply{}, ErrReply},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseConnectReply([]byte(tc.body))
			if !reflect.DeepEqual(got, tc.want) || !errors.Is(err, tc.err) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestJoinReplies(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       error // by errors.Is, or a RefusedError
	}{
		{"yes", `{"allow":true}`, nil},
		{"no", `{"allow":false}`, &RefusedError{}},
		{"no, and why", `{"allow":false,"message":"not yours","data":{"plan":"free"}}`, &RefusedError{"not yours", json.RawMessage(`{"plan":"free"}`)}},
		{"no, and nothing else", `{"allow":false,"message":null,"data":null}`, &RefusedError{}},
		{"neither", `{}`, ErrReply},
		{"null", `{"allow":null}`, ErrReply},
		{"a word", `{"allow":"true"}`, ErrReply},
		{"a number", `{"allow":1}`, ErrReply},
		{"no body", "", ErrReply},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := parseJoinReply([]byte(tc.body))
			if !errors.Is(got, tc.want) && !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestEventReplies(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       []json.RawMessage // nil: no acknowledgement
		err        error
	}{
		{"arguments", `{"ack":[null,{"id":7},"x"]}`, []json.RawMessage{json.RawMessage("null"), json.RawMessage(`{"id":7}`), json.RawMessage(`"x"`)}, nil},
		{"no arguments", `{"ack":[]}`, []json.RawMessage{}, nil},
		{"one argument", `{"data":{"id":7}}`, []json.RawMessage{json.RawMessage(`{"id":7}`)}, nil},
		{"one that is null", `{"data":null}`, []json.RawMessage{json.RawMessage("null")}, nil},
		{"none", `{}`, nil, nil},
		{"none, in as many words", `{"ack":null}`, nil, nil},
		{"no body", "", nil, nil},
		{"white space", " \r\n", nil, nil},
		{"both", `{"ack":[],"data":1}`, nil, ErrReply},
		{"no list", `{"ack":{"id":7}}`, nil, ErrReply},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseEventReply([]byte(tc.body))
			if !reflect.DeepEqual(got.Ack, tc.want) || !errors.Is(err, tc.err) {
				t.Errorf("%q, %v; want %q, %v", got.Ack, err, tc.want, tc.err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       *RefusedError
		text       string
	}{
		{"with a message and data", `{"message":"no","data":[1]}`, &RefusedError{"no", json.RawMessage("[1]")}, "webhook: refused by the backend: no"},
		{"with data alone", `{"data":{"code":"x"}}`, &RefusedError{"", json.RawMessage(`{"code":"x"}`)}, "webhook: refused by the backend"},
		{"with a message that is none", `{"message":1,"data":[1]}`, &RefusedError{}, "webhook: refused by the backend"},
		{"without a body", "", &RefusedError{}, "webhook: refused by the backend"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := parseRefusal([]byte(tc.body)); !reflect.DeepEqual(got, tc.want) || got.Error() != tc.text {
				t.Errorf("%#v %v, want %#v", got, got, tc.want)
			}
		})
	}
}

// FuzzReplies wants whatever a backend says to be taken for what it is by a parser of any JSON, or for nothing; and what
// reaches clients of it to be JSON in UTF-8.
func FuzzReplies(f *testing.F) {
	for _, tc := range notReplies {
		f.Add([]byte(tc.body))
	}
	f.Add([]byte(`{"user":"42","join":["ws:acme"],"rooms":["ws:acme:*"],"emit":[],"data":{"name":"Ann"},"ttl":3600}`))
	f.Add([]byte(`{"allow":true,"message":"no","ack":[1,null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var object map[string]any
		isObject := json.Unmarshal(body, &object) == nil && object != nil && utf8.Valid(body)
		connect, connectErr := parseConnectReply(body)
		event, eventErr := parseEventReply(body)
		var refused *RefusedError
		joinErr := parseJoinReply(body)
		isJoinReply := joinErr == nil || errors.As(joinErr, &refused)
		if !isObject && (connectErr == nil || isJoinReply || eventErr == nil && event.Ack != nil) {
			t.Errorf("%q is no object, and is a reply", body)
		}
		checkForClients(t, append(event.Ack, connect.Data)...)
		if errors.As(parseRefusal(body), &refused) {
			checkForClients(t, refused.Data)
		}
	})
}

func checkForClients(t *testing.T, all ...json.RawMessage) {
	t.Helper()
	for _, value := range all {
		if value != nil && (!json.Valid(value) || !utf8.Valid(value)) {
			t.Errorf("clients get %q", value)
		}
	}
}
