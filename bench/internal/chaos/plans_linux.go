package chaos

import (
	"fmt"
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
	Slow:       {reach: joined, deaf: true, receiveBytes: slowReceiveBytes, beat: sayAlive, every: time.Second},
	HalfOpen:   {reach: connected, deaf: true},
	Silent:     {reach: upgraded},
	Slowloris:  {reach: wired, beat: dribble, every: time.Second},
	Malformed:  {},
	Oversized:  {reach: connected, begin: exceed},
	ChurnFlood: {reach: wired, begin: comeAndGo},
	Hoarder:    {reach: connected, answers: true, beat: hoard, every: 100 * time.Millisecond},
	PingFlood:  {reach: connected, deaf: true, beat: floodPings, every: 10 * time.Millisecond},
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

// floodPings sends a write full.
func floodPings(a *Attack, c *conn) { a.send(c, load{head: pings}) }
