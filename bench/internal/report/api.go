package report

import (
	"fmt"

	"starling/bench/internal/ledger"
)

// API is what a run adds whose messages went through the server's control API. What is measured is what was due behind the warm-up.
type API struct {
	Mode         string  `json:"api_mode"`        // "stream": lines of one request, or "requests": one for each message
	Connections  int     `json:"api_connections"` // to the API
	Spread       bool    `json:"api_spread"`      // messages to one room took any of them
	Accepted     uint64  `json:"api_accepted"`    // messages that were answered as they should, and are measured
	AcceptedPerS float64 `json:"api_accepted_per_s"`
	// From when a message was due, or sent where there is no timetable, to its reply.
	ReplyP50 float64 `json:"api_reply_us_p50"`
	ReplyP99 float64 `json:"api_reply_us_p99"`
	ReplyMax float64 `json:"api_reply_us_max"`

	Unanswered uint64 `json:"api_unanswered"` // messages that were not answered in time
	Faults     uint64 `json:"api_faults"`     // replies that were no acceptance, or told of sockets that were left out
	FirstFault string `json:"api_first_fault,omitempty"`
	DroppedFor uint64 `json:"api_dropped"` // sockets that were left out, over all messages
	// Replies by which fewer sockets were meant than the room has members, and the first: "9 of 10". Where a room's members are spread
	// over several servers that is so, and no fault; what does not reach a member is counted as lost in any case.
	Short      uint64 `json:"api_short"`
	FirstShort string `json:"api_first_short,omitempty"`
}

// SetReplies reads the percentiles of the replies.
func (a *API) SetReplies(l *ledger.Latency) {
	a.ReplyP50, a.ReplyP99, a.ReplyMax = round(l.Quantile(50)), round(l.Quantile(99)), round(l.Max())
}

// Unordered says that messages to one room may overtake each other: of requests over several connections nobody promises an order.
func (r *Report) Unordered() bool { return r.API != nil && r.API.Spread }

// Clean says of a report with accounts that every message arrived once, in order where there is one, and only where it was meant to.
func (r *Report) Clean() bool {
	t := *r.Tally
	if r.Unordered() {
		t.Reordered = 0
	}
	return t.Clean()
}

// ok says that every message was accepted for all that it was meant for.
func (a *API) ok() bool { return a.Faults == 0 && a.Unanswered == 0 }

func (a *API) text() string {
	s := fmt.Sprintf("API (%s, %d connections) accepted %.0f messages/s, replies us p50 %.0f p99 %.0f max %.0f",
		a.Mode, a.Connections, a.AcceptedPerS, a.ReplyP50, a.ReplyP99, a.ReplyMax)
	if a.Faults > 0 {
		s += fmt.Sprintf(", %d FAULTS, the first: %s", a.Faults, a.FirstFault)
	}
	if a.Unanswered > 0 {
		s += fmt.Sprintf(", %d UNANSWERED", a.Unanswered)
	}
	if a.Short > 0 {
		s += fmt.Sprintf(", %d matched fewer than the members, the first %s", a.Short, a.FirstShort)
	}
	return s
}
