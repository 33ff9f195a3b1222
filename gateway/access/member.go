package access

import (
	"sync/atomic"
	"time"
)

// Member is what a connection knows of its client. A server has one for each connection, so it is small: the grant may
// be shared, and the address is the string that was given.
type Member struct {
	grant   atomic.Pointer[Grant]
	since   int64 // Unix time in seconds
	address string
}

// NewMember makes the member of a connection that was made at a time, by a client at an address, with a grant, which
// nobody changes from here on.
func NewMember(g *Grant, since time.Time, address string) *Member {
	m := new(Member)
	m.Init(g, since, address)
	return m
}

// Init makes m what NewMember returns, for a value that embeds it. It is called once, before anybody else sees m.
func (m *Member) Init(g *Grant, since time.Time, address string) {
	m.since, m.address = since.Unix(), address
	m.grant.Store(g)
}

// Self returns m. It makes a value that embeds a Member one of which MemberOf finds it.
func (m *Member) Self() *Member { return m }

// MemberOf returns the member that a socket's data is or embeds, or nil.
func MemberOf(data any) *Member {
	if d, ok := data.(interface{ Self() *Member }); ok {
		return d.Self()
	}
	return nil
}

// Grant returns what the client may do now. It is nil, which allows nothing, for a nil Member.
func (m *Member) Grant() *Grant {
	if m == nil {
		return nil
	}
	return m.grant.Load()
}

// SetGrant gives the client another grant, whoever it is for; see Refresh.
func (m *Member) SetGrant(g *Grant) { m.grant.Store(g) }

// Refresh gives the client a newer grant of the same user. For another user, whose rooms this connection is not in, it
// changes nothing and returns a TokenError with CodeUser.
func (m *Member) Refresh(g *Grant) error {
	if g == nil || g.User != m.User() {
		return &TokenError{Code: CodeUser, Message: "the token is not of the user who is connected"}
	}
	m.grant.Store(g)
	return nil
}

// User returns the client's user; "" is anonymous, and for a nil Member.
func (m *Member) User() string {
	if g := m.Grant(); g != nil {
		return g.User
	}
	return ""
}

// Since returns when the connection was made, in whole seconds.
func (m *Member) Since() time.Time { return time.Unix(m.since, 0) }

// Address returns the address of the client, as it was given.
func (m *Member) Address() string { return m.address }
