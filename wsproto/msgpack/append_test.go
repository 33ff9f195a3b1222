package msgpack

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"starling/wsproto/socketio"
)

// level is a type that says itself how it is encoded.
type level int

func (l level) MarshalJSON() ([]byte, error) { return []byte(`{"level" : "high"}`), nil }

// verbatim writes itself as JSON without any care.
type verbatim string

func (v verbatim) MarshalJSON() ([]byte, error) { return []byte(v), nil }

// file is a type with what JSON has only strings for.
type file struct {
	Name string          `json:"name"`
	Data []byte          `json:"data,omitempty"`
	Time *time.Time      `json:"time,omitempty"`
	Raw  json.RawMessage `json:"raw,omitempty"`
	Size uint64          `json:"size,string,omitempty"`
}

func TestAppendDataOfOneValue(t *testing.T) {
	date := time.UnixMilli(1_700_000_000_123)
	rows := []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, "\xc0"},
		{"bools", []any{true, false}, "\x92\xc3\xc2"},
		{"positive fixint", []any{0, 1, 127}, "\x93\x00\x01\x7f"},
		{"uint 8", []any{128, 255}, "\x92\xcc\x80\xcc\xff"},
		{"uint 16", []any{256, 65535}, "\x92\xcd\x01\x00\xcd\xff\xff"},
		{"uint 32", []any{65536, 4294967295}, "\x92\xce\x00\x01\x00\x00\xce\xff\xff\xff\xff"},
		{"uint 64", []any{4294967296, math.MaxInt64}, "\x92\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"},
		{"largest uint 64", []any{uint64(math.MaxUint64), uint(math.MaxUint64)}, "\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"negative fixint", []any{-1, -32}, "\x92\xff\xe0"},
		{"int 8", []any{-33, -128}, "\x92\xd0\xdf\xd0\x80"},
		{"int 16", []any{-129, -32768}, "\x92\xd1\xff\x7f\xd1\x80\x00"},
		{"int 32", []any{-32769, math.MinInt32}, "\x92\xd2\xff\xff\x7f\xff\xd2\x80\x00\x00\x00"},
		{"int 64", []any{math.MinInt32 - 1, math.MinInt64}, "\x92\xd3\xff\xff\xff\xff\x7f\xff\xff\xff\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"signed types", []any{int8(-1), int16(-2), int32(-3), int64(-4)}, "\x94\xff\xfe\xfd\xfc"},
		{"unsigned types", []any{uint(1), uint8(2), uint16(3), uint32(4), uint64(5)}, "\x95\x01\x02\x03\x04\x05"},
		{"float", 1.5, "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{"float 32 as it prints", float32(0.1), "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"},
		{"floats that are integers", []any{1.0, -1.0, float32(300), math.Copysign(0, -1)}, "\x94\x01\xff\xcd\x01\x2c\x00"},
		{"large floats that are integers", []any{1 << 53.0, -9223372036854775808.0}, "\x92\xcf\x00\x20\x00\x00\x00\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"floats above all integers", []any{18446744073709551616.0, -9223372036854777856.0}, "\x92\xcb\x43\xf0\x00\x00\x00\x00\x00\x00\xcb\xc3\xe0\x00\x00\x00\x00\x00\x01"},
		{"NaN and infinities", []any{math.NaN(), math.Inf(1), math.Inf(-1)}, "\x93\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"},

		{"fixstr", []any{"", "é"}, "\x92\xa0\xa2é"},
		{"longest fixstr", strings.Repeat("a", 31), "\xbf" + strings.Repeat("a", 31)},
		{"str 8", []any{strings.Repeat("a", 32), strings.Repeat("a", 255)}, "\x92\xd9\x20" + strings.Repeat("a", 32) + "\xd9\xff" + strings.Repeat("a", 255)},
		{"str 16", strings.Repeat("a", 256), "\xda\x01\x00" + strings.Repeat("a", 256)},
		{"str 32", strings.Repeat("a", 65536), "\xdb\x00\x01\x00\x00" + strings.Repeat("a", 65536)},
		{"string that is not UTF-8", "a\xff\xfeb", "\xa8a\ufffd\ufffdb"},

		{"bin 8", []any{[]byte{}, []byte{1, 2}, make([]byte, 255)}, "\x93\xc4\x00\xc4\x02\x01\x02\xc4\xff" + strings.Repeat("\x00", 255)},
		{"bin 16", make([]byte, 256), "\xc5\x01\x00" + strings.Repeat("\x00", 256)},
		{"bin 32", make([]byte, 65536), "\xc6\x00\x01\x00\x00" + strings.Repeat("\x00", 65536)},
		{"no bytes, array, map or raw", []any{[]byte(nil), []any(nil), map[string]any(nil), socketio.Raw(nil)}, "\x94\xc0\xc0\xc0\xc0"},

		{"Date", date, "\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"},
		{"Date before 1970", time.UnixMilli(-1), "\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"Date is cut down to milliseconds", time.Unix(0, 1_999_999), "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"Date in another zone", date.In(time.FixedZone("", 3600)), "\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"},
		{"Date of no time", time.Time{}, "\xd7\x00\xff\xff\xc7\x7c\xed\xd3\x28\x00"},
		{"last Date", time.UnixMilli(dateMillisMax), "\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x00"},

		{"fixarray and array 16", []any{make([]any, 15), make([]any, 16)}, "\x92\x9f" + strings.Repeat("\xc0", 15) + "\xdc\x00\x10" + strings.Repeat("\xc0", 16)},
		{"array 32", make([]any, 65536), "\xdd\x00\x01\x00\x00" + strings.Repeat("\xc0", 65536)},
		{"map in the order of its names", map[string]any{"b": []byte{1}, "a": map[string]any{"t": date}, "": nil}, "\x83\xa0\xc0\xa1a\x81\xa1t\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b\xa1b\xc4\x01\x01"},

		{"raw", socketio.Raw(`{"b":[1,"x",null],"a":true}`), "\x82\xa1b\x93\x01\xa1x\xc0\xa1a\xc3"},
		{"raw with white space", socketio.Raw(" { \"a\" : [ 1 , { } , [ ] ] } "), "\x81\xa1a\x93\x01\x80\x90"},
		{"raw scalars", []any{socketio.Raw(`null`), socketio.Raw(`"x"`), socketio.Raw(`-1`), socketio.Raw(`false`)}, "\x94\xc0\xa1x\xff\xc2"},
		{"raw with escapes", socketio.Raw(`"\"\\\/\n\u00e9\ud83d\ude00\ud83d,]"`), "\xaf\"\\/\né\U0001F600\ufffd,]"},
		{"raw with an escaped key", socketio.Raw(`{"\u0061":"\\"}`), "\x81\xa1a\xa1\\"},
		{"raw integers are exact", socketio.Raw(`[9007199254740993,-9223372036854775808,18446744073709551615]`), "\x93\xcf\x00\x20\x00\x00\x00\x00\x00\x01\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"raw integers beyond", socketio.Raw(`[18446744073709551616,-9223372036854775809]`), "\x92\xcb\x43\xf0\x00\x00\x00\x00\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"raw floats", socketio.Raw(`[1.5,15e-1,1e2,-0,1.0,1e999]`), "\x96\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x64\x00\x01\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"},
		{"raw of more containers than are counted for nothing", socketio.Raw("[" + strings.Repeat("[],", countsMax) + "{}]"), "\xdc\x00\x41" + strings.Repeat("\x90", countsMax) + "\x80"},
		{"raw map of 16 members", socketio.Raw("{" + strings.Repeat(`"":0,`, 15) + `"":0}`), "\xde\x00\x10" + strings.Repeat("\xa0\x00", 16)},

		{"struct", chat{"general", "hi", 300}, "\x83\xa4room\xa7general\xa4text\xa2hi\xa3seq\xcd\x01\x2c"},
		{"pointers", []any{&chat{}, (*chat)(nil)}, "\x92\x83\xa4room\xa0\xa4text\xa0\xa3seq\x00\xc0"},
		{"struct with what JSON has strings for", file{Name: "<é>", Data: []byte{1, 2}, Time: new(time.Unix(0, 0).UTC()), Raw: json.RawMessage(`[1, 2]`), Size: 5}, "\x85\xa4name\xa4<é>\xa4data\xa4AQI=\xa4time\xb41970-01-01T00:00:00Z\xa3raw\x92\x01\x02\xa4size\xa15"},
		{"typed slices and maps", []any{[]int{1, -1}, map[string]bool{"a": true}, [2]string{"x", "y"}}, "\x93\x92\x01\xff\x81\xa1a\xc3\x92\xa1x\xa1y"},
		{"named types", []any{socketio.Ack, time.Second}, "\x92\x03\xce\x3b\x9a\xca\x00"},
		{"type that says itself how", []any{level(1), struct{ L level }{}}, "\x92\x81\xa5level\xa4high\x81\xa1L\x81\xa5level\xa4high"},
		{"json.Number", []any{json.Number("9007199254740993"), json.Number("0.5")}, "\x92\xcf\x00\x20\x00\x00\x00\x00\x00\x01\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parser{}.AppendData([]byte("dst:"), socketio.Ack, []any{row.value})
			if err != nil {
				t.Fatal(err)
			}
			if want := "dst:\x91" + row.want; string(got) != want {
				t.Fatalf("got %x\nwant %x", got, want)
			}
			if _, err := (Parser{}).Parse([]byte("\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x91"+row.want), true); err != nil {
				t.Fatalf("the row cannot be parsed: %v", err)
			}
		})
	}
}

func TestAppendData(t *testing.T) {
	rows := []struct {
		name   string
		typ    socketio.Type
		values []any
		want   string
	}{
		{"event", socketio.Event, []any{"hello", 1, []byte{2}}, "\x93\xa5hello\x01\xc4\x01\x02"},
		{"event of a name", socketio.Event, []any{"hello"}, "\x91\xa5hello"},
		{"event of 15 arguments", socketio.Event, append([]any{"a"}, make([]any, 15)...), "\xdc\x00\x10\xa1a" + strings.Repeat("\xc0", 15)},
		{"ack", socketio.Ack, []any{1, "x"}, "\x92\x01\xa1x"},
		{"ack without values", socketio.Ack, nil, "\x90"},
		{"connect", socketio.Connect, []any{map[string]any{"sid": "x"}}, "\x81\xa3sid\xa1x"},
		{"connect with a struct", socketio.Connect, []any{file{Name: "x"}}, "\x81\xa4name\xa1x"},
		{"connect without a payload", socketio.Connect, nil, ""},
		{"disconnect", socketio.Disconnect, nil, ""},
		{"connect error", socketio.ConnectError, []any{map[string]any{"message": "no"}}, "\x81\xa7message\xa2no"},
		{"connect error of a string", socketio.ConnectError, []any{"no"}, "\xa2no"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parser{}.AppendData([]byte("dst:"), row.typ, row.values)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "dst:"+row.want {
				t.Fatalf("got %x\nwant %x", got, "dst:"+row.want)
			}
		})
	}
}

func TestAppendDataRefuses(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"] = []any{cycle}
	ring := map[string]any{}
	ring["a"] = ring
	deep := any(socketio.Raw("[" + strings.Repeat("[", 2) + strings.Repeat("]", 2) + "]"))
	for range DepthMax - 3 {
		deep = []any{deep}
	}
	rows := []struct {
		name   string
		typ    socketio.Type
		values []any
		err    error
	}{
		{"channel", socketio.Ack, []any{make(chan int)}, socketio.ErrEncode},
		{"NaN in a type that is made JSON", socketio.Ack, []any{struct{ F float64 }{math.NaN()}}, socketio.ErrEncode},
		{"map that contains itself", socketio.Ack, []any{ring}, socketio.ErrEncode},
		{"map that contains itself in an array", socketio.Ack, []any{cycle}, socketio.ErrEncode},
		{"raw in arrays, 513 deep together", socketio.Ack, []any{deep}, socketio.ErrEncode},
		{"raw nested 512 deep, in a list", socketio.Ack, []any{socketio.Raw(strings.Repeat("[", DepthMax) + strings.Repeat("]", DepthMax))}, socketio.ErrEncode},
		{"marshaler of no JSON", socketio.Ack, []any{verbatim(`{`)}, socketio.ErrEncode},
		{"raw that is no JSON", socketio.Ack, []any{[]any{socketio.Raw(`{"a":}`)}}, socketio.ErrRaw},
		{"raw that is not UTF-8", socketio.Ack, []any{socketio.Raw("\"\xff\"")}, socketio.ErrRaw},
		{"empty raw", socketio.Ack, []any{map[string]any{"a": socketio.Raw{}}}, socketio.ErrRaw},
		{"time after the last Date", socketio.Ack, []any{time.UnixMilli(dateMillisMax + 1)}, socketio.ErrEncode},
		{"time that no milliseconds hold", socketio.Ack, []any{time.Unix(math.MaxInt64/2, 0)}, socketio.ErrEncode},
		{"event without a name", socketio.Event, nil, socketio.ErrEncode},
		{"event with another name than a string", socketio.Event, []any{1}, socketio.ErrEncode},
		{"connect with two values", socketio.Connect, []any{chat{}, chat{}}, socketio.ErrEncode},
		{"connect with a string", socketio.Connect, []any{"x"}, socketio.ErrEncode},
		{"connect with nil", socketio.Connect, []any{nil}, socketio.ErrEncode},
		{"connect error with a number", socketio.ConnectError, []any{1}, socketio.ErrEncode},
		{"disconnect with a value", socketio.Disconnect, []any{chat{}}, socketio.ErrEncode},
		{"binary event", socketio.BinaryEvent, []any{"a"}, socketio.ErrEncode},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := Parser{}.AppendData([]byte("dst:"), row.typ, row.values)
			if !errors.Is(err, row.err) || string(got) != "dst:" {
				t.Fatalf("%q, error %v, want %v", got, err, row.err)
			}
		})
	}
}

// As deep as it goes: what AppendData writes, Parse takes.
func TestAppendDataNestedAsDeepAsAllowed(t *testing.T) {
	deep := any(socketio.Raw(`[{}]`))
	for range DepthMax - 3 {
		deep = []any{deep}
	}
	data, err := Parser{}.AppendData(nil, socketio.Ack, []any{deep})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("\x91", DepthMax-1) + "\x80"; string(data) != want {
		t.Errorf("got %x", data)
	}
}

func TestAppendPacket(t *testing.T) {
	rows := []struct {
		name   string
		header socketio.Header
		data   string // none if empty
		want   string
	}{
		{"event", socketio.Header{Type: socketio.Event, Namespace: "/"}, "\x91\xa1a", "\x83" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa3nsp\xa1/"},
		{"no namespace is the main one", socketio.Header{Type: socketio.Disconnect}, "", "\x82" + "\xa4type\x01" + "\xa3nsp\xa1/"},
		{"namespace", socketio.Header{Type: socketio.Disconnect, Namespace: "/chat"}, "", "\x82" + "\xa4type\x01" + "\xa3nsp\xa5/chat"},
		{"event with an id", socketio.Header{Type: socketio.Event, Namespace: "/", HasID: true, ID: 300}, "\x91\xa1a", "\x84" + "\xa4type\x02" + "\xa4data\x91\xa1a" + "\xa2id\xcd\x01\x2c" + "\xa3nsp\xa1/"},
		{"largest id", socketio.Header{Type: socketio.Ack, Namespace: "/", HasID: true, ID: socketio.AckIDMax}, "\x90", "\x84" + "\xa2id\xcf\x00\x1f\xff\xff\xff\xff\xff\xff" + "\xa4type\x03" + "\xa4data\x90" + "\xa3nsp\xa1/"},
		{"ack without a payload", socketio.Header{Type: socketio.Ack, Namespace: "/", HasID: true}, "", "\x84" + "\xa2id\x00" + "\xa4type\x03" + "\xa4data\x90" + "\xa3nsp\xa1/"},
		{"offset", socketio.Header{Type: socketio.Event, Namespace: "/", Offset: "x"}, "\x92\xa1a\x01", "\x83" + "\xa4type\x02" + "\xa4data\x93\xa1a\x01\xa1x" + "\xa3nsp\xa1/"},
		{"offset behind 15 values", socketio.Header{Type: socketio.Event, Namespace: "/", Offset: "x"}, "\x9f\xa1a" + strings.Repeat("\x01", 14), "\x83" + "\xa4type\x02" + "\xa4data\xdc\x00\x10\xa1a" + strings.Repeat("\x01", 14) + "\xa1x" + "\xa3nsp\xa1/"},
		{"offset behind 65,535 values", socketio.Header{Type: socketio.Event, Namespace: "/", Offset: "x"}, "\xdc\xff\xff\xa1a" + strings.Repeat("\x01", 65534), "\x83" + "\xa4type\x02" + "\xa4data\xdd\x00\x01\x00\x00\xa1a" + strings.Repeat("\x01", 65534) + "\xa1x" + "\xa3nsp\xa1/"},
		{"long offset", socketio.Header{Type: socketio.Event, Namespace: "/", Offset: strings.Repeat("x", 32)}, "\x91\xa1a", "\x83" + "\xa4type\x02" + "\xa4data\x92\xa1a\xd9\x20" + strings.Repeat("x", 32) + "\xa3nsp\xa1/"},
		{"offset without a list to stand in", socketio.Header{Type: socketio.Connect, Namespace: "/", Offset: "x"}, "\x80", "\x83" + "\xa4type\x00" + "\xa4data\x80" + "\xa3nsp\xa1/"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var data []byte
			if row.data != "" {
				data = []byte(row.data)
			}
			got := Parser{}.AppendPacket([]byte("dst:"), row.header, data)
			if string(got) != "dst:"+row.want {
				t.Fatalf("got %x\nwant %x", got, "dst:"+row.want)
			}
			if string(data) != row.data {
				t.Fatal("the payload was changed")
			}
			if _, err := (Parser{}).Parse([]byte(row.want), true); err != nil {
				t.Fatalf("the row cannot be parsed: %v", err)
			}
		})
	}
}
