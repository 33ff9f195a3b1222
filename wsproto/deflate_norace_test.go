//go:build !race

package wsproto

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
)

// TestDeflateAllocations lets a compressed message cost its own memory and
// nothing else.
func TestDeflateAllocations(t *testing.T) {
	r := NewReader(Server, &Limits{MessageBytesMax: MessageBytesMax, FragmentsMax: FragmentsMax})
	r.EnableDeflate()
	text := eventText(1 << 10)
	frame := masked(AppendDeflatedFrame(nil, OpText, text))
	in, dst := bytes.Clone(frame), make([]byte, 0, 4096)
	next := func(pieces ...[]byte) {
		copy(in, frame)
		for _, piece := range pieces {
			if _, _, err := r.Next(piece); err != nil {
				panic(err)
			}
		}
	}
	offers := []byte(adding(extensions("permessage-deflate; client_max_window_bits")...))
	for _, gate := range []struct {
		name string
		max  float64
		run  func()
	}{
		{"a whole frame", 1, func() { next(in) }},
		{"a frame in halves", 3, func() { next(in[:len(in)/2], in[len(in)/2:]) }},
		{"AppendDeflatedFrame", 0, func() { AppendDeflatedFrame(dst, OpText, text) }},
		{"AppendDeflatedFrame for a frame of its own", 1, func() { AppendDeflatedFrame(nil, OpText, text) }},
		{"Upgrade", 3, func() { mustHave2(Upgrade(dst, offers, nil)) }},
		{"Upgrade with AcceptDeflate", 4, func() { mustHave2(Upgrade(dst, offers, acceptDeflate)) }},
	} {
		if got := testing.AllocsPerRun(200, gate.run); got > gate.max {
			t.Errorf("%s allocates %v times, and may %v times", gate.name, got, gate.max)
		}
	}
}

// TestInflateMemory counts all that is allocated for a message, and not only what
// is held at one time: never more than about twice the limit, nor much more than
// what the message has come to, for however few bytes, and nothing for tables.
func TestInflateMemory(t *testing.T) {
	z := newInflater()
	z.inflate(wire(twoTables+" 00"), 0) // makes its tables
	for _, row := range []struct {
		name, payload string
		most          int
		want          ProtocolError
	}{
		{"all that is allowed, of 985 bytes", fmt.Sprintf(zeros, 968), 1_000_000, 0},
		{"1 GB of 1 MB", fmt.Sprintf(zeros, 999_983), 1_000_000, ErrMessageTooBig},
		{"1 MB of 1 KB", fmt.Sprintf(zeros, 969), 1_000_000, ErrMessageTooBig},
		{"1 MB of 1 KB, where half is allowed", fmt.Sprintf(zeros, 969), 500_000, ErrMessageTooBig},
		{"1 MB of 1 KB, where little is allowed", fmt.Sprintf(zeros, 969), 10_000, ErrMessageTooBig},
		{"1 MB of 985 bytes, where 1 TB is allowed", fmt.Sprintf(zeros, 968), 1 << 40, 0},
		{"as much as it was", "00ffff0000 61*65535 00", 100_000, 0},
		{"tables and nothing", twoTables + "*10000 00", 1_000_000, 0},
	} {
		payload := wire(row.payload)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, fault := z.inflate(payload, row.most)
		runtime.ReadMemStats(&after)
		took := int(after.TotalAlloc - before.TotalAlloc)
		if fault != row.want || took > min(2*row.most, 5_000_000)+16<<10 {
			t.Errorf("%s: %d bytes are allocated, where %d are allowed, and %v", row.name, took, row.most, fault)
		}
	}
}

// TestPooledMemory counts what the pools keep of each kind, with its largest
// tables.
func TestPooledMemory(t *testing.T) {
	for _, row := range []struct {
		name  string
		bytes int
		run   func()
	}{
		{"a decompressor", 64 << 10, func() { newInflater().inflate(wire(twoTables+" 00"), 0) }},
		{"a compressor", 900_000, func() { deflaters.New().(*deflater).deflate(eventText(1 << 10)) }},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		row.run()
		runtime.ReadMemStats(&after)
		if took := int(after.TotalAlloc - before.TotalAlloc); took > row.bytes {
			t.Errorf("%s takes %d bytes", row.name, took)
		}
	}
}
