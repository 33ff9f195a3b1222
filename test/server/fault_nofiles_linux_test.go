package server_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starling/internal/starlingtest"
)

// TestFaultNoFiles takes the descriptors away from a running server, as nobody should, and gives them back. Those inside
// notice nothing; those who come wait, and are let in when that can be done.
func TestFaultNoFiles(t *testing.T) {
	t.Parallel()
	const come, stay = 100, 50
	const tryingAgain = "accepting connections, trying again"
	s := starlingtest.Start(t, starlingtest.Serve(t))
	o := newOnlookers(t, s.Addr)
	o.during(t, func() {
		before := limitFiles(t, s, uint64(descriptors(t, s)))
		var outside []*client
		for range come {
			conn, err := starlingtest.TryDial(s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			outside = append(outside, &client{Conn: conn})
			if _, err := io.WriteString(conn, starlingtest.UpgradeRequest(target)); err != nil {
				t.Fatal(err)
			}
		}
		s.Await(t, tryingAgain)
		s.Running(t)
		for _, c := range outside[stay:] {
			c.Close()
		}
		limitFiles(t, s, before)
		for i, c := range outside[:stay] {
			if err := errors.Join(c.letIn(), c.echo(), c.leave()); err != nil {
				t.Fatalf("number %d of those who waited: %v", i, err)
			}
		}
	})
	c := mustJoin(t, s.Addr)
	if err := errors.Join(c.echo(), c.leave()); err != nil {
		t.Error(err)
	}
	o.wantEcho(t)
	s.Stop(t)
	wantNoErrors(t, s, tryingAgain)
}

// limitFiles sets how many files the server may open, and returns how many it was before.
func limitFiles(t *testing.T, s *starlingtest.Server, files uint64) (before uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Prlimit(s.Pid(), unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	before, limit.Cur = limit.Cur, files
	if err := unix.Prlimit(s.Pid(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	return before
}

// letIn is enter of a client that has sent its upgrade request already.
func (c *client) letIn() error {
	if err := c.Upgraded(); err != nil {
		return err
	}
	if open, err := c.receive(); err != nil || !strings.HasPrefix(open, "0{") {
		return fmt.Errorf("the session begins with %q, %v", open, err)
	}
	if connected, err := c.exchange("40"); err != nil || !strings.HasPrefix(connected, `40{"sid":`) {
		return fmt.Errorf("CONNECT was answered with %q, %v", connected, err)
	}
	return nil
}
