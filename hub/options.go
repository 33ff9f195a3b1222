package hub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto"
	"starling/wsproto/socketio"
)

// Options describe a server. The zero value of each field stands for its default.
type Options struct {
	// Path is what the path of a request begins with; default PathDefault. Requests outside of it go to Handler.
	Path string
	// PingInterval and PingTimeout set the heartbeat: a client is given up this long after its last sign of life.
	PingInterval, PingTimeout time.Duration
	// PayloadBytesMax bounds one message of a client, in bytes. A client that exceeds it is disconnected.
	PayloadBytesMax int
	// ConnectTimeout is how long a connection may live without being in a namespace.
	ConnectTimeout time.Duration
	// HandshakeTimeout is how long a client may take from connecting to the end of its request head.
	HandshakeTimeout time.Duration
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

	// ForgetHandshake drops what a connection's request said when its first OnConnect has returned: Socket.Handshake
	// is empty from then on. It saves the size of the request head, some 500 bytes with a browser, for each connection.
	ForgetHandshake bool
	// ShareAddr allows other processes to listen on the same address; the kernel then spreads the connections.
	ShareAddr bool
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
	orDefault(&o.ConnectTimeout, ConnectTimeoutDefault)
	orDefault(&o.HandshakeTimeout, session.HandshakeTimeMax)
	orDefault(&o.ShutdownTimeout, ShutdownTimeoutDefault)
	orDefault(&o.HandlersMax, HandlersMaxDefault)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
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
	check(o.Loops >= 0 && o.Loops <= LoopsMax, "Loops %d is not within 0 and %d", o.Loops, LoopsMax)
	check(o.ConnectionsMax >= 0, "ConnectionsMax %d is negative", o.ConnectionsMax)
	check(o.OutboundBytesPerConnMax >= 0, "OutboundBytesPerConnMax %d is negative", o.OutboundBytesPerConnMax)
	check(o.OutboundBytesMax >= 0, "OutboundBytesMax %d is negative", o.OutboundBytesMax)
	check(o.HandlersMax > 0, "HandlersMax %d is negative", o.HandlersMax)
	checkTime := func(name string, d time.Duration) {
		check(d >= TimeMin && d <= TimeMax, "%s %v is not within %v and %v", name, d, TimeMin, TimeMax)
	}
	checkTime("PingInterval", o.PingInterval)
	checkTime("PingTimeout", o.PingTimeout)
	checkTime("ConnectTimeout", o.ConnectTimeout)
	checkTime("HandshakeTimeout", o.HandshakeTimeout)
	checkTime("ShutdownTimeout", o.ShutdownTimeout)
	return errors.Join(errs...)
}

// busyResponse is what a connection beyond the cap gets.
const busyResponse = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

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

// sessionConfig is the part that concerns Engine.IO.
func (o *Options) sessionConfig(busy func() bool, foreign *eventloop.Listener) *session.Config {
	return &session.Config{
		Path: o.Path, PingInterval: o.PingInterval, PingTimeout: o.PingTimeout,
		HandshakeTime: o.HandshakeTimeout, UpperTime: o.ConnectTimeout,
		Frames: wsproto.Limits{MessageBytesMax: o.PayloadBytesMax, FragmentsMax: wsproto.FragmentsMax},
		Random: rand.Reader, Foreign: foreign, Busy: busy, Logger: o.Logger,
	}
}

// packetLimits is the part that concerns Socket.IO. A packet and its attachments are several messages; together they may
// have twice the size of one, so that an attachment of the largest size has room beside its packet.
func (o *Options) packetLimits() *socketio.Limits {
	return &socketio.Limits{BytesMax: 2 * o.PayloadBytesMax}
}
