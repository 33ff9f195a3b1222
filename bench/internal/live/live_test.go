package live

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"starling/bench/internal/report"
)

// The seconds of a run.
var (
	connecting = report.Sample{AtS: -4, Phase: "connect", Connected: 250, Connects: 250, ClientCPU: 0.31}
	warming    = report.Sample{AtS: -1, Phase: "warm-up", Connected: 1000, Sent: 990, Delivered: 990_000, ClientCPU: 0.5}
	running    = report.Sample{
		AtS: 15, Phase: "run", Connected: 999, Failed: 2, Disconnected: 1, Sent: 1234, Delivered: 1_234_000, Faults: 3,
		Latency: &report.Latency{P50: 950, P99: 12_345, Max: 1_234_567}, ServerCPU: 0.987, ServerRSS: 123 << 20, ClientCPU: 0.5,
	}
	quiet = report.Sample{AtS: 16, Phase: "run", Connected: 999, ServerCPU: 0, ServerRSS: 123 << 20, ClientCPU: 0.01}
)

// viewOn is a view of that run on a terminal that is as wide as it is now.
func viewOn(s *terminal, rows int) *View {
	return New(s, Options{
		Title: "broadcast server", Connections: 1000, Duration: time.Minute, Warmup: 2 * time.Second,
		Size: func() (int, int, bool) { return s.columns, rows, true },
	})
}

func TestViewOnATerminal(t *testing.T) {
	s := newTerminal(t, 80)
	v := viewOn(s, 24)
	for _, step := range []struct {
		name   string
		sample report.Sample
		want   string
	}{
		{"connecting", connecting, `broadcast server   connect
██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   25% connected
connected  250/1000   connects 250/s     failed 0   disconnected 0
sent 0/s       delivered 0/s       faults 0 (0 in all)
p50 -         p99 -         max -
server CPU -      RSS -          client CPU 0.31`},
		{"warming up", warming, `broadcast server   warm-up
████████████████████░░░░░░░░░░░░░░░░░░░░   -1s of warm-up
connected 1000/1000   connects 0/s       failed 0   disconnected 0
sent 990/s     delivered 990k/s    faults 0 (0 in all)
p50 -         p99 -         max -
server CPU -      RSS -          client CPU 0.50`},
		{"running", running, `broadcast server   run
██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░      15s of 1m00s
connected  999/1000   connects 0/s       failed 2   disconnected 1
sent 1.23k/s   delivered 1.23M/s   faults 3 (3 in all)
p50 950 us    p99 12.3 ms   max 1.23 s
server CPU 0.99   RSS 123 MiB    client CPU 0.50
p99   █ of 12.3 ms`},
		{"a second without a delivery", quiet, `broadcast server   run
███████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░      16s of 1m00s
connected  999/1000   connects 0/s       failed 2   disconnected 1
sent 0/s       delivered 0/s       faults 0 (3 in all)
p50 -         p99 -         max -
server CPU 0.00   RSS 123 MiB    client CPU 0.01
p99   █  of 12.3 ms`},
	} {
		before := s.writes
		v.Sample(step.sample)
		if got := s.screen(); got != step.want {
			t.Errorf("%s:\n%s\nwant\n%s", step.name, got, step.want)
		}
		if s.writes != before+1 {
			t.Errorf("%s: %d writes for a frame", step.name, s.writes-before)
		}
	}
	v.Note("a word\n")
	if got := s.screen(); !strings.HasPrefix(got, "a word\nbroadcast server   run\n") || strings.Count(got, "\n") != 7 {
		t.Errorf("with a note:\n%s", got)
	}
	v.Close()
	if got := s.screen(); got != "a word" || s.at != 1 || s.x != 0 {
		t.Errorf("at the end %q, the cursor in row %d, column %d", got, s.at, s.x)
	}
	v.Sample(running)
	v.Close()
	v.Note("the last word")
	if got := s.screen(); got != "a word\nthe last word" {
		t.Errorf("after the end %q", got)
	}
}

func TestViewFitsEachWidth(t *testing.T) {
	for columns := 40; columns <= 200; columns++ {
		s := newTerminal(t, columns)
		v := viewOn(s, 24)
		for _, sample := range []report.Sample{connecting, warming, running, quiet, running} {
			v.Sample(sample)
			if len(s.unwieldy) > 0 {
				t.Fatalf("%d columns: %q", columns, s.unwieldy)
			}
			got := s.screen()
			if strings.Count(got, "broadcast") != 1 {
				t.Fatalf("%d columns:\n%s", columns, got)
			}
			for _, field := range []string{"connected", "connects", "failed", "disconnected", "sent", "delivered", "faults", "p50", "max", "server CPU", "RSS", "client CPU"} {
				if !strings.Contains(got, field) {
					t.Fatalf("%d columns: no %s in\n%s", columns, field, got)
				}
			}
		}
		v.Close()
		if got := s.screen(); got != "" || s.at != 0 {
			t.Fatalf("%d columns: left %q", columns, got)
		}
	}
}

func TestViewFitsEachHeight(t *testing.T) {
	for rows := 2; rows < 12; rows++ {
		s := newTerminal(t, 80)
		viewOn(s, rows).Sample(running)
		if got := strings.Count(s.screen(), "\n") + 1; got != min(rows-1, 7) {
			t.Errorf("%d rows: %d lines", rows, got)
		}
	}
}

// A terminal breaks the lines of the frame when it becomes narrower, and they are gone with the next one.
func TestViewWhileTheTerminalChanges(t *testing.T) {
	s := newTerminal(t, 120)
	v := viewOn(s, 24)
	for _, columns := range []int{120, 41, 200, 60, 80} {
		s.resize(columns)
		v.Sample(running)
		alone := newTerminal(t, columns)
		alone.drawOnly(viewOn(alone, 24).like(v), running)
		if s.screen() != alone.screen() {
			t.Errorf("%d columns:\n%s\nwant\n%s", columns, s.screen(), alone.screen())
		}
	}
}

// like gives a view another's memory.
func (v *View) like(other *View) *View {
	v.totals, v.p99 = other.totals, other.p99
	return v
}

// drawOnly draws a sample that the view remembers already.
func (s *terminal) drawOnly(v *View, sample report.Sample) {
	v.draw(v.frame(sample, s.columns, 24), s.columns)
}

func TestViewElsewhere(t *testing.T) {
	var out bytes.Buffer
	v := New(&out, Options{Title: "broadcast server", Connections: 1000, Duration: time.Minute})
	for _, s := range []report.Sample{connecting, warming, running} {
		v.Sample(s)
	}
	v.Note("a word")
	v.Close()
	v.Sample(running)
	want := `broadcast server, 1000 connections
  time phase    conns new/s sent/s recv/s   p50   p99   max bad  srv   MiB  cli
   -4s connect    250   250      0      0     -     -     -   0    -     - 0.31
   -1s warm-up  1.00k     0    990   990k     -     -     -   0    -     - 0.50
   15s run        999     0  1.23k  1.23M 950us  12ms  1.2s   6 0.99   123 0.50
a word
`
	if got := out.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestLinesHaveAHeadingNowAndThen(t *testing.T) {
	var out bytes.Buffer
	v := New(&out, Options{})
	for range 2*headEvery + 1 {
		v.Sample(running)
	}
	if n := strings.Count(out.String(), "phase"); n != 3 {
		t.Errorf("%d headings", n)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 79 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestQuiet(t *testing.T) {
	var out bytes.Buffer
	v := New(&out, Options{Quiet: true})
	v.Sample(running)
	v.Close()
	if out.Len() != 0 {
		t.Errorf("%q", out.String())
	}
}

// A pipe and a regular file are no terminals.
func TestFilesAreNoTerminals(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := New(f, Options{Title: "t"})
	v.Sample(running)
	text, err := os.ReadFile(f.Name())
	if err != nil || !strings.HasPrefix(string(text), "t, 0 connections\n") || strings.Contains(string(text), "\x1b") {
		t.Errorf("%q, %v", text, err)
	}
}

// A name is not obeyed.
func TestNamesArePrintable(t *testing.T) {
	s := newTerminal(t, 60)
	v := New(s, Options{Title: "a\x1b[2J\nb", Size: func() (int, int, bool) { return 60, 24, true }})
	v.Sample(report.Sample{AtS: 1, Phase: "ph\rase"})
	if got := s.screen(); !strings.HasPrefix(got, "a?[2J?b   ph?ase\n1s\n") {
		t.Errorf("%q", got)
	}
}

func TestProgress(t *testing.T) {
	for _, tc := range []struct {
		name    string
		opts    Options
		sample  report.Sample
		columns int
		want    string
	}{
		{"half", Options{Duration: time.Minute}, report.Sample{AtS: 30}, 40, strings.Repeat("█", 11) + strings.Repeat("░", 10) + "      30s of 1m00s"},
		{"over", Options{Duration: time.Minute}, report.Sample{AtS: 61}, 30, "███████████    1m01s of 1m00s"},
		{"too narrow for a bar", Options{Duration: time.Minute}, report.Sample{AtS: 30}, 20, "   30s of 1m00s"},
		{"nobody knows how long", Options{}, report.Sample{AtS: 30}, 40, "30s"},
		{"before, and nobody knows how many", Options{}, report.Sample{AtS: -30}, 40, "-30s"},
		{"joining", Options{Connections: 4, Warmup: time.Second}, report.Sample{AtS: -2, Phase: "join", Connected: 4}, 40, strings.Repeat("█", 22) + "   100% connected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := New(nil, tc.opts).progress(tc.sample, tc.columns); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestCurve(t *testing.T) {
	v := New(nil, Options{})
	if got := v.curve(80); got != "" {
		t.Errorf("nothing is %q", got)
	}
	for i := range 2 * minute {
		v.remember(report.Sample{Latency: &report.Latency{P99: float64(i + 1)}})
	}
	if len(v.p99) != minute || v.p99[0] != minute+1 {
		t.Errorf("%d seconds from %v", len(v.p99), v.p99[0])
	}
	v.p99 = []float64{-1, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	if got, want := v.curve(80), "p99  ▁▂▃▄▅▆▇██ of 8 us"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := v.curve(19), "p99 ▇██ of 8 us"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestClock(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0s", 0.6: "1s", 59.4: "59s", 59.6: "1m00s", 125: "2m05s", 3720: "1h02m", -4: "-4s", -65: "-1m05s",
	} {
		if got := clock(s); got != want {
			t.Errorf("%v is %q, want %q", s, got, want)
		}
	}
}
