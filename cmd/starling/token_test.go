package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"starling/gateway/access"
)

// testSecret has the 32 bytes that HS256 wants.
const testSecret = "0123456789abcdef0123456789abcdef"

// keep makes a file.
func keep(t *testing.T, content string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// keyPair is an Ed25519 key in PEM.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed([]byte(testSecret))
	inPEM := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	private = inPEM("PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(key.Public())
	return private, inPEM("PUBLIC KEY", der, err)
}

// TestToken has a verifier believe what the command prints.
func TestToken(t *testing.T) {
	private, public := keyPair(t)
	byEnv := []string{"STARLING_JWT_SECRET=" + testSecret}
	secretFile, otherFile := keep(t, testSecret+"\n"), keep(t, strings.ToUpper(testSecret))
	bySecret := access.VerifierConfig{HMACSecrets: [][]byte{[]byte(testSecret)}}
	byKey := access.VerifierConfig{PublicKeyFiles: []string{keep(t, public)}}
	ann := map[string]any{"sub": "ann"}
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		believe access.VerifierConfig
		claims  map[string]any // but for iat and exp
		ttl     float64        // seconds
	}{
		{"a user", byEnv, []string{"--user=ann"}, bySecret, ann, 3600},
		{"nobody", byEnv, nil, bySecret, map[string]any{}, 3600},
		{"a file", nil, []string{"--user=ann", "--secret-file", secretFile}, bySecret, ann, 3600},
		{"a file before the environment", []string{"STARLING_JWT_SECRET=" + strings.ToUpper(testSecret)}, []string{"--user=ann", "--secret-file", secretFile}, bySecret, ann, 3600},
		{"a file that others believe", byEnv, []string{"--user=ann", "--secret-file", otherFile}, access.VerifierConfig{HMACSecretFiles: []string{otherFile}}, ann, 3600},
		{"a key before the environment", byEnv, []string{"--user=ann", "--key-file", keep(t, private)}, byKey, ann, 3600},
		{
			"everything", byEnv,
			[]string{"--user=ann", "--room=ws:acme", "--room=ws:acme:*", "--join=ws:acme,b", "--emit=ws:acme:*", `--data={"name":"Ann"}`, "--ttl=1m", "--issuer=me", "--audience=you"},
			access.VerifierConfig{HMACSecrets: bySecret.HMACSecrets, Issuer: "me", Audience: "you"},
			map[string]any{
				"sub": "ann", "rooms": []any{"ws:acme", "ws:acme:*"}, "join": []any{"ws:acme,b"}, "emit": []any{"ws:acme:*"},
				"data": map[string]any{"name": "Ann"}, "iss": "me", "aud": []any{"you"},
			},
			60,
		},
		{"ten years", byEnv, []string{"--user=ann", "--ttl=87600h"}, bySecret, ann, 315360000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := starling(tc.environ, append([]string{"token"}, tc.args...)...)
			token, isLine := strings.CutSuffix(got.out, "\n")
			if got.code != exitOK || got.err != "" || !isLine {
				t.Fatalf("got %+v", got)
			}
			v, err := access.NewVerifier(context.Background(), tc.believe)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(context.Background(), token); err != nil {
				t.Errorf("nobody believes it: %v", err)
			}
			claims := payload(t, token)
			if ttl := claims["exp"].(float64) - claims["iat"].(float64); ttl != tc.ttl {
				t.Errorf("it is good for %v s, want %v", ttl, tc.ttl)
			}
			maps.DeleteFunc(claims, func(name string, _ any) bool { return slices.Contains([]string{"exp", "iat"}, name) })
			if !reflect.DeepEqual(claims, tc.claims) {
				t.Errorf("it says %v, want %v", claims, tc.claims)
			}
		})
	}
}

// payload is what a token says.
func payload(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has no three parts", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestNoToken(t *testing.T) {
	byEnv := []string{"STARLING_JWT_SECRET=" + testSecret}
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		want    string
	}{
		{"nothing to sign with", nil, nil, "a key to sign with: there is none: give --secret-file, --key-file or STARLING_JWT_SECRET"},
		{"a short secret", []string{"STARLING_JWT_SECRET=short"}, nil, "STARLING_JWT_SECRET: a secret has at least 32 bytes; openssl rand -base64 32 makes one"},
		{"no file", byEnv, []string{"--secret-file=/nowhere"}, "--secret-file: open /nowhere: no such file or directory"},
		{"no file with a key", byEnv, []string{"--key-file=/nowhere"}, "--key-file: open /nowhere: no such file or directory"},
		{"a file of nothing", byEnv, []string{"--secret-file=/dev/null"}, "--secret-file: a secret has at least 32 bytes; openssl rand -base64 32 makes one"},
		{"a key that is none", byEnv, []string{"--key-file=/dev/null"}, `--key-file: a signing key is a PEM block "PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE KEY", without a password`},
		{"two files", byEnv, []string{"--secret-file=a", "--key-file=b"}, "--secret-file and --key-file can't be used together\nstarling: see starling --help"},
		{"no time", byEnv, []string{"--ttl=0"}, "--ttl must be within 1s and 87600h, not 0s"},
		{"too long a time", byEnv, []string{"--ttl=87601h"}, "--ttl must be within 1s and 87600h, not 87601h0m0s"},
		{"a time without unit", byEnv, []string{"--ttl=60"}, "--ttl: must be a time, not 60: a time has a unit, as 500ms, 90s and 1h30m have\nstarling: see starling --help"},
		{"a pattern that is none", byEnv, []string{"--room=*"}, "there can be no such token: rooms[0]: the '*' of a pattern is its last character, and a ':' is before it"},
		{"a room that is none", byEnv, []string{"--join=a", "--join=b*"}, "there can be no such token: join[1]: a name has no '*'"},
		{"data that is none", byEnv, []string{"--data={"}, "there can be no such token: data: the data of a client is JSON: unexpected end of JSON input"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := outcome{exitUsage, "", "starling: " + tc.want + "\n"}
			if got := starling(tc.environ, append([]string{"token"}, tc.args...)...); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
