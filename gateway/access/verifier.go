package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// VerifierConfig says whose tokens are believed. At least one key is needed; there may be several of each kind, and then
// any of them may have signed. That is how keys are changed: add the new one, sign with it, remove the old one.
type VerifierConfig struct {
	HMACSecrets     [][]byte // secrets, each of SecretBytesMin bytes at least
	HMACSecretFiles []string // files with one secret each, see SecretFromFile
	PublicKeyFiles  []string // PEM files of RSA, EC (P-256, P-384, P-521) and Ed25519 keys
	JWKSURL         string   // an endpoint that serves public keys as a JWK set, RFC 7517 5

	JWKSRefresh time.Duration // how often they are fetched; 0 is JWKSRefreshDefault
	HTTPClient  *http.Client  // what they are fetched with; nil is http.DefaultClient

	Algorithms []string      // what may be used of what the keys can; nil is all of it
	Issuer     string        // what iss has to be; "" is anything
	Audience   string        // what aud has to be or contain; "" is anything
	Leeway     time.Duration // how much the clocks may differ, up to LeewayMax

	// AllowNoExpiry lets tokens be without exp. Such a token is good until its key is removed.
	AllowNoExpiry bool

	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil is slog.Default()
}

// Verifier makes grants of tokens. It may be used from many goroutines at once.
type Verifier struct {
	config VerifierConfig
	parser *jwt.Parser
	given  atomic.Pointer[[]key] // those of the configuration
	remote *remoteKeys           // nil without an endpoint
}

// NewVerifier reads the keys. Of an endpoint it waits for the first answer, but no longer than JWKSTime: an endpoint
// that is down does not keep the server from starting. Until it answers, Ready says so, and tokens that no other key
// has signed are refused with CodeKeysUnavailable. Once ctx is done, or after Close, keys are not fetched any more.
//
// The error says which part of the configuration is wrong, and wraps an Err value or that of the file system.
func NewVerifier(ctx context.Context, cfg VerifierConfig) (*Verifier, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	v := &Verifier{config: cfg, parser: jwt.NewParser(
		jwt.WithValidMethods(cfg.Algorithms),
		jwt.WithStrictDecoding(), // one signature has one spelling
		jwt.WithoutClaimsValidation(),
	)}
	if err := v.readKeys(); err != nil {
		return nil, err
	}
	if cfg.JWKSURL == "" {
		return v, nil
	}
	var err error
	if v.remote, err = newRemoteKeys(ctx, &v.config); err != nil {
		return nil, err
	}
	v.remote.begin()
	return v, nil
}

// complete checks the configuration and fills in its defaults.
func (c *VerifierConfig) complete() error {
	if c.Leeway < 0 || c.Leeway > LeewayMax {
		return ErrLeeway
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(algorithms, a) {
			return fmt.Errorf("%q: %w", a, ErrAlgorithm)
		}
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = algorithms
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// Reload reads the files of the configuration again, and has the keys of the endpoint fetched without waiting for them.
// If anything is wrong with a file the keys stay what they were, and the error is as with NewVerifier.
func (v *Verifier) Reload() error {
	if err := v.readKeys(); err != nil {
		return err
	}
	if v.remote != nil {
		v.remote.fetch()
	}
	return nil
}

func (v *Verifier) readKeys() error {
	keys, err := v.config.givenKeys()
	if err != nil {
		return err
	}
	if len(keys) == 0 && v.config.JWKSURL == "" {
		return ErrNoKeys
	}
	v.given.Store(&keys)
	return nil
}

// Ready returns nil as soon as there are keys, and ErrKeysUnavailable before. Why they could not be fetched is in the log.
func (v *Verifier) Ready() error {
	if v.remote == nil {
		return nil
	}
	return v.remote.ready()
}

// Close ends the fetching of keys and waits for it. Verify goes on with the keys that there are.
func (v *Verifier) Close() {
	if v.remote != nil {
		v.remote.close()
	}
}

// Verify makes a grant of a token, "xxxxx.yyyyy.zzzzz" without "Bearer". Its Expires is the token's exp and the leeway
// later. For a token of a key that is not known Verify may wait for the endpoint, until ctx is done; if WaitersMax wait
// already it is refused at once. The error is always a *TokenError.
func (v *Verifier) Verify(ctx context.Context, token string) (*Grant, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	payload, unknown, err := v.authenticate(token)
	if unknown {
		switch why := v.remote.look(ctx); why {
		case nil:
			payload, _, err = v.authenticate(token)
		case ErrWaitersMax:
			err = keysUnavailable("too many tokens of keys that the server does not know are waiting", why)
		}
	}
	if err != nil {
		return nil, err
	}
	return v.grant(payload)
}

// checkForm looks at the bytes before any is decoded. Base64 decoders skip line ends, which here have no place.
func checkForm(token string) error {
	isForeign := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}
	switch {
	case token == "":
		return &TokenError{Code: CodeRequired, Message: "a token is required"}
	case len(token) > TokenBytesMax:
		return &TokenError{Code: CodeMalformed, Message: fmt.Sprintf("the token is longer than %d bytes", TokenBytesMax)}
	case strings.ContainsFunc(token, isForeign):
		return malformed(nil)
	}
	return nil
}

func malformed(cause error) error {
	return &TokenError{Code: CodeMalformed, Message: "the token is not a signed JWT", Err: cause}
}

// authenticate returns the payload of a token that one of our keys has signed. unknown tells that none has, and that the
// endpoint could have got the key meanwhile.
func (v *Verifier) authenticate(token string) (payload []byte, unknown bool, err error) {
	var signed payloadClaims
	_, err = v.parser.ParseWithClaims(token, &signed, func(t *jwt.Token) (any, error) {
		keys, known, err := v.keysFor(t.Header)
		unknown = err == nil && !known
		return keys, err
	})
	if err == nil {
		return signed.payload, false, nil
	}
	return nil, unknown, v.refusal(err, unknown)
}

// payloadClaims keeps the payload as it came: it is not looked at before the signature is known to be good.
type payloadClaims struct {
	jwt.RegisteredClaims // for the methods that jwt.Claims wants, which are not called
	payload              []byte
}

func (c *payloadClaims) UnmarshalJSON(payload []byte) error {
	c.payload = slices.Clone(payload)
	return nil
}

// keysFor chooses by a token's header the keys that may have signed it. All that is taken from the header is which of our
// keys are tried: keys and addresses of keys in it (jwk, jku, x5c, x5u) are not looked at. known tells that asking the
// endpoint again cannot help.
func (v *Verifier) keysFor(header map[string]any) (set jwt.VerificationKeySet, known bool, err error) {
	algorithm, _ := header["alg"].(string)
	id, isString := header["kid"].(string)
	if _, has := header["kid"]; has && !isString {
		return set, true, malformed(nil)
	}
	if _, has := header["crit"]; has { // RFC 7515 4.1.11: whoever does not understand it has to refuse
		return set, true, &TokenError{Code: CodeMalformed, Message: "the token wants extensions (crit), and none is supported"}
	}
	set.Keys = appendKeys(set.Keys, *v.given.Load(), algorithm, "")
	if v.remote == nil || !isPublicAlgorithm(algorithm) {
		return set, true, nil
	}
	remote := v.remote.known()
	known = id != "" && slices.ContainsFunc(remote, func(k key) bool { return k.id == id })
	set.Keys = appendKeys(set.Keys, remote, algorithm, id)
	return set, known, nil
}

// appendKeys adds the keys that may have signed with an algorithm. A key without an id goes with every id, and every key
// with none.
func appendKeys(to []jwt.VerificationKey, keys []key, algorithm, id string) []jwt.VerificationKey {
	for _, k := range keys {
		if slices.Contains(k.algorithms, algorithm) && (id == "" || k.id == "" || k.id == id) {
			to = append(to, k.material)
		}
	}
	return to
}

// refusal makes a TokenError of what the parser says.
func (v *Verifier) refusal(err error, unknown bool) error {
	var known *TokenError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return malformed(err)
	case unknown:
		if v.remote.ready() != nil {
			return keysUnavailable("the server has no keys to check tokens with yet", v.remote.lastFailure())
		}
	}
	return &TokenError{Code: CodeSignature, Message: "the token is not signed by a key of this server", Err: err}
}

func keysUnavailable(message string, cause error) error {
	return &TokenError{Code: CodeKeysUnavailable, Message: message, Err: cause}
}

// grant checks the claims of a token whose signature is good.
func (v *Verifier) grant(payload []byte) (*Grant, error) {
	c, err := decodeClaims(payload)
	if errors.Is(err, errNotObject) {
		return nil, malformed(err)
	}
	if err != nil {
		return nil, wrongClaims(err)
	}
	if err := v.checkScope(&c); err != nil {
		return nil, err
	}
	g, err := NewGrant(c.user, c.join, c.rooms, c.emit, c.data, v.end(c.expires))
	if err != nil {
		return nil, wrongClaims(err)
	}
	return g, nil
}

// end is when a grant ends whose token expires at a time.
func (v *Verifier) end(expires time.Time) time.Time {
	switch {
	case expires.IsZero():
		return expires
	case expires.Unix() > ExpiresMax-int64(LeewayMax/time.Second):
		return time.Unix(ExpiresMax, 0)
	}
	return expires.Add(v.config.Leeway)
}

func wrongClaims(err error) error {
	return &TokenError{Code: CodeClaims, Message: "a claim of the token is wrong: " + err.Error(), Err: err}
}

// checkScope tells whether a token is meant for now and for us.
func (v *Verifier) checkScope(c *claims) error {
	now := v.config.Now()
	switch {
	case c.expires.IsZero() && !v.config.AllowNoExpiry:
		return wrongClaims(errNoExpiry)
	case !c.expires.IsZero() && !now.Before(c.expires.Add(v.config.Leeway)): // "on or after", RFC 7519 4.1.4
		return &TokenError{Code: CodeExpired, Message: "the token has expired"}
	case now.Before(c.notBefore.Add(-v.config.Leeway)): // RFC 7519 4.1.5
		return &TokenError{Code: CodeNotYetValid, Message: "the token is not valid yet"}
	case v.config.Issuer != "" && c.issuer != v.config.Issuer:
		return &TokenError{Code: CodeIssuer, Message: "the token is not from the issuer that this server trusts"}
	case v.config.Audience != "" && !slices.Contains(c.audience, v.config.Audience):
		return &TokenError{Code: CodeAudience, Message: "the token is not meant for this server"}
	}
	return nil
}
