package msgpack

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"starling/wsproto/socketio"
)

func TestBind(t *testing.T) {
	const date, dateBytes = "2023-11-14T22:13:20.123Z", "\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"
	when := time.UnixMilli(1_700_000_000_123).UTC()
	rows := []struct {
		name   string
		value  string
		target any // a pointer to the zero value
		want   any
	}{
		{"string", "\xa5hello", new(string), "hello"},
		{"string as str 8, 16 and 32", "\x93\xd9\x01a\xda\x00\x01b\xdb\x00\x00\x00\x01c", new([]string), []string{"a", "b", "c"}},
		{"nil for a string", "\xc0", new(string), ""},
		{"undefined for a string", "\xd4\x00\x00", new(string), ""},
		{"number for a name", "\x01", new(socketio.EventName), socketio.EventName("1")},
		{"negative number for a name", "\xd1\xff\x7f", new(socketio.EventName), socketio.EventName("-129")},
		{"fraction for a name", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", new(socketio.EventName), socketio.EventName("1.5")},
		{"float that is an integer for a name", "\xca\x3f\x80\x00\x00", new(socketio.EventName), socketio.EventName("1")},
		{"negative zero for a name", "\xca\x80\x00\x00\x00", new(socketio.EventName), socketio.EventName("0")},
		{"largest exact integer for a name", "\xcf\x00\x20\x00\x00\x00\x00\x00\x00", new(socketio.EventName), socketio.EventName("9007199254740992")},
		{"integer that JavaScript rounds for a name", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(socketio.EventName), socketio.EventName("18446744073709552000")},
		{"large float for a name", "\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50", new(socketio.EventName), socketio.EventName("1e+21")},
		{"small float for a name", "\xcb\x3e\x7a\xd7\xf2\x9a\xbc\xaf\x48", new(socketio.EventName), socketio.EventName("1e-7")},
		{"NaN for a name", "\xca\x7f\xc0\x00\x00", new(socketio.EventName), socketio.EventName("NaN")},
		{"infinity for a name", "\xca\x7f\x80\x00\x00", new(socketio.EventName), socketio.EventName("Infinity")},
		{"negative infinity for a name", "\xca\xff\x80\x00\x00", new(socketio.EventName), socketio.EventName("-Infinity")},
		{"Date for a string", dateBytes, new(string), date},

		{"fixints", "\x93\x00\x7f\xe0", new([]int), []int{0, 127, -32}},
		{"uints", "\x94\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", new([]int), []int{255, 65535, 4294967295, math.MaxInt64}},
		{"ints", "\x94\xd0\x80\xd1\x80\x00\xd2\x80\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00", new([]int), []int{-128, -32768, math.MinInt32, math.MinInt64}},
		{"int", "\xd1\xff\x7f", new(int), -129},
		{"int of a float", "\xcb\xc0\x00\x00\x00\x00\x00\x00\x00", new(int), -2},
		{"int64 of a uint 64", "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", new(int64), int64(math.MaxInt64)},
		{"uint64", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(uint64), uint64(math.MaxUint64)},
		{"int8", "\xd1\xff\x80", new(int8), int8(-128)},
		{"nil for an int", "\xc0", new(int), 0},
		{"float64", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", new(float64), 1.5},
		{"float64 of an integer", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(float64), 18446744073709551615.0},
		{"float64 of an infinity", "\xca\x7f\x80\x00\x00", new(float64), math.Inf(1)},
		{"float32", "\xca\x3d\xcc\xcc\xcd", new(float32), float32(0.1)},
		{"bools", "\x92\xc3\xc2", new([]bool), []bool{true, false}},
		{"bool", "\xc3", new(bool), true},

		{"binary", "\xc4\x02\x01\x02", new([]byte), []byte{1, 2}},
		{"no binary", "\xc4\x00", new([]byte), []byte{}},
		{"bin 16", "\xc5\x00\x01x", new([]byte), []byte("x")},
		{"bin 32", "\xc6\x00\x00\x00\x01x", new([]byte), []byte("x")},
		{"ArrayBuffer", "\xc7\x02\x00\x01\x02", new([]byte), []byte{1, 2}},
		{"ArrayBuffer of a Date's length", "\xc7\x08\x00abcdefgh", new([]byte), []byte("abcdefgh")},
		{"ArrayBuffer as ext 16 and 32", "\x92\xc8\x00\x01\x00x\xc9\x00\x00\x00\x01\x00y", new([][]byte), [][]byte{[]byte("x"), []byte("y")}},
		{"base64 for bytes", "\xa4AQI=", new([]byte), []byte{1, 2}},
		{"nil for bytes", "\xc0", new([]byte), []byte(nil)},

		{"Date", dateBytes, new(time.Time), when},
		{"Date before 1970", "\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff", new(time.Time), time.UnixMilli(-1).UTC()},
		{"timestamp 32", "\xd6\xff\x00\x00\x00\x02", new(time.Time), time.Unix(2, 0).UTC()},
		{"timestamp 64", "\xd7\xff\x00\x00\x00\x0c\x00\x00\x00\x02", new(time.Time), time.Unix(2, 3).UTC()},
		{"timestamp 96", "\xc7\x0c\xff\x00\x00\x00\x03\xff\xff\xff\xff\xff\xff\xff\xfe", new(time.Time), time.Unix(-2, 3).UTC()},
		{"string for a time", "\xb8" + date, new(time.Time), when},
		{"nil for a time", "\xc0", new(time.Time), time.Time{}},

		{"any", "\x82\xa1a\x94\x01\xa1x\xc0\xc3\xa1b\xc4\x01\x02", new(any), map[string]any{"a": []any{1.0, "x", nil, true}, "b": []byte{2}}},
		{"any of a Date, undefined and an ArrayBuffer", "\x93" + dateBytes + "\xd4\x00\x00" + "\xc7\x01\x00\x07", new(any), []any{when, nil, []byte{7}}},
		{"any of other extensions", "\x92\xd4\x05a\xc7\x05\xffabcde", new(any), []any{[]any{5.0, []byte("a")}, []any{-1.0, []byte("abcde")}}},
		{"any of nil", "\xc0", new(any), nil},
		{"any of integers for keys", "\x82\x01\xa1a\xd0\x80\xa1b", new(any), map[string]any{"1": "a", "-128": "b"}},
		{"any of a key that comes twice", "\x82\xa1a\x01\xa1a\x02", new(any), map[string]any{"a": 2.0}},
		{"__proto__", "\x81\xa9__proto__\x81\xa1a\x01", new(any), map[string]any{"__proto__": map[string]any{"a": 1.0}}},
		{"map of any", "\xde\x00\x01\xa1a\x80", new(map[string]any), map[string]any{"a": map[string]any{}}},
		{"map of any of nil", "\xc0", new(map[string]any), map[string]any(nil)},
		{"slice of any", "\xdc\x00\x02\x90\xc4\x01\x01", new([]any), []any{[]any{}, []byte{1}}},
		{"slice of any of another extension", "\xd4\x05a", new([]any), []any{5.0, []byte("a")}},

		{"raw", "\x82\xa1a\x92\xff\xc0\xa3\"\\\n\xc2", new(socketio.Raw), socketio.Raw(`{"a":[-1,null],"\"\\\n":false}`)},
		{"raw of control characters", "\xa7\x00\b\f\r\t\x1f\x7f", new(socketio.Raw), socketio.Raw(`"\u0000\b\f\r\t\u001f` + "\x7f" + `"`)},
		{"raw of exact integers", "\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd3\x80\x00\x00\x00\x00\x00\x00\x00", new(socketio.Raw), socketio.Raw(`[18446744073709551615,-9223372036854775808]`)},
		{"raw of what JSON has no number for", "\x93\xca\x7f\xc0\x00\x00\xca\x7f\x80\x00\x00\xca\xff\x80\x00\x00", new(socketio.Raw), socketio.Raw(`[null,null,null]`)},
		{"raw of binary data", "\x92\xc4\x02\x01\x02\xc7\x01\x00\x03", new(socketio.Raw), socketio.Raw(`["AQI=","Aw=="]`)},
		{"raw of extensions", "\x94" + dateBytes + "\xd4\x00\x00\xd4\x05a\xd7\xff\x00\x00\x00\x0c\x00\x00\x00\x02", new(socketio.Raw), socketio.Raw(`["` + date + `",null,[5,"YQ=="],"1970-01-01T00:00:02.000000003Z"]`)},
		{"raw of Dates far away", "\x93\xd7\x00\x00\x00\xe6\x77\xd2\x1f\xdc\x00\xd7\x00\xff\xff\xc7\x6e\x39\x4a\x74\x00\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x00", new(socketio.Raw), socketio.Raw(`["+010000-01-01T00:00:00.000Z","-000001-01-01T00:00:00.000Z","+275760-09-13T00:00:00.000Z"]`)},
		{"raw of a Date that JavaScript has not", "\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", new(socketio.Raw), socketio.Raw(`null`)},
		{"raw of integers for keys", "\x82\x01\xc0\xff\xc0", new(socketio.Raw), socketio.Raw(`{"1":null,"-1":null}`)},

		{"struct", chatValue, new(chat), chat{"general", "hello everyone, how are you doing today?", 1234}},
		{
			"struct with what JSON has strings for", "\x86\xa4name\xa1a\xa4data\xc4\x02\x01\x02\xa4time" + dateBytes + "\xa3raw\x92\x01\xc4\x01\x03\xa4size\xa15\xa7unknown\xc0",
			new(file),
			file{"a", []byte{1, 2}, &when, json.RawMessage(`[1,"Aw=="]`), 5},
		},
		{"map of integers", "\x81\x07\xa1a", new(map[int]string), map[int]string{7: "a"}},
		{"pointer", "\x07", new(*int), new(7)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := (Parser{}).Bind([]byte(row.value), row.target); err != nil {
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
		value  string
		target any
		err    error
	}{
		{"nothing to decode into", "\x01", nil, socketio.ErrBindTarget},
		{"value instead of a pointer", "\x01", 1, socketio.ErrBindTarget},
		{"nil pointer", "\x01", nilTarget, socketio.ErrBindTarget},
		{"missing argument", "", new(int), socketio.ErrBind},
		{"missing argument for any", "", new(any), socketio.ErrBind},

		{"string for an int", "\xa11", new(int), socketio.ErrBind},
		{"fraction for an int", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", new(int), socketio.ErrBind},
		{"uint 64 too large for an int", "\xcf\x80\x00\x00\x00\x00\x00\x00\x00", new(int), socketio.ErrBind},
		{"number too large for an int8", "\xcc\x80", new(int8), socketio.ErrBind},
		{"negative number for a uint", "\xff", new(uint), socketio.ErrBind},
		{"number for a bool", "\x01", new(bool), socketio.ErrBind},
		{"bool for a float", "\xc3", new(float64), socketio.ErrBind},
		{"map for a string", "\x80", new(string), socketio.ErrBind},
		{"array for a struct", "\x90", new(chat), socketio.ErrBind},
		{"array for a map", "\x90", new(map[string]any), socketio.ErrBind},
		{"map for a slice", "\x80", new([]any), socketio.ErrBind},
		{"binary for a map", "\xc4\x00", new(map[string]any), socketio.ErrBind},
		{"Date for bytes", "\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b", new([]byte), socketio.ErrBind},
		{"ArrayBuffer for a time", "\xc7\x01\x00\x07", new(time.Time), socketio.ErrBind},
		{"text that is no base64", "\xa1@", new([]byte), socketio.ErrBind},

		// What Parse does not let through, nobody needs to fear here either.
		{"cut value", "\x92\x01", new(any), ErrTruncated},
		{"two values", "\x01\x01", new(int), ErrTrailing},
		{"code that begins nothing", "\xc1", new(socketio.Raw), ErrCode},
		{"string that is not UTF-8", "\xa1\xff", new(string), ErrUTF8},
		{"key that is none", "\x81\xc0\xc0", new(any), ErrKey},
		{"nested too deep", strings.Repeat("\x91", DepthMax) + "\x90", new(any), socketio.ErrPayloadDepth},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := (Parser{}).Bind([]byte(row.value), row.target); !errors.Is(err, row.err) {
				t.Fatalf("error %v, want %v", err, row.err)
			}
		})
	}
}

func TestBindOwnership(t *testing.T) {
	value := []byte("\x92\xa4text\xc4\x02\x01\x02")
	var dynamic []any
	var raw socketio.Raw
	var data []byte
	var text string
	for part, target := range map[string]any{string(value): &dynamic, "\xa4text": &text, "\xc4\x02\x01\x02": &data} {
		b := []byte(part)
		if err := (Parser{}).Bind(b, target); err != nil {
			t.Fatal(err)
		}
		clear(b)
	}
	if err := (Parser{}).Bind(value, &raw); err != nil {
		t.Fatal(err)
	}
	clear(value)
	if !reflect.DeepEqual(dynamic, []any{"text", []byte{1, 2}}) || string(raw) != `["text","AQI="]` || text != "text" || string(data) != "\x01\x02" {
		t.Errorf("what was bound changed with the message: %q %q %q %q", dynamic, raw, text, data)
	}
}

// What the target holds before is dropped, not merged into.
func TestBindReplacesDynamicTargets(t *testing.T) {
	number := 7
	var v any = &number
	m := map[string]any{"old": &number}
	if err := (Parser{}).Bind([]byte("\x01"), &v); err != nil || v != 1.0 {
		t.Errorf("any: %v, %v", v, err)
	}
	if err := (Parser{}).Bind([]byte("\x81\xa3new\x01"), &m); err != nil || !reflect.DeepEqual(m, map[string]any{"new": 1.0}) {
		t.Errorf("map: %v, %v", m, err)
	}
	if number != 7 {
		t.Errorf("the pointer was followed: %d", number)
	}
}
