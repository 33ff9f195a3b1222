package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"starling/hub"
	"starling/wsproto/msgpack"
)

// transportFlags are the flags of every command that serves clients: the transports, their limits, and the log. Sizes are in
// bytes, times have a unit.
type transportFlags struct {
	Addr           string        `default:":8080" help:"Address to listen on, host:port. Port 0 picks a free one."`
	Path           string        `default:"/socket.io/" help:"Path that clients connect to."`
	Transports     []string      `default:"polling,websocket" help:"What clients may use: polling, websocket."`
	Loops          int           `default:"0" help:"Event loops, each keeping one core busy. 0 is one for each core."`
	PingInterval   time.Duration `default:"25s" help:"Time from one heartbeat to the next. All times are within 100ms and 24h."`
	PingTimeout    time.Duration `default:"20s" help:"Time that a client may take to answer a heartbeat."`
	MaxPayload     int           `default:"1000000" help:"Largest message that a client may send, in bytes."`
	ConnectTimeout time.Duration `default:"45s" help:"Time that a client may take to connect to a namespace."`
	UpgradeTimeout time.Duration `default:"10s" help:"Time that a client may take to go over from polling to a WebSocket."`
	DrainTime      time.Duration `default:"0s" help:"Time over which SIGTERM disconnects the clients, evenly, so that they do not all come to the next server at once. 0 disconnects them at once."`
	DrainTimeout   time.Duration `default:"10s" help:"Time that SIGTERM gives clients and handlers to finish when --drain-time is over. It is a bound: if all have finished nobody waits, and what is left then is cut off."`
	ShutdownNotice string        `help:"Name of an event that all clients are sent at SIGTERM, before the first of them is disconnected."`

	Parser          string        `enum:"standard,msgpack" default:"standard" help:"Format of the packets: standard, or msgpack for clients that have socket.io-msgpack-parser as their parser. Clients of another format are disconnected."`
	Recovery        time.Duration `default:"0s" help:"Time that a client whose connection broke may be away and still get back its id, its rooms and all that it has missed. It costs the memory of the messages of that time, up to --recovery-max for a namespace, and each event gets an argument more. 0 is off."`
	RecoveryRoomMax int           `default:"1048576" help:"Bytes of the messages to one room or client that are kept for recovery; past it the oldest go, and who would need them begins anew."`
	RecoveryMax     int           `default:"268435456" help:"Bytes of all that is kept for recovery in one namespace; past it the oldest go."`

	Origins        []string `help:"Pages of other origins that may connect from a browser: https://app.example.com,https://*.example.org, or * for all. Pages of the server's own origin always may."`
	Credentials    bool     `help:"Let these pages send cookies when they poll."`
	Cookie         string   `help:"Name of a cookie with the session's id for clients that poll, for load balancers that go by it."`
	TrustedProxies []string `help:"Addresses and ranges of proxies whose X-Forwarded-For is believed: 10.0.0.0/8,loopback,private."`
	ProxyProtocol  bool     `help:"Connections begin with a PROXY protocol header, version 1 or 2, and come from --trusted-proxies alone."`
	ConnectRate    int      `default:"0" help:"Sessions that may begin in a second; further clients get 503 and come again. 0 is no bound."`

	HTTPCompression   bool `default:"true" negatable:"" help:"Compress large answers to clients that poll and ask for it."`
	PerMessageDeflate bool `help:"Agree to permessage-deflate on WebSockets: saves bytes, costs time."`
	Client            bool `default:"true" negatable:"" help:"Serve the browser builds of socket.io-client below --path, if they were built in."`

	ConnectionsMax     int  `default:"0" help:"Connections that are admitted. 0 is as many as the limit of open files allows."`
	OutboundPerConnMax int  `default:"1048576" help:"Bytes that may wait for one client that does not read; past it the client is disconnected."`
	OutboundMax        int  `default:"268435456" help:"Bytes that may wait for all such clients together; past it the worst are disconnected and nobody is let in."`
	HandlersMax        int  `default:"10000" help:"Handlers that may run at once off the loops."`
	ShareAddr          bool `help:"Let other processes listen on the same address."`

	LogFormat string `enum:"text,json" default:"text" help:"Format of the log on standard error: text or json."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: debug, info, warn or error."`
}

func (c *transportFlags) options(log *slog.Logger) hub.Options {
	return hub.Options{
		Path: c.Path, Transports: c.Transports, Loops: c.Loops, PingInterval: c.PingInterval, PingTimeout: c.PingTimeout,
		PayloadBytesMax: c.MaxPayload, ConnectTimeout: c.ConnectTimeout, UpgradeTimeout: c.UpgradeTimeout, ShutdownTimeout: c.DrainTimeout,
		Origins: c.Origins, Credentials: c.Credentials, Cookie: c.cookie(), TrustedProxies: c.TrustedProxies,
		ProxyProtocol: c.ProxyProtocol, ConnectRateMax: c.ConnectRate,
		NoCompression: !c.HTTPCompression, PerMessageDeflate: c.PerMessageDeflate,
		ConnectionsMax: c.ConnectionsMax, OutboundBytesPerConnMax: c.OutboundPerConnMax, OutboundBytesMax: c.OutboundMax,
		HandlersMax: c.HandlersMax, ShareAddr: c.ShareAddr, ForgetHandshake: true, Logger: log,
		Parser: c.parser(), Recovery: c.recovery(), ShutdownNotice: c.ShutdownNotice, DrainTime: c.DrainTime,
	}
}

// parser is the format of the packets, nil for the standard one.
func (c *transportFlags) parser() hub.Parser {
	if c.Parser == "msgpack" {
		return msgpack.Parser{}
	}
	return nil
}

// recovery is nil when clients do not get their sessions back.
func (c *transportFlags) recovery() *hub.Recovery {
	if c.Recovery == 0 {
		return nil
	}
	return &hub.Recovery{MaxDisconnectionDuration: c.Recovery, RoomBytesMax: c.RecoveryRoomMax, BytesMax: c.RecoveryMax}
}

// cookie is the template of the session's cookie, as the reference server has it.
func (c *transportFlags) cookie() *http.Cookie {
	if c.Cookie == "" {
		return nil
	}
	return &http.Cookie{Name: c.Cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// validate refuses values that cannot work, by the name of their flag.
func (c *transportFlags) validate() error {
	isTime := func(d time.Duration) bool { return hub.TimeMin <= d && d <= hub.TimeMax }
	for _, rule := range []struct {
		ok    bool
		flag  string
		value any
		want  string
	}{
		{isListenAddr(c.Addr), "addr", c.Addr, "be host:port, with a port from 0 to 65535"},
		{strings.HasPrefix(c.Path, "/"), "path", c.Path, "begin with a slash"},
		{c.Loops >= 0 && c.Loops <= hub.LoopsMax, "loops", c.Loops, fmt.Sprintf("be within 0 and %d", hub.LoopsMax)},
		{isTime(c.PingInterval), "ping-interval", c.PingInterval, timeRange},
		{isTime(c.PingTimeout), "ping-timeout", c.PingTimeout, timeRange},
		{isTime(c.ConnectTimeout), "connect-timeout", c.ConnectTimeout, timeRange},
		{isTime(c.UpgradeTimeout), "upgrade-timeout", c.UpgradeTimeout, timeRange},
		{c.DrainTime >= 0 && c.DrainTime <= hub.TimeMax, "drain-time", c.DrainTime, "be within 0s and 24h"},
		{isTime(c.DrainTimeout), "drain-timeout", c.DrainTimeout, timeRange},
		{c.Recovery == 0 || isTime(c.Recovery), "recovery", c.Recovery, "be 0s, or " + withinTimes},
		{c.RecoveryRoomMax >= 1, "recovery-room-max", c.RecoveryRoomMax, "be at least 1"},
		{c.RecoveryMax >= c.RecoveryRoomMax, "recovery-max", c.RecoveryMax, "be at least --recovery-room-max"},
		{c.MaxPayload >= 1 && c.MaxPayload <= hub.PayloadBytesMaxMax, "max-payload", c.MaxPayload, fmt.Sprintf("be within 1 and %d", hub.PayloadBytesMaxMax)},
		{areTransports(c.Transports), "transports", strings.Join(c.Transports, ","), "be polling, websocket or both"},
		{!c.Credentials || len(c.Origins) > 0, "credentials", c.Credentials, "come with --origins"},
		{!c.ProxyProtocol || len(c.TrustedProxies) > 0, "proxy-protocol", c.ProxyProtocol, "come with --trusted-proxies"},
		{c.ConnectRate >= 0, "connect-rate", c.ConnectRate, "be 0 or more"},
		{c.ConnectionsMax >= 0, "connections-max", c.ConnectionsMax, "be 0 or more"},
		{c.OutboundPerConnMax >= 1, "outbound-per-conn-max", c.OutboundPerConnMax, "be at least 1"},
		{c.OutboundMax >= c.OutboundPerConnMax, "outbound-max", c.OutboundMax, "be at least --outbound-per-conn-max"},
		{c.HandlersMax >= 1, "handlers-max", c.HandlersMax, "be at least 1"},
	} {
		if !rule.ok {
			return fmt.Errorf("--%s must %s, not %v", rule.flag, rule.want, rule.value)
		}
	}
	return nil
}

const timeRange = "be " + withinTimes

const withinTimes = "within 100ms and 24h"

// areTransports reports whether all of the names are transports, and there is one.
func areTransports(names []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return name != "polling" && name != "websocket" })
}

// isListenAddr reports whether addr has the form of an address to listen on. Whether its host exists shows later.
func isListenAddr(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

// explain names the flag that would help.
func (c *transportFlags) explain(err error) error {
	var files *hub.FilesError
	if errors.As(err, &files) {
		return usageError{fmt.Errorf("--connections-max %d does not fit into the limit of %d open files: use at most %d, or raise the limit (ulimit -n, or LimitNOFILE= with systemd)",
			files.Wanted, files.Files, files.Fit)}
	}
	if errors.As(err, new(*hub.OptionsError)) {
		return usageError{err}
	}
	return fmt.Errorf("cannot listen on --addr %s: %w", c.Addr, err)
}

func (c *transportFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong has checked it
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
