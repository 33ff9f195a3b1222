package wsproto

import (
	"bytes"
	"testing"

	"starling/internal/starlingtest"
)

// wire reads a picture of bytes.
func wire(picture string) []byte { return starlingtest.Wire(picture) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// kinds is how the tables write the opcode of a message.
var kinds = map[Opcode]string{OpText: "text", OpBinary: "binary", OpClose: "close", OpPing: "ping", OpPong: "pong"}

// String is a message as the tables write it: its kind and its payload.
func (m Message) String() string { return kinds[m.Op] + " " + string(m.Payload) }

// feed gives chunks to r as a loop does, each in a buffer that is used again,
// and returns what r made of them. It holds r to its promises about buffers:
// what was not taken is untouched, what was taken is overwritten here and never
// missed, and what r holds is bounded by what has arrived.
func feed(t testing.TB, r *Reader, chunks ...[]byte) (got []string, err error) {
	t.Helper()
	arrived := 0
	for _, chunk := range chunks {
		arrived += len(chunk)
		in := bytes.Clone(chunk)
		for len(in) > 0 {
			m, n, err := r.Next(in)
			if err != nil {
				checkFailed(t, r, m, n, err)
				return got, err
			}
			if m.Op == None && n != len(in) {
				t.Fatalf("Next took %d of %d bytes and made nothing of them", n, len(in))
			}
			if m.Op != None {
				got = append(got, m.String())
			}
			for i := range in[:n] {
				in[i] = 0xCC
			}
			in = in[n:]
			if !bytes.Equal(in, chunk[len(chunk)-len(in):]) {
				t.Fatalf("Next changed bytes that it did not take")
			}
			if held := r.HeldBytes(); held > 2*(arrived+accumulatorBytesMin) {
				t.Fatalf("%d bytes are held of %d that arrived", held, arrived)
			}
		}
	}
	return got, nil
}

// checkFailed holds a Reader that has failed to its promise to stay so.
func checkFailed(t testing.TB, r *Reader, m Message, n int, err error) {
	t.Helper()
	if m.Op != None || n != 0 || r.HeldBytes() != 0 {
		t.Fatalf("with its error Next returned %q, %d, and holds %d bytes", m, n, r.HeldBytes())
	}
	for _, in := range [][]byte{nil, wire("89 00"), wire("89 80 00000000")} {
		if m, n, again := r.Next(in); again != err || n != 0 || m.Op != None {
			t.Fatalf("after %v Next returns %q, %d, %v", err, m, n, again)
		}
	}
}

// bytewise cuts b into pieces of one byte.
func bytewise(b []byte) [][]byte {
	var pieces [][]byte
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}
