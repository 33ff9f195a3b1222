package server_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// onlookers are two clients who must notice nothing of what others do.
type onlookers struct {
	webSocket *client
	polling   *pollClient
}

func newOnlookers(t *testing.T, addr string) *onlookers {
	t.Helper()
	o := &onlookers{mustJoin(t, addr), mustJoinPolling(t, addr)}
	o.wantEcho(t)
	return o
}

// wantEcho wants a round trip of both.
func (o *onlookers) wantEcho(t *testing.T) {
	t.Helper()
	if err := errors.Join(o.webSocket.echo(), o.polling.echo()); err != nil {
		t.Fatalf("an onlooker: %v", err)
	}
}

// during does something while both go on with round trips, of which there must be some.
func (o *onlookers) during(t *testing.T, do func()) {
	t.Helper()
	var over atomic.Bool
	var trips int
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && (!over.Load() || trips == 0) {
			err = errors.Join(o.webSocket.echo(), o.polling.echo())
			trips++
		}
		ended <- err
	}()
	defer func() {
		over.Store(true)
		if err := <-ended; err != nil {
			t.Errorf("an onlooker, meanwhile: %v", err)
		}
	}()
	do()
}

// abuse is a row of a table of what nobody should do to a server.
type abuse struct {
	name string
	do   func(t *testing.T, s *starlingtest.Server)
}

// memoryMax is how much memory, in bytes, the server may have after an abuse that it did not have before: garbage that is
// not collected yet, and arenas that are not given back yet. What an abuse would cost that is not bounded is far more.
const memoryMax = 96 << 20

// withstands holds a server against abuses, one after the other: onlookers notice nothing, and the descriptors and the
// memory come back. The log has no more than those warnings.
func withstands(t *testing.T, s *starlingtest.Server, all []abuse, warnings ...string) {
	t.Helper()
	o := newOnlookers(t, s.Addr)
	files, memory := descriptors(t, s), memoryOf(t, s)
	for _, a := range all {
		o.during(t, func() { t.Run(a.name, func(t *testing.T) { a.do(t, s) }) }) // which closes its connections
		s.Running(t)
		o.wantEcho(t)
		eventually(t, fmt.Sprintf("after %s the server has its %d descriptors again", a.name, files), func() bool { return descriptors(t, s) == files })
		if more := memoryOf(t, s) - memory; more > memoryMax && !starlingtest.RaceEnabled {
			t.Errorf("after %s the server has %d MiB more than before", a.name, more>>20)
		}
	}
	if err := errors.Join(o.webSocket.leave(), o.polling.leave()); err != nil {
		t.Error(err)
	}
	s.Stop(t)
	wantNoErrors(t, s, warnings...)
}

// memoryOf is the resident memory of the server, in bytes.
func memoryOf(t *testing.T, s *starlingtest.Server) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	before, _, _ := strings.Cut(after, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(before))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
