package api_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"starling/internal/starlingtest"
)

// end is what a link reads when the server has ended the session.
const end = "<end>"

// binaryOf tells whether a packet is written as <bin 0102>, and what is in it.
func binaryOf(packet string) (content []byte, isBinary bool) {
	digits, isBinary := strings.CutPrefix(packet, "<bin ")
	if !isBinary {
		return nil, false
	}
	content, err := hex.DecodeString(strings.TrimSuffix(digits, ">"))
	if err != nil {
		panic(err)
	}
	return content, true
}

// webSocket is a link of one connection.
type webSocket struct{ *starlingtest.Conn }

func openWebSocket(addr, query string, headers ...string) (link, string, error) {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return nil, "", err
	}
	request := starlingtest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket" + query)
	request = strings.Replace(request, "\r\n", "\r\n"+strings.Join(append(headers, ""), "\r\n"), 1)
	if _, err = io.WriteString(c, request); err == nil {
		err = c.Upgraded()
	}
	w := &webSocket{c}
	var open string
	if err == nil {
		open, err = w.read()
	}
	if err != nil {
		return nil, "", errors.Join(err, c.Close())
	}
	return w, strings.TrimPrefix(open, "0"), nil
}

func (w *webSocket) write(packets ...string) error {
	var out []byte
	for _, packet := range packets {
		if content, isBinary := binaryOf(packet); isBinary {
			out = append(out, starlingtest.Masked(starlingtest.Binary, content)...)
		} else {
			out = append(out, starlingtest.Masked(starlingtest.Text, []byte(packet))...)
		}
	}
	_, err := w.Write(out)
	return err
}

func (w *webSocket) read() (string, error) {
	f, err := w.ReadFrame()
	if err != nil {
		return "", err
	}
	switch f.Head {
	case starlingtest.Text:
		return string(f.Payload), nil
	case starlingtest.Binary:
		return fmt.Sprintf("<bin %x>", f.Payload), nil
	case starlingtest.Close:
		return end, nil
	}
	return "", fmt.Errorf("a frame that begins with %x", f.Head)
}

func (w *webSocket) ask() error { return nil }

// hangUp sends the close frame of a client that goes in order (RFC 6455 7.4.1: 1000).
func (w *webSocket) hangUp() error {
	_, err := w.Write(starlingtest.Masked(starlingtest.Close, []byte{0x03, 0xe8}))
	return err
}

func (w *webSocket) vanish() error { return w.Reset() }

func (w *webSocket) close() { _ = w.Close() }

// polling is a link of requests.
type polling struct {
	*starlingtest.Poller
	got   []string
	asked bool // a GET is under way that read has not seen the answer to
}

func openPolling(addr, query string, headers ...string) (link, string, error) {
	l := &polling{Poller: starlingtest.NewPoller(addr)}
	down, err := l.Down()
	if err != nil {
		return nil, "", err
	}
	request := starlingtest.GetRequest("/socket.io/?EIO=4&transport=polling"+query, headers...)
	if _, err = io.WriteString(down, request); err != nil {
		return nil, "", err
	}
	r, err := down.ReadResponse()
	if err == nil && r.Status != 200 {
		err = starlingtest.StatusError{Status: r.Status, Body: r.Body}
	}
	if err == nil {
		err = l.Accept(r.Body)
	}
	return l, l.Open, err
}

func (l *polling) write(packets ...string) error {
	packets = slices.Clone(packets)
	for i, packet := range packets {
		if content, isBinary := binaryOf(packet); isBinary {
			packets[i] = "b" + base64.StdEncoding.EncodeToString(content)
		}
	}
	return l.Post(packets...)
}

func (l *polling) read() (string, error) {
	for len(l.got) == 0 {
		if err := l.fetch(); err != nil {
			return "", err
		}
	}
	packet := l.got[0]
	l.got = l.got[1:]
	if text, isBinary := strings.CutPrefix(packet, "b"); isBinary {
		content, err := base64.StdEncoding.DecodeString(text)
		return fmt.Sprintf("<bin %x>", content), err
	}
	switch packet {
	case "1":
		return end, nil
	case "6": // it stands before the end, to wake who polls (Engine.IO v4)
		return l.read()
	}
	return packet, nil
}

// fetch waits for the answer to a GET.
func (l *polling) fetch() error {
	if err := l.ask(); err != nil {
		return err
	}
	down, err := l.Down()
	if err != nil {
		return err
	}
	l.asked = false
	r, err := down.ReadResponse()
	switch {
	case err != nil:
		return err
	case r.Status != 200:
		return starlingtest.StatusError{Status: r.Status, Body: r.Body}
	case r.Ends:
		l.ForgetDown()
	}
	l.got = strings.Split(r.Body, starlingtest.Separator)
	return nil
}

func (l *polling) ask() error {
	if l.asked {
		return nil
	}
	down, err := l.Down()
	if err == nil {
		_, err = io.WriteString(down, l.GetRequest())
	}
	l.asked = err == nil
	return err
}

// hangUp sends Engine.IO's own goodbye.
func (l *polling) hangUp() error { return l.Post("1") }

// vanish ends the connection of a GET that waits: behind the request, so that there is one.
func (l *polling) vanish() error {
	if err := l.ask(); err != nil {
		return err
	}
	down, err := l.Down()
	if err == nil {
		err = down.CloseWrite()
	}
	return err
}

func (l *polling) close() { l.Close() }
