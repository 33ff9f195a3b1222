package hub

import (
	"crypto/rand"
	"sync"
	"time"

	"starling/eventloop"
	"starling/hub/internal/recovery"
	"starling/hub/internal/session"
)

// Recovery switches on connection state recovery: a client whose connection breaks and who comes back in time to the same
// node gets its socket id, rooms, and data back, and all that it has missed. See docs/RECOVERY.md. Zero fields stand for
// defaults.
type Recovery struct {
	// MaxDisconnectionDuration is how long a client may be away.
	MaxDisconnectionDuration time.Duration
	// RunMiddleware has clients that come back pass the middleware again, which they skip by default.
	RunMiddleware bool
	// RoomBytesMax bounds what is kept of the messages to one room or socket, in bytes. Past it the oldest go, and who would
	// have needed them is not recovered.
	RoomBytesMax int
	// BytesMax bounds what is kept for one namespace, in bytes.
	BytesMax int
	// SessionsMax bounds how many clients of one namespace may be away and come back; past it the first are forgotten.
	SessionsMax int
	// OnExpired is told of each session whose client did not come back in time, or that had to go for others: the application
	// may let go of what it has kept for it. It runs off the loops and may block. nil is nobody.
	OnExpired func(n *Namespace, socketID string, data any)
}

func (r *Recovery) ensureDefaults() {
	orDefault(&r.MaxDisconnectionDuration, MaxDisconnectionDurationDefault)
	orDefault(&r.RoomBytesMax, RecoveryRoomBytesMaxDefault)
	orDefault(&r.BytesMax, RecoveryBytesMaxDefault)
	orDefault(&r.SessionsMax, RecoverySessionsMaxDefault)
}

// journal keeps what a namespace has sent, and who may come back for it.
type journal = recovery.Journal[*session.Prepared]

// newJournal returns a journal, nil if nobody recovers.
func (s *Server) newJournal() *journal {
	r := s.opts.Recovery
	if r == nil {
		return nil
	}
	begin := time.Now()
	return recovery.New[*session.Prepared](recovery.Limits{
		MaxDisconnectionDuration: r.MaxDisconnectionDuration,
		InFlightTime:             s.opts.PingInterval + 2*s.opts.PingTimeout + inFlightReserve,
		RoomBytesMax:             r.RoomBytesMax, BytesMax: r.BytesMax, SessionsMax: r.SessionsMax,
		ReplayBytesMax: s.opts.heldBytesMax(),
	}, func() time.Duration { return time.Since(begin) }, rand.Reader)
}

// expireEvery is how often journals are asked to forget what is too old.
const expireEvery = time.Second

// expireUntil has all journals forget what is too old, until stop is called.
func (s *Server) expireUntil() (stop func()) {
	if s.opts.Recovery == nil {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		ticker := time.NewTicker(expireEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.expire()
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended) }
}

// expire has all journals forget what is too old. A namespace that was kept for those who might come back goes when nobody
// can any more.
func (s *Server) expire() {
	s.namespaces.Range(func(_, v any) bool {
		n := v.(*Namespace)
		n.tellExpired(n.journal.Expire())
		n.removeIfUnused()
		return true
	})
}

// tellExpired tells of sessions that are over.
func (n *Namespace) tellExpired(over []recovery.Saved) {
	tell := n.server.opts.Recovery.OnExpired
	if tell == nil {
		return
	}
	for _, saved := range over {
		n.enqueue(job{run: func() { tell(n, saved.SocketID, saved.Data) }})
	}
}

// kept is what outlives the connection of a socket, if its client comes back. history belongs to the loop; the rest never
// changes once anybody else sees the socket.
type kept struct {
	pid       string // by which the client proves that it was here
	history   *recovery.History
	recovered bool

	saved  *recovery.Saved // of a socket that is to be restored; nil afterwards
	offset string          // what its client has received
}

// comeback is what a client says in its CONNECT that wants its session back.
type comeback struct {
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// begin gives a new socket its id, and takes up the session that the client wants to have back. What comes next does so by
// itself when it reports true.
func (c *client) begin(s *Socket) (underWay bool) {
	if s.nsp.journal == nil {
		s.id = c.Table().NewID().String()
		return false
	}
	var back comeback
	if auth := s.auth.Load(); auth != nil && c.shard.server.bind(*auth, &back) != nil {
		back = comeback{} // a client that does not know what it had gets a new session
	}
	if before := s.nsp.present.get(back.PID); before != nil {
		before.client.shard.loop.PostAlways(taskFunc(func() {
			before.client.Close(session.TransportClose) // the client knows already that its connection has broken
			c.shard.loop.PostAlways(taskFunc(func() {
				if s.state == connecting && !c.takeUp(s, back) {
					c.ask(s)
				}
			}))
		}))
		return true
	}
	return c.takeUp(s, back)
}

// takeUp gives a socket the session that the client wants to have back, or a fresh one.
func (c *client) takeUp(s *Socket, back comeback) (underWay bool) {
	saved, ok := s.nsp.journal.Take(back.PID)
	if !ok {
		c.anew(s)
		return false
	}
	s.id = saved.SocketID
	s.kept = &kept{pid: back.PID, recovered: true, saved: &saved, offset: back.Offset}
	s.SetData(saved.Data)
	if c.shard.server.opts.Recovery.RunMiddleware {
		return false
	}
	if err := c.restore(s); err != nil {
		c.startOver(s, err)
	}
	return true
}

// startOver has a client begin anew that cannot have its session back: as another socket if nobody has seen this one, and else
// over another connection.
func (c *client) startOver(s *Socket, err error) {
	c.shard.server.opts.Logger.Debug("not recovered", "namespace", s.nsp.name, "socket", s.id, "error", err)
	s.giveUp()
	if c.shard.server.opts.Recovery.RunMiddleware {
		c.Close(session.TransportError) // the client comes again, as a new one
		return
	}
	s.data.Store(nil)
	c.anew(s)
	c.ask(s)
}

// giveUp ends the session that a socket was to have back.
func (s *Socket) giveUp() {
	saved := *s.kept.saved
	s.kept.saved = nil
	_ = s.nsp.journal.Arrived(s.kept.pid) // it is over anyway
	s.nsp.tellExpired([]recovery.Saved{saved})
}

// anew gives a socket an id of its own.
func (c *client) anew(s *Socket) {
	s.id = c.Table().NewID().String()
	s.kept = &kept{pid: c.Table().NewID().String()}
}

// present are the sockets of a namespace that could come back, by what they would prove themselves with: a client may be
// back before its old connection is known to be broken.
type present struct {
	mu    sync.Mutex
	byPID map[string]*Socket
}

func (p *present) get(pid string) *Socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byPID[pid]
}

func (p *present) add(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byPID == nil {
		p.byPID = map[string]*Socket{}
	}
	p.byPID[s.kept.pid] = s
}

func (p *present) remove(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.byPID, s.kept.pid); len(p.byPID) == 0 {
		p.byPID = nil // a map never shrinks by itself
	}
}

// restore has a socket connected with all that it has missed. The error says why something may be missing.
func (c *client) restore(s *Socket) error {
	return s.nsp.journal.Replay(*s.kept.saved, s.kept.offset, func(missed []*session.Prepared, at recovery.Position) {
		// Under the journal's lock: behind all messages up to the position, and in front of all later ones.
		c.shard.loop.PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) { c.resume(s, missed, at) }))
	})
}

// resume makes a socket connected that has come back.
func (c *client) resume(s *Socket, missed []*session.Prepared, at recovery.Position) {
	if s.state != connecting {
		return // it has gone again, and its session was saved again
	}
	// From here on to its place in the index nothing else runs on this loop: an act that has begun before this says that it has
	// meant the session, and finds the socket otherwise.
	if err := s.nsp.journal.Arrived(s.kept.pid); err != nil {
		c.startOver(s, err)
		return
	}
	sp := c.shard.spaceFor(s.nsp, at)
	s.kept.history = s.kept.saved.History
	s.kept.saved = nil
	c.enter(s, sp)
	for room := range s.kept.history.Rooms {
		sp.index.Join(s, room)
	}
	for _, p := range missed { // in front of the answer: the client takes them for what came before it (Socket.IO 4.6)
		c.deliver(p, false)
	}
	c.welcome(s, sp)
}

// save keeps what a socket needs to come back. It is called when its client is gone.
func (s *Socket) save(reason session.Reason) {
	k := s.kept
	meant := reason == session.ClientNamespaceDisconnect || reason == session.ServerNamespaceDisconnect
	switch {
	case k == nil:
	case reason == session.ServerShutdown: // there is nothing to come back to, and nobody is told
		if k.saved != nil {
			_ = s.nsp.journal.Arrived(k.pid)
		}
	case meant && k.saved != nil: // it has come back and is not let in
		s.giveUp()
	case meant:
	case k.saved != nil: // it has not got what it has come for
		s.nsp.tellExpired(s.nsp.journal.Save(k.pid, *k.saved))
	case k.history != nil:
		s.nsp.tellExpired(s.nsp.journal.Save(k.pid, recovery.Saved{SocketID: s.id, History: k.history, Data: s.Data()}))
	}
}
