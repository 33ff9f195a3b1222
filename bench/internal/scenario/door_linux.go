package scenario

import (
	"errors"
	"slices"

	"starling/bench/internal/flood"
	"starling/bench/internal/source"
)

// door lets members in. It calls its keeper back from the loop, never from within enter. All of it belongs to the goroutine of the
// loop.
type door interface {
	enter(i int)  // begins to connect member i, 0-based within the share, which is not in and not on its way
	cancel(i int) // forgets a member that is on its way; the keeper is not called back
	due() int64   // when watch is wanted next, on flood's clock; 0: any time
	watch()       // is called every turn
	shut()        // closes what is on its way
	// replays is when that came, on flood's clock, which the keeper is being told of, if it came before the keeper had let the member in;
	// else 0.
	replays() int64
}

// doorkeeper is told who comes in, and by what connection, whose number is the member's among all connections. From then on it is the
// connection's handler. It may let others in whenever it is called.
type doorkeeper interface {
	flood.Handler // of the connection once it is in; Opened is never called
	// admitted is called once a member is in: the connection is open, and of a Socket.IO server the namespace is connected. connect is
	// the payload of its CONNECT packet, {"sid":"…"}, valid until admitted returns, and nil of any other server.
	admitted(i int, c *flood.Conn, connect []byte)
	// refused is called for a member that did not get in.
	refused(i int, reason string)
}

// ErrTransport means that the stock client's way was asked for to a server that does not speak Socket.IO.
var ErrTransport = errors.New("scenario: only a Socket.IO server has the stock client's transports")

// newDoor opens the door that the config asks for. What has come in is the keeper's; the door has no part in it.
func newDoor(cfg *Config, s share, loop *flood.Loop, keeper doorkeeper) (door, error) {
	switch {
	case cfg.Transport != Default:
		return newWSDoor(cfg, s, loop, keeper)
	case cfg.Protocol != flood.SocketIO:
		return nil, ErrTransport
	default:
		return newStockDoor(cfg, s, loop, keeper)
	}
}

// wsDoor is the short way in: a WebSocket at once, and nothing of what the stock client does besides.
type wsDoor struct {
	cfg     *Config
	first   int // connection number
	loop    *flood.Loop
	keeper  doorkeeper
	sources source.Pool

	coming  map[int]*flood.Conn
	stopped []stopped // to be told in the next turn
	connect []byte    // from Greeted to Opened
}

// stopped is a member that could not even set out.
type stopped struct {
	member int
	reason string
}

var (
	_ door          = (*wsDoor)(nil)
	_ flood.Greeter = (*wsDoor)(nil)
)

func newWSDoor(cfg *Config, s share, loop *flood.Loop, keeper doorkeeper) (*wsDoor, error) {
	sources, err := cfg.sources()
	if err != nil {
		return nil, err
	}
	return &wsDoor{cfg: cfg, first: s.First, loop: loop, keeper: keeper, sources: sources, coming: make(map[int]*flood.Conn)}, nil
}

func (d *wsDoor) enter(i int) {
	number := d.first + i
	c, err := d.loop.Dial(d.sources.At(number), uint32(number), d)
	if err != nil {
		d.stopped = append(d.stopped, stopped{i, flood.Label(err)})
		return
	}
	d.coming[i] = c
}

func (d *wsDoor) cancel(i int) {
	if c := d.coming[i]; c != nil {
		d.loop.Close(c)
		delete(d.coming, i)
	}
	d.stopped = slices.DeleteFunc(d.stopped, func(s stopped) bool { return s.member == i })
}

func (d *wsDoor) due() int64 {
	if len(d.stopped) > 0 {
		return 1 // at once
	}
	return 0
}

// watch tells of those who were stopped up to now. Whoever tries again, and in vain, is told of in the next turn.
func (d *wsDoor) watch() {
	for n := len(d.stopped); n > 0 && len(d.stopped) > 0; n-- {
		s := d.stopped[0]
		d.stopped = d.stopped[1:]
		d.keeper.refused(s.member, s.reason)
	}
}

// replays is part of door. By this one everybody has nothing behind.
func (d *wsDoor) replays() int64 { return 0 }

func (d *wsDoor) shut() {
	for _, c := range d.coming {
		d.loop.Close(c)
	}
	clear(d.coming)
	d.stopped = nil
}

// Greeted is part of flood.Greeter.
func (d *wsDoor) Greeted(_ *flood.Conn, connect []byte) { d.connect = connect }

// Opened is part of flood.Handler.
func (d *wsDoor) Opened(c *flood.Conn) {
	i, connect := int(c.Number())-d.first, d.connect
	d.connect = nil
	delete(d.coming, i)
	d.loop.HandOver(c, d.cfg.Protocol, d.keeper)
	d.keeper.admitted(i, c, connect)
}

// Message is part of flood.Handler. What a server says before a member is in is for nobody.
func (d *wsDoor) Message(*flood.Conn, []byte) {}

// Closed is part of flood.Handler.
func (d *wsDoor) Closed(c *flood.Conn, cause error) {
	i := int(c.Number()) - d.first
	delete(d.coming, i)
	d.keeper.refused(i, flood.Label(cause))
}
