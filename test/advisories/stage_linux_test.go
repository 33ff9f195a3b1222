package advisories_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// stage is a server with an audience, and what the server had when nothing had happened yet.
type stage struct {
	*starlingtest.Server
	deflates      bool
	audience      *audience
	files, memory int
}

// kind is how a server was started.
type kind string

const (
	plain    kind = ""
	deflates kind = "--per-message-deflate"
	small    kind = "--per-message-deflate --max-payload 128"
	large    kind = "--per-message-deflate --max-payload 16777216"
	wildcard kind = "--origins https://*.example.com --credentials"
	alone    kind = "-" // each input has a server of its own
)

func newStage(t *testing.T, k kind) *stage {
	t.Helper()
	flags := append([]string{"--loops", "2"}, strings.Fields(string(k))...)
	s := &stage{Server: starlingtest.Start(t, starlingtest.Serve(t, flags...)), deflates: strings.Contains(string(k), "--per-message-deflate")}
	s.audience = newAudience(t, s)
	s.files, s.memory = s.descriptors(t), s.memoryPeak(t)
	return s
}

// audience are innocent clients of both transports in a room, and one who speaks to that room.
type audience struct {
	speaker   *peer
	listeners []*peer
	said      int
}

func newAudience(t *testing.T, s *stage) *audience {
	t.Helper()
	a := new(audience)
	come := func(how transport) *peer {
		p, err := enter(s, how, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.close)
		return p
	}
	a.speaker = come(webSocket)
	for _, how := range everyWay {
		p := come(how)
		if how == polling {
			p.poll.Close() // at rest it has no connection: the server ends those that nobody uses for long
			p.poll.Brief = true
		}
		a.listeners = append(a.listeners, p)
		if got, err := p.exchange(`421["join","audience"]`); err != nil || got != `431["ok"]` {
			t.Fatalf("a join was answered with %q, %v", got, err)
		}
	}
	if err := a.round(); err != nil {
		t.Fatal(err)
	}
	return a
}

// round has one message said and heard: it is the next thing that everybody hears.
func (a *audience) round() error {
	a.said++
	got, err := a.speaker.exchange(fmt.Sprintf(`42%d["room","audience",%d]`, a.said, a.said))
	if want := fmt.Sprintf(`43%d["ok"]`, a.said); err != nil || got != want {
		return fmt.Errorf("the speaker got %.200q, %w; want %q", got, err, want)
	}
	for _, l := range a.listeners {
		got, err := l.receive()
		if want := fmt.Sprintf(`42["room","audience",%d]`, a.said); err != nil || got != want {
			return fmt.Errorf("in the audience, %s: got %.200q, %w; want %q", l.how, got, err, want)
		}
	}
	return nil
}

// paceOfSpeech leaves some of a small machine to the rest of the test.
const paceOfSpeech = 2 * time.Millisecond

// during does something while the audience goes on with at least one message.
func (a *audience) during(t *testing.T, do func()) {
	t.Helper()
	var over atomic.Bool
	ended := make(chan error, 1)
	go func() {
		pace := time.NewTicker(paceOfSpeech)
		defer pace.Stop()
		err := a.round()
		for err == nil && !over.Load() {
			<-pace.C
			err = a.round()
		}
		ended <- err
	}()
	defer func() {
		over.Store(true)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// memoryMax is how much more memory, in bytes, the server may ever have than at first: garbage that is not collected yet, and
// arenas that are not given back. What an advisory would cost that is not averted is far more.
const memoryMax = 96 << 20

// withstands does something to the server, which must be none the worse for it.
func (s *stage) withstands(t *testing.T, do func()) {
	t.Helper()
	s.audience.during(t, do)
	s.Running(t)
	eventually(t, fmt.Sprintf("the server has its %d descriptors again", s.files), func() bool { return s.descriptors(t) == s.files })
	if more := s.memoryPeak(t) - s.memory; more > memoryMax && !starlingtest.RaceEnabled {
		t.Errorf("the server had %d MiB more than at first", more>>20)
	}
}

// end stops the server, whose log must tell of no fault of its own.
func (s *stage) end(t *testing.T) {
	t.Helper()
	for _, p := range append(s.audience.listeners, s.audience.speaker) {
		p.close() // so that the server need not wait for anybody
	}
	s.Stop(t)
	for _, e := range s.Log(t) {
		if e.Level == "ERROR" || e.Level == "" {
			t.Errorf("the log has %+v", e)
		}
	}
}

// descriptors is how many files and sockets the server has open.
func (s *stage) descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// memoryPeak is the most memory, in bytes, that the server has ever had.
func (s *stage) memoryPeak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	before, _, _ := strings.Cut(after, "kB")
	kib, convErr := strconv.Atoi(strings.TrimSpace(before))
	if err := errors.Join(err, convErr); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// eventually waits for something of which no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(starlingtest.Patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}
