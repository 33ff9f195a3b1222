package live

import (
	"fmt"

	"starling/bench/internal/expect/quantity"
	"starling/bench/internal/report"
)

// headEvery is how many lines go below one heading, about a page.
const headEvery = 20

// lineFormat has 79 columns as long as each number keeps to its own; a phase is cut to its.
const lineFormat = "%6s %-8.8s %5s %5s %6s %6s %5s %5s %5s %3s %4s %5s %4s\n"

// writeLine writes a second as a line, and now and then what its columns are.
func (v *View) writeLine(s report.Sample) {
	text := ""
	if v.lines%headEvery == 0 {
		text = v.head()
	}
	v.lines++
	v.write(text + line(s))
}

func (v *View) head() string {
	title := ""
	if v.lines == 0 && v.opts.Title != "" {
		title = fmt.Sprintf("%s, %d connections\n", v.opts.Title, v.opts.Connections)
	}
	return title + fmt.Sprintf(lineFormat, "time", "phase", "conns", "new/s", "sent/s", "recv/s", "p50", "p99", "max", "bad", "srv", "MiB", "cli")
}

// line is one second: everything that went wrong in it is one number, and the processors are those of the server and the client.
func line(s report.Sample) string {
	p50, p99, most := "-", "-", "-"
	if l := s.Latency; l != nil {
		p50, p99, most = quantity.FormatTimeShort(l.P50), quantity.FormatTimeShort(l.P99), quantity.FormatTimeShort(l.Max)
	}
	server, rss := "-", "-"
	if s.ServerRSS > 0 {
		server, rss = processors(s.ServerCPU), fmt.Sprintf("%.0f", float64(s.ServerRSS)/(1<<20))
	}
	bad := s.Faults + uint64(s.Failed) + uint64(s.Disconnected)
	return fmt.Sprintf(lineFormat, clock(s.AtS), s.Phase, count(s.Connected), count(s.Connects), count(s.Sent), count(s.Delivered),
		p50, p99, most, count(bad), server, rss, processors(s.ClientCPU))
}

func count[N int | uint64](n N) string { return quantity.FormatCount(float64(n)) }
