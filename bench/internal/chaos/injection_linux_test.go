package chaos

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"starling/hub"
)

// child is a process that does nothing, and whose changes of state this test waits for.
func child(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// changes waits until the process has stopped or gone on.
func changes(t *testing.T, pid int) unix.WaitStatus {
	t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WUNTRACED|unix.WCONTINUED, nil); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestPauseProcess(t *testing.T) {
	pid := child(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- PauseProcess(ctx, pid, never) }()
	if status := changes(t, pid); !status.Stopped() {
		t.Errorf("status %x, want stopped", status)
	}
	cancel() // as when the bench is interrupted
	if status := changes(t, pid); !status.Continued() {
		t.Errorf("status %x, want continued", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// A short stop may be taken back before the process has noticed it, and then nothing was changed.
	var status unix.WaitStatus
	for pause := time.Millisecond; status == 0; pause *= 2 {
		if err := PauseProcess(t.Context(), pid, pause); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Wait4(pid, &status, unix.WUNTRACED|unix.WCONTINUED|unix.WNOHANG, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !status.Continued() {
		t.Errorf("when the time is over: status %x, want continued", status)
	}
}

func TestPauseOfNoProcess(t *testing.T) {
	for _, pid := range []int{1, 0, -1} { // nobody wants to pause what these would be
		if err := PauseProcess(t.Context(), pid, 1); !errors.Is(err, ErrPid) {
			t.Errorf("%d: %v, want %v", pid, err, ErrPid)
		}
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := PauseProcess(t.Context(), cmd.Process.Pid, 1); !errors.Is(err, unix.ESRCH) {
		t.Errorf("one that has ended: %v", err)
	}
}

// fakeServer notes what is done to it.
type fakeServer struct {
	mu    sync.Mutex
	pid   int
	calls []string
	fails error
}

func (s *fakeServer) Pid() int       { return s.pid }
func (s *fakeServer) Restart() error { return s.note("restart") }
func (s *fakeServer) Stop() error    { return s.note("stop") }
func (s *fakeServer) note(call string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	return s.fails
}

// phase has the form that scenarios take; that it converts is part of the promise.
type phase struct {
	Name       string
	For        time.Duration
	Rate       float64
	Begin, End func() error
}

// play goes through the phases as a run would, if it had no time.
func play(t *testing.T, i *Injection) (names []string) {
	t.Helper()
	for _, p := range i.Phases() {
		p := phase(p)
		names = append(names, p.Name)
		if err := p.Begin(); err != nil {
			t.Fatalf("begin %s: %v", p.Name, err)
		}
		if err := p.End(); err != nil {
			t.Fatalf("end %s: %v", p.Name, err)
		}
	}
	return names
}

func inject(t *testing.T, text string, scene Scene) *Injection {
	t.Helper()
	s, err := ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Inject(s, scene, 10*second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

func TestInjection(t *testing.T) {
	_, target := startHub(t, hub.Options{})
	server := &fakeServer{pid: child(t)}
	i := inject(t, "1s:half-open=50%:2s,2s:kill:2s,5s:restart:1s,6s:pause=1ms,7s:silent=2:1s,8s:churn-flood=1000/s:1s", Scene{Target: target, Server: server, Innocent: 20})
	got := strings.Join(play(t, i), " ")
	if want := "quiet half-open half-open+kill kill after restart pause after-2 silent churn-flood after-3"; got != want {
		t.Errorf("phases %s, want %s", got, want)
	}
	if want := []string{"restart", "stop", "restart"}; !slices.Equal(server.calls, want) {
		t.Errorf("the server was told %q, want %q", server.calls, want)
	}
	if note := i.Note("quiet"); note != "" {
		t.Errorf("of the quiet: %q", note)
	}
	if note := i.Note("half-open+kill"); !strings.HasPrefix(note, "half-open: ") {
		t.Errorf("of half-open, which ended there: %q", note)
	}
	if note := i.Note("kill"); !strings.HasPrefix(note, "kill: took ") {
		t.Errorf("of the kill, which ended there: %q", note)
	}
	results := i.Close()
	if len(results) != 6 || len(i.Close()) != 6 {
		t.Fatalf("%d results: %v", len(results), results)
	}
	for at, want := range []string{"half-open: ", "kill: took ", "restart: took ", "pause=1ms: took ", "silent: ", "churn-flood: "} {
		if r := results[at]; r.Err != nil || (r.Outcome != nil) != (r.Event.Act == "") || !strings.HasPrefix(r.String(), want) {
			t.Errorf("result %d is %s, want %s…", at, r, want)
		}
	}
	if len(i.running) > 0 {
		t.Errorf("%d attacks go on", len(i.running))
	}
}

// A run that is broken off leaves no attack, and no server that is paused.
func TestInjectionBrokenOff(t *testing.T) {
	server := &fakeServer{pid: child(t)}
	target := script(t, switching, hangUp)
	i := inject(t, "0s:churn-flood=1000/s,1s:pause=1s,5s:kill", Scene{Target: target, Server: server})
	i.events[1].Pause = never
	phases := i.Phases()
	if err := phases[0].Begin(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- phases[1].Begin() }()
	if status := changes(t, server.pid); !status.Stopped() {
		t.Fatalf("status %x, want stopped", status)
	}
	results := i.Close()
	if status := changes(t, server.pid); !status.Continued() {
		t.Errorf("status %x, want continued", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(results) != 2 || results[0].Outcome == nil || results[1].Event.Act != Pause {
		t.Errorf("%v", results)
	}
	for _, p := range phases[2:4] {
		if err := p.Begin(); p.Name == "churn-flood+kill" && !errors.Is(err, ErrClosed) {
			t.Errorf("%s after the end: %v, want %v", p.Name, err, ErrClosed)
		}
	}
	if len(server.calls) > 0 {
		t.Errorf("after the end the server was told %q", server.calls)
	}
}

func TestInjectionFails(t *testing.T) {
	server := &fakeServer{fails: errScript}
	i := inject(t, "0s:restart:1s,1s:kill:1s,2s:pause=1s", Scene{Server: server})
	phases := i.Phases()
	for at, want := range []error{errScript, errScript, ErrPid} {
		if err := phases[at].Begin(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", phases[at].Name, err, want)
		}
		if note := i.Note(phases[at].Name); !strings.Contains(note, want.Error()) {
			t.Errorf("%s: %q, want %v", phases[at].Name, note, want)
		}
	}
	// A server that does not stop is not started a second time beside itself.
	if want := []string{"stop", "restart"}; !slices.Equal(server.calls, want) {
		t.Errorf("the server was told %q, want %q", server.calls, want)
	}
	attack := inject(t, "0s:silent=1", Scene{}) // a target that is none
	if err := attack.Phases()[0].Begin(); !errors.Is(err, ErrTarget) {
		t.Errorf("%v, want %v", err, ErrTarget)
	}
}

func TestInjectRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		s     Schedule
		scene Scene
		err   error
	}{
		{"an act and no server", Schedule{{Act: Kill}}, Scene{}, ErrNoServer},
		{"the restart of somebody else's", Schedule{{Act: Restart}}, Scene{Server: Process(4711)}, ErrNoServer},
		{"too late", Schedule{{At: second, Act: Kill}}, Scene{Server: &fakeServer{}}, ErrTooLate},
		{"an attack that is none", Schedule{{Attack: Spec{Kind: Slow}}}, Scene{}, ErrConnections},
		{"the pause of somebody else's", Schedule{{Act: Pause, Pause: 1}}, Scene{Server: Process(4711)}, nil},
	} {
		i, err := Inject(tc.s, tc.scene, second)
		if !errors.Is(err, tc.err) || (i == nil) != (tc.err != nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
	p := Process(4711)
	if p.Pid() != 4711 || !errors.Is(p.Stop(), ErrNoServer) || !errors.Is(p.Restart(), ErrNoServer) {
		t.Error("a process of somebody else's is not ours to end")
	}
}
