package scenario

import (
	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// route is how those who write to the members do so: as clients of the server, or through its control API. Their connections are
// numbered from 0, and their handler is told when one is open, and when it has ended. All of it belongs to the run's loop.
type route interface {
	dial(i int) error
	// publish has the stamp delivered to its room; direct has it delivered to a socket id alone, and directs says whether that can be
	// asked for.
	publish(c *flood.Conn, s ledger.Stamp)
	direct(c *flood.Conn, id string, s ledger.Stamp)
	directs() bool
	// flush sends what has been kept so that it goes out in one piece. It has to be called before the loop turns.
	flush()
}

var (
	_ route = (*clientRoute)(nil)
	_ route = (*apiRoute)(nil)
)

func newRoute(cfg *Config, loop *flood.Loop, h flood.Handler) route {
	if cfg.API != nil {
		return newAPIRoute(cfg, loop, h)
	}
	return &clientRoute{cfg: cfg, loop: loop, wire: cfg.wire(), handler: h}
}

// clientRoute are clients like the members, that are members of nothing.
type clientRoute struct {
	cfg     *Config
	loop    *flood.Loop
	wire    wire
	handler flood.Handler
	out     []byte
}

func (r *clientRoute) dial(i int) error {
	sources, err := r.cfg.sources()
	if err == nil {
		_, err = r.loop.Dial(sources.At(r.cfg.Connections+i), uint32(i), r.handler)
	}
	return err
}

func (r *clientRoute) publish(c *flood.Conn, s ledger.Stamp) {
	r.out = r.wire.appendPublish(r.out[:0], s)
	r.loop.Send(c, r.out)
}

func (r *clientRoute) direct(c *flood.Conn, id string, s ledger.Stamp) {
	r.out = r.wire.appendDirect(r.out[:0], id, s)
	r.loop.Send(c, r.out)
}

func (r *clientRoute) directs() bool { return r.wire.directs() }

func (r *clientRoute) flush() {}
