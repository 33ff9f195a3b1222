package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// message is one thing that a peer sends: text, or binary if it begins with "bin:".
type message string

func (m message) addTo(d *Decoder) (Packet, bool, error) {
	if data, binary := strings.CutPrefix(string(m), "bin:"); binary {
		return d.AddBinary([]byte(data))
	}
	return d.Add([]byte(m))
}

const onePlaceholder = `51-["x",{"_placeholder":true,"num":0}]`

func TestDecoder(t *testing.T) {
	rows := []struct {
		name     string
		messages []message // of which all but the last must be taken, none complete
		want     Packet
	}{
		{"text alone", []message{`2["hello",1]`}, Packet{Type: Event, Namespace: []byte("/"), Data: []byte(`["hello",1]`)}},
		{
			"one attachment",
			[]message{onePlaceholder, "bin:\x01\x02"},
			Packet{
				Type: BinaryEvent, Namespace: []byte("/"), Attachments: 1,
				Data: []byte(`["x",{"_placeholder":true,"num":0}]`), Buffers: [][]byte{{1, 2}},
			},
		},
		{
			"two attachments, as the reference sends them",
			[]message{`52-["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]`, "bin:\x01\x02", "bin:\x03"},
			Packet{
				Type: BinaryEvent, Namespace: []byte("/"), Attachments: 2,
				Data:    []byte(`["bin",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]`),
				Buffers: [][]byte{{1, 2}, {3}},
			},
		},
		{
			"ack in a namespace",
			[]message{`61-/admin,7[{"_placeholder":true,"num":0}]`, "bin:"},
			Packet{
				Type: BinaryAck, Namespace: []byte("/admin"), HasID: true, ID: 7, Attachments: 1,
				Data: []byte(`[{"_placeholder":true,"num":0}]`), Buffers: [][]byte{{}},
			},
		},
		{
			"attachment that no placeholder names",
			[]message{`51-["ackme"]`, "bin:\x09"},
			Packet{Type: BinaryEvent, Namespace: []byte("/"), Attachments: 1, Data: []byte(`["ackme"]`), Buffers: [][]byte{{9}}},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var d Decoder
			last := len(row.messages) - 1
			for i, m := range row.messages[:last] {
				if _, ready, err := m.addTo(&d); ready || err != nil || d.Waiting() != last-i {
					t.Fatalf("message %d: ready %v, error %v, waiting for %d", i, ready, err, d.Waiting())
				}
			}
			got, ready, err := row.messages[last].addTo(&d)
			if !ready || err != nil || d.Waiting() != 0 {
				t.Fatalf("the last: ready %v, error %v, waiting for %d", ready, err, d.Waiting())
			}
			if !samePacket(got, row.want) {
				t.Fatalf("got %+v\nwant %+v", got, row.want)
			}
		})
	}
}

func TestDecoderRefuses(t *testing.T) {
	small := &Limits{BytesMax: len(onePlaceholder) + 4}
	rows := []struct {
		name     string
		limits   *Limits
		messages []message // of which the last is refused
		err      error
	}{
		{"text while an attachment is awaited", nil, []message{onePlaceholder, `2["y"]`}, ErrTextUnexpected},
		{"text between attachments", nil, []message{`52-["x"]`, "bin:1", `2["y"]`}, ErrTextUnexpected},
		{"header between attachments", nil, []message{`52-["x"]`, "bin:1", onePlaceholder}, ErrTextUnexpected},
		{"binary first", nil, []message{"bin:\x01"}, ErrBinaryUnexpected},
		{"binary behind a text packet", nil, []message{`2["y"]`, "bin:\x01"}, ErrBinaryUnexpected},
		{"one attachment too many", nil, []message{onePlaceholder, "bin:1", "bin:2"}, ErrBinaryUnexpected},
		{"bad text", nil, []message{`9`}, ErrUnknownType},
		{"binary header of bad JSON", nil, []message{`51-["x"`}, ErrPayloadJSON},
		{"too many attachments", &Limits{AttachmentsMax: 2}, []message{`53-["x"]`}, ErrTooManyAttachments},

		{"text above the limit", small, []message{message(`2["` + strings.Repeat("a", len(onePlaceholder)) + `"]`)}, ErrPacketBytes},
		{"attachment above the limit", small, []message{onePlaceholder, "bin:12345"}, ErrPacketBytes},
		{"attachments above the limit together", &Limits{BytesMax: 12}, []message{`53-["x"]`, "bin:1", "bin:2", "bin:345"}, ErrPacketBytes},
		{"text above the default limit", nil, []message{message(`2["` + strings.Repeat("a", PacketBytesMax-4) + `"]`)}, ErrPacketBytes},

		{"placeholder of splice", nil, []message{`51-["hello",{"_placeholder":true,"num":"splice"}]`}, ErrPlaceholder},
		{"placeholder out of range", nil, []message{`51-["x",{"_placeholder":true,"num":5}]`}, ErrPlaceholder},
		{"placeholder just out of range", nil, []message{`51-["x",{"_placeholder":true,"num":1}]`}, ErrPlaceholder},
		{"negative placeholder", nil, []message{`51-["x",{"_placeholder":true,"num":-1}]`}, ErrPlaceholder},
		{"placeholder of minus zero", nil, []message{`51-["x",{"_placeholder":true,"num":-0}]`}, ErrPlaceholder},
		{"half a placeholder", nil, []message{`51-["x",{"_placeholder":true,"num":0.5}]`}, ErrPlaceholder},
		{"placeholder with an exponent", nil, []message{`51-["x",{"_placeholder":true,"num":1e9}]`}, ErrPlaceholder},
		{"placeholder of 2^32", nil, []message{`51-["x",{"_placeholder":true,"num":4294967296}]`}, ErrPlaceholder},
		{"placeholder of 2^64", nil, []message{`51-["x",{"_placeholder":true,"num":18446744073709551616}]`}, ErrPlaceholder},
		{"placeholder of null", nil, []message{`51-["x",{"_placeholder":true,"num":null}]`}, ErrPlaceholder},
		{"placeholder of an array", nil, []message{`51-["x",{"_placeholder":true,"num":[0]}]`}, ErrPlaceholder},
		{"placeholder without num", nil, []message{`51-["x",{"_placeholder":true}]`}, ErrPlaceholder},
		{"placeholder of text", nil, []message{`51-["x",{"_placeholder":"true","num":0}]`}, ErrPlaceholder},
		{"placeholder of false", nil, []message{`51-["x",{"_placeholder":false,"num":0}]`}, ErrPlaceholder},
		{"placeholder with another member", nil, []message{`51-["x",{"_placeholder":true,"num":0,"x":1}]`}, ErrPlaceholder},
		{"placeholder behind another member", nil, []message{`51-["x",{"x":1,"_placeholder":true,"num":0}]`}, ErrPlaceholder},
		{"placeholder with two nums", nil, []message{`51-["x",{"num":7,"num":0,"_placeholder":true}]`}, ErrPlaceholder},
		{"placeholder twice over", nil, []message{`51-["x",{"_placeholder":true,"_placeholder":true}]`}, ErrPlaceholder},
		{"placeholder in a placeholder", nil, []message{`51-["x",{"_placeholder":true,"num":{"_placeholder":true,"num":0}}]`}, ErrPlaceholder},
		{"bad placeholder behind a good one", nil, []message{`51-["x",{"_placeholder":true,"num":0},[{"a":{"_placeholder":true,"num":1}}]]`}, ErrPlaceholder},
		{"placeholder with an escaped key", nil, []message{`51-["x",{"\u005fplaceholder":true,"num":9}]`}, ErrPlaceholder},
		{"placeholder of all escapes", nil, []message{`51-["x",{"\u005f\u0070\u006c\u0061\u0063\u0065\u0068\u006f\u006c\u0064\u0065\u0072":true}]`}, ErrPlaceholder},
		{"one attachment in two places", nil, []message{`52-["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":1}]]`}, ErrPlaceholder},
		{"one attachment in a thousand places", nil, []message{message(`51-["x"` + strings.Repeat(`,{"_placeholder":true,"num":0}`, 1000) + `]`)}, ErrPlaceholder},
		{"placeholder of an ack", nil, []message{`61-7[{"_placeholder":true,"num":1}]`}, ErrPlaceholder},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := NewDecoder(row.limits)
			last := len(row.messages) - 1
			for i, m := range row.messages[:last] {
				if _, _, err := m.addTo(&d); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			p, ready, err := row.messages[last].addTo(&d)
			if !errors.Is(err, row.err) || ready || !samePacket(p, Packet{}) {
				t.Fatalf("the last: packet %+v, ready %v, error %v, want %v", p, ready, err, row.err)
			}
			if d.Waiting() != 0 {
				t.Fatal("the decoder still waits")
			}
		})
	}
}

// Objects that only look like placeholders are data in a packet with attachments,
// and everything is data in a packet without.
func TestPlaceholderLookalikes(t *testing.T) {
	for _, text := range []string{
		`51-["x",{"placeholder":true,"num":7}]`,
		`51-["_placeholder",true,"num",7]`,
		`51-["x",{"a":"_placeholder","num":7}]`,
		`51-["x",{"num":7}]`,
		`51-["x",{"num":7,"a":1}]`,
		`51-["x",{"_Placeholder":true,"num":7}]`,
		`51-["x","{\"_placeholder\":true,\"num\":7}"]`,
		`51-["x",{"num" : 0 , "_placeholder" : true }]`,
		`51-["x",{"\u005fplaceholder":true,"n\u0075m":0}]`,
	} {
		var d Decoder
		if _, _, err := d.Add([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	var d Decoder
	if _, ready, err := d.Add([]byte(`2["x",{"_placeholder":true,"num":"splice"}]`)); !ready || err != nil {
		t.Errorf("an EVENT with a placeholder in it: ready %v, error %v", ready, err)
	}
}

// TestDecoderLimitsAreExact takes a packet of exactly as many bytes as allowed.
func TestDecoderLimitsAreExact(t *testing.T) {
	d := NewDecoder(&Limits{BytesMax: len(onePlaceholder) + 4})
	if _, _, err := d.Add([]byte(onePlaceholder)); err != nil {
		t.Fatal(err)
	}
	if _, ready, err := d.AddBinary([]byte("1234")); !ready || err != nil {
		t.Fatalf("ready %v, error %v", ready, err)
	}
}

func TestDecoderHeaderCanBeRefused(t *testing.T) {
	var d Decoder
	text := []byte(`51-/nope,3["a",{"_placeholder":true,"num":0}]`)
	p, ready, err := d.Add(text)
	clear(text)
	want := Packet{
		Type: BinaryEvent, Namespace: []byte("/nope"), HasID: true, ID: 3, Attachments: 1,
		Data: []byte(`["a",{"_placeholder":true,"num":0}]`),
	}
	if ready || err != nil || !samePacket(p, want) {
		t.Fatalf("header %+v, ready %v, error %v", p, ready, err)
	}
}

func TestDecoderOwnership(t *testing.T) {
	var d Decoder
	text := []byte(`2["hello"]`)
	p, _, _ := d.Add(text)
	text[3] = 'J'
	if string(p.Data) != `["Jello"]` {
		t.Errorf("a text packet's data %s does not alias the input", p.Data)
	}

	text, data := []byte(`51-/a,["x",{"_placeholder":true,"num":0}]`), []byte("attachment")
	if _, _, err := d.Add(text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	p, _, _ = d.AddBinary(data)
	clear(data)
	if string(p.Namespace) != "/a" || string(p.Data) != `["x",{"_placeholder":true,"num":0}]` || string(p.Buffers[0]) != "attachment" {
		t.Errorf("a joined packet changed with the input: %q %q %q", p.Namespace, p.Data, p.Buffers)
	}
}

// A decoder goes on after an error as if new: it keeps nothing of the bad packet.
func TestDecoderAfterError(t *testing.T) {
	var d Decoder
	_, _, _ = d.Add([]byte(onePlaceholder))
	if _, _, err := d.Add([]byte(`2["y"]`)); !errors.Is(err, ErrTextUnexpected) {
		t.Fatal(err)
	}
	if _, ready, err := d.Add([]byte(`2["y"]`)); !ready || err != nil {
		t.Fatalf("ready %v, error %v", ready, err)
	}
}

// A session costs 16 bytes of decoder while it waits for nothing.
func TestDecoderSize(t *testing.T) {
	if size := unsafe.Sizeof(Decoder{}); size > 16 {
		t.Errorf("a Decoder takes %d bytes, want at most 16", size)
	}
}

// FuzzDecoder takes the fuzzer's bytes as a sequence of messages and compares the
// decoder with one that collects everything first.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte(onePlaceholder+"\x00b12\x002[\"y\"]"), uint8(40))
	f.Add([]byte(`52-["x",{"a":[{"num":1,"_placeholder":true}]}]`+"\x00b\x00b1"), uint8(200))
	f.Add([]byte(onePlaceholder+"\x002[\"y\"]"), uint8(0))
	f.Add([]byte("b1"), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, bytesMax uint8) {
		limits := &Limits{AttachmentsMax: 3, BytesMax: int(bytesMax)}
		d, slow := NewDecoder(limits), slowDecoder{limits: limits}
		for i, m := range bytes.Split(stream, []byte{0}) {
			add, slowAdd := d.Add, slow.add
			if len(m) > 0 && m[0] == 'b' {
				m, add, slowAdd = m[1:], d.AddBinary, slow.addBinary
			}
			want, wantReady, wantErr := slowAdd(m)
			got, ready, err := add(bytes.Clone(m))
			if ready != wantReady || (err == nil) != (wantErr == nil) {
				t.Fatalf("message %d %q: ready %v, error %v, want %v, %v", i, m, ready, err, wantReady, wantErr)
			}
			if ready && !samePacket(got, want) {
				t.Fatalf("message %d %q: %+v, want %+v", i, m, got, want)
			}
			if d.Waiting() > limits.AttachmentsMax {
				t.Fatalf("waiting for %d", d.Waiting())
			}
			if ready {
				checkBound(t, got)
			}
			if err != nil {
				return
			}
		}
	})
}

// checkBound wants every argument of a complete packet to find its attachments.
func checkBound(t *testing.T, p Packet) {
	t.Helper()
	if p.Data == nil || p.Data[0] != '[' {
		return
	}
	args := SplitAck(p.Data)
	for elem, ok := args.Next(); ok; elem, ok = args.Next() {
		var v any
		if err := Bind(elem, p.Buffers, &v); errors.Is(err, ErrPlaceholder) {
			t.Fatalf("%+v: argument %q does not find its attachment", p, elem)
		}
	}
}

// slowDecoder keeps all messages of a packet and looks at them when the last is there.
type slowDecoder struct {
	limits *Limits
	kept   [][]byte
}

func (d *slowDecoder) add(text []byte) (Packet, bool, error) {
	if len(d.kept) > 0 {
		return Packet{}, false, errors.New("text while waiting")
	}
	p, err := Parse(text, d.limits)
	if err == nil && len(text) > d.limits.bytesMax() {
		err = errors.New("too long")
	}
	if err == nil && p.Attachments > 0 {
		d.kept = [][]byte{text}
		err = slowPlaceholders(p.Data, p.Attachments)
	}
	return p, p.Attachments == 0 && err == nil, err
}

func (d *slowDecoder) addBinary(b []byte) (Packet, bool, error) {
	if len(d.kept) == 0 {
		return Packet{}, false, errors.New("binary while not waiting")
	}
	d.kept = append(d.kept, b)
	if len(bytes.Join(d.kept, nil)) > d.limits.bytesMax() {
		return Packet{}, false, errors.New("too long")
	}
	p, err := Parse(d.kept[0], d.limits)
	if err != nil || len(d.kept) <= p.Attachments {
		return Packet{}, false, err
	}
	p.Buffers, d.kept = d.kept[1:], nil
	return p, true, nil
}

// slowPlaceholders checks a payload by decoding all of it. It keeps every member of
// every object, so that it sees duplicates too.
func slowPlaceholders(data []byte, attachments int) error {
	v, err := newMembersDecoder(data).value()
	if err != nil {
		return err
	}
	named := map[int]bool{}
	for open := []any{v}; len(open) > 0; {
		v, open = open[len(open)-1], open[:len(open)-1]
		switch v := v.(type) {
		case []any:
			open = append(open, v...)
		case members:
			if !v.has(placeholderKey) {
				open = append(open, v.values()...)
				continue
			}
			num, ok := v.placeholder()
			if !ok || num >= attachments || named[num] {
				return fmt.Errorf("bad placeholder %v", v)
			}
			named[num] = true
		}
	}
	return nil
}
