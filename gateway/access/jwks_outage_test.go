package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNotTooManyWait: tokens that nobody has signed can wait for an endpoint that hangs, but only so many at a time.
func TestNotTooManyWait(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		for range 2 { // all who have waited have given their places back the second time
			e.serve(hanging)
			refused := make(chan error, 256)
			for range cap(refused) {
				go func() {
					_, err := v.Verify(t.Context(), es256("unknown"))
					refused <- err
				}()
			}
			synctest.Wait()
			begun := time.Now()
			_, err := v.Verify(t.Context(), es256("k2"))
			wantCode(t, err, CodeKeysUnavailable)
			if !errors.Is(err, ErrWaitersMax) {
				t.Errorf("%v has another cause", errors.Unwrap(err))
			}
			_, err = v.Verify(t.Context(), es256("k1"))
			wantCode(t, err, "")
			if took := time.Since(begun); took != 0 {
				t.Errorf("refused, and let in, after %v", took)
			}
			for range cap(refused) {
				wantCode(t, <-refused, CodeSignature)
			}
			time.Sleep(JWKSUnknownTime)
		}
		e.serve(says(200, setOf(ecKey("k2", ""))))
		_, err := v.Verify(t.Context(), es256("k2"))
		wantCode(t, err, "")
	})
}

// TestWaitersMayLeave: whoever goes away has his place back at once, also while the fetch goes on.
func TestWaitersMayLeave(t *testing.T) {
	bubble(t, says(200, setOf(ecKey("k1", ""))), func(t *testing.T, e *endpoint, v *Verifier) {
		e.serve(hanging)
		ctx, cancel := context.WithCancel(t.Context())
		refused := make(chan error, 256)
		for range cap(refused) {
			go func() {
				_, err := v.Verify(ctx, es256("unknown"))
				refused <- err
			}()
		}
		synctest.Wait()
		cancel()
		for range cap(refused) {
			wantCode(t, <-refused, CodeSignature)
		}
		_, err := v.Verify(t.Context(), es256("k2")) // which waits
		wantCode(t, err, CodeSignature)
		if took := time.Since(e.begun); took != JWKSTime {
			t.Errorf("the last one was answered after %v", took)
		}
	})
}

// TestTheURLIsKept: what is in it is not in what others may read, and not even in the log but for its host.
func TestTheURLIsKept(t *testing.T) {
	testKeys()
	const address = "https://user:pa55w0rd@acme.example/keys-k3y?secret=t0ken"
	secrets := []string{"user", "pa55w0rd", "k3y", "t0ken"}
	for _, tc := range []struct {
		name, url string
		reply     func(*http.Request) (int, string, error)
	}{
		{"down", address, down},
		{"too late", address, hanging},
		{"500", address, says(500, "")},
		{"a place without TLS", address, says(302, strings.Replace(address, "https", "http", 1))},
		{"a circle", address, says(302, address)},
		{"no JSON", address, says(200, "<")},
		{"keys that cannot be used", address, says(200, setOf(`{"kty":"oct"}`))},
		{"keys among others", address, says(200, setOf(`{"kty":"oct"}`, ecKey("k1", "")))},
		{"no TLS", strings.Replace(address, "https", "http", 1), down},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				v, err := NewVerifier(t.Context(), VerifierConfig{
					JWKSURL: tc.url, HTTPClient: &http.Client{Transport: &endpoint{begun: time.Now(), reply: tc.reply}},
					Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				})
				if err != nil {
					t.Fatal(err)
				}
				texts := []string{fmt.Sprint(v.Ready())}
				var bad *TokenError
				if _, err := v.Verify(t.Context(), es256("unknown")); errors.As(err, &bad) {
					texts = append(texts, bad.Message, fmt.Sprint(bad.Err))
				}
				v.Close()
				for _, text := range append(texts, log.String()) {
					for _, secret := range secrets {
						if strings.Contains(text, secret) {
							t.Errorf("%s is in %s", secret, text)
						}
					}
				}
				if len(texts) != 3 || !strings.Contains(log.String(), "url="+strings.Replace(tc.url, "user:pa55w0rd@acme.example/keys-k3y?secret=t0ken", "acme.example", 1)) {
					t.Errorf("texts %q, and the log does not say whom it is about: %s", texts, &log)
				}
			})
		})
	}
	_, err := NewVerifier(t.Context(), VerifierConfig{JWKSURL: address, Algorithms: []string{"HS256"}})
	if !errors.Is(err, ErrAlgorithmKey) || !strings.HasPrefix(err.Error(), "the keys of https://acme.example: ") {
		t.Errorf("NewVerifier: %v", err)
	}
}
