// Package api_test holds what the reference server's own tests check, in words of our own, as conversations between
// raw clients and a server that is written against the public API. Each case runs over WebSocket and over polling. The
// table in cases_test.go lists the cases and says where each is checked, or why it is not.
package api_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"starling/hub"
	"starling/internal/starlingtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait more than they work
		panic(err)
	}
	starlingtest.NoLeaks(m)
}

// patience bounds what goes wrong; no test waits for it to pass.
const patience = starlingtest.Patience

// Times that these tests let pass where a timeout is what they are about: soon when nothing has to happen before, later
// when something has, on a busy machine too.
const (
	soon  = 150 * time.Millisecond
	later = 5 * time.Second
)

// start runs a server for a kind of client on a port of its own until the test ends, and requires a clean end. The main namespace
// acknowledges the event sync, which peer.settled needs.
func start(t *testing.T, k kind, opts hub.Options, setup func(*hub.Server)) *hub.Server {
	t.Helper()
	s, stop := startServer(t, k, opts, setup)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s
}

// startServer runs a server until stop is called, which returns what Serve has returned.
func startServer(t *testing.T, k kind, opts hub.Options, setup func(*hub.Server)) (s *hub.Server, stop func() error) {
	t.Helper()
	s = newServer(k, opts)
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

// acked is the handler that peer.settled needs, and others that have nothing to do.
func acked(_ *hub.Socket, e *hub.Event) { _ = e.Ack() }

// sockets has a namespace hand each socket that has connected to the test.
func sockets(n interface{ OnConnect(func(*hub.Socket)) }) <-chan *hub.Socket {
	all := make(chan *hub.Socket, 100)
	n.OnConnect(func(s *hub.Socket) { all <- s })
	return all
}

// ok wants no errors.
func ok(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Errorf("unexpected: %v", err)
		}
	}
}

// want compares.
func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// notes collect what handlers tell, for a test to read in its own time.
type notes chan string

func newNotes() notes { return make(notes, 1000) }

func (n notes) add(format string, args ...any) { n <- fmt.Sprintf(format, args...) }

// expect reads as many notes as are wanted.
func (n notes) expect(t testing.TB, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := receive(t, n); got != w {
			t.Fatalf("note %d is %q, want %q (of %q)", i, got, w, want)
		}
	}
}

// expectInAnyOrder is expect for what happens at the same time.
func (n notes) expectInAnyOrder(t testing.TB, want ...string) {
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
func (n notes) none(t testing.TB) {
	t.Helper()
	select {
	case got := <-n:
		t.Fatalf("a note too many: %q", got)
	default:
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
	return v
}

// eventually waits for a state that no event tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}
