package report

import (
	"strings"
	"testing"
	"time"

	"starling/bench/internal/ledger"
)

func storm() *Storm {
	return &Storm{
		Cut: "server killed", Back: 100, Upgraded: 99, Proven: 98,
		CutToFirstS: 0.5, CutToLastS: 2, DownS: seconds(0.25), StartCPUS: seconds(0.1),
		Reconnect: Spread{1, 2, 3}, Attempt: Spread{1, 1.5, 2}, Away: Spread{1000, 1400, 1500},
		Requests: 450, RequestsPerClient: 4.5, CPUUsPerClient: seconds(200),
		RetriesSum: 3, Retries: map[string]int{"handshake: status 503": 1, "handshake: ECONNREFUSED": 2}, Errors: map[string]int{},
		RatioTo: "one", CPURatio: seconds(2),
	}
}

func stormReport(target string, cpu *float64) *Report {
	r := &Report{Scenario: "storm", Target: target, Connections: 100, Connected: 100, Storm: storm()}
	r.CPUUsPerClient, r.CPURatio, r.RatioTo = cpu, nil, ""
	r.SetUsage(1.5, seconds(1), 0.5, 1)
	return r
}

func TestStormText(t *testing.T) {
	r := stormReport("one", seconds(200))
	r.ErrorsSum, r.Errors = 2, map[string]int{"upgrade: status 400": 2}
	r.ListenOverflows = 9
	var got strings.Builder
	if err := r.WriteText(&got); err != nil {
		t.Fatal(err)
	}
	want := "one storm: 100/100 connected; server killed: 100 back (99 on WebSocket, 98 proven), the last 2.00 s after the cut; " +
		"server down for 0.25 s; first attempt after 0.50 s; reconnect ms p50 1.0 p99 2.0 max 3.0; attempt ms p50 1.0 p99 1.5 max 2.0; " +
		"away ms p50 1000.0 p99 1400.0 max 1500.0; 4.50 requests/client, server 200.00 us/client; " +
		"retries 3 (2 x handshake: ECONNREFUSED, 1 x handshake: status 503), errors 2 (2 x upgrade: status 400); " +
		"9 connections turned away by a full queue of accepts; 1.50 s, CPU server 1.00 s client 0.50 s\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestStormTable(t *testing.T) {
	one, other, none := stormReport("one", seconds(200)), stormReport("other", seconds(1700)), &Report{Target: "none"}
	other.SetCPURatio(one)
	none.SetCPURatio(one)
	var got strings.Builder
	if err := WriteStormTable(&got, []*Report{one, other, none}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"server back cut to last s first try to last s client ms p50 p99 requests/client CPU us/client ratio retries errors",
		"one 100/100 2.00 1.50 1.0 2.0 4.50 200.00 1.00 3 0",
		"other 100/100 2.00 1.50 1.0 2.0 4.50 1700.00 8.50 3 0",
		"none no storm",
	}
	for i, line := range strings.Split(strings.TrimSpace(got.String()), "\n") {
		if strings.Join(strings.Fields(line), " ") != want[i] {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
}

func TestCPURatioOfWhatIsUnknown(t *testing.T) {
	for _, tc := range []struct {
		name     string
		mine, to *float64
	}{
		{"mine", nil, seconds(1)},
		{"the other's", seconds(1), nil},
		{"the other's is nothing", seconds(1), seconds(0)},
	} {
		r := stormReport("one", tc.mine)
		if r.SetCPURatio(stormReport("other", tc.to)); r.CPURatio != nil || r.RatioTo != "" {
			t.Errorf("%s: %v to %q", tc.name, r.CPURatio, r.RatioTo)
		}
	}
}

func TestStormOK(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Report)
	}{
		{"not all are back", func(r *Report) { r.Back = 99 }},
		{"an error", func(r *Report) { r.ErrorsSum = 1 }},
		{"stalled", func(r *Report) { r.Stalled = "x" }},
	} {
		r := stormReport("one", nil)
		if !r.OK() {
			t.Fatal("not OK before")
		}
		if tc.spoil(r); r.OK() {
			t.Errorf("%s: OK", tc.name)
		}
	}
}

func TestSpread(t *testing.T) {
	l := ledger.NewLatency()
	for ms := range 100 {
		l.Record(int64(ms+1) * int64(time.Millisecond))
	}
	got := SpreadOf(l) // to three digits, as the histogram counts
	if got.P50 < 49.9 || got.P50 > 50.1 || got.P99 < 98.9 || got.P99 > 99.1 || got.Max < 99.9 || got.Max > 100.1 {
		t.Errorf("%+v", got)
	}
	if got := Seconds(1_234_567_890); got != 1.2346 {
		t.Errorf("%v", got)
	}
}
