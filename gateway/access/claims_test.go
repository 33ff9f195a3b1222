package access

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// TestDecodeClaimsRefuses: text that no JWT library would have let through is refused here too.
func TestDecodeClaimsRefuses(t *testing.T) {
	for _, tc := range []struct{ name, payload string }{
		{"nothing", ``},
		{"an array", `[]`},
		{"null", `null`},
		{"an object that is cut", `{`},
		{"a name that is cut", `{"sub`},
		{"a name alone", `{"sub"}`},
		{"a number for a name", `{1:2}`},
		{"a colon and nothing", `{"sub":}`},
		{"a value that is cut", `{"sub":"a`},
		{"no end", `{"sub":"a"`},
		{"a comma and no end", `{"sub":"a",`},
		{"the end of an array", `{"sub":"a"]`},
		{"a second object", `{}{}`},
		{"text behind", `{} x`},
		{"bad UTF-8", "{\"sub\":\"\xff\"}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if c, err := decodeClaims([]byte(tc.payload)); !errors.Is(err, errNotObject) || c.user != "" {
				t.Errorf("%+v, %v; want %v", c, err, errNotObject)
			}
		})
	}
}

// TestRedirectsOfAnEndpoint: what the client's owner has said of redirects holds, but for those that leave TLS.
func TestRedirectsOfAnEndpoint(t *testing.T) {
	errOwn := errors.New("the owner's")
	to := func(address string) *http.Request {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	for _, tc := range []struct {
		name     string
		client   *http.Client
		from, to string
		hops     int
		want     error
	}{
		{"the usual client", nil, "https://a.example", "https://b.example", 9, nil},
		{"the usual client, away from TLS", nil, "https://a.example", "http://b.example", 1, ErrJWKSRedirect},
		{"without TLS from the beginning", nil, "http://a.example", "http://b.example", 1, nil},
		{"too often", nil, "https://a.example", "https://b.example", 10, errAny},
		{"the owner's word", &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return errOwn }}, "https://a.example", "https://b.example", 1, errOwn},
		{"the owner's word, away from TLS", &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}, "https://a.example", "http://b.example", 1, ErrJWKSRedirect},
		{"the owner allows more", &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}, "https://a.example", "https://b.example", 20, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			via := make([]*http.Request, tc.hops)
			for i := range via {
				via[i] = to(tc.from)
			}
			err := stayingSecure(tc.client).CheckRedirect(to(tc.to), via)
			if (err != nil) != (tc.want != nil) || tc.want != errAny && !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	if http.DefaultClient.CheckRedirect != nil {
		t.Error("the default client was changed")
	}
}

// brokenBody is an answer that ends before it is whole.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (brokenBody) Close() error             { return nil }

// RoundTrip answers with it.
func (b brokenBody) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: b, Header: http.Header{}, Request: r}, nil
}

// TestAnAnswerThatBreaksOffIsNoKeySet: half of the keys would refuse the tokens of the other half.
func TestAnAnswerThatBreaksOffIsNoKeySet(t *testing.T) {
	v, err := NewVerifier(t.Context(), VerifierConfig{JWKSURL: "https://acme.example/keys", HTTPClient: &http.Client{Transport: brokenBody{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got := v.Ready(); got != ErrKeysUnavailable || v.remote.lastFailure() != io.ErrUnexpectedEOF {
		t.Errorf("Ready: %v, because of %v", got, v.remote.lastFailure())
	}
}

// TestWithoutURL: of errors that have no URL nothing is taken.
func TestWithoutURL(t *testing.T) {
	for _, tc := range []struct{ err, want error }{
		{&url.Error{Op: "Get", URL: "https://acme.example/k3y", Err: io.EOF}, io.EOF},
		{io.EOF, io.EOF},
	} {
		if got := withoutURL(tc.err); got != tc.want {
			t.Errorf("%v is told as %v", tc.err, got)
		}
	}
}

// TestTimesOfClaims holds the edges of a NumericDate.
func TestTimesOfClaims(t *testing.T) {
	for _, tc := range []struct {
		raw  string
		want time.Time
		ok   bool
	}{
		{"0", time.Unix(0, 0), true},
		{"1800000000", time.Unix(1_800_000_000, 0), true},
		{"1800000000.25", time.Unix(1_800_000_000, 250_000_000), true},
		{"1.8e9", time.Unix(1_800_000_000, 0), true},
		{"-1", time.Time{}, false},
		{`"1800000000"`, time.Time{}, false},
		{"1e999", time.Time{}, false},
		{"1800000000000", time.Time{}, false},
		{"null", time.Time{}, false},
	} {
		var got time.Time
		if err := intoTime(&got)([]byte(tc.raw)); (err == nil) != tc.ok || !got.Equal(tc.want) {
			t.Errorf("%s is %v, %v; want %v", tc.raw, got, err, tc.want)
		}
	}
}
