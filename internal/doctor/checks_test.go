package doctor

import (
	"context"
	"errors"
	"testing"
)

// row is a machine and settings that differ from those that are ready, and what one check says of them.
type row struct {
	name  string
	check string
	files files
	sys   func(*System)
	set   func(*Settings)
	want  string
}

func (tc row) run(t *testing.T) {
	t.Helper()
	sys, set := machine(tuned().with(tc.files)), settings()
	if tc.sys != nil {
		tc.sys(&sys)
	}
	if tc.set != nil {
		tc.set(&set)
	}
	r := find(t, Run(context.Background(), set, sys), tc.check)
	if got := line(r); got != tc.want {
		t.Errorf("%s\n got %s\nwant %s", tc.check, got, tc.want)
	}
	if r.Why == "" {
		t.Error("it has no reason")
	}
}

func runRows(t *testing.T, rows []row) {
	t.Helper()
	for _, tc := range rows {
		t.Run(tc.check+", "+tc.name, tc.run)
	}
}

func openFilesOf(soft, hard uint64, err error) func(*System) {
	return func(s *System) { s.OpenFiles = func() (uint64, uint64, error) { return soft, hard, err } }
}

func connections(n int) func(*Settings) { return func(s *Settings) { s.Connections = n } }

func notRoot(s *System) { s.Root = false }

func TestDescriptors(t *testing.T) {
	const name = "open files (RLIMIT_NOFILE)"
	raise := func(n string) string {
		return " | LimitNOFILE=" + n + "                    # systemd: [Service] of the unit | docker run --ulimit nofile=" + n + ":" + n +
			" … | sudo prlimit --pid $$ --nofile=" + n + ":" + n + "    # this shell, and what is started from it" +
			" | # Kubernetes: LimitNOFILE= of the node's containerd or kubelet"
	}
	runRows(t, []row{
		{name: "enough, if raised", check: name, want: "pass | 1,048,576 | >= 105,264"},
		{name: "just enough", check: name, sys: openFilesOf(1024, 105_264, nil), want: "pass | 105,264 | >= 105,264"},
		{name: "one too few", check: name, sys: openFilesOf(1024, 105_263, nil), want: "fail | 105,263 | >= 105,264" + raise("1048576")},
		{name: "a million", check: name, set: connections(1_000_000), want: "fail | 1,048,576 | >= 1,052,632" + raise("1052632")},
		{name: "few, of which the reserve is more than a part", check: name, sys: openFilesOf(1024, 1256, nil), set: connections(1000), want: "pass | 1,256 | >= 1,256"},
		{name: "no limit", check: name, sys: openFilesOf(1024, 1<<64-1, nil), want: "pass | unlimited | >= 105,264"},
		{name: "not told", check: name, sys: openFilesOf(0, 0, errors.New("getrlimit: no")), want: "skip | getrlimit: no | "},

		{name: "enough", check: "fs.nr_open", want: "pass | 1,048,576 | >= 105,264"},
		{name: "less than the limit, which was raised before", check: "fs.nr_open", files: files{"proc/sys/fs/nr_open": "65536\n"}, want: "pass | 65,536 | >= 105,264"},
		{
			name: "too few", check: "fs.nr_open", files: files{"proc/sys/fs/nr_open": "65536\n"}, sys: openFilesOf(1024, 4096, nil),
			want: "fail | 65,536 | >= 105,264 | sysctl -w fs.nr_open=2097152",
		},
		{name: "not to be seen", check: "fs.nr_open", files: files{"proc/sys/fs/nr_open": absent}, want: "skip | not to be seen here: /proc/sys/fs/nr_open | "},

		{name: "no bound", check: "fs.file-max", want: "pass | unlimited, 1,984 open | >= 107,248"},
		{
			name: "a bound", check: "fs.file-max", files: files{"proc/sys/fs/file-max": "107247\n"}, sys: notRoot,
			want: "fail | 107,247, 1,984 open | >= 107,248 | sudo sysctl -w fs.file-max=2097152",
		},
		{name: "how many are open is not to be seen", check: "fs.file-max", files: files{"proc/sys/fs/file-nr": absent}, want: "pass | unlimited, 0 open | >= 105,264"},
		{name: "garbled", check: "fs.file-max", files: files{"proc/sys/fs/file-max": "many\n"}, want: `skip | not understood: "many" | `},
	})
}

func TestSettingsOfTheKernel(t *testing.T) {
	file := func(name, text string) files { return files{"proc/sys/net/" + name: text + "\n"} }
	runRows(t, []row{
		{name: "enough", check: "net.core.somaxconn", want: "pass | 65,535 | >= 25,000"},
		{name: "too few", check: "net.core.somaxconn", files: file("core/somaxconn", "4096"), want: "warn | 4,096 | >= 25,000 | sysctl -w net.core.somaxconn=25000"},
		{name: "the kernel's, for few", check: "net.core.somaxconn", files: file("core/somaxconn", "4096"), set: connections(10_000), want: "pass | 4,096 | >= 4,096"},
		{name: "an old kernel's, for few", check: "net.core.somaxconn", files: file("core/somaxconn", "128"), set: connections(1), want: "warn | 128 | >= 4,096 | sysctl -w net.core.somaxconn=4096"},
		{name: "the most, for many", check: "net.core.somaxconn", set: connections(1_000_000), want: "pass | 65,535 | >= 32,768"},
		{name: "as somebody else", check: "net.core.somaxconn", files: file("core/somaxconn", "4096"), sys: notRoot, want: "warn | 4,096 | >= 25,000 | sudo sysctl -w net.core.somaxconn=25000"},
		{name: "garbled", check: "net.core.somaxconn", files: file("core/somaxconn", "-1"), want: `skip | not understood: "-1" | `},
		{name: "empty", check: "net.core.somaxconn", files: file("core/somaxconn", ""), want: `skip | not understood: "" | `},

		{name: "enough", check: "net.ipv4.tcp_max_syn_backlog", want: "pass | 65,535 | >= 8,192"},
		{name: "too few", check: "net.ipv4.tcp_max_syn_backlog", files: file("ipv4/tcp_max_syn_backlog", "2048"), want: "warn | 2,048 | >= 8,192 | sysctl -w net.ipv4.tcp_max_syn_backlog=8192"},
		{name: "on", check: "net.ipv4.tcp_syncookies", want: "pass | 1 | >= 1"},
		{name: "off", check: "net.ipv4.tcp_syncookies", files: file("ipv4/tcp_syncookies", "0"), want: "warn | 0 | >= 1 | sysctl -w net.ipv4.tcp_syncookies=1"},
		{name: "enough", check: "net.core.netdev_max_backlog", want: "pass | 32,768 | >= 10,000"},
		{name: "the kernel's, for few", check: "net.core.netdev_max_backlog", files: file("core/netdev_max_backlog", "1000"), set: connections(10_000), want: "pass | 1,000 | >= 1,000"},
		{name: "too few", check: "net.core.netdev_max_backlog", files: file("core/netdev_max_backlog", "1000"), want: "warn | 1,000 | >= 10,000 | sysctl -w net.core.netdev_max_backlog=10000"},
		{name: "enough", check: "net.ipv4.tcp_max_orphans", want: "pass | 262,144 | >= 25,000"},
		{name: "too few", check: "net.ipv4.tcp_max_orphans", files: file("ipv4/tcp_max_orphans", "8192"), want: "warn | 8,192 | >= 25,000 | sysctl -w net.ipv4.tcp_max_orphans=25000"},
		{name: "enough", check: "net.ipv4.tcp_max_tw_buckets", want: "pass | 524,288 | >= 100,000"},
		{name: "too few", check: "net.ipv4.tcp_max_tw_buckets", files: file("ipv4/tcp_max_tw_buckets", "65536"), want: "warn | 65,536 | >= 100,000 | sysctl -w net.ipv4.tcp_max_tw_buckets=100000"},
		{name: "short", check: "net.ipv4.tcp_fin_timeout", want: "pass | 20 | <= 30"},
		{name: "the kernel's", check: "net.ipv4.tcp_fin_timeout", files: file("ipv4/tcp_fin_timeout", "60"), want: "warn | 60 | <= 30 | sysctl -w net.ipv4.tcp_fin_timeout=30"},
		{name: "the kernel's, for few", check: "net.ipv4.tcp_fin_timeout", files: file("ipv4/tcp_fin_timeout", "60"), set: connections(49_999), want: "pass | 60 | <= 60"},
		{name: "everywhere", check: "net.ipv4.tcp_tw_reuse", want: "pass | 1 | >= 1"},
		{name: "on loopback", check: "net.ipv4.tcp_tw_reuse", files: file("ipv4/tcp_tw_reuse", "2"), want: "pass | 2 | >= 1"},
		{name: "off", check: "net.ipv4.tcp_tw_reuse", files: file("ipv4/tcp_tw_reuse", "0"), want: "warn | 0 | >= 1 | sysctl -w net.ipv4.tcp_tw_reuse=1"},
		{name: "by rule of thumb", check: "vm.overcommit_memory", want: "pass | 0 | <= 1"},
		{name: "never", check: "vm.overcommit_memory", files: files{"proc/sys/vm/overcommit_memory": "2\n"}, want: "warn | 2 | <= 1 | sysctl -w vm.overcommit_memory=1"},

		{name: "enough", check: "net.ipv4.tcp_mem", want: "pass | 1,048,576 of 1,572,864, 153 in use | >= 200,153"},
		{
			name: "too few", check: "net.ipv4.tcp_mem", files: file("ipv4/tcp_mem", "22000 29000 44000"),
			want: "warn | 29,000 of 44,000, 153 in use | >= 200,153 | sysctl -w net.ipv4.tcp_mem='150114 200153 300228'",
		},
		{name: "cut off", check: "net.ipv4.tcp_mem", files: file("ipv4/tcp_mem", "22000 29000"), want: `skip | not understood: "22000 29000" | `},
		{name: "what is in use is not to be seen", check: "net.ipv4.tcp_mem", files: files{"proc/net/sockstat": "TCP: mem\n"}, want: "pass | 1,048,576 of 1,572,864, 0 in use | >= 200,000"},

		{name: "bounded", check: "net.ipv4.tcp_wmem", want: "pass | 1 MiB | at most 1 MiB"},
		{
			name: "the kernel's", check: "net.ipv4.tcp_wmem", files: file("ipv4/tcp_wmem", "4096 16384 4194304"),
			want: "warn | 4 MiB, 3.9 GiB for 1 % slow | at most 1 MiB | sysctl -w net.ipv4.tcp_wmem='4096 16384 1048576'",
		},
		{name: "the kernel's, for few", check: "net.ipv4.tcp_wmem", files: file("ipv4/tcp_wmem", "4096 16384 4194304"), set: connections(10_000), want: "pass | 4 MiB | at most 1 MiB"},
		{
			name: "the kernel's, and nobody knows for how much", check: "net.ipv4.tcp_wmem", set: connections(100),
			files: files{"proc/sys/net/ipv4/tcp_wmem": "4096 16384 4194304\n", "proc/meminfo": absent, "proc/self/cgroup": absent},
			want:  "warn | 4 MiB, 4 MiB for 1 % slow | at most 1 MiB | sysctl -w net.ipv4.tcp_wmem='4096 16384 1048576'",
		},
	})
}

func addrs(addr, api string) func(*Settings) {
	return func(s *Settings) { s.Addr, s.APIAddr = addr, api }
}

func TestPorts(t *testing.T) {
	const portRange, reserved = "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"
	const rangeFile, reservedFile = "proc/sys/net/ipv4/ip_local_port_range", "proc/sys/net/ipv4/ip_local_reserved_ports"
	kernels := files{rangeFile: "32768\t60999\n"}
	runRows(t, []row{
		{name: "enough", check: portRange, files: kernels, set: connections(28_232), want: "pass | 28,232 (32768-60999) | >= 28,232"},
		{
			name: "too few for a proxy that may be here", check: portRange, files: kernels, set: connections(28_233),
			want: "warn | 28,232 (32768-60999) | >= 28,233 | sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
		},
		{
			name: "too few for a proxy that must be here", check: portRange, files: kernels, set: func(s *Settings) { s.Addr, s.Connections = "127.0.0.1:8080", 60_000 },
			want: "fail | 28,232 (32768-60999) | >= 60,000 | sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
		},
		{
			name: "and the server's ports would be among them", check: portRange, set: connections(50_000), files: files{rangeFile: "32768 60999\n", reservedFile: "7000-7010\n"},
			want: "warn | 28,232 (32768-60999) | >= 50,000 | sysctl -w net.ipv4.ip_local_port_range='1024 65535' | sysctl -w net.ipv4.ip_local_reserved_ports=7000-7010,8080,9090",
		},
		{
			name: "as many as there are", check: portRange, set: connections(1_000_000),
			want: "pass | 64,512 (1024-65535) | >= 64,512, and 16 addresses in the proxy",
		},
		{
			name: "as many as there are, to one address", check: portRange, set: func(s *Settings) { s.Addr, s.Connections = "127.0.0.1:8080", 300_000 },
			want: "fail | 64,512 (1024-65535) | >= 64,512, and 5 addresses in the proxy | # --addr :8080, and 5 addresses in the proxy: 127.0.0.1:8080 127.0.0.2:8080 127.0.0.3:8080 127.0.0.4:8080 …",
		},
		{
			name: "more than there are, and not all of them", check: portRange, files: kernels,
			want: "warn | 28,232 (32768-60999) | >= 64,512, and 2 addresses in the proxy | sysctl -w net.ipv4.ip_local_port_range='1024 65535' | # --addr :8080, and 2 addresses in the proxy: 127.0.0.1:8080 127.0.0.2:8080",
		},
		{
			name: "the wrong way round", check: portRange, files: files{rangeFile: "60999 32768\n"}, set: connections(1),
			want: "warn | 0 (60999-32768) | >= 1 | sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
		},
		{name: "garbled", check: portRange, files: files{rangeFile: "32768 up\n"}, want: `skip | not understood: "32768 up" | `},

		{name: "outside of the range", check: reserved, files: files{rangeFile: "32768 60999\n", reservedFile: "\n"}, want: "pass | enough | those within the range"},
		{name: "reserved", check: reserved, want: "pass | enough | those within the range"},
		{
			name: "within the range", check: reserved, files: files{reservedFile: "\n"},
			want: "warn | none | 8080,9090 | sysctl -w net.ipv4.ip_local_reserved_ports=8080,9090",
		},
		{
			name: "one of them", check: reserved, files: files{reservedFile: "8000-8100,,9\n"},
			want: "warn | 8000-8100,,9 | 9090 | sysctl -w net.ipv4.ip_local_reserved_ports=8000-8100,,9,9090",
		},
		{
			name: "a list that is none", check: reserved, files: files{reservedFile: "8080;\x1b reboot\n"},
			want: "warn | 8080;\ufffd reboot | 8080,9090 | sysctl -w net.ipv4.ip_local_reserved_ports=8080,9090",
		},
		{name: "no addresses", check: reserved, set: addrs("", ""), want: "pass | enough | those within the range"},
		{name: "no address at all", check: reserved, set: addrs("nowhere", ":http"), want: "pass | enough | those within the range"},
		{name: "not to be seen", check: reserved, files: files{reservedFile: absent}, want: "skip | not to be seen here: /proc/sys/net/ipv4/ip_local_reserved_ports | "},

		{name: "high", check: "port of --addr", want: "pass | 8080 | >= 1024"},
		{
			name: "low", check: "port of --addr", set: addrs(":443", ""),
			want: "fail | 443 | >= 1024 | AmbientCapabilities=CAP_NET_BIND_SERVICE          # systemd: [Service] | setcap cap_net_bind_service=+ep starling    # or for the binary",
		},
		{name: "low, and allowed", check: "port of --addr", set: addrs(":443", ""), files: files{"proc/self/status": "CapEff:\t0000000000000400\n"}, want: "pass | 443 | >= 1024"},
		{name: "low, of root's", check: "port of --addr", set: addrs(":443", ""), files: files{"proc/self/status": absent}, want: "pass | 443 | >= 1024"},
		{name: "low, of root's without a word of it", check: "port of --addr", set: addrs(":443", ""), files: files{"proc/self/status": "Name: x\n"}, want: "pass | 443 | >= 1024"},
		{
			name: "low, and not to be understood", check: "port of --addr", set: addrs(":443", ""), files: files{"proc/self/status": "CapEff:\tall\n"},
			want: "fail | 443 | >= 1024 | AmbientCapabilities=CAP_NET_BIND_SERVICE          # systemd: [Service] | setcap cap_net_bind_service=+ep starling    # or for the binary",
		},
		{name: "low, where all may", check: "port of --addr", set: addrs(":443", ""), files: files{"proc/sys/net/ipv4/ip_unprivileged_port_start": "0\n"}, want: "pass | 443 | >= 0"},
		{name: "low, on an old kernel", check: "port of --addr", set: addrs(":1024", ""), files: files{"proc/sys/net/ipv4/ip_unprivileged_port_start": absent}, want: "pass | 1024 | >= 1024"},
		{name: "not given", check: "port of --addr", set: addrs("", ""), want: "skip | no address is given | "},
	})
}

func TestConntrack(t *testing.T) {
	const dir = "proc/sys/net/netfilter/nf_conntrack_"
	const most, buckets, established = "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_tcp_timeout_established"
	const or = " | # or do not follow them: docker run --network host …, and in nftables: tcp dport 8080 notrack"
	runRows(t, []row{
		{name: "enough", check: most, want: "pass | 2,097,152, 1,200 in use | >= 150,000"},
		{name: "tight", check: most, files: files{dir + "max": "149999"}, want: "warn | 149,999, 1,200 in use | >= 150,000 | sysctl -w net.netfilter.nf_conntrack_max=262144" + or},
		{name: "too few", check: most, files: files{dir + "max": "65536"}, want: "fail | 65,536, 1,200 in use | >= 150,000 | sysctl -w net.netfilter.nf_conntrack_max=262144" + or},
		{name: "too few, and as yet nothing is followed", check: most, files: files{dir + "max": "65536", dir + "count": "0"}, want: "warn | 65,536, 0 in use | >= 150,000 | sysctl -w net.netfilter.nf_conntrack_max=262144" + or},
		{name: "nearly full", check: most, files: files{dir + "max": "1000000", dir + "count": "800000"}, want: "warn | 1,000,000, 800,000 in use | >= 150,000 | sysctl -w net.netfilter.nf_conntrack_max=2000000" + or},
		{name: "many", check: most, set: connections(2_000_000), want: "warn | 2,097,152, 1,200 in use | >= 3,000,000 | sysctl -w net.netfilter.nf_conntrack_max=3000000" + or},
		{name: "none", check: most, files: files{dir + "max": absent}, want: "skip | nothing follows connections here | "},

		{name: "enough", check: buckets, want: "pass | 524,288 | >= 37,500"},
		{name: "too few", check: buckets, files: files{dir + "buckets": "16384"}, want: "warn | 16,384 | >= 37,500 | sysctl -w net.netfilter.nf_conntrack_buckets=37500"},
		{name: "none", check: buckets, files: files{dir + "buckets": absent}, want: "skip | nothing follows connections here | "},

		{name: "short", check: established, want: "pass | 7,200 | <= 86,400"},
		{name: "the kernel's", check: established, files: files{dir + "tcp_timeout_established": "432000"}, want: "warn | 432,000 | <= 86,400 | sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=7200"},
		{name: "the kernel's, for few", check: established, files: files{dir + "tcp_timeout_established": "432000"}, set: connections(49_999), want: "pass | 432,000 | <= 432,000"},
		{name: "none", check: established, files: files{dir + "tcp_timeout_established": absent}, want: "skip | nothing follows connections here | "},
	})
}

func TestServerSettings(t *testing.T) {
	api := func(addr string, keys, dev bool) func(*Settings) {
		return func(s *Settings) { s.APIAddr, s.APIKeys, s.Dev = addr, keys, dev }
	}
	from := func(cookies bool, list ...string) func(*Settings) {
		return func(s *Settings) { s.Origins, s.Cookies = list, cookies }
	}
	const keyFix = " | export STARLING_API_KEYS=$(openssl rand -hex 24) | # or --api-key-file, with a scope and rooms for each key; or --api-addr '' for none"
	runRows(t, []row{
		{name: "off", check: "control API", set: api("", false, false), want: "pass | off | "},
		{name: "here, with keys", check: "control API", want: "pass | 127.0.0.1:9090, with keys | keys"},
		{name: "public, with keys", check: "control API", set: api(":9090", true, false), want: "pass | :9090, with keys | keys"},
		{name: "here, without a key", check: "control API", set: api("[::1]:9090", false, false), want: "warn | [::1]:9090, without a key | keys" + keyFix},
		{name: "public, without a key", check: "control API", set: api("0.0.0.0:9090", false, false), want: "fail | 0.0.0.0:9090, without a key | keys" + keyFix},
		{name: "anywhere, without a key", check: "control API", set: api("garbled", false, false), want: "fail | garbled, without a key | keys" + keyFix},
		{name: "to try things out", check: "control API", set: api("localhost:9090", false, true), want: "pass | localhost:9090, with --dev | keys"},
		{
			name: "to try things out, public", check: "control API", set: api("192.0.2.1:9090", false, true),
			want: "warn | 192.0.2.1:9090, with --dev | keys | --api-addr 127.0.0.1:9090 | # or without --dev, with STARLING_API_KEYS or --api-key-file",
		},

		{name: "its own", check: "origins", want: "pass | the server's own | no * with cookies"},
		{name: "some", check: "origins", set: from(true, "https://a.example", "https://b.example"), want: "pass | https://a.example,https://b.example | no * with cookies"},
		{name: "all", check: "origins", set: from(false, "*"), want: "pass | * | no * with cookies"},
		{name: "all, with cookies", check: "origins", set: from(true, "https://a.example", "*"), want: "warn | *, with cookies | no * with cookies | --origins https://app.example.com | # or without --credentials and --cookie"},
	})
}
