package edge

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// The parts of version 2 headers.
const (
	sig   = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a" // signature
	local = "\x20"                                             // version 2, LOCAL
	proxy = "\x21"                                             // version 2, PROXY

	unspec, tcp4, udp4, tcp6, udp6, unixStream = "\x00", "\x11", "\x12", "\x21", "\x22", "\x31"

	addrs4 = "\xc0\x00\x02\x01" + "\xc0\x00\x02\x02" + "\xc3\x50" + "\x01\xbb" // 192.0.2.1:50000 to 192.0.2.2:443
	addrs6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xc3\x50" + "\x01\xbb" // [2001:db8::1]:50000 to [2001:db8::2]:443
	mapped6 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x02" + "\xc3\x50" + "\x01\xbb"
	tlvNoop = "\x04\x00\x03" + "abc"      // PP2_TYPE_NOOP, 3 bytes
	tlvAWS  = "\xea\x00\x05" + "\x01vpce" // type of a cloud, 5 bytes that say 5
)

var addrsUnix = "/run/client" + strings.Repeat("\x00", 97) + "/run/server" + strings.Repeat("\x00", 97)

// proxyRow is a header and what is behind it, what it says, and the error of ProxyHeaderLen or else of ParseProxyHeader.
type proxyRow struct {
	name, header, rest string
	addr               string // "" for none
	lenErr, parseErr   error
}

var proxyRows = []proxyRow{
	{"v1 TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", "GET / HTTP/1.1\r\n", "192.0.2.1:50000", nil, nil},
	{"v1 TCP4, extremes", "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "", "255.255.255.255:65535", nil, nil},
	{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n", "", "[2001:db8::1]:50000", nil, nil},
	{"v1 TCP6, longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", nil, nil},
	{"v1 TCP6, mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::1 50000 443\r\n", "", "192.0.2.1:50000", nil, nil},
	{"v1 UNKNOWN, short", "PROXY UNKNOWN\r\n", "GET ", "", nil, nil},
	{"v1 UNKNOWN, long", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "", "", nil, nil},
	{"v1 UNKNOWN, anything", "PROXY UNKNOWN \x00\xff what ever\r\n", "", "", nil, nil},
	{"v1 then another", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", "PROXY TCP4 192.0.2.9 192.0.2.2 50000 443\r\n", "192.0.2.1:50000", nil, nil},

	{"v1 in lower case", "proxy TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", "", "", ErrProxySignature, nil},
	{"v1 without blank", "PROXYTCP4 192.0.2.1 192.0.2.2 50000 443\r\n", "", "", ErrProxySignature, nil},
	{"v1 UDP4", "PROXY UDP4 192.0.2.1 192.0.2.2 50000 443\r\n", "", "", ErrProxySignature, nil},
	{"v1 UNKNOWNS", "PROXY UNKNOWNS\r\n", "", "", ErrProxySignature, nil},
	{"v1 without protocol", "PROXY \r\n", "", "", ErrProxySignature, nil},
	{"request", "GET / HTTP/1.1\r\n", "", "", ErrProxySignature, nil},
	{"request of a method like it", "PROXYING / HTTP/1.1\r\n", "", "", ErrProxySignature, nil},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", "", ErrProxySignature, nil},
	{"empty lines and a request", "\r\n\r\nGET / HTTP/1.1\r\n", "", "", ErrProxySignature, nil},
	{"v1 LF alone", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\n", "", "", ErrProxyLine, nil},
	{"v1 CR alone", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\rX", "", "", ErrProxyLine, nil},
	{"v1 CR inside", "PROXY UNKNOWN a\rb\r\n", "", "", ErrProxyLine, nil},
	{"v1 CR CR LF", "PROXY UNKNOWN\r\r\n", "", "", ErrProxyLine, nil},
	{"v1 of 107 bytes and no end", "PROXY UNKNOWN " + strings.Repeat("f", 93), "", "", ErrProxyLine, nil},
	{"v1 of 108 bytes", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "", "", ErrProxyLine, nil},

	{"v1 TCP4 with one address", "PROXY TCP4 192.0.2.1 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 TCP4 with IPv6", "PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 TCP6 with IPv4", "PROXY TCP6 192.0.2.1 192.0.2.2 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with two blanks", "PROXY TCP4  192.0.2.1 192.0.2.2 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a blank behind", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443 \r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a name", "PROXY TCP4 localhost 192.0.2.2 50000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with port 65536", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a leading zero", "PROXY TCP4 192.0.2.1 192.0.2.2 050000 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a negative port", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", "", "", nil, ErrProxyAddress},
	{"v1 with a NUL", "PROXY TCP4 192.0.2.1\x00 192.0.2.2 50000 443\r\n", "", "", nil, ErrProxyAddress},

	{"v2 TCP4", sig + proxy + tcp4 + "\x00\x0c" + addrs4, "GET / HTTP/1.1\r\n", "192.0.2.1:50000", nil, nil},
	{"v2 TCP6", sig + proxy + tcp6 + "\x00\x24" + addrs6, "", "[2001:db8::1]:50000", nil, nil},
	{"v2 TCP6, mapped", sig + proxy + tcp6 + "\x00\x24" + mapped6, "", "192.0.2.1:50000", nil, nil},
	{"v2 UDP4", sig + proxy + udp4 + "\x00\x0c" + addrs4, "", "192.0.2.1:50000", nil, nil},
	{"v2 UDP6", sig + proxy + udp6 + "\x00\x24" + addrs6, "", "[2001:db8::1]:50000", nil, nil},
	{"v2 TCP4 with TLVs", sig + proxy + tcp4 + "\x00\x1a" + addrs4 + tlvNoop + tlvAWS, "", "192.0.2.1:50000", nil, nil},
	{"v2 TCP6 with a TLV", sig + proxy + tcp6 + "\x00\x2a" + addrs6 + tlvNoop, "x", "[2001:db8::1]:50000", nil, nil},
	{"v2 TLV longer than what is there", sig + proxy + tcp4 + "\x00\x0f" + addrs4 + "\x04\xff\xff", "", "192.0.2.1:50000", nil, nil},
	{"v2 as long as allowed", sig + proxy + tcp4 + "\x10\x00" + addrs4 + "\x04\x0f\xf1" + strings.Repeat("n", 4081), "", "192.0.2.1:50000", nil, nil},
	{"v2 Unix", sig + proxy + unixStream + "\x00\xd8" + addrsUnix, "", "", nil, nil},
	{"v2 LOCAL", sig + local + unspec + "\x00\x00", "GET ", "", nil, nil},
	{"v2 LOCAL with a TLV", sig + local + unspec + "\x00\x06" + tlvNoop, "", "", nil, nil},
	{"v2 LOCAL with addresses", sig + local + tcp4 + "\x00\x0c" + addrs4, "", "", nil, nil},
	{"v2 LOCAL with too little for addresses", sig + local + tcp4 + "\x00\x01" + "x", "", "", nil, nil},
	{"v2 PROXY for nobody", sig + proxy + unspec + "\x00\x00", "GET ", "", nil, nil},
	{"v2 PROXY for nobody, with a TLV", sig + proxy + unspec + "\x00\x06" + tlvNoop, "", "", nil, nil},

	{"v2 signature broken at its end", "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0b", "", "", ErrProxySignature, nil},
	{"v2 version 1", sig + "\x11" + tcp4 + "\x00\x0c" + addrs4, "", "", ErrProxySignature, nil},
	{"v2 version 3", sig + "\x31" + tcp4 + "\x00\x0c" + addrs4, "", "", ErrProxySignature, nil},
	{"v2 unknown command", sig + "\x22" + tcp4 + "\x00\x0c" + addrs4, "", "", ErrProxySignature, nil},
	{"v2 longer than allowed", sig + proxy + tcp4 + "\x10\x01", "", "", ErrProxyTooLong, nil},
	{"v2 of 64 KiB", sig + local + unspec + "\xff\xff", "", "", ErrProxyTooLong, nil},

	{"v2 too little for addresses", sig + proxy + tcp4 + "\x00\x0b" + addrs4[:11], "", "", nil, ErrProxyAddress},
	{"v2 nothing for addresses", sig + proxy + tcp6 + "\x00\x00", "", "", nil, ErrProxyAddress},
	{"v2 too little for Unix addresses", sig + proxy + unixStream + "\x00\xd7" + addrsUnix[:215], "", "", nil, ErrProxyAddress},
	{"v2 unknown family", sig + proxy + "\x41" + "\x00\x0c" + addrs4, "", "", nil, ErrProxyAddress},
	{"v2 unknown transport", sig + proxy + "\x13" + "\x00\x0c" + addrs4, "", "", nil, ErrProxyAddress},
	{"v2 LOCAL of an unknown family", sig + local + "\x41" + "\x00\x00", "", "", nil, ErrProxyAddress},
}

func TestProxyHeader(t *testing.T) {
	for _, tt := range proxyRows {
		t.Run(tt.name, func(t *testing.T) {
			if tt.lenErr != nil {
				if n, err := ProxyHeaderLen([]byte(tt.header)); n != 0 || !errors.Is(err, tt.lenErr) {
					t.Errorf("ProxyHeaderLen: %d, %v, want %v", n, err, tt.lenErr)
				}
				if addr, err := ParseProxyHeader([]byte(tt.header)); addr != nil || !errors.Is(err, tt.lenErr) {
					t.Errorf("ParseProxyHeader: %v, %v, want %v", addr, err, tt.lenErr)
				}
				return
			}
			if n, err := ProxyHeaderLen([]byte(tt.header + tt.rest)); n != len(tt.header) || err != nil {
				t.Errorf("ProxyHeaderLen: %d, %v, want %d", n, err, len(tt.header))
			}
			addr, err := ParseProxyHeader([]byte(tt.header))
			if !errors.Is(err, tt.parseErr) || text(addr) != tt.addr {
				t.Errorf("ParseProxyHeader: %v, %v, want %q, %v", addr, err, tt.addr, tt.parseErr)
			}
		})
	}
}

func text(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	return addr.String()
}

// TestProxyHeaderByteByByte feeds every header a byte more at a time: it is complete at its last byte and not before, and
// is refused at its first wrong byte, behind which there is nothing that would make it right.
func TestProxyHeaderByteByByte(t *testing.T) {
	for _, tt := range proxyRows {
		for n := range len(tt.header) {
			got, err := ProxyHeaderLen([]byte(tt.header[:n]))
			if err != nil && tt.lenErr != nil {
				if !errors.Is(err, tt.lenErr) {
					t.Errorf("%s: %v after %d bytes, want %v", tt.name, err, n, tt.lenErr)
				}
				break
			}
			if got != 0 || err != nil {
				t.Errorf("%s: %d, %v after %d bytes of %d", tt.name, got, err, n, len(tt.header))
			}
		}
	}
}

func TestProxyHeaderIsRefusedEarly(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		want         error
	}{
		{"first byte", "G", ErrProxySignature},
		{"method like it", "PU", ErrProxySignature},
		{"protocol", "PROXY TCP5", ErrProxySignature},
		{"signature", "\r\n\r\nG", ErrProxySignature},
		{"version", sig + "\x11", ErrProxySignature},
		{"length", sig + proxy + tcp4 + "\xff\xff", ErrProxyTooLong},
		{"LF", "PROXY TCP4 \n", ErrProxyLine},
		{"CR of an UNKNOWN and no LF", "PROXY UNKNOWN\rG", ErrProxyLine},
		{"no CR while there is room for LF", "PROXY UNKNOWN " + strings.Repeat("f", 92), ErrProxyLine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, last := []byte(tt.header), len(tt.header)-1
			if n, err := ProxyHeaderLen(whole[:last]); n != 0 || err != nil {
				t.Errorf("%d, %v before the last byte", n, err)
			}
			if n, err := ProxyHeaderLen(whole); n != 0 || !errors.Is(err, tt.want) {
				t.Errorf("%d, %v at the last byte, want %v", n, err, tt.want)
			}
		})
	}
}

func TestParseProxyHeaderWantsOne(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		want         error
	}{
		{"nothing", "", ErrProxyPartial},
		{"a part of version 1", "PROXY TCP4 192.0.2.1", ErrProxyPartial},
		{"a part of version 2", sig + proxy + tcp4 + "\x00\x0c" + addrs4[:11], ErrProxyPartial},
		{"a byte more than version 1", "PROXY UNKNOWN\r\n\n", ErrProxyPartial},
		{"a byte more than version 2", sig + local + unspec + "\x00\x00" + "x", ErrProxyPartial},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if addr, err := ParseProxyHeader([]byte(tt.header)); addr != nil || !errors.Is(err, tt.want) {
				t.Errorf("%v, %v, want %v", addr, err, tt.want)
			}
		})
	}
}

// FuzzParseProxyHeader holds a stream against its own beginnings, and what is delimited here against what proxyproto
// consumes of the same stream.
func FuzzParseProxyHeader(f *testing.F) {
	for _, row := range proxyRows {
		f.Add([]byte(row.header + row.rest))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		n, err := ProxyHeaderLen(stream)
		checkCuts(t, stream, n, err)
		if n == 0 {
			return
		}
		addr, parseErr := ParseProxyHeader(stream[:n:n])
		if parseErr != nil && !errors.Is(parseErr, ErrProxyAddress) {
			t.Fatalf("a header of %d bytes is complete and yet %v", n, parseErr)
		}
		if addr != nil && (parseErr != nil || net.ParseIP(strings.Trim(hostOf(t, addr), "[]")) == nil) {
			t.Fatalf("address %v with error %v", addr, parseErr)
		}
		whole := bufio.NewReaderSize(bytes.NewReader(stream), max(len(stream), 16))
		if _, err := proxyproto.Read(whole); err != nil {
			if parseErr == nil && !isUnspecified(stream) {
				t.Fatalf("proxyproto refuses what is read here as %v: %v", addr, err)
			}
		} else if consumed := len(stream) - whole.Buffered(); consumed != n || parseErr != nil {
			t.Fatalf("proxyproto consumes %d, here it is %d, %v", consumed, n, parseErr)
		}
	})
}

func hostOf(t *testing.T, addr net.Addr) string {
	t.Helper()
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// checkCuts wants the same of the stream at whatever byte it is cut: nothing yet before the end of the header or the
// first wrong byte, and from there on what the whole stream gives.
func checkCuts(t *testing.T, stream []byte, n int, err error) {
	t.Helper()
	decided := false
	for end := range len(stream) {
		got, gotErr := ProxyHeaderLen(stream[:end])
		decided = decided || got != 0 || gotErr != nil
		switch {
		case !decided:
		case got != n || !errors.Is(gotErr, err):
			t.Fatalf("%d, %v of %d bytes, but %d, %v of %d", got, gotErr, end, n, err, len(stream))
		case n > 0 && end < n:
			t.Fatalf("a header of %d bytes is complete at %d", n, end)
		}
	}
}
