package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// API says that messages go through the server's control API, and where that is.
type API struct {
	Addr     netip.AddrPort
	Host     string // for the Host header
	Path     string // in front of /v1, "" for nothing
	Key      string // "" for none
	Requests bool   // each message is a request of its own, and not a line of one that goes on
}

// mode is what the report calls it.
func (a *API) mode() string {
	if a.Requests {
		return "requests"
	}
	return "stream"
}

// apiFlushBytes is when what is kept is sent without waiting for more.
const apiFlushBytes = 32 << 10

// apiSender stands in front of a message to a single member, where the room application puts the id of the socket that has sent it,
// which is as long.
const apiSender = `"publisher-by-the-api"`

// apiRoute writes to the members through the control API. A message is a line of JSON in the body of a request that goes on, or a
// request of its own: both are sent when they are due, whether or not those before have been answered. The replies on one connection
// come in the order of the messages.
type apiRoute struct {
	cfg   *Config
	loop  *flood.Loop
	names socketWire
	then  flood.Handler // of those who write
	lanes []lane        // by connection number
	head  []byte        // of every request, behind its first line

	fromNs     int64 // what was due before is not measured
	latency    *ledger.Latency
	accepted   uint64 // messages that are measured, and have been answered as they should
	faults     uint64 // replies that are no acceptance, or tell of sockets that the message was dropped for
	firstFault string
	short      uint64 // replies by which fewer sockets were meant than the room has members
	firstShort string
	dropped    uint64 // sockets, over all replies
	unanswered uint64 // messages whose connection has ended before the reply
	movedNs    int64  // when a reply last came

	to, body, out []byte // one message at a time is made here
}

// lane is one connection.
type lane struct {
	conn    *flood.Conn
	out     []byte // what is kept for flush
	awaited []awaited
	first   int // of the awaited that has not been answered
}

// awaited is a message that has not been answered.
type awaited struct {
	dueNs   int64
	members int32 // that it is for; 0 if nobody can tell
}

func newAPIRoute(cfg *Config, loop *flood.Loop, then flood.Handler) *apiRoute {
	r := &apiRoute{
		cfg: cfg, loop: loop, names: socketWire{padding: padding(cfg.Size), rooms: cfg.Rooms > 1}, then: then,
		lanes: make([]lane, max(cfg.Publishers, 1)), latency: ledger.NewLatency(),
	}
	r.head = fmt.Appendf(nil, " HTTP/1.1\r\nHost: %s\r\n", cfg.API.Host)
	if cfg.API.Key != "" {
		r.head = fmt.Appendf(r.head, "Authorization: Bearer %s\r\n", cfg.API.Key)
	}
	return r
}

// dial asks for a stream that is empty, whose answer tells whether the key is good: a server may not say so of one that goes on before
// that has ended.
func (r *apiRoute) dial(i int) error {
	_, err := r.loop.Call(r.cfg.API.Addr, r.streamHead("Content-Length: 0"), uint32(i), r)
	return err
}

func (r *apiRoute) streamHead(body string) []byte {
	return fmt.Appendf(nil, "POST %s/v1/emit%sContent-Type: application/x-ndjson\r\n%s\r\n\r\n", r.cfg.API.Path, r.head, body)
}

// Opened is part of flood.Handler.
func (r *apiRoute) Opened(c *flood.Conn) {
	r.lanes[c.Number()] = lane{conn: c}
	if !r.cfg.API.Requests {
		r.loop.Stream(c, r.streamHead("Transfer-Encoding: chunked"))
	}
	r.then.Opened(c)
}

// Closed is part of flood.Handler. What the server has said last tells more than that it has closed.
func (r *apiRoute) Closed(c *flood.Conn, cause error) {
	l := &r.lanes[c.Number()]
	r.unanswered += uint64(l.waiting())
	*l = lane{}
	var refusal flood.ReplyError
	if errors.As(cause, &refusal) {
		refusal.Body = failureOf([]byte(refusal.Body))
		cause = refusal
	}
	if r.firstFault != "" {
		cause = fmt.Errorf("%w, behind %s", cause, r.firstFault)
	}
	r.then.Closed(c, cause)
}

// Message is part of flood.Handler.
func (r *apiRoute) Message(c *flood.Conn, m []byte) { r.replied(c, 200, m, flood.Now()) }

// Refused is part of flood.Caller.
func (r *apiRoute) Refused(c *flood.Conn, status int, body []byte) {
	r.replied(c, status, body, flood.Now())
}

func (r *apiRoute) directs() bool { return true }

func (r *apiRoute) publish(c *flood.Conn, s ledger.Stamp) {
	r.to = r.names.appendRoom(r.to[:0], s.Room)
	r.post(c, "room", r.to, s, r.cfg.roomSize(int(s.Room)))
}

func (r *apiRoute) direct(c *flood.Conn, id string, s ledger.Stamp) {
	r.to = append(append(append(r.to[:0], '"'), id...), '"') // a socket id needs no escape in JSON
	r.post(c, "direct", []byte(apiSender), s, 1)
}

// post keeps a message to r.to for flush. Its first argument is what the room application puts there.
func (r *apiRoute) post(c *flood.Conn, event string, first []byte, s ledger.Stamp, members int) {
	l := &r.lanes[c.Number()]
	if r.cfg.API.Requests {
		if r.spreads() {
			l = r.idlest(l)
		}
		r.body = r.appendEvent(r.body[:0], event, nil, first, s)
		l.out = r.appendRequest(l.out, event)
	} else {
		l.out = append(r.appendEvent(l.out, event, r.to, first, s), '\n')
	}
	if r.cfg.ChurnRate > 0 || r.cfg.Return { // members come and go
		members = 0
	}
	l.awaited = append(l.awaited, awaited{s.SentNs, int32(members)})
	if len(l.out) >= apiFlushBytes {
		r.flushLane(l)
	}
}

// spreads says that a request may take any connection, and overtake those before it. Where members come and go it must not: the account
// of one that has come begins with the first message that it hears.
func (r *apiRoute) spreads() bool {
	return r.cfg.API.Requests && len(r.lanes) > 1 && r.cfg.ChurnRate == 0
}

// idlest is the connection on which the fewest replies are awaited, the first of several; other is one that is open.
func (r *apiRoute) idlest(other *lane) *lane {
	best := other
	for i := range r.lanes {
		l := &r.lanes[i]
		if l.conn == nil {
			continue
		}
		if l.waiting() == 0 {
			return l
		}
		if l.waiting() < best.waiting() {
			best = l
		}
	}
	return best
}

func (r *apiRoute) appendEvent(dst []byte, event string, to, first []byte, s ledger.Stamp) []byte {
	dst = append(append(append(dst, `{"event":"`...), event...), '"')
	if to != nil {
		dst = append(append(dst, `,"to":`...), to...)
	}
	dst = append(append(append(dst, `,"args":[`...), first...), `,"`...)
	dst = append(s.Append(dst), r.names.padding...)
	return append(dst, `"]}`...)
}

// appendRequest puts what emits to a room, or to a socket, in front of the body.
func (r *apiRoute) appendRequest(dst []byte, event string) []byte {
	kind := "rooms"
	if event == "direct" {
		kind = "sockets"
	}
	dst = append(append(append(dst, "POST "...), r.cfg.API.Path...), "/v1/"...)
	dst = append(append(append(dst, kind...), '/'), r.to[1:len(r.to)-1]...) // neither rooms nor socket ids need an escape in a path
	dst = append(append(append(dst, "/emit"...), r.head...), "Content-Type: application/json\r\nContent-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(r.body)), 10), "\r\n\r\n"...)
	return append(dst, r.body...)
}

func (r *apiRoute) flush() {
	for i := range r.lanes {
		if l := &r.lanes[i]; len(l.out) > 0 {
			r.flushLane(l)
		}
	}
}

// flushLane sends what is kept: lines as one chunk (RFC 9112 7.1).
func (r *apiRoute) flushLane(l *lane) {
	if r.cfg.API.Requests {
		r.loop.Write(l.conn, l.out)
	} else {
		r.out = append(strconv.AppendInt(r.out[:0], int64(len(l.out)), 16), "\r\n"...)
		r.out = append(append(r.out, l.out...), "\r\n"...)
		r.loop.Write(l.conn, r.out)
	}
	l.out = l.out[:0]
}

// begin forgets what was counted so far. What is due before a time is not measured.
func (r *apiRoute) begin(fromNs int64) {
	r.fromNs, r.accepted, r.faults, r.short, r.dropped, r.unanswered = fromNs, 0, 0, 0, 0, 0
	r.firstFault, r.firstShort = "", ""
	r.latency.Reset()
}

// replied takes the reply to the message that has waited longest.
func (r *apiRoute) replied(c *flood.Conn, status int, text []byte, now int64) {
	r.movedNs = now
	a, ok := r.lanes[c.Number()].answer()
	if !ok {
		r.fault("a reply to nothing", text)
		return
	}
	re, ok := parseReply(text)
	if re.status == 0 || status != 200 { // a reply of its own has its status in its head
		re.status = status
	}
	switch {
	case re.status != 200:
		r.fault(fmt.Sprintf("status %d: %s", re.status, failureOf(text)), nil)
		return
	case !ok:
		r.fault("a reply that says nothing", text)
		return
	case re.dropped > 0:
		r.dropped += uint64(re.dropped)
		r.fault(fmt.Sprintf("dropped for %d of %d sockets", re.dropped, re.matched), nil)
	}
	if re.matched < int(a.members) {
		if r.short++; r.firstShort == "" {
			r.firstShort = fmt.Sprintf("%d of %d", re.matched, a.members)
		}
	}
	if a.dueNs >= r.fromNs {
		r.accepted++
		r.latency.Record(now - a.dueNs)
	}
}

// fault counts one, and keeps what the first says.
func (r *apiRoute) fault(what string, text []byte) {
	if r.faults++; r.firstFault != "" {
		return
	}
	r.firstFault = what
	if text != nil {
		r.firstFault += ": " + clip(text)
	}
}

// answer takes the message that has waited longest, if one has.
func (l *lane) answer() (a awaited, ok bool) {
	if l.waiting() == 0 {
		return a, false
	}
	a = l.awaited[l.first]
	if l.first++; l.first == len(l.awaited) || l.first == lineSlackMax {
		l.awaited = l.awaited[:copy(l.awaited, l.awaited[l.first:])]
		l.first = 0
	}
	return a, true
}

func (l *lane) waiting() int { return len(l.awaited) - l.first }

// missing is how many messages wait for their replies.
func (r *apiRoute) missing() (n int) {
	for i := range r.lanes {
		n += r.lanes[i].waiting()
	}
	return n
}

// result is what it came to in so many seconds. A message that still waits is not waited for any more.
func (r *apiRoute) result(seconds float64) *report.API {
	api := &report.API{
		Mode: r.cfg.API.mode(), Connections: len(r.lanes), Spread: r.spreads(), Accepted: r.accepted, AcceptedPerS: report.Rate(float64(r.accepted), seconds),
		Faults: r.faults, FirstFault: r.firstFault, Short: r.short, FirstShort: r.firstShort, DroppedFor: r.dropped,
		Unanswered: r.unanswered + uint64(r.missing()),
	}
	api.SetReplies(r.latency)
	return api
}
