package hub

import (
	"fmt"
	"slices"
	"strings"
)

// event has a caller emit an event.
func (c *caller) event(p *place, onLoop bool, what string, ack int, binary bool) {
	r := c.run
	r.next++
	n := r.next
	name := "o"
	if onLoop {
		name = "e"
	}
	id := ""
	if ack > 0 {
		id = fmt.Sprint(ack)
	}
	out := packetOut{before: func() {
		switch now := c.at(p.nsp); { // another one by now, if the caller has left and come again
		case !c.alive() || now.state == gone:
		case now.state != in:
			c.end(ReasonForcedClose)
		case onLoop:
			r.events++
			now.onLoop = append(now.onLoop, n)
		default:
			r.events++
			now.off = append(now.off, n)
		}
	}}
	if binary {
		out.text = fmt.Sprintf(`451-%s%s["%s",%d,"%s",{"_placeholder":true,"num":0}]`, prefix(p.nsp), id, name, n, what)
		out.binary = [][]byte{{1, 2, byte(n)}}
	} else {
		out.text = fmt.Sprintf(`42%s%s["%s",%d,"%s"]`, prefix(p.nsp), id, name, n, what)
	}
	c.send(out)
}

// connect has a caller connect to a namespace. from is the place that it wants back.
func (c *caller) connect(nsp, auth string, from *place) {
	r := c.run
	p := &place{caller: c, nsp: nsp, auth: auth, rooms: map[string]bool{}}
	var missed []want
	before := func() {
		i := slices.IndexFunc(c.places, func(o *place) bool { return o.nsp == nsp })
		switch {
		case !c.alive():
			return
		case nsp == "/none":
			p.want("4", `{"message":"Invalid namespace"}`)
			return
		case i >= 0 && (c.places[i].state == in || c.places[i].state == waiting):
			c.end(ReasonForcedClose)
			return
		case i >= 0:
			c.places[i] = p
		default:
			c.places = append(c.places, p)
		}
		if from != nil {
			r.sim.Run() // what is under way is missed too, and so comes before the answer
			missed = from.missed()
			for i := range missed {
				missed[i].place = p
			}
			p.newest = from.newest
			c.wants = append(c.wants, missed...)
		}
		if nsp == "/m" {
			p.state = waiting
			return
		}
		p.accept()
	}
	after := func() {
		if c.at(nsp) == p && c.alive() {
			p.bind()
			if from != nil {
				c.cameBack(p, from, missed)
			}
		}
	}
	c.send(packetOut{text: "40" + prefix(nsp) + auth, control: true, before: before, after: after})
}

// bind finds the socket of a place that has come to be.
func (p *place) bind() {
	st := p.caller.real.seat([]byte(p.nsp))
	if st == nil || st.socket == nil {
		p.caller.run.fail("caller %d has no socket in %s", p.caller.n, p.nsp)
	}
	p.socket = st.socket
	p.caller.run.bySocket[p.socket] = p
}

// missed takes what a place wants that is kept for it.
func (p *place) missed() (kept []want) {
	for _, w := range p.caller.wants {
		if w.place == p && w.kept {
			kept = append(kept, w)
		}
	}
	p.caller.wants = slices.DeleteFunc(p.caller.wants, func(w want) bool { return w.place == p })
	p.caller.places = slices.DeleteFunc(p.caller.places, func(o *place) bool { return o == p })
	return kept
}

// cameBack sees whether a place is the one that it wanted to be again. It has to be, as long as not too much was missed.
func (c *caller) cameBack(p, from *place, missed []want) {
	r := c.run
	if p.socket.Recovered() {
		r.recovered++
		for _, w := range missed {
			if w.n > 0 {
				r.delivered++
			}
		}
		if p.socket.id != from.socket.id {
			r.fail("caller %d came back as %s, and was %s", c.n, p.socket.id, from.socket.id)
		}
		p.rooms = from.rooms
		return
	}
	bytes := 0
	for _, w := range missed {
		bytes += 1000 + 2*len(w.text)
	}
	if bytes < r.row.outbound {
		r.fail("caller %d has not come back for %d messages", c.n, len(missed))
	}
	c.wants = slices.DeleteFunc(c.wants, func(w want) bool { return w.place == p && !w.connect })
}

// quit has a caller leave a namespace.
func (c *caller) quit(p *place) {
	c.send(packetOut{text: "41" + strings.TrimSuffix(prefix(p.nsp), ","), control: true, before: func() {
		switch {
		case !c.alive() || c.at(p.nsp) == nil:
		case c.at(p.nsp).state == in:
			c.at(p.nsp).state = gone
		case c.at(p.nsp).state != gone:
			c.end(ReasonForcedClose)
		}
	}})
}
