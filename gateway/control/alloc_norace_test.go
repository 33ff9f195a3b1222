//go:build !race

package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"starling/hub"
)

// TestAllocations bounds what a line of a stream allocates: its own strings, and what the hub needs to pass it on.
func TestAllocations(t *testing.T) {
	line := []byte(`{"event":"tick","data":{"price":17.25,"symbol":"ACME","seq":123456},"to":"acme:one"}`)
	var b emitBody
	if n := testing.AllocsPerRun(100, func() {
		b.reset()
		if b.read(line, true) != nil {
			t.Error("the line was not read")
		}
	}); n > 3 {
		t.Errorf("reading a line allocates %v times", n)
	}

	api, err := New(Config{Server: hub.New(hub.Options{Logger: quiet}), Keys: keysOf(t, keysText), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	key, _ := api.cfg.Keys.find(fullKey)
	s := &stream{
		api: api, call: &call{key: key}, ctx: context.Background(), to: &answer{to: httptest.NewRecorder(), through: true},
		control: http.NewResponseController(httptest.NewRecorder()),
	}
	if n := testing.AllocsPerRun(100, func() {
		s.line(line)
		s.settle()
		s.results = s.results[:0]
	}); n > 16 {
		t.Errorf("a line allocates %v times", n)
	}
}
