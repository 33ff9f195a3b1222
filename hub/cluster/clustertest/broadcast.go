package clustertest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/hub"
)

func testBroadcasts(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	here, there := f.nodes[0], f.nodes[2]
	red0, both1, blue2 := all[0], all[6], all[9]
	strange, long := "r\xff\x00#*?[x] \"", strings.Repeat("l", hub.RoomBytesMax)
	for _, m := range []*member{all[2], all[11]} {
		if err := m.socket.Join(strange, long); err != nil {
			t.Fatal(err)
		}
		m.settled()
		m.Rooms = append(m.Rooms, strange, long)
	}
	for name, row := range map[string]struct {
		from *server
		to   emitter
		want func(m *member) bool
	}{
		"everyone":           {here, here, func(*member) bool { return true }},
		"everyone, by To":    {here, here.Except(), func(*member) bool { return true }},
		"a room":             {here, here.To("red"), func(m *member) bool { return m.in("red") }},
		"a room, from there": {there, there.In("red"), func(m *member) bool { return m.in("red") }},
		"two rooms, each member once": {
			here, here.To("red", "blue"),
			func(m *member) bool { return m.in("red", "blue") },
		},
		"a room and one who is in it": {here, here.To("red").To(both1.id), func(m *member) bool { return m.in("red") }},
		"everyone but a room":         {here, here.Except("red"), func(m *member) bool { return !m.in("red") }},
		"a room but another":          {there, there.To("red").Except("blue"), func(m *member) bool { return m.in("red") && !m.in("blue") }},
		"a room but one elsewhere":    {here, here.To("red").Except(both1.id), func(m *member) bool { return m.in("red") && m != both1 }},
		"one elsewhere":               {here, here.To(blue2.id), func(m *member) bool { return m == blue2 }},
		"two, one of them elsewhere":  {here, here.To(red0.id, blue2.id), func(m *member) bool { return m == red0 || m == blue2 }},
		"one and a room elsewhere":    {there, there.To(red0.id, "blue"), func(m *member) bool { return m == red0 || m.in("blue") }},
		"a room that nobody is in":    {here, here.To("green"), func(*member) bool { return false }},
		"To without a room":           {here, here.To(), func(*member) bool { return false }},
		"a room with a strange name":  {here, here.To(strange), func(m *member) bool { return m.in(strange) }},
		"a room with a long name":     {there, there.To(long).Except("red"), func(m *member) bool { return m.in(long) && !m.in("red") }},
		"volatile":                    {here, here.Volatile(), func(*member) bool { return true }},
		"volatile, to a room":         {here, here.To("blue").Volatile(), func(m *member) bool { return m.in("blue") }},
		"not compressed":              {here, here.To("blue").Compress(false), func(m *member) bool { return m.in("blue") }},
		"everyone here":               {here, here.Local(), func(m *member) bool { return m.node == 0 }},
		"everyone there":              {there, there.Local(), func(m *member) bool { return m.node == 2 }},
		"a room here":                 {here, here.To("red").Local(), func(m *member) bool { return m.node == 0 && m.in("red") }},
		"one elsewhere, but here":     {here, here.Local().To(blue2.id), func(*member) bool { return false }},
		"a socket":                    {here, red0.socket, func(m *member) bool { return m == red0 }},
		"the others":                  {here, red0.socket.Broadcast(), func(m *member) bool { return m != red0 }},
		"the others of a room":        {there, blue2.socket.To("blue"), func(m *member) bool { return m.in("blue") && m != blue2 }},
		"the others of a room here":   {there, blue2.socket.To("blue").Local(), func(m *member) bool { return m.node == 2 && m.in("blue") && m != blue2 }},
	} {
		emit(t, row.to, "m", name)
		emit(t, row.from, "end")
		got := hearers(t, all, `42["m","`+name+`"]`)
		if want := names(all, row.want); !slices.Equal(got, want) {
			t.Errorf("%s: heard by %q, want %q", name, got, want)
		}
	}
}

func testBytes(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	file := map[string]any{"name": "a\u2028\u00e9", "parts": []any{[]byte{1, 2}, []byte{}}}
	emit(t, f.nodes[1].To("red"), "file", file, []byte{0xff}, 1.5)
	emit(t, f.nodes[1], "end")
	got := hearers(t, all,
		`453-["file",{"name":"a`+"\u2028\u00e9"+`","parts":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":2},1.5]`,
		"<bin 0102>", "<bin >", "<bin ff>")
	if want := names(all, func(m *member) bool { return m.in("red") }); !slices.Equal(got, want) {
		t.Errorf("heard by %q, want %q", got, want)
	}
}

func testMegabyte(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := f.joinEach()
	text := strings.Repeat("0123456789abcdef", 1<<15)
	emit(t, f.nodes[0], "large", text, []byte(text))
	emit(t, f.nodes[0], "end")
	for _, m := range each {
		m.expect(`451-["large","`+text+`",{"_placeholder":true,"num":0}]`, fmt.Sprintf("<bin %x>", text), `42["end"]`)
	}
}

// testVolatile: what may be lost is lost to a client that does not read, on another node too, which would otherwise cost
// it its connection.
func testVolatile(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	slow, quick := f.join(2, identity{Name: "slow"}), f.join(2, identity{Name: "quick"})
	const messages = 500
	text := strings.Repeat("x", 64<<10) // together several times what the system and the server keep for a client
	for range messages {
		emit(t, f.nodes[0].Volatile(), "m", text)
		quick.expect(`42["m","` + text + `"]`)
	}
	emit(t, f.nodes[0], "end")
	if heard := len(hearers(t, []*member{slow}, `42["m","`+text+`"]`)); heard == 0 || heard == messages {
		t.Errorf("who does not read has heard %d of %d messages", heard, messages)
	}
}

// testNamespaces: rooms of the same name in different namespaces have nothing to do with each other.
func testNamespaces(t *testing.T, n Network) {
	f := newFleet(t, n, func(s *hub.Server) {
		s.Of("/chat").Use(admit)
		s.Of("/other").Use(admit)
	})
	var clients []*client
	for _, x := range f.nodes {
		c := dial(t, x.Addr().String())
		c.connect("/chat", identity{Rooms: []string{"red"}})
		c.connect("/other", identity{Rooms: []string{"red"}})
		clients = append(clients, c)
	}
	emit(t, f.nodes[0].To("red"), "nobody is in the main namespace")
	emit(t, f.nodes[0].Of("/chat").To("red"), "m", 1)
	emit(t, f.nodes[0].Of("/other").To("red"), "m", 2)
	emit(t, f.nodes[0].Of("/chat").To(clients[2].id), "its id is another one there")
	emit(t, f.nodes[0].Of("/chat"), "m", []byte{3})
	for _, c := range clients {
		c.expect(`42/chat,["m",1]`, `42/other,["m",2]`, `451-/chat,["m",{"_placeholder":true,"num":0}]`, "<bin 03>")
	}
}

// testLonelyNamespace: nodes that do not have a namespace are no hindrance to the one that has, and do not get it.
func testLonelyNamespace(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	lonely := f.nodes[0].Of("/lonely")
	lonely.OnServerEvent("question", func(*hub.ServerEvent) { t.Error("the server asks itself") })
	c := dial(t, f.nodes[0].Addr().String())
	c.connect("/lonely", identity{})
	emit(t, lonely, "m", 1)
	emit(t, lonely.Local(), "m", 2)
	if err := lonely.SocketsJoin("room"); err != nil {
		t.Error(err)
	}
	emit(t, lonely.To("room"), "m", 3)
	c.expect(`42/lonely,["m",1]`, `42/lonely,["m",2]`, `42/lonely,["m",3]`)

	asked := ask(func() ([]hub.BroadcastReply, error) { return lonely.EmitWithAck(t.Context(), "question") })
	got := c.next()
	c.send(strings.Replace(strings.TrimSuffix(got, `["question"]`), "42/", "43/", 1) + `["yes"]`)
	asked.expect(t, map[string]string{c.id: "yes"})
	fetched, err := lonely.FetchSockets(t.Context())
	if err != nil || len(fetched) != 1 || fetched[0].ID() != c.id {
		t.Errorf("FetchSockets finds %d sockets, %v", len(fetched), err)
	}
	if replies, err := lonely.ServerSideEmitWithAck(t.Context(), "question"); err != nil || len(replies) > 0 {
		t.Errorf("the other servers reply %v, %v", replies, err)
	}
	if err := lonely.ServerSideEmit("question"); err != nil {
		t.Error(err)
	}
	if err := lonely.DisconnectSockets(false); err != nil {
		t.Error(err)
	}
	c.expect("41/lonely,")
	for _, x := range f.nodes[1:] {
		for _, n := range x.Namespaces() {
			if n.Name() == "/lonely" {
				t.Error("another node has the namespace")
			}
		}
	}
}

// testChildNamespaces: a namespace that clients of several nodes have asked for is one.
func testChildNamespaces(t *testing.T, n Network) {
	var parents []*hub.ParentNamespace
	f := newFleet(t, n, func(s *hub.Server) {
		p := s.OfMatch(regexp.MustCompile(`^/room-\d+$`))
		p.Use(admit)
		parents = append(parents, p)
	})
	var clients []*client
	for _, x := range f.nodes[:2] { // nobody has asked the third one
		c := dial(t, x.Addr().String())
		c.connect("/room-1", identity{})
		clients = append(clients, c)
	}
	emit(t, f.nodes[0].Of("/room-1"), "m", 1)
	for _, c := range clients {
		c.expect(`42/room-1,["m",1]`)
	}
	emit(t, f.nodes[1].Of("/room-1").To(clients[0].id), "m", 2)
	emit(t, f.nodes[1].Of("/room-1").Except(clients[0].id), "m", 3)
	emit(t, parents[1], "m", 4)
	clients[0].expect(`42/room-1,["m",2]`, `42/room-1,["m",4]`)
	clients[1].expect(`42/room-1,["m",3]`, `42/room-1,["m",4]`)
}

// testEmitOrder: what one goroutine emits arrives in that order at every member of every node, whatever rooms it goes to.
func testEmitOrder(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	s := f.nodes[1]
	const messages = 1000
	want := map[*member][]string{}
	for i := range messages {
		var to emitter = s
		hears := func(*member) bool { return true }
		one := all[i%len(all)]
		switch i % 7 {
		case 1:
			to, hears = s.To("red"), func(m *member) bool { return m.in("red") }
		case 2:
			to, hears = s.To("blue"), func(m *member) bool { return m.in("blue") }
		case 3:
			to, hears = s.To(one.id), func(m *member) bool { return m == one }
		case 4:
			to, hears = s.Except("red", one.id), func(m *member) bool { return !m.in("red") && m != one }
		case 5:
			to, hears = s.To("red", "blue").Volatile(), func(m *member) bool { return m.in("red", "blue") }
		case 6:
			to, hears = s.Local(), func(m *member) bool { return m.node == 1 }
		}
		emit(t, to, "m", i)
		for _, m := range all {
			if hears(m) {
				want[m] = append(want[m], fmt.Sprintf(`42["m",%d]`, i))
			}
		}
	}
	for _, m := range all {
		m.expect(want[m]...)
	}
}

// testHandlerOrder: the same for what a handler emits, and the acknowledgement behind it.
func testHandlerOrder(t *testing.T, n Network) {
	f := newFleet(t, n, func(s *hub.Server) {
		say := func(s *hub.Socket, e *hub.Event) {
			emit(t, s.To("red"), "said", e.Raw(0))
			emit(t, s.Broadcast(), "talk")
			emit(t, s, "you said", e.Raw(0))
			if err := e.Ack(); err != nil {
				t.Error(err)
			}
		}
		s.On("say", say)
		s.OnLoop("say at once", say)
	})
	each := f.joinEach()
	red := f.join(2, identity{Name: "red", Rooms: []string{"red"}})
	for i := range 50 {
		speaker := each[i%2]
		event := []string{"say", "say at once"}[i/2%2]
		speaker.send(fmt.Sprintf(`420["%s",%d]`, event, i))
		speaker.expect(fmt.Sprintf(`42["you said",%d]`, i), "430[]")
		red.expect(fmt.Sprintf(`42["said",%d]`, i), `42["talk"]`)
		for _, m := range each {
			if m != speaker {
				m.expect(`42["talk"]`)
			}
		}
	}
}

// testEverything: servers emit, move sockets between rooms, ask for them and for acknowledgements, all at once. What each
// goroutine emits to everyone arrives once and in order.
func testEverything(t *testing.T, n Network) {
	const rounds = 50
	f := newFleet(t, n, nil)
	each := f.joinEach()
	var all sync.WaitGroup
	for node, s := range f.nodes {
		for g := range 2 {
			all.Go(func() {
				room := fmt.Sprintf("%d-%d", node, g)
				for i := range rounds {
					emit(t, s, "m", node, g, i)
					if err := s.SocketsJoin(room); err != nil {
						t.Error(err)
					}
					emit(t, s.To(room), "m", node, g, i)
					if err := s.To(room).SocketsLeave(room); err != nil {
						t.Error(err)
					}
					emit(t, s.To(room), "nobody hears")
				}
			})
		}
		all.Go(func() {
			for range rounds {
				if sockets, err := s.FetchSockets(t.Context()); len(sockets) != len(each) || err != nil {
					t.Errorf("FetchSockets finds %d sockets, %v", len(sockets), err)
				}
				if replies, err := s.EmitWithAck(t.Context(), "question"); len(replies) != len(each) || err != nil {
					t.Errorf("EmitWithAck brings %d replies, %v", len(replies), err)
				}
			}
		})
	}
	for _, m := range each {
		all.Go(func() { m.hearEverything(len(f.nodes), 2, rounds) })
	}
	all.Wait()
}

// hearEverything reads until everything has come that there is, and answers what is asked.
func (m *member) hearEverything(nodes, goroutines, rounds int) {
	heard := map[[2]int]int{}
	for packets := nodes * (2*goroutines*rounds + rounds); packets > 0; packets-- {
		got := m.next()
		if id, ok := strings.CutSuffix(got, `["question"]`); ok {
			m.send("43" + strings.TrimPrefix(id, "42") + "[]")
			continue
		}
		var node, g, i int
		if _, err := fmt.Sscanf(got, `42["m",%d,%d,%d]`, &node, &g, &i); err != nil {
			m.t.Errorf("%s gets %.200q", m.Name, got)
			return
		}
		key := [2]int{node, g}
		if i != heard[key]/2 { // each number comes twice
			m.t.Errorf("%s gets number %d of goroutine %d of node %d, want %d", m.Name, i, g, node, heard[key]/2)
			return
		}
		heard[key]++
	}
}
