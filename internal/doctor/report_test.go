package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of testdata anew")

// golden compares what was written with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("it differs from %s (go test -rewrite writes it anew):\n%s", file, got)
	}
}

// untouched is a machine as it is delivered, in a container with a gigabyte, behind a network card with one queue.
func untouched() System {
	sys := machine(tuned().with(files{
		"proc/sys/fs/file-max":                                        "97816\n",
		"proc/sys/net/core/somaxconn":                                 "4096\n",
		"proc/sys/net/core/netdev_max_backlog":                        absent,
		"proc/sys/net/ipv4/tcp_max_syn_backlog":                       "256\n",
		"proc/sys/net/ipv4/tcp_max_orphans":                           "4096\n",
		"proc/sys/net/ipv4/tcp_fin_timeout":                           "60\n",
		"proc/sys/net/ipv4/tcp_mem":                                   "10701\t14271\t21402\n",
		"proc/sys/net/ipv4/tcp_wmem":                                  "4096\t16384\t4194304\n",
		"proc/sys/net/ipv4/ip_local_reserved_ports":                   "\n",
		"proc/sys/net/netfilter/nf_conntrack_max":                     "65536\n",
		"proc/sys/net/netfilter/nf_conntrack_buckets":                 "65536\n",
		"proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established": "432000\n",
		"proc/swaps": "Filename Type Size Used Priority\n/swap.img file 2097148 0 -2\n",
		"sys/fs/cgroup/system.slice/starling.service/memory.max":          "536870912\n",
		"sys/kernel/mm/transparent_hugepage/enabled":                      "[always] madvise never\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
		"sys/class/net/eth0/queues/rx-0/rps_cpus":                         "0\n",
		"sys/class/net/eth0/queues/rx-1/rps_cpus":                         absent,
	}))
	sys.Root = false
	sys.OpenFiles = func() (soft, hard uint64, err error) { return 1024, 65536, nil }
	sys.Env = environment("GOMEMLIMIT=1GiB", "GOGC=off")
	return sys
}

// careless are settings that should not be.
func careless() Settings {
	return Settings{Connections: 100_000, Addr: ":443", APIAddr: ":9090", Origins: []string{"*"}, Cookies: true}
}

func TestReports(t *testing.T) {
	ready := Run(context.Background(), settings(), machine(tuned()))
	ill := Run(context.Background(), careless(), untouched())
	blind := machine(files{})
	blind.OpenFiles = func() (soft, hard uint64, err error) { return 0, 0, errors.New("getrlimit: function not implemented") }
	mac := machine(files{})
	mac.OS, mac.Release, mac.CPUs, mac.Procs = "darwin", "25.1.0", 1, 1
	for _, tc := range []struct {
		name   string
		report Report
		opts   WriteOptions
		code   int
	}{
		{"ready.txt", ready, WriteOptions{}, 0},
		{"ready-quiet.txt", ready, WriteOptions{Quiet: true}, 0},
		{"ready-color.txt", ready, WriteOptions{Color: true}, 0},
		{"ill.txt", ill, WriteOptions{}, 1},
		{"ill-quiet.txt", ill, WriteOptions{Quiet: true}, 1},
		{"ill-color.txt", ill, WriteOptions{Color: true}, 1},
		{"blind.txt", Run(context.Background(), settings(), blind), WriteOptions{}, 0},
		{"darwin.txt", Run(context.Background(), settings(), mac), WriteOptions{}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tc.report.Write(&out, tc.opts); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name, out.Bytes())
			if got := tc.report.ExitCode(); got != tc.code {
				t.Errorf("ends with %d, want %d", got, tc.code)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var out, indented bytes.Buffer
	if err := Run(context.Background(), careless(), untouched()).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&indented, out.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "ill.json", indented.Bytes())
}

// TestNothingCanBeWritten: whoever does not get the report has to know.
func TestNothingCanBeWritten(t *testing.T) {
	r, w := Run(context.Background(), settings(), machine(tuned())), full{}
	if err := r.Write(w, WriteOptions{}); !errors.Is(err, errFull) {
		t.Errorf("Write says %v", err)
	}
	if err := r.WriteJSON(w); !errors.Is(err, errFull) {
		t.Errorf("WriteJSON says %v", err)
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name     string
		verdicts []Verdict
		want     Verdict
		code     int
	}{
		{"nothing", nil, Pass, 0},
		{"skipped", []Verdict{Skip, Pass, Skip}, Pass, 0},
		{"a warning", []Verdict{Pass, Warn, Skip}, Warn, 0},
		{"a failure before a warning", []Verdict{Fail, Warn}, Fail, 1},
		{"a failure behind a warning", []Verdict{Warn, Pass, Fail}, Fail, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Report
			for _, v := range tc.verdicts {
				r.Results = append(r.Results, Result{Verdict: v})
			}
			if r.Verdict() != tc.want || r.ExitCode() != tc.code {
				t.Errorf("%s and %d, want %s and %d", r.Verdict(), r.ExitCode(), tc.want, tc.code)
			}
		})
	}
}

// problems are what no report may have.
func problems(r Report) (found []string) {
	seen := map[string]bool{}
	for _, result := range r.Results {
		text := result.Check + result.Found + result.Wanted + result.Why + strings.Join(result.Fix, "")
		switch {
		case result.Check == "" || result.Found == "" || result.Why == "":
			found = append(found, "something is empty: "+line(result))
		case seen[result.Check]:
			found = append(found, "twice: "+result.Check)
		case strings.ContainsAny(text, "\n\x1b\x00"):
			found = append(found, "it breaks the line: "+line(result))
		}
		seen[result.Check] = true
		switch result.Verdict {
		case Pass, Skip:
			if len(result.Fix) > 0 {
				found = append(found, "nothing is to be mended: "+line(result))
			}
		case Warn, Fail:
			if len(result.Fix) == 0 || result.Wanted == "" {
				found = append(found, "it does not say what to do: "+line(result))
			}
		default:
			found = append(found, "no verdict: "+line(result))
		}
	}
	return found
}

// TestFilesThatAreMissingOrGarbled: whatever the kernel does not tell, or tells wrongly, costs no more than the checks that
// would have asked.
func TestFilesThatAreMissingOrGarbled(t *testing.T) {
	whole := Run(context.Background(), settings(), machine(tuned()))
	for _, name := range slices.Sorted(maps.Keys(tuned())) {
		for _, text := range []string{
			absent, "", "\n", " ", "x", "-1", "0", "18446744073709551616", "1 2 3 4", strings.Repeat("9", 4096), "\x00\xff\x1b[31m", ":", "::", ":::\n:::",
			"[", "[]", "TcpExt:", "TcpExt:\nTcpExt:", "TcpExt: ListenDrops\nTcpExt: ListenDrops", "TCP: mem", "MemTotal:", "CapEff:", "0::/\n0::..\n0::a/../..", "CPU0\n1: 1 eth0\n",
		} {
			r := Run(context.Background(), settings(), machine(tuned().with(files{name: text})))
			if len(r.Results) != len(whole.Results) {
				t.Errorf("%s is %.20q: %d checks of %d", name, text, len(r.Results), len(whole.Results))
			}
			for _, p := range problems(r) {
				t.Errorf("%s is %.20q: %s", name, text, p)
			}
		}
	}
}

// TestEveryFileIsRead finds a file of the model machine that no check asks for.
func TestEveryFileIsRead(t *testing.T) {
	// These say whether a file is there, or are another one's neighbours.
	besides := []string{"sys/class/net/eth0/device/vendor", "sys/class/net/eth0/queues/tx-0/xps_cpus", "sys/class/net/lo/queues/rx-0/rps_cpus", "proc/sys/net/ipv4/tcp_rmem"}
	root := &watched{tuned().fs(), map[string]bool{}}
	sys, set := machine(tuned()), settings()
	sys.Files, set.Addr = root, ":443"
	Run(context.Background(), set, sys)
	for _, name := range slices.Sorted(maps.Keys(tuned())) {
		if !root.opened[name] && !slices.Contains(besides, name) {
			t.Errorf("nobody reads %s", name)
		}
	}
}

// watched notes which files are opened.
type watched struct {
	fstest.MapFS
	opened map[string]bool
}

func (w *watched) Open(name string) (fs.File, error) {
	w.opened[name] = true
	return w.MapFS.Open(name)
}

func FuzzFiles(f *testing.F) {
	names := slices.Sorted(maps.Keys(tuned()))
	for i, name := range names {
		f.Add(uint8(i), []byte(tuned()[name]), uint32(100_000))
	}
	f.Add(uint8(0), []byte("\xff"), uint32(0))
	f.Fuzz(func(t *testing.T, at uint8, text []byte, n uint32) {
		set := settings()
		set.Connections = int(n)
		r := Run(context.Background(), set, machine(tuned().with(files{names[int(at)%len(names)]: string(text)})))
		for _, p := range problems(r) {
			t.Error(p)
		}
		var out bytes.Buffer
		if err := r.WriteJSON(&out); err != nil || !json.Valid(out.Bytes()) {
			t.Errorf("%v: %s", err, out.Bytes())
		}
	})
}
