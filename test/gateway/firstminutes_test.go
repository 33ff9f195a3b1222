package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"starling/internal/starlingtest"
)

// TestFirstMinutes does what docs/GETTING-STARTED.md says, in a clean folder and in its order, and wants to see what is printed
// there. Its ports are others, since somebody may be using those, and the client comes from where it is installed already.
func TestFirstMinutes(t *testing.T) {
	text, err := os.ReadFile("../../docs/GETTING-STARTED.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	steps := stepsOf(r.adapt(string(text)))
	if len(steps) < 20 {
		t.Fatalf("there are only %d steps: the text is not understood", len(steps))
	}
	for _, s := range steps {
		r.follow(s)
	}
}

// step is something that the reader does, or looks at.
type step struct {
	kind string // console, js or output
	what string // the command, or the name of the file
	text string // what is printed, or what is in the file
}

var (
	fence    = regexp.MustCompile("(?ms)(?:^`([\\w.]+)`:\n\n)?^```(\\w+)\n(.*?)^```$")
	ellipsis = regexp.QuoteMeta("…")
)

// stepsOf takes the blocks of a text apart. How to build is left out: that is done.
func stepsOf(text string) (steps []step) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		switch file, kind, body := m[1], m[2], m[3]; kind {
		case "console":
			for _, one := range strings.Split(body, "$ ")[1:] {
				command, printed, _ := strings.Cut(one, "\n")
				steps = append(steps, step{kind, command, printed})
			}
		case "js", "output":
			steps = append(steps, step{kind, file, body})
		}
	}
	return steps
}

// reader is somebody who follows the text.
type reader struct {
	t       *testing.T
	dir     string
	env     []string
	ports   [2]string // in place of 8080 and 9090
	running []*program
}

// program is what runs in a terminal of its own.
type program struct {
	command string
	cmd     *exec.Cmd
	out     printed
	ended   chan struct{}
}

// printed is what a program prints, but for its log.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

var logLine = regexp.MustCompile(`(?m)^time=.*\n`)

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return logLine.ReplaceAllString(p.text.String(), "")
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir()}
	bin := t.TempDir()
	if err := os.Symlink(starlingtest.ServerBinary(t), filepath.Join(bin, "starling")); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "bench"), "../../bench")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.ports = freePorts(t)
	r.env = starlingtest.Environ("PATH="+bin+":"+os.Getenv("PATH"),
		"STARLING_ADDR=127.0.0.1:"+r.ports[0], "STARLING_API_ADDR=127.0.0.1:"+r.ports[1])
	t.Cleanup(r.endAll)
	return r
}

// freePorts are two ports that nobody listens on, below those that outgoing connections take.
func freePorts(t *testing.T) (ports [2]string) {
	t.Helper()
	found := 0
	for port := 20_000 + os.Getpid()%5_000; found < len(ports); port++ {
		if port == 32_000 {
			t.Fatal("there are no free ports")
		}
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer ln.Close()
			ports[found] = fmt.Sprint(port)
			found++
		}
	}
	return ports
}

// adapt is the text with the ports of this test.
func (r *reader) adapt(text string) string {
	return strings.NewReplacer("8080", r.ports[0], "9090", r.ports[1]).Replace(text)
}

func (r *reader) follow(s step) {
	r.t.Helper()
	switch {
	case s.kind == "js":
		if err := os.WriteFile(filepath.Join(r.dir, s.what), []byte(s.text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	case s.kind == "output": // of the client, which runs on
		p := r.running[len(r.running)-1]
		r.expect(p, p.command, s.text)
	case strings.HasPrefix(s.what, "npm install"):
		if err := os.CopyFS(filepath.Join(r.dir, "node_modules"), os.DirFS("../client/node_modules")); err != nil {
			r.t.Fatalf("the client is not installed: run `make test`: %v", err)
		}
	case strings.HasPrefix(s.what, "export "):
		r.export(s.what)
	default:
		r.run(s)
	}
}

// export takes variables over from a shell.
func (r *reader) export(line string) {
	cmd := exec.Command("bash", "-c", line+" && env -0")
	cmd.Env = r.env
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	r.env = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// run runs a command until all that it is to print is there. Servers and clients run on; a server takes the place of the last one.
func (r *reader) run(s step) {
	r.t.Helper()
	serves, stays := strings.HasPrefix(s.what, "starling serve"), strings.HasPrefix(s.what, "node ")
	if serves {
		r.endAll()
	}
	p := r.start(s.what)
	r.expect(p, s.what, s.text)
	switch {
	case serves && !strings.HasPrefix(s.text, "starling: "):
		r.awaitReady(p)
	case !serves && !stays:
		select {
		case <-p.ended:
		case <-time.After(starlingtest.Patience):
			r.t.Fatalf("%s does not end", s.what)
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 && code != excused(s.what) {
			r.t.Fatalf("$ %s\n%s\nand ends with %d", s.what, &p.out, code)
		}
		r.running = r.running[:len(r.running)-1]
	}
	r.note("KEY", `dev_[0-9a-f]+`, p)
	r.note("ID", `my socket id is (\S+)`, p)
}

// excused is an exit code besides 0 that a machine may be the reason for: one that is too busy to measure on, or that lacks
// something.
func excused(command string) int {
	switch program, rest, _ := strings.Cut(command, " "); {
	case program == "bench":
		return 3
	case strings.HasPrefix(rest, "doctor"):
		return 1
	}
	return 0
}

// note makes a variable of something that was printed, if it was.
func (r *reader) note(name, pattern string, p *program) {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(p.out.String()); m != nil {
		r.env = append(r.env, name+"="+m[len(m)-1])
	}
}

func (r *reader) start(command string) *program {
	r.t.Helper()
	p := &program{command: command, ended: make(chan struct{})}
	p.cmd = exec.Command("bash", "-c", "exec "+command)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = r.dir, r.env, &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.running = append(r.running, p)
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p
}

// expect wants a program to print something, among more.
func (r *reader) expect(p *program, command, want string) {
	r.t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), ellipsis, `[^\n]*`)
	re := regexp.MustCompile("(?m)^" + pattern)
	for deadline := time.Now().Add(starlingtest.Patience); !re.MatchString(p.out.String()); {
		select {
		case <-p.ended:
			if !re.MatchString(p.out.String()) {
				r.t.Fatalf("$ %s\n%s\nbut the text says that it prints\n%s", command, &p.out, want)
			}
		case <-time.After(10 * time.Millisecond):
			if time.Now().After(deadline) {
				r.t.Fatalf("$ %s\n%s\nand goes on, but the text says that it prints\n%s", command, &p.out, want)
			}
		}
	}
}

// awaitReady waits until the server accepts clients.
func (r *reader) awaitReady(p *program) {
	r.t.Helper()
	eventually(r.t, "the server is ready", func() bool {
		select {
		case <-p.ended:
			r.t.Fatalf("%s has ended: %s", p.command, &p.out)
		default:
		}
		ctx, cancel := context.WithTimeout(r.t.Context(), starlingtest.Patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+r.ports[0]+"/readyz", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// endAll ends what runs, the server last.
func (r *reader) endAll() {
	for _, p := range slices.Backward(r.running) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.ended:
		case <-time.After(starlingtest.Patience):
			_ = p.cmd.Process.Kill()
			r.t.Errorf("%s does not end", p.command)
		}
	}
	r.running = nil
}
