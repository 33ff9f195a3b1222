package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// cgroup is a control group that has a memory limit, seen from inside the process.
type cgroup struct {
	root  fs.FS
	dir   string
	names cgroupNames
	limit int64
}

// cgroupNames are the files that a version of cgroups has for the same things.
type cgroupNames struct {
	limit, used string
	inactive    string // the row of memory.stat for file pages that nobody has used lately, of the whole subtree
	inherited   string // the row for the tightest limit of those above, if there is one
}

var (
	version1 = cgroupNames{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "hierarchical_memory_limit"}
	version2 = cgroupNames{limit: "memory.max", used: "memory.current", inactive: "inactive_file"}
)

// statName is the file of both versions that has the rest, in rows.
const statName = "memory.stat"

// errNoRow is a file of rows that lacks the one that is looked for.
var errNoRow = errors.New("there is no such row")

// findCgroup finds the group with the tightest limit among the process's own and all those around it that can be seen:
// that is the one that runs out first. Without any limit it is nil.
func findCgroup(root fs.FS) (*cgroup, error) {
	dir, top, names, err := memoryDir(root)
	if err != nil || dir == "" {
		return nil, err
	}
	var tightest *cgroup
	for {
		c := &cgroup{root: root, dir: dir, names: names}
		if err := c.readLimit(); err != nil {
			return nil, err
		}
		// Of groups with the same limit the outermost counts: it holds the others' use.
		if c.limit > 0 && (tightest == nil || c.limit <= tightest.limit) {
			tightest = c
		}
		if dir == top || dir == "." {
			return tightest, nil
		}
		dir = path.Dir(dir)
	}
}

// readLimit reads the limit of this group; 0 is none, as with the root group, which has no such file.
func (c *cgroup) readLimit() error {
	text, err := c.read(c.names.limit)
	switch {
	case errors.Is(err, fs.ErrNotExist), text == "max":
		return nil
	case err != nil:
		return err
	}
	limit, err := parseBytes(text)
	if err != nil {
		return fmt.Errorf("%s/%s: %w", c.dir, c.names.limit, err)
	}
	if inherited, err := c.row(c.names.inherited); err == nil { // of groups that a container does not see
		limit = min(limit, inherited)
	}
	if limit < noLimitBytes {
		c.limit = limit
	}
	return nil
}

// used is what the group uses: all but the file pages that the kernel takes back first.
func (c *cgroup) used() (int64, error) {
	text, err := c.read(c.names.used)
	if err != nil {
		return 0, err
	}
	used, err := parseBytes(text)
	if err != nil {
		return 0, fmt.Errorf("%s/%s: %w", c.dir, c.names.used, err)
	}
	inactive, err := c.row(c.names.inactive)
	if err != nil {
		return 0, err
	}
	return max(0, used-inactive), nil
}

func (c *cgroup) read(name string) (string, error) {
	text, err := fs.ReadFile(c.root, path.Join(c.dir, name))
	return strings.TrimSpace(string(text)), err
}

// row returns a figure of memory.stat.
func (c *cgroup) row(name string) (int64, error) {
	text, err := c.read(statName)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == name {
			return parseBytes(value)
		}
	}
	return 0, fmt.Errorf("%s/%s: %q: %w", c.dir, statName, name, errNoRow)
}

// parseBytes reads a size as the kernel writes it. What is beyond an int64 is no limit, and reads as the largest of them.
func parseBytes(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	return int64(min(n, math.MaxInt64)), err
}
