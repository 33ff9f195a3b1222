package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Listens says whether a process has a socket that listens on a TCP port: one of those that /proc/net lists, found among its
// descriptors. It is false for a process that cannot be looked at.
func Listens(pid int, port uint16) bool {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false
	}
	inodes := make(map[string]bool)
	for _, family := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, family))
		if err == nil {
			addListeners(inodes, string(b), port)
		}
	}
	for _, fd := range fds {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok && inodes[strings.TrimSuffix(inode, "]")] {
			return true
		}
	}
	return false
}

// listening is a socket's state in /proc/net/tcp (TCP_LISTEN).
const listening = "0A"

// addListeners reads the inodes of a port's listeners: the 2nd field is the address with the port in hexadecimal, the 4th the state,
// the 10th the inode.
func addListeners(inodes map[string]bool, text string, port uint16) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listening {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if at, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(at) == port {
			inodes[f[9]] = true
		}
	}
}
