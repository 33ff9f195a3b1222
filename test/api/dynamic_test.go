package api_test

import (
	"errors"
	"regexp"
	"slices"
	"sync"
	"testing"

	"starling/hub"
)

// numbered is a pattern of the names of dynamic namespaces.
var numbered = regexp.MustCompile(`^/dynamic-\d+$`)

// TestDynamicNamespaces: a name that a parent takes becomes its child, with what the parent does; no other name does.
func TestDynamicNamespaces(t *testing.T) {
	type row struct {
		name   string
		parent func(s *hub.Server) *hub.ParentNamespace
	}
	rows(t, []row{
		{"by a pattern", func(s *hub.Server) *hub.ParentNamespace { return s.OfMatch(numbered) }},
		{"by a function", func(s *hub.Server) *hub.ParentNamespace {
			return s.OfFunc(func(name string, auth hub.Raw) bool { return numbered.MatchString(name) })
		}},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted := newNotes()
		var parent *hub.ParentNamespace
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			parent = r.parent(s)
			parent.Use(func(s *hub.Socket) error { noted.add("asked in %s", s.Namespace().Name()); return nil })
			parent.OnConnect(func(s *hub.Socket) {
				noted.add("connected in %s", s.Namespace().Name())
				ok(t, s.Join("room"), s.Namespace().Emit("hello", 1, "2", map[string]string{"3": "4"}))
			})
			parent.On("sync", acked)
			parent.OnDisconnect(func(s *hub.Socket, r hub.Reason) { noted.add("%s: %s", s.Namespace().Name(), r) })
		})
		p := dial(t, s, k)
		p.send("40/dynamic-,")
		p.expect(`44/dynamic-,{"message":"Invalid namespace"}`)
		p.connect("/dynamic-101", "")
		noted.expect(t, "asked in /dynamic-101", "connected in /dynamic-101")
		p.expect(`42/dynamic-101,["hello",1,"2",{"3":"4"}]`)
		p.settled("/dynamic-101")
		p.connect("/dynamic-102", "")
		p.expect(`42/dynamic-102,["hello",1,"2",{"3":"4"}]`)
		noted.expect(t, "asked in /dynamic-102", "connected in /dynamic-102")

		ok(t, parent.Emit("all", 5)) // reaches each child
		got := []string{p.next(), p.next()}
		slices.Sort(got)
		if w := []string{`42/dynamic-101,["all",5]`, `42/dynamic-102,["all",5]`}; !slices.Equal(got, w) {
			t.Fatalf("got %q, want %q", got, w)
		}
		p.send("41/dynamic-102,")
		noted.expect(t, "/dynamic-102: client namespace disconnect")
		ok(t, parent.To("room").Emit("room", []byte{6}), parent.To("elsewhere").Emit("nobody"), parent.Except("room").Emit("nobody"))
		p.expect(`451-/dynamic-101,["room",{"_placeholder":true,"num":0}]`, "<bin 06>")
		ok(t, s.Of("/dynamic-101").Emit("the child alone"))
		p.expect(`42/dynamic-101,["the child alone"]`)
		p.settled("/dynamic-101")
	})
}

// TestDynamicAsksInOrder: the first parent that takes a name has it, and those that decide by the auth payload see it.
func TestDynamicAsksInOrder(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			first := s.OfFunc(func(name string, auth hub.Raw) bool {
				noted.add("first: %s %s", name, auth)
				return string(auth) == `{"key":"first"}`
			})
			first.OnConnect(func(*hub.Socket) { noted.add("in by the first") })
			s.OfMatch(numbered).OnConnect(func(*hub.Socket) { noted.add("in by the second") })
		})
		p := dial(t, s, k)
		p.connect("/dynamic-1", `{"key":"first"}`)
		noted.expect(t, `first: /dynamic-1 {"key":"first"}`, "in by the first")
		p.connect("/dynamic-2", `{"key":"other"}`)
		noted.expect(t, `first: /dynamic-2 {"key":"other"}`, "in by the second")
		p.send(`40/abc,{"key":"other"}`)
		p.expect(`44/abc,{"message":"Invalid namespace"}`)
		noted.expect(t, `first: /abc {"key":"other"}`)
	})
}

// TestNewNamespace: who wants to know hears of each namespace once, static or dynamic, in time to add to it.
func TestNewNamespace(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnNewNamespace(func(n *hub.Namespace) {
				noted.add("%s", n.Name())
				n.On("sync", acked)
			})
			s.Of("/static")
			s.Of("static")
			s.OfMatch(numbered)
			s.Of("/dynamic-1")
			s.Of("dynamic-1")
		})
		noted.expect(t, "/static", "/dynamic-1")
		a, b := dial(t, s, k), dial(t, s, k)
		for _, p := range []*peer{a, b} {
			p.connect("/dynamic-101", "")
			p.settled("/dynamic-101")
			p.connect("/static", "")
			p.settled("/static")
		}
		noted.expect(t, "/dynamic-101")
		noted.none(t)
		var names []string
		for _, n := range s.Namespaces() {
			names = append(names, n.Name())
		}
		slices.Sort(names)
		if w := []string{"/", "/dynamic-1", "/dynamic-101", "/static"}; !slices.Equal(names, w) {
			t.Errorf("namespaces %q, want %q", names, w)
		}
	})
}

// TestDynamicAtOnce: clients that ask for the same new name at the same time come into the same namespace.
func TestDynamicAtOnce(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted, asked, release := newNotes(), make(chan struct{}, 2), make(chan struct{})
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.OnNewNamespace(func(n *hub.Namespace) { noted.add("new: %s", n.Name()) })
			parent := s.OfMatch(numbered)
			parent.Use(func(*hub.Socket) error { asked <- struct{}{}; <-release; return nil })
			parent.OnConnect(func(*hub.Socket) { noted.add("connected") })
		})
		peers := []*peer{dial(t, s, k), dial(t, s, k)}
		for _, p := range peers {
			p.send("40/dynamic-101,")
		}
		receive(t, asked)
		receive(t, asked)
		close(release)
		noted.expect(t, "new: /dynamic-101", "connected", "connected")
		ok(t, s.Of("/dynamic-101").Emit("message"))
		for _, p := range peers {
			p.connected("/dynamic-101")
			p.expect(`42/dynamic-101,["message"]`)
		}
		noted.none(t)
	})
}

// TestCleanupOfChildren: with the option, a child goes with its last socket and comes back with the next one; without it
// all stay. A static namespace always stays.
func TestCleanupOfChildren(t *testing.T) {
	type row struct {
		name    string
		cleanup bool
		gone    func(p *peer) // what ends the socket, or does not let it in
		stays   bool
	}
	leaves := func(p *peer) { p.connect("/dynamic-101", ""); p.send("41/dynamic-101,") }
	hangsUp := func(p *peer) { p.connect("/dynamic-101", ""); p.hungUp() }
	refused := func(p *peer) {
		p.send(`40/dynamic-101,{"refuse":true}`)
		p.expect(`44/dynamic-101,{"message":"you shall not"}`)
	}
	static := func(p *peer) { p.connect("/dynamic-static", ""); p.send("41/dynamic-static,") }
	rows(t, []row{
		{"its socket leaves", true, leaves, false},
		{"its client hangs up", true, hangsUp, false},
		{"its only socket is refused", true, refused, false},
		{"its socket leaves, without cleanup", false, leaves, true},
		{"its socket is refused, without cleanup", false, refused, true},
		{"a static one is left", true, static, false}, // there is no child then
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		noted := newNotes()
		var parent *hub.ParentNamespace
		s := start(t, k, hub.Options{CleanupEmptyChildNamespaces: r.cleanup}, func(s *hub.Server) {
			s.Of("/dynamic-static").OnDisconnect(func(*hub.Socket, hub.Reason) { noted.add("left") })
			parent = s.OfMatch(numbered)
			parent.Use(refuseOnDemand)
			parent.OnConnect(func(*hub.Socket) { noted.add("connected") })
			parent.OnDisconnect(func(*hub.Socket, hub.Reason) { noted.add("left") })
			parent.On("sync", acked)
		})
		p := dial(t, s, k)
		r.gone(p)
		if r.stays {
			q := dial(t, s, k)
			q.connect("/dynamic-102", "") // a second child must not push the first one out
			eventually(t, "nobody is in the child", func() bool { return s.Of("/dynamic-101").SocketsCount() == 0 })
			want(t, "the number of children", len(parent.Children()), 2)
			return
		}
		eventually(t, "the child is gone", func() bool { return len(parent.Children()) == 0 })
		want(t, "the number of namespaces", len(s.Namespaces()), 2)
		again := dial(t, s, k)
		again.connect("/dynamic-101", "")
		again.settled("/dynamic-101")
		want(t, "the number of children", len(parent.Children()), 1)
	})
}

// refuseOnDemand is a middleware that does as the client asks it.
func refuseOnDemand(s *hub.Socket) error {
	var auth struct{ Refuse bool }
	if err := s.Auth(&auth); err != nil {
		return err
	}
	if auth.Refuse {
		return errors.New("you shall not")
	}
	return nil
}

// TestCleanupSparesOthers: a socket that is refused, or leaves, does not take the child away from those who are in it.
func TestCleanupSparesOthers(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var parent *hub.ParentNamespace
		left := newNotes()
		s := start(t, k, hub.Options{CleanupEmptyChildNamespaces: true}, func(s *hub.Server) {
			parent = s.OfMatch(numbered)
			parent.Use(refuseOnDemand)
			parent.On("sync", acked)
			parent.OnDisconnect(func(*hub.Socket, hub.Reason) { left.add("left") })
		})
		stays, goes, refused := dial(t, s, k), dial(t, s, k), dial(t, s, k)
		stays.connect("/dynamic-101", "")
		goes.connect("/dynamic-101", "")
		refused.send(`40/dynamic-101,{"refuse":true}`)
		refused.expect(`44/dynamic-101,{"message":"you shall not"}`)
		goes.hungUp()
		left.expect(t, "left")
		want(t, "the number of sockets", s.Of("/dynamic-101").SocketsCount(), 1)
		want(t, "the number of children", len(parent.Children()), 1)
		ok(t, parent.Emit("still here"))
		stays.expect(`42/dynamic-101,["still here"]`)
		stays.settled("/dynamic-101")
	})
}

// TestStaticChild: a namespace that is asked for by a name which a pattern takes is a child of that parent, with what the
// parent does; one that was there before is not.
func TestStaticChild(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		var parent *hub.ParentNamespace
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Of("/dynamic-1")
			parent = s.OfMatch(numbered)
			parent.Use(func(s *hub.Socket) error { noted.add("asked in %s", s.Namespace().Name()); return nil })
			s.Of("/dynamic-2").Use(func(*hub.Socket) error { noted.add("asked the child"); return nil })
		})
		children := parent.Children()
		if len(children) != 1 || children[0] != s.Of("/dynamic-2") {
			t.Fatalf("children %v, want /dynamic-2", children)
		}
		p := dial(t, s, k)
		p.connect("/dynamic-1", "")
		noted.none(t)
		p.connect("/dynamic-2", "")
		noted.expect(t, "asked in /dynamic-2", "asked the child")
		ok(t, parent.Emit("hello"))
		p.expect(`42/dynamic-2,["hello"]`)
	})
}

// TestCleanupWhileOthersCome: a child that goes while a client asks for it is there for that client, or comes back.
func TestCleanupWhileOthersCome(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var parent *hub.ParentNamespace
		s := start(t, k, hub.Options{CleanupEmptyChildNamespaces: true}, func(s *hub.Server) {
			parent = s.OfMatch(numbered)
			parent.Use(refuseOnDemand)
			parent.OnConnect(func(s *hub.Socket) { ok(t, s.Join("room")) })
			parent.On("sync", acked)
			parent.On("who", func(s *hub.Socket, e *hub.Event) {
				ok(t, s.Namespace().To(s.ID()).Emit("you"), e.Ack(s.Namespace().SocketsCount() > 0))
			})
		})
		var wg sync.WaitGroup
		for range 20 {
			p := dial(t, s, k)
			wg.Go(func() {
				for range 8 { // CONNECTs each, twice: a connection may not come and go for ever (hub.ConnectsPerNamespaceMax)
					if err := errors.Join(
						p.write(`40/dynamic-1,{"refuse":true}`), p.reads(`44/dynamic-1,{"message":"you shall not"}`),
						p.write(`40/dynamic-1,`), p.reads(`40/dynamic-1,{"sid":"<id>"}`),
						p.write(`42/dynamic-1,1["who"]`), p.reads(`42/dynamic-1,["you"]`), p.reads(`43/dynamic-1,1[true]`),
						p.write(`41/dynamic-1,`),
					); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		eventually(t, "the child is gone", func() bool { return len(parent.Children()) == 0 })
		want(t, "the number of namespaces", len(s.Namespaces()), 1)
	})
}
