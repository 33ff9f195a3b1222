package session

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
)

func TestHouseholdOf(t *testing.T) {
	for _, row := range []struct{ addr, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::", "2001:db8:1:2::"},
		{"2001:db8:1:3::", "2001:db8:1:3::"},
		{"fe80::1%eth0", "fe80::"},
		{"::1", "::"},
	} {
		if got := householdOf(netip.MustParseAddr(row.addr)); got != netip.MustParseAddr(row.want) {
			t.Errorf("%s counts as %s, want %s", row.addr, got, row.want)
		}
	}
}

// TestAddresses holds them against a map of numbers: the bound holds to the session, also behind others that have gone.
func TestAddresses(t *testing.T) {
	const bound = 3
	a := newAddresses(bound)
	open := map[netip.Addr]int{}
	var sessions []*household
	for range 20_000 {
		if len(sessions) > 0 && rand.IntN(2) == 0 {
			i := rand.IntN(len(sessions))
			h := sessions[i]
			sessions[i] = sessions[len(sessions)-1]
			sessions = sessions[:len(sessions)-1]
			if open[h.addr]--; open[h.addr] == 0 {
				delete(open, h.addr)
			}
			a.leave(h)
			continue
		}
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(rand.IntN(20))})
		h, ok := a.enter(addr)
		if ok != (open[addr] < bound) || ok != (h != nil) {
			t.Fatalf("%s has %d sessions; another one: %v, %v", addr, open[addr], h, ok)
		}
		if ok {
			open[addr]++
			sessions = append(sessions, h)
		}
	}
	for _, h := range sessions {
		a.leave(h)
	}
	if n := a.held(); n != 0 {
		t.Errorf("%d addresses are left", n)
	}
	if h, ok := a.enter(netip.Addr{}); h != nil || !ok {
		t.Errorf("what has no address is counted: %v, %v", h, ok)
	}
	a.leave(nil)
	newAddresses(0).leave(nil)
	if newAddresses(0) != nil || newAddresses(-1) != nil {
		t.Error("there is memory for no bound")
	}
}

// held is how many addresses there are.
func (a *addresses) held() (n int) {
	for i := range a.stripes {
		n += len(a.stripes[i].of)
	}
	return n
}

// TestAddressesAtOnce: goroutines that all want the last places of one address get no more than there are, and no fewer.
func TestAddressesAtOnce(t *testing.T) {
	const bound, goroutines, rounds = 5, 8, 2_000
	a := newAddresses(bound)
	addr := netip.MustParseAddr("2001:db8::1")
	var mu sync.Mutex // guards open: entered before it is counted, left after
	open, most, refused := 0, 0, 0
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range rounds {
				h, ok := a.enter(addr)
				if !ok {
					mu.Lock()
					refused++
					mu.Unlock()
					continue
				}
				mu.Lock()
				open++
				most = max(most, open)
				mu.Unlock()
				mu.Lock()
				open--
				mu.Unlock()
				a.leave(h)
			}
		})
	}
	all.Wait()
	if most > bound || a.held() != 0 {
		t.Errorf("there were %d sessions at once, %d refused, %d addresses are left", most, refused, a.held())
	}
	var taken []*household
	for range bound {
		h, ok := a.enter(addr)
		if !ok {
			t.Fatal("a place was lost")
		}
		taken = append(taken, h)
	}
	if _, ok := a.enter(addr); ok {
		t.Error("there is a place too many")
	}
	for _, h := range taken {
		a.leave(h)
	}
}

// TestAddressesShrink: after a crowd of addresses has gone, the maps are as small as those who have stayed allow.
func TestAddressesShrink(t *testing.T) {
	const crowd, stay = 100_000, 100
	a := newAddresses(1)
	var came []*household
	for i := range crowd {
		h, ok := a.enter(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		if !ok {
			t.Fatal("refused")
		}
		came = append(came, h)
	}
	for _, h := range came[stay:] {
		a.leave(h)
	}
	for i := range a.stripes {
		if s := &a.stripes[i]; s.most > addressesKeptMin+4*len(s.of) {
			t.Errorf("a stripe with %d addresses has a map for %d", len(s.of), s.most)
		}
	}
	if n := a.held(); n != stay {
		t.Errorf("%d addresses are left, want %d", n, stay)
	}
	for _, h := range came[:stay] {
		if a.stripe(h.addr).of[h.addr] != h {
			t.Fatalf("%s was lost", h.addr)
		}
	}
}
