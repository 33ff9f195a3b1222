package scenario

import (
	"maps"
	"math"
	"math/rand/v2"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/source"
	"starling/bench/internal/stock"
)

// crowd is the agent of a storm: it holds a share of stock clients on one loop, which come back by themselves whenever they are
// cut off. What their connections bring reaches them after the time that it would take to. Everything it has belongs to that loop's goroutine.
type crowd struct {
	cfg      *Config
	share    share
	window   int // clients that connect, or echo, at a time while nothing is measured
	loop     *flood.Loop
	up       upstream
	sources  source.Pool
	requests stock.Requests

	guests  []guest // by connection number less share.First
	alarms  alarms
	answers line // from GETs and POSTs
	frames  line // from WebSockets
	phase   op   // the command that is being carried out, "" if none
	next    int
	settled int // guests that the phase waits for no more
	armed   bool
	account account
	stalled string
	movedNs int64 // when a guest last came a step further
	quit    bool
	out     []byte // one request at a time is made here
}

// guest is one stock client, its connections and its times.
type guest struct {
	client  stock.Client
	conns   [stock.Links]*flood.Conn
	session uint32 // grows when the client leaves one
	due     int64  // of its alarm; 0 for none

	lostNs    int64 // when the cut was seen
	firstNs   int64 // when it first asked after that
	attemptNs int64 // when it began the attempt that succeeded, or the last
	backNs    int64
	about     string // the last that went wrong
	state     guestState
	cut       bool // it has been cut off since the crowd was armed
	settled   bool
}

type guestState uint8

const (
	outside guestState = iota // it has not been told to connect
	away
	returned
	unwanted // by the server
)

// account is what happened since the crowd began, or was armed.
type account struct {
	requests int            // sent
	retries  map[string]int // by where and why the server was not there yet
	errors   map[string]int
	proven   int
}

func newAccount() account {
	return account{retries: make(map[string]int), errors: make(map[string]int)}
}

func newCrowd(cfg *Config, s share, window int, loop *flood.Loop, up upstream) (*crowd, error) {
	sources, err := cfg.sources()
	if err != nil {
		return nil, err
	}
	c := &crowd{
		cfg: cfg, share: s, window: window, loop: loop, up: up, sources: sources,
		requests: stock.Requests{Host: cfg.Host, Path: cfg.Path, Key: flood.UpgradeKey},
		guests:   make([]guest, s.Count), account: newAccount(),
	}
	random := rand.New(rand.NewPCG(uint64(cfg.RunID), uint64(s.First)))
	for i := range c.guests {
		c.guests[i].client = stock.NewClient(uint32(i), &cfg.Stock, c, random.Float64)
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
	for i := range c.guests {
		c.guests[i].settled = false
	}
}

// arm makes the crowd expect to be cut off, answers that it does, and goes on to say when all have come back.
func (c *crowd) arm() {
	c.phase = opArm
	c.done()
	c.begin(opStorm)
	c.armed, c.account = true, newAccount()
	for i := range c.guests {
		g := &c.guests[i]
		g.lostNs, g.firstNs, g.backNs = 0, 0, 0
		switch g.state {
		case away: // it was lost in between and belongs to the storm already
			g.cut, g.lostNs = true, c.movedNs
		case unwanted:
			c.settle(g, true)
		}
	}
}

// cutOff takes all connections from all guests, as the loss of a network would.
func (c *crowd) cutOff() {
	shut := c.loop.Close
	if c.cfg.Reset {
		shut = c.loop.Reset
	}
	for i := range c.guests {
		g := &c.guests[i]
		for l, conn := range g.conns {
			if conn != nil {
				shut(conn)
				g.conns[l] = nil
			}
		}
		g.client.Cut()
	}
}

// proceed keeps the window of a phase full. It is called after everything that happens.
func (c *crowd) proceed() {
	for c.next-c.settled < c.window && c.next < len(c.guests) {
		switch c.phase {
		case opConnect:
			c.guests[c.next].state = away
			c.guests[c.next].client.Open()
		case opProve:
			c.prove(&c.guests[c.next])
		default:
			return
		}
		c.next++
	}
}

func (c *crowd) prove(g *guest) {
	if g.state == returned {
		g.client.Echo(c.cfg.Event)
		return
	}
	c.account.errors["echo: not connected"]++
	c.settle(g, true)
}

// settle says whether the phase still waits for a guest.
func (c *crowd) settle(g *guest, yes bool) {
	if g.settled == yes {
		return
	}
	g.settled = yes
	if yes {
		c.settled++
	} else {
		c.settled--
	}
}

// firstAlarm is the earliest that still counts, nil if there is none.
func (c *crowd) firstAlarm() *alarm {
	for len(c.alarms) > 0 {
		first := &c.alarms[0]
		if c.guests[first.guest].due == first.due {
			return first
		}
		c.alarms.pop()
	}
	return nil
}

// due is when the next thing happens that no descriptor tells of; 0 if nothing does.
func (c *crowd) due() (at int64) {
	at = math.MaxInt64
	if a := c.firstAlarm(); a != nil {
		at = a.due
	}
	for _, l := range []*line{&c.answers, &c.frames} {
		if a := l.first(); a != nil {
			at = min(at, a.due)
		}
	}
	if at == math.MaxInt64 {
		return 0
	}
	return at
}

// watch is called every turn: it delivers what has arrived, rings the alarms that are due, ends a phase that is complete, and one
// in which nothing has moved for too long.
func (c *crowd) watch() {
	now := flood.Now()
	c.deliver(now)
	for a := c.firstAlarm(); a != nil && a.due <= now; a = c.firstAlarm() {
		g := &c.guests[c.alarms.pop().guest]
		g.due = 0
		g.client.Alarm()
		c.proceed()
	}
	if c.phase == "" {
		return
	}
	if c.settled == len(c.guests) {
		c.done()
	} else if now-c.movedNs > int64(c.cfg.Timeout) {
		c.stall()
	}
}

// deliver takes what is due in the order of its times.
func (c *crowd) deliver(now int64) {
	for {
		from, a := &c.answers, c.answers.first()
		if f := c.frames.first(); a == nil || f != nil && f.due < a.due {
			from, a = &c.frames, f
		}
		if a == nil || a.due > now {
			return
		}
		next := from.pop()
		if g := &c.guests[next.guest]; g.session == next.session {
			next.deliver(&g.client)
			c.proceed()
		}
	}
}

func (c *crowd) stall() {
	if c.phase == opProve {
		c.stalled = missing(len(c.guests)-c.settled, "echoes")
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
		Requests: c.account.requests, Retries: maps.Clone(c.account.retries), Errors: maps.Clone(c.account.errors),
		Proven: c.account.proven,
	}
	reconnect, attempt, away := ledger.NewLatency(), ledger.NewLatency(), ledger.NewLatency()
	for i := range c.guests {
		g := &c.guests[i]
		if g.firstNs != 0 && (p.Crowd.FirstNs == 0 || g.firstNs < p.Crowd.FirstNs) {
			p.Crowd.FirstNs = g.firstNs
		}
		if g.state != returned {
			p.Failures[g.missing()]++
			continue
		}
		p.Connected++
		if g.client.OnWebSocket() {
			p.Crowd.Upgraded++
		}
		if g.backNs == 0 {
			continue // it has not been cut off yet
		}
		reconnect.Record(g.backNs - g.firstNs)
		attempt.Record(g.backNs - g.attemptNs)
		away.Record(g.backNs - g.lostNs)
		p.LastNs = max(p.LastNs, g.backNs)
	}
	p.Handshake, _ = reconnect.Export()
	p.Crowd.Attempt, _ = attempt.Export()
	p.Crowd.Away, _ = away.Export()
	return p
}

// missing is why a guest is not connected.
func (g *guest) missing() string {
	switch {
	case g.state == outside:
		return "not tried"
	case g.about == "":
		return "timeout"
	default:
		return g.about
	}
}

func (c *crowd) close() {
	for i := range c.guests {
		for l, conn := range c.guests[i].conns {
			if conn != nil {
				c.loop.Close(conn)
				c.guests[i].conns[l] = nil
			}
		}
	}
	c.alarms, c.answers, c.frames = nil, line{}, line{}
}
