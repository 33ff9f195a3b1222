package proc

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

func (c CPUs) set() (set unix.CPUSet) {
	for _, cpu := range c {
		set.Set(cpu)
	}
	return set
}

// AllowedCPUs are the processors that this process may run on now.
func AllowedCPUs() (cpus CPUs) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for cpu := range cpuMax {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// PinProcess binds every thread of this process to the processors, and with them every thread that these will start. It does
// nothing for an empty list.
func PinProcess(cpus CPUs) error {
	if len(cpus) == 0 {
		return nil
	}
	set := cpus.set()
	// Twice: a thread that an unpinned one started during the first round is found in the second.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("proc: pin: %w", err)
		}
		for _, t := range threads {
			tid, _ := strconv.Atoi(t.Name())
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("proc: pin to processors %v: %w", cpus, err)
			}
		}
	}
	return nil
}

// pinnedStart runs start on a thread bound to the processors, so that a process started there is bound from its first instruction;
// afterwards the thread is as it was.
func pinnedStart(cpus CPUs, start func() error) error {
	if len(cpus) == 0 {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("proc: affinity: %w", err)
	}
	set := cpus.set()
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("proc: pin to processors %v: %w", cpus, err)
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &before); back != nil && err == nil {
		err = fmt.Errorf("proc: unpin: %w", back)
	}
	return err
}
