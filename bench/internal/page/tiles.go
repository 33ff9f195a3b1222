package page

import (
	"fmt"

	"starling/bench/internal/report"
)

// tile is one key figure of a result.
type tile struct {
	Name string
	quantity
	Sub string
	Bad bool
}

// tiles are what a reader wants to know first.
func tiles(r *report.Report) []tile {
	all := []tile{{
		Name: "connected", quantity: quantity{Count(float64(r.Connected)), ""}, Sub: "of " + Count(float64(r.Connections)),
		Bad: r.Connected < r.Connections || r.Failed > 0 || r.Disconnected > 0,
	}}
	all = append(all, rates(r)...)
	all = append(all, latencyTiles(r)...)
	all = append(all, accountTiles(r)...)
	return append(all, costTiles(r)...)
}

func rates(r *report.Report) []tile {
	var all []tile
	if c := r.Connect; c != nil {
		all = append(all, tile{Name: "connections", quantity: quantity{Count(c.ConnPerS), "/s"}, Sub: ratio(r, "conn_per_s")})
	}
	if d := r.Delivery; d != nil {
		sub := Count(d.MessagesPerS) + " messages/s sent"
		if r.Open != nil {
			sub = fmt.Sprintf("%s of %s messages/s sent", axisCount(r.RateSent), axisCount(r.RateWanted))
		}
		all = append(all, tile{Name: "deliveries", quantity: quantity{Count(d.DeliveriesPerS), "/s"}, Sub: sub})
	}
	if a := r.API; a != nil {
		one := tile{Name: "accepted by the API", quantity: quantity{Count(a.AcceptedPerS), "/s"}, Sub: Count(float64(a.Accepted)) + " in all"}
		if a.Faults+a.Unanswered > 0 {
			one.Bad, one.Sub = true, fmt.Sprintf("faults %s, unanswered %s", Count(float64(a.Faults)), Count(float64(a.Unanswered)))
		}
		all = append(all, one)
	}
	if e := r.Echo; e != nil {
		all = append(all, tile{Name: "echoes", quantity: quantity{Count(e.EchoesPerS), "/s"}, Sub: Count(float64(e.Echoes)) + " in all"})
	}
	if f := r.FindMax; f != nil {
		all = append(all, tile{Name: "highest rate", quantity: quantity{Count(f.MaxRate), "/s"}, Sub: "p99 within " + Micros(f.P99LimitUs), Bad: f.MaxRate == 0})
	}
	if c := r.Churn; c != nil {
		all = append(all, tile{Name: "left and came again", quantity: quantity{Count(c.ChurnedPerS), "/s"}, Sub: Count(float64(c.Churned)) + " in all"})
	}
	if s := r.Slow; s != nil {
		all = append(all, tile{
			Name: "slow members", quantity: quantity{Count(float64(s.SlowMembers)), ""}, Sub: Count(float64(s.SlowCut)) + " ended by the server",
		})
	}
	if s := r.Storm; s != nil {
		all = append(all,
			tile{Name: "all back after", quantity: in(timeScales, s.CutToLastS*1e6), Sub: s.Cut},
			tile{
				Name: "back", quantity: quantity{Count(float64(s.Back)), ""}, Sub: "of " + Count(float64(r.Connections)),
				Bad: s.Back != r.Connections,
			})
	}
	return all
}

func latencyTiles(r *report.Report) []tile {
	var all []tile
	add := func(name string, us float64, sub string) {
		all = append(all, tile{Name: name, quantity: in(timeScales, us), Sub: sub})
	}
	if l := r.Latency; l != nil {
		add("latency p50", l.P50, ratio(r, "latency_us_p50"))
		add("latency p99", l.P99, ratio(r, "latency_us_p99"))
		add("latency p99.9", l.P999, "")
		add("latency max", l.Max, "")
	}
	if a := r.API; a != nil {
		add("API reply p50", a.ReplyP50, "")
		add("API reply p99", a.ReplyP99, "")
	}
	if c := r.Connect; c != nil {
		add("handshake p50", c.HandshakeP50, ratio(r, "handshake_us_p50"))
		add("handshake p99", c.HandshakeP99, "")
		add("handshake p99.9", c.HandshakeP999, "")
		add("handshake max", c.HandshakeMax, "")
	}
	if s := r.Storm; s != nil {
		add("reconnect p50", s.Reconnect.P50*1e3, "of one client")
		add("reconnect p99", s.Reconnect.P99*1e3, "")
		add("reconnect max", s.Reconnect.Max*1e3, "")
	}
	return all
}

func accountTiles(r *report.Report) []tile {
	var all []tile
	if t := r.Tally; t != nil {
		one := tile{
			Name: "lost · twice · disordered", Sub: "of " + Count(float64(t.Delivered+t.Lost)), Bad: !r.Clean(),
			quantity: quantity{Value: fmt.Sprintf("%s · %s · %s", Count(float64(t.Lost)), Count(float64(t.Duplicated)), Count(float64(t.Reordered)))},
		}
		if t.Misrouted+t.Garbled > 0 {
			one.Sub = fmt.Sprintf("misrouted %s, garbled %s", Count(float64(t.Misrouted)), Count(float64(t.Garbled)))
		}
		all = append(all, one)
	}
	if o := r.Open; o != nil {
		all = append(all,
			tile{Name: "late deliveries", quantity: quantity{Count(float64(o.Late)), ""}, Sub: "over " + Micros(o.LateUs)},
			tile{Name: "generator lag p99", quantity: in(timeScales, o.LagP99), Sub: "the client's own fault"})
	}
	return all
}

func costTiles(r *report.Report) []tile {
	var all []tile
	cpu := func(name string, us *float64, sub string) {
		if us != nil {
			all = append(all, tile{Name: "server CPU " + name, quantity: in(timeScales, *us), Sub: sub})
		}
	}
	if d := r.Delivery; d != nil {
		cpu("per delivery", d.CPUUsPerDelivery, ratio(r, "cpu_us_per_delivery"))
	}
	if e := r.Echo; e != nil {
		cpu("per echo", e.CPUUsPerEcho, ratio(r, "cpu_us_per_echo"))
	}
	if c := r.Connect; c != nil {
		cpu("per connection", c.CPUUsPerConn, ratio(r, "cpu_us_per_conn"))
	}
	if s := r.Storm; s != nil {
		cpu("per client", s.CPUUsPerClient, "")
	}
	if i := r.Idle; i != nil {
		cpu("per idle connection and s", i.HoldCPUUs, "")
		all = append(all, tile{Name: "RSS per connection", quantity: bytesEach(i.RSSPerConn), Sub: "of " + Bytes(float64(i.RSS))})
	} else if most := peakRSS(r); most > 0 {
		all = append(all, tile{Name: "server RSS, peak", quantity: in(byteScales, float64(most))})
	}
	if t := r.Trend; t != nil {
		q := in(byteScales, t.RSSSlope)
		q.Unit += "/h"
		all = append(all, tile{Name: "RSS grows by", quantity: q, Sub: Bytes(float64(t.RSSFrom)) + " to " + Bytes(float64(t.RSSTo))})
	}
	if r.ServerBusy != nil {
		all = append(all, tile{Name: "processors in use", quantity: quantity{Cores(*r.ServerBusy), ""}, Sub: "client " + Cores(r.ClientBusy)})
	}
	return all
}

// ratio says how a number stands to that of the raw server.
func ratio(r *report.Report, key string) string {
	if v, ok := r.Ratio[key]; ok {
		return Count(v) + " × the limit"
	}
	return ""
}

func peakRSS(r *report.Report) int64 {
	var most int64
	if r.Slow != nil {
		most = r.RSSPeak
	}
	for _, s := range r.Timeline {
		most = max(most, s.ServerRSS)
	}
	return most
}
