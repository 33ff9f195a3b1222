package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"starling/gateway"
	"starling/gateway/access"
	"starling/gateway/webhook"
)

// configFlag is the flag that names the file of settings. It is none of the settings itself.
const configFlag = "config"

// serveFlags are all flags of starling serve. What they take is in rules.go. The tag secret marks what nobody should see, url
// what may hold one.
type serveFlags struct {
	Config string `group:"Settings" empty:"no file" help:"YAML file of settings: lines of name: value, with the names of these flags. The command line counts more than the environment, and the environment more than the file."`
	Dev    bool   `group:"Settings" help:"Try things out: listens on this machine alone, takes pages of all origins, makes a key and a secret up, lets clients without a token do nearly everything, and serves a playground."`

	transportFlags

	JWTSecret        string        `name:"jwt-secret" group:"Tokens" secret:"" empty:"no secret" help:"Secret that tokens are signed with (HS256, HS384, HS512). Give it in the environment or by --jwt-secret-file: a command line is no secret."`
	JWTSecretFile    []string      `name:"jwt-secret-file" group:"Tokens" empty:"no file" help:"Files with such a secret each. With several, any of them may have signed a token."`
	JWTPublicKeyFile []string      `name:"jwt-public-key-file" group:"Tokens" empty:"no file" help:"PEM files with public keys (RSA, EC, Ed25519) whose private ones tokens are signed with."`
	JWKSURL          string        `name:"jwks-url" url:"" group:"Tokens" empty:"no endpoint" help:"Endpoint that serves such keys as a JWK set: that of an identity provider."`
	JWKSRefresh      time.Duration `name:"jwks-refresh" group:"Tokens" default:"1h" help:"Time from one fetch of these keys to the next."`
	JWTAlgorithms    []string      `name:"jwt-algorithms" group:"Tokens" empty:"all that the keys can" help:"Algorithms that tokens may be signed by."`
	JWTIssuer        string        `name:"jwt-issuer" group:"Tokens" empty:"any" help:"What the claim iss of a token has to be."`
	JWTAudience      string        `name:"jwt-audience" group:"Tokens" empty:"any" help:"What the claim aud of a token has to be or contain."`
	JWTLeeway        time.Duration `name:"jwt-leeway" group:"Tokens" default:"10s" help:"How much the clocks of this machine and of who makes tokens may differ. 0 is not at all."`
	TokenQuery       string        `group:"Tokens" empty:"no parameter" help:"Parameter of the query that may hold the token, beside the auth payload and the Authorization header. What is in a query tends to be in logs."`
	Anonymous        bool          `group:"Tokens" help:"Let clients without a token connect. They have no right to any room."`

	Namespaces               []string `group:"Clients" default:"/" help:"Namespaces that clients may connect to. The first is the one that the control API means when it is told none."`
	ClientEvents             []string `group:"Clients" default:"client:*" help:"Names of events that clients may emit to each other: exact, or with a * at the end for any rest. Empty is none."`
	EventsRate               int      `group:"Clients" default:"50" unit:"events a second" help:"Events that a client may emit. 0 is no bound."`
	EventsBurst              int      `group:"Clients" default:"100" unit:"events" help:"Events that it may emit at once after a quiet time."`
	BytesRate                int      `group:"Clients" default:"262144" unit:"bytes a second" help:"Bytes of its events. 0 is no bound."`
	BytesBurst               int      `group:"Clients" default:"1048576" unit:"bytes" help:"Bytes that it may emit at once after a quiet time. An event that is larger is refused."`
	ConnectionsPerUserMax    int      `group:"Clients" default:"100" unit:"connections" help:"Connections of one user at once. 0 is no bound."`
	ConnectionsPerAddressMax int      `group:"Clients" default:"0" unit:"connections" help:"Connections of one client address at once, of IPv6 of one /64. Whole offices and mobile networks share one. 0 is no bound."`
	RoomsPerSocketMax        int      `group:"Clients" default:"100" unit:"rooms" help:"Rooms that a client may have joined; past it the backend alone puts it into more."`

	APIAddr          string   `name:"api-addr" group:"Control API" default:"127.0.0.1:9090" help:"Address that the control API, /metrics, /healthz and /readyz listen on, host:port. Empty is nowhere."`
	APIKeys          []string `name:"api-keys" group:"Control API" secret:"" empty:"no key" help:"Keys that may do everything with the control API. Give them in the environment: a command line is no secret."`
	APIKeyFile       string   `name:"api-key-file" group:"Control API" empty:"no file" help:"YAML file with keys, each with its scopes, its rooms and its rate."`
	APIEventBytesMax int      `name:"api-event-bytes-max" group:"Control API" default:"1048576" unit:"bytes" help:"Largest request to the control API, and longest line of a stream."`
	MetricsPublic    bool     `group:"Control API" help:"Open /metrics to whoever reaches the control API. On a loopback address it always is."`
	Pprof            bool     `group:"Control API" help:"Serve profiles at /debug/pprof/ of the control API to keys that may manage."`

	WebhookURL         string        `name:"webhook-url" url:"" group:"Webhooks" empty:"no webhooks" help:"Where the backend is asked and told what clients do, by POST."`
	WebhookSecret      string        `group:"Webhooks" secret:"" empty:"nothing is signed" help:"Secret that webhooks are signed with. Give it in the environment or by --webhook-secret-file: a command line is no secret."`
	WebhookSecretFile  []string      `group:"Webhooks" empty:"no file" help:"Files with such a secret each. With several there are as many signatures, so that a secret can be replaced."`
	WebhookHooks       []string      `group:"Webhooks" placeholder:"HOOK" default:"connect,join,event,connected,disconnected,room_occupied,room_vacated" help:"What the backend is asked (connect, join, event) and told (the others)."`
	WebhookEvents      []string      `group:"Webhooks" default:"*" help:"Names of client events that go to the backend: exact, or with a * at the end for any rest. Empty is none."`
	WebhookTimeout     time.Duration `group:"Webhooks" default:"5s" help:"Time that the backend may take to answer."`
	WebhookRate        int           `group:"Webhooks" default:"100" unit:"requests a second" help:"Batches of notifications that the backend is sent; what does not fit waits."`
	WebhookQueueMax    int           `group:"Webhooks" default:"100000" unit:"notifications" help:"Notifications that may wait; beyond it they are dropped and counted."`
	WebhookInFlightMax int           `group:"Webhooks" default:"256" unit:"calls" help:"Questions that may wait for the backend at once; beyond it they fail at once."`

	MemoryMax int64 `group:"Limits" default:"0" unit:"bytes" help:"Memory that the process may use: near it new clients are refused, and then the slowest disconnected. 0 is the limit of its control group, if there is one."`
}

// What --dev means where nothing else is said.
const (
	devAddr    = "127.0.0.1:8080"
	devOrigins = "*"
)

// complete fills in what --dev means.
func (c *serveFlags) complete(origins map[string]origin) {
	if !c.Dev {
		return
	}
	if _, given := origins["addr"]; !given {
		c.Addr, origins["addr"] = devAddr, origin{fromDefault, "of --dev"}
	}
	if _, given := origins["origins"]; !given {
		c.Origins, origins["origins"] = []string{devOrigins}, origin{fromDefault, "of --dev"}
	}
}

// tokenFlags are those that say whose tokens are believed.
var tokenFlags = []string{"jwt-secret-file", "jwt-public-key-file", "jwks-url"}

// believesTokens reports whether there are any keys for tokens.
func (c *serveFlags) believesTokens() bool {
	return c.JWTSecret != "" || len(c.JWTSecretFile)+len(c.JWTPublicKeyFile) > 0 || c.JWKSURL != ""
}

// asksBackend reports whether the backend can say who a client is.
func (c *serveFlags) asksBackend() bool {
	return c.WebhookURL != "" && slices.Contains(c.WebhookHooks, gateway.HookConnect)
}

// mistakes are what is wrong with flags together.
func (c *serveFlags) mistakes() []error {
	found := mistaken(c.relations())
	if !c.Dev && !c.Anonymous && !c.believesTokens() && !c.asksBackend() {
		found = append(found, fmt.Errorf("nobody could connect: say whose tokens are believed (STARLING_JWT_SECRET, --%s), have the backend decide (--webhook-url), "+
			"let everybody in without any rights (--anonymous), or try things out (--dev)", strings.Join(tokenFlags, ", --")))
	}
	if !c.Dev && c.APIAddr != "" && len(c.APIKeys) == 0 && c.APIKeyFile == "" {
		found = append(found, fmt.Errorf("the control API on --api-addr %s has no key: give STARLING_API_KEYS or --api-key-file, "+
			"or --api-addr= to have no control API, or try things out (--dev)", c.APIAddr))
	}
	return found
}

// relations are the rules that hold between flags.
func (c *serveFlags) relations() []relation {
	signed := c.WebhookSecret != "" || len(c.WebhookSecretFile) > 0
	return append(c.transportFlags.relations(),
		relation{!clash(c.Addr, c.APIAddr), "api-addr", c.APIAddr, "be another address than --addr"},
		relation{!c.Pprof || c.APIAddr != "", "pprof", c.Pprof, "come with --api-addr"},
		relation{!c.MetricsPublic || c.APIAddr != "", "metrics-public", c.MetricsPublic, "come with --api-addr"},
		relation{!signed || c.WebhookURL != "", "webhook-secret", hidden, "come with --webhook-url"},
	)
}

// gatewayConfig is what package gateway makes of the flags.
func (c *serveFlags) gatewayConfig(log *slog.Logger) gateway.Config {
	opts := c.options(log)
	opts.SessionsPerAddressMax = c.ConnectionsPerAddressMax
	cfg := gateway.Config{
		Addr: c.Addr, Hub: opts, Namespaces: c.Namespaces,
		Tokens: c.tokens(log), TokenQuery: c.TokenQuery, Anonymous: c.Anonymous, Dev: c.Dev,
		ClientEvents: c.ClientEvents, EventsRate: c.EventsRate, EventsBurst: c.EventsBurst, BytesRate: c.BytesRate, BytesBurst: c.BytesBurst,
		SocketsPerUserMax: c.ConnectionsPerUserMax, RoomsPerSocketMax: c.RoomsPerSocketMax,
		APIAddr: c.APIAddr, APIKeys: c.APIKeys, APIKeyFile: c.APIKeyFile, EventBytesMax: c.APIEventBytesMax,
		MetricsPublic: c.MetricsPublic, Pprof: c.Pprof, MemoryMax: c.MemoryMax, Version: versionText(), Logger: log,
	}
	if c.WebhookURL != "" {
		cfg.Webhook, cfg.WebhookSecretFiles = c.webhook(log), c.WebhookSecretFile
		cfg.Hooks, cfg.WebhookEvents = c.WebhookHooks, c.WebhookEvents
	}
	return cfg
}

// tokens says whose tokens are believed, nil for nobody's.
func (c *serveFlags) tokens(log *slog.Logger) *access.VerifierConfig {
	if !c.believesTokens() {
		return nil
	}
	cfg := &access.VerifierConfig{
		HMACSecretFiles: c.JWTSecretFile, PublicKeyFiles: c.JWTPublicKeyFile, JWKSURL: c.JWKSURL, JWKSRefresh: c.JWKSRefresh,
		Algorithms: c.JWTAlgorithms, Issuer: c.JWTIssuer, Audience: c.JWTAudience, Leeway: c.JWTLeeway, Logger: log,
	}
	if c.JWTSecret != "" {
		cfg.HMACSecrets = [][]byte{[]byte(c.JWTSecret)}
	}
	return cfg
}

// webhook is how the backend is reached.
func (c *serveFlags) webhook(log *slog.Logger) *webhook.Config {
	cfg := &webhook.Config{
		URL: c.WebhookURL, Version: versionText(), Timeout: c.WebhookTimeout, InFlightMax: c.WebhookInFlightMax,
		RateMax: float64(c.WebhookRate), QueueMax: c.WebhookQueueMax, Logger: log,
	}
	if c.WebhookSecret != "" {
		cfg.Secrets = [][]byte{[]byte(c.WebhookSecret)}
	}
	return cfg
}
