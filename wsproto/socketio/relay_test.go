package socketio

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestAppendOffset(t *testing.T) {
	for _, tc := range []struct{ name, packet, want string }{
		{"an event alone", `2["tick"]`, `2["tick","AAAAAAAAAAAAAAAB"]`},
		{"arguments and a namespace", `2/chat,["m",{"a":[1]}]`, `2/chat,["m",{"a":[1]},"AAAAAAAAAAAAAAAB"]`},
		{"attachments", `51-["f",{"_placeholder":true,"num":0}]`, `51-["f",{"_placeholder":true,"num":0},"AAAAAAAAAAAAAAAB"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			prefix := "in front:"
			got := AppendOffset([]byte(prefix+tc.packet), "AAAAAAAAAAAAAAAB")
			if string(got) != prefix+tc.want {
				t.Errorf("AppendOffset = %s, want %s", got, prefix+tc.want)
			}
		})
	}
}

func TestDataOf(t *testing.T) {
	for _, tc := range []struct{ name, packet, want string }{
		{"an event", `2["tick",1]`, `["tick",1]`},
		{"with an id", `217["tick",1]`, `["tick",1]`},
		{"of a namespace", `2/chat,["tick"]`, `["tick"]`},
		{"of a namespace with digits, with an id", `2/a-1,5["tick"]`, `["tick"]`},
		{"of a namespace with a bracket", `2/a[1],["tick"]`, `["tick"]`},
		{"with attachments", `52-/chat,3["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, `["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`},
		{"an ack", `317[]`, `[]`},
		{"an ack with an attachment", `61-7[{"_placeholder":true,"num":0}]`, `[{"_placeholder":true,"num":0}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := DataOf([]byte(tc.packet)); string(got) != tc.want {
				t.Errorf("DataOf = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestAppendJSON(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value any
		want  string
		err   error
	}{
		{"nothing", nil, `null`, nil},
		{"a string to escape", "a\x1e\"", `"a\u001e\""`, nil},
		{"bytes", []byte{1, 2}, `"AQI="`, nil},
		{"bytes within", map[string]any{"b": []any{[]byte{3}}, "a": 1.5}, `{"a":1.5,"b":["Aw=="]}`, nil},
		{"raw with white space", Raw(` [ 1 , "a b" ] `), `[1,"a b"]`, nil},
		{"a struct", cafe{Name: "x", Data: []byte{1}}, `{"name":"x","data":"AQ=="}`, nil},
		{"bad raw", Raw(`{`), ``, ErrRaw},
		{"bad raw within", []any{1, Raw("\"\xff\"")}, ``, ErrRaw},
		{"no number", []any{math.NaN()}, ``, ErrEncode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := AppendJSON([]byte("dst:"), tc.value)
			if string(got) != "dst:"+tc.want || !errors.Is(err, tc.err) {
				t.Errorf("AppendJSON = %s, %v, want %s, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// FuzzRelay wants of each packet that is written the payload that Parse finds in it,
// and behind an offset all that was there and the offset.
func FuzzRelay(f *testing.F) {
	f.Add("/chat", "m", []byte(`{"a":[1]}`), []byte{1, 2}, uint64(7), uint8(0))
	f.Add("/a[1]", "2[", []byte(`"]"`), []byte(nil), uint64(1<<53-1), uint8(3))
	f.Add("", "", []byte(`[]`), []byte{}, uint64(0), uint8(2))
	f.Fuzz(func(t *testing.T, nsp, event string, raw, data []byte, id uint64, kind uint8) {
		args := []any{Raw(raw), data}
		var text []byte
		var err error
		if kind&1 == 0 {
			text, _, err = AppendEvent(nil, nsp, id, kind&2 != 0, event, args)
		} else {
			text, _, err = AppendAck(nil, nsp, id, args)
		}
		if err != nil {
			return
		}
		p, err := Parse(text, nil)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := DataOf(text); !bytes.Equal(got, p.Data) {
			t.Fatalf("%q: data %q, want %q", text, got, p.Data)
		}
		const offset = "BCDEFG~AAAAAAAAB"
		before := elements(SplitAck(p.Data))
		again, err := Parse(AppendOffset(bytes.Clone(text), offset), nil)
		if err != nil {
			t.Fatalf("%q with an offset: %v", text, err)
		}
		if got, want := strings.Join(elements(SplitAck(again.Data)), "\n"), strings.Join(append(before, `"`+offset+`"`), "\n"); got != want {
			t.Fatalf("%q with an offset: %q, want %q", text, got, want)
		}
		if again.Data = p.Data; !samePacket(again, p) {
			t.Fatalf("%q with an offset: %+v, want %+v", text, again, p)
		}
	})
}
