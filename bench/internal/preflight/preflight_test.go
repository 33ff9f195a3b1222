package preflight

import (
	"bytes"
	"errors"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"starling/bench/internal/proc"
	"starling/bench/internal/source"
)

// able is a machine on which the run of small() lacks nothing.
func able() Facts {
	return Facts{
		NoFile: 20000, NrOpen: 1 << 20, FileMax: 1 << 21, FileUsed: 1000, ServerNoFile: 20000,
		PortLow: 32768, PortHigh: 60999, Interface: "eth0",
		Somaxconn: 4096, SynBacklog: 4096, NetdevBacklog: 16384,
		PageBytes: 4096, TCPMem: [3]int64{100_000, 200_000, 300_000}, TCPMemUsed: 10, MemAvailable: 8 << 30,
		CPUs: proc.CPUs{0, 1, 2}, ServerCPUs: proc.CPUs{0},
	}
}

func small() Plan {
	return Plan{
		Args: []string{"bench", "broadcast", "--procs", "1", "-n", "10000"}, Connections: 10001, Handshakes: 128,
		Target: netip.MustParseAddrPort("127.0.0.1:18080"), Local: true, Traffic: true,
		ServerCPUs: proc.CPUs{0}, ClientCPUs: proc.CPUs{1},
	}
}

func sources(t *testing.T, text string) source.Pool {
	t.Helper()
	p, err := source.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckOfAnAbleMachine(t *testing.T) {
	found := Check(able(), small())
	if len(found) < 10 || len(Only(found, Unknown)) != 0 || Err(found) != nil {
		t.Errorf("%+v", found)
	}
	if again := Check(able(), small()); !slices.Equal(found, again) {
		t.Errorf("%+v, then %+v", found, again)
	}
}

// rows change one thing about the able machine or the small run, and say what is found then.
func rows(t *testing.T) []row {
	remote := func(p *Plan) { p.Target, p.Local = netip.MustParseAddrPort("192.0.2.7:80"), false }
	return []row{
		{
			"too few descriptors", func(f *Facts, _ *Plan) { f.NoFile = 4096 },
			Finding{Fail, "descriptors of a client process", "4096", "10065", "bench broadcast -n 10000 --procs 3", "sudo prlimit --pid $$ --nofile=10065:10065"},
		},
		{
			"too few for a process of several", func(f *Facts, p *Plan) { f.NoFile, p.Procs = 4096, 2 },
			Finding{Fail, "descriptors of a client process", "4096", "5065", "bench broadcast -n 10000 --procs 3", "sudo prlimit --pid $$ --nofile=5065:5065"},
		},
		{
			"too few for clients that take three each", func(_ *Facts, p *Plan) { p.DescriptorsEach = 3 },
			Finding{Fail, "descriptors of a client process", "20000", "30067", "bench broadcast -n 10000 --procs 2", "sudo prlimit --pid $$ --nofile=30067:30067"},
		},
		{
			"too few for threads, which are one process", func(f *Facts, p *Plan) { f.NoFile, p.Threads, f.Root = 4096, 2, true },
			Finding{Fail, "descriptors of a client process", "4096", "10065", "prlimit --pid $$ --nofile=10065:10065", ""},
		},
		{
			"too few for anything", func(f *Facts, _ *Plan) { f.NoFile = 64 },
			Finding{Fail, "descriptors of a client process", "64", "10065", "sudo prlimit --pid $$ --nofile=10065:10065", ""},
		},
		{
			"nobody knows the limit", func(f *Facts, _ *Plan) { f.NoFile = 0 },
			Finding{Unknown, "descriptors of a client process", "?", "10065", "ulimit -Hn", ""},
		},
		{
			"too few for the limit server", func(f *Facts, p *Plan) { f.NoFile, p.Procs, p.SpawnLimit = 6000, 2, true },
			Finding{Fail, "descriptors of the limit server, which is one process", "6000", "10065", "sudo prlimit --pid $$ --nofile=10065:10065", ""},
		},
		{
			"too few for the server", func(f *Facts, p *Plan) { f.ServerNoFile, p.ServerPid = 1024, 4711 },
			Finding{Warn, "descriptors of the server", "1024", "10065", "sudo prlimit --pid 4711 --nofile=10065:10065", ""},
		},
		{
			"a limit that cannot be raised so far", func(f *Facts, _ *Plan) { f.NoFile, f.NrOpen = 4096, 8192 },
			Finding{Warn, "descriptors that a limit can be raised to (fs.nr_open)", "8192", "10065", "sudo sysctl -w fs.nr_open=10065", ""},
		},
		{
			"too few files on the machine", func(f *Facts, _ *Plan) { f.FileMax = 20000 },
			Finding{Fail, "open files of the whole machine (fs.file-max)", "20000", "22026", "sudo sysctl -w fs.file-max=22026", ""},
		},

		{
			"too few ports on loopback", func(f *Facts, _ *Plan) { f.PortLow, f.PortHigh = 40000, 43999 },
			Finding{Fail, "ports: 4000 of each of 1 source addresses to each of 1 targets", "4000", "10001", "bench broadcast --procs 1 -n 10000 --src 127.0.0.2-127.0.0.4", "sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535'"},
		},
		{
			"too few ports until those of the last minute are free", func(_ *Facts, p *Plan) { p.PortsEach = 10 },
			Finding{Warn, "ports: 28232 of each of 1 source addresses to each of 1 targets", "28232", "100010", "bench broadcast --procs 1 -n 10000 --src 127.0.0.2-127.0.0.5", ""},
		},
		{
			"too few ports elsewhere", func(f *Facts, p *Plan) { remote(p); f.PortLow, f.PortHigh = 40000, 43999 },
			Finding{Fail, "ports: 4000 of each of 1 source addresses to each of 1 targets", "4000", "10001", "sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535'", ""},
		},
		{
			"too few addresses elsewhere", func(f *Facts, p *Plan) { remote(p); p.Connections, p.Procs = 100_000, 8 },
			Finding{Fail, "ports: 28232 of each of 1 source addresses to each of 1 targets", "28232", "100000: with the widest range 2 addresses for --src", "sudo sysctl -w net.ipv4.ip_local_port_range='1024 65535'", "ip -brief address"},
		},
		{
			"nobody knows the ports", func(f *Facts, _ *Plan) { f.PortHigh = 0 },
			Finding{Unknown, "ports (net.ipv4.ip_local_port_range)", "?", "a range", "sysctl net.ipv4.ip_local_port_range", ""},
		},
		{
			"a server among the clients' ports", func(_ *Facts, p *Plan) { p.Target = netip.MustParseAddrPort("127.0.0.1:40000") },
			Finding{Warn, "port 40000 of the server", "32768 to 60999 are handed out to clients", "a port that is not", "sudo sysctl -w net.ipv4.ip_local_reserved_ports=40000", ""},
		},
		{
			"a server among them that is reserved", func(f *Facts, p *Plan) {
				f.Reserved, p.Target = "80,39999-40001", netip.MustParseAddrPort("127.0.0.1:40000")
			},
			Finding{Pass, "port 40000 of the server", "32768 to 60999 are handed out to clients", "a port that is not", "", ""},
		},
		{
			"a server among them beside one that is reserved", func(f *Facts, p *Plan) {
				f.Reserved, p.Target = "50000", netip.MustParseAddrPort("127.0.0.1:40000")
			},
			Finding{Warn, "port 40000 of the server", "32768 to 60999 are handed out to clients", "a port that is not", "sudo sysctl -w net.ipv4.ip_local_reserved_ports=50000,40000", ""},
		},
		{
			"a source that is not ours", func(f *Facts, p *Plan) {
				remote(p)
				p.Sources, f.Unbindable = sources(t, "192.0.2.1-192.0.2.2"), []netip.Addr{netip.MustParseAddr("192.0.2.2")}
			},
			Finding{Fail, "source addresses", "1 of 2 are not: 192.0.2.2", "each one of this machine's", "sudo ip address add 192.0.2.2/32 dev eth0", ""},
		},
		{
			"many sources that are not ours", func(f *Facts, p *Plan) {
				p.Sources = sources(t, "192.0.2.1-192.0.2.10")
				for i := range p.Sources.Len() {
					f.Unbindable = append(f.Unbindable, p.Sources.At(i))
				}
			},
			Finding{
				Fail, "source addresses", "10 of 10 are not: 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, 192.0.2.7, 192.0.2.8 and 2 more",
				"each one of this machine's", "for a in 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 192.0.2.10; " +
					"do sudo ip address add $a/32 dev lo; done", "",
			},
		},
		{
			"sources of the other family", func(_ *Facts, p *Plan) {
				p.Sources, p.Target = sources(t, "127.0.0.2"), netip.MustParseAddrPort("[::1]:80")
			},
			Finding{Fail, "family of the source addresses", "127.0.0.2", "the family of ::1", "ip -brief -6 address", ""},
		},
		{
			"sources of the other family, the other way", func(_ *Facts, p *Plan) { p.Sources = sources(t, "fd00::1") },
			Finding{Fail, "family of the source addresses", "fd00::1", "the family of 127.0.0.1", "ip -brief -4 address", ""},
		},

		{
			"a short queue of accepts", func(f *Facts, _ *Plan) { f.Somaxconn = 100 },
			Finding{Warn, "connections that may wait to be accepted (net.core.somaxconn); one too many tries again after a second", "100", "128", "sudo sysctl -w net.core.somaxconn=128", ""},
		},
		{
			"a storm", func(_ *Facts, p *Plan) { p.Handshakes = 100_000 },
			Finding{Warn, "connections that may wait to be accepted (net.core.somaxconn); one too many tries again after a second", "4096", "65535", "sudo sysctl -w net.core.somaxconn=65535", ""},
		},
		{
			"a short queue of handshakes", func(f *Facts, _ *Plan) { f.SynBacklog = 100 },
			Finding{Warn, "handshakes under way (net.ipv4.tcp_max_syn_backlog)", "100", "128", "sudo sysctl -w net.ipv4.tcp_max_syn_backlog=128", ""},
		},
		{
			"a short queue of packets", func(f *Facts, _ *Plan) { f.NetdevBacklog = 1000 },
			Finding{Warn, "packets that may wait for a processor (net.core.netdev_max_backlog); one too many is sent again, late", "1000", "10001", "sudo sysctl -w net.core.netdev_max_backlog=10001", ""},
		},
		{
			"a queue of packets that a namespace does not show", func(f *Facts, _ *Plan) { f.NetdevBacklog = 0 },
			Finding{Unknown, "packets that may wait for a processor (net.core.netdev_max_backlog); one too many is sent again, late", "?", "10001", "sysctl net.core.netdev_max_backlog", ""},
		},
		{
			"a packet filter's table that is too small", func(f *Facts, _ *Plan) { f.ConntrackLoaded, f.ConntrackMax, f.ConntrackCount = true, 8192, 9 },
			Finding{Fail, "connections that the packet filter follows (net.netfilter.nf_conntrack_max)", "8192", "10010", "sudo sysctl -w net.netfilter.nf_conntrack_max=15015", ""},
		},
		{
			"a packet filter that looks at nothing", func(f *Facts, _ *Plan) { f.ConntrackLoaded, f.ConntrackMax = true, 8192 },
			Finding{Warn, "connections that the packet filter follows (net.netfilter.nf_conntrack_max)", "8192", "10001", "sudo sysctl -w net.netfilter.nf_conntrack_max=15001", ""},
		},

		{
			"too few pages for TCP", func(f *Facts, _ *Plan) { f.TCPMem = [3]int64{1000, 2000, 3000} },
			Finding{Fail, "pages of TCP's buffers (net.ipv4.tcp_mem)", "3000, from 2000 on it saves", "20012", "sudo sysctl -w net.ipv4.tcp_mem='20012 26682 40024'", ""},
		},
		{
			"few pages for TCP", func(f *Facts, _ *Plan) { f.TCPMem = [3]int64{10000, 20000, 30000} },
			Finding{Warn, "pages of TCP's buffers (net.ipv4.tcp_mem)", "30000, from 20000 on it saves", "20012", "sudo sysctl -w net.ipv4.tcp_mem='20012 26682 40024'", ""},
		},
		{
			"nobody knows TCP's pages", func(f *Facts, _ *Plan) { f.TCPMem = [3]int64{} },
			Finding{Unknown, "pages of TCP's buffers (net.ipv4.tcp_mem)", "?", "20002", "sysctl net.ipv4.tcp_mem", ""},
		},
		{
			"too little memory for the kernel", func(f *Facts, _ *Plan) { f.MemAvailable = 64 << 20 },
			Finding{Fail, "memory: 166 MiB of it in the kernel", "64.0 MiB", "about 273 MiB", "bench broadcast --procs 1 -n 2106", "ps -eo rss,pid,comm --sort=-rss | head"},
		},
		{
			"perhaps too little for the server", func(f *Facts, _ *Plan) { f.MemAvailable = 256 << 20 },
			Finding{Warn, "memory: 166 MiB of it in the kernel", "256 MiB", "about 273 MiB", "bench broadcast --procs 1 -n 8426", "ps -eo rss,pid,comm --sort=-rss | head"},
		},
		{
			"too little of the group's", func(f *Facts, p *Plan) { f.MemGroup, p.Members = 64<<20, 10 },
			Finding{Fail, "memory: 166 MiB of it in the kernel", "64.0 MiB", "about 273 MiB", "bench broadcast --procs 1 -n 10000 --rooms 210", "ps -eo rss,pid,comm --sort=-rss | head"},
		},
		{
			"nobody knows the memory", func(f *Facts, _ *Plan) { f.MemAvailable = 0 },
			Finding{Unknown, "memory", "?", "enough", "grep MemAvailable /proc/meminfo", ""},
		},

		{
			"one processor for both", func(_ *Facts, p *Plan) { p.ClientCPUs = proc.CPUs{0} },
			Finding{Warn, "processors apart", "server 0, client 0", "none that both may run on", "bench broadcast --procs 1 -n 10000 --server-cpu 0 --client-cpu 1,2", ""},
		},
		{
			"nobody is pinned", func(_ *Facts, p *Plan) { p.ClientCPUs, p.ServerCPUs = nil, nil },
			Finding{Warn, "processors apart", "server 0,1,2, client 0,1,2", "none that both may run on", "bench broadcast --procs 1 -n 10000 --server-cpu 0 --client-cpu 1,2", ""},
		},
		{
			"a server that runs already", func(f *Facts, p *Plan) { f.ServerCPUs, p.ServerCPUs, p.ServerPid = f.CPUs, nil, 4711 },
			Finding{Warn, "processors apart", "server 0,1,2, client 1", "none that both may run on", "sudo taskset -acp 0 4711 && bench broadcast --procs 1 -n 10000 --client-cpu 1,2", ""},
		},
		{
			"a server that runs somewhere", func(f *Facts, p *Plan) { f.ServerCPUs, p.ServerPid = nil, 4711 },
			Finding{Unknown, "processors of the server", "?", "none of the client's", "taskset -cp 4711", ""},
		},
		{
			"a single processor", func(f *Facts, p *Plan) { f.CPUs, p.ClientCPUs, p.ServerCPUs = proc.CPUs{0}, nil, nil },
			Finding{Warn, "processors apart", "server 0, client 0", "none that both may run on", "taskset -cp $$", "nproc --all"},
		},
		{
			"a processor that is not there", func(_ *Facts, p *Plan) { p.ClientCPUs = proc.CPUs{1, 7} },
			Finding{Fail, "processors of --client-cpu", "may run on 0,1,2", "1,7", "bench broadcast --procs 1 -n 10000 --client-cpu 0,1,2", "sudo taskset -cp 1,7 $$"},
		},
		{
			"a processor that is not there for the server", func(_ *Facts, p *Plan) { p.ServerCPUs = proc.CPUs{9} },
			Finding{Fail, "processors of --server-cpu", "may run on 0,1,2", "9", "bench broadcast --procs 1 -n 10000 --server-cpu 0,1,2", "sudo taskset -cp 9 $$"},
		},
		{
			"more processes than processors", func(_ *Facts, p *Plan) { p.Procs = 2 },
			Finding{Warn, "processors for the client's event loops", "1", "2", "bench broadcast -n 10000 --procs 1", "bench broadcast --procs 1 -n 10000 --client-cpu 0,1,2"},
		},
		{
			"more threads than processors", func(_ *Facts, p *Plan) { p.Threads = 2 },
			Finding{Warn, "processors for the client's event loops", "1", "2", "bench broadcast --procs 1 -n 10000 --threads 1", ""},
		},
		{
			"nobody knows the processors", func(f *Facts, _ *Plan) { f.CPUs = nil },
			Finding{Unknown, "processors", "?", "two", "taskset -cp $$", ""},
		},
	}
}

type row struct {
	name   string
	change func(*Facts, *Plan)
	want   Finding
}

func (r row) found() []Finding {
	f, p := able(), small()
	r.change(&f, &p)
	return Check(f, p)
}

func TestCheck(t *testing.T) {
	for _, r := range rows(t) {
		t.Run(r.name, func(t *testing.T) {
			found := r.found()
			at := slices.IndexFunc(found, func(f Finding) bool { return f.What == r.want.What })
			if at < 0 {
				t.Fatalf("nothing about %q in %+v", r.want.What, found)
			}
			if found[at] != r.want {
				t.Errorf("%+v\nwant %+v", found[at], r.want)
			}
			if failed := len(Only(found, Fail)) > 0; failed != errors.Is(Err(found), ErrUnfit) {
				t.Errorf("error %v of %+v", Err(found), found)
			}
		})
	}
}

// What a server elsewhere needs is not to be found here.
func TestCheckOfAServerElsewhere(t *testing.T) {
	f, p := able(), small()
	f.Somaxconn, f.SynBacklog, f.NetdevBacklog = 1, 1, 1
	p.Target, p.Local, p.ClientCPUs = netip.MustParseAddrPort("192.0.2.7:40000"), false, proc.CPUs{0}
	if found := Only(Check(f, p), Unknown); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// Every fix is a command that a shell can read, of a program that exists.
func TestFixesAreCommands(t *testing.T) {
	programs := []string{"sysctl", "prlimit", "ip", "taskset", "ps", "nproc", "grep", "ulimit", "for", "bench"}
	for _, r := range rows(t) {
		for _, f := range r.found() {
			for _, command := range []string{f.Fix, f.Or} {
				if command == "" {
					continue
				}
				if f.Severity == Pass {
					t.Errorf("%s: a fix of what is in order: %+v", r.name, f)
				}
				program, _, _ := strings.Cut(strings.TrimPrefix(command, "sudo "), " ")
				if !slices.Contains(programs, program) {
					t.Errorf("%s: %q", r.name, command)
				}
				if out, err := exec.Command("/bin/sh", "-n", "-c", command).CombinedOutput(); err != nil {
					t.Errorf("%s: %q: %v: %s", r.name, command, err, out)
				}
			}
			if f.Severity != Pass && f.Fix == "" {
				t.Errorf("%s: no fix: %+v", r.name, f)
			}
		}
	}
}

func TestAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		args  []string
		flags []any
		want  string
	}{
		{"no command line", nil, []any{"--procs", 2}, "bench --procs 2"},
		{"a new flag", []string{"bench", "echo"}, []any{"--procs", 2}, "bench echo --procs 2"},
		{"a flag and its value", []string{"bench", "--procs", "9", "echo"}, []any{"--procs", 2}, "bench echo --procs 2"},
		{"a flag with an equals sign", []string{"bench", "--procs=9", "echo"}, []any{"--procs", 2}, "bench echo --procs 2"},
		{"a short flag", []string{"bench", "-n", "9", "-n8", "-n=7", "--connections", "6", "--connections=5"}, []any{"-n", 2}, "bench -n 2"},
		{"what a shell would read", []string{"bench", "--server-cmd", "it's $x"}, nil, `bench --server-cmd 'it'\''s $x'`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := check{p: Plan{Args: tc.args}}
			if got := c.again(tc.flags...); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	var out bytes.Buffer
	err := Write(&out, []Finding{
		{Fail, "ports", "1", "2", "bench --src 127.0.0.2", "sysctl -w a=b"},
		{Pass, "descriptors", "3", "3", "", ""},
		{Warn, "memory", "4", "5", "bench -n 1", ""},
		{Unknown, "queue", "?", "6", "sysctl a", ""},
		{Pass, "files", "7", "7", "", ""},
	})
	want := `preflight: FAIL: ports: have 1, need 2
  fix: bench --src 127.0.0.2
  or:  sysctl -w a=b
preflight: warning: memory: have 4, need 5
  fix: bench -n 1
preflight: unknown: queue: have ?, need 6
  see: sysctl a
preflight: in order: descriptors, files
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}
