package control

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestIdempotency(t *testing.T) {
	now := newClock()
	s := newSystem(t, func(c *Config) { c.Now = now.read })
	ann := s.connect(t, `{"join":["acme:x"]}`)
	const body = `{"event":"a","to":"acme:x"}`
	emit := func(key, name, body string, headers ...string) reply {
		return s.ask(t, key, "POST", "/v1/emit", body, append(headers, "Idempotency-Key: "+name)...)
	}
	first := emit(fullKey, "k1", body)
	first.expect(t, 200, delivered(1))
	ann.expect(`["a"]`)

	again := emit(fullKey, "k1", body)
	again.expect(t, 200, delivered(1))
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replayed: %q, then %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
	for name, r := range map[string]reply{
		"another body":     emit(fullKey, "k1", `{"event":"b","to":"acme:x"}`),
		"the same in JSON": emit(fullKey, "k1", body+" "),
		"another header":   emit(fullKey, "k1", body, "X-Socket-Id: "+ann.sid),
		"another query":    s.ask(t, fullKey, "POST", "/v1/emit?nsp=/", body, "Idempotency-Key: k1"),
	} {
		t.Run(name, func(t *testing.T) { r.fails(t, http.StatusConflict, "idempotency_key_reused", "Idempotency-Key") })
	}
	s.silent(ann)

	t.Run("another key, and another operation, are another matter", func(t *testing.T) {
		emit("only-publish-key-001", "k1", body).expect(t, 200, delivered(1))
		s.ask(t, fullKey, "POST", "/v1/rooms/acme:x/emit", `{"event":"b"}`, "Idempotency-Key: k1").expect(t, 200, delivered(1))
		ann.expect(`["a"]`, `["b"]`)
		s.ask(t, fullKey, "POST", "/v1/rooms/acme:y/emit", `{"event":"b"}`, "Idempotency-Key: k1").
			fails(t, http.StatusConflict, "idempotency_key_reused", "Idempotency-Key")
	})
	t.Run("what has failed may be tried again", func(t *testing.T) {
		emit(fullKey, "k2", `{"event":"a"}`).fails(t, 400, "target_missing", "to")
		emit(fullKey, "k2", body).expect(t, 200, delivered(1))
		ann.expect(`["a"]`)
	})
	t.Run("after five minutes it is forgotten", func(t *testing.T) {
		now.advance(IdempotencyTime - time.Second)
		emit(fullKey, "k1", body).expect(t, 200, delivered(1))
		s.silent(ann)
		now.advance(time.Second)
		emit(fullKey, "k1", body).expect(t, 200, delivered(1))
		ann.expect(`["a"]`)
	})
	t.Run("other operations", func(t *testing.T) {
		s.ask(t, fullKey, "PUT", "/v1/rooms/r/sockets/"+ann.sid, "", "Idempotency-Key: p").expect(t, 204, "")
		s.ask(t, fullKey, "DELETE", "/v1/rooms/r", "", "Idempotency-Key: d").expect(t, 200, `{"matched":1}`)
		s.ask(t, fullKey, "DELETE", "/v1/rooms/r", "", "Idempotency-Key: d").expect(t, 200, `{"matched":1}`)
		r := s.ask(t, fullKey, "PUT", "/v1/rooms/r/sockets/"+ann.sid, "", "Idempotency-Key: p")
		r.expect(t, 204, "")
		if rooms := s.roomsOf(t, ann); len(rooms) != 1 || r.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("ann is in %q", rooms)
		}
		s.ask(t, fullKey, "GET", "/v1/rooms/r", "", "Idempotency-Key: d").expect(t, 200, `{"name":"r","sockets":0}`) // it means nothing
	})
	for _, name := range []string{"é", "\t", strings.Repeat("k", HeaderBytesMax+1)} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "/v1/emit", strings.NewReader(body))
		req.Header = http.Header{"Authorization": {"Bearer " + fullKey}, "Idempotency-Key": {name}, "X-Request-Id": {"r"}}
		s.api.ServeHTTP(w, req)
		reply{w.Code, w.Header(), plain(w.Body.String())}.fails(t, 400, "idempotency_key_invalid", "Idempotency-Key")
	}
}

// TestIdempotencyAfterPanic: a request that has panicked may be tried again.
func TestIdempotencyAfterPanic(t *testing.T) {
	broken := true
	s := newSystem(t, func(c *Config) {
		c.Drain = func(time.Duration) {
			if broken {
				panic("broken")
			}
		}
	})
	s.ask(t, fullKey, "POST", "/v1/drain", "", "Idempotency-Key: k").fails(t, 500, "internal", "")
	broken = false
	s.ask(t, fullKey, "POST", "/v1/drain", "", "Idempotency-Key: k").expect(t, 200, `{"draining":true}`)
}

// answered is an answer with so many bytes.
func answered(status, bytes int) *answer {
	w := &answer{to: httptest.NewRecorder(), status: status}
	w.body.Write(make([]byte, bytes))
	return w
}

// TestReplies fills what replies are kept in.
func TestReplies(t *testing.T) {
	now := newClock()
	keep := func(r *replies, name string, bytes int) {
		t.Helper()
		done, kept, err := r.begin(replyKey{name: name}, print{1})
		if err != nil || kept != nil {
			t.Fatalf("%s is %v, %v", name, kept, err)
		}
		done(answered(200, bytes))
	}
	kept := func(r *replies, name string) bool { _, ok := r.done.Peek(replyKey{name: name}); return ok }

	r := newReplies(now.read)
	for i := range IdempotencyEntriesMax + 1 {
		keep(r, fmt.Sprint(i), 0)
	}
	if kept(r, "0") || !kept(r, "1") || r.done.Len() != IdempotencyEntriesMax {
		t.Errorf("of one too many, %d are kept", r.done.Len())
	}
	now.advance(IdempotencyTime)
	keep(r, "late", 0)
	if r.done.Len() != 1 || r.bytes != replyBytes+len("late") {
		t.Errorf("when they have expired, %d with %d bytes are kept", r.done.Len(), r.bytes)
	}

	r = newReplies(now.read)
	for i := range 5 {
		keep(r, fmt.Sprint(i), IdempotencyBytesMax/4)
	}
	if kept(r, "1") || !kept(r, "2") || !kept(r, "4") || r.bytes > IdempotencyBytesMax {
		t.Errorf("%d bytes are kept", r.bytes)
	}
	keep(r, "too long", IdempotencyBytesMax)
	if kept(r, "too long") || !kept(r, "4") {
		t.Error("a reply that is too long by itself was kept")
	}

	// A reply that is kept is the bytes of that time, whatever becomes of the buffer.
	r = newReplies(now.read)
	done, _, _ := r.begin(replyKey{name: "a"}, print{1})
	w := answered(200, 3)
	done(w)
	w.body.Reset()
	w.body.WriteString("xyz")
	if _, k, _ := r.begin(replyKey{name: "a"}, print{1}); k == nil || !bytes.Equal(k.body, []byte{0, 0, 0}) {
		t.Errorf("the reply is %+v", k)
	}
	if len(r.open) != 0 {
		t.Errorf("%d requests are under way", len(r.open))
	}
}

// TestInProgress: the same request while the first is under way is a 409, and another one too.
func TestInProgress(t *testing.T) {
	r := newReplies(time.Now)
	done, _, err := r.begin(replyKey{name: "a"}, print{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.begin(replyKey{name: "a"}, print{1}); err != errIdempotentOpen {
		t.Errorf("the same request is %v", err)
	}
	if _, _, err := r.begin(replyKey{name: "a"}, print{2}); err != errIdempotentBody {
		t.Errorf("another request is %v", err)
	}
	done(answered(503, 0))
	if _, kept, err := r.begin(replyKey{name: "a"}, print{2}); kept != nil || err != nil {
		t.Errorf("after one that has failed it is %v, %v", kept, err)
	}
}
