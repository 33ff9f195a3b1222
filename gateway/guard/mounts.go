package guard

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// memoryDir finds the folder of the process's group that has to do with memory, and the topmost folder of that
// hierarchy, both as paths within root. Where there are no cgroups both are "".
func memoryDir(root fs.FS) (dir, top string, names cgroupNames, err error) {
	groups, err := readOptional(root, "proc/self/cgroup")
	if err != nil {
		return "", "", names, err
	}
	mounts, err := readOptional(root, "proc/self/mountinfo")
	if err != nil {
		return "", "", names, err
	}
	// Where both versions are in use, memory belongs to one of them; if it is version 1 that has a row of its own.
	if group, ok := groupOf(groups, "memory"); ok {
		dir, top = locate(root, mounts, group, isVersion1)
		return dir, top, version1, nil
	}
	if group, ok := groupOf(groups, ""); ok {
		dir, top = locate(root, mounts, group, isVersion2)
	}
	return dir, top, version2, nil
}

func readOptional(root fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// groupOf finds the path of the process's group in /proc/self/cgroup, by a controller; "" is version 2's, which names
// none. A row is number:controller,…:path (cgroups(7)).
func groupOf(groups, controller string) (group string, ok bool) {
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), controller) {
			return fields[2], true
		}
	}
	return "", false
}

// mount is a row of /proc/self/mountinfo.
type mount struct {
	root, point  string
	kind, option string
}

func isVersion1(m mount) bool {
	return m.kind == "cgroup" && slices.Contains(strings.Split(m.option, ","), "memory")
}

func isVersion2(m mount) bool { return m.kind == "cgroup2" }

// locate finds the folder of a group below the first mount that shows it. A container may see its group as the mount's
// root although its path says otherwise; then that is the folder.
func locate(root fs.FS, mounts, group string, wanted func(mount) bool) (dir, top string) {
	for line := range strings.Lines(mounts) {
		m, ok := parseMount(line)
		if !ok || !wanted(m) {
			continue
		}
		top = within(m.point)
		dir = path.Join(top, strings.TrimPrefix(group, strings.TrimSuffix(m.root, "/")))
		if _, err := fs.Stat(root, dir); err != nil || !strings.HasPrefix(dir+"/", top+"/") {
			dir = top
		}
		return dir, top
	}
	return "", ""
}

// within is an absolute path as io/fs wants it.
func within(name string) string { return cmp.Or(strings.Trim(path.Clean(name), "/"), ".") }

// parseMount takes a row apart: "36 35 98:0 /root /point options optional… - kind source super,options"
// (proc_pid_mountinfo(5)).
func parseMount(line string) (m mount, ok bool) {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 6 || len(fields) < dash+4 {
		return mount{}, false
	}
	return mount{
		root: unescape.Replace(fields[3]), point: unescape.Replace(fields[4]),
		kind: fields[dash+1], option: fields[dash+3],
	}, true
}

// unescape undoes what the kernel writes for bytes that would break the row.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
