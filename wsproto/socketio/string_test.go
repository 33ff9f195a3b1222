package socketio

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestPlainRun(t *testing.T) {
	for length := range 40 {
		for c := range 256 {
			text := bytes.Repeat([]byte("x"), length)
			for i := range text {
				text[i] = byte(c)
				if got, want := plainRun(text, 0), slowPlainRun(text, 0); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
				text[i] = 'x'
			}
		}
	}
}

func slowPlainRun(b []byte, i int) int {
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

func FuzzPlainRun(f *testing.F) {
	f.Add([]byte("hello, world\" \\ \x00 \x80\xff"), 0)
	f.Fuzz(func(t *testing.T, text []byte, from int) {
		if from < 0 || from > len(text) {
			return
		}
		if got, want := plainRun(text, from), slowPlainRun(text, from); got != want {
			t.Fatalf("%q from %d: %d, want %d", text, from, got, want)
		}
	})
}

var stringRows = []struct {
	name, text, quoted string
}{
	{"plain", `hello`, `"hello"`},
	{"empty", ``, `""`},
	{"quote and backslash", `a"b\c`, `"a\"b\\c"`},
	{"slash and HTML", `</script>&'`, `"</script>&'"`},
	{"short escapes", "\b\f\n\r\t", `"\b\f\n\r\t"`},
	{"long escapes", "\x00\x01\x0b\x1e\x1f", `"\u0000\u0001\u000b\u001e\u001f"`},
	{"DEL", "\x7f", "\"\x7f\""},
	{"UTF-8", "é€\U0001F600", "\"é€\U0001F600\""},
	{"line separators", "\u2028\u2029", "\"\u2028\u2029\""},
	{"replacement character", "\ufffd", "\"\ufffd\""},
}

func TestAppendString(t *testing.T) {
	for _, row := range stringRows {
		if got := appendString([]byte("dst:"), row.text); string(got) != "dst:"+row.quoted {
			t.Errorf("%s: got %s, want %s", row.name, got, "dst:"+row.quoted)
		}
	}
	broken := []struct{ name, text, quoted string }{
		{"bad byte", "a\xffb", "\"a\ufffdb\""},
		{"encoded surrogate", "\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},
		{"cut sequence and quote", "\xe2\x82\"", "\"\ufffd\ufffd\\\"\""},
	}
	for _, row := range broken {
		if got := appendString(nil, row.text); string(got) != row.quoted {
			t.Errorf("%s: got %q, want %q", row.name, got, row.quoted)
		}
	}
}

func TestUnquote(t *testing.T) {
	for _, row := range stringRows {
		if got := unquote([]byte(row.quoted)); string(got) != row.text {
			t.Errorf("%s: got %q, want %q", row.name, got, row.text)
		}
	}
	more := []struct{ quoted, want string }{
		{`"\/\u0041\u00e9\u20AC"`, "/Aé€"},
		{`"\ud83d\ude00"`, "\U0001F600"},
		{`"\uD83D\uDE00x"`, "\U0001F600x"},
		{`"\ud83d"`, "\ufffd"},
		{`"\ude00\ud83d"`, "\ufffd\ufffd"},
		{`"\ud83dx\ude00"`, "\ufffdx\ufffd"},
		{`"\ud83d\u0041"`, "\ufffdA"},
		{`"\ud83d\n"`, "\ufffd\n"},
		{`"\ud83d\ud83d\ude00"`, "\ufffd\U0001F600"},
	}
	for _, row := range more {
		if got := unquote([]byte(row.quoted)); string(got) != row.want {
			t.Errorf("%s: got %q, want %q", row.quoted, got, row.want)
		}
	}
	for _, bad := range []string{``, `"`, `x`, `"a`, `"a"b`, `"\"`, `"\u12"`, "\"\n\""} {
		if got := unquote([]byte(bad)); len(got) > 0 {
			t.Errorf("%q gave %q, want nothing", bad, got)
		}
	}
}

func FuzzString(f *testing.F) {
	for _, row := range stringRows {
		f.Add(row.text)
	}
	f.Add("\xff\x1e\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		quoted := appendString(nil, s)
		want := string([]rune(s)) // which turns each bad byte into U+FFFD
		if got := string(unquote(quoted)); got != want {
			t.Fatalf("%q came back as %q", s, got)
		}
		if !utf8.Valid(quoted) || !slowValid(quoted) {
			t.Fatalf("%q was written as %q", s, quoted)
		}
		if standard, err := json.Marshal(s); err != nil || string(unquote(standard)) != want {
			t.Fatalf("%q by encoding/json, %s, reads %q", s, standard, unquote(standard))
		}
	})
}
