package session

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// headers changes headers as the words of a list say: Name:value sets one and +Name:value adds one, with escapes as in a
// query; a name alone takes the header away. first:value sets X-First, where a session begins; ? notes what there was; !
// panics on requests whose query has panic.
func (k *talk) headers(changes []string) func(http.Header, *http.Request, bool) {
	return func(h http.Header, r *http.Request, first bool) {
		for _, change := range changes {
			change, adds := strings.CutPrefix(change, "+")
			name, value, sets := strings.Cut(change, ":")
			name, _ = url.QueryUnescape(name)
			value, _ = url.QueryUnescape(value)
			switch {
			case change == "?":
				k.note("headers: %s from %s, first %v, %s", r.URL.Query().Get("transport"), r.RemoteAddr, first, strings.Join(slices.Sorted(maps.Keys(h)), " "))
			case change == "!" && r.URL.Query().Has("panic"):
				panic("headers")
			case name == "first" && first:
				h.Set("X-First", value)
			case name == "first", change == "!", change == "":
			case adds:
				h[name] = append(h[name], value)
			case sets:
				h[name] = []string{value}
			default:
				delete(h, name)
			}
		}
	}
}

// TestHeadersCannotSplitAnswers tries what would make a header two, or end the head, in names and in values.
func TestHeadersCannotSplitAnswers(t *testing.T) {
	for _, row := range []struct {
		name, field, value string
		want               bool
	}{
		{"an ordinary one", "X-A", "b", true},
		{"a tab, and all that is printable", "X-!#$%&'*+.^_`|~9", "\t !\"#(),/:;<=>?@[]{}~", true},
		{"an empty value", "X-A", "", true},
		{"a line break", "X-A", "b\r\nSet-Cookie: x=y", false},
		{"a line feed", "X-A", "b\nSet-Cookie: x=y", false},
		{"a carriage return", "X-A", "b\rSet-Cookie: x=y", false},
		{"the end of a head", "X-A", "\r\n\r\n<script>", false},
		{"a NUL", "X-A", "b\x00", false},
		{"DEL", "X-A", "b\x7f", false},
		{"beyond ASCII", "X-A", "é", false},
		{"beyond ASCII, and not UTF-8", "X-A", "\xe9", false},
		{"no name", "", "b", false},
		{"a name with a colon", "X-A: b\r\nX-B", "c", false},
		{"a name with a line break", "X-A\r\nX-B", "c", false},
		{"a name with a space", "X A", "b", false},
		{"a name with a space at its end", "Content-Length ", "0", false},
		{"a name beyond ASCII", "X-É", "b", false},
		{"a name with DEL", "X-\x7f", "b", false},
	} {
		for _, request := range []string{
			"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /socket.io/?EIO=4&transport=nope HTTP/1.1\r\nHost: x\r\n\r\n",
			upgradeRequest("/socket.io/?EIO=4&transport=websocket"),
			upgradeRequest("/socket.io/?EIO=4&transport=nope"),
		} {
			k := newTalk(t)
			var log bytes.Buffer
			cfg := k.tables[0].cfg
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			cfg.Headers = func(h http.Header, _ *http.Request, _ bool) { h[row.field] = []string{"before", row.value} }
			k.open("")
			k.send([]byte(request))
			head, _, _ := strings.Cut(string(k.end.peer.Got), "\r\n\r\n")
			var has []string // lines that are not our own
			for _, line := range strings.Split(head, "\r\n")[1:] {
				name, _, _ := strings.Cut(line, ":")
				if !slices.Contains([]string{"Content-Type", "Content-Length", "Cache-Control", "Connection", "Upgrade", "Sec-WebSocket-Accept"}, name) {
					has = append(has, line)
				}
			}
			var want []string
			if row.want || validField(row.field, "before") {
				want = append(want, row.field+": before")
			}
			if row.want {
				want = append(want, row.field+": "+row.value)
			}
			if len(has) != len(want) || !slices.EqualFunc(has, want, sameLine) {
				t.Errorf("%s: lines %q, want %q", row.name, has, want)
			}
			if dropped := strings.Count(log.String(), "level=ERROR"); dropped != 1 != row.want {
				t.Errorf("%s: %d lines in the log:\n%s", row.name, dropped, log.String())
			}
			readAnswers(t, k.end.peer.Got, row.field)
		}
	}
}

// sameLine reports whether two header lines are the same but for white space around the value.
func sameLine(a, b string) bool {
	aName, aValue, _ := strings.Cut(a, ":")
	bName, bValue, _ := strings.Cut(b, ":")
	return aName == bName && strings.TrimSpace(aValue) == strings.TrimSpace(bValue)
}

// TestProtocolsHeadersStay: whatever the application does to them, in whatever case, they are what they were.
func TestProtocolsHeadersStay(t *testing.T) {
	names := []string{
		"Connection", "Content-Encoding", "Content-Length", "Trailer", "Transfer-Encoding", "Upgrade",
		"Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Sec-WebSocket-Version",
	}
	ask := func(headers func(http.Header, *http.Request, bool), request string) string {
		k := newTalk(t)
		k.tables[0].cfg.Headers = headers
		k.begin("0")
		k.emit("x*2000", false)
		k.open("")
		k.send([]byte(request))
		return string(k.end.peer.Got)
	}
	for _, request := range []string{
		"GET " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
		"HEAD /socket.io/ HTTP/1.1\r\nHost: x\r\n\r\n",
		upgradeRequest("/socket.io/?EIO=4&transport=websocket"),
		upgradeRequest("/socket.io/"),
	} {
		want := ask(nil, request)
		for _, change := range []func(h http.Header, name string){
			func(h http.Header, name string) { h.Set(name, "evil") },
			func(h http.Header, name string) { h[strings.ToLower(name)] = []string{"evil", "evil"} },
			func(h http.Header, name string) { h.Del(name) },
		} {
			got := ask(func(h http.Header, _ *http.Request, _ bool) {
				for _, name := range names {
					change(h, name)
				}
			}, request)
			if !slices.Equal(sortedLines(got), sortedLines(want)) {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

// sortedLines are the lines of an answer in the order of the alphabet: those that the application might have changed may stand
// elsewhere.
func sortedLines(answer string) []string {
	return slices.Sorted(slices.Values(strings.Split(answer, "\r\n")))
}

// TestDroppedHeadersAreLoggedEverMoreSeldom: nobody can fill the log.
func TestDroppedHeadersAreLoggedEverMoreSeldom(t *testing.T) {
	var log bytes.Buffer
	cfg := &Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	for range 1000 {
		cfg.cleanse(http.Header{"X-A": {"\n"}})
	}
	if n := strings.Count(log.String(), "\n"); n != 10 { // 1, 2, 4 … 512
		t.Errorf("1000 headers that were dropped have %d lines in the log", n)
	}
}

// FuzzHeaders has the application add any header to answers of every kind: each must stay one answer, with the same body, and
// without a header that was not asked for.
func FuzzHeaders(f *testing.F) {
	f.Add("X-A", "b")
	f.Add("X-A", "b\r\nSet-Cookie: x=y")
	f.Add("X-A: b\r\n\r\n", "c")
	f.Add("transfer-encoding", "chunked")
	f.Add("Sec-WebSocket-Protocol", "soap")
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, request := range []string{
			"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /socket.io/?EIO=4&transport=nope HTTP/1.1\r\nHost: x\r\n\r\n",
			upgradeRequest("/socket.io/?EIO=4&transport=websocket"),
			upgradeRequest("/socket.io/?EIO=4&transport=nope"),
		} {
			ask := func(headers func(http.Header, *http.Request, bool)) (status, body string) {
				k := newTalk(t)
				k.tables[0].cfg.Headers = headers
				k.open("")
				k.send([]byte(request))
				readAnswers(t, k.end.peer.Got, name)
				head, body, _ := strings.Cut(string(k.end.peer.Got), "\r\n\r\n")
				status, _, _ = strings.Cut(head, "\r\n")
				return status, body
			}
			status, body := ask(func(h http.Header, _ *http.Request, _ bool) { h[name] = []string{value} })
			if wantStatus, wantBody := ask(nil); status != wantStatus || body != wantBody {
				t.Fatalf("%q with %q, want %q with %q", status, body, wantStatus, wantBody)
			}
		}
	})
}
