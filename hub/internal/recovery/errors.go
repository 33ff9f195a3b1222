package recovery

import "errors"

// Why a session is not recovered. Each means that something might be missing from what the client would get; it is given a
// new session instead.
var (
	// ErrOffset is a string that no journal has given out. The stock client takes the last argument of any event for an
	// offset if it is a string, also of a volatile one; then it cannot say what it has received.
	ErrOffset = errors.New("recovery: not an offset")
	// ErrOffsetAhead is an offset of this journal that no message has had yet.
	ErrOffsetAhead = errors.New("recovery: offset of a message that was not sent yet")
	// ErrHistory is an offset from when the socket was in rooms that its history had to forget (HistoryLeftMax).
	ErrHistory = errors.New("recovery: the socket has left too many rooms since")
	// ErrAge is a session that may need what was forgotten by age: it broke again soon after a replay of old messages, or came
	// so late, or so many rooms were pressed out by Limits.BytesMax that it is not known any more which.
	ErrAge = errors.New("recovery: older than what is kept")
	// ErrDropped is a session whose rooms had messages that went early, for Limits.RoomBytesMax or Limits.BytesMax.
	ErrDropped = errors.New("recovery: a room has had more messages than are kept")
	// ErrForgotten is a session that was meant by an act while its client was on the way back: see Journal.Begin.
	ErrForgotten = errors.New("recovery: the socket was taken out of a room, or disconnected, while it was away")
	// ErrReplayBytes is a client that has missed more than Limits.ReplayBytesMax.
	ErrReplayBytes = errors.New("recovery: more was missed than can be sent at once")
)
