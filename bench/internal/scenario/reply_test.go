package scenario

import (
	"strings"
	"testing"
)

func TestReplies(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want reply
		ok   bool
	}{
		{"of a stream", `{"status":200,"id":"01J9ZK3V5T8Y2W6Q4R7N0M1P3S","matched":42,"queued":41,"dropped":1}`, reply{200, 42, 1}, true},
		{"of a request", `{"id":"x","matched":0,"queued":0,"dropped":0}`, reply{0, 0, 0}, true},
		{"counted late", `{"status":200,"matched":3,"queued":3,"dropped":0,"incomplete":true}`, reply{200, 3, 0}, true},
		{"with spaces", `{ "status" : 200 , "matched" : 3 }`, reply{200, 3, 0}, true},
		{"with escapes", `{"id":"a\"b","matched":3}`, reply{0, 3, 0}, true},
		{"a refusal", `{"status":403,"error":{"code":"room_forbidden","message":"no"}}`, reply{403, -1, 0}, false},
		{"no counts", `{"status":200}`, reply{200, -1, 0}, false},
		{"a count that is none", `{"status":200,"matched":"3"}`, reply{200, -1, 0}, false},
		{"a count that is null", `{"status":200,"matched":null}`, reply{200, -1, 0}, false},
		{"half a count", `{"status":200,"matched":1.5}`, reply{200, -1, 0}, false},
		{"names are told apart by case", `{"Status":200,"matched":1}`, reply{0, 1, 0}, true},
		{"a large count", `{"matched":1234567890}`, reply{0, 1234567890, 0}, true},
		{"a count with a zero in front", `{"matched":07}`, noReply, false},
		{"an array", `[{"matched":1}]`, noReply, false},
		{"cut off", `{"status":200,"matched":1`, noReply, false},
		{"something behind it", `{"status":200,"matched":1}}`, noReply, false},
		{"nothing", "", noReply, false},
		{"an empty object", "{}", noReply, false},
	} {
		if got, ok := parseReply([]byte(tc.in)); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %+v %v, want %+v %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

// What the quick reader takes it takes as any reader of JSON does.
func FuzzReply(f *testing.F) {
	for _, in := range []string{
		`{"status":200,"id":"01J9ZK3V5T8Y2W6Q4R7N0M1P3S","matched":42,"queued":41,"dropped":1}`, `{"matched":1,"matched":"x"}`, `{"a":0,"dropped":12}`,
		`{"status":"\u0041"}`, `{"id":"é"}`, `{"id":"` + "\x01" + `"}`, `{"matched":00}`, `{"matched":999999999}`, `{"matched":1,}`, `{"":1}`,
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		quick, ok := scanReply([]byte(in))
		if slow := slowReply([]byte(in)); ok && quick != slow {
			t.Errorf("%+v, by JSON %+v", quick, slow)
		}
	})
}

// Replies as servers write them need no slow reader.
func TestTheUsualReplyIsReadQuickly(t *testing.T) {
	for _, in := range []string{
		`{"status":200,"id":"01J9ZK3V5T8Y2W6Q4R7N0M1P3S","matched":42,"queued":41,"dropped":1}`, `{"id":"01J9ZK3V5T8Y2W6Q4R7N0M1P3S","matched":0,"queued":0,"dropped":0}`,
	} {
		if _, ok := scanReply([]byte(in)); !ok {
			t.Error(in)
		}
	}
}

func TestFailureOf(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"a code and a message", `{"error":{"code":"room_forbidden","message":"not this room","field":"to"}}`, "room_forbidden: not this room"},
		{"a code alone", `{"status":403,"error":{"code":"room_forbidden"}}`, "room_forbidden"},
		{"a text", `{"error":"no such room"}`, "no such room"},
		{"something else", `{"error":[1]}`, "[1]"},
		{"no error", `{"message":"oh"}`, `{"message":"oh"}`},
		{"no JSON", "Bad Gateway", "Bad Gateway"},
		{"not even text", "\xff\xfe", "�"},
		{"a long one", `{"error":"` + strings.Repeat("x", 1000) + `"}`, strings.Repeat("x", 200) + "…"},
	} {
		if got := failureOf([]byte(tc.in)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
