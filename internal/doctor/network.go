package doctor

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// sourcePorts looks at the ports that a proxy on this machine connects from. There is a set of them for each address and port
// that it connects to.
func (e *examination) sourcePorts() Result {
	const name = "net.ipv4.ip_local_port_range"
	r := Result{
		Check: name,
		Why:   "A proxy on this machine has so many connections to one address and port, and no more. One on another machine has a range of its own: look there.",
	}
	low, high, err := e.portRange()
	if err != nil {
		return unknown(name, r.Why, err)
	}
	ports, widest := max(high-low+1, 0), int64(portHighest-portLowest+1)
	here := isLoopback(e.set.Addr) // whoever comes then comes through a proxy on this machine, to this one address
	r.Verdict, r.Found, r.Wanted = Pass, fmt.Sprintf("%s (%d-%d)", number(ports), low, high), atLeast(min(e.n, widest))
	several := (e.n + widest - 1) / widest
	if several > 1 {
		r.Wanted = fmt.Sprintf("%s, and %d addresses in the proxy", r.Wanted, several)
	}
	switch {
	case here && ports < e.n:
		r.Verdict = Fail
		r.Why = "--addr is reached by a proxy on this machine alone, which has so many connections to one address and port, and no more."
	case ports < min(e.n, widest):
		r.Verdict = Warn
	default:
		return r
	}
	if ports < widest {
		r.Fix = e.setSysctl(name, fmt.Sprintf("'%d %d'", portLowest, portHighest))
		r.Fix = append(r.Fix, e.reserve(portLowest, portHighest)...)
	}
	if several > 1 {
		r.Fix = append(r.Fix, fmt.Sprintf("# --addr :8080, and %d addresses in the proxy: %s", several, addresses(several)))
	}
	return r
}

// addresses lists the first of some addresses that one server on this machine has.
func addresses(n int64) string {
	shown := min(n, 4)
	var list []string
	for i := range shown {
		list = append(list, fmt.Sprintf("127.0.0.%d:8080", i+1))
	}
	if n > shown {
		list = append(list, "…")
	}
	return strings.Join(list, " ")
}

func (e *examination) portRange() (low, high int64, err error) {
	if low, err = e.files.sysctl("net.ipv4.ip_local_port_range", 0); err != nil {
		return 0, 0, err
	}
	high, err = e.files.sysctl("net.ipv4.ip_local_port_range", 1)
	return low, high, err
}

const reservedName = "net.ipv4.ip_local_reserved_ports"

// reservedPorts looks whether somebody who connects may have taken a port that the server is to listen on.
func (e *examination) reservedPorts() Result {
	r := Result{Check: reservedName, Why: "A port that connections are made from may be taken when the server wants to listen on it."}
	low, high, err := e.portRange()
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	if _, err := e.files.text(sysctlFile(reservedName)); err != nil {
		return unknown(r.Check, r.Why, err)
	}
	open := e.openPorts(low, high)
	r.Verdict, r.Found, r.Wanted = Pass, "enough", "those within the range"
	if len(open) > 0 {
		r.Verdict, r.Found, r.Wanted, r.Fix = Warn, quoted(e.reserved()), strings.Join(open, ","), e.reserve(low, high)
	}
	return r
}

// openPorts are the server's ports that somebody who connects from a range may take.
func (e *examination) openPorts(low, high int64) (open []string) {
	reserved := e.reserved()
	for _, addr := range []string{e.set.Addr, e.set.APIAddr} {
		if port := portOf(addr); port >= max(low, 1) && port <= high && !isReserved(reserved, port) {
			open = append(open, number64(port))
		}
	}
	return open
}

// reserve is the line that keeps the server's ports from being taken, if it is needed.
func (e *examination) reserve(low, high int64) []string {
	open := e.openPorts(low, high)
	if len(open) == 0 {
		return nil
	}
	if before := e.reserved(); isPortList(before) {
		open = append([]string{before}, open...)
	}
	return e.setSysctl(reservedName, strings.Join(open, ","))
}

// reserved are the ports that nobody connects from, as the kernel writes them.
func (e *examination) reserved() string {
	text, err := e.files.text(sysctlFile(reservedName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// isPortList reports whether a text is a list of ports, and so may be part of a command.
func isPortList(text string) bool {
	return text != "" && strings.Trim(text, "0123456789,-") == ""
}

// quoted shows a text that may be empty.
func quoted(text string) string {
	if text == "" {
		return "none"
	}
	return clip(text)
}

// isReserved reads a list like 8080,9000-9010. What of it makes no sense reserves nothing.
func isReserved(list string, port int64) bool {
	for entry := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(entry), "-")
		first, err := parseCount(from)
		last := first
		if isRange && err == nil {
			last, err = parseCount(to)
		}
		if err == nil && first <= port && port <= last {
			return true
		}
	}
	return false
}

// portOf is the port of an address, 0 if there is none.
func portOf(addr string) int64 {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return int64(n)
}

// isLoopback reports whether an address is reached from this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

const conntrackDir = "net.netfilter.nf_conntrack_"

// conntrackMax looks at the table of a packet filter that follows connections.
func (e *examination) conntrackMax() Result {
	const name = conntrackDir + "max"
	r := Result{Check: name, Why: "A packet filter follows each connection. Packets of one that does not fit into its table are dropped."}
	limit, err := e.files.sysctl(name, 0)
	if err != nil {
		return Result{Check: name, Verdict: Skip, Found: "nothing follows connections here", Why: r.Why}
	}
	used, _ := e.files.sysctl(conntrackDir+"count", 0)
	want := plus(e.n, e.n/2)
	r.Verdict, r.Found, r.Wanted = Pass, fmt.Sprintf("%s, %s in use", number(limit), number(used)), atLeast(want)
	full := used > 0 && used >= limit/5*4
	switch {
	case limit < e.n && used > 0:
		r.Verdict = Fail
	case limit < want || full: // with nothing in the table no rule asks for it yet
		r.Verdict = Warn
	default:
		return r
	}
	value := max(want, 1<<18)
	if full {
		value = max(value, times(limit, 2))
	}
	r.Fix = append(e.setSysctl(name, number64(value)),
		"# or do not follow them: docker run --network host …, and in nftables: tcp dport 8080 notrack")
	return r
}

// conntrackBuckets looks at how long the lists are in which the table is searched for each packet.
func (e *examination) conntrackBuckets() Result {
	const name = conntrackDir + "buckets"
	r := Result{Check: name, Why: "The table is searched for each packet, and with few buckets for long."}
	have, err := e.files.sysctl(name, 0)
	if err != nil {
		return Result{Check: name, Verdict: Skip, Found: "nothing follows connections here", Why: r.Why}
	}
	want := plus(e.n, e.n/2) / 4
	r.Verdict, r.Found, r.Wanted = Pass, number(have), atLeast(want)
	if have < want {
		r.Verdict, r.Fix = Warn, e.setSysctl(name, number64(want))
	}
	return r
}

// conntrackTime looks at how long the table remembers those who are gone.
func (e *examination) conntrackTime() Result {
	const name = conntrackDir + "tcp_timeout_established"
	r := Result{Check: name, Why: "Clients that vanish stay in the table for so many seconds, and fill it up. The heartbeat finds them within 45."}
	have, err := e.files.sysctl(name, 0)
	if err != nil {
		return Result{Check: name, Verdict: Skip, Found: "nothing follows connections here", Why: r.Why}
	}
	want := large(conntrackTimeDefault, conntrackTimeMax)(e.n)
	r.Verdict, r.Found, r.Wanted = Pass, number(have), atMost(want)
	if have > want {
		r.Verdict, r.Fix = Warn, e.setSysctl(name, "7200")
	}
	return r
}
