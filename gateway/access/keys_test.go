package access

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"
)

func rsaOf(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1), E: 65537}
}

// TestAlgorithmsFollowFromTheKey, and from nothing else.
func TestAlgorithmsFollowFromTheKey(t *testing.T) {
	k := testKeys()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ofRSA := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	for _, tc := range []struct {
		name     string
		material any
		want     []string
		err      error
	}{
		{"31 bytes", make([]byte, 31), nil, ErrSecretBytes},
		{"32 bytes", make([]byte, 32), []string{"HS256"}, nil},
		{"47 bytes", make([]byte, 47), []string{"HS256"}, nil},
		{"48 bytes", make([]byte, 48), []string{"HS256", "HS384"}, nil},
		{"63 bytes", make([]byte, 63), []string{"HS256", "HS384"}, nil},
		{"64 bytes", make([]byte, 64), []string{"HS256", "HS384", "HS512"}, nil},
		{"a PEM file", []byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ"), nil, ErrSecretPEM},
		{"a PEM file behind some text", []byte("the key:\n-----BEGIN CERTIFICATE-----\nMFkw"), nil, ErrSecretPEM},
		{"RSA of 2047 bits", rsaOf(2047), nil, ErrRSABits},
		{"RSA of 2048 bits", rsaOf(2048), ofRSA, nil},
		{"RSA of 8192 bits", rsaOf(8192), ofRSA, nil},
		{"RSA of 8193 bits", rsaOf(8193), nil, ErrRSABits},
		{"P-256", &k.p256.PublicKey, []string{"ES256"}, nil},
		{"P-384", &k.p384.PublicKey, []string{"ES384"}, nil},
		{"P-521", &k.p521.PublicKey, []string{"ES512"}, nil},
		{"P-224", &p224.PublicKey, nil, ErrKeyKind},
		{"Ed25519", k.ed.Public(), []string{"EdDSA"}, nil},
		{"X25519", x25519.PublicKey(), nil, ErrKeyKind},
		{"a private key", k.rsa, nil, ErrKeyKind},
		{"a string", "0123456789abcdef0123456789abcdef", nil, ErrKeyKind},
		{"nothing", nil, nil, ErrKeyKind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newKey("", tc.material, algorithms)
			if err != tc.err || !slices.Equal(got.algorithms, tc.want) {
				t.Errorf("%v, %v, want %v, %v", got.algorithms, err, tc.want, tc.err)
			}
		})
	}
}

func TestNewKeyUsesWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		allowed []string
		want    []string
		err     error
	}{
		{"one of several", []string{"ES256", "RS512"}, []string{"RS512"}, nil},
		{"none", []string{"ES256", "HS256"}, nil, ErrAlgorithmKey},
		{"nothing is allowed", nil, nil, ErrAlgorithmKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newKey("k1", rsaOf(2048), tc.allowed)
			if err != tc.err || !slices.Equal(got.algorithms, tc.want) {
				t.Errorf("%v, %v", got.algorithms, err)
			}
		})
	}
}

func TestSecretFromFile(t *testing.T) {
	for _, tc := range []struct{ name, content, want string }{
		{"as it is", "secret", "secret"},
		{"a line end", "secret\n", "secret"},
		{"a line end of Windows", "secret\r\n", "secret"},
		{"two line ends, of which one is the secret's", "secret\n\n", "secret\n"},
		{"spaces, which are the secret's", " secret ", " secret "},
		{"base64, which is not decoded", "c2VjcmV0Cg==\n", "c2VjcmV0Cg=="},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := SecretFromFile(file(t, tc.content))
			if err != nil || string(got) != tc.want {
				t.Errorf("SecretFromFile = %q, %v", got, err)
			}
		})
	}
}
