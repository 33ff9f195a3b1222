package access

import (
	"testing"
	"time"
)

// BenchmarkVerify is what a connection costs whose token is checked.
func BenchmarkVerify(b *testing.B) {
	v, k := allKeys(b), testKeys()
	for _, bc := range []struct{ name, token string }{
		{"HS256", hs256(payloadWith())},
		{"RS256", forge(`{"alg":"RS256"}`, payloadWith(), signRSA(k.rsa))},
		{"ES256", forge(`{"alg":"ES256"}`, payloadWith(), signES256(k.p256))},
		{"EdDSA", forge(`{"alg":"EdDSA"}`, payloadWith(), signEd25519(k.ed))},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), bc.token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMayJoin is the last of as many patterns as a token may have.
func BenchmarkMayJoin(b *testing.B) {
	rooms := make([]string, PatternsMax)
	for i := range rooms {
		rooms[i] = "ws:globex:*"
	}
	rooms[PatternsMax-1] = "ws:acme:*"
	g, err := NewGrant("42", nil, rooms, nil, nil, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !g.MayJoin("ws:acme:board-7") {
			b.Fatal("it may not")
		}
	}
}
