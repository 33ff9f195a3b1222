package stock

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorder is a World that writes down what the client does.
type recorder struct {
	did   []string
	heard []string // packets, which are not written down among the rest
}

func (r *recorder) add(format string, args ...any) {
	r.did = append(r.did, visible(fmt.Sprintf(format, args...)))
}

// visible writes the separator of packets as a sign that can be seen.
func visible(s string) string   { return strings.ReplaceAll(s, "\x1e", "␞") }
func invisible(s string) string { return strings.ReplaceAll(s, "␞", "\x1e") }

func (r *recorder) Ask(c *Client, l Link, body []byte) {
	r.add("%s", strings.TrimSpace([]string{"GET", "POST", "UPGRADE"}[l]+" "+c.SID()+" "+string(body)))
}
func (r *recorder) Send(_ *Client, p []byte)            { r.add("WS %s", p) }
func (r *recorder) Leave(*Client)                       { r.add("leave") }
func (r *recorder) Wake(_ *Client, after time.Duration) { r.add("wake %v", after) }
func (r *recorder) Tell(_ *Client, n News) {
	if n.Kind == Heard {
		r.heard = append(r.heard, string(n.Packet))
		return
	}
	r.add("%s", newsText(n))
}

func newsText(n News) string {
	text := []string{"asking", "BACK", "missed", "LOST", "fault", "ENDED", "proven"}[n.Kind]
	if n.About != "" {
		text += " " + n.About
	}
	if n.Refused {
		text += " (refused)"
	}
	return text
}

// apply does one line of a conversation, which says what has happened.
func apply(c *Client, line string) {
	links := map[string]Link{"GET": Get, "POST": Post, "SOCKET": Socket}
	what, rest, _ := strings.Cut(line, " ")
	how, text, _ := strings.Cut(rest, " ")
	status := 0
	_, _ = fmt.Sscan(how, &status)
	switch {
	case what == "open":
		c.Open()
	case what == "alarm":
		c.Alarm()
	case what == "cut":
		c.Cut()
	case what == "quit":
		c.Quit()
	case what == "echo":
		c.Echo("echo")
	case what == "101":
		c.Upgraded()
	case what == "FRAME":
		c.Frame([]byte(invisible(rest)))
	case how == "closed":
		c.Closed(links[what], Cause{Text: text})
	case how == "refused":
		c.Closed(links[what], Cause{Text: text, Refused: true})
	case status != 0:
		c.Answered(links[what], status, []byte(invisible(text)))
	default:
		panic("no such line: " + line)
	}
}

// converse holds a client to a conversation: lines that begin with > are what the client does about the line before them.
func converse(t *testing.T, transport Transport, text string) (*Client, *recorder) {
	t.Helper()
	r := &recorder{}
	c := NewClient(7, &Options{Transport: transport, Delay: DelayDefault, DelayMax: DelayMaxDefault}, r, func() float64 { return 0 })
	said := "nothing"
	want := []string{}
	check := func() {
		t.Helper()
		if got, want := strings.Join(r.did, "\n\t"), strings.Join(want, "\n\t"); got != want {
			t.Fatalf("at %q it does\n\t%s\nwant\n\t%s", said, got, want)
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if does, ok := strings.CutPrefix(line, ">"); ok {
			want = append(want, strings.TrimSpace(does))
			continue
		}
		check()
		said, r.did, want = line, nil, want[:0]
		apply(&c, line)
	}
	check()
	return &c, r
}

// The beginnings that most conversations share.
const (
	handshake = `
		open
			> wake 20s
			> asking
			> GET
		GET 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			> POST s1 40
			> UPGRADE s1
			> wake 45s
			> GET s1
	`
	// ready has its namespace and the WebSocket open; a poll is in flight, and the answer to the probe is to come.
	ready = handshake + `
		POST 200 ok
		GET 200 40{"sid":"public"}
			> GET s1
		101
			> WS 2probe
	`
	upgraded = ready + `
		FRAME 3probe
		GET 200 6
			> WS 5
			> BACK
	`
	onPolling = `
		open
			> wake 20s
			> asking
			> GET
		GET 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			> POST s1 40
			> wake 45s
			> GET s1
		POST 200 ok
		GET 200 40{"sid":"public"}
			> BACK
			> GET s1
	`
	onWebSocket = `
		open
			> wake 20s
			> asking
			> UPGRADE
		101
		FRAME 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			> WS 40
			> wake 45s
		FRAME 40{"sid":"public"}
			> BACK
	`
)

func TestConversations(t *testing.T) {
	for _, tc := range conversations {
		t.Run(tc.name, func(t *testing.T) { converse(t, tc.transport, tc.text) })
	}
}

// What the server says to the client's user is told whole and in order, by whichever transport it comes; what it says to the client
// itself, or about other namespaces, is not.
func TestHeard(t *testing.T) {
	_, r := converse(t, Default, handshake+`
		POST 200 ok
		GET 200 40{"sid":"public"}␞2␞42["a"]␞42/other,["b"]
			> wake 45s
			> POST s1 3
			> GET s1
		POST 200 ok
		101
			> WS 2probe
		FRAME 3probe
		GET 200 430["c"]␞430["proof"]␞461-["d"]␞6
			> proven
			> WS 5
			> BACK
		FRAME 451-["e",{"_placeholder":true,"num":0}]
		FRAME 41/other,
	`)
	want := []string{`40{"sid":"public"}`, `42["a"]`, `430["c"]`, `461-["d"]`, `451-["e",{"_placeholder":true,"num":0}]`}
	if !slices.Equal(r.heard, want) {
		t.Errorf("heard %q, want %q", r.heard, want)
	}
}

func TestOnWebSocket(t *testing.T) {
	for _, tc := range []struct {
		name      string
		transport Transport
		text      string
		want      bool
	}{
		{"before the upgrade", Default, ready, false},
		{"after it", Default, upgraded, true},
		{"on polling", Polling, onPolling, false},
		{"from the first", WebSocket, onWebSocket, true},
	} {
		if c, _ := converse(t, tc.transport, tc.text); c.OnWebSocket() != tc.want || c.Number() != 7 || c.SID() != "s1" {
			t.Errorf("%s: %v, number %d, sid %q", tc.name, c.OnWebSocket(), c.Number(), c.SID())
		}
	}
}
