package server_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"starling/internal/starlingtest"
)

// TestLeakCycles has clients connect, join a room, emit to it and go, by WebSockets, by polling, by an upgrade, in order and cut in the
// middle of everything. When they are gone the server is as it was after the first of them: no descriptor and no goroutine more, and no
// memory. STARLING_CYCLES says how many there are.
func TestLeakCycles(t *testing.T) {
	t.Parallel()
	cycles := countOf(t, "STARLING_CYCLES", manyOf(10_000))
	warm := min(max(cycles/10, 1000), 50_000)
	// Whoever polls and vanishes is found by the heartbeat alone.
	f := fortify(t, "--dev", "--pprof", "--ping-interval", "2s", "--ping-timeout", "5s")
	crew := newCrew(t, f.Addr)
	crew.cycle(t, warm)
	before := f.settled(t, crew)
	crew.cycle(t, cycles)
	after := f.settled(t, crew)
	crew.leave(t)
	t.Logf("after %d cycles: %v", warm, before)
	t.Logf("after %d more:   %v", cycles, after)
	if after.files > before.files+calls {
		t.Errorf("%d descriptors, and %d before", after.files, before.files)
	}
	if after.goroutines > before.goroutines+calls {
		t.Errorf("%v goroutines, and %v before", after.goroutines, before.goroutines)
	}
	if most := before.heap*105/100 + 2<<20; after.heap > most {
		t.Errorf("%d bytes of heap are in use, and %d were before", after.heap, before.heap)
	}
	if most := before.rss*105/100 + 8<<20; after.rss > most && !starlingtest.RaceEnabled {
		t.Errorf("%d bytes are resident, and %d were before", after.rss, before.rss)
	}
	f.Stop(t)
	wantNoErrors(t, f.Server)
}

// countOf is a number from the environment, which long runs have larger.
func countOf(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > math.MaxInt32 {
		t.Fatalf("%s=%s is no number of times", name, text)
	}
	return n
}

// footprint is what a server has.
type footprint struct {
	files, rss, heap int
	goroutines       float64
}

func (p footprint) String() string {
	return fmt.Sprintf("%d descriptors, %v goroutines, heap %d KiB, RSS %d KiB", p.files, p.goroutines, p.heap>>10, p.rss>>10)
}

// settled waits until nobody is there but the crew, and looks at what the server has behind a collection of its garbage.
func (f *fortress) settled(t *testing.T, c *crew) footprint {
	t.Helper()
	inside := float64(len(c.residents))
	for name, want := range map[string]float64{
		`starling_sessions{transport="websocket"}`: inside, `starling_sessions{transport="polling"}`: 0, "starling_connections": inside, "starling_sockets": inside,
	} {
		eventually(t, fmt.Sprintf("%s is %v again", name, want), func() bool { return f.Metric(t, name) == want })
	}
	p := footprint{heap: f.heapInUse(t)}
	p.goroutines, p.files, p.rss = f.Metric(t, "go_goroutines"), descriptors(t, f.Server), memoryOf(t, f.Server)
	return p
}

// heapInUse has the server collect its garbage, twice so that pools are empty too, and says what is left.
func (f *fortress) heapInUse(t *testing.T) (bytes int) {
	t.Helper()
	for range 2 {
		r, err := http.NewRequest(http.MethodGet, f.URL+"/debug/pprof/heap?gc=1&debug=1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+attackKey)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		_, rest, found := strings.Cut(string(text), "# HeapAlloc = ")
		if err != nil || !found {
			t.Fatalf("%s, %v, and no HeapAlloc", answer.Status, err)
		}
		if _, err := fmt.Sscan(rest, &bytes); err != nil {
			t.Fatal(err)
		}
	}
	return bytes
}

// crew are the workers that go through the cycles, and in the room of each a resident that hears what its clients say.
type crew struct {
	addr      string
	residents []*client
	heard     atomic.Int64
	listening sync.WaitGroup
	leaving   atomic.Bool
}

const crewWorkers = 16

func newCrew(t *testing.T, addr string) *crew {
	t.Helper()
	c := &crew{addr: addr}
	for w := range crewWorkers {
		r := mustJoin(t, addr)
		if err := wantJoined(r.exchange(joinRoom(w))); err != nil {
			t.Fatal(err)
		}
		c.residents = append(c.residents, r)
		c.listening.Go(func() {
			for {
				switch got, err := r.receive(); {
				case c.leaving.Load():
					return
				case err != nil || !strings.HasPrefix(got, `42["client:news",`):
					t.Errorf("resident %d got %q, %v", w, got, err)
					return
				}
				c.heard.Add(1)
			}
		})
	}
	return c
}

func (c *crew) leave(t *testing.T) {
	t.Helper()
	c.leaving.Store(true)
	for _, r := range c.residents {
		if err := r.Reset(); err != nil {
			t.Error(err)
		}
	}
	c.listening.Wait()
}

// cycle has so many clients come and go, and wants the residents to hear each that has got to say something.
func (c *crew) cycle(t *testing.T, many int) {
	t.Helper()
	before := c.heard.Load()
	var next, said atomic.Int64
	var working sync.WaitGroup
	for w := range crewWorkers {
		working.Go(func() {
			for i := next.Add(1); i <= int64(many) && !t.Failed(); i = next.Add(1) {
				way := ways[i%int64(len(ways))]
				if err := way.travel(c.addr, w); err != nil {
					t.Errorf("client %d, %s: %v", i, way.name, err)
				} else if way.speaks {
					said.Add(1)
				}
			}
		})
	}
	working.Wait()
	if !t.Failed() {
		eventually(t, "the residents have heard everybody", func() bool { return c.heard.Load() == before+said.Load() })
	}
}

// What the clients of worker w say, and are answered.
func joinRoom(w int) string { return fmt.Sprintf(`420["join","cycle:%d"]`, w) }
func emitNews(w int) string { return fmt.Sprintf(`421["emit","cycle:%d","client:news",%d]`, w, w) }

var errAnswer = errors.New("not the answer")

func wantJoined(got string, err error) error { return wantAnswer("430", got, err) }

func wantAnswer(id, got string, err error) error {
	if err == nil && !strings.HasPrefix(got, id+`[{"room":"cycle:`) {
		err = fmt.Errorf("%w: %q", errAnswer, got)
	}
	return err
}

// ways are how a client may come and go.
var ways = []struct {
	name   string
	speaks bool
	travel func(addr string, w int) error
}{
	{"a WebSocket that leaves", true, func(addr string, w int) error { return byWebSocket(addr, w, (*client).leave) }},
	{"a WebSocket that is reset", true, func(addr string, w int) error {
		return byWebSocket(addr, w, func(c *client) error { return c.Reset() })
	}},
	{"a WebSocket that is cut in a frame", true, func(addr string, w int) error { return byWebSocket(addr, w, cutInFrame) }},
	{"a WebSocket that disconnects and hangs up", true, func(addr string, w int) error {
		return byWebSocket(addr, w, func(c *client) error { return errors.Join(c.send("41"), c.Close()) })
	}},
	{"a WebSocket that is cut at its handshake", false, cutAtHandshake},
	{"polling that leaves", true, func(addr string, w int) error { return byPolling(addr, w, (*pollClient).leave) }},
	{"polling that vanishes", true, func(addr string, w int) error {
		return byPolling(addr, w, func(c *pollClient) error { c.Close(); return nil })
	}},
	{"polling that is cut in a POST", true, func(addr string, w int) error { return byPolling(addr, w, cutInPost) }},
	{"an upgrade, and then it leaves", true, func(addr string, w int) error { return byUpgrade(addr, w, 3) }},
	{"an upgrade that is cut behind the probe", false, func(addr string, w int) error { return byUpgrade(addr, w, 1) }},
	{"an upgrade that is cut behind the change", false, func(addr string, w int) error { return byUpgrade(addr, w, 2) }},
}

func byWebSocket(addr string, w int, end func(*client) error) error {
	c, err := join(addr)
	if err != nil {
		return err
	}
	if err := errors.Join(c.enterRoom(w), end(c)); err != nil {
		return errors.Join(err, c.Close())
	}
	return nil
}

// enterRoom joins the worker's room and speaks in it.
func (c *client) enterRoom(w int) error {
	if err := wantJoined(c.exchange(joinRoom(w))); err != nil {
		return err
	}
	got, err := c.exchange(emitNews(w))
	return wantAnswer("431", got, err)
}

func cutInFrame(c *client) error {
	frame := starlingtest.Masked(starlingtest.Text, []byte(`42["emit","cycle:0","client:news","never"]`))
	_, err := c.Write(frame[:len(frame)/2])
	return errors.Join(err, c.Reset())
}

func cutAtHandshake(addr string, w int) error {
	c, err := starlingtest.TryDial(addr)
	if err != nil {
		return err
	}
	request := starlingtest.UpgradeRequest(target)
	_, err = c.Write([]byte(request[:len(request)-w%8])) // with all of it now and then
	return errors.Join(err, c.Reset())
}

func byPolling(addr string, w int, end func(*pollClient) error) error {
	c, err := joinPolling(addr)
	if err != nil {
		c.Close()
		return err
	}
	if err := wantJoined(c.ask(joinRoom(w))); err != nil {
		c.Close()
		return err
	}
	got, err := c.ask(emitNews(w))
	if err = wantAnswer("431", got, err); err != nil {
		c.Close()
		return err
	}
	return end(c)
}

// ask sends an event and waits for its acknowledgement, past heartbeats.
func (c *pollClient) ask(packet string) (string, error) {
	if err := c.Post(packet); err != nil {
		return "", err
	}
	for {
		packets, err := c.Get()
		if err != nil {
			return "", err
		}
		if at := slices.Index(packets, "2"); at >= 0 {
			if err := c.Post("3"); err != nil {
				return "", err
			}
			packets = slices.Delete(packets, at, at+1)
		}
		// What others say in the room may stand around it.
		packets = slices.DeleteFunc(packets, func(p string) bool { return strings.HasPrefix(p, `42["client:news",`) })
		if len(packets) > 0 {
			return packets[0], nil
		}
	}
}

func cutInPost(c *pollClient) error {
	defer c.Close()
	up, err := c.Up()
	if err != nil {
		return err
	}
	request := c.PostRequest(`42["emit","cycle:0","client:news","never"]`)
	_, err = up.Write([]byte(request[:len(request)-5]))
	return err
}

// byUpgrade goes over from polling, as far as a step: 1 is 3probe, 2 is the change, 3 is all that a client does.
func byUpgrade(addr string, w, step int) error {
	p, err := joinPolling(addr)
	if err != nil {
		p.Close()
		return err
	}
	defer p.Close()
	conn, err := starlingtest.TryDial(addr)
	if err != nil {
		return err
	}
	c := &client{Conn: conn}
	if err := c.Upgrade(p.UpgradeTarget()); err != nil {
		return errors.Join(err, conn.Close())
	}
	if got, err := c.exchange("2probe"); err != nil || got != "3probe" {
		return errors.Join(fmt.Errorf("%w: %q, %v", errAnswer, got, err), conn.Close())
	}
	if step == 1 {
		return c.Reset()
	}
	if err := c.send("5"); err != nil || step == 2 {
		return errors.Join(err, c.Reset())
	}
	return errors.Join(c.enterRoom(w), c.leave())
}
