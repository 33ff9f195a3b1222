package hub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"starling/eventloop"
	"starling/hub/cluster"
	"starling/hub/internal/session"
	"starling/wsproto"
	"starling/wsproto/socketio"
)

// Options describe a server. The zero value of each field stands for its default.
type Options struct {
	// Path is what the path of a request begins with; default PathDefault. Requests outside of it go to Handler.
	Path string
	// Transports are what clients may use: "polling" (HTTP long-polling), "websocket", or both, which is the default. With
	// both, clients that begin by polling are offered to go on over a WebSocket.
	Transports []string
	// PingInterval and PingTimeout set the heartbeat: a client is given up this long after its last sign of life.
	PingInterval, PingTimeout time.Duration
	// PayloadBytesMax bounds one message of a client, in bytes. A client that exceeds it is disconnected.
	PayloadBytesMax int
	// ConnectPayloadBytesMax is that bound for a client that has not been let into a namespace yet, if it is the smaller one: what
	// such a client has to say is the auth payload of its CONNECT. A POST that exceeds it is refused.
	ConnectPayloadBytesMax int
	// ConnectTimeout is how long a connection may live without being in a namespace.
	ConnectTimeout time.Duration
	// HandshakeTimeout is how long a client may take from connecting to the end of its request head.
	HandshakeTimeout time.Duration
	// UpgradeTimeout is how long a client that polls may take for each of the two steps to a WebSocket: from the request to its probe, and
	// from the answered probe to the end of the upgrade. Past it the WebSocket is closed and the session stays as it is.
	UpgradeTimeout time.Duration
	// ShutdownTimeout is how long Serve waits for clients and handlers once its context is done.
	ShutdownTimeout time.Duration

	// Loops is the number of event loops; default GOMAXPROCS, at most LoopsMax.
	Loops int
	// ConnectionsMax bounds the connections; default what the limit of open files allows.
	ConnectionsMax int
	// OutboundBytesPerConnMax bounds what may wait for a client that does not read, in bytes; past it the client is
	// disconnected.
	OutboundBytesPerConnMax int
	// OutboundBytesMax bounds what may wait for all such clients together, in bytes; past it the worst are disconnected
	// and nobody is let in.
	OutboundBytesMax int
	// HandlersMax bounds how many On handlers run at once.
	HandlersMax int

	// Origins are the pages that browsers may connect from, "https://app.example.com" each; the first label may be a
	// wildcard, and "*" alone allows all. Pages of the server's own origin, by the Host of the request, always may, and
	// clients that are no browser and send no Origin. The default allows nobody else, by either transport: a page of
	// another site could use its visitors' cookies. Those that are listed get CORS headers.
	Origins []string
	// Credentials lets listed pages send cookies when they poll (withCredentials). It does not go with "*".
	Credentials bool
	// AllowRequest is asked about the request of each new session. An error refuses it with status 403, and the client is
	// told the error's text. It is called on an event loop and must not block: what takes time belongs into Use. The
	// request has no body, and must not be kept.
	AllowRequest func(*http.Request) error
	// Cookie has clients that poll be given a cookie with their session's id, for load balancers that go by it. It must
	// have a name and no value; nil gives none.
	Cookie *http.Cookie
	// TrustedProxies are the addresses and CIDR ranges ("10.0.0.0/8", "loopback", "private") of proxies whose
	// X-Forwarded-For is believed for Handshake.Address; default none.
	TrustedProxies []string
	// ProxyProtocol has each connection begin with a PROXY protocol header, version 1 or 2, and come from one of
	// TrustedProxies; others are cut off.
	ProxyProtocol bool
	// ConnectRateMax bounds how many sessions may begin in a second, and at once after a quiet one; beyond it clients get
	// 503 and come again later. 0 is no bound.
	ConnectRateMax int
	// SessionsPerAddressMax bounds how many sessions one client address may have at once, on all loops together; of IPv6 it is the
	// /64 that counts. Beyond it clients get 503 and come again later. The address is that of Handshake.Address: behind a proxy
	// all clients are one unless TrustedProxies or ProxyProtocol tell them apart, and what comes over a Unix socket has none
	// and is not bounded. A client whose connection has broken counts until that is known, after PingInterval and PingTimeout
	// at the latest, so the bound should leave room for coming back. 0 is no bound.
	SessionsPerAddressMax int

	// ControlRateMax bounds the packets of one connection in a second that mean nothing to Socket.IO: pings and pongs of the
	// WebSocket, heartbeats that nobody waits for, packets that do nothing. Ten times as many may come at once after a quiet time.
	// Past it the client is disconnected, with ReasonFlood.
	ControlRateMax int
	// MessageRateMax bounds the messages of one connection in a second, in the same way: events, acknowledgements, attachments,
	// all that is no control packet. 0 is no bound.
	MessageRateMax int

	// NoCompression switches off the compression of large answers to clients that poll and ask for it.
	NoCompression bool
	// PerMessageDeflate agrees to permessage-deflate, which all clients offer: messages of 1 KiB and more go compressed.
	// It saves bytes and costs time: see docs/TRANSPORTS.md.
	PerMessageDeflate bool
	// ClientFiles are the browser builds of socket.io-client, the folder dist of its npm package: they are served below
	// Path, "/socket.io/socket.io.min.js" for instance. nil serves none.
	ClientFiles fs.FS

	// ForgetHandshake drops what a connection's request said when its first OnConnect has returned, and what a socket's CONNECT
	// said when its own has: Socket.Handshake and Socket.Auth are empty from then on. It saves the size of the request head, some 500 bytes with a browser, for each connection.
	ForgetHandshake bool
	// ShareAddr allows other processes to listen on the same address; the kernel then spreads the connections.
	ShareAddr bool
	// Parser is the format of the packets, which clients have to agree on with their option "parser": msgpack.Parser{} of
	// package wsproto/msgpack for socket.io-msgpack-parser, for instance. nil is Socket.IO's own.
	Parser Parser
	// Recovery gives clients whose connections break their sessions back; nil does not.
	Recovery *Recovery
	// Adapter makes the server one node of a cluster; nil is for a server that is alone. It serves one server, which closes
	// it at its end.
	Adapter cluster.Adapter
	// CleanupEmptyChildNamespaces has children of parent namespaces removed when their last sockets have left. A *Namespace
	// that is kept beyond that reaches nobody: the same name is another namespace next time.
	CleanupEmptyChildNamespaces bool

	// OnConnectionError is told of each request that is refused by Engine.IO. It runs on an event loop and must not block;
	// what it is given is borrowed.
	OnConnectionError func(ConnectionError)
	// Headers may add headers to the answers of Engine.IO, by all transports; first says that the answer begins a session. Those
	// that belong to the protocol cannot be changed. It runs on an event loop and must not block; r is only to be read.
	Headers func(h http.Header, r *http.Request, first bool)

	// ShutdownNotice is an event that all sockets are sent when a shutdown begins; "" is none.
	ShutdownNotice string
	// DrainTime is how long a shutdown takes to disconnect all clients, evenly, so that they do not all come to the next
	// server at once; 0 disconnects them at once.
	DrainTime time.Duration

	// Handler answers requests outside of Path on the same port; nil answers 404.
	Handler http.Handler
	// Logger takes the log; default slog.Default().
	Logger *slog.Logger
}

// LoopsMax bounds Options.Loops: an id has one byte for the number of its loop.
const LoopsMax = 256

// ensureDefaults fills in what was not set.
func (o *Options) ensureDefaults() {
	if o.Path == "" {
		o.Path = PathDefault
	}
	if !strings.HasSuffix(o.Path, "/") {
		o.Path += "/"
	}
	orDefault(&o.PingInterval, PingIntervalDefault)
	orDefault(&o.PingTimeout, PingTimeoutDefault)
	orDefault(&o.PayloadBytesMax, PayloadBytesMaxDefault)
	orDefault(&o.ConnectPayloadBytesMax, ConnectPayloadBytesMaxDefault)
	orDefault(&o.ControlRateMax, ControlRateMaxDefault)
	orDefault(&o.ConnectTimeout, ConnectTimeoutDefault)
	orDefault(&o.HandshakeTimeout, session.HandshakeTimeMax)
	orDefault(&o.UpgradeTimeout, session.UpgradeTimeMax)
	orDefault(&o.ShutdownTimeout, ShutdownTimeoutDefault)
	orDefault(&o.HandlersMax, HandlersMaxDefault)
	if o.Recovery != nil {
		r := *o.Recovery
		r.ensureDefaults()
		o.Recovery = &r
	}
	if len(o.Transports) == 0 {
		o.Transports = []string{"polling", "websocket"}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// loops is how many event loops there will be.
func (o *Options) loops() int {
	if o.Loops > 0 {
		return o.Loops
	}
	return runtime.GOMAXPROCS(0)
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// validate refuses what cannot work.
func (o *Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("hub: "+format, args...))
		}
	}
	check(strings.HasPrefix(o.Path, "/"), "Path %q does not begin with a slash", o.Path)
	check(o.PayloadBytesMax >= 1 && o.PayloadBytesMax <= PayloadBytesMaxMax, "PayloadBytesMax %d is not within 1 and %d", o.PayloadBytesMax, PayloadBytesMaxMax)
	check(o.ConnectPayloadBytesMax > 0, "ConnectPayloadBytesMax %d is negative", o.ConnectPayloadBytesMax)
	check(o.ControlRateMax > 0 && o.ControlRateMax <= RateMax, "ControlRateMax %d is not within 1 and %d", o.ControlRateMax, RateMax)
	check(o.MessageRateMax >= 0 && o.MessageRateMax <= RateMax, "MessageRateMax %d is not within 0 and %d", o.MessageRateMax, RateMax)
	check(o.Loops >= 0 && o.Loops <= LoopsMax, "Loops %d is not within 0 and %d", o.Loops, LoopsMax)
	check(o.ConnectionsMax >= 0, "ConnectionsMax %d is negative", o.ConnectionsMax)
	check(o.OutboundBytesPerConnMax >= 0, "OutboundBytesPerConnMax %d is negative", o.OutboundBytesPerConnMax)
	check(o.OutboundBytesMax >= 0, "OutboundBytesMax %d is negative", o.OutboundBytesMax)
	check(o.ConnectRateMax >= 0, "ConnectRateMax %d is negative", o.ConnectRateMax)
	check(o.SessionsPerAddressMax >= 0, "SessionsPerAddressMax %d is negative", o.SessionsPerAddressMax)
	for _, name := range o.Transports {
		check(name == "polling" || name == "websocket", "Transports has %q; there are polling and websocket", name)
	}
	check(!o.Credentials || len(o.Origins) > 0, "Credentials need Origins")
	check(!o.ProxyProtocol || len(o.TrustedProxies) > 0, "ProxyProtocol needs TrustedProxies")
	check(o.HandlersMax > 0, "HandlersMax %d is negative", o.HandlersMax)
	checkTime := func(name string, d time.Duration) {
		check(d >= TimeMin && d <= TimeMax, "%s %v is not within %v and %v", name, d, TimeMin, TimeMax)
	}
	checkTime("PingInterval", o.PingInterval)
	checkTime("PingTimeout", o.PingTimeout)
	checkTime("ConnectTimeout", o.ConnectTimeout)
	checkTime("HandshakeTimeout", o.HandshakeTimeout)
	checkTime("UpgradeTimeout", o.UpgradeTimeout)
	checkTime("ShutdownTimeout", o.ShutdownTimeout)
	check(o.DrainTime >= 0 && o.DrainTime <= TimeMax, "DrainTime %v is not within 0 and %v", o.DrainTime, TimeMax)
	check(!socketio.ReservedEvent(o.ShutdownNotice), "ShutdownNotice %q is a reserved event", o.ShutdownNotice)
	if r := o.Recovery; r != nil {
		checkTime("Recovery.MaxDisconnectionDuration", r.MaxDisconnectionDuration)
		check(r.RoomBytesMax > 0, "Recovery.RoomBytesMax %d is negative", r.RoomBytesMax)
		check(r.BytesMax > 0, "Recovery.BytesMax %d is negative", r.BytesMax)
		check(r.SessionsMax > 0, "Recovery.SessionsMax %d is negative", r.SessionsMax)
	}
	if len(errs) > 0 {
		return &OptionsError{errors.Join(errs...)}
	}
	return nil
}

// busyRetryAfter is after how many seconds a client that is turned away may come again.
const busyRetryAfter = "2"

// busyResponse is what a connection beyond the cap gets.
const busyResponse = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + busyRetryAfter + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// engineConfig is the part of the options that concerns bytes.
func (o *Options) engineConfig(addr string) eventloop.Config {
	return eventloop.Config{
		Addr: addr, Loops: o.Loops, ConnectionsMax: o.ConnectionsMax, ShareAddr: o.ShareAddr,
		Limits: eventloop.Limits{
			OutboundBytesPerConnMax: o.OutboundBytesPerConnMax,
			OutboundBytesMax:        o.OutboundBytesMax,
		},
		Refusal: []byte(busyResponse), Logger: o.Logger,
	}
}

// sessionConfig is the part that concerns Engine.IO. What concerns the world in front of the server is front's.
func (o *Options) sessionConfig() *session.Config {
	return &session.Config{
		Path: o.Path, Transports: o.Transports, PingInterval: o.PingInterval, PingTimeout: o.PingTimeout,
		HandshakeTime: o.HandshakeTimeout, UpgradeTime: o.UpgradeTimeout, UpperTime: o.ConnectTimeout,
		Frames:      wsproto.Limits{MessageBytesMax: o.PayloadBytesMax, FragmentsMax: wsproto.FragmentsMax},
		StrangerMax: o.ConnectPayloadBytesMax, ControlRate: session.NewRate(o.ControlRateMax), MessageRate: session.NewRate(o.MessageRateMax),
		HeldBytesMax: o.heldBytesMax(), AddressMax: o.SessionsPerAddressMax, Cookie: o.Cookie, NoCompression: o.NoCompression, Deflate: o.PerMessageDeflate,
		Allow: o.AllowRequest, Headers: o.Headers, Refused: o.refused(), ProxyHeader: o.ProxyProtocol, Random: rand.Reader, Logger: o.Logger,
	}
}

// heldBytesMax bounds what waits for a client that polls as for one that does not read.
func (o *Options) heldBytesMax() int {
	if o.OutboundBytesPerConnMax > 0 {
		return o.OutboundBytesPerConnMax
	}
	return eventloop.OutboundBytesPerConnMax
}

// packetLimits is the part that concerns Socket.IO. A packet and its attachments are several messages; together they may
// have twice the size of one, so that an attachment of the largest size has room beside its packet.
func (o *Options) packetLimits() *socketio.Limits {
	return &socketio.Limits{BytesMax: 2 * o.PayloadBytesMax}
}
