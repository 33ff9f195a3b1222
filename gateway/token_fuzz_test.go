package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"starling/hub"
)

// slowToken is the obvious twin of token, with encoding/json's and net/url's readings.
func slowToken(auth []byte, header, query string) (token string, bad bool) {
	var payload map[string]any
	if json.Unmarshal(auth, &payload) == nil && payload["token"] != nil {
		text, ok := payload["token"].(string)
		if !ok || text != "" {
			return text, !ok
		}
	}
	if scheme, rest, found := strings.Cut(header, " "); found && strings.EqualFold(scheme, "bearer") && strings.TrimSpace(rest) != "" {
		return strings.TrimSpace(rest), false
	}
	values, _ := url.ParseQuery(query)
	return values.Get("access"), false
}

// FuzzToken holds the finding of a client's token against its twin.
func FuzzToken(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"token":"a"}`, "", ""},
		{`{"token":7}`, "Bearer b", ""},
		{`{"token":null}`, "bearer  b ", "access=c"},
		{`{"token":""}`, "Basic b", "access=c"},
		{`[]`, "", "access=%zz&access=d"},
		{``, "Bearer", "a=b"},
		{`{"token":"a","token":"b"}`, "", ""},
		{`{"Token":"a"}`, "", ""},
	} {
		f.Add([]byte(seed[0]), seed[1], seed[2])
	}
	g := &Gateway{cfg: Config{TokenQuery: "access"}}
	f.Fuzz(func(t *testing.T, auth []byte, header, query string) {
		if strings.ContainsAny(query, "?") {
			return
		}
		h := hub.Handshake{Header: http.Header{"Authorization": {header}}, URL: "/socket.io/?" + query}
		token, err := g.token(auth, h)
		if want, bad := slowToken(auth, header, query); token != want || (err != nil) != bad {
			t.Fatalf("%q, %q, %q: %q, %v; want %q, %v", auth, header, query, token, err, want, bad)
		}
	})
}
