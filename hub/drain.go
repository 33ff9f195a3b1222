package hub

import (
	"context"
	"sync"
	"time"

	"starling/eventloop"
)

// drainStep is the time from one step of a drain to the next.
const drainStep = 50 * time.Millisecond

// drain prepares for the end: new sessions are refused, clients are told, and disconnected over Options.DrainTime, as long
// as the context allows.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	if s.opts.ShutdownNotice != "" {
		for _, n := range s.Namespaces() {
			if err := n.Local().Emit(s.opts.ShutdownNotice); err != nil {
				s.opts.Logger.Warn("telling clients of the shutdown", "namespace", n.name, "error", err)
			}
		}
	}
	ticker := time.NewTicker(drainStep)
	defer ticker.Stop()
	steps := int(s.opts.DrainTime / drainStep)
	for step := 1; step <= steps; step++ {
		c := &census{loops: len(s.column()), nobody: make(chan struct{})}
		s.post(eventloop.TaskFunc(func(l *eventloop.Loop) { c.add(s.column()[l.Index()].disconnectShare(step, steps)) }))
		select {
		case <-c.nobody:
			return
		case <-ticker.C:
		case <-ctx.Done():
			return
		case <-s.stopped:
			return
		}
	}
}

// disconnectShare disconnects so many sessions that after each of the steps, counted from 1, the same share of those that
// there were has gone.
func (sh *shard) disconnectShare(step, steps int) (left int) {
	if step == 1 {
		sh.drainFrom = sh.table.Len()
	}
	stay := (sh.drainFrom*(steps-step) + steps - 1) / steps
	if more := sh.table.Len() - stay; more > 0 {
		sh.table.Disconnect(more)
	}
	return sh.table.Len()
}

// census counts the sessions of all loops.
type census struct {
	mu       sync.Mutex
	loops    int // that have not answered
	sessions int
	nobody   chan struct{} // closed when all have, and there are none
}

func (c *census) add(sessions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loops--
	c.sessions += sessions
	if c.loops == 0 && c.sessions == 0 {
		close(c.nobody)
	}
}
