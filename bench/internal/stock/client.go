package stock

import "time"

// Transport is the client's choice of transports.
type Transport string

// The transports.
const (
	Default   Transport = "default"   // long-polling first, then the upgrade to WebSocket
	WebSocket Transport = "websocket" // WebSocket at once: transports: ["websocket"]
	Polling   Transport = "polling"   // long-polling for good: transports: ["polling"]
)

// Options are those of the stock client that can be chosen here. They are shared by clients and do not change.
type Options struct {
	Transport       Transport
	Delay, DelayMax time.Duration // reconnectionDelay and reconnectionDelayMax
	// Connect, if set, makes the CONNECT packet of the client of that number, its Engine.IO type in front: one with the option auth.
	Connect func(number uint32) []byte `json:"-"`
}

// Link is one of the connections that a client may have at a time.
type Link uint8

// The links.
const (
	Get    Link = iota // the GET of the handshake, and then of a poll
	Post               // a POST of packets
	Socket             // the WebSocket
	Links              // how many there are
)

// World is what a client acts upon. It belongs to the client's goroutine, and calls none of the client's methods from within its
// own.
type World interface {
	// Ask sends an HTTP request over a new connection. It is answered by one call of Answered, Upgraded or Closed for that link,
	// unless Leave comes before. The body is only lent.
	Ask(c *Client, l Link, body []byte)
	// Send sends one packet over the WebSocket. The packet is only lent.
	Send(c *Client, packet []byte)
	// Leave ends a session: its WebSocket is closed, and its requests in flight are left to be answered to nobody.
	Leave(c *Client)
	// Wake has Alarm called after that time, in place of whatever time was set before; never, if it is 0.
	Wake(c *Client, after time.Duration)
	// Tell is called for what a client's user would want to know.
	Tell(c *Client, n News)
}

// News is something that happened to a client.
type News struct {
	Kind    Kind
	About   string // where and why: "poll: status 400"
	Refused bool   // the server was not there, or full: nothing was wrong but the time
	Packet  []byte // Heard: with its Engine.IO type in front; only lent
}

// Kind is what happened.
type Kind uint8

// The news.
const (
	Asking Kind = iota // an attempt to connect begins, with its first request
	Back               // the namespace is connected, and no upgrade is under way
	Missed             // an attempt has failed; the next follows
	Lost               // an open session has ended; an attempt follows
	Fault              // something failed that is not the end of the session
	Ended              // the server does not want the client, which will not come again
	Proven             // the echo that Echo asked for has come
	Heard              // CONNECT, an event or an ack of the main namespace has come
)

// Cause is why a connection ended or did not come about.
type Cause struct {
	Text    string
	Refused bool // see News
}

// stage is where a client stands among its attempts.
type stage uint8

const (
	waiting stage = iota // for its next attempt, or for Open
	opening              // the open packet is to come
	open
	ended
)

// poller is the state of the polling transport.
type poller uint8

const (
	noPoller poller = iota
	polling
	pausing // for what is in flight, before the upgrade
	paused
)

// socket is the state of the WebSocket.
type socket uint8

const (
	noSocket socket = iota
	dialling
	probing  // 2probe is sent
	probed   // 3probe has come
	current  // it carries the session
	held     // it is not begun until Upgrade is called
	ignored  // it did not answer the probe as it should; polling goes on
	stranded // it broke after 3probe; polling does not go on either
)

// openTimeout is how long the stock client waits for the open packet (Manager, option timeout).
const openTimeout = 20 * time.Second

// Client is one stock client. Its methods are called by one goroutine, with what has happened; what it does is done by its World.
type Client struct {
	world     World
	random    func() float64
	options   *Options
	sid       string
	unsent    []byte        // packets that wait for the transport, as a payload
	heartbeat time.Duration // without a ping for so long the server is taken for dead
	number    uint32
	attempts  uint8 // that have failed in a row
	stage     stage
	poller    poller
	socket    socket
	getting   bool // a GET is in flight
	posting   bool // a POST is in flight: the polling transport is not writable
	connected bool // the namespace is
	back      bool // and that has been told
	holds     bool // HoldUpgrade was called
}

// NewClient returns a client that has not connected yet. It keeps the options. random is uniform in [0, 1).
func NewClient(number uint32, o *Options, w World, random func() float64) Client {
	return Client{number: number, options: o, world: w, random: random}
}

// Number is what NewClient was given.
func (c *Client) Number() uint32 { return c.number }

// SID is the id of the Engine.IO session; it is empty before the handshake.
func (c *Client) SID() string { return c.sid }

// OnWebSocket says that the session is carried by a WebSocket.
func (c *Client) OnWebSocket() bool { return c.socket == current }

// Open begins an attempt to connect.
func (c *Client) Open() {
	c.stage = opening
	c.world.Wake(c, openTimeout)
	c.world.Tell(c, News{Kind: Asking})
	if c.options.Transport == WebSocket {
		c.dial()
	} else {
		c.get()
	}
}

// HoldUpgrade has the upgrade wait for Upgrade, as one would that takes its time to be connected. It is called before Open.
func (c *Client) HoldUpgrade() { c.holds = true }

// Upgrade begins the upgrade that was held. Without one it does nothing.
func (c *Client) Upgrade() {
	if c.socket == held {
		c.dial()
	}
}

// Alarm is called when the time has passed that World.Wake was given.
func (c *Client) Alarm() {
	switch c.stage {
	case waiting:
		c.Open()
	case opening:
		c.lose("handshake", Cause{Text: "timeout"})
	case open:
		c.lose("heartbeat", Cause{Text: "timeout"})
	}
}

// Cut is called when all the client's connections are gone at once.
func (c *Client) Cut() {
	if c.stage == opening || c.stage == open {
		c.poller = noPoller // nothing can be said any more
		c.lose("cut", Cause{Text: "all connections"})
	}
}

// Quit ends the session, or the attempt to begin one, for good.
func (c *Client) Quit() {
	c.leave()
	c.stage = ended
	c.world.Wake(c, 0)
}

// Answered is called with the answer to a GET or a POST. The body is only lent.
func (c *Client) Answered(l Link, status int, body []byte) {
	switch {
	case status != 200:
		c.Closed(l, StatusCause(status))
	case l == Get:
		c.got(body)
	default:
		c.posting = false
		c.proceed()
	}
}

// Closed is called when a connection ended without an answer, or, if it is the WebSocket, for whatever reason.
func (c *Client) Closed(l Link, why Cause) {
	switch {
	case l == Socket && c.socket == current:
		c.lose("websocket", why)
	case l == Socket && c.stage == open:
		c.upgradeFailed(why)
	case c.stage == opening:
		c.lose("handshake", why)
	case l == Get:
		c.lose("poll", why)
	default:
		c.lose("post", why)
	}
}

// StatusCause is the cause of an HTTP status that is no success. 503 is how a server says that it is full.
func StatusCause(status int) Cause {
	return Cause{Text: "status " + itoa(status), Refused: status == 503}
}

// Upgraded is called when the WebSocket is open.
func (c *Client) Upgraded() {
	if c.stage == opening { // no probe: the open packet comes over it
		c.socket = current
		return
	}
	c.socket = probing
	c.world.Send(c, []byte("2probe"))
}

// Frame is called with a packet that has come over the WebSocket. It is only lent.
func (c *Client) Frame(p []byte) {
	switch c.socket {
	case current:
		c.packet(p)
	case probing:
		c.probeAnswered(p)
	}
}

// Echo sends an event whose acknowledgement is told as Proven.
func (c *Client) Echo(event string) {
	c.Emit([]byte(`420["` + event + `","proof"]`))
}

// Emit sends a packet once the transport takes it. It is only lent. Nothing is sent unless the namespace is connected.
func (c *Client) Emit(packet []byte) {
	if c.connected {
		c.write(packet)
	}
}

// lose ends the session, or the attempt to begin one, and has the next attempt follow.
func (c *Client) lose(where string, why Cause) {
	news := News{Kind: Missed, About: where + ": " + why.Text, Refused: why.Refused}
	if c.stage == open {
		news.Kind = Lost
	}
	c.leave()
	c.stage = waiting
	c.world.Tell(c, news)
	c.world.Wake(c, c.delay())
}

// end is for a client that is not wanted.
func (c *Client) end(about string) {
	c.Quit()
	c.world.Tell(c, News{Kind: Ended, About: about})
}

// leave lets go of the session. While it polls, the stock client says so to the server by a POST of its own, whatever else is in
// flight; it waits for no answer.
func (c *Client) leave() {
	goodbye := c.poller == polling && c.stage == open
	c.world.Leave(c)
	if goodbye {
		c.world.Ask(c, Post, []byte("1"))
		c.world.Leave(c)
	}
	c.sid, c.unsent, c.poller, c.socket = "", c.unsent[:0], noPoller, noSocket
	c.getting, c.posting, c.connected, c.back = false, false, false, false
}
