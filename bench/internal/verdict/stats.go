package verdict

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"

	"starling/bench/internal/report"
)

// faults are the metrics that are to be zero: one side without any and the other with some differ, whatever the rounds scatter.
var faults = map[string]bool{
	"failed": true, "disconnected": true, "errors": true,
	"lost": true, "duplicated": true, "reordered": true, "misrouted": true, "garbled": true,
}

// The names of the tests.
const (
	testRanks = "Mann-Whitney U"
	testLogs  = "Welch t of the logarithms"
	testMeans = "Welch t" // of what has no logarithm
	testExact = "no scatter"
)

// judge enters the numbers and the verdict.
func (r *Row) judge(o Options, seed uint64) {
	a, b := r.A.Values, r.B.Values
	r.Ratio, r.Lo, r.Hi, r.P = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	if len(a) == 0 || len(b) == 0 {
		r.excuse()
		return
	}
	if slices.Min(a) >= 0 && slices.Min(b) >= 0 {
		r.Ratio = ratio(r.A.Median, r.B.Median)
	}
	switch {
	case constant(slices.Concat(a, b)):
		r.Verdict = Same
		return
	case faults[r.Metric.Name] && (slices.Max(a) == 0 || slices.Max(b) == 0):
		r.Verdict = direction(r.Metric, slices.Max(a), slices.Max(b))
		return
	case len(a) < 2 || len(b) < 2:
		r.Verdict = Single
		return
	}
	draws := bootstrap(a, b, o, seed)
	if !math.IsNaN(r.Ratio) {
		r.Lo, r.Hi = draws.ratioLo, draws.ratioHi
	}
	r.P, r.Test = test(a, b, 1-o.Confidence)
	r.Verdict = Noise
	if apart := draws.stepLo > 0 || draws.stepHi < 0; apart && r.P < 1-o.Confidence {
		r.Verdict = direction(r.Metric, r.A.Median, r.B.Median)
	}
}

// excuse is the verdict where one side has no value.
func (r *Row) excuse() {
	side, name := r.A, "A"
	if len(r.A.Values) > 0 {
		side, name = r.B, "B"
	}
	r.Verdict, r.Why = Missing, r.Metric.Name+" was not measured in "+name
	if side.left > 0 {
		r.Verdict, r.Why = Invalid, "no run of "+name+" counts"
	}
}

func direction(m report.Metric, a, b float64) Verdict {
	switch {
	case m.Better == report.Neutral:
		return Changed
	case (m.Better == report.Lower) == (b < a):
		return Better
	}
	return Worse
}

// interval is what the bootstrap came to: of the ratio of the medians, and of the step from one to the other. The two exclude no
// difference in the same draws, but a step can be told also where a ratio cannot.
type interval struct{ ratioLo, ratioHi, stepLo, stepHi float64 }

// bootstrap draws the rounds of both sides again, each for itself.
func bootstrap(a, b []float64, o Options, seed uint64) interval {
	rng := rand.New(rand.NewPCG(o.Seed, seed))
	ratios, steps := make([]float64, o.Resamples), make([]float64, o.Resamples)
	draw := make([]float64, max(len(a), len(b)))
	for i := range ratios {
		from, to := drawMedian(rng, a, draw[:len(a)]), drawMedian(rng, b, draw[:len(b)])
		ratios[i], steps[i] = ratio(from, to), to-from
	}
	slices.Sort(ratios)
	slices.Sort(steps)
	cut := int(float64(o.Resamples) * (1 - o.Confidence) / 2)
	last := o.Resamples - 1 - cut
	return interval{ratios[cut], ratios[last], steps[cut], steps[last]}
}

func drawMedian(rng *rand.Rand, from, into []float64) float64 {
	for i := range into {
		into[i] = from[rng.IntN(len(from))]
	}
	slices.Sort(into)
	return report.Median(into)
}

// median is that of values in any order; NaN if there are none.
func median(values []float64) float64 {
	return report.Median(slices.Sorted(slices.Values(values)))
}

// ratio is b in terms of a; 1 if both are nothing.
func ratio(a, b float64) float64 {
	switch {
	case a == b:
		return 1
	case a == 0:
		return math.Inf(1)
	}
	return b / a
}

// test is the probability of sides at least as different as these if there is nothing behind it.
func test(a, b []float64, alpha float64) (p float64, name string) {
	limits := benchmath.DefaultThresholds
	limits.CompareAlpha = alpha
	sample := func(values []float64) *benchmath.Sample { return benchmath.NewSample(values, &limits) }
	switch {
	case constant(a) && constant(b):
		return 0, testExact
	case ranksSuffice(len(a), len(b), alpha):
		return benchmath.AssumeNothing.Compare(sample(slices.Clone(a)), sample(slices.Clone(b))).P, testRanks
	case slices.Min(a) > 0 && slices.Min(b) > 0:
		return benchmath.AssumeNormal.Compare(sample(logs(a)), sample(logs(b))).P, testLogs
	}
	return benchmath.AssumeNormal.Compare(sample(slices.Clone(a)), sample(slices.Clone(b))).P, testMeans
}

// ranksSuffice says whether Mann-Whitney's test can reach the level at all: two of all the ways in which the ranks can be dealt out
// to the sides have them wholly apart, which is the least probability that it knows.
func ranksSuffice(a, b int, alpha float64) bool {
	ways := 1.0
	for i := 1; i <= a; i++ {
		ways *= float64(b+i) / float64(i)
	}
	return 2/ways < alpha
}

func constant(values []float64) bool { return slices.Min(values) == slices.Max(values) }

func logs(values []float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = math.Log(v)
	}
	return all
}
