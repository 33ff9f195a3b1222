package report

// The marks at which a processor counts as full. A client this busy delays what it measures; a server this busy was what held
// the run back, however busy the client was as well.
const (
	clientBusyMax = 0.85
	serverBusyMin = 0.90
)

// SetUsage enters the processor time of the measured part, and declares the numbers invalid if the client was the one that was full.
// loops is how many event loops the client has; serverS is nil if the server's process is not known.
func (r *Report) SetUsage(wallS float64, serverS *float64, clientS float64, loops int) {
	r.WallS, r.ClientCPUS = round(wallS), round(clientS)
	r.ClientBusy = Rate(clientS/float64(loops), wallS)
	if serverS != nil {
		s, busy := round(*serverS), Rate(*serverS, wallS)
		r.ServerCPUS, r.ServerBusy = &s, &busy
	}
	r.Invalid = ""
	if r.ClientBusy >= clientBusyMax && (r.ServerBusy == nil || *r.ServerBusy < serverBusyMin) {
		r.Invalid = "the client was the bottleneck: rates and latencies are its own (the CPU cost stands); use more --procs and --client-cpu"
	}
}

// value is one number that can be compared with the limit's.
type value struct {
	key string
	v   *float64
}

func (r *Report) values() []value {
	var all []value
	if c := r.Connect; c != nil {
		all = append(all, value{"conn_per_s", &c.ConnPerS}, value{"cpu_us_per_conn", c.CPUUsPerConn}, value{"handshake_us_p50", &c.HandshakeP50})
	}
	if i := r.Idle; i != nil {
		all = append(all, value{"rss_bytes_per_conn", &i.RSSPerConn}, value{"rss_anon_bytes_per_conn", &i.RSSAnonPerConn})
	}
	if d := r.Delivery; d != nil {
		all = append(all, value{"deliveries_per_s", &d.DeliveriesPerS}, value{"cpu_us_per_delivery", d.CPUUsPerDelivery})
	}
	if e := r.Echo; e != nil {
		all = append(all, value{"echoes_per_s", &e.EchoesPerS}, value{"cpu_us_per_echo", e.CPUUsPerEcho})
	}
	if l := r.Latency; l != nil {
		all = append(all, value{"latency_us_p50", &l.P50}, value{"latency_us_p99", &l.P99})
	}
	return all
}

// SetRatio enters each of the report's numbers divided by the limit's. Both are of one scenario.
func (r *Report) SetRatio(limit *Report) {
	r.Ratio = make(map[string]float64)
	theirs := limit.values()
	for i, mine := range r.values() {
		if i < len(theirs) && mine.v != nil && theirs[i].v != nil && *theirs[i].v != 0 {
			r.Ratio[mine.key] = round(*mine.v / *theirs[i].v)
		}
	}
}
