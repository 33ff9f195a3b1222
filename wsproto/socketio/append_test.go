package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// cafe is a type that goes through the reflecting encoder.
type cafe struct {
	Name string            `json:"name"`
	Menu map[string]int    `json:"menu,omitempty"`
	Data []byte            `json:"data,omitempty"`
	Raw  json.RawMessage   `json:"raw,omitempty"`
	Tags map[string]string `json:"tags,omitempty"`
}

// ring is a type whose values can contain themselves.
type ring struct{ Next *ring }

// verbatim writes itself as JSON without any care.
type verbatim string

func (v verbatim) MarshalJSON() ([]byte, error) { return []byte(v), nil }

func TestAppendEvent(t *testing.T) {
	three := [][]byte{{1}, {2}, {3}}
	rows := []struct {
		name    string
		nsp     string
		id      int64 // -1 for none
		event   string
		args    []any
		want    string
		buffers [][]byte
	}{
		{"one argument", "/", -1, "hello", []any{1}, `2["hello",1]`, nil},
		{"namespace", "/chat", -1, "hello", nil, `2/chat,["hello"]`, nil},
		{"no namespace is the main one", "", -1, "hello", nil, `2["hello"]`, nil},
		{"ack id", "/", 12, "ackme", nil, `212["ackme"]`, nil},
		{"ack id 0", "/", 0, "q", []any{1}, `20["q",1]`, nil},
		{"all of it", "/chat", 456, "project:delete", []any{123}, `2/chat,456["project:delete",123]`, nil},
		{"largest ack id", "/", AckIDMax, "a", nil, `29007199254740991["a"]`, nil},
		{"recovery offset", "/", -1, "hello", []any{1, "Q85jOBx"}, `2["hello",1,"Q85jOBx"]`, nil},
		{"empty name", "/", -1, "", nil, `2[""]`, nil},
		{"name with a quote", "/", -1, `a"b`, nil, `2["a\"b"]`, nil},
		{"name in UTF-8", "/", -1, "café", nil, `2["café"]`, nil},
		{"name that is not UTF-8", "/", -1, "caf\xe9", nil, "2[\"caf\ufffd\"]", nil},
		{"__proto__", "/__proto__", -1, "__proto__", []any{map[string]any{"__proto__": 1}}, `2/__proto__,["__proto__",{"__proto__":1}]`, nil},
		{"constructor and toString", "/", -1, "constructor", []any{"toString"}, `2["constructor","toString"]`, nil},

		{"null", "/", -1, "a", []any{nil}, `2["a",null]`, nil},
		{"bools", "/", -1, "a", []any{true, false}, `2["a",true,false]`, nil},
		{"signed", "/", -1, "a", []any{int(-1), int8(-2), int16(-3), int32(-4), int64(math.MinInt64)}, `2["a",-1,-2,-3,-4,-9223372036854775808]`, nil},
		{"unsigned", "/", -1, "a", []any{uint(1), uint8(2), uint16(3), uint32(4), uint64(math.MaxUint64)}, `2["a",1,2,3,4,18446744073709551615]`, nil},
		{"floats", "/", -1, "a", []any{1.5, float32(0.1), 1e21, 1e-7, 100.0, math.Copysign(0, -1)}, `2["a",1.5,0.1,1e+21,1e-7,100,0]`, nil},
		{"strings", "/", -1, "a", []any{"", "x\n\x1e", "</b>&", "\u2028"}, `2["a","","x\n\u001e","</b>&","` + "\u2028" + `"]`, nil},
		{"string that is not UTF-8", "/", -1, "a", []any{"\xff"}, "2[\"a\",\"\ufffd\"]", nil},
		{"raw", "/", -1, "a", []any{Raw(`{"a":[1,"x"]}`), json.RawMessage(`"é"`), Raw(nil)}, `2["a",{"a":[1,"x"]},"é",null]`, nil},
		{"raw with white space", "/", -1, "a", []any{Raw(" {\"a\" :\n[ 1 ,\t\"x y\" ] }\r\n")}, `2["a",{"a":[1,"x y"]}]`, nil},
		{"array", "/", -1, "a", []any{[]any{1, "x", []any{}, nil}, []any(nil)}, `2["a",[1,"x",[],null],null]`, nil},
		{"map in the order of its names", "/", -1, "a", []any{map[string]any{"b": 1, "a": []any{2}, "": map[string]any{}}, map[string]any(nil)}, `2["a",{"":{},"a":[2],"b":1},null]`, nil},
		{"map with a name that needs escapes", "/", -1, "a", []any{map[string]any{"\"\x1e\xff": 1}}, `2["a",{"\"\u001e` + "\ufffd" + `":1}]`, nil},
		{"struct", "/", -1, "a", []any{cafe{Name: "<é>", Raw: json.RawMessage(`[1, 2]`)}}, `2["a",{"name":"<é>","raw":[1,2]}]`, nil},
		{"pointer to a struct", "/", -1, "a", []any{&cafe{Name: "x"}, (*cafe)(nil)}, `2["a",{"name":"x"},null]`, nil},
		{"struct with bytes", "/", -1, "a", []any{cafe{Data: []byte{1, 2}}}, `2["a",{"name":"","data":"AQI="}]`, nil},
		{"struct that is not UTF-8", "/", -1, "a", []any{cafe{Name: "\xff"}}, `2["a",{"name":"\ufffd"}]`, nil},
		{"time and duration", "/", -1, "a", []any{time.Unix(0, 0).UTC(), time.Second}, `2["a","1970-01-01T00:00:00Z",1000000000]`, nil},
		{"typed slices and maps", "/", -1, "a", []any{[]int{1, 2}, map[string]string{"a": "b"}, []string(nil)}, `2["a",[1,2],{"a":"b"},null]`, nil},
		{"marshaler with white space", "/", -1, "a", []any{verbatim("{ \"a\" :\n1 }")}, `2["a",{"a":1}]`, nil},
		{"marshaler of bad UTF-8", "/", -1, "a", []any{verbatim("\"\xff\"")}, `2["a","\ufffd"]`, nil},

		{
			"attachments, as the reference writes them", "/", -1, "bin",
			[]any{[]byte{1}, map[string]any{"a": []any{[]byte{2}}}},
			`52-["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]`, three[:2],
		},
		{
			"attachments in the order of the text", "/admin", 456, "x",
			[]any{map[string]any{"z": []byte{2}, "a": []byte{1}}, "y", []any{[]byte{3}}},
			`53-/admin,456["x",{"a":{"_placeholder":true,"num":0},"z":{"_placeholder":true,"num":1}},"y",[{"_placeholder":true,"num":2}]]`, three,
		},
		{"empty attachment, and none", "/", -1, "x", []any{[]byte{}, []byte(nil)}, `51-["x",{"_placeholder":true,"num":0},null]`, [][]byte{{}}},
		{
			"as many attachments as allowed", "/", -1, "x", slices.Repeat([]any{[]byte{1}}, 2+8),
			`510-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3},` +
				`{"_placeholder":true,"num":4},{"_placeholder":true,"num":5},{"_placeholder":true,"num":6},{"_placeholder":true,"num":7},` +
				`{"_placeholder":true,"num":8},{"_placeholder":true,"num":9}]`, slices.Repeat([][]byte{{1}}, 10),
		},
		{"placeholder as data of a text packet", "/", -1, "x", []any{Raw(`{"_placeholder":true,"num":7}`)}, `2["x",{"_placeholder":true,"num":7}]`, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, buffers, err := AppendEvent([]byte("dst:\xff"), row.nsp, uint64(max(row.id, 0)), row.id >= 0, row.event, row.args)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "dst:\xff"+row.want {
				t.Fatalf("got %q\nwant %q", got, "dst:\xff"+row.want)
			}
			if !slices.EqualFunc(buffers, row.buffers, bytes.Equal) {
				t.Fatalf("buffers %q, want %q", buffers, row.buffers)
			}
			if _, err := Parse([]byte(row.want), nil); err != nil {
				t.Fatalf("the row cannot be parsed: %v", err)
			}
		})
	}
}

func TestAppendEventRefuses(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"] = []any{cycle}
	ring := &ring{}
	ring.Next = ring
	loop := []any{nil}
	loop[0] = loop
	rows := []struct {
		name  string
		nsp   string
		id    uint64
		event string
		args  []any
		err   error
	}{
		{"connect", "/", 0, "connect", nil, ErrReservedEvent},
		{"connect_error", "/", 0, "connect_error", nil, ErrReservedEvent},
		{"disconnect", "/", 0, "disconnect", nil, ErrReservedEvent},
		{"disconnecting", "/", 0, "disconnecting", nil, ErrReservedEvent},
		{"newListener", "/", 0, "newListener", nil, ErrReservedEvent},
		{"removeListener", "/", 0, "removeListener", nil, ErrReservedEvent},
		{"namespace without slash", "chat", 0, "a", nil, ErrNamespaceSyntax},
		{"namespace with a comma", "/a,b", 0, "a", nil, ErrNamespaceSyntax},
		{"namespace that is not UTF-8", "/a\xff", 0, "a", nil, ErrNamespaceSyntax},
		{"namespace with a separator", "/a\x1e", 0, "a", nil, ErrNamespaceBytes},
		{"namespace with DEL", "/a\x7f", 0, "a", nil, ErrNamespaceBytes},
		{"namespace of 256 bytes", "/" + strings.Repeat("n", 255), 0, "a", nil, ErrNamespaceLength},
		{"ack id of 2^53", "/", 1 << 53, "a", nil, ErrAckID},
		{"NaN", "/", 0, "a", []any{math.NaN()}, ErrEncode},
		{"infinity", "/", 0, "a", []any{math.Inf(1)}, ErrEncode},
		{"float32 infinity", "/", 0, "a", []any{float32(math.Inf(-1))}, ErrEncode},
		{"NaN in a map", "/", 0, "a", []any{map[string]any{"a": []any{math.NaN()}}}, ErrEncode},
		{"NaN in a struct", "/", 0, "a", []any{struct{ F float64 }{math.NaN()}}, ErrEncode},
		{"channel", "/", 0, "a", []any{make(chan int)}, ErrEncode},
		{"function", "/", 0, "a", []any{func() {}}, ErrEncode},
		{"map in itself", "/", 0, "a", []any{cycle}, ErrEncode},
		{"pointer to itself", "/", 0, "a", []any{ring}, ErrEncode},
		{"array in itself", "/", 0, "a", []any{loop}, ErrEncode},
		{"marshaler of bad JSON", "/", 0, "a", []any{verbatim(`{"a":}`)}, ErrEncode},
		{"marshaler of nothing", "/", 0, "a", []any{verbatim(``)}, ErrEncode},
		{"marshaler of a raw separator", "/", 0, "a", []any{verbatim("\"\x1e\"")}, ErrEncode},
		{"raw separator in a struct's raw", "/", 0, "a", []any{cafe{Raw: json.RawMessage("\"\x1e\"")}}, ErrEncode},
		{"marshaler nested too deep", "/", 0, "a", []any{verbatim(strings.Repeat("[", 513) + strings.Repeat("]", 513))}, ErrEncode},
		{"raw of bad JSON", "/", 0, "a", []any{Raw(`{"a":}`)}, ErrRaw},
		{"raw of nothing", "/", 0, "a", []any{Raw{}}, ErrRaw},
		{"raw of two values", "/", 0, "a", []any{Raw(`1,2`)}, ErrRaw},
		{"raw of a forged packet", "/", 0, "a", []any{Raw("\"hi\x1e42[\\\"admin\\\",1]\"")}, ErrRaw},
		{"raw that is not UTF-8", "/", 0, "a", []any{Raw("\"\xff\"")}, ErrRaw},
		{"raw nested too deep", "/", 0, "a", []any{Raw(strings.Repeat("[", 513) + strings.Repeat("]", 513))}, ErrRaw},
		{"eleven attachments", "/", 0, "a", slices.Repeat([]any{[]byte{1}}, 11), ErrTooManyAttachments},
		{"attachment and a raw placeholder", "/", 0, "a", []any{[]byte{1}, Raw(first)}, ErrPlaceholder},
		{"attachment and a raw placeholder out of range", "/", 0, "a", []any{[]byte{1}, Raw(`[{"_placeholder":true,"num":99}]`)}, ErrPlaceholder},
		{"attachment and a placeholder of a map", "/", 0, "a", []any{[]byte{1}, map[string]any{"_placeholder": true, "num": 0}}, ErrPlaceholder},
		{"attachment and a placeholder of text", "/", 0, "a", []any{[]byte{1}, map[string]any{"_placeholder": "true"}}, ErrPlaceholder},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, buffers, err := AppendEvent([]byte("dst"), row.nsp, row.id, true, row.event, row.args)
			if !errors.Is(err, row.err) || string(got) != "dst" || buffers != nil {
				t.Fatalf("got %q, %q, %v, want dst alone and %v", got, buffers, err, row.err)
			}
		})
	}
}

func TestAppendEventBuffersAlias(t *testing.T) {
	data := []byte{1}
	_, buffers, err := AppendEvent(nil, "/", 0, false, "a", []any{data})
	data[0] = 2
	if err != nil || buffers[0][0] != 2 {
		t.Errorf("the buffer is a copy, error %v", err)
	}
}

// What is written must stay put although dst has room that earlier writers used.
func TestAppendEventIntoUsedRoom(t *testing.T) {
	dst := bytes.Repeat([]byte{0xff}, 512)[:3]
	got, _, err := AppendEvent(dst, "/", 0, false, "a", []any{cafe{Name: "x"}, []byte{1}, cafe{Name: strings.Repeat("y", 600)}})
	want := "\xff\xff\xff" + `51-["a",{"name":"x"},{"_placeholder":true,"num":0},{"name":"` + strings.Repeat("y", 600) + `"}]`
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAppendAck(t *testing.T) {
	rows := []struct {
		name    string
		nsp     string
		id      uint64
		args    []any
		want    string
		buffers [][]byte
		err     error
	}{
		{"no arguments", "/", 13, nil, `313[]`, nil, nil},
		{"two arguments", "/", 12, []any{"z", map[string]any{"b": 1}}, `312["z",{"b":1}]`, nil, nil},
		{"namespace", "/admin", 456, []any{}, `3/admin,456[]`, nil, nil},
		{"id 0", "/", 0, []any{"w"}, `30["w"]`, nil, nil},
		{"attachment", "/", 7, []any{[]byte{9}}, `61-7[{"_placeholder":true,"num":0}]`, [][]byte{{9}}, nil},
		{"attachment in a namespace", "/admin", 7, []any{1, []byte{9}}, `61-/admin,7[1,{"_placeholder":true,"num":0}]`, [][]byte{{9}}, nil},
		{"ack id of 2^53", "/", 1 << 53, nil, ``, nil, ErrAckID},
		{"bad namespace", "x", 1, nil, ``, nil, ErrNamespaceSyntax},
		{"bad argument", "/", 1, []any{math.NaN()}, ``, nil, ErrEncode},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, buffers, err := AppendAck([]byte("dst:"), row.nsp, row.id, row.args)
			if !errors.Is(err, row.err) || string(got) != "dst:"+row.want || !slices.EqualFunc(buffers, row.buffers, bytes.Equal) {
				t.Fatalf("got %q, %q, %v, want %q, %q, %v", got, buffers, err, row.want, row.buffers, row.err)
			}
		})
	}
}

func TestAppendConnectAndDisconnect(t *testing.T) {
	rows := []struct {
		name string
		got  []byte
		want string
	}{
		{"connect", AppendConnect([]byte("dst:"), "/", "Z-aRybzl-AM3XkceAAAF", ""), `dst:0{"sid":"Z-aRybzl-AM3XkceAAAF"}`},
		{"connect custom", AppendConnect(nil, "/custom", "Z-aRybzl-AM3XkceAAAF", ""), `0/custom,{"sid":"Z-aRybzl-AM3XkceAAAF"}`},
		{"connect with recovery", AppendConnect(nil, "", "a", "b\""), `0{"sid":"a","pid":"b\""}`},
		{"disconnect", AppendDisconnect([]byte("dst:"), "/"), `dst:1`},
		{"disconnect custom", AppendDisconnect(nil, "/custom"), `1/custom,`},
	}
	for _, row := range rows {
		if string(row.got) != row.want {
			t.Errorf("%s: got %s, want %s", row.name, row.got, row.want)
		}
	}
}

func TestAppendConnectAuth(t *testing.T) {
	rows := []struct {
		name, nsp string
		auth      any
		want      string
		err       error
	}{
		{"none", "/", nil, `0`, nil},
		{"none, custom", "/custom", nil, `0/custom,`, nil},
		{"map", "/", map[string]any{"token": "1"}, `0{"token":"1"}`, nil},
		{"struct", "/admin", cafe{Name: "x"}, `0/admin,{"name":"x"}`, nil},
		{"raw", "/", Raw(`{"pid":"a","offset":"b"}`), `0{"pid":"a","offset":"b"}`, nil},
		{"bytes are base64", "/", map[string]any{"key": []byte{1, 2}}, `0{"key":"AQI="}`, nil},
		{"string", "/", "token", ``, ErrEncode},
		{"nil map", "/", map[string]any(nil), ``, ErrEncode},
		{"bad raw", "/", Raw(`{`), ``, ErrRaw},
		{"bad namespace", "x", nil, ``, ErrNamespaceSyntax},
	}
	for _, row := range rows {
		got, err := AppendConnectAuth([]byte("dst:"), row.nsp, row.auth)
		if !errors.Is(err, row.err) || string(got) != "dst:"+row.want {
			t.Errorf("%s: got %s, %v, want %s, %v", row.name, got, err, row.want, row.err)
		}
	}
}

func TestAppendConnectError(t *testing.T) {
	rows := []struct {
		name, nsp, message string
		data               any
		want               string
		err                error
	}{
		{"unknown namespace", "/random", "Invalid namespace", nil, `4/random,{"message":"Invalid namespace"}`, nil},
		{"middleware", "/", "not authorized", map[string]any{"code": 7}, `4{"message":"not authorized","data":{"code":7}}`, nil},
		{"text to escape", "/", "say \"no\"\x1e\xff", "x", "4{\"message\":\"say \\\"no\\\"\\u001e\ufffd\",\"data\":\"x\"}", nil},
		{"bytes are base64", "/", "m", []byte{1, 2}, `4{"message":"m","data":"AQI="}`, nil},
		{"bad data", "/", "m", math.NaN(), ``, ErrEncode},
		{"bad namespace", "/a,b", "m", nil, ``, ErrNamespaceSyntax},
	}
	for _, row := range rows {
		got, err := AppendConnectError([]byte("dst:"), row.nsp, row.message, row.data)
		if !errors.Is(err, row.err) || string(got) != "dst:"+row.want {
			t.Errorf("%s: got %s, %v, want %s, %v", row.name, got, err, row.want, row.err)
		}
	}
}

func TestCheckNamespace(t *testing.T) {
	rows := []struct {
		nsp string
		err error
	}{
		{"/", nil},
		{"/chat", nil},
		{"/café/日本", nil},
		{"/__proto__", nil},
		{"/" + strings.Repeat("n", 254), nil},
		{"", ErrNamespaceSyntax},
		{"chat", ErrNamespaceSyntax},
		{"/a,b", ErrNamespaceSyntax},
		{"/\xff", ErrNamespaceSyntax},
		{"/\n", ErrNamespaceBytes},
		{"/" + strings.Repeat("n", 255), ErrNamespaceLength},
	}
	for _, row := range rows {
		if err := CheckNamespace(row.nsp); !errors.Is(err, row.err) {
			t.Errorf("%q: %v, want %v", row.nsp, err, row.err)
		}
	}
}

// FuzzAppendEvent writes whatever strings, bytes and raw JSON there are, and reads
// back what it wrote.
func FuzzAppendEvent(f *testing.F) {
	f.Add("/chat", "hello", "text", []byte{1, 2}, []byte(`{"a": 1}`))
	f.Add("", "a\xff", "\x1e\"", []byte(nil), []byte(first))
	f.Add("/", "connect", "", []byte{}, []byte(`1`))
	f.Fuzz(func(t *testing.T, nsp, event, text string, data, raw []byte) {
		args := []any{text, map[string]any{text: []any{data, 1.5}}, Raw(raw), cafe{Name: text}}
		out, buffers, err := AppendEvent(nil, nsp, 1, true, event, args)
		if err != nil {
			if out != nil || buffers != nil {
				t.Fatalf("%q and %q came with %v", out, buffers, err)
			}
			return
		}
		if !utf8.Valid(out) || bytes.ContainsFunc(out, func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q is not to be sent", out)
		}
		var d Decoder
		p, ready, err := d.Add(out)
		for _, b := range buffers {
			if ready || err != nil {
				break
			}
			p, ready, err = d.AddBinary(b)
		}
		if !ready || err != nil {
			t.Fatalf("%q cannot be read: ready %v, %v", out, ready, err)
		}
		checkArgs(t, p, event, text, data)
	})
}

// checkArgs wants the arguments of FuzzAppendEvent to have arrived.
func checkArgs(t *testing.T, p Packet, event, text string, data []byte) {
	t.Helper()
	name, args, err := SplitEvent(p.Data)
	if err != nil || string(name) != string([]rune(event)) || args.Len() != 4 {
		t.Fatalf("%q: name %q, %d arguments, %v", p.Data, name, args.Len(), err)
	}
	clean := string([]rune(text))
	want := map[string]any{clean: []any{nil, 1.5}}
	if data != nil {
		want[clean] = []any{data, 1.5}
	}
	var gotText string
	var got map[string]any
	var gotCafe cafe
	for i, target := range []any{&gotText, &got, new(Raw), &gotCafe} {
		elem, _ := args.Next()
		if err := Bind(elem, p.Buffers, target); err != nil {
			t.Fatalf("argument %d %q: %v", i, elem, err)
		}
	}
	if gotText != clean || gotCafe.Name != clean || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, %+v, %v, want %q and %v", gotText, gotCafe, got, clean, want)
	}
}

func ExampleAppendEvent() {
	text, attachments, err := AppendEvent(nil, "/chat", 0, false, "file", []any{"cat.png", []byte{0x89, 0x50}})
	fmt.Println(string(text), len(attachments), err)
	// Output: 51-/chat,["file","cat.png",{"_placeholder":true,"num":0}] 1 <nil>
}

func ExampleDecoder() {
	var d Decoder
	p, ready, err := d.Add([]byte(`2/chat,["message",{"text":"hello"}]`))
	if !ready || err != nil {
		return // attachments are to follow, or the peer broke the protocol
	}
	name, args, _ := SplitEvent(p.Data)
	var message struct{ Text string }
	elem, _ := args.Next()
	err = Bind(elem, p.Buffers, &message)
	fmt.Println(string(p.Namespace), string(name), message.Text, err)
	// Output: /chat message hello <nil>
}
