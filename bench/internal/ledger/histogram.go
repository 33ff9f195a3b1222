package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ErrHistogram means that an exported histogram could not be read back.
var ErrHistogram = errors.New("ledger: unreadable histogram")

// Latency is a histogram of durations from 1 ns to LatencyMax with three significant digits. It is for one goroutine.
type Latency struct{ hdr *hdrhistogram.Histogram }

// LatencyMax is the longest duration that is told apart; longer ones count as this one.
const LatencyMax = 10 * time.Minute

// NewLatency returns an empty histogram.
func NewLatency() *Latency {
	return &Latency{hdr: hdrhistogram.New(1, int64(LatencyMax), 3)}
}

// Record counts one duration given in nanoseconds.
func (l *Latency) Record(ns int64) {
	// A value in range cannot be refused, so the error says nothing.
	_ = l.hdr.RecordValue(min(max(ns, 0), int64(LatencyMax)))
}

// RecordN counts a duration given in nanoseconds n times.
func (l *Latency) RecordN(ns, n int64) {
	_ = l.hdr.RecordValues(min(max(ns, 0), int64(LatencyMax)), n)
}

// Count is the number of recorded durations.
func (l *Latency) Count() int64 { return l.hdr.TotalCount() }

// Quantile is the duration that the given percentage (0 to 100) of the recorded ones does not exceed, in microseconds.
func (l *Latency) Quantile(percent float64) float64 {
	return float64(l.hdr.ValueAtPercentile(percent)) / 1e3
}

// Max is the longest recorded duration in microseconds.
func (l *Latency) Max() float64 { return float64(l.hdr.Max()) / 1e3 }

// Add adds the durations of another histogram to this one. Percentiles are read from the sum; they are never averaged.
func (l *Latency) Add(other *Latency) { l.hdr.Merge(other.hdr) }

// Reset forgets all that was recorded.
func (l *Latency) Reset() { l.hdr.Reset() }

// Export returns the histogram in HDR's own V2 compressed form; the caller owns the bytes.
func (l *Latency) Export() ([]byte, error) {
	return l.hdr.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// ImportLatency reads what Export wrote. It borrows b for the call only.
func ImportLatency(b []byte) (*Latency, error) {
	hdr, err := hdrhistogram.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHistogram, err)
	}
	l := NewLatency()
	l.hdr.Merge(hdr)
	return l, nil
}
