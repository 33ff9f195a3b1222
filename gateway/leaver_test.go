package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"starling/gateway/webhook"
	"starling/hub"
)

// slowBackend answers when a test says so.
type slowBackend struct {
	*httptest.Server
	calls chan *slowCall
}

// slowCall is a call to it.
type slowCall struct {
	kind   string
	answer chan string
	ended  <-chan struct{} // it was called off, or answered
}

func newSlowBackend(t *testing.T) *slowBackend {
	t.Helper()
	b := &slowBackend{calls: make(chan *slowCall, 100)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a body: %v", err)
		}
		c := &slowCall{body.Type, make(chan string), r.Context().Done()}
		b.calls <- c
		select {
		case text := <-c.answer:
			_, _ = fmt.Fprint(w, text)
		case <-c.ended:
		}
	}))
	t.Cleanup(b.Server.Close)
	return b
}

// next is the next call, which has to be of a kind.
func (b *slowBackend) next(t *testing.T, kind string) *slowCall {
	t.Helper()
	select {
	case c := <-b.calls:
		if c.kind != kind {
			t.Fatalf("the backend is asked for %s instead of %s", c.kind, kind)
		}
		return c
	case <-time.After(patience):
		t.Fatalf("the backend was never asked for %s", kind)
		return nil
	}
}

// calledOff wants a call to end without an answer.
func (c *slowCall) calledOff(t *testing.T) {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Fatalf("nobody waits for the answer to %s, and it is waited for", c.kind)
	}
}

// TestLeaversAreNotAskedAbout: a question about a client that has left is called off, and one about another client is not.
func TestLeaversAreNotAskedAbout(t *testing.T) {
	b := newSlowBackend(t)
	g := start(t, Config{Webhook: &webhook.Config{URL: b.URL, Timeout: patience}, Hooks: []string{HookConnect, HookJoin}})
	for name, leave := range map[string]func(*client){
		"by ending its connection": func(c *client) { c.conn.Close() },
		"by a DISCONNECT":          func(c *client) { c.send("41") },
	} {
		t.Run(name, func(t *testing.T) {
			stays, leaves := dial(t, g, ""), dial(t, g, "")
			stays.send("40")
			asked := b.next(t, HookConnect)
			leaves.send("40")
			about := b.next(t, HookConnect)
			leave(leaves)
			about.calledOff(t)
			asked.answer <- `{"user":"42"}`
			if got := stays.next(); got[:2] != "40" {
				t.Fatalf("the one who stays is answered with %q", got)
			}
			stays.silent()
		})
	}
	for name, leave := range map[string]func(*client){
		"from a join, by ending its connection": func(c *client) { c.conn.Close() },
		"from a join, by a DISCONNECT":          func(c *client) { c.send("41") },
	} {
		t.Run(name, func(t *testing.T) {
			c := enter(t, g, `{"sub":"1"}`)
			c.send(`421["join","x"]`)
			about := b.next(t, HookJoin)
			leave(c)
			about.calledOff(t)
		})
	}
	eventually(t, "all places are free", func() bool { return g.backend.Stats().InFlight == 0 })
	for _, n := range g.backend.Stats().Calls {
		if n.Outcome == webhook.OutcomeCanceled && n.Count != map[string]int64{HookConnect: 2, HookJoin: 2}[n.Kind] {
			t.Errorf("%d calls for %s were called off", n.Count, n.Kind)
		}
	}
}

func TestWhileHere(t *testing.T) {
	gone := make(chan bool, 1)
	ctx, end := whileHere(t.Context(), func() bool { return len(gone) == 0 })
	if ctx.Err() != nil {
		t.Error("it has ended by itself")
	}
	gone <- true
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, hub.ErrDisconnected) {
		t.Errorf("it has ended because of %v", err)
	}
	end()
	asked := 0
	_, end = whileHere(t.Context(), func() bool { asked++; return true })
	end()
	if asked == 0 { // and the race detector would tell of one behind end
		t.Error("nobody was asked")
	}
}
