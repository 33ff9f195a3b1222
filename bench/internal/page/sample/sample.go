// Package sample makes up results as a run would have them, for tests of what is written of them. The same seed makes the same.
package sample

import (
	"math"
	"math/rand/v2"
	"time"

	"starling/bench/internal/ledger"
	"starling/bench/internal/report"
)

// maker draws what is random in a result.
type maker struct{ *rand.Rand }

func newMaker(seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 5))} }

// spec is what a made-up server is like.
type spec struct {
	median   time.Duration
	cpu      float64 // microseconds a delivery
	rss      int64   // when nobody is connected
	each     float64 // bytes a connection
	stall    bool    // half-way it stands still for 200 ms
	timeline int     // seconds
}

var servers = map[string]spec{
	"limit":          {180 * time.Microsecond, 6.4, 4 << 20, 260, false, 20},
	"starling":       {210 * time.Microsecond, 6.6, 16 << 20, 1040, false, 20},
	"socketio-node":  {1900 * time.Microsecond, 15.2, 62 << 20, 11900, true, 20},
	"gorilla":        {420 * time.Microsecond, 9.1, 14 << 20, 9600, false, 20},
	"server-of-long": {500 * time.Microsecond, 8.2, 12 << 20, 4000, false, 20},
}

func (m maker) about(v, spread float64) float64 { return v * math.Exp(m.NormFloat64()*spread) }

// latency is one that a server with this median may have: seldom much more.
func (m maker) latency(median time.Duration) int64 {
	v := m.about(float64(median), 0.35)
	if m.IntN(200) == 0 {
		v *= 2 + 6*m.Float64()
	}
	return int64(v)
}

// export is a histogram as a report carries it.
func export(l *ledger.Latency) []byte {
	b, err := l.Export()
	if err != nil {
		panic(err) // a histogram of our own
	}
	return b
}

// Broadcast is a run with a timetable: the clients come, a warm-up, and three phases.
func Broadcast(target string, round int, seed uint64) *report.Report {
	m, s := newMaker(seed), servers[target]
	r := base("broadcast", target, round, seed, 2000)
	rate := 25.0
	r.Open = &report.Open{
		RateWanted: rate, RateSent: rate - 0.02, LagP50: 18, LagP99: m.about(240, 0.2), LagMax: 1900, SentP50: 0, SentP99: 0, LateUs: 100e3,
	}
	whole := ledger.NewLatency()
	total := 0
	for at := -4; at <= s.timeline; at++ {
		total = m.second(r, s, at, rate, total, whole)
	}
	deliveries := float64(r.Tally.Delivered)
	wall := float64(s.timeline)
	cpu := deliveries * m.about(s.cpu, 0.03) / 1e6
	r.Latency, r.LatencyHDR = report.LatencyOf(whole), export(whole)
	r.SentP50, r.SentP99 = r.P50-20, r.P99-200
	r.SetUsage(wall, &cpu, 0.31*wall, 1)
	r.Delivery = &report.Delivery{
		Rooms: 1, Members: 2000, Messages: uint64(deliveries / 2000), MessagesPerS: deliveries / 2000 / wall, DeliveriesPerS: report.Rate(deliveries, wall),
		CPUUsPerDelivery: report.Per(&cpu, deliveries, 1e6),
	}
	third := wall / 3
	for i, name := range []string{"quiet", "attack: half-open clients", "after"} {
		r.Phases = append(r.Phases, report.Phase{
			Name: name, FromS: math.Round(third * float64(i)), ToS: math.Round(third * float64(i+1)), Rate: rate,
			Delivered: uint64(deliveries / 3), Latency: report.LatencyOf(whole), Note: []string{"", "500 of 500 were closed", ""}[i],
		})
	}
	return r
}

func base(scenario, target string, round int, seed uint64, n int) *report.Report {
	return &report.Report{
		Schema: report.Schema, Scenario: scenario, Target: target, Round: round, Protocol: "socketio", URL: "http://127.0.0.1:18080/socket.io/",
		Threads: 1, Procs: 1, Connections: n, Connected: n, Failures: map[string]int{}, SizeBytes: 64, Transport: "websocket",
		Seed: seed, WarmupS: 2, Tally: &ledger.Tally{},
	}
}

// second adds one second to a run's timeline, and says how many are connected.
func (m maker) second(r *report.Report, s spec, at int, rate float64, connected int, whole *ledger.Latency) int {
	sample := report.Sample{AtS: float64(at), Phase: "run", ClientCPU: m.about(0.3, 0.05)}
	switch {
	case at <= -2:
		sample.Phase = "connect"
		sample.Connects = min(r.Connections-connected, int(m.about(900, 0.1)))
	case at <= 0:
		sample.Phase = "warm-up"
		sample.Connects = r.Connections - connected
	case at <= 7:
		sample.Phase = "quiet"
	case at <= 13:
		sample.Phase = "attack: half-open clients"
	default:
		sample.Phase = "after"
	}
	connected += sample.Connects
	sample.Connected = connected
	sample.ServerRSS = s.rss + int64(s.each*float64(connected)) + int64(m.IntN(200<<10))
	sample.ServerCPU = float64(sample.Connects) * 35e-6
	if at > -2 {
		m.deliver(r, s, &sample, rate, whole)
	}
	r.Timeline = append(r.Timeline, sample)
	return connected
}

func (m maker) deliver(r *report.Report, s spec, sample *report.Sample, rate float64, whole *ledger.Latency) {
	one := ledger.NewLatency()
	stalled := s.stall && sample.AtS == 11
	sample.Sent = uint64(rate)
	for range 1000 {
		ns := m.latency(s.median)
		if stalled && m.IntN(5) == 0 {
			ns += int64(m.Float64() * 2e8)
		}
		one.Record(ns)
		if sample.AtS > 0 {
			whole.Record(ns)
		}
	}
	sample.Delivered = uint64(rate * float64(sample.Connected))
	if stalled {
		sample.Delivered = sample.Delivered * 8 / 10
	}
	sample.Latency = report.LatencyOf(one)
	sample.ServerCPU += float64(sample.Delivered) * m.about(s.cpu, 0.04) / 1e6
	if sample.AtS > 0 {
		r.Delivered += sample.Delivered
	}
}

// Connect is a run that only connects, without a timeline worth the name.
func Connect(target string, seed uint64) *report.Report {
	m := newMaker(seed)
	r := base("connect", target, 0, seed, 10000)
	r.Tally = nil
	l := ledger.NewLatency()
	for range 10000 {
		l.Record(m.latency(7 * time.Millisecond))
	}
	cpu := m.about(0.33, 0.1)
	if target == "limit" {
		cpu = 0.23
	}
	r.SetUsage(0.61, &cpu, 0.4, 1)
	r.Connect = &report.Connect{ConnPerS: 16393.4426, CPUUsPerConn: report.Per(&cpu, 10000, 1e6), Rounds: []report.Round{
		{Connected: 5000, ConnPerS: 15100.25}, {Connected: 5000, ConnPerS: 17001.5, CPUUsPerConn: &cpu},
	}}
	r.SetHandshake(l)
	r.HandshakeHDR = export(l)
	return r
}

// Idle is a run whose memory is what counts.
func Idle(target string, seed uint64) *report.Report {
	s := servers[target]
	r := base("idle", target, 0, seed, 15000)
	r.Tally = nil
	m := newMaker(seed)
	cpu, hold := 0.02, 0.11
	r.SetUsage(15, &cpu, 0.1, 1)
	rss := s.rss + int64(s.each*15000)
	r.Idle = &report.Idle{
		RSSBefore: s.rss, RSSAnonBefore: s.rss / 2, RSS: rss, RSSAnon: rss - s.rss/2, RSSPerConn: s.each, RSSAnonPerConn: s.each - 4,
		HoldCPUUs: &hold, After: []report.After{{S: 1, RSS: rss - 1<<20, RSSAnon: rss - 2<<20}, {S: 60, RSS: s.rss + 800<<10, RSSAnon: s.rss / 2}},
	}
	connected := 0
	for at := -3; at <= 15; at++ {
		now := min(5200, 15000-connected)
		connected += now
		r.Timeline = append(r.Timeline, report.Sample{
			AtS: float64(at), Phase: map[bool]string{true: "connect", false: "run"}[at <= 0], Connected: connected, Connects: now,
			ServerCPU: float64(now)*33e-6 + 0.001, ServerRSS: s.rss + int64(s.each*float64(connected)) + int64(m.IntN(100<<10)), ClientCPU: float64(now) * 40e-6,
		})
	}
	return r
}

// Faulty is a closed run in which all went wrong that can, with a client that was too slow besides.
func Faulty(seed uint64) *report.Report {
	m := newMaker(seed)
	r := base("echo", "gorilla", 0, seed, 1000)
	r.Depth, r.Connected, r.Failed, r.Disconnected = 4, 988, 12, 3
	r.Fail("connect: ECONNREFUSED", 9)
	r.Fail("upgrade: status 503", 3)
	r.Fail("closed by the server", 3)
	l := ledger.NewLatency()
	total := 988
	for at := 1; at <= 12; at++ {
		s := report.Sample{AtS: float64(at), Phase: "run", Connected: total, ServerCPU: 0.5, ClientCPU: 0.98, ServerRSS: 30 << 20}
		if at == 6 {
			s.Disconnected, s.Faults = 3, 17
			total -= 3
			s.Connected = total
		}
		if at != 8 && at != 9 { // two seconds in which nothing came
			one := ledger.NewLatency()
			for range 1000 {
				one.Record(m.latency(4 * time.Millisecond))
			}
			l.Add(one)
			s.Latency, s.Sent, s.Delivered = report.LatencyOf(one), uint64(m.about(52000, 0.05)), uint64(m.about(52000, 0.05))
		}
		r.Timeline = append(r.Timeline, s)
	}
	cpu := 6.0
	r.Echo = &report.Echo{Event: "echo", Echoes: 520123, EchoesPerS: 43343.5833, CPUUsPerEcho: report.Per(&cpu, 520123, 1e6)}
	r.Latency, r.LatencyHDR = report.LatencyOf(l), export(l)
	r.Tally = &ledger.Tally{Delivered: 520123, Lost: 14, Duplicated: 2, Reordered: 1}
	r.Unmet = []string{"p99 < 20ms: it is 31.4 ms"}
	r.SetUsage(12, &cpu, 11.5, 1)
	return r
}

// plain takes the phases away.
func plain(r *report.Report) {
	for i := range r.Timeline {
		if r.Timeline[i].AtS > 0 {
			r.Timeline[i].Phase = "run"
		}
	}
}

// FindMax is a search for the highest rate, of which all but the first steps fail.
func FindMax(target string, seed uint64) *report.Report {
	r := Broadcast(target, 0, seed)
	r.Scenario, r.Phases = "find-max", nil
	plain(r)
	busy := 0.97
	r.FindMax = &report.FindMax{P99LimitUs: 20e3, MaxRate: 71, Steps: []report.Step{
		{Rate: 50, OK: true, P99: 4100, LagP99: 120, ServerBusy: &busy},
		{Rate: 100, P99: 410e3, LagP99: 160, Lost: 12, Dropped: 1, ServerBusy: &busy},
		{Rate: 71, OK: true, P99: 14e3, LagP99: 130},
		{Rate: 84, P99: 39e3, LagP99: 140, ServerBusy: &busy},
	}}
	return r
}

// Soak is a long run with members that come and go, others that do not read, and a memory that grows.
func Soak(target string, seed uint64) *report.Report {
	r := Broadcast(target, 0, seed)
	r.Scenario, r.Phases = "soak", nil
	plain(r)
	m := newMaker(seed)
	one := r.Timeline[len(r.Timeline)-1]
	for at := one.AtS + 1; at <= 4*3600; at++ {
		s := one
		s.AtS, s.Phase = at, "run"
		l := *one.Latency
		l.Max = m.about(4000, 0.3)
		if at == 9000 {
			l.Max = 612e3
		}
		s.Latency, s.ServerRSS = &l, one.ServerRSS+int64(at*900)+int64(m.IntN(1<<20))
		s.Connects, s.ServerCPU = m.IntN(30), m.about(0.35, 0.1)
		r.Timeline = append(r.Timeline, s)
	}
	r.Churn = &report.Churn{Churned: 216004, ChurnedPerS: 15.0003}
	r.Slow = &report.Slow{SlowMembers: 100, SlowCut: 97, RSSPeak: 61 << 20}
	r.Trend = &report.Trend{RSSSlope: 3240001.5, RSSFrom: 18 << 20, RSSTo: 31 << 20}
	return r
}

// Storm is a run after which all clients come back.
func Storm(target string, seed uint64) *report.Report {
	m := newMaker(seed)
	r := base("storm", target, 0, seed, 10000)
	r.Tally, r.Transport = nil, "default"
	down, start, cpu := 0.21, 0.05, 1.76
	r.SetUsage(3, &cpu, 2.1, 1)
	r.Storm = &report.Storm{
		Cut: "server killed", Back: 10000, Upgraded: 10000, Proven: 10000, CutToFirstS: 0.5, CutToLastS: m.about(3.5, 0.1), DownS: &down, StartCPUS: &start,
		Reconnect: report.Spread{P50: 1700, P99: 2000, Max: 2210.5}, Attempt: report.Spread{P50: 900, P99: 1500, Max: 1700},
		Away: report.Spread{P50: 2500, P99: 3300, Max: 3490}, Requests: 49800, RequestsPerClient: 4.98, CPUUsPerClient: report.Per(&cpu, 10000, 1e6),
		RetriesSum: 41, Retries: map[string]int{"handshake: ECONNREFUSED": 41}, Errors: map[string]int{},
	}
	return r
}

// Table is the sort of folder that a comparison makes: four servers, three rounds of broadcasts each, and what else they do.
func Table() []*report.Report {
	var all []*report.Report
	for round := 1; round <= 3; round++ {
		for i, target := range []string{"limit", "starling", "socketio-node", "gorilla"} {
			all = append(all, Broadcast(target, round, uint64(10*round+i)))
		}
	}
	for _, target := range []string{"limit", "starling"} {
		all = append(all, Connect(target, 3), Idle(target, 4))
	}
	starling, limit := all[len(all)-2], all[len(all)-4]
	starling.SetRatio(limit)
	return append(all, Storm("starling", 6), FindMax("starling", 7))
}
