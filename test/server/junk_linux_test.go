package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// TestJunk sends what is no request, or no end of one, and wants the server to be none the worse for it.
func TestJunk(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t))
	before := descriptors(t, s)
	for _, tc := range []struct {
		name   string
		bytes  string
		status int // 0: it is not complete, and the client hangs up
	}{
		{"nothing", "", 0},
		{"a TLS hello", "\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + strings.Repeat("\x7f", 233), 0},
		{"a word", "hello\r\n\r\n", 400},
		{"a line that ends in LF", "GET " + target + " HTTP/1.1\n\n", 400},
		{"zeros and a line end", strings.Repeat("\x00", 100) + "\r\n\r\n", 400},
		{"HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		{"frames", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 0},
		{"empty lines", "\r\n\r\n\r\n\r\n", 400},
		{"a head of 20,000 bytes", "GET " + target + " HTTP/1.1\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", 431},
		{"20,000 bytes without a line end", strings.Repeat("x", 20_000), 431},
		{"half a request", starlingtest.UpgradeRequest(target)[:100], 0},
		{"a request without its last byte", strings.TrimSuffix(starlingtest.UpgradeRequest(target), "\n"), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, piece := range []int{len(tc.bytes) + 1, 1} {
				c := starlingtest.Dial(t, s.Addr)
				if tc.status == 0 {
					inPieces(c, tc.bytes, piece)
					continue // the connection stays until the end of this test
				}
				go inPieces(c, tc.bytes, piece)
				var refused starlingtest.RefusedError
				if err := c.Upgraded(); !errors.As(err, &refused) || refused.Status != tc.status {
					t.Errorf("in pieces of %d: %v, want a refusal with %d", piece, err, tc.status)
				}
			}
			if c, err := join(s.Addr); err != nil {
				t.Errorf("an ordinary client, meanwhile: %v", err)
			} else if err := errors.Join(c.echo(), c.leave()); err != nil {
				t.Errorf("an ordinary client, meanwhile: %v", err)
			}
		})
	}
	eventually(t, fmt.Sprintf("the server has its %d descriptors again", before), func() bool { return descriptors(t, s) == before })
	s.Stop(t)
}

// inPieces writes until everything is written or the server has closed.
func inPieces(w io.Writer, text string, size int) {
	for b := bytes.NewBufferString(text); b.Len() > 0; {
		if _, err := w.Write(b.Next(size)); err != nil {
			return
		}
	}
}

// descriptors is how many files and sockets the server has open.
func descriptors(t *testing.T, s *starlingtest.Server) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
