package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func elements(args Args) (texts []string) {
	for elem, ok := args.Next(); ok; elem, ok = args.Next() {
		texts = append(texts, string(elem))
	}
	return texts
}

func TestSplitEvent(t *testing.T) {
	rows := []struct {
		name, data, event string
		args              []string
		err               error
	}{
		{"name alone", `["hello"]`, "hello", nil, nil},
		{"one argument", `["hello",1]`, "hello", []string{"1"}, nil},
		{
			"one of each kind", `["a","s",-1.5e3,true,false,null,{"b":[1,2]},[{"c":"]}"}]]`, "a",
			[]string{`"s"`, `-1.5e3`, `true`, `false`, `null`, `{"b":[1,2]}`, `[{"c":"]}"}]`},
			nil,
		},
		{"commas and brackets inside strings", `["a","x,y","[{","\"]",{"k,]}":",\\"}]`, "a", []string{`"x,y"`, `"[{"`, `"\"]"`, `{"k,]}":",\\"}`}, nil},
		{"white space", "[ \"a\" ,\n1 , [ 2 , 3 ]\t,{ } ]", "a", []string{"1", "[ 2 , 3 ]", "{ }"}, nil},
		{"empty name", `[""]`, "", nil, nil},
		{"escaped name", `["caf\u00e9",1]`, "café", []string{"1"}, nil},
		{"name in UTF-8", `["café"]`, "café", nil, nil},
		{"name with all escapes", `["\"\\\/\b\f\n\r\t\u001e"]`, "\"\\/\b\f\n\r\t\x1e", nil, nil},
		{"name of a surrogate pair", `["\ud83d\ude00"]`, "\U0001F600", nil, nil},
		{"name of half a pair", `["\ud83d"]`, "\ufffd", nil, nil},
		{"__proto__", `["__proto__"]`, "__proto__", nil, nil},
		{"number", `[1,"x"]`, "1", []string{`"x"`}, nil},
		{"negative number", `[-7]`, "-7", nil, nil},
		{"zero", `[0]`, "0", nil, nil},
		{"negative zero", `[-0]`, "0", nil, nil},
		{"fraction", `[1.50]`, "1.5", nil, nil},
		{"whole fraction", `[1.0]`, "1", nil, nil},
		{"exponent", `[1e2]`, "100", nil, nil},
		{"large number", `[123456789012345678901234567890]`, "1.2345678901234568e+29", nil, nil},
		{"integer beyond a float's digits", `[12345678901234567890]`, "12345678901234567000", nil, nil},
		{"small number", `[0.0000001]`, "1e-7", nil, nil},
		{"number above all floats", `[1e999]`, "Infinity", nil, nil},
		{"number below all floats", `[-1e999]`, "-Infinity", nil, nil},
		{"no name", `[]`, "", nil, ErrPayloadEvent},
		{"no array", `{"a":1}`, "", nil, ErrPayloadEvent},
		{"nothing", ``, "", nil, ErrPayloadEvent},
		{"name of null", `[null]`, "", nil, ErrPayloadEvent},
		{"name of an object", `[{"a":1}]`, "", nil, ErrPayloadEvent},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			event, args, err := SplitEvent([]byte(row.data))
			if !errors.Is(err, row.err) || string(event) != row.event || !slices.Equal(elements(args), row.args) {
				t.Fatalf("got %q, %q, %v, want %q, %q, %v", event, elements(args), err, row.event, row.args, row.err)
			}
		})
	}
}

func TestSplitEventAliases(t *testing.T) {
	data := []byte(`["name","arg"]`)
	name, args, _ := SplitEvent(data)
	elem, _ := args.At(0)
	copy(data, `["NAME","ARG"]`)
	if string(name) != "NAME" || string(elem) != `"ARG"` {
		t.Errorf("name %q and argument %q do not alias the payload", name, elem)
	}
	_ = append(name, '!')
	_ = append(elem, '!')
	if string(data) != `["NAME","ARG"]` {
		t.Errorf("the payload became %q", data)
	}

	data = []byte(`["n\u0061me"]`)
	name, _, _ = SplitEvent(data)
	clear(data)
	if string(name) != "name" {
		t.Errorf("a name with escapes became %q", name)
	}
}

func TestSplitAck(t *testing.T) {
	rows := []struct {
		data string
		want []string
	}{
		{`[]`, nil},
		{`[ ]`, nil},
		{``, nil},
		{`["z",{"b":1}]`, []string{`"z"`, `{"b":1}`}},
		{`[null,[1]]`, []string{`null`, `[1]`}},
		{`[[1,2,]`, []string{`[1,2,`}}, // no packet holds these, and what comes out stays within them
		{`["a]`, []string{`"a`}},
	}
	for _, row := range rows {
		if got := elements(SplitAck([]byte(row.data))); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.data, got, row.want)
		}
	}
}

// A name that is no JSON is not taken for another event's.
func TestSplitEventOfNoNumber(t *testing.T) {
	for _, data := range []string{`[-]`, `[1x]`, `[--1]`, `[1e]`, `[0x10]`} {
		name, args, err := SplitEvent([]byte(data))
		if len(name) > 0 || args.Len() != 0 || err != nil {
			t.Errorf("%s: name %q, %d arguments, %v", data, name, args.Len(), err)
		}
	}
}

func TestArgsLenAt(t *testing.T) {
	args := SplitAck([]byte(`[1, [2,3] ,"4"]`))
	if args.Len() != 3 {
		t.Errorf("Len is %d, want 3", args.Len())
	}
	for i, want := range []string{"1", "[2,3]", `"4"`} {
		if elem, ok := args.At(i); !ok || string(elem) != want {
			t.Errorf("At(%d) is %q, %v, want %q", i, elem, ok, want)
		}
	}
	if elem, ok := args.At(3); ok || len(elem) > 0 {
		t.Errorf("At(3) is %q, %v, want nothing", elem, ok)
	}
	args.Next()
	if elem, ok := args.At(0); !ok || string(elem) != "[2,3]" || args.Len() != 2 {
		t.Errorf("after one Next, At(0) is %q and Len %d", elem, args.Len())
	}
	var none Args
	if _, ok := none.Next(); ok || none.Len() != 0 {
		t.Error("the zero Args holds something")
	}
}

// A walk over many arguments costs as much as one look at each byte.
func TestArgsLinear(t *testing.T) {
	const n = 300_000
	data := []byte("[" + strings.Repeat(`[1],`, n) + "0]")
	if got := SplitAck(data).Len(); got != n+1 {
		t.Fatalf("%d arguments, want %d", got, n+1)
	}
}

func FuzzSplitArgs(f *testing.F) {
	for _, row := range goodRows {
		f.Add([]byte(strings.TrimLeft(row.text, "0123456789/-,")))
	}
	f.Add([]byte("[ \"a\" ,\n1 , [ 2 , \"]\\\"\" ]\t,{ \"\\\\\":{} } ]"))
	f.Add([]byte(`["\"]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		args := SplitAck(data) // on any text this must end, without a panic
		got := elements(args)
		name, rest, err := SplitEvent(data)
		valid, _, invalid := validateJSON(data)
		if invalid != nil || valid[0] != '[' || !bytes.Equal(valid, data) {
			return
		}
		var want []json.RawMessage
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) || args.Len() != len(want) {
			t.Fatalf("%q: %d arguments, Len %d, want %d", data, len(got), args.Len(), len(want))
		}
		for i, elem := range want {
			if at, ok := args.At(i); got[i] != string(elem) || !ok || string(at) != got[i] {
				t.Fatalf("%q: argument %d is %q, At gives %q, want %q", data, i, got[i], at, elem)
			}
		}
		// encoding/json repairs bad UTF-8, which a transport does not let through.
		if want, named := slowName(want); (err == nil) != named || utf8.Valid(data) && string(name) != want {
			t.Fatalf("%q: name %q, error %v, want %q", data, name, err, want)
		}
		if err == nil && rest.Len() != len(want)-1 {
			t.Fatalf("%q: %d arguments behind the name", data, rest.Len())
		}
	})
}

// slowName is the event's name by encoding/json.
func slowName(array []json.RawMessage) (name string, ok bool) {
	if len(array) == 0 {
		return "", false
	}
	var first any
	dec := json.NewDecoder(bytes.NewReader(array[0]))
	dec.UseNumber()
	if err := dec.Decode(&first); err != nil {
		return "", false
	}
	switch first := first.(type) {
	case string:
		return first, true
	case json.Number:
		return slowNumber(string(first)), true
	}
	return "", false
}

// slowNumber is JavaScript's String(number), by way of encoding/json's floats.
func slowNumber(number string) string {
	f, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil && f > 0:
		return "Infinity"
	case err != nil && f < 0:
		return "-Infinity"
	case f == 0:
		return "0"
	}
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}
