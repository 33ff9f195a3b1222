package scenario

import (
	"fmt"
	"math"
	"time"

	"starling/bench/internal/report"
)

// The search for the highest rate: it doubles from the first on, and then halves the distance until that is no more than searchGap of
// the rate.
const searchGap = 0.05

// searchAgain is how often a rate is tried again that the generator itself was late for: something else may have held up the machine.
const searchAgain = 2

// findMax searches the highest rate of messages to rooms at which the 99th percentile stays under the limit, and nothing is lost or
// late.
func (r *run) findMax() error {
	if ok, err := r.gather(); !ok {
		return err
	}
	first := r.cfg.Rate
	best, worst := 0.0, math.Inf(1)
	lag := time.Duration(0) // of the generator, at the lowest rate that did not pass
	for rate := first; rate > first/100 && (best == 0 || worst-best > searchGap*best); rate = between(best, worst) {
		step, err := r.tryRate(rate)
		for again := 0; again < searchAgain && err == nil && heldUp(step) && !r.interrupted(); again++ {
			step, err = r.tryRate(rate)
		}
		if err != nil || r.interrupted() {
			return err
		}
		if step.OK {
			best = rate
		} else {
			worst, lag = rate, micros(step.LagP99)
		}
	}
	r.report.FindMax.MaxRate = report.Rate(best, 1)
	if lag > lagMax {
		r.report.Invalid = fmt.Sprintf("the generator was the bottleneck: at %.0f/s it was %v late (p99); the server may take more", worst, lag.Round(time.Millisecond/10))
	}
	return nil
}

// heldUp says that a rate did not pass for the generator's own lateness, as far as it can be told.
func heldUp(s report.Step) bool {
	return !s.OK && s.Lost == 0 && s.Dropped == 0 && micros(s.LagP99) > lagMax
}

// between is the rate to try next.
func between(best, worst float64) float64 {
	switch {
	case math.IsInf(worst, 1):
		return best * 2
	case best == 0:
		return worst / 4
	default:
		return (best + worst) / 2
	}
}

// tryRate holds a rate for a step. The report keeps the accounts of the last rate that passed.
func (r *run) tryRate(rate float64) (step report.Step, err error) {
	r.cfg.Rate = rate
	from, err := r.span(r.opts.Warmup, []Phase{{Name: fmt.Sprintf("%.0f/s", rate), For: r.opts.Step, Rate: rate}})
	if err != nil {
		return step, err
	}
	sum, err := r.finish(r.senders.accounts())
	if err != nil {
		return step, err
	}
	to, err := r.usage()
	if err != nil {
		return step, err
	}
	used := to.since(from)
	step = report.Step{
		Rate: report.Rate(rate, 1), P99: sum.latency.Quantile(99), Lost: sum.tally.Lost - min(r.lost, sum.tally.Lost),
		LagP99: max(sum.lag.Quantile(99), sum.held.Quantile(99)), Dropped: sum.dropped, ServerBusy: report.Per(r.serverS(used), used.wall.Seconds(), 1),
	}
	r.lost = sum.tally.Lost
	step.OK = micros(step.P99) < r.opts.P99Max && step.Lost == 0 && step.Dropped == 0
	if r.report.FindMax == nil {
		r.report.FindMax = &report.FindMax{P99LimitUs: float64(r.opts.P99Max.Microseconds())}
	}
	r.report.FindMax.Steps = append(r.report.FindMax.Steps, step)
	if step.OK || r.report.Tally == nil {
		r.report.Invalid = ""
		r.setFlow(from, to, sum)
	}
	if step.Dropped > 0 { // they are back before the next
		err = r.pause(2 * returnDelayMax)
	}
	return step, err
}
