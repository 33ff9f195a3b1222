package webhook

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzURL wants a URL taken that a request can be made for, and of the others nothing told but that.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		aURL, "http://ann:pa55w0rd@backend.test:8080/hook?key=k3y#f", "HTTPS://[::1]", "http://:80", "//backend.test", "https:backend.test",
		"http://a b/", "http://%zz", "http://backend.test:99999", "http://[fe80::1%25eth0]/", "http://backend.test/\x7f",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseURL(s)
		if err != nil {
			if u != nil || err != ErrURL {
				t.Fatalf("%q: %v, %v", s, u, err)
			}
			return
		}
		request, err := http.NewRequest(http.MethodPost, u.String(), nil)
		if err != nil {
			t.Fatalf("%q is taken, and there is no request for it: %v", s, err)
		}
		if request.URL.Hostname() == "" || request.URL.Scheme != "http" && request.URL.Scheme != "https" {
			t.Fatalf("%q is a request for %q", s, request.URL)
		}
		if _, host, _ := strings.Cut(shownURL(u), "://"); host == "" || strings.ContainsAny(host, "@/?#") {
			t.Fatalf("of %q the log shows %q", s, shownURL(u))
		}
		if _, err := New(Config{URL: s, RateMax: math.NaN()}); !errors.Is(err, ErrBound) {
			t.Fatalf("%q: New says %v", s, err)
		}
	})
}

// slowRetryAfter is the obvious twin of retryAfter: digits, or one of the dates of HTTP.
func slowRetryAfter(header string, now time.Time) time.Duration {
	if header != "" && strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseFloat(header, 64)
		if err != nil || seconds > math.MaxUint32 { // more than can be counted is taken for nothing
			return 0
		}
		return time.Duration(min(seconds, RetryAfterMax.Seconds())) * time.Second
	}
	for _, layout := range []string{http.TimeFormat, time.RFC850, time.ANSIC} { // RFC 9110 5.6.7
		if date, err := time.Parse(layout, header); err == nil {
			return min(max(date.Sub(now), 0), RetryAfterMax)
		}
	}
	return 0
}

// FuzzRetryAfter holds retryAfter against its twin, for every status that may bring it.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	for _, header := range []string{
		"20", "0", "00120", "121", "4294967295", "4294967296", "-1", "+1", " 1", "1.5", "Mon, 14 Sep 2026 12:00:30 GMT",
		"Monday, 14-Sep-26 12:00:30 GMT", "Mon Sep 14 12:00:30 2026", "Mon, 14 Sep 9999 12:00:30 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		want := slowRetryAfter(header, now)
		for status, want := range map[int]time.Duration{429: want, 503: want, 500: 0, 200: 0} {
			if got := retryAfter(reply{status: status, retryAfter: header}, now); got != want {
				t.Fatalf("%d with %q: %v, want %v", status, header, got, want)
			}
		}
	})
}
