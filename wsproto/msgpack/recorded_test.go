package msgpack

import (
	"encoding/hex"
	"strings"
	"testing"

	"starling/wsproto/socketio"
)

// recorded are messages of the npm packages socket.io and socket.io-client 4.8.3 with
// socket.io-msgpack-parser 3.0.2, and what each of their bytes is.
var recorded = []struct {
	name    string
	message string // in hexadecimal, as recorded
	picture []string
	packet  socketio.Packet
	json    string // of the payload
}{
	{
		"server: answer to a CONNECT", "83a47479706500a46461746182a3736964b439714545394e315f5343336533594f3141414141a3706964b46c69676148673662475852623277516f41414142a36e7370a12f",
		[]string{"\x83", "\xa4type", "\x00", "\xa4data", "\x82", "\xa3sid", "\xb49qEE9N1_SC3e3YO1AAAA", "\xa3pid", "\xb4ligaHg6bGXRb2wQoAAAB", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Connect, Namespace: []byte("/")},
		`{"sid":"9qEE9N1_SC3e3YO1AAAA","pid":"ligaHg6bGXRb2wQoAAAB"}`,
	},
	{
		"server: event", "83a47479706502a46461746193a3616c6cc40178a751383832376875a36e7370a12f",
		[]string{"\x83", "\xa4type", "\x02", "\xa4data", "\x93", "\xa3all", "\xc4\x01x", "\xa7Q8827hu", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Event, Namespace: []byte("/")},
		`["all","eA==","Q8827hu"]`,
	},
	{
		"server: event that wants an ack", "84a47479706502a46461746192a171a13fa2696400a36e7370a12f",
		[]string{"\x84", "\xa4type", "\x02", "\xa4data", "\x92", "\xa1q", "\xa1?", "\xa2id", "\x00", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Event, Namespace: []byte("/"), HasID: true},
		`["q","?"]`,
	},
	{
		"server: ack", "84a2696400a47479706503a46461746192a3796573d1ff7fa36e7370a12f",
		[]string{"\x84", "\xa2id", "\x00", "\xa4type", "\x03", "\xa4data", "\x92", "\xa3yes", "\xd1\xff\x7f", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Ack, Namespace: []byte("/"), HasID: true},
		`["yes",-129]`,
	},
	{
		"server: CONNECT_ERROR", "83a47479706504a46461746182a76d657373616765a66e6f20776179a46461746181a4636f646501a36e7370a32f6e6f",
		[]string{"\x83", "\xa4type", "\x04", "\xa4data", "\x82", "\xa7message", "\xa6no way", "\xa4data", "\x81", "\xa4code", "\x01", "\xa3nsp", "\xa3/no"},
		socketio.Packet{Type: socketio.ConnectError, Namespace: []byte("/no")},
		`{"message":"no way","data":{"code":1}}`,
	},
	{
		"server: DISCONNECT", "82a47479706501a36e7370a52f63686174",
		[]string{"\x82", "\xa4type", "\x01", "\xa3nsp", "\xa5/chat"},
		socketio.Packet{Type: socketio.Disconnect, Namespace: []byte("/chat")},
		``,
	},
	{
		"client: CONNECT with credentials", "83a47479706500a46461746181a5746f6b656ea3616263a36e7370a12f",
		[]string{"\x83", "\xa4type", "\x00", "\xa4data", "\x81", "\xa5token", "\xa3abc", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Connect, Namespace: []byte("/")},
		`{"token":"abc"}`,
	},
	{
		"client: CONNECT with undefined credentials", "83a47479706500a464617461d40000a36e7370a52f63686174",
		[]string{"\x83", "\xa4type", "\x00", "\xa4data", "\xd4\x00\x00", "\xa3nsp", "\xa5/chat"},
		socketio.Packet{Type: socketio.Connect, Namespace: []byte("/chat")},
		``,
	},
	{
		"client: event", "84a47479706502a46461746193a36d7367a2686981a16ecd012ca76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
		[]string{"\x84", "\xa4type", "\x02", "\xa4data", "\x93", "\xa3msg", "\xa2hi", "\x81", "\xa1n", "\xcd\x01\x2c", "\xa7options", "\x81", "\xa8compress", "\xc3", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Event, Namespace: []byte("/")},
		`["msg","hi",{"n":300}]`,
	},
	{
		"client: event that wants an ack", "85a47479706502a46461746192a361736bd1ff7fa76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
		[]string{"\x85", "\xa4type", "\x02", "\xa4data", "\x92", "\xa3ask", "\xd1\xff\x7f", "\xa7options", "\x81", "\xa8compress", "\xc3", "\xa2id", "\x00", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Event, Namespace: []byte("/"), HasID: true},
		`["ask",-129]`,
	},
	{
		"client: event with an ArrayBuffer and a Buffer", "84a47479706502a46461746193a362696ec702000908c40107a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
		[]string{"\x84", "\xa4type", "\x02", "\xa4data", "\x93", "\xa3bin", "\xc7\x02\x00\x09\x08", "\xc4\x01\x07", "\xa7options", "\x81", "\xa8compress", "\xc3", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Event, Namespace: []byte("/")},
		`["bin","CQg=","Bw=="]`,
	},
	{
		"client: ack", "84a47479706503a2696400a46461746191c40178a36e7370a12f",
		[]string{"\x84", "\xa4type", "\x03", "\xa2id", "\x00", "\xa4data", "\x91", "\xc4\x01x", "\xa3nsp", "\xa1/"},
		socketio.Packet{Type: socketio.Ack, Namespace: []byte("/"), HasID: true},
		`["eA=="]`,
	},
}

// TestParseRecorded reads what the npm packages write. A server's packets are also
// written anew, and are the same to the byte.
func TestParseRecorded(t *testing.T) {
	for _, row := range recorded {
		t.Run(row.name, func(t *testing.T) {
			message, err := hex.DecodeString(row.message)
			if err != nil {
				t.Fatal(err)
			}
			if picture := strings.Join(row.picture, ""); string(message) != picture {
				t.Fatalf("the picture reads %x", picture)
			}
			p, err := Parser{}.Parse(message, true)
			if err != nil {
				t.Fatal(err)
			}
			if got := jsonOf(t, p.Data); got != row.json {
				t.Errorf("payload %s, want %s", got, row.json)
			}
			data := p.Data
			p.Data = nil
			if !samePacket(p, row.packet) {
				t.Errorf("got %+v, want %+v", p, row.packet)
			}
			if !strings.HasPrefix(row.name, "server") {
				return
			}
			header := socketio.Header{Type: p.Type, HasID: p.HasID, ID: p.ID, Namespace: string(p.Namespace)}
			if got := (Parser{}).AppendPacket(nil, header, data); string(got) != string(message) {
				t.Errorf("written anew it is %x", got)
			}
		})
	}
}

// jsonOf is the JSON of a value, and nothing for no value.
func jsonOf(t *testing.T, value []byte) string {
	t.Helper()
	if value == nil {
		return ""
	}
	var raw socketio.Raw
	if err := (Parser{}).Bind(value, &raw); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func samePacket(p, q socketio.Packet) bool {
	return p.Type == q.Type && p.HasID == q.HasID && p.ID == q.ID && p.Attachments == q.Attachments && len(p.Buffers) == len(q.Buffers) &&
		string(p.Namespace) == string(q.Namespace) && string(p.Data) == string(q.Data) && (p.Data == nil) == (q.Data == nil)
}
