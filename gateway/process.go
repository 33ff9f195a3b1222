package gateway

import (
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/prometheus/procfs"
)

// process is what /v1/stats says of the process. What the system does not tell is left out.
type process struct {
	PID           int     `json:"pid"`
	UptimeSeconds float64 `json:"uptime_seconds"`
	RSSBytes      int     `json:"rss_bytes,omitempty"`
	CPUSeconds    float64 `json:"cpu_seconds,omitempty"` // of all processors together
	OpenFiles     int     `json:"open_files,omitempty"`
	OpenFilesMax  uint64  `json:"open_files_max,omitempty"`
	HeapBytes     uint64  `json:"heap_bytes"` // of objects, also of those that are garbage
	GCCycles      uint64  `json:"gc_cycles"`
	Goroutines    int     `json:"goroutines"`
	Memory        string  `json:"memory"` // the state of the memory guard
}

// process looks at the process.
func (g *Gateway) process() any {
	p := process{
		PID: os.Getpid(), UptimeSeconds: time.Since(g.started).Seconds(), Goroutines: runtime.NumGoroutine(), Memory: g.guard.State().String(),
	}
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	p.HeapBytes, p.GCCycles = samples[0].Value.Uint64(), samples[1].Value.Uint64()
	self, err := procfs.Self()
	if err != nil { // not on Linux
		return p
	}
	if stat, err := self.Stat(); err == nil {
		p.RSSBytes, p.CPUSeconds = stat.ResidentMemory(), stat.CPUTime()
	}
	p.OpenFiles, _ = self.FileDescriptorsLen()
	if limits, err := self.Limits(); err == nil {
		p.OpenFilesMax = limits.OpenFiles
	}
	return p
}
