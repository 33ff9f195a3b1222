package eventloop

import "github.com/panjf2000/gnet/v2/pkg/netpoll"

// rewatch changes how a poller tells of a socket that it has: at each edge, or as long as there is something. To take the
// socket out and to put it in again would need memory, which may be what is short.
func rewatch(p *netpoll.Poller, socket *netpoll.PollAttachment, edges bool) error {
	return p.ModRead(socket, edges)
}
