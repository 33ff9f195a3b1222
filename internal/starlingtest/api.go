package starlingtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// API is the control API of a server, for those who call it as a backend does.
type API struct {
	URL string // "http://127.0.0.1:9090"
	Key string
}

// ControlOf is the control API of a server whose command is Gateway's, once it listens. The key is one that the command was given.
func ControlOf(t testing.TB, s *Server, key string) *API {
	t.Helper()
	return &API{URL: "http://" + s.Await(t, "control API listening").Addr, Key: key}
}

// Ask makes a request with a body in JSON, or without one if it is nil, and decodes the answer into what answer points to, unless
// that is nil. Any status but 200 is an error.
func (a *API) Ask(method, path string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequest(method, a.URL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+a.Key)
	said, err := a.do(r)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(said, answer)
}

// Metric is a value of /metrics, 0 for one that has not been counted yet. The name comes with its labels.
func (a *API) Metric(t testing.TB, name string) (value float64) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, a.URL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.do(r)
	if err != nil {
		t.Fatal(err)
	}
	if value, err = metric(string(text), name); err != nil {
		t.Fatal(err)
	}
	return value
}

// metric finds a value in the text format of Prometheus.
func metric(text, name string) (value float64, err error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, err = fmt.Sscan(rest, &value)
			return value, err
		}
	}
	return 0, nil
}

func (a *API) do(r *http.Request) ([]byte, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s is answered with %s and %s", r.Method, r.URL.Path, answer.Status, text)
	}
	return text, err
}
