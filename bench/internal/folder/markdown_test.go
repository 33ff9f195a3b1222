package folder

import (
	"strings"
	"testing"
	"time"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

func number(v float64) *float64 { return &v }

func TestMarkdown(t *testing.T) {
	l := ledger.NewLatency()
	for range 100 {
		l.Record(2_000_000)
	}
	hdr, err := l.Export()
	if err != nil {
		t.Fatal(err)
	}
	f := &Folder{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Machine: Machine{OS: "linux", Arch: "amd64", CPU: "a CPU", CPUs: 2, Go: "go1.26"},
		Tool: Tool{Version: "v1", Argv: []string{"bench", "echo|x"}},
		Results: []*report.Report{
			{
				ID: "one", Scenario: "echo", Target: "star|ling", Connections: 10, Connected: 10, Depth: 4, SizeBytes: 64, WallS: 2, ServerBusy: number(0.5),
				Echo: &report.Echo{Echoes: 200, EchoesPerS: 100, CPUUsPerEcho: number(7.5)}, Tally: &ledger.Tally{Delivered: 199, Lost: 1},
				LatencyHDR: hdr, Timeline: []report.Sample{{AtS: 0, ServerCPU: 9}, {AtS: 1, ServerCPU: 0.25, ServerRSS: 1 << 20}, {AtS: 2, ServerCPU: 0.75, ServerRSS: 3 << 20}},
			},
			{
				ID: "two", Scenario: "connect", Target: "x", Connections: 5, Connected: 4, Failed: 1, WallS: 0.5, Connect: &report.Connect{ConnPerS: 8},
				Invalid: "the client was slow",
			},
			{ID: "three", Scenario: "idle", Target: "x", Idle: &report.Idle{RSSPerConn: 1039.6}},
		},
	}
	want := `# bench

- started: 2026-01-02 03:04:05 UTC
- machine: a CPU, 2 CPUs, linux amd64, go1.26
- tool: bench v1
- command: bench 'echo\|x'

## Results

| Result | Verdict | Why | Connected | Lost | Duplicated | Reordered | Misrouted | Garbled | CPU each | RSS each |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
| one | Not passed | 1 lost | 10/10 | 1 | 0 | 0 | 0 | 0 | 7.50 µs | – |
| two | Not passed | 1 connections failed; INVALID: the client was slow | 4/5 | – | – | – | – | – | – | – |
| three | Passed |  | 0/0 | – | – | – | – | – | – | 1040 B |

## Traffic

| Result | Target | TPS | EER | Min | Avg | Max | TP50 | TP75 | TP90 | TP95 | TP99 | TP99.9 | Used | Total | Success | Failed | Conns | Concurrency | Payload | CPU Min | CPU Avg | CPU Max | MEM Min | MEM Avg | MEM Max |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| one | star\|ling | 100 | 2 | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 2 s | 200 | 199 | 1 | 10 | 4 | 64 B | 25.0% | 50.0% | 75.0% | 1 MiB | 2 MiB | 3 MiB |

## Connections

| Result | Target | TPS | EER | Min | Avg | Max | TP50 | TP75 | TP90 | TP95 | TP99 | TP99.9 | Used | Total | Success | Failed |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| two | x | 8 | – | – | – | – | – | – | – | – | – | – | 500 ms | 5 | 4 | 1 |
`
	if got := strings.ReplaceAll(string(f.markdown()), "\u00a0", " "); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNothingLeavesItsCell(t *testing.T) {
	var b strings.Builder
	table(&b, "t", 1, [][]string{{"a"}, {"x | y\n| z `code` <script>[l](u) *b* a_b \\"}})
	want := "\n## t\n\n| a |\n|---|\n| x \\| y \\| z \\`code\\` &lt;script&gt;\\[l\\](u) \\*b\\* a\\_b \\\\ |\n"
	if b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}
