package hub

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// offences end the connection of a client that is connected to the main namespace; TestProbes has more of them. Like the
// reference server we close with an empty close frame and say "forced close".
var offences = []struct {
	name  string
	sent  []string
	code  int    // that the client sees, if not 1005
	why   Reason // if not ReasonForcedClose
	noted []string
}{
	{name: "a message without a packet", sent: []string{"4"}},
	{name: "type 7", sent: []string{"47"}},
	{name: "a letter for a type", sent: []string{"4{}"}},

	{name: "reserved name connect", sent: []string{`42["connect"]`}},
	{name: "reserved name connect_error", sent: []string{`42["connect_error"]`}},
	{name: "reserved name disconnect", sent: []string{`42["disconnect","123"]`}},
	{name: "reserved name disconnecting", sent: []string{`42["disconnecting"]`}},
	{name: "reserved name newListener", sent: []string{`42["newListener"]`}},
	{name: "reserved name removeListener", sent: []string{`42["removeListener"]`}},
	{name: "reserved name with an escape", sent: []string{`42["\u0063onnect"]`}},
	{name: "a boolean for a name", sent: []string{`42[true]`}},
	{name: "null for a name", sent: []string{`42[null,"bar"]`}},
	{name: "an object for a name", sent: []string{`42[{"toString":"foo"}]`}},
	{name: "an array for a name", sent: []string{`42[["foo"]]`}},
	{name: "an event that is a string", sent: []string{`42"x"`}},
	{name: "JSON that ends early", sent: []string{`42["a"`}},
	{name: "JSON with something behind it", sent: []string{`42["a"]x`}},
	{name: "single quotes", sent: []string{`42['a']`}},
	{name: "a raw control character", sent: []string{"42[\"a\",\"hi\x1e42\"]"}},
	// The reference takes it for an event without a name; closing is what the protocol says.
	{name: "an event without a payload", sent: []string{"42"}},
	{name: "an event without a payload, in a namespace", sent: []string{"42/,"}},

	{name: "an array for auth", sent: []string{`40/custom,[]`}},
	{name: "a string for auth", sent: []string{`40/custom,"x"`}},
	{name: "a disconnect with a payload", sent: []string{`41{}`}},
	{name: "CONNECT_ERROR, which is the server's", sent: []string{`44{"message":"x"}`}},

	{name: "an event for a namespace that was never joined", sent: []string{`42/custom,["a"]`}},
	{name: "an event for a namespace that does not exist", sent: []string{`42/nope,["a"]`}},
	{name: "an ack for a namespace that was never joined", sent: []string{`43/custom,1[]`}},
	{name: "attachments for a namespace that was never joined (CVE-2026-48804)", sent: []string{
		`451-/custom,["a",{"_placeholder":true,"num":0}]`,
	}},
	{name: "attachments for a namespace that does not exist", sent: []string{`451-/nope,["a",{"_placeholder":true,"num":0}]`}},
	{name: "a second CONNECT with the comma", sent: []string{"40/,"}},

	{name: "no attachment count", sent: []string{"45"}},
	{name: "a count without a dash", sent: []string{"451"}},
	{name: "a count and a namespace without a dash", sent: []string{`451/["a"]`}},
	{name: "a count that is no number", sent: []string{"45a-"}},
	{name: "a fraction for a count", sent: []string{`451.23-["a"]`}},
	{name: "a negative count", sent: []string{`45-1-["a"]`}},
	{name: "an empty count", sent: []string{`45-["a"]`}},
	{name: "a count of a million digits (CVE-2020-36049)", sent: []string{"45" + strings.Repeat("2", 999_000)}},
	{name: "eleven attachments", sent: []string{`4511-["x"]`}},
	{name: "endless attachments (CVE-2026-33151)", sent: []string{`45999999999-["a",{"_placeholder":true,"num":0}]`}},
	{name: "an ack with no attachments", sent: []string{`460-1[]`}},
	{name: "bytes that nobody waits for", sent: []string{"<bin 01>"}},
	{name: "bytes as base64 that nobody waits for", sent: []string{"bAQ=="}},
	{name: "one attachment too many", sent: []string{`451-["a",{"_placeholder":true,"num":0}]`, "<bin 01>", "<bin 02>"}, noted: []string{
		`event ["a",{"_placeholder":true,"num":0}]`,
	}},
	{name: "another packet in the place of the attachment", sent: []string{`451-["a",{"_placeholder":true,"num":0}]`, "41"}},
	{name: "a placeholder that is a word (CVE-2022-2421)", sent: []string{`451-["a",{"_placeholder":true,"num":"splice"}]`, "<bin 01>"}},
	{name: "a placeholder of -1", sent: []string{`451-["a",{"_placeholder":true,"num":-1}]`, "<bin 01>"}},
	{name: "a placeholder of 0.5", sent: []string{`451-["a",{"_placeholder":true,"num":0.5}]`, "<bin 01>"}},
	{name: "a placeholder without a number", sent: []string{`451-["a",{"_placeholder":true}]`, "<bin 01>"}},

	{name: "an ack id of 17 digits", sent: []string{`4212345678901234567["a"]`}},
	{name: "an ack id of a million digits", sent: []string{"42" + strings.Repeat("2", 999_000) + `["a"]`}},
	{name: "a control character in a namespace", sent: []string{"40/a\nb,"}},
	{name: "a namespace of 256 bytes", sent: []string{"40/" + strings.Repeat("n", 255) + ","}},
	{name: "JSON nested 513 deep", sent: []string{`42["a",` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + "]"}},

	// Engine.IO below it
	{name: "a ping, which is the server's", sent: []string{"2"}, why: ReasonTransportError},
	{name: "an empty frame", sent: []string{""}, why: ReasonParseError},
	{name: "base64 that is none", sent: []string{"b!"}, why: ReasonParseError},
	{name: "text that is not UTF-8", sent: []string{"42[\"a\",\"\xff\"]"}, code: 1007, why: ReasonTransportError},
}

// harmless is what means nothing, or is only odd.
var harmless = []struct {
	name  string
	sent  []string
	noted []string
}{
	{name: "an ack that nobody waits for", sent: []string{`439["x"]`}},
	{name: "an ack without an id", sent: []string{`43["x"]`}},
	{name: "an ack without anything", sent: []string{"43"}},
	{name: "a binary ack that nobody waits for", sent: []string{`461-9[{"_placeholder":true,"num":0}]`, "<bin 01>"}},
	{name: "an event that nobody handles", sent: []string{`42["nobody",1]`, `425["nobody"]`}},
	{name: "the event error (CVE-2024-38355)", sent: []string{`42["error",{"x":1}]`}},
	{name: "names of JavaScript's prototypes", sent: []string{`42["__proto__"]`, `42["constructor"]`, `42["toString"]`}},
	{name: "ten attachments as base64", sent: []string{
		`4510-["a",{"_placeholder":true,"num":9}]`,
		"bAA==", "bAQ==", "bAg==", "bAw==", "bBA==", "bBQ==", "bBg==", "bBw==", "bCA==", "bCQ==",
	}, noted: []string{`event ["a",{"_placeholder":true,"num":9}]`}},
	{name: "white space in the payload", sent: []string{"42 [ \"a\" , 1 ] "}, noted: []string{`event ["a",1]`}},
	{name: "an escaped name", sent: []string{`42["\u0061",1]`}, noted: []string{`event ["a",1]`}},
	{name: "an event without an ack, in the main namespace by name", sent: []string{`42/,["a"]`}, noted: []string{`event ["a"]`}},
}

func TestOffences(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		probeApp(s.Namespace, noted)
		s.Of("/custom")
	})
	for _, row := range offences {
		t.Run(row.name, func(t *testing.T) {
			c := join(t, s)
			noted.expect(t, "connection /")
			c.send(row.sent...)
			code, why := 1005, ReasonForcedClose
			if row.code != 0 {
				code = row.code
			}
			if row.why != "" {
				why = row.why
			}
			c.expectClose(code)
			noted.expect(t, append(slices.Clone(row.noted), "disconnect / "+string(why))...)
			noted.none(t)
		})
	}
}

func TestHarmlessOddities(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		probeApp(s.Namespace, noted)
		s.OnLoop("sync", acked)
	})
	for _, row := range harmless {
		t.Run(row.name, func(t *testing.T) {
			c := join(t, s)
			c.send(row.sent...)
			c.settled()
			c.leave()
			noted.expect(t, slices.Concat([]string{"connection /"}, row.noted, []string{"disconnect / transport close"})...)
			noted.none(t)
		})
	}
}

func TestAnOffenceEndsTheSocketsInAllNamespaces(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		probeApp(s.Namespace, noted)
		probeApp(s.Of("/custom"), noted)
	})
	c := join(t, s)
	noted.expect(t, "connection /")
	c.connect("40/custom,")
	noted.expect(t, "connection /custom")
	c.send("40/custom,")
	c.expectClose(1005)
	noted.expectInAnyOrder(t, "disconnect / forced close", "disconnect /custom forced close")
}

// TestPacketsBehindALeave: what a client sent before it heard that the server had it leave is no offence, also where the
// reference server, which then closes the whole connection, cannot tell.
func TestPacketsBehindALeave(t *testing.T) {
	noted := newNotes()
	s := start(t, Options{}, func(s *Server) {
		probeApp(s.Of("/custom"), noted)
		s.OnLoop("sync", acked)
	})
	c := join(t, s)
	c.connect("40/custom,")
	c.send(`42/custom,["kick"]`)
	c.expect("41/custom,")
	c.send(`42/custom,["a"]`, `42/custom,7["a"]`, `43/custom,1[]`, `451-/custom,["a",{"_placeholder":true,"num":0}]`, "<bin 01>", "41/custom,")
	c.settled()
	noted.expect(t, "connection /custom", `event ["kick"]`, "disconnect /custom server namespace disconnect")
	c.connect("40/custom,") // and it may come back
	noted.expect(t, "connection /custom")
	c.leave()
	noted.expect(t, "disconnect /custom transport close")
}

// TestPacketsBehindARefusal: a client that was refused has no business in the namespace at all.
func TestPacketsBehindARefusal(t *testing.T) {
	s := start(t, Options{}, func(s *Server) {
		s.Of("/closed").Use(func(*Socket) error { return errors.New("go away") })
	})
	for _, packet := range []string{`42/closed,["a"]`, `43/closed,1[]`, "41/closed,", `451-/closed,["a",{"_placeholder":true,"num":0}]`} {
		c := join(t, s)
		c.send("40/closed,")
		c.expect(`44/closed,{"message":"go away"}`)
		c.send(packet)
		c.expectClose(1005)
	}
}
