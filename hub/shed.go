package hub

import (
	"cmp"
	"context"
	"slices"

	"starling/eventloop"
)

// ShedSlowest disconnects the clients for whom most waits, with ReasonSlowConsumer, until about so many bytes are freed or
// nothing waits for anybody, and returns how many were: more than asked for by less than what waited for the last one. What
// waits for a client is what it does not read, or does not poll for. It is for a process that comes near the end of its memory;
// what Options.OutboundBytesMax does by itself, this does for a bound that moves.
//
// It waits for the loops, each of which has shedTimeMax twice: what one that is held frees later is not counted. Any goroutine;
// not for OnLoop handlers, which would wait for themselves.
func (s *Server) ShedSlowest(bytes int) (freed int) {
	if bytes <= 0 || !s.running() {
		return 0
	}
	backlogs := inTime(s, func(sh *shard) []int { return sh.table.Backlogs() })
	shares := sharesOf(backlogs, bytes)
	for _, n := range inTime(s, func(sh *shard) int { return sh.table.Shed(shares[sh.loop.Index()]) }) {
		freed += n
	}
	return freed
}

// inTime is onLoops for as long as ShedSlowest waits.
func inTime[T any](s *Server, do func(*shard) T) map[int]T {
	ctx, cancel := context.WithTimeout(context.Background(), shedTimeMax)
	defer cancel()
	answers, _ := onLoops(ctx, s, do)
	return answers
}

// sharesOf says how many clients each loop is to disconnect, so that together they are those for whom most waits, and no more
// than it takes to free so many bytes. backlogs are what waits for the clients of each loop, the most first.
func sharesOf(backlogs map[int][]int, bytes int) map[int]int {
	type client struct{ loop, bytes int }
	var all []client
	for loop, waiting := range backlogs {
		for _, n := range waiting {
			all = append(all, client{loop, n})
		}
	}
	slices.SortFunc(all, func(a, b client) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.loop, b.loop)) })
	shares := map[int]int{}
	for _, c := range all {
		if bytes <= 0 {
			break
		}
		bytes -= c.bytes
		shares[c.loop]++
	}
	return shares
}

// onLoops has each loop do something and waits for what that returns, by the number of the loop, as long as ctx allows. The
// error is ctx's, or ErrShutdown when the loops have stopped; the answers are those that there are by then.
func onLoops[T any](ctx context.Context, s *Server, do func(*shard) T) (answers map[int]T, err error) {
	type answer struct {
		loop int
		is   T
	}
	shards := s.column()
	given := make(chan answer, len(shards))
	for i, sh := range shards {
		sh.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { given <- answer{i, do(sh)} }))
	}
	answers = map[int]T{}
	for range shards {
		select {
		case a := <-given:
			answers[a.loop] = a.is
		case <-ctx.Done():
			return answers, context.Cause(ctx)
		case <-s.stopped:
			return answers, ErrShutdown
		}
	}
	return answers, nil
}
