package advisories_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"starling/internal/starlingtest"
)

// transport is the way that a client has come in.
type transport string

const (
	polling   transport = "polling"
	webSocket transport = "websocket"
	upgraded  transport = "upgraded" // began by polling
)

// everyWay is what an input goes over that is no matter of one transport.
var everyWay = []transport{polling, webSocket, upgraded}

// together is for inputs that see to their transports themselves.
var together = []transport{"all"}

const (
	wsTarget   = "/socket.io/?EIO=4&transport=websocket"
	pollTarget = "/socket.io/?EIO=4&transport=polling"
)

// peer is a client: of ws and poll it uses the one that its transport says.
type peer struct {
	how  transport
	ws   *starlingtest.Conn
	poll *starlingtest.Poller
	acks int
	gone bool
}

// enter begins a session, and joins the main namespace if wanted.
func enter(s *stage, how transport, joined bool) (*peer, error) {
	p := &peer{how: how}
	if err := p.enter(s, joined); err != nil {
		p.close()
		return nil, fmt.Errorf("coming in, %s: %w", how, err)
	}
	return p, nil
}

func (p *peer) enter(s *stage, joined bool) error {
	if p.how == webSocket {
		ws, err := s.upgrade(wsTarget)
		if err != nil {
			return err
		}
		p.ws = ws
		if open, err := p.receive(); err != nil || !strings.HasPrefix(open, `0{"sid":"`) {
			return fmt.Errorf("the session begins with %q, %w", open, err)
		}
		if joined {
			return p.join()
		}
		return nil
	}
	p.poll = starlingtest.NewPoller(s.Addr)
	if err := p.poll.Handshake(); err != nil {
		return err
	}
	if joined { // by polling, also where the session goes over then
		if err := p.join(); err != nil {
			return err
		}
	}
	if p.how == upgraded {
		return p.goOver(s)
	}
	return nil
}

// goOver makes a WebSocket of a session that polls.
func (p *peer) goOver(s *stage) error {
	ws, err := s.upgrade(p.poll.UpgradeTarget())
	if err != nil {
		return err
	}
	p.ws = ws
	_, err = ws.Write(starlingtest.Masked(starlingtest.Text, []byte("2probe")))
	if err == nil {
		err = ws.Expect([]byte("\x81\x063probe"))
	}
	if err == nil {
		_, err = ws.Write(starlingtest.Masked(starlingtest.Text, []byte("5")))
	}
	p.poll.Close()
	return err
}

// onWebSocket reports whether the client has one by now.
func (p *peer) onWebSocket() bool { return p.ws != nil }

func (p *peer) join() error {
	answer, err := p.exchange("40")
	if err == nil && !strings.HasPrefix(answer, `40{"sid":"`) {
		err = fmt.Errorf("CONNECT is answered with %q", answer)
	}
	return err
}

// send sends Engine.IO packets in one piece. A picture of bytes in <bin 01> is a binary message.
func (p *peer) send(packets ...string) error {
	if !p.onWebSocket() {
		body := slices.Clone(packets)
		for i, packet := range body {
			if data, ok := binaryOf(packet); ok {
				body[i] = "b" + base64.StdEncoding.EncodeToString(data)
			}
		}
		return p.poll.Post(body...)
	}
	var frames []byte
	for _, packet := range packets {
		if data, ok := binaryOf(packet); ok {
			frames = append(frames, starlingtest.Masked(starlingtest.Binary, data)...)
		} else {
			frames = append(frames, starlingtest.Masked(starlingtest.Text, []byte(packet))...)
		}
	}
	_, err := p.ws.Write(frames)
	return err
}

func binaryOf(packet string) (data []byte, ok bool) {
	picture, ok := strings.CutPrefix(packet, "<bin ")
	if !ok {
		return nil, false
	}
	return starlingtest.Wire(strings.TrimSuffix(picture, ">")), true
}

// receive reads one packet of text.
func (p *peer) receive() (string, error) {
	if !p.onWebSocket() {
		packets, err := p.poll.Get()
		if err == nil && len(packets) != 1 {
			err = fmt.Errorf("got %q, want one packet", packets)
		}
		return strings.Join(packets, starlingtest.Separator), err
	}
	f, err := p.ws.ReadFrame()
	if err == nil && f.Head != starlingtest.Text {
		err = fmt.Errorf("got a frame that begins with %x and holds %.80q", f.Head, f.Payload)
	}
	return string(f.Payload), err
}

func (p *peer) exchange(packet string) (string, error) {
	if err := p.send(packet); err != nil {
		return "", err
	}
	return p.receive()
}

// echo emits an event and wants its acknowledgement, and nothing else before that.
func (p *peer) echo() error {
	p.acks++
	got, err := p.exchange(fmt.Sprintf(`42%d["echo",%d]`, p.acks, p.acks))
	if want := fmt.Sprintf("43%d[%d]", p.acks, p.acks); err == nil && got != want {
		err = fmt.Errorf("got %.200q, want %q", got, want)
	}
	return err
}

// wantEnd wants the server to end the session: on a WebSocket by a close frame with a code, 1005 for none.
func (p *peer) wantEnd(code int) error {
	if p.onWebSocket() {
		return wantClose(p.ws, code)
	}
	for {
		packets, err := p.poll.Get()
		switch {
		case err == error(starlingtest.ErrUnknownSession):
			return nil
		case err != nil:
			return err
		case !slices.Equal(packets, []string{"1"}) && !slices.Equal(packets, []string{"6", "1"}):
			return fmt.Errorf("got %.200q, want the end", packets)
		}
	}
}

func wantClose(c *starlingtest.Conn, code int) error {
	f, err := c.ReadFrame()
	got := 1005
	if len(f.Payload) >= 2 {
		got = int(binary.BigEndian.Uint16(f.Payload))
	}
	if err != nil || f.Head != starlingtest.Close || got != code {
		return fmt.Errorf("got a frame that begins with %x and holds %.80q, %w; want a close with %d", f.Head, f.Payload, err, code)
	}
	return nil
}

// close ends the connections, and the session with them where it can be told.
func (p *peer) close() {
	if p.gone {
		return
	}
	p.gone = true
	if p.ws != nil {
		p.ws.Close()
	} else if p.poll != nil && p.poll.SID != "" {
		_ = p.poll.Post("1") // it may be over already
	}
	if p.poll != nil {
		p.poll.Close()
	}
}

// upgrade opens a WebSocket, with compression where the server agrees to that.
func (s *stage) upgrade(target string) (*starlingtest.Conn, error) {
	c, err := starlingtest.TryDial(s.Addr)
	if err != nil {
		return nil, err
	}
	if s.deflates {
		err = upgradeDeflating(c, target)
	} else {
		err = c.Upgrade(target)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func upgradeDeflating(c *starlingtest.Conn, target string) error {
	request := withHeader(starlingtest.UpgradeRequest(target), "Sec-WebSocket-Extensions: permessage-deflate")
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	r, err := c.ReadResponse()
	if err == nil && (r.Status != 101 || !strings.HasPrefix(r.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")) {
		err = fmt.Errorf("answered with %d and %v", r.Status, r.Header)
	}
	return err
}

// withHeader is a request with header lines more.
func withHeader(request string, lines ...string) string {
	head := "Host: localhost\r\n"
	for _, line := range lines {
		head += line + "\r\n"
	}
	return strings.Replace(request, "Host: localhost\r\n", head, 1)
}

// ask sends a request and reads the answer, which must be whole. The connection ends with it.
func ask(addr, request string) (starlingtest.Response, error) {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return starlingtest.Response{}, err
	}
	defer c.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, request) // it may be cut: the answer tells
	}()
	r, err := c.ReadResponse()
	err = errors.Join(err, c.Close())
	<-sent
	return r, err
}
