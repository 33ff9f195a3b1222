package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/gateway/access"
	"starling/hub"
	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { starlingtest.NoLeaks(m) }

var quiet = slog.New(slog.DiscardHandler)

// The keys of most tests.
const (
	fullKey = "full-rights-key-0001" // everything
	acmeKey = "acme-locked-key-0001" // everything, within acme:* and user:acme:*
)

// keysText is a file with a key for each scope, and those above.
const keysText = `
keys:
  - {name: full, key: full-rights-key-0001, scopes: [publish, read, manage]}
  - {name: acme, key: acme-locked-key-0001, scopes: [publish, read, manage], rooms: ["acme:*", "user:acme:*"]}
  - {name: publisher, key: only-publish-key-001, scopes: [publish]}
  - {name: reader, key: only-read-key-000001, scopes: [read]}
  - {name: manager, key: only-manage-key-0001, scopes: [manage]}
  - {name: slow, key: slow-rate-key-000001, scopes: [publish, read, manage], rate: 2}
`

func keysOf(t testing.TB, text string) *Keys {
	t.Helper()
	set, err := parseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{}
	k.set.Store(&set)
	return k
}

// clock is a clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// system is a server with its clients, and the API in front of it.
type system struct {
	io   *hub.Server
	api  *API
	web  *httptest.Server
	stop func() // of the hub; the rest ends with the test
}

// newSystem runs a hub and an API until the test ends.
func newSystem(t testing.TB, change func(*Config)) *system {
	t.Helper()
	s := &system{io: hub.New(hub.Options{
		PingInterval: hub.TimeMax, ShutdownTimeout: hub.TimeMax, Loops: 2, Logger: quiet,
	})}
	cfg := Config{Server: s.io, Namespaces: []string{"/", "/admin"}, Keys: keysOf(t, keysText), Logger: quiet}
	if change != nil {
		change(&cfg)
	}
	s.admit("/", "/admin")
	s.serve(t)
	var err error
	if s.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s.web = httptest.NewUnstartedServer(nil)
	s.web.Config = NewServer(s.api, quiet)
	s.web.Start()
	t.Cleanup(func() {
		s.api.Stop()
		s.web.Close()
		s.stop()
	})
	return s
}

// serve runs the hub.
func (s *system) serve(t testing.TB) {
	t.Helper()
	if err := s.io.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.io.Serve(ctx) }()
	<-s.io.Ready()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// admit has clients say by themselves who they are and which rooms they are in.
func (s *system) admit(namespaces ...string) {
	for _, name := range namespaces {
		n := s.io.Of(name)
		n.Use(func(socket *hub.Socket) error {
			var auth struct {
				User string          `json:"user"`
				Join []string        `json:"join"`
				Data json.RawMessage `json:"data"`
			}
			if err := socket.Auth(&auth); err != nil {
				return err
			}
			grant := &access.Grant{User: auth.User, Join: auth.Join, Data: auth.Data}
			socket.SetData(access.NewMember(grant, time.Unix(1_600_000_000, 0), "192.0.2.7"))
			if auth.User != "" {
				auth.Join = append(auth.Join, access.UserRoom(auth.User))
			}
			return socket.Join(auth.Join...)
		})
	}
}

// client is a Socket.IO client of which a test reads each packet.
type client struct {
	t    testing.TB
	conn *starlingtest.Conn
	nsp  string
	sid  string
}

// connect connects a client to the main namespace.
func (s *system) connect(t testing.TB, auth string) *client { return s.connectTo(t, "", auth) }

// connectTo connects a client to a namespace, "" for the main one.
func (s *system) connectTo(t testing.TB, nsp, auth string) *client {
	t.Helper()
	c := &client{t: t, conn: starlingtest.Dial(t, s.io.Addr().String()), nsp: nsp}
	if err := c.conn.Upgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
		t.Fatal(err)
	}
	if open := c.text(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("the handshake begins with %q", open)
	}
	c.send("40" + c.prefix() + auth)
	var connected struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.text(), "40"+c.prefix())), &connected); err != nil || connected.SID == "" {
		t.Fatalf("connected with %v, %v", connected, err)
	}
	c.sid = connected.SID
	return c
}

func (c *client) prefix() string {
	if c.nsp == "" {
		return ""
	}
	return c.nsp + ","
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := c.conn.Write(starlingtest.Masked(starlingtest.Text, []byte(text))); err != nil {
		c.t.Fatal(err)
	}
}

// text reads a text frame.
func (c *client) text() string {
	c.t.Helper()
	f, err := c.conn.ReadFrame()
	if err != nil || f.Head != starlingtest.Text {
		c.t.Fatalf("read %x %q, %v", f.Head, f.Payload, err)
	}
	return string(f.Payload)
}

// expect reads events, "42" and the namespace of which are left out.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.text(); got != "42"+c.prefix()+w {
			c.t.Fatalf("the client got %q, want %q", got, "42"+c.prefix()+w)
		}
	}
}

// gone wants the client to be out of its namespace.
func (c *client) gone() {
	c.t.Helper()
	if got := c.text(); got != "41"+strings.TrimSuffix(c.prefix(), "")+"" {
		c.t.Fatalf("the client got %q instead of a disconnect", got)
	}
}

// silent wants that clients have got nothing but what was read: an event to everyone has to be the next one.
func (s *system) silent(clients ...*client) {
	for _, c := range clients {
		c.t.Helper()
		if err := s.io.Of(c.nsp).Emit("end"); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, c := range clients {
		for _, other := range clients {
			if c.nsp == other.nsp {
				c.expect(`["end"]`)
			}
		}
	}
}

// reply is what the API has replied.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request. Further headers are given as "Name: value". Its X-Request-Id is "r" unless they say otherwise.
func (s *system) ask(t testing.TB, key, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := s.try(key, method, path, strings.NewReader(body), headers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *system) try(key, method, path string, body io.Reader, headers ...string) (reply, error) {
	req, err := s.request(key, method, path, body, headers...)
	if err != nil {
		return reply{}, err
	}
	res, err := s.web.Client().Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, plain(string(text))}, err
}

func (s *system) request(key, method, path string, body io.Reader, headers ...string) (*http.Request, error) {
	req, err := http.NewRequest(method, s.web.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Request-Id", "r")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return req, nil
}

var ulids = regexp.MustCompile(`"id":"[0-9A-HJKMNP-TV-Z]{26}"`)

// plain makes a reply one that a table can hold: ids are "ID", and the line ends at its last character.
func plain(text string) string {
	return strings.TrimSuffix(ulids.ReplaceAllString(text, `"id":"ID"`), "\n")
}

// delivered is the reply to an emit.
func delivered(matched int) string {
	return fmt.Sprintf(`{"id":"ID","matched":%d,"queued":%d,"dropped":0}`, matched, matched)
}

// failedWith is the reply to a request that fails.
func failedWith(code, field string) *regexp.Regexp {
	pattern := `^\{"error":\{"code":"` + code + `","message":"([^"\\]|\\.)+",`
	if field != "" {
		pattern += `"field":"` + regexp.QuoteMeta(field) + `",`
	}
	return regexp.MustCompile(pattern + `"request_id":"r"\}\}$`)
}

// expect wants a reply.
func (r reply) expect(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Fatalf("replied %d %s\nwant    %d %s", r.status, r.body, status, body)
	}
	if status != http.StatusNoContent && r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("the content type is %q", r.header.Get("Content-Type"))
	}
}

// fails wants an error in its one shape.
func (r reply) fails(t testing.TB, status int, code, field string) {
	t.Helper()
	if r.status != status || !failedWith(code, field).MatchString(r.body) {
		t.Fatalf("replied %d %s\nwant    %d %s %s", r.status, r.body, status, code, field)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("the content type is %q", got)
	}
	if got := r.header.Get("X-Request-Id"); got != "r" {
		t.Fatalf("X-Request-Id is %q", got)
	}
}

// eventually waits for a state that no event tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(starlingtest.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(starlingtest.Patience):
		t.Fatal("waited in vain")
	}
	return v
}

// roomsOf asks the hub in which rooms a client is.
func (s *system) roomsOf(t testing.TB, c *client) []string {
	t.Helper()
	socket, err := s.io.Of(c.nsp).Socket(t.Context(), c.sid)
	if errors.Is(err, hub.ErrDisconnected) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := socket.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(rooms, func(r string) bool { return r == c.sid })
}

// logged collects a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func itoa(i int) string { return strconv.Itoa(i) }
