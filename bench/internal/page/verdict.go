package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"starling/bench/internal/report"
)

// Verdict is what a result is worth.
type Verdict uint8

// The verdicts, from good to bad.
const (
	Passed    Verdict = iota
	Invalid           // nothing went wrong, but rates and latencies are the client's own
	NotPassed         // something went wrong, or an assertion does not hold
)

// String is the verdict in words.
func (v Verdict) String() string { return [...]string{"Passed", "INVALID", "Not passed"}[v] }

// Judge says what a result is worth, and why if it is not passed.
func Judge(r *report.Report) (Verdict, []string) {
	if why := faults(r); len(why) > 0 {
		if r.Invalid != "" {
			why = append(why, "INVALID: "+r.Invalid)
		}
		return NotPassed, why
	}
	if r.Invalid != "" {
		return Invalid, []string{r.Invalid}
	}
	return Passed, nil
}

func faults(r *report.Report) []string {
	var why []string
	count := func(n uint64, what string) {
		if n > 0 {
			why = append(why, Count(float64(n))+" "+what)
		}
	}
	text := func(what, about string) {
		if about != "" {
			why = append(why, what+about)
		}
	}
	text("error: ", r.Error)
	text("stalled: ", r.Stalled)
	if r.Interrupted {
		why = append(why, "interrupted before its end")
	}
	count(uint64(r.Failed), "connections failed")
	count(uint64(r.Disconnected), "connections ended by the server")
	count(uint64(r.Refused), "joins, leaves or echoes refused")
	if a := r.API; a != nil && r.FindMax == nil {
		count(a.Faults, "faults of the control API, the first: "+a.FirstFault)
		count(a.Unanswered, "messages not answered by the control API")
	}
	if t := r.Tally; t != nil {
		count(t.Lost, "lost")
		count(t.Duplicated, "duplicated")
		if !r.Unordered() {
			count(t.Reordered, "out of order")
		}
		count(t.Misrouted, "misrouted")
		count(t.Garbled, "garbled")
	}
	if s := r.Storm; s != nil {
		if s.Back != r.Connections {
			why = append(why, fmt.Sprintf("%s of %s came back", Count(float64(s.Back)), Count(float64(r.Connections))))
		}
		count(uint64(s.ErrorsSum), "errors of clients on their way back")
	}
	for _, a := range r.Unmet {
		text("not met: ", a)
	}
	if len(why) == 0 && !r.OK() { // a rule of the report that is not known here
		why = append(why, "the run was not carried out as it should")
	}
	return why
}

// headline is the verdict over all results.
type headline struct {
	Verdict Verdict
	Text    string
	Why     []reason
}

// reason is what speaks against a result.
type reason struct{ ID, Text string }

func judgeAll(results []*report.Report) headline {
	h := headline{}
	good, delivered, connected := 0, uint64(0), 0
	for _, r := range results {
		v, why := Judge(r)
		if v == Passed {
			good++
		}
		h.Verdict = max(h.Verdict, v)
		if len(why) > 0 {
			h.Why = append(h.Why, reason{r.ID, strings.Join(why, "; ")})
		}
		connected += r.Connected
		if r.Tally != nil {
			delivered += r.Tally.Delivered
		}
	}
	switch {
	case len(results) == 0:
		h.Verdict, h.Text = NotPassed, "no result"
	case h.Verdict != Passed:
		h.Text = fmt.Sprintf("%d of %d results passed", good, len(results))
	default:
		h.Text = fmt.Sprintf("all %s connections were made and kept", Count(float64(connected)))
		if delivered > 0 {
			h.Text += fmt.Sprintf(", and all %s deliveries came once and in order", Count(float64(delivered)))
		}
	}
	return h
}

// byCount lists reasons with the most frequent first.
func byCount(reasons map[string]int) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		if d := reasons[b] - reasons[a]; d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
}
