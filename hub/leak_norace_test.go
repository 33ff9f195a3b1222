//go:build linux && !race

package hub

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/internal/invariants"
	"starling/wsproto"
)

// TestLeaks has 100,000 clients come, join, emit and go, in each way in which one can go: then there are as many
// goroutines and descriptors as before, and as much memory.
func TestLeaks(t *testing.T) {
	cycles := 100_000
	if testing.Short() || invariants.Enabled {
		cycles = 5_000
	}
	s := start(t, Options{CleanupEmptyChildNamespaces: true}, func(s *Server) {
		s.OfFunc(func(name string, _ Raw) bool { return strings.HasPrefix(name, "/w") }).OnConnect(func(s *Socket) {})
		s.OnLoop("join", func(s *Socket, e *Event) {
			_ = s.Join("everybody", string(e.Raw(0)))
			_ = s.nsp.To(string(e.Raw(0))).Emit("joined", e.Raw(0))
		})
		s.On("ask", func(s *Socket, e *Event) {
			_ = s.EmitAck(time.Hour, "never answered", func(*Reply, error) {})
			s.SetData(s.ID())
			_ = e.Ack(1)
		})
		s.OnRoom(func(RoomEvent) {})
	})
	comeAndGo(t, s, 5_000) // so that what is made once has been made
	before := measure(t, s)
	for round := 1; ; round++ {
		comeAndGo(t, s, cycles)
		var after holdings
		eventually(t, fmt.Sprintf("there are no more goroutines and descriptors than before: %+v", before), func() bool {
			after = measure(t, s)
			return after.goroutines <= before.goroutines && after.files <= before.files
		})
		t.Logf("before %+v, after %d cycles %+v", before, cycles, after)
		if after.heap-before.heap <= before.heap/50 {
			return
		}
		// What leaks grows in each round. A queue that was longer than ever before, because the machine was busy, does not.
		if round == 3 {
			t.Fatalf("the heap has grown in %d rounds, from %d to %d bytes in the last", round, before.heap, after.heap)
		}
		before = after
	}
}

// holdings are what a process has.
type holdings struct{ goroutines, files, heap int }

// measure waits until everybody has gone, and for what is let go of a moment later.
func measure(t *testing.T, s *Server) (h holdings) {
	t.Helper()
	eventually(t, "all have gone", func() bool { return s.Connections() == 0 && s.SocketsCount() == 0 && len(s.Namespaces()) == 1 })
	parked := 0 // goroutines that wait for work: there may be more of them than before
	eventually(t, "handlers rest", func() bool {
		s.workers.mu.Lock()
		defer s.workers.mu.Unlock()
		parked = s.workers.parked
		return s.workers.busy == 0 && !s.workers.searching && len(s.workers.waiting) == 0
	})
	for range 4 { // pools let go of what they hold in two steps
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{runtime.NumGoroutine() - parked, len(files), int(m.HeapAlloc)}
}

// comeAndGo has clients come and go, some at a time.
func comeAndGo(t *testing.T, s *Server, n int) {
	t.Helper()
	const atATime = 16
	var wg sync.WaitGroup
	for w := range atATime {
		wg.Go(func() {
			for i := w; i < n && !t.Failed(); i += atATime {
				if err := cycle(s.Addr().String(), i); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// cycle is one client's life: it connects to a namespace or two, joins a room, gets what it emits, and goes.
func cycle(addr string, i int) error {
	source := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%16))} // one address has 28,000 ports
	c, err := (&net.Dialer{LocalAddr: source}).Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	out := wsproto.AppendUpgradeRequest(nil, "x", "/socket.io/?EIO=4&transport=websocket", "dGhlIHNhbXBsZSBub25jZQ==")
	for _, m := range []string{"40", fmt.Sprintf("40/w%d,", i%50), fmt.Sprintf(`42["join",%d]`, i%1000), `421["ask"]`} {
		out = appendMessage(out, m)
	}
	if _, err := c.Write(out); err != nil {
		return err
	}
	if err := readAll(c, `431[1]`, fmt.Sprintf(`42["joined",%d]`, i%1000), "40/w"); err != nil {
		return err
	}
	switch i % 4 {
	case 0: // it goes without a word
		_ = c.(*net.TCPConn).SetLinger(0)
	case 1:
		_, err = c.Write(appendMessage(nil, "41"))
	case 2:
		_, err = c.Write(wsproto.AppendMaskedFrame(nil, wsproto.OpClose, mask, []byte{3, 232}))
		_, _ = io.Copy(io.Discard, c)
	}
	return err
}

// readAll reads until all of some texts have come.
func readAll(c net.Conn, texts ...string) error {
	var got []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return fmt.Errorf("%w behind %q", err, got)
		}
		got = append(got, buf[:n]...)
		missing := false
		for _, text := range texts {
			missing = missing || !bytes.Contains(got, []byte(text))
		}
		if !missing {
			return nil
		}
	}
}
