package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starling/gateway/access"
	"starling/internal/starlingtest"
)

// TestEveryErrorIsExpected wants each Err value to be expected by some test.
func TestEveryErrorIsExpected(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 14 {
		t.Fatalf("only %d errors were found", len(declared))
	}
	for _, name := range declared {
		if !strings.Contains(string(tests), name+"}") && !strings.Contains(string(tests), name+")") {
			t.Errorf("%s is expected by no test", name)
		}
	}
}

// sumOf is the key_sha256 of a key.
func sumOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func TestKeysFile(t *testing.T) {
	const good = "{name: a, key: 0123456789abcdef, scopes: [read]}"
	for _, tc := range []struct {
		name, text string
		want       error
		says       string // in the error
	}{
		{name: "a key", text: "keys: [" + good + "]"},
		{name: "with everything", text: `keys: [{name: a b, key_sha256: "` + sumOf("0123456789abcdef") + `", scopes: [publish, read, manage], rooms: ["acme:*", lobby], rate: 0.5}]`},
		{name: "two", text: "keys:\n- " + good + "\n- {name: b, key: 0123456789abcdeg, scopes: [manage]}\n"},
		{name: "comments", text: "# mine\nkeys:\n  - name: a # why\n    key: 0123456789abcdef\n    scopes: [read]\n"},
		{name: "digits alone", text: `keys: [{name: a, key: "0123456789012345", scopes: [read]}]`},
		{name: "one document, and marks", text: "---\nkeys: [" + good + "]\n...\n---\n"},
		{name: "a number that is called text", text: "keys: [{name: a, key: !!str 0123456789012345, scopes: [read]}]"},
		{name: "text that begins with digits", text: "keys: [{name: 1st, key: 0123456789abcdef, scopes: [read]}]"},
		{name: "a second document", text: "keys: [" + good + "]\n---\nkeys: [" + good + "]\n", want: ErrKeysDocument, says: "line 3: "},
		{name: "a second document behind an empty one", text: "---\n---\nkeys: [" + good + "]\n", want: ErrNoKeys},
		{name: "a second document that is a word", text: "keys: [" + good + "]\n---\nx\n", want: ErrKeysDocument},
		{name: "a key that is a number", text: "keys:\n- name: a\n  key: 1234567890123456\n  scopes: [read]\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a key that is hexadecimal", text: "keys:\n- name: a\n  key: 0x0123456789012345\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a key with underscores", text: "keys:\n- name: a\n  key: 1_0123456789012345\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a key with a point", text: "keys:\n- name: a\n  key: 0123456789.0123450\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a key that is octal", text: "keys:\n- name: a\n  key: 01234567012345670\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a key in an anchor", text: "keys:\n- name: a\n  \"key\": &k 1234567890123456\n", want: ErrKeysText, says: "line 3: key: "},
		{name: "a sum that is a number", text: "keys:\n- name: a\n  key_sha256: 1234567890123456", want: ErrKeysText, says: "line 3: key_sha256: "},
		{name: "a name that is a switch", text: "keys:\n- name: true\n", want: ErrKeysText, says: "line 2: name: "},
		{name: "a room that is a number", text: "keys:\n- name: a\n  rooms:\n  - a\n  - 017\n", want: ErrKeysText, says: "line 5: rooms: "},
		{name: "a room that is infinite", text: "keys: [{name: a, rooms: [.inf]}]", want: ErrKeysText, says: "line 1: rooms: "},
		{name: "a scope that is a number", text: "keys: [{name: a, scopes: [1]}]", want: ErrKeysText},
		{name: "a rate that a template left out", text: "keys:\n- name: a\n  key: 0123456789abcdef\n  scopes: [read]\n  rate:\n", want: ErrKeyRate},
		{name: "a rate that is null", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rate: null}]", want: ErrKeyRate},
		{name: "streams", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], streams: 1000}]"},
		{name: "no streams", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], streams: 0}]", want: ErrKeyStreams},
		{name: "too many streams", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], streams: 1001}]", want: ErrKeyStreams},
		{name: "streams that a template left out", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], streams: }]", want: ErrKeyStreams},
		{name: "streams that are a word", text: "keys:\n- name: a\n  streams: all\n", want: ErrKeysFile, says: "line 3"},
		{name: "nothing", text: "", want: ErrNoKeys},
		{name: "no keys", text: "keys: []", want: ErrNoKeys},
		{name: "null", text: "keys:", want: ErrNoKeys},
		{name: "no YAML", text: "keys: [", want: ErrKeysFile},
		{name: "something else", text: "- a\n- b", want: ErrKeysFile},
		{name: "a field that there is not", text: "keys: [" + good + "]\nother: 1", want: ErrKeysFile, says: `line 2: unknown field "other"`},
		{name: "and in an entry", text: "keys:\n- name: a\n  room: x\n", want: ErrKeysFile, says: `line 3: unknown field "room"`},
		{name: "a field twice", text: "keys:\n- name: a\n  name: b\n", want: ErrKeysFile, says: "line 3"},
		{name: "a list for a word", text: "keys:\n- name: a\n  key: [secret-secret-secret]\n", want: ErrKeysFile, says: "line 3"},
		{name: "a rate that is a word", text: "keys:\n- name: a\n  rate: many\n", want: ErrKeysFile, says: "line 3"},
		{name: "no name", text: "keys: [{key: 0123456789abcdef, scopes: [read]}]", want: ErrKeyName, says: "keys[0]"},
		{name: "a long name", text: "keys: [{name: " + strings.Repeat("n", KeyNameBytesMax+1) + ", key: 0123456789abcdef, scopes: [read]}]", want: ErrKeyName},
		{name: "a name with a line end", text: `keys: [{name: "a\nb", key: 0123456789abcdef, scopes: [read]}]`, want: ErrKeyName},
		{name: "no key", text: "keys: [{name: a, scopes: [read]}]", want: ErrKeyOne, says: "keys[0]: a: "},
		{name: "both", text: "keys: [{name: a, key: 0123456789abcdef, key_sha256: " + sumOf("x") + ", scopes: [read]}]", want: ErrKeyOne},
		{name: "a short key", text: "keys: [{name: a, key: 0123456789abcde, scopes: [read]}]", want: ErrKeyBytes},
		{name: "a key with a space", text: "keys: [{name: a, key: 0123456789 abcdef, scopes: [read]}]", want: ErrKeyBytes},
		{name: "a short sum", text: "keys: [{name: a, key_sha256: abcdef, scopes: [read]}]", want: ErrKeySum},
		{name: "a long sum", text: "keys: [{name: a, key_sha256: " + sumOf("x") + "00, scopes: [read]}]", want: ErrKeySum},
		{name: "a sum that is none", text: "keys: [{name: a, key_sha256: " + strings.Repeat("g", 64) + ", scopes: [read]}]", want: ErrKeySum},
		{name: "no scopes", text: "keys: [{name: a, key: 0123456789abcdef}]", want: ErrScopes},
		{name: "empty scopes", text: "keys: [{name: a, key: 0123456789abcdef, scopes: []}]", want: ErrScopes},
		{name: "another scope", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read, write]}]", want: ErrScopes, says: `not "write"`},
		{name: "no rooms", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: []}]", want: ErrKeyRooms},
		{name: "rooms that a template left out", text: "keys:\n- name: a\n  key: 0123456789abcdef\n  scopes: [read]\n  rooms:\n", want: ErrKeyRooms},
		{name: "rooms that are null", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: null}]", want: ErrKeyRooms},
		{name: "rooms that are ~", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: ~}]", want: ErrKeyRooms},
		{name: "rooms that are an alias", text: "keys:\n- {name: a, key: 0123456789abcdef, scopes: [read], rooms: &r [acme]}\n- {name: b, key: 0123456789abcdeg, scopes: [read], rooms: *r}"},
		{name: "rooms in quotes that are null", text: `keys: [{name: a, key: 0123456789abcdef, scopes: [read], "rooms": null}]`, want: ErrKeyRooms},
		{name: "rooms that are an alias of nothing", text: "x: &x\nkeys:\n- {name: b, key: 0123456789abcdeg, scopes: [read], rooms: *x}", want: ErrKeysFile},
		{name: "rooms in another case", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], Rooms: [x]}]", want: ErrKeysFile, says: `unknown field "Rooms"`},
		{name: "one room as a word", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: acme}]", want: ErrKeysFile},
		{name: "all rooms", text: `keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: ["*"]}]`, want: access.ErrPatternStar, says: "a: rooms[0]: "},
		{name: "an empty room", text: `keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: [x, ""]}]`, want: access.ErrRoomBytes, says: "rooms[1]: "},
		{name: "too many rooms", text: `keys: [{name: a, key: 0123456789abcdef, scopes: [read], rooms: [x` + strings.Repeat(",x", KeyRoomsMax) + `]}]`, want: ErrKeyRooms},
		{name: "no rate", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rate: 0}]", want: ErrKeyRate},
		{name: "a negative rate", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rate: -1}]", want: ErrKeyRate},
		{name: "a rate without end", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rate: .inf}]", want: ErrKeyRate},
		{name: "a rate that is no number", text: "keys: [{name: a, key: 0123456789abcdef, scopes: [read], rate: .nan}]", want: ErrKeyRate},
		{name: "one name twice", text: "keys: [" + good + ", {name: a, key: 0123456789abcdeg, scopes: [read]}]", want: ErrKeyTwice, says: `"a"`},
		{name: "one key twice", text: "keys: [" + good + ", {name: b, key_sha256: " + sumOf("0123456789abcdef") + ", scopes: [read]}]", want: ErrKeyTwice, says: `"b"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadKeys(path, nil)
			if !errors.Is(err, tc.want) {
				t.Fatalf("LoadKeys = %v, want %v", err, tc.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "123456789") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("the error is %q, want %q in it and no key", err, tc.says)
			}
		})
	}
}

// TestKeysFileSecrets breaks a file at every place: no error may show a key.
func TestKeysFileSecrets(t *testing.T) {
	const secret = "TopSecretTopSecret"
	text := "keys:\n  - name: a\n    key: " + secret + "\n    scopes: [read]\n    rooms: [\"acme:*\"]\n    rate: 5\n"
	for i := range text {
		for _, with := range []string{"", ":", "- ", "[", "\"", "\n", "\t", "{", "&", "*", "!"} {
			broken := text[:i] + with + text[i:]
			if with == "" {
				broken = text[:i]
			}
			_, err := parseKeys([]byte(broken))
			// A field that there is not is named, and a key that stands where the name of a field should be looks like one.
			if err != nil && strings.Contains(err.Error(), secret[1:len(secret)-1]) && !strings.Contains(err.Error(), "unknown field") {
				t.Fatalf("the error of %q is %q", broken, err)
			}
		}
	}
}

func TestPlainKeys(t *testing.T) {
	keys, err := NewKeys([]string{"first-plain-key-01", "second-plain-key-1"})
	if err != nil {
		t.Fatal(err)
	}
	k, failed := keys.find("second-plain-key-1")
	if failed != nil || k.name != "key-2" || k.locked || !k.may(ScopePublish) || !k.may(ScopeRead) || !k.may(ScopeManage) {
		t.Errorf("found %+v, %v", k, failed)
	}
	if _, failed := keys.find("first-plain-key-0"); failed != errKeyInvalid {
		t.Errorf("a part of a key is %v", failed)
	}
	for _, tc := range []struct {
		plain []string
		want  error
	}{
		{nil, ErrNoKeys},
		{[]string{"short"}, ErrKeyBytes},
		{[]string{strings.Repeat("k", KeyBytesMax+1)}, ErrKeyBytes},
		{[]string{"with a space in it"}, ErrKeyBytes},
		{[]string{"with-é-in-it-which-no-header-has"}, ErrKeyBytes},
		{[]string{"the-same-key-twice", "the-same-key-twice"}, ErrKeyTwice},
	} {
		if _, err := NewKeys(tc.plain); !errors.Is(err, tc.want) || err != nil && strings.Contains(err.Error(), "space in it") {
			t.Errorf("NewKeys(%q) = %v, want %v", tc.plain, err, tc.want)
		}
	}
	var many []string
	for i := range KeysMax + 1 {
		many = append(many, "one-of-many-keys-"+itoa(i))
	}
	if _, err := NewKeys(many); !errors.Is(err, ErrKeysMax) {
		t.Errorf("too many keys are %v", err)
	}
	if _, err := NewKeys(many[1:]); err != nil {
		t.Errorf("as many keys as there may be are %v", err)
	}
	if _, err := LoadKeys(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, ErrKeysFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file is %v", err)
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, make([]byte, KeysFileBytesMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(long, nil); !errors.Is(err, ErrKeysFile) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a long file is %v", err)
	}
}

// TestReload changes the keys of an API that runs; a file that is broken changes nothing.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("keys: [{name: a, key: first-key-of-file1, scopes: [read], rate: 0.001}]")
	keys, err := LoadKeys(path, []string{"the-plain-key-0001"})
	if err != nil {
		t.Fatal(err)
	}
	s := newSystem(t, func(c *Config) { c.Keys = keys })
	get := func(key string) reply { return s.ask(t, key, "GET", "/v1/rooms/a", "") }
	get("first-key-of-file1").expect(t, 200, `{"name":"a","sockets":0}`)
	get("first-key-of-file1").fails(t, http.StatusTooManyRequests, "rate_limited", "")
	get("the-plain-key-0001").expect(t, 200, `{"name":"a","sockets":0}`)
	get("second-key-of-file").fails(t, http.StatusUnauthorized, "key_invalid", "Authorization")

	write("keys: [{name: a, key: first-key-of-file1, scopes: [read], rate: 0.001}, {name: b, key: second-key-of-file, scopes: [read]}]")
	if err := keys.Reload(); err != nil {
		t.Fatal(err)
	}
	get("second-key-of-file").expect(t, 200, `{"name":"a","sockets":0}`)
	get("first-key-of-file1").fails(t, http.StatusTooManyRequests, "rate_limited", "") // a reload is no gift

	for _, broken := range []string{"", "keys: [", "keys: [{name: a, key: x, scopes: [read]}]"} {
		write(broken)
		if err := keys.Reload(); err == nil && broken != "" {
			t.Errorf("%q was loaded", broken)
		}
		if broken != "" {
			get("second-key-of-file").expect(t, 200, `{"name":"a","sockets":0}`)
		}
	}
}

func TestAuthorization(t *testing.T) {
	s := newSystem(t, nil)
	for _, tc := range []struct {
		name, header string
		status       int
		code         string
	}{
		{"none", "", 401, "key_missing"},
		{"another scheme", "Basic " + fullKey, 401, "key_invalid"},
		{"no scheme", fullKey, 401, "key_invalid"},
		{"no key", "Bearer ", 401, "key_invalid"},
		{"a part", "Bearer " + fullKey[:len(fullKey)-1], 401, "key_invalid"},
		{"more", "Bearer " + fullKey + "x", 401, "key_invalid"},
		{"two spaces", "Bearer  " + fullKey, 401, "key_invalid"},
		{"another case", "Bearer " + strings.ToUpper(fullKey), 401, "key_invalid"},
		{"too long", "Bearer " + strings.Repeat("k", KeyBytesMax+1), 401, "key_invalid"},
		{"its sum", "Bearer " + sumOf(fullKey), 401, "key_invalid"},
		{"the key", "Bearer " + fullKey, 200, ""},
		{"the scheme in another case", "bearer " + fullKey, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.ask(t, "", "GET", "/v1/rooms/a", "", "Authorization: "+tc.header)
			if tc.status == 200 {
				r.expect(t, 200, `{"name":"a","sockets":0}`)
				return
			}
			r.fails(t, tc.status, tc.code, "Authorization")
		})
	}
}

// TestRate takes each request off its key's rate.
func TestRate(t *testing.T) {
	now := newClock()
	s := newSystem(t, func(c *Config) { c.Now = now.read })
	const key = "slow-rate-key-000001" // 2 a second
	get := func() reply { return s.ask(t, key, "GET", "/v1/rooms/a", "") }
	emit := func() reply { return s.ask(t, key, "POST", "/v1/emit", `{"event":"a","to":"x"}`) }
	get().expect(t, 200, `{"name":"a","sockets":0}`)
	emit().expect(t, 200, delivered(0))
	r := emit()
	r.fails(t, http.StatusTooManyRequests, "rate_limited", "")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	now.advance(500 * time.Millisecond)
	get().expect(t, 200, `{"name":"a","sockets":0}`)
	get().fails(t, http.StatusTooManyRequests, "rate_limited", "")
	now.advance(time.Hour)
	for range 2 { // no more than a second's worth is saved
		emit().expect(t, 200, delivered(0))
	}
	emit().fails(t, http.StatusTooManyRequests, "rate_limited", "")
	s.ask(t, fullKey, "GET", "/v1/rooms/a", "").expect(t, 200, `{"name":"a","sockets":0}`)
	s.ask(t, "", "GET", "/healthz", "").expect(t, 200, `{"status":"ok"}`)
}
