package server_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// answers sends the same request over many connections at once, and returns how often each status was the answer. Each
// connection must get one.
func answers(t *testing.T, s *starlingtest.Server, many int, request string) map[int]int {
	t.Helper()
	conns := make([]*starlingtest.Conn, many)
	for i := range conns {
		conns[i] = starlingtest.Dial(t, s.Addr)
		defer conns[i].Close()
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			_, err := io.WriteString(c, request)
			var r starlingtest.Response
			if err == nil {
				r, err = c.ReadResponse()
			}
			mu.Lock()
			defer mu.Unlock()
			if statuses[r.Status]++; err != nil {
				t.Errorf("instead of an answer: %v", err)
			}
		})
	}
	wg.Wait()
	return statuses
}

// manyGets has 100 GETs of one session. Packets could reach the client in any order, so the session ends: nobody waits.
func manyGets(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	got := answers(t, s, 100, c.GetRequest())
	if got[200] != 1 || got[400] != 99 {
		t.Errorf("the statuses are %v, want 200 once and 400 for all others", got)
	}
	c.wantGone(t)
}

// manyPosts has 100 POSTs, each of them whole. That is careless, but they do not overlap.
func manyPosts(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	if got := answers(t, s, 100, c.PostRequest(`42["nobody"]`)); got[200] != 100 {
		t.Errorf("the statuses are %v, want 200", got)
	}
	if err := errors.Join(c.echo(), c.leave()); err != nil {
		t.Error(err)
	}
}

// overlappingPosts has 100 POSTs of which all heads come before any body.
func overlappingPosts(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	if got := answers(t, s, 100, starlingtest.PostHead(c.Target(), 1000)); got[400] != 100 {
		t.Errorf("the statuses are %v, want 400", got)
	}
	c.wantGone(t)
}

// notSessions are ids of no session: some that nobody can have, and some that another server may have given out.
func notSessions(random *rand.Rand) []string {
	ids := []string{
		"__proto__", "constructor", strings.Repeat("1", 20), strings.Repeat("A", 1000), "%00", "x%0d%0ay", "a+b/c=", "..%2f..%2f",
		strings.Repeat("-", 19), strings.Repeat("-", 21), strings.Repeat("_", 20), "%ff%fe",
	}
	for loop := range byte(250) {
		raw := make([]byte, 15)
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		raw[14] = raw[0] ^ (loop % 5) // the loop that it seems to be of
		ids = append(ids, base64.RawURLEncoding.EncodeToString(raw))
	}
	return ids
}

// unknownSessions asks for 100,000 sessions that there are not, some thousand with bodies. Each request is answered, and
// nothing is kept of any.
func unknownSessions(t *testing.T, s *starlingtest.Server) {
	atOnce, batches, batch := 8, 250, 50
	if starlingtest.RaceEnabled || testing.Short() {
		batches = 25
	}
	seed := seedOf(t)
	var wg sync.WaitGroup
	for w := range atOnce {
		c := starlingtest.Dial(t, s.Addr)
		defer c.Close()
		ids := notSessions(rand.New(rand.NewPCG(seed, uint64(w))))
		wg.Go(func() {
			for i := range batches {
				if err := askForNobody(c, ids, i*batch, batch); err != nil {
					t.Errorf("request %d and on: %v", i*batch, err)
					return
				}
			}
			if err := postToNobody(s.Addr, ids, batches); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// askForNobody sends a batch of GETs in one piece.
func askForNobody(c *starlingtest.Conn, ids []string, from, batch int) error {
	var requests strings.Builder
	for i := range batch {
		requests.WriteString(starlingtest.GetRequest(pollTarget + "&sid=" + ids[(from+i)%len(ids)]))
		if requests.Len() > 8<<10 { // that much may wait for the answer to a request before it
			batch = i + 1
			break
		}
	}
	if _, err := io.WriteString(c, requests.String()); err != nil {
		return err
	}
	for i := range batch {
		if r, err := c.ReadResponse(); err != nil || (starlingtest.StatusError{Status: r.Status, Body: r.Body}) != starlingtest.ErrUnknownSession {
			return fmt.Errorf("the session %q: answered with %d and %q, %w", ids[(from+i)%len(ids)], r.Status, r.Body, err)
		}
	}
	return nil
}

func postToNobody(addr string, ids []string, n int) error {
	p := starlingtest.NewPoller(addr)
	defer p.Close()
	for i := range n {
		p.SID = ids[i%len(ids)]
		if err := p.Post(`42["x"]`, "3"); err != error(starlingtest.ErrUnknownSession) {
			return fmt.Errorf("a POST to the session %q: %w", p.SID, err)
		}
	}
	return nil
}

// bodiesForNobody announces a megabyte for a session that there is not. The answer comes before the body, and if the body
// is sent all the same nobody keeps it.
func bodiesForNobody(t *testing.T, s *starlingtest.Server) {
	body := strings.Repeat("4", 1_000_000)
	for i, id := range notSessions(rand.New(rand.NewPCG(seedOf(t), 0)))[:40] {
		head := starlingtest.PostHead(pollTarget+"&sid="+id, len(body))
		c := dial(t, s, head)
		if i%2 == 1 {
			go func() { _, _ = io.WriteString(c, body) }() // it may be cut
		}
		r, err := c.ReadResponse()
		if got := (starlingtest.StatusError{Status: r.Status, Body: r.Body}); err != nil || got != starlingtest.ErrUnknownSession || !r.Ends {
			t.Errorf("the session %q: %v, %v; want the end with it", id, got, err)
		}
		if i%2 == 0 {
			if err := c.Ends(); err != nil {
				t.Errorf("the session %q: %v", id, err)
			}
		}
		c.Close()
	}
}

// manyPackets sends bodies of many packets, or of little but separators.
func manyPackets(t *testing.T, s *starlingtest.Server) {
	events := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`42["nobody"]`+starlingtest.Separator, n), starlingtest.Separator)
	}
	for _, tc := range []struct {
		name, body string
		answer     error // nil: the session lives
		ends       bool
	}{
		{"10,000 packets", events(10_000), nil, false},
		{"10,001 packets", events(10_001), starlingtest.StatusError{Status: 400}, true},
		{"a megabyte of separators", strings.Repeat(starlingtest.Separator, 1_000_000), starlingtest.StatusError{Status: 400}, true},
		{"a megabyte of pings", strings.Repeat("2"+starlingtest.Separator, 500_000), nil, true}, // the first ends the session
		{"a megabyte of one number", "4" + strings.Repeat("2", 999_999), nil, true},
		{"a megabyte of one attachment count", "45" + strings.Repeat("9", 999_998), nil, true},
		{"a megabyte and a byte", strings.Repeat("3", 1_000_001), starlingtest.StatusError{Status: 413}, false},
	} {
		c := mustJoinPolling(t, s.Addr)
		if err := c.Post(tc.body); err != tc.answer {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.answer)
		}
		if tc.ends {
			c.wantEnd(t)
			continue
		}
		if err := errors.Join(c.echo(), c.leave()); err != nil {
			t.Errorf("%s: the session does not go on: %v", tc.name, err)
		}
	}
}

// unfetchedAnswers has the server answer 10,000 events at a time to a client that never asks for the answers, until it has
// lost patience.
func unfetchedAnswers(t *testing.T, s *starlingtest.Server) {
	var body strings.Builder
	for i := range 9_999 {
		fmt.Fprintf(&body, `42["echo",%d]`+starlingtest.Separator, i+1)
	}
	body.WriteString(`42["echo",10000]`)
	fetches := mustJoinPolling(t, s.Addr)
	var got []string
	err := fetches.Post(body.String())
	for err == nil && len(got) < 10_000 {
		var more []string
		more, err = fetches.Get()
		got = append(got, more...)
	}
	if strings.Join(got, starlingtest.Separator) != body.String() {
		t.Errorf("who does ask gets %d answers, and not in order", len(got))
	}
	if err := errors.Join(err, fetches.leave()); err != nil {
		t.Error(err)
	}
	c := mustJoinPolling(t, s.Addr)
	for patient := time.Now().Add(starlingtest.Patience); time.Now().Before(patient); { // the answers lag behind on a busy machine
		if err := c.Post(body.String()); err != nil {
			if err != error(starlingtest.ErrUnknownSession) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the server goes on keeping answers")
}

// forgedPackets has a client on a WebSocket send a separator within an event for everyone: raw it is refused, and escaped
// it is one event for who polls.
func forgedPackets(t *testing.T, s *starlingtest.Server) {
	victim := mustJoinPolling(t, s.Addr)
	room := `42["join","forged"]`
	if err := errors.Join(victim.Post(room), victim.echo()); err != nil {
		t.Fatal(err)
	}
	for _, packet := range []string{
		"42[\"room\",\"forged\",\"x\x1e42[\\\"admin\\\",1]\"]", "42[\"room\",\"forged\",\"x\x1e1\"]", "42[\"room\",\"forged\",\"\xff\"]",
	} {
		ws := mustJoin(t, s.Addr)
		if err := ws.send(packet); err != nil {
			t.Fatal(err)
		}
		if f, err := ws.ReadFrame(); err != nil || f.Head != starlingtest.Close {
			t.Errorf("%q: got a frame that begins with %x, %v; want a close frame", packet, f.Head, err)
		}
		ws.Close()
	}
	ws := mustJoin(t, s.Addr)
	const escaped = `42["room","forged","x\u001e42[\"admin\",1]"]`
	if err := ws.send(escaped); err != nil {
		t.Fatal(err)
	}
	if packets, err := victim.Get(); err != nil || !slices.Equal(packets, []string{escaped}) {
		t.Errorf("the victim got %q, %v; want %q", packets, err, escaped)
	}
	if err := errors.Join(victim.echo(), victim.leave(), ws.leave()); err != nil {
		t.Error(err)
	}
}

// pipelined sends 1,000 requests in one piece, whose answers must come in the same order.
func pipelined(t *testing.T, s *starlingtest.Server) {
	kinds := []struct{ target, answer string }{
		{"/socket.io/?EIO=4&transport=carrier-pigeon", `{"code":0,"message":"Transport unknown"}`},
		{pollTarget + "&sid=nobody", `{"code":1,"message":"Session ID unknown"}`},
		{"/socket.io/?EIO=4&transport=websocket", `{"code":3,"message":"Bad request"}`},
		{"/socket.io/?EIO=9&transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
	}
	kindOf := func(i int) int { return i * i / 7 % len(kinds) }
	var requests strings.Builder
	for i := range 1000 {
		requests.WriteString(starlingtest.GetRequest(kinds[kindOf(i)].target))
	}
	c := starlingtest.Dial(t, s.Addr)
	defer c.Close()
	go func() { _, _ = io.WriteString(c, requests.String()) }()
	for i := range 1000 {
		if r, err := c.ReadResponse(); err != nil || r.Status != 400 || r.Body != kinds[kindOf(i)].answer {
			t.Fatalf("request %d was answered with %d and %q, %v; want %q", i, r.Status, r.Body, err, kinds[kindOf(i)].answer)
		}
	}
}

// pipelinedGets sends 1,000 GETs of which the first has to wait. What comes behind it is not kept, and the session is over.
func pipelinedGets(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	conn := starlingtest.Dial(t, s.Addr)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, strings.Repeat(c.GetRequest(), 1000)) }()
	if rest, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection goes on, with %d bytes", len(rest))
	}
	c.wantGone(t)
}

// halfClosed has clients close their half of the connection wherever they are. The connection ends, at once or with the
// answer, and with a request that is lost the session ends too.
func halfClosed(t *testing.T, s *starlingtest.Server) {
	for _, tc := range []struct {
		name  string
		first func(c *pollClient) string
		costs bool // the session
	}{
		{"before anything", func(*pollClient) string { return "" }, false},
		{"in a head", func(c *pollClient) string { return c.GetRequest()[:40] }, false},
		{"behind a handshake", func(*pollClient) string { return starlingtest.GetRequest(pollTarget, "Connection: close") }, false},
		{"behind a GET", func(c *pollClient) string { return c.GetRequest() }, true},
		{"behind the head of a POST", func(c *pollClient) string { return starlingtest.PostHead(c.Target(), 1000) }, true},
		{"in a body", func(c *pollClient) string { return starlingtest.PostHead(c.Target(), 1000) + "42" }, true},
		{"in a body for nobody", func(*pollClient) string { return starlingtest.PostHead(pollTarget+"&sid=nobody", 1000) + "42" }, false},
		{"behind an upgrade request", func(*pollClient) string { return starlingtest.UpgradeRequest(target) }, false},
		{"behind an upgrade request of a session", func(c *pollClient) string { return starlingtest.UpgradeRequest(c.UpgradeTarget()) }, false},
		{"in a frame", func(*pollClient) string { return starlingtest.UpgradeRequest(target) + "\x81\xff" }, false},
		{"behind a request for somebody else", func(*pollClient) string { return starlingtest.GetRequest("/elsewhere") }, false},
	} {
		for range 10 {
			session := mustJoinPolling(t, s.Addr)
			c := dial(t, s, tc.first(session))
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the connection goes on", tc.name)
			}
			c.Close()
			if !tc.costs {
				if err := errors.Join(session.echo(), session.leave()); err != nil {
					t.Errorf("%s: the session does not go on: %v", tc.name, err)
				}
				continue
			}
			eventually(t, tc.name+": the session ends", func() bool { return session.Post("3") == error(starlingtest.ErrUnknownSession) })
		}
	}
}

// upgradeAndReset is CVE-2022-41940 of the reference server: a refused upgrade, and a reset before the refusal is out.
func upgradeAndReset(t *testing.T, s *starlingtest.Server) {
	for _, request := range []string{
		"GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		starlingtest.UpgradeRequest(target + "&sid=nobody"),
		starlingtest.UpgradeRequest(target),
		"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + strings.Repeat("\x7f", 233) + "\r\n\r\n",
	} {
		for range 50 {
			if err := dial(t, s, request).Reset(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// randomBytes sends what comes to a blind man's mind, some of it behind a beginning that makes sense.
func randomBytes(t *testing.T, s *starlingtest.Server) {
	c := mustJoinPolling(t, s.Addr)
	beginnings := []string{
		"", "GET ", "GET / HTTP/1.1\r\n", "POST " + c.Target() + " HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n4", starlingtest.UpgradeRequest(target),
		starlingtest.UpgradeRequest(target) + string(starlingtest.Masked(starlingtest.Text, []byte("40"))),
	}
	random := rand.New(rand.NewPCG(seedOf(t), 0))
	for i := range 300 {
		junk := make([]byte, random.IntN(32<<10))
		for j := range junk {
			junk[j] = byte(random.Uint32())
		}
		conn := starlingtest.Dial(t, s.Addr)
		_, err := conn.Write(append([]byte(beginnings[i%len(beginnings)]), junk...))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the server neither reads nor closes")
		}
		if random.IntN(2) == 0 {
			_ = conn.Reset()
		}
		conn.Close()
	}
}
