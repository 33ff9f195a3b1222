package clustertest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// client is a Socket.IO client on a WebSocket. What it sends and gets are packets as they are on the wire; attachments are
// written <bin 0102>, the end of the connection <end>.
type client struct {
	t    *testing.T
	conn *starlingtest.Conn
	id   string // of the socket that the last connect made
}

// target is what the connections of these clients begin with.
const target = "/socket.io/?EIO=4&transport=websocket"

// dial begins a session.
func dial(t *testing.T, addr string) *client {
	t.Helper()
	c := &client{t: t, conn: starlingtest.Dial(t, addr)}
	if err := c.conn.Upgrade(target); err != nil {
		t.Fatal(err)
	}
	if open := c.next(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("the session begins with %q", open)
	}
	return c
}

// connect connects to a namespace, "" for the main one, with an auth payload.
func (c *client) connect(namespace string, auth any) {
	c.t.Helper()
	payload, err := json.Marshal(auth)
	if err != nil {
		c.t.Fatal(err)
	}
	head := "40"
	if namespace != "" {
		head += namespace + ","
	}
	c.send(head + string(payload))
	var answer struct{ SID string }
	got := c.next()
	if data, ok := strings.CutPrefix(got, head); !ok || json.Unmarshal([]byte(data), &answer) != nil || answer.SID == "" {
		c.t.Fatalf("the CONNECT is answered with %q", got)
	}
	c.id = answer.SID
}

// send sends packets.
func (c *client) send(packets ...string) {
	c.t.Helper()
	for _, p := range packets {
		frame := starlingtest.Masked(starlingtest.Text, []byte(p))
		if digits, ok := strings.CutPrefix(p, "<bin "); ok {
			frame = starlingtest.Masked(starlingtest.Binary, unhex(strings.TrimSuffix(digits, ">")))
		}
		if _, err := c.conn.Write(frame); err != nil {
			c.t.Errorf("sending %q: %v", p, err)
		}
	}
}

func unhex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return b
}

// next waits for the next packet. It does not fail the test, so any goroutine may call it.
func (c *client) next() string {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		f, err := c.conn.ReadFrame()
		switch {
		case errors.Is(err, io.EOF):
			return "<end>"
		case err != nil:
			return fmt.Sprintf("<error %v>", err)
		case f.Head == starlingtest.Text && string(f.Payload) == "2": // a heartbeat, wherever it falls
			_, _ = c.conn.Write(starlingtest.Masked(starlingtest.Text, []byte("3")))
		case f.Head == starlingtest.Text:
			return string(f.Payload)
		case f.Head == starlingtest.Binary:
			return fmt.Sprintf("<bin %x>", f.Payload)
		case f.Head == starlingtest.Close:
			return "<close>"
		default:
			return fmt.Sprintf("<frame %x %x>", f.Head, f.Payload)
		}
	}
}

// expect wants packets, and nothing between.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for i, w := range want {
		if got := c.next(); got != w {
			c.t.Fatalf("packet %d of %d is %.200q, want %.200q", i, len(want), got, w)
		}
	}
}

// asked wants an event that is to be acknowledged, and returns the id that the acknowledgement is to have.
func (c *client) asked(event string) (ackID string) {
	c.t.Helper()
	got := c.next()
	id, rest, _ := strings.Cut(strings.TrimPrefix(got, "42"), "[")
	if !strings.HasPrefix(got, "42") || id == "" || strings.Trim(id, "0123456789") != "" || "["+rest != event {
		c.t.Fatalf("the packet is %.200q, want %q with an id", got, event)
	}
	return id
}

// answers wants such an event, and acknowledges it with arguments.
func (c *client) answers(event, arguments string) {
	c.t.Helper()
	c.send("43" + c.asked(event) + arguments)
}

// settled returns when the server has taken all that was sent on this connection. In the main namespace the event sync
// must be acknowledged on the loop.
func (c *client) settled() {
	c.t.Helper()
	c.send(`420["sync"]`)
	c.expect("430[]")
}
