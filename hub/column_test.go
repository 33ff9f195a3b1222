package hub

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"starling/eventloop"
	"starling/hub/internal/session"
)

// columnRow is one run of a simulated column.
type columnRow struct {
	name       string
	seed       uint64
	steps      int
	population int // callers at a time, about
	polling    int // how many of a hundred begin by polling
	recovery   bool
	addressMax int
	outbound   int // what may wait for a caller, in bytes
}

// columnRows are the runs that always are. A seed that has found a fault belongs here.
var columnRows = []columnRow{
	{name: "WebSockets", seed: 1, steps: 2500, population: 30, outbound: 16 << 10},
	{name: "polling and upgrades", seed: 2, steps: 2500, population: 30, polling: 100, outbound: 16 << 10},
	{name: "both, few of an address", seed: 3, steps: 2500, population: 40, polling: 50, addressMax: 4, outbound: 16 << 10},
	{name: "recovery", seed: 4, steps: 2500, population: 30, polling: 20, recovery: true, outbound: 64 << 10},
	{name: "slow ones", seed: 5, steps: 2500, population: 20, polling: 30, outbound: 2 << 10},
	{name: "a crowd", seed: 6, steps: 40, population: 1500, polling: 30, outbound: 16 << 10},
}

// The world of a simulated column.
const columnRooms = 6

var columnNamespaces = []string{"/", "/b", "/m"}

// TestColumn has thousands of sessions come to one column, on a clock of its own and over model connections, and do at random
// whatever clients, networks and applications do. After each step all that the column keeps must fit together, and fit a
// model of what everybody has to get; see audit. Nothing in it depends on anything but the seed: handlers, too, are run by
// the test, when it likes.
//
// STARLING_SEED replays the run of one seed, with -v step by step; STARLING_STEPS says how many steps each run has, and adds one of
// any seed.
func TestColumn(t *testing.T) {
	rows := columnRows
	seed, err := strconv.ParseUint(os.Getenv("STARLING_SEED"), 10, 64)
	replay := err == nil
	if !replay {
		seed = rand.Uint64() >> 1
	}
	steps, err := strconv.Atoi(os.Getenv("STARLING_STEPS"))
	longer := err == nil
	any := columnRow{name: "any seed", seed: seed, steps: 2500, population: 30, polling: int(seed % 101), recovery: seed%3 == 0, outbound: 4 << 10 << (seed % 5), addressMax: int(seed % 2 * 6)}
	if replay || longer { // the ordinary run is the same each time
		rows = append(slices.Clone(rows), any)
	}
	for i, row := range rows {
		if replay && row.seed != seed || testing.Short() && i > 2 {
			continue
		}
		if longer {
			row.steps = steps
		} else if !replay {
			row.steps /= columnShare
		}
		t.Run(row.name, func(t *testing.T) {
			if row.name == any.name {
				t.Logf("STARLING_SEED=%d", row.seed)
			}
			goroutines := runtime.NumGoroutine()
			newColumn(t, row).simulate()
			if n := runtime.NumGoroutine(); n > goroutines {
				t.Errorf("%d goroutines, and there were %d", n, goroutines)
			}
		})
	}
}

// columnRun is one simulated column, and the model of it.
type columnRun struct {
	*Server
	t     testing.TB
	row   columnRow
	rand  *rand.Rand
	sim   *eventloop.Sim
	cfg   *session.Config
	shard *shard
	step  int
	did   string // in this step

	members  []*caller // those who have sessions, or had until lately
	away     []*caller // those who may come back
	links    []*link   // connections that are open
	byClient map[*client]*caller
	bySocket map[*Socket]*place
	welcomed map[*Socket]int // times that OnConnect was called
	left     map[*Socket]int // times that OnDisconnect was

	slips      []*slip
	questions  []*columnQuestion
	gatherings []*columnGathering

	// What the model has counted.
	callers, begun, over, upgraded, refused, accepted, recovered int
	next, events, acksIn, acksOut, delivered, panics             int
	bytesIn, reads, bytesOut                                     int
	closed                                                       [session.ReasonsCount]uint64
}

// chance is a source of bytes for ids.
type chance struct{ *rand.Rand }

func (c chance) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.Uint32())
	}
	return len(p), nil
}

// newColumn makes a server on one simulated loop, whose handlers wait to be run by the test.
func newColumn(t testing.TB, row columnRow) *columnRun {
	r := &columnRun{
		t: t, row: row, rand: rand.New(rand.NewPCG(row.seed, 1)),
		byClient: map[*client]*caller{}, bySocket: map[*Socket]*place{}, welcomed: map[*Socket]int{}, left: map[*Socket]int{},
	}
	opts := Options{Logger: quiet, Loops: 1, TrustedProxies: []string{"192.0.2.1"}, SessionsPerAddressMax: row.addressMax, OutboundBytesPerConnMax: row.outbound}
	if row.recovery {
		opts.Recovery = &Recovery{MaxDisconnectionDuration: TimeMax}
	}
	r.Server = New(opts)
	r.workers.limit = 0 // so that no goroutine takes a mailbox
	r.setup(r.Server)
	front, err := newFront(&r.opts)
	if err != nil {
		t.Fatal(err)
	}
	r.front = front
	r.cfg = r.opts.sessionConfig()
	r.cfg.Random = chance{rand.New(rand.NewPCG(row.seed, 2))}
	r.cfg.Busy, r.cfg.SessionsMax = func() session.Cause { return 0 }, 1<<20
	front.configure(r.cfg)
	var shards []*shard
	r.sim = eventloop.NewSim(r.opts.engineConfig("").Limits, quiet, func(l *eventloop.Loop) eventloop.Handler {
		shards = append(shards, newShard(r.Server, l, r.cfg))
		return shards[0]
	})
	r.shard = shards[0]
	r.shards.Store(&shards)
	return r
}

// fail ends the run with all that is needed to see it again.
func (r *columnRun) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("STARLING_SEED=%d, step %d (%s): %s", r.row.seed, r.step, r.did, fmt.Sprintf(format, args...))
}

// polling is how many places for sessions that poll are taken.
func (r *columnRun) polling() int64 { return look(r.cfg, "polling", "v").Int() }

// simulate does all steps, and has everybody go.
func (r *columnRun) simulate() {
	for r.step = 1; r.step <= r.row.steps; r.step++ {
		for range max(1+r.rand.IntN(4), r.row.population/50) {
			r.did = r.act()
			if testing.Verbose() {
				r.t.Logf("%d %v: %s (number %d)", r.step, r.sim.Loop().Now(), r.did, r.next)
			}
		}
		if r.rand.IntN(3) > 0 {
			r.work(r.rand.IntN(20))
		}
		r.sim.Run()
		r.audit()
		r.part()
	}
	r.finish()
	r.t.Logf("%d sessions, %d sockets, %d deliveries, %d upgrades, %d refused, %d recovered", r.begun, r.accepted, r.delivered, r.upgraded, r.refused, r.recovered)
}

// part lets those go whose sessions are over, after a while in which they may still hear of it.
func (r *columnRun) part() {
	r.members = slices.DeleteFunc(r.members, func(c *caller) bool {
		if c.dead == 0 {
			return false
		}
		if c.dead++; c.dead < 4+r.rand.IntN(4) {
			return false
		}
		c.read()
		c.hangup()
		c.read()
		if r.row.recovery && slices.ContainsFunc(c.places, func(p *place) bool { return p.state == in && p.pid != "" }) {
			r.away = append(r.away, c)
		}
		return true
	})
	if len(r.away) > 20 {
		r.away = r.away[1:]
	}
}

// work runs up to n jobs of handlers, of mailboxes in any order.
func (r *columnRun) work(n int) {
	w := &r.workers
	for ; n > 0 && len(w.waiting) > 0; n-- {
		i := r.rand.IntN(len(w.waiting))
		m := w.waiting[i]
		if j, ok := m.take(); ok {
			w.do(m, j)
		} else {
			w.waiting = slices.Delete(w.waiting, i, i+1)
			m.queue.mail.CompareAndSwap(m, nil)
		}
		if r.rand.IntN(3) == 0 {
			r.sim.Run()
		}
	}
}

// finish has everybody get what is due, and go. Nothing may be left then.
func (r *columnRun) finish() {
	r.did = "finish"
	for _, c := range r.members {
		c.line.peer.Resume()
	}
	for range 3 {
		r.pass(time.Second)
		r.work(1 << 20)
		r.audit()
	}
	for _, c := range r.members {
		c.may[ReasonTransportClose], c.may[ReasonTransportError], c.may[ReasonPingTimeout] = true, true, true
		c.hangup()
	}
	for _, k := range r.links {
		k.peer.Hangup(io.EOF)
	}
	r.sim.Advance(80 * time.Second)
	r.work(1 << 20)
	r.audit()
	if n := len(owners(r.sim.Loop())); n > 0 || r.sim.Connections() > 0 || len(r.links) > 0 || len(r.shard.early) > 0 {
		r.fail("%d timers, %d connections and the rooms of %d sockets are left", n, r.sim.Connections(), len(r.shard.early))
	}
	if len(r.left) != r.accepted || len(r.welcomed) != r.accepted {
		r.fail("%d sockets were connected; OnConnect was called for %d, OnDisconnect for %d", r.accepted, len(r.welcomed), len(r.left))
	}
	for _, q := range r.questions {
		if !q.done {
			r.fail("question %d was never answered", q.n)
		}
	}
	for s := range r.left {
		if s.acks != nil || s.queue.mail.Load() != nil || s.members.Len() > 0 || s.held > 0 {
			r.fail("something is left of socket %s", s.id)
		}
	}
}
