package starlingtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Poller is an Engine.IO client that polls, over one connection for what it asks for and one for what it sends. Each is
// kept for as long as the server keeps it. Of Get and Post each may run on a goroutine of its own.
type Poller struct {
	SID  string
	Open string // the data of the open packet

	// Preface is what each connection begins with, before any request.
	Preface []byte
	// Brief has a connection for each request, as the client for Node.js does.
	Brief bool

	addr     string
	down, up *Conn
}

// Separator stands between the packets of a payload.
const Separator = "\x1e"

// pollTarget is what a client asks for that begins by polling.
const pollTarget = "/socket.io/?EIO=4&transport=polling"

// StatusError is how a request fails that the server has answered in HTTP.
type StatusError struct {
	Status int
	Body   string
}

func (e StatusError) Error() string {
	return fmt.Sprintf("the request was answered with %d and %q", e.Status, e.Body)
}

// ErrUnknownSession is the answer to a request for a session that there is not, or no longer (Engine.IO, code 1).
var ErrUnknownSession = StatusError{400, `{"code":1,"message":"Session ID unknown"}`}

// ErrOtherTransport is the answer to a request for a session that has gone over to a WebSocket (Engine.IO, code 3).
var ErrOtherTransport = StatusError{400, `{"code":3,"message":"Bad request"}`}

// NewPoller is a client of a server, without a session so far.
func NewPoller(addr string) *Poller { return &Poller{addr: addr} }

// Handshake begins a session.
func (p *Poller) Handshake() error {
	payload, err := p.request(&p.down, GetRequest(pollTarget, p.headers()...))
	if err != nil {
		return err
	}
	return p.Accept(payload)
}

// Accept takes the payload that a session begins with, where it came some other way than by Handshake.
func (p *Poller) Accept(payload string) error {
	open, isOpen := strings.CutPrefix(payload, "0")
	var data struct{ SID string }
	if err := json.Unmarshal([]byte(open), &data); err != nil || !isOpen {
		return fmt.Errorf("the session begins with %q", payload)
	}
	p.SID, p.Open = data.SID, open
	return nil
}

// Target is what a client asks for that has the session.
func (p *Poller) Target() string { return pollTarget + "&sid=" + p.SID }

// UpgradeTarget is what a WebSocket asks for that is to take the session over.
func (p *Poller) UpgradeTarget() string { return "/socket.io/?EIO=4&transport=websocket&sid=" + p.SID }

// GetRequest and PostRequest are the requests that Get and Post send.
func (p *Poller) GetRequest() string { return GetRequest(p.Target(), p.headers()...) }

// PostRequest is what Post sends.
func (p *Poller) PostRequest(packets ...string) string {
	return PostRequest(p.Target(), strings.Join(packets, Separator), p.headers()...)
}

func (p *Poller) headers() []string {
	if p.Brief {
		return []string{"Connection: close"}
	}
	return nil
}

// Get asks for packets and waits for them.
func (p *Poller) Get() ([]string, error) {
	payload, err := p.request(&p.down, p.GetRequest())
	if err != nil {
		return nil, err
	}
	return strings.Split(payload, Separator), nil
}

// Post sends packets.
func (p *Poller) Post(packets ...string) error {
	answer, err := p.request(&p.up, p.PostRequest(packets...))
	if err == nil && answer != "ok" {
		return fmt.Errorf("a POST was answered with %q", answer)
	}
	return err
}

// Exchange sends packets and asks for others.
func (p *Poller) Exchange(packets ...string) ([]string, error) {
	if err := p.Post(packets...); err != nil {
		return nil, err
	}
	return p.Get()
}

// Down is the connection that the next Get goes over, and Up that of the next Post. Whoever ends it says so by Forget.
func (p *Poller) Down() (*Conn, error) { return p.dial(&p.down) }

// Up is the connection that the next Post goes over.
func (p *Poller) Up() (*Conn, error) { return p.dial(&p.up) }

// ForgetDown has the next Get begin a connection of its own.
func (p *Poller) ForgetDown() { p.down = nil }

// ForgetUp has the next Post begin a connection of its own.
func (p *Poller) ForgetUp() { p.up = nil }

// request sends a request and returns the body of the answer, if that has status 200.
func (p *Poller) request(at **Conn, request string) (string, error) {
	c, err := p.dial(at)
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, request); err != nil {
		return "", err
	}
	r, err := c.ReadResponse()
	if err != nil {
		return "", fmt.Errorf("a %.4s: %w", request, err)
	}
	if r.Ends {
		*at = nil
		if _, err := c.in.ReadByte(); err != io.EOF {
			return "", fmt.Errorf("behind the last response of a connection: %w", errOr(err, "more bytes"))
		}
		c.Close()
	}
	if r.Status != 200 {
		return "", StatusError{r.Status, r.Body}
	}
	return r.Body, nil
}

func (p *Poller) dial(at **Conn) (*Conn, error) {
	if *at != nil {
		return *at, nil
	}
	c, err := TryDial(p.addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(p.Preface); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	*at = c
	return c, nil
}

// Close ends the connections, and leaves the session to the server. The resets spare the system some thousand connections
// in TIME-WAIT, where a test has many clients.
func (p *Poller) Close() {
	for _, at := range []**Conn{&p.down, &p.up} {
		if c := *at; c != nil {
			_ = c.Reset()
			*at = nil
		}
	}
}
