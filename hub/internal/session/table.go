package session

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"starling/eventloop"
	"starling/hub/internal/edge"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// Config is what all tables of a server share. It must not change once a table has it.
type Config struct {
	Path          string        // what a request's path begins with, with both slashes
	Transports    []string      // those offered: polling, websocket
	PingInterval  time.Duration // from a pong to the next ping
	PingTimeout   time.Duration // from a ping to its pong
	HandshakeTime time.Duration // from accept to a complete request head
	UpgradeTime   time.Duration // from an upgrade request that names a session to the probe, and again from the probe to the end of the upgrade
	UpperTime     time.Duration // from a session's start to OnDeadline, if the Upper sets no other; 0: never
	Frames        wsproto.Limits
	StrangerMax   int          // bytes of a message of a client that Session.Known was not told of, if less than Frames allow; 0: as Frames
	ControlRate   Rate         // packets and frames of a session that mean nothing to the Upper
	MessageRate   Rate         // messages of a session
	HeldBytesMax  int          // what may wait for a client between its GETs
	SessionsMax   int          // sessions that are polled, on all loops
	AddressMax    int          // sessions of one client address, or IPv6 /64, on all loops; 0: no bound
	Cookie        *http.Cookie // tells a client that polls its session's id; nil: none

	NoCompression bool // answers are never compressed
	Deflate       bool // permessage-deflate is agreed to

	Origins *edge.Origins             // whose pages may talk to the server
	Allow   func(*http.Request) error // asked about each new session; nil: all may begin
	Busy    func() Cause              // asked last: why new sessions are refused for now, 0 if they are not
	Random  io.Reader                 // for ids; must be unpredictable
	Logger  *slog.Logger

	// Refused is told of each request that was refused with an error status, once, when it was: on a loop, so that it must not
	// block. What is not Engine.IO's, and who is cut off without an answer, is none of it. If it panics, that is logged and
	// counted. nil: nobody is told.
	Refused func(Refusal)

	// Headers may change the headers of the answer to a request whose head makes sense: h, which it must not keep, has those
	// that the answer would have; r, without a body, is only to be read and borrowed; first says that with the answer a
	// session begins. It is called on a loop and must not block; if it panics, the connection is cut. Those that are the
	// protocol's are not in h, and are not taken from it: Connection, Content-Encoding, Content-Length, Trailer,
	// Transfer-Encoding, Upgrade, Sec-WebSocket-…, and on the answer to an upgrade request Content-Type. What HTTP does not
	// allow is dropped, and logged. nil changes nothing.
	Headers func(h http.Header, r *http.Request, first bool)

	ProxyHeader bool                // connections begin with a PROXY protocol header
	Proxies     edge.Proxies        // the only ones that may connect then
	Foreign     *eventloop.Listener // takes connections with requests that are not ours; nil: they get a 404
	IsFile      func(string) bool   // whether a path below Path is Foreign's too; nil: none is

	tables          []*Table      // by loop
	forbidden       atomic.Uint64 // requests of pages that may not talk to the server
	malformed       atomic.Uint64 // headers of the application's that HTTP does not allow
	polling         atomic.Int64  // sessions that are polled
	addresses       *addresses    // those of clients; nil: no bound
	probeFrames     wsproto.Limits
	strangersFrames wsproto.Limits
}

// offers reports whether a transport is offered.
func (cfg *Config) offers(transport string) bool { return slices.Contains(cfg.Transports, transport) }

// admitsPage reports whether a page may talk to the server. The first one that may not is logged, and then ever fewer:
// whoever has forgotten to list an origin finds it there, and nobody can fill the log.
func (cfg *Config) admitsPage(host, origin string) bool {
	if cfg.Origins.Allowed(host, origin) {
		return true
	}
	if n := cfg.forbidden.Add(1); n&(n-1) == 0 {
		cfg.Logger.Warn("refused a page of an origin that is not allowed", "origin", origin, "host", host, "refused_so_far", n)
	}
	return false
}

// upgrades are the transports that a client which polls may go over to.
func (cfg *Config) upgrades() []string {
	if cfg.offers("websocket") {
		return []string{"websocket"}
	}
	return nil
}

// Upper is what speaks over a session: Socket.IO in the server. Its methods are called on the session's loop.
type Upper interface {
	// Base returns the session that the Upper embeds, so that both are one piece of memory.
	Base() *Session
	// OnText and OnBinary are given a message. It is borrowed until they return.
	OnText(message []byte)
	OnBinary(message []byte)
	// OnDeadline tells that the time given to Session.SetDeadline is over.
	OnDeadline()
	// OnClose is called once for each session. Nothing can be sent any more.
	OnClose(reason Reason)
}

// Request is what a session began with. Everything in it is borrowed until the function that it was given to returns.
type Request struct {
	Conn *eventloop.Conn
	Head []byte // the whole request head
}

// Table makes and holds what the sessions of one loop have in common.
type Table struct {
	loop     *eventloop.Loop
	cfg      *Config
	newUpper func(Request) Upper

	conns    map[*httpConn]struct{} // connections that speak HTTP
	sessions []*Session             // in no order; each knows its place
	homes    []*household           // of the sessions, at the same places; nil: no bound
	byID     map[ID]*Session        // those that are polled, or were
	ready    []*Session             // those whose GET is to be answered in this iteration
	spare    []*Session             // memory for ready
	drained  bool
	stats    Stats // of which only Stats knows the number of WebSockets

	random  []byte // drawn from cfg.Random and not used yet
	scratch []byte // for what is copied onto a connection at once
	payload []byte // for the body of an answer
	reading bytes.Reader
	reader  *bufio.Reader // see readRequest
}

// NewTable makes the table of a loop. newUpper is called for each session, before its first message. The tables of all
// loops must be made, in the order of their loops, before any of them is used.
func NewTable(loop *eventloop.Loop, cfg *Config, newUpper func(Request) Upper) *Table {
	t := &Table{
		loop: loop, cfg: cfg, newUpper: newUpper,
		conns: map[*httpConn]struct{}{}, byID: map[ID]*Session{}, reader: newReader(),
	}
	if len(cfg.tables) == 0 {
		cfg.addresses = newAddresses(cfg.AddressMax)
	}
	cfg.tables = append(cfg.tables, t)
	cfg.strangersFrames = cfg.Frames
	if cfg.StrangerMax > 0 {
		cfg.strangersFrames.MessageBytesMax = min(cfg.StrangerMax, cfg.Frames.MessageBytesMax)
	}
	cfg.probeFrames = wsproto.Limits{MessageBytesMax: min(probeBytesMax, cfg.Frames.MessageBytesMax), FragmentsMax: cfg.Frames.FragmentsMax}
	return t
}

// Open takes in a new connection, or one that comes back.
func (t *Table) Open(c *eventloop.Conn) {
	h := &httpConn{table: t, conn: c}
	t.conns[h] = struct{}{}
	h.wait(t.cfg.HandshakeTime)
	if t.cfg.ProxyHeader && !c.Moved() {
		c.SetReceiver(&proxied{http: h})
		return
	}
	c.SetReceiver(h)
}

// Len is the number of open sessions.
func (t *Table) Len() int { return len(t.sessions) }

// Drain ends all sessions with ServerShutdown, and everything that is on its way to become one. Connections whose requests
// can be answered end with the answer.
func (t *Table) Drain() {
	t.drained = true
	for h := range t.conns {
		switch {
		case h.exchange == nil && h.conn.Pending() > 0: // an answer that is on its way still goes
			h.leave()
			h.conn.Close(errDraining)
		case h.exchange == nil || h.body != nil:
			h.conn.Abort(errDraining)
		}
	}
	t.Disconnect(t.Len())
}

// Disconnect ends up to n of the loop's sessions with ServerShutdown, whatever their transport, and returns how many are
// left: for an end in steps. It keeps nobody from beginning another one; Config.Busy does.
func (t *Table) Disconnect(n int) (left int) {
	for ; n > 0 && len(t.sessions) > 0; n-- {
		t.sessions[len(t.sessions)-1].Close(ServerShutdown)
	}
	return len(t.sessions)
}

// add and remove keep the list of sessions, and how many their addresses have. home was counted by admit.
func (t *Table) add(s *Session, home *household) {
	s.at = int32(len(t.sessions))
	t.sessions = append(t.sessions, s)
	if t.cfg.addresses != nil {
		t.homes = append(t.homes, home)
	}
}

func (t *Table) remove(s *Session) {
	last := len(t.sessions) - 1
	moved := t.sessions[last]
	t.sessions[s.at], moved.at = moved, s.at
	t.sessions[last] = nil
	t.sessions = t.sessions[:last]
	if t.homes != nil {
		t.cfg.addresses.leave(t.homes[s.at])
		t.homes[s.at], t.homes[last] = t.homes[last], nil
		t.homes = t.homes[:last]
	}
	if last == 0 {
		t.sessions, t.homes = nil, nil
	}
}

// idBytes is the length of an id before it is encoded: 112 random bits and the loop's index.
const idBytes = 15

// ID is an id in its raw form; as text it has 20 characters, as those of the reference server do.
type ID [idBytes]byte

// String is the id as the peer sees it.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// NewID draws an id. It carries the index of the loop, so that whoever has an id knows where to ask. Session ids are
// secrets: who knows one can speak for the session.
func (t *Table) NewID() (id ID) {
	copy(id[:], t.draw(idBytes))
	id[idBytes-1] = byte(t.loop.Index()) ^ id[0]
	return id
}

// draw returns n random bytes, which the caller uses up before the next draw. They are read in large pieces.
func (t *Table) draw(n int) []byte {
	if len(t.random) < n {
		t.random = make([]byte, randomBytes)
		if _, err := io.ReadFull(t.cfg.Random, t.random); err != nil {
			panic(err) // crypto/rand never fails
		}
	}
	drawn := t.random[:n]
	t.random = t.random[n:]
	return drawn
}

// LoopOf returns the index of the loop that an id was made on. ok is false for what cannot be an id.
func LoopOf(id string) (index int, ok bool) {
	raw, ok := parseID(id)
	return raw.loop(), ok
}

// parseID reads the text of an id.
func parseID(text string) (id ID, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return ID{}, false
	}
	// The decoder skips line breaks, and tells so by the length alone.
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(text)); err != nil || n != idBytes {
		return ID{}, false
	}
	return id, true
}

// loop is the index of the loop that the id was made on.
func (id ID) loop() int { return int(id[idBytes-1] ^ id[0]) }

// tableOf returns the table that an id belongs to, nil if there is no such loop.
func (t *Table) tableOf(id ID) *Table {
	if i := id.loop(); i < len(t.cfg.tables) {
		return t.cfg.tables[i]
	}
	return nil
}

// startWebSocket begins the session of an upgraded connection. dst holds the response; what the session says first joins
// it in one write.
func (t *Table) startWebSocket(u *upgrade, dst []byte) *Session {
	s := t.start(Request{Conn: u.by.conn, Head: u.head}, u.home)
	u.home = nil
	t.stats.BegunWebSocket++
	s.conn, s.mode, s.reader = u.by.conn, u.mode, u.reader(&t.cfg.strangersFrames)
	var buf [openBytes]byte
	dst = wsproto.AppendFrame(dst, wsproto.OpText, s.appendOpen(buf[:0], nil))
	t.scratch = keepSmall(dst)
	u.by.conn.SetReceiver(s)
	u.by.conn.Queue(dst)
	s.begin()
	return s
}

// seat takes one of the places for sessions that are polled, which all loops share; false if there is none. It takes before it looks:
// loops that look at the same time would give the last place to each of them.
func (c *Config) seat() bool {
	if c.polling.Add(1) <= int64(c.SessionsMax) {
		return true
	}
	c.polling.Add(-1)
	return false
}

// startPolling begins the session of a client that polls and was admitted, and answers its request.
func (t *Table) startPolling(x *exchange, head []byte, home *household) {
	s := t.start(Request{Conn: x.conn.conn, Head: head}, home)
	t.stats.BegunPolling++
	t.stats.Polling++
	s.poll, s.mode = &polling{}, polled
	x.owner, x.session, x.first = t, s, true
	t.byID[s.id] = s
	if t.cfg.Cookie != nil {
		x.fields = append(x.fields, "Set-Cookie: "+edge.CookieHeader(t.cfg.Cookie, s.id.String())+"\r\n"...)
	}
	var buf [openBytes]byte
	x.answer(t, statusPackets, s.appendOpen(buf[:0], t.cfg.upgrades()))
	s.begin()
}

// start makes a session. What depends on its transport is still to be set.
func (t *Table) start(req Request, home *household) *Session {
	u := t.newUpper(req)
	s := u.Base()
	*s = Session{table: t, upper: u, id: t.NewID()}
	t.add(s, home)
	return s
}

// begin starts the session's clock.
func (s *Session) begin() {
	s.beat = s.table.loop.Now() + s.table.firstPing()
	s.SetDeadline(s.table.cfg.UpperTime)
}

// openBytes is more than an open packet has.
const openBytes = 256

// appendOpen appends the open packet.
func (s *Session) appendOpen(dst []byte, upgrades []string) []byte {
	return engineio.AppendOpen(dst, engineio.Handshake{
		SID:          s.id.String(),
		Upgrades:     upgrades,
		PingInterval: s.table.cfg.PingInterval,
		PingTimeout:  s.table.cfg.PingTimeout,
		MaxPayload:   s.table.cfg.Frames.MessageBytesMax,
	})
}

// firstPing is when a new session gets its first ping: somewhere in the second half of the interval, so that clients that
// came all at once are not pinged all at once for ever after. Earlier than the interval is always allowed.
func (t *Table) firstPing() time.Duration {
	half := t.cfg.PingInterval / 2
	return half + half*time.Duration(t.draw(1)[0])/255
}
