package hub

import (
	"context"
	"sync/atomic"
)

// Delivery is what has become of an event on this node. Matched is how many sockets were meant; each of them is either
// among the Queued, whose connections have taken the event, to be written now or when the client reads, or among the
// Dropped: they did not keep up with a volatile event, or too much waited for them already and they are being disconnected.
// Clients that are away (Options.Recovery) are not counted.
type Delivery struct {
	Matched, Queued, Dropped int
}

// Receipt counts what becomes of one event. Any goroutine may use it.
type Receipt struct {
	server  *Server
	loops   atomic.Int64 // that have not delivered it, and one while it is being sent
	matched atomic.Int64
	dropped atomic.Int64
	done    chan struct{}
}

// EmitReceipt is Emit with a receipt that tells how many sockets of this node were meant and reached. With an error there is
// no receipt.
func (b BroadcastOperator) EmitReceipt(event string, args ...any) (*Receipt, error) {
	r := &Receipt{done: make(chan struct{})}
	r.loops.Store(1)
	defer r.delivered(0, 0)
	if err := b.emit(r, event, args); err != nil {
		return nil, err
	}
	return r, nil
}

// expect notes that the loops of a server will deliver the event.
func (r *Receipt) expect(s *Server) {
	if r != nil {
		r.server = s
		r.loops.Add(int64(len(s.column())))
	}
}

// delivered counts what one loop has done.
func (r *Receipt) delivered(matched, dropped int) {
	if r == nil {
		return
	}
	r.matched.Add(int64(matched))
	r.dropped.Add(int64(dropped))
	if r.loops.Add(-1) == 0 {
		close(r.done)
	}
}

// Wait waits until all loops have delivered the event, as long as ctx allows, and returns the counts; when they have, a ctx that
// is done is no error. The error is ctx's or ErrShutdown; then the counts are those so far. Not for OnLoop handlers, which would wait for themselves.
func (r *Receipt) Wait(ctx context.Context) (d Delivery, err error) {
	var stopped <-chan struct{}
	if r.server != nil {
		stopped = r.server.stopped
	}
	select {
	case <-r.done: // which counts more than a context that is done as well
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-stopped:
			err = ErrShutdown
		}
	}
	matched, dropped := int(r.matched.Load()), int(r.dropped.Load())
	return Delivery{Matched: matched, Queued: matched - dropped, Dropped: dropped}, err
}
