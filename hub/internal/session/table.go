package session

import (
	"encoding/base64"
	"io"
	"log/slog"
	"time"

	"starling/eventloop"
	"starling/wsproto"
	"starling/wsproto/engineio"
)

// Config is what all tables of a server share. It must not change once a table has it.
type Config struct {
	Path          string        // what a request's path begins with, with both slashes
	PingInterval  time.Duration // from a pong to the next ping
	PingTimeout   time.Duration // from a ping to its pong
	HandshakeTime time.Duration // from accept to a complete request head
	UpperTime     time.Duration // from a session's start to OnDeadline, if the Upper sets no other; 0: never
	Frames        wsproto.Limits
	Random        io.Reader           // for ids; must be unpredictable
	Foreign       *eventloop.Listener // takes connections with requests outside of Path; nil: they get a 404
	Busy          func() bool         // whether new sessions are refused for now
	Logger        *slog.Logger
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

	heads    map[*head]struct{} // connections that have no session yet
	sessions []*Session         // in no order; each knows its place

	random  []byte // drawn from cfg.Random and not used yet
	scratch []byte // for what is copied onto a connection at once
}

// NewTable makes the table of a loop. newUpper is called for each session, before its first message.
func NewTable(loop *eventloop.Loop, cfg *Config, newUpper func(Request) Upper) *Table {
	return &Table{loop: loop, cfg: cfg, newUpper: newUpper, heads: map[*head]struct{}{}}
}

// Open takes in a new connection.
func (t *Table) Open(c *eventloop.Conn) {
	h := &head{table: t, conn: c}
	t.heads[h] = struct{}{}
	c.SetReceiver(h)
	t.loop.Schedule(&h.timer, t.cfg.HandshakeTime, h)
}

// Len is the number of open sessions.
func (t *Table) Len() int { return len(t.sessions) }

// Drain ends all sessions with ServerShutdown, and everything that is on its way to become one.
func (t *Table) Drain() {
	for h := range t.heads {
		h.conn.Abort(errDraining)
	}
	for len(t.sessions) > 0 {
		t.sessions[len(t.sessions)-1].Close(ServerShutdown)
	}
}

// add and remove keep the list of sessions.
func (t *Table) add(s *Session) {
	s.at = int32(len(t.sessions))
	t.sessions = append(t.sessions, s)
}

func (t *Table) remove(s *Session) {
	last := len(t.sessions) - 1
	moved := t.sessions[last]
	t.sessions[s.at], moved.at = moved, s.at
	t.sessions[last] = nil
	t.sessions = t.sessions[:last]
	if last == 0 {
		t.sessions = nil
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
	var raw ID
	if len(id) != base64.RawURLEncoding.EncodedLen(idBytes) {
		return 0, false
	}
	// The decoder skips line breaks, and tells so by the length alone.
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id)); err != nil || n != idBytes {
		return 0, false
	}
	return int(raw[idBytes-1] ^ raw[0]), true
}

// start begins the session of an upgraded connection. dst holds the response; what the session says first joins it in one
// write.
func (t *Table) start(req Request, q query, dst []byte) *Session {
	u := t.newUpper(req)
	s := u.Base()
	*s = Session{
		table: t, conn: req.Conn, upper: u, id: t.NewID(),
		reader: wsproto.NewReader(wsproto.Server, &t.cfg.Frames), base64: q.base64,
	}
	t.add(s)
	dst = s.appendOpen(dst)
	t.scratch = dst[:0]
	req.Conn.SetReceiver(s)
	req.Conn.Queue(dst)
	s.beat = t.loop.Now() + t.firstPing()
	s.SetDeadline(t.cfg.UpperTime)
	return s
}

// appendOpen appends the frame of the open packet.
func (s *Session) appendOpen(dst []byte) []byte {
	var buf [256]byte
	packet := engineio.AppendOpen(buf[:0], engineio.Handshake{
		SID:          s.id.String(),
		PingInterval: s.table.cfg.PingInterval,
		PingTimeout:  s.table.cfg.PingTimeout,
		MaxPayload:   s.table.cfg.Frames.MessageBytesMax,
	})
	return wsproto.AppendFrame(dst, wsproto.OpText, packet)
}

// firstPing is when a new session gets its first ping: somewhere in the second half of the interval, so that clients that
// came all at once are not pinged all at once for ever after. Earlier than the interval is always allowed.
func (t *Table) firstPing() time.Duration {
	half := t.cfg.PingInterval / 2
	return half + half*time.Duration(t.draw(1)[0])/255
}
