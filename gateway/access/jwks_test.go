package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// endpoint serves keys without a network, so that time in these tests is that of a bubble and passes at once.
type endpoint struct {
	mu    sync.Mutex
	times []time.Duration // of the fetches, from the beginning
	begun time.Time
	reply func(*http.Request) (status int, body string, err error)
}

func (e *endpoint) RoundTrip(request *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.times = append(e.times, time.Since(e.begun))
	reply := e.reply
	e.mu.Unlock()
	status, body, err := reply(request)
	if err != nil {
		return nil, err
	}
	response := &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: http.Header{}, Request: request,
		Body: io.NopCloser(strings.NewReader(body)),
	}
	if status/100 == 3 {
		response.Header.Set("Location", body)
	}
	return response, nil
}

// serve changes what the endpoint answers.
func (e *endpoint) serve(reply func(*http.Request) (int, string, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reply = reply
}

func (e *endpoint) fetches() []time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.times)
}

func says(status int, body string) func(*http.Request) (int, string, error) {
	return func(*http.Request) (int, string, error) { return status, body, nil }
}

var errDown = errors.New("the endpoint is down")

func down(*http.Request) (int, string, error) { return 0, "", errDown }

func hanging(request *http.Request) (int, string, error) {
	<-request.Context().Done()
	return 0, "", request.Context().Err()
}

// ecKey is a key of a set, with other members behind it.
func ecKey(kid, more string) string {
	point, _ := testKeys().p256.PublicKey.Bytes()
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":%q,"x":%q,"y":%q%s}`, kid, encode(point[1:33]), encode(point[33:]), more)
}

func rsaKey(kid, more string) string {
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":"AQAB"%s}`, kid, encode(testKeys().rsa.N.Bytes()), more)
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// es256 is a good token that names a key and does not expire.
func es256(kid string) string {
	return forge(fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid), payloadWith("exp", ""), signES256(testKeys().p256))
}

// bubble runs a test with an endpoint in a time of its own, and the verifier that fetches from it.
func bubble(t *testing.T, first func(*http.Request) (int, string, error), test func(t *testing.T, e *endpoint, v *Verifier)) {
	t.Helper()
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{begun: time.Now(), reply: first}
		v, err := NewVerifier(t.Context(), VerifierConfig{
			JWKSURL: "https://acme.example/keys", HTTPClient: &http.Client{Transport: e}, AllowNoExpiry: true,
			Now: func() time.Time { return testNow.Add(time.Since(e.begun)) }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		test(t, e, v)
	})
}

func TestKeysOfAnEndpoint(t *testing.T) {
	bubble(t, func(request *http.Request) (int, string, error) {
		if request.Method != "GET" || request.URL.String() != "https://acme.example/keys" ||
			request.Header.Get("Accept") != "application/jwk-set+json, application/json" {
			t.Errorf("request %s %s %v", request.Method, request.URL, request.Header)
		}
		return 200, setOf(ecKey("k1", ""), rsaKey("k2", "")), nil
	}, func(t *testing.T, e *endpoint, v *Verifier) {
		if err := v.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		k, good := testKeys(), payloadWith()
		for _, tc := range []struct{ name, token, want string }{
			{"by its kid", es256("k1"), ""},
			{"another kind of key", forge(`{"alg":"RS256","kid":"k2"}`, good, signRSA(k.rsa)), ""},
			{"no kid, so all are tried", forge(`{"alg":"RS256"}`, good, signRSA(k.rsa)), ""},
			{"the kid of another key", es256("k2"), CodeSignature},
			{"a kid with other capitals", es256("K1"), CodeSignature},
			{"a kid that is a path", es256("../k1"), CodeSignature},
			{"a modulus as the secret", forge(`{"alg":"HS256","kid":"k2"}`, good, signHMAC(sha256.New, k.rsa.N.Bytes())), CodeSignature},
			{"none", forge(`{"alg":"none","kid":"k1"}`, good, signNothing), CodeSignature},
		} {
			_, err := v.Verify(t.Context(), tc.token)
			wantCode(t, err, tc.want)
			if t.Failed() {
				t.Fatal(tc.name)
			}
		}
	})
}

// TestEndpointThatIsDownAtFirst: the server starts, is not ready, and tries again soon and then less soon.
func TestEndpointThatIsDownAtFirst(t *testing.T) {
	bubble(t, down, func(t *testing.T, e *endpoint, v *Verifier) {
		if err := v.Ready(); !errors.Is(err, ErrKeysUnavailable) || errors.Is(err, errDown) {
			t.Errorf("Ready: %v", err)
		}
		_, err := v.Verify(t.Context(), hs256(payloadWith())) // for which the endpoint is not needed
		wantCode(t, err, CodeSignature)
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}
		if got := e.fetches(); !slices.EqualFunc(got, want, func(a, b time.Duration) bool { return a == b*time.Second }) {
			t.Errorf("fetched at %v", got)
		}
		_, err = v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, CodeKeysUnavailable)
		if !errors.Is(err, errDown) {
			t.Errorf("%v has another cause", errors.Unwrap(err))
		}
		e.serve(says(200, setOf(ecKey("k1", ""))))
		time.Sleep(time.Minute)
		synctest.Wait()
		_, err = v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, "")
		if err := v.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
	})
}

// TestEndpointThatHangs holds nobody up for longer than JWKSTime.
func TestEndpointThatHangs(t *testing.T) {
	bubble(t, hanging, func(t *testing.T, e *endpoint, v *Verifier) {
		if took := time.Since(e.begun); took != JWKSTime {
			t.Errorf("NewVerifier took %v", took)
		}
		begun := time.Now()
		_, err := v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, CodeKeysUnavailable)
		if took := time.Since(begun); took != JWKSTime {
			t.Errorf("Verify took %v", took)
		}
	})
}

// TestWhoeverWaitsForKeysMayLeave, and the fetch goes on for the others.
func TestWhoeverWaitsForKeysMayLeave(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		answer := make(chan struct{})
		e.serve(func(*http.Request) (int, string, error) {
			<-answer
			return 200, setOf(ecKey("k2", "")), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := v.Verify(ctx, es256("k2"))
		wantCode(t, err, CodeSignature)
		close(answer)
		synctest.Wait()
		_, err = v.Verify(t.Context(), es256("k2"))
		wantCode(t, err, "")
		if n := len(e.fetches()); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestLastGoodKeysAreKept, whatever the endpoint answers instead.
func TestLastGoodKeysAreKept(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply func(*http.Request) (int, string, error)
		want  error
	}{
		{"nothing", down, errDown},
		{"too late", hanging, context.DeadlineExceeded},
		{"500", says(500, setOf(ecKey("k2", ""))), ErrJWKSStatus},
		{"204", says(204, ""), ErrJWKSStatus},
		{"no JSON", says(200, "<html>"), ErrJWKSFormat},
		{"an array", says(200, "["+ecKey("k2", "")+"]"), ErrJWKSFormat},
		{"a set that goes on", says(200, setOf(ecKey("k2", ""))+"x"), ErrJWKSFormat},
		{"an object without keys", says(200, `{"error":"maintenance"}`), ErrJWKSEmpty},
		{"no keys", says(200, setOf()), ErrJWKSEmpty},
		{"only keys that cannot be used", says(200, setOf(`{"kty":"oct","k":"AAAA"}`, "7")), ErrJWKSEmpty},
		{"51 keys", says(200, setOf(slices.Repeat([]string{ecKey("k2", "")}, 51)...)), ErrKeysMax},
		{"more than 1 MiB", says(200, setOf(ecKey("k2", ""))+strings.Repeat(" ", 1<<20)), ErrJWKSBytes},
		{"a place without TLS", says(302, "http://acme.example/keys"), ErrJWKSRedirect},
		{"a circle", says(302, "https://acme.example/keys"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
				e.serve(tc.reply)
				if err := v.Reload(); err != nil { // which does not wait for the endpoint
					t.Fatal(err)
				}
				<-v.remote.fetch()
				if err := v.remote.lastFailure(); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("the fetch ended with %v, want %v", err, tc.want)
				}
				if err := v.Ready(); err != nil {
					t.Errorf("Ready: %v", err)
				}
				_, err := v.Verify(t.Context(), es256("k1"))
				wantCode(t, err, "")
				_, err = v.Verify(t.Context(), es256("k2"))
				wantCode(t, err, CodeSignature)
			})
		})
	}
}

// TestKeysAreRefreshed: a key that is not served any more is not believed any more.
func TestKeysAreRefreshed(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		e.serve(says(200, setOf(ecKey("k2", ""))))
		time.Sleep(time.Hour - time.Nanosecond)
		_, err := v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, "")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		_, err = v.Verify(t.Context(), es256("k2"))
		wantCode(t, err, "")
		_, err = v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, CodeSignature)
	})
}

// TestUnknownKeyIsFetchedOnce: all who come with a new key wait for one fetch, and then are let in.
func TestUnknownKeyIsFetchedOnce(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		answer := make(chan struct{})
		e.serve(func(*http.Request) (int, string, error) {
			<-answer
			return 200, setOf(ecKey("k1", ""), ecKey("k2", "")), nil
		})
		refused := make(chan error, 100)
		for range cap(refused) {
			go func() {
				_, err := v.Verify(t.Context(), es256("k2"))
				refused <- err
			}()
		}
		synctest.Wait() // all of them wait
		close(answer)
		for range cap(refused) {
			wantCode(t, <-refused, "")
		}
		if n := len(e.fetches()); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestUnknownKeysCauseFewFetches: strangers may name any key.
func TestUnknownKeysCauseFewFetches(t *testing.T) {
	k, good := testKeys(), payloadWith()
	for _, tc := range []struct {
		name  string
		token func(i int) string
		want  []time.Duration // seconds
	}{
		{"each time another kid", func(i int) string { return es256(fmt.Sprint("unknown", i)) }, []time.Duration{0, 0, 10, 20, 30}},
		{"no kid, and no key fits", func(int) string { return forge(`{"alg":"ES384"}`, good, signES384(k.p384)) }, []time.Duration{0, 0, 10, 20, 30}},
		{"a kid that is known", func(int) string { return forge(`{"alg":"ES256","kid":"k1"}`, good, signES256(k.p256)) + "A" }, []time.Duration{0}},
		{"a known key that has not signed", func(int) string {
			return forge(`{"alg":"ES256","kid":"k1"}`, good, func([]byte) []byte { return make([]byte, 64) })
		}, []time.Duration{0}},
		{"a secret, which no endpoint has", func(i int) string { return hs256(good) }, []time.Duration{0}},
		{"none", func(int) string { return forge(`{"alg":"none","kid":"x"}`, good, signNothing) }, []time.Duration{0}},
		{"an extension", func(int) string { return forge(`{"alg":"ES256","kid":"x","crit":["x"]}`, good, signNothing) }, []time.Duration{0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
				for i := range 351 { // in 35 s
					if g, _ := v.Verify(t.Context(), tc.token(i)); g != nil {
						t.Fatal("the token was accepted")
					}
					time.Sleep(100 * time.Millisecond)
				}
				if got := e.fetches(); !slices.EqualFunc(got, tc.want, func(a, b time.Duration) bool { return a == b*time.Second }) {
					t.Errorf("fetched at %v", got)
				}
			})
		})
	}
}

// TestCloseEndsTheFetching, and Verify goes on with the keys that there are.
func TestCloseEndsTheFetching(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		e.serve(hanging)
		v.remote.fetch()
		v.Close()
		v.Close()
		if err := v.Reload(); err != nil {
			t.Error(err)
		}
		_, err := v.Verify(t.Context(), es256("k1"))
		wantCode(t, err, "")
		_, err = v.Verify(t.Context(), es256("k2"))
		wantCode(t, err, CodeSignature)
		time.Sleep(2 * time.Hour)
		if n := len(e.fetches()); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestGivenKeysGoWithAnEndpoint: those of the configuration are good though the endpoint is down.
func TestGivenKeysGoWithAnEndpoint(t *testing.T) {
	k := testKeys()
	name := pemFile(t, publicBlock(t, k.rsa.Public()))
	synctest.Test(t, func(t *testing.T) {
		v, err := NewVerifier(t.Context(), VerifierConfig{
			JWKSURL: "https://acme.example/keys", HTTPClient: &http.Client{Transport: &endpoint{reply: down}},
			PublicKeyFiles: []string{name}, HMACSecrets: [][]byte{testSecret},
			Now: func() time.Time { return testNow }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		for _, token := range []string{hs256(payloadWith()), forge(`{"alg":"RS256","kid":"x"}`, payloadWith(), signRSA(k.rsa))} {
			_, err := v.Verify(t.Context(), token)
			wantCode(t, err, "")
		}
	})
}

// TestWhatIsLogged: that keys could not be fetched and then could, and that nothing protects them on the way.
func TestWhatIsLogged(t *testing.T) {
	testKeys()
	for _, tc := range []struct {
		name, url string
		want      []string // the beginnings of the messages
	}{
		{"TLS", "https://user:pw@acme.example/keys", []string{"the keys for tokens could not", "the keys for tokens can be fetched again"}},
		{"none", "http://acme.example/keys", []string{"keys are fetched without TLS", "the keys for tokens could not", "the keys for tokens can be fetched again"}},
		{"none, on this machine", "http://localhost:81/keys", []string{"the keys for tokens could not", "the keys for tokens can be fetched again"}},
		{"none, by the machine's address", "http://[::1]:81/keys", []string{"the keys for tokens could not", "the keys for tokens can be fetched again"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				e := &endpoint{begun: time.Now(), reply: down}
				v, err := NewVerifier(t.Context(), VerifierConfig{
					JWKSURL: tc.url, HTTPClient: &http.Client{Transport: e}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				e.serve(says(200, setOf(ecKey("k1", ""), `{"kty":"oct"}`)))
				<-v.remote.fetch()
				<-v.remote.fetch() // which is as it should be, and says nothing
				v.Close()
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if !slices.EqualFunc(lines, tc.want, func(line, want string) bool { return strings.Contains(line, `msg="`+want) }) {
					t.Errorf("log:\n%s", &log)
				}
				if strings.Contains(log.String(), "pw") {
					t.Error("the log has a password")
				}
			})
		})
	}
}

func TestKeySet(t *testing.T) {
	k := testKeys()
	small := encode(new(big.Int).SetBit(big.NewInt(1), 1023, 1).Bytes())
	for _, tc := range []struct {
		name, key string
		want      []string // the algorithms of the key; nil: it is skipped
		why       error
	}{
		{"EC", ecKey("k", ""), []string{"ES256"}, nil},
		{"EC for its algorithm", ecKey("k", `,"alg":"ES256","use":"sig"`), []string{"ES256"}, nil},
		{"EC for another algorithm", ecKey("k", `,"alg":"ES384"`), nil, ErrAlgorithmKey},
		{"EC for an algorithm of secrets", ecKey("k", `,"alg":"HS256"`), nil, ErrAlgorithmKey},
		{"EC for nothing", ecKey("k", `,"alg":"none"`), nil, ErrAlgorithmKey},
		{"RSA for one algorithm", rsaKey("k", `,"alg":"PS256"`), []string{"PS256"}, nil},
		{"RSA for encryption", rsaKey("k", `,"use":"enc"`), nil, ErrKeyUse},
		{"RSA by an algorithm of encryption", rsaKey("k", `,"alg":"RSA-OAEP"`), nil, ErrAlgorithmKey},
		{"RSA to verify", rsaKey("k", `,"key_ops":["verify"],"alg":"RS256"`), []string{"RS256"}, nil},
		{"RSA to sign", rsaKey("k", `,"key_ops":["sign"]`), nil, ErrKeyUse},
		{"RSA with certificates, which are not looked at", rsaKey("k", `,"alg":"RS256","x5c":["AAAA"],"x5u":"https://evil.example/","x5t":"x"`), []string{"RS256"}, nil},
		{"RSA with its private part, which is not looked at", rsaKey("k", `,"alg":"RS256","d":"AQ"`), []string{"RS256"}, nil},
		{"RSA of 1024 bits", `{"kty":"RSA","n":"` + small + `","e":"AQAB"}`, nil, ErrRSABits},
		{"RSA without a modulus", `{"kty":"RSA","e":"AQAB"}`, nil, errAny},
		{"Ed25519", `{"kty":"OKP","crv":"Ed25519","x":"` + encode(k.ed[32:]) + `"}`, []string{"EdDSA"}, nil},
		{"Ed25519 of 31 bytes", `{"kty":"OKP","crv":"Ed25519","x":"` + encode(k.ed[33:]) + `"}`, nil, errAny},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"` + encode(k.ed[32:]) + `"}`, nil, ErrKeyKind},
		{"a curve of a currency", `{"kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ"}`, nil, errAny},
		{"a point that is not on the curve", `{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, nil, errAny},
		{"a secret", `{"kty":"oct","kid":"k","k":"` + encode(testSecret) + `"}`, nil, ErrKeyKind},
		{"a secret that says EC", `{"kty":"EC","kid":"k","k":"` + encode(testSecret) + `"}`, nil, errAny},
		{"no kind", `{"kid":"k"}`, nil, errAny},
		{"a kid that is a number", `{"kty":"RSA","kid":7}`, nil, errAny},
		{"null", `null`, nil, errAny},
		{"a string", `"k"`, nil, errAny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			other := `{"kty":"OKP","crv":"Ed25519","kid":"other","x":"` + encode(k.ed[32:]) + `"}`
			keys, skipped, err := keySet([]byte(setOf(tc.key, other)), algorithms)
			if err != nil || keys[len(keys)-1].id != "other" {
				t.Fatalf("the other key is gone: %v, %v", keys, err)
			}
			switch {
			case tc.want != nil && (len(keys) != 2 || !slices.Equal(keys[0].algorithms, tc.want) || len(skipped) > 0):
				t.Errorf("keys %v, skipped %v", keys, skipped)
			case tc.want == nil && (len(keys) != 1 || len(skipped) != 1 || tc.why != errAny && !errors.Is(skipped[0], tc.why)):
				t.Errorf("keys %v, skipped %v, want %v", keys, skipped, tc.why)
			}
		})
	}
}

// errAny stands for an error that has no name.
var errAny = errors.New("any")
