package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func sec1Block(t *testing.T, k *ecdsa.PrivateKey) *pem.Block {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
}

// TestMint holds each signer against the library alone, and then against a Verifier.
func TestMint(t *testing.T) {
	k := testKeys()
	key := func(blocks ...*pem.Block) func() (Signer, error) {
		var content []byte
		for _, b := range blocks {
			content = append(content, pem.EncodeToMemory(b)...)
		}
		return func() (Signer, error) { return NewKeySigner(content) }
	}
	v := allKeys(t)
	for _, tc := range []struct {
		name      string
		signer    func() (Signer, error)
		algorithm string
		public    any
	}{
		{"a secret", func() (Signer, error) { return NewSecretSigner(testSecret) }, "HS256", testSecret},
		{"RSA in PKCS #8", key(pkcs8Block(t, k.rsa)), "RS256", k.rsa.Public()},
		{"RSA in PKCS #1", key(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.rsa)}), "RS256", k.rsa.Public()},
		{"P-256 in PKCS #8", key(pkcs8Block(t, k.p256)), "ES256", k.p256.Public()},
		{"P-256 in SEC 1", key(sec1Block(t, k.p256)), "ES256", k.p256.Public()},
		{"P-256 behind its parameters", key(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}}, sec1Block(t, k.p256)), "ES256", k.p256.Public()},
		{"P-384", key(pkcs8Block(t, k.p384)), "ES384", k.p384.Public()},
		{"P-521", key(sec1Block(t, k.p521)), "ES512", k.p521.Public()},
		{"Ed25519", key(pkcs8Block(t, k.ed)), "EdDSA", k.ed.Public()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			signer, err := tc.signer()
			if err != nil {
				t.Fatal(err)
			}
			token, err := Mint(signer, Claims{
				User: "42", Join: []string{"ws:acme"}, Rooms: []string{"ws:acme:*"}, Emit: []string{"ws:acme:chat"},
				Data: json.RawMessage(`{ "name": "Ann" }`), Issuer: "https://acme.example", Audience: "starling",
				IssuedAt: testNow, TTL: time.Hour,
			})
			if err != nil {
				t.Fatal(err)
			}
			checkWithLibrary(t, token, tc.algorithm, tc.public)
			g, err := v.Verify(t.Context(), token)
			wantCode(t, err, "")
			if err == nil && (g.User != "42" || !g.MayEmit("ws:acme:chat") || string(g.Data) != `{"name":"Ann"}`) {
				t.Errorf("grant = %+v", g)
			}
		})
	}
}

// checkWithLibrary has the library verify a token, and holds its parts against what they are to be.
func checkWithLibrary(t *testing.T, token, algorithm string, public any) {
	t.Helper()
	parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{algorithm}), jwt.WithTimeFunc(func() time.Time { return testNow }), jwt.WithExpirationRequired(),
		jwt.WithIssuer("https://acme.example"), jwt.WithAudience("starling"), jwt.WithSubject("42"))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"alg": algorithm, "typ": "JWT"}; !reflect.DeepEqual(parsed.Header, want) {
		t.Errorf("header %v, want %v", parsed.Header, want)
	}
	wantPayload(t, token, `{"sub":"42","iss":"https://acme.example","aud":["starling"],"iat":1800000000,"exp":1800003600,`+
		`"join":["ws:acme"],"rooms":["ws:acme:*"],"emit":["ws:acme:chat"],"data":{"name":"Ann"}}`)
}

// wantPayload compares the payload of a token with JSON, in any order.
func wantPayload(t *testing.T, token, want string) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got, expected any
	if json.Unmarshal(payload, &got) != nil || json.Unmarshal([]byte(want), &expected) != nil || !reflect.DeepEqual(got, expected) {
		t.Errorf("payload %s, want %s", payload, want)
	}
}

func TestMintLeavesOut(t *testing.T) {
	signer, err := NewSecretSigner(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		claims Claims
		want   string
	}{
		{"all that is empty", Claims{IssuedAt: testNow}, `{"iat":1800000000}`},
		{"data that is null", Claims{IssuedAt: testNow, Data: json.RawMessage("null")}, `{"iat":1800000000}`},
		{"a part of a second", Claims{IssuedAt: testNow.Add(900 * time.Millisecond), TTL: 1500 * time.Millisecond}, `{"iat":1800000000,"exp":1800000002}`},
		{"nothing of what HTML would", Claims{IssuedAt: testNow, User: "<&>"}, `{"iat":1800000000,"sub":"<&>"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token, err := Mint(signer, tc.claims)
			if err != nil {
				t.Fatal(err)
			}
			wantPayload(t, token, tc.want)
		})
	}
	token, err := Mint(signer, Claims{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier(t, VerifierConfig{HMACSecrets: [][]byte{testSecret}, Now: time.Now}).Verify(t.Context(), token)
	wantCode(t, err, "")
}

func TestMintRefuses(t *testing.T) {
	signer, err := NewSecretSigner(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	long := slices.Repeat([]string{"ws:" + strings.Repeat("a", 100)}, 100)
	for _, tc := range []struct {
		name   string
		claims Claims
		want   error
	}{
		{"a user", Claims{User: "*"}, ErrNameStar},
		{"a pattern", Claims{Rooms: []string{"*"}}, ErrPatternStar},
		{"a pattern to join", Claims{Join: []string{"ws:*"}}, ErrNameStar},
		{"data", Claims{Data: json.RawMessage("{")}, ErrDataJSON},
		{"a time to live below 0", Claims{TTL: -time.Second}, ErrTTL},
		{"a token that is too long", Claims{Rooms: long}, ErrTokenBytes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token, err := Mint(signer, tc.claims)
			if token != "" || !errors.Is(err, tc.want) {
				t.Errorf("Mint: %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSignersRefuse(t *testing.T) {
	k := testKeys()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := &pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: make([]byte, 64)}
	for _, tc := range []struct {
		name  string
		block *pem.Block
		want  error
	}{
		{"a public key", publicBlock(t, k.rsa.Public()), ErrSignerKey},
		{"what is no key", &pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}, ErrSignerKey},
		{"a key with a password", &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}, ErrSignerKey},
		{"an old key with a password", encrypted, ErrSignerKey},
		{"parameters alone", &pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}}, ErrSignerKey},
		{"another curve", pkcs8Block(t, p224), ErrKeyKind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewKeySigner(pem.EncodeToMemory(tc.block)); !errors.Is(err, tc.want) {
				t.Errorf("NewKeySigner: %v, want %v", err, tc.want)
			}
		})
	}
	if _, err := NewKeySigner(nil); !errors.Is(err, ErrSignerKey) {
		t.Errorf("NewKeySigner of nothing: %v", err)
	}
	if _, err := NewSecretSigner(testSecret[:31]); !errors.Is(err, ErrSecretBytes) {
		t.Errorf("NewSecretSigner of 31 bytes: %v", err)
	}
	if _, err := NewSecretSigner(pem.EncodeToMemory(publicBlock(t, k.rsa.Public()))); !errors.Is(err, ErrSecretPEM) {
		t.Errorf("NewSecretSigner of a PEM file: %v", err)
	}
}
