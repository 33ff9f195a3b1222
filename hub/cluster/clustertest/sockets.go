package clustertest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/hub"
)

// fetcher is anything that fetches sockets.
type fetcher interface {
	FetchSockets(ctx context.Context) ([]*hub.RemoteSocket, error)
}

// fetch fetches sockets, by their ids.
func fetch(t *testing.T, from fetcher) map[string]*hub.RemoteSocket {
	t.Helper()
	found, err := from.FetchSockets(t.Context())
	if err != nil {
		t.Errorf("FetchSockets: %v", err)
	}
	byID := map[string]*hub.RemoteSocket{}
	for _, r := range found {
		if byID[r.ID()] != nil {
			t.Errorf("socket %s is found twice", r.ID())
		}
		byID[r.ID()] = r
	}
	return byID
}

func testFetch(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	s := f.nodes[1]
	for name, row := range map[string]struct {
		from fetcher
		want func(m *member) bool
	}{
		"everyone":                 {s, func(*member) bool { return true }},
		"from another node":        {f.nodes[2], func(*member) bool { return true }},
		"a room":                   {s.In("red"), func(m *member) bool { return m.in("red") }},
		"two rooms, each once":     {s.In("red", "blue"), func(m *member) bool { return m.in("red", "blue") }},
		"everyone but a room":      {s.Except("blue"), func(m *member) bool { return !m.in("blue") }},
		"a room but another":       {s.In("red").Except("blue"), func(m *member) bool { return m.in("red") && !m.in("blue") }},
		"one elsewhere":            {s.In(all[0].id), func(m *member) bool { return m == all[0] }},
		"one here":                 {s.In(all[4].id), func(m *member) bool { return m == all[4] }},
		"the others":               {all[4].socket.Broadcast(), func(m *member) bool { return m != all[4] }},
		"everyone here":            {s.Local(), func(m *member) bool { return m.node == 1 }},
		"a room that nobody is in": {s.In("green"), func(*member) bool { return false }},
		"In without a room":        {s.In(), func(*member) bool { return false }},
	} {
		found := fetch(t, row.from)
		got := names(all, func(m *member) bool { return found[m.id] != nil })
		if want := names(all, row.want); !slices.Equal(got, want) || len(found) != len(want) {
			t.Errorf("%s: %q among %d sockets, want %q", name, got, len(found), want)
		}
	}
}

// testFetched: a socket of another node is described as one of the own.
func testFetched(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := []*member{
		f.join(0, identity{"ann", []string{"red", "blue"}}),
		f.join(1, identity{"bob \u4e16\u754c", []string{"r\u00f6d"}}),
		f.join(2, identity{"cid", nil}),
	}
	for _, s := range f.nodes {
		found := fetch(t, s)
		for _, m := range each {
			r := found[m.id]
			if r == nil {
				t.Fatalf("%s is not found", m.Name)
			}
			if want := slices.Sorted(slices.Values(append(slices.Clone(m.Rooms), m.id))); !slices.Equal(r.Rooms(), want) {
				t.Errorf("%s is in rooms %q, want %q", m.Name, r.Rooms(), want)
			}
			var who identity
			if err := r.Data(&who); err != nil || !reflect.DeepEqual(who, m.identity) {
				t.Errorf("%s has data %v, %v", m.Name, who, err)
			}
			m.expectHandshake(r.Handshake())
		}
	}

	each[2].socket.SetData(nil)
	who := identity{Name: "as it was"}
	if r := fetch(t, f.nodes[0])[each[2].id]; r.Data(&who) != nil || who.Name != "as it was" {
		t.Errorf("who has no data has %v", who)
	}
}

// expectHandshake wants the handshake to be that of the member's connection.
func (m *member) expectHandshake(h hub.Handshake) {
	m.t.Helper()
	if want := m.conn.LocalAddr().String(); h.Address != want || h.URL != target {
		m.t.Errorf("%s comes from %s with %s, want %s with %s", m.Name, h.Address, h.URL, want, target)
	}
	own := m.socket.Handshake()
	if !h.Time.Truncate(time.Millisecond).Equal(own.Time.Truncate(time.Millisecond)) || h.Time.IsZero() {
		m.t.Errorf("%s has come at %v, want %v", m.Name, h.Time, own.Time)
	}
	if h.Host != "localhost" || own.Host != "localhost" {
		m.t.Errorf("%s has asked for host %q, want localhost", m.Name, h.Host)
	}
	if !maps.EqualFunc(h.Header, own.Header, slices.Equal) || http.Header(h.Header).Get("Upgrade") != "websocket" {
		m.t.Errorf("%s has sent %q, want %q", m.Name, h.Header, own.Header)
	}
}

// testRooms: sockets are put into rooms, wherever they are, before what is emitted behind it.
func testRooms(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	s := f.nodes[0]
	for _, step := range []struct {
		name string
		do   func() error
		room string
		want func(m *member) bool
	}{
		{"a room joins", func() error { return s.In("red").SocketsJoin("new", "newer") }, "newer", func(m *member) bool { return m.in("red") }},
		{"one elsewhere leaves", func() error { return s.In(all[4].id).SocketsLeave("new") }, "new", func(m *member) bool { return m.in("red") && m != all[4] }},
		{"and no other room", func() error { return nil }, "newer", func(m *member) bool { return m.in("red") }},
		{"everyone but a room joins", func() error { return s.Except("red").SocketsJoin("rest") }, "rest", func(m *member) bool { return !m.in("red") }},
		{"everyone leaves", func() error { return s.SocketsLeave("rest", "newer") }, "rest", func(*member) bool { return false }},
		{"everyone here joins", func() error { return s.Local().SocketsJoin("here") }, "here", func(m *member) bool { return m.node == 0 }},
		{"everyone joins", func() error { return s.SocketsJoin("all") }, "all", func(*member) bool { return true }},
		{"nobody leaves", func() error { return s.To().SocketsLeave("all") }, "all", func(*member) bool { return true }},
		{"nobody is asked to leave its own id", func() error { return s.SocketsLeave(all[8].id) }, all[8].id, func(m *member) bool { return m == all[8] }},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		emit(t, s.To(step.room), "m")
		emit(t, s, "end")
		got := hearers(t, all, `42["m"]`)
		if want := names(all, step.want); !slices.Equal(got, want) {
			t.Errorf("%s: in %s are %q, want %q", step.name, step.room, got, want)
		}
	}
}

func testDisconnect(t *testing.T, n Network) {
	reasons := make(chan string, 100)
	f := newFleet(t, n, func(s *hub.Server) {
		s.OnDisconnect(func(s *hub.Socket, reason hub.Reason) {
			var who identity
			if err := s.Auth(&who); err != nil {
				t.Error(err)
			}
			reasons <- who.Name + ": " + string(reason)
		})
		s.Of("/chat").Use(admit)
	})
	all := f.joinAll()
	expectGone := func(who ...string) {
		t.Helper()
		var got, want []string
		for _, name := range who {
			got = append(got, receive(t, reasons))
			want = append(want, name+": server namespace disconnect")
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("gone are %q, want %q", got, want)
		}
	}
	s := f.nodes[0]
	if err := s.In("red").Except("blue").DisconnectSockets(false); err != nil {
		t.Error(err)
	}
	for _, m := range []*member{all[0], all[4], all[8]} {
		m.expect("41")
		m.connect("/chat", identity{}) // the connection goes on
	}
	expectGone("red0", "red1", "red2")
	if err := s.In("blue").DisconnectSockets(true); err != nil {
		t.Error(err)
	}
	for node := range f.nodes {
		for _, m := range []*member{all[4*node+1], all[4*node+2]} {
			m.expect("41", "<close>")
		}
	}
	expectGone("blue0", "both0", "blue1", "both1", "blue2", "both2")
	if err := s.Local().DisconnectSockets(false); err != nil {
		t.Error(err)
	}
	all[3].expect("41")
	expectGone("none0")
	emit(t, s, "end")
	all[7].expect(`42["end"]`)
	all[11].expect(`42["end"]`)
}

// testRemoteSocket: it is the same to use one of another node and one of this.
func testRemoteSocket(t *testing.T, n Network) {
	f := newFleet(t, n, func(s *hub.Server) { s.Of("/chat").Use(admit) })
	all := f.joinAll()
	for i, node := range []int{0, 2} {
		m := all[4*node]
		r := fetch(t, f.nodes[0].In(m.id))[m.id]
		if r == nil {
			t.Fatalf("%s is not found", m.Name)
		}
		emit(t, r, "m", 1, []byte{2})
		m.expect(`451-["m",1,{"_placeholder":true,"num":0}]`, "<bin 02>")

		replied := make(chan string, 1)
		go func() {
			var text string
			reply, err := r.EmitWithAck(t.Context(), "name?")
			if err == nil {
				err = reply.Bind(&text)
			}
			if err != nil {
				t.Errorf("EmitWithAck: %v", err)
			}
			replied <- text
		}()
		m.answers(`["name?"]`, `["`+m.Name+`"]`)
		if text := receive(t, replied); text != m.Name {
			t.Errorf("%s replies %q", m.Name, text)
		}

		for _, step := range []struct {
			do   func(...string) error
			want string
		}{{r.Join, "red secret secrets"}, {r.Leave, "red"}} {
			if err := step.do("secret", "secrets"); err != nil {
				t.Error(err)
			}
			again := fetch(t, f.nodes[0].In(m.id))[m.id]
			rooms := slices.DeleteFunc(slices.Clone(again.Rooms()), func(room string) bool { return room == m.id })
			if got := strings.Join(rooms, " "); got != step.want {
				t.Errorf("%s is in %s, want %s", m.Name, got, step.want)
			}
		}

		if err := r.Disconnect(i == 1); err != nil {
			t.Error(err)
		}
		m.expect("41")
		if i == 1 {
			m.expect("<close>")
		} else {
			m.connect("/chat", identity{})
		}
		if reply, err := r.EmitWithAck(t.Context(), "name?"); !errors.Is(err, hub.ErrDisconnected) {
			t.Errorf("who is gone replies %v, %v; want ErrDisconnected", reply, err)
		}
		emit(t, r, "lost")
	}
	emit(t, f.nodes[0], "end")
	rest := slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return m == all[0] || m == all[8] })
	if who := hearers(t, rest); len(who) > 0 {
		t.Errorf("%q have heard what was for others", who)
	}
}
