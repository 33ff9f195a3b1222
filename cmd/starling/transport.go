package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"starling/hub"
	"starling/wsproto/msgpack"
)

// transportFlags are the flags of every command that serves clients: the transports, their limits, and the log. What they
// take is in rules.go. The tag unit says what a number counts, empty what it means that nothing was given.
type transportFlags struct {
	Addr       string   `group:"Listening" default:":8080" help:"Address to listen on, host:port. Port 0 picks a free one."`
	Path       string   `group:"Listening" default:"/socket.io/" help:"Path that clients connect to."`
	Transports []string `group:"Listening" default:"polling,websocket" help:"What clients may use."`
	Loops      int      `group:"Listening" default:"0" unit:"loops" help:"Event loops, each keeping one core busy. 0 is one for each core."`
	ShareAddr  bool     `group:"Listening" help:"Let other processes listen on the same address."`
	Client     bool     `group:"Listening" default:"true" negatable:"" help:"Serve the browser builds of socket.io-client below --path, if they were built in."`

	PingInterval      time.Duration `group:"Protocol" default:"25s" help:"Time from one heartbeat to the next."`
	PingTimeout       time.Duration `group:"Protocol" default:"20s" help:"Time that a client may take to answer a heartbeat."`
	ConnectTimeout    time.Duration `group:"Protocol" default:"45s" help:"Time that a client may take to connect to a namespace."`
	UpgradeTimeout    time.Duration `group:"Protocol" default:"10s" help:"Time that a client may take for each of the two steps from polling to a WebSocket: to its probe, and from the answered probe to the end."`
	MaxPayload        int           `group:"Protocol" default:"1000000" unit:"bytes" help:"Largest message that a client may send."`
	MaxConnectPayload int           `group:"Protocol" default:"65536" unit:"bytes" help:"Largest message of a client that has not been let into a namespace yet, if --max-payload does not allow less: that is where its auth payload comes."`
	Parser            string        `group:"Protocol" default:"standard" help:"Format of the packets: standard, or msgpack for clients that have socket.io-msgpack-parser as their parser. Clients of another format are disconnected."`
	HTTPCompression   bool          `group:"Protocol" default:"true" negatable:"" help:"Compress large answers to clients that poll and ask for it."`
	PerMessageDeflate bool          `group:"Protocol" help:"Agree to permessage-deflate on WebSockets: saves bytes, costs time."`

	Origins        []string `group:"Browsers and proxies" empty:"only pages of the server's own origin" help:"Pages of other origins that may connect from a browser: https://app.example.com,https://*.example.org, or * for all. Pages of the server's own origin always may."`
	Credentials    bool     `group:"Browsers and proxies" help:"Let these pages send cookies when they poll."`
	Cookie         string   `group:"Browsers and proxies" empty:"no cookie" help:"Name of a cookie with the session's id for clients that poll, for load balancers that go by it."`
	TrustedProxies []string `group:"Browsers and proxies" empty:"no header is believed" help:"Addresses and ranges of proxies whose X-Forwarded-For is believed: 10.0.0.0/8,loopback,private."`
	ProxyProtocol  bool     `group:"Browsers and proxies" help:"Connections begin with a PROXY protocol header, version 1 or 2, and come from --trusted-proxies alone."`

	ConnectionsMax     int `group:"Limits" default:"0" unit:"connections" help:"Connections that are admitted. 0 is as many as the limit of open files allows."`
	ConnectRate        int `group:"Limits" default:"0" unit:"sessions a second" help:"Sessions that may begin in a second; further clients get 503 and come again. 0 is no bound."`
	ControlRate        int `group:"Limits" default:"100" unit:"packets a second" help:"Pings, pongs and packets that mean nothing of one client; ten times as many may come at once. Past it the client is disconnected."`
	OutboundPerConnMax int `group:"Limits" default:"1048576" unit:"bytes" help:"What may wait for one client that does not read; past it the client is disconnected."`
	OutboundMax        int `group:"Limits" default:"268435456" unit:"bytes" help:"What may wait for all such clients together; past it the worst are disconnected and nobody is let in."`
	HandlersMax        int `group:"Limits" default:"10000" unit:"handlers" help:"Handlers that may run at once off the loops."`

	Recovery        time.Duration `group:"Recovery" default:"0s" help:"Time that a client whose connection broke may be away and still get back its id, its rooms and all that it has missed. It costs the memory of the messages of that time, up to --recovery-max for a namespace, and each event gets an argument more. 0 is off."`
	RecoveryRoomMax int           `group:"Recovery" default:"1048576" unit:"bytes" help:"What is kept of the messages to one room or client; past it the oldest go, and who would need them begins anew."`
	RecoveryMax     int           `group:"Recovery" default:"268435456" unit:"bytes" help:"What is kept in one namespace; past it the oldest go."`

	DrainTime      time.Duration `group:"Shutdown" default:"0s" help:"Time over which SIGTERM disconnects the clients, evenly, so that they do not all come to the next server at once. 0 disconnects them at once."`
	DrainTimeout   time.Duration `group:"Shutdown" default:"10s" help:"Time that SIGTERM gives clients and handlers to finish when --drain-time is over. It is a bound: if all have finished nobody waits, and what is left then is cut off."`
	ShutdownNotice string        `group:"Shutdown" empty:"no event" help:"Name of an event that all clients are sent at SIGTERM, before the first of them is disconnected."`

	LogFormat string `group:"Log" default:"text" help:"Format of the log on standard error."`
	LogLevel  string `group:"Log" default:"info" help:"Least level that is logged."`
}

func (c *transportFlags) options(log *slog.Logger) hub.Options {
	return hub.Options{
		Path: c.Path, Transports: c.Transports, Loops: c.Loops, PingInterval: c.PingInterval, PingTimeout: c.PingTimeout,
		PayloadBytesMax: c.MaxPayload, ConnectPayloadBytesMax: c.MaxConnectPayload, ConnectTimeout: c.ConnectTimeout, UpgradeTimeout: c.UpgradeTimeout, ShutdownTimeout: c.DrainTimeout,
		Origins: c.Origins, Credentials: c.Credentials, Cookie: c.cookie(), TrustedProxies: c.TrustedProxies,
		ProxyProtocol: c.ProxyProtocol, ConnectRateMax: c.ConnectRate, ControlRateMax: c.ControlRate,
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

// complete has nothing to fill in.
func (c *transportFlags) complete(map[string]origin) {}

// mistakes are what is wrong with flags together.
func (c *transportFlags) mistakes() []error { return mistaken(c.relations()) }

// relations are the rules that hold between flags.
func (c *transportFlags) relations() []relation {
	return []relation{
		{c.RecoveryMax >= c.RecoveryRoomMax, "recovery-max", c.RecoveryMax, "be at least --recovery-room-max"},
		{c.OutboundMax >= c.OutboundPerConnMax, "outbound-max", c.OutboundMax, "be at least --outbound-per-conn-max"},
		{!c.Credentials || len(c.Origins) > 0, "credentials", c.Credentials, "come with --origins"},
		{!c.ProxyProtocol || len(c.TrustedProxies) > 0, "proxy-protocol", c.ProxyProtocol, "come with --trusted-proxies"},
	}
}

// optionFlags has the flags for the options of package hub that it alone can judge.
var optionFlags = strings.NewReplacer("hub: Origins:", "--origins:", "hub: TrustedProxies:", "--trusted-proxies:", "hub: Cookie:", "--cookie:",
	"hub: ShutdownNotice", "--shutdown-notice", "edge: ", "")

// explain names the flag that would help when the server cannot listen.
func (c *transportFlags) explain(err error) error {
	var files *hub.FilesError
	if errors.As(err, &files) {
		return usageError{fmt.Errorf("--connections-max %d does not fit into the limit of %d open files: use at most %d, or raise the limit (ulimit -n, or LimitNOFILE= with systemd)",
			files.Wanted, files.Files, files.Fit)}
	}
	if errors.As(err, new(*hub.OptionsError)) {
		return usageError{errors.New(optionFlags.Replace(err.Error()))}
	}
	return fmt.Errorf("cannot listen on --addr %s: %w", c.Addr, err)
}

func (c *transportFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // the rules have checked it
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
