package gateway

import (
	"net"
	"sync"

	"starling/gateway/access"
	"starling/hub"
)

// visitor is what the gateway knows of a socket: Socket.Data is one.
type visitor struct {
	access.Member
	events, bytes meter
	refusals      meter // of those that came too fast
	expiry        expiring[*hub.Socket]
	before        *visitor // whose session this one has taken over, until it is in; nil for a new one

	// Guarded by Gateway.comings.
	in   bool // it is counted, and the backend knows of it
	gone bool // it has left
}

func newVisitor(grant *access.Grant, h hub.Handshake) *visitor {
	v := &visitor{}
	address := h.Address
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	v.Init(grant, h.Time, address)
	return v
}

// visitorOf returns the visitor of a socket that was let in.
func visitorOf(s *hub.Socket) *visitor { return s.Data().(*visitor) }

// users counts the sockets of each user.
type users struct {
	mu      sync.Mutex
	sockets map[string]int
}

// enter counts a socket of a user, unless there are max of them; 0 is no bound. Anonymous users are not counted.
func (u *users) enter(user string, limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if limit > 0 && u.sockets[user] >= limit {
		return false
	}
	if u.sockets == nil {
		u.sockets = map[string]int{}
	}
	u.sockets[user]++
	return true
}

// leave takes back what enter has counted.
func (u *users) leave(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sockets[user]--; u.sockets[user] <= 0 {
		delete(u.sockets, user)
	}
}

// full reports whether a user has as many sockets as may be.
func (u *users) full(user string, limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return limit > 0 && u.sockets[user] >= limit
}
