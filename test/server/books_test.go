package server_test

import (
	"fmt"
	"strconv"
	"strings"
)

// stream is a row of messages numbered from 1.
type stream struct {
	name   string
	sent   int          // as far as it is known what was sent
	seen   int          // the last one that has come
	missed map[int]bool // those before it that have not
}

// take notes the arrival of a message: it must be the next one, or with gaps any later one. One that was missed may still
// come where the client has sent the next without waiting for an answer: it has only itself to blame for the order.
func (s *stream) take(n int, gaps bool) error {
	last := s.seen
	switch {
	case s.missed[n]:
		delete(s.missed, n)
		return nil
	case n <= last:
		return fmt.Errorf("%s %d comes twice or too late, behind %d", s.name, n, last)
	case n > s.sent:
		return fmt.Errorf("%s %d was never sent, %d was the last", s.name, n, s.sent)
	case n > last+1 && !gaps:
		return fmt.Errorf("%s %d comes behind %d: what is between them is lost", s.name, n, last)
	}
	for skipped := last + 1; skipped < n; skipped++ {
		if s.missed == nil {
			s.missed = map[int]bool{}
		}
		s.missed[skipped] = true
	}
	s.seen = n
	return nil
}

// whole reports whether everything that was sent has come.
func (s *stream) whole() bool { return s.seen == s.sent }

// books are what a traveller has sent and seen, and so where a message would show that is lost, comes twice or too early.
type books struct {
	echo stream // its own events, by what the server answers from its loops: now an acknowledgement, now an event
	work stream // its own events, by acknowledgements of handlers off the loops
	push stream // events that somebody else sends to it alone
	cry  cries  // events for everyone

	id     string // of its socket, "" before it is connected
	room   string // that it has asked to be in
	joined bool   // it is in
	binary bool   // some of its events have an attachment
	source string // id of the socket that sends push
	gaps   bool   // something may have been lost without anybody's fault
	last   int    // the event whose attachment comes next, 0 if none does
}

// What acknowledgement ids say beside the number of an echo.
const (
	joinAck = 1 << 20
	workAck = 2 << 20
)

// sentAs is the form of an echo: what its number decides, so that both sides can tell it.
type sentAs uint8

const (
	withAck sentAs = iota
	withoutAck
	withAttachment
)

func (b *books) form(n int) sentAs {
	switch {
	case b.binary && n%4 == 3:
		return withAttachment
	case n%3 == 0:
		return withoutAck
	}
	return withAck
}

// message takes a Socket.IO packet.
func (b *books) message(text string) error {
	if b.last != 0 {
		return fmt.Errorf("%q comes between a packet and its attachment", text)
	}
	front, n, ok := numbered(text)
	switch {
	case strings.HasPrefix(text, `0{"sid":"`):
		return b.connected(text)
	case text == fmt.Sprintf(`3%d["ok"]`, joinAck):
		b.joined = true
		return nil
	case strings.HasPrefix(text, "61-"):
		return b.attaching(text)
	case !ok:
	case front == `2["echo",` && b.form(n) == withoutAck, front == "3"+strconv.Itoa(n)+"[" && b.form(n) == withAck:
		return b.echo.take(n, b.gaps)
	case front == "3"+strconv.Itoa(workAck+n)+"[":
		return b.work.take(n, b.gaps)
	case front == `2["room","`+b.room+`",` && b.joined, front == `2["direct","`+b.source+`",` && b.room == "":
		return b.push.take(n, b.gaps)
	case front == `2["everyone",`:
		return b.cry.take(n, b.gaps)
	}
	return fmt.Errorf("nobody has asked for %q", text)
}

// numbered cuts the last argument off a packet.
func numbered(text string) (front string, n int, ok bool) {
	text, ok = strings.CutSuffix(text, "]")
	at := strings.LastIndexAny(text, "[,") + 1
	n, err := strconv.Atoi(text[at:])
	return text[:at], n, ok && err == nil
}

func (b *books) connected(text string) error {
	id, ok := strings.CutSuffix(strings.TrimPrefix(text, `0{"sid":"`), `"}`)
	if !ok || b.id != "" {
		return fmt.Errorf("CONNECT, of %q, is answered with %q", b.id, text)
	}
	b.id = id
	return nil
}

// attaching takes an acknowledgement whose attachment is to follow.
func (b *books) attaching(text string) error {
	id, _, _ := strings.Cut(text[len("61-"):], "[")
	n, err := strconv.Atoi(id)
	if err != nil || text != fmt.Sprintf(`61-%d[{"_placeholder":true,"num":0}]`, n) || b.form(n) != withAttachment {
		return fmt.Errorf("nobody has asked for %q", text)
	}
	b.last = n
	return nil
}

// attachment takes what belongs to the packet before.
func (b *books) attachment(data string) error {
	n := b.last
	b.last = 0
	if n == 0 || data != strconv.Itoa(n) {
		return fmt.Errorf("the attachment %q comes behind the packet of %d", data, n)
	}
	return b.echo.take(n, b.gaps)
}

// whole reports whether everything has come that a client can count on.
func (b *books) whole() bool {
	return b.echo.whole() && b.work.whole() && b.push.whole() && b.cry.seen >= b.cry.due
}

func (b *books) String() string {
	return fmt.Sprintf("echo %d of %d, work %d of %d, push %d of %d, everyone %d of %d, attachment awaited for %d",
		b.echo.seen, b.echo.sent, b.work.seen, b.work.sent, b.push.seen, b.push.sent, b.cry.seen, b.cry.due, b.last)
}

// cries is a stream that a client comes into the middle of.
type cries struct {
	seen int
	base int // the last that anybody had sent when the client was in
	due  int // the last that must have come
}

func (c *cries) take(n int, gaps bool) error {
	next := c.seen + 1
	switch {
	case c.seen == 0 && n <= c.base+1: // it may have come in anywhere before
	case n < next:
		return fmt.Errorf("everyone %d comes twice or too late, behind %d", n, c.seen)
	case c.seen == 0 && !gaps:
		return fmt.Errorf("the first for everyone is %d, and %d was the last when the client came in", n, c.base)
	case n > next && !gaps:
		return fmt.Errorf("everyone %d comes behind %d: what is between them is lost", n, c.seen)
	}
	c.seen = n
	return nil
}
