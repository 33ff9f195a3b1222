package edge

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxies are the proxies in front of the server whose word on a client's address counts. The zero value trusts none.
type Proxies struct {
	ranges []netip.Prefix // of unmapped addresses
}

// proxyWords are the ranges that have a name.
var proxyWords = map[string][]netip.Prefix{
	"loopback": {netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	"private": { // RFC 1918, RFC 4193
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
	},
}

// ParseProxies reads a list of addresses ("10.0.0.1", "::1") and CIDR ranges ("10.0.0.0/8"), and of the words "loopback"
// (127.0.0.0/8, ::1) and "private" (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7). Its error is ErrProxyRange.
func ParseProxies(cidrs []string) (Proxies, error) {
	var p Proxies
	for _, text := range cidrs {
		if word, ok := proxyWords[text]; ok {
			p.ranges = append(p.ranges, word...)
			continue
		}
		r, ok := parseRange(text)
		if !ok {
			return Proxies{}, fmt.Errorf("%q: %w", text, ErrProxyRange)
		}
		p.ranges = append(p.ranges, r)
	}
	return p, nil
}

// parseRange reads an address or a CIDR range, of which the bits behind the prefix do not matter.
func parseRange(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	r, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if addr := r.Addr(); addr.Is4In6() {
		const mapped = 96 // the bits of ::ffff:0:0/96; with fewer of them a range holds more than mapped addresses
		r = netip.PrefixFrom(addr.Unmap(), r.Bits()-mapped)
	}
	return r.Masked(), r.IsValid()
}

// Trusts tells whether addr is one of the proxies. An IPv4 address mapped to IPv6 is taken for the IPv4 address, and a
// zone is ignored.
func (p Proxies) Trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, r := range p.ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

// ClientAddr returns the address of the client: "host:port", or an address alone if the proxy sends no port. peer is the
// other end of the connection, "host:port" or an address, and forwardedFor the X-Forwarded-For lines of the request in
// their order.
//
// Each proxy adds the address it was called from to the right, and what is left of that is hearsay. So the list is read
// from the right for as long as the one who wrote the entry is trusted, and the first address that is not is the
// client's; if all are, the leftmost. Where an entry is no address, the last one before it counts.
func (p Proxies) ClientAddr(peer string, forwardedFor []string) string {
	if len(forwardedFor) == 0 || len(p.ranges) == 0 {
		return peer
	}
	last, ok := parseEndpoint(peer)
	if !ok {
		return peer
	}
	walk := forwarded{lines: forwardedFor, left: forwardedEntriesMax}
	found := false
	for p.Trusts(last.Addr()) {
		text := walk.next()
		entry, ok := parseEndpoint(text)
		if !ok || entry.Addr().Zone() != "" { // a zone means nothing on another machine, and may be any text
			break
		}
		last, found = entry, true
	}
	if !found {
		return peer
	}
	return formatEndpoint(last)
}

// forwarded walks over the entries of X-Forwarded-For from the right.
type forwarded struct {
	lines []string // not looked at
	line  string   // what is left of the one that is
	left  int      // entries that may still be looked at
}

// next returns the entry to the left of the one before, "" at the end. Empty ones are passed over (RFC 9110 5.6.1).
func (f *forwarded) next() string {
	for ; f.left > 0; f.left-- {
		if f.line == "" {
			if len(f.lines) == 0 {
				break
			}
			last := len(f.lines) - 1
			f.lines, f.line = f.lines[:last], f.lines[last]
		}
		comma := strings.LastIndexByte(f.line, ',')
		text := strings.Trim(f.line[comma+1:], " \t")
		f.line = f.line[:max(comma, 0)]
		if text != "" {
			f.left--
			return text
		}
	}
	return ""
}

// parseEndpoint reads an address with or without a port, an IPv6 address also in brackets.
func parseEndpoint(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap, true
	}
	if inside, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inside, "]"); !ok || !strings.Contains(s, ":") {
			return netip.AddrPort{}, false
		}
	}
	addr, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(addr, 0), err == nil
}

// formatEndpoint writes an address in its one spelling, so that a client has one name, and its port if it has one.
func formatEndpoint(ap netip.AddrPort) string {
	addr := ap.Addr().Unmap()
	if ap.Port() == 0 {
		return addr.String()
	}
	return netip.AddrPortFrom(addr, ap.Port()).String()
}
