package preflight

// queues looks at where connections and packets wait on the way to a server on this machine. Elsewhere nobody here can look.
func (c *check) queues() {
	f, p := &c.f, &c.p
	if !p.Local {
		return
	}
	handshakes := uint64(min(p.Handshakes, queueMax))
	c.atLeast(Warn, "connections that may wait to be accepted (net.core.somaxconn); one too many tries again after a second",
		uint64(f.Somaxconn), handshakes, c.sysctl("net.core.somaxconn", handshakes), "sysctl net.core.somaxconn")
	c.atLeast(Warn, "handshakes under way (net.ipv4.tcp_max_syn_backlog)",
		uint64(f.SynBacklog), handshakes, c.sysctl("net.ipv4.tcp_max_syn_backlog", handshakes), "sysctl net.ipv4.tcp_max_syn_backlog")
	burst := p.Handshakes
	if p.Traffic {
		burst = max(burst, p.Connections)
	}
	packets := uint64(min(burst, packetsMax))
	c.atLeast(Warn, "packets that may wait for a processor (net.core.netdev_max_backlog); one too many is sent again, late",
		uint64(f.NetdevBacklog), packets, c.sysctl("net.core.netdev_max_backlog", packets), "sysctl net.core.netdev_max_backlog")
}

// conntrack looks at the table of a packet filter, in which each connection has a row until some time after its end.
func (c *check) conntrack() {
	f, p := &c.f, &c.p
	if !f.ConntrackLoaded {
		return
	}
	severity := Fail
	if f.ConntrackCount == 0 {
		severity = Warn // it is there, but as yet no rule has it look at anything
	}
	need := uint64(f.ConntrackCount) + uint64(p.Connections*p.PortsEach)
	c.atLeast(severity, "connections that the packet filter follows (net.netfilter.nf_conntrack_max)",
		uint64(f.ConntrackMax), need, c.sysctl("net.netfilter.nf_conntrack_max", need+need/2), "sysctl net.netfilter.nf_conntrack_max")
}
