package hub

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) { starlingtest.NoLeaks(m) }

// patience bounds the waits of these tests. It says that something has failed; nothing waits for it to pass.
const patience = starlingtest.Patience

// calm are options with which no heartbeat comes in between, however long a test takes, and a server waits for its end for as
// long as the test does, unless that is what it is about.
func calm(opts Options) Options {
	if opts.PingInterval == 0 {
		opts.PingInterval = TimeMax
	}
	if opts.ShutdownTimeout == 0 {
		opts.ShutdownTimeout = TimeMax
	}
	if opts.Logger == nil {
		opts.Logger = quiet
	}
	return opts
}

var quiet = slog.New(slog.DiscardHandler)

// start runs a server on a port of its own until the test ends, and requires a clean end.
func start(t *testing.T, opts Options, setup func(*Server)) *Server {
	t.Helper()
	s, stop := startServer(t, opts, setup)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s
}

// startServer runs a server until stop is called, which returns what Serve has returned.
func startServer(t *testing.T, opts Options, setup func(*Server)) (s *Server, stop func() error) {
	t.Helper()
	if opts.Loops == 0 {
		opts.Loops = 2
	}
	s = New(calm(opts))
	if setup != nil {
		setup(s)
	}
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatalf("Serve: %v", err)
	}
	return s, func() error {
		cancel()
		return <-ended
	}
}

// notes collect what handlers tell, for a test to read in its own time.
type notes chan string

func newNotes() notes { return make(notes, 100_000) }

func (n notes) add(format string, args ...any) { n <- fmt.Sprintf(format, args...) }

// expect reads as many notes as are wanted.
func (n notes) expect(t *testing.T, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := receive(t, n); got != w {
			t.Fatalf("note %d is %q, want %q (of %q)", i, got, w, want)
		}
	}
}

// expectInAnyOrder is expect for what happens at the same time.
func (n notes) expectInAnyOrder(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, receive(t, n))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("notes %q, want %q", got, want)
	}
}

// none fails if there is a note that nobody wanted.
func (n notes) none(t *testing.T) {
	t.Helper()
	select {
	case got := <-n:
		t.Fatalf("a note too many: %q", got)
	default:
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
	return v
}

// eventually waits for a state that no event tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}
