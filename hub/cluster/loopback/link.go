package loopback

import "starling/hub/cluster"

// link is the way from one node to another: what has been put into it comes out in that order. It is guarded by the
// network's lock, and nil goes nowhere.
type link struct {
	from  cluster.NodeID
	to    *adapter
	queue []*parcel
	bytes int  // of what is in the queue
	due   bool // it is among to.due
	ended bool // nothing is put into it any more, and what comes out at last is the loss of the sender
}

// put adds a parcel.
func (l *link) put(p *parcel) error {
	if l == nil {
		return nil
	}
	opts := &l.to.net.opts
	if len(l.queue) >= opts.Messages || l.bytes+p.bytes > opts.Bytes && len(l.queue) > 0 {
		return cluster.ErrBacklog
	}
	l.queue = append(l.queue, p)
	l.bytes += p.bytes
	l.remind()
	return nil
}

// end ends it.
func (l *link) end() {
	l.ended = true
	l.remind()
}

// take removes the oldest parcel. There is none when the link has ended, and only then.
func (l *link) take() *parcel {
	l.due = false
	if len(l.queue) == 0 {
		return nil
	}
	p := l.queue[0]
	l.queue[0] = nil // its memory is not for the queue to keep
	l.queue = l.queue[1:]
	l.bytes -= p.bytes
	if len(l.queue) > 0 || l.ended {
		l.remind()
	}
	return p
}

// remind has the receiver look at the link when it is its turn.
func (l *link) remind() {
	if !l.due {
		l.due = true
		l.to.due = append(l.to.due, l)
		l.to.wake.Signal()
	}
}
