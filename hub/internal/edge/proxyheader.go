package edge

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"
)

// proxySignature is how a header of version 2 begins (PROXY protocol 2.2).
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// proxyBeginnings are all ways in which a header can begin, as far as there is no choice.
var proxyBeginnings = []string{
	"PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN ", "PROXY UNKNOWN\r", // version 1 (PROXY protocol 2.1)
	proxySignature + "\x20", proxySignature + "\x21", // version 2: LOCAL and PROXY
}

// ProxyHeaderLen returns the length of the PROXY header at the front of b, 0 while it is not complete, and an error as
// soon as b cannot become one. It is at most ProxyHeaderBytesMax. b is only read.
//
// The header comes before anything else on a connection, and only if the other end is known to send it.
func ProxyHeaderLen(b []byte) (int, error) {
	beginning, ok := proxyBeginning(b)
	switch {
	case !ok:
		return 0, ErrProxySignature
	case len(b) < len(beginning):
		return 0, nil
	case beginning[0] == 'P':
		return proxyLineLen(b)
	default:
		return proxyBlockLen(b)
	}
}

// proxyBeginning finds a beginning that b agrees with as far as it goes.
func proxyBeginning(b []byte) (beginning string, ok bool) {
	for _, beginning = range proxyBeginnings {
		n := min(len(b), len(beginning))
		if string(b[:n]) == beginning[:n] {
			return beginning, true
		}
	}
	return "", false
}

// proxyLineLen delimits a header of version 1: a line in which CR and LF only occur at its end.
func proxyLineLen(b []byte) (int, error) {
	line := b[:min(len(b), proxyLineBytesMax-1)] // in which CR has to be
	cr := bytes.IndexAny(line, "\r\n")
	switch {
	case cr < 0 && len(line) < proxyLineBytesMax-1:
		return 0, nil
	case cr < 0 || line[cr] == '\n':
		return 0, ErrProxyLine
	case cr+1 == len(b):
		return 0, nil
	case b[cr+1] != '\n':
		return 0, ErrProxyLine
	default:
		return cr + 2, nil
	}
}

// proxyBlockLen delimits a header of version 2, which carries its length.
func proxyBlockLen(b []byte) (int, error) {
	if len(b) < proxyPrefixBytes {
		return 0, nil
	}
	n := proxyPrefixBytes + int(binary.BigEndian.Uint16(b[proxyPrefixBytes-2:]))
	switch {
	case n > ProxyHeaderBytesMax:
		return 0, ErrProxyTooLong
	case n > len(b):
		return 0, nil
	default:
		return n, nil
	}
}

// ParseProxyHeader returns the address of the client in a PROXY header. b is exactly one, as long as ProxyHeaderLen says,
// and only read. The address is a *net.TCPAddr, or a *net.UDPAddr if that is how the client came to the proxy (QUIC).
//
// It is nil if the other end of the connection is to be taken for the client: the proxy speaks for itself (LOCAL), does
// not know (UNKNOWN, UNSPEC), or was called through a Unix socket.
func ParseProxyHeader(b []byte) (net.Addr, error) {
	n, err := ProxyHeaderLen(b)
	if err != nil {
		return nil, err
	}
	if n == 0 || n != len(b) {
		return nil, ErrProxyPartial
	}
	if isUnspecified(b) {
		return nil, nil
	}
	header, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxyAddress, err)
	}
	switch header.SourceAddr.(type) {
	case *net.TCPAddr, *net.UDPAddr:
		if !header.Command.IsLocal() {
			return header.SourceAddr, nil
		}
	}
	return nil, nil
}

// isUnspecified tells a header of version 2 that says PROXY but not for whom. Receivers may choose what to do with it
// (PROXY protocol 2.2); proxyproto refuses, but proxies do send it for clients that have no address of the internet.
func isUnspecified(b []byte) bool {
	const at = len(proxySignature)
	return b[0] == proxySignature[0] && b[at] == 0x21 && b[at+1] == 0x00
}
