//go:build !race

package msgpack

import (
	"errors"
	"testing"
	"time"

	"starling/wsproto/socketio"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	var parser Parser
	message := []byte(chatMessage)
	bad := []byte("\x82" + "\xa4type\x09" + "\xa3nsp\xa1/")
	p, err := parser.Parse(message, true)
	if err != nil {
		t.Fatal(err)
	}
	args := []any{"message", "hello", 3, 1.5, true, nil, []byte{1, 2}, []any{"a", 1}, time.Unix(0, 0)}
	header := socketio.Header{Type: socketio.Event, Namespace: "/chat", HasID: true, ID: 12, Offset: "Q8827hn"}
	number, float, flag := []byte("\xcd\x04\xd2"), []byte("\xca\x3f\x80\x00\x00"), []byte("\xc3")
	dst := make([]byte, 0, 4096)
	var i int
	var f float64
	var b bool

	rows := []struct {
		name string
		run  func()
	}{
		{"Parse", func() { _, _ = parser.Parse(message, true) }},
		{"Parse of a bad packet", func() { _, _ = parser.Parse(bad, true) }},
		{"Elements and Next", func() {
			values, n := parser.Elements(p.Data)
			for range n {
				_, values = parser.Next(values)
			}
		}},
		{"Bind of an int", func() { _ = parser.Bind(number, &i) }},
		{"Bind of a float", func() { _ = parser.Bind(float, &f) }},
		{"Bind of a bool", func() { _ = parser.Bind(flag, &b) }},
		{"AppendData", func() { _, _ = parser.AppendData(dst, socketio.Event, args) }},
		{"AppendPacket", func() { _ = parser.AppendPacket(dst, header, p.Data) }},
	}
	for _, row := range rows {
		if allocs := testing.AllocsPerRun(200, row.run); allocs != 0 {
			t.Errorf("%s: %v allocations a run, want none", row.name, allocs)
		}
	}
}

// What a message claims to hold costs nothing: neither when it is refused nor when it is
// decoded, where memory is in proportion to the bytes that are there.
func TestClaimsCostNothing(t *testing.T) {
	for _, message := range []string{
		"\xdf\xff\xff\xff\xff" + "\xa4type\x02",
		"\x81" + "\xa1x\xdd\xff\xff\xff\xff\x01",
		"\x81" + "\xa1x\xc6\xff\xff\xff\xff\x01",
		"\x81" + "\xa1x\xc9\xff\xff\xff\xff\x00\x01",
		"\x81" + "\xa1x\xdb\xff\xff\xff\xffa",
	} {
		b := []byte(message)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := (Parser{}).Parse(b, true); !errors.Is(err, ErrTruncated) {
				t.Errorf("%q: %v", message, err)
			}
		})
		if allocs != 0 {
			t.Errorf("%q: %v allocations, want none", message, allocs)
		}
	}
	empties := append([]byte("\xdc\x10\x00"), make([]byte, 4096)...) // 4,096 zeros
	var v []any
	if allocs := testing.AllocsPerRun(100, func() { _ = Parser{}.Bind(empties, &v) }); allocs > 2 {
		t.Errorf("an array of zeros: %v allocations, want one for the slice and one for its header", allocs)
	}
}
