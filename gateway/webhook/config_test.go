package webhook

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"
)

const aURL = "https://backend.test/hook"

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		want error
		text string // in the error's
	}{
		{"no URL", Config{}, ErrURL, ""},
		{"no scheme", Config{URL: "backend.test/hook"}, ErrURL, ""},
		{"another scheme", Config{URL: "ftp://backend.test/hook"}, ErrURL, ""},
		{"no host", Config{URL: "http:///hook"}, ErrURL, ""},
		{"a port alone", Config{URL: "http://:8080/hook"}, ErrURL, ""},
		{"a port that is none", Config{URL: "http://ann:pa/55w0rd@backend.test"}, ErrURL, ""},
		{"an escape that is none", Config{URL: "http://backend.test/%zz"}, ErrURL, ""},
		{"a short secret", Config{URL: aURL, Secrets: [][]byte{firstSecret, firstSecret[:31]}}, ErrSecret, "32 bytes"},
		{"an empty secret", Config{URL: aURL, Secrets: [][]byte{{}}}, ErrSecret, ""},
		{"a timeout", Config{URL: aURL, Timeout: -1}, ErrBound, "Timeout"},
		{"calls", Config{URL: aURL, InFlightMax: -1}, ErrBound, "InFlightMax"},
		{"failures", Config{URL: aURL, FailuresMax: -1}, ErrBound, "FailuresMax"},
		{"a pause", Config{URL: aURL, PauseMin: -1}, ErrBound, "PauseMin"},
		{"a longest pause", Config{URL: aURL, PauseMin: 2, PauseMax: 1}, ErrBound, "PauseMax"},
		{"a rate", Config{URL: aURL, RateMax: -1}, ErrBound, "RateMax"},
		{"no rate", Config{URL: aURL, RateMax: math.Inf(1)}, ErrBound, "RateMax"},
		{"not a number", Config{URL: aURL, RateMax: math.NaN()}, ErrBound, "RateMax"},
		{"a queue", Config{URL: aURL, QueueMax: -1}, ErrBound, "QueueMax"},
		{"its bytes", Config{URL: aURL, QueueBytesMax: -1}, ErrBound, "QueueBytesMax"},
		{"a batch", Config{URL: aURL, BatchMax: -1}, ErrBound, "BatchMax"},
		{"its bytes", Config{URL: aURL, BatchBytesMax: -1}, ErrBound, "BatchBytesMax"},
		{"its delay", Config{URL: aURL, BatchDelay: -1}, ErrBound, "BatchDelay"},
		{"retries", Config{URL: aURL, RetriesMax: -2}, ErrBound, "RetriesMax"},
		{"their pause", Config{URL: aURL, RetryTimeMin: -1}, ErrBound, "RetryTimeMin"},
		{"their longest pause", Config{URL: aURL, RetryTimeMin: 2, RetryTimeMax: 1}, ErrBound, "RetryTimeMax"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.cfg)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v, want %v with %q", err, tc.want, tc.text)
			}
			if err != nil && strings.Contains(err.Error(), "55w0rd") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := Config{URL: aURL}.filled()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Timeout != 5*time.Second || cfg.InFlightMax != 256 || cfg.FailuresMax != 10 || cfg.PauseMin != time.Second || cfg.PauseMax != 30*time.Second {
		t.Errorf("for calls %+v", cfg)
	}
	if cfg.RateMax != 100 || cfg.QueueMax != 100_000 || cfg.QueueBytesMax != 64<<20 || cfg.BatchMax != 500 || cfg.BatchBytesMax != 96<<10 ||
		cfg.BatchDelay != 100*time.Millisecond || cfg.RetriesMax != 5 || cfg.RetryTimeMin != time.Second || cfg.RetryTimeMax != 30*time.Second {
		t.Errorf("for notifications %+v", cfg)
	}
	if cfg.Logger != slog.Default() || cfg.Now().IsZero() || cfg.triesMax() != 6 {
		t.Errorf("else %+v", cfg)
	}
	cfg, err = Config{URL: aURL, PauseMin: time.Hour, RetryTimeMin: time.Hour, RetriesMax: NoRetries}.filled()
	if err != nil || cfg.PauseMax != time.Hour || cfg.RetryTimeMax != time.Hour || cfg.triesMax() != 1 {
		t.Errorf("a first pause beyond the longest by default: %+v, %v", cfg, err)
	}
}

// TestTheLimitsFitTogether: a full batch of usual notifications is within its bytes, a full queue of long ones too.
func TestTheLimitsFitTogether(t *testing.T) {
	usual := entry{Notification: Notification{
		Type: TypeDisconnected, SID: strings.Repeat("x", 20), User: strings.Repeat("7", 10), Namespace: "/", Reason: "transport close",
	}}
	if n := len(usual.encode()); 500*(n+1) > 100<<10 {
		t.Errorf("a usual notification has %d bytes", n)
	}
	long := entry{Notification: Notification{Type: TypeRoomOccupied, Namespace: "/", Room: strings.Repeat("x", 255)}}
	if n := long.bytes(); n*QueueMaxDefault > QueueBytesMaxDefault {
		t.Errorf("a long notification takes %d bytes", n)
	}
	if n := unsafe.Sizeof(entry{}); n != notificationBytes {
		t.Errorf("an entry takes %d bytes beside its strings", n)
	}
}

func TestTheClientsOwnerKeepsIt(t *testing.T) {
	theirs := &http.Client{Timeout: time.Hour}
	cfg := Config{Client: theirs}
	ours := newHTTPClient(&cfg)
	if ours == theirs || theirs.CheckRedirect != nil || ours.Timeout != time.Hour || ours.CheckRedirect == nil {
		t.Errorf("ours %+v, theirs %+v", ours, theirs)
	}
}
