// Gws is the raw protocol on github.com/lxzan/gws.
package main

import (
	"net"

	"github.com/lxzan/gws"

	"starling-bench-peers/internal/peer"
	"starling-bench-peers/internal/raw"
)

func main() {
	peer.Main(func(l net.Listener) error {
		return newServer().RunListener(l)
	})
}

// newServer takes gws's own server rather than its upgrader behind net/http, which would keep a request and its buffers for each
// connection. The options are the defaults; ParallelEnabled would handle a connection's messages side by side, out of their order.
func newServer() *gws.Server {
	s := gws.NewServer(&handler{rooms: raw.NewRooms[*gws.Conn]()}, &gws.ServerOption{})
	s.OnError = func(c net.Conn, _ error) { // instead of a line in the log for each connection that came to nothing
		if c != nil {
			_ = c.Close()
		}
	}
	return s
}

type handler struct {
	gws.BuiltinEventHandler
	rooms *raw.Rooms[*gws.Conn]
}

// memberKey is where a connection's session keeps its member.
const memberKey = "member"

func (h *handler) OnOpen(c *gws.Conn) {
	c.Session().Store(memberKey, h.rooms.Enter(c))
}

func (h *handler) OnClose(c *gws.Conn, _ error) {
	h.rooms.Leave(memberOf(c))
}

func (h *handler) OnPing(c *gws.Conn, payload []byte) {
	_ = c.WritePong(payload)
}

func (h *handler) OnMessage(c *gws.Conn, message *gws.Message) {
	defer message.Close()
	switch verb, room := raw.Parse(message.Bytes()); verb {
	case raw.Echo:
		_ = c.WriteMessage(message.Opcode, message.Bytes())
	case raw.Join:
		h.rooms.Join(memberOf(c), room)
		_ = c.WriteMessage(message.Opcode, message.Bytes())
	case raw.Publish:
		h.publish(memberOf(c), room, message)
	}
}

// publish makes the frame once for all members (Broadcaster), and hands it to each connection's write queue.
func (h *handler) publish(from *raw.Member[*gws.Conn], room raw.Room, message *gws.Message) {
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	h.rooms.Publish(from, room, func(c *gws.Conn) { _ = b.Broadcast(c) })
}

func memberOf(c *gws.Conn) *raw.Member[*gws.Conn] {
	m, _ := c.Session().Load(memberKey)
	return m.(*raw.Member[*gws.Conn])
}
