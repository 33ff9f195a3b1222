package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"starling/hub"
)

// failures has a request for each code of an error. Those that other tests provoke are named there.
var failures = []struct {
	name, key, request, body string // the request is "METHOD /path"
	headers                  []string
	status                   int
	code, field              string
}{
	{name: "no body", request: "POST /v1/emit", status: 400, code: "body_invalid"},
	{name: "spaces", request: "POST /v1/emit", body: " \n", status: 400, code: "body_invalid"},
	{name: "no JSON", request: "POST /v1/emit", body: `event=a`, status: 400, code: "body_invalid"},
	{name: "an array", request: "POST /v1/emit", body: `[]`, status: 400, code: "body_invalid"},
	{name: "more behind it", request: "POST /v1/emit", body: `{"event":"a","to":"x"}{}`, status: 400, code: "body_invalid"},
	{name: "no UTF-8", request: "POST /v1/emit", body: "{\"event\":\"\xff\",\"to\":\"x\"}", status: 400, code: "body_invalid"},
	{name: "an unknown field", request: "POST /v1/emit", body: `{"event":"a","to":"x","key":"latest"}`, status: 400, code: "field_unknown", field: "key"},
	{name: "a field in another case", request: "POST /v1/emit", body: `{"event":"a","TO":"x"}`, status: 400, code: "field_unknown", field: "TO"},
	{name: "a target in the body of a path that has one", request: "POST /v1/rooms/r/emit", body: `{"event":"a","to":"x"}`, status: 400, code: "field_unknown", field: "to"},
	{name: "a target in a broadcast", request: "POST /v1/broadcast", body: `{"event":"a","to":"x"}`, status: 400, code: "field_unknown", field: "to"},
	{name: "a field twice", request: "POST /v1/emit", body: `{"event":"a","to":"x","to":"y"}`, status: 400, code: "field_duplicate", field: "to"},
	{name: "a number for a name", request: "POST /v1/emit", body: `{"event":"a","to":["x",1]}`, status: 400, code: "field_invalid", field: "to[1]"},
	{name: "data and args", request: "POST /v1/emit", body: `{"event":"a","to":"x","data":1,"args":[1]}`, status: 400, code: "field_conflict", field: "args"},
	{name: "two namespaces", request: "POST /v1/emit?nsp=/", body: `{"event":"a","to":"x","nsp":"/admin"}`, status: 400, code: "field_conflict", field: "nsp"},
	{name: "too many arguments", request: "POST /v1/emit", body: `{"event":"a","to":"x","args":[1` + strings.Repeat(",1", ArgsMax) + `]}`, status: 400, code: "field_too_long", field: "args"},
	{name: "no target", request: "POST /v1/emit", body: `{"event":"a"}`, status: 400, code: "target_missing", field: "to"},
	{name: "an empty target", request: "POST /v1/emit", body: `{"event":"a","to":[]}`, status: 400, code: "target_missing", field: "to"},
	{name: "a target that is null", request: "POST /v1/emit", body: `{"event":"a","to":null}`, status: 400, code: "target_missing", field: "to"},
	{name: "an empty string", request: "POST /v1/emit", body: `{"event":"a","to":""}`, status: 400, code: "room_name_invalid", field: "to"},
	{name: "an empty string among others", request: "POST /v1/emit", body: `{"event":"a","to":["x",""]}`, status: 400, code: "room_name_invalid", field: "to[1]"},
	{name: "the star among others", request: "POST /v1/emit", body: `{"event":"a","to":["*","x"]}`, status: 400, code: "room_name_invalid", field: "to[0]"},
	{name: "a pattern", request: "POST /v1/emit", body: `{"event":"a","to":"acme:*"}`, status: 400, code: "room_name_invalid", field: "to"},
	{name: "the star as an exception", request: "POST /v1/emit", body: `{"event":"a","to":"x","except":"*"}`, status: 400, code: "room_name_invalid", field: "except"},
	{name: "the star to be disconnected", request: "POST /v1/disconnect", body: `{"in":"*"}`, status: 400, code: "room_name_invalid", field: "in"},
	{name: "the star to join", request: "POST /v1/join", body: `{"in":"x","rooms":"*"}`, status: 400, code: "room_name_invalid", field: "rooms"},
	{name: "the star in a path", request: "POST /v1/rooms/*/emit", body: `{"event":"a"}`, status: 400, code: "room_name_invalid", field: "room"},
	{name: "a control character", request: "GET /v1/rooms/a%0Ab", status: 400, code: "room_name_invalid", field: "room"},
	{name: "a long name", request: "GET /v1/rooms/" + strings.Repeat("r", 256), status: 400, code: "room_name_invalid", field: "room"},
	{name: "half of a pair", request: "POST /v1/emit", body: `{"event":"a","to":"\ud800"}`, status: 400, code: "room_name_invalid", field: "to"},
	{name: "nobody to join", request: "POST /v1/join", body: `{"rooms":["x"]}`, status: 400, code: "target_missing", field: "in"},
	{name: "nothing to join", request: "POST /v1/join", body: `{"in":["x"],"rooms":[]}`, status: 400, code: "target_missing", field: "rooms"},
	{name: "nobody to disconnect", request: "POST /v1/disconnect", body: `{}`, status: 400, code: "target_missing", field: "in"},
	{name: "no users", request: "POST /v1/users/online", body: `{"users":[]}`, status: 400, code: "target_missing", field: "users"},
	{name: "a user with a star", request: "POST /v1/users/online", body: `{"users":["1","*"]}`, status: 400, code: "user_invalid", field: "users[1]"},
	{name: "a user in a path", request: "GET /v1/users/%20x", status: 400, code: "user_invalid", field: "user"},
	{name: "a long user", request: "POST /v1/users/" + strings.Repeat("u", 251) + "/emit", body: `{"event":"a"}`, status: 400, code: "user_invalid", field: "user"},
	{name: "no event", request: "POST /v1/broadcast", body: `{"data":1}`, status: 400, code: "event_invalid", field: "event"},
	{name: "an empty event", request: "POST /v1/broadcast", body: `{"event":""}`, status: 400, code: "event_invalid", field: "event"},
	{name: "a long event", request: "POST /v1/broadcast", body: `{"event":"` + strings.Repeat("e", 256) + `"}`, status: 400, code: "event_invalid", field: "event"},
	{name: "an event of the protocol", request: "POST /v1/broadcast", body: `{"event":"disconnect"}`, status: 400, code: "event_reserved", field: "event"},
	{name: "data that is none", request: "POST /v1/broadcast", body: `{"event":"a","data":[1,]}`, status: 400, code: "data_invalid"},
	{name: "data with a control character", request: "POST /v1/broadcast", body: "{\"event\":\"a\",\"data\":\"\x1e\"}", status: 400, code: "data_invalid"},
	{name: "data that is nested too deep", request: "POST /v1/broadcast", body: `{"event":"a","data":` + strings.Repeat("[", 513) + strings.Repeat("]", 513) + `}`, status: 400, code: "data_invalid"},
	{name: "another namespace", request: "POST /v1/broadcast", body: `{"event":"a","nsp":"/none"}`, status: 400, code: "namespace_unknown", field: "nsp"},
	{name: "another namespace in the query", request: "GET /v1/rooms?nsp=admin", status: 400, code: "namespace_unknown", field: "nsp"},
	{name: "no socket id", request: "POST /v1/sockets/acme:x/emit", body: `{"event":"a"}`, status: 400, code: "socket_id_invalid", field: "sid"},
	{name: "no socket id in the header", request: "POST /v1/emit", body: `{"event":"a","to":"x"}`, headers: []string{"X-Socket-Id: undefined"}, status: 400, code: "socket_id_invalid", field: "X-Socket-Id"},
	{name: "a limit of 0", request: "GET /v1/rooms?limit=0", status: 400, code: "parameter_invalid", field: "limit"},
	{name: "a limit beyond", request: "GET /v1/rooms?limit=1001", status: 400, code: "parameter_invalid", field: "limit"},
	{name: "a limit that is a word", request: "GET /v1/rooms/r/sockets?limit=all", status: 400, code: "parameter_invalid", field: "limit"},
	{name: "required is a word", request: "POST /v1/sockets/AAAAAAAAAAAAAAAAAAAA/emit?required=maybe", body: `{"event":"a"}`, status: 400, code: "parameter_invalid", field: "required"},
	{name: "a long prefix", request: "GET /v1/rooms?prefix=" + strings.Repeat("p", 256), status: 400, code: "parameter_invalid", field: "prefix"},
	{name: "a long reason", request: "DELETE /v1/users/1/sockets?reason=" + strings.Repeat("r", 256), status: 400, code: "field_too_long", field: "reason"},
	{name: "another parameter", request: "GET /v1/rooms?page=2", status: 400, code: "parameter_unknown", field: "page"},
	{name: "a parameter of another operation", request: "POST /v1/emit?required=1", body: `{"event":"a","to":"x"}`, status: 400, code: "parameter_unknown", field: "required"},
	{name: "another cursor", request: "GET /v1/rooms?cursor=2", status: 400, code: "cursor_invalid", field: "cursor"},
	{name: "another op", request: "POST /v1/batch", body: `{"items":[{"op":"dance"}]}`, status: 200, code: "op_unknown"},

	{name: "no key", key: "-", request: "POST /v1/emit", body: `{"event":"a","to":"x"}`, status: 401, code: "key_missing", field: "Authorization"},
	{name: "another key", key: "no-such-key-0000001", request: "POST /v1/emit", body: `{"event":"a","to":"x"}`, status: 401, code: "key_invalid", field: "Authorization"},
	{name: "no key, and a body that is too long", key: "-", request: "POST /v1/emit", body: strings.Repeat("x", EventBytesMaxDefault+1), status: 401, code: "key_missing", field: "Authorization"},
	{name: "no scope publish", key: "only-read-key-000001", request: "POST /v1/emit", body: `{"event":"a","to":"x"}`, status: 403, code: "scope_missing"},
	{name: "no scope read", key: "only-manage-key-0001", request: "GET /v1/rooms", status: 403, code: "scope_missing"},
	{name: "no scope manage", key: "only-publish-key-001", request: "DELETE /v1/rooms/r", status: 403, code: "scope_missing"},
	{name: "a room of others", key: acmeKey, request: "POST /v1/emit", body: `{"event":"a","to":"x"}`, status: 403, code: "room_forbidden", field: "to"},
	{name: "a user of others", key: acmeKey, request: "GET /v1/users/42", status: 403, code: "user_forbidden", field: "user"},
	{name: "everyone", key: acmeKey, request: "POST /v1/broadcast", body: `{"event":"a"}`, status: 403, code: "key_locked"},
	{name: "no such path", request: "GET /v1/emits", status: 404, code: "path_unknown"},
	{name: "no such path without a key", key: "-", request: "GET /admin", status: 404, code: "path_unknown"},
	{name: "a slash too many", request: "GET /v1/rooms/", status: 404, code: "path_unknown"},
	{name: "two slashes", request: "GET //v1/rooms", status: 404, code: "path_unknown"},
	{name: "dots", request: "GET /v1/rooms/../rooms", status: 404, code: "path_unknown"},
	{name: "no drain here", request: "POST /v1/drain", status: 404, code: "path_unknown"},
	{name: "no such socket", request: "GET /v1/sockets/AAAAAAAAAAAAAAAAAAAA", status: 404, code: "socket_unknown", field: "sid"},
	{name: "no such socket to be required", request: "POST /v1/sockets/AAAAAAAAAAAAAAAAAAAA/emit?required=1", body: `{"event":"a"}`, status: 404, code: "socket_unknown", field: "sid"},
	{name: "another method", request: "GET /v1/emit", status: 405, code: "method_not_allowed"},
	{name: "no such method", request: "BREW /v1/rooms", status: 405, code: "method_not_allowed"},
	{name: "a body that is too long", request: "POST /v1/emit", body: strings.Repeat(" ", EventBytesMaxDefault+1), status: 413, code: "body_too_large"},
	{name: "another content type", request: "POST /v1/emit", body: `{}`, headers: []string{"Content-Type: text/plain"}, status: 415, code: "content_type_unsupported", field: "Content-Type"},
	{name: "a stream where there is none", request: "POST /v1/broadcast", body: `{}`, headers: []string{"Content-Type: application/x-ndjson"}, status: 415, code: "content_type_unsupported", field: "Content-Type"},
}

func TestErrors(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"42","join":["x"]}`)
	for _, tc := range failures {
		t.Run(tc.name, func(t *testing.T) {
			key := tc.key
			switch key {
			case "":
				key = fullKey
			case "-":
				key = ""
			}
			method, path, _ := strings.Cut(tc.request, " ")
			r := s.ask(t, key, method, path, tc.body, tc.headers...)
			if tc.status == http.StatusOK { // of a batch
				if !strings.Contains(r.body, `"code":"`+tc.code+`"`) {
					t.Errorf("replied %s", r.body)
				}
				return
			}
			r.fails(t, tc.status, tc.code, tc.field)
		})
	}
	s.silent(ann) // nothing of all this has reached anybody
}

// TestEveryCodeIsExpected wants a request for each code that there is in the package.
func TestEveryCodeIsExpected(t *testing.T) {
	elsewhere := map[string]string{
		"not_ready": "TestHealthAndReadiness", "internal": "TestPanics", "rate_limited": "TestRate", "shutting_down": "TestShutdownEndsStreams",
		"overloaded": "TestErrorsOfTheHub", "body_timeout": "TestReadBody", "ack_sockets_max": "TestAckSocketsMax",
		"acks_max": "TestAcksPerKeyMax", "streams_max": "TestStreamsPerKeyMax",
		"idempotency_in_progress": "TestAckOfImpatientClient", "idempotency_key_reused": "TestIdempotency", "idempotency_key_invalid": "TestIdempotency",
	}
	tested := map[string]bool{}
	for _, tc := range failures {
		tested[tc.code] = true
	}
	codes := codesOfPackage(t)
	if len(codes) < 35 {
		t.Fatalf("only %d codes were found: %q", len(codes), codes)
	}
	for _, code := range codes {
		if !tested[code] && elsewhere[code] == "" {
			t.Errorf("no request fails with %s", code)
		}
	}
	for code := range elsewhere {
		if !slices.Contains(codes, code) {
			t.Errorf("there is no code %s", code)
		}
	}
	text, err := os.ReadFile("../../docs/CONTROL-API.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		if !strings.Contains(string(text), "`"+code+"`") {
			t.Errorf("docs/CONTROL-API.md does not explain %s", code)
		}
	}
}

// codesOfPackage finds the codes in the sources.
func codesOfPackage(t *testing.T) (codes []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?:bad\(|forbidden\(|failure\([A-Za-z.]+, |Code: )"([a-z_]+)"`)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			codes = append(codes, m[1])
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// TestErrorsOfTheHub: what the hub says is what the reply says.
func TestErrorsOfTheHub(t *testing.T) {
	var log logged
	a := &API{cfg: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	for _, tc := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{hub.ErrOverloaded, 503, "overloaded", "1"},
		{fmt.Errorf("wrapped: %w", hub.ErrOverloaded), 503, "overloaded", "1"},
		{hub.ErrShutdown, 503, "shutting_down", "1"},
		{hub.ErrDisconnected, 404, "socket_unknown", ""},
		{context.DeadlineExceeded, 503, "overloaded", "1"},
		{context.Canceled, 503, "overloaded", "1"},
		{fmt.Errorf("wrapped: %w", errKeyLocked), 403, "key_locked", ""},
		{errors.New("out of cheese"), 500, "internal", ""},
	} {
		e := a.asError(t.Context(), tc.err)
		h := http.Header{}
		e.tell(h)
		if e.Status != tc.status || e.Code != tc.code || h.Get("Retry-After") != tc.retry {
			t.Errorf("%v is %+v, Retry-After %q", tc.err, e, h.Get("Retry-After"))
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "out of cheese") {
		t.Errorf("the log is %s", got)
	}
	if errInternal.Error() == "" || strings.Contains(errInternal.Message, "cheese") {
		t.Errorf("the error says %q", errInternal.Message)
	}
}

// TestAfterShutdown: when the hub has ended, whoever asks is sent elsewhere.
func TestAfterShutdown(t *testing.T) {
	s := newSystem(t, nil)
	f := s.stream(t, fullKey, "")
	s.stop()
	for _, tc := range []struct{ request, body string }{
		{"POST /v1/emit", `{"event":"a","to":"x"}`},
		{"POST /v1/emit?ack=1m", `{"event":"a","to":"x"}`},
		{"POST /v1/broadcast", `{"event":"a"}`},
		{"POST /v1/join", `{"in":"x","rooms":"y"}`},
		{"POST /v1/disconnect", `{"in":"x"}`},
		{"DELETE /v1/rooms/x", ""},
		{"GET /v1/rooms/x/sockets", ""},
		{"GET /v1/sockets/AAAAAAAAAAAAAAAAAAAA", ""},
	} {
		method, path, _ := strings.Cut(tc.request, " ")
		s.ask(t, fullKey, method, path, tc.body).fails(t, http.StatusServiceUnavailable, "shutting_down", "")
	}
	r := s.ask(t, fullKey, "POST", "/v1/batch", `{"items":[{"op":"broadcast","event":"a"},{"op":"leave","in":"x","rooms":"y"}]}`)
	if got := inShort(r.body); got != `{"results":[503 shutting_down,503 shutting_down]}` || r.header.Get("Retry-After") != "1" {
		t.Errorf("replied %s, Retry-After %q", got, r.header.Get("Retry-After"))
	}
	f.send(`{"event":"a","to":"x"}` + "\n")
	f.expect("503 shutting_down")
	if r := s.ask(t, fullKey, "GET", "/v1/stats", ""); r.status != 200 {
		t.Errorf("stats replied %d %s", r.status, r.body)
	}
}

// TestReadBody: a body is read to its end and its bound.
func TestReadBody(t *testing.T) {
	for _, tc := range []struct {
		name   string
		body   io.Reader
		length int64
		want   string
		code   string
	}{
		{name: "of a known length", body: strings.NewReader("12345"), length: 5, want: "12345"},
		{name: "of an unknown one", body: iotest.OneByteReader(strings.NewReader("12345")), length: -1, want: "12345"},
		{name: "empty", body: strings.NewReader(""), length: 0},
		{name: "announced as too long", body: iotest.ErrReader(errors.New("read all the same")), length: 6, code: "body_too_large"},
		{name: "too long", body: strings.NewReader("123456"), length: -1, code: "body_too_large"},
		{name: "too slow", body: iotest.ErrReader(os.ErrDeadlineExceeded), length: -1, code: "body_timeout"},
		{name: "cut", body: io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)), length: 5, code: "body_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", tc.body)
			r.ContentLength = tc.length
			body, err := readBody(&answer{to: httptest.NewRecorder()}, r, 5)
			switch {
			case tc.code == "" && (err != nil || string(body) != tc.want):
				t.Errorf("read %q, %v", body, err)
			case tc.code != "" && (err == nil || err.Code != tc.code):
				t.Errorf("read %q, %v, want %s", body, err, tc.code)
			}
		})
	}
}
