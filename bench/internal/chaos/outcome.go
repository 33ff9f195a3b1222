package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Outcome is what an attack came to. Attempts are Opened, Refused and Waiting together; Opened are Closed, Left and Open together.
type Outcome struct {
	Kind     Kind `json:"kind"`
	Attempts int  `json:"attempts"` // connections begun
	Opened   int  `json:"opened"`   // got as far as their kind's offence
	Waiting  int  `json:"waiting"`  // were on their way there at the end
	// Refused are those that did not get there, by status ("503"), errno ("ECONNREFUSED") or how they were closed.
	Refused map[string]int `json:"refused,omitempty"`
	// Closed are those that the server has closed: "FIN", "RST", a close code ("1008", "1005" without one) or a status ("400").
	Closed map[string]int `json:"closed,omitempty"`
	Left   int            `json:"left"` // closed by the attack itself, as is its kind's way
	Open   int            `json:"open"` // at the end
	// OpenNs is the longest that one of those had been open, from its offence.
	OpenNs time.Duration `json:"open_ns_max"`
	// Kept counts, by its name, each malformed input that had been left open for more than two seconds.
	Kept map[string]int `json:"kept,omitempty"`
	// How long the server took to close, from the offence. A slow consumer learns of it within a second.
	ClosedP50 time.Duration `json:"closed_ns_p50"`
	ClosedP99 time.Duration `json:"closed_ns_p99"`
	ClosedMax time.Duration `json:"closed_ns_max"`
	CPU       time.Duration `json:"cpu_ns"`          // of the attack's own thread
	Error     string        `json:"error,omitempty"` // why it ended by itself
}

// ClosedSum is how many the server has closed, however it did.
func (o *Outcome) ClosedSum() int { return sum(o.Closed) }

// RefusedSum is how many were refused, for whatever reason.
func (o *Outcome) RefusedSum() int { return sum(o.Refused) }

// String is the outcome as a line for people.
func (o *Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d opened", o.Kind, o.Opened)
	if n := o.RefusedSum(); n > 0 {
		fmt.Fprintf(&b, ", %d refused (%s)", n, tally(o.Refused))
	}
	if n := o.ClosedSum(); n > 0 {
		fmt.Fprintf(&b, ", %d closed by the server (%s) within %v at p50, %v at p99, %v at most",
			n, tally(o.Closed), brief(o.ClosedP50), brief(o.ClosedP99), brief(o.ClosedMax))
	}
	if o.Left > 0 {
		fmt.Fprintf(&b, ", %d left", o.Left)
	}
	if o.Open > 0 {
		fmt.Fprintf(&b, ", %d open for up to %v", o.Open, brief(o.OpenNs))
	}
	if o.Waiting > 0 {
		fmt.Fprintf(&b, ", %d not let in yet", o.Waiting)
	}
	if len(o.Kept) > 0 {
		fmt.Fprintf(&b, ", kept in spite of: %s", tally(o.Kept))
	}
	if o.Error != "" {
		fmt.Fprintf(&b, ", ended early: %s", o.Error)
	}
	return b.String()
}

// brief leaves out the digits that no one reads.
func brief(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

func tally(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
