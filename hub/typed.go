package hub

import (
	"fmt"

	"starling/wsproto/socketio"
)

// Ack acknowledges an event with the given arguments; only the first call counts. It may be called later and from any
// goroutine, and is never nil: where the client wants no acknowledgement it does nothing and returns ErrAcked.
type Ack func(args ...any) error

// ArgumentError is what OnError gets for an event whose argument does not fit its typed handler.
type ArgumentError struct {
	Event string
	Err   error // ErrNoArgument, or what decoding has found
}

func (e *ArgumentError) Error() string { return fmt.Sprintf("hub: event %q: %v", e.Event, e.Err) }

// Unwrap returns Err.
func (e *ArgumentError) Unwrap() error { return e.Err }

// On sets the handler of an event with one argument, which is decoded into a T as [Arguments.Bind] does; further ones are
// ignored. An event whose argument does not fit is not handled, nor acknowledged, and goes to OnError as an
// [*ArgumentError]. The handler runs as those of [Namespace.On] do.
func On[T any](r Registrar, event string, handle func(s *Socket, arg T, ack Ack)) {
	r.On(event, typed(handle))
}

// OnLoop is [On] for a handler that runs on the loop of its socket and must not block; see [Namespace.OnLoop].
func OnLoop[T any](r Registrar, event string, handle func(s *Socket, arg T, ack Ack)) {
	r.OnLoop(event, typed(handle))
}

func typed[T any](handle func(*Socket, T, Ack)) func(*Socket, *Event) {
	_ = socketio.Pretouch(new(T)) // or the first client would wait for the decoder to be made
	return func(s *Socket, e *Event) {
		var arg T
		if err := e.Bind(&arg); err != nil {
			s.failed(&ArgumentError{e.Name(), err})
			return
		}
		handle(s, arg, ackOf(e))
	}
}

// ackOf takes the acknowledgement out of an event.
func ackOf(e *Event) Ack {
	acker := e.Acker()
	if acker == nil {
		return noAck
	}
	return acker.Ack
}

func noAck(...any) error { return ErrAcked }

// DataOf returns what [Socket.SetData] has attached to a socket, if it is a T.
func DataOf[T any](s *Socket) (v T, ok bool) {
	v, ok = s.Data().(T)
	return v, ok
}
