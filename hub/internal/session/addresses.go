package session

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"starling/eventloop"
	"starling/internal/invariants"
)

// addresses are the addresses of the clients that have sessions, on all loops, with how many each has. Any goroutine may use
// them. What is held is in proportion to the addresses that have sessions now.
type addresses struct {
	max     int // sessions of one address
	seed    maphash.Seed
	stripes [addressStripes]addressStripe
}

// addressStripe are those addresses that have the same hash, as far as it counts, under one lock.
type addressStripe struct {
	mu   sync.Mutex
	of   map[netip.Addr]*household
	most int // most addresses there have been since the map was made

	_ [40]byte // to 64: two loops at two stripes do not share a cache line
}

// household is a client's address, or the IPv6 network that a client has, and its sessions.
type household struct {
	addr     netip.Addr
	sessions int // at least one
}

// newAddresses returns no addresses, each of which may have so many sessions; nil if there is no bound.
func newAddresses(max int) *addresses {
	if max <= 0 {
		return nil
	}
	return &addresses{max: max, seed: maphash.MakeSeed()}
}

// householdOf is what counts as one address: an IPv6 client has a whole /64 (RFC 6177), so that bounding its single addresses
// would bound nothing.
func householdOf(addr netip.Addr) netip.Addr {
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		network, _ := addr.Prefix(64) // cannot fail: it has 128 bits
		return network.Addr()
	}
	return addr
}

// enter counts a session of an address, unless that has as many as it may have. There is no bound for what has no address:
// a connection over a Unix socket, for instance. The household is nil then.
func (a *addresses) enter(addr netip.Addr) (h *household, ok bool) {
	if !addr.IsValid() {
		return nil, true
	}
	addr = householdOf(addr)
	s := a.stripe(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	h = s.of[addr]
	switch {
	case h == nil:
		h = s.open(addr)
	case h.sessions >= a.max:
		return nil, false
	}
	h.sessions++
	return h, true
}

// leave gives back what enter has counted. h may be nil.
func (a *addresses) leave(h *household) {
	if h == nil {
		return
	}
	s := a.stripe(h.addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	h.sessions--
	invariants.Assert(h.sessions >= 0 && s.of[h.addr] == h, "%v has %d sessions", h.addr, h.sessions)
	if h.sessions == 0 {
		s.close(h)
	}
}

func (a *addresses) stripe(addr netip.Addr) *addressStripe {
	b := addr.As16()
	return &a.stripes[maphash.Bytes(a.seed, b[:])%addressStripes]
}

// open makes a household that has no session yet.
func (s *addressStripe) open(addr netip.Addr) *household {
	if s.of == nil {
		s.of = map[netip.Addr]*household{}
	}
	h := &household{addr: addr}
	s.of[addr] = h
	s.most = max(s.most, len(s.of))
	return h
}

// close removes a household. A map never shrinks by itself: when most of it is empty a smaller one takes its place.
func (s *addressStripe) close(h *household) {
	delete(s.of, h.addr)
	if s.most < addressesKeptMin || len(s.of) > s.most/4 {
		return
	}
	kept := make(map[netip.Addr]*household, len(s.of))
	for addr, h := range s.of {
		kept[addr] = h
	}
	s.of, s.most = kept, len(kept)
}

// clientAddr is the address of whom a connection speaks for, by the X-Forwarded-For lines of a request if its peer may be
// believed. It is invalid where there is none.
func (cfg *Config) clientAddr(c *eventloop.Conn, forwardedFor []string) netip.Addr {
	remote := c.RemoteAddr()
	if remote == nil {
		return netip.Addr{}
	}
	text := cfg.Proxies.ClientAddr(remote.String(), forwardedFor)
	if endpoint, err := netip.ParseAddrPort(text); err == nil {
		return endpoint.Addr()
	}
	addr, _ := netip.ParseAddr(text)
	return addr
}

// admit decides last on whether a session may begin, and counts it: for its address, if that is bounded, and among those that
// poll. The address comes first, so that one of them which keeps coming does not use up what all may have.
func (t *Table) admit(c *eventloop.Conn, forwardedFor func() []string, polls bool) (*household, *fault) {
	var h *household
	if a := t.cfg.addresses; a != nil {
		var ok bool
		if h, ok = a.enter(t.cfg.clientAddr(c, forwardedFor())); !ok {
			return nil, busyFaults[TooManyOfAddress]
		}
	}
	cause := t.cfg.Busy()
	if cause == 0 && polls && !t.cfg.seat() {
		cause = TooManyPolling
	}
	if cause != 0 {
		t.cfg.addresses.leave(h)
		return nil, busyFaults[cause]
	}
	return h, nil
}
