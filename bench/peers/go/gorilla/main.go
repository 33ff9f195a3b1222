// Gorilla is the raw protocol on github.com/gorilla/websocket, after its chat example: for each connection a goroutine that reads
// and one that writes what comes through a channel.
package main

import (
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"starling-bench-peers/internal/peer"
	"starling-bench-peers/internal/raw"
)

func main() {
	s := &server{rooms: raw.NewRooms[*client]()}
	peer.Main(func(l net.Listener) error { return http.Serve(l, s) })
}

// queuedMax is how many messages wait for a connection. Whoever has not taken as many is cut off, as in the chat example.
const queuedMax = 256

// upgrader shares write buffers among the connections, as is recommended for many that write now and then.
var upgrader = websocket.Upgrader{
	ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
	CheckOrigin: func(*http.Request) bool { return true },
}

type server struct{ rooms *raw.Rooms[*client] }

type client struct {
	conn *websocket.Conn
	send chan *outgoing
}

// outgoing is a message to one connection, or one that is prepared once for many.
type outgoing struct {
	kind     int
	message  []byte
	prepared *websocket.PreparedMessage
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &client{conn: conn, send: make(chan *outgoing, queuedMax)}
	// Not on this goroutine, so that what net/http keeps for it can be freed.
	go c.write()
	go s.read(c)
}

func (s *server) read(c *client) {
	member := s.rooms.Enter(c)
	defer func() {
		s.rooms.Leave(member)
		close(c.send) // nobody finds the connection any more
		_ = c.conn.Close()
	}()
	for {
		kind, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		s.handle(member, kind, message)
	}
}

func (s *server) handle(from *raw.Member[*client], kind int, message []byte) {
	switch verb, room := raw.Parse(message); verb {
	case raw.Join:
		s.rooms.Join(from, room)
		from.Conn.queue(&outgoing{kind: kind, message: message})
	case raw.Echo:
		from.Conn.queue(&outgoing{kind: kind, message: message})
	case raw.Publish:
		s.publish(from, room, kind, message)
	}
}

func (s *server) publish(from *raw.Member[*client], room raw.Room, kind int, message []byte) {
	prepared, err := websocket.NewPreparedMessage(kind, message)
	if err != nil {
		return
	}
	out := &outgoing{prepared: prepared}
	s.rooms.Publish(from, room, func(c *client) { c.queue(out) })
}

func (c *client) queue(out *outgoing) {
	select {
	case c.send <- out:
	default:
		_ = c.conn.Close()
	}
}

func (c *client) write() {
	for out := range c.send {
		if c.writeOne(out) != nil {
			_ = c.conn.Close() // read ends by it, and what is still queued comes to nothing
		}
	}
}

func (c *client) writeOne(out *outgoing) error {
	if out.prepared != nil {
		return c.conn.WritePreparedMessage(out.prepared)
	}
	return c.conn.WriteMessage(out.kind, out.message)
}
