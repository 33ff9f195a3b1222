package edge

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func mustProxies(t testing.TB, cidrs ...string) Proxies {
	t.Helper()
	p, err := ParseProxies(cidrs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, entry string
		want        error
	}{
		{"nothing", "", ErrProxyRange},
		{"space", " 10.0.0.0/8", ErrProxyRange},
		{"name", "proxy.example", ErrProxyRange},
		{"word in capitals", "Loopback", ErrProxyRange},
		{"with port", "10.0.0.1:80", ErrProxyRange},
		{"in brackets", "[::1]", ErrProxyRange},
		{"no bits", "10.0.0.0/", ErrProxyRange},
		{"too many bits", "10.0.0.0/33", ErrProxyRange},
		{"too many bits of IPv6", "::/129", ErrProxyRange},
		{"negative bits", "10.0.0.0/-1", ErrProxyRange},
		{"bits with a leading zero", "10.0.0.0/08", ErrProxyRange},
		{"mask", "10.0.0.0/255.0.0.0", ErrProxyRange},
		{"three parts", "10.0.0/8", ErrProxyRange},
		{"zone", "fe80::1%eth0", ErrProxyRange},
		{"zone of a range", "fe80::%eth0/10", ErrProxyRange},
		{"mapped, and more than mapped", "::ffff:10.0.0.0/95", ErrProxyRange},
		{"list in one", "10.0.0.0/8,::1", ErrProxyRange},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := ParseProxies([]string{"::1", tt.entry}); !errors.Is(err, tt.want) || p.ranges != nil {
				t.Errorf("ParseProxies(%q) = %v, %v", tt.entry, p, err)
			}
		})
	}
}

func TestTrusts(t *testing.T) {
	for _, tt := range []struct {
		name, proxies, addr string
		want                bool
	}{
		{"none", "", "127.0.0.1", false},
		{"address", "192.0.2.1", "192.0.2.1", true},
		{"next address", "192.0.2.1", "192.0.2.2", false},
		{"address, mapped", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"range, first", "10.0.0.0/8", "10.0.0.0", true},
		{"range, last", "10.0.0.0/8", "10.255.255.255", true},
		{"range, behind", "10.0.0.0/8", "11.0.0.0", false},
		{"range, mapped", "10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"range with bits behind the prefix", "10.1.2.3/8", "10.9.9.9", true},
		{"range given mapped", "::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"range given mapped, behind", "::ffff:10.0.0.0/104", "11.1.2.3", false},
		{"address given mapped", "::ffff:192.0.2.1", "192.0.2.1", true},
		{"all of IPv4 given mapped", "::ffff:0:0/96", "203.0.113.5", true},
		{"all of IPv4", "0.0.0.0/0", "203.0.113.5", true},
		{"all of IPv4 but not IPv6", "0.0.0.0/0", "2001:db8::1", false},
		{"all of IPv6 but not IPv4", "::/0", "203.0.113.5", false},
		{"all of IPv6 but not mapped IPv4", "::/0", "::ffff:203.0.113.5", false},
		{"IPv6", "2001:db8::/32", "2001:db8:1::1", true},
		{"IPv6 in capitals", "2001:DB8::/32", "2001:db8:1::1", true},
		{"IPv6 behind", "2001:db8::/32", "2001:db9::1", false},
		{"zone", "fe80::/10", "fe80::1%eth0", true},
		{"loopback", "loopback", "127.0.0.1", true},
		{"loopback, another", "loopback", "127.9.9.9", true},
		{"loopback, IPv6", "loopback", "::1", true},
		{"loopback is not private", "loopback", "10.0.0.1", false},
		{"private 10", "private", "10.0.0.1", true},
		{"private 172.16", "private", "172.16.0.1", true},
		{"private 172.31", "private", "172.31.255.255", true},
		{"private before 172.16", "private", "172.15.255.255", false},
		{"private behind 172.31", "private", "172.32.0.0", false},
		{"private 192.168", "private", "192.168.1.1", true},
		{"private behind 192.168", "private", "192.169.0.0", false},
		{"private IPv6", "private", "fd00::1", true},
		{"private is not loopback", "private", "127.0.0.1", false},
		{"private is not link-local", "private", "169.254.169.254", false},
		{"public", "private", "203.0.113.5", false},
		{"second of the list", "loopback 192.0.2.0/24", "192.0.2.7", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustProxies(t, strings.Fields(tt.proxies)...).Trusts(netip.MustParseAddr(tt.addr)); got != tt.want {
				t.Errorf("%q trusts %s: %v", tt.proxies, tt.addr, got)
			}
		})
	}
	if mustProxies(t, "0.0.0.0/0", "::/0").Trusts(netip.Addr{}) {
		t.Error("the zero address is trusted")
	}
}

func TestClientAddr(t *testing.T) {
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat("10.0.0.9, ", n), ", ") }
	for _, tt := range []struct {
		name      string
		peer      string
		forwarded []string
		want      string
	}{
		{"no header", "10.0.0.1:4711", nil, "10.0.0.1:4711"},
		{"empty header", "10.0.0.1:4711", []string{""}, "10.0.0.1:4711"},
		{"header of blanks and commas", "10.0.0.1:4711", []string{" , ,\t", ","}, "10.0.0.1:4711"},
		{"a proxy", "10.0.0.1:4711", []string{"203.0.113.5"}, "203.0.113.5"},
		{"a proxy, port sent", "10.0.0.1:4711", []string{"203.0.113.5:50000"}, "203.0.113.5:50000"},
		{"a proxy, IPv6", "10.0.0.1:4711", []string{"2001:db8::5"}, "2001:db8::5"},
		{"a proxy, IPv6 in brackets", "10.0.0.1:4711", []string{"[2001:db8::5]"}, "2001:db8::5"},
		{"a proxy, IPv6 and port", "10.0.0.1:4711", []string{"[2001:db8::5]:50000"}, "[2001:db8::5]:50000"},
		{"a proxy, IPv6 in another spelling", "10.0.0.1:4711", []string{"2001:DB8:0:0::5"}, "2001:db8::5"},
		{"a proxy, mapped", "10.0.0.1:4711", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"a proxy, mapped and port", "10.0.0.1:4711", []string{"[::ffff:203.0.113.5]:50000"}, "203.0.113.5:50000"},
		{"a proxy at a mapped address", "[::ffff:10.0.0.1]:4711", []string{"203.0.113.5"}, "203.0.113.5"},
		{"a proxy on IPv6", "[::1]:4711", []string{"203.0.113.5"}, "203.0.113.5"},
		{"a proxy with a zone", "[fe80::1%eth0]:4711", []string{"203.0.113.5"}, "203.0.113.5"},
		{"a proxy without port", "10.0.0.1", []string{"203.0.113.5"}, "203.0.113.5"},
		{"two proxies", "10.0.0.1:4711", []string{"203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		{"two proxies without blank", "10.0.0.1:4711", []string{"203.0.113.5,10.0.0.2"}, "203.0.113.5"},
		{"two proxies with tabs", "10.0.0.1:4711", []string{"\t203.0.113.5\t,\t10.0.0.2\t"}, "203.0.113.5"},
		{"two proxies, a line each", "10.0.0.1:4711", []string{"203.0.113.5", "10.0.0.2"}, "203.0.113.5"},
		{"two proxies, empty line between", "10.0.0.1:4711", []string{"203.0.113.5", "", "10.0.0.2"}, "203.0.113.5"},
		{"empty entries", "10.0.0.1:4711", []string{"203.0.113.5,, 10.0.0.2,"}, "203.0.113.5"},
		{"all trusted: the leftmost", "10.0.0.1:4711", []string{"10.0.0.4, 10.0.0.3", "10.0.0.2"}, "10.0.0.4"},

		{"stranger with a header", "203.0.113.9:4711", []string{"127.0.0.1"}, "203.0.113.9:4711"},
		{"stranger mapped", "[::ffff:203.0.113.9]:4711", []string{"127.0.0.1"}, "[::ffff:203.0.113.9]:4711"},
		{"client forges an entry", "10.0.0.1:4711", []string{"127.0.0.1, 203.0.113.5"}, "203.0.113.5"},
		{"client forges a proxy's entry", "10.0.0.1:4711", []string{"198.51.100.1, 10.0.0.2, 203.0.113.5"}, "203.0.113.5"},
		{"client forges a line", "10.0.0.1:4711", []string{"198.51.100.1", "203.0.113.5"}, "203.0.113.5"},
		{"client forges behind a proxy of two", "10.0.0.1:4711", []string{"198.51.100.1, 203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		{"client forges commas", "10.0.0.1:4711", []string{"198.51.100.1,,,", "203.0.113.5"}, "203.0.113.5"},
		{"client forges garbage", "10.0.0.1:4711", []string{"\"><script>, 203.0.113.5"}, "203.0.113.5"},

		{"garbage", "10.0.0.1:4711", []string{"unknown"}, "10.0.0.1:4711"},
		{"garbage behind a good one", "10.0.0.1:4711", []string{"203.0.113.5, unknown"}, "10.0.0.1:4711"},
		{"garbage between: the last good one", "10.0.0.1:4711", []string{"203.0.113.5, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"obfuscated", "10.0.0.1:4711", []string{"_hidden"}, "10.0.0.1:4711"},
		{"quoted", "10.0.0.1:4711", []string{`"203.0.113.5"`}, "10.0.0.1:4711"},
		{"Forwarded syntax", "10.0.0.1:4711", []string{"for=203.0.113.5"}, "10.0.0.1:4711"},
		{"entries without comma", "10.0.0.1:4711", []string{"203.0.113.5 203.0.113.6"}, "10.0.0.1:4711"},
		{"port is a word", "10.0.0.1:4711", []string{"203.0.113.5:http"}, "10.0.0.1:4711"},
		{"port too large", "10.0.0.1:4711", []string{"203.0.113.5:65536"}, "10.0.0.1:4711"},
		{"port and nothing else", "10.0.0.1:4711", []string{":50000"}, "10.0.0.1:4711"},
		{"IPv4 in brackets", "10.0.0.1:4711", []string{"[203.0.113.5]"}, "10.0.0.1:4711"},
		{"bracket left open", "10.0.0.1:4711", []string{"[2001:db8::5"}, "10.0.0.1:4711"},
		{"zone", "10.0.0.1:4711", []string{"fe80::2%eth0"}, "10.0.0.1:4711"},
		{"zone of any bytes", "10.0.0.1:4711", []string{"fe80::2%\r\nX: y"}, "10.0.0.1:4711"},
		{"zone of any bytes, and port", "10.0.0.1:4711", []string{"[fe80::2%\r\nX: y]:1"}, "10.0.0.1:4711"},
		{"IPv4 with leading zeros", "10.0.0.1:4711", []string{"203.000.113.005"}, "10.0.0.1:4711"},
		{"NUL", "10.0.0.1:4711", []string{"203.0.113.5\x00"}, "10.0.0.1:4711"},

		{"99 proxies", "10.0.0.1:4711", []string{"203.0.113.5," + many(99)}, "203.0.113.5"},
		{"100 proxies", "10.0.0.1:4711", []string{"203.0.113.5," + many(100)}, "10.0.0.9"},
		{"100 entries on lines of their own", "10.0.0.1:4711", append([]string{"203.0.113.5"}, slices.Repeat([]string{"10.0.0.9"}, 100)...), "10.0.0.9"},
		{"100 empty entries", "10.0.0.1:4711", []string{"203.0.113.5" + strings.Repeat(",", 100)}, "10.0.0.1:4711"},
		{"100 empty lines", "10.0.0.1:4711", append([]string{"203.0.113.5"}, make([]string, 100)...), "10.0.0.1:4711"},

		{"peer is no address", "@", []string{"203.0.113.5"}, "@"},
		{"no peer", "", []string{"203.0.113.5"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := slices.Clone(tt.forwarded)
			got := mustProxies(t, "private", "loopback", "fe80::/10").ClientAddr(tt.peer, lines)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !slices.Equal(lines, tt.forwarded) {
				t.Errorf("the header has become %q", lines)
			}
		})
	}
}

// slowClientAddr is ClientAddr with all entries in one list, for headers of few entries.
func slowClientAddr(p Proxies, peer string, forwarded []string) string {
	last, at := peer, netip.MustParseAddrPort(peer).Addr()
	entries := strings.Split(strings.Join(forwarded, ","), ",")
	for _, entry := range slices.Backward(entries) {
		entry = strings.Trim(entry, " \t")
		if entry == "" {
			continue
		}
		ap, err := netip.ParseAddrPort(entry)
		if err != nil {
			bare := entry
			if strings.HasPrefix(entry, "[") && strings.HasSuffix(entry, "]") && strings.Contains(entry, ":") {
				bare = entry[1 : len(entry)-1]
			}
			addr, err := netip.ParseAddr(bare)
			if err != nil {
				return last
			}
			ap = netip.AddrPortFrom(addr, 0)
		}
		if !p.Trusts(at) || ap.Addr().Zone() != "" {
			return last
		}
		at = ap.Addr()
		last = at.Unmap().String()
		if ap.Port() != 0 {
			last = netip.AddrPortFrom(at.Unmap(), ap.Port()).String()
		}
	}
	return last
}

func FuzzClientAddr(f *testing.F) {
	f.Add("203.0.113.5, 10.0.0.2", "10.0.0.3")
	f.Add("203.0.113.5:1,[::1]:2, [::1]", "")
	f.Add(",, unknown,10.0.0.1", "fe80::1%a\r\nb")
	p := mustProxies(f, "private", "loopback")
	f.Fuzz(func(t *testing.T, first, second string) {
		lines := []string{first, second}
		const peer = "10.0.0.1:4711"
		got := p.ClientAddr(peer, lines)
		if strings.Count(first+second, ",") < forwardedEntriesMax-2 {
			if want := slowClientAddr(p, peer, lines); got != want {
				t.Fatalf("%q gives %q, want %q", lines, got, want)
			}
		}
		if _, ok := parseEndpoint(got); !ok || !ValidOrigin(got) {
			t.Fatalf("%q gives %q, which is no address", lines, got)
		}
	})
}

func FuzzParseProxies(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "::1", "loopback", "private", "::ffff:10.0.0.0/104", "fe80::1%a", "10.0.0.0/33"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		p, err := ParseProxies([]string{entry})
		if err != nil {
			if !errors.Is(err, ErrProxyRange) || p.ranges != nil {
				t.Fatalf("%q: %v, %v", entry, p, err)
			}
			return
		}
		for _, r := range p.ranges {
			if !r.IsValid() || !p.Trusts(r.Addr()) || r.Addr().Is4In6() {
				t.Fatalf("%q is the range %v, which does not trust its own first address", entry, r)
			}
		}
	})
}
