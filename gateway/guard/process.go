package guard

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"runtime/metrics"
	"strconv"
)

// processBytes is what the process has resident; where the system does not tell, what Go has of the system.
func processBytes(root fs.FS) (int64, error) {
	text, err := fs.ReadFile(root, "proc/self/statm") // in pages: size resident shared …
	if err != nil {
		return goBytes(), nil
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/self/statm has %d fields", len(fields))
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// goBytes is the memory that Go has taken from the system and not given back.
func goBytes() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
