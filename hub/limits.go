package hub

import (
	"time"

	"starling/hub/internal/rooms"
)

// Defaults and bounds, each with its reason in docs/LIMITS.md. The defaults that Socket.IO has too are the same.
const (
	// PathDefault is where clients look for the server.
	PathDefault = "/socket.io/"
	// PingIntervalDefault is the time from one heartbeat to the next.
	PingIntervalDefault = 25 * time.Second
	// PingTimeoutDefault is how long a client may take to answer a heartbeat.
	PingTimeoutDefault = 20 * time.Second
	// PayloadBytesMaxDefault bounds one message of a client, in bytes.
	PayloadBytesMaxDefault = 1_000_000
	// ConnectPayloadBytesMaxDefault bounds one message of a client that has not been let into a namespace yet, in bytes.
	ConnectPayloadBytesMaxDefault = 64 << 10
	// ControlRateMaxDefault bounds how many packets that mean nothing to Socket.IO a client may send in a second.
	ControlRateMaxDefault = 100
	// RateMax bounds all rates of single clients: one in a nanosecond.
	RateMax = 1_000_000_000
	// ConnectTimeoutDefault is how long a connection may live without being in a namespace.
	ConnectTimeoutDefault = 45 * time.Second
	// ShutdownTimeoutDefault is how long Serve waits for clients and handlers once its context is done.
	ShutdownTimeoutDefault = 10 * time.Second
	// HandlersMaxDefault bounds how many handlers run at once, each on a goroutine.
	HandlersMaxDefault = 10_000

	// TimeMin is the least value of any time among the options: the resolution of timers.
	TimeMin = 100 * time.Millisecond
	// TimeMax is the greatest, well below the 24.8 days at which the timers of JavaScript, with which clients watch the
	// heartbeat, overflow and fire at once.
	TimeMax = 24 * time.Hour
	// PayloadBytesMaxMax bounds Options.PayloadBytesMax: twice as much must be countable.
	PayloadBytesMaxMax = 1 << 30

	// AttachmentsTime is how long a client may take to send all attachments of a packet.
	AttachmentsTime = 10 * time.Second
	// NamespacesPerConnMax bounds how many namespaces a connection may be in, or have left.
	NamespacesPerConnMax = 100
	// ConnectsPerNamespaceMax bounds how often a connection may connect again to a namespace that it has left, or was refused by:
	// so often at once, and then once a second. To namespaces that there are not it may connect NamespacesPerConnMax times at once,
	// to all of them together, and then once a second.
	ConnectsPerNamespaceMax = 20
	// MailboxEventsMax and MailboxBytesMax bound what may wait for the handlers of one socket; a client that goes on
	// sending is disconnected, since nothing else can make it stop.
	MailboxEventsMax = 1024
	// MailboxBytesMax is the bound in bytes. One event always fits.
	MailboxBytesMax = 4 << 20
	// RoomBytesMax bounds the name of a room.
	RoomBytesMax = 255
	// ChildNamespacesMax bounds the children of one parent namespace.
	ChildNamespacesMax = 100_000
	// RoomEventsMax bounds the events that may wait for a namespace's OnRoom.
	RoomEventsMax = 1 << 18
	// ListMax bounds what ListSockets returns at once, and is its default.
	ListMax = rooms.PageItemsMax

	// MaxDisconnectionDurationDefault is how long a client may be away that wants its session back.
	MaxDisconnectionDurationDefault = 2 * time.Minute
	// RecoveryRoomBytesMaxDefault bounds what is kept of the messages to one room, in bytes.
	RecoveryRoomBytesMaxDefault = 1 << 20
	// RecoveryBytesMaxDefault bounds what is kept for a namespace, in bytes.
	RecoveryBytesMaxDefault = 256 << 20
	// RecoverySessionsMaxDefault bounds how many clients of a namespace may be away.
	RecoverySessionsMaxDefault = 200_000
	// shedTimeMax is how long ShedSlowest waits for each of the two answers of a loop.
	shedTimeMax = time.Second
	// inFlightReserve is how long a loop may be behind with what it is to send.
	inFlightReserve = 5 * time.Second

	// AcksPendingMax bounds the acks that may be awaited from one client.
	AcksPendingMax = 10_000
	// AckBytesMax bounds what the clients that one broadcast asks may answer together, in bytes of their arguments. One
	// answer always fits.
	AckBytesMax = 8 << 20
)
