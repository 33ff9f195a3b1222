package preflight

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ports looks at where connections come from: so many ports of each source address to each address of the server.
func (c *check) ports() {
	c.sources()
	if c.f.PortLow <= 0 || c.f.PortHigh < c.f.PortLow {
		c.add(Finding{Unknown, "ports (net.ipv4.ip_local_port_range)", "?", "a range", "sysctl net.ipv4.ip_local_port_range", ""})
		return
	}
	c.portsEnough()
	c.portOfServer()
}

func (c *check) portsEnough() {
	p := &c.p
	each := c.f.PortHigh - c.f.PortLow + 1
	addresses := max(p.Sources.Len(), 1)
	have := each * addresses * p.Targets
	found := Finding{
		What: fmt.Sprintf("ports: %d of each of %d source addresses to each of %d targets", each, addresses, p.Targets),
		Have: decimal(have), Need: decimal(p.Connections * p.PortsEach),
	}
	switch {
	case p.Connections*p.DescriptorsEach > have:
		found.Severity = Fail
	case p.Connections*p.PortsEach > have:
		found.Severity = Warn // those that were closed are free again after a minute
	}
	if found.Severity != Pass {
		c.morePorts(&found)
	}
	c.add(found)
}

// morePorts prefers what needs no root: a flag where every address is this machine's, and otherwise a wider range if that suffices.
func (c *check) morePorts(found *Finding) {
	p := &c.p
	need := p.Connections * p.PortsEach
	addresses := func(ports int) int { return (need + ports*p.Targets - 1) / (ports * p.Targets) }
	wide := c.sysctl("net.ipv4.ip_local_port_range", fmt.Sprintf("'%d %d'", portLowest, portHighest))
	widest := addresses(portHighest - portLowest + 1)
	suffices := widest <= max(p.Sources.Len(), 1)
	switch {
	case p.loopback() && !p.Target.Addr().Is6():
		found.Fix = c.again("--src", loopbackRange(addresses(c.f.PortHigh-c.f.PortLow+1)))
		if suffices {
			found.Or = wide
		}
	case suffices:
		found.Fix = wide
	default:
		found.Need += fmt.Sprintf(": with the widest range %d addresses for --src", widest)
		found.Fix, found.Or = wide, "ip -brief address"
	}
}

// loopbackRange is so many addresses from 127.0.0.2 on.
func loopbackRange(n int) string {
	last := n + 1
	return fmt.Sprintf("127.0.0.2-127.%d.%d.%d", byte(last>>16), byte(last>>8), byte(last))
}

// portOfServer finds a server in the range from which outgoing connections take their ports: one of these may have the server's when
// it is started again.
func (c *check) portOfServer() {
	port := int(c.p.Target.Port())
	if !c.p.Local || port == 0 {
		return
	}
	found := Finding{What: fmt.Sprintf("port %d of the server", port), Have: fmt.Sprintf("%d to %d are handed out to clients", c.f.PortLow, c.f.PortHigh), Need: "a port that is not"}
	if port >= c.f.PortLow && port <= c.f.PortHigh && !reserved(c.f.Reserved, port) {
		found.Severity = Warn
		found.Fix = c.sysctl("net.ipv4.ip_local_reserved_ports", strings.TrimLeft(c.f.Reserved+","+strconv.Itoa(port), ","))
	}
	c.add(found)
}

// reserved reads a list like "80,8080-8090".
func reserved(list string, port int) bool {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.Atoi(first)
		to, errTo := strconv.Atoi(last)
		if errFrom == nil && errTo == nil && from <= port && port <= to {
			return true
		}
	}
	return false
}

// sources looks at the addresses themselves.
func (c *check) sources() {
	p := &c.p
	if p.Sources.Len() == 0 {
		return
	}
	if at := p.Target.Addr(); at.IsValid() && at.Is4() != p.Sources.At(0).Is4() {
		c.add(Finding{Fail, "family of the source addresses", p.Sources.At(0).String(), "the family of " + at.String(), "ip -brief " + family(at) + " address", ""})
		return
	}
	found := Finding{What: "source addresses", Have: decimal(p.Sources.Len()), Need: "each one of this machine's"}
	if missing := c.f.Unbindable; len(missing) > 0 {
		found.Severity = Fail
		found.Have = fmt.Sprintf("%d of %d are not: %s", len(missing), p.Sources.Len(), list(missing, ", "))
		found.Fix = c.addAddresses(missing)
	}
	c.add(found)
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "-4"
	}
	return "-6"
}

// list writes the first of several addresses.
func list(all []netip.Addr, between string) string {
	var parts []string
	for _, a := range all[:min(len(all), addressesShown)] {
		parts = append(parts, a.String())
	}
	text := strings.Join(parts, between)
	if more := len(all) - addressesShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// addAddresses gives addresses to the machine: to loopback if the server is there too.
func (c *check) addAddresses(missing []netip.Addr) string {
	device := c.f.Interface
	if device == "" || c.p.loopback() || c.p.Local {
		device = "lo"
	}
	add := func(a, bits string) string { return c.root("ip address add " + a + "/" + bits + " dev " + device) }
	bits := strconv.Itoa(missing[0].BitLen())
	if len(missing) == 1 {
		return add(missing[0].String(), bits)
	}
	words := make([]string, len(missing))
	for i, a := range missing {
		words[i] = a.String()
	}
	return "for a in " + strings.Join(words, " ") + "; do " + add("$a", bits) + "; done"
}
