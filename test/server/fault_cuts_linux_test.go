package server_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"starling/internal/starlingtest"
)

// cut is how a connection ends.
type cut struct {
	name string
	do   func(c *starlingtest.Conn) error
}

var cuts = []cut{
	{"closed", (*starlingtest.Conn).Close},
	{"reset", (*starlingtest.Conn).Reset},
	{"half-closed", func(c *starlingtest.Conn) error {
		err := c.CloseWrite()
		_, readErr := io.Copy(io.Discard, c) // to the end, which the server has to bring about
		if isReset(readErr) {
			readErr = nil
		}
		return errors.Join(err, readErr, c.Close())
	}},
}

// TestFaultCutAnywhere ends connections behind each byte of whole conversations, in each way there is. Of none of them is anything
// left, each session that has begun has ended once, and nobody else notices.
func TestFaultCutAnywhere(t *testing.T) {
	t.Parallel()
	f := fortify(t)
	a := f.seat(t)
	text := func(packet string) string { return string(starlingtest.Masked(starlingtest.Text, []byte(packet))) }
	webSocket := starlingtest.UpgradeRequest(target) + text("40") + text(`421["leave","x"]`) + text(`451-2["leave",{"_placeholder":true,"num":0}]`) +
		string(starlingtest.Masked(starlingtest.Binary, []byte("attached"))) + string(starlingtest.Masked(starlingtest.Ping, []byte("ping"))) +
		"\x01" + text("4")[1:] + "\x80" + text(`23["leave","y"]`)[1:] + string(starlingtest.Masked(starlingtest.Close, starlingtest.Wire("03e8")))
	before := descriptors(t, f.Server)
	step := 1
	if starlingtest.RaceEnabled || testing.Short() {
		step = 5
	}
	a.during(t, func() {
		var wg sync.WaitGroup
		places := make(chan int)
		for range 8 {
			wg.Go(func() {
				for at := range places {
					if err := cutAt(f.Addr, webSocket, at); err != nil {
						t.Errorf("a WebSocket: %v", err)
					}
					if err := cutPolling(f.Addr, at); err != nil {
						t.Errorf("one that polls: %v", err)
					}
				}
			})
		}
		for at := 0; at <= len(webSocket); at += step {
			places <- at
		}
		close(places)
		wg.Wait()
	})
	inside := float64(len(a.clients))
	for name, want := range map[string]float64{
		`starling_sessions{transport="websocket"}`: inside, `starling_sessions{transport="polling"}`: 0, "starling_connections": inside, "starling_sockets": inside,
	} {
		eventually(t, fmt.Sprintf("%s is %v again", name, want), func() bool { return f.Metric(t, name) == want })
	}
	eventually(t, "its descriptors are back", func() bool { return descriptors(t, f.Server) <= before+calls })
	a.dismiss(t)
	wantNoErrors(t, f.Server)
}

// cutAt sends the beginning of a conversation, and ends the connection in each way.
func cutAt(addr, conversation string, at int) error {
	for _, how := range cuts {
		c, err := starlingtest.TryDial(addr)
		if err != nil {
			return err
		}
		if _, err = io.WriteString(c, conversation[:at]); err == nil {
			err = how.do(c)
		}
		if err != nil {
			c.Close()
			return fmt.Errorf("%s behind byte %d: %w", how.name, at, err)
		}
	}
	return nil
}

// cutPolling ends the connections of a session that polls: those of a POST and of a GET behind as many bytes. Then it ends the
// session, if that has not ended already.
func cutPolling(addr string, at int) error {
	for _, how := range cuts {
		c, err := joinPolling(addr)
		if err != nil {
			return err
		}
		post, get := c.PostRequest(`421["leave","x"]`), c.GetRequest()
		err = errors.Join(cutAt(addr, post, min(at, len(post))), cutAt(addr, get, min(at, len(get))), c.Post("1"))
		c.Close()
		if unknown := error(starlingtest.ErrUnknownSession); err != nil && !strings.HasSuffix(err.Error(), unknown.Error()) {
			return fmt.Errorf("%s behind byte %d: %w", how.name, at, err)
		}
	}
	return nil
}

// TestFaultCutInAnswers resets connections of which the system has taken only a part of an answer, at any place of it, while the
// rest waits in the server.
func TestFaultCutInAnswers(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--outbound-per-conn-max", "16777216"))
	const size = 700_000
	each := 12
	if starlingtest.RaceEnabled || testing.Short() {
		each = 1
	}
	answer := fmt.Sprintf(`430[%q]`, strings.Repeat("x", size))
	withstands(t, s, []abuse{{"answers that are cut", func(t *testing.T, s *starlingtest.Server) {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range each {
					if err := leaveInAnswer(s.Addr, answer, 1+(w*each+i)*8_297, cuts[i%2]); err != nil {
						t.Errorf("client %d of %d: %v", i, w, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}}})
}

// leaveInAnswer has a client go when it has read so many bytes of several large answers: what it has read is the beginning of them.
func leaveInAnswer(addr, answer string, bytes int, how cut) error {
	c, err := join(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(16 << 10); err != nil {
		return err
	}
	const asked = 8 // more than the system takes
	echo := starlingtest.Masked(starlingtest.Text, []byte(`420["echo"`+strings.Replace(answer, `430[`, ",", 1)))
	for range asked {
		if _, err := c.Write(echo); err != nil {
			return err
		}
	}
	frame := append(append(starlingtest.Wire("81 7f"), lengthOf(len(answer))...), answer...)
	for ; bytes > 0; bytes -= len(frame) {
		if err := c.Expect(frame[:min(bytes, len(frame))]); err != nil {
			return err
		}
	}
	return how.do(c.Conn)
}

// lengthOf is a payload's length in 64 bits (RFC 6455 5.2).
func lengthOf(n int) []byte {
	return []byte{0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}
