package api_test

import (
	"strings"
	"testing"

	"starling/hub"
)

// offences are packets for which a client that is in the main namespace is disconnected. The reference server tells its
// application of the parser's error by an event of each socket; Starling by the reason alone.
var offences = []struct {
	name    string
	packets []string
}{
	{"no packet in a message", []string{`4`}},
	{"no type", []string{`4abc`}},
	{"an unknown type", []string{`4999`}},
	{"JSON that ends too early", []string{`442["some","data"`}},
	{"a CONNECT with a string", []string{`40/admin,"invalid"`}},
	{"a CONNECT with a list", []string{`40[]`}},
	{"a DISCONNECT with a payload", []string{`41{}`}},
	{"an EVENT with half a string", []string{`42"invalid`}},
	{"an EVENT with an object", []string{`42{}`}},
	{"an EVENT without a payload", []string{`42`}},
	{"an EVENT without a name", []string{`42[]`}},
	{"an object for a name", []string{`42[{"toString":"foo"}]`}},
	{"true for a name", []string{`42[true,"foo"]`}},
	{"null for a name", []string{`42[null,"bar"]`}},
	{"a reserved name", []string{`42["connect"]`}},
	{"another reserved name", []string{`42["disconnect","123"]`}},
	{"a CONNECT to where it is", []string{`40`}},
	{"an EVENT to where it is not", []string{`42/other,["some event"]`}},
	{"an ACK to where it is not", []string{`43/other,1[]`}},
	{"a DISCONNECT from where it is not", []string{`41/other,`}},
	{"a CONNECT_ERROR", []string{`44["handle me please"]`}},
	{"a binary event alone", []string{`45`}},
	{"text for a number of attachments", []string{`45woooot`}},
	{"no end of the number of attachments", []string{`451`}},
	{"no attachments", []string{`450-["x"]`}},
	{"half an attachment", []string{`451.23-`}},
	{"too many attachments", []string{`4511-["x",` + strings.Repeat(attached+`,`, 10) + attached + `]`}},
	{"a number that is a string", []string{`451-["hello",{"_placeholder":true,"num":"splice"}]`, "<bin 77>"}},
	{"a number of no attachment", []string{`451-["hello",{"_placeholder":true,"num":1}]`, "<bin 77>"}},
	{"an attachment without a packet", []string{"<bin 776f726c64>"}},
	{"a packet instead of an attachment", []string{`451-["hello",` + attached + `]`, `42["hello"]`}},
}

// TestOffences: the client's session ends in order, with the reason for it, and nobody else's does.
func TestOffences(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnAny(func(_ *hub.Socket, e *hub.Event) { noted.add("%s", e.Name()) })
			s.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { noted.add("%s", reason) })
			s.Of("/other")
		})
		other := join(t, s, k)
		for _, row := range offences {
			if k.packed && strings.HasPrefix(row.packets[0], "45") {
				continue // MessagePack has no attachments
			}
			t.Run(row.name, func(t *testing.T) {
				p := join(t, s, k)
				p.send(row.packets...)
				p.ended()
				noted.expect(t, string(hub.ReasonForcedClose))
			})
		}
		other.settled("/")
		noted.expect(t, "sync")
	})
}

// TestOffencesBeforeAConnect: nothing but a CONNECT may come first.
func TestOffencesBeforeAConnect(t *testing.T) {
	rows(t, []string{`42["some event"]`, `430[]`, `41`, `451-["x",` + attached + `]`, `4abc`}, func(p string) string { return p }, func(t *testing.T, k kind, packet string) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnAny(func(_ *hub.Socket, e *hub.Event) { t.Errorf("event %s", e.Name()) })
		})
		p := dial(t, s, k)
		p.send(packet)
		if k.packed && strings.HasPrefix(packet, "45") {
			p.send("<bin 00>") // which makes it whole
		}
		p.ended()
	})
}

// TestHarmlessOddities: what a client may send without meaning anything.
func TestHarmlessOddities(t *testing.T) {
	rows(t, []string{
		`437["nobody has asked"]`, `430[]`, `42["nobody handles it"]`, `42["__proto__"]`, `42["toString",{"__proto__":{"a":1}}]`,
		`461-5[` + attached + `]`,
	}, func(p string) string { return p }, func(t *testing.T, k kind, packet string) {
		s := start(t, k, hub.Options{}, nil)
		p := join(t, s, k)
		p.send(packet)
		if strings.HasPrefix(packet, "46") {
			p.send("<bin 00>")
		}
		p.settled("/")
	})
}
