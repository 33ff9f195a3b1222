package advisories_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// come brings a client that leaves when the returned function is called, which is before the server is looked at.
func come(t *testing.T, s *stage, how transport, joined bool) *peer {
	t.Helper()
	p, err := enter(s, how, joined)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// wantEcho wants a client to be as well as ever.
func wantEcho(t *testing.T, what string, p *peer) {
	t.Helper()
	if err := p.echo(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// dial connects, and sends.
func dial(t *testing.T, addr string, first string) *starlingtest.Conn {
	t.Helper()
	c := starlingtest.Dial(t, addr)
	if _, err := io.WriteString(c, first); err != nil {
		t.Fatal(err)
	}
	return c
}

// idsDiffer looks at the form of the ids that clients see, of sessions and of sockets.
func idsDiffer(t *testing.T, s *stage, how transport) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	seen := map[string]bool{}
	for range 3 {
		p := come(t, s, how, false)
		answer, err := p.exchange("40")
		if err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSuffix(strings.TrimPrefix(answer, `40{"sid":"`), `"}`)
		if len(id) != 20 || strings.Trim(id, alphabet) != "" || seen[id] || p.poll != nil && p.poll.SID == id {
			t.Errorf("CONNECT is answered with %q, and of others were %v", answer, seen)
		}
		seen[id] = true
	}
}

// textBehindAnUpgrade sends text in one piece with the request for a WebSocket: as a frame it has all reserved bits set.
func textBehindAnUpgrade(t *testing.T, s *stage, how transport) {
	target := wsTarget
	var p *peer
	if how == upgraded {
		p = come(t, s, polling, true)
		target = p.poll.UpgradeTarget()
	}
	for range 10 {
		c := dial(t, s.Addr, starlingtest.UpgradeRequest(target)+"test")
		if err := c.Upgraded(); err != nil {
			t.Fatal(err)
		}
		if how == webSocket {
			if f, err := c.ReadFrame(); err != nil || f.Head != starlingtest.Text || !strings.HasPrefix(string(f.Payload), `0{"sid":"`) {
				t.Fatalf("the session begins with %x and %q, %v", f.Head, f.Payload, err)
			}
		}
		if err := wantClose(c, 1002); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if p != nil {
		wantEcho(t, "the session that did not go over", p)
	}
}

// framesBehindAnUpgrade does the same with what makes sense.
func framesBehindAnUpgrade(t *testing.T, s *stage, how transport) {
	if how == webSocket {
		c := dial(t, s.Addr, starlingtest.UpgradeRequest(wsTarget)+string(starlingtest.Wire("81 82 00000000 '40'  89 81 00000000 'x'")))
		err := c.Upgraded()
		for _, begins := range []string{`0{"sid":"`, `40{"sid":"`, "x"} {
			f, readErr := c.ReadFrame()
			if err = errors.Join(err, readErr); err != nil || !strings.HasPrefix(string(f.Payload), begins) {
				t.Fatalf("got %x and %q, %v; want what begins with %q", f.Head, f.Payload, err, begins)
			}
		}
		return
	}
	p := come(t, s, polling, true)
	c := dial(t, s.Addr, starlingtest.UpgradeRequest(p.poll.UpgradeTarget())+string(starlingtest.Wire("81 86 00000000 '2probe'  81 81 00000000 '5'")))
	if err := errors.Join(c.Upgraded(), c.Expect([]byte("\x81\x063probe"))); err != nil {
		t.Fatal(err)
	}
	p.ws = c
	wantEcho(t, "the session that went over", p)
}

// attachmentsInManyBodies sends attachments each of which fits by itself, and not so many as are awaited.
func attachmentsInManyBodies(t *testing.T, s *stage, how transport) {
	p := come(t, s, how, true)
	for _, packet := range []string{`4510-["nobody",` + attachment + `]`, "<bin 00*700000>", "<bin 00*700000>", "<bin 00*700000>"} {
		if err := p.send(packet); err != nil && err != error(starlingtest.StatusError{Status: 400}) {
			t.Fatal(err)
		}
	}
	if err := p.wantEnd(1005); err != nil {
		t.Error(err)
	}
}

// attachmentsThatNeverCome has the server wait for them, which it does not do for ever.
func attachmentsThatNeverCome(t *testing.T, _ *stage, _ transport) {
	t.Parallel() // it takes the time that the server waits
	s := &stage{Server: starlingtest.Start(t, starlingtest.Serve(t))}
	var all []*peer
	for _, how := range everyWay {
		p := come(t, s, how, true)
		if err := p.send(`452-["nobody",`+attachment+`]`, "<bin 01>"); err != nil {
			t.Error(err)
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.wantEnd(1005); err != nil {
			t.Errorf("%s: %v", p.how, err)
		}
		p.close()
	}
	s.Stop(t)
}

// refusedBodies has a hundred sessions refused, and wants each refusal to be a whole response.
func refusedBodies(t *testing.T, s *stage, _ transport) {
	for range 100 {
		p := come(t, s, polling, true)
		c := dial(t, s.Addr, "POST "+p.poll.Target()+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 3\r\n\r\n\x01\x02\x03")
		if r, err := c.LastResponse(); err != nil || r.Status != 400 {
			t.Fatalf("answered with %d and %q, %v; want 400 and the end of the connection", r.Status, r.Body, err)
		}
		c.Close()
	}
}

// middlewareRefuses tries to get past the middleware of a namespace.
func middlewareRefuses(t *testing.T, s *stage, how transport) {
	const refused = `44/members,{"message":"a name is required","data":{"field":"auth.name"}}`
	for _, joined := range []bool{false, true} {
		for _, auth := range []string{"", `{}`, `{"name":""}`, `{"name":{"toString":"x"}}`, `{"__proto__":{"name":"x"}}`, `{"name":["x"]}`} {
			p := come(t, s, how, joined)
			if got, err := p.exchange("40/members," + auth); err != nil || got != refused {
				t.Errorf("in the main namespace %v, with %s: got %q, %v; want %q", joined, auth, got, err, refused)
			}
			if err := p.send(`42/members,["everyone","x"]`); err != nil && err != error(starlingtest.StatusError{Status: 400}) {
				t.Error(err)
			}
			if err := p.wantEnd(1005); err != nil {
				t.Errorf("an event all the same: %v", err)
			}
		}
	}
}

// upgradeTwice tries to take a session over that has gone over already.
func upgradeTwice(t *testing.T, s *stage, _ transport) {
	p := come(t, s, upgraded, true)
	for range 3 {
		var refused starlingtest.RefusedError
		c, err := s.upgrade(p.poll.UpgradeTarget())
		if err == nil { // as the reference server does it
			err = errors.Join(c.Ends(), c.Close())
			if err != nil {
				t.Errorf("the second WebSocket: %v", err)
			}
		} else if !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("the second WebSocket: %v", err)
		}
		wantEcho(t, "the first WebSocket", p)
	}
}

// upgradeAtOnce has two WebSockets probe for one session. One of them gets it, and the other one ends.
func upgradeAtOnce(t *testing.T, s *stage, _ transport) {
	p := come(t, s, polling, true)
	probe := starlingtest.UpgradeRequest(p.poll.UpgradeTarget()) + string(starlingtest.Wire("81 86 00000000 '2probe'"))
	first := dial(t, s.Addr, probe)
	if err := errors.Join(first.Upgraded(), first.Expect([]byte("\x81\x063probe"))); err != nil {
		t.Fatal(err)
	}
	second := dial(t, s.Addr, probe)
	rest, err := io.ReadAll(second) // refused in HTTP, or closed
	if err != nil || strings.Contains(string(rest), "3probe") {
		t.Errorf("the second WebSocket got %q, %v", rest, err)
	}
	if _, err := first.Write(starlingtest.Wire("81 81 00000000 '5'")); err != nil {
		t.Fatal(err)
	}
	p.ws = first
	wantEcho(t, "the first WebSocket", p)
}

// upgradeOfAWebSocket tries to take a session over that has never polled.
func upgradeOfAWebSocket(t *testing.T, s *stage, _ transport) {
	c, err := s.upgrade(wsTarget)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{how: webSocket, ws: c}
	t.Cleanup(p.close)
	open, err := p.receive()
	if err != nil {
		t.Fatal(err)
	}
	poll := starlingtest.NewPoller(s.Addr)
	if err := errors.Join(poll.Accept(open), p.join()); err != nil {
		t.Fatal(err)
	}
	if c, err := s.upgrade(poll.UpgradeTarget()); err == nil {
		t.Errorf("the second WebSocket is let in, and then %v", c.Ends())
		c.Close()
	}
	for _, request := range []string{poll.GetRequest(), poll.PostRequest(`42["nobody"]`)} {
		if r, err := ask(s.Addr, request); err != nil || r.Status != 400 {
			t.Errorf("%.4s: answered with %d and %q, %v", request, r.Status, r.Body, err)
		}
	}
	wantEcho(t, "the first WebSocket", p)
}

// eventsBehindADisconnect sends the audience what it must not hear.
func eventsBehindADisconnect(t *testing.T, s *stage, how transport) {
	p := come(t, s, how, true)
	err := p.send("41", `42["room","audience","a ghost"]`, `42["join","ghosts"]`, `427["everyone","a ghost"]`, `451-["others",`+attachment+`]`, "<bin 01>")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.goOn(true); err != nil {
		t.Fatal(err)
	}
	if got, err := p.exchange(`429["rooms"]`); err != nil || strings.Contains(got, "ghosts") {
		t.Errorf("the client is in %q, %v", got, err)
	}
}

// cookieNames starts servers that must not start.
func cookieNames(t *testing.T, _ *stage, _ transport) {
	for _, name := range []string{"io\r\nSet-Cookie: x=y", "io\n", "\rio", "io; Domain=evil.example", "io=x", "io,x", " ", "i\x7fo", "iö", `"io"`} {
		cmd := starlingtest.Serve(t, "--cookie", name)
		cancel := time.AfterFunc(starlingtest.Patience, func() { _ = cmd.Process.Kill() })
		out, _ := cmd.CombinedOutput() // ProcessState tells more
		cancel.Stop()
		if cmd.ProcessState.ExitCode() <= 0 || !strings.Contains(string(out), "--cookie must be") {
			t.Errorf("with a cookie of the name %q: %v, %.300s", name, cmd.ProcessState, out)
		}
	}
}

// pongs sends a hundred thousand pongs that nobody has asked for, to a server that lets it, and pings each second. It pings no
// more than that.
func pongs(t *testing.T, _ *stage, _ transport) {
	t.Parallel() // it waits for pings
	s := &stage{Server: starlingtest.Start(t, starlingtest.Serve(t, "--ping-interval", pongsInterval.String(), "--control-rate", "1000000"))}
	since := time.Now()
	var all sync.WaitGroup
	for _, how := range everyWay {
		p := come(t, s, how, true)
		all.Go(func() {
			if err := p.pongs(since); err != nil {
				t.Errorf("%s: %v", how, err)
			}
			p.close()
		})
	}
	all.Wait()
	s.Stop(t)
}

const pongsInterval = time.Second

func (p *peer) pongs(since time.Time) error {
	const pings, batches, batch = 3, 10, 10_000
	for range batches {
		if err := p.send(slices.Repeat([]string{"3"}, batch)...); err != nil {
			return err
		}
	}
	for range pings {
		if got, err := p.receive(); err != nil || got != "2" {
			return fmt.Errorf("got %q, %w; want a ping", got, err)
		}
		if err := p.send("3"); err != nil {
			return err
		}
	}
	if took := time.Since(since); took < (pings-1)*pongsInterval { // timers are a little coarse
		return fmt.Errorf("%d pings came within %v, with one due each %v", pings, took, pongsInterval)
	}
	return nil
}

// exactPongs pings with payloads of each size, and closes with reasons of each, after somebody else has sent a large
// message of one letter: nothing of that may come back.
func exactPongs(t *testing.T, s *stage, how transport) {
	other := come(t, s, webSocket, true)
	p := come(t, s, how, true)
	for n := 0; n <= 125; n++ {
		if err := other.send(`42["nobody","` + strings.Repeat("S", 20_000) + `"]`); err != nil {
			t.Fatal(err)
		}
		payload := fmt.Sprintf("'p'*%d", n)
		if _, err := p.ws.Write(starlingtest.Wire(fmt.Sprintf("89 %02x 00000000 %s", 0x80|n, payload))); err != nil {
			t.Fatal(err)
		}
		if err := p.ws.Expect(starlingtest.Wire(fmt.Sprintf("8a %02x %s", n, payload))); err != nil {
			t.Fatalf("a pong of %d bytes: %v", n, err)
		}
	}
	wantEcho(t, "who pinged", p)
	for _, n := range []int{0, 1, 2, 60, 123} {
		p := come(t, s, how, true)
		if _, err := p.ws.Write(starlingtest.Wire(fmt.Sprintf("88 %02x 00000000 03e8 'r'*%d", 0x80|n+2, n))); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(p.ws)
		if err != nil || !strings.HasPrefix(string(rest), "\x88") || strings.Contains(string(rest), "S") || len(rest) > 2+125 {
			t.Errorf("a close with a reason of %d bytes is answered with %q, %v", n, rest, err)
		}
	}
	wantEcho(t, "the other one", other)
}

// frameByteByByte sends a message of 4 KiB in as many segments.
func frameByteByByte(t *testing.T, s *stage, how transport) {
	p := come(t, s, how, true)
	const message = `421["echo",{"k":[1,2,3]}]`
	frame := starlingtest.Masked(starlingtest.Text, []byte(message+strings.Repeat(" ", 4096)))
	for i := range frame {
		if _, err := p.ws.Write(frame[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := p.receive(); err != nil || got != `431[{"k":[1,2,3]}]` {
		t.Errorf("got %q, %v", got, err)
	}
	wantEcho(t, "afterwards", p)
}

// controlsInPieces sends control frames cut at each place, also between fragments of a message, and at last a close.
func controlsInPieces(t *testing.T, s *stage, how transport) {
	p := come(t, s, how, true)
	first := starlingtest.Wire("01 86 00000000 '421[\"e'")
	second := starlingtest.Wire("80 87 00000000 'cho\",7]'")
	ping, pong := starlingtest.Wire("89 84 01020304 71717171"), starlingtest.Wire("8a 84 01020304 71717171")
	for cut := range ping {
		for _, piece := range [][]byte{first, ping[:cut], ping[cut:], pong[:cut], pong[cut:], second} {
			if _, err := p.ws.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(p.ws.Expect(starlingtest.Wire("8a 04 70737275")), p.ws.Expect([]byte("\x81\x06431[7]"))); err != nil {
			t.Fatalf("a ping cut at %d: %v", cut, err)
		}
	}
	goodbye := starlingtest.Wire("88 87 01020304 02 ea 41 7a 64 21 'x'") // 1000, Bye, and more
	for cut := range goodbye {
		p := come(t, s, how, true)
		for _, piece := range [][]byte{goodbye[:cut], goodbye[cut:]} {
			if _, err := p.ws.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := wantClose(p.ws, 1000); err != nil {
			t.Errorf("a close cut at %d: %v", cut, err)
		}
	}
}

// manyRooms has a client join 10,000 rooms, and another one speak to all of them in one piece.
func manyRooms(t *testing.T, s *stage, how transport) {
	const rooms, batch = 10_000, 500
	p, speaker := come(t, s, how, true), come(t, s, webSocket, true)
	for from := 0; from < rooms; from += batch {
		joins := make([]string, batch)
		for i := range joins {
			joins[i] = fmt.Sprintf(`42%d["join","many %s %d"]`, from+i, how, from+i)
		}
		if err := p.send(joins...); err != nil {
			t.Fatal(err)
		}
		for range joins {
			if got, err := p.receive(); err != nil || !strings.HasSuffix(got, `["ok"]`) {
				t.Fatalf("a join is answered with %q, %v", got, err)
			}
		}
	}
	all := make([]string, rooms)
	for i := range all {
		all[i] = fmt.Sprintf(`42["room","many %s %d",%d]`, how, i, i)
	}
	sent := make(chan error, 1)
	go func() { sent <- speaker.send(all...) }()
	for _, want := range all {
		if got, err := p.receive(); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	wantEcho(t, "the client of the rooms", p)
}

// requestsInTwo sends requests cut at each place.
func requestsInTwo(t *testing.T, s *stage, how transport) {
	p := come(t, s, polling, true)
	request, want := p.poll.PostRequest(`42["nobody"]`), 200
	if how == webSocket {
		request, want = starlingtest.UpgradeRequest(wsTarget), 101
	}
	for cut := 1; cut < len(request); cut++ {
		if how == upgraded { // a session of its own, for another WebSocket may not be forgotten yet
			request, want = starlingtest.UpgradeRequest(come(t, s, polling, true).poll.UpgradeTarget()), 101
		}
		c := dial(t, s.Addr, request[:cut])
		if _, err := io.WriteString(c, request[cut:]); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != want {
			t.Fatalf("cut at %d: answered with %d and %q, %v; want %d", cut, r.Status, r.Body, err, want)
		}
		_ = c.Reset() // some hundred connections need not stay in TIME-WAIT
	}
	wantEcho(t, "the session that polls", p)
}
