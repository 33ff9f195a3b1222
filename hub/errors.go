package hub

import (
	"errors"

	"starling/eventloop"
	"starling/wsproto/socketio"
)

// Errors of this package.
var (
	// ErrOverloaded: the loops have more to do than they can hold; nothing was sent.
	ErrOverloaded = errors.New("hub: too much is waiting to be delivered")
	// ErrDisconnected: the socket is not connected any more.
	ErrDisconnected = errors.New("hub: socket is disconnected")
	// ErrAckTimeout: the client did not acknowledge in time. The text is Socket.IO's own.
	ErrAckTimeout = errors.New("operation has timed out")
	// ErrAcksPending: more acks than AcksPendingMax are awaited from this client.
	ErrAcksPending = errors.New("hub: too many acks are awaited from this client")
	// ErrAckBytes: the acks of a broadcast are more than AckBytesMax together, and those beyond were dropped.
	ErrAckBytes = errors.New("hub: the acks of a broadcast are too many bytes together")
	// ErrAcked: the event was acknowledged before, or asked for no acknowledgement.
	ErrAcked = errors.New("hub: no acknowledgement is wanted, or it was given")
	// ErrNoArgument: the event has fewer arguments than were asked for.
	ErrNoArgument = errors.New("hub: no such argument")
	// ErrRoomName: a room's name has 1 to RoomBytesMax bytes.
	ErrRoomName = errors.New("hub: the name of a room has 1 to 255 bytes")
	// ErrListening: the server listens already.
	ErrListening = errors.New("hub: the server listens already")
	// ErrNodeLost: another node was lost before it had answered.
	ErrNodeLost = errors.New("hub: a node was lost before it had answered")
	// ErrShutdown: the server is shutting down, or has.
	ErrShutdown = errors.New("hub: the server is shutting down")
	// ErrReservedEvent: the event's name belongs to the libraries.
	ErrReservedEvent = socketio.ErrReservedEvent
)

// FilesError is what Listen returns when Options.ConnectionsMax does not fit the limit of open files. Its fields say how
// many were Wanted, how many would Fit, and the limit in Files.
type FilesError = eventloop.FilesError

// ConnectError is what a middleware returns to refuse a connection with data: the client's connect_error event gets
// Message as its message and Data as its data. Any other error is sent as its text alone.
type ConnectError struct {
	Message string
	Data    any // encoded as JSON; nil for none
}

// Error returns the message.
func (e *ConnectError) Error() string { return e.Message }

// OptionsError is what Listen returns for options that cannot work: Err says which, and why.
type OptionsError struct{ Err error }

func (e *OptionsError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *OptionsError) Unwrap() error { return e.Err }
