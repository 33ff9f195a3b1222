package hub

import (
	"context"
	"slices"
	"sync"

	"starling/hub/cluster"
)

// survey is a question that all loops of this node and all other nodes are asked, and the wait for their answers.
type survey struct {
	server *Server
	mu     sync.Mutex
	loops  int              // that have not answered
	nodes  []cluster.NodeID // that have not said their last word
	lost   int              // nodes that were lost before they had
	open   int              // other answers that are awaited: acknowledgements of sockets
	over   bool
	done   chan struct{} // closed when nothing is awaited any more
}

// init begins a survey, which does not end before ask was called.
func (v *survey) init(s *Server, loops int) {
	v.server, v.loops, v.open = s, loops, 1
	v.done = make(chan struct{})
}

// ask notes which nodes are to answer. It asks for them under the lock, when the survey is among the inquiries already: a
// node that is lost before is not among them, one that is lost afterwards is noted by nodeLost.
func (v *survey) ask(nodes func() []cluster.NodeID) (others bool) {
	v.update(func() {
		if nodes != nil {
			v.nodes = nodes()
		}
		others = len(v.nodes) > 0
		v.open--
	})
	return others
}

// check ends the survey when nothing is awaited. The lock is held, or nobody else knows the survey yet.
func (v *survey) check() {
	if !v.over && v.loops == 0 && len(v.nodes) == 0 && v.open == 0 {
		v.over = true
		close(v.done)
	}
}

// update changes what is known; nothing does once the survey is over.
func (v *survey) update(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.over {
		change()
		v.check()
	}
}

// finished notes that a node has said its last word. The lock is held.
func (v *survey) finished(id cluster.NodeID) {
	v.nodes = slices.DeleteFunc(v.nodes, func(n cluster.NodeID) bool { return n == id })
}

// nodeLost notes that a node will not answer.
func (v *survey) nodeLost(id cluster.NodeID) {
	v.update(func() {
		if slices.Contains(v.nodes, id) {
			v.lost++
			v.finished(id)
		}
	})
}

// wait waits for the end, and makes it the end: nothing changes any more when it returns.
func (v *survey) wait(ctx context.Context) (err error) {
	select {
	case <-v.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-v.server.stopped:
		err = ErrShutdown
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if err == nil && v.lost > 0 {
		err = ErrNodeLost
	}
	return err
}

// inquiry is a survey that other nodes answer.
type inquiry interface {
	answer(m *cluster.Message)
	nodeLost(id cluster.NodeID)
}

// inquiries are those under way, by the number that their answers repeat.
type inquiries struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]inquiry
}

// begin numbers an inquiry.
func (q *inquiries) begin(by inquiry) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil {
		q.open = map[uint64]inquiry{}
	}
	q.last++
	q.open[q.last] = by
	return q.last
}

// end forgets one.
func (q *inquiries) end(number uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, number)
}

// find returns one, nil if it has ended.
func (q *inquiries) find(number uint64) inquiry {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open[number]
}

// nodeLost tells all of them.
func (q *inquiries) nodeLost(id cluster.NodeID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, by := range q.open {
		by.nodeLost(id)
	}
}
