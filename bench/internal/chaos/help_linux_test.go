package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"starling/bench/internal/flood"
	"starling/bench/internal/limit"
	"starling/hub"
	"starling/internal/starlingtest"
)

// patience bounds the waits of these tests. It says that something has failed; nothing waits for it to pass.
const patience = 30 * time.Second

// startHub runs a server with the room application's join and echo, and returns it and how to attack it.
func startHub(t *testing.T, opts hub.Options) (*hub.Server, Target) {
	t.Helper()
	opts.Logger, opts.Loops = slog.New(slog.DiscardHandler), 2
	s := hub.New(opts)
	s.On("join", func(s *hub.Socket, e *hub.Event) {
		var room string
		if err := e.Bind(&room); err != nil {
			t.Error(err)
			return
		}
		_ = e.Ack(s.Join(room) == nil)
	})
	s.OnLoop("echo", func(_ *hub.Socket, e *hub.Event) {
		if values, err := e.Values(0); err == nil {
			_ = e.Ack(values...)
		}
	})
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	<-s.Ready()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, socketTarget(s.Addr().String())
}

func socketTarget(addr string) Target {
	return Target{Addr: netip.MustParseAddrPort(addr), Host: addr, Path: "/socket.io/", Protocol: flood.SocketIO, Rooms: []string{"flood"}, Seed: 1}
}

// startLimit runs a raw server.
func startLimit(t *testing.T) Target {
	t.Helper()
	s, err := limit.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run() }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return Target{Addr: s.Addr(), Host: s.Addr().String(), Path: "/", Protocol: flood.Raw, Rooms: []string{"00000001", "00000002"}}
}

// watcher sees an attack go on.
type watcher struct {
	*Attack
	mu   sync.Mutex
	grew *sync.Cond
	last Outcome
	late bool
}

// attack begins one and sees to its end. Malformed ones send these inputs, or those of the table.
func attack(t *testing.T, spec Spec, target Target, inputs ...input) *watcher {
	t.Helper()
	w := &watcher{}
	w.grew = sync.NewCond(&w.mu)
	if len(inputs) == 0 {
		inputs = malformed(target.Host, target.Path, target.Protocol == flood.Raw)
	}
	var err error
	if w.Attack, err = start(spec, target, tuning{inputs: inputs, watching: w.see}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Stop() })
	return w
}

func (w *watcher) see(o *Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = *o
	w.last.Closed, w.last.Refused = maps.Clone(o.Closed), maps.Clone(o.Refused)
	w.grew.Broadcast()
}

// until waits for an attack to have come that far.
func (w *watcher) until(t *testing.T, reached func(o *Outcome) bool) {
	t.Helper()
	timer := time.AfterFunc(patience, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = true
		w.grew.Broadcast()
	})
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !reached(&w.last) {
		if w.late {
			t.Fatalf("after %v: %s", patience, &w.last)
		}
		w.grew.Wait()
	}
}

// stop ends the attack and checks that the numbers agree with each other.
func (w *watcher) stop(t *testing.T) Outcome {
	t.Helper()
	o := w.Stop()
	if o.Attempts != o.Opened+o.RefusedSum()+o.Waiting || o.Opened != o.ClosedSum()+o.Left+o.Open || o.Error != "" {
		t.Errorf("the numbers do not add up: %+v", o)
	}
	if o.ClosedP50 > o.ClosedP99 || o.ClosedP99 > o.ClosedMax || (o.ClosedSum() > 0) != (o.ClosedMax > 0) {
		t.Errorf("times to be closed: %v, %v, %v", o.ClosedP50, o.ClosedP99, o.ClosedMax)
	}
	return o
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// innocent is a client that means well.
type innocent struct {
	*starlingtest.Conn
	echoes int
}

func join(t *testing.T, addr string) *innocent {
	t.Helper()
	c := &innocent{Conn: starlingtest.Dial(t, addr)}
	if err := c.Upgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
		t.Fatal(err)
	}
	c.awaitPrefix(t, "0{")
	c.say(t, "40")
	c.awaitPrefix(t, "40{")
	return c
}

func (c *innocent) say(t *testing.T, packet string) {
	t.Helper()
	if _, err := c.Write(starlingtest.Masked(starlingtest.Text, []byte(packet))); err != nil {
		t.Fatal(err)
	}
}

// awaitPrefix reads on to a message that begins so, and answers pings meanwhile.
func (c *innocent) awaitPrefix(t *testing.T, want string) string {
	t.Helper()
	for {
		f, err := c.ReadFrame()
		switch {
		case err != nil:
			t.Fatalf("while waiting for %q: %v", want, err)
		case string(f.Payload) == "2":
			c.say(t, "3")
		case len(f.Payload) >= len(want) && string(f.Payload[:len(want)]) == want:
			return string(f.Payload)
		}
	}
}

// echo sends something there and back.
func (c *innocent) echo(t *testing.T) {
	t.Helper()
	c.echoes++
	c.say(t, fmt.Sprintf(`42%d["echo","hello"]`, c.echoes))
	if want, got := fmt.Sprintf(`43%d["hello"]`, c.echoes), c.awaitPrefix(t, "43"); got != want {
		t.Fatalf("echo %s, want %s", got, want)
	}
}

// errScript is what a server of these tests fails with.
var errScript = errors.New("as the test wants")
