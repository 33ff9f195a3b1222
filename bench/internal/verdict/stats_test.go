package verdict

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"starling/bench/internal/report"
)

// judged is what the numbers alone come to.
func judged(m report.Metric, a, b []float64, o Options, seed uint64) Row {
	r := Row{Metric: m, A: Side{Values: a, Median: median(a)}, B: Side{Values: b, Median: median(b)}}
	r.judge(o.complete(), seed)
	return r
}

var (
	p99        = report.Metric{Name: "p99", Unit: "us", Better: report.Lower}
	deliveries = report.Metric{Name: "deliveries", Unit: "1/s", Better: report.Higher}
	busy       = report.Metric{Name: "server_busy", Better: report.Neutral}
	lost       = report.Metric{Name: "lost", Better: report.Lower}
	slope      = report.Metric{Name: "rss_slope", Unit: "bytes/h", Better: report.Lower}
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		metric report.Metric
		a, b   []float64
		want   Verdict
		test   string
	}{
		{"five rounds wholly apart, less is better", p99, []float64{100, 101, 99, 102, 98}, []float64{120, 119, 121, 122, 118}, Worse, testRanks},
		{"the same the other way", p99, []float64{120, 119, 121, 122, 118}, []float64{100, 101, 99, 102, 98}, Better, testRanks},
		{"more is better", deliveries, []float64{100, 101, 99, 102, 98}, []float64{120, 119, 121, 122, 118}, Better, testRanks},
		{"neither is better", busy, []float64{0.50, 0.51, 0.49, 0.50}, []float64{0.60, 0.61, 0.59, 0.60}, Changed, testRanks},
		{"five rounds that overlap", p99, []float64{100, 101, 99, 102, 98}, []float64{101, 100, 103, 99, 102}, Noise, testRanks},
		{"three rounds apart by far more than they scatter", p99, []float64{100, 101, 99}, []float64{120, 119, 121}, Worse, testLogs},
		{"three rounds apart by chance", p99, []float64{100, 110, 90}, []float64{112, 135, 111}, Noise, testLogs},
		{"two rounds that are coarsely apart", p99, []float64{100, 101}, []float64{200, 202}, Worse, testLogs},
		{"three rounds with a zero, which has no logarithm", p99, []float64{0, 1, 2}, []float64{100, 101, 102}, Worse, testMeans},
		{"no scatter and a difference", p99, []float64{100, 100}, []float64{101, 101}, Worse, testExact},
		{"one value in all rounds", p99, []float64{100, 100, 100}, []float64{100, 100}, Same, ""},
		{"one round with the same value", p99, []float64{100}, []float64{100}, Same, ""},
		{"one round", p99, []float64{100}, []float64{200}, Single, ""},
		{"one round of A", p99, []float64{100}, []float64{200, 201, 202}, Single, ""},
		{"a loss in one round of three", lost, []float64{0, 0, 0}, []float64{0, 7, 0}, Worse, ""},
		{"no loss any more", lost, []float64{0, 7, 0}, []float64{0, 0, 0}, Better, ""},
		{"a loss in the only round", lost, []float64{0}, []float64{1}, Worse, ""},
		{"losses on both sides", lost, []float64{5, 6, 7, 8}, []float64{6, 5, 8, 7}, Noise, testRanks},
		{"below zero", slope, []float64{-5, -6, -7, -8}, []float64{1, 2, 3, 4}, Worse, testRanks},
		{"nothing", p99, nil, []float64{1}, Missing, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := judged(tc.metric, tc.a, tc.b, Options{}, 1)
			if r.Verdict != tc.want || r.Test != tc.test {
				t.Errorf("%s by %q, want %s by %q: %+v", r.Verdict, r.Test, tc.want, tc.test, r)
			}
			if told := r.Test != ""; told == math.IsNaN(r.P) {
				t.Errorf("p is %v", r.P)
			}
		})
	}
}

func TestJudgeNumbers(t *testing.T) {
	r := judged(p99, []float64{100, 90, 110, 95, 105}, []float64{200, 180, 220, 190, 210}, Options{}, 1)
	if r.A.Median != 100 || r.B.Median != 200 || r.Ratio != 2 {
		t.Errorf("%+v", r)
	}
	if r.Lo < 1.63 || r.Lo > r.Ratio || r.Hi < r.Ratio || r.Hi > 2.45 {
		t.Errorf("the interval %v to %v is not within the rounds", r.Lo, r.Hi)
	}
	if math.Abs(r.P-2.0/252) > 1e-9 { // of 252 ways to deal ten ranks to two sides, two have them wholly apart
		t.Errorf("p is %v", r.P)
	}
	if r := judged(p99, []float64{0, 0, 0}, []float64{1, 2, 3}, Options{}, 1); !math.IsInf(r.Ratio, 1) {
		t.Errorf("from nothing to something is %v", r.Ratio)
	}
	if r := judged(slope, []float64{-1, -2, -3}, []float64{1, 2, 3}, Options{}, 1); !math.IsNaN(r.Ratio) || !math.IsNaN(r.Lo) {
		t.Errorf("a ratio to less than nothing is %v, from %v", r.Ratio, r.Lo)
	}
}

func TestJudgeIsDeterministic(t *testing.T) {
	a, b := []float64{100, 104, 97, 101}, []float64{103, 99, 108, 102}
	first := judged(p99, a, b, Options{Seed: 5}, 7)
	if again := judged(p99, a, b, Options{Seed: 5}, 7); again.Lo != first.Lo || again.Hi != first.Hi || again.P != first.P {
		t.Errorf("%+v, then %+v", first, again)
	}
	if !slices.Equal(a, []float64{100, 104, 97, 101}) {
		t.Errorf("the rounds have been moved: %v", a)
	}
}

// slowInterval is the bootstrap without chance: every way in which the rounds can be drawn, each as often as the others.
func slowInterval(a, b []float64, confidence float64) (lo, hi float64) {
	var ratios []float64
	for _, from := range allMedians(a) {
		for _, to := range allMedians(b) {
			ratios = append(ratios, to/from)
		}
	}
	slices.Sort(ratios)
	cut := int(float64(len(ratios)) * (1 - confidence) / 2)
	return ratios[cut], ratios[len(ratios)-1-cut]
}

func allMedians(values []float64) (all []float64) {
	n := len(values)
	for code := range int(math.Pow(float64(n), float64(n))) {
		draw := make([]float64, n)
		for i := range draw {
			draw[i] = values[code%n]
			code /= n
		}
		all = append(all, median(draw))
	}
	return all
}

func TestBootstrapIsThatOfAllDraws(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b []float64
	}{
		{"three", []float64{100, 105, 98}, []float64{103, 110, 99}},
		{"two and three", []float64{100, 107}, []float64{95, 99, 120}},
		{"four", []float64{100, 105, 98, 111}, []float64{103, 110, 99, 140}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := bootstrap(tc.a, tc.b, Options{}.complete(), 3)
			lo, hi := slowInterval(tc.a, tc.b, confidenceDefault)
			if got.ratioLo != lo || got.ratioHi != hi {
				t.Errorf("%v to %v, want %v to %v", got.ratioLo, got.ratioHi, lo, hi)
			}
			if (got.ratioLo > 1) != (got.stepLo > 0) || (got.ratioHi < 1) != (got.stepHi < 0) {
				t.Errorf("the ratio's interval and the step's differ: %+v", got)
			}
		})
	}
}

// How often a verdict is right, with rounds that scatter by 3 %.
func TestCoverage(t *testing.T) {
	const trials = 1000
	for _, tc := range []struct {
		name          string
		rounds        int
		shift         float64
		least, most   int // verdicts other than noise
		verdictIfThat Verdict
	}{
		{"no difference, two rounds", 2, 0, 0, 50, ""},
		{"no difference, three rounds", 3, 0, 0, 60, ""},
		{"no difference, four rounds", 4, 0, 0, 60, ""},
		{"no difference, five rounds", 5, 0, 0, 60, ""},
		{"no difference, eight rounds", 8, 0, 0, 60, ""},
		{"a fifth more, three rounds", 3, 0.2, 980, trials, Worse},
		{"a fifth more, five rounds", 5, 0.2, 995, trials, Worse},
		{"a fifth less, five rounds", 5, -0.2, 995, trials, Better},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, uint64(tc.rounds)))
			told := 0
			for trial := range trials {
				r := judged(p99, noisy(rng, tc.rounds, 1000), noisy(rng, tc.rounds, 1000*(1+tc.shift)), Options{Resamples: 200}, uint64(trial))
				if r.Verdict == Noise {
					continue
				}
				told++
				if tc.verdictIfThat != "" && r.Verdict != tc.verdictIfThat {
					t.Errorf("%s, want %s: %+v", r.Verdict, tc.verdictIfThat, r)
				}
			}
			if told < tc.least || told > tc.most {
				t.Errorf("a verdict in %d of %d, want %d to %d", told, trials, tc.least, tc.most)
			}
		})
	}
}

func noisy(rng *rand.Rand, rounds int, around float64) []float64 {
	values := make([]float64, rounds)
	for i := range values {
		values[i] = around * math.Exp(0.03*rng.NormFloat64())
	}
	return values
}

func TestRanksSuffice(t *testing.T) {
	for _, tc := range []struct {
		a, b int
		want bool
	}{
		{3, 3, false},
		{3, 4, false},
		{4, 3, false},
		{3, 5, true},
		{4, 4, true},
		{2, 7, false},
		{2, 8, true},
		{1, 38, false},
		{50, 50, true},
	} {
		if got := ranksSuffice(tc.a, tc.b, 0.05); got != tc.want {
			t.Errorf("%d and %d: %v", tc.a, tc.b, got)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 2}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{9, 1, 5, 7}, 6},
	} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("%v has %v, want %v", tc.values, got, tc.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}
