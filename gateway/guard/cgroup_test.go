package guard

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Rows as the kernel writes them.
const (
	mountV1   = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	mountV2   = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountBoth = "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" + mountV1 +
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	unlimitedV1 = "9223372036854771712\n" // (2^63 - 1) / 4096 * 4096
)

// files makes a file system of names and contents.
func files(content map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range content {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func TestFindCgroup(t *testing.T) {
	const dir = "sys/fs/cgroup/"
	for _, tc := range []struct {
		name   string
		groups string
		mounts string
		files  map[string]string
		limit  int64 // 0: there is none
		used   int64
	}{
		{
			name: "version 2, a service", groups: "0::/system.slice/starling.service\n", mounts: mountV2,
			files: map[string]string{
				dir + "system.slice/starling.service/memory.max":     "8589934592\n",
				dir + "system.slice/starling.service/memory.current": "5000\n",
				dir + "system.slice/starling.service/memory.stat":    "anon 3000\ninactive_file 1200\nactive_file 800\n",
				dir + "system.slice/memory.max":                      "max\n",
			},
			limit: 8 << 30, used: 3800,
		},
		{
			name: "version 2, a container that sees its group as the root", groups: "0::/\n", mounts: mountV2,
			files: map[string]string{dir + "memory.max": "4096\n", dir + "memory.current": "100\n", dir + "memory.stat": "inactive_file 0\n"},
			limit: 4096, used: 100,
		},
		{
			name: "version 2, a path that leads out of the mount", groups: "0::/../../app\n", mounts: mountV2,
			files: map[string]string{dir + "memory.max": "4096\n", dir + "memory.current": "100\n", dir + "memory.stat": "inactive_file 7\n"},
			limit: 4096, used: 93,
		},
		{
			name: "version 2, the parent is tighter", groups: "0::/pod/app\n", mounts: mountV2,
			files: map[string]string{
				dir + "pod/app/memory.max": "2000\n", dir + "pod/app/memory.current": "10\n", dir + "pod/app/memory.stat": "inactive_file 0\n",
				dir + "pod/memory.max": "1000\n", dir + "pod/memory.current": "600\n", dir + "pod/memory.stat": "inactive_file 100\n",
			},
			limit: 1000, used: 500,
		},
		{
			name: "version 2, the parent is as tight and holds others", groups: "0::/pod/app\n", mounts: mountV2,
			files: map[string]string{
				dir + "pod/app/memory.max": "1000\n", dir + "pod/app/memory.current": "10\n", dir + "pod/app/memory.stat": "inactive_file 0\n",
				dir + "pod/memory.max": "1000\n", dir + "pod/memory.current": "600\n", dir + "pod/memory.stat": "inactive_file 0\n",
			},
			limit: 1000, used: 600,
		},
		{
			name: "version 2, only file pages", groups: "0::/\n", mounts: mountV2,
			files: map[string]string{dir + "memory.max": "4096\n", dir + "memory.current": "100\n", dir + "memory.stat": "inactive_file 104\n"},
			limit: 4096, used: 0,
		},
		{
			name: "version 2, unlimited", groups: "0::/a/b\n", mounts: mountV2,
			files: map[string]string{dir + "a/b/memory.max": "max\n", dir + "a/memory.max": "max\n"},
		},
		{
			name: "version 2, a mount whose name has a blank", groups: "0::/\n",
			mounts: `31 23 0:28 / /my\040groups rw - cgroup2 cgroup2 rw` + "\n",
			files:  map[string]string{"my groups/memory.max": "4096", "my groups/memory.current": "3", "my groups/memory.stat": "inactive_file 1"},
			limit:  4096, used: 2,
		},
		{
			name: "version 1 beside version 2", groups: "4:memory:/app\n1:cpu,cpuacct:/\n0::/\n", mounts: mountBoth,
			files: map[string]string{
				dir + "memory/app/memory.limit_in_bytes": "6000\n",
				dir + "memory/app/memory.usage_in_bytes": "5000\n",
				dir + "memory/app/memory.stat":           "inactive_file 1\nhierarchical_memory_limit 6000\ntotal_inactive_file 2000\n",
				dir + "memory/memory.limit_in_bytes":     unlimitedV1,
			},
			limit: 6000, used: 3000,
		},
		{
			name: "version 1, a container whose path is the mount's root", groups: "4:memory:/docker/1f\n",
			mounts: strings.Replace(mountV1, " / ", " /docker/1f ", 1),
			files: map[string]string{
				dir + "memory/memory.limit_in_bytes": "6000\n",
				dir + "memory/memory.usage_in_bytes": "5000\n",
				dir + "memory/memory.stat":           "total_inactive_file 0\n",
			},
			limit: 6000, used: 5000,
		},
		{
			name: "version 1, a limit from above that cannot be seen", groups: "4:memory:/\n", mounts: mountV1,
			files: map[string]string{
				dir + "memory/memory.limit_in_bytes": unlimitedV1,
				dir + "memory/memory.usage_in_bytes": "5000\n",
				dir + "memory/memory.stat":           "hierarchical_memory_limit 7000\ntotal_inactive_file 0\n",
			},
			limit: 7000, used: 5000,
		},
		{
			name: "version 1, unlimited", groups: "4:memory:/\n", mounts: mountV1,
			files: map[string]string{dir + "memory/memory.limit_in_bytes": unlimitedV1},
		},
		{name: "a limit beyond all counting", groups: "0::/\n", mounts: mountV2, files: map[string]string{dir + "memory.max": "18446744073709551615"}},
		{name: "no cgroups at all"},
		{name: "no memory controller", groups: "1:cpu:/\n", mounts: mountV1},
		{name: "nothing mounted", groups: "4:memory:/app\n0::/\n"},
		{name: "mounts that make no sense", groups: "0::/\n", mounts: "31 23 0:28 / - cgroup2\n\n-\n31 23 0:28 / /x rw - cgroup2 cgroup2\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := files(tc.files)
			maps.Copy(root, files(map[string]string{"proc/self/cgroup": tc.groups, "proc/self/mountinfo": tc.mounts}))
			group, err := findCgroup(root)
			if err != nil {
				t.Fatal(err)
			}
			if tc.limit == 0 {
				if group != nil {
					t.Errorf("found a limit of %d, want none", group.limit)
				}
				return
			}
			if group == nil || group.limit != tc.limit {
				t.Fatalf("found %+v, want a limit of %d", group, tc.limit)
			}
			if used, err := group.used(); used != tc.used || err != nil {
				t.Errorf("%d bytes are used, error %v; want %d", used, err, tc.used)
			}
		})
	}
}

func TestCgroupThatCannotBeRead(t *testing.T) {
	good := map[string]string{
		"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2,
		"sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "10", "sys/fs/cgroup/memory.stat": "inactive_file 1\n",
	}
	for _, tc := range []struct {
		name string
		file string
		text string // "": there is no such file
		want string // in the error
	}{
		{"a limit that is no number", "sys/fs/cgroup/memory.max", "lots", "memory.max"},
		{"use that is no number", "sys/fs/cgroup/memory.current", "-1", "memory.current"},
		{"no use", "sys/fs/cgroup/memory.current", "", "memory.current"},
		{"no rows", "sys/fs/cgroup/memory.stat", "", "memory.stat"},
		{"a row missing", "sys/fs/cgroup/memory.stat", "anon 3\n", errNoRow.Error()},
		{"a row that is no number", "sys/fs/cgroup/memory.stat", "inactive_file many\n", "many"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			content := maps.Clone(good)
			content[tc.file] = tc.text
			if tc.text == "" {
				delete(content, tc.file)
			}
			group, err := findCgroup(files(content))
			if err == nil {
				_, err = group.used()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v, want one that names %s", err, tc.want)
			}
		})
	}
}

// TestWhatIsWatched tells which limit counts, and what is read then.
func TestWhatIsWatched(t *testing.T) {
	page := int64(os.Getpagesize())
	group := map[string]string{
		"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "proc/self/statm": "900 7 3 1 0 5 0\n",
		"sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "10", "sys/fs/cgroup/memory.stat": "inactive_file 1\n",
	}
	unlimited := maps.Clone(group)
	unlimited["sys/fs/cgroup/memory.max"] = "max"
	broken := maps.Clone(group)
	broken["sys/fs/cgroup/memory.max"] = "lots"
	for _, tc := range []struct {
		name  string
		max   int64
		files map[string]string
		want  int64 // the limit
		used  int64
	}{
		{"the cgroup's", 0, group, 1000, 9},
		{"the cgroup's, below what was asked for", 2000, group, 1000, 9},
		{"the cgroup's, as it was asked for", 1000, group, 1000, 9},
		{"what was asked for, below the cgroup's", 999, group, 999, 7 * page},
		{"what was asked for, without a cgroup's", 2000, unlimited, 2000, 7 * page},
		{"what was asked for, with a cgroup that cannot be read", 2000, broken, 2000, 7 * page},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := build(Config{Max: tc.max, Logger: slog.New(slog.DiscardHandler)}, files(tc.files))
			if err != nil {
				t.Fatal(err)
			}
			used, err := g.cfg.Read()
			if got := g.Reading(); got.MaxBytes != tc.want || got.State != OK || used != tc.used || err != nil {
				t.Errorf("the limit is %+v and %d are used, error %v; want %d and %d", got, used, err, tc.want, tc.used)
			}
		})
	}
}

func TestACgroupThatCannotBeReadIsLogged(t *testing.T) {
	var log strings.Builder
	g, err := build(Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, files(map[string]string{
		"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "lots",
	}))
	if err != nil || g.State() != Off {
		t.Errorf("the guard is %v, error %v; want it off", g.State(), err)
	}
	if !strings.Contains(log.String(), "counts as none") || !strings.Contains(log.String(), "lots") {
		t.Errorf("logged %q, want the reason", log.String())
	}
}

func TestProcessBytes(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, tc := range []struct {
		name, text string
		want       int64
		fails      bool
	}{
		{"resident is the second field", "34000 2600 1200 10 0 9000 0\n", 2600 * page, false},
		{"too few fields", "34000\n", 0, true},
		{"no number", "34000 many\n", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := processBytes(files(map[string]string{"proc/self/statm": tc.text}))
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %d, error %v", got, err)
			}
		})
	}
	t.Run("a system that does not tell", func(t *testing.T) {
		held := make([]byte, 32<<20)
		if got, err := processBytes(fstest.MapFS{}); got < int64(len(held)) || err != nil {
			t.Errorf("got %d, error %v; want at least the %d bytes of this test", got, err, len(held))
		}
		runtime.KeepAlive(held)
	})
}

// TestThisMachine holds the limit that is found here against that of a library.
func TestThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("cgroups are Linux's")
	}
	var want int64
	limit, err := memlimit.FromCgroup()
	switch {
	case err == nil:
		want = int64(min(limit, math.MaxInt64))
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, fs.ErrNotExist):
	default:
		t.Skipf("the library cannot tell: %v", err)
	}
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Reading().MaxBytes; got != want {
		t.Errorf("the limit is %d, want %d", got, want)
	}
	if used, err := processBytes(os.DirFS("/")); used < 1<<20 || err != nil {
		t.Errorf("the process has %d bytes, error %v; want more", used, err)
	}
}

// FuzzFindCgroup: whatever the kernel says of mounts and groups, the guard starts.
func FuzzFindCgroup(f *testing.F) {
	f.Add("0::/system.slice/starling.service\n", mountV2, "8589934592\n", "inactive_file 1200\n")
	f.Add("4:memory:/app\n0::/\n", mountBoth, unlimitedV1, "hierarchical_memory_limit 6000\n")
	f.Add("0::/../..\n", `31 23 0:28 /.. /a\040b/../c rw - cgroup2 x y`, "max", "")
	f.Fuzz(func(t *testing.T, groups, mounts, limit, stat string) {
		root := files(map[string]string{"proc/self/cgroup": groups, "proc/self/mountinfo": mounts})
		for _, dir := range []string{"", "c/", "sys/fs/cgroup/", "sys/fs/cgroup/memory/", "sys/fs/cgroup/memory/app/"} {
			for _, name := range []string{"memory.max", "memory.current", "memory.limit_in_bytes", "memory.usage_in_bytes"} {
				root[dir+name] = &fstest.MapFile{Data: []byte(limit)}
			}
			root[dir+"memory.stat"] = &fstest.MapFile{Data: []byte(stat)}
		}
		group, err := findCgroup(root)
		if err != nil || group == nil {
			return
		}
		if used, err := group.used(); group.limit < 0 || group.limit >= noLimitBytes || err == nil && used < 0 {
			t.Errorf("the limit is %d and %d are used", group.limit, used)
		}
	})
}
