package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// slowRead is emitBody.read by way of encoding/json, for text that is JSON.
func slowRead(text []byte) (b emitBody, code, field string) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, _ := d.Token(); t != json.Delim('{') {
		return b, "body_invalid", ""
	}
	seen := map[string]bool{}
	var data *json.RawMessage
	hasArgs := false
	for d.More() {
		t, _ := d.Token()
		name := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		switch {
		case !slices.Contains(emitFields, name):
			return b, "field_unknown", clip(name)
		case seen[name]:
			return b, "field_duplicate", name
		}
		seen[name] = true
		if string(raw) == "null" && name != "data" {
			continue
		}
		if name == "data" {
			data = &raw
			continue
		}
		hasArgs = hasArgs || name == "args"
		if code, field := slowField(&b, name, raw); code != "" {
			return b, code, field
		}
	}
	if data != nil && hasArgs {
		return b, "field_conflict", "args"
	}
	if data != nil {
		b.Data, b.Args = *data, []json.RawMessage{*data}
	}
	if b.Event == "" || len(b.Event) > EventNameBytesMax {
		return b, "event_invalid", "event"
	}
	return b, "", ""
}

func slowField(b *emitBody, name string, raw json.RawMessage) (code, field string) {
	var err error
	switch name {
	case "event":
		err = json.Unmarshal(raw, &b.Event)
	case "nsp":
		err = json.Unmarshal(raw, &b.Nsp)
	case "volatile":
		err = json.Unmarshal(raw, &b.Volatile)
	case "args":
		if err = json.Unmarshal(raw, &b.Args); err == nil && len(b.Args) > ArgsMax {
			return "field_too_long", name
		}
	case "to":
		return slowNames((*[]string)(&b.To), name, raw)
	case "except":
		return slowNames((*[]string)(&b.Except), name, raw)
	}
	if err != nil {
		return "field_invalid", name
	}
	return "", ""
}

func slowNames(into *[]string, name string, raw json.RawMessage) (code, field string) {
	var one string
	var all []json.RawMessage
	if json.Unmarshal(raw, &one) == nil {
		*into = []string{one}
		return "", ""
	}
	if json.Unmarshal(raw, &all) != nil {
		return "field_invalid", name
	}
	for i, element := range all {
		if i == TargetsMax {
			return "field_too_long", name
		}
		if element[0] != '"' || json.Unmarshal(element, &one) != nil {
			return "field_invalid", at(name, i)
		}
		*into = append(*into, one)
	}
	return "", ""
}

// checkRead holds emitBody.read against slowRead.
func checkRead(t *testing.T, text []byte) {
	t.Helper()
	var b emitBody
	err := b.read(text, true)
	if !utf8.Valid(text) || !json.Valid(text) {
		bad := func(arg json.RawMessage) bool { return !json.Valid(arg) }
		if err == nil && !slices.ContainsFunc(b.Args, bad) && utf8.Valid(text) {
			t.Fatalf("%q is no JSON, and was read as %+v", text, b)
		}
		if err == nil && !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8, and was read", text)
		}
		return
	}
	want, code, field := slowRead(text)
	switch {
	case err == nil && code != "":
		t.Fatalf("%q was read, want %s %s", text, code, field)
	case err != nil && (err.Code != code || err.Field != field):
		t.Fatalf("%q is %s %s, want %s %s", text, err.Code, err.Field, code, field)
	case err == nil && !sameBody(b, want):
		t.Fatalf("%q is\n%+v, want\n%+v", text, b, want)
	}
}

func sameBody(a, b emitBody) bool {
	same := func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
	return a.Event == b.Event && a.Nsp == b.Nsp && a.Volatile == b.Volatile && slices.EqualFunc(a.Args, b.Args, same) &&
		slices.Equal(a.To, b.To) && slices.Equal(a.Except, b.Except)
}

// bodies are what the tests and fuzz targets of bodies begin with.
var bodies = []string{
	`{"event":"a","data":{"b":[1,2,{"c":"\"}]"}]},"to":["x","y"],"except":"z","nsp":"/","volatile":true}`,
	`{"event":"a","args":[1,"two",[3],{"four":null},true,false,null,-1.5e+7],"to":"x"}`,
	` { "event" : "a" , "data" : 12 , "to" : [ ] } `,
	`{"event":"a","data":null,"to":null,"except":null,"args":null}`,
	`{"event":"a","data":"\u00e9\ud83d\ude00\\","to":"\u0078"}`,
	`{"event":"\ud800","to":"x"}`,
	`{"\u0065vent":"a"}`, `{"Event":"a"}`, `{"event":"a","event":"b"}`, `{"event":"a","e\u0076ent":"b"}`,
	`{}`, `[]`, `null`, `"a"`, `1`, ``, ` `, `{`, `{"`, `{"event"`, `{"event":`, `{"event":"a"`, `{"event":"a",`, `{"event":"a",}`, `{,}`,
	`{"event":1}`, `{"event":["a"]}`, `{"event":"a","to":1}`, `{"event":"a","to":[1]}`, `{"event":"a","to":["x",null]}`, `{"event":"a","to":[["x"]]}`,
	`{"event":"a","volatile":"true"}`, `{"event":"a","volatile":tru}`, `{"event":"a","nsp":{}}`, `{"event":"a","args":{}}`,
	`{"event":"a","data":}`, `{"event":"a","data":]}`, `{"event":"a","data":[}}`, `{"event":"a","data":{]}`, `{"event":"a","data":nul}`,
	`{"event":"a","data":"x}`, `{"event":"a","data":1 2}`, `{"event":"a","data":01}`, `{"event":"a","data":1,"args":[]}`,
	`{"event":"a"} x`, `{"event":"a"}{}`, "{\"event\":\"a\x00\"}", "{\"event\":\"\xff\"}", "{\"event\":\"a\",\"data\":\"\x1f\"}",
	`{"event":"a","keys":1}`, `{"event":"a","key":"latest"}`, `{"event":"","to":"x"}`, `{"to":"x"}`, `{"event":null}`,
	`{"event":"a","data":[[[[{"a":[{}]}]]]],"to":"x"}`, `{"event":"a" "to":"x"}`, `{"event"."a"}`, `{1:2}`, `{"event":"\x"}`, `{"event":"a","data":"\x"}`,
}

func TestReadAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range bodies {
		checkRead(t, []byte(text))
	}
	checkRead(t, []byte(`{"event":"`+strings.Repeat("e", EventNameBytesMax)+`"}`))
	checkRead(t, []byte(`{"event":"`+strings.Repeat("e", EventNameBytesMax+1)+`"}`))
	for _, n := range []int{TargetsMax, TargetsMax + 1} {
		checkRead(t, []byte(`{"event":"a","to":["x"`+strings.Repeat(`,"x"`, n-1)+`]}`))
	}
	for _, n := range []int{ArgsMax, ArgsMax + 1} {
		checkRead(t, []byte(`{"event":"a","args":[1`+strings.Repeat(`,1`, n-1)+`]}`))
	}
}

// FuzzRead feeds the reader of bodies.
func FuzzRead(f *testing.F) {
	for _, text := range bodies {
		f.Add([]byte(text))
	}
	f.Fuzz(checkRead)
}

// TestReadAgain uses one body for many texts, as a stream does: nothing of one may be left in the next.
func TestReadAgain(t *testing.T) {
	var b emitBody
	for range 3 {
		for _, text := range bodies {
			b.reset()
			err := b.read([]byte(text), true)
			var fresh emitBody
			if again := fresh.read([]byte(text), true); (err == nil) != (again == nil) || err == nil && !sameBody(b, fresh) {
				t.Fatalf("%s is %+v, %v, and at first %+v, %v", text, b, err, fresh, again)
			}
		}
	}
}

// TestFieldsAreThoseOfTheDocument: what a body may have is what its struct says, in that order.
func TestFieldsAreThoseOfTheDocument(t *testing.T) {
	for _, tc := range []struct {
		fields []string
		want   string
	}{
		{emitFields, "event data args except nsp volatile to"},
		{eventFields, "event data args except nsp volatile"},
		{roomsFields, "in rooms nsp"},
		{disconnectFields, "in close reason nsp"},
		{onlineFields, "users nsp"},
		{batchFields, "items"},
	} {
		if got := strings.Join(tc.fields, " "); got != tc.want {
			t.Errorf("fields %s, want %s", got, tc.want)
		}
	}
	if n := reflect.TypeFor[emitBody]().NumField(); n != fieldTo+1 {
		t.Errorf("%d fields, and %d places", n, fieldTo+1)
	}
}

// TestOtherBodies reads the bodies that are not of events.
func TestOtherBodies(t *testing.T) {
	rooms := func(text string) (any, *Error) { var b roomsBody; err := b.read([]byte(text)); return b, err }
	disconnect := func(text string) (any, *Error) {
		var b disconnectBody
		err := b.read([]byte(text), opFields...)
		return b, err
	}
	online := func(text string) (any, *Error) { var b onlineBody; err := b.read([]byte(text)); return b, err }
	for _, tc := range []struct {
		name        string
		read        func(string) (any, *Error)
		text        string
		want        any
		code, field string
	}{
		{name: "join", read: rooms, text: `{"rooms":"r","in":["a","b"],"nsp":"/x"}`, want: roomsBody{names{"a", "b"}, names{"r"}, "/x"}},
		{name: "join without anything", read: rooms, text: `{}`, want: roomsBody{}},
		{name: "an op where there is none", read: rooms, text: `{"op":"join"}`, code: "field_unknown", field: "op"},
		{name: "an object for names", read: rooms, text: `{"in":{}}`, code: "field_invalid", field: "in"},
		{name: "disconnect", read: disconnect, text: `{"op":"disconnect","in":"a","close":true,"reason":"x"}`, want: disconnectBody{names{"a"}, true, "x", ""}},
		{name: "disconnect without", read: disconnect, text: `{"in":"a","close":false,"nsp":null}`, want: disconnectBody{In: names{"a"}}},
		{name: "two ops", read: disconnect, text: `{"op":"a","op":"b"}`, code: "field_duplicate", field: "op"},
		{name: "close is no string", read: disconnect, text: `{"close":"yes"}`, code: "field_invalid", field: "close"},
		{name: "a long reason", read: disconnect, text: `{"reason":"` + strings.Repeat("r", ReasonBytesMax+1) + `"}`, code: "field_too_long", field: "reason"},
		{name: "online", read: online, text: `{"users":["1","2"]}`, want: onlineBody{Users: []string{"1", "2"}}},
		{name: "online with a number", read: online, text: `{"users":["1",2]}`, code: "field_invalid", field: "users[1]"},
		{name: "online with one string", read: online, text: `{"users":"1"}`, code: "field_invalid", field: "users"},
		{name: "too many users", read: online, text: `{"users":["1"` + strings.Repeat(`,"1"`, UsersMax) + `]}`, code: "field_too_long", field: "users"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.read(tc.text)
			switch {
			case tc.code == "" && (err != nil || !reflect.DeepEqual(got, tc.want)):
				t.Fatalf("%+v, %v, want %+v", got, err, tc.want)
			case tc.code != "" && (err == nil || err.Code != tc.code || err.Field != tc.field || err.Status != 400):
				t.Fatalf("%+v, %+v, want %s %s", got, err, tc.code, tc.field)
			}
		})
	}
}

// FuzzBatch delimits items and finds their ops: what is JSON comes apart as encoding/json takes it apart.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"items":[{"op":"emit","event":"a","to":"x"},{"data":"op","op":"join"},{},[],1]}`))
	f.Add([]byte(`{"items":[{"o\u0070":"emit"},{"op":1}],"items":[]}`))
	f.Add([]byte(`{"items":[}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		items, failed := readBatch(text)
		var want struct{ Items []json.RawMessage }
		if failed != nil || !json.Valid(text) {
			return
		}
		if err := json.Unmarshal(text, &want); err != nil || len(want.Items) != len(items) {
			t.Fatalf("%q has items %q, want %q, %v", text, items, want.Items, err)
		}
		for i, item := range items {
			if !bytes.Equal(item, want.Items[i]) {
				t.Fatalf("item %d is %q, want %q", i, item, want.Items[i])
			}
			op, failed := readOp(item)
			if wantOp, ok := slowOp(item); (failed == nil) != ok || ok && op != wantOp {
				t.Fatalf("the op of %q is %q, %v, want %q, %v", item, op, failed, wantOp, ok)
			}
		}
	})
}

// slowOp is readOp by way of encoding/json: the first op counts, and whether there is a second one shows later.
func slowOp(item []byte) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(item))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", false
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return "", false
		}
		if name == "op" {
			var op string
			ok := raw[0] == '"' && json.Unmarshal(raw, &op) == nil
			return op, ok
		}
	}
	return "", false
}

func TestNesting(t *testing.T) {
	for text, want := range map[string]int{
		`1`: 0, `"[[["`: 0, `[]`: 1, `[[],{}]`: 2, `{"a":[{"b":"]}"}]}`: 3, `["\"[",[]]`: 2,
	} {
		if got := nesting([]byte(text)); got != want {
			t.Errorf("%s is nested %d deep, want %d", text, got, want)
		}
	}
}

// TestClip keeps what is said back to a request short, and UTF-8.
func TestClip(t *testing.T) {
	long := strings.Repeat("é", 100)
	if got := clip(long); !utf8.ValidString(got) || len(got) > 70 || !strings.HasPrefix(long, strings.TrimSuffix(got, "…")) {
		t.Errorf("clip made %q", got)
	}
	if got := clip("short"); got != "short" {
		t.Errorf("clip made %q", got)
	}
}

// errAs is for errors that are an *Error inside of an error.
func errAs(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}
