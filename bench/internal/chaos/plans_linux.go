package chaos

import (
	"fmt"
	"strings"
	"time"
)

// plan is how the connections of a kind go about it.
type plan struct {
	reach        stage // how far they behave well
	deaf         bool  // they read nothing from there on
	answers      bool  // they answer pings also from there on
	receiveBytes int   // of the receive buffer, 0 for the system's own
	begin        func(*Attack, *conn)
	beat         func(*Attack, *conn) // once in every
	every        time.Duration
}

// slowReceiveBytes is near the least that the kernel allows: what a slow consumer's own machine takes is not what is in question.
const slowReceiveBytes = 4096

var plans = map[Kind]plan{
	Slow:           {reach: joined, deaf: true, receiveBytes: slowReceiveBytes, beat: sayAlive, every: time.Second},
	HalfOpen:       {reach: connected, deaf: true},
	Silent:         {reach: upgraded},
	Slowloris:      {reach: wired, beat: dribble, every: time.Second},
	Malformed:      {},
	Oversized:      {reach: connected, begin: exceed},
	ChurnFlood:     {reach: wired, begin: comeAndGo},
	Hoarder:        {reach: connected, answers: true, beat: hoard, every: 100 * time.Millisecond},
	PingFlood:      {reach: connected, deaf: true, beat: floodPings, every: 10 * time.Millisecond},
	EventFlood:     {reach: connected, answers: true, beat: floodEvents, every: 10 * time.Millisecond},
	NamespaceFlood: {reach: connected, answers: true, beat: floodNamespaces, every: 10 * time.Millisecond},
	SlowBody:       {reach: wired, begin: beginBody, beat: dribbleBody, every: time.Second},
	HugeHead:       {reach: wired, begin: sendHead},
	ResetFlood:     {reach: wired, begin: resetAtOnce},
}

// sayAlive keeps the heartbeat from being why the server closes. Besides, a server that has given up this connection with data
// still unsent can only tell so in answer to something: its FIN would come behind the data, and a RST comes at once.
func sayAlive(a *Attack, c *conn) {
	if a.raw {
		a.send(c, load{head: alivePong})
		return
	}
	a.send(c, load{head: aliveText})
}

var (
	alivePong = []byte(frame("\x8a", "")) // one that nobody has asked for is allowed (RFC 6455 5.5.3)
	aliveText = []byte(text("3"))
)

// dribble sends one byte more of a head that has no end.
func dribble(a *Attack, c *conn) {
	at := c.steps
	if at >= len(a.request)-2 { // without its last line end, the head goes on with one header after the other
		at = (at - (len(a.request) - 2)) % len(endlessHeader)
		a.send(c, load{head: endlessHeader[at : at+1]})
	} else {
		a.send(c, load{head: a.request[at : at+1]})
	}
	c.steps++
}

var endlessHeader = []byte("X-More: please wait\r\n")

// exceed sends more than the server takes, one way after the other.
func exceed(a *Attack, c *conn) {
	bytesMax := c.bytesMax
	if bytesMax == 0 {
		bytesMax = messageBytesMax
	}
	ways := oversized(bytesMax)
	a.send(c, ways[c.number%len(ways)])
}

// comeAndGo leaves at once: with FIN and with RST, without a word and behind a request.
func comeAndGo(a *Attack, c *conn) {
	if c.number&2 != 0 {
		a.send(c, load{head: a.request})
	}
	a.leave(c, c.number&1 != 0)
}

// hoard joins one more room, of which nobody else has heard.
func hoard(a *Attack, c *conn) {
	c.steps++
	if a.raw {
		a.say(c, fmt.Sprintf("J%08x", c.steps))
		return
	}
	a.say(c, fmt.Sprintf(`42["join","hoard-%d-%d"]`, c.number, c.steps))
}

// resetAtOnce does not say a word.
func resetAtOnce(a *Attack, c *conn) { a.leave(c, true) }

// sendHead sends a head that does not end for a megabyte.
func sendHead(a *Attack, c *conn) {
	a.send(c, load{head: a.request[:len(a.request)-2], block: hugeHeader, times: 256})
}

var hugeHeader = []byte("X-Word: " + strings.Repeat("w", 4086) + "\r\n")

// beginBody begins a session by polling: only the bodies of those who have one are read.
func beginBody(a *Attack, c *conn) {
	a.send(c, load{head: fmt.Appendf(nil, "GET %s?EIO=4&transport=polling HTTP/1.1\r\nHost: %s\r\n\r\n", a.target.Path, a.target.Host)})
}

// announceBody is behind the answer to that. A server that has begun no session is told none of it.
func announceBody(a *Attack, c *conn, answer []byte) {
	_, rest, found := strings.Cut(string(answer), `"sid":"`)
	sid, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		return
	}
	c.steps = 1
	a.send(c, load{head: fmt.Appendf(nil, "POST %s?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 10000\r\n\r\n",
		a.target.Path, sid, a.target.Host)})
}

// dribbleBody sends one byte more of the body, once it is announced.
func dribbleBody(a *Attack, c *conn) {
	if c.steps > 0 {
		a.send(c, load{head: letters[:1]})
	}
}

// floodEvents sends a write full. A raw server has no events, and is told to answer pings.
func floodEvents(a *Attack, c *conn) {
	if a.raw {
		a.send(c, load{head: pings})
		return
	}
	a.send(c, load{head: events})
}

// floodNamespaces asks for some that nobody has asked for before.
func floodNamespaces(a *Attack, c *conn) {
	if a.raw {
		hoard(a, c)
		return
	}
	var out []byte
	for range 200 {
		c.steps++
		out = append(out, text(fmt.Sprintf("40/none-%d-%d,", c.number, c.steps))...)
	}
	a.send(c, load{head: out})
}

// floodPings sends a write full.
func floodPings(a *Attack, c *conn) { a.send(c, load{head: pings}) }
