package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"starling/bench/internal/scenario"
)

// publishing is what those are told that can write through the server's control API.
type publishing struct {
	API      string `name:"api" placeholder:"URL" help:"Write through the server's control API, as http://127.0.0.1:9090, and not as clients of the server."`
	APIKey   string `name:"api-key" env:"BENCH_API_KEY" help:"The key for that. In the environment it is not seen by others."`
	APIConns int    `name:"api-conns" default:"16" help:"With --api-mode requests: connections. A message takes one that waits for no reply, as long as there is one; in mix and soak each room keeps to one."`
	APIMode  string `name:"api-mode" enum:"stream,requests" default:"stream" help:"How: all messages as lines of one request that goes on (stream), or a request for each (requests)."`
}

// set has the messages go that way.
func (p *publishing) set(t *target, cfg *scenario.Config) error {
	switch {
	case p.API == "":
		return nil
	case t.SpawnLimit:
		return fmt.Errorf("%w: --api excludes --spawn-limit, which has none", errUsage)
	case t.Protocol != "socketio":
		return fmt.Errorf("%w: --api is for Socket.IO", errUsage)
	case p.APIConns < 1:
		return fmt.Errorf("%w: --api-conns must be at least 1", errUsage)
	case strings.ContainsFunc(p.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: --api-key must be of visible ASCII", errUsage)
	}
	at, u, err := addressOf("--api", p.API)
	if err != nil {
		return err
	}
	cfg.API = &scenario.API{
		Addr: at, Host: u.Host, Path: strings.TrimSuffix(u.EscapedPath(), "/"), Key: p.APIKey, Requests: p.APIMode == "requests",
	}
	if cfg.API.Requests {
		cfg.Publishers = p.APIConns
	}
	return nil
}

// addressOf reads a flag that is the URL of a server, and finds that.
func addressOf(flag, text string) (netip.AddrPort, *url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "ws" {
		return netip.AddrPort{}, nil, fmt.Errorf("%w: %s must be http://host:port/path, not %q (there is no TLS here)", errUsage, flag, text)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	addr, err := net.ResolveTCPAddr("tcp", host)
	if err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("%w: %s: %w", errUsage, flag, err)
	}
	at := addr.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), u, nil
}

// isAuth says whether a text is what the stock client's option auth may be: an object, whatever number stands for {n}.
func isAuth(text string) bool {
	text = strings.TrimSpace(strings.ReplaceAll(text, "{n}", "0"))
	return strings.HasPrefix(text, "{") && json.Valid([]byte(text))
}

// secrets are the flags whose values are nobody else's business.
var secrets = []string{"--api-key", "--auth"}

// withoutSecrets are arguments as they may be shown to others.
func withoutSecrets(args []string) []string {
	shown := slices.Clone(args)
	for i, arg := range shown {
		name, _, joined := strings.Cut(arg, "=")
		switch {
		case !slices.Contains(secrets, name):
		case joined:
			shown[i] = name + "=…"
		case i+1 < len(shown):
			shown[i+1] = "…"
		}
	}
	return shown
}
