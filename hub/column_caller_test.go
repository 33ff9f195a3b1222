package hub

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"starling/hub/internal/session"
	"starling/wsproto"
)

// caller is a client of a simulated column: one session, over whatever connections.
type caller struct {
	run    *columnRun
	n      int
	addr   string
	line   *link // the WebSocket, or the connection of the GETs
	post   *link // that of the POSTs
	probe  *link // a WebSocket that is to take over
	stage  stage
	polls  bool
	real   *client // nil before the session has begun
	closed *bool   // whether it is over, as it knows itself
	places []*place
	wants  []want
	outbox []packetOut

	mute     bool          // answers no heartbeat, and does nothing else
	since    time.Duration // when it fell silent
	may      map[Reason]bool
	must     bool // its session has to be over after this step
	connects int
	dead     int // steps since it is known to be over; 0 while it is not
}

// stage is how far an upgrade is.
type stage uint8

const (
	staying  stage = iota
	asked          // the WebSocket was asked for
	open           // it is there
	probed         // 2probe was sent
	answered       // 3probe has come: 5 follows when nothing else is under way
)

// place is what a caller is in one namespace, from one CONNECT on.
type place struct {
	caller *caller
	nsp    string
	auth   string
	state  placeState
	rooms  map[string]bool
	early  []func() // changes of rooms that wait for the middleware
	socket *Socket
	id     string // as the client knows it
	pid    string
	offset string
	onLoop []int // numbers of events that were sent and not handled, by OnLoop handlers and by others
	off    []int
	newest int // the greatest number that has come
}

type placeState uint8

const (
	never   placeState = iota
	waiting            // for the middleware
	in
	gone
)

// want is something that a caller has to get.
type want struct {
	text     string // as normal has it
	optional bool   // it is volatile
	kept     bool   // it is kept for those who come back
	place    *place
	connect  bool
	n        int // of the event: numbers are drawn when it is emitted, and so grow
}

// packetOut is a packet on its way to the server.
type packetOut struct {
	text    string
	binary  [][]byte
	control bool
	before  func()
	after   func()
}

// alive reports whether the caller's session goes on.
func (c *caller) alive() bool { return c.real != nil && !*c.closed }

// String is what there is to know of a caller, for messages.
func (c *caller) String() string {
	return fmt.Sprintf("polls %v, stage %d, mute %v, may end with %v, must %v, a request is out: %v, its connection has ended: %v",
		c.polls, c.stage, c.mute, c.may, c.must, c.line.waits(), c.line.peer.Closed)
}

// at returns the caller's place in a namespace, nil if it never had one.
func (c *caller) at(nsp string) *place {
	i := slices.IndexFunc(c.places, func(p *place) bool { return p.nsp == nsp })
	if i < 0 {
		return nil
	}
	return c.places[i]
}

// call opens a session.
func (r *columnRun) call(polls bool) *caller {
	r.callers++
	c := &caller{run: r, n: r.callers, polls: polls, may: map[Reason]bool{}, addr: fmt.Sprintf("198.51.100.%d", r.rand.IntN(12))}
	full := false
	before := func() { full = r.row.addressMax > 0 && r.of(c.addr) >= r.row.addressMax }
	c.line = r.open()
	if polls {
		c.post = r.open()
		c.line.request(c, "GET", "", "", true, before, nil)
	} else {
		c.line.asked = true
		c.line.say(wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket", "dGhlIHNhbXBsZSBub25jZQ==", "X-Forwarded-For: "+c.addr), true, before, nil)
	}
	for len(c.line.out) > 0 {
		c.line.push(1 + r.rand.IntN(len(c.line.out)))
	}
	c.read()
	if begun := c.real != nil; begun == full {
		r.fail("a session of %s has begun: %v, and its address was full: %v", c.addr, begun, full)
	}
	if full {
		r.refused++
		c.hangup()
		return nil
	}
	r.members = append(r.members, c)
	return c
}

// of is how many sessions an address has.
func (r *columnRun) of(addr string) (n int) {
	for _, c := range r.everyone() {
		if c.addr == addr && c.alive() {
			n++
		}
	}
	return n
}

// opened takes the open packet.
func (c *caller) opened(data string) {
	var h struct{ SID string }
	if err := json.Unmarshal([]byte(data), &h); err != nil || len(h.SID) != 20 {
		c.run.fail("open packet %q", data)
	}
	sessions := peek[[]*session.Session](c.run.shard.table, "sessions")
	newest := sessions[len(sessions)-1]
	if id := peek[session.ID](newest, "id"); id.String() != h.SID {
		c.run.fail("the session of %q is not there", h.SID)
	}
	c.real = peek[session.Upper](newest, "upper").(*client)
	c.closed = (*bool)(look(newest, "closed").Addr().UnsafePointer())
	c.run.byClient[c.real] = c
	c.run.begun++
}

// read takes what has come over all connections of the caller.
func (c *caller) read() {
	for _, l := range []*link{c.line, c.post, c.probe} {
		if l == nil {
			continue
		}
		l.take()
		switch {
		case l.frames && l == c.probe:
			l.messages(func(m string) { c.probing(m) })
		case l.frames:
			l.messages(c.message)
		default:
			c.answers(l)
		}
	}
}

// answers takes whole responses.
func (c *caller) answers(l *link) {
	for {
		status, body, ok := l.answer()
		if !ok {
			return
		}
		l.asked = false
		switch {
		case status == 101:
			l.frames = true
			if l == c.probe {
				c.stage = open
				return
			}
			l.messages(c.message)
			return
		case status == 200 && l == c.line:
			c.run.packets(body, c.message)
		case status == 200 && l == c.post && body == "ok":
		case status == 503 && c.real == nil:
		case l == c.probe:
			l.refused = true
		case c.alive() && !c.must && len(c.may) == 0:
			c.run.fail("caller %d: answer %d %q", c.n, status, body)
		}
	}
}

// probing takes what has come over a WebSocket that is to take over.
func (c *caller) probing(m string) {
	if m != "3probe" || c.stage != probed {
		c.run.fail("caller %d: probe got %q", c.n, m)
	}
	c.stage = answered
}

// message takes an Engine.IO packet.
func (c *caller) message(m string) {
	switch {
	case c.real == nil && m != "" && m[0] == '0':
		c.opened(m[1:])
	case m == "2":
		if !c.mute && c.alive() {
			c.send(packetOut{text: "3"})
		}
	case m == "6", m == "1":
		if !c.polls {
			c.run.fail("caller %d got %q over a WebSocket", c.n, m)
		}
	case strings.HasPrefix(m, "4"), strings.HasPrefix(m, "b"), strings.HasPrefix(m, "pong "):
		c.packet(m)
	default:
		c.run.fail("caller %d got %q", c.n, m)
	}
}

// packet holds a packet against what the caller wants: what may be lost is skipped, and nothing else.
func (c *caller) packet(m string) {
	text, ack, payload := normal(m)
	p := c.offsetOf(text)
	if p != nil {
		text = p.strip(text)
	}
	i := 0
	for i < len(c.wants) && c.wants[i].text != text && c.wants[i].optional {
		i++
	}
	if i == len(c.wants) || c.wants[i].text != text {
		c.run.fail("caller %d got %q (%q), and wants %.300v", c.n, m, text, c.wants)
	}
	w := c.wants[i]
	c.wants = c.wants[i+1:]
	if w.connect {
		var data struct{ SID, PID string }
		if json.Unmarshal([]byte(payload), &data) != nil || len(data.SID) != 20 || (len(data.PID) == 20) != c.run.row.recovery {
			c.run.fail("caller %d: %q", c.n, m)
		}
		w.place.id, w.place.pid = data.SID, data.PID
	}
	if w.n > 0 && w.n <= w.place.newest {
		c.run.fail("caller %d got number %d after %d", c.n, w.n, w.place.newest)
	}
	w.place.newest = max(w.place.newest, w.n)
	if ack != "" && !c.mute && c.run.rand.IntN(4) > 0 {
		c.acknowledge(w.place, ack, text)
	}
}

// acknowledge answers an event that wants it.
func (c *caller) acknowledge(p *place, id, text string) {
	var n int
	_, _ = fmt.Sscanf(text[strings.IndexByte(text, '['):], `["ask",%d`, &n)
	c.send(packetOut{text: "43" + prefix(p.nsp) + id + fmt.Sprintf("[%d]", n), before: func() {
		if now := c.at(p.nsp); c.alive() && now.state != in && now.state != gone {
			c.end(ReasonForcedClose)
		}
	}})
}

// normal is a packet without what the model does not know: the id of the ack that it asks for, and the payload of a CONNECT.
func normal(m string) (text, ack, payload string) {
	if m[0] != '4' {
		return m, "", ""
	}
	kind, rest := m[1:2], m[2:]
	if kind == "5" || kind == "6" {
		count, after, _ := strings.Cut(rest, "-")
		kind, rest = kind+count, after
	}
	nsp := "/"
	if strings.HasPrefix(rest, "/") {
		nsp, rest, _ = strings.Cut(rest, ",")
	}
	payload = strings.TrimLeft(rest, "0123456789")
	ack = rest[:len(rest)-len(payload)]
	switch kind[0] {
	case '0':
		return kind + nsp + ",", "", payload
	case '3', '6':
		return kind + nsp + "," + rest, "", payload
	}
	return kind + nsp + "," + payload, ack, payload
}

// prefix is how a packet says a namespace.
func prefix(nsp string) string {
	if nsp == "/" {
		return ""
	}
	return nsp + ","
}

// offsetOf is the place that an event with an offset is for, nil if it has none.
func (c *caller) offsetOf(text string) *place {
	if !c.run.row.recovery || text[0] != '2' && text[0] != '5' {
		return nil
	}
	nsp, payload, _ := strings.Cut(text[strings.IndexByte(text, '/'):], ",")
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(payload), &args); err != nil {
		c.run.fail("no event: %q", text)
	}
	var offset string
	if json.Unmarshal(args[len(args)-1], &offset) != nil || len(offset) != 16 || offset[6] != '~' {
		return nil
	}
	c.at(nsp).offset = offset
	return c.at(nsp)
}

// strip is an event without its offset, which is the last one that the place has had.
func (p *place) strip(text string) string {
	return strings.TrimSuffix(text, `,"`+p.offset+`"]`) + "]"
}

// send has a packet go to the server, soon.
func (c *caller) send(p packetOut) {
	if c.polls {
		c.outbox = append(c.outbox, p)
		return
	}
	c.frames(c.line, p)
}

func (c *caller) frames(l *link, p packetOut) {
	b := c.run.text(p.text)
	for _, attachment := range p.binary {
		l.say(b, false, nil, nil)
		b = frame(wsproto.OpBinary, true, attachment)
	}
	l.say(b, p.control, p.before, p.after)
}

// pump sends up to n bytes over each connection, and goes on with what it can.
func (c *caller) pump(n int) {
	if c.mute {
		return
	}
	c.read()
	if c.polls {
		c.poll()
	}
	for _, l := range []*link{c.line, c.post, c.probe} {
		if l != nil {
			l.push(n)
			c.read()
		}
	}
}

// poll goes on with requests.
func (c *caller) poll() {
	if c.dead > 0 && c.real == nil {
		return
	}
	if c.line.asked && c.line.peer.Closed { // whose answer is lost
		c.ifAlive(ReasonTransportError)
		return
	}
	id := "&sid=" + peek[session.ID](c.real.Base(), "id").String()
	for _, l := range []**link{&c.line, &c.post} {
		if (*l).peer.Closed && c.dead == 0 && !(*l).asked {
			*l = c.run.open()
		}
	}
	if c.stage != staying {
		c.upgrade()
	}
	if !c.polls {
		return
	}
	if !c.line.asked && c.stage != answered {
		c.line.request(c, "GET", id, "", true, nil, nil)
	}
	if !c.post.asked && len(c.outbox) > 0 && c.stage != answered {
		c.postSome(id)
	}
}

// silent has a caller do nothing any more.
func (c *caller) silent() {
	c.mute, c.since = true, c.run.sim.Loop().Now()
	c.may[ReasonPingTimeout], c.may[ReasonTransportError], c.may[ReasonForcedClose] = true, true, true
}

// postSome sends what waits, or a part of it.
func (c *caller) postSome(id string) {
	n := 1
	for n < len(c.outbox) && n < 5 && !c.outbox[0].control && !c.outbox[n].control {
		n++
	}
	some := c.outbox[:n]
	c.outbox = c.outbox[n:]
	var texts []string
	for _, p := range some {
		texts = append(texts, p.text)
		for _, b := range p.binary {
			texts = append(texts, "b"+base64.StdEncoding.EncodeToString(b))
		}
	}
	each := func(what func(packetOut) func()) func() {
		return func() {
			for _, p := range some {
				if f := what(p); f != nil {
					f()
				}
			}
		}
	}
	c.post.request(c, "POST", id, strings.Join(texts, "\x1e"), some[0].control,
		each(func(p packetOut) func() { return p.before }), each(func(p packetOut) func() { return p.after }))
}

// upgrade goes on with an upgrade.
func (c *caller) upgrade() {
	r, l := c.run, c.probe
	switch {
	case l.refused, l.over, l.peer.Closed, l.peer.ShutByUs:
		l.peer.Hangup(io.EOF)
		c.stage, c.probe = staying, nil
	case c.stage == open && r.rand.IntN(2) == 0:
		c.stage = probed
		l.say(frame(wsproto.OpText, true, []byte("2probe")), true, nil, nil)
	case c.stage == answered && !c.line.asked && !c.post.asked && r.rand.IntN(2) == 0:
		if c.alive() { // else the server only says goodbye over it
			r.upgraded++
		}
		l.say(frame(wsproto.OpText, true, []byte("5")), true, nil, nil)
		l.push(len(l.out))
		c.line.peer.Hangup(io.EOF)
		c.post.peer.Hangup(io.EOF)
		c.polls, c.stage, c.line, c.post, c.probe = false, staying, l, nil, nil
		for _, p := range c.outbox {
			c.frames(l, p)
		}
		c.outbox = nil
		c.read()
	}
}

// hangup ends all connections of the caller from its side.
func (c *caller) hangup() {
	for _, l := range []*link{c.line, c.post, c.probe} {
		if l != nil {
			l.peer.Hangup(io.EOF)
		}
	}
}
