package webhook

import (
	"errors"
	"sync/atomic"
)

// The numbers of kinds and outcomes are their places in these.
var (
	kinds    = [...]string{KindConnect, KindJoin, KindEvent, KindBatch}
	outcomes = [...]string{
		OutcomeOK, OutcomeRefused, OutcomeStatus, OutcomeReply, OutcomeTimeout, OutcomeConnection, OutcomeCanceled,
		OutcomeBusy, OutcomeUnavailable, OutcomeClosed,
	}
)

const (
	kindConnect = iota
	kindJoin
	kindEvent
	kindBatch
)

const (
	outcomeOK = iota
	outcomeRefused
	outcomeStatus
	outcomeReply
	outcomeTimeout
	outcomeConnection
	outcomeCanceled
	outcomeBusy
	outcomeUnavailable
	outcomeClosed
)

// counters count calls by kind and outcome.
type counters struct {
	calls   [len(kinds)][len(outcomes)]atomic.Int64
	retried atomic.Int64
}

// report fills in the counters of all pairs that can occur.
func (c *counters) report(s *Stats) {
	s.Retried = c.retried.Load()
	for k := range kinds {
		for o := range outcomes {
			if k != kindBatch || isBatchOutcome(o) {
				s.Calls = append(s.Calls, CallCount{kinds[k], outcomes[o], c.calls[k][o].Load()})
			}
		}
	}
}

// isBatchOutcome reports whether sending a batch can end so: nobody waits for it, and its reply is not read.
func isBatchOutcome(o int) bool {
	switch o {
	case outcomeOK, outcomeStatus, outcomeTimeout, outcomeConnection, outcomeClosed:
		return true
	}
	return false
}

// outcomeOf tells what an error of a call, or of an attempt to send a batch, counts as.
func outcomeOf(err error) int {
	var refused *RefusedError
	var status *StatusError
	switch {
	case err == nil:
		return outcomeOK
	case errors.As(err, &refused):
		return outcomeRefused
	case errors.As(err, &status):
		return outcomeStatus
	}
	for _, known := range []struct {
		err     error
		outcome int
	}{
		{ErrReply, outcomeReply},
		{ErrReplyBytes, outcomeReply},
		{ErrTimeout, outcomeTimeout},
		{ErrConnection, outcomeConnection},
		{ErrBusy, outcomeBusy},
		{ErrUnavailable, outcomeUnavailable},
		{ErrClosed, outcomeClosed},
	} {
		if errors.Is(err, known.err) {
			return known.outcome
		}
	}
	return outcomeCanceled // the cause of the caller's context, which may be any error
}

// verdictOf tells what an error of a call says of the backend.
func verdictOf(err error) verdict {
	switch outcomeOf(err) {
	case outcomeTimeout, outcomeConnection:
		return dead
	case outcomeCanceled, outcomeClosed:
		return nothing
	}
	return alive
}

// isFinal reports whether a batch that failed so would fail so again: the backend has seen it and will not have it. A
// request that took the backend too long (408) or came too soon (429) is none of those.
func isFinal(err error) bool {
	var reply *StatusError
	return errors.As(err, &reply) && reply.Status/100 == 4 && reply.Status != 408 && reply.Status != 429
}
