package session

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starling/eventloop"
	"starling/wsproto"
)

// talk is a conversation under way: a loop, its table, and the peers that have connected.
type talk struct {
	t      testing.TB
	sims   []*eventloop.Sim // loops
	tables []*Table
	ends   []*end
	end    *end // the one that speaks
	uppers []*recorder
	last   *recorder // the session that began last
	now    time.Duration
	pieces int
	busy   bool
	onTask bool          // a task on the session's loop is running
	spread int           // how many loops there are at least, and connections go to in turn
	where  bool          // sessions tell whose they are
	panics bool          // who is told of a refusal panics
	plain  bool          // what is prepared is not to be compressed
	joined *Prepared     // takes what would be sent by reference, if it is not nil
	told   time.Duration // the time that the transcript mentions last
	sink   *[]byte       // takes what would be sent, if it is not nil
	lines  []string
}

// end is a peer and, once it has one, its session.
type end struct {
	peer   *eventloop.Peer
	upper  *recorder
	unread []byte // arrived, and not a whole frame yet
	writes int
	shut   bool
	closed bool
}

// recorder is the Upper of a conversation: it notes what it is told.
type recorder struct {
	Session
	talk   *talk
	place  int // of its peer, from 1
	closes int
	why    Reason
	when   time.Duration
	heard  []string // messages
}

func (u *recorder) Base() *Session    { return &u.Session }
func (u *recorder) OnBinary(b []byte) { u.note("binary % x", b) }
func (u *recorder) OnDeadline()       { u.note("deadline") }
func (u *recorder) OnClose(r Reason) {
	u.closes++
	u.why, u.when = r, u.table.loop.Now()
	u.note("close, %s", r)
}

// OnText notes a message. One that is !end and a reason ends the session.
func (u *recorder) OnText(b []byte) {
	u.heard = append(u.heard, string(b))
	u.note("text %s", picture(b))
	if word, ok := strings.CutPrefix(string(b), "!end "); ok && reasonNamed(word) != 0 {
		u.Close(reasonNamed(word))
	}
}

func (u *recorder) note(format string, args ...any) {
	u.talk.note(u.talk.who("upper", u.place)+format, args...)
}

var _ Upper = (*recorder)(nil)

func (k *talk) newUpper(req Request) Upper {
	place := 1 + slices.IndexFunc(k.ends, func(e *end) bool { return e.peer.Conn() == req.Conn })
	if !strings.HasSuffix(string(req.Head), "\r\n\r\n") || place == 0 {
		k.t.Fatalf("a session was started with the request %q", req.Head)
	}
	k.last = &recorder{talk: k, place: place}
	k.ends[place-1].upper = k.last
	k.uppers = append(k.uppers, k.last)
	if k.where {
		k.last.note("from %s", req.Conn.RemoteAddr())
	}
	return k.last
}

// upper is the session that a command is about: that of the connection, or else the one that began last.
func (k *talk) upper() *recorder {
	if k.end.upper != nil {
		return k.end.upper
	}
	return k.last
}

// commands are the words of the language.
var commands map[string]func(k *talk, rest string)

// They name each other, so they are put in once all exist.
func init() {
	commands = map[string]func(k *talk, rest string){
		"new":  (*talk).restart,
		"open": func(k *talk, rest string) { k.open(rest) },
		"poll": func(k *talk, rest string) {
			k.send([]byte("GET " + pollTarget + rest + " HTTP/1.1\r\nHost: x\r\n\r\n"))
		},
		"post":    (*talk).post,
		"begin":   (*talk).begin,
		"use":     func(k *talk, rest string) { k.end = k.ends[k.number(rest)-1] },
		"pieces":  func(k *talk, rest string) { k.pieces = k.number(rest) },
		"busy":    func(k *talk, rest string) { k.busy = rest == "on" },
		"session": (*talk).session,
		"upgrade": func(k *talk, rest string) { k.send([]byte(upgradeRequest(rest))) },
		"get":     func(k *talk, rest string) { k.send([]byte("GET " + rest + " HTTP/1.1\r\nHost: x\r\n\r\n")) },
		"send":    func(k *talk, rest string) { k.send(k.bytes(rest)) },
		"text":    func(k *talk, rest string) { k.frame(wsproto.OpText, []byte(rest)) },
		"binary":  func(k *talk, rest string) { k.frame(wsproto.OpBinary, k.hex(rest)) },
		"ping":    func(k *talk, rest string) { k.frame(wsproto.OpPing, []byte(rest)) },
		"pong":    func(k *talk, rest string) { k.frame(wsproto.OpPong, []byte(rest)) },
		"close":   func(k *talk, rest string) { k.frame(wsproto.OpClose, k.bytes(rest)) },
		"repeat":  (*talk).repeat,
		"advance": (*talk).advance,
		"hangup":  func(k *talk, _ string) { k.end.peer.Hangup(io.EOF); k.end.closed = true },
		"reset": func(k *talk, _ string) {
			k.end.peer.Hangup(errors.New("connection reset by peer"))
			k.end.closed = true
		},
		"known":  func(k *talk, _ string) { k.onLoop(func() { k.upper().Known() }) },
		"stall":  func(k *talk, rest string) { k.end.peer.Stalled, k.end.peer.Window = true, k.number(rest) },
		"resume": func(k *talk, _ string) { k.end.peer.Resume() },
		"break":  func(k *talk, _ string) { k.end.peer.Broken = true },
		"deadline": func(k *talk, rest string) {
			k.onLoop(func() { k.upper().SetDeadline(k.duration(rest)) })
		},
		"emit":     func(k *talk, rest string) { k.emit(rest, false) },
		"volatile": func(k *talk, rest string) { k.emit(rest, true) },
		"both": func(k *talk, rest string) { // a message and a volatile one behind it, within one iteration
			one, two, _ := strings.Cut(rest, " ")
			k.onLoop(func() { k.sendPrepared(one, false); k.sendPrepared(two, true) })
		},
		"emit+end": func(k *talk, rest string) {
			k.onLoop(func() { k.sendPrepared(rest, false); k.upper().Close(ForcedClose) })
		},
		"atonce":  (*talk).atOnce,
		"address": func(k *talk, _ string) { k.note("from %s", k.end.peer.Conn().RemoteAddr()) },
		"flush":   func(k *talk, _ string) { k.onLoop(func() { k.upper().flush() }) },
		"drip":    (*talk).drip,
		"say": func(k *talk, rest string) {
			k.onLoop(func() { k.note("%s", verdicts[k.upper().Finish(append(k.upper().Begin(), k.inflate(rest)...))]) })
		},
		"packet": func(k *talk, rest string) { k.onLoop(func() { k.sendPacket(rest) }) },
		"saypacket": func(k *talk, rest string) {
			k.onLoop(func() { k.note("%s", verdicts[k.upper().SendBinary(k.bytes(rest))]) })
		},
		"plain":     (*talk).plainly,
		"joined":    (*talk).join,
		"transport": func(k *talk, _ string) { k.note("%s", k.upper().Transport()) },
		"info": func(k *talk, _ string) {
			u := k.upper()
			k.onLoop(func() { k.note("%s, %d bytes wait, round trip %v", u.Transport(), u.QueuedBytes(), u.RoundTrip()) })
		},
		"refusals": (*talk).refusals,
		"end":      (*talk).endSession,
		"disconnect": func(k *talk, rest string) {
			k.on(k.tables[0].loop, func() { k.note("left are %d", k.tables[0].Disconnect(k.number(rest))) })
		},
		"drain": (*talk).drain,
		"count": (*talk).count,
	}
}

var verdicts = map[eventloop.Verdict]string{eventloop.Sent: "sent", eventloop.Queued: "queued", eventloop.Dropped: "dropped"}

func (k *talk) endSession(word string) {
	reason := reasonNamed(word)
	if reason == 0 {
		k.t.Fatalf("no such reason: %s", word)
	}
	k.onLoop(func() { k.upper().Close(reason) })
}

// reasonNamed is the reason of a word, 0 if there is none.
func reasonNamed(word string) Reason {
	for r := TransportClose; int(r) < len(reasons); r++ {
		if r.String() == word {
			return r
		}
	}
	return 0
}

// open connects a peer, to the loop of a number or to the first; in a conversation that is spread over loops, to the next.
func (k *talk) open(rest string) {
	loop := 0
	if rest != "" {
		loop = k.number(rest)
	} else if k.spread > 0 {
		loop = len(k.ends) % len(k.sims)
	}
	k.end = &end{peer: k.sims[loop].Open()}
	k.ends = append(k.ends, k.end)
}

// session opens a connection and upgrades it, without a word about that in the transcript. rest is appended to the target.
func (k *talk) session(rest string) {
	k.open("0")
	k.send([]byte(upgradeRequest("/socket.io/?EIO=4&transport=websocket" + rest)))
	if k.end.upper == nil {
		k.t.Fatalf("the upgrade failed: %q", k.end.peer.Got)
	}
	k.end.peer.Got, k.end.peer.Writes = nil, 0
}

// pollTarget is the target of a client's requests, up to its session's id.
const pollTarget = "/socket.io/?EIO=4&transport=polling&sid="

// begin begins a session by polling, without a word about that in the transcript.
func (k *talk) begin(rest string) {
	k.open(cmp.Or(rest, "0"))
	k.send([]byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"))
	if k.end.upper == nil {
		k.t.Fatalf("the handshake failed: %q", k.end.peer.Got)
	}
	k.end.peer.Got, k.end.peer.Writes = nil, 0
}

// post sends a POST for the session of an id, with the rest as its body: in quotes, hexadecimal, both.
func (k *talk) post(rest string) {
	sid, text, _ := strings.Cut(rest, " ")
	body := k.bytes(text)
	head := fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n", pollTarget, sid, len(body))
	k.send(append([]byte(head), body...))
}

// upgradeRequest is what a browser sends, less what does not matter; the key is that of RFC 6455 1.3.
func upgradeRequest(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// frame sends a frame as a client does.
func (k *talk) frame(op wsproto.Opcode, payload []byte) {
	k.send(wsproto.AppendMaskedFrame(nil, op, [4]byte{0x37, 0xfa, 0x21, 0x3d}, payload))
}

// send has the peer send bytes, in pieces if that is wanted.
func (k *talk) send(b []byte) {
	if k.sink != nil {
		*k.sink = append(*k.sink, b...)
		return
	}
	for k.pieces > 0 && len(b) > k.pieces {
		k.end.peer.Send(b[:k.pieces])
		b = b[k.pieces:]
	}
	k.end.peer.Send(b)
}

func (k *talk) repeat(rest string) {
	times, command, _ := strings.Cut(rest, " ")
	for range k.number(times) {
		k.command(command)
	}
}

// advance moves the clock, and the transcript says when something happens.
func (k *talk) advance(rest string) {
	const step = 100 * time.Millisecond
	for left := k.duration(rest); left > 0; left -= step {
		k.now += min(step, left)
		k.sims[0].Advance(min(step, left))
		k.gather()
	}
}

// drip sends bytes one at a time, with a pause behind each.
func (k *talk) drip(rest string) {
	pause, bytes, _ := strings.Cut(rest, " ")
	for _, b := range k.bytes(bytes) {
		k.send([]byte{b})
		k.gather()
		k.advance(pause)
	}
}

// onLoop runs f on the loop of the session that it is about.
func (k *talk) onLoop(f func()) {
	if k.onTask {
		f()
		return
	}
	k.on(k.upper().table.loop, f)
}

// atOnce runs several commands within one task of the session's loop: what they have other loops do happens while that
// loop is busy, and what those have to say to it comes behind all of them.
func (k *talk) atOnce(rest string) {
	k.onLoop(func() {
		k.onTask = true
		defer func() { k.onTask = false }()
		for command := range strings.SplitSeq(rest, "; ") {
			k.command(command)
		}
	})
}

func (k *talk) on(l *eventloop.Loop, f func()) {
	l.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { f() }))
	k.sims[0].Run()
}

// drain has all loops drain, or the one of a number.
func (k *talk) drain(rest string) {
	for i, t := range k.tables {
		if rest == "" || i == k.number(rest) {
			k.on(t.loop, t.Drain)
		}
	}
}

// emit sends a prepared message: a text, and attachments in hexadecimal behind a bar each.
func (k *talk) emit(rest string, volatile bool) {
	k.onLoop(func() { k.sendPrepared(rest, volatile) })
}

func (k *talk) sendPrepared(rest string, volatile bool) {
	parts := strings.Split(rest, " | ")
	var attachments [][]byte
	for _, part := range parts[1:] {
		attachments = append(attachments, k.hex(part))
	}
	p := new(Prepared)
	p.Prepare(append(BeginMessage(nil), k.inflate(parts[0])...), attachments)
	k.deliver(p, volatile)
}

// sendPacket sends a prepared binary message.
func (k *talk) sendPacket(rest string) {
	p, message := new(Prepared), k.bytes(rest)
	p.PrepareBinary(message)
	clear(message) // which it must not need any more
	k.deliver(p, false)
}

// deliver sends what has been prepared, or joins it to what is before it.
func (k *talk) deliver(p *Prepared, volatile bool) {
	if k.plain {
		p.NoCompression()
	}
	if k.joined != nil {
		k.joined.Append(p)
		return
	}
	k.note("%s", verdicts[k.upper().Send(p, volatile)])
}

// plainly carries out a command whose messages are not to be compressed.
func (k *talk) plainly(command string) {
	k.plain = true
	k.command(command)
	k.plain = false
}

// join sends the messages of several commands as one.
func (k *talk) join(rest string) {
	joined := new(Prepared)
	k.joined = joined
	for command := range strings.SplitSeq(rest, "; ") {
		k.command(command)
	}
	k.joined = nil
	k.onLoop(func() { k.note("%s", verdicts[k.upper().Send(joined, false)]) })
}

// inflate makes a long text of its short form: x*1000.
func (k *talk) inflate(text string) string {
	if unit, times, ok := strings.Cut(text, "*"); ok {
		return strings.Repeat(unit, k.number(times))
	}
	return text
}

func (k *talk) count(string) {
	sessions, conns := 0, 0
	for _, t := range k.tables {
		sessions += t.Len()
		conns += len(t.conns)
	}
	k.note("sessions %d, heads %d, connections %d, panics %d", sessions, conns, k.sims[0].Connections(), k.sims[0].Panics())
	if known, polling := k.known(); known > 0 || polling > 0 {
		k.note("known by their ids %d, polling %d", known, polling)
	}
	if k.end != nil && !k.end.closed {
		k.note("pending %d, held %d", k.end.peer.Conn().Pending(), k.held())
	}
}

// known is how many sessions can be found by their ids, and how many of them poll.
func (k *talk) known() (known, polling int) {
	for _, t := range k.tables {
		known += len(t.byID)
	}
	return known, int(k.tables[0].cfg.polling.Load())
}

// held is how much of a partial message the session holds.
func (k *talk) held() int {
	if k.end.upper == nil {
		return 0
	}
	return k.end.upper.reader.HeldBytes()
}

func (k *talk) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		k.t.Fatal(err)
	}
	return d
}

func (k *talk) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

// who names a party, with its number once there are several.
func (k *talk) who(party string, place int) string {
	if len(k.ends) == 1 {
		return party + ": "
	}
	return fmt.Sprintf("%s %d: ", party, place)
}

// note adds a line to the transcript, with the time before it if that has changed.
func (k *talk) note(format string, args ...any) {
	if k.now != k.told {
		k.told = k.now
		k.lines = append(k.lines, fmt.Sprintf("at %v:", k.now))
	}
	k.lines = append(k.lines, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}
