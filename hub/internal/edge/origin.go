package edge

import (
	"net/netip"
	"strings"
)

// origin is an origin taken apart (RFC 6454 6.2). Its parts are pieces of the text, letters in either case.
type origin struct {
	scheme string
	host   string // a name, an IPv4 address, or an IPv6 address in its brackets
	port   string // "" for none
}

// parseOrigin reads scheme://host[:port] with nothing before or behind it. "null", what browsers send for pages without
// an origin worth naming, is no such thing.
func parseOrigin(s string) (o origin, ok bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return origin{}, false
	}
	host, port, ok := splitPort(rest)
	if !ok || !isHost(host) {
		return origin{}, false
	}
	return origin{scheme: scheme, host: host, port: port}, true
}

// sameHost tells whether host, the Host of a request, is where the origin's pages come from. Schemes are not compared:
// behind a proxy that ends TLS a page of https:// is served by http://. For the same reason the default port of the
// origin's scheme counts as absent on either side.
func (o origin) sameHost(host string) bool {
	implied := o.impliedPort()
	if implied == "" {
		return false // pages of an app or an extension may be called like us, but do not come from us
	}
	name, port, ok := splitPort(host)
	return ok && equalFold(name, o.host) && unless(port, implied) == unless(o.port, implied)
}

// impliedPort is the port of an origin that names none, "" if its scheme is not one of the web's.
func (o origin) impliedPort() string {
	switch {
	case equalFold(o.scheme, "https"):
		return "443"
	case equalFold(o.scheme, "http"):
		return "80"
	default:
		return ""
	}
}

// unless returns s, or "" if s is other.
func unless(s, other string) string {
	if s == other {
		return ""
	}
	return s
}

// splitPort takes host[:port] apart; ok is false if there is a colon but no port behind it.
func splitPort(s string) (host, port string, ok bool) {
	from := strings.IndexByte(s, ']') + 1 // the colons of an IPv6 address are inside of the brackets
	colon := strings.IndexByte(s[from:], ':')
	if colon < 0 {
		return s, "", true
	}
	host, port = s[:from+colon], s[from+colon+1:]
	return host, port, isPort(port)
}

// isPort accepts 1 to 65535 in the one spelling that browsers have for it.
func isPort(s string) bool {
	if len(s) == 0 || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 0xffff
}

// isScheme holds s against RFC 3986 3.1.
func isScheme(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isHost accepts an IPv6 address in brackets, an IPv4 address, and a name.
func isHost(s string) bool {
	if inside, ok := strings.CutPrefix(s, "["); ok {
		inside, ok = strings.CutSuffix(inside, "]")
		addr, err := netip.ParseAddr(inside)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	return isName(s) && (!endsInNumber(s) || isIPv4(s))
}

// isName accepts labels of letters, digits, hyphens and underscores, with or without a dot behind the last one. An
// international name has its xn-- form in an origin (RFC 6454 4).
func isName(s string) bool {
	if s == "" || len(s) > hostBytesMax {
		return false
	}
	label := 0 // length of the label so far
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c) || isDigit(c) || c == '-' || c == '_':
			label++
		case c == '.' && label > 0:
			label = 0
		default:
			return false
		}
	}
	return true
}

// endsInNumber tells the names that browsers take for an IPv4 address, in one of its many spellings, or for nothing.
func endsInNumber(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if len(last) >= 2 && last[0] == '0' && last[1]|0x20 == 'x' {
		return true
	}
	for i := range len(last) {
		if !isDigit(last[i]) {
			return false
		}
	}
	return true
}

// isAddress tells an IPv4 or IPv6 address from a name, both being hosts.
func isAddress(host string) bool { return host[0] == '[' || endsInNumber(host) }

func isIPv4(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Is4()
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// equalFold compares without regard to the case of ASCII letters, and of no others: strings.EqualFold takes the Kelvin
// sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (!isLetter(a[i]) || a[i]|0x20 != b[i]|0x20) {
			return false
		}
	}
	return true
}
