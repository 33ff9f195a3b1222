package server_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// TestFaultMemoryOfACgroup has clients that do not read cost more memory than the server's cgroup has. It knows that limit by itself. The
// kernel never ends it, and those who read have everything.
func TestFaultMemoryOfACgroup(t *testing.T) {
	t.Parallel()
	if starlingtest.RaceEnabled {
		t.Skip("with the race detector the process has many times the memory that it asks for")
	}
	const most, stalled, size, each = 256 << 20, 24, 900_000, 13
	group := newMemoryGroup(t, most)
	cmd := starlingtest.Gateway(t, "--anonymous", "--loops", "4", "--outbound-per-conn-max", "33554432", "--outbound-max", fmt.Sprint(most/2))
	cmd.Env = append(cmd.Env, "STARLING_API_KEYS="+attackKey)
	s := starlingtest.Start(t, group.around(cmd))
	f := &fortress{s, starlingtest.ControlOf(t, s, attackKey)}
	if got := f.Metric(t, "starling_memory_limit_bytes"); got != most {
		t.Fatalf("it knows of %v bytes, want the %d of its cgroup", got, most)
	}
	a := f.seat(t)
	asleep := crowd(t, f.Addr, stalled)
	for _, c := range asleep {
		takes(t, c, 4<<10)
	}
	text := strings.Repeat("x", size)
	a.during(t, func() {
		for range each {
			for _, c := range asleep { // each gets bytes of its own
				err := f.Ask("POST", "/v1/sockets/"+c.id+"/emit", map[string]any{"event": "large", "data": text}, nil)
				if err != nil && !strings.Contains(err.Error(), "404") { // some are gone by now, as they are to be
					t.Fatal(err)
				}
			}
		}
	})
	const reason = `starling_sessions_closed_total{reason="slow consumer"}`
	if f.Metric(t, reason) == 0 {
		t.Error("nobody was cut off: there was memory enough, and the test tests nothing")
	}
	for _, c := range asleep {
		_ = c.Reset()
	}
	eventually(t, "all is well again", func() bool { return f.Metric(t, `starling_memory_guard_state{state="ok"}`) == 1 })
	if err := joinAgain(t, f.Addr).leave(); err != nil {
		t.Error(err)
	}
	a.dismiss(t)
	if killed := group.kills(t); killed != "0" {
		t.Errorf("the kernel has ended %s processes of the group", killed)
	}
}

// memoryGroup is a control group of its own, with a limit of memory.
type memoryGroup struct {
	dir   string
	kills func(t *testing.T) string // how many processes the kernel has ended because the memory was used up
}

// newMemoryGroup makes a group within this process's own, which takes rights, and a system that lets it.
func newMemoryGroup(t *testing.T, limit int) memoryGroup {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	var errs []error
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path: cgroups(7)
		root, file, kills := "/sys/fs/cgroup", "memory.max", "memory.events"
		switch {
		case len(fields) < 3 || fields[1] != "memory" && fields[1] != "":
			continue
		case fields[1] == "memory": // version 1
			root, file, kills = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"
		}
		dir := filepath.Join(root, fields[2], fmt.Sprintf("starling-test-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			errs = append(errs, err)
			continue
		}
		t.Cleanup(func() { eventually(t, "the group is empty", func() bool { return os.Remove(dir) == nil }) })
		if err := os.WriteFile(filepath.Join(dir, file), fmt.Append(nil, limit), 0); err != nil {
			errs = append(errs, err)
			continue
		}
		return memoryGroup{dir, func(t *testing.T) string { return rowOf(t, filepath.Join(dir, kills), "oom_kill") }}
	}
	t.Skipf("no cgroup with a limit of memory can be made here: %v", errors.Join(errs...))
	return memoryGroup{}
}

// rowOf is the value of a row "name value" in a file.
func rowOf(t *testing.T, file, name string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%s has no %s:\n%s", file, name, text)
	return ""
}

// around is a command within the group: a shell that has entered it becomes the command.
func (g memoryGroup) around(cmd *exec.Cmd) *exec.Cmd {
	script := `echo $$ > "$0" && exec "$@"`
	within := exec.Command("sh", append([]string{"-c", script, filepath.Join(g.dir, "cgroup.procs")}, cmd.Args...)...)
	within.Env = cmd.Env
	return within
}
