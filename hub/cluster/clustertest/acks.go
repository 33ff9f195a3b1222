package clustertest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"starling/hub"
	"starling/hub/cluster"
)

// asking is a question under way.
type asking <-chan answered

type answered struct {
	replies []hub.BroadcastReply
	err     error
}

func ask(emit func() ([]hub.BroadcastReply, error)) asking {
	c := make(chan answered, 1)
	go func() {
		replies, err := emit()
		c <- answered{replies, err}
	}()
	return c
}

// expect wants the end of it, with a text for each of some sockets.
func (a asking) expect(t *testing.T, want map[string]string) {
	t.Helper()
	if err := a.expectError(t, want); err != nil {
		t.Errorf("EmitWithAck: %v", err)
	}
}

// expectError is expect when there is an error too.
func (a asking) expectError(t *testing.T, want map[string]string) error {
	t.Helper()
	got := receive(t, a)
	texts := map[string]string{}
	for i := range got.replies {
		var text string
		if err := got.replies[i].Bind(&text); err != nil {
			t.Error(err)
		}
		texts[got.replies[i].SocketID] = text
	}
	if len(got.replies) != len(want) || !maps.Equal(texts, want) {
		t.Errorf("%d replies %q, want %q", len(got.replies), texts, want)
	}
	return got.err
}

// texts is a reply for each of some members: its name.
func texts(members ...*member) map[string]string {
	m := map[string]string{}
	for _, one := range members {
		m[one.id] = one.Name
	}
	return m
}

func testAcks(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	all := f.joinAll()
	s := f.nodes[1]
	for name, row := range map[string]struct {
		to interface {
			EmitWithAck(ctx context.Context, event string, args ...any) ([]hub.BroadcastReply, error)
		}
		asked func(m *member) bool
	}{
		"everyone":             {s, func(*member) bool { return true }},
		"a room":               {s.To("red"), func(m *member) bool { return m.in("red") }},
		"two rooms, each once": {s.To("red", "blue"), func(m *member) bool { return m.in("red", "blue") }},
		"everyone but a room":  {s.Except("red"), func(m *member) bool { return !m.in("red") }},
		"one elsewhere":        {s.To(all[0].id), func(m *member) bool { return m == all[0] }},
		"everyone here":        {s.Local(), func(m *member) bool { return m.node == 1 }},
		"the others":           {all[5].socket.Broadcast(), func(m *member) bool { return m != all[5] }},
		"with time to answer":  {s.Timeout(time.Hour), func(*member) bool { return true }},
		"nobody":               {s.To("green"), func(*member) bool { return false }},
		"To without a room":    {s.To(), func(*member) bool { return false }},
	} {
		asked := ask(func() ([]hub.BroadcastReply, error) { return row.to.EmitWithAck(t.Context(), "name?", name) })
		var members []*member
		for _, m := range all {
			if row.asked(m) {
				m.answers(`["name?","`+name+`"]`, `["`+m.Name+`"]`)
				members = append(members, m)
			}
		}
		t.Run(name, func(t *testing.T) { asked.expect(t, texts(members...)) })
	}
	emit(t, s, "end")
	if who := hearers(t, all); len(who) > 0 {
		t.Errorf("%q were asked too much", who)
	}

	asked := make(chan answered, 1)
	go func() {
		replies, err := s.To("red").Except("blue").EmitWithAck(t.Context(), "file", []byte{1, 2})
		asked <- answered{replies, err}
	}()
	for node := range f.nodes {
		m := all[4*node]
		if got, want := m.next(), `451-`; len(got) < 4 || got[:4] != want {
			t.Fatalf("%s gets %q", m.Name, got)
		} else {
			m.expect("<bin 0102>")
			id, _, _ := cutAck(got[4:])
			m.send(`461-`+id+`[{"x":{"_placeholder":true,"num":0}},"`+m.Name+`"]`, `<bin 0304>`)
		}
	}
	expectFiles(t, receive(t, asked), all[0], all[4], all[8])
}

// cutAck splits the id of an acknowledgement from what is behind it.
func cutAck(s string) (id, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:], i > 0
}

// expectFiles wants acknowledgements with bytes within a larger value.
func expectFiles(t *testing.T, got answered, from ...*member) {
	t.Helper()
	if got.err != nil || len(got.replies) != len(from) {
		t.Fatalf("%d replies, %v; want %d", len(got.replies), got.err, len(from))
	}
	want := texts(from...)
	for i := range got.replies {
		r := &got.replies[i]
		var file struct{ X []byte }
		var name string
		if err := r.Bind(&file, &name); err != nil || string(file.X) != "\x03\x04" || name != want[r.SocketID] {
			t.Errorf("socket %s replies with %x and %q, %v", r.SocketID, file.X, name, err)
		}
		delete(want, r.SocketID)
	}
	if len(want) > 0 {
		t.Errorf("no reply of %v", want)
	}
}

// acksOf counts acknowledgements.
func acksOf(m *cluster.Message) int {
	if m.Kind != cluster.Acks {
		return 0
	}
	return len(m.Acks)
}

// testPartialAcks: who stops waiting has the answers that have come until then.
func testPartialAcks(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	each := f.joinEach()
	silent := f.join(2, identity{Name: "silent"})
	others := f.nodes[0].whenDelivered(2, acksOf)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(ctx, "name?") })
	for _, m := range each {
		m.answers(`["name?"]`, `["`+m.Name+`"]`)
		m.settled()
	}
	id := silent.asked(`["name?"]`)
	receive(t, others)
	cancel()
	err := asked.expectError(t, texts(each...))
	var partial *hub.PartialError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &partial) || partial.Answered != 3 {
		t.Errorf("the error is %v (%#v), want context.Canceled with 3 answers", err, partial)
	}
	silent.send("43" + id + `["late"]`) // harms nobody
	silent.settled()
	asked = ask(func() ([]hub.BroadcastReply, error) {
		return f.nodes[0].To(silent.id).EmitWithAck(t.Context(), "again?")
	})
	silent.answers(`["again?"]`, `["silent"]`)
	asked.expect(t, texts(silent))
}

// testAckTimeout: nobody answers, so that it does not matter how long the time is.
func testAckTimeout(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	m := f.join(2, identity{Name: "silent"})
	replies, err := f.nodes[0].Timeout(100*time.Millisecond).EmitWithAck(t.Context(), "name?")
	if !errors.Is(err, hub.ErrAckTimeout) || len(replies) > 0 {
		t.Errorf("%d replies and %v, want ErrAckTimeout", len(replies), err)
	}
	m.asked(`["name?"]`)
	emit(t, f.nodes[0], "end")
	m.expect(`42["end"]`)
}

// testAskedLeaves: the question ends without the answer of one who leaves, wherever that is.
func testAskedLeaves(t *testing.T, n Network) {
	f := newFleet(t, n, nil)
	for node := range f.nodes {
		each := f.joinEach()
		asked := ask(func() ([]hub.BroadcastReply, error) { return f.nodes[0].EmitWithAck(t.Context(), "name?") })
		leaver := each[node]
		for _, m := range each {
			if m != leaver {
				m.answers(`["name?"]`, `["`+m.Name+`"]`)
			}
		}
		leaver.asked(`["name?"]`)
		leaver.send("41")
		rest := slices.DeleteFunc(slices.Clone(each), func(m *member) bool { return m == leaver })
		err := asked.expectError(t, texts(rest...))
		var partial *hub.PartialError
		if !errors.As(err, &partial) || partial.Asked != 3 || partial.Answered != 2 || !errors.Is(err, hub.ErrDisconnected) {
			t.Errorf("one on node %d has left: the error is %v, want ErrDisconnected with 2 answers of 3", node, err)
		}
		for _, m := range rest {
			m.send("41")
		}
		eventually(t, "everybody has left", func() bool {
			return !slices.ContainsFunc(f.nodes, func(s *server) bool { return s.SocketsCount() > 0 })
		})
	}
}
