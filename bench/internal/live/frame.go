package live

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"starling/bench/internal/expect/quantity"
	"starling/bench/internal/report"
)

// frame is the view of one second: lines shorter than the terminal is wide, and fewer than it is high.
func (v *View) frame(s report.Sample, columns, rows int) []string {
	lines := []string{fit(v.heading(s), columns), fit(v.progress(s, columns), columns)}
	for _, group := range [][]string{v.connections(s), v.traffic(s), latency(s), usage(s)} {
		lines = append(lines, flow(group, columns)...)
	}
	lines = append(lines, fit(v.curve(columns), columns))
	return lines[:min(len(lines), rows-1)]
}

func (v *View) heading(s report.Sample) string {
	if v.opts.Title == "" {
		return s.Phase
	}
	return v.opts.Title + gap + s.Phase
}

// progress is a bar of the time, or while the clients connect of their number.
func (v *View) progress(s report.Sample, columns int) string {
	share, text := v.share(s)
	if share < 0 {
		return text
	}
	width := min(columns-utf8.RuneCountInString(text)-len(gap)-1, barColumnsMax)
	if width < barColumnsMin {
		return text
	}
	full := int(math.Round(share * float64(width)))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full) + gap + text
}

// The bar is left out where it would say nothing.
const (
	barColumnsMin = 8
	barColumnsMax = 40
)

// share is how much of the phase is over, from 0 to 1; negative if nobody knows.
func (v *View) share(s report.Sample) (share float64, text string) {
	total := v.opts.Duration.Seconds()
	switch {
	case s.AtS >= 0 && total > 0:
		share, text = s.AtS/total, fmt.Sprintf("%6s of %s", clock(s.AtS), clock(total))
	case s.AtS >= 0:
		return -1, clock(s.AtS)
	case s.Phase == "warm-up" && v.opts.Warmup > 0:
		share, text = 1+s.AtS/v.opts.Warmup.Seconds(), clock(s.AtS)+" of warm-up"
	case v.opts.Connections > 0:
		share = float64(s.Connected) / float64(v.opts.Connections)
		text = fmt.Sprintf("%.0f%% connected", 100*share)
	default:
		return -1, clock(s.AtS)
	}
	return min(max(share, 0), 1), text
}

// The fields' numbers are padded, so that what stands beside them stays where it is.

func (v *View) connections(s report.Sample) []string {
	wanted := strconv.Itoa(v.opts.Connections)
	return []string{
		fmt.Sprintf("connected %*d/%s", len(wanted), s.Connected, wanted),
		fmt.Sprintf("connects %-7s", rate(s.Connects)),
		fmt.Sprintf("failed %d", v.totals.failed),
		fmt.Sprintf("disconnected %d", v.totals.disconnected),
	}
}

func (v *View) traffic(s report.Sample) []string {
	return []string{
		fmt.Sprintf("sent %-7s", rate(s.Sent)),
		fmt.Sprintf("delivered %-7s", rate(s.Delivered)),
		fmt.Sprintf("faults %d (%d in all)", s.Faults, v.totals.faults),
	}
}

func rate[N int | uint64](n N) string { return quantity.FormatCount(float64(n)) + "/s" }

func latency(s report.Sample) []string {
	p50, p99, most := "-", "-", "-"
	if l := s.Latency; l != nil {
		p50, p99, most = quantity.FormatTime(l.P50), quantity.FormatTime(l.P99), quantity.FormatTime(l.Max)
	}
	return []string{fmt.Sprintf("p50 %-7s", p50), fmt.Sprintf("p99 %-7s", p99), fmt.Sprintf("max %-7s", most)}
}

func usage(s report.Sample) []string {
	server, rss := "-", "-"
	if s.ServerRSS > 0 { // a process that is known has memory, whether it had work or not
		server, rss = processors(s.ServerCPU), quantity.FormatBytes(float64(s.ServerRSS))
	}
	return []string{fmt.Sprintf("server CPU %-4s", server), fmt.Sprintf("RSS %-8s", rss), "client CPU " + processors(s.ClientCPU)}
}

func processors(n float64) string { return fmt.Sprintf("%.2f", n) }

// curve is p99 over the last minute, as far as it fits: a column for each second, in eighths of the highest.
func (v *View) curve(columns int) string {
	const name = "p99 "
	shown := v.p99[max(0, len(v.p99)-max(columns-len(name)-curveNoteColumns, 1)):]
	most := 0.0
	for _, us := range shown {
		most = max(most, us)
	}
	if most == 0 {
		return ""
	}
	return name + spark(shown, most) + " of " + quantity.FormatTime(most)
}

// curveNoteColumns is what the note behind a curve takes.
const curveNoteColumns = len(" of 1.23 ms") + 1

var eighths = []rune("▁▂▃▄▅▆▇█")

// spark draws a curve; a second without a delivery is a gap in it.
func spark(values []float64, most float64) string {
	var out strings.Builder
	for _, v := range values {
		if v < 0 {
			out.WriteRune(' ')
			continue
		}
		at := int(v / most * float64(len(eighths)))
		out.WriteRune(eighths[min(at, len(eighths)-1)])
	}
	return out.String()
}
