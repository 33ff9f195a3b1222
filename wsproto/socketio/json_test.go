package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// slowValid is the obvious validator, for everything but the depth.
func slowValid(text []byte) bool {
	return json.Valid(text)
}

var jsonRows = []struct {
	name, text string
	err        error
}{
	{"true", `true`, nil},
	{"false", `false`, nil},
	{"null", `null`, nil},
	{"zero", `0`, nil},
	{"negative zero", `-0`, nil},
	{"integer", `1234567890123456789012345678901234567890`, nil},
	{"fraction", `-12.034`, nil},
	{"exponents", `[1e5,1E+5,1.5e-5,0e0]`, nil},
	{"number above all floats", `1e999`, nil},
	{"empty string", `""`, nil},
	{"all escapes", `"\"\\\/\b\f\n\r\t\u0000\uFFFF"`, nil},
	{"half a surrogate pair", `"\ud800"`, nil},
	{"string of eight", `"12345678"`, nil},
	{"quote at the eighth place", `"1234567\"9"`, nil},
	{"UTF-8", `"é€` + "\U0001F600" + `"`, nil},
	{"empty containers", `[[],{},[{}],{"":[]}]`, nil},
	{"duplicate keys", `{"a":1,"a":2}`, nil},
	{"all white space", " \t\r\n[ \t\r\n1 \t\r\n, \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n2 \t\r\n} \t\r\n] \t\r\n", nil},
	{"512 arrays", strings.Repeat("[", 512) + strings.Repeat("]", 512), nil},
	{"512 objects", strings.Repeat(`{"a":`, 511) + "{}" + strings.Repeat("}", 511), nil},
	{"512 arrays many times", "[" + strings.Repeat(strings.Repeat("[", 511)+strings.Repeat("]", 511)+",", 9) + "0]", nil},

	{"nothing", ``, ErrPayloadJSON},
	{"white space", ` `, ErrPayloadJSON},
	{"two values", `1 2`, ErrPayloadJSON},
	{"cut words", `[tru]`, ErrPayloadJSON},
	{"long words", `nulll`, ErrPayloadJSON},
	{"capital word", `True`, ErrPayloadJSON},
	{"minus alone", `-`, ErrPayloadJSON},
	{"plus", `+1`, ErrPayloadJSON},
	{"leading zero", `01`, ErrPayloadJSON},
	{"leading zero behind a minus", `-01`, ErrPayloadJSON},
	{"no digits before the point", `.5`, ErrPayloadJSON},
	{"no digits behind the point", `1.`, ErrPayloadJSON},
	{"no digits in the exponent", `1e`, ErrPayloadJSON},
	{"sign alone in the exponent", `1e+`, ErrPayloadJSON},
	{"hexadecimal", `0x10`, ErrPayloadJSON},
	{"open string", `"`, ErrPayloadJSON},
	{"open string behind an escape", `"\"`, ErrPayloadJSON},
	{"unknown escape", `"\v"`, ErrPayloadJSON},
	{"escape of a bad digit", `"\u00g0"`, ErrPayloadJSON},
	{"escape of a sign", `"\u+123"`, ErrPayloadJSON},
	{"backslash at the end", `"\`, ErrPayloadJSON},
	{"raw control character", "\"\x1f\"", ErrPayloadJSON},
	{"raw control character at the ninth place", "\"12345678\x1e\"", ErrPayloadJSON},
	{"open array", `[`, ErrPayloadJSON},
	{"array of a comma", `[,]`, ErrPayloadJSON},
	{"array with a comma at its end", `[1,]`, ErrPayloadJSON},
	{"array without comma", `[1 2]`, ErrPayloadJSON},
	{"array closed as an object", `[1}`, ErrPayloadJSON},
	{"closing alone", `]`, ErrPayloadJSON},
	{"closed twice", `[]]`, ErrPayloadJSON},
	{"open object", `{`, ErrPayloadJSON},
	{"object closed as an array", `{"a":1]`, ErrPayloadJSON},
	{"object without value", `{"a"}`, ErrPayloadJSON},
	{"object without a value behind the colon", `{"a":}`, ErrPayloadJSON},
	{"object with a comma at its end", `{"a":1,}`, ErrPayloadJSON},
	{"object without quotes", `{a:1}`, ErrPayloadJSON},
	{"object with a number for a key", `{1:1}`, ErrPayloadJSON},
	{"object in an array in an object", `{"a":[{"b":1]}`, ErrPayloadJSON},
	{"colon in an array", `["a":1]`, ErrPayloadJSON},
	{"comment", `[1/**/]`, ErrPayloadJSON},
	{"vertical tab as white space", "[\v1]", ErrPayloadJSON},
	{"byte order mark", "\ufeff[]", ErrPayloadJSON},
	{"513 arrays", strings.Repeat("[", 513) + strings.Repeat("]", 513), ErrPayloadDepth},
	{"513 objects", strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513), ErrPayloadDepth},
}

func TestValidateJSON(t *testing.T) {
	for _, row := range jsonRows {
		t.Run(row.name, func(t *testing.T) {
			value, _, err := validateJSON([]byte(row.text))
			if !errors.Is(err, row.err) {
				t.Fatalf("error %v, want %v", err, row.err)
			}
			if want := strings.Trim(row.text, " \t\r\n"); err == nil && string(value) != want {
				t.Fatalf("value %q, want %q", value, want)
			}
			if row.err != ErrPayloadDepth && slowValid([]byte(row.text)) != (err == nil) {
				t.Fatalf("encoding/json is of another mind about the row")
			}
		})
	}
}

func TestValidateJSONSpaced(t *testing.T) {
	rows := []struct {
		text    string
		spaced  bool
		compact string
	}{
		{`[1,{"a":" \" "}]`, false, `[1,{"a":" \" "}]`},
		{` 1`, true, `1`},
		{`1 `, true, `1`},
		{`[1, 2]`, true, `[1,2]`},
		{"{\"a\"\n:\t[ ]\r}", true, `{"a":[]}`},
		{`{"a" :"b c"}`, true, `{"a":"b c"}`},
	}
	for _, row := range rows {
		_, spaced, err := validateJSON([]byte(row.text))
		if err != nil || spaced != row.spaced {
			t.Errorf("%q: spaced %v, error %v", row.text, spaced, err)
		}
		if got := appendCompact(nil, []byte(row.text)); string(got) != row.compact {
			t.Errorf("%q: compact is %q, want %q", row.text, got, row.compact)
		}
	}
}

func FuzzValidateJSON(f *testing.F) {
	for _, row := range jsonRows {
		f.Add([]byte(row.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, spaced, err := validateJSON(text)
		if errors.Is(err, ErrPayloadDepth) {
			if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= JSONDepthMax {
				t.Fatalf("%q is not that deep", text)
			}
			return
		}
		if valid := slowValid(text); valid != (err == nil) {
			t.Fatalf("%q: error %v, encoding/json says %v", text, err, valid)
		}
		if err != nil {
			return
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			t.Fatal(err)
		}
		if got := appendCompact(nil, text); !bytes.Equal(got, compact.Bytes()) {
			t.Fatalf("%q: compact is %q, want %q", text, got, compact.Bytes())
		}
		if spaced != (compact.Len() < len(text)) {
			t.Fatalf("%q: spaced is %v", text, spaced)
		}
		if !bytes.Equal(value, bytes.Trim(text, " \t\r\n")) {
			t.Fatalf("%q: value %q", text, value)
		}
	})
}
