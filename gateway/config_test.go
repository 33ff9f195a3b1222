package gateway

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starling/gateway/access"
	"starling/gateway/control"
	"starling/gateway/webhook"
)

func TestConfigErrors(t *testing.T) {
	tokens := &access.VerifierConfig{HMACSecrets: [][]byte{secret}}
	hook := &webhook.Config{URL: "http://127.0.0.1:1"}
	for _, tc := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"nobody could connect", Config{}, ErrNoTokens},
		{"a hook without a backend", Config{Tokens: tokens, Hooks: []string{HookEvent}}, ErrHook},
		{"no such hook", Config{Tokens: tokens, Webhook: hook, Hooks: []string{"evnet"}}, ErrHook},
		{"a star within a name", Config{Tokens: tokens, ClientEvents: []string{"a*b"}}, ErrEventNames},
		{"a star within a name for the backend", Config{Tokens: tokens, WebhookEvents: []string{"*a"}}, ErrEventNames},
		{"no name", Config{Tokens: tokens, ClientEvents: []string{""}}, ErrEventNames},
		{"a secret that is too short", Config{Tokens: &access.VerifierConfig{HMACSecrets: [][]byte{[]byte("short")}}}, access.ErrSecretBytes},
		{"a backend that is none", Config{Tokens: tokens, Webhook: &webhook.Config{URL: "ftp://x"}}, webhook.ErrURL},
		{"an API without keys", Config{Tokens: tokens, APIAddr: "127.0.0.1:0"}, control.ErrNoKeys},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if g, err := New(t.Context(), tc.cfg); !errors.Is(err, tc.want) || g != nil {
				t.Errorf("New = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	n := names{"client:*", "wave", "x*"}
	for event, want := range map[string]bool{
		"client:": true, "client:typing": true, "client": false, "Client:x": false, "wave": true, "waves": false, "x": true, "xy": true, "": false, "client:*": true,
	} {
		if n.match(event) != want {
			t.Errorf("%q: %v, want %v", event, !want, want)
		}
	}
	if names(nil).match("x") || !(names{"*"}).match("") {
		t.Error("nothing matches everything, or everything nothing")
	}
}

// TestListenTwice: an address that is taken is an error that says which of the two it is, and nothing is left behind.
func TestListenTwice(t *testing.T) {
	g := start(t, Config{})
	other, err := New(t.Context(), Config{Addr: "127.0.0.1:0", APIAddr: g.APIAddr().String(), APIKeys: []string{testKey}, Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var taken *APIAddrError
	if err := other.Listen(); !errors.As(err, &taken) {
		t.Errorf("Listen = %v", err)
	}
}

// TestReload: a file that has become wrong leaves the old secrets in force, and one that is right again counts.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret)
	g := start(t, Config{Tokens: &access.VerifierConfig{HMACSecretFiles: []string{file}}})
	enter(t, g, `{"sub":"1"}`)
	write([]byte("short"))
	if g.Reload() == nil {
		t.Error("a secret that is too short is taken")
	}
	enter(t, g, `{"sub":"2"}`)
	write([]byte("another secret of thirty-two bytes or more"))
	if err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	auth := `{"token":"` + token(t, `{"sub":"3"}`) + `"}`
	if _, refusal := attempt(t, g, auth); refusal == "" {
		t.Error("the secret that was replaced still opens")
	}
}

// TestAPIConnections: connections to the control API beyond their bound wait, and are served when others end.
func TestAPIConnections(t *testing.T) {
	g := start(t, Config{})
	held := make([]net.Conn, apiPlaces(g.Server().ConnectionsMax()))
	for i := range held {
		c, err := net.Dial("tcp", g.APIAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held[i] = c
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := askWith(t, g, testKey, "GET", "/healthz", "")
		answered <- status
	}()
	select {
	case status := <-answered:
		t.Errorf("one connection too many is answered with %d", status)
	case <-time.After(100 * time.Millisecond): // it would be at once
	}
	held[0].Close()
	if status := <-answered; status != 200 {
		t.Errorf("it is answered with %d", status)
	}
}
