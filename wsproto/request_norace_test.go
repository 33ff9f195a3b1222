//go:build !race

package wsproto

import "testing"

// TestAllocationsOfRequests gates what is paid for each request, and above all
// for the ones that are refused.
func TestAllocationsOfRequests(t *testing.T) {
	head, smuggling := pollHead, []byte(post("Content-Length: 5", "Transfer-Encoding: chunked"))
	body, broken := []byte("5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n"), []byte("ffffffffffffffff\r\n")
	dst := make([]byte, 0, 512)
	for _, gate := range []struct {
		name string
		run  func()
	}{
		{"ParseRequest", func() {
			r, err := ParseRequest(head)
			if err != nil || r.BodyLen != 47 || r.Header("referer") == nil {
				panic(err)
			}
		}},
		{"ParseRequest of two lengths", func() {
			if _, err := ParseRequest(smuggling); err != ErrTwoLengths {
				panic(err)
			}
		}},
		{"Chunked", func() {
			var c Chunked
			if out, _, done, _ := c.Next(dst, body); !done || len(out) != 5 {
				panic("not read")
			}
		}},
		{"Chunked, byte by byte", func() {
			c, out := Chunked{}, dst
			for i := range body {
				out, _, _, _ = c.Next(out, body[i:i+1])
			}
			if len(out) != 5 {
				panic("not read")
			}
		}},
		{"Chunked of a broken size", func() {
			var c Chunked
			if _, _, _, err := c.Next(dst, broken); err != ErrChunkDigits {
				panic(err)
			}
		}},
		{"AppendRefusal", func() { AppendRefusal(dst, ErrTwoLengths) }},
	} {
		if got := testing.AllocsPerRun(200, gate.run); got != 0 {
			t.Errorf("%s allocates %v times", gate.name, got)
		}
	}
}
