package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"time"

	"starling/gateway/access"
	"starling/gateway/playground"
)

// development is what --dev makes up; it lives as long as the process.
type development struct {
	key    string // of the control API
	secret []byte // of tokens
}

// devTokenTime is how long tokens of the playground are good for.
const devTokenTime = 12 * time.Hour

// newDevelopment makes a key and a secret up and puts them into the configuration, beside what is there.
func newDevelopment(cfg *Config) *development {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	d := &development{key: "dev_" + hex.EncodeToString(raw), secret: make([]byte, access.SecretBytesMin)}
	_, _ = rand.Read(d.secret)
	tokens := access.VerifierConfig{Logger: cfg.Logger}
	if cfg.Tokens != nil {
		tokens = *cfg.Tokens
	}
	tokens.HMACSecrets = append(tokens.HMACSecrets[:len(tokens.HMACSecrets):len(tokens.HMACSecrets)], d.secret)
	cfg.Tokens = &tokens
	cfg.APIKeys = append(cfg.APIKeys[:len(cfg.APIKeys):len(cfg.APIKeys)], d.key)
	return d
}

// DevKey is the key of the control API that Config.Dev has made up; "" without it.
func (g *Gateway) DevKey() string {
	if g.dev == nil {
		return ""
	}
	return g.dev.key
}

// playground is the page on the control API's port, and what it needs.
func (g *Gateway) playground() http.Handler {
	return playground.Handler(func() playground.Session {
		return playground.Session{
			URL: "http://" + LocalAddr(g.io.Addr()), Key: g.dev.key, Version: g.cfg.Version,
			Tokens: map[string]string{"acme": g.dev.token("ann", "ws:acme"), "globex": g.dev.token("gus", "ws:globex")},
		}
	})
}

// token makes a token for a user of a workspace.
func (d *development) token(user, workspace string) string {
	signer, err := access.NewSecretSigner(d.secret)
	if err != nil {
		panic(err) // it has the length that it must have
	}
	rooms := []string{workspace, workspace + ":*"}
	token, err := access.Mint(signer, access.Claims{User: user, Rooms: rooms, Emit: rooms, TTL: devTokenTime})
	if err != nil {
		panic(err) // nor is there anything wrong with these claims
	}
	return token
}

// LocalAddr is how a browser on this machine reaches an address.
func LocalAddr(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr.String()
}
