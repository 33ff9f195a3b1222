package source

import (
	"errors"
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, text  string
		len         int
		first, last string
		err         error
	}{
		{"none", "", 0, "", "", nil},
		{"one", "127.0.0.2", 1, "127.0.0.2", "127.0.0.2", nil},
		{"range", "127.0.0.2-127.0.0.6", 5, "127.0.0.2", "127.0.0.6", nil},
		{"range over an octet", "10.0.0.254-10.0.1.1", 4, "10.0.0.254", "10.0.1.1", nil},
		{"prefix without its ends", "127.0.1.0/24", 254, "127.0.1.1", "127.0.1.254", nil},
		{"prefix written from the middle", "127.0.1.7/30", 2, "127.0.1.5", "127.0.1.6", nil},
		{"two addresses have no ends", "10.0.0.0/31", 2, "10.0.0.0", "10.0.0.1", nil},
		{"prefix of one", "10.0.0.9/32", 1, "10.0.0.9", "10.0.0.9", nil},
		{"IPv6 prefix has no ends", "fd00::/126", 4, "fd00::", "fd00::3", nil},
		{"list", "127.0.0.2, 127.0.0.4-127.0.0.5", 3, "127.0.0.2", "127.0.0.5", nil},
		{"no address", "localhost", 0, "", "", ErrSyntax},
		{"empty part", "127.0.0.2,", 0, "", "", ErrSyntax},
		{"backwards", "127.0.0.6-127.0.0.2", 0, "", "", ErrSyntax},
		{"bad prefix", "127.0.0.0/33", 0, "", "", ErrSyntax},
		{"range of two kinds", "127.0.0.1-::1", 0, "", "", ErrSyntax},
		{"list of two kinds", "127.0.0.1,::1", 0, "", "", ErrFamilies},
		{"wide prefix", "127.0.0.0/8", 0, "", "", ErrTooMany},
		{"wide range", "127.0.0.0-127.255.255.255", 0, "", "", ErrTooMany},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Parse(tc.text)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if p.Len() != tc.len {
				t.Fatalf("%d addresses, want %d", p.Len(), tc.len)
			}
			if tc.len == 0 {
				return
			}
			if p.At(0).String() != tc.first || p.At(tc.len-1).String() != tc.last {
				t.Errorf("%s to %s, want %s to %s", p.At(0), p.At(tc.len-1), tc.first, tc.last)
			}
		})
	}
}

func TestAtTakesTurns(t *testing.T) {
	p, err := Parse("127.0.0.2-127.0.0.4")
	if err != nil {
		t.Fatal(err)
	}
	if p.At(3) != p.At(0) || p.At(4) == p.At(0) {
		t.Errorf("%s %s %s %s %s", p.At(0), p.At(1), p.At(2), p.At(3), p.At(4))
	}
	if (Pool{}).At(7) != (netip.Addr{}) {
		t.Error("an empty pool names an address")
	}
}

func TestLoopbackIsAPool(t *testing.T) {
	for _, tc := range []struct {
		connections int
		text        string
		len         int
	}{
		{1, "", 0},
		{5000, "", 0},
		{5001, "127.0.0.2-127.0.0.3", 2},
		{10000, "127.0.0.2-127.0.0.3", 2},
		{1_300_000, "127.0.0.2-127.0.1.5", 260},
		{1 << 30, "127.0.0.2-127.0.16.1", PoolAddressesMax},
	} {
		text := Loopback(tc.connections)
		p, err := Parse(text)
		if err != nil || text != tc.text || p.Len() != tc.len {
			t.Errorf("%d connections: %q of %d, want %q of %d (%v)", tc.connections, text, p.Len(), tc.text, tc.len, err)
		}
	}
}
