package proc

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseSchedstat(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     time.Duration
		ok       bool
	}{
		{"running, waiting, slices", "1234567890 42 7\n", 1234567890, true},
		{"empty", "", 0, false},
		{"not a number", "x 1 2", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := parseSchedstat([]byte(tc.in))
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("%v %v, want %v %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     time.Duration
		ok       bool
	}{
		{"plain", "7 (server) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 99", 2 * time.Second, true},
		{"a name with spaces and parentheses", "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 1 2 0 0", 30 * time.Millisecond, true},
		{"cut", "7 (server) S 1 7", 0, false},
		{"not numbers", "7 (server) S 1 7 7 0 -1 4194560 100 0 0 0 x y 0 0", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := parseStat([]byte(tc.in))
			if ok != tc.ok || got != tc.want {
				t.Errorf("%v %v, want %v %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	in := "Name:\tserver\nVmHWM:\t    9000 kB\nVmRSS:\t    4100 kB\nRssAnon:\t    2050 kB\nRssFile:\t 2050 kB\n"
	if got := parseStatus([]byte(in)); got != (Memory{RSS: 4100 << 10, RSSAnon: 2050 << 10}) {
		t.Errorf("%+v", got)
	}
}

func TestParseSoftnet(t *testing.T) {
	if got := parseSoftnet("01919280 00001adb 00000000\n00b7530e 00000005 00000000\n\n"); got != 0x1ae0 {
		t.Errorf("%#x", got)
	}
}

func TestParseNetstat(t *testing.T) {
	const text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 33 44\nIpExt: InNoRoutes ListenOverflows\nIpExt: 5 6\n"
	for _, tc := range []struct {
		name, text string
		want       uint64
	}{
		{"ListenOverflows", text, 33},
		{"Nothing", text, 0},
		{"ListenDrops", "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 33\n", 0},
		{"ListenDrops", "", 0},
	} {
		if got := parseNetstat(tc.text, tc.name); got != tc.want {
			t.Errorf("%s in %q: %d, want %d", tc.name, tc.text, got, tc.want)
		}
	}
}

func TestReadingsOfThisProcess(t *testing.T) {
	cpu := NewCPU(os.Getpid())
	before, err := cpu.Read()
	if err != nil {
		t.Fatal(err)
	}
	after, err := cpu.Read()
	if err != nil || after < before || after == 0 {
		t.Errorf("%v after %v: %v", after, before, err)
	}
	m, err := ReadMemory(os.Getpid())
	if err != nil || m.RSS == 0 || m.RSSAnon == 0 || m.RSSAnon > m.RSS {
		t.Errorf("%+v: %v", m, err)
	}
	if DescriptorLimit(os.Getpid()) == 0 {
		t.Error("this process may open nothing")
	}
}

func TestReadingsOfNoProcess(t *testing.T) {
	const nobody = 1 << 30
	if _, err := NewCPU(nobody).Read(); !errors.Is(err, ErrProcess) {
		t.Errorf("CPU: %v", err)
	}
	if _, err := readStat(nobody); !errors.Is(err, ErrProcess) {
		t.Errorf("stat: %v", err)
	}
	if _, err := ReadMemory(nobody); !errors.Is(err, ErrProcess) {
		t.Errorf("memory: %v", err)
	}
	if DescriptorLimit(nobody) != 0 {
		t.Error("it has a limit")
	}
}

// An ended thread's time stays in the sum.
func TestCPUNeverFalls(t *testing.T) {
	cpu := NewCPU(os.Getpid())
	cpu.tasks["1"] = time.Hour
	if used, err := cpu.Read(); err != nil || used < time.Hour {
		t.Errorf("%v %v", used, err)
	}
}

func TestParseCPUs(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     CPUs
		err      error
	}{
		{"any", "", nil, nil},
		{"one", "3", CPUs{3}, nil},
		{"several", "0,2", CPUs{0, 2}, nil},
		{"range and one", "1-3,7", CPUs{1, 2, 3, 7}, nil},
		{"not a number", "a", nil, ErrCPUs},
		{"backwards", "3-1", nil, ErrCPUs},
		{"negative", "-1", nil, ErrCPUs},
		{"beyond what a set holds", "1024", nil, ErrCPUs},
		{"empty part", "1,", nil, ErrCPUs},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseCPUs(tc.in)
			if !errors.Is(err, tc.err) || err == nil && !slices.Equal(got, tc.want) {
				t.Errorf("%v %v, want %v %v", got, err, tc.want, tc.err)
			}
		})
	}
	if one := (CPUs{4, 5}).One(3); !slices.Equal(one, CPUs{5}) {
		t.Errorf("the fourth of two: %v", one)
	}
	if s := (CPUs{4, 5}).String(); s != "4,5" {
		t.Errorf("%q", s)
	}
}

func shell(script string, out *strings.Builder) Spec {
	return Spec{Argv: []string{"/bin/sh", "-c", script}, Env: []string{"WORD=hello"}, Stdout: out}
}

func TestChildIsPinnedFromItsFirstInstruction(t *testing.T) {
	allowed := AllowedCPUs()
	last := allowed[len(allowed)-1:]
	var out strings.Builder
	spec := shell("grep Cpus_allowed_list /proc/self/status; echo $WORD", &out)
	spec.CPUs = last
	c, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Ended()
	if want := "Cpus_allowed_list:\t" + last.String() + "\nhello\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if now := AllowedCPUs(); !slices.Equal(now, allowed) {
		t.Errorf("this process may now run on %v, before on %v", now, allowed)
	}
}

func TestStop(t *testing.T) {
	c, err := Start(shell("exec sleep 100", &strings.Builder{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(time.Minute); err != nil {
		t.Errorf("a process that obeys: %v", err)
	}
}

func TestStopKills(t *testing.T) {
	ready, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	spec := shell("trap '' TERM; echo; while :; do sleep 1; done", nil)
	spec.Stdout = out
	c, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, err := ready.Read(make([]byte, 1)); err != nil { // it does not listen from here on
		t.Fatal(err)
	}
	if err := c.Stop(time.Millisecond); !errors.Is(err, ErrEnded) {
		t.Errorf("a process that does not obey: %v, want %v", err, ErrEnded)
	}
}

// What the process has started dies with it.
func TestKill(t *testing.T) {
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	c, err := Start(Spec{Argv: []string{"/bin/sh", "-c", "trap '' TERM; sleep 600 & echo started; wait"}, Stdout: out})
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(from)
	if line, err := lines.ReadString('\n'); line != "started\n" {
		t.Fatalf("%q %v", line, err)
	}
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := lines.ReadString('\n'); err != io.EOF { // nobody holds the other end any more
		t.Errorf("after the kill: %v", err)
	}
	if err := c.Kill(); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("again: %v", err)
	}
}

func TestFaultTellsTheLastWords(t *testing.T) {
	c, err := Start(shell("yes long | head -c 10000 >&2; echo last words >&2; exit 3", &strings.Builder{}))
	if err != nil {
		t.Fatal(err)
	}
	<-c.Ended()
	err = c.Stop(time.Minute)
	if !errors.Is(err, ErrEnded) || !strings.HasSuffix(err.Error(), "last words") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	if len(c.words.String()) > tailBytesMax {
		t.Errorf("%d bytes kept", len(c.words.String()))
	}
}

func TestStartOfNothing(t *testing.T) {
	if _, err := Start(Spec{Argv: []string{"/no/such/program"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
