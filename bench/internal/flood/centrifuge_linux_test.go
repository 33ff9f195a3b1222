package flood

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"starling/wsproto"
)

// What a Centrifuge server writes and reads, laid out as RFC 6455 5.2 does. The mask of the loop is 01 02 03 04.
const (
	// {"id":1,"connect":{}}, 21 bytes, masked
	sendHello = "\x81\x95\x01\x02\x03\x04" +
		"\x7a\x20\x6a\x60\x23\x38\x32\x28\x23\x61\x6c\x6a\x6f\x67\x60\x70\x23\x38\x78\x79\x7c"
	// {}, masked
	sendAlive = "\x81\x82\x01\x02\x03\x04" + "\x7a\x7f"

	helloAnswer = "\x81\x1d" + `{"id":1,"connect":{"ping":5}}`
)

func TestCentrifugeConversation(t *testing.T) {
	at := server(t, func(c net.Conn) {
		if !expect(c, strings.Replace(upgradeRequest, "?EIO=4&transport=websocket", "", 1)) {
			return
		}
		io.WriteString(c, switching)
		if !expect(c, sendHello) {
			return
		}
		io.WriteString(c, helloAnswer+
			"\x81\x0c"+`{"push":"a"}`+
			"\x81\x02"+`{}`)
		if !expect(c, sendAlive) {
			return
		}
		io.WriteString(c, "\x81\x1d"+`{"id":2}`+"\n"+`{}`+"\n"+`{"push":"bcd"}`+"\n\n\n")
		if expect(c, sendAlive) {
			io.WriteString(c, "\x82\x08"+`{"id":3}`)
		}
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, Centrifuge)
	w.dial(t, 0)
	w.run(t, func() bool { return len(w.messages) == 4 })
	if got := strings.Join(w.messages, " "); w.opened != 1 || got != `{"push":"a"} {"id":2} {"push":"bcd"} {"id":3}` {
		t.Errorf("opened %d, messages %q, causes %v", w.opened, got, w.causes)
	}
}

func TestCentrifugeAnyCut(t *testing.T) {
	const whole = switching + helloAnswer + "\x81\x11" + `{"id":2}` + "\n" + `{"id":3}`
	w := newWatcher(t, netip.MustParseAddrPort("127.0.0.1:1"), Centrifuge)
	for cut := range len(whole) {
		w.opened, w.messages = 0, nil
		c := w.loop.take()
		*c = Conn{handler: w, reader: wsproto.NewReader(wsproto.Client, &readLimits), fd: -1, slot: c.slot, state: upgrading, speech: centrifugeSpeech}
		w.loop.consume(c, []byte(whole[:cut]))
		w.loop.consume(c, []byte(whole[cut:]))
		if got := strings.Join(w.messages, " "); w.opened != 1 || got != `{"id":2} {"id":3}` {
			t.Fatalf("cut at %d: opened %d, messages %q, causes %v", cut, w.opened, got, w.causes)
		}
		w.loop.Close(c)
	}
}

// A handler that closes at a reply hears none of those that came with it.
func TestCentrifugeClosedWithin(t *testing.T) {
	at := server(t, func(c net.Conn) {
		io.WriteString(c, switching+helloAnswer+"\x81\x11"+`{"id":2}`+"\n"+`{"id":3}`)
		io.Copy(io.Discard, c)
	})
	w := newWatcher(t, at, Centrifuge)
	closer := &closer{watcher: w}
	if _, err := w.loop.Dial(netip.Addr{}, 0, closer); err != nil {
		t.Fatal(err)
	}
	w.run(t, func() bool { return len(w.messages) > 0 })
	if got := strings.Join(w.messages, " "); got != `{"id":2}` {
		t.Errorf("messages %q", got)
	}
}

type closer struct{ *watcher }

func (k *closer) Message(c *Conn, m []byte) {
	k.watcher.Message(c, m)
	k.loop.Close(c)
}

func TestCentrifugeFailures(t *testing.T) {
	for _, tc := range []struct {
		name, answer, label string
		err                 error
	}{
		{
			"refused", "\x81\x1b" + `{"id":1,"error":{"code":1}}`,
			`namespace refused: {"id":1,"error":{"code":1}}`, ErrRefused,
		},
		{"a push before the answer", "\x81\x0c" + `{"push":"a"}`, "unexpected packet", ErrUnexpected},
		{"close frame", "\x88\x02\x0d\xac", "closed by the server with code 3500", ErrPeerClosed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := server(t, func(c net.Conn) {
				io.WriteString(c, switching+tc.answer)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			w := newWatcher(t, at, Centrifuge)
			w.dial(t, 0)
			w.run(t, func() bool { return len(w.causes) > 0 })
			if cause := w.causes[0]; !errors.Is(cause, tc.err) || Label(cause) != tc.label {
				t.Errorf("%v, want %q", cause, tc.label)
			}
		})
	}
}
