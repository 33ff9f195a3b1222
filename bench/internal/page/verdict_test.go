package page

import (
	"strings"
	"testing"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		result report.Report
		want   Verdict
		why    string
	}{
		{"all is well", report.Report{Tally: &ledger.Tally{Delivered: 5}}, Passed, ""},
		{"the client was slow", report.Report{Invalid: "slow client"}, Invalid, "slow client"},
		{"an error", report.Report{Error: "x"}, NotPassed, "error: x"},
		{"stalled", report.Report{Stalled: "3 missing"}, NotPassed, "stalled: 3 missing"},
		{"interrupted", report.Report{Interrupted: true}, NotPassed, "interrupted before its end"},
		{"failed", report.Report{Failed: 1200}, NotPassed, "1,200 connections failed"},
		{"disconnected", report.Report{Disconnected: 2}, NotPassed, "2 connections ended by the server"},
		{"refused", report.Report{Refused: 2}, NotPassed, "2 joins, leaves or echoes refused"},
		{
			"the control API",
			report.Report{API: &report.API{Faults: 3, FirstFault: "status 403: no", Unanswered: 1}},
			NotPassed, "3 faults of the control API, the first: status 403: no; 1 messages not answered by the control API",
		},
		{"the control API tells of fewer than the members", report.Report{API: &report.API{Short: 3}}, Passed, ""},
		{
			"the control API at a rate of a search",
			report.Report{FindMax: &report.FindMax{MaxRate: 1}, API: &report.API{Faults: 3}},
			Passed, "",
		},
		{
			"the accounts",
			report.Report{Tally: &ledger.Tally{Lost: 1, Duplicated: 2, Reordered: 3, Misrouted: 4, Garbled: 5}},
			NotPassed,
			"1 lost; 2 duplicated; 3 out of order; 4 misrouted; 5 garbled",
		},
		{
			"requests that overtake each other",
			report.Report{Tally: &ledger.Tally{Reordered: 3}, API: &report.API{Spread: true}},
			Passed, "",
		},
		{"not all are back", report.Report{Connections: 3, Storm: &report.Storm{Back: 2}}, NotPassed, "2 of 3 came back"},
		{"errors of a storm", report.Report{Storm: &report.Storm{ErrorsSum: 7}}, NotPassed, "7 errors of clients on their way back"},
		{"an assertion", report.Report{Unmet: []string{"p99<1ms"}}, NotPassed, "not met: p99<1ms"},
		{"lost and invalid", report.Report{Failed: 1, Invalid: "slow"}, NotPassed, "1 connections failed; INVALID: slow"},
	} {
		got, why := Judge(&tc.result)
		if got != tc.want || strings.Join(why, "; ") != tc.why {
			t.Errorf("%s: %s, %q", tc.name, got, why)
		}
	}
}

// What the report itself does not call OK is never passed here.
func TestJudgeIsNoMilderThanTheReport(t *testing.T) {
	for _, r := range []*report.Report{{Error: "x"}, {Failed: 1}, {Disconnected: 1}, {Refused: 1}, {API: &report.API{Faults: 1}}, {API: &report.API{Unanswered: 1}}, {Stalled: "x"}, {Tally: &ledger.Tally{Garbled: 1}}, {Storm: &report.Storm{Back: 1}}} {
		if v, _ := Judge(r); r.OK() || v != NotPassed {
			t.Errorf("%+v is %s", r, v)
		}
	}
}

func TestHeadline(t *testing.T) {
	good := &report.Report{ID: "a", Connected: 1500, Tally: &ledger.Tally{Delivered: 2000}}
	slow, bad := &report.Report{ID: "b", Invalid: "slow"}, &report.Report{ID: "c", Failed: 1, Interrupted: true}
	for _, tc := range []struct {
		name    string
		results []*report.Report
		want    Verdict
		text    string
		why     int
	}{
		{"none", nil, NotPassed, "no result", 0},
		{"good", []*report.Report{good}, Passed, "all 1,500 connections were made and kept, and all 2,000 deliveries came once and in order", 0},
		{"without messages", []*report.Report{{Connected: 5}}, Passed, "all 5 connections were made and kept", 0},
		{"slow", []*report.Report{good, slow}, Invalid, "1 of 2 results passed", 1},
		{"all sorts", []*report.Report{slow, bad, good}, NotPassed, "1 of 3 results passed", 2},
	} {
		got := judgeAll(tc.results)
		if got.Verdict != tc.want || got.Text != tc.text || len(got.Why) != tc.why {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}
