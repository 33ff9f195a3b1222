package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteText writes the report as one line for people.
func (r *Report) WriteText(w io.Writer) error {
	parts := []string{fmt.Sprintf("%s %s: %d/%d connected", r.Target, r.Scenario, r.Connected, r.Connections)}
	parts = append(parts, r.results()...)
	parts = append(parts, r.usage(), r.accounts(), r.ratio(), r.remarks())
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	_, err := fmt.Fprintln(w, strings.Join(parts, "; "))
	return err
}

func (r *Report) results() []string {
	var out []string
	if c := r.Connect; c != nil {
		out = append(out, fmt.Sprintf("%.0f conn/s, server %s us/conn, handshake us p50 %.0f p99 %.0f p99.9 %.0f max %.0f",
			c.ConnPerS, number(c.CPUUsPerConn), c.HandshakeP50, c.HandshakeP99, c.HandshakeP999, c.HandshakeMax))
	}
	if i := r.Idle; i != nil {
		out = append(out, i.text())
	}
	if d := r.Delivery; d != nil {
		out = append(out, fmt.Sprintf("%d rooms x %d, %s, %d messages, %.0f deliveries/s, server %s us/delivery",
			d.Rooms, d.Members, r.pace(), d.Messages, d.DeliveriesPerS, number(d.CPUUsPerDelivery)))
	}
	if e := r.Echo; e != nil {
		out = append(out, fmt.Sprintf("%s, %d echoes, %.0f echoes/s, server %s us/echo", r.pace(), e.Echoes, e.EchoesPerS, number(e.CPUUsPerEcho)))
	}
	if c := r.Churn; c != nil {
		out = append(out, c.text())
	}
	if s := r.Slow; s != nil {
		out = append(out, fmt.Sprintf("%d members did not read, %d of them disconnected, RSS at most %s", s.SlowMembers, s.SlowCut, mib(s.RSSPeak)))
	}
	if f := r.FindMax; f != nil {
		out = append(out, fmt.Sprintf("at most %.1f messages/s with p99 under %.1f ms, in %d steps; at that rate", f.MaxRate, f.P99LimitUs/1e3, len(f.Steps)))
	}
	if s := r.Storm; s != nil {
		out = append(out, s.text())
	}
	if l := r.Latency; l != nil {
		out = append(out, fmt.Sprintf("latency us p50 %.0f p99 %.0f p99.9 %.0f max %.0f", l.P50, l.P99, l.P999, l.Max))
	}
	if a := r.API; a != nil {
		out = append(out, a.text())
	}
	for _, p := range r.Phases {
		out = append(out, p.text())
	}
	if t := r.Trend; t != nil {
		out = append(out, fmt.Sprintf("RSS %s -> %s, %+.2f MiB an hour", mib(t.RSSFrom), mib(t.RSSTo), t.RSSSlope/(1<<20)))
	}
	return out
}

// pace is how it was said when to send.
func (r *Report) pace() string {
	o := r.Open
	if o == nil {
		return fmt.Sprintf("depth %d", r.Depth)
	}
	s := fmt.Sprintf("%.1f of %.1f messages/s sent, %.1f ms late (p99)", o.RateSent, o.RateWanted, o.LagP99/1e3)
	if o.Late > 0 {
		s += fmt.Sprintf(", %d deliveries took more than %.0f ms", o.Late, o.LateUs/1e3)
	}
	if o.Unsent > 0 {
		s += fmt.Sprintf(", %d not sent for want of a connection", o.Unsent)
	}
	if o.Dropped > 0 {
		s += fmt.Sprintf(", %d connections lost and made anew", o.Dropped)
	}
	return s
}

func (c *Churn) text() string {
	s := fmt.Sprintf("%d members came and went, %.1f/s, %d of them by another connection", c.Churned, c.ChurnedPerS, c.Reconnected)
	if c.UpgradedMeanwhile > 0 {
		s += fmt.Sprintf(", %d in their rooms when they went over to WebSocket, having got %d messages by polling", c.UpgradedMeanwhile, c.PolledMeanwhile)
	}
	return s
}

func (p *Phase) text() string {
	s := fmt.Sprintf("%s %.0f-%.0f s: ", p.Name, p.FromS, p.ToS)
	if p.Latency == nil {
		s += "nothing delivered"
	} else {
		s += fmt.Sprintf("p50 %.0f p99 %.0f max %.0f", p.Latency.P50, p.Latency.P99, p.Latency.Max)
	}
	if p.ToQuiet != nil {
		s += fmt.Sprintf(", p99 %.2f times the quiet one", *p.ToQuiet)
	}
	if p.Note != "" {
		s += " (" + p.Note + ")"
	}
	return s
}

func (i *Idle) text() string {
	s := fmt.Sprintf("RSS %.0f bytes/conn (%.0f anonymous), %s -> %s", i.RSSPerConn, i.RSSAnonPerConn, mib(i.RSSBefore), mib(i.RSS))
	for _, a := range i.After {
		s += fmt.Sprintf(", +%.0fs %s", a.S, mib(a.RSS))
	}
	return s
}

func (r *Report) usage() string {
	return fmt.Sprintf("%.2f s, CPU server %s s client %.2f s", r.WallS, number(r.ServerCPUS), r.ClientCPUS)
}

func (r *Report) accounts() string {
	if r.Tally == nil {
		return ""
	}
	return fmt.Sprintf("lost %d duplicated %d reordered %d misrouted %d garbled %d",
		r.Lost, r.Duplicated, r.Reordered, r.Misrouted, r.Garbled)
}

func (r *Report) ratio() string {
	if len(r.Ratio) == 0 {
		return ""
	}
	parts := make([]string, 0, len(r.Ratio))
	for _, key := range slices.Sorted(maps.Keys(r.Ratio)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", key, r.Ratio[key]))
	}
	return "times the limit: " + strings.Join(parts, " ")
}

func (r *Report) remarks() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(r.Failures)) {
		parts = append(parts, fmt.Sprintf("%d x %s", r.Failures[reason], reason))
	}
	if r.KernelDrops > 0 {
		parts = append(parts, fmt.Sprintf("the kernel dropped %d packets: raise net.core.netdev_max_backlog", r.KernelDrops))
	}
	if r.Error != "" {
		parts = append(parts, "ERROR: "+r.Error)
	}
	if r.Stalled != "" {
		parts = append(parts, "STALLED: "+r.Stalled)
	}
	if r.Invalid != "" {
		parts = append(parts, "INVALID: "+r.Invalid)
	}
	for _, why := range r.Unmet {
		parts = append(parts, "NOT AS ASSERTED: "+why)
	}
	if r.Interrupted {
		parts = append(parts, "interrupted")
	}
	return strings.Join(parts, "; ")
}

func number(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprintf("%.2f", *v)
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
