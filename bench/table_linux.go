package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"starling/bench/internal/page"
	"starling/bench/internal/report"
)

// peer is a server of the table: its name, what it speaks, and the shell command that starts it at {addr}.
type peer struct{ name, protocol, command string }

// Run carries out the command: round by round, each part for one server after the other, so that what changes on the machine
// changes for all.
func (c *tableCmd) Run(s *session) error {
	peers, err := c.peers()
	if err != nil {
		return err
	}
	if c.Rounds < 1 || c.Members < 10 {
		return fmt.Errorf("%w: --rounds must be at least 1, and -n at least 10", errUsage)
	}
	res, err := c.output.open(s)
	if err != nil {
		return err
	}
	parts, err := c.chosen()
	if err != nil {
		return err
	}
	for round := range c.Rounds {
		for _, p := range parts {
			for _, to := range peers {
				t := c.target(to)
				if s.ctx.Err() != nil {
					return errors.Join(s.ctx.Err(), res.close(s))
				}
				if err := runPart(s, res, p, t, round+1); err != nil {
					return errors.Join(fmt.Errorf("%s, %s: %w", p.name, to.name, err), res.close(s))
				}
			}
		}
	}
	if err := c.write(s, parts, peers, res.all); err != nil {
		return err
	}
	return res.close(s)
}

// chosen are the rows that are asked for.
func (c *tableCmd) chosen() (parts []part, err error) {
	all := c.parts()
	for _, name := range c.Only {
		i := slices.IndexFunc(all, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: --only: there is no row %q", errUsage, name)
		}
		parts = append(parts, all[i])
	}
	if len(c.Only) == 0 {
		return all, nil
	}
	return parts, nil
}

// peers are the servers, of those that are asked for.
func (c *tableCmd) peers() ([]peer, error) {
	var all []peer
	for _, text := range c.Server {
		name, rest, ok := strings.Cut(text, "=")
		protocol, command, cut := strings.Cut(rest, ":")
		if !ok || !cut || name == "" || command == "" || !slices.Contains([]string{"socketio", "raw", "centrifuge"}, protocol) {
			return nil, fmt.Errorf("%w: --server must be NAME=PROTOCOL:CMD, not %q", errUsage, text)
		}
		all = append(all, peer{name, protocol, command})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: --server is missing", errUsage)
	}
	return all, nil
}

// target is what a single command would have been told for a server.
func (c *tableCmd) target(p peer) target {
	return target{
		URL: "http://" + c.Addr, Protocol: p.protocol, Transport: "websocket", Name: p.name, ServerCmd: p.command, ServerProcs: 1,
		ServerCPU: c.ServerCPU, ClientCPU: c.ClientCPU, Connections: c.Members, Concurrency: 128, Threads: 1, Procs: 1,
		Timeout: c.Timeout, Seed: 1, Repeat: 1, output: c.output,
	}
}

// parts are the rows.
func (c *tableCmd) parts() []part {
	d := c.Duration
	n := c.Members
	return []part{
		{"idle", "memory of an idle connection", "rss_per_conn", "bytes", func(s *session, t target) error {
			return (&idleCmd{target: t, Settle: 12 * time.Second}).Run(s)
		}},
		{"connect", "connection", "cpu_per_conn", "us", func(s *session, t target) error {
			return (&connectCmd{target: t, Rounds: 1}).Run(s)
		}},
		{"broadcast 1", "delivery, one broadcast in flight", "cpu_per_delivery", "us", func(s *session, t target) error {
			return (&broadcastCmd{target: t, flow: traffic(d), depth: depth{Depth: 1}}).Run(s)
		}},
		{"broadcast 16", "delivery, 16 in flight", "cpu_per_delivery", "us", func(s *session, t target) error {
			return (&broadcastCmd{target: t, flow: traffic(d), depth: depth{Depth: 16}}).Run(s)
		}},
		{"rooms", fmt.Sprintf("delivery in %d rooms of 10, 16 in flight", n/10), "cpu_per_delivery", "us", func(s *session, t target) error {
			return (&roomsCmd{
				target: t, flow: traffic(d), depth: depth{Depth: 16}, publishers: publishers{Publishers: 1}, layout: layout{n / 10, 10},
			}).Run(s)
		}},
		{"echo", "echo, 100 connections", "cpu_per_echo", "us", func(s *session, t target) error {
			t.Connections = 100
			return (&echoCmd{target: t, flow: traffic(d), depth: depth{Depth: 1}, Event: "echo"}).Run(s)
		}},
		{"broadcast rate", fmt.Sprintf("p99 of a broadcast to 1,000 at %g a second", c.BroadcastRate), "p99", "ms", func(s *session, t target) error {
			t.Connections = 1000
			return (&broadcastCmd{target: t, flow: traffic(2 * d), depth: depth{Depth: 1, Rate: c.BroadcastRate}}).Run(s)
		}},
		{"rooms rate", fmt.Sprintf("p99 in 100 rooms of 10 at %g a second", c.RoomsRate), "p99", "ms", func(s *session, t target) error {
			return (&roomsCmd{
				target: t, flow: traffic(2 * d), depth: depth{Depth: 1, Rate: c.RoomsRate}, publishers: publishers{Publishers: 4},
				layout: layout{100, 10},
			}).Run(s)
		}},
	}
}

// The table stands between these lines of a Markdown file.
const (
	tableBegin = "<!-- The table of make bench-compare begins here. -->\n"
	tableEnd   = "<!-- It ends here. -->\n"
)

// write puts the table into the file that is named, and on standard error.
func (c *tableCmd) write(s *session, parts []part, peers []peer, all []*report.Report) error {
	head, rows := tableOf(parts, peers, all)
	fmt.Fprint(s.std.err, head)
	for _, p := range parts {
		fmt.Fprint(s.std.err, rows[p.name])
	}
	if c.Markdown == "" {
		return nil
	}
	text, err := os.ReadFile(c.Markdown)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return fmt.Errorf("%w: %s has no lines between which the table belongs", errUsage, c.Markdown)
	}
	table := head
	for _, p := range c.parts() {
		if rows[p.name] == "" {
			rows[p.name] = rowIn(rest, p)
		}
		table += rows[p.name]
	}
	return os.WriteFile(c.Markdown, []byte(before+tableBegin+"\n"+table+"\n"+tableEnd+after), 0o644)
}

// rowIn finds a row in a table that was written before, "" if it is not there.
func rowIn(text string, p part) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, p.head()) {
			return line
		}
	}
	return ""
}

// in is a metric's value in the unit of the row.
func (p *part) in(m report.Metric) float64 {
	if p.unit == "ms" && m.Unit == "us" {
		return m.Value / 1000
	}
	return m.Value
}

func (p *part) head() string { return fmt.Sprintf("| %s, %s |", p.title, p.unit) }

// tableOf has a line for each part, by its name, and a column for each server: the median of the rounds, their range, and the ratio of
// the medians to the first server's.
func tableOf(parts []part, peers []peer, all []*report.Report) (head string, rows map[string]string) {
	head, rows = "| |", make(map[string]string)
	for _, p := range peers {
		head += fmt.Sprintf(" %s |", p.name)
	}
	head += "\n|---|" + strings.Repeat("---|", len(peers)) + "\n"
	for _, p := range parts {
		row, first := p.head(), 0.0
		for i, to := range peers {
			values, fault := valuesOf(p, to, all)
			row += " " + cell(values, first, fault) + " |"
			if i == 0 && len(values) > 0 {
				first = report.Median(values)
			}
		}
		rows[p.name] = row + "\n"
	}
	return head, rows
}

// cell is the median with the range, in proportion to the first server's if that is not 0, and what went wrong.
func cell(sorted []float64, first float64, fault string) string {
	if len(sorted) == 0 {
		return fault
	}
	m := report.Median(sorted)
	text := fmt.Sprintf("%s (%s-%s)", figure(m), figure(sorted[0]), figure(sorted[len(sorted)-1]))
	if first > 0 {
		text += ", x " + figure(m/first)
	}
	if fault != "" {
		text += "; " + fault
	}
	return text
}

// valuesOf are the figures of all rounds in ascending order, and what went wrong in them.
func valuesOf(p part, to peer, all []*report.Report) (values []float64, fault string) {
	for _, r := range all {
		if r.Case != p.name || r.Target != to.name {
			continue
		}
		if m, ok := r.Metric(p.metric); ok {
			values = append(values, p.in(m))
		}
		if verdict, why := page.Judge(r); verdict == page.NotPassed {
			fault = why[0]
		}
	}
	slices.Sort(values)
	return values, fault
}

// figure writes a number with three digits that count.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
