package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"starling/hub"
)

// outcome is what a broadcast has come to that wants acknowledgements: who answered what, sorted.
type outcome struct {
	replies string
	err     error
}

// asked emits a broadcast that wants acknowledgements, and tells what it has come to.
func (c *crowd) asked(ctx context.Context, op hub.BroadcastOperator, event string, args ...any) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		replies, err := op.EmitWithAck(ctx, event, args...)
		var all []string
		for _, r := range replies {
			for name, socket := range c.sockets {
				if socket.ID() == r.SocketID {
					all = append(all, fmt.Sprintf("%s: %s", name, valueOf(&r.Reply)))
				}
			}
		}
		slices.Sort(all)
		done <- outcome{fmt.Sprint(all), err}
	}()
	return done
}

// valueOf is the first value of a reply, bytes in hexadecimal digits.
func valueOf(r *hub.Reply) string {
	var v any
	if r.Len() == 0 || r.Bind(&v) != nil {
		return "nothing"
	}
	if b, isBytes := v.([]byte); isBytes {
		return fmt.Sprintf("<bin %x>", b)
	}
	return string(r.Raw(0))
}

// TestBroadcastAcks: the answers of all who are asked, as soon as they are there.
func TestBroadcastAcks(t *testing.T) {
	type row struct {
		name    string
		op      func(c *crowd) hub.BroadcastOperator
		gets    string
		answers map[string][]string // a packet, and what is sent besides
		want    string
	}
	numbers := map[string][]string{"ann": {`430[1]`}, "bob": {`430[2]`}, "cid": {`430["three"]`}, "dan": {`430[]`}}
	rows(t, []row{
		{"of everyone", func(c *crowd) hub.BroadcastOperator { return c.s.Timeout(patience) }, "ann bob cid dan", numbers, `[ann: 1 bob: 2 cid: "three" dan: nothing]`},
		{"without a timeout", func(c *crowd) hub.BroadcastOperator { return c.s.Local() }, "ann bob cid dan", numbers, `[ann: 1 bob: 2 cid: "three" dan: nothing]`},
		{"of a room", func(c *crowd) hub.BroadcastOperator { return c.s.Timeout(patience).To("red") }, "ann bob", numbers, "[ann: 1 bob: 2]"},
		{"of all but a room", func(c *crowd) hub.BroadcastOperator { return c.s.Except("red").Timeout(patience) }, "cid dan", numbers, `[cid: "three" dan: nothing]`},
		{"of a socket's others", func(c *crowd) hub.BroadcastOperator { return c.sockets["ann"].Broadcast().Timeout(patience) }, "bob cid dan", numbers, `[bob: 2 cid: "three" dan: nothing]`},
		{"of a socket's room", func(c *crowd) hub.BroadcastOperator { return c.sockets["ann"].To("red").Timeout(patience) }, "bob", numbers, "[bob: 2]"},
		{"of nobody", func(c *crowd) hub.BroadcastOperator { return c.s.To("room123").Timeout(patience) }, "", nil, "[]"},
		{"of no room", func(c *crowd) hub.BroadcastOperator { return c.s.To().Timeout(patience) }, "", nil, "[]"},
		{"of a socket alone", func(c *crowd) hub.BroadcastOperator { return c.sockets["cid"].Self().Timeout(patience) }, "cid", numbers, `[cid: "three"]`},
		{"bytes", func(c *crowd) hub.BroadcastOperator { return c.s.Timeout(patience).To("red") }, "ann bob", map[string][]string{
			"ann": {`461-0[` + attached + `]`, "<bin 01ff>"}, "bob": {`461-0[` + attached + `]`, "<bin 02>"},
		}, "[ann: <bin 01ff> bob: <bin 02>]"},
		{"twice from one", func(c *crowd) hub.BroadcastOperator { return c.s.Timeout(patience).To("red") }, "ann bob", map[string][]string{
			"ann": {`430[1]`, `430[11]`}, "bob": {`430[2]`, `430[22]`},
		}, "[ann: 1 bob: 2]"},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		c := gather(t, k, hub.Options{}, nil)
		done := c.asked(t.Context(), r.op(c), "some event", []byte{7})
		c.gets(t, r.gets, `451-0["some event",`+attached+`]`, "<bin 07>")
		for name, packets := range r.answers {
			if slices.Contains(strings.Fields(r.gets), name) {
				c.peers[name].send(packets...)
			}
		}
		want(t, "the outcome", receive(t, done), outcome{r.want, nil})
		c.settled()
	})
}

// TestBroadcastAcksInPart: who does not answer in time is not waited for; the answers that there are are not lost, and late
// ones mean nothing.
func TestBroadcastAcksInPart(t *testing.T) {
	type row struct {
		name string
		ask  func(c *crowd, ctx context.Context) <-chan outcome
		end  func(c *crowd, cancel func())
		err  error
	}
	timeout := func(c *crowd, ctx context.Context) <-chan outcome {
		return c.asked(ctx, c.s.Timeout(later).Except(c.sockets["dan"].ID()), "some event")
	}
	forever := func(c *crowd, ctx context.Context) <-chan outcome {
		return c.asked(ctx, c.s.Except(c.sockets["dan"].ID()), "some event")
	}
	nothing := func(*crowd, func()) {}
	rows(t, []row{
		{"a timeout", timeout, nothing, hub.ErrAckTimeout},
		{"a context that is cancelled", forever, func(_ *crowd, cancel func()) { cancel() }, context.Canceled},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		c := gather(t, k, hub.Options{}, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := r.ask(c, ctx)
		c.gets(t, "ann bob cid", `420["some event"]`)
		c.peers["ann"].send(`430[1]`)
		c.peers["bob"].send(`430[2]`)
		c.peers["ann"].settled("/") // the answers are in
		c.peers["bob"].settled("/")
		r.end(c, cancel)
		got := receive(t, done)
		want(t, "the answers", got.replies, "[ann: 1 bob: 2]")
		if !errors.Is(got.err, r.err) {
			t.Errorf("the error is %v, want %v", got.err, r.err)
		}
		c.peers["cid"].send(`430[3]`)
		c.settled()
	})
}

// TestBroadcastAcksOfOneThatGoes: whoever disconnects is not waited for any longer, and is missing. The reference server
// waits for its timeout.
func TestBroadcastAcksOfOneThatGoes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		c := gather(t, k, hub.Options{}, nil)
		done := c.asked(t.Context(), c.s.Timeout(time.Hour).To("red"), "some event")
		c.gets(t, "ann bob", `420["some event"]`)
		c.peers["ann"].send(`430[1]`)
		c.peers["bob"].hungUp()
		got := receive(t, done)
		want(t, "the answers", got.replies, "[ann: 1]")
		var partial *hub.PartialError
		if !errors.As(got.err, &partial) || !errors.Is(got.err, hub.ErrDisconnected) || partial.Asked != 2 || partial.Answered != 1 {
			t.Errorf("the error is %v", got.err)
		}
	})
}

// TestBroadcastAcksOfChildren: a parent asks the sockets of all its children.
func TestBroadcastAcksOfChildren(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var parent *hub.ParentNamespace
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			parent = s.OfMatch(numbered)
			parent.On("sync", acked)
		})
		p := dial(t, s, k)
		p.connect("/dynamic-1", "")
		p.connect("/dynamic-2", "")
		done := make(chan []hub.BroadcastReply, 1)
		go func() {
			replies, err := parent.Timeout(patience).EmitWithAck(context.Background(), "some event")
			ok(t, err)
			done <- replies
		}()
		for range 2 {
			switch packet := p.next(); packet {
			case `42/dynamic-1,0["some event"]`:
				p.send(`43/dynamic-1,0[1]`)
			case `42/dynamic-2,0["some event"]`:
				p.send(`43/dynamic-2,0[2]`)
			default:
				t.Fatalf("got %q", packet)
			}
		}
		want(t, "the number of answers", len(receive(t, done)), 2)

		ctx, cancel := context.WithCancel(t.Context())
		var partial *hub.PartialError
		told := make(chan error, 1)
		go func() {
			_, err := parent.EmitWithAck(ctx, "again")
			told <- err
		}()
		for range 2 {
			if p.next() == `42/dynamic-1,1["again"]` {
				p.send(`43/dynamic-1,1[1]`)
			}
		}
		p.settled("/dynamic-1") // the answer is in
		cancel()
		if err := receive(t, told); !errors.As(err, &partial) || !errors.Is(err, context.Canceled) || partial.Asked != 2 || partial.Answered != 1 {
			t.Errorf("the error is %v, want that of one who has not answered", err)
		}
	})
}
