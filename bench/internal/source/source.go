// Package source is the pool of local addresses a flood connects from. One address reaches one target from as many ports as the
// system hands out (28,232 by default on Linux), so a larger flood needs several. It is arithmetic on values: nothing is bound.
package source

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// The rules of a pool.
var (
	ErrSyntax   = errors.New("source: want an address, a range a-b, a prefix a/bits, or several with commas between")
	ErrTooMany  = fmt.Errorf("source: more than %d addresses", PoolAddressesMax)
	ErrFamilies = errors.New("source: IPv4 and IPv6 addresses in one pool")
)

// PoolAddressesMax bounds a pool: 4,096 addresses of 28,232 ports are over a hundred million connections.
const PoolAddressesMax = 4096

// Pool is a list of local addresses. The zero value stands for whatever address the system picks.
type Pool struct{ addrs []netip.Addr }

// Parse reads "127.0.0.2", "127.0.0.2-127.0.0.6", "127.0.1.0/24", or several of these with commas between. Of an IPv4 prefix
// shorter than /31 the first and the last address (network and broadcast) are left out.
func Parse(text string) (Pool, error) {
	var p Pool
	if text == "" {
		return p, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		if err := p.add(strings.TrimSpace(part)); err != nil {
			return Pool{}, fmt.Errorf("%w: %q", err, part)
		}
	}
	for _, a := range p.addrs {
		if a.Is4() != p.addrs[0].Is4() {
			return Pool{}, fmt.Errorf("%w: %q", ErrFamilies, text)
		}
	}
	return p, nil
}

func (p *Pool) add(part string) error {
	if strings.Contains(part, "/") {
		return p.addPrefix(part)
	}
	first, last, isRange := strings.Cut(part, "-")
	if !isRange {
		last = first
	}
	from, errFrom := netip.ParseAddr(strings.TrimSpace(first))
	to, errTo := netip.ParseAddr(strings.TrimSpace(last))
	if errFrom != nil || errTo != nil || from.Is4() != to.Is4() || to.Less(from) {
		return ErrSyntax
	}
	return p.addRange(from, to)
}

func (p *Pool) addPrefix(part string) error {
	prefix, err := netip.ParsePrefix(part)
	if err != nil {
		return ErrSyntax
	}
	prefix = prefix.Masked()
	hostBits := prefix.Addr().BitLen() - prefix.Bits()
	if hostBits > 12 {
		return ErrTooMany
	}
	from, to := prefix.Addr(), prefix.Addr()
	for range 1<<hostBits - 1 {
		to = to.Next()
	}
	if from.Is4() && hostBits > 1 {
		from, to = from.Next(), to.Prev()
	}
	return p.addRange(from, to)
}

func (p *Pool) addRange(from, to netip.Addr) error {
	for a := from; ; a = a.Next() {
		if len(p.addrs) == PoolAddressesMax {
			return ErrTooMany
		}
		p.addrs = append(p.addrs, a)
		if a == to {
			return nil
		}
	}
}

// connectionsEasy is how many ports of one address the system finds quickly. Further on it searches: with 10,000 connections from
// one address a connect cost the client 59 us, from ten addresses 41 us.
const connectionsEasy = 5000

// Loopback is the text of a pool for that many connections to a server on loopback, all of whose addresses are this machine's
// anyway: from 127.0.0.2 on, or whatever the system picks if that is enough.
func Loopback(connections int) string {
	if connections <= connectionsEasy {
		return ""
	}
	addresses := min((connections+connectionsEasy-1)/connectionsEasy, PoolAddressesMax)
	return fmt.Sprintf("%s-%s", loopback(2), loopback(1+addresses))
}

// Len is how many addresses the pool has; 0 if the system picks.
func (p Pool) Len() int { return len(p.addrs) }

// At is the address for the i-th connection: the pool in turn, so that no address runs out before the others. It is the zero
// Addr if the system picks.
func (p Pool) At(i int) netip.Addr {
	if len(p.addrs) == 0 {
		return netip.Addr{}
	}
	return p.addrs[i%len(p.addrs)]
}

// loopback is the n-th address of 127.0.0.0/8.
func loopback(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(n >> 16), byte(n >> 8), byte(n)})
}
