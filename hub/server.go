package hub

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"starling/eventloop"
	"starling/wsproto/socketio"
)

// Server is a Socket.IO server. It embeds its main namespace "/", so that handlers and emits can be asked of it directly.
// All methods may be called from any goroutine, also before it listens.
type Server struct {
	*Namespace
	opts    Options
	limits  *socketio.Limits
	workers workers

	mu         sync.Mutex // serialises additions of namespaces, and Listen
	namespaces atomic.Pointer[map[string]*Namespace]

	engine  atomic.Pointer[eventloop.Engine]
	shards  atomic.Pointer[[]*shard] // by loop index; nil before Listen
	front   *front
	turn    atomic.Uint32 // which loop gets the next connection that comes back from net/http
	stopped chan struct{} // closed when the loops have stopped
}

// New makes a server that does not listen yet. Options that cannot work are reported by Listen.
func New(opts Options) *Server {
	opts.ensureDefaults()
	s := &Server{opts: opts, limits: opts.packetLimits(), stopped: make(chan struct{})}
	s.workers.init(opts.HandlersMax, opts.Logger)
	s.Namespace = newNamespace(s, "/", 0)
	s.namespaces.Store(&map[string]*Namespace{"/": s.Namespace})
	return s
}

// Of returns the namespace of a name, which it creates at the first call; a missing slash at the front is added. Clients
// are refused from namespaces that nobody has asked for. It panics on a name that cannot be written on the wire.
func (s *Server) Of(name string) *Namespace {
	if name == "" || name[0] != '/' {
		name = "/" + name
	}
	if n := s.lookup(name); n != nil {
		return n
	}
	if err := socketio.CheckNamespace(name); err != nil {
		panic(fmt.Sprintf("hub: namespace %q: %v", name, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := *s.namespaces.Load()
	if n := known[name]; n != nil {
		return n
	}
	n := newNamespace(s, name, len(known))
	grown := maps.Clone(known)
	grown[name] = n
	s.namespaces.Store(&grown)
	return n
}

func (s *Server) lookup(name string) *Namespace { return (*s.namespaces.Load())[name] }

// column returns the shards, none before Listen.
func (s *Server) column() []*shard {
	if p := s.shards.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Server) newDecoder() socketio.Decoder { return socketio.NewDecoder(s.limits) }
