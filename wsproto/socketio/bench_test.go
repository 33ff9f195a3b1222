package socketio

import (
	"encoding/json"
	"strings"
	"testing"
)

// chatText is the event that the figures in reports are about: 89 bytes.
var chatText = []byte(`2["chat",{"room":"general","text":"hello everyone, how are you doing today?","seq":1234}]`)

func BenchmarkParse(b *testing.B) {
	rows := []struct{ name, text string }{
		{"connect", `0{"token":"abcdef"}`},
		{"tick", `2["tick",1]`},
		{"chat", string(chatText)},
		{"namespace and id", `2/chat,12["hello",{"b":1}]`},
		{"string 64K", `2["x","` + strings.Repeat("a", 64<<10) + `"]`},
		{"numbers 64K", `2["x",` + strings.Repeat("[1,2],", 10<<10) + `0]`},
	}
	for _, row := range rows {
		text := []byte(row.text)
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(text, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStandardValid(b *testing.B) {
	b.SetBytes(int64(len(chatText)))
	for b.Loop() {
		if !json.Valid(chatText[1:]) {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkSplitEvent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, args, err := SplitEvent(chatText[1:])
		if err != nil {
			b.Fatal(err)
		}
		for _, ok := args.Next(); ok; _, ok = args.Next() {
		}
	}
}

type chat struct {
	Room string `json:"room"`
	Text string `json:"text"`
	Seq  int    `json:"seq"`
}

func BenchmarkBind(b *testing.B) {
	_, args, _ := SplitEvent(chatText[1:])
	elem, _ := args.At(0)
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c chat
			if err := Bind(elem, nil, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c any
			if err := Bind(elem, nil, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s string
			if err := Bind([]byte(`"hello everyone, how are you"`), nil, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	rows := []struct {
		name string
		args []any
	}{
		{"tick", []any{1}},
		{"string", []any{"hello everyone, how are you doing today?"}},
		{"raw", []any{Raw(`{"room":"general","text":"hello everyone, how are you doing today?","seq":1234}`)}},
		{"map", []any{map[string]any{"room": "general", "text": "hello everyone", "seq": 1234}}},
		{"struct", []any{chat{"general", "hello everyone, how are you doing today?", 1234}}},
		{"binary", []any{make([]byte, 1024)}},
	}
	for _, row := range rows {
		b.Run(row.name, func(b *testing.B) {
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := AppendEvent(dst, "/chat", 0, false, "chat", row.args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecoderBinary(b *testing.B) {
	var d Decoder
	text, payload := []byte(`51-["bin",{"_placeholder":true,"num":0}]`), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Add(text); err != nil {
			b.Fatal(err)
		}
		if _, ready, err := d.AddBinary(payload); !ready || err != nil {
			b.Fatal(err)
		}
	}
}
