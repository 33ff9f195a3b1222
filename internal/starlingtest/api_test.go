package starlingtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// newAPI is an API that says what it is asked; at /v1/broken it is out of order.
func newAPI(t *testing.T) *API {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/v1/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/metrics":
			_, _ = io.WriteString(w, "# TYPE a counter\na{of=\"b\"} 2\na{of=\"bc\"} 3\nodd x\n")
			return
		}
		_, _ = fmt.Fprintf(w, "%q", r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+string(body))
	}))
	t.Cleanup(s.Close)
	return &API{URL: s.URL, Key: "k"}
}

func TestAsk(t *testing.T) {
	a := newAPI(t)
	for _, tc := range []struct {
		name, method, path string
		body               any
		want               string // "": an error
	}{
		{"a body", "POST", "/v1/emit?ack=1s", map[string]int{"data": 1}, `POST /v1/emit?ack=1s Bearer k {"data":1}`},
		{"no body", "GET", "/v1/stats", nil, "GET /v1/stats Bearer k "},
		{"another status", "GET", "/v1/broken", nil, ""},
		{"no JSON", "POST", "/v1/emit", make(chan int), ""},
		{"no method", "GET ME", "/", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := a.Ask(tc.method, tc.path, tc.body, &got); (err != nil) != (tc.want == "") || got != tc.want {
				t.Errorf("Ask = %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestMetric(t *testing.T) {
	a := newAPI(t)
	for name, want := range map[string]float64{`a{of="b"}`: 2, `a{of="bc"}`: 3, `a{of="d"}`: 0, "a": 0} {
		if got := a.Metric(t, name); got != want {
			t.Errorf("Metric(%s) = %v, want %v", name, got, want)
		}
	}
	if _, err := metric("odd x\n", "odd"); err == nil {
		t.Error("a value that is no number is taken for one")
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("STARLING_BINARY", "/bin/starling")
	t.Setenv("STARLING_SEED", "1")
	t.Setenv("STARLINGS", "many")
	got := Environ("STARLING_ADDR=127.0.0.1:0")
	for entry, want := range map[string]bool{
		"STARLING_BINARY=/bin/starling": false, "STARLING_SEED=1": false, "STARLINGS=many": true, "STARLING_ADDR=127.0.0.1:0": true,
	} {
		if slices.Contains(got, entry) != want {
			t.Errorf("%s: is there: %v, want %v", entry, !want, want)
		}
	}
}
