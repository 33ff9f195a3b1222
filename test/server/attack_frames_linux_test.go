package server_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/internal/starlingtest"
)

// TestAttackFrames breaks the rules of RFC 6455 in sessions that are in the main namespace, and floods them with frames
// that carry nothing.
func TestAttackFrames(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	withstands(t, s, []abuse{
		{"frames that break a rule", brokenFrames},
		{"lengths that nobody means", hugeFrames},
		{"the sum of fragments", sumOfFragments},
		{"fragments without end", fragmentFlood},
		{"pings that are not read", pingFlood},
		{"pings that are read", pingsAndPongs},
		{"text that is no UTF-8", brokenText},
	})
}

// TestAttackDeflate inflates what it can, where compression has been agreed to: it is off unless somebody asks for it.
func TestAttackDeflate(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--per-message-deflate"))
	withstands(t, s, []abuse{
		{"bombs of 16 MB each", deflateBombs},
		{"streams that are corrupt", deflateCorrupt},
	})
}

// brokenFrame is what a client sends, and the close code that it must get for it (RFC 6455 7.4.1).
type brokenFrame struct {
	name, wire string
	code       uint16
}

// wantCodes sends each of them whole and byte by byte, to a session of its own.
func wantCodes(t *testing.T, s *starlingtest.Server, all []brokenFrame) {
	t.Helper()
	for _, b := range all {
		sent := string(starlingtest.Wire(b.wire))
		for _, piece := range []int{len(sent), 1} {
			c := mustJoin(t, s.Addr)
			go inPieces(c, sent, piece)
			if err := c.closedWith(b.code); err != nil {
				t.Errorf("%s, in pieces of %d: %v", b.name, piece, err)
			}
			c.Close()
		}
	}
}

// closedWith wants nothing more than a close frame with a code, and the end of the connection.
func (c *client) closedWith(code uint16) error {
	f, err := c.ReadFrame()
	if err != nil {
		return fmt.Errorf("instead of close code %d: %w", code, err)
	}
	if f.Head != starlingtest.Close || !bytes.HasPrefix(f.Payload, binary.BigEndian.AppendUint16(nil, code)) {
		return fmt.Errorf("got a frame that begins with %x and holds %.40q; want close code %d", f.Head, f.Payload, code)
	}
	return c.Ends()
}

func brokenFrames(t *testing.T, s *starlingtest.Server) {
	wantCodes(t, s, []brokenFrame{
		{"no mask", "81 01 '3'", 1002},
		{"RSV1, which nobody has agreed to", "c1 81 00000000 '3'", 1002},
		{"RSV2", "a1 81 00000000 '3'", 1002},
		{"RSV3", "91 81 00000000 '3'", 1002},
		{"opcode 3", "83 81 00000000 '3'", 1002},
		{"opcode 7", "87 80 00000000", 1002},
		{"opcode 11", "8b 80 00000000", 1002},
		{"opcode 15", "8f 80 00000000", 1002},
		{"a ping in fragments", "09 80 00000000", 1002},
		{"a close in fragments", "08 82 00000000 03e8", 1002},
		{"a ping of 126 bytes", "89 fe 007e 00000000 'p'*126", 1002},
		{"a close of 126 bytes", "88 fe 007e 00000000 03e8 'r'*124", 1002},
		{"a close of 1 byte", "88 81 00000000 03", 1002},
		{"close code 0", "88 82 00000000 0000", 1002},
		{"close code 999", "88 82 00000000 03e7", 1002},
		{"close code 1004", "88 82 00000000 03ec", 1002},
		{"close code 1005", "88 82 00000000 03ed", 1002},
		{"close code 1006", "88 82 00000000 03ee", 1002},
		{"close code 1015", "88 82 00000000 03f7", 1002},
		{"close code 2999", "88 82 00000000 0bb7", 1002},
		{"close code 5000", "88 82 00000000 1388", 1002},
		{"a close reason that is no UTF-8", "88 83 00000000 03e8 ff", 1007},
		{"a continuation of nothing", "80 81 00000000 '3'", 1002},
		{"an empty continuation of nothing", "00 80 00000000", 1002},
		{"a message within a message", "01 81 00000000 '4' 81 81 00000000 '3'", 1002},
		{"1 byte in a length of 16 bits", "81 fe 0001 00000000 '3'", 1002},
		{"1 byte in a length of 64 bits", "81 ff 0000000000000001 00000000 '3'", 1002},
		{"65535 bytes in a length of 64 bits", "82 ff 000000000000ffff 00000000", 1002},
	})
}

// hugeFrames announces what would be the end of a server that made room for it. It is refused at the header.
func hugeFrames(t *testing.T, s *starlingtest.Server) {
	wantCodes(t, s, []brokenFrame{
		{"1 byte more than --max-payload", "81 ff 00000000000f4241 00000000", 1009},
		{"2^31 bytes", "82 ff 0000000080000000 00000000", 1009},
		{"2^40 bytes", "82 ff 0000010000000000 00000000", 1009},
		{"2^63-1 bytes", "82 ff 7fffffffffffffff 00000000", 1009},
		{"2^63 bytes", "82 ff 8000000000000000 00000000", 1002},
		{"2^64-1 bytes", "82 ff ffffffffffffffff 00000000", 1002},
		{"2^63-1 bytes behind a fragment", "01 81 00000000 '4' 80 ff 7fffffffffffffff 00000000", 1009},
	})
}

// sumOfFragments sends fragments of 64 KiB, none of which is too long, until all of them are.
func sumOfFragments(t *testing.T, s *starlingtest.Server) {
	const fit, bytesEach = 15, 64 << 10 // 1,000,000 less 15 of them leaves 16,960
	for _, code := range []int{starlingtest.Text, starlingtest.Binary} {
		c := mustJoin(t, s.Addr)
		wire := starlingtest.Masked(byte(code)&^0x80, bytes.Repeat([]byte{'4'}, bytesEach))
		for range fit - 1 {
			wire = append(wire, starlingtest.Masked(0, bytes.Repeat([]byte{'4'}, bytesEach))...)
		}
		wire = append(wire, starlingtest.Wire("00 fe 4241 00000000")...) // 16,961
		go inPieces(c, string(wire), len(wire))
		if err := c.closedWith(1009); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}

// fragmentFlood sends fragments of which none has more than a byte: it is their number that ends the message.
func fragmentFlood(t *testing.T, s *starlingtest.Server) {
	wantCodes(t, s, []brokenFrame{
		{"4,097 fragments without a byte", "01 80 00000000 008000000000*4096", 1008},
		{"4,097 fragments of a byte", "01 81 00000000 '4' 00810000000033*4096", 1008},
	})
	for _, unit := range []string{"00 80 00000000", "00 81 00000000 '3'"} {
		c := mustJoin(t, s.Addr)
		_ = c.flood("01 81 00000000 '4'", unit, manyOf(1_000_000))
		c.wantEnd(t)
	}
}

// pingFlood sends pings and reads nothing. The server loses patience, and keeps no pong for each.
func pingFlood(t *testing.T, s *starlingtest.Server) {
	for _, unit := range []string{"89 fd 00000000 'p'*125", "89 80 00000000", "8a fd 00000000 'p'*125"} {
		c := mustJoin(t, s.Addr)
		_ = c.flood("", unit, manyOf(1_000_000))
		c.wantEnd(t)
	}
}

// pingsAndPongs sends pings and reads all that comes: a pong for each, until they are too many.
func pingsAndPongs(t *testing.T, s *starlingtest.Server) {
	for _, unit := range []string{"89 84 00000000 'ping'", "8a 84 00000000 'ping'"} {
		wantFlooded(t, s, unit)
	}
}

// wantFlooded sends a thousand of a frame, behind which the session is served, and then so many more that it is too much.
func wantFlooded(t *testing.T, s *starlingtest.Server, unit string) {
	t.Helper()
	c := mustJoin(t, s.Addr)
	defer c.Close()
	const enough, tooMany = 1000, 5000 // at once, and in fifty seconds
	_ = c.flood("", unit, enough)
	if err := c.send(`427["echo"]`); err != nil {
		t.Fatal(err)
	}
	pongs := 0
	next := func() (f starlingtest.Frame) {
		for {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("%s: after %d pongs: %v", unit, pongs, err)
			}
			if f.Head != starlingtest.Pong || string(f.Payload) != "ping" {
				return f
			}
			pongs++
		}
	}
	if f := next(); string(f.Payload) != "437[]" {
		t.Errorf("%s: got a frame that begins with %x and holds %q, want an acknowledgement", unit, f.Head, f.Payload)
	}
	_ = c.flood("", unit, tooMany)
	if f := next(); f.Head != starlingtest.Close || !bytes.HasPrefix(f.Payload, starlingtest.Wire("03f0")) {
		t.Errorf("%s: got a frame that begins with %x and holds %q, want close code 1008", unit, f.Head, f.Payload)
	}
	if pongs > enough+tooMany/2 {
		t.Errorf("%s: there were %d pongs", unit, pongs)
	}
	if err := c.Ends(); err != nil {
		t.Errorf("%s: %v", unit, err)
	}
}

// manyOf is how much of something a flood has: the race detector makes all of it ten times as dear.
func manyOf(n int) int {
	if starlingtest.RaceEnabled {
		return n / 10
	}
	return n
}

// flood sends one thing, and then another so many times, as far as the server takes it.
func (c *client) flood(first, unit string, times int) error {
	const atOnce = 1000
	if _, err := c.Write(starlingtest.Wire(first)); err != nil {
		return err
	}
	block := bytes.Repeat(starlingtest.Wire(unit), atOnce)
	for range times / atOnce {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// wantEnd wants the server to end the connection, in whatever way.
func (c *client) wantEnd(t *testing.T) {
	t.Helper()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection goes on")
	}
	c.Close()
}

// brokenText sends what is no UTF-8 wherever text is due, over each transport. Two who are in the room of those who send it
// hear of what was right, and of nothing else.
func brokenText(t *testing.T, s *starlingtest.Server) {
	webSocket, polling := mustJoin(t, s.Addr), mustJoinPolling(t, s.Addr)
	const enter = `420["join","text"]`
	if got, err := webSocket.exchange(enter); err != nil || got != `430["ok"]` {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := polling.Exchange(enter); err != nil || !slices.Equal(got, []string{`430["ok"]`}) {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, bytes := range map[string]string{
		"a byte that never occurs": "ff", "a continuation alone": "80", "half a character": "c3", "a surrogate": "eda080",
		"/ in two bytes": "c0af", "past U+10FFFF": "f4908080",
	} {
		wantCodes(t, s, []brokenFrame{
			{name, fmt.Sprintf(`81 %02x 00000000 '42["room","text","' %s '"]'`, 0x80+20+len(bytes)/2, bytes), 1007},
			{name + ", in fragments", fmt.Sprintf(`01 91 00000000 '42["room","text",' 00 81 00000000 '"' 80 %02x 00000000 %s '"]'`, 0x80+2+len(bytes)/2, bytes), 1007},
		})
		c := mustJoinPolling(t, s.Addr)
		if err := c.Post(`42["room","text","` + string(starlingtest.Wire(bytes)) + `"]`); err == nil {
			c.wantEnd(t)
		} else if c.wantGone(t); !errors.As(err, new(starlingtest.StatusError)) {
			t.Errorf("%s, polling: %v", name, err)
		}
	}
	c := mustJoinPolling(t, s.Addr)
	if err := c.Post("b!!!!"); err == nil {
		c.wantEnd(t)
	}
	good := mustJoin(t, s.Addr)
	if _, err := good.Write(starlingtest.Wire(`01 93 00000000 '42["room","text","' c3 00 80 00000000 80 83 00000000 a9 '"]'`)); err != nil {
		t.Fatal(err)
	}
	const want = `42["room","text","é"]`
	if got, err := webSocket.receive(); err != nil || got != want {
		t.Errorf("who has a WebSocket got %q, %v; want %q", got, err, want)
	}
	if got, err := polling.Get(); err != nil || !slices.Equal(got, []string{want}) {
		t.Errorf("who polls got %q, %v; want %q", got, err, want)
	}
	if err := errors.Join(good.leave(), webSocket.leave(), polling.leave()); err != nil {
		t.Error(err)
	}
}

// joinDeflated connects a client that has agreed to permessage-deflate with the server.
func joinDeflated(t *testing.T, s *starlingtest.Server) *client {
	t.Helper()
	c := &client{Conn: dial(t, s, withHeader(starlingtest.UpgradeRequest(target), "Sec-WebSocket-Extensions: permessage-deflate"))}
	r, err := c.ReadResponse()
	if err != nil || r.Status != 101 || !strings.HasPrefix(r.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
		t.Fatalf("answered with %d, %v, %v", r.Status, r.Header, err)
	}
	if open, err := c.receive(); err != nil || open[0] != '0' {
		t.Fatalf("the session begins with %q, %v", open, err)
	}
	if connected, err := c.exchange("40"); err != nil || !strings.HasPrefix(connected, "40{") {
		t.Fatalf("CONNECT is answered with %q, %v", connected, err)
	}
	return c
}

// deflated is a compressed message of a client's, in one frame (RFC 7692 7.2.1): RSV1 is set, and the stream has no end.
func deflated(first byte, inflated []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(inflated)
	_ = w.Flush()
	return starlingtest.Masked(first|0x40, bytes.TrimSuffix(b.Bytes(), starlingtest.Wire("00 00 ff ff")))
}

// deflateBombs has 100 clients at once send 16 MB in 16 KB. What is inflated is bounded as what is not.
func deflateBombs(t *testing.T, s *starlingtest.Server) {
	for _, first := range []byte{starlingtest.Text, starlingtest.Binary} {
		bomb := deflated(first, bytes.Repeat([]byte{'4'}, 16_000_000))
		var wg sync.WaitGroup
		for i := range manyOf(100) {
			c := joinDeflated(t, s)
			wg.Go(func() {
				defer c.Close()
				if _, err := c.Write(bomb); err != nil {
					t.Error(err)
				}
				if err := c.closedWith(1009); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	}
}

func deflateCorrupt(t *testing.T, s *starlingtest.Server) {
	for _, b := range []brokenFrame{
		{"a block of a type that there is not", "c1 81 00000000 07", 1007},
		{"a distance before the beginning", "c1 83 00000000 030200", 1007},
		{"a stored block whose length is not its length", "c1 85 00000000 0001000100", 1007},
		{"RSV1 in a ping", "c9 80 00000000", 1002},
		{"RSV1 in a continuation", "41 80 00000000 c0 80 00000000", 1002},
	} {
		c := joinDeflated(t, s)
		if _, err := c.Write(starlingtest.Wire(b.wire)); err != nil {
			t.Fatal(err)
		}
		if err := c.closedWith(b.code); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
		c.Close()
	}
	c := joinDeflated(t, s) // who does it right is understood
	if _, err := c.Write(deflated(starlingtest.Text, []byte(`421["echo","right"]`))); err != nil {
		t.Fatal(err)
	}
	if got, err := c.receive(); err != nil || got != `431["right"]` {
		t.Errorf("got %q, %v", got, err)
	}
	c.Close()
}
