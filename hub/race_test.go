package hub

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starling/hub/cluster/loopback"
)

// arena is a server on four loops whose sockets come and go while everybody does everything at once. It is for the race
// detector, and for what only shows when things are done at the same time: deadlocks, leaks, a disconnect too many.
type arena struct {
	*Server
	t          *testing.T
	mu         sync.Mutex // guards sockets and peers
	sockets    []*Socket  // all that have ever connected
	peers      []*peer    // all that have ever come
	connects   atomic.Int64
	farewells  atomic.Int64
	emitted    atomic.Int64
	answered   atomic.Int64
	over       chan struct{}
	namespaces []*Namespace
	workspaces *ParentNamespace
	rooms      atomic.Int64 // created and not deleted, by what OnRoom was told
	inRooms    atomic.Int64 // joined and not left
}

// some returns a socket, perhaps one that is gone.
func (a *arena) some(r *rand.Rand) *Socket {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sockets) == 0 {
		return nil
	}
	return a.sockets[max(0, len(a.sockets)-1-r.IntN(100))]
}

func (a *arena) setup(s *Server) {
	a.namespaces = []*Namespace{s.Namespace, s.Of("/b")}
	a.workspaces = s.OfMatch(regexp.MustCompile(`^/w\d$`))
	s.OnNewNamespace(func(n *Namespace) { n.OnRoom(a.room) })
	for _, n := range a.namespaces {
		n.OnRoom(a.room)
		n.OnServerEvent("hello", func(e *ServerEvent) { _ = e.Ack(e.Raw(0)) })
	}
	for _, n := range []*registry{&s.registry, &s.Of("/b").registry, &a.workspaces.registry} {
		n.Use(func(s *Socket) error { return s.Join("everybody") })
		n.OnConnect(func(s *Socket) {
			a.connects.Add(1)
			a.mu.Lock()
			a.sockets = append(a.sockets, s)
			a.mu.Unlock()
		})
		n.OnDisconnect(func(s *Socket, _ Reason) {
			if a.farewells.Add(1); s.Connected() {
				a.t.Error("connected in OnDisconnect")
			}
		})
		n.On("off", a.pass)
		n.OnLoop("on", a.pass)
	}
}

// room counts what there should be none of at the end.
func (a *arena) room(e RoomEvent) {
	switch e.Kind {
	case RoomCreated:
		a.rooms.Add(1)
	case RoomDeleted:
		a.rooms.Add(-1)
	case RoomJoined:
		a.inRooms.Add(1)
	case RoomLeft:
		a.inRooms.Add(-1)
	}
}

// pass is the handler of both kinds.
func (a *arena) pass(s *Socket, e *Event) {
	_ = s.To("everybody").Volatile().Emit("passed", e.Raw(0))
	_ = s.Join(string(e.Raw(0)))
	_ = e.Ack(s.ID())
}

// meddle does n things at random.
func (a *arena) meddle(r *rand.Rand, n int) {
	for range n {
		s := a.some(r)
		if s == nil {
			continue
		}
		room := fmt.Sprint("r", r.IntN(10))
		switch r.IntN(16) {
		case 0:
			_ = s.Join(room, "x")
		case 1:
			_ = s.Leave(room)
		case 2:
			_ = s.LeaveAll()
		case 3:
			_ = s.Emit("one", room)
		case 4:
			_ = s.EmitVolatile("one", []byte(room))
		case 5:
			_ = s.To(room).Emit("others", s.ID())
		case 6:
			_ = a.namespaces[r.IntN(2)].To(room, "x").Except(s.ID()).Emit("room", room)
		case 7:
			_ = a.namespaces[r.IntN(2)].Volatile().Emit("all", room)
		case 8:
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(3))*time.Millisecond)
			_, _ = s.EmitWithAck(ctx, "ask", room)
			cancel()
		case 9:
			a.emitted.Add(1)
			if s.EmitAck(100*time.Millisecond, "ask", func(*Reply, error) { a.answered.Add(1) }, room) != nil {
				a.answered.Add(1)
			}
		case 10:
			_, _ = s.Rooms(context.Background())
		case 11:
			s.SetData(room)
			_, _ = s.Data(), s.Handshake()
		case 12:
			if r.IntN(20) == 0 {
				s.Disconnect(r.IntN(2) == 0)
			}
		case 13:
			a.Of(fmt.Sprint("/made", r.IntN(5))).OnLoop(room, func(*Socket, *Event) {})
			a.workspaces.OnLoop(room, func(*Socket, *Event) {})
		default:
			a.survey(r, s, room)
		}
	}
}

// survey asks about everybody, or does something to many of them.
func (a *arena) survey(r *rand.Rand, s *Socket, room string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(20))*time.Millisecond)
	defer cancel()
	n := s.Namespace()
	switch r.IntN(9) {
	case 0:
		if found, err := n.To(room).FetchSockets(ctx); err == nil && len(found) > 0 {
			_ = found[0].Join("fetched")
			_ = found[0].Emit("fetched", found[0].Rooms())
		}
	case 1:
		_, _ = n.To(room).Timeout(10*time.Millisecond).EmitWithAck(ctx, "ask", room)
	case 2:
		_ = n.To(room).SocketsJoin("y", "z")
	case 3:
		_ = n.Except(s.ID()).SocketsLeave("y", room)
	case 4:
		if r.IntN(20) == 0 {
			_ = n.To(s.ID()).DisconnectSockets(r.IntN(2) == 0)
		}
	case 5:
		_, next := n.ListRooms("", 3)
		_, _ = n.ListRooms(next, 3)
		_ = n.RoomsCount() + n.RoomSize(room) + n.SocketsCount()
	case 6:
		_, _, _ = n.ListSockets(ctx, "", 5)
	case 7:
		_ = a.workspaces.To(room).Emit("workspaces", len(a.workspaces.Children()))
	case 8:
		_, _ = n.ServerSideEmitWithAck(ctx, "hello", room)
	}
}

// enter notes who has come, so that nobody is forgotten at the end; false if that is now.
func (a *arena) enter(p *peer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peers = append(a.peers, p)
	select {
	case <-a.over:
		p.conn.Close()
		return false
	default:
		return true
	}
}

// visit is what a client does: it comes, says and answers something, goes or is sent away, and comes again.
func (a *arena) visit(r *rand.Rand) {
	back := ""
	for {
		p := dial(a.t, a.Server, "")
		if !a.enter(p) {
			return
		}
		workspace := fmt.Sprintf("40/w%d,", r.IntN(4))
		_, _ = p.conn.Write(appendMessage(appendMessage(appendMessage(nil, "40"+back), "40/b,"), workspace))
		for range r.IntN(200) {
			m := p.message()
			if strings.HasPrefix(m, "<close") || strings.HasPrefix(m, "<e") {
				break
			}
			if pid := privateID.FindStringSubmatch(m); pid != nil {
				back = fmt.Sprintf(`{"pid":%q}`, pid[1])
			}
			var out []byte
			if id, ok := ackWanted(m); ok && r.IntN(3) > 0 {
				out = appendMessage(out, id)
			}
			if r.IntN(4) == 0 {
				out = appendMessage(out, fmt.Sprintf(`42%d["%s","r%d"]`, r.IntN(9), []string{"on", "off"}[r.IntN(2)], r.IntN(10)))
			}
			if len(out) > 0 {
				_, _ = p.conn.Write(out)
			}
		}
		if r.IntN(2) == 0 {
			_, _ = p.conn.Write(appendMessage(nil, "41"))
		}
		p.conn.Close()
	}
}

// privateID finds what a client of the main namespace comes back with.
var privateID = regexp.MustCompile(`^40\{"sid":"[^"]+","pid":"([^"]+)"`)

// ackWanted makes the answer to a question.
func ackWanted(m string) (answer string, ok bool) {
	rest, ok := strings.CutPrefix(m, "42")
	head, _, found := strings.Cut(rest, `["ask"`)
	if !ok || !found {
		return "", false
	}
	return "43" + head + `["yes"]`, true
}

func TestEverythingAtOnce(t *testing.T) {
	network := loopback.New(loopback.Options{})
	for _, tc := range []struct {
		name string
		opts Options
		also Options // of another node, if it has an adapter
	}{
		{name: "alone"},
		{name: "in a cluster", opts: Options{Adapter: network.Adapter()}, also: Options{Adapter: network.Adapter()}},
		{name: "with recovery", opts: Options{Recovery: &Recovery{RoomBytesMax: 10_000, SessionsMax: 10}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.also.Adapter != nil {
				(&arena{t: t}).setup(start(t, tc.also, nil))
			}
			everythingAtOnce(t, tc.opts)
		})
	}
}

func everythingAtOnce(t *testing.T, opts Options) {
	const clients, goroutines, steps = 30, 300, 80
	a := &arena{t: t, over: make(chan struct{})}
	opts.Loops, opts.CleanupEmptyChildNamespaces = 4, true
	s, stop := startServer(t, opts, a.setup)
	a.Server = s
	var visiting, meddling sync.WaitGroup
	for i := range clients {
		visiting.Go(func() { a.visit(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	eventually(t, "some have come", func() bool { return a.connects.Load() >= clients })
	for i := range goroutines {
		meddling.Go(func() { a.meddle(rand.New(rand.NewPCG(uint64(i), 2)), steps) })
	}
	meddling.Wait()
	a.mu.Lock()
	close(a.over)
	for _, p := range a.peers {
		p.conn.Close()
	}
	a.mu.Unlock()
	visiting.Wait()
	a.wantEmpty()
	t.Logf("%d sockets came and went, %d questions were asked", a.connects.Load(), a.emitted.Load())
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// wantEmpty wants nothing to be left of all who have gone.
func (a *arena) wantEmpty() {
	t, s := a.t, a.Server
	t.Helper()
	eventually(t, "all have gone", func() bool { return s.Connections() == 0 })
	eventually(t, "each socket has had its OnDisconnect", func() bool { return a.farewells.Load() == a.connects.Load() })
	eventually(t, "each question has had its end", func() bool { return a.answered.Load() == a.emitted.Load() })
	eventually(t, "each room is told to be empty and gone", func() bool { return a.inRooms.Load() == 0 && a.rooms.Load() == 0 })
	eventually(t, "workspaces are gone", func() bool { return a.workspaces.ChildrenCount() == 0 || s.opts.Recovery != nil })
	for _, n := range s.Namespaces() {
		if n.SocketsCount() != 0 || n.RoomsCount() != 0 || n.users.Load() != 0 {
			t.Errorf("%s: %d sockets, %d rooms and %d users are left", n.Name(), n.SocketsCount(), n.RoomsCount(), n.users.Load())
		}
		if len(n.present.byPID) != 0 {
			t.Errorf("%s: %d sockets could come back that are there", n.Name(), len(n.present.byPID))
		}
		if n.journal != nil {
			if stats := n.journal.Stats(); stats.Transit != 0 || stats.Acts != 0 {
				t.Errorf("%s: the journal has %+v, want nobody on the way back and no act", n.Name(), stats)
			}
		}
	}
	if n := len(s.inquiries.open) + len(s.errands.open); n != 0 {
		t.Errorf("%d inquiries and errands are left", n)
	}
	for i, sh := range s.column() {
		done := make(chan struct{})
		sh.loop.PostAlways(taskFunc(func() {
			defer close(done)
			if sh.table.Len() != 0 || len(sh.early) != 0 {
				t.Errorf("loop %d: %d sessions, %d early changes are left", i, sh.table.Len(), len(sh.early))
			}
			for n, sp := range sh.spaces {
				if sp.index.Len() != 0 || sp.index.Rooms() != 0 {
					t.Errorf("loop %d: %d members and %d rooms of %s are left", i, sp.index.Len(), sp.index.Rooms(), n.Name())
				}
			}
		}))
		receive(t, done)
	}
	if n := s.Panics(); n != 0 {
		t.Errorf("%d panics", n)
	}
}
