package msgpack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ugorji/go/codec"

	"starling/wsproto/socketio"
)

// judge is another implementation of MessagePack, which decodes as decode does but for
// the npm package's extensions.
var judge = func() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.MapType = reflect.TypeFor[map[string]any]()
	h.MaxDepth = DepthMax + 1
	h.MapValueReset = true // of members with the same key the last counts; otherwise it is decoded into the first, which may not fit
	h.InterfaceReset = true
	return h
}()

// slowNext takes the first value off by decoding it.
func slowNext(values []byte) (value, rest []byte, err error) {
	var v codec.Raw
	d := codec.NewDecoderBytes(values, judge)
	if err := d.Decode(&v); err != nil {
		return nil, nil, err
	}
	n := d.NumBytesRead()
	return values[:n], values[n:], nil
}

// FuzzParser parses anything, and holds what Parse accepts to its promises: all of it
// can be walked, bound, and written anew.
func FuzzParser(f *testing.F) {
	for _, row := range recorded {
		message, err := hex.DecodeString(row.message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	for _, seed := range []string{
		chatMessage,
		"\x83" + "\xa4type\x03" + "\xa4data\x98" + everyExt + "\xa3nsp\xa1/",
		"\xde\x00\x03" + "\xa4type\xcb\x40\x00\x00\x00\x00\x00\x00\x00" + "\xa4data\xdc\x00\x02\x01\x81\xd0\x80\xc0" + "\xa3nsp\xd9\x01/",
		"\x83" + "\xa4type\x02" + "\xa4data\xdd\xff\xff\xff\xff\xa1a" + "\xa3nsp\xa1/",
		"\x83" + "\xa4type\x03" + "\xa4data\x94\xd6\xff\x00\x00\x00\x02\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xca\x7f\xc0\x00\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff" + "\xa3nsp\xa1/",
		strings.Repeat("\x91", 600),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		whole := len(message)
		p, err := Parser{}.Parse(message, true)
		if err != nil {
			if !samePacket(p, socketio.Packet{}) {
				t.Fatalf("with the error %v comes %+v", err, p)
			}
			return
		}
		for cut := range whole { // no packet is the beginning of another
			if _, err := (Parser{}).Parse(message[:cut], true); err == nil {
				t.Fatalf("the first %d bytes are a packet too", cut)
			}
		}
		if err := socketio.CheckNamespace(string(p.Namespace)); err != nil || p.ID > socketio.AckIDMax || len(p.Buffers)+p.Attachments > 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		walk(t, p)
		rewrite(t, p)
	})
}

// walk takes the values off one by one, and binds each.
func walk(t *testing.T, p socketio.Packet) {
	t.Helper()
	if p.Type != socketio.Event && p.Type != socketio.Ack {
		if p.Data != nil {
			bindAll(t, p.Data)
		}
		return
	}
	values, n := Parser{}.Elements(p.Data)
	for i := range n {
		slowValue, slowRest, err := slowNext(values)
		if err != nil {
			t.Fatalf("value %d of %x: %v", i, p.Data, err)
		}
		var value []byte
		value, values = Parser{}.Next(values)
		if !bytes.Equal(value, slowValue) || !bytes.Equal(values, slowRest) {
			t.Fatalf("value %d of %x: %x and %x, want %x and %x", i, p.Data, value, values, slowValue, slowRest)
		}
		bindAll(t, value)
		var name socketio.EventName
		if err := (Parser{}).Bind(value, &name); i == 0 && p.Type == socketio.Event && (err != nil || socketio.ReservedEvent(string(name))) {
			t.Fatalf("the event's name %x: %q, %v", value, name, err)
		}
	}
	if len(values) > 0 {
		t.Fatalf("%x behind the values of %x", values, p.Data)
	}
}

// bindAll binds a value to targets that take all values, and holds them against each
// other and against the judge.
func bindAll(t *testing.T, value []byte) {
	t.Helper()
	var dynamic any
	var raw socketio.Raw
	for _, target := range []any{&dynamic, &raw} {
		if err := (Parser{}).Bind(value, target); err != nil {
			t.Fatalf("%x into a %T: %v", value, target, err)
		}
	}
	var read any
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatalf("%x is the JSON %s: %v", value, raw, err)
	}
	if written := asJSON(dynamic); !reflect.DeepEqual(read, written) {
		t.Fatalf("%x is the JSON %s, and else %v", value, raw, written)
	}
	for _, target := range []any{new(file), new(chat), new(int), new([]byte), new(time.Time), new(map[string]any), new([]any), new(uint8)} {
		_ = Parser{}.Bind(value, target) // which may not fit, but must not panic
	}
	var judged any
	if err := codec.NewDecoderBytes(value, judge).Decode(&judged); err == nil && !hasExtensions(judged) && !reflect.DeepEqual(asFloats(judged), asJSON(dynamic)) {
		t.Fatalf("%x is %v, want %v", value, dynamic, judged)
	}
}

// rewrite appends the packet anew, and parses that.
func rewrite(t *testing.T, p socketio.Packet) {
	t.Helper()
	header := socketio.Header{Type: p.Type, HasID: p.HasID, ID: p.ID, Namespace: string(p.Namespace)}
	again, err := Parser{}.Parse(Parser{}.AppendPacket(nil, header, p.Data), true)
	if err != nil || !samePacket(again, p) {
		t.Fatalf("%+v, written anew, is %+v, %v", p, again, err)
	}
	header.Offset = "offset"
	again, err = Parser{}.Parse(Parser{}.AppendPacket(nil, header, p.Data), true)
	if err != nil {
		t.Fatalf("%+v with an offset: %v", p, err)
	}
	if p.Type != socketio.Event {
		return
	}
	values, n := Parser{}.Elements(p.Data)
	longer, m := Parser{}.Elements(again.Data)
	if m != n+1 || string(longer) != string(values)+"\xa6offset" {
		t.Fatalf("%+v with an offset is %+v", p, again)
	}
}

// asJSON makes of a decoded value what its JSON decodes to.
func asJSON(v any) any {
	switch v := v.(type) {
	case []byte:
		text, _ := json.Marshal(v)
		return strings.Trim(string(text), `"`)
	case time.Time:
		var text any
		_ = json.Unmarshal(appendTimeJSON(nil, v), &text)
		return text
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = asJSON(v[i])
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		for key := range v {
			members[key] = asJSON(v[key])
		}
		return members
	}
	return v
}

// asFloats makes of what the judge has decoded what its JSON decodes to.
func asFloats(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = asFloats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = asFloats(v[key])
		}
	}
	return asJSON(v)
}

// hasExtensions says whether the judge has decoded what it sees in another way.
func hasExtensions(v any) bool {
	switch v := v.(type) {
	case codec.RawExt, *codec.RawExt, time.Time:
		return true
	case []any:
		for i := range v {
			if hasExtensions(v[i]) {
				return true
			}
		}
	case map[string]any:
		for key := range v {
			if hasExtensions(v[key]) {
				return true
			}
		}
	}
	return false
}

// FuzzRoundTrip turns JSON into MessagePack and back.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-1,1.5,1e21,1e-7,"x",null,true,{}],"b":{"c":[]}}`, `"\u00e9\ud83d\ude00\ud83d\n\"\\\/"`, ` [ 1 , 2 ] `,
		`9007199254740993`, `-9223372036854775808`, `18446744073709551615`, `18446744073709551616`, `-0`, `1e999`, `{"a":1,"a":2}`, "{\"\\u0061\":\"\x7f\"}",
		"[" + strings.Repeat(`{"k":[0,1]},`, 100) + "0]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := Parser{}.AppendData(nil, socketio.Ack, []any{socketio.Raw(text)})
		if text, _, rawErr := socketio.AppendAck(nil, "", 0, []any{socketio.Raw(text)}); rawErr != nil || err != nil {
			if rawErr == nil && len(text) < DepthMax {
				t.Fatalf("%s: %v", text, err)
			}
			return
		}
		values, n := Parser{}.Elements(data)
		value, rest := Parser{}.Next(values)
		if n != 1 || len(rest) > 0 {
			t.Fatalf("%q is %d values, %x", text, n, data)
		}
		var back socketio.Raw
		if err := (Parser{}).Bind(value, &back); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want, ok := numbersOf(text)
		if got, _ := numbersOf(back); ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q came back as %q", text, back)
		}
		again, err := Parser{}.AppendData(nil, socketio.Ack, []any{back})
		if ok && (err != nil || !bytes.Equal(again, data)) {
			t.Fatalf("%q was %x, and came back as %q, which is %x, %v", text, data, back, again, err)
		}
	})
}

// numbersOf decodes JSON, integers of 64 bits with all their digits. ok is false if it
// has a number above all floats.
func numbersOf(text []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	return exactNumbers(v)
}

func exactNumbers(v any) (_ any, ok bool) {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, true
		}
		var u uint64
		if json.Unmarshal([]byte(v), &u) == nil {
			return u, true
		}
		f, err := v.Float64()
		if f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
			return int64(f), err == nil
		}
		if f == math.Trunc(f) && f > 0 && f < math.MaxUint64 {
			return uint64(f), err == nil
		}
		return f, err == nil
	case []any:
		for i := range v {
			if v[i], ok = exactNumbers(v[i]); !ok {
				return nil, false
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], ok = exactNumbers(v[key]); !ok {
				return nil, false
			}
		}
	}
	return v, true
}
