package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// TestUpgrades has sessions go over from polling to a WebSocket while messages go both ways: half of them undisturbed, of
// the others something is cut at each step there is. A session that lives has lost nothing and has nothing twice or too
// early, and of one that dies nothing comes twice or too early before its end. STARLING_SEED repeats a run.
func TestUpgrades(t *testing.T) {
	t.Parallel()
	const atOnce, callEvery, connections = 150, 20, 1000
	sessions := 10_000
	if testing.Short() || starlingtest.RaceEnabled {
		sessions = 1000
	}
	seed := seedOf(t)
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--connections-max", fmt.Sprint(connections)))
	before := descriptors(t, s)
	crier := newCrier(t, s.Addr)
	plans := deck(seed, sessions)
	var all arrivals
	var next atomic.Int64
	var workers sync.WaitGroup
	clients := []*client{crier.client}
	for range atOnce {
		source := newSource(t, s.Addr)
		clients = append(clients, source.client)
		workers.Go(func() {
			for i := next.Add(1); i <= int64(len(plans)) && !all.hopeless(); i = next.Add(1) {
				if i%callEvery == 0 {
					all.note(crier.cry())
				}
				v := newTraveller(s.Addr, plans[i-1], source, crier)
				how, err := v.travel()
				all.add(v, how, err)
			}
		})
	}
	workers.Wait()
	all.report(t)
	s.Running(t)
	for _, c := range clients {
		c.Close()
	}
	wantNoSessions(t, s, connections)
	eventually(t, fmt.Sprintf("the server has its %d descriptors again", before), func() bool { return descriptors(t, s) == before })
	s.Stop(t)
	if stopping := s.Await(t, "stopping"); stopping.Connections != 0 {
		t.Errorf("%d connections are left", stopping.Connections)
	}
	wantNoErrors(t, s)
}

// seedOf is the seed of a test's randomness, which is told when the test fails.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("STARLING_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("STARLING_SEED=%d", seed)
	return seed
}

// deck is a plan for each traveller: half of them have nothing happen to them, among the others each moment comes up as
// often as any other, with a close and with a reset.
func deck(seed uint64, n int) []plan {
	plans := make([]plan, n)
	for i := range plans {
		plans[i] = plan{seed: seed, index: uint64(i), at: never}
		if i%2 == 1 {
			bad := i / 2
			plans[i].at = moment(1 + bad%(len(moments)-1))
			plans[i].reset = bad/(len(moments)-1)%2 == 1
		}
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(n, func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
	return plans
}

// arrivals count what has become of travellers.
type arrivals struct {
	mu       sync.Mutex
	endings  [3]int
	upgraded int
	again    int            // at a second attempt
	messages int            // seen by those that lived
	by       map[string]int // journeys, by what happened
	problems []string
}

func (a *arrivals) add(v *traveller, how ending, err error) {
	if err != nil {
		err = fmt.Errorf("traveller %d, %v, ended %v: %w", v.plan.index, v.plan, how, err)
	}
	a.note(err)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]int{}
	}
	a.endings[how]++
	if v.cut || v.plan.at == never {
		a.by[fmt.Sprintf("%v: %v", v.plan, how)]++
	}
	if v.ws != nil {
		a.upgraded++
		a.again += min(v.probes, 1)
	}
	if how == lived {
		a.messages += v.books.echo.seen + v.books.work.seen + v.books.push.seen
	}
}

func (a *arrivals) note(err error) {
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = append(a.problems, err.Error())
}

// hopeless tells when to stop.
func (a *arrivals) hopeless() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.problems) > 20
}

// report tells what happened, and fails the test where something should not have, or did not.
func (a *arrivals) report(t *testing.T) {
	t.Helper()
	for _, p := range a.problems {
		t.Error(p)
	}
	t.Logf("%d lived, %d died, %d were abandoned; %d went over, %d of them at a second attempt; the living saw %d messages",
		a.endings[lived], a.endings[died], a.endings[abandoned], a.upgraded, a.again, a.messages)
	for _, what := range slices.Sorted(maps.Keys(a.by)) {
		t.Logf("%6d  %s", a.by[what], what)
	}
	for at := range moments {
		for _, reset := range []bool{false, true} {
			p := plan{at: moment(at), reset: reset}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(a.by)), func(what string) bool { return strings.HasPrefix(what, p.String()+":") }) {
				t.Errorf("it never came to this: %v", p)
			}
		}
	}
	if a.again == 0 || a.endings[lived] == 0 || a.endings[died] == 0 {
		t.Error("something never happened")
	}
}

// wantNoSessions wants the server to have no session left, of which one that polls would not show among the connections:
// as many may begin as the server takes in all, and no more.
func wantNoSessions(t *testing.T, s *starlingtest.Server, most int) {
	t.Helper()
	c := starlingtest.Dial(t, s.Addr)
	defer c.Close()
	for i := range most + 1 {
		want := 200
		if i == most {
			want = 503
		}
		if _, err := c.Write([]byte(starlingtest.GetRequest("/socket.io/?EIO=4&transport=polling"))); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != want {
			t.Fatalf("handshake %d of %d was answered with %d, %v; want %d", i+1, most, r.Status, err, want)
		}
	}
}
