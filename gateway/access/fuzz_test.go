package access

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzVerify: of all texts that can be made of good tokens, by cutting and garbling, only the good tokens are good.
func FuzzVerify(f *testing.F) {
	v, k := allKeys(f), testKeys()
	good := []string{
		hs256(payloadWith()),
		forge(`{"alg":"RS256"}`, payloadWith(), signRSA(k.rsa)),
		forge(`{"alg":"ES256"}`, payloadWith(), signES256(k.p256)),
		forge(`{"alg":"EdDSA"}`, payloadWith(), signEd25519(k.ed)),
	}
	f.Add(uint8(0), uint16(0), uint16(0), "")
	f.Add(uint8(1), uint16(20), uint16(21), "")
	f.Add(uint8(2), uint16(0), uint16(8192), "eyJhbGciOiJub25lIn0.e30.")
	f.Add(uint8(3), uint16(5), uint16(6), ".")
	f.Add(uint8(0), uint16(0), uint16(20), encode([]byte(`{"alg":"none"}`)))
	f.Add(uint8(1), uint16(0), uint16(20), encode([]byte(`{"alg":"HS256"}`)))
	f.Add(uint8(2), uint16(8192), uint16(8192), "=")
	f.Add(uint8(3), uint16(8192), uint16(8192), "\n")
	f.Fuzz(func(t *testing.T, which uint8, from, to uint16, text string) {
		token := good[int(which)%len(good)]
		begin := min(int(from), len(token))
		end := max(begin, min(int(to), len(token)))
		garbled := token[:begin] + text + token[end:]
		g, err := v.Verify(t.Context(), garbled)
		if slices.Contains(good, garbled) {
			wantCode(t, err, "")
			return
		}
		refused, ok := err.(*TokenError)
		known := []string{CodeRequired, CodeMalformed, CodeSignature}
		if g != nil || !ok || !slices.Contains(known, refused.Code) || refused.Code == CodeRequired != (garbled == "") {
			t.Errorf("%q: %+v, %v", garbled, g, err)
		}
	})
}

// FuzzClaims holds the claims that are read from a payload against the library's and encoding/json's reading of it.
func FuzzClaims(f *testing.F) {
	v := verifier(f, VerifierConfig{HMACSecrets: [][]byte{testSecret}, AllowNoExpiry: true})
	f.Add(payloadWith())
	f.Add(`{"aud":["a","b"],"exp":1800000000.25,"nbf":0}`)
	f.Add(`{"sub":"a","sub":"b"}`)
	f.Add(`{"sub":"\ud800","rooms":[null]}`)
	f.Add(`{"exp":1e3,"iat":-1}`)
	f.Add(`{"data":[1e999,{"a":1.0}],"x":1e999}`)
	f.Add(` { } `)
	f.Add(`{}{}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		c, err := decodeClaims([]byte(payload))
		if err != nil {
			if g, err := v.grant([]byte(payload)); g != nil || err == nil {
				t.Errorf("a grant of %q", payload)
			}
			return
		}
		all, ok := slowObject(payload)
		if !ok {
			t.Fatalf("%q was read", payload)
		}
		compareClaims(t, &c, all)
		if g, err := v.grant([]byte(payload)); err == nil {
			checkGrant(t, g)
		}
	})
}

// slowObject reads a JSON object, with its numbers as they are written.
func slowObject(payload string) (all jwt.MapClaims, ok bool) {
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	err := d.Decode(&all)
	return all, err == nil && all != nil && json.Valid([]byte(payload)) && utf8.ValidString(payload)
}

// compareClaims holds claims against an obvious reading of them.
func compareClaims(t *testing.T, c *claims, all jwt.MapClaims) {
	t.Helper()
	issuer, _ := all["iss"].(string)
	audience, _ := all.GetAudience()
	expires, _ := all.GetExpirationTime()
	notBefore, _ := all.GetNotBefore()
	data, _ := json.Marshal(all["data"])
	asClaim, _ := slowObject(`{"data":` + cmp.Or(string(c.data), "null") + `}`)
	rawData, _ := json.Marshal(asClaim["data"])
	user, _ := all["sub"].(string)
	if c.user != user || c.issuer != issuer || !slices.Equal(c.audience, []string(audience)) || string(rawData) != string(data) {
		t.Errorf("%+v, want %v", c, all)
	}
	compareTime(t, c.expires, expires, all["exp"])
	compareTime(t, c.notBefore, notBefore, all["nbf"])
	for name, got := range map[string][]string{"join": c.join, "rooms": c.rooms, "emit": c.emit} {
		want, _ := all[name].([]any)
		for i := range got {
			if len(want) != len(got) || want[i] != any(got[i]) {
				t.Errorf("%s = %q, want %v", name, got, want)
			}
		}
	}
}

// compareTime: the library's times are whole seconds, and 0 is none to it.
func compareTime(t *testing.T, got time.Time, want *jwt.NumericDate, raw any) {
	t.Helper()
	number, _ := raw.(json.Number)
	if seconds, err := number.Float64(); err == nil && seconds < 1 {
		if got.Unix() != 0 {
			t.Errorf("time %v of %v", got, raw)
		}
		return
	}
	if got.IsZero() != (want == nil) || want != nil && got.Unix() != want.Unix() {
		t.Errorf("time %v, want %v", got, want)
	}
}

// checkGrant: whatever a token says, its grant keeps the rules, and opens nobody else's rooms by a prefix.
func checkGrant(t *testing.T, g *Grant) {
	t.Helper()
	again, err := NewGrant(g.User, g.Join, texts(g.Rooms), texts(g.Emit), g.Data, g.Expires)
	if err != nil || !reflect.DeepEqual(g.Rooms, again.Rooms) || string(again.Data) != string(g.Data) {
		t.Errorf("%+v is no grant: %v", g, err)
	}
	const sid, other = "AAAA-bbbb_0123456789", "user:somebody else"
	isListed := func(room string) bool {
		return slices.Contains(g.Join, room) || slices.ContainsFunc(g.Rooms, func(p Pattern) bool {
			return string(p) == room || strings.HasPrefix(string(p), "user:") && strings.HasPrefix(room, "user:")
		})
	}
	for _, room := range []string{sid, other, "*", ""} {
		if g.MayJoin(room) && !isListed(room) && UserRoom(g.User) != room {
			t.Errorf("%+v may join %q", g, room)
		}
	}
}

func texts(ps Patterns) (list []string) {
	for _, p := range ps {
		list = append(list, string(p))
	}
	return list
}

// FuzzKeySet: no answer of an endpoint does harm, and each key that is taken has algorithms that fit it, none of a secret.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(standardKeys))
	f.Add([]byte(setOf(ecKey("k", ""), rsaKey("k", `,"alg":"RS256"`), `{"kty":"oct","k":"AAAA"}`)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQ"},{"kty":"OKP","crv":"Ed25519","x":"AA"},null,7]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, _, err := keySet(body, algorithms)
		if (len(keys) > 0) != (err == nil) || len(keys) > KeysMax {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			fitting, err := algorithmsOf(k.material)
			if err != nil || len(k.algorithms) == 0 {
				t.Fatalf("key %v: %v", k.algorithms, err)
			}
			for _, a := range k.algorithms {
				if !slices.Contains(fitting, a) || !isPublicAlgorithm(a) {
					t.Errorf("%s is none of %v", a, fitting)
				}
				if err := jwt.GetSigningMethod(a).Verify("text", make([]byte, 63), k.material); err == nil {
					t.Errorf("%s takes 63 zeros for a signature", a)
				}
			}
		}
	})
}

// FuzzHeader signs any header with our secret: a token is good if its header asks for our algorithm and for nothing that
// could change what the signature says. encoding/json reads the header for the twin.
func FuzzHeader(f *testing.F) {
	v := verifier(f, VerifierConfig{HMACSecrets: [][]byte{testSecret}})
	for _, header := range []string{
		`{"alg":"HS256"}`, `{"alg":"HS256","typ":"JWT","kid":"k"}`, `{"alg":"none"}`, `{"alg":"HS512"}`, `{"alg":["HS256"]}`, `{"alg":"HS256","kid":7}`,
		`{"alg":"HS256","crit":[]}`, `{"alg":"none","alg":"HS256"}`, `{"Alg":"HS256"}`, `{}`, `null`, ` {"alg" : "\u0048S256"} `, `{"alg":"HS256","jwk":{"kty":"oct"}}`,
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, err := v.Verify(t.Context(), forge(header, payloadWith(), signHMAC(sha256.New, testSecret)))
		if want := slowHeader(header); want != (err == nil) {
			t.Fatalf("%q: %v, want it taken: %v", header, err, want)
		}
		if refused, ok := err.(*TokenError); err != nil && (!ok || refused.Code != CodeMalformed && refused.Code != CodeSignature) {
			t.Fatalf("%q: %v", header, err)
		}
	})
}

func slowHeader(header string) bool {
	var all map[string]any
	if json.Unmarshal([]byte(header), &all) != nil {
		return false
	}
	id, hasID := all["kid"]
	_, isString := id.(string)
	_, critical := all["crit"]
	return all["alg"] == "HS256" && (!hasID || isString) && !critical
}

// FuzzPEM wants any file to give keys that can verify, or an error, and never those of a part of it; and a private key to
// be one to sign with or none.
func FuzzPEM(f *testing.F) {
	k := testKeys()
	public, private := pem.EncodeToMemory(publicBlock(f, k.ed.Public())), pem.EncodeToMemory(pkcs8Block(f, k.ed))
	ec := pem.EncodeToMemory(publicBlock(f, k.p256.Public()))
	for _, file := range [][]byte{
		public, private, slices.Concat([]byte("first\n"), public, []byte("second\n"), ec), slices.Concat(public, private), public[:60],
		[]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"), []byte("-----BEGIN EC PARAMETERS-----\nBgA=\n-----END EC PARAMETERS-----\n"),
	} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		kept := bytes.Clone(file)
		found, err := publicKeys(file)
		if (len(found) > 0) != (err == nil) || err != nil && !errors.Is(err, ErrKeyPEM) && !errors.Is(err, ErrKeyPrivate) {
			t.Fatalf("%q: %d keys, %v", file, len(found), err)
		}
		if err == nil && len(found) < bytes.Count(file, []byte("-----BEGIN ")) {
			t.Fatalf("%q: %d keys", file, len(found))
		}
		for _, material := range found {
			if k, err := newKey("", material, algorithms); err == nil && (len(k.algorithms) == 0 || !isPublicAlgorithm(k.algorithms[0])) {
				t.Fatalf("%q: a key for %v", file, k.algorithms)
			}
		}
		if signer, err := NewKeySigner(file); err == nil {
			if _, err := Mint(signer, Claims{User: "a"}); err != nil {
				t.Fatalf("%q: a key that cannot sign: %v", file, err)
			}
		}
		if !bytes.Equal(file, kept) {
			t.Fatal("the file was written to")
		}
	})
}
