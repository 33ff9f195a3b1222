package starlingtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Conn is a client's end of a connection, of which a test decides each byte. It shares no code with the server, and what
// it is sent it holds to RFC 6455.
type Conn struct {
	net.Conn
	in *bufio.Reader
}

// Dial connects to a server. The connection ends with the test, and each read and each write of it fails after Patience.
func Dial(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := TryDial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TryDial is Dial for goroutines beside the test's own: whoever calls it closes the connection.
func TryDial(addr string) (*Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	p := patient{c.(*net.TCPConn)}
	return &Conn{Conn: p, in: bufio.NewReaderSize(p, 64<<10)}, nil
}

// patient is a connection whose reads and writes may take so long each, and not all of them together: how much a test does
// in that time depends on the machine.
type patient struct{ *net.TCPConn }

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(Patience))
	return p.TCPConn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(Patience))
	return p.TCPConn.Write(b)
}

// Read reads what the server sent, behind what was taken as frames already.
func (c *Conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// UpgradeRequest is the request that Upgrade sends. Its key, with the accept value of the response, is RFC 6455's own
// example (1.3).
func UpgradeRequest(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// RefusedError is how an upgrade fails when the server has answered in HTTP, and then closed in order.
type RefusedError struct{ Status int }

func (e RefusedError) Error() string { return fmt.Sprintf("the upgrade was refused with %d", e.Status) }

// Upgrade makes a WebSocket of the connection. What the server sends behind its response is left to be read.
func (c *Conn) Upgrade(target string) error {
	if _, err := io.WriteString(c, UpgradeRequest(target)); err != nil {
		return err
	}
	return c.Upgraded()
}

// ErrSilent is how an upgrade fails when the server has ended the connection without a word; what it ended with is in the
// same chain.
var ErrSilent = errors.New("no answer to an upgrade")

// Upgraded reads the response to an upgrade request.
func (c *Conn) Upgraded() error {
	if _, err := c.in.Peek(1); err != nil {
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("in the middle of a response with %d: %w", response.StatusCode, err)
		}
		if _, err := c.in.ReadByte(); err != io.EOF {
			return fmt.Errorf("behind a response with %d: %w", response.StatusCode, errOr(err, "more bytes"))
		}
		return RefusedError{response.StatusCode}
	}
	for name, want := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		"Sec-Websocket-Extensions": "", "Sec-Websocket-Protocol": "", // nothing was offered
	} {
		if got := response.Header.Get(name); got != want {
			return fmt.Errorf("the response has %s: %q, want %q", name, got, want)
		}
	}
	return nil
}

func errOr(err error, otherwise string) error {
	if err != nil {
		return err
	}
	return errors.New(otherwise)
}

// The first bytes of unfragmented frames, FIN and opcode (RFC 6455 5.2).
const (
	Text   = 0x81
	Binary = 0x82
	Close  = 0x88
	Ping   = 0x89
	Pong   = 0x8A
)

// Frame is a frame of the server's.
type Frame struct {
	Head    byte // FIN, reserved bits and opcode
	Payload []byte
}

// ReadFrame reads a frame. One that a server must not send, because it is masked or its length is not in the shortest
// form, is an error.
func (c *Conn) ReadFrame() (Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return Frame{}, err
	}
	n, least := uint64(head[1]), uint64(0) // with the mask bit, which makes it 128 and more
	var err error
	switch head[1] {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(c.in, b[:])
		n, least = uint64(binary.BigEndian.Uint16(b[:])), 126
	case 127:
		var b [8]byte
		_, err = io.ReadFull(c.in, b[:])
		n, least = binary.BigEndian.Uint64(b[:]), 1<<16
	}
	if err != nil {
		return Frame{}, err
	}
	if head[1] > 127 || n < least || n > 1<<30 {
		return Frame{}, fmt.Errorf("a server sent a frame that begins with % x and has a length of %d", head, n)
	}
	f := Frame{Head: head[0], Payload: make([]byte, n)}
	_, err = io.ReadFull(c.in, f.Payload)
	return f, err
}

// mask is the masking key of the frames that Masked makes: no two of its bytes are the same, so that a payload which is
// unmasked with the wrong one cannot pass.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// Masked is a frame of a client's (RFC 6455 5.2, 5.3), its length in the shortest form.
func Masked(head byte, payload []byte) []byte {
	f := []byte{head}
	switch n := len(payload); {
	case n <= 125:
		f = append(f, 0x80|byte(n))
	case n <= 0xffff:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	f = append(f, mask[:]...)
	start := len(f)
	f = append(f, payload...)
	for i := range payload {
		f[start+i] ^= mask[i%4]
	}
	return f
}

// Ends reads until the server closes and wants nothing more from it.
func (c *Conn) Ends() error {
	rest, err := io.ReadAll(c.in)
	switch {
	case err != nil:
		return fmt.Errorf("instead of the end of the connection: %w", err)
	case len(rest) > 0:
		return fmt.Errorf("%d bytes instead of the end of the connection: %.40x", len(rest), rest)
	}
	return nil
}

// Expect reads exactly what is wanted.
func (c *Conn) Expect(want []byte) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.in, got)
	switch {
	case !bytes.Equal(got[:n], want[:n]):
		return fmt.Errorf("got %.80x, want %.80x", got[:n], want)
	case err != nil:
		return fmt.Errorf("got %.80x and then %w, want %.80x", got[:n], err, want)
	}
	return nil
}
