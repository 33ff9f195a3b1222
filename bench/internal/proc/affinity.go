package proc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrCPUs means that a list of processors cannot be read.
var ErrCPUs = errors.New("proc: want processors as 0 or 0,2 or 1-3")

// cpuMax bounds a list of processors: the kernel's own set holds 1,024.
const cpuMax = 1024

// CPUs is a list of processors to run on; an empty list means any.
type CPUs []int

// ParseCPUs reads "0", "0,2", "1-3"; an empty text means any processor.
func ParseCPUs(text string) (CPUs, error) {
	var cpus CPUs
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if errFrom != nil || errTo != nil || from < 0 || to < from || to >= cpuMax {
			return nil, fmt.Errorf("%w: %q", ErrCPUs, text)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// One is the list for the i-th of several workers: one processor each, in turn.
func (c CPUs) One(i int) CPUs {
	if len(c) == 0 {
		return nil
	}
	at := i % len(c)
	return c[at : at+1]
}

// String is the form that ParseCPUs reads.
func (c CPUs) String() string {
	parts := make([]string, len(c))
	for i, cpu := range c {
		parts[i] = strconv.Itoa(cpu)
	}
	return strings.Join(parts, ",")
}
