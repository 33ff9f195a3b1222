package access

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestVerify: what each token comes to. A row without a code is accepted.
func TestVerify(t *testing.T) {
	v, k, good := allKeys(t), testKeys(), payloadWith()
	publicPEM := pem.EncodeToMemory(publicBlock(t, k.rsa.Public()))
	publicDER := publicBlock(t, k.rsa.Public()).Bytes
	signed := hs256(good)
	parts := strings.Split(signed, ".")
	with := func(changes ...string) string { return hs256(payloadWith(changes...)) }
	headed := func(header string) string { return forge(header, good, signHMAC(sha256.New, testSecret)) }
	for _, tc := range []struct {
		name, token, want string
	}{
		// Algorithms, each with its key.
		{"HS256", signed, ""},
		{"HS384", forge(`{"alg":"HS384"}`, good, signHMAC(sha512.New384, longSecret)), ""},
		{"HS512", forge(`{"alg":"HS512"}`, good, signHMAC(sha512.New, longSecret)), ""},
		{"RS256", forge(`{"alg":"RS256"}`, good, signRSA(k.rsa)), ""},
		{"PS256", forge(`{"alg":"PS256"}`, good, signPSS(k.rsa)), ""},
		{"ES256", forge(`{"alg":"ES256"}`, good, signES256(k.p256)), ""},
		{"ES384", forge(`{"alg":"ES384"}`, good, signES384(k.p384)), ""},
		{"ES512", forge(`{"alg":"ES512"}`, good, signES512(k.p521)), ""},
		{"EdDSA", forge(`{"alg":"EdDSA"}`, good, signEd25519(k.ed)), ""},
		{"another typ", headed(`{"alg":"HS256","typ":"at+jwt"}`), ""},
		{"a kid that nobody knows", headed(`{"alg":"HS256","kid":"k1"}`), ""},

		// No token, or none at all.
		{"nothing", "", CodeRequired},
		{"a word", "hello", CodeMalformed},
		{"two parts", parts[0] + "." + parts[1], CodeMalformed},
		{"four parts", signed + ".AAAA", CodeMalformed},
		{"the five parts of a JWE", parts[0] + ".AAAA.AAAA.AAAA.AAAA", CodeMalformed},
		{"a token behind Bearer", "Bearer " + signed, CodeMalformed},
		{"a line end behind", signed + "\n", CodeMalformed},
		{"a line end inside", signed[:len(signed)-8] + "\n" + signed[len(signed)-8:], CodeMalformed},
		{"padding", signed + "=", CodeMalformed},
		{"padding of the payload", parts[0] + "." + base64.URLEncoding.EncodeToString([]byte(good+" ")) + "=." + parts[2], CodeMalformed},
		{"the other base64", strings.Join(parts[:2], ".") + ".++//" + parts[2], CodeMalformed},
		{"another spelling of the same signature", flipLastBits(signed), CodeMalformed},
		{"a header that is no JSON", forge(`alg`, good, signNothing), CodeMalformed},
		{"a header that is null", forge(`null`, good, signHMAC(sha256.New, testSecret)), CodeSignature},
		{"a header that is an array", forge(`["HS256"]`, good, signHMAC(sha256.New, testSecret)), CodeMalformed},
		{"a header that goes on", headed(`{"alg":"HS256"}{}`), CodeMalformed},
		{"claims that are no JSON", hs256(`sub=42`), CodeMalformed},
		{"claims that are an array", hs256(`["42"]`), CodeMalformed},
		{"claims that are null", hs256(`null`), CodeMalformed},
		{"claims that go on", hs256(good + `{}`), CodeMalformed},
		{"claims that are no UTF-8", with("sub", "\"4\xff2\""), CodeMalformed},
		{"8,193 bytes", strings.Repeat("A", 8193), CodeMalformed},
		{"a token of a token", forge(`{"alg":"HS256","cty":"JWT"}`, signed, signHMAC(sha256.New, testSecret)), CodeMalformed},

		// Headers that ask for more than there is.
		{"an extension that is critical", headed(`{"alg":"HS256","crit":["exp"]}`), CodeMalformed},
		{"no critical extension, which may not be", headed(`{"alg":"HS256","crit":[]}`), CodeMalformed},
		{"a payload that is not encoded", headed(`{"alg":"HS256","b64":false,"crit":["b64"]}`), CodeMalformed},
		{"a kid that is a number", headed(`{"alg":"HS256","kid":7}`), CodeMalformed},
		{"a kid that is null", headed(`{"alg":"HS256","kid":null}`), CodeMalformed},
		{"a kid that is an object", headed(`{"alg":"HS256","kid":{"$ne":""}}`), CodeMalformed},

		// Signatures that are none.
		{"no signature", parts[0] + "." + parts[1] + ".", CodeSignature},
		{"half a signature", signed[:len(signed)-19], CodeSignature},
		{"another payload", parts[0] + "." + encode([]byte(payloadWith("sub", `"1"`))) + "." + parts[2], CodeSignature},
		{"another header", encode([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2], CodeSignature},
		{"another secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, []byte("another secret, of 32 bytes too."))), CodeSignature},
		{"an empty secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, nil)), CodeSignature},
		{"none", forge(`{"alg":"none"}`, good, signNothing), CodeSignature},
		{"None", forge(`{"alg":"None"}`, good, signNothing), CodeSignature},
		{"none, signed", headed(`{"alg":"none"}`), CodeSignature},
		{"an empty algorithm", headed(`{"alg":""}`), CodeSignature},
		{"no algorithm", headed(`{"typ":"JWT"}`), CodeSignature},
		{"a list of algorithms", headed(`{"alg":["HS256"]}`), CodeSignature},
		{"an algorithm in small letters", headed(`{"alg":"hs256"}`), CodeSignature},
		{"an algorithm of encryption", headed(`{"alg":"dir","enc":"A256GCM"}`), CodeSignature},
		{"a second algorithm, which counts", headed(`{"alg":"HS256","alg":"none"}`), CodeSignature},
		{"a public key as the secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, publicPEM)), CodeSignature},
		{"a public key as the secret, without line end", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, publicPEM[:len(publicPEM)-1])), CodeSignature},
		{"a public key in DER as the secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, publicDER)), CodeSignature},
		{"a modulus as the secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, k.rsa.N.Bytes())), CodeSignature},
		{"an Ed25519 key as the secret", forge(`{"alg":"HS256"}`, good, signHMAC(sha256.New, k.ed[32:])), CodeSignature},
		{"the secret for RS256", forge(`{"alg":"RS256"}`, good, signHMAC(sha256.New, testSecret)), CodeSignature},
		{"a short secret for HS384", forge(`{"alg":"HS384"}`, good, signHMAC(sha512.New384, testSecret)), CodeSignature},
		{"a short secret for HS512", forge(`{"alg":"HS512"}`, good, signHMAC(sha512.New, testSecret)), CodeSignature},
		{"RS256 said of PS256", forge(`{"alg":"RS256"}`, good, signPSS(k.rsa)), CodeSignature},
		{"RS256 with the key of ES256", forge(`{"alg":"RS256"}`, good, signES256(k.p256)), CodeSignature},
		{"ES256 with zeros", forge(`{"alg":"ES256"}`, good, func([]byte) []byte { return make([]byte, 64) }), CodeSignature},
		{"ES384 with the key of ES256", forge(`{"alg":"ES384"}`, good, signES384(k.p256)), CodeSignature},
		{"ES256 with the key of ES384", forge(`{"alg":"ES256"}`, good, signES256(k.p384)), CodeSignature},
		{"ES256 in ASN.1", forge(`{"alg":"ES256"}`, good, asn1Signature), CodeSignature},
		{"EdDSA with zeros", forge(`{"alg":"EdDSA"}`, good, func([]byte) []byte { return make([]byte, 64) }), CodeSignature},
		{"a key of its own", forge(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`, good, signHMAC(sha256.New, make([]byte, 3))), CodeSignature},
		{"an address of its own keys", forge(`{"alg":"RS256","jku":"https://evil.example/","x5u":"https://evil.example/"}`, good, signNothing), CodeSignature},
		{"a kid that is a path to nothing", forge(`{"alg":"HS256","kid":"/dev/null"}`, good, signHMAC(sha256.New, nil)), CodeSignature},
		{"a kid that climbs", forge(`{"alg":"HS256","kid":"../../../../../../dev/null"}`, good, signHMAC(sha256.New, []byte{})), CodeSignature},
		{"a kid for a database", forge(`{"alg":"HS256","kid":"x' UNION SELECT 'k"}`, good, signHMAC(sha256.New, []byte("k"))), CodeSignature},

		// Times. It is 1,800,000,000, and clocks may differ by 10 s.
		{"expired now, within the leeway", with("exp", "1800000000"), ""},
		{"expired for 9 s", with("exp", "1799999991"), ""},
		{"expired for the leeway", with("exp", "1799999990"), CodeExpired},
		{"expired in 1970", with("exp", "0"), CodeExpired},
		{"an exp with a fraction", with("exp", "1799999990.5"), ""},
		{"an exp with an exponent", with("exp", "1.8000036e9"), ""},
		{"the last exp", with("exp", "253402300799"), ""},
		{"no exp", with("exp", ""), CodeClaims},
		{"an exp that is null", with("exp", "null"), CodeClaims},
		{"an exp in a string", with("exp", `"1800003600"`), CodeClaims},
		{"an exp in milliseconds", with("exp", "1800003600000"), CodeClaims},
		{"a huge exp", with("exp", "1e308"), CodeClaims},
		{"an exp that is no float", with("exp", "1e999"), CodeClaims},
		{"a negative exp", with("exp", "-1"), CodeClaims},
		{"an exp that is true", with("exp", "true"), CodeClaims},
		{"an exp in an array", with("exp", "[1800003600]"), CodeClaims},
		{"valid in 10 s", with("nbf", "1800000010"), ""},
		{"valid in 11 s", with("nbf", "1800000011"), CodeNotYetValid},
		{"an nbf in a string", with("nbf", `"0"`), CodeClaims},
		{"issued in the future", with("iat", "1900000000"), ""},
		{"issued at no time", with("iat", `"now"`), CodeClaims},

		// Issuer and audience.
		{"another issuer", with("iss", `"https://globex.example"`), CodeIssuer},
		{"an issuer that goes on", with("iss", `"https://acme.example/"`), CodeIssuer},
		{"an issuer with other capitals", with("iss", `"https://ACME.example"`), CodeIssuer},
		{"no issuer", with("iss", ""), CodeIssuer},
		{"a list of issuers", with("iss", `["https://acme.example"]`), CodeClaims},
		{"an issuer that is null", with("iss", "null"), CodeClaims},
		{"another audience", with("aud", `"billing"`), CodeAudience},
		{"an audience that goes on", with("aud", `"starling2"`), CodeAudience},
		{"no audience", with("aud", ""), CodeAudience},
		{"an empty list of audiences", with("aud", "[]"), CodeAudience},
		{"a list of audiences with ours", with("aud", `["billing","starling"]`), ""},
		{"a list of other audiences", with("aud", `["billing","Starling"]`), CodeAudience},
		{"a list of lists of audiences", with("aud", `[["starling"]]`), CodeClaims},
		{"a list of audiences and a number", with("aud", `["starling",1]`), CodeClaims},
		{"an audience that is null", with("aud", "null"), CodeClaims},
		{"an audience that is an object", with("aud", `{"0":"starling"}`), CodeClaims},

		// The user.
		{"no sub", with("sub", ""), ""},
		{"an empty sub", with("sub", `""`), CodeClaims},
		{"a sub that is null", with("sub", "null"), CodeClaims},
		{"a sub that is a number", with("sub", "42"), CodeClaims},
		{"a sub of 250 bytes", with("sub", `"`+strings.Repeat("a", 250)+`"`), ""},
		{"a sub of 251 bytes", with("sub", `"`+strings.Repeat("a", 251)+`"`), CodeClaims},
		{"a sub with NUL", with("sub", `"4\u00002"`), CodeClaims},
		{"a sub with half a surrogate", with("sub", `"4\ud8002"`), CodeClaims},
		{"a sub with a star", with("sub", `"*"`), CodeClaims},
		{"a sub with a space", with("sub", `"42 "`), CodeClaims},

		// Rooms.
		{"no rooms", with("rooms", "", "join", "", "emit", ""), ""},
		{"empty lists", with("rooms", "[]", "join", "[]", "emit", "[]"), ""},
		{"rooms in a string", with("rooms", `"ws:acme"`), CodeClaims},
		{"rooms that are null", with("rooms", "null"), CodeClaims},
		{"rooms that are an object", with("rooms", `{"ws:acme":true}`), CodeClaims},
		{"rooms in rooms", with("rooms", `[["ws:acme"]]`), CodeClaims},
		{"a room that is null", with("rooms", `["ws:acme",null]`), CodeClaims},
		{"a room that is a number", with("rooms", `[1]`), CodeClaims},
		{"a star for all rooms", with("rooms", `["*"]`), CodeClaims},
		{"an empty room", with("rooms", `[""]`), CodeClaims},
		{"100 rooms", with("rooms", list(100)), ""},
		{"101 rooms", with("rooms", list(101)), CodeClaims},
		{"101 rooms to join", with("join", list(101)), CodeClaims},
		{"101 rooms to emit to", with("emit", list(101)), CodeClaims},
		{"a pattern to join", with("join", `["ws:acme:*"]`), CodeClaims},
		{"a room in a string to join", with("join", `"ws:acme"`), CodeClaims},
		{"a star to emit to", with("emit", `["*"]`), CodeClaims},

		// The rest.
		{"data of 4,096 bytes", with("data", `"`+strings.Repeat("a", 4094)+`"`), ""},
		{"data of 4,097 bytes", with("data", `"`+strings.Repeat("a", 4095)+`"`), CodeClaims},
		{"data that is nested", with("data", strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), ""},
		{"claims that mean nothing here", with("scope", `["*"]`, "admin", "true", "name", "null"), ""},
		{"rooms twice", with("rooms", `["ws:acme"]`, "roo\\u006ds", `["ws:globex"]`), CodeClaims},
		{"a claim that means nothing here twice", with("x", "1", "x", "1"), CodeClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := v.Verify(t.Context(), tc.token)
			wantCode(t, err, tc.want)
			if (g == nil) != (tc.want != "") {
				t.Errorf("grant = %v", g)
			}
		})
	}
}

// list is a JSON array of so many rooms.
func list(n int) string { return `["r"` + strings.Repeat(`,"r"`, n-1) + `]` }

// flipLastBits changes the bits of a signature's last character that encode nothing: 32 bytes end in two spare bits.
func flipLastBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

// asn1Signature signs as X.509 has it, and not as RFC 7518 3.4 does.
func asn1Signature(input []byte) []byte {
	sum := sha256.Sum256(input)
	signature, _ := testKeys().p256.Sign(nil, sum[:], nil)
	return signature
}

func TestVerifyReadsTheClaims(t *testing.T) {
	g, err := allKeys(t).Verify(t.Context(), hs256(payloadWith("Sub", `"1"`, "ROOMS", `["ws:globex"]`)))
	if err != nil {
		t.Fatal(err)
	}
	if g.User != "42" || !slices.Equal(g.Join, []string{"ws:acme"}) || !slices.Equal(g.Rooms, Patterns{"ws:acme:*"}) ||
		!slices.Equal(g.Emit, Patterns{"ws:acme:chat"}) || string(g.Data) != `{"name":"Ann"}` || g.Everything {
		t.Errorf("grant = %+v", g)
	}
	if want := time.Unix(1_800_003_600, 0).Add(10 * time.Second); !g.Expires.Equal(want) { // exp and the leeway
		t.Errorf("expires at %v, want %v", g.Expires, want)
	}
}

func TestExpires(t *testing.T) {
	v := verifier(t, VerifierConfig{HMACSecrets: [][]byte{testSecret}, AllowNoExpiry: true, Leeway: time.Minute})
	for _, tc := range []struct {
		name, exp string
		want      time.Time
	}{
		{"none", "", time.Time{}},
		{"a fraction", "1800003600.5", time.Unix(1_800_003_660, 500_000_000)},
		{"within the leeway before the last", "8589934590", time.Unix(1<<33, 0)},
		{"past the last", "9999999999", time.Unix(1<<33, 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := v.Verify(t.Context(), hs256(payloadWith("exp", tc.exp)))
			if err != nil || !g.Expires.Equal(tc.want) {
				t.Errorf("%+v, %v", g, err)
			}
		})
	}
}

// TestLooseVerifier: without an issuer and an audience to hold a token against, theirs do not matter.
func TestLooseVerifier(t *testing.T) {
	v := verifier(t, VerifierConfig{HMACSecrets: [][]byte{testSecret}, AllowNoExpiry: true})
	for _, tc := range []struct{ name, payload, want string }{
		{"anybody's", payloadWith("iss", `"x"`, "aud", `["y"]`), ""},
		{"nobody's", `{}`, ""},
		{"expired now", `{"exp":1800000000}`, CodeExpired},
		{"valid now", `{"nbf":1800000000}`, ""},
		{"an issuer of the wrong kind", `{"iss":1}`, CodeClaims},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), hs256(tc.payload))
			wantCode(t, err, tc.want)
		})
	}
	g, err := v.Verify(t.Context(), hs256(`{}`))
	if err != nil || g.User != "" || g.MayJoin("ws:acme") || !g.Expires.IsZero() {
		t.Errorf("a token without claims: %+v, %v", g, err)
	}
}

// TestAlgorithmsMayBeFewer: what is not allowed is refused, though a key could do it.
func TestAlgorithmsMayBeFewer(t *testing.T) {
	k := testKeys()
	v := verifier(t, VerifierConfig{
		PublicKeyFiles: []string{pemFile(t, publicBlock(t, k.rsa.Public()))}, Algorithms: []string{"PS256"},
	})
	_, err := v.Verify(t.Context(), forge(`{"alg":"PS256"}`, payloadWith(), signPSS(k.rsa)))
	wantCode(t, err, "")
	_, err = v.Verify(t.Context(), forge(`{"alg":"RS256"}`, payloadWith(), signRSA(k.rsa)))
	wantCode(t, err, CodeSignature)
}

// TestTokensOfTheStandards: the examples of RFC 7515 A.1 to A.3, byte by byte.
func TestTokensOfTheStandards(t *testing.T) {
	const payload = ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	secret, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if err != nil {
		t.Fatal(err)
	}
	set, skipped, err := keySet([]byte(standardKeys), algorithms)
	if err != nil || len(skipped) > 0 || len(set) != 2 {
		t.Fatalf("keySet = %d keys, %v, %v", len(set), skipped, err)
	}
	now := time.Unix(1_300_819_379, 0)
	v := verifier(t, VerifierConfig{HMACSecrets: [][]byte{secret}, Issuer: "joe", Now: func() time.Time { return now }})
	withSet := append(slices.Clone(*v.given.Load()), set...)
	v.given.Store(&withSet)
	for _, tc := range []struct{ name, token string }{
		{"A.1, HS256", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + payload + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
		{"A.2, RS256", "eyJhbGciOiJSUzI1NiJ9" + payload + "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W" +
			"2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d" +
			"O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
		{"A.3, ES256", "eyJhbGciOiJFUzI1NiJ9" + payload + "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := v.Verify(t.Context(), tc.token)
			wantCode(t, err, "")
			if err == nil && !g.Expires.Equal(time.Unix(1_300_819_380, 0)) {
				t.Errorf("expires at %v", g.Expires)
			}
		})
	}
}

// standardKeys are the public keys of RFC 7515 A.2.1 and A.3.1 as a set.
const standardKeys = `{"keys":[
{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},
{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
]}`

func TestNewVerifierRefuses(t *testing.T) {
	k := testKeys()
	private := pemFile(t, pkcs8Block(t, k.rsa))
	secretFile := file(t, string(testSecret)+"\n")
	for _, tc := range []struct {
		name string
		cfg  VerifierConfig
		want error
		says string
	}{
		{"no keys", VerifierConfig{}, ErrNoKeys, ""},
		{"a secret of 31 bytes", VerifierConfig{HMACSecrets: [][]byte{testSecret, testSecret[:31]}}, ErrSecretBytes, "secret 2: "},
		{"a file with 31 bytes and a line end", VerifierConfig{HMACSecretFiles: []string{file(t, string(testSecret[:31])+"\n")}}, ErrSecretBytes, "key: "},
		{"a PEM file as a secret", VerifierConfig{HMACSecretFiles: []string{pemFile(t, publicBlock(t, k.rsa.Public()))}}, ErrSecretPEM, "key: "},
		{"no such file of a secret", VerifierConfig{HMACSecretFiles: []string{secretFile + "2"}}, fs.ErrNotExist, "key2"},
		{"no such file of a key", VerifierConfig{PublicKeyFiles: []string{secretFile + "2"}}, fs.ErrNotExist, "key2"},
		{"a key file without a key", VerifierConfig{PublicKeyFiles: []string{secretFile}}, ErrKeyPEM, "key: "},
		{"a private key", VerifierConfig{PublicKeyFiles: []string{private}}, ErrKeyPrivate, "key: "},
		{"a leeway below 0", VerifierConfig{HMACSecrets: [][]byte{testSecret}, Leeway: -1}, ErrLeeway, ""},
		{"a leeway of an hour", VerifierConfig{HMACSecrets: [][]byte{testSecret}, Leeway: time.Hour}, ErrLeeway, ""},
		{"none", VerifierConfig{HMACSecrets: [][]byte{testSecret}, Algorithms: []string{"HS256", "none"}}, ErrAlgorithm, `"none": `},
		{"an algorithm in small letters", VerifierConfig{HMACSecrets: [][]byte{testSecret}, Algorithms: []string{"hs256"}}, ErrAlgorithm, ""},
		{"a secret that fits no algorithm", VerifierConfig{HMACSecrets: [][]byte{testSecret}, Algorithms: []string{"HS512"}}, ErrAlgorithmKey, "secret 1: "},
		{"51 keys", VerifierConfig{HMACSecrets: slices.Repeat([][]byte{testSecret}, 51)}, ErrKeysMax, ""},
		{"an endpoint without a host", VerifierConfig{JWKSURL: "https:///keys"}, ErrJWKSURL, ""},
		{"an endpoint of a port alone", VerifierConfig{JWKSURL: "https://:443/keys"}, ErrJWKSURL, ""},
		{"an endpoint that is a file", VerifierConfig{JWKSURL: "file:///etc/keys"}, ErrJWKSURL, ""},
		{"an endpoint without a scheme", VerifierConfig{JWKSURL: "acme.example/keys"}, ErrJWKSURL, ""},
		{"an endpoint that is no address", VerifierConfig{JWKSURL: "https://%zz"}, ErrJWKSURL, ""},
		{"a refresh each second", VerifierConfig{JWKSURL: "https://acme.example/keys", JWKSRefresh: time.Second}, ErrJWKSRefresh, ""},
		{"an endpoint, and algorithms of secrets", VerifierConfig{JWKSURL: "https://acme.example/keys", Algorithms: []string{"HS256"}}, ErrAlgorithmKey, "acme.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := NewVerifier(context.Background(), tc.cfg)
			if v != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("NewVerifier: %v, want %q and %v", err, tc.says, tc.want)
			}
		})
	}
}

// TestReload: keys are changed by changing files, and a mistake changes nothing.
func TestReload(t *testing.T) {
	k := testKeys()
	secrets, keys := file(t, string(testSecret)), pemFile(t, publicBlock(t, k.rsa.Public()))
	v := verifier(t, VerifierConfig{HMACSecretFiles: []string{secrets}, PublicKeyFiles: []string{keys}})
	old, newer := hs256(payloadWith()), forge(`{"alg":"HS256"}`, payloadWith(), signHMAC(sha256.New, longSecret))
	public := forge(`{"alg":"RS256"}`, payloadWith(), signRSA(k.rsa))
	check := func(step string, oldWant, newerWant string) {
		t.Helper()
		for token, want := range map[string]string{old: oldWant, newer: newerWant, public: ""} {
			_, err := v.Verify(t.Context(), token)
			wantCode(t, err, want)
		}
		if t.Failed() {
			t.Fatal(step)
		}
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check("at first", "", CodeSignature)
	write(secrets, string(longSecret)+"\r\n")
	check("before Reload", "", CodeSignature)
	if err := v.Reload(); err != nil {
		t.Fatal(err)
	}
	check("after Reload", CodeSignature, "")
	write(secrets, "short")
	if err := v.Reload(); !errors.Is(err, ErrSecretBytes) {
		t.Errorf("Reload of a short secret: %v", err)
	}
	check("after a mistake", CodeSignature, "")
	write(secrets, string(testSecret))
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	if err := v.Reload(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Reload without a file: %v", err)
	}
	check("after another", CodeSignature, "")
	if err := v.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// TestRefusalsTellNothingOfKeys: what a client is told does not depend on the key, and has no cause in it.
func TestRefusalsTellNothingOfKeys(t *testing.T) {
	v := allKeys(t)
	messages := map[string]bool{}
	for _, token := range []string{
		forge(`{"alg":"HS256"}`, payloadWith(), signNothing),
		forge(`{"alg":"RS256","kid":"x"}`, payloadWith(), signNothing),
		forge(`{"alg":"none"}`, payloadWith(), signNothing),
	} {
		_, err := v.Verify(t.Context(), token)
		wantCode(t, err, CodeSignature)
		if errors.Unwrap(err) == nil {
			t.Errorf("%v has no cause for the log", err)
		}
		messages[err.Error()] = true
	}
	if len(messages) != 1 {
		t.Errorf("refusals differ: %v", messages)
	}
}

func TestPublicKeys(t *testing.T) {
	k := testKeys()
	rsa1, ec := publicBlock(t, k.rsa.Public()), publicBlock(t, k.p256.Public())
	pkcs1 := &pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)}
	encoded := func(blocks ...*pem.Block) (all string) {
		for _, b := range blocks {
			all += string(pem.EncodeToMemory(b))
		}
		return all
	}
	for _, tc := range []struct {
		name, file string
		keys       int
		want       error
	}{
		{"one", encoded(rsa1), 1, nil},
		{"of PKCS #1", encoded(pkcs1), 1, nil},
		{"several, and text between", "first\n" + encoded(rsa1) + "second\n" + encoded(ec, pkcs1), 3, nil},
		{"line ends of Windows", strings.ReplaceAll(encoded(ec), "\n", "\r\n"), 1, nil},
		{"nothing", "", 0, ErrKeyPEM},
		{"a second one that is cut", encoded(rsa1) + encoded(ec)[:60], 0, ErrKeyPEM},
		{"a second one that is broken", encoded(rsa1) + strings.Replace(encoded(ec), "M", "!", 1), 0, ErrKeyPEM},
		{"a first one that is cut", encoded(rsa1)[:60] + "\n" + encoded(ec), 0, ErrKeyPEM},
		{"a first one that is broken", strings.Replace(encoded(rsa1), "M", "!", 1) + encoded(ec), 0, ErrKeyPEM},
		{"what is no key", encoded(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), 0, ErrKeyPEM},
		{"the wrong kind of block", encoded(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: rsa1.Bytes}), 0, ErrKeyPEM},
		{"a certificate", encoded(&pem.Block{Type: "CERTIFICATE", Bytes: rsa1.Bytes}), 0, ErrKeyPEM},
		{"a private key behind a public one", encoded(rsa1, pkcs8Block(t, k.rsa)), 0, ErrKeyPrivate},
		{"an old private key", encoded(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte{1}}), 0, ErrKeyPrivate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := publicKeys([]byte(tc.file))
			if len(got) != tc.keys || !errors.Is(err, tc.want) {
				t.Errorf("%d keys, %v, want %d, %v", len(got), err, tc.keys, tc.want)
			}
		})
	}
}
