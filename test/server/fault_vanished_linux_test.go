package server_test

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"starling/internal/starlingtest"
)

// vanish has a client's system drop all that comes for a connection, before TCP sees it: nothing is acknowledged any more, nothing is
// answered, and no reset is sent. So it is when a machine loses its power, or its network.
func vanish(t *testing.T, c *starlingtest.Conn) {
	t.Helper()
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	var filterErr error
	err = raw.Control(func(fd uintptr) {
		filterErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
	})
	if err != nil || filterErr != nil {
		t.Fatal(err, filterErr)
	}
}

// TestFaultVanished cuts clients off in the midst of what they do, without a word: at rest, while they are told things, while a poll
// waits. All are found by the heartbeat, none before its time, and none for another reason; and their descriptors come back although
// nobody acknowledges what was sent to them last.
func TestFaultVanished(t *testing.T) {
	t.Parallel()
	const each, interval, timeout = 20, 500 * time.Millisecond, 3 * time.Second
	f := fortify(t, "--ping-interval", interval.String(), "--ping-timeout", timeout.String())
	a := f.seat(t)
	before := descriptors(t, f.Server)
	const reason = `starling_sessions_closed_total{reason="ping timeout"}`
	a.during(t, func() {
		begin := time.Now()
		resting, told := crowd(t, f.Addr, each), crowd(t, f.Addr, each)
		var ids []string
		var polling []*pollClient
		for i := range each {
			vanish(t, resting[i].Conn)
			vanish(t, told[i].Conn)
			ids = append(ids, told[i].id)
			p := mustJoinPolling(t, f.Addr)
			polling = append(polling, p)
			down, err := p.Down()
			if err != nil {
				t.Fatal(err)
			}
			vanish(t, down)
			if _, err := io.WriteString(down, p.GetRequest()); err != nil {
				t.Fatal(err)
			}
		}
		text := strings.Repeat("x", 2000)
		found := func() float64 { return f.Metric(t, reason) }
		for found() == 0 {
			if err := f.Ask("POST", "/v1/emit", map[string]any{"event": "told", "data": text, "to": ids}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took < timeout {
			t.Errorf("somebody was given up after %v", took)
		}
		eventually(t, "all are gone by the heartbeat", func() bool { return found() == 3*each })
		for _, p := range polling { // of which the connections are good for another 75 s, whatever has become of the session
			p.Close()
		}
		eventually(t, "its descriptors are back", func() bool { return descriptors(t, f.Server) <= before+calls })
	})
	f.wantNoOtherEnds(t)
	a.dismiss(t)
	wantNoErrors(t, f.Server)
}

// TestFaultDrainOfTheDead ends a server whose clients are in all states that a network can leave them in. It waits for none of them for
// longer than it is allowed, those who hear it get everything and a goodbye, and it ends in order.
func TestFaultDrainOfTheDead(t *testing.T) {
	t.Parallel()
	each := 10
	if starlingtest.RaceEnabled || testing.Short() {
		each = 3
	}
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--drain-timeout", "2s", "--outbound-per-conn-max", "16777216"))
	text := strings.Repeat("x", 300_000)
	well := crowd(t, s.Addr, each)
	for range each {
		vanish(t, mustJoin(t, s.Addr).Conn)
		stalled := mustJoin(t, s.Addr)
		if err := stalled.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		for range 20 { // more than the system takes
			if err := stalled.send(`42["echo","` + text + `"]`); err != nil {
				t.Fatal(err)
			}
		}
		half := mustJoin(t, s.Addr)
		if _, err := half.Write(starlingtest.Masked(starlingtest.Text, []byte(`42["echo","half"]`))[:9]); err != nil {
			t.Fatal(err)
		}
		dial(t, s, "")
		dial(t, s, starlingtest.UpgradeRequest(target)[:30])
		quiet, waiting, posting, probing := mustJoinPolling(t, s.Addr), mustJoinPolling(t, s.Addr), mustJoinPolling(t, s.Addr), mustJoinPolling(t, s.Addr)
		quiet.Close()
		dial(t, s, waiting.GetRequest())
		dial(t, s, starlingtest.PostHead(posting.Target(), 100)+"42")
		probe := starlingtest.Dial(t, s.Addr)
		if err := probe.Upgrade(probing.UpgradeTarget()); err != nil {
			t.Fatal(err)
		}
		if _, err := probe.Write(starlingtest.Masked(starlingtest.Text, []byte("2probe"))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range well {
		if err := c.echo(); err != nil {
			t.Fatal(err)
		}
		if err := c.send(`427["echo","` + text + `"]`); err != nil {
			t.Fatal(err)
		}
		if got, err := c.receive(); err != nil || got != `437["`+text+`"]` {
			t.Fatalf("got %.40q, %v", got, err)
		}
	}
	s.Signal(t, syscall.SIGTERM)
	for i, c := range well {
		if err := goodbye(c); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	if state := s.Wait(t); state.ExitCode() != 0 {
		t.Errorf("the server ended with %v, want exit code 0", state)
	}
	wantNoErrors(t, s, "not everything had ended by --drain-timeout")
}
