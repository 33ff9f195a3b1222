package access

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Signer signs tokens. Make one with NewSecretSigner or NewKeySigner.
type Signer struct {
	method jwt.SigningMethod
	key    any
}

// NewSecretSigner signs with an HMAC secret, by HS256. The secret keeps the rules of a Verifier's.
func NewSecretSigner(secret []byte) (Signer, error) {
	if _, err := newKey("", secret, algorithms); err != nil {
		return Signer{}, err
	}
	return Signer{jwt.SigningMethodHS256, secret}, nil
}

// NewKeySigner signs with a private key in PEM: PKCS #8 ("PRIVATE KEY"), SEC 1 ("EC PRIVATE KEY") or PKCS #1 ("RSA
// PRIVATE KEY"), without a password. RSA signs by RS256, EC by what goes with its curve, Ed25519 by EdDSA.
func NewKeySigner(file []byte) (Signer, error) {
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			return Signer{}, ErrSignerKey
		}
		if block.Type != "EC PARAMETERS" { // which older tools write before the key
			return keySigner(block)
		}
		file = rest
	}
}

func keySigner(block *pem.Block) (Signer, error) {
	private, err := privateKey(block)
	if err != nil {
		return Signer{}, fmt.Errorf("%w: %w", ErrSignerKey, err)
	}
	var public any
	switch k := private.(type) {
	case *rsa.PrivateKey:
		public = &k.PublicKey
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
	case ed25519.PrivateKey:
		public = k.Public()
	}
	k, err := newKey("", public, algorithms)
	if err != nil {
		return Signer{}, err
	}
	return Signer{jwt.GetSigningMethod(k.algorithms[0]), private}, nil
}

func privateKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	return nil, fmt.Errorf("found %q", block.Type)
}

// Claims are what a minted token says. Parts that are empty are left out.
type Claims struct {
	User     string          // sub
	Join     []string        // rooms that are joined at connect
	Rooms    []string        // patterns of rooms that may be joined
	Emit     []string        // patterns of rooms that may be emitted to
	Data     json.RawMessage // any JSON that others may see
	Issuer   string          // iss
	Audience string          // aud
	IssuedAt time.Time       // iat; zero is now
	TTL      time.Duration   // exp is that much later, in whole seconds rounded up; 0 is no exp
}

// Mint makes a token. The claims keep the rules by which a Verifier judges them: the error is that of NewGrant, or ErrTTL
// or ErrTokenBytes.
func Mint(signer Signer, c Claims) (string, error) {
	if c.TTL < 0 {
		return "", ErrTTL
	}
	g, err := NewGrant(c.User, c.Join, c.Rooms, c.Emit, c.Data, time.Time{})
	if err != nil {
		return "", err
	}
	if c.IssuedAt.IsZero() {
		c.IssuedAt = time.Now()
	}
	token, err := jwt.NewWithClaims(signer.method, c.payload(g)).SignedString(signer.key)
	if err != nil {
		return "", err
	}
	if len(token) > TokenBytesMax {
		return "", ErrTokenBytes
	}
	return token, nil
}

// mintedClaims is a payload, with the names of docs/TOKENS.md.
type mintedClaims struct {
	jwt.RegisteredClaims
	Join  []string        `json:"join,omitempty"`
	Rooms Patterns        `json:"rooms,omitempty"`
	Emit  Patterns        `json:"emit,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

func (c *Claims) payload(g *Grant) mintedClaims {
	p := mintedClaims{Join: g.Join, Rooms: g.Rooms, Emit: g.Emit, Data: g.Data}
	p.Subject, p.Issuer, p.IssuedAt = g.User, c.Issuer, jwt.NewNumericDate(c.IssuedAt)
	if c.Audience != "" {
		p.Audience = jwt.ClaimStrings{c.Audience}
	}
	if c.TTL > 0 {
		p.ExpiresAt = jwt.NewNumericDate(time.Unix(c.IssuedAt.Unix(), 0).Add(c.TTL + time.Second - 1))
	}
	return p
}
