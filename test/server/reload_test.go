package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"starling/internal/starlingtest"
)

// TestSIGHUPReadsKeysAgain replaces the key of the control API under a running server. A file that cannot be read changes
// nothing, and the clients notice neither.
func TestSIGHUPReadsKeysAgain(t *testing.T) {
	const first, second = "the-first-key-of-this-test", "the-second-key-of-this-test"
	file := filepath.Join(t.TempDir(), "keys.yaml")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(key string) string { return "keys:\n  - {name: backend, key: " + key + ", scopes: [read]}\n" }
	write(keys(first))
	s := starlingtest.Start(t, starlingtest.Gateway(t, "--anonymous", "--api-key-file", file))
	url := "http://" + s.Await(t, "control API listening").Addr + "/v1/rooms"
	opens := func(key string) bool {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("the control API answers %s", answer.Status)
		}
		return answer.StatusCode == http.StatusOK
	}
	c := mustJoin(t, s.Addr)
	if !opens(first) || opens(second) {
		t.Error("at the start it is not the first key that opens")
	}
	write(keys(second))
	if !opens(first) || opens(second) {
		t.Error("the file counts before the server is told")
	}
	s.Signal(t, syscall.SIGHUP)
	s.Await(t, "keys and secrets were read again")
	if opens(first) || !opens(second) {
		t.Error("afterwards it is not the second key that opens")
	}
	write("keys: [")
	s.Signal(t, syscall.SIGHUP)
	s.Await(t, "some keys or secrets cannot be read again and stay as they are")
	if opens(first) || !opens(second) {
		t.Error("a broken file has taken the second key away")
	}
	s.Running(t)
	s.Signal(t, syscall.SIGTERM)
	if err := goodbye(c); err != nil {
		t.Error(err)
	}
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v, want exit code 0", state)
	}
}
