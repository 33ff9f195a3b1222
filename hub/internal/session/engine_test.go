package session

import (
	"context"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"starling/eventloop"
	"starling/internal/starlingtest"
)

// TestOnRealLoops has clients poll over real loops, well and badly, while the application is told of refusals and changes
// headers: each request is answered, with the application's header, and each refusal is told once. What may go wrong here are
// requests that two loops look at, which the race detector would find.
func TestOnRealLoops(t *testing.T) {
	var mu sync.Mutex
	told, got := map[int]int{}, map[int]int{}
	cfg := testConfig()
	cfg.Random = rand.Reader
	cfg.Frames.MessageBytesMax = 1000
	cfg.Refused = func(r Refusal) {
		mu.Lock()
		defer mu.Unlock()
		told[r.Status]++
		if r.Request == nil || r.Request.RemoteAddr != r.RemoteAddr || r.Request.Header.Get("X-Asked") == "" {
			t.Errorf("told is %+v of %+v", r, r.Request)
		}
	}
	cfg.Headers = func(h http.Header, r *http.Request, _ bool) {
		h.Set("X-Answered", r.Header.Get("X-Asked")+" "+r.RemoteAddr)
	}
	engine := startEngine(t, cfg)
	base := "http://" + engine.Addr().String()

	ask := func(client *http.Client, method, target, body string) string {
		request, err := http.NewRequest(method, base+target, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return ""
		}
		request.Header.Set("X-Asked", target)
		response, err := client.Do(request)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if header := response.Header.Get("X-Answered"); err != nil || !strings.HasPrefix(header, target+" 127.0.0.1:") {
			t.Errorf("%s: %v, %q", target, err, header)
		}
		mu.Lock()
		defer mu.Unlock()
		if response.StatusCode >= 400 {
			got[response.StatusCode]++
		}
		return string(answer)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: starlingtest.Patience}
			defer client.CloseIdleConnections()
			for range 10 {
				_, rest, _ := strings.Cut(ask(client, "GET", "/socket.io/?EIO=4&transport=polling", ""), `"sid":"`)
				target := pollTarget + rest[:min(20, len(rest))]
				var poll sync.WaitGroup
				poll.Go(func() {
					if answer := ask(client, "GET", target, ""); answer != "4hello" {
						t.Errorf("a GET is answered with %q", answer)
					}
				})
				ask(client, "POST", target, "4hello")
				poll.Wait()
				ask(client, "GET", "/socket.io/?EIO=3&transport=polling", "")
				ask(client, "POST", pollTarget+"AAECAwQFBgcICQoLDA0A", "4")
				ask(client, "POST", target, strings.Repeat("4", 1001))
				ask(client, "POST", target, "9")
			}
		})
	}
	wg.Wait()
	for _, l := range engine.Loops() { // what was put off there comes before this
		wg.Add(1)
		l.PostAlways(eventloop.TaskFunc(func(l *eventloop.Loop) {
			l.Soon(eventloop.TaskFunc(func(*eventloop.Loop) { wg.Done() }))
		}))
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if want := map[int]int{400: 3 * 80, 413: 80}; !maps.Equal(got, want) || !maps.Equal(told, want) {
		t.Fatalf("refused with %v, told of %v, want %v", got, told, want)
	}
}

// startEngine runs sessions that answer each message with itself, on three loops until the test ends.
func startEngine(t *testing.T, cfg *Config) *eventloop.Engine {
	engine, err := eventloop.New(eventloop.Config{Addr: "127.0.0.1:0", Loops: 3, Logger: cfg.Logger}, func(l *eventloop.Loop) eventloop.Handler {
		return column{NewTable(l, cfg, func(Request) Upper { return &echoUpper{} })}
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- engine.Run() }()
	select {
	case <-engine.Ready():
	case err := <-ended:
		t.Fatalf("Run: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), starlingtest.Patience)
		defer cancel()
		if err := engine.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; err != nil || engine.Panics() > 0 {
			t.Errorf("Run returned %v, and there were %d panics", err, engine.Panics())
		}
	})
	return engine
}
