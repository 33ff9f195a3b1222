package wsproto

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/gobwas/ws"
)

// slowReader is the obvious twin of Reader: it has the whole input before it,
// copies everything, and leaves the header to ws.ReadHeader.
type slowReader struct {
	role       Role
	limits     Limits
	deflate    bool
	op         Opcode
	compressed bool
	fragments  int
	message    []byte
	got        []string
}

// read returns the rule that wire breaks, or 0.
func (r *slowReader) read(wire []byte) ProtocolError {
	src := bytes.NewReader(wire)
	for {
		before := src.Len()
		h, err := ws.ReadHeader(src)
		switch {
		case err == ws.ErrHeaderLengthMSB:
			return ErrLengthTopBit
		case err != nil: // the header is cut
			return 0
		case before-src.Len() != ws.HeaderSize(h):
			return ErrLengthNotMinimal
		}
		if fault := r.checkHeader(h); fault != 0 {
			return fault
		}
		payload := make([]byte, min(h.Length, int64(src.Len())))
		must(io.ReadFull(src, payload))
		for i := range payload {
			payload[i] ^= h.Mask[i%4]
		}
		whole := int64(len(payload)) == h.Length
		if fault := r.take(h, payload, whole); fault != 0 {
			return fault
		}
		if !whole || whole && h.OpCode == ws.OpClose {
			return 0
		}
	}
}

func (r *slowReader) checkHeader(h ws.Header) ProtocolError {
	op := Opcode(h.OpCode)
	if r.deflate && h.Rsv == ws.Rsv(true, false, false) && (op == OpText || op == OpBinary) {
		h.Rsv = 0
	}
	switch {
	case !slices.Contains([]Opcode{OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong}, op):
		return ErrReservedOpcode
	case op.IsControl() && h.Length > 125:
		return ErrControlTooLong
	case op.IsControl() && !h.Fin:
		return ErrControlFragmented
	case h.Rsv != 0:
		return ErrReservedBits
	case r.role == Server && !h.Masked:
		return ErrMaskMissing
	case r.role == Client && h.Masked:
		return ErrMaskUnexpected
	case op.IsControl():
		return 0
	case r.fragments > 0 && op != OpContinuation:
		return ErrContinuationExpected
	case r.fragments == 0 && op == OpContinuation:
		return ErrContinuationOrphan
	case h.Length > int64(r.limits.MessageBytesMax-len(r.message)):
		return ErrMessageTooBig
	case r.fragments+1 > r.limits.FragmentsMax && (r.fragments > 0 || !h.Fin):
		return ErrTooManyFragments
	}
	return 0
}

func (r *slowReader) take(h ws.Header, payload []byte, whole bool) ProtocolError {
	op := Opcode(h.OpCode)
	if op.IsControl() {
		if !whole {
			return 0
		}
		r.got = append(r.got, Message{op, payload}.String())
		if op == OpClose {
			_, _, fault := parseClose(payload)
			if fault != 0 {
				r.got = r.got[:len(r.got)-1]
			}
			return fault
		}
		return 0
	}
	if op != OpContinuation {
		r.op, r.compressed = op, h.Rsv != 0
	}
	r.message = append(r.message, payload...)
	r.fragments++
	ended := h.Fin && whole
	if r.compressed {
		if !ended {
			return 0
		}
		var ok bool
		if r.message, ok = slowInflate(r.message); !ok {
			return ErrDeflate
		}
		if len(r.message) > r.limits.MessageBytesMax {
			return ErrMessageTooBig
		}
	}
	if n, ok := slowWhole(r.message); r.op == OpText && (!ok || ended && n < len(r.message)) {
		return ErrTextNotUTF8
	}
	if ended {
		r.got = append(r.got, Message{r.op, r.message}.String())
		r.op, r.message, r.fragments = None, nil, 0
	}
	return 0
}

// fuzzLimits are small enough for a fuzzer to reach.
var fuzzLimits = Limits{MessageBytesMax: 400, FragmentsMax: 5}

// cutBy cuts b into pieces whose lengths are the bytes of cuts, and what is left.
func cutBy(b, cuts []byte) [][]byte {
	var pieces [][]byte
	for _, cut := range cuts {
		n := min(int(cut), len(b))
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return append(pieces, b)
}

// FuzzReader reads the same bytes whole, byte by byte, cut as the fuzzer likes,
// and with the obvious twin, and wants one outcome.
func FuzzReader(f *testing.F) {
	for i, row := range readerRows {
		if in := wire(row.in); len(in) < 512 {
			f.Add(row.role == Client, []byte{1, 2, byte(i)}, in)
		}
	}
	f.Fuzz(func(t *testing.T, client bool, cuts, in []byte) {
		fuzzReader(t, client, false, cuts, in)
	})
}

// FuzzReaderDeflate does the same with compression agreed on.
func FuzzReaderDeflate(f *testing.F) {
	for i, row := range append(readerRows, deflateRows...) {
		if in := wire(row.in); len(in) < 512 {
			f.Add(row.role == Client, []byte{1, 2, byte(i)}, in)
		}
	}
	f.Fuzz(func(t *testing.T, client bool, cuts, in []byte) {
		fuzzReader(t, client, true, cuts, in)
	})
}

func fuzzReader(t *testing.T, client, deflate bool, cuts, in []byte) {
	role := Server
	if client {
		role = Client
	}
	slow := slowReader{role: role, limits: fuzzLimits, deflate: deflate}
	fault := slow.read(in)
	var outcome error
	for i, pieces := range [][][]byte{{in}, bytewise(in), cutBy(in, cuts)} {
		r := NewReader(role, &fuzzLimits)
		if deflate {
			r.EnableDeflate()
		}
		got, err := feed(t, &r, pieces...)
		if i == 0 {
			outcome = err
		}
		// What is both too much and corrupt the twin looks at as a whole.
		same := err == fault.asError() || fault == ErrDeflate && err == ErrMessageTooBig
		if !slices.Equal(got, slow.got) || !same || err != outcome {
			t.Fatalf("in %d pieces got %q, %v; want %q, %v", len(pieces), got, err, slow.got, fault)
		}
	}
}

// FuzzAppendFrame reads our frames with ws.ReadHeader, and with our own Reader.
func FuzzAppendFrame(f *testing.F) {
	f.Add([]byte("before"), true, uint32(0x37fa213d), []byte("Hello"))
	f.Add([]byte{}, false, uint32(0), bytes.Repeat([]byte("a"), 126))
	f.Add([]byte{}, true, uint32(1), bytes.Repeat([]byte("a"), 65536))
	f.Fuzz(func(t *testing.T, dst []byte, client bool, key uint32, payload []byte) {
		before, plain := bytes.Clone(dst), bytes.Clone(payload)
		mask := [4]byte{byte(key >> 24), byte(key >> 16), byte(key >> 8), byte(key)}
		dst = slices.Clip(dst) // what the fuzzer gives us may have the payload behind it
		framed, role := AppendFrame(dst, OpBinary, payload), Client
		if client {
			framed, role = AppendMaskedFrame(dst, OpBinary, mask, payload), Server
		}
		if !bytes.HasPrefix(framed, before) || !bytes.Equal(payload, plain) {
			t.Fatal("what was there has changed")
		}
		src := bytes.NewReader(framed[len(dst):])
		h := must(ws.ReadHeader(src))
		theirs := slowMask(must(io.ReadAll(src)), h.Mask, 0)
		if h.Masked != client || !h.Fin || h.Rsv != 0 || h.OpCode != ws.OpBinary || !bytes.Equal(theirs, plain) {
			t.Fatalf("ws reads %+v and % x", h, theirs)
		}
		r := NewReader(role, &Limits{MessageBytesMax: len(payload)})
		m, n, err := r.Next(framed[len(dst):])
		if err != nil || n != len(framed)-len(dst) || m.Op != OpBinary || !bytes.Equal(m.Payload, plain) {
			t.Fatalf("the Reader makes %q, %d, %v of it", m, n, err)
		}
	})
}
