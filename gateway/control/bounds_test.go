package control

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestStreamsMax refuses one stream more than there may be.
func TestStreamsMax(t *testing.T) {
	s := newSystem(t, nil)
	s.api.streams.mu.Lock()
	for range StreamsMax {
		s.api.streams.open[&stream{control: http.NewResponseController(httptest.NewRecorder())}] = true
	}
	s.api.streams.mu.Unlock()
	r := s.ask(t, fullKey, "POST", "/v1/emit", "", "Content-Type: application/x-ndjson")
	r.fails(t, http.StatusServiceUnavailable, "overloaded", "")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
}

// TestStreamsPerKeyMax refuses one stream more than its key may have, also behind a reload. Other keys have theirs.
func TestStreamsPerKeyMax(t *testing.T) {
	keys := func(more string) *Keys {
		return keysOf(t, "keys:\n- {name: few, key: few-streams-key-0001, scopes: [publish], streams: 2"+more+"}\n- {name: b, key: full-rights-key-0001, scopes: [publish]}\n")
	}
	s := newSystem(t, func(c *Config) { c.Keys = keys("") })
	const few = "few-streams-key-0001"
	first := s.stream(t, few, "")
	s.stream(t, few, "")
	s.api.cfg.Keys.set.Store(keys(", rate: 5").set.Load())
	r := s.ask(t, few, "POST", "/v1/emit", "", "Content-Type: application/x-ndjson")
	r.fails(t, http.StatusTooManyRequests, "streams_max", "")
	if r.header.Get("Retry-After") != "1" || !strings.Contains(r.body, "as it may, 2") {
		t.Errorf("it says %v %s", r.header, r.body)
	}
	s.stream(t, fullKey, "")
	first.in.Close()
	first.ends()
	eventually(t, "there is room again", func() bool { return s.api.streams.count() == 2 })
	s.stream(t, few, "")
}

// TestStreamBytes: a long line is taken off what all bodies may hold, and given back behind it. Where there is no room for it the
// stream ends.
func TestStreamBytes(t *testing.T) {
	s := newSystem(t, nil)
	f := s.stream(t, fullKey, "")
	line := `{"event":"a","to":"x","data":"` + strings.Repeat("x", 4*streamBufferBytes)
	f.send(line)
	eventually(t, "it is held", func() bool { return s.api.bodies.used.Load() >= 4*streamBufferBytes })
	f.send("\"}\n")
	f.expect(ok(0))
	eventually(t, "it is given back", func() bool { return s.api.bodies.used.Load() == 0 })
	if !s.api.bodies.take(BodiesBytesMax) {
		t.Fatal("nothing is held, and there is no room")
	}
	f.send(`{"event":"a","to":"x"}` + "\n")
	f.expect(ok(0))
	go func() { _, _ = io.WriteString(f.in, line) }() // which is not read to its end
	f.expect("503 overloaded")
	f.ends()
}

// TestBodiesBytesMax refuses a body for which there is no room, and has room again behind it.
func TestBodiesBytesMax(t *testing.T) {
	s := newSystem(t, nil)
	const body = `{"event":"a","to":"x"}`
	if !s.api.bodies.take(BodiesBytesMax - len(body) + 1) {
		t.Fatal("nothing is held, and there is no room")
	}
	for _, kind := range []string{"with a length", "in chunks"} {
		var from io.Reader = strings.NewReader(body)
		if kind == "in chunks" {
			from = io.MultiReader(from) // of which nobody knows the length
		}
		r, err := s.try(fullKey, "POST", "/v1/emit", from)
		if err != nil {
			t.Fatal(err)
		}
		r.fails(t, http.StatusServiceUnavailable, "overloaded", "")
	}
	s.api.bodies.give(1)
	s.ask(t, fullKey, "POST", "/v1/emit", body).expect(t, 200, delivered(0))
	eventually(t, "it is given back", func() bool { return s.api.bodies.used.Load() == int64(BodiesBytesMax-len(body)) })
}
