package page

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func labels(m marks) string {
	var all []string
	for _, t := range m {
		all = append(all, strings.ReplaceAll(t.Label, "\u00a0", " "))
	}
	return strings.Join(all, ", ")
}

func TestMarks(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  marks
		want string
	}{
		{"even", evenMarks(95, 4, axisNumber, 10), "0, 50, 100"},
		{"even, as it is", evenMarks(40000, 4, axisNumber, 10), "0, 10k, 20k, 30k, 40k"},
		{"even, small", evenMarks(0.7, 4, axisNumber, 10), "0, 0.2, 0.4, 0.6, 0.8"},
		{"even, nothing", evenMarks(0, 4, axisNumber, 10), "0, 1"},
		{"even, bytes", evenMarks(70<<20, 4, axisBytes, 1024), "0, 20 MiB, 40 MiB, 60 MiB, 80 MiB"},
		{"even, bytes of the next unit", evenMarks(3<<30, 3, axisBytes, 1024), "0, 1 GiB, 2 GiB, 3 GiB"},
		{"logarithmic, few", logMarks(150, 9000, axisTime), "100 µs, 200 µs, 500 µs, 1 ms, 2 ms, 5 ms, 10 ms"},
		{"logarithmic, many", logMarks(40, 2e6, axisTime), "10 µs, 100 µs, 1 ms, 10 ms, 100 ms, 1 s, 10 s"},
		{"logarithmic, at marks", logMarks(100, 100000, axisTime), "100 µs, 1 ms, 10 ms, 100 ms"},
		{"seconds", timeMarks(-5, 20, 8), "−5 s, 0 s, 5 s, 10 s, 15 s, 20 s"},
		{"minutes", timeMarks(0, 600, 5), "0 s, 2 min, 4 min, 6 min, 8 min, 10 min"},
		{"hours", timeMarks(0, 4*3600, 8), "0 s, 0.5 h, 1 h, 1.5 h, 2 h, 2.5 h, 3 h, 3.5 h, 4 h"},
		{"days", timeMarks(0, 20*86400, 4), "0 s, 120 h, 240 h, 360 h, 480 h"},
		{"nines", nines(3.2), "0 %, 90 %, 99 %, 99.9 %"},
	} {
		if got := labels(tc.got); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Whatever is measured lies between the first mark and the last, and the marks are as few as an axis has room for.
func TestMarksHoldTheValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		lo := random.ExpFloat64() * 1e4
		hi := lo * (30 + random.ExpFloat64()*1e3)
		for _, m := range []marks{logMarks(lo, hi, axisTime), evenMarks(hi, 4, axisNumber, 10), evenMarks(hi, 4, axisBytes, 1024)} {
			if first, last := m[0].Value, m[len(m)-1].Value; first > lo*(1+1e-6) || last < hi*(1-1e-6) || len(m) > 14 || len(m) < 2 {
				t.Fatalf("%v to %v: %s", lo, hi, labels(m))
			}
		}
	}
}
