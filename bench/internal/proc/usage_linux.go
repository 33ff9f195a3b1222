package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ErrProcess means that /proc does not tell about a process: most likely it has ended.
var ErrProcess = errors.New("proc: cannot read process")

// ticksPerSecond is USER_HZ, in which /proc/PID/stat counts; it is 100 on every Linux architecture Go runs on.
const ticksPerSecond = 100

// CPU follows the processor time of one process. It is for one goroutine.
type CPU struct {
	pid   int
	tasks map[string]time.Duration // the last reading of each thread, ended ones too, so that the sum never falls
}

// NewCPU follows the process with that id.
func NewCPU(pid int) *CPU { return &CPU{pid: pid, tasks: make(map[string]time.Duration)} }

// Read is the processor time the process has used, user and system together: to the nanosecond from the schedstat of each thread,
// or in ticks of 10 ms where the kernel keeps no schedstat. Differences of two readings are what counts; what a thread used after
// its last reading is missed if it ended since.
func (c *CPU) Read() (time.Duration, error) {
	dir := fmt.Sprintf("/proc/%d/task", c.pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("%w %d: %w", ErrProcess, c.pid, err)
	}
	counted := false
	for _, e := range entries {
		b, err := os.ReadFile(dir + "/" + e.Name() + "/schedstat")
		if err != nil {
			continue // the thread has just ended, or there is no schedstat
		}
		if used, ok := parseSchedstat(b); ok {
			c.tasks[e.Name()] = used
			counted = true
		}
	}
	if !counted {
		return readStat(c.pid)
	}
	total := time.Duration(0)
	for _, used := range c.tasks {
		total += used
	}
	return total, nil
}

// parseSchedstat reads the first number, nanoseconds on a processor.
func parseSchedstat(b []byte) (time.Duration, bool) {
	first, _, _ := bytes.Cut(b, []byte(" "))
	ns, err := strconv.ParseInt(string(first), 10, 64)
	return time.Duration(ns), err == nil
}

func readStat(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("%w %d: %w", ErrProcess, pid, err)
	}
	used, ok := parseStat(b)
	if !ok {
		return 0, fmt.Errorf("%w %d: stat is %q", ErrProcess, pid, b)
	}
	return used, nil
}

// parseStat adds utime and stime, the 14th and 15th field. The 2nd is the command's name in parentheses and may hold anything,
// so the fields are counted from the last parenthesis.
func parseStat(b []byte) (time.Duration, bool) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, false
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0, false
	}
	return time.Duration(user+system) * (time.Second / ticksPerSecond), true
}

// Memory is what a process has resident, in bytes.
type Memory struct {
	RSS     int64 // all of it
	RSSAnon int64 // heap and stacks: without the program's own text and other files
}

// ReadMemory reads a process's memory from /proc/PID/status.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("%w %d: %w", ErrProcess, pid, err)
	}
	return parseStatus(b), nil
}

func parseStatus(b []byte) (m Memory) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmRSS":
			m.RSS = kib << 10
		case "RssAnon":
			m.RSSAnon = kib << 10
		}
	}
	return m
}
