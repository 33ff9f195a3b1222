package doctor

import (
	"path"
	"strings"
)

// groupFiles are where both versions of control groups have a limit.
type groupFiles struct{ controller, first, second string }

var (
	memoryLimitFiles = groupFiles{"memory", "memory.limit_in_bytes", "memory.max"}
	tasksLimitFiles  = groupFiles{"pids", "pids.max", "pids.max"}
)

// unlimitedMin is from where on a limit is none: version 1 says so with a number near 2^63.
const unlimitedMin = 1 << 60

// groupLimit is the least limit of the process's group and those around it; 0 if there is none.
func (e *examination) groupLimit(files groupFiles) (limit int64) {
	e.eachGroup(files.controller, func(dir string, second bool) {
		name := files.first
		if second {
			name = files.second
		}
		n, err := e.files.number(path.Join(dir, name), 0)
		if err == nil && n > 0 && n < unlimitedMin && (limit == 0 || n < limit) {
			limit = n
		}
	})
	return limit
}

// eachGroup visits the folders of the process's group, and of those around it, from the inside to the outside. second says that
// they are those of the second version.
func (e *examination) eachGroup(controller string, visit func(dir string, second bool)) {
	text, err := e.files.text("proc/self/cgroup")
	if err != nil {
		return
	}
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		mount, second := "sys/fs/cgroup", controllers == ""
		if !second {
			if !contains(controllers, controller) {
				continue
			}
			mount = path.Join(mount, controller)
		}
		// A container sees its own group as the root, and may be told a path outside of what it sees.
		for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
			visit(mount+strings.TrimSuffix(dir, "/"), second)
			if dir == "/" {
				break
			}
		}
	}
}

func contains(list, item string) bool {
	for entry := range strings.SplitSeq(list, ",") {
		if entry == item {
			return true
		}
	}
	return false
}
