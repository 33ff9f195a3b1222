package socketio

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// header is a Packet as the tables write it: its text fields as strings.
type header struct {
	t    Type
	nsp  string
	id   int64 // -1 for none
	n    int   // attachments
	data string
}

func (h header) packet() Packet {
	p := Packet{Type: h.t, Namespace: []byte(h.nsp), Attachments: h.n}
	if h.id >= 0 {
		p.ID, p.HasID = uint64(h.id), true
	}
	if h.data != "" {
		p.Data = []byte(h.data)
	}
	return p
}

func samePacket(a, b Packet) bool {
	return a.Type == b.Type && a.HasID == b.HasID && a.ID == b.ID && a.Attachments == b.Attachments &&
		bytes.Equal(a.Namespace, b.Namespace) && bytes.Equal(a.Data, b.Data) && (a.Data == nil) == (b.Data == nil) &&
		slices.EqualFunc(a.Buffers, b.Buffers, bytes.Equal)
}

// goodRows are texts that a conforming peer sends, most as the reference was
// recorded to send or accept them.
var goodRows = []struct {
	name string
	text string
	want header
}{
	{"connect", `0`, header{Connect, "/", -1, 0, ""}},
	{"connect with auth", `0{"token":"1"}`, header{Connect, "/", -1, 0, `{"token":"1"}`}},
	{"connect answered", `0{"sid":"Z-aRybzl-AM3XkceAAAF"}`, header{Connect, "/", -1, 0, `{"sid":"Z-aRybzl-AM3XkceAAAF"}`}},
	{"connect custom", `0/custom,`, header{Connect, "/custom", -1, 0, ""}},
	{"connect custom, no comma", `0/custom`, header{Connect, "/custom", -1, 0, ""}},
	{"connect custom with auth", `0/custom,{"token":"1"}`, header{Connect, "/custom", -1, 0, `{"token":"1"}`}},
	{"connect with a query in the name", `0/chat?token=a,`, header{Connect, "/chat?token=a", -1, 0, ""}},
	{"connect a name of two parts", `0/a/b,`, header{Connect, "/a/b", -1, 0, ""}},
	{"connect a name in UTF-8", `0/café,`, header{Connect, "/café", -1, 0, ""}},
	{"connect __proto__", `0/__proto__,`, header{Connect, "/__proto__", -1, 0, ""}},
	{"connect the longest name", "0/" + strings.Repeat("n", 254) + ",{}", header{Connect, "/" + strings.Repeat("n", 254), -1, 0, `{}`}},
	{"connect the longest name, no comma", "0/" + strings.Repeat("n", 254), header{Connect, "/" + strings.Repeat("n", 254), -1, 0, ""}},
	{"main namespace by name", `2/,["a"]`, header{Event, "/", -1, 0, `["a"]`}},
	{"disconnect", `1`, header{Disconnect, "/", -1, 0, ""}},
	{"disconnect custom", `1/custom,`, header{Disconnect, "/custom", -1, 0, ""}},
	{"disconnect custom, no comma", `1/custom`, header{Disconnect, "/custom", -1, 0, ""}},
	{"event", `2["hello",1]`, header{Event, "/", -1, 0, `["hello",1]`}},
	{"event in a namespace", `2/chat,["hello"]`, header{Event, "/chat", -1, 0, `["hello"]`}},
	{"event with an ack id", `212["ackme","z",{"b":1}]`, header{Event, "/", 12, 0, `["ackme","z",{"b":1}]`}},
	{"event with ack id 0", `20["q",1]`, header{Event, "/", 0, 0, `["q",1]`}},
	{"event with all of it", `2/chat,456["project:delete",123]`, header{Event, "/chat", 456, 0, `["project:delete",123]`}},
	{"event with the largest ack id", `29007199254740991["a"]`, header{Event, "/", 1<<53 - 1, 0, `["a"]`}},
	{"event with zeros before its id", `20000000000000012["a"]`, header{Event, "/", 12, 0, `["a"]`}},
	{"event with a number for a name", `2[1,"x"]`, header{Event, "/", -1, 0, `[1,"x"]`}},
	{"event with a negative number for a name", `2[-1.5e3]`, header{Event, "/", -1, 0, `[-1.5e3]`}},
	{"event with an empty name", `2[""]`, header{Event, "/", -1, 0, `[""]`}},
	{"event named error", `2["error",{"x":1}]`, header{Event, "/", -1, 0, `["error",{"x":1}]`}},
	{"event named like a reserved one", `2["connected"]`, header{Event, "/", -1, 0, `["connected"]`}},
	{"event named Connect", `2["Connect"]`, header{Event, "/", -1, 0, `["Connect"]`}},
	{"event named __proto__", `2["__proto__",{"__proto__":1}]`, header{Event, "/", -1, 0, `["__proto__",{"__proto__":1}]`}},
	{"event named constructor", `2["constructor"]`, header{Event, "/", -1, 0, `["constructor"]`}},
	{"event named toString", `2["toString"]`, header{Event, "/", -1, 0, `["toString"]`}},
	{"event with an escaped name", `2["caf\u00e9"]`, header{Event, "/", -1, 0, `["caf\u00e9"]`}},
	{"event with an escaped name, longer than a reserved one", `2["\u0063onnect` + strings.Repeat("x", 73) + `"]`, header{Event, "/", -1, 0, `["\u0063onnect` + strings.Repeat("x", 73) + `"]`}},
	{"event with white space", "2 [ \"a\" , 1 ]\n", header{Event, "/", -1, 0, `[ "a" , 1 ]`}},
	{"event with line separators", "2[\"\u2028\u2029\"]", header{Event, "/", -1, 0, "[\"\u2028\u2029\"]"}},
	{"event with DEL", "2[\"\x7f\"]", header{Event, "/", -1, 0, "[\"\x7f\"]"}},
	{"event with an escaped separator", `2["a\u001e"]`, header{Event, "/", -1, 0, `["a\u001e"]`}},
	{"ack", `312["z",{"b":1}]`, header{Ack, "/", 12, 0, `["z",{"b":1}]`}},
	{"ack without arguments", `313[]`, header{Ack, "/", 13, 0, `[]`}},
	{"ack without payload", `31`, header{Ack, "/", 1, 0, ""}},
	{"ack without anything", `3`, header{Ack, "/", -1, 0, ""}},
	{"ack in a namespace", `3/admin,456[]`, header{Ack, "/admin", 456, 0, `[]`}},
	{"connect error", `4{"message":"not authorized","data":{"code":7}}`, header{ConnectError, "/", -1, 0, `{"message":"not authorized","data":{"code":7}}`}},
	{"connect error in a namespace", `4/random,{"message":"Invalid namespace"}`, header{ConnectError, "/random", -1, 0, `{"message":"Invalid namespace"}`}},
	{"connect error of a string", `4"no"`, header{ConnectError, "/", -1, 0, `"no"`}},
	{
		"binary event", `52-["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]`,
		header{BinaryEvent, "/", -1, 2, `["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]`},
	},
	{"binary event of the most attachments", `510-["x"]`, header{BinaryEvent, "/", -1, 10, `["x"]`}},
	{"binary event with a zero before its count", `501-["x"]`, header{BinaryEvent, "/", -1, 1, `["x"]`}},
	{"binary event with all of it", `51-/admin,456["x",{"_placeholder":true,"num":0}]`, header{BinaryEvent, "/admin", 456, 1, `["x",{"_placeholder":true,"num":0}]`}},
	{"binary ack", `61-7[{"_placeholder":true,"num":0}]`, header{BinaryAck, "/", 7, 1, `[{"_placeholder":true,"num":0}]`}},
}

func TestParse(t *testing.T) {
	for _, row := range goodRows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parse([]byte(row.text), nil)
			if err != nil {
				t.Fatalf("Parse(%q): %v", row.text, err)
			}
			if want := row.want.packet(); !samePacket(got, want) {
				t.Fatalf("Parse(%q)\n got %+v\nwant %+v", row.text, got, want)
			}
			if slow, err := slowParse([]byte(row.text)); err != nil || !samePacket(slow, got) {
				t.Fatalf("the twin says %+v, %v", slow, err)
			}
		})
	}
}

// badRows are the texts that a peer may not send, by the rule that they break.
var badRows = []struct {
	name string
	text string
	err  error
}{
	{"nothing", ``, ErrEmptyPacket},
	{"a letter", `abc`, ErrUnknownType},
	{"type 7", `7`, ErrUnknownType},
	{"type 9", `9`, ErrUnknownType},
	{"type slash, below 0", `/`, ErrUnknownType},
	{"a space before the type", ` 2["a"]`, ErrUnknownType},

	{"binary event alone", `5`, ErrAttachments},
	{"count without dash", `51`, ErrAttachments},
	{"count and no dash but a name", `51/nope,["a"]`, ErrAttachments},
	{"slash for a count", `5/`, ErrAttachments},
	{"letter in the count", `5a-`, ErrAttachments},
	{"letter behind the count", `51a-["x"]`, ErrAttachments},
	{"fraction", `51.23-["x"]`, ErrAttachments},
	{"half an attachment", `51.5-["x"]`, ErrAttachments},
	{"negative count", `5-1-["x"]`, ErrAttachments},
	{"no count", `5-["x"]`, ErrAttachments},
	{"no attachments", `50-["x"]`, ErrAttachments},
	{"no attachments, many zeros", `50000-["x"]`, ErrAttachments},
	{"a plus", `5+1-["x"]`, ErrAttachments},
	{"an exponent", `51e0-["x"]`, ErrAttachments},
	{"a space in the count", `5 1-["x"]`, ErrAttachments},
	{"binary ack alone", `6`, ErrAttachments},
	{"a million digits and no dash", `5` + strings.Repeat("2", 1_000_000), ErrAttachments},
	{"the input of CVE-2020-36049", `99999991:4` + strings.Repeat("2", 1_000_000), ErrUnknownType},
	{"eleven attachments", `511-["x"]`, ErrTooManyAttachments},
	{"the input of CVE-2026-33151", `5999999999-["a",{"_placeholder":true,"num":0}]`, ErrTooManyAttachments},
	{"more attachments than an int holds", `599999999999999999999999-["x"]`, ErrTooManyAttachments},
	{"a million digits and a dash", `5` + strings.Repeat("2", 1_000_000) + `-["x"]`, ErrTooManyAttachments},
	{"too many for a binary ack", `611-7[]`, ErrTooManyAttachments},

	{"name of 256 bytes", "0/" + strings.Repeat("n", 255) + ",", ErrNamespaceLength},
	{"name of 256 bytes, no comma", "0/" + strings.Repeat("n", 255), ErrNamespaceLength},
	{"name of a million bytes", "0/" + strings.Repeat("n", 1_000_000) + ",", ErrNamespaceLength},
	{"separator in the name", "0/a\x1eb,", ErrNamespaceBytes},
	{"line break in the name", "0/a\r\nb,", ErrNamespaceBytes},
	{"zero in the name", "0/a\x00b", ErrNamespaceBytes},
	{"DEL in the name", "0/a\x7f,", ErrNamespaceBytes},

	{"ack id of 17 digits", `210000000000000000["a"]`, ErrAckID},
	{"ack id of 17 digits, mostly zeros", `200000000000000001["a"]`, ErrAckID},
	{"ack id of 2^53", `29007199254740992["a"]`, ErrAckID},
	{"ack id of sixteen nines", `29999999999999999["a"]`, ErrAckID},
	{"ack id of a million digits", `2` + strings.Repeat("2", 1_000_000), ErrAckID},
	{"ack id of a million zeros", `2` + strings.Repeat("0", 1_000_000) + `["a"]`, ErrAckID},
	{"ack id of an ack", `39999999999999999[]`, ErrAckID},

	{"event without payload", `2`, ErrPayloadMissing},
	{"event with an id and no payload", `212`, ErrPayloadMissing},
	{"event in a namespace, no comma", `2/chat["x"]`, ErrPayloadMissing},
	{"connect error without payload", `4`, ErrPayloadMissing},
	{"binary event without payload", `51-`, ErrPayloadMissing},
	{"binary ack without payload", `61-7`, ErrPayloadMissing},

	{"letters before the payload", `2abc["x"]`, ErrPayloadJSON},
	{"cut array", `2["x"`, ErrPayloadJSON},
	{"cut string", `2["x`, ErrPayloadJSON},
	{"text behind the payload", `2["x"]]`, ErrPayloadJSON},
	{"second payload", `2["x"]["y"]`, ErrPayloadJSON},
	{"comma at the end", `2["x",]`, ErrPayloadJSON},
	{"white space alone", "2 \n", ErrPayloadJSON},
	{"bad word", `2["x",nul]`, ErrPayloadJSON},
	{"NaN", `2["x",NaN]`, ErrPayloadJSON},
	{"leading zero", `2["x",01]`, ErrPayloadJSON},
	{"negative id", `2-1["x"]`, ErrPayloadJSON},
	{"single quotes", `2['x']`, ErrPayloadJSON},
	{"a packet forged behind a raw separator", "2[\"hi\x1e42[\\\"admin\\\",1]\"]", ErrPayloadJSON},
	{"raw line break in a string", "2[\"a\nb\"]", ErrPayloadJSON},
	{"raw zero in a string", "2[\"a\x00b\"]", ErrPayloadJSON},
	{"raw separator as white space", "2[\"a\",\x1e1]", ErrPayloadJSON},
	{"raw separator behind the payload", "2[\"a\"]\x1e", ErrPayloadJSON},
	{"bad escape", `2["\x41"]`, ErrPayloadJSON},
	{"cut escape", `2["\u00e"]`, ErrPayloadJSON},
	{"cut key", `2["x",{"a`, ErrPayloadJSON},
	{"raw separator in a key", "2[\"x\",{\"a\x1e\":1}]", ErrPayloadJSON},
	{"connect of bad JSON", `0{"token":}`, ErrPayloadJSON},
	{"ack of bad JSON", `31{a}`, ErrPayloadJSON},

	{"513 arrays", `2` + strings.Repeat("[", 513) + strings.Repeat("]", 513), ErrPayloadDepth},
	{"513 levels of both", `2["a",` + strings.Repeat(`[{"a":`, 256) + "1" + strings.Repeat("}]", 256) + `]`, ErrPayloadDepth},
	{"half a million brackets", `2["a",` + strings.Repeat("[", 500_000), ErrPayloadDepth},

	{"event of an object", `2{}`, ErrPayloadKind},
	{"event of a string", `2"x"`, ErrPayloadKind},
	{"event of null", `2null`, ErrPayloadKind},
	{"connect of an array", `0[]`, ErrPayloadKind},
	{"connect of a string", `0"x"`, ErrPayloadKind},
	{"connect of null", `0null`, ErrPayloadKind},
	{"disconnect with an object", `1{}`, ErrPayloadKind},
	{"disconnect with text that is not JSON", `1/a,x`, ErrPayloadKind},
	{"ack of an object", `31{}`, ErrPayloadKind},
	{"ack of a string", `31"x"`, ErrPayloadKind},
	{"connect error of an array", `4[]`, ErrPayloadKind},
	{"connect error of true", `4true`, ErrPayloadKind},
	{"binary event of an object", `51-{"_placeholder":true,"num":0}`, ErrPayloadKind},
	{"binary ack of an object", `61-7{}`, ErrPayloadKind},

	{"event of nothing", `2[]`, ErrPayloadEvent},
	{"event of white space", `2[ ]`, ErrPayloadEvent},
	{"event named true", `2[true]`, ErrPayloadEvent},
	{"event named true, with an argument", `2[true,"foo"]`, ErrPayloadEvent},
	{"event named null", `2[null,"bar"]`, ErrPayloadEvent},
	{"event named by an object", `2[{"toString":"foo"}]`, ErrPayloadEvent},
	{"event named by an array", `2[["a"]]`, ErrPayloadEvent},
	{"binary event of nothing", `51-[]`, ErrPayloadEvent},

	{"event named connect", `2["connect"]`, ErrPayloadReserved},
	{"event named connect_error", `2["connect_error"]`, ErrPayloadReserved},
	{"event named disconnect", `2["disconnect","123"]`, ErrPayloadReserved},
	{"event named disconnecting", `2["disconnecting"]`, ErrPayloadReserved},
	{"event named newListener", `2["newListener"]`, ErrPayloadReserved},
	{"event named removeListener", `2["removeListener"]`, ErrPayloadReserved},
	{"reserved name with an escape", `2["\u0063onnect"]`, ErrPayloadReserved},
	{"reserved name of escapes alone", `2["\u0072\u0065\u006d\u006f\u0076\u0065\u004c\u0069\u0073\u0074\u0065\u006E\u0065\u0072"]`, ErrPayloadReserved},
	{"reserved name behind white space", "2[ \t\"connect\"]", ErrPayloadReserved},
	{"reserved name of a binary event", `51-["connect"]`, ErrPayloadReserved},
}

func TestParseRefuses(t *testing.T) {
	for _, row := range badRows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parse([]byte(row.text), nil)
			if !errors.Is(err, row.err) {
				t.Fatalf("error %v, want %v", err, row.err)
			}
			if !samePacket(got, Packet{}) {
				t.Fatalf("a packet came with the error: %+v", got)
			}
			if slow, err := slowParse([]byte(row.text)); err == nil {
				t.Fatalf("the twin takes it for %+v", slow)
			}
		})
	}
}

// The words are the reference's, for applications that show them as it does.
func TestErrorTexts(t *testing.T) {
	rows := []struct{ text, want string }{
		{`9`, "unknown packet type 9"},
		{`7`, "unknown packet type 7"},
		{`abc`, "unknown packet type NaN"},
		{`50-["x"]`, "Illegal attachments"},
		{`511-["x"]`, "too many attachments"},
		{`2[]`, "invalid payload: no event name"},
		{`2["connect"]`, "invalid payload: reserved event name"},
	}
	for _, row := range rows {
		if _, err := Parse([]byte(row.text), nil); err == nil || err.Error() != row.want {
			t.Errorf("%s: error %q, want %q", row.text, err, row.want)
		}
	}
	for _, err := range []error{ErrPayloadMissing, ErrPayloadJSON, ErrPayloadDepth, ErrPayloadKind, ErrPayloadEvent, ErrPayloadReserved} {
		if !errors.Is(err, ErrInvalidPayload) {
			t.Errorf("%v is not told as %v", err, ErrInvalidPayload)
		}
	}
}

func TestParseLimits(t *testing.T) {
	limits := &Limits{AttachmentsMax: 2}
	if _, err := Parse([]byte(`52-["x"]`), limits); err != nil {
		t.Errorf("two attachments of two: %v", err)
	}
	if _, err := Parse([]byte(`53-["x"]`), limits); !errors.Is(err, ErrTooManyAttachments) {
		t.Errorf("three attachments of two: %v, want %v", err, ErrTooManyAttachments)
	}
	if p, err := Parse([]byte(`51000-["x"]`), &Limits{AttachmentsMax: 1000}); err != nil || p.Attachments != 1000 {
		t.Errorf("a thousand attachments of a thousand: %d, %v", p.Attachments, err)
	}
}

func TestParseAliases(t *testing.T) {
	text := []byte(`2/chat,1["hello"]`)
	p, err := Parse(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	copy(text, `2/CHAT,1["HELLO"]`)
	if string(p.Namespace) != "/CHAT" || string(p.Data) != `["HELLO"]` {
		t.Errorf("namespace %q and data %q do not alias the text", p.Namespace, p.Data)
	}
	// Appending to what Parse returned must not reach into the text behind it.
	_ = append(p.Namespace, '!')
	_ = append(p.Data, '!')
	if string(text) != `2/CHAT,1["HELLO"]` {
		t.Errorf("the text became %q", text)
	}
}

// Parsing a packet and writing it again gives the same packet, and for texts in the
// form that the reference writes the same bytes.
func TestAppendPacket(t *testing.T) {
	for _, row := range goodRows {
		p, err := Parse([]byte(row.text), nil)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		again, err := Parse(AppendPacket(nil, p), nil)
		if err != nil || !samePacket(again, p) {
			t.Errorf("%s: %+v came back as %+v, error %v", row.name, p, again, err)
		}
	}
	for _, text := range []string{
		`0`, `0/custom,`, `1`, `1/custom,`, `2["hello",1]`, `2/chat,["hello"]`, `212["ackme"]`, `20["q",1]`, `313[]`,
		`51-/admin,456["x",{"_placeholder":true,"num":0}]`, `61-7[{"_placeholder":true,"num":0}]`,
		`4/random,{"message":"Invalid namespace"}`,
	} {
		p, err := Parse([]byte(text), nil)
		if got := AppendPacket([]byte("dst:"), p); err != nil || string(got) != "dst:"+text {
			t.Errorf("%s was written as %s, error %v", text, got, err)
		}
	}
}

func TestTypeString(t *testing.T) {
	want := []string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK", "unknown"}
	for i, word := range want {
		if Type(i).String() != word {
			t.Errorf("type %d: %s, want %s", i, Type(i), word)
		}
		if Type(i).Binary() != strings.HasPrefix(word, "BINARY") {
			t.Errorf("type %s: Binary is %v", word, Type(i).Binary())
		}
	}
}

// FuzzParse holds Parse to its twin, and what it takes to its promises.
func FuzzParse(f *testing.F) {
	for _, row := range goodRows {
		f.Add([]byte(row.text))
	}
	for _, row := range badRows {
		if len(row.text) < 1000 {
			f.Add([]byte(row.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := bytes.Clone(text)
		p, err := Parse(text, nil)
		if !bytes.Equal(text, kept) {
			t.Fatal("the text was written to")
		}
		if want, wantErr := slowParse(text); (err == nil) != (wantErr == nil) || !samePacket(p, want) {
			t.Fatalf("%q: %+v, error %v; the twin says %+v, %v", text, p, err, want, wantErr)
		}
		if err != nil {
			return
		}
		if p.ID > AckIDMax || p.Attachments > AttachmentsMax || len(p.Namespace) > NamespaceBytesMax || p.Namespace[0] != '/' {
			t.Fatalf("%q: beyond the limits: %+v", text, p)
		}
		if p.Data != nil && (!slowValid(p.Data) || bytes.IndexByte(p.Data, 0x1e) >= 0) {
			t.Fatalf("%q: payload %q is not to be relayed", text, p.Data)
		}
		again, err := Parse(AppendPacket(nil, p), nil)
		if err != nil || !samePacket(again, p) {
			t.Fatalf("%q: %+v came back as %+v, error %v", text, p, again, err)
		}
	})
}
