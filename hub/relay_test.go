package hub

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What clients send is passed on to others, byte for byte where it can be. To a client that polls the byte 1E is the end of
// a packet, and to a WebSocket text that is not UTF-8 is the end of the connection (RFC 6455 8.1): neither may reach
// anybody, whoever has sent it by whatever transport.

// relays are the ways in which an application passes on the first argument of an event.
var relays = map[string]func(e *Event) []any{
	"raw":    func(e *Event) []any { return []any{e.Raw(0)} },
	"values": func(e *Event) []any { values, _ := e.Values(0); return values },
	"bound":  func(e *Event) []any { var v any; _ = e.Arg(0, &v); return []any{v} },
	"nested": func(e *Event) []any { return []any{map[string]any{"from": e.Raw(0)}} },
}

// relayed is an argument as a client writes it: what others get of it, and the close code of one who must not send it.
var relayed = []struct {
	name, sent string
	packet     string // that others get
	posted     string // the same, if it is another one when the message comes by POST: there the separator is one
	code       int    // of the WebSocket of the sender, if it is refused
}{
	{name: "plain", sent: `"hi"`, packet: `42["news","hi"]`},
	{name: "an escaped separator", sent: `"hi\u001e42[\"admin\"]"`, packet: `42["news","hi\u001e42[\"admin\"]"]`},
	{name: "text beyond ASCII", sent: "\"\u00e9\u2028\U0001f600\x7f\"", packet: "42[\"news\",\"\u00e9\u2028\U0001f600\x7f\"]"},
	{name: "an escaped half of a surrogate", sent: `"\ud800"`, packet: `42["news","\ud800"]`},
	{name: "white space between", sent: "[1,\n\t2]", packet: `42["news",[1,2]]`},

	{name: "a separator in a string", sent: "\"hi\x1e42[\\\"admin\\\",1]\"", code: 1005},
	{name: "a separator that closes the string", sent: "\"hi\"]\x1e42[\"admin\",1", posted: `42["news","hi"]`, code: 1005},
	{name: "a separator in a key", sent: "{\"a\x1e42\":1}", code: 1005},
	{name: "a separator deep inside", sent: "[[{\"a\":[\"\x1e\"]}]]", code: 1005},
	{name: "a separator between values", sent: "1,\x1e2", code: 1005},
	{name: "a separator behind all", sent: "1]\x1e[2", posted: `42["news",1]`, code: 1005},
	{name: "a NUL", sent: "\"\x00\"", code: 1005},
	{name: "a line end", sent: "\"a\nb\"", code: 1005},
	{name: "the last of the control bytes", sent: "\"\x1f\"", code: 1005},
	{name: "a byte that begins nothing", sent: "\"\xff\"", code: 1007},
	{name: "a separator, overlong", sent: "\"\xc0\x9e\"", code: 1007},
	{name: "a sequence that breaks off", sent: "\"\xe2\x82\"", code: 1007},
	{name: "half of a surrogate", sent: "\"\xed\xa0\x80\"", code: 1007},
}

// TestRelaysToOneThatPolls has clients of either transport send all that, and one that polls listen.
func TestRelaysToOneThatPolls(t *testing.T) {
	s := start(t, Options{Loops: 4}, func(s *Server) {
		for name, arguments := range relays {
			s.OnLoop(name, func(from *Socket, e *Event) { // so that it is done when the message is answered
				if err := from.To("all").Emit("news", arguments(e)...); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				_ = e.Ack()
			})
		}
		s.OnLoop("listen", func(s *Socket, e *Event) { _ = s.Join("all"); _ = e.Ack() })
	})
	w, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	w.send(postRequest(target, `420["listen"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, "430[]")
	for _, row := range relayed {
		for relay := range relays {
			t.Run(row.name+", "+relay, func(t *testing.T) {
				message := `427["` + relay + `",` + row.sent + `]`
				sender := join(t, s)
				sender.send(message)
				if row.code == 0 {
					sender.expect("437[]")
				} else {
					sender.expectClose(row.code)
				}
				if row.posted == "" {
					polled(t, s, message, row.packet != "")
				} else {
					other, sid := joinPolling(t, s)
					other.ask(postRequest(pollTarget+"&sid="+sid, message))
				}
				var want []string
				for _, p := range []string{row.packet, row.packet + row.posted} { // by WebSocket, and by POST
					if p != "" {
						want = append(want, p)
					}
				}
				got := w.until(target, s)
				if relay == "bound" || relay == "nested" { // encoded anew
					got, want = firstBytes(got), firstBytes(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("the listener got %q, want %q", got, want)
				}
			})
		}
	}
}

// firstBytes are the beginnings of packets.
func firstBytes(packets []string) (cut []string) {
	for _, p := range packets {
		cut = append(cut, p[:min(len(p), len(`42["news",`))])
	}
	return cut
}

// polled has another client send a message by POST, which is taken, or else its session ends.
func polled(t *testing.T, s *Server, message string, taken bool) {
	t.Helper()
	other, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	a := other.ask(postRequest(target, message))
	got := other.ask(getRequest(target))
	if said := got.status == http.StatusOK && strings.Contains(got.body, "437[]"); said != taken {
		t.Errorf("by POST the message is answered with %v, and then %v", a, got)
	}
}

// until polls until an event of the server's own comes, and returns the packets before it.
func (w *wire) until(target string, s *Server) (packets []string) {
	w.t.Helper()
	if err := s.To("all").Emit("end"); err != nil {
		w.t.Fatal(err)
	}
	for {
		a := w.ask(getRequest(target))
		if a.status != http.StatusOK {
			w.t.Fatalf("the GET is answered with %v", a)
		}
		for p := range strings.SplitSeq(a.body, "\x1e") {
			if p == `42["end"]` {
				return packets
			}
			packets = append(packets, p)
		}
	}
}

// TestOwnWordsToOneThatPolls: what the application itself says cannot end a packet either.
func TestOwnWordsToOneThatPolls(t *testing.T) {
	s := start(t, Options{Loops: 4}, func(s *Server) {
		s.Of("/closed").Use(func(*Socket) error {
			return &ConnectError{Message: "go\x1e42[\"admin\"]", Data: map[string]string{"a\x1e": "\xff"}}
		})
		s.OnLoop("listen", func(s *Socket, e *Event) { _ = s.Join("all"); _ = e.Ack("a\x1e42[\"admin\"]") })
	})
	w, sid := joinPolling(t, s)
	target := pollTarget + "&sid=" + sid
	w.send(postRequest(target, `420["listen"]`))
	w.expect("POST", http.StatusOK, "ok")
	w.send(getRequest(target))
	w.expect("GET", http.StatusOK, `430["a\u001e42[\"admin\"]"]`)
	w.send(postRequest(target, "40/closed,"))
	w.expect("POST", http.StatusOK, "ok")
	if a := w.ask(getRequest(target)); strings.Contains(a.body, "\x1e") || strings.Contains(a.body, "\xff") || !strings.HasPrefix(a.body, `44/closed,{"message":"go\u001e42`) {
		t.Errorf("the refusal is %q", a.body)
	}
	for _, row := range []struct {
		name string
		emit func() error
		want []string // nil: an error
	}{
		{"a string", func() error { return s.To("all").Emit("news", "a\x1eb") }, []string{`42["news","a\u001eb"]`}},
		{"an event's name", func() error { return s.To("all").Emit("a\x1eb") }, []string{`42["a\u001eb"]`}},
		{"a key", func() error { return s.To("all").Emit("news", map[string]int{"a\x1eb": 1}) }, []string{`42["news",{"a\u001eb":1}]`}},
		{"bytes", func() error { return s.To("all").Emit("news", []byte("\x1e")) }, []string{`451-["news",{"_placeholder":true,"num":0}]`, "bHg=="}},
		{"raw JSON", func() error { return s.To("all").Emit("news", Raw("\"a\x1eb\"")) }, nil},
		{"a marshaler's JSON", func() error { return s.To("all").Emit("news", marshaler("\"a\x1eb\"")) }, nil},
		{"raw JSON that is not UTF-8", func() error { return s.To("all").Emit("news", Raw("\"\xff\"")) }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.emit(); (err == nil) != (row.want != nil) {
				t.Errorf("Emit = %v", err)
			}
			if got := w.until(target, s); !slices.Equal(got, row.want) {
				t.Errorf("the listener got %q, want %q", got, row.want)
			}
		})
	}
}

// marshaler is a value with JSON of its own.
type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) {
	if m == "" {
		return nil, errors.New("nothing to say")
	}
	return []byte(m), nil
}
