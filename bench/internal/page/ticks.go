package page

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
)

// marks is a plot.Ticker whose ticks are fixed before the plot is drawn, since the axis ends at one of them.
type marks []plot.Tick

func (m marks) Ticks(float64, float64) []plot.Tick { return m }

// evenMarks are round numbers from 0 up to the first that is not below hi, about as many as wanted.
func evenMarks(hi float64, wanted int, write func(float64) string, base float64) marks {
	step := roundStep(hi/float64(wanted), base)
	var all marks
	for i := 0; ; i++ {
		v := float64(i) * step
		all = append(all, plot.Tick{Value: v, Label: write(v)})
		if v >= hi*(1-1e-9) && i > 0 {
			return all
		}
	}
}

// roundStep is the least of 1, 2 or 5 times a power of ten that is not below v; of two, for bytes, times a power of 1,024.
func roundStep(v, base float64) float64 {
	if v <= 0 {
		return 1
	}
	if base == 1024 {
		unit := math.Pow(1024, math.Floor(math.Log(v)/math.Log(1024)+1e-9))
		for _, k := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1024} {
			if k*unit >= v*(1-1e-9) {
				return k * unit
			}
		}
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	for _, k := range []float64{1, 2, 5} {
		if k*unit >= v*(1-1e-9) {
			return k * unit
		}
	}
	return 10 * unit
}

// logMarks are the powers of ten, and between them 2 and 5 where there are few, from the last not above lo to the first not
// below hi.
func logMarks(lo, hi float64, write func(float64) string) marks {
	from, to := math.Floor(math.Log10(lo)+1e-9), math.Ceil(math.Log10(hi)-1e-9)
	var all marks
	for e := from; e <= to; e++ {
		unit := math.Pow(10, e)
		for _, k := range []float64{1, 2, 5} {
			if k == 1 || to-from <= 2 {
				all = append(all, plot.Tick{Value: k * unit, Label: write(k * unit)})
			}
		}
	}
	first, last := 0, len(all)-1
	for first+1 < last && all[first+1].Value <= lo*(1+1e-9) {
		first++
	}
	for last-1 > first && all[last-1].Value >= hi*(1-1e-9) {
		last--
	}
	return all[first : last+1]
}

// The steps of a time axis, in seconds.
var timeSteps = []float64{0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400}

// timeMarks are round times between two, at most as many as wanted.
func timeMarks(from, to float64, wanted int) marks {
	at := slices.IndexFunc(timeSteps, func(s float64) bool { return (to-from)/s <= float64(wanted) })
	step := math.Ceil((to-from)/float64(wanted)/86400) * 86400
	if at >= 0 {
		step = timeSteps[at]
	}
	var all marks
	for i := math.Ceil(from/step - 1e-9); i*step <= to+1e-9; i++ {
		all = append(all, plot.Tick{Value: i * step, Label: clock(i*step, step)})
	}
	return all
}

// clock writes a time of the run, no finer than the steps of its axis.
func clock(s, step float64) string {
	unit, of := "s", 1.0
	switch {
	case s == 0:
	case step >= 1800:
		unit, of = "h", 3600
	case step >= 60:
		unit, of = "min", 60
	}
	return axisCount(s/of) + "\u00a0" + unit
}
