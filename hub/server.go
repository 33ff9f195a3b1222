package hub

import (
	"crypto/rand"
	"sync"
	"sync/atomic"

	"starling/eventloop"
	"starling/hub/cluster"
	"starling/wsproto/socketio"
)

// Server is a Socket.IO server. It embeds its main namespace "/", so that handlers and emits can be asked of it directly.
// All methods may be called from any goroutine, also before it listens.
type Server struct {
	*Namespace
	opts    Options
	limits  *socketio.Limits
	workers workers

	mu          sync.Mutex // serialises additions of namespaces, and Listen
	namespaces  sync.Map   // *Namespace by name
	parents     []*ParentNamespace
	onNamespace func(*Namespace)

	node      *node
	inquiries inquiries // what other nodes were asked
	errands   errands   // what other nodes have asked for

	engine atomic.Pointer[eventloop.Engine]
	shards atomic.Pointer[[]*shard] // by loop index; nil before Listen
	front  *front
	turn   atomic.Uint32 // which loop gets the next connection that comes back from net/http

	draining atomic.Bool // no session begins any more
	refusing atomic.Bool // none does for now
	answers  answers     // to Stats
	// Requests that ServeHTTP has turned away: because there were as many connections as there may be, and because the server
	// did not run.
	turnedAwayFull, turnedAwayLate atomic.Int64

	onceForeign sync.Once
	ready       chan struct{} // closed when connections are taken
	stopped     chan struct{} // closed when the loops have stopped
	ending
}

// New makes a server that does not listen yet. Options that cannot work are reported by Listen.
func New(opts Options) *Server {
	opts.ensureDefaults()
	s := &Server{opts: opts, limits: opts.packetLimits(), ready: make(chan struct{}), stopped: make(chan struct{}), ending: newEnding()}
	s.workers.init(opts.HandlersMax, opts.Logger)
	s.node = &node{Server: s, id: cluster.NodeID(rand.Text())}
	s.Namespace = newNamespace(s, "/")
	close(s.announced)
	s.namespaces.Store("/", s.Namespace)
	return s
}

// column returns the shards, none before Listen.
func (s *Server) column() []*shard {
	if p := s.shards.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Server) newDecoder() socketio.Decoder { return socketio.NewDecoder(s.limits) }
