package session

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starling/eventloop"
	"starling/internal/starlingtest"
)

// The model of what sessions promise is two lists for each, of the messages in either direction. Stock clients do in any
// order what clients may do, and suffer what may happen to them, while their connections and sessions are on several loops
// and what these say to each other crosses. At any time what has come is how the list begins; with a session that lives it
// is the whole list in the end: nothing lost, nothing twice, in order, also across the upgrade.

// script chooses what happens next, byte by byte.
type script []byte

func (s *script) choose(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := int((*s)[0])
	*s = (*s)[1:]
	return b % n
}

// play is a run of the model.
type play struct {
	*talk
	t       testing.TB
	script  script
	clients []*stock
	within  int // the loop within one of whose tasks the present steps happen, -1 if in none
	log     []string
}

// perform runs a script.
func perform(t testing.TB, bytes []byte) {
	p := &play{talk: newTalk(t), t: t, script: bytes, within: -1}
	defer func() {
		if t.Failed() {
			t.Logf("script %x\n%s", bytes, strings.Join(p.log, "\n"))
		}
	}()
	loops := 1 + p.script.choose(3)
	p.restart(fmt.Sprintf("total=1 loops=%d", loops))
	p.talk.t = t
	for range 1 + p.script.choose(3) {
		c := newStock(p.talk, p.script.choose(loops))
		c.eager = p.script.choose(2) == 0
		p.clients = append(p.clients, c)
	}
	for len(p.script) > 0 && !t.Failed() {
		if p.script.choose(4) > 0 {
			p.step()
		} else {
			p.steps()
		}
		p.look()
	}
	p.settle()
	p.judge()
}

// steps has several things happen within one task of a loop.
func (p *play) steps() {
	p.within = p.script.choose(len(p.sims))
	p.note("within a task of loop %d:", p.within)
	p.on(p.tables[p.within].loop, func() {
		for range 1 + p.script.choose(4) {
			p.step()
		}
	})
	p.within = -1
}

func (p *play) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// step has one thing happen. Some cannot, and then nothing does.
func (p *play) step() {
	i := p.script.choose(len(p.clients))
	c := p.clients[i]
	which := p.script.choose(len(moves))
	p.note("client %d, which %s, on %d: %s", i, c.phase, c.upper.table.loop.Index(), moves[which].name)
	moves[which].do(p, c)
}

// moves are what may happen. The frequent ones are listed more than once.
var moves = []struct {
	name string
	do   func(p *play, c *stock)
}{
	{"emit", func(p *play, c *stock) { p.emit(c, false) }},
	{"emit", func(p *play, c *stock) { p.emit(c, false) }},
	{"emit volatile", func(p *play, c *stock) { p.emit(c, true) }},
	{"get", (*play).get},
	{"get", (*play).get},
	{"post", (*play).post},
	{"post", (*play).post},
	{"finish", func(p *play, c *stock) {
		if w := c.wire("post"); w != nil && p.reaches(w) {
			c.finish()
		}
	}},
	{"upgrade", (*play).upgrade},
	{"frame", func(p *play, c *stock) {
		if c.phase == frames && p.reaches(c.wire("ws")) {
			c.frame("4" + c.next())
		}
	}},
	{"advance", func(p *play, c *stock) {
		if p.within < 0 {
			p.sims[0].Advance(time.Duration(p.script.choose(15)) * time.Second)
		}
	}},
	{"stall", func(p *play, c *stock) {
		if len(c.wires) > 0 {
			w := c.wires[p.script.choose(len(c.wires))]
			w.peer.Stalled, w.peer.Window = true, p.script.choose(200)
			c.disturbed = true
		}
	}},
	{"resume", func(_ *play, c *stock) { c.resume() }},
	{"accident", (*play).accident},
}

func (c *stock) resume() {
	for _, w := range c.wires {
		w.peer.Resume()
	}
}

// reaches reports whether a client's bytes may arrive now: not while their loop is busy with the task that they are in.
func (p *play) reaches(w *wire) bool { return p.within < 0 || w.peer.Conn().Loop().Index() != p.within }

// wireFor finds a connection for a request, nil if none may be used now.
func (p *play) wireFor(c *stock) *wire {
	loop := p.script.choose(len(p.sims))
	if loop == p.within {
		return nil
	}
	if w := c.idle(loop, p.script.choose(2) == 0); p.reaches(w) {
		return w
	}
	return nil
}

func (p *play) get(c *stock) {
	if (c.phase == polls || c.phase == probes) && c.wire("get") == nil {
		if w := p.wireFor(c); w != nil {
			c.get(w, p.script.choose(2) == 0)
		}
	}
}

func (p *play) post(c *stock) {
	if (c.phase == polls || c.phase == probes) && c.wire("post") == nil {
		if w := p.wireFor(c); w != nil {
			c.post(w, 1+p.script.choose(3), p.script.choose(2) == 0, p.script.choose(3) == 0)
		}
	}
}

func (p *play) upgrade(c *stock) {
	if c.phase == polls {
		if w := p.wireFor(c); w != nil {
			c.upgrade(w)
		}
	}
}

// emit has the session send a message.
func (p *play) emit(c *stock, volatile bool) {
	send := func() {
		var m Prepared
		text := "s" + strconv.Itoa(len(c.emitted))
		m.Prepare(append(BeginMessage(nil), text...), nil)
		if c.upper.Send(&m, volatile) != eventloop.Dropped {
			c.emitted = append(c.emitted, text)
		}
	}
	if loop := c.upper.table.loop; loop.Index() == p.within {
		send()
	} else {
		p.on(loop, send)
	}
}

// accident is what happens seldom: a connection is cut, or the server ends the session.
func (p *play) accident(c *stock) {
	switch p.script.choose(8) {
	case 0:
		c.ended = true
		p.on(c.upper.table.loop, func() { c.upper.Close(ForcedClose) })
	case 1, 2:
		if len(c.wires) == 0 {
			return
		}
		if w := c.wires[p.script.choose(len(c.wires))]; p.reaches(w) {
			c.cut(w, errors.New("connection reset by peer"))
		}
	}
}

// look has the clients take what has come, and holds it against the lists.
func (p *play) look() {
	for i, c := range p.clients {
		c.read(p.t)
		if !isPrefix(c.got, c.emitted) || !isPrefix(c.upper.heard, c.sent) {
			p.t.Fatalf("client %d got %q of %q, and of its own %q %q have come", i, c.got, c.emitted, c.sent, c.upper.heard)
		}
	}
}

// settle lets the clients come to their ends: what is under way is finished, and who polls polls.
func (p *play) settle() {
	for range 20 {
		for _, c := range p.clients {
			c.resume()
			c.finish()
			if (c.phase == polls || c.phase == probes) && c.wire("get") == nil {
				c.get(c.idle(0, true), false)
			}
		}
		p.sims[0].Advance(100 * time.Millisecond) // connections that were stalled are looked at
		p.look()
	}
}

// judge holds the lists to the end, and wants nothing to be left.
func (p *play) judge() {
	for i, c := range p.clients {
		alive := c.phase != isClosed && c.upper.closes == 0
		if alive && !slices.Equal(c.upper.heard, c.sent) {
			p.t.Errorf("client %d sent %q, and %q have come", i, c.sent, c.upper.heard)
		}
		// Of a session that we have closed, the client may still fetch what was for it (goodbyeTime).
		told := c.upper.why == ForcedClose && c.upper.table.loop.Now() < c.upper.when+goodbyeTime && !c.disturbed
		if (alive || told) && !slices.Equal(c.got, c.emitted) {
			p.t.Errorf("client %d got %q of %q", i, c.got, c.emitted)
		}
		if c.phase == pauses {
			p.t.Errorf("client %d waits for its GET for ever", i)
		}
		if !c.explained() {
			p.t.Errorf("client %d has come to an end (%s, %s) that nobody has caused", i, c.phase, c.upper.why)
		}
	}
	for _, e := range p.ends {
		e.peer.Hangup(io.EOF)
	}
	p.sims[0].Advance(80 * time.Second)
	p.finished()
}

// explained reports whether there is a reason for the end of a session, if it has ended.
func (c *stock) explained() bool {
	switch c.upper.why {
	case 0:
		return c.phase != isClosed || c.disturbed
	case ForcedClose:
		return c.ended
	case PingTimeout: // it may have had no turn in time
		return true
	case TransportError, SlowConsumer:
		return c.disturbed
	}
	return false
}

// TestOrder plays many scripts: the same ones each time, and others each time.
func TestOrder(t *testing.T) {
	runs := orderRuns
	if starlingtest.RaceEnabled {
		runs = orderRuns / 50 // a simulation has one goroutine, and each run takes thirty times as long
	}
	others := rand.Uint64()
	t.Logf("seed %d", others)
	for _, seed := range []uint64{1, others} {
		source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32), byte(seed >> 40)})
		for range runs {
			bytes := make([]byte, 20+source.Uint64()%300)
			_, _ = source.Read(bytes)
			if perform(t, bytes); t.Failed() {
				return
			}
		}
	}
}

// orderRuns is how many scripts TestOrder plays of each seed.
const orderRuns = 1500

// FuzzOrder plays scripts that somebody else writes.
func FuzzOrder(f *testing.F) {
	source := rand.NewChaCha8([32]byte{})
	for range 50 {
		bytes := make([]byte, 100)
		_, _ = source.Read(bytes)
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) < 2000 {
			perform(t, bytes)
		}
	})
}
