// Package webhook calls the backend of an application: synchronously to ask it whether a client may connect or join, and to
// hand it a client's event, and asynchronously to notify it of who came, who went, and which rooms have members.
//
// There is one URL, to which everything is sent as a POST with a JSON body and a signature (Verify is its other side).
// docs/WEBHOOKS.md describes the messages for those who write backends.
//
// A backend may be slow, down or broken, and nothing here may be stalled by it. A synchronous call ends within its timeout,
// no more than InFlightMax of them wait at once, and while the backend does not answer at all they fail at once. Events
// that it is slow with take neither the places nor the permission of connects and joins. Notify never waits; what the
// backend does not take in time is dropped and counted.
package webhook

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Config says where the backend is and what may be asked of it. A zero field has the default that limits.go names.
type Config struct {
	// URL is where everything is sent: http or https. What it holds of a password or a query appears in no log and no error.
	URL string
	// Secrets sign what is sent, each with a signature of its own, so that a secret can be replaced while the backend knows
	// the old one or the new one. Each has SecretBytesMin bytes or more. Without any, nothing is signed.
	Secrets [][]byte
	// Version goes into the User-Agent header: starling/<version>.
	Version string

	// Timeout bounds a call and each attempt to send a batch, from the start to the last byte of the reply.
	Timeout time.Duration
	// InFlightMax bounds the calls that wait for the backend at once. Beyond it they fail with ErrBusy. Events do so beyond
	// three quarters of it, but one of them always has a place: slow ones keep nobody from connecting and joining.
	InFlightMax int
	// FailuresMax is how many calls in a row may fail to reach the backend, or time out, until calls fail at once with
	// ErrUnavailable. Connects and joins are counted together, and events on their own.
	FailuresMax int
	// PauseMin is for how long they do then. Each time that the backend is still not there it doubles, up to PauseMax.
	PauseMin, PauseMax time.Duration

	// RateMax bounds the batches sent in a second, repeated ones included.
	RateMax float64
	// QueueMax and QueueBytesMax bound the notifications that wait, those on their way included. Beyond them Notify drops.
	QueueMax int
	// QueueBytesMax is the bound in bytes of memory, about.
	QueueBytesMax int
	// BatchMax and BatchBytesMax bound a batch, in notifications and in bytes of its body. One notification always fits.
	BatchMax int
	// BatchBytesMax is the bound in bytes.
	BatchBytesMax int
	// BatchDelay is how long a notification may wait for company.
	BatchDelay time.Duration
	// RetriesMax is how often a batch is sent again that did not arrive, until it is dropped; NoRetries for never.
	RetriesMax int
	// RetryTimeMin is the pause before the first time. Each pause is three times the one before, up to RetryTimeMax, give or
	// take a fifth.
	RetryTimeMin, RetryTimeMax time.Duration

	// Observe is told of each call and of each attempt to send a batch: its kind, its outcome and how long it took. Those that
	// were refused before anything was sent (OutcomeBusy, OutcomeUnavailable, OutcomeClosed) are only counted. It is called
	// from many goroutines and must not block. Nil: nobody is told.
	Observe func(kind, outcome string, took time.Duration)
	// Client sends the requests, in place of one made for this purpose. Its redirects are refused all the same.
	Client *http.Client
	// Now is the clock that messages and signatures are stamped with; nil is time.Now.
	Now func() time.Time
	// Logger gets what an operator should know, a few lines a minute at most; nil is slog.Default.
	Logger *slog.Logger
}

// ConnectRequest asks whether a client may connect.
type ConnectRequest struct {
	SID       string          `json:"sid"` // the socket id that it will have
	Namespace string          `json:"nsp"`
	Address   string          `json:"address"`
	Auth      json.RawMessage `json:"auth,omitempty"` // what the client sent as its auth; nil: nothing
	Query     url.Values      `json:"query,omitempty"`
	Header    http.Header     `json:"headers,omitempty"` // those that the backend is to see; sent with names in lower case
}

// ConnectReply is who the client is and what it may do. The zero value is an anonymous client that may do nothing.
type ConnectReply struct {
	User  string          `json:"user"`
	Join  []string        `json:"join"`  // rooms to join at once
	Rooms []string        `json:"rooms"` // patterns of rooms that it may join
	Emit  []string        `json:"emit"`  // patterns of rooms that it may emit to
	Data  json.RawMessage `json:"data"`  // shown to others; nil: nothing
	TTL   int64           `json:"ttl"`   // seconds until it is disconnected; 0: never
}

// JoinRequest asks whether a client may join a room that its rights do not cover.
type JoinRequest struct {
	SID       string `json:"sid"`
	User      string `json:"user,omitempty"`
	Namespace string `json:"nsp"`
	Room      string `json:"room"`
}

// EventRequest is an event of a client.
type EventRequest struct {
	SID       string            `json:"sid"`
	User      string            `json:"user,omitempty"`
	Namespace string            `json:"nsp"`
	Event     string            `json:"event"`
	Args      []json.RawMessage `json:"args"`
}

// EventReply is the backend's acknowledgement.
type EventReply struct {
	Ack []json.RawMessage // its arguments; nil: the backend gave none
}

// What Notification.Type may be.
const (
	TypeConnected    = "connected"
	TypeDisconnected = "disconnected"
	TypeRoomOccupied = "room_occupied"
	TypeRoomVacated  = "room_vacated"
)

// Notification tells the backend what has happened. Which fields matter depends on Type; empty ones are not sent.
type Notification struct {
	Type      string
	SID       string
	User      string
	Namespace string
	Room      string
	Reason    string
	Time      time.Time // zero: now
}

// The kinds of calls, in Stats and for Observe.
const (
	KindConnect = "connect"
	KindJoin    = "join"
	KindEvent   = "event"
	KindBatch   = "batch"
)

// The outcomes of calls, in Stats and for Observe.
const (
	OutcomeOK          = "ok"
	OutcomeRefused     = "refused"     // RefusedError
	OutcomeStatus      = "status"      // StatusError
	OutcomeReply       = "reply"       // ErrReply or ErrReplyBytes
	OutcomeTimeout     = "timeout"     // ErrTimeout
	OutcomeConnection  = "connection"  // ErrConnection
	OutcomeCanceled    = "canceled"    // the caller's context was done first
	OutcomeBusy        = "busy"        // ErrBusy
	OutcomeUnavailable = "unavailable" // ErrUnavailable
	OutcomeClosed      = "closed"      // ErrClosed
)

// Stats are counters since New, and what is under way now.
type Stats struct {
	Calls []CallCount // for each kind and each outcome that it can have, also those that have not occurred

	Notified int64 // calls of Notify; always the sum of Sent, Dropped.Total() and Waiting
	Sent     int64 // notifications that the backend has taken
	Dropped  Drops // those that it will not get
	Waiting  int   // those that wait, those on their way included
	// WaitingBytes is the memory that they hold, about.
	WaitingBytes int
	// Lag is how long the first of them has been waiting; 0 if there is none.
	Lag time.Duration

	Retried     int64    // batches, and calls, sent again
	InFlight    int      // calls that wait for the backend
	Pauses      int64    // how often calls, of all kinds but batches, began or went on to fail at once
	Unavailable []string // the kinds of those that do so now; connects and joins always together
}

// CallCount is how many calls of a kind had an outcome.
type CallCount struct {
	Kind, Outcome string
	Count         int64
}

// Drops counts dropped notifications by why they were.
type Drops struct {
	Full    int64 // QueueMax or QueueBytesMax were reached
	GaveUp  int64 // RetriesMax were made
	Refused int64 // the backend answered their batch with a status that asks for no other try
	Closed  int64 // Close did not get to them, or they came after it
}

// Total is the number of notifications dropped.
func (d Drops) Total() int64 { return d.Full + d.GaveUp + d.Refused + d.Closed }
