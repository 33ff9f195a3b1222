package preflight

import (
	"net/netip"
	"os"
	"reflect"
	"testing"
	"testing/fstest"

	"starling/bench/internal/source"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestReadFactsOfFiles(t *testing.T) {
	f := readFacts(fstest.MapFS{
		"proc/sys/fs/nr_open":                           file("1048576\n"),
		"proc/sys/fs/file-max":                          file("2466170\n"),
		"proc/sys/fs/file-nr":                           file("857\t0\t2466170\n"),
		"proc/sys/net/ipv4/ip_local_port_range":         file("32768\t60999\n"),
		"proc/sys/net/ipv4/ip_local_reserved_ports":     file("8080,9000-9010\n"),
		"proc/sys/net/core/somaxconn":                   file("4096\n"),
		"proc/sys/net/ipv4/tcp_max_syn_backlog":         file("2048\n"),
		"proc/sys/net/core/netdev_max_backlog":          file("1000\n"),
		"proc/sys/net/netfilter/nf_conntrack_max":       file("262144\n"),
		"proc/sys/net/netfilter/nf_conntrack_count":     file("12\n"),
		"proc/sys/net/ipv4/tcp_mem":                     file("287898\t383867\t575796\n"),
		"proc/net/sockstat":                             file("sockets: used 15\nTCP: inuse 1 orphan 0 tw 19 alloc 1 mem 7\nUDP: inuse 0 mem 3\n"),
		"proc/meminfo":                                  file("MemTotal:       24684084 kB\nMemAvailable:   24136580 kB\n"),
		"proc/self/cgroup":                              file("0::/a/b\n"),
		"sys/fs/cgroup/a/b/memory.max":                  file("max\n"),
		"sys/fs/cgroup/a/memory.max":                    file("1000000\n"),
		"sys/fs/cgroup/a/memory.current":                file("600000\n"),
		"sys/fs/cgroup/a/memory.stat":                   file("anon 300000\ninactive_file 100000\n"),
		"sys/fs/cgroup/memory/a/memory.limit_in_bytes":  file("5\n"), // of the version that is not in use
		"sys/fs/cgroup/memory/a/memory.usage_in_bytes":  file("1\n"),
		"sys/fs/cgroup/memory/a/b/memory.usage_in_byte": file("nonsense\n"),
	})
	want := Facts{
		NrOpen: 1048576, FileMax: 2466170, FileUsed: 857, PortLow: 32768, PortHigh: 60999, Reserved: "8080,9000-9010",
		Somaxconn: 4096, SynBacklog: 2048, NetdevBacklog: 1000, ConntrackLoaded: true, ConntrackMax: 262144, ConntrackCount: 12,
		TCPMem: [3]int64{287898, 383867, 575796}, TCPMemUsed: 7, MemAvailable: 24136580 << 10, MemGroup: 500000,
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v\nwant %+v", f, want)
	}
}

func TestReadFactsOfNothing(t *testing.T) {
	if got := readFacts(fstest.MapFS{}); !reflect.DeepEqual(got, Facts{}) {
		t.Errorf("%+v", got)
	}
	if got := readFacts(fstest.MapFS{"proc/sys/net/ipv4/tcp_mem": file("1 x\n"), "proc/net/sockstat": file("TCP:\n")}); got.TCPMem != [3]int64{1, 0, 0} {
		t.Errorf("%+v", got)
	}
}

func TestGroupsOfTheFirstVersion(t *testing.T) {
	for _, tc := range []struct {
		name string
		root fstest.MapFS
		want int64
	}{
		{"a limit", fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/a\n1:cpu:/\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   file("1000\n"),
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes":   file("400\n"),
			"sys/fs/cgroup/memory/a/memory.stat":             file("inactive_file 1\ntotal_inactive_file 50\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     file("9223372036854771712\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes":     file("5\n"),
			"sys/fs/cgroup/memory/elsewhere/memory.max":      file("1\n"),
			"sys/fs/cgroup/memory/a/memory.soft_limit_bytes": file("2\n"),
		}, 650},
		{"none", fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/a\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 0},
		{"used up", fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/a\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("1000\n"),
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes": file("1000\n"),
		}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := readFacts(tc.root).MemGroup; got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestReadFactsOfThisMachine(t *testing.T) {
	const nobodys = "192.0.2.1"
	pool, err := source.Parse("127.0.0.2," + nobodys)
	if err != nil {
		t.Fatal(err)
	}
	f := ReadFacts(pool, os.Getpid())
	if len(f.Unbindable) != 1 || f.Unbindable[0] != netip.MustParseAddr(nobodys) {
		t.Errorf("cannot bind %v", f.Unbindable)
	}
	if f.NoFile == 0 || f.ServerNoFile == 0 || f.FileMax == 0 || f.PortHigh <= f.PortLow || f.PageBytes < 4096 || f.MemAvailable == 0 || f.TCPMem[2] == 0 {
		t.Errorf("%+v", f)
	}
	if len(f.CPUs) == 0 || f.CPUs.String() != f.ServerCPUs.String() {
		t.Errorf("may run on %v, and as a server on %v", f.CPUs, f.ServerCPUs)
	}
	if got := cpusOf(-1); got != nil {
		t.Errorf("nobody may run on %v", got)
	}
}
