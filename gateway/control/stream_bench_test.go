package control

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkStream sends small events through a stream, to a room of one member that nobody reads for, and to one without:
// ns/op is the time of a line, its result included. The client is in the same process.
func BenchmarkStream(b *testing.B) {
	for _, room := range []string{"acme:empty", "acme:one"} {
		b.Run(room, func(b *testing.B) {
			s := newSystem(b, nil)
			c := s.connect(b, `{"join":["acme:one"]}`)
			go func() { _, _ = io.Copy(io.Discard, c.conn) }()
			line := fmt.Sprintf(`{"event":"tick","data":{"price":17.25,"symbol":"ACME","seq":123456},"to":"%s"}`+"\n", room)
			in, out := io.Pipe()
			req, err := s.request(fullKey, "POST", "/v1/emit", in, "Content-Type: application/x-ndjson")
			if err != nil {
				b.Fatal(err)
			}
			res, err := s.web.Client().Do(req)
			if err != nil {
				b.Fatal(err)
			}
			defer res.Body.Close()
			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				w := bufio.NewWriterSize(out, 64<<10)
				for range b.N {
					_, _ = w.WriteString(line)
				}
				_ = w.Flush()
				_ = out.Close()
			}()
			results := bufio.NewReaderSize(res.Body, 64<<10)
			for i := range b.N {
				if text, err := results.ReadSlice('\n'); err != nil {
					b.Fatalf("result %d: %q, %v", i, text, err)
				}
			}
			b.StopTimer()
		})
	}
}

// BenchmarkRequest is the same event as a request of its own, less the server's part in it.
func BenchmarkRequest(b *testing.B) {
	s := newSystem(b, nil)
	body := []byte(`{"event":"tick","data":{"price":17.25,"symbol":"ACME","seq":123456},"to":"acme:one"}`)
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest("POST", "/v1/emit", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+fullKey)
		w := httptest.NewRecorder()
		if s.api.ServeHTTP(w, req); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkReadLine is the part of it that takes a line apart.
func BenchmarkReadLine(b *testing.B) {
	line := []byte(`{"event":"tick","data":{"price":17.25,"symbol":"ACME","seq":123456},"to":"acme:one"}`)
	var body emitBody
	b.ReportAllocs()
	for b.Loop() {
		body.reset()
		if err := body.read(line, true); err != nil {
			b.Fatal(err)
		}
	}
}
