// Package gateway_test runs the server that applications deploy, starling serve, as a process of its own: how it ends under
// thousands of clients, what it does while its backend stands still, and what somebody sees who tries it for the first time.
package gateway_test

import (
	"bytes"
	"fmt"
	"os"
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
	*starlingtest.API
}

// start starts starling serve with flags besides. Anybody may connect.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	cmd := starlingtest.Gateway(t, append([]string{"--anonymous"}, flags...)...)
	cmd.Env = append(cmd.Env, "STARLING_API_KEYS="+apiKey)
	s := starlingtest.Start(t, cmd)
	return &server{s, starlingtest.ControlOf(t, s, apiKey)}
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
