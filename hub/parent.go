package hub

import (
	"maps"
	"regexp"
	"slices"

	"starling/eventloop"
	"starling/wsproto/socketio"
)

// ParentNamespace stands for namespaces that come into being when clients ask for them: its children. They begin with its
// handlers and middleware, and what is registered with it later reaches those that there are. Get one with
// Server.OfMatch or Server.OfFunc. All methods may be called from any goroutine.
//
// Broadcasts reach the sockets of all children that this node has, on all nodes.
type ParentNamespace struct {
	registry
	broadcaster
	pattern *regexp.Regexp // nil: only the function decides
	match   func(name string, auth Raw) bool
}

// OfMatch makes a parent of all namespaces whose whole names, slash included, match the expression anywhere: anchor it
// with ^ and $. Those that Server.Of makes later become children as well if they match. Of several parents the one that
// was made first is asked first.
func (s *Server) OfMatch(pattern *regexp.Regexp) *ParentNamespace {
	return s.addParent(&ParentNamespace{
		pattern: pattern, match: func(name string, _ Raw) bool { return pattern.MatchString(name) },
	})
}

// OfFunc makes a parent of all namespaces that a function allows. It is given the name that a client asks for and its auth
// payload, nil if there is none, and is asked each time that no such namespace exists. It runs on an event loop and must
// not block: what takes time, or depends on the client, belongs into Use.
func (s *Server) OfFunc(allow func(name string, auth Raw) bool) *ParentNamespace {
	return s.addParent(&ParentNamespace{match: allow})
}

func (s *Server) addParent(p *ParentNamespace) *ParentNamespace {
	p.registry.init()
	p.all = BroadcastOperator{parent: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = added(s.parents, p)
	return p
}

// OnNewNamespace sets what is called for each namespace when it has come into being, before its first socket. It runs where
// Server.Of was called, or on an event loop for the child of a parent, and must not block.
func (s *Server) OnNewNamespace(handle func(n *Namespace)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onNamespace = handle
}

// Of returns the namespace of a name, which it creates at the first call; a missing slash at the front is added. Clients
// are refused from namespaces that nobody has asked for and no parent allows. It panics on a name that cannot be written on
// the wire.
func (s *Server) Of(name string) *Namespace {
	if name == "" || name[0] != '/' {
		name = "/" + name
	}
	if n := s.lookup(name); n != nil {
		return n
	}
	if err := socketio.CheckNamespace(name); err != nil {
		panic("hub: namespace " + name + ": " + err.Error())
	}
	return s.create(name, func() *ParentNamespace {
		for _, p := range s.parents {
			if p.pattern != nil && p.pattern.MatchString(name) {
				return p
			}
		}
		return nil
	})
}

// Namespaces returns the namespaces that there are, in no order.
func (s *Server) Namespaces() []*Namespace {
	var all []*Namespace
	s.namespaces.Range(func(_, n any) bool {
		all = append(all, n.(*Namespace))
		return true
	})
	return all
}

func (s *Server) lookup(name string) *Namespace {
	if n, ok := s.namespaces.Load(name); ok {
		return n.(*Namespace)
	}
	return nil
}

// create returns the namespace of a name, made if need be as a child of the parent that parentOf returns, which is called
// with the lock held.
func (s *Server) create(name string, parentOf func() *ParentNamespace) *Namespace {
	s.mu.Lock()
	n := s.lookup(name)
	if n != nil {
		s.mu.Unlock()
		return n
	}
	n = newNamespace(s, name)
	if parent := parentOf(); parent != nil {
		n.parent = parent
		parent.adopt(n)
	}
	s.namespaces.Store(name, n)
	announce := s.onNamespace
	s.mu.Unlock()
	defer close(n.announced)
	if announce != nil {
		announce(n)
	}
	return n
}

// admit returns the namespace that a client asks for, with a use of it that Namespace.release gives back; nil if there is
// none.
func (s *Server) admit(name string, auth []byte) *Namespace {
	for {
		n := s.lookup(name)
		if n == nil {
			n = s.child(name, s.readable(auth))
		}
		if n == nil {
			return nil
		}
		<-n.announced // nobody connects before OnNewNamespace has seen it
		if n.acquire() {
			return n
		}
	}
}

// readable returns an auth payload as JSON.
func (s *Server) readable(auth []byte) (raw Raw) {
	if s.opts.Parser == nil || len(auth) == 0 {
		return auth
	}
	if s.opts.Parser.Bind(auth, &raw) != nil {
		return nil
	}
	return raw
}

// child makes a namespace that a parent allows.
func (s *Server) child(name string, auth Raw) *Namespace {
	s.mu.Lock()
	parents := s.parents
	s.mu.Unlock()
	i := slices.IndexFunc(parents, func(p *ParentNamespace) bool { return s.allows(p, name, auth) })
	if i < 0 || socketio.CheckNamespace(name) != nil {
		return nil
	}
	if parents[i].ChildrenCount() >= ChildNamespacesMax {
		s.opts.Logger.Error("too many children of a parent namespace", "refused", name)
		return nil
	}
	return s.create(name, func() *ParentNamespace { return parents[i] })
}

// allows asks a parent's function. Its panic is a no.
func (s *Server) allows(p *ParentNamespace, name string, auth Raw) (allowed bool) {
	defer func() {
		if r := recover(); r != nil {
			s.workers.panicked(name, nil, "OfFunc", r)
		}
	}()
	return p.match(name, auth)
}

// namespaceGone is the number of users of a namespace that is removed.
const namespaceGone = -1

// acquire counts one more user, unless the namespace is removed.
func (n *Namespace) acquire() bool {
	for {
		users := n.users.Load()
		if users == namespaceGone {
			return false
		}
		if n.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

// release counts one user less. The last one of a child takes the namespace along, if that is wanted.
func (n *Namespace) release() {
	if n.users.Add(-1) == 0 {
		n.removeIfUnused()
	}
}

// removeIfUnused takes a child out of the server if that is wanted, and nobody is there or may come back.
func (n *Namespace) removeIfUnused() {
	if n.parent == nil || !n.server.opts.CleanupEmptyChildNamespaces || n.users.Load() != 0 ||
		n.journal != nil && n.journal.Stats().Sessions > 0 || !n.users.CompareAndSwap(0, namespaceGone) {
		return
	}
	n.server.namespaces.CompareAndDelete(n.name, n)
	n.parent.abandon(n)
	n.server.post(eventloop.TaskFunc(func(l *eventloop.Loop) { delete(n.server.column()[l.Index()].spaces, n) }))
}

// Children returns the namespaces that have come into being and were not removed, in no order.
func (p *ParentNamespace) Children() []*Namespace {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.children))
}

// ChildrenCount is how many children there are.
func (p *ParentNamespace) ChildrenCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.children)
}
