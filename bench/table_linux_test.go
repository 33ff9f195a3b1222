package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// echoed is a result of the row of echoes.
func echoed(target string, cpuUs float64, lost uint64) *report.Report {
	return &report.Report{
		Case: "echo", Scenario: "echo", Target: target, Echo: &report.Echo{CPUUsPerEcho: &cpuUs}, Tally: &ledger.Tally{Lost: lost},
	}
}

func TestTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	const idle = "| memory of an idle connection, bytes | 900 (900-900) |\n"
	before := "above\n" + tableBegin + "\nan old head\n" + idle + "\n" + tableEnd + "below\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &tableCmd{Members: 100, Only: []string{"echo"}, Markdown: file}
	parts, err := c.chosen()
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d rows, %v", len(parts), err)
	}
	peers := []peer{{name: "one"}, {name: "other"}, {name: "absent"}}
	all := []*report.Report{
		echoed("one", 8, 0), echoed("other", 20, 0), echoed("one", 6, 0), echoed("other", 120, 3), echoed("one", 7, 0), echoed("other", 21, 0),
	}
	var text bytes.Buffer
	if err := c.write(&session{std: streams{err: &text}}, parts, peers, all); err != nil {
		t.Fatal(err)
	}
	const head = "| | one | other | absent |\n|---|---|---|---|\n"
	const row = "| echo, 100 connections, us | 7.00 (6.00-8.00) | 21.0 (20.0-120), x 3.00; 3 lost |  |\n"
	if text.String() != head+row {
		t.Errorf("shown:\n%s", text.String())
	}
	got, err := os.ReadFile(file)
	if want := "above\n" + tableBegin + "\n" + head + idle + row + "\n" + tableEnd + "below\n"; err != nil || string(got) != want {
		t.Errorf("%v, written:\n%s", err, got)
	}
}

func TestTableOfNoSuchRow(t *testing.T) {
	c := &tableCmd{Members: 100, Only: []string{"ping"}}
	if _, err := c.chosen(); err == nil || !strings.Contains(err.Error(), `there is no row "ping"`) {
		t.Errorf("%v", err)
	}
}
