package preflight

import (
	"fmt"
	"strconv"
)

// descriptors looks at the files that the run opens: in each process of the client, in the servers, and on the whole machine.
func (c *check) descriptors() {
	f, p := &c.f, &c.p
	total := uint64(p.Connections * p.DescriptorsEach)
	each := (total+uint64(p.Procs)-1)/uint64(p.Procs) + descriptorsSpare
	c.clientFiles(total, each)
	if p.SpawnLimit {
		c.atLeast(Fail, "descriptors of the limit server, which is one process", f.NoFile, uint64(p.Connections)+descriptorsSpare,
			c.prlimit("$$", uint64(p.Connections)+descriptorsSpare), "ulimit -Hn")
	}
	if p.ServerPid != 0 {
		// It may share its connections among processes.
		c.atLeast(Warn, "descriptors of the server", f.ServerNoFile, total+descriptorsSpare,
			c.prlimit(strconv.Itoa(p.ServerPid), total+descriptorsSpare), fmt.Sprintf("prlimit --nofile --pid %d", p.ServerPid))
	}
	if f.NoFile < each { // otherwise nobody wants to raise a limit
		c.atLeast(Warn, "descriptors that a limit can be raised to (fs.nr_open)", f.NrOpen, each, c.sysctl("fs.nr_open", each), "sysctl fs.nr_open")
	}
	files := f.FileUsed + total*uint64(p.ends()) + filesSpare
	c.atLeast(Fail, "open files of the whole machine (fs.file-max)", f.FileMax, files, c.sysctl("fs.file-max", files), "sysctl fs.file-max")
}

func (c *check) clientFiles(total, each uint64) {
	const what = "descriptors of a client process"
	limit := c.f.NoFile
	raise := c.prlimit("$$", each)
	if limit == 0 || limit >= each || limit <= descriptorsSpare || c.p.Threads > 1 {
		c.atLeast(Fail, what, limit, each, raise, "ulimit -Hn")
		return
	}
	share := limit - descriptorsSpare
	c.add(Finding{
		Severity: Fail, What: what, Have: decimal(limit), Need: decimal(each),
		Fix: c.again("--procs", (total+share-1)/share), Or: raise,
	})
}

// atLeast finds whether there is enough of something. Ask is the command that says how much there is.
func (c *check) atLeast(otherwise Severity, what string, have, need uint64, fix, ask string) {
	f := Finding{What: what, Have: decimal(have), Need: decimal(need)}
	switch {
	case have == 0:
		f.Severity, f.Have, f.Fix = Unknown, "?", ask
	case have < need:
		f.Severity, f.Fix = otherwise, fix
	}
	c.add(f)
}

func decimal[N int | int64 | uint64](n N) string { return fmt.Sprintf("%d", n) }
