package access

import (
	"testing"
	"time"
	"unsafe"
)

// TestMemberIsSmall: 100,000 connections have one each.
func TestMemberIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(Member{}); got != 32 {
		t.Errorf("a Member has %d bytes, want 32", got)
	}
}

func TestMember(t *testing.T) {
	ann := &Grant{User: "ann"}
	since := time.Unix(1_800_000_000, 123)
	m := NewMember(ann, since, "192.0.2.1:4711")
	if m.Grant() != ann || m.User() != "ann" || m.Address() != "192.0.2.1:4711" || !m.Since().Equal(time.Unix(1_800_000_000, 0)) {
		t.Errorf("member = %v %q %q %v", m.Grant(), m.User(), m.Address(), m.Since())
	}
	bob := &Grant{User: "bob"}
	m.SetGrant(bob)
	if m.Grant() != bob || m.User() != "bob" {
		t.Errorf("after SetGrant: %v", m.Grant())
	}
}

func TestMemberRefresh(t *testing.T) {
	first := &Grant{User: "ann", Rooms: Patterns{"ws:acme"}}
	for _, tc := range []struct {
		name string
		next *Grant
		ok   bool
	}{
		{"the same user", &Grant{User: "ann", Rooms: Patterns{"ws:globex"}}, true},
		{"another user", &Grant{User: "bob"}, false},
		{"nobody", &Grant{}, false},
		{"no grant", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := NewMember(first, time.Time{}, "")
			err := m.Refresh(tc.next)
			want := tc.next
			if !tc.ok {
				want = first
				wantCode(t, err, CodeUser)
			}
			if (err == nil) != tc.ok || m.Grant() != want {
				t.Errorf("Refresh: %v, then %v", err, m.Grant())
			}
		})
	}
}

func TestMemberOf(t *testing.T) {
	type visitor struct {
		_ int64
		Member
	}
	m := NewMember(nil, time.Time{}, "")
	v := new(visitor)
	v.Init(&Grant{User: "ann"}, time.Time{}, "192.0.2.1")
	for _, tc := range []struct {
		name string
		data any
		want *Member
	}{
		{"a member", m, m},
		{"what embeds one", v, &v.Member},
		{"something else", "ann", nil},
		{"nothing", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := MemberOf(tc.data); got != tc.want {
				t.Errorf("MemberOf = %v", got)
			}
		})
	}
	none := MemberOf(nil)
	if none.Grant() != nil || none.User() != "" || none.Grant().MayJoin("lobby") {
		t.Error("no member may do something")
	}
	if v.User() != "ann" || m.User() != "" {
		t.Error("the wrong user")
	}
}
