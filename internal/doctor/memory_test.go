package doctor

import (
	"context"
	"errors"
	"math"
	"testing"
)

const (
	groupMax = "sys/fs/cgroup/system.slice/starling.service/memory.max"
	sliceMax = "sys/fs/cgroup/system.slice/memory.max"
)

func TestMemory(t *testing.T) {
	const buffers = "proc/sys/net/ipv4/tcp_wmem"
	runRows(t, []row{
		{name: "enough", check: "memory", want: "pass | total 2.4 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{
			name: "too little for slow clients", check: "memory", files: files{groupMax: "2147483648"},
			want: "warn | total 2.4 GiB of 2 GiB (the control group's) | at most 1.7 GiB" +
				" | MemoryMax=2859M    # systemd, if the machine has it; docker run --memory 2859m; Kubernetes: limits: {memory: 2859Mi}" +
				" | # or less for slow clients: tcp_wmem above, --outbound-max",
		},
		{
			name: "too little for any", check: "memory", files: files{groupMax: "536870912"},
			want: "fail | total 2.4 GiB of 512 MiB (the control group's) | at least 803 MiB" +
				" | MemoryMax=2859M    # systemd, if the machine has it; docker run --memory 2859m; Kubernetes: limits: {memory: 2859Mi}" +
				" | # or less for slow clients: tcp_wmem above, --outbound-max",
		},
		{name: "of a group around it", check: "memory", files: files{sliceMax: "4294967296"}, want: "pass | total 2.4 GiB of 4 GiB (the control group's) | at most 3.4 GiB"},
		{name: "of the machine", check: "memory", files: files{groupMax: "max\n"}, want: "pass | total 2.4 GiB of 31 GiB (the machine's) | at most 27 GiB"},
		{name: "of the settings", check: "memory", set: func(s *Settings) { s.MemoryMax = 4 << 30 }, want: "pass | total 2.4 GiB of 4 GiB (--memory-max) | at most 3.4 GiB"},
		{name: "more by the settings than there is", check: "memory", set: func(s *Settings) { s.MemoryMax = 64 << 30 }, want: "pass | total 2.4 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{
			name: "of the first version", check: "memory",
			files: files{"proc/self/cgroup": "4:memory:/a/b\n3:cpu,cpuacct:/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4294967296\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
			want:  "pass | total 2.4 GiB of 4 GiB (the control group's) | at most 3.4 GiB",
		},
		{name: "of a container's root", check: "memory", files: files{"proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/memory.max": "4294967296\n"}, want: "pass | total 2.4 GiB of 4 GiB (the control group's) | at most 3.4 GiB"},
		{name: "of groups that make no sense", check: "memory", files: files{"proc/self/cgroup": "\n::\nx\n0\n:memory\n", groupMax: "much\n"}, want: "pass | total 2.4 GiB of 31 GiB (the machine's) | at most 27 GiB"},
		{name: "not to be seen", check: "memory", files: files{"proc/meminfo": absent, groupMax: absent}, want: "skip | how much there is cannot be seen here | "},
		{name: "large buffers", check: "memory", files: files{buffers: "4096 16384 4194304"}, want: "pass | total 5.3 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{name: "buffers that are not to be seen", check: "memory", files: files{buffers: absent}, want: "pass | total 5.3 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{name: "recovery", check: "memory", set: func(s *Settings) { s.RecoveryMax = 256 << 20 }, want: "pass | total 2.9 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{name: "little that may wait", check: "memory", set: func(s *Settings) { s.OutboundPerConnMax = 1 << 10 }, want: "pass | total 1.9 GiB of 8 GiB (the control group's) | at most 6.8 GiB"},
		{name: "more than can be counted", check: "memory", set: connections(math.MaxInt), want: "fail | total 8 EiB of 8 GiB (the control group's) | at least 8 EiB" +
			" | MemoryMax=8796093022208M    # systemd, if the machine has it; docker run --memory 8796093022208m; Kubernetes: limits: {memory: 8796093022208Mi}" +
			" | # or less for slow clients: tcp_wmem above, --outbound-max"},
	})
}

func TestModelInOneLine(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files files
		set   func(*Settings)
		want  string
	}{
		{
			name: "as it is",
			want: "process 31 MiB | user 100,000 x 2.5 KiB = 248 MiB | kernel 100,000 x 4 KiB = 391 MiB | TCP buffers, 1 % slow 1,000 x 1 MiB = 1000 MiB | " +
				"waiting, 1 % slow 256 MiB | GC headroom 504 MiB | total 2.4 GiB of 8 GiB (the control group's): pass",
		},
		{
			name: "with recovery", set: func(s *Settings) { s.RecoveryMax = 256 << 20 },
			want: "process 31 MiB | user 100,000 x 2.9 KiB = 279 MiB | kernel 100,000 x 4 KiB = 391 MiB | TCP buffers, 1 % slow 1,000 x 1 MiB = 1000 MiB | " +
				"waiting, 1 % slow 256 MiB | kept for recovery 256 MiB | GC headroom 791 MiB | total 2.9 GiB of 8 GiB (the control group's): pass",
		},
		{
			name: "one client, and nobody knows of how much", set: connections(1), files: files{"proc/meminfo": "MemTotal: x kB\n", "proc/self/cgroup": absent},
			want: "process 31 MiB | user 1 x 2.5 KiB = 2.5 KiB | kernel 1 x 4 KiB = 4 KiB | TCP buffers, 1 % slow 1 x 1 MiB = 1 MiB | waiting, 1 % slow 1 MiB | GC headroom 1.0 MiB | total 34 MiB",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := settings()
			if tc.set != nil {
				tc.set(&set)
			}
			if got := Run(context.Background(), set, machine(tuned().with(tc.files))).Memory.String(); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func env(variables ...string) func(*System) {
	return func(s *System) { s.Env = environment(variables...) }
}

func TestGoSettings(t *testing.T) {
	const unset = " | unset GOMEMLIMIT    # and no Environment=GOMEMLIMIT= in the unit"
	const ungc = " | unset GOGC"
	runRows(t, []row{
		{name: "unset", check: "GOMEMLIMIT", want: "pass | unset | unset"},
		{name: "empty", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT="), want: "pass | unset | unset"},
		{name: "right", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=6GiB"), want: "pass | 6GiB | 504 MiB to 6.6 GiB"},
		{name: "too little", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=300MiB"), want: "warn | 300MiB | 504 MiB to 6.6 GiB" + unset},
		{name: "too much", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=8GiB"), want: "warn | 8GiB | 504 MiB to 6.6 GiB" + unset},
		{name: "off", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=off"), want: "warn | off | 504 MiB to 6.6 GiB" + unset},
		{name: "off, and nobody knows of how much", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=off"), files: files{"proc/meminfo": absent, "proc/self/cgroup": absent}, want: "pass | off | 504 MiB to 8 EiB"},
		{name: "garbled", check: "GOMEMLIMIT", sys: env("GOMEMLIMIT=6G"), want: "fail | 6G | unset, or a size" + unset},

		{name: "unset", check: "GOGC", want: "pass | unset, which is 100 | 50 to 400"},
		{name: "right", check: "GOGC", sys: env("GOGC=200"), want: "pass | 200 | 50 to 400"},
		{name: "too little", check: "GOGC", sys: env("GOGC=49"), want: "warn | 49 | 50 to 400" + ungc},
		{name: "too much", check: "GOGC", sys: env("GOGC=401"), want: "warn | 401 | 50 to 400" + ungc},
		{name: "too much, with a bound", check: "GOGC", sys: env("GOGC=800", "GOMEMLIMIT=6GiB"), want: "pass | 800 | 50 to 400"},
		{name: "off", check: "GOGC", sys: env("GOGC=off"), want: "warn | off | 50 to 400" + ungc},
		{name: "off, with a bound", check: "GOGC", sys: env("GOGC=off", "GOMEMLIMIT=6GiB"), want: "pass | off | 50 to 400"},
		{name: "off, with a bound that is none", check: "GOGC", sys: env("GOGC=off", "GOMEMLIMIT=off"), want: "warn | off | 50 to 400" + ungc},
		{name: "negative, which is off", check: "GOGC", sys: env("GOGC=-1"), want: "warn | -1 | 50 to 400" + ungc},
		{name: "garbled", check: "GOGC", sys: env("GOGC=lots"), want: "warn | lots | 50 to 400" + ungc},
	})
}

func TestParseMemoryLimit(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64
		err  error
	}{
		{"off", math.MaxInt64, nil},
		{"1048576", 1 << 20, nil},
		{"512B", 512, nil},
		{"1KiB", 1 << 10, nil},
		{"1MiB", 1 << 20, nil},
		{"1GiB", 1 << 30, nil},
		{"1TiB", 1 << 40, nil},
		{"9223372036854775807", math.MaxInt64, nil},
		{"9223372036854775808", 0, errMemoryLimit},
		{"8388608TiB", 0, errMemoryLimit},
		{"1GB", 0, errMemoryLimit},
		{"-1", 0, errMemoryLimit},
		{"1.5GiB", 0, errMemoryLimit},
		{"GiB", 0, errMemoryLimit},
		{"1GiBB", 0, errMemoryLimit},
		{" 1", 0, errMemoryLimit},
	} {
		if got, err := parseMemoryLimit(tc.text); got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%q is %d, %v; want %d, %v", tc.text, got, err, tc.want, tc.err)
		}
	}
}

func procs(procs, cpus int) func(*System) {
	return func(s *System) { s.Procs, s.CPUs = procs, cpus }
}

func TestProcess(t *testing.T) {
	const quota = "sys/fs/cgroup/system.slice/starling.service/cpu.max"
	const tooMany = " | unset GOMAXPROCS    # Go then goes by what it is given"
	runRows(t, []row{
		{name: "all", check: "GOMAXPROCS", want: "pass | 16 | <= 16"},
		{name: "more than there are", check: "GOMAXPROCS", sys: procs(32, 16), want: "warn | 32 | <= 16" + tooMany},
		{name: "a quota", check: "GOMAXPROCS", files: files{quota: "350000 100000\n"}, sys: procs(4, 16), want: "pass | 4 | <= 4"},
		{name: "more than the quota", check: "GOMAXPROCS", files: files{quota: "350000 100000\n"}, want: "warn | 16 | <= 4" + tooMany},
		{name: "a quota below two", check: "GOMAXPROCS", files: files{quota: "50000 100000\n"}, sys: procs(2, 16), want: "pass | 2 | <= 2"},
		{name: "a quota below two of one processor", check: "GOMAXPROCS", files: files{quota: "50000 100000\n"}, sys: procs(1, 1), want: "pass | 1 | <= 1"},
		{name: "a quota without a period", check: "GOMAXPROCS", files: files{quota: "50000 0\n"}, want: "pass | 16 | <= 16"},
		{
			name: "a quota of the first version", check: "GOMAXPROCS",
			files: files{"proc/self/cgroup": "3:cpu,cpuacct:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"},
			want:  "warn | 16 | <= 4" + tooMany,
		},

		{name: "no bound", check: "threads (pids.max)", want: "pass | unlimited | >= 512"},
		{name: "enough", check: "threads (pids.max)", files: files{"sys/fs/cgroup/system.slice/starling.service/pids.max": "512\n"}, want: "pass | 512 | >= 512"},
		{name: "too few", check: "threads (pids.max)", files: files{"sys/fs/cgroup/system.slice/pids.max": "100\n"}, want: "warn | 100 | >= 512 | TasksMax=infinity    # systemd; docker run --pids-limit -1"},

		{name: "late", check: "oom_score_adj", want: "pass | -500 | <= 0"},
		{name: "early", check: "oom_score_adj", files: files{"proc/self/oom_score_adj": "300\n"}, want: "warn | 300 | <= 0 | OOMScoreAdjust=-500    # systemd; docker run --oom-score-adj -500"},
		{name: "not to be seen", check: "oom_score_adj", files: files{"proc/self/oom_score_adj": absent}, want: "skip | not to be seen here: /proc/self/oom_score_adj | "},
		{name: "garbled", check: "oom_score_adj", files: files{"proc/self/oom_score_adj": "\n"}, want: `skip | not understood: "" | `},
	})
}
