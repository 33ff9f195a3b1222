package folder

import (
	"bytes"
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ticksPerHalf is how many percentiles are listed in each halving of what is left above them; the field's tools write five.
const ticksPerHalf = 5

// percentiles writes a histogram of nanoseconds in HdrHistogram's text format, in milliseconds. The library's own writer keeps six
// digits of a percentile, so that the slowest in a million would all stand at 1.
func percentiles(h *hdrhistogram.Histogram) []byte {
	const ms = 1e6
	var out bytes.Buffer
	fmt.Fprintf(&out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, b := range h.CumulativeDistributionWithTicks(ticksPerHalf) {
		p := b.Quantile / 100
		fmt.Fprintf(&out, "%12.6f %2.12f %10d", float64(b.ValueAt)/ms, p, b.Count)
		if rest := 1 / (1 - p); !math.IsInf(rest, 1) {
			fmt.Fprintf(&out, " %14.2f", rest)
		}
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", h.Mean()/ms, h.StdDev()/ms)
	fmt.Fprintf(&out, "#[Max     = %12.6f, Total count    = %12d]\n", float64(h.Max())/ms, h.TotalCount())
	return out.Bytes()
}
