//go:build !race

package wsproto

import (
	"bytes"
	"testing"
)

// TestAllocations keeps the paths of every frame free of allocations, and those
// of every connection at what they need.
func TestAllocations(t *testing.T) {
	limits := &Limits{MessageBytesMax: MessageBytesMax, FragmentsMax: FragmentsMax}
	reader := NewReader(Server, limits)
	frames := wire("81 85 37fa213d 7f9f4d5158  82 fe 0400 01020304 61*1024  89 80 00000000  8a 80 00000000")
	in := bytes.Clone(frames)
	payload := bytes.Repeat([]byte("a"), 1024)
	dst := make([]byte, 0, 2048)
	buf := make([]byte, HeaderBytesMax+1024)
	bomb := wire("82 ff 0000010000000000 00000000")
	head := []byte(goodHead)
	for _, gate := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"whole frames", 0, func() {
			copy(in, frames)
			for rest := in; len(rest) > 0; {
				_, n, err := reader.Next(rest)
				if err != nil {
					panic(err)
				}
				rest = rest[n:]
			}
		}},
		{"a refused frame of 2^40 bytes", 0, func() { r := NewReader(Server, limits); mustFail(r.Next(bomb)) }},
		{"AppendFrame", 0, func() { AppendFrame(dst, OpText, payload) }},
		{"AppendMaskedFrame", 0, func() { AppendMaskedFrame(dst, OpText, [4]byte{1, 2, 3, 4}, payload) }},
		{"AppendHeader", 0, func() { AppendHeader(dst, OpText, true, 1<<20) }},
		{"PrependHeader", 0, func() { PrependHeader(buf, OpText) }},
		{"AppendClose", 0, func() { AppendClose(dst, CloseGoingAway, "bye") }},
		{"EchoClose", 0, func() { EchoClose(dst, payload[:2]) }},
		{"ParseClose", 0, func() { mustFail(ParseClose(payload)) }},
		{"HeadLen", 0, func() { mustHave(HeadLen(head)) }},
		{"Upgrade", 3, func() { mustHave2(Upgrade(dst, head, nil)) }},
		{"AppendUpgradeRequest", 0, func() { AppendUpgradeRequest(dst, "example.org", "/", sampleKey) }},
	} {
		if got := testing.AllocsPerRun(200, gate.run); got > gate.max {
			t.Errorf("%s allocates %v times, and may %v times", gate.name, got, gate.max)
		}
	}
}

// TestAllocationsOfPieces wants a message of 64 KiB that arrives byte by byte to
// cost what its doublings cost, not its pieces.
func TestAllocationsOfPieces(t *testing.T) {
	frame := wire("82 7f 0000000000010000 61*65536")
	got := testing.AllocsPerRun(5, func() {
		r := NewReader(Client, &testLimits)
		for i := range frame {
			if _, _, err := r.Next(frame[i : i+1]); err != nil {
				panic(err)
			}
		}
	})
	if got > 12 {
		t.Errorf("65,546 pieces allocate %v times", got)
	}
}

func mustFail[A, B any](_ A, _ B, err error) {
	if err == nil {
		panic("no error")
	}
}

func mustHave(n int, err error) {
	if n == 0 || err != nil {
		panic("no head")
	}
}

func mustHave2(b []byte, err error) {
	if len(b) == 0 || err != nil {
		panic(err)
	}
}
