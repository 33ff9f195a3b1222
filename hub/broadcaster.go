package hub

import (
	"context"
	"time"
)

// broadcaster is a namespace, or all children of a parent, as what can be broadcast to: it begins operators that aim at
// everyone.
type broadcaster struct{ all BroadcastOperator }

// Emit sends an event to every socket. See [BroadcastOperator.Emit].
func (b *broadcaster) Emit(event string, args ...any) error { return b.all.Emit(event, args...) }

// EmitReceipt sends an event to every socket. See [BroadcastOperator.EmitReceipt].
func (b *broadcaster) EmitReceipt(event string, args ...any) (*Receipt, error) {
	return b.all.EmitReceipt(event, args...)
}

// Count is how many sockets of this node there are. See [BroadcastOperator.Count].
func (b *broadcaster) Count(ctx context.Context) (int, error) { return b.all.Count(ctx) }

// To aims at the members of the given rooms. See [BroadcastOperator.To].
func (b *broadcaster) To(rooms ...string) BroadcastOperator { return b.all.To(rooms...) }

// In is To.
func (b *broadcaster) In(rooms ...string) BroadcastOperator { return b.To(rooms...) }

// Except aims at everyone but the members of the given rooms. See [BroadcastOperator.Except].
func (b *broadcaster) Except(rooms ...string) BroadcastOperator { return b.all.Except(rooms...) }

// Volatile aims at everyone who keeps up. See [BroadcastOperator.Volatile].
func (b *broadcaster) Volatile() BroadcastOperator { return b.all.Volatile() }

// Local aims at everyone on this node. See [BroadcastOperator.Local].
func (b *broadcaster) Local() BroadcastOperator { return b.all.Local() }

// Compress aims at everyone. See [BroadcastOperator.Compress].
func (b *broadcaster) Compress(compress bool) BroadcastOperator { return b.all.Compress(compress) }

// Timeout aims at everyone. See [BroadcastOperator.Timeout].
func (b *broadcaster) Timeout(d time.Duration) BroadcastOperator { return b.all.Timeout(d) }

// EmitWithAck asks every socket. See [BroadcastOperator.EmitWithAck].
func (b *broadcaster) EmitWithAck(ctx context.Context, event string, args ...any) ([]BroadcastReply, error) {
	return b.all.EmitWithAck(ctx, event, args...)
}

// FetchSockets returns all sockets. See [BroadcastOperator.FetchSockets].
func (b *broadcaster) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return b.all.FetchSockets(ctx)
}

// SocketsJoin puts every socket into rooms. See [BroadcastOperator.SocketsJoin].
func (b *broadcaster) SocketsJoin(rooms ...string) error { return b.all.SocketsJoin(rooms...) }

// SocketsLeave takes every socket out of rooms. See [BroadcastOperator.SocketsLeave].
func (b *broadcaster) SocketsLeave(rooms ...string) error { return b.all.SocketsLeave(rooms...) }

// DisconnectSockets disconnects every socket. See [BroadcastOperator.DisconnectSockets].
func (b *broadcaster) DisconnectSockets(closeConnection bool) error {
	return b.all.DisconnectSockets(closeConnection)
}
