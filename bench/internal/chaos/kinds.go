package chaos

import "slices"

// Kind is a way to be a bad client.
type Kind string

// The kinds. Each says what its connections do, and what a good server does about it; what they have in common is that no innocent
// client may notice them.
const (
	// Slow is a slow consumer: it joins a room that is being flooded, says now and then that it is alive, and never reads again. A good
	// server bounds what waits for it, and then cuts it off; without the bound its memory grows until it dies.
	Slow Kind = "slow"
	// HalfOpen is what a phone that has vanished looks like: in the namespace, then silent for ever. It reads nothing and answers no
	// ping. A good server gives it up after its heartbeat's interval and timeout.
	HalfOpen Kind = "half-open"
	// Silent upgrades and then never asks for a namespace. A good server closes it after its connect timeout, or by its heartbeat.
	Silent Kind = "silent"
	// Slowloris sends its request's head one byte a second, for ever. A good server has one deadline for the whole head, counted from
	// the accept, which no byte that arrives can put off: it answers 408 or closes.
	Slowloris Kind = "slowloris"
	// Malformed sends one malformed input on each connection, of a table of them: frames, packets and requests that break one rule each.
	// A good server refuses the request (4xx), or closes the connection with the rule's close code, at once.
	Malformed Kind = "malformed"
	// Oversized sends messages above the server's maxPayload: in one frame, in fragments, and as a mere header that announces a
	// terabyte. A good server closes with 1009 at the header that goes too far, and allocates nothing for what has not arrived.
	Oversized Kind = "oversized"
	// ChurnFlood connects and closes at once, with FIN and RST by turns, half of them behind an upgrade request. A good server frees
	// everything with the connection; if it has a rate limit for handshakes, it must not be one that shuts out the innocent.
	ChurnFlood Kind = "churn-flood"
	// Hoarder joins room after room and leaves none. A good server spends few bytes on each membership, and with the connection they
	// are all gone.
	Hoarder Kind = "hoarder"
	// PingFlood sends WebSocket pings without end and reads no pong. A good server keeps at most a bounded number of pongs for it, and
	// gives the other connections their turn.
	PingFlood Kind = "ping-flood"
	// EventFlood sends events without end, each of which the server answers, and reads the answers. A good server gives the other
	// connections their turn, and lets this one have no more than its rate, or cuts it off.
	EventFlood Kind = "event-flood"
	// NamespaceFlood asks for one namespace after the other that there is not. A good server refuses each and keeps nothing of it.
	NamespaceFlood Kind = "namespace-flood"
	// SlowBody begins a session by polling, announces a large body, and sends a byte of it each second. A good server wants more than
	// that: it answers 408 or closes.
	SlowBody Kind = "slow-body"
	// HugeHead sends a request's head of a megabyte. A good server answers 431 once it is larger than any that means well, or closes.
	HugeHead Kind = "huge-head"
	// ResetFlood connects and resets as soon as the connection is there, which the server may not even have accepted. A good server
	// takes no notice of it.
	ResetFlood Kind = "reset-flood"
)

// Description is a kind for people.
type Description struct {
	Kind    Kind
	Does    string // what its connections do
	Wanted  string // what a good server does about it
	Example string // as parseSpec reads it
}

// Kinds lists all kinds.
func Kinds() []Description { return slices.Clone(kinds) }

var kinds = []Description{
	{Slow, "joins the flooded room and never reads again", "bounds its backlog and cuts it off", "slow=5%"},
	{HalfOpen, "connected, then silent for ever: reads nothing, answers no ping", "gives it up by the heartbeat", "half-open=1000"},
	{Silent, "upgrades and never asks for a namespace", "closes it after the connect timeout", "silent=500"},
	{Slowloris, "sends the request's head one byte a second", "408 or a close at the head's deadline", "slowloris=1000"},
	{Malformed, "sends a malformed request, frame or packet and comes again", "refuses it or closes with the right code, at once", "malformed=200/s"},
	{Oversized, "sends messages above maxPayload", "closes with 1009 at the header", "oversized=20/s"},
	{ChurnFlood, "connects and closes at once, FIN and RST by turns", "frees everything, and lets the innocent in", "churn-flood=500/s"},
	{Hoarder, "joins room after room, ten a second", "spends little on each, and frees them with the connection", "hoarder=10"},
	{PingFlood, "sends WebSocket pings without end and reads no pong", "bounds the pongs that wait, and serves the others", "ping-flood=5"},
	{EventFlood, "sends events that are answered, without end, and reads the answers", "limits their rate or cuts it off, and serves the others", "event-flood=5"},
	{NamespaceFlood, "asks for namespaces that there are not, without end", "refuses each, and keeps nothing", "namespace-flood=5"},
	{SlowBody, "polls, and sends the body of a POST one byte a second", "408 or a close at the body's deadline", "slow-body=500"},
	{HugeHead, "sends a request's head of a megabyte and comes again", "431 or a close, long before its end", "huge-head=50/s"},
	{ResetFlood, "connects and resets at once", "takes no notice", "reset-flood=1000/s"},
}

// known says whether there is such a kind.
func (k Kind) known() bool {
	return slices.ContainsFunc(kinds, func(d Description) bool { return d.Kind == k })
}

// comes says that the kind's connections are short and come at a rate; the others' are held.
func (k Kind) comes() bool {
	return k == Malformed || k == Oversized || k == ChurnFlood || k == HugeHead || k == ResetFlood
}
