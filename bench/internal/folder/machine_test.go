package folder

import (
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

func proc() fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/sys/kernel/osrelease": "6.18.2-generic\n",
		"proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu hypervisor sse\n\n" +
			"processor\t: 1\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu hypervisor sse\n",
		"proc/meminfo":                            "MemTotal:        8122820 kB\nMemFree:          123 kB\n",
		"proc/loadavg":                            "0.42 0.30 0.20 1/200 999\n",
		"proc/self/limits":                        "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 unlimited            files     \n",
		"sys/fs/cgroup/cpu.max":                   "150000 100000\n",
		"sys/fs/cgroup/memory.max":                "4294967296\n",
		"proc/sys/net/core/somaxconn":             "4096\n",
		"proc/sys/net/ipv4/ip_local_port_range":   "32768\t60999\n",
		"proc/sys/net/ipv4/tcp_rmem":              "4096\t131072\t6291456\n",
		"proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
		"proc/sys/kernel/hostname":                "secret-host\n",
	} {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

func TestMachine(t *testing.T) {
	quota, memory := 1.5, int64(4<<30)
	want := Machine{
		OS: runtime.GOOS, Kernel: "6.18.2-generic", Arch: runtime.GOARCH, CPU: "AMD EPYC 7B13", CPUs: 2, CPUsUsable: runtime.NumCPU(),
		CPUQuota: &quota, Virtual: true, MemoryBytes: 8122820 << 10, MemoryLimit: &memory, Load1m: 0.42, Go: runtime.Version(),
		NofileSoft: 1024, NofileHard: -1, Sysctls: map[string]string{
			"net.core.somaxconn": "4096", "net.ipv4.ip_local_port_range": "32768 60999", "net.ipv4.tcp_rmem": "4096 131072 6291456",
			"net.netfilter.nf_conntrack_max": "262144",
		},
	}
	if got := machineOf(proc()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMachineOfWhichNothingIsKnown(t *testing.T) {
	got := machineOf(fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: much")}, "proc/self/limits": {Data: []byte("Max open files")}})
	want := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUsUsable: runtime.NumCPU(), Go: runtime.Version(), Sysctls: map[string]string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if text := got.text(); strings.Contains(text, ", ,") || strings.HasPrefix(text, ",") {
		t.Errorf("%q", text)
	}
}

func TestMachineIsNobodys(t *testing.T) {
	got, err := json.Marshal(ThisMachine())
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{host, here, "secret-host"} {
		if len(word) > 3 && strings.Contains(string(got), word) {
			t.Errorf("%q is in %s", word, got)
		}
	}
	if ThisMachine().CPUsUsable < 1 {
		t.Error("no processor")
	}
}

func TestMachineText(t *testing.T) {
	m := machineOf(proc())
	m.OS, m.Arch, m.Go, m.CPUs = "linux", "amd64", "go1.26.0", 64
	want := "AMD EPYC 7B13, 64 CPUs, 7.75\u00a0GiB, virtual, linux 6.18.2-generic amd64, go1.26.0"
	if got := m.text(); got != want {
		t.Errorf("%q", got)
	}
}
