package engineio

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// drain takes all packets of a body, and the error that ended it.
func drain(body []byte) (packets []Packet, err error) {
	p := NewPayload(body)
	for {
		packet, ok, err := p.Next()
		if !ok || err != nil {
			return packets, err
		}
		packets = append(packets, packet)
	}
}

func text(t PacketType, data string) Packet {
	return Packet{Type: t, Data: []byte(data)}
}

func binary(data string) Packet {
	return Packet{Type: Message, Data: []byte(data), Binary: true}
}

func TestPayloadNext(t *testing.T) {
	const s = "\x1e"
	pings := slices.Repeat([]Packet{text(Ping, "")}, PayloadPacketsMax)
	rows := []struct {
		name string
		body string
		want []Packet
		err  error
	}{
		{"one packet", "40", []Packet{text(Message, "0")}, nil},
		{"text and binary", "4hello" + s + "bAQI=", []Packet{text(Message, "hello"), binary("\x01\x02")}, nil},
		{"noop and close", "6" + s + "1", []Packet{text(Noop, ""), text(Close, "")}, nil},
		{"the packets of an upgrade", "2probe" + s + "5", []Packet{text(Ping, "probe"), text(Upgrade, "")}, nil},
		{"empty body", "", nil, ErrEmptyPacket},
		{"separator alone", s, nil, ErrEmptyPacket},
		{"separator first", s + "4a", nil, ErrEmptyPacket},
		{"separator last", "4a" + s, []Packet{text(Message, "a")}, ErrEmptyPacket},
		{"two separators", "4a" + s + s + "4b", []Packet{text(Message, "a")}, ErrEmptyPacket},
		{"bad type in the middle", "4a" + s + "abc" + s + "4b", []Packet{text(Message, "a")}, ErrUnknownType},
		{"bad base64 in the middle", "4a" + s + "b@" + s + "4b", []Packet{text(Message, "a")}, ErrBase64},
		{"the payload of Engine.IO 3", "2:42", []Packet{text(Ping, ":42")}, nil},
		{"as many packets as allowed", strings.Repeat("2"+s, PayloadPacketsMax-1) + "2", pings, nil},
		{"one packet more", strings.Repeat("2"+s, PayloadPacketsMax) + "2", pings, ErrPayloadPackets},
		{"a million separators", strings.Repeat(s, 1_000_000), nil, ErrEmptyPacket},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := drain([]byte(row.body))
			if !errors.Is(err, row.err) {
				t.Fatalf("error %v, want %v", err, row.err)
			}
			if len(got) != len(row.want) {
				t.Fatalf("%d packets, want %d", len(got), len(row.want))
			}
			for i := range got {
				if !samePacket(got[i], row.want[i]) {
					t.Fatalf("packet %d: %+v, want %+v", i, got[i], row.want[i])
				}
			}
		})
	}
}

// Each row of ParseText is one packet of a polling body, with the same result.
func TestPayloadOfOne(t *testing.T) {
	for _, row := range parseTextRows {
		p := NewPayload([]byte(row.text))
		got, ok, err := p.Next()
		if !errors.Is(err, row.err) || ok != (row.err == nil) || !samePacket(got, row.want) {
			t.Errorf("%s: got %+v, %v, %v", row.name, got, ok, err)
		}
	}
}

func TestPayloadErrorIsRepeated(t *testing.T) {
	p := NewPayload([]byte("9\x1e4a"))
	for range 3 {
		if _, ok, err := p.Next(); ok || !errors.Is(err, ErrUnknownType) {
			t.Fatalf("got ok %v and error %v, want %v each time", ok, err, ErrUnknownType)
		}
	}
}

func TestPayloadEndIsRepeated(t *testing.T) {
	p := NewPayload([]byte("4a"))
	if _, ok, err := p.Next(); !ok || err != nil {
		t.Fatalf("the packet: ok %v, error %v", ok, err)
	}
	for range 3 {
		if _, ok, err := p.Next(); ok || err != nil {
			t.Fatalf("behind the end: ok %v, error %v", ok, err)
		}
	}
}

func TestCheckText(t *testing.T) {
	rows := []struct {
		name, body string
		err        error
	}{
		{"ASCII and more", "4a\x1e4€\U0001F600", nil},
		{"a lone continuation byte", "4a\x1e4\x80", ErrPayloadText},
		{"a cut sequence", "4\xe2\x82", ErrPayloadText},
		{"an encoded surrogate", "4\xed\xa0\x80", ErrPayloadText},
		{"an overlong slash", "4\xc0\xaf", ErrPayloadText},
	}
	for _, row := range rows {
		if err := CheckText([]byte(row.body)); !errors.Is(err, row.err) {
			t.Errorf("%s: error %v, want %v", row.name, err, row.err)
		}
	}
}

func TestAppendPayload(t *testing.T) {
	rows := []struct {
		name    string
		packets []Packet
		want    string
		err     error
	}{
		{"none", nil, "", nil},
		{"one", []Packet{text(Message, "0")}, "40", nil},
		{"text and binary", []Packet{text(Message, "hello"), binary("\x01\x02"), text(Ping, "")}, "4hello\x1ebAQI=\x1e2", nil},
		{"binary that holds a separator", []Packet{binary("\x1e")}, "bHg==", nil},
		{"text that holds a separator", []Packet{text(Message, "a"), text(Message, "2[\"x\x1e42[\\\"admin\\\"]\"]")}, "", ErrSeparator},
		{"a type that is none", []Packet{text(Message, "a"), {Type: '7'}}, "", ErrUnknownType},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := AppendPayload([]byte("dst:"), row.packets...)
			if !errors.Is(err, row.err) || string(got) != "dst:"+row.want {
				t.Fatalf("got %q, error %v, want %q, error %v", got, err, "dst:"+row.want, row.err)
			}
		})
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte("4hello\x1ebAQI=\x1e2probe"))
	f.Add([]byte("6\x1e1"))
	f.Add([]byte("\x1e"))
	for _, row := range parseTextRows {
		f.Add([]byte(row.text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		got, err := drain(body)
		want, wantErr := slowPayload(body)
		if !errors.Is(err, wantErr) || len(got) != len(want) {
			t.Fatalf("%d packets and %v, want %d and %v", len(got), err, len(want), wantErr)
		}
		for i := range got {
			if !samePacket(got[i], want[i]) {
				t.Fatalf("packet %d: %+v, want %+v", i, got[i], want[i])
			}
		}
		if !bytes.Equal(body, kept) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			return
		}
		// Base64 and types have one form each, so a good body comes back as it was.
		if again, err := AppendPayload(nil, got...); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("written again: %q, %v", again, err)
		}
	})
}

// slowPayload is the obvious reading of a body: split it, then read each piece.
func slowPayload(body []byte) (packets []Packet, err error) {
	for i, piece := range bytes.Split(body, []byte{Separator}) {
		if i == PayloadPacketsMax {
			return packets, ErrPayloadPackets
		}
		p, err := ParseText(piece)
		if err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}
