package preflight

import (
	"fmt"

	"starling/bench/internal/expect/quantity"
)

// memory looks at what connections take: of the pages that TCP may have, and of the machine.
//
// The reckoning: each end of a connection on this machine takes kernelBytesEach, for each descriptor that it has at a time; with
// traffic pagesEach besides; the client clientBytesEach; and a server on this machine Plan.ServerBytesEach, which is a guess.
func (c *check) memory() {
	pages := int64(0)
	if c.p.Traffic {
		pages = int64(c.p.Connections * c.p.ends() * pagesEach)
		c.tcpMemory(pages)
	}
	available := c.f.MemAvailable
	if c.f.MemGroup > 0 && (available == 0 || c.f.MemGroup < available) {
		available = c.f.MemGroup
	}
	if available == 0 {
		c.add(Finding{Unknown, "memory", "?", "enough", "grep MemAvailable /proc/meminfo", ""})
		return
	}
	c.machineMemory(available, pages)
}

// tcpMemory compares pages. Past the second of the three limits TCP takes memory from its connections, past the third it drops.
func (c *check) tcpMemory(pages int64) {
	f := &c.f
	const what = "pages of TCP's buffers (net.ipv4.tcp_mem)"
	if f.TCPMem[2] == 0 {
		c.add(Finding{Unknown, what, "?", decimal(pages), "sysctl net.ipv4.tcp_mem", ""})
		return
	}
	need := f.TCPMemUsed + pages
	found := Finding{
		What: what, Need: decimal(need),
		Have: fmt.Sprintf("%d, from %d on it saves", f.TCPMem[2], f.TCPMem[1]),
	}
	switch {
	case need > f.TCPMem[2]:
		found.Severity = Fail
	case need > f.TCPMem[1]:
		found.Severity = Warn
	}
	if found.Severity != Pass {
		found.Fix = c.sysctl("net.ipv4.tcp_mem", fmt.Sprintf("'%d %d %d'", need, need+need/3, 2*need))
	}
	c.add(found)
}

func (c *check) machineMemory(available, pages int64) {
	p := &c.p
	kernel := int64(p.Connections*p.DescriptorsEach*p.ends())*kernelBytesEach + pages*c.f.PageBytes
	certain := kernel + int64(p.Connections)*clientBytesEach
	total := certain
	if p.Local {
		total += int64(p.Connections) * p.ServerBytesEach
	}
	found := Finding{
		What: fmt.Sprintf("memory: %s of it in the kernel", quantity.FormatBytes(float64(kernel))),
		Have: quantity.FormatBytes(float64(available)), Need: "about " + quantity.FormatBytes(float64(total)),
	}
	switch {
	case certain > available:
		found.Severity = Fail
	case float64(total) > memoryShareMax*float64(available):
		found.Severity = Warn
	}
	if found.Severity != Pass {
		fits := int(float64(p.Connections) * memoryShareMax * float64(available) / float64(total))
		found.Fix, found.Or = c.again("-n", max(fits, 1)), "ps -eo rss,pid,comm --sort=-rss | head"
		if p.Members > 0 {
			found.Fix = c.again("--rooms", max(fits/p.Members, 1))
		}
	}
	c.add(found)
}
