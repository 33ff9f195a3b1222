package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// pollTarget is what a client asks for that begins by polling.
const pollTarget = "/socket.io/?EIO=4&transport=polling"

// pollClient is a Socket.IO client in the main namespace that polls.
type pollClient struct {
	*starlingtest.Poller
	acks int
}

// joinPolling connects a client that polls.
func joinPolling(addr string) (*pollClient, error) {
	c := &pollClient{Poller: starlingtest.NewPoller(addr)}
	return c, c.enter()
}

func (c *pollClient) enter() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	packets, err := c.Exchange("40")
	if err == nil && (len(packets) != 1 || !strings.HasPrefix(packets[0], `40{"sid":"`)) {
		return fmt.Errorf("CONNECT was answered with %q", packets)
	}
	return err
}

// mustJoinPolling connects a client whose connections end with the test.
func mustJoinPolling(t *testing.T, addr string) *pollClient {
	t.Helper()
	c, err := joinPolling(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// echo emits an event and wants its acknowledgement, and nothing else but heartbeats.
func (c *pollClient) echo() error {
	c.acks++
	if err := c.Post(fmt.Sprintf(`42%d["echo",%d]`, c.acks, c.acks)); err != nil {
		return err
	}
	for {
		packets, err := c.Get()
		if err != nil {
			return err
		}
		if i := slices.Index(packets, "2"); i >= 0 { // a heartbeat may stand before the answer or behind it
			if err := c.Post("3"); err != nil {
				return err
			}
			packets = slices.Delete(packets, i, i+1)
		}
		if len(packets) == 0 {
			continue
		}
		if want := fmt.Sprintf("43%d[%d]", c.acks, c.acks); len(packets) != 1 || packets[0] != want {
			return fmt.Errorf("got %q, want %q alone", packets, want)
		}
		return nil
	}
}

// leave ends the session in order.
func (c *pollClient) leave() error {
	defer c.Close()
	return c.Post("1")
}

// wantGone wants the server to know a session no longer, or very soon.
func (c *pollClient) wantGone(t *testing.T) {
	t.Helper()
	var err error
	eventually(t, fmt.Sprintf("session %s is gone", c.SID), func() bool {
		_, err = c.Get()
		return err != nil && err != error(starlingtest.StatusError{Status: 400})
	})
	if err != starlingtest.ErrUnknownSession {
		t.Errorf("a session that should be gone answers with: %v", err)
	}
}

// wantEnd wants to be told that the session is over, in so many words or not.
func (c *pollClient) wantEnd(t *testing.T) {
	t.Helper()
	for {
		packets, err := c.Get()
		if err == error(starlingtest.ErrUnknownSession) {
			return
		}
		if err != nil || !slices.Equal(packets, []string{"6", "1"}) && !slices.Equal(packets, []string{"1"}) {
			t.Errorf("got %.200q and %v, want the end", packets, err)
			return
		}
	}
}

// dial connects, and gives the connection what it says first.
func dial(t *testing.T, s *starlingtest.Server, first string) *starlingtest.Conn {
	t.Helper()
	c := starlingtest.Dial(t, s.Addr)
	if _, err := c.Write([]byte(first)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a request, and wants one response and the end of the connection.
func ask(t *testing.T, s *starlingtest.Server, request string) (starlingtest.Response, error) {
	t.Helper()
	c := dial(t, s, request)
	defer c.Close()
	return c.LastResponse()
}

// withHeader is a request with one header line more.
func withHeader(request, line string) string {
	return strings.Replace(request, "Host: localhost\r\n", "Host: localhost\r\n"+line+"\r\n", 1)
}
