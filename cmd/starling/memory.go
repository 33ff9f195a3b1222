package main

import (
	"context"
	"runtime/debug"
	"time"

	"starling/hub"
)

const (
	// memoryPoll is how often the number of connections is looked at.
	memoryPoll = 5 * time.Second
	// memoryStep is the change, as a part in so many of the larger number, that is worth a collection.
	memoryStep = 4
	// memoryConnsMin is the change below which it is not, however large the part.
	memoryConnsMin = 500
)

// returnMemory gives memory back to the system after many connections have come or gone: what a flood of handshakes has
// left behind would otherwise stay until the heap has doubled, and what closed connections held until the runtime's
// scavenger gets to it. It acts once the number has settled, so the collection does not meet the flood itself.
func returnMemory(ctx context.Context, io *hub.Server) {
	poll := time.NewTicker(memoryPoll)
	defer poll.Stop()
	var s settling
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			if s.observe(io.Connections()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// settling watches a number and says when it has moved far and come to rest.
type settling struct {
	rest int // at the last collection
	last int // at the last look
}

// observe takes in the number, and reports true when a collection is due.
func (s *settling) observe(n int) bool {
	moved, since := abs(n-s.rest), abs(n-s.last)
	larger := max(n, s.rest)
	s.last = n
	if moved < memoryConnsMin || moved*memoryStep < larger || since*memoryStep > moved {
		return false
	}
	s.rest = n
	return true
}

func abs(n int) int { return max(n, -n) }
