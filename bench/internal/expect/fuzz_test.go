package expect

import (
	"errors"
	"slices"
	"testing"
)

// What has been read says what it is in a form that is read as the same, and can be held against a report. Conditions that are put
// together with a comma are read as they are alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"p99<20ms", "lost==0", "RSS-per-conn <= 2 KiB", "lost<0.1%", "deliveries>100k/s", "p99!", "a=b,c", ">=<", "p99<-1e-9us"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			if !slices.ContainsFunc(errorsOfThisPackage, func(rule error) bool { return errors.Is(err, rule) }) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(e.String())
		if err != nil || !same(e, again) {
			t.Fatalf("%q is %q, which is %q, %v", text, e, again, err)
		}
		if _, why := e.Check(broadcast()); why == "" {
			t.Fatalf("%q: no reason", text)
		}
		two, err := ParseAll(text + ",lost=0")
		if err != nil || len(two) != 2 || !same(e, two[0]) {
			t.Fatalf("%q with another: %q, %v", text, two, err)
		}
	})
}

// same compares what can be compared: functions cannot.
func same(a, b Expectation) bool {
	return a.metric == b.metric && a.op == b.op && a.want == b.want && (a.whole == nil) == (b.whole == nil)
}

func FuzzParseRelative(f *testing.F) {
	for _, s := range []string{"p99>+10%", "deliveries<-5%", "p99 > 1e1 %", "lost>0%", "x>+1%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRelative(text)
		if err != nil {
			return
		}
		again, err := ParseRelative(r.String())
		if err != nil || again != r {
			t.Fatalf("%q is %q, which is %q, %v", text, r, again, err)
		}
		if r.Exceeded(1, 1) && r.Exceeded(1, 2) && r.Exceeded(1, 0) && r.change < 1 && r.change > -1 {
			t.Fatalf("%q cannot hold", text)
		}
	})
}
