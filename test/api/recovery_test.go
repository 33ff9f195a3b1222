package api_test

import (
	"errors"
	"fmt"
	"testing"

	"starling/hub"
)

// back is a client that comes back, with what it remembers in its auth payload, and has not read the answer.
func (p *peer) back(t *testing.T, s *hub.Server, k kind, nsp string) *peer {
	t.Helper()
	auth := `{"pid":"` + p.pid + `"`
	if p.offset != "" {
		auth += `,"offset":"` + p.offset + `"`
	}
	q := dial(t, s, k)
	q.send("40" + inside(nsp) + auth + "}")
	return q
}

// recovering is what the tests of recovery have in common: a server, and a socket in room1 and room2 whose client has got
// one event.
type recovering struct {
	s         *hub.Server
	connected <-chan *hub.Socket
	gone      notes
	nsp       string
	first     *peer
	socket    *hub.Socket
}

func startRecovering(t *testing.T, k kind, nsp string, opts hub.Recovery, setup func(*hub.Server)) *recovering {
	t.Helper()
	r := &recovering{gone: newNotes(), nsp: nsp}
	r.s = start(t, k, hub.Options{Recovery: &opts}, func(s *hub.Server) {
		n := s.Of(nsp)
		r.connected = sockets(n)
		n.On("sync", acked)
		n.OnDisconnect(func(s *hub.Socket, reason hub.Reason) { r.gone.add("%s: %s", s.ID(), reason) })
		if setup != nil {
			setup(s)
		}
	})
	r.first = dial(t, r.s, k)
	r.first.connect(nsp, "")
	r.socket = receive(t, r.connected)
	if r.first.pid == "" || r.socket.Recovered() {
		t.Fatalf("at first the pid is %q, recovered %v", r.first.pid, r.socket.Recovered())
	}
	ok(t, r.socket.Join("room1", "room2"), r.of().Emit("hello"))
	r.socket.SetData(map[string]string{"foo": "bar"})
	r.first.expect("42" + inside(nsp) + `["hello","<offset>"]`)
	return r
}

func (r *recovering) of() *hub.Namespace { return r.s.Of(r.nsp) }

// breaks ends the first client's connection, and waits for the server to know.
func (r *recovering) breaks(t *testing.T, p *peer) {
	t.Helper()
	p.hungUp()
	r.gone.expect(t, p.id+": transport close")
}

// recovered wants a client to have its session back, after the packets that it has missed.
func (r *recovering) recovered(t *testing.T, p *peer, missed ...string) *hub.Socket {
	t.Helper()
	p.expect(missed...)
	p.connected(r.nsp)
	socket := receive(t, r.connected)
	if !socket.Recovered() || socket.ID() != r.first.id || p.id != r.first.id || p.pid != r.first.pid {
		t.Fatalf("recovered %v, id %s, pid %s; the client was told %s, it had %s and %s", socket.Recovered(), socket.ID(), p.pid, p.id, r.first.id, r.first.pid)
	}
	if p.offset == "" {
		p.offset = r.first.offset
	}
	return socket
}

// anew wants a client to have a session of its own.
func (r *recovering) anew(t *testing.T, p *peer) *hub.Socket {
	t.Helper()
	p.connected(r.nsp)
	socket := receive(t, r.connected)
	if socket.Recovered() || p.id == r.first.id || p.pid == "" || p.pid == r.first.pid {
		t.Fatalf("recovered %v, id %s and pid %s again", socket.Recovered(), p.id, p.pid)
	}
	want(t, "its rooms", roomsOf(t, socket), "[]")
	want(t, "its data", socket.Data(), nil)
	return socket
}

// TestRecovery: who comes back has its id, its rooms, its data, and what it has missed, in order and before the answer to
// its CONNECT.
func TestRecovery(t *testing.T) {
	rows(t, []string{"/", "/chat"}, func(nsp string) string { return nsp }, func(t *testing.T, k kind, nsp string) {
		r := startRecovering(t, k, nsp, hub.Recovery{}, nil)
		n, in := r.of(), "42"+inside(nsp)
		ok(t, n.Emit("and it has got", "this"))
		r.first.expect(in + `["and it has got","this","<offset>"]`)
		r.breaks(t, r.first)
		ok(t,
			n.Emit("all", 1), n.To("room1").Emit("room", "2"), n.To(r.first.id).Emit("direct"), n.Local().Emit("local"),
			n.To("room1", "room2").Emit("once"), n.Except("room3").Emit("bytes", []byte{1, 2}),
			n.Except("room2").Emit("lost"), n.To("room3").Emit("lost"), n.Except(r.first.id).Emit("lost"), n.Volatile().Emit("lost"),
		)
		if nsp == "/" {
			ok(t, r.s.Of("/other").Emit("lost"))
		}
		p := r.first.back(t, r.s, k, nsp)
		socket := r.recovered(t, p,
			in+`["all",1,"<offset>"]`, in+`["room","2","<offset>"]`, in+`["direct","<offset>"]`, in+`["local","<offset>"]`,
			in+`["once","<offset>"]`, "451-"+inside(nsp)+`["bytes",`+attached+`,"<offset>"]`, "<bin 0102>")
		want(t, "its rooms", roomsOf(t, socket), "[room1 room2]")
		want(t, "its data", fmt.Sprint(socket.Data()), "map[foo:bar]")
		ok(t, n.To("room2").Emit("again"), socket.Emit("you"))
		p.expect(in+`["again","<offset>"]`, in+`["you","<offset>"]`)
		p.settled(nsp)
	})
}

// TestRecoveryOfTheLast: what the connection broke on is sent again.
func TestRecoveryOfTheLast(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		offset := r.first.offset
		ok(t, r.socket.Emit("did this arrive?", 1), r.s.Emit("or this?"))
		r.first.expect(`42["did this arrive?",1,"<offset>"]`, `42["or this?","<offset>"]`)
		r.breaks(t, r.first)
		r.first.offset = offset // as if it had not
		r.recovered(t, r.first.back(t, r.s, k, "/"), `42["did this arrive?",1,"<offset>"]`, `42["or this?","<offset>"]`)
	})
}

// TestRecoveryWithoutAnOffset: a client that has not been sent any event has nothing to remember but its session.
func TestRecoveryWithoutAnOffset(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		r.first = dial(t, r.s, k)
		r.first.connect("/", "")
		r.socket = receive(t, r.connected)
		ok(t, r.socket.Join("room1"))
		_ = roomsOf(t, r.socket)
		r.breaks(t, r.first)
		ok(t, r.s.To("room1").Emit("hello", "world"), r.s.Emit("broadcast"))
		socket := r.recovered(t, r.first.back(t, r.s, k, "/"), `42["hello","world","<offset>"]`, `42["broadcast","<offset>"]`)
		want(t, "its rooms", roomsOf(t, socket), "[room1]")
	})
}

// TestNoRecovery: what a client must not come back with.
func TestNoRecovery(t *testing.T) {
	type row struct {
		name string
		auth func(r *recovering) string
	}
	rows(t, []row{
		{"nothing", func(*recovering) string { return "" }},
		{"an unknown session", func(*recovering) string { return `{"pid":"foo","offset":"bar"}` }},
		{"an unknown session and an offset", func(r *recovering) string { return `{"pid":"foo","offset":"` + r.first.offset + `"}` }},
		{"a session that is no string", func(r *recovering) string { return `{"pid":1,"offset":"` + r.first.offset + `"}` }},
		{"its public id", func(r *recovering) string {
			return `{"pid":"` + r.first.id + `","offset":"` + r.first.offset + `"}`
		}},
		{"an offset that is no string", func(r *recovering) string { return `{"pid":"` + r.first.pid + `","offset":123}` }},
		{"an unknown offset", func(r *recovering) string { return `{"pid":"` + r.first.pid + `","offset":"bar"}` }},
		{"an offset alone", func(r *recovering) string { return `{"offset":"` + r.first.offset + `"}` }},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, row row) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		r.breaks(t, r.first)
		ok(t, r.s.Emit("missed"))
		p := dial(t, r.s, k)
		p.send("40" + row.auth(r))
		r.anew(t, p)
		p.settled("/")
	})
}

// TestRecoveryByReason: a session survives what happens to a connection, and not what one side has meant. (The reference
// server does not keep it for a parse error.)
func TestRecoveryByReason(t *testing.T) {
	type row struct {
		name   string
		end    func(t *testing.T, r *recovering)
		reason hub.Reason
		back   bool
	}
	rows(t, []row{
		{"the client hangs up", func(_ *testing.T, r *recovering) { r.first.hungUp() }, hub.ReasonTransportClose, true},
		{"the client vanishes", func(t *testing.T, r *recovering) { ok(t, r.first.vanish()) }, hub.ReasonTransportError, true},
		{"the client sends nonsense", func(_ *testing.T, r *recovering) { r.first.send("4abc"); r.first.ended() }, hub.ReasonForcedClose, true},
		{"its Engine.IO sends nonsense", func(_ *testing.T, r *recovering) { _ = r.first.write("7") }, hub.ReasonParseError, true},
		{"the client leaves", func(_ *testing.T, r *recovering) { r.first.send("41") }, hub.ReasonClientNamespaceDisconnect, false},
		{"the server disconnects it", func(_ *testing.T, r *recovering) { r.socket.Disconnect(false) }, hub.ReasonServerNamespaceDisconnect, false},
		{"the server closes its connection", func(_ *testing.T, r *recovering) { r.socket.Disconnect(true) }, hub.ReasonServerNamespaceDisconnect, false},
		{"the server disconnects everyone", func(t *testing.T, r *recovering) { ok(t, r.s.DisconnectSockets(true)) }, hub.ReasonServerNamespaceDisconnect, false},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, row row) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		row.end(t, r)
		r.gone.expect(t, r.first.id+": "+string(row.reason))
		ok(t, r.s.Emit("missed"))
		p := r.first.back(t, r.s, k, "/")
		if row.back {
			r.recovered(t, p, `42["missed","<offset>"]`)
		} else {
			r.anew(t, p)
		}
		p.settled("/")
	})
}

// TestRecoveryAndMiddleware: whoever was let in before is not asked about again, unless that is wanted.
func TestRecoveryAndMiddleware(t *testing.T) {
	type row struct {
		name    string
		again   bool
		refuses bool
		asked   []string
	}
	rows(t, []row{
		{"not asked again", false, true, nil},
		{"asked again", true, false, []string{"asked"}},
		{"asked again, and it refuses", true, true, []string{"asked"}},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, row row) {
		noted := newNotes()
		r := startRecovering(t, k, "/", hub.Recovery{RunMiddleware: row.again}, nil)
		r.s.Use(func(s *hub.Socket) error {
			noted.add("asked")
			if row.refuses {
				return errors.New("not any more")
			}
			return nil
		})
		r.breaks(t, r.first)
		ok(t, r.s.Emit("missed"))
		p := r.first.back(t, r.s, k, "/")
		if row.again && row.refuses {
			p.expect(`44{"message":"not any more"}`)
		} else {
			r.recovered(t, p, `42["missed","<offset>"]`)
			p.settled("/")
		}
		noted.expect(t, row.asked...)
		noted.none(t)
	})
}

// TestRecoveryOverAndOver: a session may break as often as it likes, also when nothing was missed, and its rooms as they
// were last.
func TestRecoveryOverAndOver(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		p, socket := r.first, r.socket
		for i := range 4 {
			room := fmt.Sprint("round", i)
			ok(t, socket.Join(room))
			if i > 0 {
				ok(t, socket.Leave(fmt.Sprint("round", i-1)))
			}
			_ = roomsOf(t, socket)
			r.breaks(t, p)
			var missed []string
			if i%2 == 0 {
				ok(t, r.s.To(room).Emit("missed", i), r.s.To("elsewhere").Emit("lost"))
				missed = []string{fmt.Sprintf(`42["missed",%d,"<offset>"]`, i)}
			}
			offset := p.offset
			if p = p.back(t, r.s, k, "/"); len(missed) == 0 {
				p.offset = offset
			}
			socket = r.recovered(t, p, missed...)
			want(t, "its rooms", roomsOf(t, socket), "[room1 room2 "+room+"]")
		}
		p.settled("/")
	})
}

// TestRecoveryBeforeTheBreak: a client may know that its connection is broken before the server does; then the old one
// ends, and the session goes on with the new one. The reference server makes it a new session.
func TestRecoveryBeforeTheBreak(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		p := r.first
		for range 3 {
			q := p.back(t, r.s, k, "/")
			r.gone.expect(t, p.id+": transport close")
			if packet, err := p.read(); err == nil && packet != end {
				t.Errorf("the old connection got %q", packet)
			}
			r.recovered(t, q)
			q.settled("/")
			p = q
		}
		want(t, "the number of sockets", r.s.SocketsCount(), 1)
		r.gone.none(t)
	})
}

// TestRecoveryExpires: who is away for too long has a new session, and the application is told what it need not keep.
func TestRecoveryExpires(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		expired := newNotes()
		r := startRecovering(t, k, "/", hub.Recovery{
			MaxDisconnectionDuration: hub.TimeMin,
			OnExpired:                func(n *hub.Namespace, id string, data any) { expired.add("%s %s %v", n.Name(), id, data) },
		}, nil)
		r.breaks(t, r.first)
		expired.expect(t, "/ "+r.first.id+" map[foo:bar]")
		p := r.first.back(t, r.s, k, "/")
		r.anew(t, p)
		p.settled("/")
		expired.none(t)
	})
}

// TestRecoveryExpiresByRefusal: a session that its client comes back for and is not let in to is over too.
func TestRecoveryExpiresByRefusal(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		expired := newNotes()
		r := startRecovering(t, k, "/", hub.Recovery{
			RunMiddleware: true,
			OnExpired:     func(_ *hub.Namespace, id string, data any) { expired.add("%s %v", id, data) },
		}, nil)
		r.s.Use(refuseOnDemand)
		r.breaks(t, r.first)
		p := dial(t, r.s, k)
		p.send(`40{"refuse":true,"pid":"` + r.first.pid + `","offset":"` + r.first.offset + `"}`)
		p.expect(`44{"message":"you shall not"}`)
		expired.expect(t, r.first.id+" map[foo:bar]")
		p.send(`40{"pid":"` + r.first.pid + `","offset":"` + r.first.offset + `"}`)
		r.anew(t, p)
		expired.none(t)
	})
}

// TestRecoveryOfChildren: a child of a parent waits for those who may come back to it, and has what its parent has sent.
func TestRecoveryOfChildren(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var parent *hub.ParentNamespace
		gone := newNotes()
		s := start(t, k, hub.Options{Recovery: &hub.Recovery{}, CleanupEmptyChildNamespaces: true}, func(s *hub.Server) {
			parent = s.OfMatch(numbered)
			parent.On("sync", acked)
			parent.OnConnect(func(s *hub.Socket) { gone.add("recovered %v", s.Recovered()) })
			parent.OnDisconnect(func(_ *hub.Socket, reason hub.Reason) { gone.add("%s", reason) })
		})
		p := dial(t, s, k)
		p.connect("/dynamic-1", "")
		p.hungUp()
		gone.expect(t, "recovered false", "transport close")
		ok(t, parent.Emit("missed", []byte{1}))
		q := p.back(t, s, k, "/dynamic-1")
		q.expect(`451-/dynamic-1,["missed",`+attached+`,"<offset>"]`, "<bin 01>")
		q.connected("/dynamic-1")
		want(t, "the id", q.id, p.id)
		gone.expect(t, "recovered true")
		q.settled("/dynamic-1")
	})
}

// TestOnAnyOutgoingShowsNoOffset: what the application has not emitted is none of its business.
func TestOnAnyOutgoingShowsNoOffset(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		shown := newNotes()
		r := startRecovering(t, k, "/", hub.Recovery{}, nil)
		r.s.OnAnyOutgoing(func(_ *hub.Socket, o *hub.Outgoing) { shown.add("%s of %d: %s", o.Name(), o.Len(), o.Raw(o.Len()-1)) })
		ok(t, r.socket.Emit("a", 1), r.s.Emit("b", 2, "x"), r.s.To("room1").Emit("c", nil, []byte{}, 3))
		shown.expect(t, "a of 1: 1", `b of 2: "x"`, "c of 3: 3")
	})
}

// TestOffsets: events have them, unless they are volatile or want an acknowledgement; acknowledgements have none.
func TestOffsets(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := startRecovering(t, k, "/", hub.Recovery{}, func(s *hub.Server) {
			s.On("question", func(_ *hub.Socket, e *hub.Event) { ok(t, e.Ack("answer")) })
		})
		ok(t,
			r.socket.Emit("a", 1), r.s.To("room1").Emit("b"), r.s.Emit("c", []byte{1}, "x"),
			r.socket.EmitAck(0, "d", func(*hub.Reply, error) {}),
		)
		r.first.expect(
			`42["a",1,"<offset>"]`, `42["b","<offset>"]`, `451-["c",`+attached+`,"x","<offset>"]`, "<bin 01>", `420["d"]`)
		r.first.send(`427["question"]`)
		r.first.expect(`437["answer"]`)
		if k.transport == "websocket" { // a client that polls has no request waiting here
			ok(t, r.socket.EmitVolatile("e"), r.s.Volatile().Emit("f", 1))
			r.first.expect(`42["e"]`, `42["f",1]`)
		}
	})
}

// TestRecoveryIsOff by default: no pid, no offsets, and what clients say of either means nothing.
func TestRecoveryIsOff(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		gone := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			connected = sockets(s)
			s.OnDisconnect(func(_ *hub.Socket, r hub.Reason) { gone.add("%s", r) })
		})
		p := dial(t, s, k)
		p.send(`40{"pid":"foo","offset":"bar"}`)
		p.expect(`40{"sid":"<id>"}`)
		want(t, "recovered", receive(t, connected).Recovered(), false)
		ok(t, s.Emit("hello"))
		p.expect(`42["hello"]`)
		p.hungUp()
		gone.expect(t, "transport close")
		q := dial(t, s, k)
		q.send(`40{"pid":"` + p.id + `"}`)
		q.expect(`40{"sid":"<id>"}`)
		want(t, "recovered", receive(t, connected).Recovered(), false)
	})
}
