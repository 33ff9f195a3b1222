package clustertest

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"starling/hub"
	"starling/hub/cluster"
)

// fleet is a cluster of servers.
type fleet struct {
	t       *testing.T
	network Network
	nodes   []*server
	sockets chan *hub.Socket // each that has connected to the main namespace
}

// server is one of them, and the tap between it and its adapter.
type server struct {
	*hub.Server
	*tap
	stop func()
}

// identity is what a client says of itself when it connects.
type identity struct {
	Name  string   `json:"name"`
	Rooms []string `json:"rooms"`
}

// newFleet starts three servers that know each other. setup, if there is one, sets up each of them before.
func newFleet(t *testing.T, n Network, setup func(s *hub.Server)) *fleet {
	t.Helper()
	f := &fleet{t: t, network: n, sockets: make(chan *hub.Socket, 100)}
	for range 3 {
		f.start(func(s *hub.Server) {
			s.Use(admit)
			s.OnConnect(func(s *hub.Socket) { f.sockets <- s })
			s.OnLoop("sync", func(_ *hub.Socket, e *hub.Event) { _ = e.Ack() })
			if setup != nil {
				setup(s)
			}
		})
	}
	for _, x := range f.nodes {
		x.knows(len(f.nodes) - 1)
	}
	return f
}

// admit is a middleware that puts a socket into the rooms that it asks for.
func admit(s *hub.Socket) error {
	var who identity
	if err := s.Auth(&who); err != nil {
		return err
	}
	s.SetData(who)
	return s.Join(who.Rooms...)
}

// start starts a server, which ends with the test if not before.
func (f *fleet) start(setup func(*hub.Server)) {
	f.t.Helper()
	adapter := &tap{Adapter: f.network.Adapter(), t: f.t, lost: make(chan cluster.NodeID, 100)}
	logger := slog.New(slog.NewTextHandler(f.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := hub.New(hub.Options{Adapter: adapter, Loops: 2, Logger: logger})
	setup(s)
	if err := s.Listen("127.0.0.1:0"); err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("Serve: %v", err)
		}
	})
	f.t.Cleanup(stop)
	<-s.Ready()
	f.nodes = append(f.nodes, &server{Server: s, tap: adapter, stop: stop})
}

// knows waits until the server knows so many others.
func (x *server) knows(others int) {
	x.t.Helper()
	eventually(x.t, "the nodes know each other", func() bool { return len(x.Nodes()) == others })
}

// member is a client of one of the servers.
type member struct {
	*client
	identity
	node   int
	socket *hub.Socket // the server's end of it
}

// join connects a client to a server.
func (f *fleet) join(node int, who identity) *member {
	f.t.Helper()
	m := &member{client: dial(f.t, f.nodes[node].Addr().String()), identity: who, node: node}
	m.connect("", who)
	m.socket = receive(f.t, f.sockets)
	return m
}

// in reports whether the member is in one of some rooms, of which its id is one.
func (m *member) in(rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return room == m.id || slices.Contains(m.Rooms, room) })
}

// joinAll connects four clients to each server: one in the room red, one in blue, one in both, and one in none.
func (f *fleet) joinAll() (all []*member) {
	f.t.Helper()
	for node := range f.nodes {
		suffix := string(rune('0' + node))
		all = append(all,
			f.join(node, identity{"red" + suffix, []string{"red"}}),
			f.join(node, identity{"blue" + suffix, []string{"blue"}}),
			f.join(node, identity{"both" + suffix, []string{"red", "blue"}}),
			f.join(node, identity{"none" + suffix, nil}),
		)
	}
	return all
}

// joinEach connects one client to each server.
func (f *fleet) joinEach() (each []*member) {
	f.t.Helper()
	for node := range f.nodes {
		each = append(each, f.join(node, identity{Name: "client" + string(rune('0'+node))}))
	}
	return each
}

// names are those of the members that a condition holds for.
func names(all []*member, holds func(*member) bool) []string {
	var list []string
	for _, m := range all {
		if holds(m) {
			list = append(list, m.Name)
		}
	}
	return list
}

// hearers returns who gets an event, and whatever else comes before the event end, which must be on its way to everybody. A
// member that gets something twice is there twice.
func hearers(t *testing.T, all []*member, packets ...string) []string {
	t.Helper()
	var who []string
	for _, m := range all {
		for heard := 0; ; heard++ {
			got := m.next()
			if got == `42["end"]` {
				break
			}
			if len(packets) == 0 || got != packets[heard%len(packets)] {
				t.Fatalf("%s gets %.200q, want %.200q", m.Name, got, packets)
			}
			if heard%len(packets) == 0 {
				who = append(who, m.Name)
			}
		}
	}
	return who
}

// tap is an adapter that is watched: a server must publish nothing but messages as package cluster describes them.
type tap struct {
	cluster.Adapter
	t *testing.T

	mu        sync.Mutex
	joined    cluster.NodeID           // "" before Join
	published func(m *cluster.Message) // called for each message; nil: nobody cares
	delivered func(m *cluster.Message) // the same, when the server has been delivered it
	listed    func()                   // called when the server has asked for Nodes and has no answer yet
	lost      chan cluster.NodeID      // who the server has been told is lost
}

// Join is part of cluster.Adapter.
func (a *tap) Join(n cluster.Node) error {
	a.mu.Lock()
	a.joined = n.ID()
	a.mu.Unlock()
	return a.Adapter.Join(watched{n, a})
}

// Nodes is part of cluster.Adapter.
func (a *tap) Nodes() []cluster.NodeID {
	nodes := a.Adapter.Nodes()
	a.mu.Lock()
	listed := a.listed
	a.listed = nil
	a.mu.Unlock()
	if listed != nil {
		listed()
	}
	return nodes
}

// Publish is part of cluster.Adapter.
func (a *tap) Publish(m *cluster.Message) error {
	a.check(m)
	err := a.Adapter.Publish(m)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.published != nil {
		a.published(m)
	}
	return err
}

// check wants a message to have nothing that others would not look at.
func (a *tap) check(m *cluster.Message) {
	if id := a.id(); id != "" && m.From != id || m.Namespace == "" {
		a.t.Errorf("%s publishes as %q for namespace %q", id, m.From, m.Namespace)
	}
	v := reflect.ValueOf(*m)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !mayHave(m.Kind, name) && !v.Field(i).IsZero() {
			a.t.Errorf("a message of kind %s has a %s: %v", m.Kind, name, v.Field(i))
		}
	}
}

// id is the node's.
func (a *tap) id() cluster.NodeID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.joined
}

// onNodes has something done, once, when the server asks for Nodes: behind the adapter's answer and before the server has it.
func (a *tap) onNodes(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = do
}

// whenPublished returns a channel that is closed when a message of a kind was published.
func (a *tap) whenPublished(k cluster.Kind) <-chan struct{} {
	done := make(chan struct{})
	once := sync.OnceFunc(func() { close(done) })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.published = func(m *cluster.Message) {
		if m.Kind == k {
			once()
		}
	}
	return done
}

// whenDelivered returns a channel that is closed when what the server was delivered from now on counts enough.
func (a *tap) whenDelivered(enough int, count func(m *cluster.Message) int) <-chan struct{} {
	done := make(chan struct{})
	once := sync.OnceFunc(func() { close(done) })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.delivered = func(m *cluster.Message) {
		if enough -= count(m); enough <= 0 {
			once()
		}
	}
	return done
}

// watched is a node whose tap knows what it was delivered.
type watched struct {
	cluster.Node
	tap *tap
}

// Deliver is part of cluster.Node.
func (w watched) Deliver(m *cluster.Message) {
	w.Node.Deliver(m)
	w.tap.mu.Lock()
	defer w.tap.mu.Unlock()
	if w.tap.delivered != nil {
		w.tap.delivered(m)
	}
}

// Lost is part of cluster.Node.
func (w watched) Lost(id cluster.NodeID) {
	w.Node.Lost(id)
	w.tap.lost <- id
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
	return v
}

// emitter is anything that emits.
type emitter interface {
	Emit(event string, args ...any) error
}

// emit emits, and wants no error.
func emit(t *testing.T, to emitter, event string, args ...any) {
	t.Helper()
	if err := to.Emit(event, args...); err != nil {
		t.Errorf("emitting %s: %v", event, err)
	}
}
