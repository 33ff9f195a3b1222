package flood

import (
	"bytes"
	"fmt"
)

// What a connection that speaks Centrifuge says on its own account.
var (
	centrifugeConnect = []byte(`{"id":1,"connect":{}}`)
	centrifugePong    = []byte("{}")
)

// How the answers to centrifugeConnect begin.
var (
	centrifugeConnected = []byte(`{"id":1,"connect":`)
	centrifugeRefused   = []byte(`{"id":1,"error":`)
)

// introduce sends the command that must be the first. The answer opens the connection.
func (l *Loop) introduce(c *Conn) {
	c.state = joining
	l.Send(c, centrifugeConnect)
}

// replies takes apart a message of the Centrifuge protocol: replies in JSON, which has no newline within, one on each line. The
// handler may close the connection at any of them.
func (l *Loop) replies(c *Conn, in []byte) {
	for len(in) > 0 && c.state != closed {
		line := in
		if end := bytes.IndexByte(in, '\n'); end < 0 {
			in = nil
		} else {
			line, in = in[:end], in[end+1:]
		}
		if len(line) > 0 {
			l.reply(c, line)
		}
	}
}

// reply handles what is the connection's own, and leaves the rest to the handler.
func (l *Loop) reply(c *Conn, line []byte) {
	switch {
	case len(line) == len(centrifugePong): // an empty reply is a ping, and an empty command the answer to it
		l.Send(c, centrifugePong)
	case c.state == open:
		c.handler.Message(c, line)
	case bytes.HasPrefix(line, centrifugeConnected):
		if l.expect(c, joining, open) {
			c.handler.Opened(c)
		}
	case bytes.HasPrefix(line, centrifugeRefused):
		l.fail(c, fmt.Errorf("%w: %s", ErrRefused, line))
	default:
		l.fail(c, ErrUnexpected)
	}
}
