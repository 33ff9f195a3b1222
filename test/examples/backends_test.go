package examples_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// Secrets that a backend and its server share.
const (
	jwtSecret     = "the secret that signs tokens, 32 bytes"
	webhookSecret = "the secret that signs webhooks, 32 bytes"
	apiKey        = "the-key-of-the-control-api-32-bytes"
)

// TestBackends runs each backend beside the real server, with the stock client: token, join, emit by HTTP, webhook with ack.
func TestBackends(t *testing.T) {
	node := starlingtest.FindTool(t, "node")
	wantInstalled(t, "the stock client", "../client/node_modules/socket.io-client", "test/client")
	for _, backend := range []struct{ name, tool, file string }{
		{"python", "python3", "examples/backend-python/backend.py"},
		{"node", "node", "examples/backend-node/backend.mjs"},
	} {
		tool := starlingtest.FindTool(t, backend.tool)
		for _, kind := range []string{"websocket", "polling", "default"} {
			t.Run(backend.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				// The backend has to know where the server is, and the server where the backend is: one of them has to guess.
				server := newDetour(t)
				base, said := startBackend(t, server.URL, tool, backend.file)
				serve := starlingtest.Gateway(t,
					"--webhook-url", base+"/hooks", "--webhook-hooks", "event,connected", "--webhook-events", "order:*")
				serve.Env = starlingtest.Environ("STARLING_JWT_SECRET="+jwtSecret, "STARLING_WEBHOOK_SECRET="+webhookSecret, "STARLING_API_KEYS="+apiKey)
				s := starlingtest.Start(t, serve)
				server.leadTo(t, "http://"+s.Await(t, "control API listening").Addr)
				cmd := exec.Command(node, filepath.Join("backends", "flow.mjs"), "http://"+s.Addr, kind, "standard")
				cmd.Env = append(os.Environ(), "BACKEND="+base)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, user := range []string{"ann", "bob", "gus"} {
					if line := said(); line != "starling says: connected "+user {
						t.Errorf("the backend says %q, want that %s has connected", line, user)
					}
				}
				s.Stop(t)
			})
		}
	}
}

// detour is an address that leads to another one which is known later.
type detour struct {
	*httptest.Server
	target atomic.Pointer[url.URL]
}

func newDetour(t *testing.T) *detour {
	d := &detour{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(d.target.Load()) }}
	d.Server = httptest.NewServer(http.HandlerFunc(proxy.ServeHTTP))
	t.Cleanup(d.Server.Close)
	return d
}

func (d *detour) leadTo(t *testing.T, target string) {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	d.target.Store(u)
}

// startBackend starts a backend until the test ends, and returns its URL and what reads the next line of its output.
func startBackend(t *testing.T, api, tool, file string) (base string, next func() string) {
	t.Helper()
	cmd := exec.Command(tool, file)
	cmd.Dir = moduleDir
	cmd.Env = append(os.Environ(), "PORT=0", "STARLING_API="+api, "STARLING_API_KEY="+apiKey,
		"STARLING_JWT_SECRET="+jwtSecret, "STARLING_WEBHOOK_SECRET="+webhookSecret)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	next = func() string {
		if !lines.Scan() {
			t.Fatalf("the backend has ended: %v", lines.Err())
		}
		return lines.Text()
	}
	base, ok := strings.CutPrefix(next(), "listening on ")
	if !ok {
		t.Fatal("the backend does not say where it listens")
	}
	return base, next
}
