package scenario

import (
	"maps"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/stock"
)

// crowd is the agent of a storm: it holds a share of stock clients on one loop, which come back by themselves whenever they are
// cut off. Everything it has belongs to that loop's goroutine.
type crowd struct {
	cfg    *Config
	window int // clients that connect, or echo, at a time while nothing is measured
	loop   *flood.Loop
	up     upstream

	guests  *guests
	visits  []visit // of each guest
	phase   op      // the command that is being carried out, "" if none
	next    int
	settled int // guests that the phase waits for no more
	armed   bool
	before  int // requests sent before it was armed
	account account
	diary   diary
	stalled string
	movedNs int64 // when a guest last came a step further
	quit    bool
}

// visit is what has become of a guest, and when.
type visit struct {
	lostNs    int64 // when the cut was seen
	firstNs   int64 // when it first asked after that
	attemptNs int64 // when it began the attempt that succeeded, or the last
	backNs    int64
	about     string // the last that went wrong
	state     visitState
	cut       bool // it has been cut off since the crowd was armed
	settled   bool
}

type visitState uint8

const (
	outside visitState = iota // it has not been told to connect
	away
	returned
	unwanted // by the server
)

// account is what happened since the crowd began, or was armed.
type account struct {
	retries map[string]int // by where and why the server was not there yet
	errors  map[string]int
	proven  int
}

func newAccount() account {
	return account{retries: make(map[string]int), errors: make(map[string]int)}
}

func newCrowd(cfg *Config, s share, window int, loop *flood.Loop, up upstream) (*crowd, error) {
	c := &crowd{cfg: cfg, window: window, loop: loop, up: up, visits: make([]visit, s.Count), account: newAccount(), diary: newDiary(cfg.EpochNs)}
	c.diary.First = s.First
	var err error
	if c.guests, err = newGuests(cfg, &cfg.Stock, s, loop, c); err != nil {
		return nil, err
	}
	for i := range c.visits {
		c.guests.add(i)
	}
	loop.Due = c.due
	return c, nil
}

// serve runs the crowd on a loop of its own until it is told to quit.
func (c *crowd) serve() error {
	c.loop.Tick = c.watch
	return c.loop.RunUntil(func() bool { return c.quit })
}

func (c *crowd) handle(cmd command) {
	switch cmd.Op {
	case opConnect, opProve:
		c.begin(cmd.Op)
	case opArm:
		c.arm()
	case opCut:
		c.cutOff()
	case opStop:
		if c.phase == opStorm || c.phase == opProve {
			c.done()
		}
	case opFinish:
		c.phase = opFinish
		c.done()
	case opQuit:
		c.close()
		c.quit = true
	}
	c.proceed()
}

func (c *crowd) begin(phase op) {
	c.phase, c.next, c.settled, c.movedNs = phase, 0, 0, flood.Now()
	for i := range c.visits {
		c.visits[i].settled = false
	}
}

// arm makes the crowd expect to be cut off, answers that it does, and goes on to say when all have come back.
func (c *crowd) arm() {
	c.phase = opArm
	c.done()
	c.begin(opStorm)
	c.armed, c.before, c.account = true, c.guests.asked, newAccount()
	for i := range c.visits {
		v := &c.visits[i]
		v.lostNs, v.firstNs, v.backNs = 0, 0, 0
		switch v.state {
		case away: // it was lost in between and belongs to the storm already
			v.cut, v.lostNs = true, c.movedNs
		case unwanted:
			c.settle(v, true)
		}
	}
}

// cutOff takes all connections from all guests, as the loss of a network would.
func (c *crowd) cutOff() {
	shut := c.loop.Close
	if c.cfg.Reset {
		shut = c.loop.Reset
	}
	for i, g := range c.guests.list {
		c.guests.cut(i, shut)
		g.client.Cut()
	}
}

// proceed keeps the window of a phase full. It is called after everything that happens.
func (c *crowd) proceed() {
	for c.next-c.settled < c.window && c.next < len(c.visits) {
		switch c.phase {
		case opConnect:
			c.visits[c.next].state = away
			c.guests.list[c.next].client.Open()
		case opProve:
			c.prove(c.next)
		default:
			return
		}
		c.next++
	}
}

func (c *crowd) prove(i int) {
	if c.visits[i].state == returned {
		c.guests.list[i].client.Echo(c.cfg.Event)
		return
	}
	c.account.errors["echo: not connected"]++
	c.settle(&c.visits[i], true)
}

// settle says whether the phase still waits for a guest.
func (c *crowd) settle(v *visit, yes bool) {
	if v.settled == yes {
		return
	}
	v.settled = yes
	if yes {
		c.settled++
	} else {
		c.settled--
	}
}

func (c *crowd) due() int64 { return c.guests.due() }

// watch is called every turn: it lets the guests do what is due, ends a phase that is complete, and one in which nothing has moved
// for too long.
func (c *crowd) watch() {
	now := flood.Now()
	c.guests.watch(now)
	if s, over := c.diary.page(now); over {
		c.up.emit(event{Op: opSecond, Second: &s})
	}
	if c.phase == "" {
		return
	}
	if c.settled == len(c.visits) {
		c.done()
	} else if now-c.movedNs > int64(c.cfg.Timeout) {
		c.stall()
	}
}

func (c *crowd) stall() {
	if c.phase == opProve {
		c.stalled = missing(len(c.visits)-c.settled, "echoes")
	}
	c.done()
}

// done ends the phase and tells the run what came of it.
func (c *crowd) done() {
	e := event{Op: c.phase, Part: c.part()}
	c.phase = ""
	c.up.emit(e)
}

// part is the crowd's contribution so far. It shares nothing with the crowd.
func (c *crowd) part() *part {
	p := &part{Failures: make(map[string]int), Stalled: c.stalled}
	p.Crowd = &crowdPart{
		Requests: c.guests.asked - c.before, Retries: maps.Clone(c.account.retries), Errors: maps.Clone(c.account.errors),
		Proven: c.account.proven,
	}
	reconnect, attempt, away := ledger.NewLatency(), ledger.NewLatency(), ledger.NewLatency()
	for i := range c.visits {
		v := &c.visits[i]
		if v.firstNs != 0 && (p.Crowd.FirstNs == 0 || v.firstNs < p.Crowd.FirstNs) {
			p.Crowd.FirstNs = v.firstNs
		}
		if v.state != returned {
			p.Failures[v.missing()]++
			continue
		}
		p.Connected++
		if c.guests.list[i].client.OnWebSocket() {
			p.Crowd.Upgraded++
		}
		if v.backNs == 0 {
			continue // it has not been cut off yet
		}
		reconnect.Record(v.backNs - v.firstNs)
		attempt.Record(v.backNs - v.attemptNs)
		away.Record(v.backNs - v.lostNs)
		p.LastNs = max(p.LastNs, v.backNs)
	}
	p.Handshake, _ = reconnect.Export()
	p.Crowd.Attempt, _ = attempt.Export()
	p.Crowd.Away, _ = away.Export()
	return p
}

// missing is why a guest is not connected.
func (v *visit) missing() string {
	switch {
	case v.state == outside:
		return "not tried"
	case v.about == "":
		return "timeout"
	default:
		return v.about
	}
}

// stepped is part of host.
func (c *crowd) stepped(int) { c.proceed() }

// told is part of host.
func (c *crowd) told(i int, n stock.News) {
	v := &c.visits[i]
	switch n.Kind {
	case stock.Asking:
		v.attemptNs = flood.Now()
		if v.firstNs == 0 {
			v.firstNs = v.attemptNs
		}
	case stock.Back:
		c.cameBack(v)
	case stock.Missed, stock.Fault:
		c.count(v, n)
	case stock.Lost:
		c.lost(v, n)
	case stock.Ended:
		c.count(v, n)
		c.become(v, unwanted)
		c.settle(v, true)
	case stock.Proven:
		c.account.proven++
		c.movedNs = flood.Now()
		c.settle(v, c.phase == opProve)
	}
}

func (c *crowd) cameBack(v *visit) {
	c.become(v, returned)
	v.backNs, v.about = flood.Now(), ""
	c.movedNs = v.backNs
	if c.phase == opConnect || c.phase == opStorm && v.cut {
		c.settle(v, true)
	}
}

// become changes a guest's state, and enters it into the diary.
func (c *crowd) become(v *visit, s visitState) {
	switch {
	case s == returned && v.state != returned:
		c.diary.Connected++
		c.diary.Connects++
	case s != returned && v.state == returned:
		c.diary.Connected--
		c.diary.Disconnected++
	}
	v.state = s
}

// lost takes the first loss of an armed crowd's guest for the cut, and any other for an error.
func (c *crowd) lost(v *visit, n stock.News) {
	if c.armed && !v.cut {
		v.cut, v.lostNs = true, flood.Now()
	} else {
		c.count(v, n)
	}
	c.become(v, away)
	v.backNs = 0
	c.settle(v, c.phase == opProve) // whose echo will not come
}

func (c *crowd) count(v *visit, n stock.News) {
	v.about = n.About
	c.diary.Failed++
	if n.Refused {
		c.account.retries[n.About]++
	} else {
		c.account.errors[n.About]++
	}
}

func (c *crowd) close() { c.guests.shut() }
