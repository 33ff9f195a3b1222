package msgpack

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"starling/wsproto/socketio"
)

func TestParse(t *testing.T) {
	long := "/" + strings.Repeat("n", socketio.NamespaceBytesMax-1)
	event := socketio.Packet{Type: socketio.Event, Namespace: []byte("/"), Data: []byte("\x91\xa1a")}
	withID := func(id uint64) socketio.Packet {
		p := event
		p.ID, p.HasID = id, true
		return p
	}
	rows := []struct {
		name    string
		message string
		want    socketio.Packet
	}{
		{"members in another order", "\x83" + "\xa3nsp\xa1/" + "\xa4data\x91\xa1a" + "\xa4type\x02", event},
		{"other members among them", "\x86" + "\xa1x\x93\x01\x02\x81\xa1y\xc0" + "\xa4type\x02" + "\x07\xc2" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/" + "\xa7options\x80", event},
		{"other members twice", "\x85" + "\xa1x\x01" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa1x\x02" + "\xa3nsp\xa1/", event},
		{"map 16", "\xde\x00\x03" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"map 32", "\xdf\x00\x00\x00\x03" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"keys as str 8, 16 and 32", "\x83" + "\xd9\x04type\x02" + "\xda\x00\x04data\x91\xa1a" + "\xdb\x00\x00\x00\x03nsp\xa1/", event},
		{"namespace as str 8", "\x83" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xd9\x01/", event},
		{"type as uint 8", "\x83" + "\xa4type\xcc\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as uint 16", "\x83" + "\xa4type\xcd\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as uint 32", "\x83" + "\xa4type\xce\x00\x00\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as uint 64", "\x83" + "\xa4type\xcf\x00\x00\x00\x00\x00\x00\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as int 8", "\x83" + "\xa4type\xd0\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as int 16", "\x83" + "\xa4type\xd1\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as int 32", "\x83" + "\xa4type\xd2\x00\x00\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as int 64", "\x83" + "\xa4type\xd3\x00\x00\x00\x00\x00\x00\x00\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as float 32", "\x83" + "\xa4type\xca\x40\x00\x00\x00" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"type as float 64", "\x83" + "\xa4type\xcb\x40\x00\x00\x00\x00\x00\x00\x00" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/", event},
		{"id", "\x84" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa2id\x0c" + "\xa3nsp\xa1/", withID(12)},
		{"largest id", "\x84" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa2id\xcf\x00\x1f\xff\xff\xff\xff\xff\xff" + "\xa3nsp\xa1/", withID(socketio.AckIDMax)},
		{"undefined id", "\x84" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa2id\xd4\x00\x00" + "\xa3nsp\xa1/", event},
		{"longest namespace", "\x82" + "\xa4type\x01" + "\xa3nsp\xd9\xff" + long, socketio.Packet{Type: socketio.Disconnect, Namespace: []byte(long)}},
		{"CONNECT without data", "\x82" + "\xa4type\x00" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Connect, Namespace: []byte("/")}},
		{"CONNECT with an empty map", "\x83" + "\xa4type\x00" + "\xa4data\x80" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Connect, Namespace: []byte("/"), Data: []byte("\x80")}},
		{"DISCONNECT with undefined data", "\x83" + "\xa4type\x01" + "\xa4data\xd4\x00\x00" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Disconnect, Namespace: []byte("/")}},
		{"ACK without values", "\x84" + "\xa4type\x03" + "\xa4data\x90" + "\xa2id\x00" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Ack, Namespace: []byte("/"), HasID: true, Data: []byte("\x90")}},
		{"CONNECT_ERROR with a string", "\x83" + "\xa4type\x04" + "\xa4data\xa2no" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.ConnectError, Namespace: []byte("/"), Data: []byte("\xa2no")}},
		{"number for a name", "\x83" + "\xa4type\x02" + "\xa4data\x91\xff" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Event, Namespace: []byte("/"), Data: []byte("\x91\xff")}},
		{"empty name", "\x83" + "\xa4type\x02" + "\xa4data\x91\xa0" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Event, Namespace: []byte("/"), Data: []byte("\x91\xa0")}},
		{"reserved name of an ack is none", "\x83" + "\xa4type\x03" + "\xa4data\x91\xa7connect" + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Ack, Namespace: []byte("/"), Data: []byte("\x91\xa7connect")}},
		{"ext of every form", "\x83" + "\xa4type\x03" + "\xa4data\x98" + everyExt + "\xa3nsp\xa1/", socketio.Packet{Type: socketio.Ack, Namespace: []byte("/"), Data: []byte("\x98" + everyExt)}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parser{}.Parse([]byte(row.message), true)
			if err != nil {
				t.Fatal(err)
			}
			if !samePacket(got, row.want) {
				t.Fatalf("got %+v\nwant %+v", got, row.want)
			}
		})
	}
}

// everyExt are eight extensions, one of each form, of types that nobody knows.
const everyExt = "\xd4\x05a" + "\xd5\x05ab" + "\xd6\x05abcd" + "\xd7\x05abcdefgh" + "\xd8\x05abcdefghabcdefgh" +
	"\xc7\x01\x05a" + "\xc8\x00\x01\x05a" + "\xc9\x00\x00\x00\x01\x05a"

func TestParseRefuses(t *testing.T) {
	event := func(data string) string {
		return "\x83" + "\xa4type\x02" + "\xa3nsp\xa1/" + "\xa4data" + data
	}
	typed := func(t string) string {
		return "\x83" + "\xa4type" + t + "\xa3nsp\xa1/" + "\xa4data\x91\xa1a"
	}
	named := func(nsp string) string {
		return "\x83" + "\xa4type\x02" + "\xa3nsp" + nsp + "\xa4data\x91\xa1a"
	}
	with := func(id string) string {
		return "\x84" + "\xa4type\x02" + "\xa3nsp\xa1/" + "\xa4data\x91\xa1a" + "\xa2id" + id
	}
	rows := []struct {
		name    string
		message string
		err     error
	}{
		{"nothing", "", socketio.ErrEmptyPacket},

		{"cut before the key", "\x82" + "\xa4type\x01", ErrTruncated},
		{"cut in a key", "\x82" + "\xa4type\x01" + "\xa3ns", ErrTruncated},
		{"cut before a value", "\x82" + "\xa4type\x01" + "\xa3nsp", ErrTruncated},
		{"cut in a length", "\x81" + "\xa1a\xda\x01", ErrTruncated},
		{"cut in a number", "\x81" + "\xa1a\xcf\x00\x00\x00\x00\x00\x00\x00", ErrTruncated},
		{"cut in binary data", event("\x92\xa1a\xc4\x05abcd"), ErrTruncated},
		{"cut in an array", event("\x93\xa1a\x01"), ErrTruncated},
		{"cut in a map", event("\x92\xa1a\x81\xa1b"), ErrTruncated},
		{"cut before the type of an ext", event("\x92\xa1a\xd4"), ErrTruncated},
		{"cut before the length of an ext", event("\x92\xa1a\xc7"), ErrTruncated},
		{"cut in an ext", event("\x92\xa1a\xc9\xff\xff\xff\xff\x00abc"), ErrTruncated},
		{"packet of 2^32-1 members", "\xdf\xff\xff\xff\xff" + "\xa4type\x02", ErrTruncated},
		{"array of 2^32-1 elements", event("\xdd\xff\xff\xff\xff\xa1a"), ErrTruncated},
		{"map of 2^31 members", event("\x92\xa1a\xdf\x80\x00\x00\x00\xa1a\x01"), ErrTruncated},
		{"array of more elements than bytes", event("\x96\xa1a\x01\x01"), ErrTruncated},

		{"byte behind the packet", event("\x91\xa1a") + "\xc0", ErrTrailing},
		{"two packets", event("\x91\xa1a") + event("\x91\xa1a"), ErrTrailing},
		{"code that begins nothing", event("\x92\xa1a\xc1"), ErrCode},
		{"code that begins nothing for the packet", "\xc1", ErrCode},
		{"code that begins nothing for a key", "\x81" + "\xc1\x01", ErrCode},
		{"argument that is not UTF-8", event("\x92\xa1a\xa1\xff"), ErrUTF8},
		{"name that is not UTF-8", event("\x91\xa1\x80"), ErrUTF8},
		{"half a surrogate pair", event("\x92\xa1a\xa3\xed\xa0\x80"), ErrUTF8},
		{"key that is not UTF-8", event("\x92\xa1a\x81\xa1\xff\x01"), ErrUTF8},
		{"other member that is not UTF-8", "\x81" + "\xa1x\xa1\xff", ErrUTF8},
		{"nil for a key", event("\x92\xa1a\x81\xc0\x01"), ErrKey},
		{"binary for a key", event("\x92\xa1a\x81\xc4\x01a\x01"), ErrKey},
		{"map for a key", event("\x92\xa1a\x81\x80\x01"), ErrKey},
		{"float for a key", event("\x92\xa1a\x81\xca\x00\x00\x00\x00\x01"), ErrKey},
		{"array for a key of the packet", "\x81" + "\x90\x01", ErrKey},

		{"array", "\x91\x01", ErrPacket},
		{"number", "\x02", ErrPacket},
		{"nil", "\xc0", ErrPacket},

		{"two types", "\x84" + "\xa4type\x02" + "\xa4type\x03" + "\xa3nsp\xa1/" + "\xa4data\x91\xa1a", ErrDuplicate},
		{"two namespaces", "\x83" + "\xa4type\x01" + "\xa3nsp\xa1/" + "\xa3nsp\xa1/", ErrDuplicate},
		{"undefined data, and data", "\x84" + "\xa4type\x00" + "\xa4data\xd4\x00\x00" + "\xa4data\x80" + "\xa3nsp\xa1/", ErrDuplicate},
		{"two ids in two forms of the key", "\x84" + "\xa2id\x01" + "\xd9\x02id\x01" + "\xa4type\x01" + "\xa3nsp\xa1/", ErrDuplicate},

		{"no type", "\x81" + "\xa3nsp\xa1/", socketio.ErrUnknownType},
		{"undefined type", typed("\xd4\x00\x00"), socketio.ErrUnknownType},
		{"BINARY_EVENT", typed("\x05"), socketio.ErrUnknownType},
		{"BINARY_ACK", typed("\x06"), socketio.ErrUnknownType},
		{"type -1", typed("\xff"), socketio.ErrUnknownType},
		{"type 2^64-1", typed("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), socketio.ErrUnknownType},
		{"type 258", typed("\xcd\x01\x02"), socketio.ErrUnknownType},
		{"type 2.5", typed("\xca\x40\x20\x00\x00"), socketio.ErrUnknownType},
		{"type NaN", typed("\xca\x7f\xc0\x00\x00"), socketio.ErrUnknownType},
		{"infinite type", typed("\xca\x7f\x80\x00\x00"), socketio.ErrUnknownType},
		{"string for a type", typed("\xa12"), socketio.ErrUnknownType},

		{"no namespace", "\x81" + "\xa4type\x01", ErrNamespace},
		{"undefined namespace", named("\xd4\x00\x00"), ErrNamespace},
		{"nil for a namespace", named("\xc0"), ErrNamespace},
		{"binary for a namespace", named("\xc4\x01/"), ErrNamespace},
		{"empty namespace", named("\xa0"), socketio.ErrNamespaceSyntax},
		{"namespace without slash", named("\xa4chat"), socketio.ErrNamespaceSyntax},
		{"namespace with a comma", named("\xa4/a,b"), socketio.ErrNamespaceSyntax},
		{"namespace with a separator", named("\xa3/a\x1e"), socketio.ErrNamespaceBytes},
		{"namespace of 256 bytes", named("\xda\x01\x00/" + strings.Repeat("n", 255)), socketio.ErrNamespaceLength},

		{"id -1", with("\xff"), socketio.ErrAckID},
		{"id 2^53", with("\xcf\x00\x20\x00\x00\x00\x00\x00\x00"), socketio.ErrAckID},
		{"id 2^64-1", with("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), socketio.ErrAckID},
		{"id 0.5", with("\xca\x3f\x00\x00\x00"), socketio.ErrAckID},
		{"nil for an id", with("\xc0"), socketio.ErrAckID},
		{"string for an id", with("\xa10"), socketio.ErrAckID},

		{"EVENT without data", "\x82" + "\xa4type\x02" + "\xa3nsp\xa1/", socketio.ErrPayloadMissing},
		{"EVENT with undefined data", event("\xd4\x00\x00"), socketio.ErrPayloadMissing},
		{"ACK without data", "\x82" + "\xa4type\x03" + "\xa3nsp\xa1/", socketio.ErrPayloadMissing},
		{"CONNECT_ERROR without data", "\x82" + "\xa4type\x04" + "\xa3nsp\xa1/", socketio.ErrPayloadMissing},
		{"CONNECT with nil", "\x83" + "\xa4type\x00" + "\xa3nsp\xa1/" + "\xa4data\xc0", socketio.ErrPayloadKind},
		{"CONNECT with an array", "\x83" + "\xa4type\x00" + "\xa3nsp\xa1/" + "\xa4data\x90", socketio.ErrPayloadKind},
		{"DISCONNECT with data", "\x83" + "\xa4type\x01" + "\xa3nsp\xa1/" + "\xa4data\x80", socketio.ErrPayloadKind},
		{"EVENT with a map", event("\x81\x00\xa1a"), socketio.ErrPayloadKind},
		{"EVENT with nil", event("\xc0"), socketio.ErrPayloadKind},
		{"ACK with a string", "\x83" + "\xa4type\x03" + "\xa3nsp\xa1/" + "\xa4data\xa1a", socketio.ErrPayloadKind},
		{"CONNECT_ERROR with an array", "\x83" + "\xa4type\x04" + "\xa3nsp\xa1/" + "\xa4data\x90", socketio.ErrPayloadKind},
		{"EVENT without a name", event("\x90"), socketio.ErrPayloadEvent},
		{"nil for a name", event("\x91\xc0"), socketio.ErrPayloadEvent},
		{"binary for a name", event("\x91\xc4\x01a"), socketio.ErrPayloadEvent},
		{"array for a name", event("\x91\x91\xa1a"), socketio.ErrPayloadEvent},
		{"connect", event("\x91\xa7connect"), socketio.ErrPayloadReserved},
		{"connect_error", event("\x91\xadconnect_error"), socketio.ErrPayloadReserved},
		{"disconnect", event("\x91\xaadisconnect"), socketio.ErrPayloadReserved},
		{"disconnecting as str 32", event("\x91\xdb\x00\x00\x00\x0ddisconnecting"), socketio.ErrPayloadReserved},
		{"newListener", event("\x91\xabnewListener"), socketio.ErrPayloadReserved},
		{"removeListener", event("\x91\xaeremoveListener"), socketio.ErrPayloadReserved},
		{"nested 513 deep", event("\x92\xa1a" + strings.Repeat("\x91", DepthMax) + "\xc0"), socketio.ErrPayloadDepth},
		{"maps nested 513 deep", event("\x92\xa1a" + strings.Repeat("\x81\xa0", DepthMax) + "\xc0"), socketio.ErrPayloadDepth},
		{"ext that becomes an array, 513 deep", event("\x92\xa1a" + strings.Repeat("\x91", DepthMax-1) + "\xd4\x05a"), socketio.ErrPayloadDepth},
		{"a megabyte of arrays", event("\x92\xa1a" + strings.Repeat("\x91", 1_000_000)), socketio.ErrPayloadDepth},
		{"other member nested 513 deep", "\x81" + "\xa1x" + strings.Repeat("\x91", DepthMax+1) + "\xc0", socketio.ErrPayloadDepth},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p, err := Parser{}.Parse([]byte(row.message), true)
			if !errors.Is(err, row.err) || !samePacket(p, socketio.Packet{}) {
				t.Fatalf("packet %+v, error %v, want %v", p, err, row.err)
			}
		})
	}
}

// A packet is a binary message, also if a text could be read as one.
func TestParseRefusesText(t *testing.T) {
	row := struct {
		message string
		err     error
	}{"\x82" + "\xa4type\x01" + "\xa3nsp\xa1/", ErrText}
	if _, err := (Parser{}).Parse([]byte(row.message), false); !errors.Is(err, row.err) {
		t.Errorf("error %v, want %v", err, row.err)
	}
}

// As deep as it goes, in the payload and beside it.
func TestParseNestedAsDeepAsAllowed(t *testing.T) {
	deep := strings.Repeat("\x91", DepthMax-2) + "\x81\xa0\xc0"
	message := "\x84" + "\xa4type\x02" + "\xa4data\x92\xa1a" + deep + "\xa1x\x91" + deep + "\xa3nsp\xa1/"
	p, err := Parser{}.Parse([]byte(message), true)
	if err != nil {
		t.Fatal(err)
	}
	want := `["a",` + strings.Repeat("[", DepthMax-2) + `{"":null}` + strings.Repeat("]", DepthMax-2) + `]`
	if got := jsonOf(t, p.Data); got != want {
		t.Errorf("payload %s", got)
	}
}

func TestParseOwnership(t *testing.T) {
	message := []byte("\x83" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa2/b")
	p, err := Parser{}.Parse(message, true)
	if err != nil {
		t.Fatal(err)
	}
	copy(message[len(message)-1:], "c")
	message[bytes.IndexByte(message, 0x91)+2] = 'd'
	if string(p.Namespace) != "/c" || string(p.Data) != "\x91\xa1d" {
		t.Errorf("%q and %q do not alias the message", p.Namespace, p.Data)
	}
	if len(p.Namespace) != cap(p.Namespace) || len(p.Data) != cap(p.Data) {
		t.Error("appending to a part of the packet would write into the message")
	}
}
