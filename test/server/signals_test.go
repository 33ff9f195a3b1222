package server_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// forEver is a --drain-timeout that no test lives to see: what ends before it ends by itself.
const forEver = "24h"

// askTimeout is how long the handler of the event ask waits for a client's answer.
const askTimeout = 5 * time.Second

// shutdown is the close frame of a server that shuts down (RFC 6455 7.4.1: 1001).
const shutdown = "88 02 03e9"

func TestSIGTERM(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--drain-timeout", forEver))
	inside := crowd(t, s.Addr, 20)
	s.Signal(t, syscall.SIGTERM)
	for i, c := range inside {
		if err := goodbye(c); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	wantOrderlyEnd(t, s)
	if c, err := net.Dial("tcp", s.Addr); err == nil {
		c.Close()
		t.Error("somebody still listens")
	}
}

func TestSIGINTIsTheSame(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--drain-timeout", forEver))
	c := mustJoin(t, s.Addr)
	s.Signal(t, syscall.SIGINT)
	if err := goodbye(c); err != nil {
		t.Error(err)
	}
	wantOrderlyEnd(t, s)
}

// TestSIGTERMReleasesHandlers stops a server whose handler waits for an answer of its client's. The client goes, and so
// the wait is over, long before the time that the handler would have waited. A busy machine may need as much, but not each
// time.
func TestSIGTERMReleasesHandlers(t *testing.T) {
	var took []time.Duration
	for range 5 {
		if took = append(took, endWhileAsking(t)); slices.Min(took) < askTimeout {
			return
		}
	}
	t.Errorf("the server took %v, as if the handler had waited for all of its %v each time", took, askTimeout)
}

// endWhileAsking is how long a server takes for its end that has asked its client something.
func endWhileAsking(t *testing.T) time.Duration {
	t.Helper()
	s := starlingtest.Start(t, starlingtest.Serve(t, "--drain-timeout", forEver))
	c := mustJoin(t, s.Addr)
	question, err := c.exchange(`420["ask","are you there?"]`)
	if err != nil || !strings.HasSuffix(question, `["question","are you there?"]`) {
		t.Fatalf("the server asked %q, %v", question, err)
	}
	begin := time.Now()
	s.Signal(t, syscall.SIGTERM)
	if err := goodbye(c); err != nil {
		t.Error(err)
	}
	wantOrderlyEnd(t, s)
	return time.Since(begin)
}

// TestSIGTERMWaitsNoLongerThanAllowed stops a server whose clients do not go.
func TestSIGTERMWaitsNoLongerThanAllowed(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--drain-timeout", "100ms"))
	c := mustJoin(t, s.Addr)
	if _, err := c.exchange(`420["ask","are you there?"]`); err != nil {
		t.Fatal(err)
	}
	s.Signal(t, syscall.SIGTERM)
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v, want exit code 0", state)
	}
	var warnings []string
	for _, e := range s.Log(t) {
		if e.Level != "INFO" && !isOfABusyMachine(e) {
			warnings = append(warnings, e.Level+" "+e.Msg)
		}
	}
	if got, want := strings.Join(warnings, "; "), "WARN not everything had ended by --drain-timeout"; got != want {
		t.Errorf("the log warns of %q, want %q", got, want)
	}
}

// TestSecondSIGTERMEndsAtOnce stops a server whose client does not go, and then loses patience.
func TestSecondSIGTERMEndsAtOnce(t *testing.T) {
	s := starlingtest.Start(t, starlingtest.Serve(t, "--drain-timeout", forEver))
	mustJoin(t, s.Addr)
	s.Signal(t, syscall.SIGTERM)
	s.Await(t, "stopping")
	s.Running(t)
	s.Signal(t, syscall.SIGTERM)
	if state := s.Wait(t); state.ExitCode() != 1 {
		t.Errorf("the server ended with %v, want exit code 1", state)
	}
}

// goodbye wants what a client gets from a server that shuts down, and goes.
func goodbye(c *client) error {
	return errors.Join(c.Expect(starlingtest.Wire(shutdown)), c.Ends(), c.Close())
}

// wantOrderlyEnd wants exit code 0, and a log that tells of nothing unusual.
func wantOrderlyEnd(t *testing.T, s *starlingtest.Server) {
	t.Helper()
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v, want exit code 0", state)
	}
	told := ""
	for _, e := range s.Log(t) {
		if !isOfABusyMachine(e) {
			told += fmt.Sprintf("%s %s; ", e.Level, e.Msg)
		}
	}
	if want := "INFO listening; INFO stopping; INFO stopped; "; told != want {
		t.Errorf("the log tells %q, want %q", told, want)
	}
}

// isOfABusyMachine tells the warnings that a busy machine brings about: one names a loop that did not run for a second, the
// other an event for a connection that was closed while the event waited its turn.
func isOfABusyMachine(e starlingtest.Entry) bool {
	return e.Level == "WARN" && (e.Msg == "event loop is held by a callback" || strings.Contains(e.Msg, "of a stale connection"))
}

// wantNoErrors wants a log in which nothing went wrong: no error, no panic, and no warning but the ones that are expected
// and those of a busy machine.
func wantNoErrors(t *testing.T, s *starlingtest.Server, expected ...string) {
	t.Helper()
	for _, e := range s.Log(t) {
		if e.Level != "INFO" && !isOfABusyMachine(e) && (e.Level != "WARN" || !slices.Contains(expected, e.Msg)) {
			t.Errorf("the log tells: %s %s", e.Level, e.Msg)
		}
	}
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
