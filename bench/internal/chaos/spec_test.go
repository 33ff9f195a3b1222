package chaos

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []Spec
		err        error
	}{
		{"a number", "half-open=1000", []Spec{{Kind: HalfOpen, Connections: 1000}}, nil},
		{"a share", "slow=5%", []Spec{{Kind: Slow, Percent: 5}}, nil},
		{"part of a percent", "slow=0.25%", []Spec{{Kind: Slow, Percent: 0.25}}, nil},
		{"a rate", "malformed=200/s", []Spec{{Kind: Malformed, Rate: 200}}, nil},
		{"a slow rate", "oversized=0.5/s", []Spec{{Kind: Oversized, Rate: 0.5}}, nil},
		{"a number that comes again", "slowloris=100@20/s", []Spec{{Kind: Slowloris, Connections: 100, Rate: 20}}, nil},
		{"a share that comes again", "hoarder=1%@2/s", []Spec{{Kind: Hoarder, Percent: 1, Rate: 2}}, nil},
		{"a rate with a bound", "churn-flood=50@1000/s", []Spec{{Kind: ChurnFlood, Connections: 50, Rate: 1000}}, nil},
		{"several", "silent=1, ping-flood=2,malformed=3/s", []Spec{
			{Kind: Silent, Connections: 1}, {Kind: PingFlood, Connections: 2}, {Kind: Malformed, Rate: 3},
		}, nil},
		{"the largest", "half-open=1000000", []Spec{{Kind: HalfOpen, Connections: 1000000}}, nil},

		{"nothing", "", nil, ErrKind},
		{"no such kind", "fast=5", nil, ErrKind},
		{"nothing between commas", "slow=5%,,silent=1", nil, ErrKind},
		{"no amount", "slow", nil, ErrConnections},
		{"none", "slow=0", nil, ErrConnections},
		{"too many", "slow=1000001", nil, ErrConnections},
		{"less than none", "slow=-1", nil, ErrConnections},
		{"part of a connection", "slow=1.5", nil, ErrConnections},
		{"no percent", "slow=%", nil, ErrConnections},
		{"nothing of a share", "slow=0%", nil, ErrConnections},
		{"more than all", "slow=100.1%", nil, ErrConnections},
		{"no number at all", "slow=NaN%", nil, ErrConnections},
		{"hexadecimal", "slow=0x1p4%", nil, ErrConnections},
		{"a rate of what is held", "half-open=10/s", nil, ErrConnections},
		{"a number of what comes and goes", "malformed=10", nil, ErrRate},
		{"a share of what comes and goes", "malformed=10%", nil, ErrRate},
		{"no rate", "malformed=/s", nil, ErrRate},
		{"a rate of nothing", "malformed=0/s", nil, ErrRate},
		{"a rate of next to nothing", "malformed=0.0009/s", nil, ErrRate},
		{"two dots", "malformed=1.2.3/s", nil, ErrRate},
		{"too fast", "malformed=1000001/s", nil, ErrRate},
		{"a rate by the minute", "malformed=10/m", nil, ErrRate},
		{"no rate behind the number", "slow=10@", nil, ErrRate},
		{"no number before the rate", "malformed=@10/s", nil, ErrConnections},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseAll(tc.text)
			if !errors.Is(err, tc.err) || !slices.Equal(got, tc.want) {
				t.Errorf("%+v %v, want %+v %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// FuzzParse: what is read is in bounds and reads back as itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"slow=5%", "half-open=1000,malformed=200/s", "slow=0.0001%@3.5/s", "churn-flood=1@0.1/s", "slow=1e3", "=", "@/s%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		specs, err := parseAll(text)
		if err != nil {
			return
		}
		var words []string
		for _, s := range specs {
			if err := s.Among(1000).check(); err != nil {
				t.Fatalf("%q: %+v: %v", text, s, err)
			}
			words = append(words, s.String())
		}
		again, err := parseAll(strings.Join(words, ","))
		if err != nil || !slices.Equal(again, specs) {
			t.Fatalf("%q is %+v, and %q is %+v %v", text, specs, words, again, err)
		}
	})
}

func TestAmong(t *testing.T) {
	for _, tc := range []struct {
		name     string
		spec     Spec
		innocent int
		want     int
	}{
		{"a share", Spec{Kind: Slow, Percent: 5}, 1000, 50},
		{"rounded", Spec{Kind: Slow, Percent: 5}, 50, 3},
		{"at least one", Spec{Kind: Slow, Percent: 1}, 2, 1},
		{"a number", Spec{Kind: Slow, Connections: 7}, 1000, 7},
		{"no more than the most", Spec{Kind: Slow, Percent: 100}, 2 * ConnectionsMax, ConnectionsMax},
	} {
		if got := tc.spec.Among(tc.innocent); got.Connections != tc.want || got.Percent != 0 {
			t.Errorf("%s: %+v, want %d connections", tc.name, got, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec Spec
		err  error
	}{
		{"held", Spec{Kind: Slow, Connections: 1}, nil},
		{"at a rate", Spec{Kind: Malformed, Rate: 1}, nil},
		{"a kind that there is not", Spec{Kind: "fast", Connections: 1}, ErrKind},
		{"a share is no number yet", Spec{Kind: Slow, Percent: 5}, ErrConnections},
		{"none", Spec{Kind: Slow}, ErrConnections},
		{"less than none", Spec{Kind: Malformed, Connections: -1, Rate: 1}, ErrConnections},
		{"too many", Spec{Kind: Slow, Connections: ConnectionsMax + 1}, ErrConnections},
		{"no rate", Spec{Kind: Malformed, Connections: 1}, ErrRate},
		{"no number for a rate", Spec{Kind: Malformed, Rate: math.NaN()}, ErrRate},
		{"less than no rate", Spec{Kind: Slow, Connections: 1, Rate: -1}, ErrRate},
	} {
		if err := tc.spec.check(); !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
}
