package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// The three calls, for tests of what they have in common.
var calls = map[string]func(ctx context.Context, c *Client) error{
	KindConnect: func(ctx context.Context, c *Client) error {
		_, err := c.Connect(ctx, ConnectRequest{SID: "a1", Namespace: "/"})
		return err
	},
	KindJoin: func(ctx context.Context, c *Client) error {
		return c.Join(ctx, JoinRequest{SID: "a1", Namespace: "/", Room: "ws:acme"})
	},
	KindEvent: func(ctx context.Context, c *Client) error {
		_, err := c.Event(ctx, EventRequest{SID: "a1", Namespace: "/", Event: "save"})
		return err
	},
}

func TestCallsAsTheyAreSent(t *testing.T) {
	for _, tc := range []struct {
		name string
		call func(c *Client) (any, error)
		sent string
		body string // of the reply
		want any
	}{
		{
			"connect", func(c *Client) (any, error) {
				return c.Connect(context.Background(), ConnectRequest{
					SID: "a1", Namespace: "/", Address: "192.0.2.7", Auth: json.RawMessage(`{"ticket":"x"}`),
					Query:  url.Values{"EIO": {"4"}, "lang": {"de", "en"}},
					Header: http.Header{"Cookie": {"a=b"}, "User-Agent": {"curl"}},
				})
			},
			`{"type":"connect","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","nsp":"/","address":"192.0.2.7",` +
				`"auth":{"ticket":"x"},"query":{"EIO":["4"],"lang":["de","en"]},"headers":{"cookie":["a=b"],"user-agent":["curl"]}}`,
			`{"user":"42","rooms":["ws:acme:*"],"ttl":60}`,
			ConnectReply{User: "42", Rooms: []string{"ws:acme:*"}, TTL: 60},
		},
		{
			"connect with nothing", func(c *Client) (any, error) {
				return c.Connect(context.Background(), ConnectRequest{SID: "a1", Namespace: "/"})
			},
			`{"type":"connect","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","nsp":"/","address":""}`,
			`{}`,
			ConnectReply{},
		},
		{
			"join", func(c *Client) (any, error) {
				return nil, c.Join(context.Background(), JoinRequest{SID: "a1", User: "42", Namespace: "/", Room: "ws:acme"})
			},
			`{"type":"join","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","user":"42","nsp":"/","room":"ws:acme"}`,
			`{"allow":true}`, nil,
		},
		{
			"event", func(c *Client) (any, error) {
				return c.Event(context.Background(), EventRequest{
					SID: "a1", User: "42", Namespace: "/", Event: "note.save", Args: []json.RawMessage{json.RawMessage(`{"text":"hi"}`), json.RawMessage("null")},
				})
			},
			`{"type":"event","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","user":"42","nsp":"/","event":"note.save",` +
				`"args":[{"text":"hi"},null]}`,
			`{"ack":[{"id":7}]}`,
			EventReply{Ack: []json.RawMessage{json.RawMessage(`{"id":7}`)}},
		},
		{
			"event with nothing", func(c *Client) (any, error) {
				return c.Event(context.Background(), EventRequest{SID: "a1", Namespace: "/", Event: "x"})
			},
			`{"type":"event","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","nsp":"/","event":"x","args":[]}`,
			``,
			EventReply{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, Config{Secrets: [][]byte{firstSecret}}, func(p *play) {
				p.replies(200, tc.body)
				got, err := tc.call(p.client)
				if err != nil || !reflect.DeepEqual(got, tc.want) {
					t.Errorf("%+v, %v; want %+v", got, err, tc.want)
				}
				r := p.requests()[0]
				if masked(r.body) != tc.sent {
					t.Errorf("sent %s\nwant %s", masked(r.body), tc.sent)
				}
				if r.method != "POST" || r.header.Get("Content-Type") != "application/json" || r.header.Get("User-Agent") != "starling/dev" {
					t.Errorf("%s with %v", r.method, r.header)
				}
				if err := Verify(r.header.Get(SignatureHeader), []byte(r.body), [][]byte{firstSecret}, 0, p.began); err != nil {
					t.Errorf("Verify = %v", err)
				}
			})
		})
	}
}

func TestWithoutSecretsNothingIsSigned(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		_, _ = p.client.Event(context.Background(), EventRequest{})
		if h := p.requests()[0].header; len(h.Values(SignatureHeader)) != 0 {
			t.Errorf("headers %v", h)
		}
	})
}

// TestRepliesToCalls is about statuses; what bodies mean is in replies_test.go.
func TestRepliesToCalls(t *testing.T) {
	refused := &RefusedError{"no", json.RawMessage(`{"code":"x"}`)}
	const refusal = `{"message":"no","data":{"code":"x"}}`
	for _, tc := range []struct {
		status  int
		body    string
		want    error // by errors.Is, or equal
		outcome string
	}{
		{200, `{"allow":true}`, nil, OutcomeOK},
		{201, `{"allow":true}`, nil, OutcomeOK},
		{401, refusal, refused, OutcomeRefused},
		{403, refusal, refused, OutcomeRefused},
		{403, "<html>", &RefusedError{}, OutcomeRefused},
		{302, `{"allow":true}`, &StatusError{302}, OutcomeStatus},
		{304, "", &StatusError{304}, OutcomeStatus},
		{400, refusal, &StatusError{400}, OutcomeStatus},
		{404, `{"allow":true}`, &StatusError{404}, OutcomeStatus},
		{429, "", &StatusError{429}, OutcomeStatus},
		{500, "", &StatusError{500}, OutcomeStatus},
		{503, "", &StatusError{503}, OutcomeStatus},
		{200, "<html>", ErrReply, OutcomeReply},
		{200, `{"allow":true}` + strings.Repeat(" ", ReplyBytesMax-len(`{"allow":true}`)), nil, OutcomeOK},
		{200, `{"allow":true}` + strings.Repeat(" ", ReplyBytesMax-len(`{"allow":true}`)+1), ErrReplyBytes, OutcomeReply},
		{200, strings.Repeat(" ", 10<<20), ErrReplyBytes, OutcomeReply},
		{500, strings.Repeat(" ", 10<<20), &StatusError{500}, OutcomeStatus},
	} {
		for kind, call := range calls {
			t.Run(fmt.Sprintf("%s %d with %d bytes", kind, tc.status, len(tc.body)), func(t *testing.T) {
				perform(t, Config{}, func(p *play) {
					p.answers(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Location", "http://elsewhere.test/")
						w.WriteHeader(tc.status)
						_, _ = io.WriteString(w, tc.body)
					})
					err := call(context.Background(), p.client)
					if !errors.Is(err, tc.want) && !reflect.DeepEqual(err, tc.want) {
						t.Errorf("%v, want %v", err, tc.want)
					}
					if n := p.calls(kind, tc.outcome); n != 1 {
						t.Errorf("%d are counted as %s", n, tc.outcome)
					}
					if n := len(p.requests()); n != 1 {
						t.Errorf("%d requests", n)
					}
					if s := p.client.Stats(); s.Unavailable != nil || s.InFlight != 0 {
						t.Errorf("%+v", s)
					}
				})
			})
		}
	}
}

func TestACallIsBoundedInTime(t *testing.T) {
	ours := errors.New("the client has gone")
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"no answer": stalled,
		"no end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			stalled(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			perform(t, Config{Timeout: 3 * time.Second}, func(p *play) {
				p.answers(answer)
				began := time.Now()
				for kind, call := range calls {
					if err := call(context.Background(), p.client); err != ErrTimeout {
						t.Errorf("%s: %v", kind, err)
					}
				}
				if took := time.Since(began); took != 9*time.Second {
					t.Errorf("three took %v", took)
				}
				ctx, cancel := context.WithCancelCause(context.Background())
				time.AfterFunc(time.Second, func() { cancel(ours) })
				if err := calls[KindEvent](ctx, p.client); err != ours {
					t.Errorf("when its context ends: %v", err)
				}
				short, stop := context.WithTimeout(context.Background(), time.Second)
				defer stop()
				if err := calls[KindEvent](short, p.client); err != context.DeadlineExceeded {
					t.Errorf("with less time of its own: %v", err)
				}
				if got := [2]int64{p.calls(KindEvent, OutcomeTimeout), p.calls(KindEvent, OutcomeCanceled)}; got != [2]int64{1, 2} {
					t.Errorf("counted %v", got)
				}
				if n := len(p.requests()); n != 5 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// TestWhoIsAskedTwice if the connection breaks: connect and join, within one timeout, and never an event.
func TestWhoIsAskedTwice(t *testing.T) {
	for kind, call := range calls {
		asked := map[string]int{KindConnect: 2, KindJoin: 2, KindEvent: 1}[kind]
		t.Run(kind+" is hung up on", func(t *testing.T) {
			perform(t, Config{}, func(p *play) {
				p.answers(hangUp)
				if err := call(context.Background(), p.client); !errors.Is(err, ErrConnection) {
					t.Errorf("%v", err)
				}
				all := p.requests()
				if len(all) != asked || all[0].body != all[asked-1].body {
					t.Errorf("%d requests, want %d that are the same", len(all), asked)
				}
				if s := p.client.Stats(); s.Retried != int64(asked-1) || p.calls(kind, OutcomeConnection) != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
		t.Run(kind+" is cut off in the midst of a reply", func(t *testing.T) {
			perform(t, Config{}, func(p *play) {
				n := 0
				p.answers(func(w http.ResponseWriter, r *http.Request) {
					if n++; n == 1 {
						w.Header().Set("Content-Length", "100")
					}
					_, _ = io.WriteString(w, `{"allow":true}`)
				})
				if err := call(context.Background(), p.client); (err == nil) != (asked == 2) {
					t.Errorf("%v", err)
				}
			})
		})
		t.Run(kind+" is hung up on, and then gets no answer", func(t *testing.T) {
			perform(t, Config{}, func(p *play) {
				n := 0
				p.answers(func(w http.ResponseWriter, r *http.Request) {
					if n++; n == 1 {
						time.Sleep(2 * time.Second)
						hangUp(w, r)
					}
					stalled(w, r)
				})
				began := time.Now()
				_ = call(context.Background(), p.client)
				if took := time.Since(began); took != map[int]time.Duration{1: 2 * time.Second, 2: TimeoutDefault}[asked] {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestWhatCannotBeEncoded(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		for name, args := range map[string][]json.RawMessage{
			"half": {json.RawMessage(`{"a":`)}, "nothing": {json.RawMessage{}}, "two": {json.RawMessage(`1 2`)},
		} {
			if _, err := p.client.Event(context.Background(), EventRequest{Args: args}); !errors.Is(err, ErrRequest) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(p.requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestObserve(t *testing.T) {
	type call struct {
		kind, outcome string
		took          time.Duration
	}
	var mu sync.Mutex
	var got []call
	perform(t, Config{FailuresMax: 1, RetriesMax: NoRetries, Observe: func(kind, outcome string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, call{kind, outcome, took})
	}}, func(p *play) {
		p.answers(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(30 * time.Millisecond)
			w.WriteHeader(403)
		})
		_ = calls[KindConnect](context.Background(), p.client)
		p.notify("a")
		p.wait(200 * time.Millisecond)
		p.stall()
		_ = calls[KindEvent](context.Background(), p.client)
		_ = calls[KindEvent](context.Background(), p.client) // fails at once
		want := []call{
			{KindConnect, OutcomeRefused, 30 * time.Millisecond},
			{KindBatch, OutcomeStatus, 30 * time.Millisecond},
			{KindEvent, OutcomeTimeout, TimeoutDefault},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("observed %v, want %v", got, want)
		}
		if n := p.calls(KindEvent, OutcomeUnavailable); n != 1 {
			t.Errorf("%d are counted as unavailable", n)
		}
	})
}

func TestFailuresAreLoggedNowAndThen(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		p.replies(500, "")
		for range 30 {
			_ = calls[KindEvent](context.Background(), p.client)
			p.wait(time.Second)
		}
		if log := p.log.String(); strings.Count(log, "a call has failed") != 3 || !strings.Contains(log, "the backend replied 500") {
			t.Errorf("log %s", log)
		}
	})
}

func TestAClientWithLessTimeOfItsOwn(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		p.client.post.http.Timeout = time.Second
		p.stall()
		if err := calls[KindConnect](context.Background(), p.client); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v", err)
		}
		if n := len(p.requests()); n != 1 || p.calls(KindConnect, OutcomeTimeout) != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestConnectionsAreNotKeptForLong: a backend closes those that are idle, and a request that crosses the closing is lost.
func TestConnectionsAreNotKeptForLong(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		p.replies(200, `{"allow":true}`)
		for _, pause := range []time.Duration{0, 3900 * time.Millisecond, 4100 * time.Millisecond} {
			p.wait(pause)
			if err := calls[KindJoin](context.Background(), p.client); err != nil {
				t.Errorf("%v", err)
			}
		}
		if len(p.dials) != 2 || p.dials[1] != 8*time.Second {
			t.Errorf("connections were made at %v", p.dials)
		}
	})
}

func TestSecretsAreReplaced(t *testing.T) {
	perform(t, Config{Secrets: [][]byte{firstSecret}}, func(p *play) {
		signedWith := func(secret []byte) error {
			_, _ = p.client.Event(context.Background(), EventRequest{})
			r := p.requests()[0]
			return Verify(r.header.Get(SignatureHeader), []byte(r.body), [][]byte{secret}, 0, time.Now())
		}
		if err := p.client.SetSecrets([][]byte{secondSecret, secondSecret[:31]}); err != ErrSecret {
			t.Errorf("a short one: %v", err)
		}
		if err := signedWith(firstSecret); err != nil {
			t.Errorf("with the one before, which stays: %v", err)
		}
		mine := bytes.Clone(secondSecret)
		if err := p.client.SetSecrets([][]byte{mine}); err != nil {
			t.Errorf("%v", err)
		}
		clear(mine)
		if err := signedWith(secondSecret); err != nil {
			t.Errorf("with the new one: %v", err)
		}
		if err := signedWith(firstSecret); err != ErrSignature {
			t.Errorf("with the one before: %v", err)
		}
		if err := p.client.SetSecrets(nil); err != nil || signedWith(firstSecret) != ErrSignatureHeader {
			t.Errorf("with none: %v", err)
		}
	})
}
