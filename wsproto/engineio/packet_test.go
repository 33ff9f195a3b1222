package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"regexp"
	"testing"
)

// parseTextRows covers each rule of a single packet. The polling tests use them too,
// because a payload of one packet must read the same.
var parseTextRows = []struct {
	name string
	text string
	want Packet
	err  error
}{
	{"open", `0{"sid":"x"}`, Packet{Type: Open, Data: []byte(`{"sid":"x"}`)}, nil},
	{"close", "1", Packet{Type: Close}, nil},
	{"ping", "2", Packet{Type: Ping}, nil},
	{"ping of a probe", "2probe", Packet{Type: Ping, Data: []byte("probe")}, nil},
	{"pong of a probe", "3probe", Packet{Type: Pong, Data: []byte("probe")}, nil},
	{"message", `42["hello",1]`, Packet{Type: Message, Data: []byte(`2["hello",1]`)}, nil},
	{"empty message", "4", Packet{Type: Message}, nil},
	{"message in UTF-8", "4€", Packet{Type: Message, Data: []byte("€")}, nil},
	{"upgrade", "5", Packet{Type: Upgrade}, nil},
	{"noop", "6", Packet{Type: Noop}, nil},

	{"binary of no byte", "b", Packet{Type: Message, Data: []byte{}, Binary: true}, nil},
	{"binary of one byte", "bAw==", Packet{Type: Message, Data: []byte{3}, Binary: true}, nil},
	{"binary of two bytes", "bAQI=", Packet{Type: Message, Data: []byte{1, 2}, Binary: true}, nil},
	{"binary of three bytes", "bAQID", Packet{Type: Message, Data: []byte{1, 2, 3}, Binary: true}, nil},
	{"binary of the standard alphabet", "b+/+/", Packet{Type: Message, Data: []byte{0xfb, 0xff, 0xbf}, Binary: true}, nil},

	{"nothing", "", Packet{}, ErrEmptyPacket},
	{"type 7", "7", Packet{}, ErrUnknownType},
	{"type 9", "9abc", Packet{}, ErrUnknownType},
	{"a letter", "abc", Packet{}, ErrUnknownType},
	{"a slash, below 0", "/", Packet{}, ErrUnknownType},
	{"a capital B", "BAQI=", Packet{}, ErrUnknownType},
	{"a leading space", " 4x", Packet{}, ErrUnknownType},
	{"base64 without padding", "bAQI", Packet{}, ErrBase64},
	{"base64 with too much padding", "bAQ===", Packet{}, ErrBase64},
	{"base64 of padding alone", "b====", Packet{}, ErrBase64},
	{"base64 of the url alphabet", "b-_-_", Packet{}, ErrBase64},
	{"base64 with stray bits", "bAR==", Packet{}, ErrBase64},
	{"base64 with a line break", "bAQ\nI=", Packet{}, ErrBase64},
	{"base64 with line breaks to a multiple of four", "bAQ\r\nI=\r\n", Packet{}, ErrBase64},
	{"base64 with text behind it", "bAQ==AQ==", Packet{}, ErrBase64},
	{"base64 with another letter b", "bb", Packet{}, ErrBase64},
}

func TestParseText(t *testing.T) {
	for _, row := range parseTextRows {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseText([]byte(row.text))
			if !errors.Is(err, row.err) {
				t.Fatalf("ParseText(%q) = error %v, want %v", row.text, err, row.err)
			}
			if !samePacket(got, row.want) {
				t.Fatalf("ParseText(%q) = %+v, want %+v", row.text, got, row.want)
			}
			if slow, ok := slowParseText(row.text); ok != (row.err == nil) || !samePacket(slow, row.want) {
				t.Fatalf("the twin says %+v, %v", slow, ok)
			}
		})
	}
}

func samePacket(a, b Packet) bool {
	return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

// packetText is the text of a packet: a type, or the mark and base64 (RFC 4648 4).
var packetText = regexp.MustCompile(`(?s)^(?:([0-6])(.*)|b((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?))$`)

// slowParseText is the obvious twin of ParseText. Of base64 it wants the one spelling
// that its bytes have.
func slowParseText(text string) (p Packet, ok bool) {
	m := packetText.FindStringSubmatch(text)
	if m == nil {
		return Packet{}, false
	}
	if m[1] != "" {
		return Packet{Type: PacketType(m[1][0]), Data: []byte(m[2])}, true
	}
	data, err := base64.StdEncoding.DecodeString(m[3])
	if err != nil || base64.StdEncoding.EncodeToString(data) != m[3] {
		return Packet{}, false
	}
	return Packet{Type: Message, Data: data, Binary: true}, true
}

// FuzzParseText holds ParseText to its twin.
func FuzzParseText(f *testing.F) {
	for _, row := range parseTextRows {
		f.Add([]byte(row.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := bytes.Clone(text)
		got, err := ParseText(text)
		if want, ok := slowParseText(string(text)); ok != (err == nil) || !samePacket(got, want) {
			t.Fatalf("%q: %+v, %v; the twin says %+v, %v", text, got, err, want, ok)
		}
		if !bytes.Equal(text, kept) {
			t.Fatal("the text was written to")
		}
	})
}

func TestParseTextOwnership(t *testing.T) {
	text := []byte("4hello")
	p, err := ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	text[1] = 'J'
	if string(p.Data) != "Jello" {
		t.Errorf("text data %q does not alias the input", p.Data)
	}

	text = []byte("baGVsbG8=")
	if p, err = ParseText(text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(p.Data) != "hello" {
		t.Errorf("binary data %q changed with the input", p.Data)
	}
}

func TestAppendText(t *testing.T) {
	rows := []struct {
		name string
		t    PacketType
		data string
		want string
	}{
		{"ping", Ping, "", "2"},
		{"probe answered", Pong, Probe, "3probe"},
		{"message", Message, `2["hello",1]`, `42["hello",1]`},
		{"noop", Noop, "", "6"},
	}
	for _, row := range rows {
		if got := AppendText([]byte("dst:"), row.t, []byte(row.data)); string(got) != "dst:"+row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, "dst:"+row.want)
		}
	}
}

func TestAppendBinaryBase64(t *testing.T) {
	rows := []struct{ data, want string }{
		{"", "b"}, {"\x03", "bAw=="}, {"\x01\x02", "bAQI="}, {"\x01\x02\x03", "bAQID"}, {"\xfb\xff\xbf", "b+/+/"},
	}
	for _, row := range rows {
		if got := AppendBinaryBase64([]byte("dst:"), []byte(row.data)); string(got) != "dst:"+row.want {
			t.Errorf("%q: got %q, want %q", row.data, got, "dst:"+row.want)
		}
	}
}

func TestPacketTypeString(t *testing.T) {
	want := map[PacketType]string{
		'0': "open", '1': "close", '2': "ping", '3': "pong", '4': "message", '5': "upgrade", '6': "noop",
		'7': "unknown", '/': "unknown", 0: "unknown",
	}
	for typ, word := range want {
		if typ.String() != word || typ.Valid() != (word != "unknown") {
			t.Errorf("type %q: %s, valid %v", byte(typ), typ, typ.Valid())
		}
	}
}
