package folder

import (
	"fmt"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"starling/bench/internal/page"
	"starling/bench/internal/report"
)

// unknown stands for what was not measured.
const unknown = "–"

// markdown is the summary for people who read it in a terminal or a pull request.
func (f *Folder) markdown() []byte {
	var b strings.Builder
	b.WriteString("# bench\n\n")
	for _, l := range [][2]string{
		{"started", f.Started.UTC().Format("2006-01-02 15:04:05 UTC")}, {"machine", f.Machine.text()}, {"tool", f.Tool.text()},
	} {
		fmt.Fprintf(&b, "- %s: %s\n", l[0], escaped(l[1]))
	}
	if c := f.Tool.command(); c != "" {
		fmt.Fprintf(&b, "- command: %s\n", escaped(c))
	}
	f.verdicts(&b)
	f.traffic(&b)
	f.connections(&b)
	return []byte(b.String())
}

// escaped keeps a text within its cell and its line, and what looks like a mark from being one.
func escaped(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "&", "&amp;").Replace(text)
}

// table writes rows, the first of which is the head. The first so many columns are words.
func table(b *strings.Builder, title string, words int, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + escaped(cell) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", words) + strings.Repeat("|---:", len(row)-words) + "|\n")
		}
	}
}

// verdicts are what each result is worth, and why.
func (f *Folder) verdicts(b *strings.Builder) {
	rows := [][]string{{"Result", "Verdict", "Why", "Connected", "Lost", "Duplicated", "Reordered", "Misrouted", "Garbled", "CPU each", "RSS each"}}
	for _, r := range f.Results {
		verdict, why := page.Judge(r)
		row := []string{r.ID, verdict.String(), strings.Join(why, "; "), fmt.Sprintf("%d/%d", r.Connected, r.Connections)}
		if t := r.Tally; t != nil {
			for _, n := range []uint64{t.Lost, t.Duplicated, t.Reordered, t.Misrouted, t.Garbled} {
				row = append(row, fmt.Sprint(n))
			}
		} else {
			row = append(row, unknown, unknown, unknown, unknown, unknown)
		}
		rows = append(rows, append(row, cost(r), each(r)))
	}
	table(b, "Results", 3, rows)
}

// cost is the server's processor time for whatever the scenario counts.
func cost(r *report.Report) string {
	var us *float64
	switch {
	case r.Delivery != nil:
		us = r.CPUUsPerDelivery
	case r.Echo != nil:
		us = r.CPUUsPerEcho
	case r.Connect != nil:
		us = r.CPUUsPerConn
	case r.Storm != nil:
		us = r.CPUUsPerClient
	}
	if us == nil {
		return unknown
	}
	return page.Micros(*us)
}

func each(r *report.Report) string {
	if r.Idle == nil {
		return unknown
	}
	return fmt.Sprintf("%.0f B", r.RSSPerConn)
}

// traffic has the columns of go-websocket-benchmark: EER is the throughput for each percent of a processor.
func (f *Folder) traffic(b *strings.Builder) {
	rows := [][]string{append(append([]string{"Result", "Target", "TPS", "EER"}, times...),
		"Used", "Total", "Success", "Failed", "Conns", "Concurrency", "Payload",
		"CPU Min", "CPU Avg", "CPU Max", "MEM Min", "MEM Avg", "MEM Max")}
	for _, r := range f.Results {
		tps, ok := throughput(r)
		if !ok {
			continue
		}
		row := append([]string{r.ID, r.Target, page.Count(tps), efficiency(r, tps)}, spread(r.LatencyHDR)...)
		row = append(row, seconds(r.WallS))
		row = append(row, counts(r)...)
		row = append(row, fmt.Sprint(r.Connected), concurrency(r), fmt.Sprintf("%d B", r.SizeBytes))
		rows = append(rows, append(row, resources(r)...))
	}
	table(b, "Traffic", 2, rows)
}

// connections are the runs that connect, in the same manner.
func (f *Folder) connections(b *strings.Builder) {
	rows := [][]string{append(append([]string{"Result", "Target", "TPS", "EER"}, times...), "Used", "Total", "Success", "Failed")}
	for _, r := range f.Results {
		if r.Connect == nil {
			continue
		}
		row := append([]string{r.ID, r.Target, page.Count(r.ConnPerS), efficiency(r, r.ConnPerS)}, spread(r.HandshakeHDR)...)
		rows = append(rows, append(row, seconds(r.WallS), fmt.Sprint(r.Connections), fmt.Sprint(r.Connected), fmt.Sprint(r.Failed)))
	}
	table(b, "Connections", 2, rows)
}

func throughput(r *report.Report) (float64, bool) {
	switch {
	case r.Delivery != nil:
		return r.DeliveriesPerS, true
	case r.Echo != nil:
		return r.EchoesPerS, true
	}
	return 0, false
}

func efficiency(r *report.Report, tps float64) string {
	if r.ServerBusy == nil || *r.ServerBusy <= 0 {
		return unknown
	}
	return page.Count(tps / (*r.ServerBusy * 100))
}

var times = []string{"Min", "Avg", "Max", "TP50", "TP75", "TP90", "TP95", "TP99", "TP99.9"}

// spread reads the columns of times from a histogram.
func spread(exported []byte) []string {
	var all []string
	if h, err := hdrhistogram.Decode(exported); err == nil && h.TotalCount() > 0 {
		for _, ns := range []float64{float64(h.Min()), h.Mean(), float64(h.Max())} {
			all = append(all, page.Micros(ns/1e3))
		}
		for _, p := range []float64{50, 75, 90, 95, 99, 99.9} {
			all = append(all, page.Micros(float64(h.ValueAtPercentile(p))/1e3))
		}
		return all
	}
	for range times {
		all = append(all, unknown)
	}
	return all
}

func seconds(s float64) string { return page.Micros(s * 1e6) }

func counts(r *report.Report) []string {
	t := r.Tally
	if t == nil {
		return []string{unknown, unknown, unknown}
	}
	failed := t.Lost + t.Duplicated + t.Reordered + t.Misrouted + t.Garbled
	return []string{fmt.Sprint(t.Delivered + t.Lost), fmt.Sprint(t.Delivered), fmt.Sprint(failed)}
}

func concurrency(r *report.Report) string {
	if r.Open != nil {
		return page.Count(r.RateWanted) + "/s"
	}
	return fmt.Sprint(r.Depth)
}

// resources are the server's processor and memory over the measured seconds: least, average, greatest.
func resources(r *report.Report) []string {
	var cpu, rss stats
	for _, s := range r.Timeline {
		if s.AtS > 0 {
			cpu.add(s.ServerCPU * 100)
			rss.add(float64(s.ServerRSS))
		}
	}
	average := cpu.average()
	if r.ServerBusy != nil {
		average = *r.ServerBusy * 100
	}
	percent := func(v float64) string { return fmt.Sprintf("%.1f%%", v) }
	if cpu.max <= 0 {
		out := []string{unknown, unknown, unknown, unknown, unknown, unknown}
		if r.ServerBusy != nil {
			out[1] = percent(average)
		}
		return out
	}
	return []string{percent(cpu.min), percent(average), percent(cpu.max), page.Bytes(rss.min), page.Bytes(rss.average()), page.Bytes(rss.max)}
}

// stats are the least, the greatest and the sum of some values.
type stats struct {
	n             int
	min, max, sum float64
}

func (s *stats) add(v float64) {
	if s.n == 0 {
		s.min, s.max = v, v
	}
	s.n++
	s.min, s.max, s.sum = min(s.min, v), max(s.max, v), s.sum+v
}

func (s *stats) average() float64 { return s.sum / max(float64(s.n), 1) }
