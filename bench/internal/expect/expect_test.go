package expect

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// errorsOfThisPackage has a row in a table below each.
var errorsOfThisPackage = []error{ErrSyntax, ErrMetric, ErrValue, ErrUnit, ErrPercent, ErrRelative}

// broadcast is a report in which most was measured.
func broadcast() *report.Report {
	busy := 0.75
	return &report.Report{
		Scenario: "broadcast", Connections: 1000, Connected: 990, Failed: 10, ServerBusy: &busy,
		Latency: &report.Latency{P50: 900, P99: 20e3, Max: 1.5e6},
		Open:    &report.Open{RateWanted: 1000, RateSent: 980, Late: 4},
		Tally:   &ledger.Tally{Delivered: 999, Lost: 1},
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
		err              error
	}{
		{"a time", "p99<20ms", "p99<20ms", nil},
		{"blanks", " p99 <= 20 ms ", "p99<=20ms", nil},
		{"two equals signs", "lost==0", "lost=0", nil},
		{"capitals and a dash", "RSS-per-conn<2KiB", "rss_per_conn<2KiB", nil},
		{"an alias", "latency_us_p999<1s", "p99.9<1s", nil},
		{"a dot in the name", "p99.99!=0", "p99.99!=0", nil},
		{"a rate with its unit", "deliveries>100k/s", "deliveries>100k/s", nil},
		{"a rate without", "deliveries>=1.5M", "deliveries>=1.5M", nil},
		{"seconds of a metric in seconds", "back_all<2m", "back_all<2m", nil},
		{"a time of nothing needs no unit", "max>0", "max>0", nil},
		{"bytes need no unit", "rss_per_conn<4096", "rss_per_conn<4096", nil},
		{"a percentage of a whole", "lost<0.1%", "lost<0.1%", nil},

		{"nothing", "", "", ErrSyntax},
		{"no operator", "p99", "", ErrSyntax},
		{"no name", "<20ms", "", ErrSyntax},
		{"no value", "p99<", "", ErrSyntax},
		{"half an operator", "p99!20ms", "", ErrSyntax},
		{"an operator of another language", "p99=<20ms", "", ErrValue},
		{"unknown metric", "p98<20ms", "", ErrMetric},
		{"no number", "p99<fast", "", ErrValue},
		{"unknown unit", "p99<20parsec", "", ErrValue},
		{"a time without a unit", "p99<20", "", ErrUnit},
		{"a time for bytes", "rss<20ms", "", ErrUnit},
		{"bytes for a count", "lost<4KiB", "", ErrUnit},
		{"a rate for what is none", "lost<4/s", "", ErrUnit},
		{"a rate of another time", "deliveries>100k/h", "", ErrUnit},
		{"a percentage of nothing", "p99<10%", "", ErrPercent},
		{"a percentage a second", "lost<10%/s", "", ErrUnit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := Parse(tc.text)
			if !errors.Is(err, tc.err) || e.String() != tc.want {
				t.Errorf("%q is %q, %v; want %q, %v", tc.text, e, err, tc.want, tc.err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		expression, why string
		ok              bool
	}{
		{"p99<=20ms", "p99<=20ms: p99 is 20.0 ms", true},
		{"p99<20ms", "p99<20ms: p99 is 20.0 ms", false},
		{"p99>=20000us", "p99>=20000us: p99 is 20.0 ms", true},
		{"p99>20ms", "p99>20ms: p99 is 20.0 ms", false},
		{"max=1.5s", "max=1.5s: max is 1.50 s", true},
		{"max!=1.5s", "max!=1.5s: max is 1.50 s", false},
		{"lost=0", "lost=0: lost is 1", false},
		{"lost<=0.1%", "lost<=0.1%: lost is 1 (0.1%)", true},
		{"lost<0.1%", "lost<0.1%: lost is 1 (0.1%)", false},
		{"connected>=99%", "connected>=99%: connected is 990 (99%)", true},
		{"failed<1%", "failed<1%: failed is 10 (1%)", false},
		{"rate_sent>97.9%", "rate_sent>97.9%: rate_sent is 980/s (98%)", true},
		{"server_busy<80%", "server_busy<80%: server_busy is 0.75 (75%)", true},
		{"late<1%", "late<1%: late is 4 (0.4%)", true},
		{"rss_per_conn<2KiB", "rss_per_conn<2KiB: rss_per_conn was not measured in broadcast", false},
		{"rss_per_conn!=0", "rss_per_conn!=0: rss_per_conn was not measured in broadcast", false},
	} {
		t.Run(tc.expression, func(t *testing.T) {
			e, err := Parse(tc.expression)
			if err != nil {
				t.Fatal(err)
			}
			if ok, why := e.Check(broadcast()); ok != tc.ok || why != tc.why {
				t.Errorf("%v, %q; want %v, %q", ok, why, tc.ok, tc.why)
			}
		})
	}
}

// What spoils a run spoils what is concluded from it.
func TestCheckSpoiledRuns(t *testing.T) {
	for _, tc := range []struct {
		name, expression string
		spoil            func(*report.Report)
		why              string
	}{
		{"no end", "lost=1", func(r *report.Report) { r.Error = "killed" }, "lost=1: the run came to no end: killed"},
		{
			"a time of an invalid run", "p50<1s", func(r *report.Report) { r.Invalid = "busy" },
			"p50<1s: p50 is 900 us, and says nothing: the run is invalid: busy",
		},
		{"not a number", "p50!=1s", func(r *report.Report) { r.P50 = math.NaN() }, "p50!=1s: p50 is ?"},
		{
			"a percentage of no deliveries", "lost<1%", func(r *report.Report) { r.Tally = &ledger.Tally{} },
			"lost<1%: there is nothing to take a percentage of",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := Parse(tc.expression)
			if err != nil {
				t.Fatal(err)
			}
			r := broadcast()
			tc.spoil(r)
			if ok, why := e.Check(r); ok || why != tc.why {
				t.Errorf("%v, %q; want %q", ok, why, tc.why)
			}
		})
	}
	e, _ := Parse("lost=1")
	r := broadcast()
	r.Invalid = "busy"
	if ok, why := e.Check(r); !ok {
		t.Errorf("the accounts of an invalid run stand: %s", why)
	}
}

func TestUnmet(t *testing.T) {
	all, err := ParseAll("p99<1ms,lost=1", "connected=1000")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"p99<1ms: p99 is 20.0 ms", "connected=1000: connected is 990"}
	if got := Unmet(all, broadcast()); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, texts := range [][]string{{"lost=0,"}, {"lost=0", ""}} {
		if _, err := ParseAll(texts...); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", texts, err)
		}
	}
	if all, err := ParseAll(); all != nil || err != nil {
		t.Errorf("nothing is %v, %v", all, err)
	}
}

func TestTimed(t *testing.T) {
	for name, want := range map[string]bool{
		"p99": true, "deliveries": true, "back_all": true, "handshake_p50": true, "late": true,
		"cpu_per_delivery": false, "server_cpu": false, "rss_per_conn": false, "lost": false, "connected": false,
	} {
		m, err := lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if Timed(m) != want {
			t.Errorf("%s is %v", name, !want)
		}
	}
}

func TestUnknownMetricSuggests(t *testing.T) {
	for text, want := range map[string]string{
		"p98":           "perhaps p90, p99",
		"lots":          "perhaps lost",
		"cpu_delivery":  "perhaps cpu_per_delivery",
		"rss_pre_conn":  "perhaps rss_per_conn",
		"handshake":     "handshake_p50, handshake_p99",
		"zzzzzzzzzzzzz": "have api_accepted, ",
	} {
		_, err := Parse(text + "<1")
		if !errors.Is(err, ErrMetric) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}

// An alias never hides a metric, and a percentage is only ever offered of a metric that exists.
func TestNamesLeadToMetrics(t *testing.T) {
	names := Names()
	if len(names) < 30 || !slices.IsSorted(names) {
		t.Errorf("%d names: %q", len(names), names)
	}
	for alias, name := range aliases {
		if !slices.Contains(names, name) || slices.Contains(names, alias) {
			t.Errorf("%s stands for %s", alias, name)
		}
	}
	for name := range wholes {
		if !slices.Contains(names, name) {
			t.Errorf("a percentage of %s", name)
		}
	}
	for _, m := range broadcast().Metrics() {
		if !slices.Contains(names, m.Name) {
			t.Errorf("%s is not known", m.Name)
		}
	}
}

func TestEachErrorHasARow(t *testing.T) {
	for _, want := range errorsOfThisPackage {
		_, err := Parse(map[error]string{
			ErrSyntax: "p99", ErrMetric: "p98<1ms", ErrValue: "p99<x", ErrUnit: "p99<20", ErrPercent: "p99<1%",
		}[want])
		if want == ErrRelative {
			_, err = ParseRelative("p99>20ms")
		}
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// slowDistance is the definition of the distance.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	if a[0] == b[0] {
		return slowDistance(a[1:], b[1:])
	}
	return 1 + min(slowDistance(a[1:], b), slowDistance(a, b[1:]), slowDistance(a[1:], b[1:]))
}

func TestDistance(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "p99", "p98", "p99.9", "lost", "lots", "late", "connects"}
	for _, a := range words {
		for _, b := range words {
			if got, want := distance(a, b), slowDistance(a, b); got != want {
				t.Errorf("%q to %q is %d, want %d", a, b, got, want)
			}
		}
	}
}
