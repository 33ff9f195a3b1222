package doctor

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" // RFC 6455 4.2.2 asks for it
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What can be wrong with a URL, an answer or a frame.
var (
	errURL       = errors.New("it is no http:// or https:// address")
	errNoOpen    = errors.New("the answer is none of Socket.IO's")
	errAccept    = errors.New("101, but not from a WebSocket server")
	errFrame     = errors.New("a frame that makes no sense")
	errFrameSize = errors.New("a frame that is too large")
	errEnded     = errors.New("the server has closed the WebSocket")
)

// route is the way to the server through whatever stands in front.
type route struct {
	sys    System
	secure bool
	host   string // of the Host header
	addr   string // host:port to connect to
	path   string
}

// newRoute takes a public address apart. A path in it goes in front of the server's.
func newRoute(sys System, address, path string) (route, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return route{}, errURL
	}
	r := route{sys: sys, secure: u.Scheme == "https", host: u.Host, addr: u.Host}
	if u.Port() == "" {
		r.addr = net.JoinHostPort(u.Hostname(), u.Scheme) // a scheme is the name of its port
	}
	r.path = strings.TrimSuffix(u.EscapedPath(), "/") + path
	return r, nil
}

// dial makes a connection of its own for each step, so that a balancer may send each step elsewhere.
func (r route) dial(ctx context.Context) (net.Conn, error) {
	conn, err := r.sys.Dial(ctx, "tcp", r.addr)
	if err != nil || !r.secure {
		return conn, err
	}
	config := r.sys.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if host, _, err := net.SplitHostPort(r.addr); err == nil && config.ServerName == "" {
		config.ServerName = strings.Trim(host, "[]")
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// answer is what came back.
type answer struct {
	status   int
	location string
	accept   string // Sec-WebSocket-Accept
	cookies  string // as the next request has them: balancers go by them
	body     string
	fault    fault
}

// fault is Engine.IO's word for what is wrong with a request.
type fault struct {
	code    int // noFault without one
	message string
}

const noFault = -1

// parseFault reads {"code":1,"message":"Session ID unknown"}.
func parseFault(body []byte) fault {
	var f struct {
		Code    *int
		Message string
	}
	if json.Unmarshal(body, &f) != nil || f.Code == nil {
		return fault{code: noFault}
	}
	return fault{*f.Code, f.Message}
}

// ask sends a request on a connection of its own. What comes back on it after the answer is in the reader; the connection is
// the caller's to close if there is no error.
func (r route) ask(ctx context.Context, method, query, body string, header ...string) (net.Conn, *bufio.Reader, answer, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, nil, answer{}, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s?EIO=4&%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: starling-doctor\r\n", method, r.path, query, r.host)
	if method == http.MethodPost {
		fmt.Fprintf(&head, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	for _, line := range header {
		head.WriteString(line + "\r\n")
	}
	in := bufio.NewReader(conn)
	a, err := answer{}, error(nil)
	if _, err = io.WriteString(conn, head.String()+"\r\n"+body); err == nil {
		a, err = readAnswer(in, method)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, nil, answer{}, err
	}
	return conn, in, a, nil
}

func readAnswer(in *bufio.Reader, method string) (answer, error) {
	response, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, location: response.Header.Get("Location"), accept: response.Header.Get("Sec-WebSocket-Accept"), fault: fault{code: noFault}}
	if a.status == http.StatusSwitchingProtocols {
		return a, nil
	}
	for _, c := range response.Cookies() {
		a.cookies += c.Name + "=" + c.Value + "; "
	}
	a.cookies = strings.TrimSuffix(a.cookies, "; ")
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return answer{}, err
	}
	a.body = string(body)
	if a.status >= 400 {
		a.fault = parseFault(body)
	}
	return a, nil
}

// request asks, and is done with the connection.
func (r route) request(ctx context.Context, method, query, body, cookies string) (answer, error) {
	header := []string{"Connection: close"}
	if cookies != "" {
		header = append(header, "Cookie: "+cookies)
	}
	conn, _, a, err := r.ask(ctx, method, query, body, header...)
	if err == nil {
		conn.Close()
	}
	return a, err
}

// opening is the first packet of a session.
type opening struct {
	SID          string `json:"sid"`
	PingInterval int64  `json:"pingInterval"` // milliseconds, as the next
	PingTimeout  int64  `json:"pingTimeout"`

	cookies string // that came with it
}

// parseOpening reads Engine.IO's open packet: 0, and an object (Engine.IO v4, "Handshake"). Behind U+001E there may be more.
func parseOpening(text string) (o opening, err error) {
	text, _, _ = strings.Cut(text, "\x1e")
	rest, ok := strings.CutPrefix(text, "0")
	if !ok || json.Unmarshal([]byte(rest), &o) != nil || o.SID == "" || o.PingInterval <= 0 || o.PingTimeout <= 0 {
		return opening{}, errNoOpen
	}
	return o, nil
}

// heartbeat is how long a peer may be silent until it is given up.
func (o opening) heartbeat() time.Duration {
	const day = 24 * 60 * 60 * 1000
	return time.Duration(min(o.PingInterval, day)+min(o.PingTimeout, day)) * time.Millisecond
}

// socket is a WebSocket of which the doctor reads texts.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

// upgrade opens a WebSocket. Without an error the answer is a 101 and the socket the caller's to close, or the answer is
// another one and there is no socket.
func (r route) upgrade(ctx context.Context, query string) (*socket, answer, error) {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // it never fails
	key := base64.StdEncoding.EncodeToString(nonce)
	conn, in, a, err := r.ask(ctx, http.MethodGet, query, "", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: "+key)
	if err != nil {
		return nil, a, err
	}
	if a.status != http.StatusSwitchingProtocols {
		conn.Close()
		return nil, a, nil
	}
	if sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")); a.accept != base64.StdEncoding.EncodeToString(sum[:]) {
		conn.Close()
		return nil, a, errAccept // RFC 6455 4.1
	}
	return &socket{conn, in}, a, nil
}

func (s *socket) close() { s.conn.Close() }

// The opcodes of RFC 6455 5.2 that matter here.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// read returns the next text that comes before a time, and passes over everything else. errEnded says that the server has said
// goodbye; any other error that is no timeout, that the connection has ended without a word.
func (s *socket) read(until time.Time) (string, error) {
	if err := s.conn.SetReadDeadline(until); err != nil {
		return "", err
	}
	for range framesMax {
		op, payload, err := readFrame(s.in)
		switch {
		case err != nil:
			return "", err
		case op == opText:
			return string(payload), nil
		case op == opClose:
			return "", errEnded
		case op == opPing:
			if err := s.write(opPong, payload); err != nil {
				return "", err
			}
		}
	}
	return "", errFrame
}

// readFrame reads a frame of a server: not fragmented, not masked (RFC 6455 5.1), and no longer than frameBytesMax.
func readFrame(in io.Reader) (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	const fin, masked = 0x80, 0x80
	op = head[0] & 0x0F
	size, extra := uint64(head[1]&0x7F), 0
	if head[0]&^0x0F != fin || head[1]&masked != 0 || op >= opClose && size > 125 {
		return 0, nil, errFrame
	}
	switch size {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	if extra > 0 {
		if _, err := io.ReadFull(in, head[2:2+extra]); err != nil {
			return 0, nil, ended(err)
		}
		var wide [8]byte
		copy(wide[8-extra:], head[2:2+extra])
		size = binary.BigEndian.Uint64(wide[:])
	}
	if size > frameBytesMax {
		return 0, nil, errFrameSize
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(in, payload); err != nil {
		return 0, nil, ended(err)
	}
	return op, payload, nil
}

// ended tells an end in the middle of a frame from one between two.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// write sends a frame, masked as a client has to (RFC 6455 5.3). The payload is shorter than 64 KiB.
func (s *socket) write(op byte, payload []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(stepTime)); err != nil {
		return err
	}
	frame := []byte{0x80 | op}
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(payload)))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // it never fails
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	_, err := s.conn.Write(frame)
	return err
}
