//go:build !linux

package eventloop

import "github.com/panjf2000/gnet/v2/pkg/netpoll"

// rewatch changes how a poller tells of a socket that it has: at each edge, or as long as there is something. A kqueue is told
// by adding it once more.
func rewatch(p *netpoll.Poller, socket *netpoll.PollAttachment, edges bool) error {
	return p.AddRead(socket, edges)
}
