package folder

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"starling/bench/internal/page"
)

// Machine is what the numbers were measured on, as far as they depend on it. It says nothing of whose machine it is. What could not
// be read is empty or 0.
type Machine struct {
	OS          string   `json:"os"`
	Kernel      string   `json:"kernel"`
	Arch        string   `json:"arch"`
	CPU         string   `json:"cpu"`
	CPUs        int      `json:"cpus"`        // that the machine has
	CPUsUsable  int      `json:"cpus_usable"` // by this process
	CPUQuota    *float64 `json:"cpu_quota"`   // processors that the control group may use at a time; null for all
	Virtual     bool     `json:"virtual"`     // under a hypervisor, whose other guests are heard
	MemoryBytes int64    `json:"memory_bytes"`
	MemoryLimit *int64   `json:"memory_limit_bytes"` // of the control group; null for none
	Load1m      float64  `json:"load_1m"`            // how busy it was already
	Go          string   `json:"go"`                 // that built the tool
	NofileSoft  int64    `json:"nofile_soft"`        // open files a process may have; -1 for any number
	NofileHard  int64    `json:"nofile_hard"`

	Sysctls map[string]string `json:"sysctls"` // those that decide how many connections there may be, and how fast they come
}

// sysctls are those that are noted where they exist.
var sysctls = []string{
	"fs.file-max", "fs.nr_open",
	"net.core.netdev_max_backlog", "net.core.rmem_max", "net.core.somaxconn", "net.core.wmem_max",
	"net.ipv4.ip_local_port_range", "net.ipv4.tcp_congestion_control", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_max_orphans",
	"net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_mem", "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_wmem",
	"net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max",
	"vm.max_map_count", "vm.overcommit_memory",
}

// ThisMachine reads what it can of the machine it runs on.
func ThisMachine() Machine { return machineOf(os.DirFS("/")) }

func machineOf(root fs.FS) Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUsUsable: runtime.NumCPU(), Go: runtime.Version(), Sysctls: make(map[string]string)}
	m.Kernel = line(root, "proc/sys/kernel/osrelease")
	m.processors(text(root, "proc/cpuinfo"))
	m.memory(text(root, "proc/meminfo"))
	m.limits(text(root, "proc/self/limits"))
	m.group(line(root, "sys/fs/cgroup/cpu.max"), line(root, "sys/fs/cgroup/memory.max"))
	if f := strings.Fields(line(root, "proc/loadavg")); len(f) > 0 {
		m.Load1m, _ = strconv.ParseFloat(f[0], 64)
	}
	for _, name := range sysctls {
		if v := line(root, "proc/sys/"+strings.ReplaceAll(name, ".", "/")); v != "" {
			m.Sysctls[name] = v
		}
	}
	return m
}

// text is a file's content, nothing if there is none: what cannot be known is left out.
func text(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// line is a file's content as one line with single spaces.
func line(root fs.FS, name string) string { return strings.Join(strings.Fields(text(root, name)), " ") }

func (m *Machine) processors(cpuinfo string) {
	for l := range strings.Lines(cpuinfo) {
		name, v, _ := strings.Cut(l, ":")
		v = strings.TrimSpace(v)
		switch strings.TrimSpace(name) {
		case "processor":
			m.CPUs++
		case "model name":
			m.CPU = v
		case "flags":
			m.Virtual = slices.Contains(strings.Fields(v), "hypervisor")
		}
	}
}

func (m *Machine) memory(meminfo string) {
	for l := range strings.Lines(meminfo) {
		if f := strings.Fields(l); len(f) == 3 && f[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			m.MemoryBytes = kib << 10
		}
	}
}

func (m *Machine) limits(limits string) {
	for l := range strings.Lines(limits) {
		if rest, ok := strings.CutPrefix(l, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) >= 2 {
				m.NofileSoft, m.NofileHard = limit(f[0]), limit(f[1])
			}
		}
	}
}

func limit(s string) int64 {
	if s == "unlimited" {
		return -1
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// group reads what the control group allows: "max", or for processors microseconds of each so many.
func (m *Machine) group(cpu, memory string) {
	var quota, period float64
	if n, _ := fmt.Sscanf(cpu, "%g %g", &quota, &period); n == 2 && period > 0 {
		quota /= period
		m.CPUQuota = &quota
	}
	if n, err := strconv.ParseInt(memory, 10, 64); err == nil {
		m.MemoryLimit = &n
	}
}

// text is the machine in a line.
func (m Machine) text() string {
	parts := []string{m.CPU, fmt.Sprintf("%d CPUs", max(m.CPUs, m.CPUsUsable))}
	if m.MemoryBytes > 0 {
		parts = append(parts, page.Bytes(float64(m.MemoryBytes)))
	}
	if m.Virtual {
		parts = append(parts, "virtual")
	}
	parts = append(parts, strings.TrimSpace(m.OS+" "+m.Kernel+" "+m.Arch), m.Go)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func (m Machine) facts() []page.Fact {
	all := []page.Fact{
		{Name: "processor", Value: m.CPU},
		{Name: "processors", Value: fmt.Sprintf("%d, %d of them usable", max(m.CPUs, m.CPUsUsable), m.CPUsUsable)},
		{Name: "memory", Value: page.Bytes(float64(m.MemoryBytes))},
		{Name: "virtual", Value: map[bool]string{true: "yes", false: "no"}[m.Virtual]},
		{Name: "load before", Value: page.Cores(m.Load1m)},
		{Name: "kernel", Value: strings.TrimSpace(m.OS + " " + m.Kernel)},
		{Name: "architecture", Value: m.Arch},
		{Name: "Go", Value: m.Go},
		{Name: "open files, soft limit", Value: files(m.NofileSoft)},
		{Name: "open files, hard limit", Value: files(m.NofileHard)},
	}
	if m.CPUQuota != nil {
		all = append(all, page.Fact{Name: "processors, quota", Value: page.Cores(*m.CPUQuota)})
	}
	if m.MemoryLimit != nil {
		all = append(all, page.Fact{Name: "memory, limit", Value: page.Bytes(float64(*m.MemoryLimit))})
	}
	return slices.DeleteFunc(all, func(f page.Fact) bool { return f.Value == "" })
}

func files(n int64) string {
	if n < 0 {
		return "unlimited"
	}
	return page.Count(float64(n))
}

func (m Machine) settings() []page.Fact {
	var all []page.Fact
	for _, name := range slices.Sorted(maps.Keys(m.Sysctls)) {
		all = append(all, page.Fact{Name: name, Value: m.Sysctls[name]})
	}
	return all
}
