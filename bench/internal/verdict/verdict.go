// Package verdict compares two sets of runs, A and B, and says of each metric whether B is better or worse, or whether what they
// differ by is no more than what repeated runs differ by among themselves.
//
// Like is compared with like: runs of one scenario against a target of one name with the same parameters form a group, and the
// several runs of a group on one side are its rounds. What has no counterpart is listed, never dropped.
//
// A metric's value of a side is the median of its rounds. B is said to be better or worse only if both of these hold:
//
//   - The bootstrap confidence interval, 95 % unless told otherwise, of the ratio of B's median to A's does not contain 1. The rounds
//     of either side are drawn again with replacement, 10,000 times; the interval is what lies between the 2.5th and 97.5th percentile
//     of the ratios. Its drawing is seeded, so that a comparison comes to the same result each time.
//   - A test rejects, at 5 %, that both sides are of one distribution: Mann-Whitney's U test, which presumes nothing about the
//     distribution, if there are rounds enough for it ever to reach 5 % (four and four, three and five); and otherwise Welch's t test on
//     the logarithms, which presumes that runs scatter by factors.
//
// Neither suffices alone. The interval of a median of three reaches from one end of the rounds to the other: where there was nothing
// but noise of 3 % to tell, intervals of 1,000 comparisons missed 1 in 310 with two rounds a side, in 99 with three, in 23 with five;
// together with the test a verdict was given in 19, 33 and 22. With three rounds such a comparison finds a difference of 20 % nearly
// always, one of 10 % in seven of ten; with five rounds the latter nearly always too, one of 5 % in every other; with two rounds
// one of 20 % in every other. With one round there is nothing to tell a difference from, and the verdict says so.
//
// A comparison of a hundred rows therefore says better or worse of two to four by chance. It is read by its large differences, or
// with conditions that were named beforehand (FailIf).
//
// Losses and failures are no matter of statistics: if one side has none in all its rounds and the other has some, that is the
// verdict, also with one round. An invalid run's rates and times are left out of a comparison, and a run that came to no end
// altogether; the group says so, and a metric of which nothing is left has the verdict invalid.
package verdict

import (
	"fmt"
	"hash/fnv"

	"starling/bench/internal/expect"
	"starling/bench/internal/report"
)

// Verdict is what is said of B in comparison with A.
type Verdict string

// The verdicts.
const (
	Better  Verdict = "better"
	Worse   Verdict = "worse"
	Changed Verdict = "changed"      // a difference in a metric that is neither better nor worse for being larger
	Noise   Verdict = "noise"        // no difference that rounds of one side do not have among themselves
	Same    Verdict = "same"         // all rounds of both sides have one value
	Single  Verdict = "one round"    // too few to tell
	Invalid Verdict = "invalid"      // nothing is left on one side of runs that count
	Missing Verdict = "not measured" // on one side
)

// Options are how to compare. The zero value is ready to use.
type Options struct {
	Seed       uint64  // of the bootstrap
	Resamples  int     // draws of the bootstrap; 10,000 if 0
	Confidence float64 // of the interval, and 1 less what the test may err by; 0.95 if 0
}

// The defaults of the options.
const (
	resamplesDefault  = 10_000
	confidenceDefault = 0.95
)

func (o Options) complete() Options {
	if o.Resamples <= 0 {
		o.Resamples = resamplesDefault
	}
	if o.Confidence <= 0 || o.Confidence >= 1 {
		o.Confidence = confidenceDefault
	}
	return o
}

// Comparison is what comparing A with B came to.
type Comparison struct {
	Groups       []Group // in the order in which A has them
	OnlyA, OnlyB []Lone  // what has no counterpart

	confidence float64
}

// Group is the comparison of runs that are alike.
type Group struct {
	Key    Key
	A, B   int      // rounds
	Rows   []Row    // in the order of report.Metrics
	Remark []string // about rounds that were left out
}

// Lone is a group that only one side has.
type Lone struct {
	Key     Key
	Rounds  int
	Nearest string // how the other side's group of the same scenario and target differs, if it has one

	metrics []report.Metric
}

// Row is the comparison of one metric.
type Row struct {
	Metric  report.Metric // its Value is meaningless
	A, B    Side
	Ratio   float64 // of B's median to A's; NaN if one of them is negative or there is none
	Lo, Hi  float64 // its confidence interval; NaN if there is none
	P       float64 // of the test; NaN if there was none
	Test    string  // which one
	Verdict Verdict
	Why     string // of a verdict that is not about numbers
}

// Side is one metric on one side.
type Side struct {
	Median float64   // NaN if there is no value
	Values []float64 // of each round that counts
	left   int       // rounds that were left out
}

// Compare compares the reports of A with those of B. It keeps none of them.
func Compare(a, b []*report.Report, o Options) *Comparison {
	o = o.complete()
	c := &Comparison{confidence: o.Confidence}
	ours, theirs := groupsOf(a), groupsOf(b)
	for _, key := range ours.order {
		if rounds, ok := theirs.byKey[key]; ok {
			c.Groups = append(c.Groups, compareGroup(key, ours.byKey[key], rounds, o))
		} else {
			c.OnlyA = append(c.OnlyA, theirs.lone(key, ours.byKey[key]))
		}
	}
	for _, key := range theirs.order {
		if _, ok := ours.byKey[key]; !ok {
			c.OnlyB = append(c.OnlyB, ours.lone(key, theirs.byKey[key]))
		}
	}
	return c
}

func compareGroup(key Key, a, b []*report.Report, o Options) Group {
	g := Group{Key: key, A: len(a), B: len(b)}
	g.Remark = append(remarks("A", a), remarks("B", b)...)
	for _, m := range metricsOf(a, b) {
		row := Row{Metric: m, A: sideOf(m, a), B: sideOf(m, b)}
		seed := fnv.New64a()
		fmt.Fprint(seed, key, m.Name)
		row.judge(o, seed.Sum64())
		g.Rows = append(g.Rows, row)
	}
	return g
}

// remarks says which rounds are left out, and why.
func remarks(side string, rounds []*report.Report) (all []string) {
	for i, r := range rounds {
		name := fmt.Sprintf("%s, round %d", side, i+1)
		if r.ID != "" {
			name = fmt.Sprintf("%s, %s", side, r.ID)
		}
		if why := unfit(r); why != "" {
			all = append(all, fmt.Sprintf("%s is left out: %s", name, why))
		} else if why := void(r); why != "" {
			all = append(all, fmt.Sprintf("%s is invalid, its rates and times are left out: %s", name, why))
		}
	}
	return all
}

// unfit says why nothing of a run counts.
func unfit(r *report.Report) string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Interrupted:
		return "it was interrupted"
	}
	return ""
}

// void says why the rates and times of a run do not count.
func void(r *report.Report) string {
	if r.Stalled != "" {
		return "it stalled: " + r.Stalled
	}
	return r.Invalid
}

// metricsOf is what any of the reports has measured, in the order of report.Metrics as far as they agree.
func metricsOf(sides ...[]*report.Report) (all []report.Metric) {
	known := make(map[string]bool)
	for _, side := range sides {
		for _, r := range side {
			for _, m := range r.Metrics() {
				if !known[m.Name] {
					known[m.Name] = true
					all = append(all, m)
				}
			}
		}
	}
	return all
}

func sideOf(m report.Metric, rounds []*report.Report) (s Side) {
	for _, r := range rounds {
		found, ok := r.Metric(m.Name)
		switch {
		case !ok:
		case unfit(r) != "", void(r) != "" && expect.Timed(m):
			s.left++
		default:
			s.Values = append(s.Values, found.Value)
		}
	}
	s.Median = median(s.Values)
	return s
}
