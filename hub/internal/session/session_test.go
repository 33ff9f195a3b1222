package session

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/eventloop"
	"starling/wsproto"
)

// newTestTable is the table of a simulated loop.
func newTestTable(cfg *Config, newUpper func(Request) Upper) (*eventloop.Sim, *Table) {
	var table *Table
	sim := eventloop.NewSim(eventloop.Limits{}, cfg.Logger, func(l *eventloop.Loop) eventloop.Handler {
		table = NewTable(l, cfg, newUpper)
		return column{table}
	})
	return sim, table
}

// TestIDs draws a million ids: all are different, have 20 characters of the url alphabet, and carry their loop
// (CVE-2017-16031).
func TestIDs(t *testing.T) {
	cfg := testConfig()
	cfg.Random = rand.Reader
	_, table := newTestTable(cfg, nil)
	beginnings := make([]uint64, 1_000_000) // of ids: they differ if these do
	for i := range beginnings {
		id := table.NewID()
		beginnings[i] = binary.BigEndian.Uint64(id[:])
		if i%1000 != 0 {
			continue
		}
		text := id.String()
		index, ok := LoopOf(text)
		if len(text) != 20 || strings.Trim(text, urlAlphabet) != "" || !ok || index != 0 {
			t.Fatalf("id %q says loop %d, %v; want 20 characters, loop 0", text, index, ok)
		}
	}
	slices.Sort(beginnings)
	if n := len(slices.Compact(beginnings)); n != 1_000_000 {
		t.Fatalf("%d of 1,000,000 ids are different", n)
	}
}

const urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// TestIDsAreFullyRandom draws from a source of ones and one of zeros: the 112 bits before the last byte are the source's.
func TestIDsAreFullyRandom(t *testing.T) {
	for _, row := range []struct {
		source constant
		want   string
	}{
		{0x00, "AAAAAAAAAAAAAAAAAAAA"},
		{0xff, "____________________"},
	} {
		cfg := testConfig()
		cfg.Random = row.source
		_, table := newTestTable(cfg, nil)
		if got := table.NewID().String(); got != row.want {
			t.Errorf("of bytes %#x an id is %s, want %s", byte(row.source), got, row.want)
		}
	}
}

func TestLoopOf(t *testing.T) {
	for _, row := range []struct {
		name, id string
		index    int
		ok       bool
	}{
		{"loop 0", "AAECAwQFBgcICQoLDA0A", 0, true},
		{"loop 7, masked with a first byte of 0", "AAECAwQFBgcICQoLDA0H", 7, true},
		{"loop 255, masked with a first byte of ff", "_wECAwQFBgcICQoLDA0A", 255, true},
		{"loop 3, masked with a first byte of 10", "EAECAwQFBgcICQoLDA0T", 3, true},
		{"too short", "AAECAwQFBgcICQoLDA0", 0, false},
		{"too long", "AAECAwQFBgcICQoLDA0AA", 0, false},
		{"empty", "", 0, false},
		{"the other alphabet", "AAECAwQFBgcICQoLDA+/", 0, false},
		{"padding", "AAECAwQFBgcICQoLDA0=", 0, false},
		{"a line break, which decoders skip", "AAECAwQFBgcICQoLDA\n0", 0, false},
		{"a prototype", "__proto__", 0, false},
	} {
		if index, ok := LoopOf(row.id); index != row.index || ok != row.ok {
			t.Errorf("%s: LoopOf(%q) = %d, %v; want %d, %v", row.name, row.id, index, ok, row.index, row.ok)
		}
	}
}

// TestFirstPing wants the first ping of sessions that come all at once in the second half of the interval, spread out.
func TestFirstPing(t *testing.T) {
	cfg := testConfig()
	_, table := newTestTable(cfg, nil)
	seen := map[time.Duration]bool{}
	for range 256 {
		d := table.firstPing()
		if d < 12500*time.Millisecond || d > 25*time.Second {
			t.Fatalf("a first ping after %v, want 12.5s to 25s", d)
		}
		seen[d] = true
	}
	if len(seen) != 256 {
		t.Fatalf("256 random bytes make %d different times", len(seen))
	}
}

// TestHeadInPieces cuts a request, and the frames right behind it, in two at every byte.
func TestHeadInPieces(t *testing.T) {
	sent := []byte(upgradeRequest("/socket.io/?EIO=4&transport=websocket") +
		"\x81\x82\x00\x00\x00\x004a" + "\x89\x81\x00\x00\x00\x00!" + "\x82\x81\x00\x00\x00\x00b" + "\x88\x80\x00\x00\x00\x00")
	const want = "upper: text a\nupper: binary 62\nupper: close, transport close\n" +
		"peer: | HTTP/1.1 101 Switching Protocols\npeer: | Upgrade: websocket\npeer: | Connection: Upgrade\n" +
		"peer: | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n" +
		`peer: [81 6b] 0{"sid":"AAECAwQFBgcICQoLDA0A","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}` +
		"\npeer: [8a 01] 21\npeer: [88 00]\npeer: our half is closed"
	for cut := range sent {
		k := newTalk(t)
		k.open("")
		k.end.peer.Send(sent[:cut])
		k.end.peer.Send(sent[cut:])
		k.end.writes = k.end.peer.Writes // how many there are depends on the cut
		k.gather()
		if got := strings.Join(k.lines, "\n"); got != want {
			t.Fatalf("cut at %d of %d:\n%s\nwant\n%s", cut, len(sent), got, want)
		}
	}
}

// FuzzSession cuts what a client sends at arbitrary places. What happens must be what happens without the cuts.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"\x81\x82\x00\x00\x00\x004a\x81\x81\x00\x00\x00\x003\x81\x81\x00\x00\x00\x002",
		"\x01\x81\x00\x00\x00\x004\x89\x80\x00\x00\x00\x00\x80\x83\x00\x00\x00\x00abc",
		"\x88\x82\x00\x00\x00\x00\x03\xe8", "\x81\xfe\x00\x7e\x00\x00\x00\x00", "\x82\x85\x01\x02\x03\x04hello", "\xff\xff",
		"\x81\x85\x00\x00\x00\x00bAQI=\x81\x80\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, sent, cuts []byte) {
		whole, cut := newTalk(t), newTalk(t)
		for _, k := range []*talk{whole, cut} {
			k.session("")
		}
		whole.end.peer.Send(slices.Clone(sent))
		for rest := sent; len(rest) > 0; {
			n := len(rest)
			if len(cuts) > 0 {
				n, cuts = min(n, 1+int(cuts[0])), cuts[1:]
			}
			cut.end.peer.Send(rest[:n])
			rest = rest[n:]
		}
		for _, k := range []*talk{whole, cut} {
			k.end.writes = k.end.peer.Writes
			k.gather()
			k.command("hangup")
			k.advance("2s")
			if k.end.upper.closes != 1 || k.tables[0].Len() != 0 || k.sims[0].Connections() != 0 || k.sims[0].Panics() != 0 {
				t.Fatalf("%d closes, %d sessions, %d connections, %d panics", k.end.upper.closes, k.tables[0].Len(), k.sims[0].Connections(), k.sims[0].Panics())
			}
		}
		if !slices.Equal(whole.lines, cut.lines) {
			t.Fatalf("whole:\n%s\ncut:\n%s", strings.Join(whole.lines, "\n"), strings.Join(cut.lines, "\n"))
		}
	})
}

// TestOneCloseForEachSession lets sessions end in every way and at every moment, several at once, and wants exactly one
// OnClose for each.
func TestOneCloseForEachSession(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(1, 2))
	steps := []string{
		"text 1", "text 2", "text 3", "text 4x", "text", "close 03e8", "close", "binary 00", "ping", "send 83 80", "send 81",
		"hangup", "reset", "break", "stall 0", "stall 5", "resume", "advance 100ms", "advance 3s", "advance 30s",
		"emit x*300", "volatile x*300", "say x", "end forced close", "end server shutting down", "deadline 1s", "busy on", "busy off",
	}
	for round := range 300 {
		k := newTalk(t)
		k.restart("outbound=1000")
		for range 1 + r.IntN(5) {
			k.session("")
		}
		var told []string
		for range r.IntN(20) {
			k.command("use " + fmt.Sprint(1+r.IntN(len(k.ends))))
			step := steps[r.IntN(len(steps))]
			told = append(told, step)
			k.command(step)
		}
		k.command("drain")
		k.advance("3s")
		for i, e := range k.ends {
			if e.upper.closes != 1 {
				t.Fatalf("round %d, session %d: %d closes after %q", round, i+1, e.upper.closes, told)
			}
		}
		if k.tables[0].Len() != 0 || k.sims[0].Connections() != 0 || k.sims[0].Panics() != 0 {
			t.Fatalf("round %d: %d sessions, %d connections, %d panics after %q", round, k.tables[0].Len(), k.sims[0].Connections(), k.sims[0].Panics(), told)
		}
	}
}

// TestReasons holds each reason's word and close code. The words are read by applications, logs and metrics.
func TestReasons(t *testing.T) {
	rows := []struct {
		reason Reason
		word   string
		code   wsproto.CloseCode
	}{
		{TransportClose, "transport close", 0},
		{TransportError, "transport error", 0},
		{PingTimeout, "ping timeout", 0},
		{ParseError, "parse error", 0},
		{ForcedClose, "forced close", 0},
		{ServerShutdown, "server shutting down", 1001},
		{ClientNamespaceDisconnect, "client namespace disconnect", 0},
		{ServerNamespaceDisconnect, "server namespace disconnect", 0},
		{SlowConsumer, "slow consumer", 1008},
		{InboundOverflow, "inbound overflow", 1008},
		{Flood, "flood", 1008},
		{0, "unknown", 0},
		{255, "unknown", 0},
	}
	for _, row := range rows {
		if row.reason.String() != row.word || row.reason.Error() != row.word || row.reason.CloseCode() != row.code {
			t.Errorf("reason %d is %q, %q, %d; want %q, %d", row.reason, row.reason, row.reason.Error(), row.reason.CloseCode(), row.word, row.code)
		}
	}
	if known := len(reasons) - 1; known != len(rows)-2 {
		t.Errorf("%d reasons, %d rows", known, len(rows)-2)
	}
}

func TestReasonOfWhatEndsAConnection(t *testing.T) {
	for _, row := range []struct {
		cause error
		want  Reason
	}{
		{io.EOF, TransportClose},
		{fmt.Errorf("read: %w", io.EOF), TransportClose},
		{io.ErrUnexpectedEOF, TransportError},
		{eventloop.ErrPanic, TransportError},
		{eventloop.ErrShutdown, ServerShutdown},
		{eventloop.ErrShed, SlowConsumer},
	} {
		if got := reasonOf(row.cause); got != row.want {
			t.Errorf("%v is %q, want %q", row.cause, got, row.want)
		}
	}
}

// TestPrepared is the literal form of a message: for WebSockets, and for those of them that take no binary frames.
func TestPrepared(t *testing.T) {
	for _, row := range []struct {
		name           string
		text           string
		attachments    [][]byte
		frames, base64 string
	}{
		{"text", `2["a"]`, nil, "\x81\x074" + `2["a"]`, "\x81\x074" + `2["a"]`},
		{"empty", "", nil, "\x81\x014", "\x81\x014"},
		{
			"two attachments, one of them empty", "52-[]",
			[][]byte{{1, 2}, {}},
			"\x81\x06452-[]" + "\x82\x02\x01\x02" + "\x82\x00",
			"\x81\x06452-[]" + "\x81\x05bAQI=" + "\x81\x01b",
		},
		{
			"an attachment with a longer header", "51-[]",
			[][]byte{bytes.Repeat([]byte{0}, 126)},
			"\x81\x06451-[]" + "\x82\x7e\x00\x7e" + strings.Repeat("\x00", 126),
			"\x81\x06451-[]" + "\x81\x7e\x00\xa9b" + strings.Repeat("AAAA", 42),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p Prepared
			p.Prepare(append(BeginMessage(nil), row.text...), row.attachments)
			if string(p.frames) != row.frames {
				t.Errorf("frames %q, want %q", p.frames, row.frames)
			}
			var wg sync.WaitGroup
			for range 4 { // loops may ask at the same time
				wg.Go(func() {
					if got := p.framesFor(textOnly); string(got) != row.base64 {
						t.Errorf("base64 %q, want %q", got, row.base64)
					}
				})
			}
			wg.Wait()
			if string(p.frames) != row.frames {
				t.Errorf("the frames have become %q", p.frames)
			}
		})
	}
}

// TestJoined is the literal form of messages that are joined, and which ones may be.
func TestJoined(t *testing.T) {
	prepared := func(text string, attachments ...[]byte) *Prepared {
		p := new(Prepared)
		p.Prepare(append(BeginMessage(nil), text...), attachments)
		return p
	}
	a, b, file := prepared(`2["a"]`), prepared(`2["bb"]`), prepared("51-[]", []byte{1})
	large := prepared(strings.Repeat("x", joinedBytesMax/2-5)) // the half of the bound with its type and its header
	for _, row := range []struct {
		name  string
		first *Prepared
		next  *Prepared
		size  int
		want  bool
	}{
		{"two small ones", a, b, 1, true},
		{"as many as fit", a, a, joinedBytesMax/9 - 1, true},
		{"one too many", a, a, joinedBytesMax / 9, false},
		{"two of half the bound", large, large, 1, true},
		{"a third", large, a, 2, false},
		{"a small one and two large ones", a, large, 2, false},
		{"attachments first", file, a, 1, false},
		{"attachments next", a, file, 1, false},
	} {
		if got := row.first.JoinsWith(row.next, row.size); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	var joined Prepared
	for _, p := range []*Prepared{a, b, a} {
		joined.Append(p)
	}
	const want = "\x81\x074" + `2["a"]` + "\x81\x084" + `2["bb"]` + "\x81\x074" + `2["a"]`
	if string(joined.frames) != want || string(joined.framesFor(textOnly)) != want || string(a.frames) != "\x81\x074"+`2["a"]` {
		t.Errorf("joined %q, base64 %q, and the first has become %q", joined.frames, joined.framesFor(textOnly), a.frames)
	}
}

// TestAForeignRequestThatCannotBePassedOn costs its connection. (A simulated one has no descriptor to pass on.)
func TestAForeignRequestThatCannotBePassedOn(t *testing.T) {
	cfg := testConfig()
	cfg.Foreign = eventloop.NewListener(nil)
	sim, table := newTestTable(cfg, nil)
	peer := sim.Open()
	peer.Send([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	if !peer.Closed || len(peer.Got) > 0 || len(table.conns) != 0 || sim.Connections() != 0 {
		t.Fatalf("closed %v, got %q, %d heads, %d connections", peer.Closed, peer.Got, len(table.conns), sim.Connections())
	}
}

// TestRandomnessThatFailsIsNotPassedOver: an id that can be guessed would be worse than a panic.
func TestRandomnessThatFailsIsNotPassedOver(t *testing.T) {
	cfg := testConfig()
	cfg.Random = strings.NewReader("short")
	_, table := newTestTable(cfg, nil)
	defer func() {
		if recover() == nil {
			t.Fatal("an id was drawn from a source that had ended")
		}
	}()
	table.NewID()
}
