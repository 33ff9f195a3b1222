package preflight

import (
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"starling/bench/internal/proc"
	"starling/bench/internal/source"
)

// ReadFacts asks this machine. Each source address is tried; pid is that of a server that runs already, or 0.
func ReadFacts(sources source.Pool, pid int) Facts {
	f := readFacts(os.DirFS("/"))
	f.Root = os.Geteuid() == 0
	f.PageBytes = int64(os.Getpagesize())
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		f.NoFile = limit.Max
	}
	f.CPUs = proc.AllowedCPUs()
	if pid != 0 {
		f.ServerNoFile, f.ServerCPUs = proc.DescriptorLimit(pid), cpusOf(pid)
	}
	for i := range sources.Len() {
		if a := sources.At(i); !bindable(a) {
			f.Unbindable = append(f.Unbindable, a)
		}
	}
	f.Interface = networkInterface()
	return f
}

// bindable says whether an address is this machine's.
func bindable(a netip.Addr) bool {
	l, err := net.Listen("tcp", netip.AddrPortFrom(a, 0).String())
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// networkInterface is the first that is up and leads elsewhere.
func networkInterface() string {
	all, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			return i.Name
		}
	}
	return ""
}

// cpusOf is where a process's first thread may run.
func cpusOf(pid int) (cpus proc.CPUs) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(pid, &set) != nil {
		return nil
	}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// readFacts reads what the kernel tells in files.
func readFacts(root fs.FS) (f Facts) {
	r := reader{root}
	sys := func(name string, at int) int64 { return r.number("proc/sys/"+name, at) }
	f.NrOpen, f.FileMax, f.FileUsed = uint64(sys("fs/nr_open", 0)), uint64(sys("fs/file-max", 0)), uint64(sys("fs/file-nr", 0))
	f.PortLow, f.PortHigh = int(sys("net/ipv4/ip_local_port_range", 0)), int(sys("net/ipv4/ip_local_port_range", 1))
	f.Reserved = strings.TrimSpace(r.text("proc/sys/net/ipv4/ip_local_reserved_ports"))
	f.Somaxconn, f.SynBacklog = sys("net/core/somaxconn", 0), sys("net/ipv4/tcp_max_syn_backlog", 0)
	f.NetdevBacklog = sys("net/core/netdev_max_backlog", 0)
	f.ConntrackLoaded = r.text("proc/sys/net/netfilter/nf_conntrack_max") != ""
	f.ConntrackMax, f.ConntrackCount = sys("net/netfilter/nf_conntrack_max", 0), sys("net/netfilter/nf_conntrack_count", 0)
	for i := range f.TCPMem {
		f.TCPMem[i] = sys("net/ipv4/tcp_mem", i)
	}
	f.TCPMemUsed = r.after("proc/net/sockstat", "TCP:", "mem")
	f.MemAvailable = r.after("proc/meminfo", "MemAvailable:", "") << 10
	f.MemGroup = r.groupFree()
	return f
}

// reader reads small files; what cannot be read is nothing.
type reader struct{ root fs.FS }

func (r reader) text(name string) string {
	b, err := fs.ReadFile(r.root, name)
	if err != nil {
		return ""
	}
	return string(b)
}

// number is the field at that place of a file's first line, 0 if it is none.
func (r reader) number(name string, at int) int64 {
	fields := strings.Fields(r.text(name))
	if at >= len(fields) {
		return 0
	}
	n, _ := strconv.ParseInt(fields[at], 10, 64)
	return max(n, 0)
}

// after is the number behind a word in the line that begins with a label; behind the label itself if there is no word.
func (r reader) after(name, label, word string) int64 {
	for line := range strings.Lines(r.text(name)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != label {
			continue
		}
		for i := range len(fields) - 1 {
			if word == "" && i == 0 || word != "" && fields[i] == word {
				n, _ := strconv.ParseInt(fields[i+1], 10, 64)
				return n
			}
		}
	}
	return 0
}

// groupFree is what the process's memory control group, and those around it, still allow; 0 if none has a limit.
func (r reader) groupFree() (free int64) {
	for line := range strings.Lines(r.text("proc/self/cgroup")) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		var here int64
		switch {
		case controllers == "":
			here = r.groupsFree("sys/fs/cgroup", group, "memory.max", "memory.current", "inactive_file")
		case controllers == "memory":
			here = r.groupsFree("sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
		}
		if here > 0 && (free == 0 || here < free) {
			free = here
		}
	}
	return free
}

// unlimited is what version 1 says instead of max, or more.
const unlimited = 1 << 60

// groupsFree goes up from a group. Files in memory that nobody has read for some time give way, and count as free.
func (r reader) groupsFree(mount, group, limitFile, usedFile, idle string) (free int64) {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		at := mount + strings.TrimSuffix(dir, "/")
		limit := r.number(at+"/"+limitFile, 0)
		if limit > 0 && limit < unlimited {
			used := r.number(at+"/"+usedFile, 0) - r.after(at+"/memory.stat", idle, "")
			if here := max(limit-used, 1); free == 0 || here < free {
				free = here
			}
		}
		if dir == "/" {
			return free
		}
	}
}
