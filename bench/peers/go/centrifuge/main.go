// Centrifuge is the protocol of github.com/centrifugal/centrifuge, the library under Centrifugo: rooms are channels, and an echo is
// a remote procedure call.
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/centrifugal/centrifuge"

	"starling-bench-peers/internal/peer"
)

func main() {
	peer.Main(func(l net.Listener) error {
		node, err := newNode()
		if err != nil {
			return err
		}
		return http.Serve(l, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
			// As in the library's own examples.
			ReadBufferSize:     1024,
			UseWriteBufferPool: true,
			CheckOrigin:        func(*http.Request) bool { return true },
		}))
	})
}

// newNode makes a node with the options' defaults: its broker in memory, channels without history or presence.
func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil // nobody in particular may come in
	})
	node.OnConnect(func(c *centrifuge.Client) { serve(node, c) })
	return node, node.Run()
}

func serve(node *centrifuge.Node, c *centrifuge.Client) {
	c.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
		reply(centrifuge.SubscribeReply{}, nil)
	})
	c.OnPublish(func(e centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
		// Published here, a message does not say who sent it, which is what the other servers do not say either.
		result, err := node.Publish(e.Channel, e.Data)
		reply(centrifuge.PublishReply{Result: &result}, err)
	})
	c.OnRPC(func(e centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
		reply(centrifuge.RPCReply{Data: e.Data}, nil)
	})
}
