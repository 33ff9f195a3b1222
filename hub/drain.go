package hub

import (
	"context"
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
	for left := int(s.opts.DrainTime / drainStep); left > 0 && s.Connections() > 0; left-- {
		s.post(eventloop.TaskFunc(func(l *eventloop.Loop) { s.column()[l.Index()].disconnectShare(left) }))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		case <-s.stopped:
			return
		}
	}
}

// disconnectShare disconnects the share of one of several steps that are left.
func (sh *shard) disconnectShare(steps int) {
	sessions := sh.table.Len()
	sh.table.Disconnect((sessions + steps - 1) / steps)
}
