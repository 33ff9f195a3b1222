package msgpack

import (
	"strings"
	"testing"

	"starling/wsproto/socketio"
)

type chat struct {
	Room string `json:"room"`
	Text string `json:"text"`
	Seq  int    `json:"seq"`
}

// chatMessage is the event that the figures in reports are about, as the npm client
// sends it.
const chatMessage = "\x84" + "\xa4type\x02" + "\xa4data\x92\xa4chat" + chatValue +
	"\xa7options\x81\xa8compress\xc3" + "\xa3nsp\xa1/"

const chatValue = "\x83\xa4room\xa7general\xa4text\xd9\x28hello everyone, how are you doing today?\xa3seq\xcd\x04\xd2"

func BenchmarkParse(b *testing.B) {
	event := func(values string) string {
		return "\x83" + "\xa4type\x02" + "\xa4data\x92\xa1x" + values + "\xa3nsp\xa1/"
	}
	rows := []struct{ name, message string }{
		{"connect", "\x83" + "\xa4type\x00" + "\xa4data\xd4\x00\x00" + "\xa3nsp\xa1/"},
		{"tick", event("\x01")},
		{"chat", chatMessage},
		{"string 64K", event("\xdb\x00\x01\x00\x00" + strings.Repeat("a", 64<<10))},
		{"binary 64K", event("\xc6\x00\x01\x00\x00" + strings.Repeat("a", 64<<10))},
		{"numbers 64K", event("\xdd\x00\x00\x51\xe0" + strings.Repeat("\x92\x01\x02", 20_960))},
	}
	for _, row := range rows {
		message := []byte(row.message)
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (Parser{}).Parse(message, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	data := []byte("\x92\xa4chat" + chatValue)
	b.ReportAllocs()
	for b.Loop() {
		values, n := Parser{}.Elements(data)
		for range n {
			_, values = Parser{}.Next(values)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	value := []byte(chatValue)
	rows := []struct {
		name  string
		value []byte
		new   func() any
	}{
		{"struct", value, func() any { return new(chat) }},
		{"any", value, func() any { return new(any) }},
		{"raw", value, func() any { return new(socketio.Raw) }},
		{"string", []byte("\xbbhello everyone, how are you"), func() any { return new(string) }},
		{"int", []byte("\xcd\x04\xd2"), func() any { return new(int) }},
		{"binary", []byte("\xc5\x04\x00" + strings.Repeat("a", 1024)), func() any { return new([]byte) }},
	}
	for _, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := (Parser{}).Bind(row.value, row.new()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendData(b *testing.B) {
	rows := []struct {
		name  string
		value any
	}{
		{"tick", 1},
		{"string", "hello everyone, how are you doing today?"},
		{"raw", socketio.Raw(`{"room":"general","text":"hello everyone, how are you doing today?","seq":1234}`)},
		{"map", map[string]any{"room": "general", "text": "hello everyone", "seq": 1234}},
		{"struct", chat{"general", "hello everyone, how are you doing today?", 1234}},
		{"binary", make([]byte, 1024)},
	}
	for _, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			dst, values := make([]byte, 0, 2048), []any{"chat", row.value}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (Parser{}).AppendData(dst, socketio.Event, values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendPacket(b *testing.B) {
	header := socketio.Header{Type: socketio.Event, Namespace: "/chat", Offset: "Q8827hn"}
	dst, data := make([]byte, 0, 512), []byte("\x92\xa4chat"+chatValue)
	b.ReportAllocs()
	for b.Loop() {
		_ = Parser{}.AppendPacket(dst, header, data)
	}
}
