package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tokens are forged here from text and the standard library, so that neither Mint nor the library that verifies has a say
// in what is expected of them.

var (
	testNow    = time.Unix(1_800_000_000, 0)
	testSecret = []byte("0123456789abcdef0123456789abcdef") // 32 bytes
	longSecret = []byte(strings.Repeat("0123456789abcdef", 4))
)

// testKeys are keys of each kind, made once.
var testKeys = sync.OnceValue(func() (k struct {
	rsa  *rsa.PrivateKey
	p256 *ecdsa.PrivateKey
	p384 *ecdsa.PrivateKey
	p521 *ecdsa.PrivateKey
	ed   ed25519.PrivateKey
},
) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.p256, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	k.p521, _ = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// forge puts a token together: header and payload as they are given, and a signature of both.
func forge(header, payload string, sign func(input []byte) []byte) string {
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(sign([]byte(input)))
}

func signHMAC(h func() hash.Hash, secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		m := hmac.New(h, secret)
		m.Write(input)
		return m.Sum(nil)
	}
}

func signRSA(k *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, _ := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		return signature
	}
}

func signPSS(k *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, _ := rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		return signature
	}
}

// signEC writes r and s one behind the other, RFC 7518 3.4.
func signEC(k *ecdsa.PrivateKey, sum []byte) []byte {
	size := (k.Curve.Params().BitSize + 7) / 8
	r, s, _ := ecdsa.Sign(rand.Reader, k, sum)
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signature
}

func signES256(k *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { sum := sha256.Sum256(input); return signEC(k, sum[:]) }
}

func signES384(k *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { sum := sha512.Sum384(input); return signEC(k, sum[:]) }
}

func signES512(k *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { sum := sha512.Sum512(input); return signEC(k, sum[:]) }
}

func signEd25519(k ed25519.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { return ed25519.Sign(k, input) }
}

func signNothing([]byte) []byte { return nil }

// hs256 forges a token with the secret of the tests.
func hs256(payload string) string {
	return forge(`{"alg":"HS256","typ":"JWT"}`, payload, signHMAC(sha256.New, testSecret))
}

// goodClaims are claims that every verifier of these tests takes.
var goodClaims = []string{
	"sub", `"42"`, "iss", `"https://acme.example"`, "aud", `"starling"`, "exp", "1800003600",
	"join", `["ws:acme"]`, "rooms", `["ws:acme:*"]`, "emit", `["ws:acme:chat"]`, "data", `{"name":"Ann"}`,
}

// payloadWith is a payload of the good claims with some of them changed, added, or with "" left out.
func payloadWith(changes ...string) string {
	var b strings.Builder
	write := func(claims []string, skip func(name string) bool) {
		for i := 0; i < len(claims); i += 2 {
			if skip(claims[i]) || claims[i+1] == "" {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + claims[i] + `":` + claims[i+1])
		}
	}
	write(goodClaims, func(name string) bool {
		for i := 0; i < len(changes); i += 2 {
			if changes[i] == name {
				return true
			}
		}
		return false
	})
	write(changes, func(string) bool { return false })
	return "{" + b.String() + "}"
}

// pemFile writes blocks into a file and returns its name.
func pemFile(t testing.TB, blocks ...*pem.Block) string {
	t.Helper()
	var content []byte
	for _, b := range blocks {
		content = append(content, pem.EncodeToMemory(b)...)
	}
	return file(t, string(content))
}

func file(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func publicBlock(t testing.TB, public any) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PUBLIC KEY", Bytes: der}
}

func pkcs8Block(t testing.TB, private any) *pem.Block {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

// verifier makes a verifier at the time of the tests.
func verifier(t testing.TB, cfg VerifierConfig) *Verifier {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return testNow }
	}
	v, err := NewVerifier(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// allKeys is a verifier with a key of each kind, an issuer, an audience and a leeway.
func allKeys(t testing.TB) *Verifier {
	k := testKeys()
	return verifier(t, VerifierConfig{
		HMACSecrets: [][]byte{testSecret, longSecret},
		PublicKeyFiles: []string{
			pemFile(t, publicBlock(t, k.rsa.Public()), publicBlock(t, k.p256.Public())),
			pemFile(t, publicBlock(t, k.p384.Public()), publicBlock(t, k.p521.Public()), publicBlock(t, k.ed.Public())),
		},
		Issuer: "https://acme.example", Audience: "starling", Leeway: 10 * time.Second,
	})
}

// wantCode holds a refusal against a code, "" for none.
func wantCode(t testing.TB, err error, want string) {
	t.Helper()
	var refused *TokenError
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && !errors.As(err, &refused):
		t.Errorf("got %v, want %s", err, want)
	case want != "" && refused.Code != want:
		t.Errorf("got %s (%v: %v), want %s", refused.Code, refused, refused.Err, want)
	case want != "" && refused.Message == "":
		t.Errorf("%s says nothing", refused.Code)
	}
}
