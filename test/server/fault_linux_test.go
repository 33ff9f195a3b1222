package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestFaultSlowConsumers floods a room of whose members most do not read. They are cut off, what waited for them is given
// back, and the others get everything, once and in order.
func TestFaultSlowConsumers(t *testing.T) {
	t.Parallel()
	const reading, ahead = 20, 4
	stalled, messages := 200, 1000
	if starlingtest.RaceEnabled {
		stalled, messages = 50, 500
	}
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--outbound-per-conn-max", "262144"))
	text := strings.Repeat("x", 16<<10)
	withstands(t, s, []abuse{{"many who do not read", func(t *testing.T, s *starlingtest.Server) {
		enter := func() *client {
			c := mustJoin(t, s.Addr)
			if got, err := c.exchange(`420["join","flood"]`); err != nil || got != `430["ok"]` {
				t.Fatalf("got %q, %v", got, err)
			}
			return c
		}
		awake := descriptors(t, s)
		var asleep []*client
		for range stalled {
			c := enter()
			if err := c.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			asleep = append(asleep, c)
		}
		source := mustJoin(t, s.Addr)
		steps := make(chan int, reading*ahead)
		var hearing sync.WaitGroup
		for range reading {
			c := enter()
			hearing.Go(func() {
				for n := range messages {
					got, err := c.receive()
					if want := fmt.Sprintf(`42["room","flood",%d,%q]`, n, text); err != nil || got != want {
						t.Errorf("a reader got %.40q (%d bytes), %v; want message %d", got, len(got), err, n)
						steps <- -1
						return
					}
					steps <- n
				}
				if err := c.leave(); err != nil {
					t.Error(err)
				}
			})
		}
		await := func() {
			for range reading {
				if <-steps < 0 {
					t.FailNow()
				}
			}
		}
		for n := range messages {
			if n >= ahead {
				await() // so that nobody who reads falls behind on a busy machine
			}
			if err := source.send(fmt.Sprintf(`42["room","flood",%d,%q]`, n, text)); err != nil {
				t.Fatal(err)
			}
		}
		for range ahead {
			await()
		}
		hearing.Wait()
		eventually(t, "who does not read is cut off", func() bool { return descriptors(t, s) <= awake+1 }) // they, and the source
		for _, c := range asleep {
			c.Close()
		}
		if err := errors.Join(source.echo(), source.leave()); err != nil {
			t.Error(err)
		}
	}}})
}

// calls is how many connections a backend may keep to the control API for its next calls.
const calls = 5

// TestFaultHalfOpen has clients vanish without a word, of which no packet tells: the heartbeat finds them all, says why they
// are gone, and nobody who answers it goes.
func TestFaultHalfOpen(t *testing.T) {
	t.Parallel()
	const vanished, interval, timeout = 50, 500 * time.Millisecond, 4 * time.Second
	f := fortify(t, "--ping-interval", interval.String(), "--ping-timeout", timeout.String())
	a := f.seat(t)
	before := descriptors(t, f.Server)
	a.during(t, func() {
		begin := time.Now()
		webSockets := crowd(t, f.Addr, vanished)
		var polling []*pollClient
		for range vanished {
			polling = append(polling, mustJoinPolling(t, f.Addr)) // and polls never again
		}
		took := make([]time.Duration, vanished)
		var waiting sync.WaitGroup
		for i, c := range webSockets {
			waiting.Go(func() { c.wantEnd(t); took[i] = time.Since(begin) })
		}
		waiting.Wait()
		slices.Sort(took)
		// To the tenth of a second it is shown on a clock that tests turn (session's heartbeat.txt); here the machine may be busy.
		if took[0] < timeout || took[0] > 4*(interval+timeout) {
			t.Errorf("the first was found after %v, want %v", took[0], interval+timeout)
		}
		const reason = `starling_sessions_closed_total{reason="ping timeout"}`
		eventually(t, "all are gone by the heartbeat", func() bool { return f.Metric(t, reason) == 2*vanished })
		for _, c := range polling {
			c.Close()
		}
		eventually(t, "its descriptors are back", func() bool { return descriptors(t, f.Server) <= before+calls })
	})
	f.wantNoOtherEnds(t)
	a.dismiss(t)
}

// wantNoOtherEnds wants no client to have gone but by the heartbeat.
func (f *fortress) wantNoOtherEnds(t *testing.T) {
	t.Helper()
	for _, reason := range []string{"transport close", "transport error", "forced close", "slow consumer"} {
		if n := f.Metric(t, fmt.Sprintf("starling_sessions_closed_total{reason=%q}", reason)); n != 0 {
			t.Errorf("%v have gone for another reason: %s", n, reason)
		}
	}
}

// TestFaultKilled ends a server without a word, and has all its clients come back at once to the one that takes its place.
func TestFaultKilled(t *testing.T) {
	t.Parallel()
	const many = 300
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	for round := range 3 {
		clients := crowd(t, s.Addr, many)
		s.Signal(t, syscall.SIGKILL)
		s.Wait(t)
		for _, c := range clients {
			c.wantEnd(t)
		}
		s = starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--addr", s.Addr))
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					var c *client
					if c, err = join(s.Addr); err == nil {
						err = errors.Join(c.echo(), c.leave())
					}
				} else {
					var c *pollClient
					if c, err = joinPolling(s.Addr); err == nil {
						err = errors.Join(c.echo(), c.leave())
					}
				}
				if err != nil {
					t.Errorf("round %d, client %d: %v", round, i, err)
				}
			})
		}
		wg.Wait()
	}
	s.Stop(t)
	wantNoErrors(t, s)
}

// TestFaultPaused has the server stand still, as a virtual machine does that is moved: who was there before goes on, in
// order, and who came meanwhile is served.
func TestFaultPaused(t *testing.T) {
	t.Parallel()
	const events = 50
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	clients := crowd(t, s.Addr, 50)
	for range 5 {
		s.Signal(t, syscall.SIGSTOP)
		var late []*starlingtest.Conn
		for range 20 {
			late = append(late, dial(t, s, starlingtest.UpgradeRequest(target)))
		}
		for _, c := range clients {
			for i := range events {
				if err := c.send(fmt.Sprintf(`42%d["echo",%d]`, i, i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Signal(t, syscall.SIGCONT)
		for _, c := range clients {
			for i := range events {
				if got, err := c.receive(); err != nil || got != fmt.Sprintf("43%d[%d]", i, i) {
					t.Fatalf("got %q, %v; want the acknowledgement of %d", got, err, i)
				}
			}
		}
		for _, c := range late {
			if err := c.Upgraded(); err != nil {
				t.Error(err)
			}
			c.Close()
		}
	}
	for _, c := range clients {
		if err := c.leave(); err != nil {
			t.Error(err)
		}
	}
	s.Stop(t)
	wantNoErrors(t, s)
}

// TestFaultTrickle has clients send in small pieces, and begin to read when the system takes no more for them: what is taken
// in parts arrives whole.
func TestFaultTrickle(t *testing.T) {
	t.Parallel()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--outbound-per-conn-max", "16777216"))
	o := newOnlookers(t, s.Addr)
	const answers = 8
	o.during(t, func() {
		var wg sync.WaitGroup
		for w := range 4 {
			c := mustJoin(t, s.Addr)
			if err := c.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			text := strings.Repeat(fmt.Sprintf("of %d ", w), 150_000)
			wg.Go(func() {
				for n := range answers {
					inPieces(c, string(starlingtest.Masked(starlingtest.Text, fmt.Appendf(nil, `42%d["echo",%q]`, n, text))), 1021*(w+1))
				}
				for n := range answers {
					want := fmt.Sprintf(`43%d[%q]`, n, text)
					if got, err := c.receive(); err != nil || got != want {
						t.Errorf("client %d, answer %d: got %.40q (%d bytes), %v; want %d bytes", w, n, got, len(got), err, len(want))
						return
					}
				}
				if err := c.leave(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	o.wantEcho(t)
	s.Stop(t)
	wantNoErrors(t, s)
}

// TestFaultLeaks has thousands come and go in each way there is. Nothing is left of them: no session, no connection, no
// descriptor, no goroutine.
func TestFaultLeaks(t *testing.T) {
	t.Parallel()
	f := fortify(t)
	a := f.seat(t)
	settle := func() { f.comeAndGo(t, 200) } // once, so that what is made on demand is there
	settle()
	files, routines := descriptors(t, f.Server), f.Metric(t, "go_goroutines")
	a.during(t, func() { f.comeAndGo(t, manyOf(10_000)) })
	inside := float64(len(a.clients))
	for name, want := range map[string]float64{
		`starling_sessions{transport="websocket"}`: inside, `starling_sessions{transport="polling"}`: 0, "starling_connections": inside, "starling_sockets": inside,
	} {
		eventually(t, fmt.Sprintf("%s is %v again", name, want), func() bool { return f.Metric(t, name) == want })
	}
	eventually(t, "its descriptors are back", func() bool { return descriptors(t, f.Server) <= files+calls })
	eventually(t, "its goroutines are back", func() bool { return f.Metric(t, "go_goroutines") <= routines+5 })
	a.dismiss(t)
}

// comeAndGo has clients come, and go by a close frame, by a packet, by a close of the connection and by a reset.
func (f *fortress) comeAndGo(t *testing.T, many int) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(many); i = next.Add(1) {
				if err := come(f.Addr, i%6); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func come(addr string, way int64) error {
	if way >= 4 {
		c, err := joinPolling(addr)
		if err != nil {
			return err
		}
		return c.leave()
	}
	c, err := join(addr)
	if err != nil {
		return err
	}
	switch way {
	case 0:
		return c.leave()
	case 1:
		return errors.Join(c.send("41"), c.Reset())
	case 2:
		return c.Close()
	default:
		return c.Reset()
	}
}

// TestFaultNoStickiness has the requests of a session come to two servers in turn: the other one knows nothing of it, says so
// at once, and harms nobody.
func TestFaultNoStickiness(t *testing.T) {
	t.Parallel()
	one, other := starlingtest.Start(t, starlingtest.Serve(t)), starlingtest.Start(t, starlingtest.Serve(t))
	o := newOnlookers(t, other.Addr)
	o.during(t, func() {
		for range 50 {
			c := mustJoinPolling(t, one.Addr)
			stray := starlingtest.NewPoller(other.Addr)
			stray.SID = c.SID
			if _, err := stray.Get(); err != error(starlingtest.ErrUnknownSession) {
				t.Errorf("a GET: %v", err)
			}
			if err := stray.Post("41"); err != error(starlingtest.ErrUnknownSession) {
				t.Errorf("a POST: %v", err)
			}
			ws := starlingtest.Dial(t, other.Addr)
			if err := ws.Upgrade(c.UpgradeTarget()); err != error(starlingtest.RefusedError{Status: 400}) {
				t.Errorf("an upgrade: %v", err)
			}
			stray.Close()
			if err := errors.Join(c.echo(), c.leave()); err != nil {
				t.Errorf("at its own server: %v", err)
			}
		}
	})
	one.Stop(t)
	other.Stop(t)
}

// TestFaultMemory has clients that do not read cost more memory than there is: nobody is let in any more, then the worst go,
// and nobody else does.
func TestFaultMemory(t *testing.T) {
	t.Parallel()
	if starlingtest.RaceEnabled {
		t.Skip("with the race detector the process has many times the memory that it asks for")
	}
	const most, stalled = 192 << 20, 20
	f := fortify(t, "--memory-max", fmt.Sprint(most), "--outbound-per-conn-max", "67108864", "--outbound-max", "4294967296")
	a := f.seat(t)
	state := func(name string) bool {
		return f.Metric(t, fmt.Sprintf("starling_memory_guard_state{state=%q}", name)) == 1
	}
	if !state("ok") {
		t.Fatal("there is too little memory from the start")
	}
	a.during(t, func() {
		asleep := crowd(t, f.Addr, stalled)
		for _, c := range asleep {
			if err := c.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
		}
		text := strings.Repeat("x", 100_000)
		for i := 0; state("ok"); i++ {
			for _, c := range asleep[:10] {
				asleep = append(asleep[1:], c) // each gets bytes of its own
				if err := f.Ask("POST", "/v1/sockets/"+c.id+"/emit", map[string]any{"event": "large", "data": text}, nil); err != nil {
					t.Fatal(err)
				}
			}
			if i == 10_000 {
				t.Fatal("10 GB do not matter to it")
			}
		}
		var refused starlingtest.RefusedError
		if c, err := join(f.Addr); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("whoever comes while memory is short: %v, want a refusal with 503", err)
			if err == nil {
				c.Close()
			}
		}
		if used := memoryOf(t, f.Server); used > most*3/2 { // the guard looks once a second
			t.Errorf("the server has %d MiB, of %d", used>>20, most>>20)
		}
		for _, c := range asleep {
			_ = c.Reset()
		}
		eventually(t, "all is well again", func() bool { return state("ok") })
		if err := joinAgain(t, f.Addr).leave(); err != nil {
			t.Error(err)
		}
	})
	a.dismiss(t)
}
