package scenario

import (
	"testing"

	"starling/bench/internal/ledger"
)

func TestCentrifugeCommands(t *testing.T) {
	stamp := ledger.Stamp{Run: 0xabc, Room: 7, Seq: 12, SentNs: 0x1234}
	text := string(stamp.Append(nil)) // its form is the ledger's affair
	one := &centrifugeWire{padding: []byte("..."), method: "echo"}
	many := &centrifugeWire{method: "a\"b", rooms: true}
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		{"join", one.appendJoin(nil, 0), `{"id":2,"subscribe":{"channel":"flood"}}`},
		{"join one of many", many.appendJoin(nil, 12), `{"id":2,"subscribe":{"channel":"flood-12"}}`},
		{"leave", many.appendLeave(nil, 12), `{"id":3,"unsubscribe":{"channel":"flood-12"}}`},
		{"publish", one.appendPublish(nil, stamp), `{"id":16,"publish":{"channel":"flood","data":"` + text + `..."}}`},
		{"publish to one of many", many.appendPublish(nil, stamp), `{"id":16,"publish":{"channel":"flood-7","data":"` + text + `"}}`},
		{"echo", one.appendEcho(nil, stamp), `{"id":16,"rpc":{"method":"echo","data":"` + text + `..."}}`},
		{"echo by another name", many.appendEcho([]byte("x"), stamp), `x{"id":16,"rpc":{"method":"a\"b","data":"` + text + `"}}`},
	} {
		if string(tc.got) != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, tc.got, tc.want)
		}
	}
}

func TestCentrifugeReplies(t *testing.T) {
	w := &centrifugeWire{}
	for _, tc := range []struct {
		message string
		kind    kind
	}{
		{`{"push":{"channel":"flood","pub":{"data":"x"}}}`, delivery},
		{`{"id":2,"subscribe":{}}`, joined},
		{`{"id":3,"unsubscribe":{}}`, left},
		{`{"id":12345678,"rpc":{"data":"x"}}`, echoed},
		{`{"id":4,"publish":{}}`, other},
		{`{"id":2,"error":{"code":105,"message":"already subscribed"}}`, other},
		{`{"id":2`, other},
		{`{}`, other},
		{``, other},
	} {
		if got := w.kind([]byte(tc.message)); got != tc.kind {
			t.Errorf("%s is %d, want %d", tc.message, got, tc.kind)
		}
	}
}

func TestCentrifugeAnswers(t *testing.T) {
	w := &centrifugeWire{}
	for _, tc := range []struct {
		message string
		seq     uint32
		want    bool
	}{
		{`{"id":4,"rpc":{}}`, 0, true},
		{`{"id":16,"rpc":{}}`, 12, true},
		{`{"id":16,"rpc":{}}`, 16, false},
		{`{"id":4294967299,"rpc":{}}`, 1<<32 - 1, true},
		{`{"id":,"rpc":{}}`, 0, false},
		{`{"push":{}}`, 0, false},
	} {
		if got := w.answers([]byte(tc.message), tc.seq); got != tc.want {
			t.Errorf("%s answers %d: %v", tc.message, tc.seq, got)
		}
	}
}
