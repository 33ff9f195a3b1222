package expect

import (
	"errors"
	"math"
	"testing"

	"starling/bench/internal/report"
)

func TestParseRelative(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
		err              error
	}{
		{"growth", "p99>+10%", "p99>+10%", nil},
		{"growth without a sign", "p99 > 10 %", "p99>10%", nil},
		{"a fall", "deliveries<-5%", "deliveries<-5%", nil},
		{"progress that is asked for", "p99>-10%", "p99>-10%", nil},
		{"an alias", "rss_bytes_per_conn>+1%", "rss_per_conn>+1%", nil},
		{"a fall without a sign", "deliveries<5%", "", ErrRelative},
		{"another operator", "p99>=10%", "", ErrRelative},
		{"no percentage", "p99>20ms", "", ErrRelative},
		{"no operator", "p99", "", ErrRelative},
		{"unknown metric", "p98>+10%", "", ErrMetric},
		{"no number", "p99>+x%", "", ErrValue},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := ParseRelative(tc.text)
			if !errors.Is(err, tc.err) || r.String() != tc.want {
				t.Errorf("%q is %q, %v; want %q, %v", tc.text, r, err, tc.want, tc.err)
			}
		})
	}
}

func TestExceeded(t *testing.T) {
	for _, tc := range []struct {
		name, expression string
		a, b             float64
		want             bool
	}{
		{"within", "p99>+10%", 100, 109, false},
		{"just the bound", "p99>+10%", 100, 110, false},
		{"beyond", "p99>+10%", 100, 111, true},
		{"better", "p99>+10%", 100, 50, false},
		{"a fall within", "deliveries<-5%", 100, 96, false},
		{"a fall beyond", "deliveries<-5%", 100, 94, true},
		{"progress", "p99>-10%", 100, 89, false},
		{"too little progress", "p99>-10%", 100, 91, true},
		{"from nothing to nothing", "lost>+0%", 0, 0, false},
		{"from nothing to something", "lost>+50%", 0, 1, true},
		{"from less than nothing", "p99>+10%", -100, -80, true},
		{"not a number", "p99>+10%", math.NaN(), 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := ParseRelative(tc.expression)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Exceeded(tc.a, tc.b); got != tc.want {
				t.Errorf("%v to %v: %v", tc.a, tc.b, got)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	p99 := report.Metric{Name: "p99", Unit: "us"}
	for _, tc := range []struct {
		a, b float64
		want string
	}{
		{1000, 1200, "p99 1.00 ms -> 1.20 ms (+20.0%)"},
		{0, 12, "p99 0 us -> 12 us"},
	} {
		if got := Describe(p99, tc.a, tc.b); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
