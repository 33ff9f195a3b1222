// Nbio is the raw protocol on github.com/lesismal/nbio, its connections on its own poller (epoll).
package main

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"

	"starling-bench-peers/internal/peer"
	"starling-bench-peers/internal/raw"
)

func main() {
	logging.SetLevel(logging.LevelNone)
	peer.Main(func(l net.Listener) error {
		if err := newEngine(l).Start(); err != nil {
			return err
		}
		select {} // the engine has goroutines of its own
	})
}

// writeBufferBytesMax bounds what waits for a connection, as in the library's introduction. Whoever leaves more is cut off.
const writeBufferBytesMax = 6 << 20

// newEngine is as in nbio's own benchmark: every connection on the poller, and buffers given back once a message is handled.
func newEngine(l net.Listener) *nbhttp.Engine {
	s := &server{rooms: raw.NewRooms[*websocket.Conn]()}
	upgrader := websocket.NewUpgrader()
	upgrader.KeepaliveTime = 0 // else whoever says nothing for two minutes is cut off
	upgrader.CheckOrigin = func(*http.Request) bool { return true }
	upgrader.OnOpen(s.open)
	upgrader.OnMessage(s.message)
	upgrader.OnClose(s.closed)
	return nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{l.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return l, nil },
		IOMod:                   nbhttp.IOModNonBlocking,
		ReleaseWebsocketPayload: true,
		MaxWriteBufferSize:      writeBufferBytesMax,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = upgrader.Upgrade(w, r, nil) // it has answered
		}),
	})
}

type server struct{ rooms *raw.Rooms[*websocket.Conn] }

type member = raw.Member[*websocket.Conn]

func (s *server) open(c *websocket.Conn) { c.SetSession(s.rooms.Enter(c)) }

func (s *server) closed(c *websocket.Conn, _ error) {
	if m, ok := c.Session().(*member); ok {
		s.rooms.Leave(m)
	}
}

// message is called for one message of a connection at a time. A write does not wait: what the kernel does not take is kept.
func (s *server) message(c *websocket.Conn, kind websocket.MessageType, message []byte) {
	m := c.Session().(*member)
	switch verb, room := raw.Parse(message); verb {
	case raw.Echo:
		_ = c.WriteMessage(kind, message)
	case raw.Join:
		s.rooms.Join(m, room)
		_ = c.WriteMessage(kind, message)
	case raw.Publish:
		s.rooms.Publish(m, room, func(c *websocket.Conn) { _ = c.WriteMessage(kind, message) })
	}
}
