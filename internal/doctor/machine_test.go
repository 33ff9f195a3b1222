package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// files are the small files of a machine; the value "-" has none of that name.
type files map[string]string

const absent = "-"

// tuned is a machine of 16 processors and 32 GB that is ready for 100,000 connections: each file is one that a check reads.
func tuned() files {
	return files{
		"proc/sys/fs/nr_open":                                             "1048576\n",
		"proc/sys/fs/file-max":                                            "9223372036854775807\n",
		"proc/sys/fs/file-nr":                                             "1984\t0\t9223372036854775807\n",
		"proc/sys/net/core/somaxconn":                                     "65535\n",
		"proc/sys/net/core/netdev_max_backlog":                            "32768\n",
		"proc/sys/net/ipv4/tcp_max_syn_backlog":                           "65535\n",
		"proc/sys/net/ipv4/tcp_syncookies":                                "1\n",
		"proc/sys/net/ipv4/tcp_max_orphans":                               "262144\n",
		"proc/sys/net/ipv4/tcp_max_tw_buckets":                            "524288\n",
		"proc/sys/net/ipv4/tcp_fin_timeout":                               "20\n",
		"proc/sys/net/ipv4/tcp_tw_reuse":                                  "1\n",
		"proc/sys/net/ipv4/tcp_mem":                                       "786432\t1048576\t1572864\n",
		"proc/sys/net/ipv4/tcp_rmem":                                      "4096\t16384\t1048576\n",
		"proc/sys/net/ipv4/tcp_wmem":                                      "4096\t16384\t1048576\n",
		"proc/sys/net/ipv4/ip_local_port_range":                           "1024\t65535\n",
		"proc/sys/net/ipv4/ip_local_reserved_ports":                       "8080,9090\n",
		"proc/sys/net/ipv4/ip_unprivileged_port_start":                    "1024\n",
		"proc/sys/net/netfilter/nf_conntrack_max":                         "2097152\n",
		"proc/sys/net/netfilter/nf_conntrack_count":                       "1200\n",
		"proc/sys/net/netfilter/nf_conntrack_buckets":                     "524288\n",
		"proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established":     "7200\n",
		"proc/sys/vm/overcommit_memory":                                   "0\n",
		"proc/net/sockstat":                                               "sockets: used 15\nTCP: inuse 1 orphan 0 tw 19 alloc 1 mem 153\nUDP: inuse 0 mem 3\n",
		"proc/net/netstat":                                                netstat(7, 9, 0),
		"proc/net/softnet_stat":                                           "1fbca7bf 00000003 0000000d 00000000\n1863ed67 0000000a 00000010 00000000\n",
		"proc/meminfo":                                                    "MemTotal:       32768000 kB\nMemFree:        30000000 kB\n",
		"proc/swaps":                                                      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
		"proc/interrupts":                                                 interrupts(0, 1),
		"proc/self/cgroup":                                                "0::/system.slice/starling.service\n",
		"proc/self/oom_score_adj":                                         "-500\n",
		"proc/self/status":                                                "Name:\tstarling\nCapEff:\t0000000000000000\n",
		"sys/fs/cgroup/system.slice/starling.service/memory.max":          "8589934592\n",
		"sys/fs/cgroup/system.slice/starling.service/pids.max":            "max\n",
		"sys/fs/cgroup/system.slice/starling.service/cpu.max":             "max 100000\n",
		"sys/kernel/mm/transparent_hugepage/enabled":                      "always [madvise] never\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
		"sys/class/net/lo/queues/rx-0/rps_cpus":                           "0\n",
		"sys/class/net/eth0/device/vendor":                                "0x8086\n",
		"sys/class/net/eth0/queues/tx-0/xps_cpus":                         "0\n",
		"sys/class/net/eth0/queues/rx-0/rps_cpus":                         "ffff\n",
		"sys/class/net/eth0/queues/rx-1/rps_cpus":                         "ffff\n",
	}
}

// netstat is a /proc/net/netstat with these counters among others.
func netstat(overflows, drops, aborts int) string {
	return fmt.Sprintf("TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPAbortOnMemory TCPSACKDiscard\nTcpExt: 122810 %d %d %d 3\n"+
		"IpExt: InNoRoutes InTruncatedPkts\nIpExt: 0 0\n", overflows, drops, aborts)
}

// interrupts is a /proc/interrupts of two processors, with a card that has two queues and the processor that each interrupts.
func interrupts(first, second int) string {
	counts := [2]string{"       5123          0", "          7       6111"}
	return "           CPU0       CPU1       \n" +
		" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n" +
		" 41: " + counts[first] + " PCI-MSIX-0000:00:04.0   1-edge      i40e-eth0-TxRx-0\n" +
		" 42: " + counts[second] + " PCI-MSIX-0000:00:04.0   2-edge      i40e-eth0-TxRx-1\n" +
		" 43:          9          0 PCI-MSIX-0000:00:04.0   3-edge      i40e-eth01-TxRx-0\n" +
		"NMI:          0          0   Non-maskable interrupts\n"
}

// with changes some of them.
func (f files) with(changes files) files {
	for name, text := range changes {
		if text == absent {
			delete(f, name)
			continue
		}
		f[name] = text
	}
	return f
}

func (f files) fs() fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range f {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

var errNobody = errors.New("nobody answers")

// machine is a system with these files, 1,048,576 open files, and nothing else.
func machine(f files) System {
	return System{
		OS: "linux", Release: "6.12.9", CPUs: 16, Procs: 16, Page: 4096, Root: true, Files: f.fs(),
		OpenFiles: func() (soft, hard uint64, err error) { return 1024, 1 << 20, nil },
		Env:       func(string) (string, bool) { return "", false },
		Dial:      func(context.Context, string, string) (net.Conn, error) { return nil, errNobody },
		Wait:      func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Now:       time.Now,
	}
}

// environment makes a lookup of NAME=value.
func environment(variables ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, v := range variables {
			if n, value, _ := strings.Cut(v, "="); n == name {
				return value, true
			}
		}
		return "", false
	}
}

// settings are those of a server behind a proxy, for as many clients as the machine is ready for.
func settings() Settings {
	return Settings{Connections: 100_000, Addr: ":8080", APIAddr: "127.0.0.1:9090", APIKeys: true}
}

// find is the result of one check.
func find(t *testing.T, r Report, name string) Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Check == name {
			return result
		}
	}
	t.Fatalf("there is no check %q", name)
	return Result{}
}

// line is a result but for its reason, as rows have it.
func line(r Result) string {
	return strings.Join(append([]string{string(r.Verdict), r.Found, r.Wanted}, r.Fix...), " | ")
}
