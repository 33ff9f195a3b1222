package scenario

import (
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
	"starling/bench/internal/proc"
	"starling/bench/internal/report"
)

// timeline puts the agents' seconds together, in order, as they come.
type timeline struct {
	rows   map[int64]*row
	next   int64 // the index of the row that is complete next
	done   []doneRow
	server time.Duration // processor times at the last row
	client time.Duration
	endNs  int64 // of that row
	marks  []mark
}

// mark is when something began.
type mark struct {
	ns   int64
	name string
}

// enter says what goes on from a time on.
func (t *timeline) enter(name string, ns int64) { t.marks = append(t.marks, mark{ns, name}) }

// at is what went on at a time.
func (t *timeline) at(ns int64) (name string) {
	for _, m := range t.marks {
		if m.ns <= ns || name == "" {
			name = m.name
		}
	}
	return name
}

// row is one second of all agents together.
type row struct {
	got       int
	connected map[int]int // by agent, whose last word counts
	sample    report.Sample
	latency   *ledger.Latency
}

// doneRow is a row that is complete; its histogram is kept where there are phases, which are made of such rows.
type doneRow struct {
	middleNs int64
	sample   report.Sample
	latency  *ledger.Latency // nil if nothing was delivered, or there are no phases
}

// addSecond takes one agent's second.
func (r *run) addSecond(s *second) {
	w := r.timeline.row(s.Index)
	w.got++
	w.add(s)
	// An agent that was too busy for a second has none: rows before one that is complete are.
	if w.got == len(r.agents) {
		r.closeRows(s.Index)
	}
}

// row is the one of that index, begun if nobody has.
func (t *timeline) row(index int64) *row {
	w := t.rows[index]
	if w == nil {
		w = &row{}
		if t.rows == nil {
			t.rows = make(map[int64]*row)
		}
		t.rows[index] = w
	}
	return w
}

// closeRows completes the rows up to one.
func (r *run) closeRows(index int64) {
	for t := &r.timeline; t.next <= index; t.next++ {
		if w := t.rows[t.next]; w != nil {
			delete(t.rows, t.next)
			r.closeRow(w, r.cfg.EpochNs+t.next*int64(time.Second))
		}
	}
}

// closeTimeline completes it with what the agents have handed in of the second that is not over. Should they go on, the rest of that
// second gets a row of its own.
func (r *run) closeTimeline(rest []part) {
	t := &r.timeline
	for _, p := range rest {
		if p.Rest != nil {
			t.row(max(p.Rest.Index, t.next)).add(p.Rest)
		}
	}
	now := flood.Now()
	last := (now - r.cfg.EpochNs) / int64(time.Second)
	r.closeRows(last)
	if w := t.rows[t.next]; w != nil && now > t.endNs {
		delete(t.rows, t.next)
		r.closeRow(w, now)
	}
}

func (w *row) add(s *second) {
	to := &w.sample
	if w.connected == nil {
		w.connected = make(map[int]int)
	}
	w.connected[s.First] = s.Connected
	to.Connects += s.Connects
	to.Failed += s.Failed
	to.Disconnected += s.Disconnected
	to.Sent += s.Sent
	to.Delivered += s.Delivered
	to.Faults += s.Faults
	if s.Latency == nil {
		return
	}
	l, err := ledger.ImportLatency(s.Latency)
	if err != nil {
		return // it is missing from the timeline alone
	}
	if w.latency == nil {
		w.latency = l
	} else {
		w.latency.Add(l)
	}
}

// closeRow completes a row by what the run itself knows.
func (r *run) closeRow(w *row, endNs int64) {
	t, s := &r.timeline, w.sample
	for _, n := range w.connected {
		s.Connected += n
	}
	middle := (t.endNs + endNs) / 2
	s.AtS, s.Phase = float64(endNs-r.cfg.EpochNs)/1e9, t.at(middle)
	if w.latency != nil {
		s.Latency = report.LatencyOf(w.latency)
	}
	if r.senders != nil {
		s.Sent += r.senders.bySecond.take(r.cfg.EpochNs, endNs)
	} else if r.pub != nil {
		s.Sent += r.pub.bySecond.take(r.cfg.EpochNs, endNs)
	}
	r.rowUsage(&s, float64(endNs-t.endNs)/1e9)
	t.endNs = endNs
	done := doneRow{middle, s, w.latency}
	if len(r.opts.Phases) < 2 {
		done.latency = nil // nobody adds them up, and in a day they would take gigabytes
	}
	t.done = append(t.done, done)
	if r.opts.OnSample != nil {
		r.opts.OnSample(s)
	}
}

// rowUsage enters what was used since the last row.
func (r *run) rowUsage(s *report.Sample, seconds float64) {
	t := &r.timeline
	if r.server != nil {
		if cpu, err := r.server.Read(); err == nil {
			s.ServerCPU = (cpu - t.server).Seconds() / seconds
			t.server = cpu
		}
		s.ServerRSS = r.server.memory().RSS
	}
	client := time.Duration(0)
	for _, c := range r.clientCPU {
		if cpu, err := c.Read(); err == nil {
			client += cpu
		}
	}
	s.ClientCPU = (client - t.client).Seconds() / seconds
	t.client = client
}

// startTimeline counts the seconds from now on.
func (r *run) startTimeline() {
	r.timeline.enter("connect", r.cfg.EpochNs)
	r.timeline.next, r.timeline.endNs = 1, r.cfg.EpochNs
	if r.server != nil {
		r.timeline.server, _ = r.server.Read()
	}
	r.timeline.client, _ = r.clientCPU[0].Read()
}

// finishTimeline hands the rows to the report, their times counted from the beginning of what was measured.
func (r *run) finishTimeline() {
	if r.report.Timeline != nil {
		return
	}
	zero := 0.0
	if r.firstNs != 0 {
		zero = float64(r.firstNs-r.cfg.EpochNs) / 1e9
	}
	for _, d := range r.timeline.done {
		d.sample.AtS -= zero
		r.report.Timeline = append(r.report.Timeline, d.sample)
	}
}

// latencyBetween adds up the rows whose middle is in a part of the run.
func (r *run) latencyBetween(fromNs, toNs int64) (l *ledger.Latency, delivered uint64) {
	l = ledger.NewLatency()
	for _, d := range r.timeline.done {
		if d.middleNs < fromNs || d.middleNs >= toNs {
			continue
		}
		delivered += d.sample.Delivered
		if d.latency != nil {
			l.Add(d.latency)
		}
	}
	return l, delivered
}

// serverMeter follows the processes of a server, which may be several, and may be others after a restart.
type serverMeter struct {
	pids func() []int
	cpus map[int]*proc.CPU
	used map[int]time.Duration // what was read last; a process that has ended keeps it
}

func newServerMeter(pids func() []int) *serverMeter {
	return &serverMeter{pids: pids, cpus: make(map[int]*proc.CPU), used: make(map[int]time.Duration)}
}

// Read is the processor time that all have used so far, those that have ended too. There is an error if one cannot be read that has
// never been.
func (m *serverMeter) Read() (total time.Duration, err error) {
	for _, pid := range m.pids() {
		c := m.cpus[pid]
		if c == nil {
			c = proc.NewCPU(pid)
			m.cpus[pid] = c
		}
		used, failed := c.Read()
		if _, known := m.used[pid]; failed != nil && !known {
			err = failed
		}
		if failed == nil {
			m.used[pid] = used
		}
	}
	for _, used := range m.used {
		total += used
	}
	return total, err
}

// memory is what those have resident that run now.
func (m *serverMeter) memory() (sum proc.Memory) {
	for _, pid := range m.pids() {
		if one, err := proc.ReadMemory(pid); err == nil {
			sum.RSS += one.RSS
			sum.RSSAnon += one.RSSAnon
		}
	}
	return sum
}
