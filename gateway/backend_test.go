package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"starling/gateway/webhook"
)

// backend is the application's side of the webhooks.
type backend struct {
	*httptest.Server
	calls chan string // the bodies of calls, and each notification, without ids and times
}

// newBackend answers calls of a type with a status and a body, anything else with 200 and nothing.
func newBackend(t *testing.T, answers map[string]func(body map[string]json.RawMessage) (int, string)) *backend {
	t.Helper()
	b := &backend{calls: make(chan string, 10_000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a body: %v", err)
		}
		var kind string
		_ = json.Unmarshal(body["type"], &kind)
		if kind == "batch" {
			var events []map[string]any
			_ = json.Unmarshal(body["events"], &events)
			for _, e := range events {
				delete(e, "id")
				delete(e, "time")
				text, _ := json.Marshal(e)
				b.calls <- string(text)
			}
			return
		}
		delete(body, "id")
		delete(body, "time")
		delete(body, "headers")
		text, _ := json.Marshal(body)
		b.calls <- string(text)
		if answer := answers[kind]; answer != nil {
			status, reply := answer(body)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(reply))
		}
	}))
	t.Cleanup(b.Server.Close)
	return b
}

// config is a gateway's for this backend.
func (b *backend) config(hooks ...string) Config {
	return Config{
		Webhook: &webhook.Config{URL: b.URL, Timeout: patience, BatchDelay: time.Millisecond},
		Hooks:   hooks, WebhookEvents: []string{"order:*", "ping"},
	}
}

// expect wants a call, in JSON with sorted keys.
func (b *backend) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-b.calls:
		if got != want {
			t.Errorf("the backend was told %s, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the backend was never told %s", want)
	}
}

func TestConnectHook(t *testing.T) {
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookConnect: func(body map[string]json.RawMessage) (int, string) {
			switch string(body["auth"]) {
			case `{"cookie":"good"}`:
				return 200, `{"user":"42","join":["acme"],"emit":["acme"],"data":{"n":1},"ttl":3600}`
			case `{"cookie":"none"}`:
				return 401, `{"message":"who are you?","data":{"code":"login"}}`
			case `{"cookie":"odd"}`:
				return 200, `{"join":["a*"]}`
			case `{"cookie":"silent"}`:
				return 403, ``
			}
			return 500, ``
		},
	})
	g := start(t, b.config(HookConnect))
	c, refusal := attempt(t, g, `{"cookie":"good"}`)
	if refusal != "" {
		t.Fatalf("refused: %s", refusal)
	}
	b.expect(t, fmt.Sprintf(`{"address":"127.0.0.1","auth":{"cookie":"good"},"nsp":"/","query":{"EIO":["4"],"transport":["websocket"]},"sid":%q,"type":"connect"}`, c.id))
	c.wants(`"who","acme"`, fmt.Sprintf(`{"room":"acme","count":1,"sockets":[{"sid":%q,"user":"42","data":{"n":1}}]}`, c.id))
	if visitorIn(t, g, c.id).Grant().Expires.IsZero() {
		t.Error("it never expires")
	}
	for auth, want := range map[string]string{
		`{"cookie":"none"}`:   `{"message":"who are you?","data":{"code":"login"}}`,
		`{"cookie":"odd"}`:    `{"message":"the server cannot decide on connections right now","data":{"code":"unavailable"}}`,
		`{"cookie":"broken"}`: `{"message":"the server cannot decide on connections right now","data":{"code":"unavailable"}}`,
		`{"cookie":"silent"}`: `{"message":"refused","data":{"code":"refused"}}`,
	} {
		_, refusal := attempt(t, g, auth)
		if text, message, _ := strings.Cut(refusal, `"message":`); !strings.Contains(refusal, strings.Trim(want, "{}")) && (text == "" || message == "") {
			t.Errorf("%s: got %s, want %s", auth, refusal, want)
		} else if !strings.Contains(want, strings.TrimSuffix(strings.SplitN(refusal, `"code":`, 2)[1], "}}")) {
			t.Errorf("%s: got %s, want %s", auth, refusal, want)
		}
		<-b.calls
	}
	enter(t, g, `{"sub":"7"}`) // who has a token is not asked about
	if len(b.calls) > 0 {
		t.Errorf("the backend was asked about a client with a token: %s", <-b.calls)
	}
}

func TestJoinHook(t *testing.T) {
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookJoin: func(body map[string]json.RawMessage) (int, string) {
			switch string(body["room"]) {
			case `"open"`:
				return 200, `{"allow":true}`
			case `"closed"`:
				return 403, `{"message":"members only"}`
			}
			return 503, ``
		},
	})
	g := start(t, b.config(HookJoin))
	c := enter(t, g, `{"sub":"1","rooms":["mine"]}`)
	c.wants(`"join","mine"`, `{"room":"mine"}`)
	c.wants(`"join","open"`, `{"room":"open"}`)
	b.expect(t, fmt.Sprintf(`{"nsp":"/","room":"open","sid":%q,"type":"join","user":"1"}`, c.id))
	c.wants(`"join","closed"`, `{"error":{"code":"room_forbidden","message":"members only"}}`)
	c.wantsError(`"join","broken"`, codeUnavailable)
	<-b.calls
	<-b.calls
	c.wantsError(`"join","user:2"`, codeRoomForbidden)
	c.wantsError(`"join","AAAAAAAAAAAAAAAAAAAA"`, codeRoomForbidden)
	if len(b.calls) > 0 {
		t.Errorf("the backend was asked for a room that is not its to give: %s", <-b.calls)
	}
}

func TestEventHook(t *testing.T) {
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookEvent: func(body map[string]json.RawMessage) (int, string) {
			switch string(body["event"]) {
			case `"order:new"`:
				return 200, `{"ack":[{"id":1.50},null]}`
			case `"order:one"`:
				return 200, `{"data":"thanks"}`
			case `"order:no"`:
				return 403, `{"message":"not yours"}`
			case `"order:broken"`:
				return 500, ``
			}
			return 204, ``
		},
	})
	g := start(t, b.config(HookEvent))
	c := enter(t, g, `{"sub":"1"}`)
	c.wants(`"order:new",{"n":1.0},[],null`, `{"id":1.50},null`)
	b.expect(t, fmt.Sprintf(`{"args":[{"n":1.0},[],null],"event":"order:new","nsp":"/","sid":%q,"type":"event","user":"1"}`, c.id))
	c.wants(`"order:one"`, `"thanks"`)
	b.expect(t, fmt.Sprintf(`{"args":[],"event":"order:one","nsp":"/","sid":%q,"type":"event","user":"1"}`, c.id))
	c.wants(`"ping"`, ``)
	<-b.calls
	c.wants(`"order:no"`, `{"error":{"code":"refused","message":"not yours"}}`)
	c.wantsError(`"order:broken"`, codeUnavailable)
	<-b.calls
	<-b.calls
	c.wantsError(`"pings"`, codeEventUnknown)
	c.send(`451-99["ping",{"_placeholder":true,"num":0}]`)
	if _, err := c.conn.Write(binaryFrame); err != nil {
		t.Fatal(err)
	}
	if got := c.next(); !strings.HasPrefix(got, `4399[{"error":{"code":"arguments_invalid"`) {
		t.Errorf("a binary argument is acknowledged with %s", got)
	}
	if len(b.calls) > 0 {
		t.Errorf("the backend was told %s", <-b.calls)
	}
}

func TestNotifications(t *testing.T) {
	b := newBackend(t, nil)
	g := start(t, b.config(HookConnected, HookDisconnected, HookRoomOccupied, HookRoomVacated))
	c := enter(t, g, `{"sub":"1"}`)
	got := map[string]bool{}
	for range 2 { // sockets and rooms are told of by different goroutines
		got[<-b.calls] = true
	}
	c.send("41")
	for range 2 {
		got[<-b.calls] = true
	}
	for _, want := range []string{
		fmt.Sprintf(`{"nsp":"/","sid":%q,"type":"connected","user":"1"}`, c.id),
		`{"nsp":"/","room":"user:1","type":"room_occupied"}`,
		fmt.Sprintf(`{"nsp":"/","reason":"client namespace disconnect","sid":%q,"type":"disconnected","user":"1"}`, c.id),
		`{"nsp":"/","room":"user:1","type":"room_vacated"}`,
	} {
		if !got[want] {
			t.Errorf("the backend was not told %s, but %v", want, got)
		}
	}
}

// TestABackendThatNeverAnswers: who waits for it waits alone.
func TestABackendThatNeverAnswers(t *testing.T) {
	hold := make(chan struct{})
	b := newBackend(t, map[string]func(map[string]json.RawMessage) (int, string){
		HookEvent: func(map[string]json.RawMessage) (int, string) { <-hold; return 200, `{"data":"late"}` },
	})
	g := start(t, b.config(HookEvent))
	waits := enter(t, g, `{"sub":"1"}`)
	for range 10 {
		waits.send(`421["ping"]`)
	}
	other := enter(t, g, `{"sub":"2"}`)
	for range 100 {
		other.wants(`"leave","x"`, `{"room":"x"}`)
	}
	_ = g.Server().Emit("hello")
	waits.expect(`42["hello"]`) // it goes on hearing what others say
	close(hold)
	for range 10 {
		if got := waits.next(); got != `431["late"]` {
			t.Errorf("got %s", got)
		}
	}
}
