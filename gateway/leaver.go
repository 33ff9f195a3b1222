package gateway

import (
	"context"
	"time"

	"starling/hub"
)

// This file has the backend not be asked any more about clients that have left: impatient ones would take all places of calls with
// questions to which nobody waits for the answer.

// whileHere is a context that ends with hub.ErrDisconnected soon after here says no. It is asked from time to time, since nobody tells of
// the leaving of a socket that was never connected, and not any more once end has returned.
func whileHere(parent context.Context, here func() bool) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(parent)
	over := make(chan struct{})
	go func() {
		defer close(over)
		look := time.NewTicker(leaverTime)
		defer look.Stop()
		for here() {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
		}
		cancel(hub.ErrDisconnected)
	}()
	return ctx, func() {
		cancel(nil)
		<-over
	}
}
