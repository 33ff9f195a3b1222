// Package server_test drives the real binary from outside, as operators, clients and attackers do: its command line, its
// signals, its limits. What it sends on the wire it lays out byte by byte.
package server_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { os.Exit(starlingtest.Main(m)) }

// target is what a client asks for that speaks Socket.IO over a WebSocket from the start.
const target = "/socket.io/?EIO=4&transport=websocket"

// client is a Socket.IO client in the main namespace.
type client struct {
	*starlingtest.Conn
	open string // the data of the open packet
	id   string // of its socket
	acks int
}

// join connects a client. A RefusedError says that the server has no room.
func join(addr string) (*client, error) {
	conn, err := starlingtest.TryDial(addr)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn}
	if err := c.enter(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) enter() error {
	if err := c.Upgrade(target); err != nil {
		return err
	}
	open, err := c.receive()
	if err != nil {
		return err
	}
	if c.open, _ = strings.CutPrefix(open, "0"); c.open == open {
		return fmt.Errorf("the session begins with %q", open)
	}
	connected, err := c.exchange("40")
	if err != nil {
		return err
	}
	id, isID := strings.CutPrefix(connected, `40{"sid":"`)
	if c.id, _ = strings.CutSuffix(id, `"}`); !isID || c.id == id {
		return fmt.Errorf("CONNECT was answered with %q", connected)
	}
	return nil
}

// mustJoin connects a client that leaves with the test.
func mustJoin(t *testing.T, addr string) *client {
	t.Helper()
	c, err := join(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// joinAgain connects a client once there is room, which the server may be about to learn.
func joinAgain(t *testing.T, addr string) *client {
	t.Helper()
	var c *client
	eventually(t, "there is room for another client", func() bool {
		var err error
		c, err = join(addr)
		if err != nil && !errors.As(err, new(starlingtest.RefusedError)) && !errors.Is(err, starlingtest.ErrSilent) {
			t.Fatal(err)
		}
		return err == nil
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// eventually waits for something of which no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(starlingtest.Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

func (c *client) send(packet string) error {
	_, err := c.Write(starlingtest.Masked(starlingtest.Text, []byte(packet)))
	return err
}

// receive reads the next packet, and answers the heartbeats in front of it.
func (c *client) receive() (string, error) {
	for {
		f, err := c.ReadFrame()
		switch {
		case err != nil:
			return "", err
		case f.Head != starlingtest.Text:
			return "", fmt.Errorf("got a frame that begins with %x and holds %q", f.Head, f.Payload)
		case string(f.Payload) != "2":
			return string(f.Payload), nil
		}
		if err := c.send("3"); err != nil {
			return "", err
		}
	}
}

func (c *client) exchange(packet string) (string, error) {
	if err := c.send(packet); err != nil {
		return "", err
	}
	return c.receive()
}

// echo emits an event and wants its acknowledgement.
func (c *client) echo() error {
	c.acks++
	got, err := c.exchange(fmt.Sprintf(`42%d["echo",%d]`, c.acks, c.acks))
	if want := fmt.Sprintf("43%d[%d]", c.acks, c.acks); err == nil && got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return err
}

// leave closes the connection in order. A heartbeat may have been on its way.
func (c *client) leave() error {
	if _, err := c.Write(starlingtest.Masked(starlingtest.Close, starlingtest.Wire("03e8"))); err != nil {
		return err
	}
	for {
		f, err := c.ReadFrame()
		switch {
		case err != nil:
			return err
		case f.Head == starlingtest.Text && string(f.Payload) == "2":
			continue
		case f.Head != starlingtest.Close || string(f.Payload) != "\x03\xe8":
			return fmt.Errorf("got a frame that begins with %x and holds %x instead of the end of the connection", f.Head, f.Payload)
		}
		return errors.Join(c.Ends(), c.Close())
	}
}

// outcome is how a command ended that was to end by itself.
type outcome struct {
	code     int
	out, err string
}

// finish runs a command to its end. One that goes on is killed.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(starlingtest.Patience, func() { _ = cmd.Process.Kill() }).Stop()
	_ = cmd.Wait() // ProcessState tells more
	return outcome{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}
