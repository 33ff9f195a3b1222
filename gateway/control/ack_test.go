package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starling/hub"
)

// answer reads an event that asks for an acknowledgement, and acknowledges it with args.
func (c *client) answer(want, args string) {
	c.t.Helper()
	text := c.text()
	m := regexp.MustCompile(`^42(\d+)(.*)$`).FindStringSubmatch(text)
	if m == nil || m[2] != want {
		c.t.Fatalf("the client got %q, want %q with an id", text, want)
	}
	c.send("43" + m[1] + args)
}

// inBackground sends a request whose reply the test waits for later.
func (s *system) inBackground(t *testing.T, key, method, path, body string, headers ...string) <-chan reply {
	replies := make(chan reply, 1)
	go func() {
		r, err := s.try(key, method, path, strings.NewReader(body), headers...)
		if err != nil {
			t.Error(err)
		}
		replies <- r
	}()
	return replies
}

func TestAcks(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"ann","join":["acme:x"]}`)
	bob := s.connect(t, `{"user":"bob","join":["acme:x"]}`)

	t.Run("all answer", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/emit?ack=30s", `{"event":"q","data":1,"to":"acme:x"}`)
		ann.answer(`["q",1]`, `["yes",{"n":1.50}]`)
		bob.answer(`["q",1]`, `[]`)
		got := receive(t, r)
		one := `{"sid":"` + ann.sid + `","args":["yes",{"n":1.50}]}`
		two := `{"sid":"` + bob.sid + `","args":[]}`
		want := []string{
			`{"id":"ID","matched":2,"acks":[` + one + `,` + two + `],"timedOut":[]}`,
			`{"id":"ID","matched":2,"acks":[` + two + `,` + one + `],"timedOut":[]}`,
		}
		if got.status != http.StatusOK || !slices.Contains(want, got.body) {
			t.Fatalf("replied %d %s", got.status, got.body)
		}
	})
	t.Run("some do not", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/rooms/acme:x/emit?ack=300ms", `{"event":"q"}`)
		ann.answer(`["q"]`, `[1]`)
		receive(t, r).expect(t, http.StatusOK, `{"id":"ID","matched":2,"acks":[{"sid":"`+ann.sid+`","args":[1]}],"timedOut":["`+bob.sid+`"]}`)
		if text := bob.text(); !strings.HasSuffix(text, `["q"]`) {
			t.Fatalf("bob got %s", text)
		}
	})
	t.Run("one socket", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/sockets/"+bob.sid+"/emit?ack=30s&required=1", `{"event":"q"}`)
		bob.answer(`["q"]`, `[null]`)
		receive(t, r).expect(t, http.StatusOK, `{"id":"ID","matched":1,"acks":[{"sid":"`+bob.sid+`","args":[null]}],"timedOut":[]}`)
	})
	t.Run("a user, but a socket", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/users/ann/emit?ack=30s", `{"event":"q","except":"`+ann.sid+`"}`)
		receive(t, r).expect(t, http.StatusOK, `{"id":"ID","matched":0,"acks":[],"timedOut":[]}`)
	})
	t.Run("nobody", func(t *testing.T) {
		s.ask(t, fullKey, "POST", "/v1/emit?ack=1m", `{"event":"q","to":"nobody"}`).
			expect(t, http.StatusOK, `{"id":"ID","matched":0,"acks":[],"timedOut":[]}`)
	})
	t.Run("bytes come as base64", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/users/bob/emit?ack=30s", `{"event":"q"}`)
		id := regexp.MustCompile(`^42(\d+)`).FindStringSubmatch(bob.text())[1]
		bob.send("461-" + id + `[{"_placeholder":true,"num":0}]`)
		if _, err := bob.conn.Write([]byte("\x82\x83\x00\x00\x00\x00\x01\x02\x03")); err != nil { // masked with zeros
			t.Fatal(err)
		}
		receive(t, r).expect(t, http.StatusOK, `{"id":"ID","matched":1,"acks":[{"sid":"`+bob.sid+`","args":["AQID"]}],"timedOut":[]}`)
	})
	t.Run("who has left has not answered", func(t *testing.T) {
		r := s.inBackground(t, fullKey, "POST", "/v1/users/bob/emit?ack=1m", `{"event":"q"}`)
		bob.text()
		bob.send("41")
		receive(t, r).expect(t, http.StatusOK, `{"id":"ID","matched":1,"acks":[],"timedOut":["`+bob.sid+`"]}`)
	})
	for _, tc := range []struct{ path, body, code, field string }{
		{"/v1/emit?ack=5", `{"event":"q","to":"acme:x"}`, "parameter_invalid", "ack"},
		{"/v1/emit?ack=0s", `{"event":"q","to":"acme:x"}`, "parameter_invalid", "ack"},
		{"/v1/emit?ack=-1s", `{"event":"q","to":"acme:x"}`, "parameter_invalid", "ack"},
		{"/v1/emit?ack=61s", `{"event":"q","to":"acme:x"}`, "parameter_invalid", "ack"},
		{"/v1/emit?ack=5s", `{"event":"q","to":"acme:x","volatile":true}`, "field_conflict", "volatile"},
		{"/v1/emit?ack=5s", `{"event":"connect","to":"nobody"}`, "event_reserved", "event"},
		{"/v1/emit?ack=5s", `{"event":"q","data":[,],"to":"acme:x"}`, "data_invalid", ""},
		{"/v1/broadcast?ack=5s", `{"event":"q"}`, "parameter_unknown", "ack"},
	} {
		s.ask(t, fullKey, "POST", tc.path, tc.body).fails(t, http.StatusBadRequest, tc.code, tc.field)
	}
}

// TestAckSocketsMax asks nobody when too many would be asked.
func TestAckSocketsMax(t *testing.T) {
	s := newSystem(t, nil)
	c := s.connect(t, `{"join":["acme:x"]}`)
	e := emission{BroadcastOperator: s.io.To("acme:x"), nsp: s.io.Namespace, event: "q"}
	if asked, err := s.api.present(t.Context(), e, 1); err != nil || len(asked) != 1 {
		t.Fatalf("asked %v, %v", asked, err)
	}
	_, err := s.api.present(t.Context(), e, 0)
	if e := errAs(err); e == nil || e.Code != "ack_sockets_max" || e.Status != http.StatusBadRequest {
		t.Fatalf("asking too many is %v", err)
	}
	s.silent(c)
}

// TestAckOfImpatientClient: a request with an Idempotency-Key goes on without its client, who gets its reply the next time.
func TestAckOfImpatientClient(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := s.request(fullKey, "POST", "/v1/emit?ack=1m", strings.NewReader(`{"event":"q","to":"acme:x"}`), "Idempotency-Key: k")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := s.web.Client().Do(req.WithContext(ctx))
		failed <- err
	}()
	question := ann.text()
	cancel()
	if err := receive(t, failed); err == nil {
		t.Fatal("the request that was given up has a reply")
	}
	again := func() reply {
		return s.ask(t, fullKey, "POST", "/v1/emit?ack=1m", `{"event":"q","to":"acme:x"}`, "Idempotency-Key: k")
	}
	again().fails(t, http.StatusConflict, "idempotency_in_progress", "Idempotency-Key")
	ann.send("43" + strings.TrimSuffix(strings.TrimPrefix(question, "42"), `["q"]`) + `["late"]`)
	eventually(t, "the reply", func() bool { return again().status == http.StatusOK })
	r := again()
	r.expect(t, http.StatusOK, `{"id":"ID","matched":1,"acks":[{"sid":"`+ann.sid+`","args":["late"]}],"timedOut":[]}`)
	if r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the reply is not a replay")
	}
	s.silent(ann)
}

// TestAnswers finds who has not answered.
func TestAnswers(t *testing.T) {
	got := answers("id", []string{"a", "b"}, []hub.BroadcastReply{{SocketID: "b"}})
	if fmt.Sprint(*got.TimedOut, len(*got.Acks), got.Matched) != "[a] 1 2" {
		t.Errorf("answers are %+v", got)
	}
}

// TestAckBytes: what clients acknowledge with has a bound, and who is beyond it has not answered.
func TestAckBytes(t *testing.T) {
	s := newSystem(t, nil)
	var all []*client
	for range 10 {
		all = append(all, s.connect(t, `{"join":["acme:x"]}`))
	}
	r := s.inBackground(t, fullKey, "POST", "/v1/emit?ack=1m", `{"event":"q","to":"acme:x"}`)
	for _, c := range all {
		c.answer(`["q"]`, `["`+strings.Repeat("x", 990_000)+`"]`)
	}
	got := receive(t, r)
	var body emitReply
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != http.StatusOK {
		t.Fatalf("replied %d, %v", got.status, err)
	}
	if len(got.body) > hub.AckBytesMax+10_000 || len(*body.Acks) != 8 || len(*body.TimedOut) != 2 || !body.AcksCut || body.Matched != 10 {
		t.Errorf("%d bytes, %d acks, %v, %v", len(got.body), len(*body.Acks), *body.TimedOut, body.AcksCut)
	}
	s.silent(all...)
}

// TestAckArgs: an acknowledgement has as many arguments as an event, and one with more is none.
func TestAckArgs(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"ann"}`)
	for _, tc := range []struct {
		name, args, want string
	}{
		{"as many as allowed", `[1` + strings.Repeat(",1", ArgsMax-1) + `]`, `{"id":"ID","matched":1,"acks":[{"sid":"` + ann.sid + `","args":[1` + strings.Repeat(",1", ArgsMax-1) + `]}],"timedOut":[]}`},
		{"too many", `[1` + strings.Repeat(",1", ArgsMax) + `]`, `{"id":"ID","matched":1,"acks":[],"timedOut":["` + ann.sid + `"],"acksCut":true}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.inBackground(t, fullKey, "POST", "/v1/users/ann/emit?ack=1m", `{"event":"q"}`)
			ann.answer(`["q"]`, tc.args)
			receive(t, r).expect(t, http.StatusOK, tc.want)
		})
	}
}

// TestAcksPerKeyMax: a key waits for a bounded number of acknowledgements at once, over all its requests. Each counts what it can hold.
func TestAcksPerKeyMax(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	many := []*client{ann}
	for range ackShareMax + 1 {
		many = append(many, s.connect(t, `{"join":["acme:x"]}`))
	}
	key, _ := s.api.cfg.Keys.find(fullKey)
	taken := func() int {
		s.api.acks.mu.Lock()
		defer s.api.acks.mu.Unlock()
		return s.api.acks.taken[key.sum]
	}
	const before = AcksPerKeyMax - ackShareMax
	if !s.api.acks.take(key, before, AcksPerKeyMax) {
		t.Fatal("there is no room")
	}
	one, all := `{"event":"q","to":"`+ann.sid+`"}`, `{"event":"q","to":"acme:x"}`
	first := s.inBackground(t, fullKey, "POST", "/v1/emit?ack=1m", one)
	id := regexp.MustCompile(`^42(\d+)`).FindStringSubmatch(ann.text())[1]
	if got := taken(); got != before+1 {
		t.Errorf("a question to one counts %d", got-before)
	}
	r := s.ask(t, fullKey, "POST", "/v1/emit?ack=1m", all)
	r.fails(t, http.StatusTooManyRequests, "acks_max", "ack")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	s.ask(t, acmeKey, "POST", "/v1/emit?ack=1ns", all).expect(t, 200, timedOut(many)) // another key asks for itself
	ann.send("43" + id + "[]")
	receive(t, first)
	eventually(t, "it is given back", func() bool { return taken() == before })
	s.ask(t, fullKey, "POST", "/v1/emit?ack=1ns", all).expect(t, 200, timedOut(many))
	eventually(t, "it is given back", func() bool { return taken() == before })
	s.api.acks.give(key, before)
	if len(s.api.acks.taken) > 0 {
		t.Errorf("kept: %v", s.api.acks.taken)
	}
}

// timedOut is the reply to a question that nobody has answered.
func timedOut(asked []*client) string {
	var ids []string
	for _, c := range asked {
		ids = append(ids, c.sid)
	}
	slices.Sort(ids)
	text, _ := json.Marshal(ids)
	return fmt.Sprintf(`{"id":"ID","matched":%d,"acks":[],"timedOut":%s}`, len(asked), text)
}
