package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"starling/gateway/access"
	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) {
	starlingtest.NoLeaks(m, http.DefaultTransport.(*http.Transport).CloseIdleConnections)
}

// patience bounds what goes wrong; no test waits for it to pass.
const patience = starlingtest.Patience

// secret signs the tokens of these tests.
var secret = []byte("a secret of thirty-two bytes here")

// start runs a gateway until the test ends. Where the configuration says nothing, tokens signed with secret are believed, and the
// control API has the key "key-of-the-test-key-of-the-test".
func start(t *testing.T, cfg Config) *Gateway {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	cfg.APIAddr = "127.0.0.1:0"
	cfg.APIKeys = []string{testKey}
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg.Hub.Logger = cfg.Logger
	if cfg.Hub.Loops == 0 {
		cfg.Hub.Loops = 2
	}
	cfg.Hub.PingInterval, cfg.Hub.PingTimeout, cfg.Hub.ConnectTimeout = patience, patience, patience
	if cfg.Tokens == nil {
		cfg.Tokens = &access.VerifierConfig{HMACSecrets: [][]byte{secret}}
	}
	if cfg.RoomsPerSocketMax == 0 {
		cfg.RoomsPerSocketMax = RoomsPerSocketMaxDefault
	}
	if cfg.ClientEvents == nil {
		cfg.ClientEvents = []string{"client:*"}
	}
	g, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	<-g.Server().Ready()
	return g
}

const testKey = "key-of-the-test-key-of-the-test"

// token makes a token of claims that are given as JSON; it expires in an hour unless they say otherwise.
func token(t *testing.T, claims string) string {
	t.Helper()
	var c struct {
		Sub   string          `json:"sub"`
		Join  []string        `json:"join"`
		Rooms []string        `json:"rooms"`
		Emit  []string        `json:"emit"`
		Data  json.RawMessage `json:"data"`
		TTL   int             `json:"ttl"`
	}
	if err := json.Unmarshal([]byte(claims), &c); err != nil {
		t.Fatal(err)
	}
	if c.TTL == 0 {
		c.TTL = 3600
	}
	signer, err := access.NewSecretSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := access.Mint(signer, access.Claims{
		User: c.Sub, Join: c.Join, Rooms: c.Rooms, Emit: c.Emit, Data: c.Data, TTL: time.Duration(c.TTL) * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// client is a Socket.IO client over a WebSocket.
type client struct {
	t    *testing.T
	conn *starlingtest.Conn
	id   string
	pid  string // with recovery
	acks int
	said []string // events that came while an acknowledgement was awaited
}

// dial opens a connection that is in no namespace yet.
func dial(t *testing.T, g *Gateway, query string, headers ...string) *client {
	t.Helper()
	c := &client{t: t, conn: starlingtest.Dial(t, g.Server().Addr().String())}
	request := starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket" + query)
	for _, h := range headers {
		request = strings.Replace(request, "\r\n", "\r\n"+h+"\r\n", 1)
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.Upgraded(); err != nil {
		t.Fatal(err)
	}
	if open := c.next(); !strings.HasPrefix(open, `0{"sid":`) {
		t.Fatalf("the session begins with %q", open)
	}
	return c
}

// attempt connects to the main namespace and returns the answer: "" if it is let in, else the connect_error.
func attempt(t *testing.T, g *Gateway, auth string) (*client, string) {
	t.Helper()
	c := dial(t, g, "")
	return c, c.connect("40" + auth)
}

func (c *client) connect(packet string) (refusal string) {
	c.t.Helper()
	c.send(packet)
	answer := c.next()
	for strings.HasPrefix(answer, "42") { // what it has missed comes first
		c.said = append(c.said, answer)
		answer = c.next()
	}
	if refusal, ok := strings.CutPrefix(answer, "44"); ok {
		return refusal
	}
	var hello struct {
		SID, PID string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(answer, "40")), &hello); err != nil || hello.SID == "" {
		c.t.Fatalf("the answer to CONNECT is %q", answer)
	}
	c.id, c.pid = hello.SID, hello.PID
	return ""
}

// enter connects with a token of the given claims.
func enter(t *testing.T, g *Gateway, claims string) *client {
	t.Helper()
	c, refusal := attempt(t, g, fmt.Sprintf(`{"token":%q}`, token(t, claims)))
	if refusal != "" {
		t.Fatalf("refused: %s", refusal)
	}
	return c
}

func (c *client) send(packet string) {
	c.t.Helper()
	if _, err := c.conn.Write(starlingtest.Masked(starlingtest.Text, []byte(packet))); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next packet; heartbeats are answered. The error is io.EOF at the end of the connection.
func (c *client) read() (string, error) {
	for {
		f, err := c.conn.ReadFrame()
		switch {
		case err != nil:
			return "", err
		case f.Head == starlingtest.Close:
			return "", io.EOF
		case string(f.Payload) == "2":
			c.send("3")
		default:
			return string(f.Payload), nil
		}
	}
}

func (c *client) next() string {
	c.t.Helper()
	packet, err := c.read()
	if err != nil {
		c.t.Fatalf("while a packet was awaited: %v", err)
	}
	return packet
}

// expect wants an event, as its packet.
func (c *client) expect(want string) {
	c.t.Helper()
	got := ""
	if len(c.said) > 0 {
		got, c.said = c.said[0], c.said[1:]
	} else {
		got = c.next()
	}
	if got != want {
		c.t.Errorf("got %s, want %s", got, want)
	}
}

// emit emits an event, given as JSON without its brackets, and returns the acknowledgement, without its.
func (c *client) emit(event string) string {
	c.t.Helper()
	c.acks++
	c.send(fmt.Sprintf("42%d[%s]", c.acks, event))
	head := fmt.Sprintf("43%d[", c.acks)
	for {
		packet := c.next()
		if ack, ok := strings.CutPrefix(packet, head); ok {
			return strings.TrimSuffix(ack, "]")
		}
		c.said = append(c.said, packet)
	}
}

// wants emits an event and wants an acknowledgement.
func (c *client) wants(event, want string) {
	c.t.Helper()
	if got := c.emit(event); got != want {
		c.t.Errorf("%s is acknowledged with %s, want %s", event, got, want)
	}
}

// wantsError emits an event and wants it to be refused with a code.
func (c *client) wantsError(event, code string) {
	c.t.Helper()
	var ack struct {
		Error struct{ Code, Message string }
	}
	got := c.emit(event)
	if err := json.Unmarshal([]byte(got), &ack); err != nil || ack.Error.Code != code || ack.Error.Message == "" {
		c.t.Errorf("%s is acknowledged with %s, want the error %s", event, got, code)
	}
}

// silent wants nothing to have come until now.
func (c *client) silent() {
	c.t.Helper()
	c.emit(`"leave","nowhere"`)
	if len(c.said) > 0 {
		c.t.Errorf("got %q", c.said)
	}
}

// ends wants the connection to end, and returns what was said before.
func (c *client) ends() (said []string) {
	c.t.Helper()
	said, c.said = c.said, nil
	for {
		packet, err := c.read()
		if errors.Is(err, io.EOF) {
			return said
		}
		if err != nil {
			c.t.Fatalf("instead of the end: %v", err)
		}
		said = append(said, packet)
	}
}

// api makes a request to the control API and returns the status and the body.
func api(t *testing.T, g *Gateway, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.APIAddr().String()+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// eventually waits for something that nobody tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never comes to that", what)
		}
	}
}

// floodFrame is an event that wants no acknowledgement.
var floodFrame = starlingtest.Masked(starlingtest.Text, []byte(`42["leave","x"]`))

// binaryFrame is an attachment.
var binaryFrame = starlingtest.Masked(starlingtest.Binary, []byte{1, 2, 3})
