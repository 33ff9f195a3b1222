package preflight

import (
	"fmt"
	"slices"

	"starling/bench/internal/proc"
)

// processors looks at who runs where. A client that shares a processor with the server takes from it what it measures.
func (c *check) processors() {
	f, p := &c.f, &c.p
	if len(f.CPUs) == 0 {
		c.add(Finding{Unknown, "processors", "?", "two", "taskset -cp $$", ""})
		return
	}
	if !c.allowed("--client-cpu", p.ClientCPUs) || !c.allowed("--server-cpu", p.ServerCPUs) {
		return
	}
	client := orAll(p.ClientCPUs, f.CPUs)
	c.loops(client)
	if p.Local {
		c.shared(client)
	}
}

// allowed finds processors that this process may not run on, or that the machine does not have.
func (c *check) allowed(flag string, wanted proc.CPUs) bool {
	for _, cpu := range wanted {
		if !slices.Contains(c.f.CPUs, cpu) {
			c.add(Finding{
				Fail, "processors of " + flag, "may run on " + c.f.CPUs.String(), wanted.String(),
				c.again(flag, c.f.CPUs), c.root(fmt.Sprintf("taskset -cp %s $$", wanted)),
			})
			return false
		}
	}
	return true
}

// loops compares the client's event loops with its processors.
func (c *check) loops(client proc.CPUs) {
	loops := max(c.p.Procs, c.p.Threads)
	found := Finding{What: "processors for the client's event loops", Have: decimal(len(client)), Need: decimal(loops)}
	if loops > len(client) {
		found.Severity = Warn
		found.Fix = c.again("--procs", len(client))
		if c.p.Threads > 1 {
			found.Fix = c.again("--threads", len(client))
		} else if len(c.f.CPUs) > len(client) {
			found.Or = c.again("--client-cpu", c.f.CPUs)
		}
	}
	c.add(found)
}

// shared finds processors on which both may run.
func (c *check) shared(client proc.CPUs) {
	f, p := &c.f, &c.p
	server := orAll(p.ServerCPUs, f.CPUs)
	if p.ServerPid != 0 {
		if server = f.ServerCPUs; len(server) == 0 {
			c.add(Finding{Unknown, "processors of the server", "?", "none of the client's", fmt.Sprintf("taskset -cp %d", p.ServerPid), ""})
			return
		}
	}
	found := Finding{What: "processors apart", Have: fmt.Sprintf("server %s, client %s", server, client), Need: "none that both may run on"}
	if slices.ContainsFunc(server, func(cpu int) bool { return slices.Contains(client, cpu) }) {
		found.Severity = Warn
		found.Fix, found.Or = c.apart()
	}
	c.add(found)
}

// apart gives the server the first processor, and the client the others.
func (c *check) apart() (fix, or string) {
	all := c.f.CPUs
	if len(all) < 2 {
		return "taskset -cp $$", "nproc --all" // where there is no second one, these say so
	}
	if c.p.ServerPid != 0 {
		move := c.root(fmt.Sprintf("taskset -acp %s %d", all[:1], c.p.ServerPid))
		return move + " && " + c.again("--client-cpu", all[1:]), ""
	}
	return c.again("--server-cpu", all[:1], "--client-cpu", all[1:]), ""
}

func orAll(some, all proc.CPUs) proc.CPUs {
	if len(some) == 0 {
		return all
	}
	return some
}
