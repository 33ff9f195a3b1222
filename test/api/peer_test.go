package api_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"starling/hub"
)

// peer is a client that has no idea of Socket.IO: what it sends and gets are Engine.IO packets, written as literals.
// Binary ones are written <bin 0102>.
type peer struct {
	t testing.TB
	link
	open string // the data of the open packet
	id   string // of the socket that the last connect has made
	pid  string // what its session is recovered by, "" for nothing

	offset string // of the last event that has come with one
}

// link is the transport under a peer.
type link interface {
	// write sends packets in one piece.
	write(packets ...string) error
	// read waits for a packet. The end of the session is <end>, and so is what else there is of it.
	read() (string, error)
	// ask has the server hold a request for packets, where the transport has such a thing.
	ask() error
	// hangUp ends the session as a client does that is closed: the server's reason is a transport close.
	hangUp() error
	// vanish ends the connections without a word: the server's reason is a transport error.
	vanish() error
	// close lets go of the connections at a test's end.
	close()
}

// kind is a kind of client, by its transport.
type kind struct {
	name      string
	transport string
	packed    bool // its packets are MessagePack
	// open begins a session, with parameters that are appended to the query, and header lines. It returns the data of
	// the open packet.
	open func(addr, query string, headers ...string) (link, string, error)
}

var (
	byWebSocket = kind{name: "websocket", transport: "websocket", open: openWebSocket}
	byPolling   = kind{name: "polling", transport: "polling", open: openPolling}

	kinds = []kind{byWebSocket, byPolling, packing(byWebSocket), packing(byPolling)}
)

// each runs a case with each kind of client.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// rows runs a case with each kind of client for each row of a table.
func rows[R any](t *testing.T, table []R, name func(R) string, test func(t *testing.T, k kind, row R)) {
	each(t, func(t *testing.T, k kind) {
		for _, row := range table {
			t.Run(name(row), func(t *testing.T) {
				t.Parallel()
				test(t, k, row)
			})
		}
	})
}

// dial begins a session.
func dial(t *testing.T, s *hub.Server, k kind) *peer { return dialWith(t, s, k, "") }

// dialWith begins a session with more in its request.
func dialWith(t *testing.T, s *hub.Server, k kind, query string, headers ...string) *peer {
	t.Helper()
	return dialAt(t, s.Addr().String(), k, query, headers...)
}

// dialAt begins a session at an address.
func dialAt(t *testing.T, addr string, k kind, query string, headers ...string) *peer {
	t.Helper()
	l, open, err := k.open(addr, query, headers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return &peer{t: t, link: l, open: open}
}

// join begins a session and connects to the main namespace.
func join(t *testing.T, s *hub.Server, k kind) *peer {
	t.Helper()
	p := dial(t, s, k)
	p.connect("/", "")
	return p
}

// joinAll is that many clients.
func joinAll(t *testing.T, s *hub.Server, k kind, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = join(t, s, k)
	}
	return peers
}

// inside is what stands before the payload in packets of a namespace.
func inside(nsp string) string {
	if nsp == "/" {
		return ""
	}
	return nsp + ","
}

// connect asks to be let in to a namespace, and is. It returns the socket's id.
func (p *peer) connect(nsp, auth string) string {
	p.t.Helper()
	p.send("40" + inside(nsp) + auth)
	p.connected(nsp)
	return p.id
}

// connected reads what a client is told that is let in.
func (p *peer) connected(nsp string) {
	p.t.Helper()
	answer := p.packet()
	data, isConnect := strings.CutPrefix(answer, "40"+inside(nsp))
	var told struct{ SID, PID string }
	if !isConnect || json.Unmarshal([]byte(data), &told) != nil || len(told.SID) != 20 {
		p.t.Fatalf("a CONNECT to %s is answered with %q", nsp, answer)
	}
	p.id, p.pid = told.SID, told.PID
}

// send sends packets in one piece.
func (p *peer) send(packets ...string) {
	p.t.Helper()
	if err := p.write(packets...); err != nil {
		p.t.Fatalf("sending %.200q: %v", packets, err)
	}
}

// packet is the next packet.
func (p *peer) packet() string {
	p.t.Helper()
	packet, err := p.read()
	if err != nil {
		p.t.Fatalf("waiting for a packet: %v", err)
	}
	return packet
}

// ids are those in the server's packets, which differ from run to run.
var ids = regexp.MustCompile(`"(sid|pid)":"[A-Za-z0-9_-]{20,}"`)

// offsets end the events that a client is to remember how far it is.
var offsets = regexp.MustCompile(`"([A-Za-z0-9_-]{6}~[A-Za-z0-9_-]{9})"\]$`)

// next is the next packet with <id> for the ids in it, and <offset> for an offset.
func (p *peer) next() string {
	p.t.Helper()
	packet := p.packet()
	if found := offsets.FindStringSubmatch(packet); found != nil {
		p.offset = found[1]
		packet = offsets.ReplaceAllString(packet, `"<offset>"]`)
	}
	return ids.ReplaceAllString(packet, `"$1":"<id>"`)
}

// expect reads as many packets as are wanted.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	for i, w := range want {
		if got := p.next(); got != w {
			p.t.Fatalf("packet %d is %.300q, want %.300q", i, got, w)
		}
	}
}

// reads is expect of one packet, for goroutines beside the test's own.
func (p *peer) reads(want string) error {
	packet, err := p.read()
	if err != nil {
		return err
	}
	if got := ids.ReplaceAllString(packet, `"$1":"<id>"`); got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// ended wants nothing more than the end of the session.
func (p *peer) ended() {
	p.t.Helper()
	p.expect("<end>")
}

// settled wants an answer from the server, and nothing before it: what was sent to this client before the call would
// have come. The namespace must acknowledge the event sync.
func (p *peer) settled(nsp string) {
	p.t.Helper()
	p.send("42" + inside(nsp) + `99["sync"]`)
	p.expect("43" + inside(nsp) + "99[]")
}

// hungUp ends the session from the client's side.
func (p *peer) hungUp() {
	p.t.Helper()
	if err := p.hangUp(); err != nil {
		p.t.Fatalf("hanging up: %v", err)
	}
}
