package hub

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"starling/eventloop"
	"starling/hub/internal/session"
	"starling/wsproto"
)

// FuzzSession holds whole sessions, over a WebSocket and by polling, against slowSession: a program of bytes says what the
// client sends, cuts into what pieces it falls on its way. What handlers see, what the client is told, and how it ends must
// be what the model says, whatever the cuts.
func FuzzSession(f *testing.F) {
	for _, seed := range sessionSeeds {
		var program []byte
		for _, part := range seed {
			program = append(append(program, part[0], byte(len(part)-1)), part[1:]...)
		}
		f.Add(program, []byte{3, 1, 200, 9}, false)
		f.Add(program, []byte{30, 7, 1}, true)
	}
	f.Fuzz(func(t *testing.T, program, cuts []byte, polls bool) {
		if len(program) > 2000 {
			t.Skip("more events than may wait for handlers") // see MailboxEventsMax
		}
		all := decodeProgram(program)
		for _, cuts := range [][]byte{nil, cuts} {
			holdSession(t, all, cuts, polls)
		}
	})
}

// sessionSeeds are programs, each part a kind and its bytes; see decodeProgram.
var sessionSeeds = [][]string{
	{"\x02[1,2]", "\x03{\"a\":[null,true]}", "\x05/b,", "\x04\"x\"", "\x06/b,", "\x04\"gone\""},
	{"\x07", "\x0a\x01\x02\x03", "\x09,5", "\x0aabc", "\x00bAAEC"},
	{"\x080[\"yes\"]", "\x081[]", "\x0801[7]", "\x085[1]", "\x08", "\x080[2]"},
	{"\x05/none,", "\x05{\"token\":1}"},
	{"\x06", "\x02late", "\x05", "\x031"},
	{"\x0bping", "\x003", "\x000", "\x006", "\x00"},
	{"\x012[\"connect\"]"},
	{"\x012[1e21,-0,1.5]", "\x012[0.0000001]", "\x012[-0]", "\x012[1e999]"},
	{"\x0151-[\"e\",{\"_placeholder\":true,\"num\":1}]"},
	{"\x0151-[\"e\",{\"_placeholder\":true,\"num\":0,\"num\":0}]"},
	{"\x012\xff"},
	{"\x0142[\"e\"] ", "\x012 [ \"e\" , 1 ] ", "\x012/b?x=1,[\"e\"]"},
	{"\x0b\x02", "\x001"},
	{"\x002"},
	{"\x0242\x1e42[\"e\",1]"},
	{"\x05/b", "\x06/b", "\x05/b,{}", "\x01299999999999999999[\"e\"]"},
	{"\x012[1e21]", "\x012[\"e\"]", "\x05/b", "\x012/b,[1]", "\x012[2]", "\x012/b,7[3]", "\x0128[4]"},
}

// heardSession is what came of a session.
type heardSession struct {
	events, others, says, later, replies []string
	ended                                session.Reason
}

func (h heardSession) String() string {
	return fmt.Sprintf("events %.2000q\nothers %.2000q\nsays %.2000q\nlater %.500q\nreplies %.500q\nended with %v", h.events, h.others, h.says, h.later, h.replies, h.ended)
}

// holdSession has a session with a server and with the model, and compares.
func holdSession(t *testing.T, all []input, cuts []byte, polls bool) {
	m := newSlowSession()
	got := &heardSession{}
	s := simulateByHand(t, got)
	talk := s.overWebSocket
	if polls {
		talk = s.byPolling
		m.polled(all)
	} else {
		m.framed(all)
	}
	peers := talk(all, cuts, got)
	closed := s.shard().table.Stats().Closed
	if i := slices.IndexFunc(closed[:], func(n uint64) bool { return n > 0 }); i >= 0 {
		got.ended = session.Reason(i)
	}
	if polls { // whose end is told by answers
		m.says = slices.DeleteFunc(m.says, func(s string) bool { return strings.HasPrefix(s, "<close ") })
	}
	want := heardSession{m.events, m.others, m.says, m.later, m.replies, m.ended}
	for _, list := range [][]string{got.others, got.later, want.others, want.later} { // a turn is that of a socket
		slices.SortStableFunc(list, byNamespace)
	}
	if (m.ended != 0 || m.left) && isSubsequence(got.later, want.later) { // the handlers of the others came too late
		want.later = got.later
	}
	if polls && m.ended != 0 && m.ended != session.ForcedClose && len(got.says) < len(want.says) { // nor is a client told that has broken the protocol
		want.says = want.says[:len(got.says)]
	}
	if want.String() != got.String() {
		t.Fatalf("cuts %v, polls %v, sent %q\ngot\n%v\nwant\n%v", cuts, polls, all, got, want)
	}
	s.gone(t, peers)
}

// byNamespace puts what "/b" has seen or answered behind what "/" has.
func byNamespace(a, b string) int {
	return strings.Count(a[:4], "/b") - strings.Count(b[:4], "/b")
}

// isSubsequence reports whether some is all with elements left out.
func isSubsequence(some, all []string) bool {
	for _, s := range all {
		if len(some) > 0 && some[0] == s {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// framed gives the model what comes over a WebSocket.
func (m *slowSession) framed(all []input) {
	for _, in := range all {
		switch {
		case m.ended != 0:
			return
		case in.op == wsproto.OpText:
			m.text(string(in.data))
		case in.op == wsproto.OpBinary:
			m.attachment(in.data)
		default:
			m.says = append(m.says, fmt.Sprintf("<pong %x>", in.data))
		}
	}
}

// polled gives the model what comes with POSTs, one for each message.
func (m *slowSession) polled(all []input) {
	for _, in := range all {
		if m.ended != 0 {
			return
		}
		body := postBody(in)
		if !utf8.ValidString(body) {
			m.end(session.ParseError)
			return
		}
		for _, p := range strings.Split(body, "\x1e") {
			if m.ended == 0 {
				m.packet(p)
			}
		}
	}
}

func postBody(in input) string {
	if in.op == wsproto.OpText {
		return string(in.data)
	}
	return "b" + base64.StdEncoding.EncodeToString(in.data)
}

// simulateByHand makes a simulated server whose handlers run when run is called.
func simulateByHand(t *testing.T, got *heardSession) *simulation {
	note := func(seen *[]string, s *Socket, e *Event) {
		*seen = append(*seen, fmt.Sprintf("%s %q %s", s.nsp.name, e.Name(), quickArguments(&e.Arguments)))
	}
	return simulate(t, Options{}, func(s *Server) {
		s.workers.limit = 0
		for _, nsp := range []string{"/", "/b"} {
			n := s.Of(nsp)
			n.OnLoop("e", func(s *Socket, e *Event) {
				note(&got.events, s, e)
				_ = e.Ack(e.Len()) // of those that want none ErrAcked
			})
			n.OnOther(func(s *Socket, e *Event) {
				note(&got.others, s, e)
				_ = e.Ack("other")
			})
		}
	})
}

// run runs all handlers that wait, in order.
func (s *simulation) run() {
	w := &s.workers
	for len(w.waiting) > 0 {
		m := w.waiting[0]
		if j, ok := m.take(); ok {
			w.do(m, j)
			continue
		}
		w.waiting = w.waiting[1:]
		m.queue.mail.CompareAndSwap(m, nil)
	}
	s.sim.Run()
}

// owe has the server ask a socket for three acknowledgements.
func (s *simulation) owe(t *testing.T, got *heardSession) {
	x := s.shard().space(s.Namespace).index
	x.Each(nil, nil, func(socket *Socket) {
		for i := range 3 {
			err := socket.EmitAck(0, "q", func(r *Reply, err error) {
				if err == nil {
					got.replies = append(got.replies, fmt.Sprint(i)+quickArguments(&r.Arguments))
				}
			}, i)
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	s.sim.Run()
}

// hear takes a packet that the client got.
func (h *heardSession) hear(m string) {
	switch m = sids.ReplaceAllString(m, `"sid":"<20>"`); {
	case strings.HasSuffix(m, `["other"]`):
		h.later = append(h.later, m)
	default:
		h.says = append(h.says, m)
	}
}

// overWebSocket has the session over a WebSocket.
func (s *simulation) overWebSocket(all []input, cuts []byte, got *heardSession) []*eventloop.Peer {
	p := s.join()
	s.owe(s.t.(*testing.T), got)
	p.expect(`420["q",0]`, `421["q",1]`, `422["q",2]`)
	var out []byte
	for i, in := range all {
		if len(in.data) > 1 && i%3 == 2 && in.op != wsproto.OpPing { // in fragments
			out = append(out, frame(in.op, false, in.data[:1])...)
			out = append(out, frame(wsproto.OpContinuation, true, in.data[1:])...)
			continue
		}
		out = append(out, frame(in.op, true, in.data)...)
	}
	inPieces(out, cuts, func(piece []byte) {
		p.Send(piece)
		s.run()
	})
	for _, m := range p.got() {
		got.hear(m)
	}
	return []*eventloop.Peer{p.Peer}
}

// inPieces cuts bytes. Each cut is the length of a piece, over and over.
func inPieces(out, cuts []byte, send func([]byte)) {
	for i := 0; len(out) > 0; i++ {
		n := len(out)
		if len(cuts) > 0 {
			n = min(n, 1+int(cuts[i%len(cuts)]))
		}
		send(out[:n])
		out = out[n:]
	}
}

// byPolling has the session with a GET that always waits, and one POST after the other.
func (s *simulation) byPolling(all []input, cuts []byte, got *heardSession) []*eventloop.Peer {
	t := s.t.(*testing.T)
	get, post := s.sim.Open(), s.sim.Open()
	request := func(method, query, body string) []byte {
		return fmt.Appendf(nil, "%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", method, query, len(body), body)
	}
	get.Send([]byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"))
	_, rest, ok := bytes.Cut(get.Got, []byte(`"sid":"`))
	if !ok {
		t.Fatalf("no session: %q", get.Got)
	}
	sid := "&sid=" + string(rest[:20])
	get.Got = nil
	poll := fmt.Appendf(nil, "GET /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: x\r\n\r\n", sid)
	ended := false
	hear := func(each func(string)) {
		for len(get.Got) > 0 && !ended {
			body := answerBody(t, &get.Got)
			for _, p := range strings.Split(body, "\x1e") {
				if p == "1" || p == "6" || strings.HasPrefix(p, `{"code":`) {
					ended = true
				} else {
					each(p)
				}
			}
			if !ended {
				get.Send(poll)
			}
		}
	}
	get.Send(poll)
	post.Send(request("POST", sid, "40"))
	hear(func(string) {})
	s.owe(t, got)
	hear(func(string) {})
	post.Got = nil
	for _, in := range all {
		inPieces(request("POST", sid, postBody(in)), cuts, func(piece []byte) {
			post.Send(piece)
			s.run()
			hear(got.hear)
		})
		if !bytes.HasPrefix(post.Got, []byte("HTTP/1.1 200 ")) || s.shard().table.Len() == 0 {
			break
		}
		post.Got = nil
	}
	return []*eventloop.Peer{get, post}
}

// answerBody takes one response with its body off the front of what has come.
func answerBody(t *testing.T, got *[]byte) string {
	a := &link{run: &columnRun{t: t}, buf: *got}
	_, body, ok := a.answer()
	if !ok {
		t.Fatalf("half an answer: %q", *got)
	}
	*got = a.buf
	return body
}

// gone wants nothing to be left when the client has gone.
func (s *simulation) gone(t *testing.T, peers []*eventloop.Peer) {
	for _, p := range peers {
		p.Hangup(io.EOF)
	}
	if len(owners(s.sim.Loop())) > 0 {
		s.sim.Advance(46 * time.Second) // a heartbeat, or a client that polls and does not hear of the end
	}
	s.run()
	if n := len(owners(s.sim.Loop())); n > 0 || s.shard().table.Len() > 0 || s.SocketsCount() > 0 || s.sim.Panics() > 0 || s.workers.panics.Load() > 0 {
		t.Fatalf("left are %d timers, %d sessions, %d sockets; there were %d panics", n, s.shard().table.Len(), s.SocketsCount(), s.sim.Panics())
	}
}
