package hub

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"starling/internal/starlingtest"
	"starling/wsproto"
	"starling/wsproto/msgpack"
)

// TestCounts follows the counters of messages through all ways in which one goes.
func TestCounts(t *testing.T) {
	var acker *Acker
	s := simulate(t, Options{OutboundBytesPerConnMax: 1000}, func(s *Server) {
		s.OnLoop("ask", func(_ *Socket, e *Event) { _ = e.Ack(1) })
		s.OnLoop("ask files", func(_ *Socket, e *Event) { _ = e.Ack([]byte{1}) })
		s.OnLoop("ask later", func(_ *Socket, e *Event) { acker = e.Acker() })
	})
	var peers []*simPeer
	for range 3 {
		peers = append(peers, s.join())
	}
	first := peers[0]
	s.sim.Run()
	before := s.shard().counts
	if before != (counts{sockets: 3}) {
		t.Fatalf("after three have come: %+v", before)
	}
	step := func(what string, want counts, do func()) {
		t.Helper()
		do()
		s.sim.Run()
		now := s.shard().counts
		got := counts{
			sockets: now.sockets - before.sockets, events: now.events - before.events, acksIn: now.acksIn - before.acksIn, acksOut: now.acksOut - before.acksOut,
			deliveries: now.deliveries - before.deliveries, droppedVolatile: now.droppedVolatile - before.droppedVolatile, dropped: now.dropped - before.dropped,
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		before = now
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	step("a broadcast", counts{deliveries: 3}, func() { must(s.Emit("m")) })
	step("broadcasts that are joined", counts{deliveries: 6}, func() { must(s.Emit("m")); must(s.Emit("m")) })
	step("all but one", counts{deliveries: 2}, func() { must(first.socket.Broadcast().Emit("m")) })
	step("nobody", counts{}, func() { must(s.To("nobody").Emit("m")) })
	step("one socket", counts{deliveries: 1}, func() { must(first.socket.Emit("m")) })
	step("one that asks", counts{deliveries: 1}, func() { must(first.socket.EmitAck(0, "m", func(*Reply, error) {})) })
	step("its answer", counts{acksIn: 1}, func() { first.send("430[]") })
	step("its answer once more", counts{}, func() { first.send("430[]") })
	step("all that ask", counts{deliveries: 3}, func() {
		_, err := s.all.ask(context.Background(), "m", nil)
		must(err)
	})
	step("an event that nobody handles", counts{events: 1}, func() { first.send(`42["nobody"]`) })
	step("one that is answered", counts{events: 1, acksOut: 1}, func() { first.send(`427["ask"]`) })
	step("with bytes", counts{events: 1, acksOut: 1}, func() { first.send(`427["ask files"]`) })
	step("one that is answered later", counts{events: 1}, func() { first.send(`427["ask later"]`) })
	step("the answer", counts{acksOut: 1}, func() { must(acker.Ack()) })

	first.Stalled, first.Window = true, 0
	step("a client that does not read", counts{deliveries: 3}, func() { must(s.Emit("m")) })
	step("a volatile event", counts{deliveries: 2, droppedVolatile: 1}, func() { must(s.Volatile().Emit("m")) })
	step("a volatile event for it alone", counts{droppedVolatile: 1}, func() { must(first.socket.EmitVolatile("m")) })
	step("more than may wait for it", counts{sockets: -1, deliveries: 2, dropped: 1}, func() { must(s.Emit("m", strings.Repeat("x", 1000))) })
	step("a client that leaves", counts{sockets: -1}, func() { peers[1].send("41") })
}

// TestCountsOfAnotherFormat: acknowledgements count there too.
func TestCountsOfAnotherFormat(t *testing.T) {
	s := simulate(t, Options{Parser: msgpack.Parser{}}, func(s *Server) {
		s.OnLoop("ask", func(_ *Socket, e *Event) { _ = e.Ack(1) })
	})
	p := s.dial("")
	for _, packet := range []string{
		"\x82\xa4type\x00\xa3nsp\xa1/",                              // {type: 0, nsp: "/"}
		"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa3ask\xa2id\x07", // {type: 2, nsp: "/", data: ["ask"], id: 7}
	} {
		p.Send(wsproto.AppendMaskedFrame(nil, wsproto.OpBinary, [4]byte{1, 2, 3, 4}, []byte(packet)))
	}
	if got, want := s.shard().counts, (counts{sockets: 1, events: 1, acksOut: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// stats asks a server that answers.
func stats(t *testing.T, s *Server) Stats {
	t.Helper()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatalf("Stats: %v", err)
	}
	return st
}

// TestStats follows a server of several loops, with clients of both transports.
func TestStats(t *testing.T) {
	s := start(t, Options{Loops: 3}, echoes)
	peers := joinAll(t, s, 5)
	w, sid := joinPolling(t, s)
	up, _ := joinPolling(t, s)
	openWire(t, s).ask(getRequest("/socket.io/?EIO=3&transport=polling"))
	peers[0].send(`421["echo","a"]`)
	peers[0].expect(`431["a"]`)

	st := stats(t, s)
	total := st.Total()
	if len(st.Loops) != 3 || total.WebSocketSessions != 5 || total.PollingSessions != 2 || total.Sockets != 7 || total.Connections != 8 || total.Held {
		t.Errorf("there are %+v", total)
	}
	if total.BegunWebSocket != 5 || total.BegunPolling != 2 || total.Upgraded != 0 || total.Events != 1 || total.AcksOut != 1 {
		t.Errorf("there were %+v", total)
	}
	if total.BytesIn < 5*100 || total.BytesOut < 5*100 || total.Reads < 10 || total.Writes < 10 || total.Flushes > total.Writes {
		t.Errorf("bytes: %+v", total)
	}
	wantWords(t, st, map[Reason]uint64{}, map[Cause]uint64{CauseUnsupportedVersion: 1})

	_ = up.conn.Close()
	peers[1].send("1")
	peers[2].leave()
	w.send(postRequest(pollTarget+"&sid="+sid, "1"))
	eventually(t, "four sessions have ended", func() bool { total := stats(t, s).Total(); return total.WebSocketSessions+total.PollingSessions <= 4 })
	st = stats(t, s)
	closed := uint64(0)
	for _, n := range st.Closed {
		closed += n
	}
	if total := st.Total(); closed != total.BegunPolling+total.BegunWebSocket-uint64(total.PollingSessions+total.WebSocketSessions) {
		t.Errorf("%d sessions have ended: %+v", closed, total)
	}
}

// wantWords wants these numbers for these words, and 0 for all others.
func wantWords(t *testing.T, st Stats, closed map[Reason]uint64, refused map[Cause]uint64) {
	t.Helper()
	for file, words := range map[string][]string{"reason.go": wordsOf(st.Closed), "cause.go": wordsOf(st.Refused)} {
		declared := slices.Sorted(maps.Values(starlingtest.Declared(t, file, "Err", "Reason", "Cause")))
		if !slices.Equal(words, declared) {
			t.Errorf("there are figures for %q, want %q", words, declared)
		}
	}
	for word, n := range st.Closed {
		if n != closed[word] {
			t.Errorf("%d sessions have ended with %q, want %d", n, word, closed[word])
		}
	}
	for word, n := range st.Refused {
		if n != refused[word] {
			t.Errorf("%d requests were refused with %q, want %d", n, word, refused[word])
		}
	}
}

func wordsOf[K ~string](figures map[K]uint64) (words []string) {
	for word := range figures {
		words = append(words, string(word))
	}
	slices.Sort(words)
	return words
}

// TestTotal: each figure of a loop goes into the sums.
func TestTotal(t *testing.T) {
	loop := func(n int64) (l LoopStats) {
		v := reflect.ValueOf(&l).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); {
			case f.CanInt():
				f.SetInt(n << i)
			case f.CanUint():
				f.SetUint(uint64(n) << i)
			default:
				f.SetBool(n == 2)
			}
		}
		return l
	}
	st := Stats{Loops: []LoopStats{loop(1), loop(2), loop(1)}}
	want := loop(4)
	want.Wait, want.LateMax, want.Held = loop(2).Wait, loop(2).LateMax, true
	if got := st.Total(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestStatsOfAHeldLoop: who asks is not held with it, and is told what was known.
func TestStatsOfAHeldLoop(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	var sockets <-chan *Socket
	s := start(t, Options{}, func(s *Server) {
		sockets = firstSocket(s.Namespace)
		s.OnLoop("hold", func(*Socket, *Event) { close(held); <-release })
	})
	p := join(t, s)
	loop := receive(t, sockets).client.shard.loop.Index()
	before := stats(t, s)
	p.send(`42["hold"]`)
	receive(t, held)
	impatient, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no time")
	cancel(why)
	st, err := s.Stats(impatient)
	if err != why {
		t.Errorf("the error is %v", err)
	}
	if got := st.Loops[loop]; !got.Held || got.Wait < 0 || got.Sockets != 1 || got.BytesIn != before.Loops[loop].BytesIn || got.Events != 0 {
		t.Errorf("what is known of the loop is %+v", got)
	}
	if !st.Total().Held {
		t.Errorf("no loop is said to be held: %+v", st.Total())
	}
	close(release)
	if got := stats(t, s).Loops[loop]; got.Held || got.Events != 1 || got.Ticks < 1 {
		t.Errorf("later the loop has %+v", got)
	}
}

// TestStatsBeforeAndAfter: there is an answer at any time.
func TestStatsBeforeAndAfter(t *testing.T) {
	s := New(calm(Options{}))
	wantWords(t, stats(t, s), nil, nil)
	if st := stats(t, s); len(st.Loops) != 0 {
		t.Errorf("before Listen there are %d loops", len(st.Loops))
	}
	s, stop := startServer(t, Options{Loops: 1}, nil)
	p := join(t, s)
	stats(t, s)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	p.expectClose(1001)
	if err := receive(t, ended); err != nil {
		t.Fatal(err)
	}
	st, err := s.Stats(t.Context())
	if err != ErrShutdown || len(st.Loops) != 1 || st.Loops[0].BegunWebSocket != 1 || !st.Loops[0].Held {
		t.Errorf("after the end: %v, %+v", err, st.Loops)
	}
}

// TestStatsWhileAllComeAndGo: no counter goes back, and in the end all that came has gone.
func TestStatsWhileAllComeAndGo(t *testing.T) {
	s := start(t, Options{Loops: 2}, echoes)
	var coming sync.WaitGroup
	for i := range 4 {
		coming.Go(func() {
			for range 10 {
				p := join(t, s)
				p.send(`421["echo","a"]`)
				p.expect(`431["a"]`)
				if i%2 == 0 {
					p.send("41")
				}
				p.leave()
			}
		})
	}
	gone := make(chan struct{})
	go func() { coming.Wait(); close(gone) }()
	var last LoopStats
	for done := false; !done; {
		select {
		case <-gone:
			done = true
		default:
		}
		now := stats(t, s).Total()
		for _, f := range []struct{ was, is uint64 }{
			{last.BegunWebSocket, now.BegunWebSocket},
			{last.Events, now.Events},
			{last.AcksOut, now.AcksOut},
			{last.BytesIn, now.BytesIn},
			{last.BytesOut, now.BytesOut},
			{last.Writes, now.Writes},
			{last.Ticks, now.Ticks},
			{uint64(last.Late), uint64(now.Late)},
		} {
			if f.is < f.was {
				t.Fatalf("a counter went back: %+v, then %+v", last, now)
			}
		}
		last = now
	}
	eventually(t, "all have gone", func() bool { now := stats(t, s).Total(); return now.Connections == 0 && now.WebSocketSessions == 0 })
	now := stats(t, s)
	closed := uint64(0)
	for _, n := range now.Closed {
		closed += n
	}
	if total := now.Total(); total.BegunWebSocket != 40 || closed != 40 || total.Sockets != 0 || total.Events != 40 || total.AcksOut != 40 {
		t.Errorf("in the end: %+v, %d closed", total, closed)
	}
}
