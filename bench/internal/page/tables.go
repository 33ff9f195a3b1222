package page

import (
	"strconv"

	"starling/bench/internal/report"
)

// table is a list of details.
type table struct {
	Title string
	Head  []string
	Text  int // how many of the columns, from the left, are words
	Rows  [][]string
	Open  bool // not folded away
}

func phases(r *report.Report) table {
	t := table{Title: "Phases", Head: []string{"phase", "what came of it", "from", "to", "messages/s wanted", "delivered", "p50", "p99", "max"}, Text: 2}
	for _, p := range r.Phases {
		line := []string{p.Name, p.Note, Count(p.FromS) + "\u00a0s", Count(p.ToS) + "\u00a0s", Count(p.Rate), Count(float64(p.Delivered)), "–", "–", "–"}
		if l := p.Latency; l != nil {
			line[6], line[7], line[8] = Micros(l.P50), Micros(l.P99), Micros(l.Max)
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// failures are all counts by reason.
func failures(r *report.Report) table {
	t := table{Title: "Failures by reason", Head: []string{"what", "reason", "times"}, Text: 2, Open: true}
	add := func(what string, reasons map[string]int) {
		for _, reason := range byCount(reasons) {
			t.Rows = append(t.Rows, []string{what, reason, Count(float64(reasons[reason]))})
		}
	}
	add("connection", r.Failures)
	if s := r.Storm; s != nil {
		add("error on the way back", s.Errors)
		add("retry", s.Retries)
	}
	return t
}

// setting is how the result came about.
func setting(r *report.Report) table {
	t := table{Title: "How it was run", Head: []string{"setting", "value"}, Text: 2}
	add := func(name, value string) {
		if value != "" && value != "0" {
			t.Rows = append(t.Rows, []string{name, value})
		}
	}
	add("server", r.Target)
	add("URL", r.URL)
	add("protocol", r.Protocol)
	add("transport", r.Transport)
	if a := r.API; a != nil {
		add("control API", a.Mode)
		add("connections to it", Count(float64(a.Connections)))
		add("replies by which fewer were meant than the room has members", Count(float64(a.Short)))
	}
	add("round", strconv.Itoa(r.Round))
	add("connections wanted", Count(float64(r.Connections)))
	add("event loops of the client", Count(float64(r.Threads)))
	add("processes of the client", Count(float64(r.Procs)))
	add("messages in flight", Count(float64(r.Depth)))
	add("bytes of payload", Count(float64(r.SizeBytes)))
	add("seed", strconv.FormatUint(r.Seed, 10))
	add("warm-up, s", Count(r.WarmupS))
	add("measured, s", Count(r.WallS))
	add("packets the kernel dropped", Count(float64(r.KernelDrops)))
	return t
}

// steps are the rates that a search has tried, in its order.
func steps(r *report.Report) table {
	t := table{Title: "Rates that were tried", Head: []string{"", "messages/s", "p99", "generator lag p99", "lost", "dropped", "server busy"}, Text: 1}
	if r.FindMax == nil {
		return t
	}
	for _, s := range r.Steps {
		line := []string{"not passed", Count(s.Rate), Micros(s.P99), Micros(s.LagP99), Count(float64(s.Lost)), Count(float64(s.Dropped)), cores(s.ServerBusy)}
		if s.OK {
			line[0] = "passed"
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// rounds are those of connecting.
func rounds(r *report.Report) table {
	t := table{Title: "Rounds", Head: []string{"connected", "connections/s", "server CPU for each, µs"}}
	if r.Connect == nil {
		return t
	}
	for _, round := range r.Rounds {
		t.Rows = append(t.Rows, []string{Count(float64(round.Connected)), Count(round.ConnPerS), known(round.CPUUsPerConn)})
	}
	return t
}

// memory is what the server gave back.
func memory(r *report.Report) table {
	t := table{Title: "Memory of the server", Head: []string{"when", "RSS", "of it anonymous"}, Text: 1}
	i := r.Idle
	if i == nil {
		return t
	}
	add := func(when string, rss, anon int64) {
		t.Rows = append(t.Rows, []string{when, Bytes(float64(rss)), Bytes(float64(anon))})
	}
	add("before", i.RSSBefore, i.RSSAnonBefore)
	add("all connected", i.RSS, i.RSSAnon)
	for _, a := range i.After {
		add(Count(a.S)+"\u00a0s after they have left", a.RSS, a.RSSAnon)
	}
	return t
}

func known(v *float64) string {
	if v == nil {
		return "–"
	}
	return Count(*v)
}

func cores(v *float64) string {
	if v == nil {
		return "–"
	}
	return Cores(*v)
}
