package server_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"starling/internal/starlingtest"
)

// TestFaultSlowKinds has a backend tell everybody megabytes, of whom some read nothing, some read a little now and then, and some do not
// poll. All of these are cut off, and counted, as slow consumers; the others have everything, once and in order; and at no time does the
// server have more memory than its bounds allow.
func TestFaultSlowKinds(t *testing.T) {
	t.Parallel()
	const ahead, total, messages = 4, 16 << 20, 500 // which is more than the system takes for one connection, and 256 KiB
	each := 10
	if starlingtest.RaceEnabled || testing.Short() {
		each = 4
	}
	f := fortify(t, "--outbound-per-conn-max", "262144", "--outbound-max", fmt.Sprint(total))
	before, memory := descriptors(t, f.Server), memoryOf(t, f.Server)
	text := strings.Repeat("x", 16<<10)
	message := func(n int) string { return fmt.Sprintf(`42["news",{"n":%d,"text":%q}]`, n, text) }
	asleep, drowsy, absent := crowd(t, f.Addr, each), crowd(t, f.Addr, each), make([]*pollClient, each)
	for i := range each {
		takes(t, asleep[i], 4<<10)
		takes(t, drowsy[i], 4<<10)
		absent[i] = mustJoinPolling(t, f.Addr)
	}
	readers, steps := crowd(t, f.Addr, each), make(chan error, each*messages)
	var hearing sync.WaitGroup
	for _, c := range readers {
		hearing.Go(func() {
			for n := range messages {
				got, err := c.receive()
				if err == nil && got != message(n) {
					err = fmt.Errorf("a reader got %.40q (%d bytes), want message %d", got, len(got), n)
				}
				if steps <- err; err != nil {
					return
				}
			}
		})
	}
	awake := make(chan struct{})
	for _, c := range drowsy {
		hearing.Go(func() {
			var some [512]byte
			for range awake {
				_, _ = c.Conn.Conn.Read(some[:])
			}
		})
	}
	const reason = `starling_sessions_closed_total{reason="slow consumer"}`
	most := 0
	for n := range messages + ahead {
		if n >= ahead {
			for range each { // nobody who reads falls behind on a busy machine
				if err := <-steps; err != nil {
					t.Fatal(err)
				}
			}
		}
		if n < messages {
			body := map[string]any{"event": "news", "data": map[string]any{"n": n, "text": text}}
			if err := f.Ask("POST", "/v1/broadcast", body, nil); err != nil {
				t.Fatal(err)
			}
		}
		if n%50 == 0 {
			most = max(most, memoryOf(t, f.Server))
			for range drowsy {
				select {
				case awake <- struct{}{}:
				default:
				}
			}
		}
	}
	close(awake)
	eventually(t, "all who are slow are cut off as such", func() bool { return f.Metric(t, reason) == float64(3*each) })
	if more := most - memory; more > total+memoryMax && !starlingtest.RaceEnabled {
		t.Errorf("the server had %d MiB more than before", more>>20)
	}
	for _, c := range asleep {
		c.Close()
	}
	for _, c := range drowsy {
		c.Close()
	}
	hearing.Wait()
	for i := range each {
		absent[i].wantGone(t)
		absent[i].Close()
		if err := readers[i].leave(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "its descriptors are back", func() bool { return descriptors(t, f.Server) <= before+calls })
	f.Stop(t)
	wantNoErrors(t, f.Server)
}

// takes sets how many bytes the client's system takes for it.
func takes(t *testing.T, c *client, bytes int) {
	t.Helper()
	if err := c.Conn.Conn.(interface{ SetReadBuffer(bytes int) error }).SetReadBuffer(bytes); err != nil {
		t.Fatal(err)
	}
}

// TestFaultStorm ends a server without a word, and has its clients come back all at once to one that lets few of them in at a time.
// Those it has no place for yet are told so, and come again: it gets to all of them.
func TestFaultStorm(t *testing.T) {
	t.Parallel()
	const many, perSecond = 300, 100
	s := starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4"))
	clients := crowd(t, s.Addr, many)
	s.Signal(t, syscall.SIGKILL)
	s.Wait(t)
	for _, c := range clients {
		c.wantEnd(t)
	}
	s = starlingtest.Start(t, starlingtest.Serve(t, "--loops", "4", "--addr", s.Addr, "--connect-rate", fmt.Sprint(perSecond)))
	var told atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for {
				c, err := join(s.Addr)
				if errors.As(err, new(starlingtest.RefusedError)) {
					told.Add(1)
					continue
				}
				if err == nil {
					clients[i] = c
					err = c.echo()
				}
				if err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				return
			}
		})
	}
	wg.Wait()
	if told.Load() == 0 {
		t.Error("nobody was told to come again: the test tests nothing")
	}
	for _, c := range clients {
		if err := errors.Join(c.echo(), c.leave()); err != nil {
			t.Error(err)
		}
	}
	s.Stop(t)
	wantNoErrors(t, s)
}
