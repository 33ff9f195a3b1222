package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

type file struct {
	Name  string          `json:"name"`
	Data  []byte          `json:"data"`
	Parts [][]byte        `json:"parts"`
	Extra any             `json:"extra"`
	Raw   json.RawMessage `json:"raw"`
}

const (
	first  = `{"_placeholder":true,"num":0}`
	second = `{"num":1,"_placeholder":true}`
)

// buffers are the attachments of all rows: base64 AQI= and Aw==.
func buffers() [][]byte { return [][]byte{{1, 2}, {3}} }

func TestBind(t *testing.T) {
	rows := []struct {
		name   string
		elem   string
		target any // a pointer to the zero value
		want   any
	}{
		{"string", `"hello"`, new(string), "hello"},
		{"string with escapes", `"caf\u00e9\n\ud83d\ude00"`, new(string), "café\n\U0001F600"},
		{"string with half a pair", `"\ud83d"`, new(string), "\ufffd"},
		{"null for a string", `null`, new(string), ""},
		{"int", `-12`, new(int), -12},
		{"float", `1.5e3`, new(float64), 1500.0},
		{"bool", `true`, new(bool), true},
		{"slice", `[1,2]`, new([]int), []int{1, 2}},
		{"map", `{"a":1}`, new(map[string]int), map[string]int{"a": 1}},

		{"any", `{"a":[1,"x",null,true]}`, new(any), map[string]any{"a": []any{1.0, "x", nil, true}}},
		{"any of null", `null`, new(any), nil},
		{"any of an attachment", first, new(any), []byte{1, 2}},
		{"any with attachments inside", `{"a":[` + second + `,{"b":` + first + `}]}`, new(any), map[string]any{"a": []any{[]byte{3}, map[string]any{"b": []byte{1, 2}}}}},
		{"any with half a pair inside", `["\ud83d"]`, new(any), []any{"\ufffd"}},
		{"map of any", `{"a":` + first + `,"b":1}`, new(map[string]any), map[string]any{"a": []byte{1, 2}, "b": 1.0}},
		{"map of any of null", `null`, new(map[string]any), map[string]any(nil)},
		{"slice of any", `[` + first + `,` + first + `,"x"]`, new([]any), []any{[]byte{1, 2}, []byte{1, 2}, "x"}},
		{"__proto__", `{"__proto__":{"a":1},"constructor":2}`, new(any), map[string]any{"__proto__": map[string]any{"a": 1.0}, "constructor": 2.0}},

		{"attachment", first, new([]byte), []byte{1, 2}},
		{"attachment with white space", ` { "num" : 1 , "_placeholder" : true }`[1:], new([]byte), []byte{3}},
		{"base64 for bytes", `"AQI="`, new([]byte), []byte{1, 2}},
		{"null for bytes", `null`, new([]byte), []byte(nil)},

		{"raw", `{"a": 1}`, new(Raw), Raw(`{"a": 1}`)},
		{"raw with attachments", `[` + first + `,1,` + second + `]`, new(Raw), Raw(`["AQI=",1,"Aw=="]`)},
		{"raw of an attachment", first, new(Raw), Raw(`"AQI="`)},

		{
			"struct", `{"name":"a","data":` + first + `,"parts":[` + second + `,"AQI="],"extra":` + first + `,"raw":[` + second + `],"unknown":1}`,
			new(file),
			file{"a", []byte{1, 2}, [][]byte{{3}, {1, 2}}, "AQI=", json.RawMessage(`["Aw=="]`)},
		},
		{"struct without attachments", `{"name":"a"}`, new(file), file{Name: "a"}},
		{"slice of bytes", `[` + first + `,` + second + `]`, new([][]byte), [][]byte{{1, 2}, {3}}},
		{"array of bytes by name", `{"x":` + second + `}`, new(map[string][]byte), map[string][]byte{"x": {3}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := Bind([]byte(row.elem), buffers(), row.target); err != nil {
				t.Fatal(err)
			}
			if got := reflect.ValueOf(row.target).Elem().Interface(); !reflect.DeepEqual(got, row.want) {
				t.Fatalf("got %#v\nwant %#v", got, row.want)
			}
		})
	}
}

func TestBindRefuses(t *testing.T) {
	var nilTarget *int
	rows := []struct {
		name   string
		elem   string
		target any
		err    error
	}{
		{"nothing to decode into", `1`, nil, ErrBindTarget},
		{"value instead of a pointer", `1`, 1, ErrBindTarget},
		{"map instead of a pointer", `{}`, map[string]any{}, ErrBindTarget},
		{"nil pointer", `1`, nilTarget, ErrBindTarget},
		{"missing argument", ``, new(int), ErrBind},
		{"missing argument for raw", ``, new(Raw), ErrBind},
		{"missing argument for bytes", ``, new([]byte), ErrBind},
		{"string for an int", `"1"`, new(int), ErrBind},
		{"fraction for an int", `1.5`, new(int), ErrBind},
		{"number too large for an int8", `128`, new(int8), ErrBind},
		{"number for a string", `1`, new(string), ErrBind},
		{"array for a struct", `[]`, new(file), ErrBind},
		{"array for a map", `[]`, new(map[string]any), ErrBind},
		{"object for a slice", `{"a":1}`, new([]any), ErrBind},
		{"attachment for a map", first, new(map[string]any), ErrBind},
		{"attachment for an int", first, new(int), ErrBind},
		{"number above all floats", `1e999`, new(float64), ErrBind},
		{"number above all floats for any", `1e999`, new(any), ErrBind},
		{"text that is no base64", `"@"`, new([]byte), ErrBind},
		{"two values", `1 2`, new(int), ErrBind},
		{"two strings", `"a""b"`, new(string), ErrBind},
		{"cut text", `{"a":`, new(any), ErrBind},
		{"raw of cut text", `{"a":`, new(Raw), ErrBind},
		{"raw control character", "\"a\x1eb\"", new(any), ErrBind},
		{"raw control character for a string", "\"a\x1eb\"", new(string), ErrBind},
		{"raw control character in a member", "{\"name\":\"a\x1eb\"}", new(file), ErrBind},

		{"object for bytes", `{"a":1}`, new([]byte), ErrPlaceholder},
		{"object of nothing for bytes", `{}`, new([]byte), ErrPlaceholder},
		{"cut object for bytes", `{`, new([]byte), ErrPlaceholder},
		{"key without a value for bytes", `{"_placeholder"}`, new([]byte), ErrPlaceholder},
		{"cut key for bytes", `{"_placeholder`, new([]byte), ErrPlaceholder},
		{"key with a bad escape for bytes", `{"\q":true,"num":0}`, new([]byte), ErrPlaceholder},
		{"key longer than any of a placeholder's for bytes", `{"` + strings.Repeat("p", 85) + `":true,"num":0}`, new([]byte), ErrPlaceholder},
		{"placeholder and more for bytes", first + ` 1`, new([]byte), ErrPlaceholder},
		{"out of range for bytes", `{"_placeholder":true,"num":2}`, new([]byte), ErrPlaceholder},
		{"out of range for raw", `{"_placeholder":true,"num":2}`, new(Raw), ErrPlaceholder},
		{"out of range for any", `[{"_placeholder":true,"num":2}]`, new(any), ErrPlaceholder},
		{"out of range for a map", `{"a":{"_placeholder":true,"num":2}}`, new(map[string]any), ErrPlaceholder},
		{"out of range for a struct", `{"data":{"_placeholder":true,"num":2}}`, new(file), ErrPlaceholder},
		{"splice for any", `{"_placeholder":true,"num":"splice"}`, new(any), ErrPlaceholder},
		{"fraction for any", `{"_placeholder":true,"num":0.5}`, new(any), ErrPlaceholder},
		{"minus one for any", `{"_placeholder":true,"num":-1}`, new(any), ErrPlaceholder},
		{"no num for any", `{"_placeholder":true}`, new(any), ErrPlaceholder},
		{"more members for any", `{"_placeholder":true,"num":0,"x":1}`, new(any), ErrPlaceholder},
		{"splice for a struct", `{"data":{"_placeholder":true,"num":"splice"}}`, new(file), ErrPlaceholder},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := Bind([]byte(row.elem), buffers(), row.target); !errors.Is(err, row.err) {
				t.Fatalf("error %v, want %v", err, row.err)
			}
		})
	}
}

// Without attachments there are no placeholders, only objects that look like them.
func TestBindPlaceholderOfTextPacket(t *testing.T) {
	var v any
	if err := Bind([]byte(`{"_placeholder":true,"num":7}`), nil, &v); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"_placeholder": true, "num": 7.0}; !reflect.DeepEqual(v, want) {
		t.Errorf("got %#v", v)
	}
}

func TestBindOwnership(t *testing.T) {
	elem, attached := []byte(`{"a":"text","b":`+first+`}`), buffers()
	var dynamic map[string]any
	var typed struct {
		A string
		B []byte
	}
	var raw Raw
	var s string
	for _, target := range []any{&dynamic, &typed, &raw} {
		if err := Bind(elem, attached, target); err != nil {
			t.Fatal(err)
		}
	}
	text := []byte(`"text"`)
	if err := Bind(text, nil, &s); err != nil {
		t.Fatal(err)
	}
	clear(elem)
	clear(text)
	attached[0][0] = 9
	if dynamic["a"] != "text" || typed.A != "text" || s != "text" || string(raw) != `{"a":"text","b":"AQI="}` {
		t.Errorf("strings changed with the input: %q %q %q %q", dynamic["a"], typed.A, s, raw)
	}
	if !bytes.Equal(dynamic["b"].([]byte), []byte{9, 2}) {
		t.Error("a []byte in an any is not the attachment itself")
	}
	if !bytes.Equal(typed.B, []byte{1, 2}) {
		t.Error("a []byte in a struct is not a copy")
	}
}

// What the target holds before is dropped, not merged into, so that no pointer in it
// is ever followed.
func TestBindReplacesDynamicTargets(t *testing.T) {
	number := 7
	var v any = &number
	m := map[string]any{"old": &number}
	if err := Bind([]byte(`1`), nil, &v); err != nil || v != 1.0 {
		t.Errorf("any: %v, %v", v, err)
	}
	if err := Bind([]byte(`{"new":1}`), nil, &m); err != nil || !reflect.DeepEqual(m, map[string]any{"new": 1.0}) {
		t.Errorf("map: %v, %v", m, err)
	}
	if number != 7 {
		t.Errorf("the pointer was followed: %d", number)
	}
}

func TestPretouch(t *testing.T) {
	type inner struct{ A, B []map[string]*int }
	type outer struct {
		I inner
		P *inner
	}
	for _, v := range []any{nil, "", 1, outer{}, &outer{}, []any{}, map[string]any{}} {
		if err := Pretouch(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	var got outer
	if err := Bind([]byte(`{"I":{"A":[{"x":1}]},"P":{"B":[]}}`), nil, &got); err != nil || *got.I.A[0]["x"] != 1 || got.P == nil {
		t.Errorf("after Pretouch: %+v, %v", got, err)
	}
}

// FuzzBind decodes one argument into several targets and compares them with
// encoding/json after the placeholders were put in by a tree walk.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		`"a"`, `1`, `null`, `[1,"x",{"a":` + first + `}]`, first, second, `{"name":"x","data":` + first + `,"parts":[` + second + `]}`,
		`{"_placeholder":true,"num":9}`, `{"_placeholder":"true"}`, `"\ud800"`, `1e999`, `{"a":1,"a":{"b":` + first + `}}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, elem []byte, attached bool) {
		var attachments [][]byte
		if attached {
			attachments = buffers()
		}
		kept := bytes.Clone(elem)
		var dynamic any
		var raw Raw
		var typed file
		var data []byte
		var text string
		dynamicErr, rawErr := Bind(elem, attachments, &dynamic), Bind(elem, attachments, &raw)
		_, _, _ = Bind(elem, attachments, &typed), Bind(elem, attachments, &data), Bind(elem, attachments, &text)
		if !bytes.Equal(elem, kept) {
			t.Fatal("the argument was written to")
		}
		if _, _, err := validateJSON(elem); err != nil || !utf8.Valid(elem) {
			return // not what a packet holds; it was enough not to panic
		}
		if attached && slowPlaceholders(elem, len(attachments)) != nil {
			return // nor this: a Decoder refuses it
		}
		want, err := slowBind(elem, attachments)
		if err != nil { // of valid JSON encoding/json refuses numbers beyond float64
			if dynamicErr == nil {
				t.Fatalf("%q was decoded to %#v, by encoding/json: %v", elem, dynamic, err)
			}
			return
		}
		if dynamicErr != nil || !reflect.DeepEqual(dynamic, want) {
			t.Fatalf("%q: %#v, error %v, want %#v", elem, dynamic, dynamicErr, want)
		}
		if rawErr != nil || !sameJSON(raw, want) {
			t.Fatalf("%q: raw %q, error %v", elem, raw, rawErr)
		}
		if s, ok := want.(string); ok && text != s {
			t.Fatalf("%q: string %q, want %q", elem, text, s)
		}
	})
}

func slowBind(elem []byte, attachments [][]byte) (any, error) {
	var v any
	if err := json.Unmarshal(elem, &v); err != nil {
		return nil, err
	}
	if len(attachments) == 0 {
		return v, nil
	}
	return slowFill(v, attachments), nil
}

func slowFill(v any, attachments [][]byte) any {
	switch v := v.(type) {
	case map[string]any:
		if v["_placeholder"] == true {
			return attachments[int(v["num"].(float64))]
		}
		for key := range v {
			v[key] = slowFill(v[key], attachments)
		}
	case []any:
		for i := range v {
			v[i] = slowFill(v[i], attachments)
		}
	}
	return v
}

// sameJSON compares raw with what encoding/json makes of v: []byte is base64.
func sameJSON(raw Raw, v any) bool {
	text, err := json.Marshal(v)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal(raw, &a) == nil && json.Unmarshal(text, &b) == nil && reflect.DeepEqual(a, b)
}

// A payload nested as deep as Parse allows is decoded, filled and written again.
func TestDeepestPayload(t *testing.T) {
	text := `51-["x",` + strings.Repeat(`[`, JSONDepthMax-2) + first + strings.Repeat(`]`, JSONDepthMax-2) + `]`
	var d Decoder
	if _, _, err := d.Add([]byte(text)); err != nil {
		t.Fatal(err)
	}
	p, ready, err := d.AddBinary([]byte{7})
	if !ready || err != nil {
		t.Fatal(ready, err)
	}
	_, args, _ := SplitEvent(p.Data)
	elem, _ := args.Next()
	var v any
	if err := Bind(elem, p.Buffers, &v); err != nil {
		t.Fatal(err)
	}
	out, attached, err := AppendEvent(nil, "/", 0, false, "x", []any{v})
	if err != nil || string(out) != text || !bytes.Equal(attached[0], []byte{7}) {
		t.Fatalf("written again: %q, %v, %v", out, attached, err)
	}
}

func TestAppendNumber(t *testing.T) {
	rows := []struct {
		f    float64
		want string
	}{
		{0, "0"},
		{math.Copysign(0, -1), "0"},
		{1, "1"},
		{-1.5, "-1.5"},
		{0.1, "0.1"},
		{100, "100"},
		{1e20, "100000000000000000000"},
		{1e21, "1e+21"},
		{1.5e300, "1.5e+300"},
		{0.000001, "0.000001"},
		{1e-7, "1e-7"},
		{-1.25e-10, "-1.25e-10"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{9007199254740993, "9007199254740992"},
	}
	for _, row := range rows {
		if got := appendNumber([]byte("dst:"), row.f, 64); string(got) != "dst:"+row.want {
			t.Errorf("%g: got %s, want %s", row.f, got, row.want)
		}
	}
	if got := appendNumber(nil, float64(float32(0.1)), 32); string(got) != "0.1" {
		t.Errorf("float32 0.1: got %s", got)
	}
}
