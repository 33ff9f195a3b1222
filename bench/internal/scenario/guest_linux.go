package scenario

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"starling/bench/internal/flood"
	"starling/bench/internal/source"
	"starling/bench/internal/stock"
)

// guests are the stock clients of a share that are there, and the world that they act upon: their requests and packets go out on one
// loop, and what their connections bring reaches them after the time that it would take to. All of it belongs to the goroutine of the
// loop.
type guests struct {
	loop     *flood.Loop
	host     host
	options  *stock.Options
	requests stock.Requests
	sources  source.Pool
	random   *rand.Rand
	rtt      time.Duration
	first    int // connection number

	list     []*guest // by connection number less first; nil for one that is not there
	alarms   alarms
	answers  line   // from GETs and POSTs
	frames   line   // from WebSockets
	sessions uint32 // that have begun
	asked    int    // requests sent
	out      []byte // one request at a time is made here
}

// guest is one stock client, and its connections.
type guest struct {
	client  stock.Client
	conns   [stock.Links]*flood.Conn
	due     int64  // of its alarm; 0 for none
	session uint32 // no other session of any guest has the number
	coming  int32  // frames on their way
}

// host is told what becomes of guests.
type host interface {
	// told is called with a client's news. What it lends is valid until told returns, and the client must be left alone.
	told(i int, n stock.News)
	// stepped is called once a client is done with what it does about something that has happened to it.
	stepped(i int)
}

// Guests are what their clients act upon, and what the loop tells of their connections.
var (
	_ stock.World     = (*guests)(nil)
	_ flood.Requester = (*guests)(nil)
)

func newGuests(cfg *Config, o *stock.Options, s share, loop *flood.Loop, h host) (*guests, error) {
	sources, err := cfg.sources()
	own := *o
	if cfg.Auth != "" {
		own.Connect = func(i uint32) []byte { return cfg.connectPacket(uint32(s.First) + i) } // guests are numbered within their share
	}
	return &guests{
		loop: loop, host: h, options: &own, sources: sources, rtt: cfg.RTT, first: s.First, list: make([]*guest, s.Count),
		requests: stock.Requests{Host: cfg.Host, Path: cfg.Path, Key: flood.UpgradeKey},
		random:   rand.New(rand.NewPCG(uint64(cfg.RunID), uint64(s.First))),
	}, err
}

// add has a guest come, who does nothing yet.
func (g *guests) add(i int) *stock.Client {
	one := &guest{client: stock.NewClient(uint32(i), g.options, g, g.random.Float64), session: g.session()}
	g.list[i] = one
	return &one.client
}

// session is a number for a new one.
func (g *guests) session() uint32 {
	g.sessions++
	return g.sessions
}

// cut closes all connections that a guest has, without its being told.
func (g *guests) cut(i int, shut func(*flood.Conn)) {
	for l, conn := range g.list[i].conns {
		if conn != nil {
			shut(conn)
			g.list[i].conns[l] = nil
		}
	}
}

// handOver gives a guest's WebSocket away, with the frames that are on their way to it and will not be delivered any more.
func (g *guests) handOver(i int, to flood.Handler) (conn *flood.Conn, frames [][]byte) {
	one := g.list[i]
	conn = one.conns[stock.Socket]
	if one.coming > 0 {
		frames = g.frames.take(int32(i), one.session)
	}
	one.conns, one.coming, one.session = [stock.Links]*flood.Conn{}, 0, g.session()
	g.loop.HandOver(conn, flood.SocketIO, to)
	return conn, frames
}

// shut closes all connections and forgets what is on its way.
func (g *guests) shut() {
	for i, one := range g.list {
		if one != nil {
			g.cut(i, g.loop.Close)
		}
	}
	g.alarms, g.answers, g.frames = nil, line{}, line{}
}

// firstAlarm is the earliest that still counts, nil if there is none.
func (g *guests) firstAlarm() *alarm {
	for len(g.alarms) > 0 {
		first := &g.alarms[0]
		if one := g.list[first.guest]; one != nil && one.due == first.due {
			return first
		}
		g.alarms.pop()
	}
	g.alarms = nil // there may have been one for each of very many
	return nil
}

// due is when the next thing happens that no descriptor tells of; 0 if nothing does.
func (g *guests) due() (at int64) {
	at = math.MaxInt64
	if a := g.firstAlarm(); a != nil {
		at = a.due
	}
	for _, l := range []*line{&g.answers, &g.frames} {
		if a := l.first(); a != nil {
			at = min(at, a.due)
		}
	}
	if at == math.MaxInt64 {
		return 0
	}
	return at
}

// watch delivers what has arrived, and rings the alarms that are due.
func (g *guests) watch(now int64) {
	g.deliver(now)
	for a := g.firstAlarm(); a != nil && a.due <= now; a = g.firstAlarm() {
		i := int(g.alarms.pop().guest)
		g.list[i].due = 0
		g.list[i].client.Alarm()
		g.host.stepped(i)
	}
}

// deliver takes what is due in the order of its times.
func (g *guests) deliver(now int64) {
	for {
		from, a := &g.answers, g.answers.first()
		if f := g.frames.first(); a == nil || f != nil && f.due < a.due {
			from, a = &g.frames, f
		}
		if a == nil || a.due > now {
			return
		}
		next := from.pop()
		one := g.list[next.guest]
		if one == nil || one.session != next.session {
			continue
		}
		if next.kind == framed {
			one.coming--
		}
		next.deliver(&one.client)
		g.host.stepped(int(next.guest))
	}
}

// Ask is part of stock.World.
func (g *guests) Ask(client *stock.Client, l stock.Link, body []byte) {
	i := int(client.Number())
	g.out = g.requests.Append(g.out[:0], l, client.SID(), stock.Stamp(flood.Now()), body)
	from, number := g.sources.At(g.first+i), uint32(g.first+i)
	conn, err := (*flood.Conn)(nil), error(nil)
	if l == stock.Socket {
		conn, err = g.loop.DialWith(g.out, flood.Raw, from, number, g)
	} else {
		conn, err = g.loop.Request(g.out, from, number, g)
	}
	if err != nil {
		g.arrive(i, arrival{kind: ended, link: l, cause: causeOf(err)})
		return
	}
	g.asked++
	g.list[i].conns[l] = conn
}

// Send is part of stock.World.
func (g *guests) Send(client *stock.Client, packet []byte) {
	if conn := g.list[client.Number()].conns[stock.Socket]; conn != nil {
		g.loop.Send(conn, packet)
	}
}

// Leave is part of stock.World. Requests in flight keep their connections, of which nobody hears any more.
func (g *guests) Leave(client *stock.Client) {
	one := g.list[client.Number()]
	if conn := one.conns[stock.Socket]; conn != nil {
		g.loop.Close(conn)
	}
	one.conns, one.coming, one.session = [stock.Links]*flood.Conn{}, 0, g.session()
}

// Wake is part of stock.World.
func (g *guests) Wake(client *stock.Client, after time.Duration) {
	one := g.list[client.Number()]
	if one.due = 0; after > 0 {
		one.due = flood.Now() + int64(after)
		g.alarms.push(alarm{one.due, int32(client.Number())})
	}
}

// Tell is part of stock.World.
func (g *guests) Tell(client *stock.Client, n stock.News) { g.host.told(int(client.Number()), n) }

// arrive sends something on its way to a guest.
func (g *guests) arrive(i int, a arrival) {
	one := g.list[i]
	a.guest, a.session, a.due = int32(i), one.session, flood.Now()+int64(g.rtt)
	if a.kind == framed {
		one.coming++
	}
	if a.link == stock.Socket {
		g.frames.push(a)
		return
	}
	a.due += int64(answerDelay)
	g.answers.push(a)
}

// owner is the guest that a connection belongs to, and by which link; ok is false if the guest has left the connection.
func (g *guests) owner(conn *flood.Conn) (i int, l stock.Link, ok bool) {
	i = int(conn.Number()) - g.first
	if g.list[i] == nil {
		return i, 0, false
	}
	for l, own := range g.list[i].conns {
		if own == conn {
			return i, stock.Link(l), true
		}
	}
	return i, 0, false
}

// release sends the end of a connection on its way to the guest.
func (g *guests) release(conn *flood.Conn, a arrival) {
	if i, l, ok := g.owner(conn); ok {
		g.list[i].conns[l] = nil
		a.link = l
		g.arrive(i, a)
	}
}

// Opened is part of flood.Handler. Only a WebSocket opens.
func (g *guests) Opened(conn *flood.Conn) {
	if i, l, ok := g.owner(conn); ok {
		g.arrive(i, arrival{kind: upgraded, link: l})
	}
}

// Message is part of flood.Handler.
func (g *guests) Message(conn *flood.Conn, m []byte) {
	if i, l, ok := g.owner(conn); ok {
		g.arrive(i, arrival{kind: framed, link: l, body: bytes.Clone(m)})
	}
}

// Answered is part of flood.Requester.
func (g *guests) Answered(conn *flood.Conn, status int, body []byte) {
	g.release(conn, arrival{kind: answered, status: status, body: bytes.Clone(body)})
}

// Closed is part of flood.Handler.
func (g *guests) Closed(conn *flood.Conn, cause error) {
	if errors.Is(cause, unix.ECONNREFUSED) {
		g.asked-- // it never left
	}
	g.release(conn, arrival{kind: ended, cause: causeOf(cause)})
}

// causeOf names a cause, and tells a server that is not there, or is full, from one that is wrong.
func causeOf(err error) stock.Cause {
	var status flood.StatusError
	if errors.As(err, &status) {
		return stock.StatusCause(int(status))
	}
	return stock.Cause{Text: flood.Label(err), Refused: errors.Is(err, unix.ECONNREFUSED)}
}
