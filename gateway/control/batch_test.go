package control

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// inShort makes errors of results short: "403 scope_missing field".
func inShort(body string) string {
	e := regexp.MustCompile(`\{"status":(\d+),"error":\{"code":"([a-z_]+)","message":"(?:[^"\\]|\\.)+",(?:"field":"([^"]*)",)?"request_id":"r"\}\}`)
	return e.ReplaceAllStringFunc(body, func(m string) string {
		g := e.FindStringSubmatch(m)
		return strings.TrimSpace(g[1] + " " + g[2] + " " + g[3])
	})
}

func TestBatch(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"user":"acme:ann","join":["acme:x"]}`)
	bob := s.connect(t, `{"user":"bob","join":["globex:x"]}`)
	for _, tc := range []struct {
		name, key, items, want string
		ann, bob               []string
	}{
		{
			name: "in order", key: fullKey,
			items: `{"op":"emit","event":"1","to":"acme:y"},{"op":"join","in":"acme:x","rooms":"acme:y"},{"op":"emit","event":"2","data":{"n":1.0},"to":"acme:y"},` +
				`{"op":"leave","in":["acme:x"],"rooms":["acme:y"]},{"op":"emit","event":"3","to":"acme:y"},{"op":"broadcast","event":"4","args":[1,2],"except":"acme:x"}`,
			want: `R0,{"status":200,"matched":1},R1,{"status":200,"matched":1},R0,R1`,
			ann:  []string{`["2",{"n":1.0}]`}, bob: []string{`["4",1,2]`},
		},
		{
			name: "what fails is told, and the rest is done", key: fullKey,
			items: `{"op":"emit","event":"1"},{"op":"emit","event":"2","to":"acme:x","key":"k"},{"event":"3","to":"acme:x"},{"op":"dance"},{"op":1},7,{},"x",` +
				`{"op":"emit","event":"4","to":["acme:x","*"]},{"op":"broadcast","event":"5","to":"*"},{"op":"emit","event":"connect","to":"acme:x"},` +
				`{"op":"emit","event":"6","to":"acme:x","data":[1,}},{"op":"join","in":"acme:x"},{"op":"leave","rooms":"x"},{"op":"disconnect","in":[]},` +
				`{"op":"join","in":"acme:x","rooms":"a","close":true},{"op":"emit","op":"join","event":"7","to":"acme:x"},{"op":"emit","event":"8","to":"acme:x","nsp":"/none"},` +
				`{"op":"emit","event":"9","to":"acme:x"}`,
			want: `400 target_missing to,400 field_unknown key,400 op_unknown op,400 op_unknown op,400 field_invalid op,400 body_invalid,400 op_unknown op,400 body_invalid,` +
				`400 room_name_invalid to[1],400 field_unknown to,400 event_reserved event,` +
				`400 data_invalid,400 target_missing rooms,400 target_missing in,400 target_missing in,` +
				`400 field_unknown close,400 field_duplicate op,400 namespace_unknown nsp,R1`,
			ann: []string{`["9"]`},
		},
		{
			name: "each item needs its scope", key: "only-publish-key-001",
			items: `{"op":"emit","event":"1","to":"acme:x"},{"op":"join","in":"acme:x","rooms":"z"},{"op":"leave","in":"acme:x","rooms":"z"},{"op":"disconnect","in":"acme:x"}`,
			want:  `R1,403 scope_missing,403 scope_missing,403 scope_missing`, ann: []string{`["1"]`},
		},
		{
			name: "of either kind", key: "only-manage-key-0001",
			items: `{"op":"emit","event":"1","to":"acme:x"},{"op":"broadcast","event":"1"},{"op":"join","in":"acme:x","rooms":"z"}`,
			want:  `403 scope_missing,403 scope_missing,{"status":200,"matched":1}`,
		},
		{
			name: "each item is held against the lock", key: acmeKey,
			items: `{"op":"emit","event":"1","to":"globex:x"},{"op":"broadcast","event":"1"},{"op":"emit","event":"1","to":"*"},{"op":"join","in":"globex:x","rooms":"acme:x"},` +
				`{"op":"join","in":"acme:x","rooms":"globex:x"},{"op":"disconnect","in":"` + bob.sid + `"},{"op":"emit","event":"2","to":"acme:x","except":"globex:x"},{"op":"emit","event":"3","to":["acme:x","` + bob.sid + `"]}`,
			want: `403 room_forbidden to,403 key_locked,403 key_locked,403 room_forbidden in,403 room_forbidden rooms,{"status":200,"matched":0},403 room_forbidden except,R1`,
			ann:  []string{`["3"]`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.ask(t, tc.key, "POST", "/v1/batch", `{"items":[`+tc.items+`]}`)
			want := regexp.MustCompile(`R(\d)`).ReplaceAllString(tc.want, `{"status":200,"id":"ID","matched":$1,"queued":$1,"dropped":0}`)
			if got := inShort(r.body); r.status != 200 || got != `{"results":[`+want+`]}` {
				t.Fatalf("replied %d\n%s\nwant\n%s", r.status, got, `{"results":[`+want+`]}`)
			}
			ann.t, bob.t = t, t
			ann.expect(tc.ann...)
			bob.expect(tc.bob...)
			s.silent(ann, bob)
		})
	}
	s.ask(t, fullKey, "POST", "/v1/batch", `{"items":[{"op":"disconnect","in":["acme:x","globex:x"],"close":true,"reason":"over"}]}`).
		expect(t, 200, `{"results":[{"status":200,"matched":2}]}`)
	ann.gone()
	bob.gone()
}

func TestBatchAsAWhole(t *testing.T) {
	s := newSystem(t, func(c *Config) { c.EventBytesMax = 100 })
	item := `{"op":"emit","event":"a","to":"x"}`
	for _, tc := range []struct {
		name, key, path, body string
		status                int
		code, field           string
	}{
		{"no items", fullKey, "", `{"items":[]}`, 400, "field_invalid", "items"},
		{"no field", fullKey, "", `{}`, 400, "field_invalid", "items"},
		{"null", fullKey, "", `{"items":null}`, 400, "field_invalid", "items"},
		{"an object", fullKey, "", `{"items":{}}`, 400, "field_invalid", "items"},
		{"another field", fullKey, "", `{"items":[` + item + `],"parallel":true}`, 400, "field_unknown", "parallel"},
		{"no JSON", fullKey, "", `{"items":[` + item, 400, "body_invalid", ""},
		{"too many", fullKey, "", `{"items":[` + item + strings.Repeat(","+item, BatchItemsMax) + `]}`, 400, "field_too_long", "items"},
		{"too long", fullKey, "", strings.Repeat(" ", BatchBytesMax+1), 413, "body_too_large", ""},
		{"a scope that does nothing here", "only-read-key-000001", "", `{"items":[` + item + `]}`, 403, "scope_missing", ""},
		{"another parameter", fullKey, "?ack=5s", `{"items":[` + item + `]}`, 400, "parameter_unknown", "ack"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.ask(t, tc.key, "POST", "/v1/batch"+tc.path, tc.body).fails(t, tc.status, tc.code, tc.field)
		})
	}
	admin := s.connectTo(t, "/admin", `{"join":["x"]}`)
	r := s.ask(t, fullKey, "POST", "/v1/batch?nsp=/admin", `{"items":[`+item+`]}`)
	r.expect(t, 200, `{"results":[{"status":200,"id":"ID","matched":1,"queued":1,"dropped":0}]}`)
	admin.expect(`["a"]`)
	r = s.ask(t, fullKey, "POST", "/v1/batch", `{"items":[`+item+strings.Repeat(","+item, BatchItemsMax-1)+`]}`)
	if n := strings.Count(r.body, `"matched":0`); r.status != 200 || n != BatchItemsMax {
		t.Errorf("as many items as there may be: %d, %d results", r.status, n)
	}
	long := fmt.Sprintf(`{"op":"emit","event":"a","to":"x","data":"%s"}`, strings.Repeat("x", 100))
	r = s.ask(t, fullKey, "POST", "/v1/batch", `{"items":[`+long+`,`+item+`]}`)
	if got := inShort(r.body); got != `{"results":[413 body_too_large,{"status":200,"id":"ID","matched":0,"queued":0,"dropped":0}]}` {
		t.Errorf("a long item: %s", got)
	}
}

// TestBatchRate takes each item off the rate, and does none behind one that was refused: the order would be another one.
func TestBatchRate(t *testing.T) {
	now := newClock()
	s := newSystem(t, func(c *Config) { c.Now = now.read })
	item := `{"op":"emit","event":"a","to":"x"}`
	r := s.ask(t, "slow-rate-key-000001", "POST", "/v1/batch", `{"items":[`+item+`,`+item+`,`+item+`,`+item+`]}`)
	one := `{"status":200,"id":"ID","matched":0,"queued":0,"dropped":0}`
	if got := inShort(r.body); got != `{"results":[`+one+`,`+one+`,429 rate_limited,429 rate_limited]}` {
		t.Errorf("replied %s", got)
	}
	if r.status != http.StatusOK || r.header.Get("Retry-After") != "1" {
		t.Errorf("replied %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
}

// TestBatchOfImpatientClient: that a client has gone away is no reason for an item to fail, and to be kept as one that has failed.
func TestBatchOfImpatientClient(t *testing.T) {
	s := newSystem(t, nil)
	ann := s.connect(t, `{"join":["acme:x"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	item := `{"op":"emit","event":"a","to":["` + ann.sid + `","none-of-all-sockets-"]}`
	body := `{"items":[` + item + `,{"op":"join","in":"` + ann.sid + `","rooms":"acme:y"}]}`
	req, err := s.request(acmeKey, "POST", "/v1/batch", strings.NewReader(body), "Idempotency-Key: k")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, req.WithContext(ctx))
	want := `{"results":[{"status":200,"id":"ID","matched":1,"queued":1,"dropped":0},{"status":200,"matched":1}]}`
	reply{w.Code, w.Header(), plain(w.Body.String())}.expect(t, http.StatusOK, want)
	ann.expect(`["a"]`)
	r := s.ask(t, acmeKey, "POST", "/v1/batch", body, "Idempotency-Key: k")
	r.expect(t, http.StatusOK, want)
	if r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the reply is not a replay")
	}
	s.silent(ann)
}
