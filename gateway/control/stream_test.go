package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"starling/hub"
	"starling/internal/starlingtest"
)

// flow is an open stream of which a test writes and reads each line.
type flow struct {
	t       testing.TB
	in      *io.PipeWriter
	results *bufio.Reader
	res     *http.Response
}

// stream begins one.
func (s *system) stream(t testing.TB, key, query string) *flow {
	t.Helper()
	in, out := io.Pipe()
	req, err := s.request(key, "POST", "/v1/emit"+query, in, "Content-Type: application/x-ndjson")
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close(); out.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "application/x-ndjson" {
		t.Fatalf("the stream begins with %d %s", res.StatusCode, got)
	}
	return &flow{t, out, bufio.NewReader(res.Body), res}
}

func (f *flow) send(text string) {
	f.t.Helper()
	if _, err := io.WriteString(f.in, text); err != nil {
		f.t.Fatal(err)
	}
}

// expect reads results; of errors it wants "status code field" alone.
func (f *flow) expect(want ...string) {
	f.t.Helper()
	for i, w := range want {
		line, err := f.results.ReadString('\n')
		if err != nil {
			f.t.Fatalf("result %d: %q, %v", i, line, err)
		}
		if got := short(line); got != w {
			f.t.Fatalf("result %d is %s, want %s", i, got, w)
		}
	}
}

// ends wants no more results.
func (f *flow) ends() {
	f.t.Helper()
	if rest, err := io.ReadAll(f.results); err != nil || len(rest) > 0 {
		f.t.Fatalf("behind the last result: %q, %v", rest, err)
	}
}

// short is a result as tests have it.
func short(line string) string {
	var r resultReply
	if err := json.Unmarshal([]byte(line), &r); err != nil || line[len(line)-1] != '\n' {
		return fmt.Sprintf("%q, %v", line, err)
	}
	if r.Error != nil {
		return strings.TrimSpace(fmt.Sprint(r.Status, " ", r.Error.Code, " ", r.Error.Field))
	}
	return plain(line)
}

func ok(matched int) string {
	return fmt.Sprintf(`{"status":200,"id":"ID","matched":%d,"queued":%d,"dropped":0}`, matched, matched)
}

func TestStream(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	f := s.stream(t, fullKey, "")

	t.Run("each line is answered before the next one comes", func(t *testing.T) {
		for i := range 3 {
			f.send(fmt.Sprintf(`{"event":"n","data":%d,"to":"acme:x"}`+"\n", i))
			f.expect(ok(1))
			ann.expect(fmt.Sprintf(`["n",%d]`, i))
		}
	})
	t.Run("a line in pieces", func(t *testing.T) {
		f.send(`{"event":"n","da`)
		f.send(`ta":7,"to":"acme`)
		f.send(":x\"}\n{\"event\":\"m\",\"to\":")
		f.expect(ok(1))
		f.send("\"acme:x\"}\n")
		f.expect(ok(1))
		ann.expect(`["n",7]`, `["m"]`)
	})
	t.Run("bad lines among good ones, in order", func(t *testing.T) {
		f.send(strings.Join([]string{
			`{"event":"1","to":"acme:x"}`, `nonsense`, `{"event":"2","to":"acme:x"}`, `{"event":"x"}`, ``, " \t\r", `{"event":"3","to":"nobody"}` + "\r",
			`{"event":"x","to":"acme:x","key":"k"}`, `{"event":"connect","to":"acme:x"}`, `{"event":"x","data":[1,],"to":"acme:x"}`,
			`{"event":"x","to":["acme:x"," y"]}`, `{"event":"x","to":"acme:x","nsp":"/none"}`, `{"event":"4","to":"*"}`,
		}, "\n") + "\n")
		f.expect(ok(1), "400 body_invalid", ok(1), "400 target_missing to", ok(0), "400 field_unknown key", "400 event_reserved event",
			"400 data_invalid", "400 room_name_invalid to[1]", "400 namespace_unknown nsp", ok(1))
		ann.expect(`["1"]`, `["2"]`, `["4"]`)
	})
	t.Run("the last line needs no end", func(t *testing.T) {
		f.send(`{"event":"last","to":"acme:x"}`)
		f.in.Close()
		f.expect(ok(1))
		f.ends()
		ann.expect(`["last"]`)
	})
	s.silent(ann)
}

// TestStreamExpect: a client that waits to be told to go on is told so, and then gets its reply as it sends.
func TestStreamExpect(t *testing.T) {
	s := newSystem(t, nil)
	c := starlingtest.Dial(t, s.web.Listener.Addr().String())
	line := `{"event":"a","to":"x"}` + "\n"
	if _, err := io.WriteString(c, "POST /v1/emit HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+fullKey+"\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Expect([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n0\r\n\r\n", len(line), line); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for text := ""; text != "0\r\n"; {
		var err error
		if text, err = in.ReadString('\n'); err != nil {
			t.Fatalf("the reply ends with %q, %v", text, err)
		}
		if strings.HasPrefix(text, "{") {
			if got := short(text); got != ok(0) {
				t.Fatalf("the result is %s", got)
			}
		}
	}
}

// TestStreamOfMany sends more lines than the window holds, and counts all of them.
func TestStreamOfMany(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	const lines = 3*StreamWindowMax + 7
	f := s.stream(t, fullKey, "")
	go func() {
		for i := range lines {
			if _, err := fmt.Fprintf(f.in, `{"event":"n","data":%d,"to":"acme:x"}`+"\n", i); err != nil {
				return
			}
		}
		f.in.Close()
	}()
	for i := range lines {
		f.expect(ok(1))
		ann.expect(fmt.Sprintf(`["n",%d]`, i))
	}
	f.ends()
}

// TestStreamLineTooLong: a line of the greatest size is done, one beyond is answered, and is the last one.
func TestStreamLineTooLong(t *testing.T) {
	const most = 1000
	s := newSystem(t, func(c *Config) { c.EventBytesMax = most })
	line := func(n int) string {
		head, tail := `{"event":"a","data":"`, `","to":"x"}`
		return head + strings.Repeat("d", n-len(head)-len(tail)) + tail
	}
	for _, end := range []string{"\n", ""} {
		f := s.stream(t, fullKey, "")
		f.send(line(most) + "\n")
		f.expect(ok(0))
		f.send(line(most+1) + end)
		f.expect("413 body_too_large")
		f.ends()
	}
}

// TestStreamQuery has lines mean another namespace, and no parameters that streams do not have.
func TestStreamQuery(t *testing.T) {
	s := newSystem(t, nil)
	admin := s.connectTo(t, "/admin", `{}`)
	f := s.stream(t, fullKey, "?nsp=/admin")
	f.send(`{"event":"a","to":"*"}` + "\n" + `{"event":"b","to":"*","nsp":"/"}` + "\n")
	f.expect(ok(1), "400 field_conflict nsp")
	admin.expect(`["a"]`)

	ndjson := "Content-Type: application/x-ndjson"
	s.ask(t, fullKey, "POST", "/v1/emit?ack=5s", "", ndjson).fails(t, 400, "parameter_unknown", "ack")
	s.ask(t, fullKey, "POST", "/v1/emit", "", ndjson, "Idempotency-Key: k").fails(t, 400, "idempotency_key_invalid", "Idempotency-Key")
	s.ask(t, "only-read-key-000001", "POST", "/v1/emit", "", ndjson).fails(t, 403, "scope_missing", "")
	s.ask(t, fullKey, "POST", "/v1/emit?nsp=/admin", "", ndjson).expectNothing(t)
}

// expectNothing wants a stream without results.
func (r reply) expectNothing(t testing.TB) {
	t.Helper()
	if r.status != http.StatusOK || r.body != "" {
		t.Fatalf("replied %d %q", r.status, r.body)
	}
}

// TestStreamOfLockedKey holds each line against the key's lock.
func TestStreamOfLockedKey(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	eve := s.connect(t, `{"join":["globex:x"]}`)
	f := s.stream(t, acmeKey, "")
	f.send(strings.Join([]string{
		`{"event":"a","to":"acme:x"}`, `{"event":"a","to":"globex:x"}`, `{"event":"a","to":"*"}`,
		`{"event":"a","to":"` + eve.sid + `"}`, `{"event":"a","to":"` + ann.sid + `"}`,
	}, "\n") + "\n")
	f.expect(ok(1), "403 room_forbidden to", "403 key_locked", ok(0), ok(1))
	ann.expect(`["a"]`, `["a"]`)
	s.silent(ann, eve)
}

// TestStreamOfKeyTakenAway: a key that a reload has taken away, or changed, counts as it is from then on.
func TestStreamOfKeyTakenAway(t *testing.T) {
	for _, tc := range []struct{ name, keys, want string }{
		{"taken away", "keys: [{name: other, key: some-other-key-00001, scopes: [publish]}]", "401 key_invalid Authorization"},
		{"without its scope", "keys: [{name: full, key: full-rights-key-0001, scopes: [read]}]", "403 scope_missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keys := keysOf(t, keysText)
			s := newSystem(t, func(c *Config) { c.Keys = keys })
			f := s.stream(t, fullKey, "")
			f.send(`{"event":"a","to":"x"}` + "\n")
			f.expect(ok(0))
			keys.set.Store(keysOf(t, tc.keys).set.Load())
			f.send(`{"event":"a","to":"x"}` + "\n")
			f.expect(tc.want)
			f.ends()
		})
	}
	t.Run("locked", func(t *testing.T) {
		keys := keysOf(t, keysText)
		s := newSystem(t, func(c *Config) { c.Keys = keys })
		f := s.stream(t, fullKey, "")
		f.send(`{"event":"a","to":"x"}` + "\n")
		f.expect(ok(0))
		keys.set.Store(keysOf(t, `keys: [{name: full, key: full-rights-key-0001, scopes: [publish], rooms: ["acme:*"]}]`).set.Load())
		f.send(`{"event":"a","to":"x"}` + "\n")
		f.expect("403 room_forbidden to")
	})
}

// TestStreamOfKeyTakenAwayMeanwhile: lines that have come before count as little as those that come later.
func TestStreamOfKeyTakenAwayMeanwhile(t *testing.T) {
	keys := keysOf(t, "keys: [{name: k, key: slow-rate-key-000002, scopes: [publish], rate: 5}]")
	s := newSystem(t, func(c *Config) { c.Keys = keys })
	ann := s.connect(t, `{"join":["acme:x"]}`)
	f := s.stream(t, "slow-rate-key-000002", "")
	f.send(strings.Repeat(`{"event":"a","to":"acme:x"}`+"\n", 1000)) // of which the stream waits for the sixth
	for range 5 {
		f.expect(ok(1))
		ann.expect(`["a"]`)
	}
	keys.set.Store(keysOf(t, keysText).set.Load())
	for line := ok(1); line == ok(1); { // one may have been under way
		text, err := f.results.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = short(text); line == ok(1) {
			ann.expect(`["a"]`)
		} else if line != "401 key_invalid Authorization" {
			t.Fatalf("the result is %s", line)
		}
	}
	f.ends()
	s.silent(ann)
}

// TestStreamRate slows a stream down to its key's rate instead of refusing lines.
func TestStreamRate(t *testing.T) {
	keys := keysOf(t, "keys: [{name: k, key: slow-rate-key-000002, scopes: [publish], rate: 500}]")
	s := newSystem(t, func(c *Config) { c.Keys = keys })
	const lines = 600 // of which 500 may go at once
	f := s.stream(t, "slow-rate-key-000002", "")
	f.send(strings.Repeat(`{"event":"a","to":"x"}`+"\n", lines))
	for range lines {
		f.expect(ok(0))
	}
}

// TestShutdownEndsStreams: what has come is answered, an idle stream ends at once, and a new one is refused.
func TestShutdownEndsStreams(t *testing.T) {
	s := newSystem(t, nil)
	idle, busy := s.stream(t, fullKey, ""), s.stream(t, fullKey, "")
	busy.send(`{"event":"a","to":"x"}` + "\n")
	busy.expect(ok(0))
	if n := s.api.streams.count(); n != 2 {
		t.Fatalf("%d streams are open", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.web.Config.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Stop", func() bool { return s.api.streams.count() == 0 })
	idle.ends()
	busy.ends()
	s.api.Stop() // again
	w := httptest.NewRecorder()
	req, _ := s.request(fullKey, "POST", "/v1/emit", nil, "Content-Type: application/x-ndjson")
	s.api.ServeHTTP(w, req)
	reply{w.Code, w.Header(), plain(w.Body.String())}.fails(t, http.StatusServiceUnavailable, "shutting_down", "")
}

// TestStopWhileSlowedDown ends a stream that waits for its key's rate.
func TestStopWhileSlowedDown(t *testing.T) {
	keys := keysOf(t, "keys: [{name: k, key: slow-rate-key-000002, scopes: [publish], rate: 0.001}]")
	s := newSystem(t, func(c *Config) { c.Keys = keys })
	f := s.stream(t, "slow-rate-key-000002", "")
	f.send(strings.Repeat(`{"event":"a","to":"x"}`+"\n", 2))
	f.expect(ok(0)) // and then the stream waits for a quarter of an hour
	s.api.Stop()
	f.expect("503 shutting_down")
	f.ends()
}

// TestStreamClientGone: a client that goes away in the middle of a line has not sent that line.
func TestStreamClientGone(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	f := s.stream(t, fullKey, "")
	f.send(`{"event":"a","to":"acme:x"}` + "\n" + `{"event":"b","to":"acme:x"}`)
	f.expect(ok(1))
	f.in.CloseWithError(errors.New("gone"))
	ann.expect(`["a"]`)
	eventually(t, "the end of the stream", func() bool { return s.api.streams.count() == 0 })
	s.silent(ann)
}

// TestWriteDeadlines: who does not read is given up, whatever is written. For a stream the time ends with the write: its last bytes may
// follow much later. For all else the next request on the connection begins another one.
func TestWriteDeadlines(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s := &stream{to: &answer{to: w, through: true}, control: http.NewResponseController(w), results: []byte("x\n")}
	if !s.flush() || w.Body.String() != "x\n" || !w.write.last.IsZero() {
		t.Errorf("a stream has set %d deadlines, the last one %v", w.write.set, w.write.last)
	}
	w = &deadlines{ResponseRecorder: httptest.NewRecorder()}
	a := &answer{to: w}
	_, _ = a.Write([]byte("{}"))
	a.finish()
	if w.Body.String() != "{}" || w.write.last.IsZero() {
		t.Errorf("a reply has set %d deadlines, the last one %v", w.write.set, w.write.last)
	}
	w = &deadlines{ResponseRecorder: httptest.NewRecorder()}
	a = &answer{to: w, through: true}
	_, _ = a.Write([]byte("metrics"))
	if w.Body.String() != "metrics" || w.write.last.IsZero() {
		t.Errorf("a reply of somebody else has set %d deadlines, the last one %v", w.write.set, w.write.last)
	}
}

// pieces is a body that comes in pieces.
type pieces struct {
	text []byte
	cuts []byte // how long each piece is
}

func (p *pieces) Read(b []byte) (int, error) {
	n := len(p.text)
	if n == 0 {
		return 0, io.EOF
	}
	if len(p.cuts) > 0 {
		n = min(n, int(p.cuts[0]))
		p.cuts = p.cuts[1:]
	}
	n = copy(b, p.text[:n])
	p.text = p.text[n:]
	return n, nil
}

var timesAndIDs = regexp.MustCompile(`"id":"[0-9A-Z]{26}"`)

// FuzzStream feeds lines in pieces: the results are those of the whole, there is one for each line, and what a line comes
// to is what the reader of bodies says of it.
func FuzzStream(f *testing.F) {
	for _, text := range bodies {
		f.Add([]byte(text+"\n"+text), []byte{1, 2, 0, 30})
	}
	f.Add([]byte("{\"event\":\"a\",\"to\":\"x\"}\r\n\n \n{\"event\":\"b\",\"to\":[\"x\",\"y\"]}\nx\n"), []byte{20, 1, 1, 1, 1, 1})
	f.Add([]byte(strings.Repeat("x", 300)+"\n{}"), []byte{255, 100})
	const most = 256
	io := hub.New(hub.Options{Logger: quiet}) // which serves nobody
	api, err := New(Config{Server: io, Keys: keysOf(f, keysText), Logger: quiet, EventBytesMax: most})
	if err != nil {
		f.Fatal(err)
	}
	run := func(p *pieces) string {
		w := httptest.NewRecorder()
		key, _ := api.cfg.Keys.find(fullKey)
		s := &stream{
			api: api, call: &call{key: key, id: "r"}, ctx: context.Background(), to: &answer{to: w, through: true},
			control: http.NewResponseController(w), in: make([]byte, 0, 16),
		}
		s.run(p)
		return timesAndIDs.ReplaceAllString(w.Body.String(), `"id":"ID"`)
	}
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		whole := run(&pieces{text: text})
		if got := run(&pieces{text: text, cuts: cuts}); got != whole {
			t.Fatalf("%q in pieces has the results\n%s, as a whole\n%s", text, got, whole)
		}
		var want []string
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			if len(line) > most {
				want = append(want, "413 body_too_large")
				break
			}
			if len(bytes.TrimSpace(line)) > 0 {
				want = append(want, slowLine(api, line))
			}
		}
		var got []string
		for line := range strings.SplitAfterSeq(whole, "\n") {
			if line != "" {
				got = append(got, short(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%q has the results\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// slowLine is what a line comes to as the body of a request.
func slowLine(api *API, line []byte) string {
	req := httptest.NewRequest("POST", "/v1/emit", bytes.NewReader(line))
	req.Header.Set("Authorization", "Bearer "+fullKey)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, req)
	if w.Code == http.StatusOK {
		return ok(0)
	}
	var e errorReply
	_ = json.Unmarshal(w.Body.Bytes(), &e)
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", e.Error.Code, " ", e.Error.Field))
}
