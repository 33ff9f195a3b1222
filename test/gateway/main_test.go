// Package gateway_test runs the server that applications deploy, starling serve, as a process of its own: how it ends under
// thousands of clients, what it does while its backend stands still, and what somebody sees who tries it for the first time.
package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

// apiKey may do everything.
const apiKey = "the-key-of-the-control-api-32-bytes"

// server is a running starling serve, with its control API.
type server struct {
	*starlingtest.Server
	api string
}

// start starts starling serve with flags besides. Anybody may connect.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	cmd := starlingtest.Gateway(t, append([]string{"--anonymous"}, flags...)...)
	cmd.Env = append(os.Environ(), "STARLING_API_KEYS="+apiKey)
	s := starlingtest.Start(t, cmd)
	return &server{s, "http://" + s.Await(t, "control API listening").Addr}
}

// ask makes a request to the control API and decodes the answer, of which the status has to be 200.
func (s *server) ask(method, path, body string, answer any) error {
	r, err := http.NewRequest(method, s.api+path, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// metric reads one value from /metrics; what stands before the value has to be the whole name, with its labels.
func (s *server) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	resp, err := http.Get(s.api + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// join connects a client to the main namespace, over a WebSocket.
func join(addr string) (*starlingtest.Conn, error) {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return nil, err
	}
	if err := c.Upgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
		return nil, err
	}
	if _, err := c.ReadFrame(); err != nil { // the open packet
		return nil, err
	}
	if _, err := c.Write(starlingtest.Masked(starlingtest.Text, []byte("40"))); err != nil {
		return nil, err
	}
	f, err := c.ReadFrame()
	if err == nil && !bytes.HasPrefix(f.Payload, []byte("40")) {
		err = fmt.Errorf("CONNECT is answered with %q", f.Payload)
	}
	return c, err
}

// crowd connects many clients, some at a time.
func crowd(t *testing.T, addr string, many int) []*starlingtest.Conn {
	t.Helper()
	conns, errs := make([]*starlingtest.Conn, many), make([]error, many)
	turns := make(chan int)
	done := make(chan struct{})
	const atOnce = 64
	for range atOnce {
		go func() {
			for i := range turns {
				conns[i], errs[i] = join(addr)
			}
			done <- struct{}{}
		}()
	}
	for i := range many {
		turns <- i
	}
	close(turns)
	for range atOnce {
		<-done
	}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns
}

// eventually waits for something that nobody tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(starlingtest.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never comes to that", what)
		}
	}
}
