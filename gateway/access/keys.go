package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
)

// algorithms are all that may be allowed. "none" is not among them, whatever a library knows.
var algorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// key verifies signatures. Its algorithms follow from what it is and never from a token, so that no token can have a
// public key taken for an HMAC secret (RFC 8725 3.1).
type key struct {
	id         string   // "" is a key without one
	algorithms []string // not empty
	material   any      // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// newKey makes a key that uses the allowed algorithms as far as they fit it.
func newKey(id string, material any, allowed []string) (key, error) {
	fitting, err := algorithmsOf(material)
	if err != nil {
		return key{}, err
	}
	usable := slices.DeleteFunc(fitting, func(a string) bool { return !slices.Contains(allowed, a) })
	if len(usable) == 0 {
		return key{}, ErrAlgorithmKey
	}
	return key{id, usable, material}, nil
}

// algorithmsOf binds algorithms to a key, as RFC 7518 3 has them.
func algorithmsOf(material any) ([]string, error) {
	switch k := material.(type) {
	case []byte:
		return secretAlgorithms(k)
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < RSABitsMin || bits > RSABitsMax {
			return nil, ErrRSABits
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		return curveAlgorithms(k.Curve)
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, ErrKeyKind
}

// secretAlgorithms: RFC 7518 3.2 wants a secret to be at least as long as the hash.
func secretAlgorithms(secret []byte) ([]string, error) {
	switch n := len(secret); {
	case n < SecretBytesMin:
		return nil, ErrSecretBytes
	case bytes.Contains(secret, []byte("-----BEGIN ")):
		return nil, ErrSecretPEM
	case n < 48:
		return []string{"HS256"}, nil
	case n < 64:
		return []string{"HS256", "HS384"}, nil
	}
	return []string{"HS256", "HS384", "HS512"}, nil
}

// curveAlgorithms: each algorithm has one curve, RFC 7518 3.4.
func curveAlgorithms(curve elliptic.Curve) ([]string, error) {
	switch curve {
	case elliptic.P256():
		return []string{"ES256"}, nil
	case elliptic.P384():
		return []string{"ES384"}, nil
	case elliptic.P521():
		return []string{"ES512"}, nil
	}
	return nil, ErrKeyKind
}

// isPublicAlgorithm tells the algorithms whose keys an endpoint may serve.
func isPublicAlgorithm(algorithm string) bool { return !strings.HasPrefix(algorithm, "HS") }

// SecretFromFile reads an HMAC secret: all bytes of the file but one line end at its end, which editors leave there. It
// is taken as it is, so base64 is not decoded. The caller owns the bytes.
func SecretFromFile(name string) ([]byte, error) {
	secret, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(secret, []byte("\n")), []byte("\r")), nil
}

// publicKeys takes the public keys out of a PEM file. Text between the blocks is allowed, RFC 7468 2, another kind of
// block is not.
func publicKeys(file []byte) (found []any, err error) {
	begun := bytes.Count(file, []byte("-----BEGIN "))
	for {
		block, rest := pem.Decode(file) // skips blocks that are broken
		if block == nil {
			break
		}
		k, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		found, file = append(found, k), rest
	}
	if len(found) == 0 || len(found) < begun { // a block that is broken is not one less
		return nil, ErrKeyPEM
	}
	return found, nil
}

func publicKey(block *pem.Block) (k any, err error) {
	switch {
	case block.Type == "PUBLIC KEY":
		k, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		k, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, ErrKeyPrivate
	default:
		return nil, fmt.Errorf("%w: found %q", ErrKeyPEM, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyPEM, err)
	}
	return k, nil
}

// material is what a key is made of, and where it comes from.
type material struct {
	from  string
	value any
}

// givenKeys are the keys of the configuration: its secrets, and those in its files as they are now.
func (c *VerifierConfig) givenKeys() ([]key, error) {
	given, err := c.materials()
	if err != nil {
		return nil, err
	}
	if len(given) > KeysMax {
		return nil, ErrKeysMax
	}
	keys := make([]key, len(given))
	for i, m := range given {
		if keys[i], err = newKey("", m.value, c.Algorithms); err != nil {
			return nil, fmt.Errorf("%s: %w", m.from, err)
		}
	}
	return keys, nil
}

func (c *VerifierConfig) materials() (given []material, err error) {
	for i, secret := range c.HMACSecrets {
		given = append(given, material{fmt.Sprintf("secret %d", i+1), secret})
	}
	for _, name := range c.HMACSecretFiles {
		secret, err := SecretFromFile(name)
		if err != nil {
			return nil, err
		}
		given = append(given, material{name, secret})
	}
	for _, name := range c.PublicKeyFiles {
		file, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found, err := publicKeys(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, k := range found {
			given = append(given, material{name, k})
		}
	}
	return given, nil
}
