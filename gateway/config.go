package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"starling/gateway/access"
	"starling/gateway/webhook"
	"starling/hub"
)

// What the backend can be asked and told by webhook.
const (
	HookConnect      = "connect"       // who is a client that shows no token?
	HookJoin         = "join"          // may a client join a room that it has no right to?
	HookEvent        = "event"         // an event of a client, to be acknowledged
	HookConnected    = "connected"     // a client has connected
	HookDisconnected = "disconnected"  // a client has disconnected
	HookRoomOccupied = "room_occupied" // a room has its first member
	HookRoomVacated  = "room_vacated"  // a room has lost its last member
)

// Hooks are all of them.
var Hooks = []string{HookConnect, HookJoin, HookEvent, HookConnected, HookDisconnected, HookRoomOccupied, HookRoomVacated}

// Config describes a gateway.
type Config struct {
	// Addr is where clients connect, "host:port".
	Addr string
	// Hub are the options of the server of package hub. The gateway sets Handler itself.
	Hub hub.Options
	// Namespaces are those that clients may connect to; default "/" alone. All have the same rules.
	Namespaces []string

	// Tokens says whose tokens are believed; nil is nobody's.
	Tokens *access.VerifierConfig
	// TokenQuery is a parameter of the query of the client's request that may have the token; "" is none. What is in a
	// query tends to be in logs.
	TokenQuery string
	// Anonymous lets clients without a token connect. They have no right to any room.
	Anonymous bool
	// Dev is for trying things out: it makes a secret for tokens and a key for the control API up, lets clients without a token do
	// nearly everything, and serves the playground.
	Dev bool

	// ClientEvents are the names of events that clients may emit to others: exact, or with a * at the end. There is no default:
	// without any they may not.
	ClientEvents []string
	// EventsRate bounds the events of a socket in a second, EventsBurst those at once after a quiet time; 0 is no bound.
	EventsRate, EventsBurst int
	// BytesRate and BytesBurst bound the bytes of its events in the same way.
	BytesRate, BytesBurst int
	// SocketsPerUserMax bounds the sockets of one user at once; 0 is no bound.
	SocketsPerUserMax int
	// RoomsPerSocketMax bounds the rooms that a client may have joined; past it the backend alone puts it into more. 0 is no bound.
	RoomsPerSocketMax int

	// Webhook is where the backend is; nil: there are no webhooks.
	Webhook *webhook.Config
	// WebhookSecretFiles are files with one more of Webhook.Secrets each, which Reload reads again.
	WebhookSecretFiles []string
	// Hooks are what the backend is asked and told; default nothing.
	Hooks []string
	// WebhookEvents are the names of the events that the backend gets, in the form of ClientEvents.
	WebhookEvents []string

	// APIAddr is where the control API listens, "host:port"; "" is nowhere.
	APIAddr string
	// APIKeys are keys that may do everything, and APIKeyFile is a file with others; see docs/CONTROL-API.md.
	APIKeys    []string
	APIKeyFile string
	// EventBytesMax bounds the body of a request to the control API, in bytes; 0 is a default.
	EventBytesMax int
	// MetricsPublic opens /metrics to whoever reaches the control API, Pprof serves profiles there to keys that may manage.
	MetricsPublic, Pprof bool

	// MemoryMax is how many bytes the process may use: near it new clients are refused, and then the slowest disconnected. 0 is the limit
	// of the process's cgroup, if there is one.
	MemoryMax int64

	// OnDrain is told over what time the control API drains the server, before that begins and at each request to hasten it; nil is
	// for nobody. It must not wait.
	OnDrain func(over time.Duration)

	// Version is that of the server, for the API and the metrics.
	Version string
	// Logger takes the log; default slog.Default().
	Logger *slog.Logger
}

// Errors of New.
var (
	// ErrNoTokens: nobody could connect.
	ErrNoTokens = errors.New("gateway: nobody could connect: there are neither Tokens, nor the connect hook, nor Anonymous, nor Dev")
	// ErrHook: a hook has no such name, or there is no Webhook to call.
	ErrHook = errors.New("gateway: no such hook")
	// ErrEventNames: a name of an event, in ClientEvents or WebhookEvents, is empty or has its * not at the end.
	ErrEventNames = errors.New("gateway: the * of an event's name is its last character")
)

// complete checks the configuration, as far as those do not who get their parts of it, and fills in defaults.
func (c *Config) complete() error {
	for _, hook := range c.Hooks {
		if !slices.Contains(Hooks, hook) || c.Webhook == nil {
			return fmt.Errorf("%w: %q", ErrHook, hook)
		}
	}
	if c.Tokens == nil && !c.Anonymous && !c.Dev && !slices.Contains(c.Hooks, HookConnect) {
		return ErrNoTokens
	}
	for _, name := range slices.Concat(c.ClientEvents, c.WebhookEvents) {
		if i := strings.IndexByte(name, '*'); name == "" || i >= 0 && i != len(name)-1 {
			return fmt.Errorf("%w, unlike in %q", ErrEventNames, name)
		}
	}
	if len(c.Namespaces) == 0 {
		c.Namespaces = []string{"/"}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// names are names of events: exact, or with a * at the end for any rest.
type names []string

func (n names) match(event string) bool {
	return slices.ContainsFunc(n, func(name string) bool {
		prefix, open := strings.CutSuffix(name, "*")
		return event == name || open && strings.HasPrefix(event, prefix)
	})
}
