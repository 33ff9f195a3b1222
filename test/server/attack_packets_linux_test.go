package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// TestAttackPackets misuses Engine.IO and Socket.IO over either transport.
func TestAttackPackets(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	withstands(t, s, []abuse{
		{"attachments", badAttachments},
		{"packets out of their turn", badPackets},
		{"names of prototypes", prototypeNames},
		{"JSON that is deep, long or strange", strangeJSON},
		{"packets that mean nothing", idlePackets},
		{"rooms upon rooms", roomFlood},
		{"namespaces upon namespaces", namespaceFlood},
		{"a callback for JSONP", jsonp},
		{"questions that nobody answers", unansweredQuestions},
	})
}

// TestAttackSilent has clients of either kind begin sessions and never ask for a namespace.
func TestAttackSilent(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--connect-timeout", "1s"))
	withstands(t, s, []abuse{{"200 sessions without a namespace", func(t *testing.T, s *starlingtest.Server) {
		var webSockets []*client
		var polling []*pollClient
		for range 100 {
			c := &client{Conn: starlingtest.Dial(t, s.Addr)}
			if err := c.Upgrade(target); err != nil {
				t.Fatal(err)
			}
			p := &pollClient{Poller: starlingtest.NewPoller(s.Addr)}
			if err := p.Handshake(); err != nil {
				t.Fatal(err)
			}
			webSockets, polling = append(webSockets, c), append(polling, p)
		}
		for _, c := range webSockets {
			c.wantEnd(t)
		}
		for _, p := range polling {
			p.wantEnd(t)
			p.Close()
		}
	}}})
}

// wantEnds sends packets over either transport, each to a session of its own, which must be over with that. A packet that
// begins with b holds an attachment in base64, and over a WebSocket is a binary message of one byte.
func wantEnds(t *testing.T, s *starlingtest.Server, name string, packets ...string) {
	t.Helper()
	c := mustJoin(t, s.Addr)
	for _, p := range packets {
		first, payload := byte(starlingtest.Text), p
		if strings.HasPrefix(p, "b") {
			first, payload = starlingtest.Binary, "\x01"
		}
		if _, err := c.Write(starlingtest.Masked(first, []byte(payload))); err != nil {
			break // the one before was enough
		}
	}
	c.wantEnd(t)
	p := mustJoinPolling(t, s.Addr)
	if err := p.Post(packets...); err != nil && err != error(starlingtest.StatusError{Status: 400}) { // not even a payload
		t.Errorf("%s, polling: %v", name, err)
	}
	p.wantEnd(t)
	p.Close()
}

// one is an attachment of one byte for a client that polls.
const one = "bAQ=="

func badAttachments(t *testing.T, s *starlingtest.Server) {
	const first = `{"_placeholder":true,"num":0}`
	for name, packets := range map[string][]string{
		"11 attachments":                      {`4511-["echo",` + first + `]`},
		"5,999,999,999 attachments":           {`455999999999-["echo",` + first + `]`},
		"a million digits of attachments":     {`45` + strings.Repeat("9", 900_000)},
		"a count without a dash":              {`451`},
		"a count of nothing":                  {`45-["echo"]`},
		"a count with a sign":                 {`45-1-["echo"]`},
		"a count of a fraction":               {`451.5-["echo"]`},
		"a placeholder of a word":             {`451-["echo",{"_placeholder":true,"num":"splice"}]`, one},
		"a placeholder of 1 of 1":             {`451-["echo",{"_placeholder":true,"num":1}]`, one},
		"a placeholder of -1":                 {`451-["echo",{"_placeholder":true,"num":-1}]`, one},
		"a placeholder of a half":             {`451-["echo",{"_placeholder":true,"num":0.5}]`, one},
		"a placeholder of 10^9":               {`451-["echo",{"_placeholder":true,"num":1e9}]`, one},
		"a placeholder of null":               {`451-["echo",{"_placeholder":true,"num":null}]`, one},
		"a placeholder without a number":      {`451-["echo",{"_placeholder":true}]`, one},
		"text where an attachment is awaited": {`451-["echo",` + first + `]`, `42["echo"]`},
		"an attachment that nobody awaits":    {one},
		"one attachment too many":             {`451-["nobody",` + first + `]`, one, one},
		"attachments for another namespace":   {`451-/members,["echo",` + first + `]`, one},
		"attachments of a CONNECT":            {`401-/members,` + first, one},
	} {
		wantEnds(t, s, name, packets...)
	}
	c := mustJoin(t, s.Addr) // ten of them are right
	var placeholders, want []string
	for i := range 10 {
		placeholders = append(placeholders, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i))
		want = append(want, "\x01")
	}
	if err := c.send(`4510-1["echo",` + strings.Join(placeholders, ",") + `]`); err != nil {
		t.Fatal(err)
	}
	for range want {
		if _, err := c.Write(starlingtest.Masked(starlingtest.Binary, []byte{1})); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.receive(); err != nil || got != `4610-1[`+strings.Join(placeholders, ",")+`]` {
		t.Errorf("ten attachments: got %q, %v", got, err)
	}
	for range want {
		if f, err := c.ReadFrame(); err != nil || f.Head != starlingtest.Binary || string(f.Payload) != "\x01" {
			t.Errorf("ten attachments: got a frame that begins with %x and holds %q, %v", f.Head, f.Payload, err)
		}
	}
	if err := c.leave(); err != nil {
		t.Error(err)
	}
}

func badPackets(t *testing.T, s *starlingtest.Server) {
	for name, packets := range map[string][]string{
		"an event for a namespace never joined":   {`42/members,["echo"]`},
		"an acknowledgement for such a namespace": {`43/members,1[]`},
		"CONNECT twice":                                 {"40"},
		"CONNECT_ERROR, which is the server's":          {`44{"message":"x"}`},
		"a type that there is not":                      {"47"},
		"no type":                                       {"4"},
		"a ping, which is the server's":                 {"2"},
		"an Engine.IO type that there is not":           {"9"},
		"an event without a name":                       {"42[]"},
		"an event that is an object":                    {"42{}"},
		"an event that is a word":                       {`42"x"`},
		"an event whose name is an object":              {`42[{"toString":"echo"}]`},
		"an event whose name is true":                   {`42[true,"echo"]`},
		"an event whose name is null":                   {`42[null,"echo"]`},
		"the reserved name connect":                     {`42["connect"]`},
		"the reserved name connect_error":               {`42["connect_error"]`},
		"the reserved name disconnect":                  {`42["disconnect","123"]`},
		"the reserved name disconnecting":               {`42["disconnecting"]`},
		"the reserved name newListener":                 {`42["newListener"]`},
		"the reserved name removeListener":              {`42["removeListener"]`},
		"an acknowledgement id of 16 digits past 2^53":  {`429007199254740992["echo"]`},
		"an acknowledgement id of a million digits":     {"42" + strings.Repeat("2", 900_000)},
		"a namespace of 256 bytes":                      {"40/" + strings.Repeat("n", 255) + ","},
		"JSON that ends early":                          {`42["echo"`},
		"JSON with something behind it":                 {`42["echo"]x`},
		"two events in one":                             {`42["echo"]["echo"]`},
		"a control byte in JSON":                        {"42[\"echo\",\"\x01\"]"},
		"half of a surrogate pair that is only escaped": {`42["echo","\ud800\u"]`},
	} {
		wantEnds(t, s, name, packets...)
	}
}

// prototypeNames uses names that mean something to JavaScript. To this server they mean nothing.
func prototypeNames(t *testing.T, s *starlingtest.Server) {
	for _, name := range []string{"__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "error"} {
		victim, c := mustJoin(t, s.Addr), mustJoin(t, s.Addr)
		for _, tc := range []struct{ say, want string }{
			{`421["join","` + name + `"]`, `431["ok"]`},
			{`422["` + name + `",{"` + name + `":1}]`, ""}, // nobody handles it
			{`423["echo",{"` + name + `":{"polluted":true}},"` + name + `"]`, `433[{"` + name + `":{"polluted":true}},"` + name + `"]`},
			{`40/` + name + `,`, `44/` + name + `,{"message":"Invalid namespace"}`},
		} {
			if err := victim.send(tc.say); err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				continue
			}
			if got, err := victim.receive(); err != nil || got != tc.want {
				t.Errorf("%s: got %q, %v; want %q", tc.say, got, err, tc.want)
			}
		}
		if err := c.send(`42["room","` + name + `",{"` + name + `":"x"}]`); err != nil {
			t.Fatal(err)
		}
		if got, err := victim.receive(); err != nil || got != `42["room","`+name+`",{"`+name+`":"x"}]` {
			t.Errorf("its room got %q, %v", got, err)
		}
		if err := errors.Join(victim.echo(), victim.leave(), c.leave()); err != nil {
			t.Error(err)
		}
		p := starlingtest.NewPoller(s.Addr)
		p.SID = name
		if err := p.Post("3"); err != error(starlingtest.ErrUnknownSession) {
			t.Errorf("a session of the name %s: %v", name, err)
		}
		p.Close()
		r, err := ask(t, s, starlingtest.GetRequest(pollTarget+"&"+name+"="+name, "Connection: close"))
		if err != nil || r.Status != 200 {
			t.Errorf("a query of the name %s is answered with %d, %v", name, r.Status, err)
		}
	}
}

// strangeJSON sends what parsers stumble over. What is JSON comes back as it is, and what is not ends the session.
func strangeJSON(t *testing.T, s *starlingtest.Server) {
	keys := &strings.Builder{}
	for i := range 50_000 {
		fmt.Fprintf(keys, `"k%d":0,`, i)
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, value := range map[string]string{
		"511 arrays in the one of the event": nested(511),
		"1e999":                              "1e999",
		"a number of 100,000 digits":         "1" + strings.Repeat("0", 100_000),
		"a fraction of 100,000 digits":       "0." + strings.Repeat("3", 100_000),
		"a key twice":                        `{"a":1,"a":2}`,
		"50,000 keys":                        "{" + keys.String() + `"last":0}`,
		"a key of 500 KB":                    `{"` + strings.Repeat("k", 500_000) + `":0}`,
		"a string of escapes":                `"` + strings.Repeat(`\u0000`, 50_000) + `"`,
	} {
		c := mustJoin(t, s.Addr)
		got, err := c.exchange(`427["echo",` + value + `]`)
		if err != nil || got != `437[`+value+`]` {
			t.Errorf("%s: got %.80q (%d bytes), %v", name, got, len(got), err)
		}
		if err := errors.Join(c.echo(), c.leave()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, value := range map[string]string{
		"512 arrays in the one of the event": nested(512),
		"499,000 arrays":                     nested(499_000),
		"990,000 arrays that do not end":     strings.Repeat("[", 990_000),
		"990,000 quotes":                     strings.Repeat(`"`, 990_000),
		"objects that do not end":            strings.Repeat(`{"a":`, 190_000),
		"a number with a leading zero":       "01",
		"not a number":                       "NaN",
		"a comment":                          "/**/1",
		"a comma too many":                   "[1,]",
	} {
		wantEnds(t, s, name, `427["echo",`+value+`]`)
	}
}

// idlePackets sends many packets that mean nothing here. Those that mean nothing to Socket.IO are counted, and end the session.
func idlePackets(t *testing.T, s *starlingtest.Server) {
	for _, packet := range []string{"3", "6", "5", "0"} { // pongs that nobody waits for, noops, upgrades of a WebSocket, open packets
		unit := "81 81 00000000 '" + packet + "'"
		wantFlooded(t, s, unit)
		c := mustJoin(t, s.Addr)
		_ = c.flood("", unit, manyOf(1_000_000))
		c.wantEnd(t)
		p := mustJoinPolling(t, s.Addr)
		if err := p.Post(slices.Repeat([]string{packet}, 5000)...); err != error(starlingtest.StatusError{Status: 400}) {
			t.Errorf("5,000 of %s, polling: %v", packet, err)
		}
		p.wantGone(t)
		p.Close()
	}
	for _, unit := range []string{`81 97 00000000 '439007199254740991["x"]'`, `81 8c 00000000 '42["nobody"]'`} { // acknowledgements of nothing, events that nobody handles
		c := mustJoin(t, s.Addr)
		_ = c.flood("", unit, manyOf(1_000_000)) // it may be too much for the server, too
		c.Close()
		s.Running(t)
	}
	c := mustJoin(t, s.Addr) // and who sends a few is served
	for _, packet := range []string{"3", "6", `431["x"]`, `42["nobody"]`} {
		for range 20 {
			if err := c.send(packet); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(c.echo(), c.leave()); err != nil {
		t.Error(err)
	}
}

// roomFlood joins 50,000 rooms, which this application allows, and goes with all of them at once.
func roomFlood(t *testing.T, s *starlingtest.Server) {
	const window = 100 // events on their way at once, fewer than may wait for a socket's handlers
	c := mustJoin(t, s.Addr)
	for from := 0; from < manyOf(50_000); from += window {
		var b []byte
		for i := range window {
			b = append(b, starlingtest.Masked(starlingtest.Text, fmt.Appendf(nil, `421["join","room %d"]`, from+i))...)
		}
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		for range window {
			if got, err := c.receive(); err != nil || got != `431["ok"]` {
				t.Fatalf("got %q, %v", got, err)
			}
		}
	}
	if got, err := c.exchange(`421["join","` + strings.Repeat("r", 256) + `"]`); err != nil || !strings.Contains(got, `"error"`) {
		t.Errorf("a room whose name has 256 bytes: got %q, %v", got, err)
	}
	if err := c.Reset(); err != nil {
		t.Error(err)
	}
}

// namespaceFlood asks for one namespace after the other that there is not. A hundred are refused, as many as there may be, and
// then the connection ends.
func namespaceFlood(t *testing.T, s *starlingtest.Server) {
	const refused = 100
	c := mustJoin(t, s.Addr)
	for i := range refused {
		got, err := c.exchange(fmt.Sprintf("40/n%d,", i))
		if want := fmt.Sprintf(`44/n%d,{"message":"Invalid namespace"}`, i); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if err := c.echo(); err != nil {
		t.Error(err)
	}
	for i := range manyOf(100_000) {
		if c.send(fmt.Sprintf("40/more%d,", i)) != nil {
			break // it was enough
		}
	}
	c.wantEnd(t)
	p := mustJoinPolling(t, s.Addr)
	var packets []string
	for i := range 10 * refused {
		packets = append(packets, fmt.Sprintf("40/n%d,", i))
	}
	if err := p.Post(packets...); err != nil {
		t.Error(err)
	}
	if got, err := p.Get(); err != nil || len(got) < refused || len(got) > 2*refused {
		t.Errorf("polling: got %d packets, %v; want %d", len(got), err, refused)
	}
	p.wantEnd(t)
	p.Close()
}

// jsonp asks for an answer as a script, as clients of Engine.IO 3 may. What is answered is no script.
func jsonp(t *testing.T, s *starlingtest.Server) {
	for _, callback := range []string{"0", "alert(1)//", "%3Cscript%3E"} {
		r, err := ask(t, s, starlingtest.GetRequest(pollTarget+"&j="+callback, "Connection: close"))
		if err != nil || strings.Contains(r.Body, "___eio") || strings.Contains(r.Body, "alert") || strings.Contains(r.Header.Get("Content-Type"), "script") {
			t.Errorf("j=%s is answered with %d, %v and %q, %v", callback, r.Status, r.Header, r.Body, err)
		}
	}
}

// unansweredQuestions has handlers wait for answers that do not come. Nobody else waits for these handlers.
func unansweredQuestions(t *testing.T, s *starlingtest.Server) {
	for range 20 {
		c := mustJoin(t, s.Addr)
		for i := range 50 {
			if err := c.send(fmt.Sprintf(`42%d["ask","are you there?"]`, i)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.receive(); err != nil || !strings.HasSuffix(got, `["question","are you there?"]`) {
			t.Errorf("got %q, %v", got, err)
		}
		defer c.Close()
	}
	comeAndGo(t, s.Addr)
}
