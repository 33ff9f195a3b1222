package doctor

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// trial is a public address, and the lines of the checks that are made through it.
type trial struct {
	name   string
	public public
	set    func(*Settings)
	want   []string
}

const (
	goodPolling = "pass | a session, heartbeat 45s | a session"
	goodSocket  = "pass | an upgrade | an upgrade"
	goodSticky  = "pass | 6 of 6 found again | found again"
	noSticky    = "skip | there is no session | found again"
	noAddresses = "skip | cannot be seen from outside | "
	notSlow     = "skip | only with --slow | "
	noUpgrade   = " | proxy_http_version 1.1;                              # nginx | proxy_set_header Upgrade $http_upgrade;" +
		" | proxy_set_header Connection $connection_upgrade;     # with the map of: starling init nginx"
	noPath  = " | # /socket.io/ must go to the server, with its path: see starling init nginx"
	noReach = " | # the name, the port, the certificate of --url; a firewall; and is anything running?"
)

func (tc trial) run(t *testing.T) {
	var got []string
	for _, r := range tc.public.report(t, tc.set).Results {
		if strings.HasPrefix(r.Check, "proxy") {
			got = append(got, line(r))
		}
	}
	if !slices.Equal(got, tc.want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tc.want, "\n     "))
	}
}

func TestProxy(t *testing.T) {
	withUpgrade := func(upgrade func(*http.Request) string, talk func(net.Conn, *bufio.Reader)) public {
		p := good()
		p.upgrade, p.talk = upgrade, talk
		return p
	}
	withPost := func(answers ...string) public {
		p := good()
		var mu sync.Mutex
		p.post = func(*http.Request) string {
			mu.Lock()
			defer mu.Unlock()
			answer := answers[0]
			answers = append(answers[1:], answer)
			return answer
		}
		return p
	}
	const redirect = "HTTP/1.1 301 Moved Permanently\r\nLocation: https://app.example.com/socket.io/\r\nContent-Length: 0\r\n\r\n"
	const page = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!doctype html>"
	silent := func(net.Conn, *bufio.Reader) {}
	for _, tc := range []trial{
		{name: "all is well", public: good(), want: []string{goodPolling, goodSocket, goodSticky, noAddresses, notSlow}},
		{
			name: "no URL", public: good(), set: func(s *Settings) { s.URL = "" },
			want: []string{"skip | no --url | "},
		},
		{
			name: "a URL that is none", public: good(), set: func(s *Settings) { s.URL = "app.example.com:443" },
			want: []string{"fail | app.example.com:443 | https://app.example.com | --url https://app.example.com"},
		},
		{
			name: "the upgrade is not passed on", public: withUpgrade(func(*http.Request) string { return badRequest }, silent),
			want: []string{goodPolling, `fail | status 400, "Bad request" | an upgrade` + noUpgrade, goodSticky, noAddresses, notSlow},
		},
		{
			name: "somebody else upgrades", public: withUpgrade(func(*http.Request) string {
				return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
			}, silent),
			want: []string{goodPolling, "fail | 101, but not from a WebSocket server | an upgrade" + noUpgrade, goodSticky, noAddresses, notSlow},
		},
		{
			name: "the upgrade leads nowhere", public: withUpgrade(accepting, silent),
			want: []string{goodPolling, "fail | an upgrade, and then nothing: EOF | an upgrade" + noUpgrade, goodSticky, noAddresses, notSlow},
		},
		{
			name: "the upgrade leads elsewhere", public: withUpgrade(accepting, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, frame(0x81, "hello")) }),
			want: []string{goodPolling, "fail | an upgrade, and then nothing: the answer is none of Socket.IO's | an upgrade" + noUpgrade, goodSticky, noAddresses, notSlow},
		},
		{
			name: "several servers", public: withPost(goodPost, goodPost, unknownSID),
			want: []string{
				goodPolling, goodSocket,
				`fail | status 400, "Session ID unknown", after 1 found again | found again | # several servers behind one address: send each client to one of them, by hash or by cookie:` +
					` | starling init nginx    # or haproxy, caddy | # or have clients poll not at all: io(url, { transports: ["websocket"] })`,
				noAddresses, notSlow,
			},
		},
		{
			name: "another site", public: good().always(page),
			want: []string{"fail | status 200, not from Socket.IO | a session" + noPath, "fail | status 200, not from Socket.IO | an upgrade" + noPath, noSticky, noAddresses, notSlow},
		},
		{
			name: "another path", public: good().always("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"),
			want: []string{"fail | status 404, not from Socket.IO | a session" + noPath, "fail | status 404, not from Socket.IO | an upgrade" + noPath, noSticky, noAddresses, notSlow},
		},
		{
			name: "another address", public: good().always(redirect),
			want: []string{
				"fail | status 301 to https://app.example.com/socket.io/ | a session | # clients do not follow: give them that address, and --url too",
				"fail | status 301 to https://app.example.com/socket.io/ | an upgrade | # clients do not follow: give them that address, and --url too",
				noSticky, noAddresses, notSlow,
			},
		},
		{
			name: "forbidden", public: good().always("HTTP/1.1 403 Forbidden\r\nContent-Length: 32\r\n\r\n" + `{"code":4,"message":"Forbidden"}`),
			want: []string{
				`fail | status 403, "Forbidden" | a session | # something in front refuses, or --transports lacks this one`,
				`fail | status 403, "Forbidden" | an upgrade | # something in front refuses, or --transports lacks this one`,
				noSticky, noAddresses, notSlow,
			},
		},
		{
			name: "full", public: good().always("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"),
			want: []string{
				"fail | status 503 | a session | # the server is full, draining or short of memory, or the proxy does not reach it: GET /readyz says which",
				"fail | status 503 | an upgrade | # the server is full, draining or short of memory, or the proxy does not reach it: GET /readyz says which",
				noSticky, noAddresses, notSlow,
			},
		},
		{
			name: "nothing behind it", public: good().always("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad"),
			want: []string{
				"fail | status 502 | a session | # the proxy does not reach the server: is it up, at the address that the proxy has?",
				"fail | status 502 | an upgrade | # the proxy does not reach the server: is it up, at the address that the proxy has?",
				noSticky, noAddresses, notSlow,
			},
		},
		{
			name: "no HTTP", public: good().always("SSH-2.0-OpenSSH_9.6\r\n"),
			want: []string{
				`fail | no answer: malformed HTTP response "SSH-2.0-OpenSSH_9.6" | a session` + noReach,
				`fail | no answer: malformed HTTP response "SSH-2.0-OpenSSH_9.6" | an upgrade` + noReach,
				noSticky, noAddresses, notSlow,
			},
		},
	} {
		t.Run(tc.name, tc.run)
	}
}

func TestProxyThatIsNotReached(t *testing.T) {
	sys, set := machine(tuned()), settings()
	set.URL, set.Slow = "http://app.example.com", true
	sys.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errNobody}
	}
	r := Run(context.Background(), set, sys)
	for name, want := range map[string]string{
		pollName:   "fail | no answer: nobody answers | a session" + noReach,
		socketName: "fail | no answer: nobody answers | an upgrade" + noReach,
		stickyName: noSticky,
		idleName:   "fail | no answer: nobody answers | " + noReach,
	} {
		if got := line(find(t, r, name)); got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}

// received reads a client's frame: masked, and shorter than 126 bytes.
func received(in *bufio.Reader) (first byte, payload string) {
	var head [6]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || head[1]&0x80 == 0 {
		return 0, ""
	}
	text := make([]byte, head[1]&0x7F)
	if _, err := io.ReadFull(in, text); err != nil {
		return 0, ""
	}
	for i := range text {
		text[i] ^= head[2+i%4]
	}
	return head[0], string(text)
}

// TestIdle has the public address say something after the open packet, and then what becomes of the connection.
func TestIdle(t *testing.T) {
	const hold = 100 * time.Millisecond
	wanted := func(first byte, payload string) func(t *testing.T, in *bufio.Reader) {
		return func(t *testing.T, in *bufio.Reader) {
			if f, p := received(in); f != first || p != payload {
				t.Errorf("the client sent %#x %q, want %#x %q", f, p, first, payload)
			}
		}
	}
	connects := wanted(0x81, "40")
	says := func(text string) func(*testing.T, net.Conn) {
		return func(t *testing.T, conn net.Conn) {
			if _, err := io.WriteString(conn, text); err != nil {
				t.Error(err)
			}
		}
	}
	stays := func(_ *testing.T, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) } // until the client goes
	for _, tc := range []struct {
		name  string
		open  string
		token string
		steps []any // what the client sends, and what it is sent
		want  string
	}{
		{
			name: "alive, heartbeats answered", open: openPacket,
			steps: []any{connects, says(frame(0x81, `40{"sid":"xyz"}`) + frame(0x81, "2")), wanted(0x81, "3"), says(frame(0x89, "hi")), wanted(0x8A, "hi"), stays},
			want:  "pass | alive after 0s | alive after 100ms",
		},
		{
			name: "with a token", open: openPacket, token: "a.b.c",
			steps: []any{wanted(0x81, `40{"token":"a.b.c"}`), stays},
			want:  "pass | alive after 0s | alive after 100ms",
		},
		{
			name: "cut off", open: openPacket, steps: []any{connects},
			want: "fail | cut off after 0s | alive after 100ms | proxy_read_timeout 75s;     # nginx: longer than the ping interval | timeout tunnel 1h           # HAProxy | # or a shorter --ping-interval than what cuts off",
		},
		{
			name: "ended by the server, for want of a token, after a heartbeat", open: hastyOpen,
			steps: []any{connects, says(frame(0x81, `44{"message":"token required"}`) + frame(0x88, "")), stays},
			want:  "pass | alive for 0s, until the server ended a client without a token (--token) | alive after 100ms",
		},
		{
			name: "the same before a heartbeat", open: openPacket,
			steps: []any{connects, says(frame(0x81, `44{"message":"token required"}`) + frame(0x88, "")), stays},
			want:  `warn | ended by the server after 0s {"message":"token required"} | alive after 100ms | # with --token, for a client that may stay`,
		},
		{
			name: "ended by the server for no reason", open: hastyOpen, steps: []any{connects, says(frame(0x88, "\x03\xe9")), stays},
			want: "warn | ended by the server after 0s  | alive after 100ms | # with --token, for a client that may stay",
		},
		{name: "no session", open: "hello", steps: []any{stays}, want: "skip | there is no session | "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := good()
			upgrades := 0
			p.upgrade = func(r *http.Request) string {
				upgrades++
				return accepting(r)
			}
			p.talk = func(conn net.Conn, in *bufio.Reader) {
				if upgrades == 1 { // that of the check before
					_, _ = io.WriteString(conn, frame(0x81, openPacket))
					return
				}
				_, _ = io.WriteString(conn, frame(0x81, tc.open))
				for _, step := range tc.steps {
					switch step := step.(type) {
					case func(*testing.T, *bufio.Reader):
						step(t, in)
					case func(*testing.T, net.Conn):
						step(t, conn)
					}
				}
			}
			r := p.report(t, func(s *Settings) { s.Slow, s.Hold, s.Token = true, hold, tc.token })
			if got := line(find(t, r, idleName)); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestIdleWithoutAnUpgrade(t *testing.T) {
	p := good()
	p.upgrade = func(*http.Request) string { return badRequest }
	r := p.report(t, func(s *Settings) { s.Slow = true })
	if got, want := line(find(t, r, idleName)), `fail | status 400, "Bad request" | `+noUpgrade; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestIdleIsInterrupted ends the run while a connection is left alone for an hour.
func TestIdleIsInterrupted(t *testing.T) {
	if got, want := line(interrupted(t, time.Hour)), "skip | interrupted | alive after 1h0m0s"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestHoldIsTheHeartbeat: without Hold a connection is left alone for the time of a heartbeat and five seconds.
func TestHoldIsTheHeartbeat(t *testing.T) {
	if got, want := interrupted(t, 0).Wanted, "alive after 50s"; got != want {
		t.Errorf("wanted %q, not %q", got, want)
	}
}

// interrupted is what is found of an idle connection by a run that ends as soon as the connection is left alone.
func interrupted(t *testing.T, hold time.Duration) Result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := good()
	p.talk = func(conn net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(conn, frame(0x81, openPacket))
		if f, _ := received(in); f == 0x81 {
			cancel()
		}
	}
	sys, set := machine(tuned()), settings()
	sys.Dial = p.dialTo(t)
	set.URL, set.Slow, set.Hold = "http://app.example.com", true, hold
	return find(t, Run(ctx, set, sys), idleName)
}

// TestRequestsOnTheWire has each request of a trial as it leaves.
func TestRequestsOnTheWire(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	p := good()
	note := func(answer func(*http.Request) string) func(*http.Request) string {
		return func(r *http.Request) string {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, strings.Join([]string{r.Method, r.RequestURI, r.Host, r.Header.Get("User-Agent"), r.Header.Get("Content-Type"), r.Header.Get("Cookie"), string(body)}, " | "))
			return answer(r)
		}
	}
	p.get, p.post, p.upgrade = note(p.get), note(p.post), note(p.upgrade)
	p.report(t, func(s *Settings) { s.URL, s.Path = "http://app.example.com:8000/live/", "/sio/" })
	const poll = "GET | /live/sio/?EIO=4&transport=polling | app.example.com:8000 | starling-doctor |  |  | "
	const leave = "POST | /live/sio/?EIO=4&transport=polling&sid=abc | app.example.com:8000 | starling-doctor | text/plain;charset=UTF-8 | io=one~abc; lb=7 | 1"
	want := []string{
		poll, leave,
		"GET | /live/sio/?EIO=4&transport=websocket | app.example.com:8000 | starling-doctor |  |  | ",
		poll, leave, poll, poll, leave, leave, poll, poll, poll, leave, leave, leave,
	}
	if !slices.Equal(sent, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(sent, "\n     "), strings.Join(want, "\n     "))
	}
}
