package session

import (
	"fmt"
	"strings"
	"testing"

	"starling/eventloop"
)

// The benchmarks run one loop over model peers: what Engine.IO costs beside the kernel.

// benchSessions are sessions over WebSockets, with what their requests have beside.
func benchSessions(b *testing.B, cfg *Config, n int, headers string) (*eventloop.Sim, []*echoUpper, []*eventloop.Peer) {
	var uppers []*echoUpper
	sim, _ := newTestTable(cfg, func(Request) Upper {
		uppers = append(uppers, &echoUpper{})
		return uppers[len(uppers)-1]
	})
	peers := make([]*eventloop.Peer, n)
	request := strings.TrimSuffix(upgradeRequest("/socket.io/?EIO=4&transport=websocket"), "\r\n") + headers + "\r\n"
	for i := range peers {
		peers[i] = sim.Open()
		peers[i].Send([]byte(request))
		peers[i].Got = nil
	}
	if len(uppers) != n {
		b.Fatalf("%d of %d sessions have begun", len(uppers), n)
	}
	return sim, uppers, peers
}

// echoUpper answers each message with itself.
type echoUpper struct{ Session }

func (u *echoUpper) Base() *Session  { return &u.Session }
func (u *echoUpper) OnText(b []byte) { u.Finish(append(u.Begin(), b...)) }
func (u *echoUpper) OnBinary([]byte) {}
func (u *echoUpper) OnDeadline()     {}
func (u *echoUpper) OnClose(Reason)  {}

// BenchmarkEcho is a message and its answer.
func BenchmarkEcho(b *testing.B) {
	_, _, peers := benchSessions(b, testConfig(), 1, "")
	frame := []byte("\x81\x95\x00\x00\x00\x00" + `42["message","hello"]`)
	b.ReportAllocs()
	for b.Loop() {
		peers[0].Got = peers[0].Got[:0]
		peers[0].Send(frame)
	}
	if got := string(peers[0].Got); got != "\x81\x15"+`42["message","hello"]` {
		b.Fatalf("got %q", got)
	}
}

// BenchmarkSend is a message to a thousand sessions, encoded once.
func BenchmarkSend(b *testing.B) {
	for _, row := range []struct {
		name, headers string
		size          int
	}{
		{"plain", "", 40},
		{"deflated", "Sec-WebSocket-Extensions: permessage-deflate\r\n", 2000},
	} {
		b.Run(row.name, func(b *testing.B) {
			cfg := testConfig()
			cfg.Deflate = true
			sim, uppers, peers := benchSessions(b, cfg, 1000, row.headers)
			text := strings.Repeat("x", row.size)
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range peers {
					p.Got = p.Got[:0]
				}
				var m Prepared
				m.Prepare(append(BeginMessage(make([]byte, 0, 128)), text...), nil)
				sim.Loop().PostAlways(eventloop.TaskFunc(func(*eventloop.Loop) {
					for _, u := range uppers {
						u.Send(&m, false)
					}
				}))
				sim.Run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(peers)), "ns/delivery")
		})
	}
}

// BenchmarkPrepare is what a message costs before the first session gets it.
func BenchmarkPrepare(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchPrepared = new(Prepared)
		benchPrepared.Prepare(append(BeginMessage(make([]byte, 0, 128)), `2["message","hello"]`...), nil)
	}
}

var benchPrepared *Prepared // so that it is not on a stack

// BenchmarkPoll is a GET that waits, and its answer of two messages; and a GET whose answer is compressed.
func BenchmarkPoll(b *testing.B) {
	for _, size := range []int{20, 2000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			k := newTalk(b)
			k.restart("interval=24h timeout=24h")
			k.begin("0")
			peer, session := k.end.peer, &k.last.Session
			var m Prepared
			m.Prepare(append(BeginMessage(nil), strings.Repeat("x", size)...), nil)
			emit := eventloop.TaskFunc(func(*eventloop.Loop) { session.Send(&m, false); session.Send(&m, false) })
			get := []byte("GET " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
			b.ReportAllocs()
			for b.Loop() {
				peer.Got = peer.Got[:0]
				peer.Send(get)
				session.table.loop.PostAlways(emit)
				k.sims[0].Run()
			}
		})
	}
}

// BenchmarkRequests are requests that are answered at once, each with what comes of it.
func BenchmarkRequests(b *testing.B) {
	for _, row := range []struct{ name, request, answer string }{
		{"refused", "GET " + pollTarget + "AAECAwQFBgcICQoLDA0B HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
		{"POST", "POST " + pollTarget + "AAECAwQFBgcICQoLDA0A HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3", "HTTP/1.1 200 "},
	} {
		b.Run(row.name, func(b *testing.B) {
			k := newTalk(b)
			k.restart("interval=24h timeout=24h")
			k.begin("0")
			request := []byte(row.request)
			b.ReportAllocs()
			for b.Loop() {
				k.end.peer.Got = k.end.peer.Got[:0]
				k.end.peer.Send(request)
			}
			if got := string(k.end.peer.Got); !strings.HasPrefix(got, row.answer) {
				b.Fatalf("got %q", got)
			}
		})
	}
}

// BenchmarkBegin is a session's way from its connection to its end.
func BenchmarkBegin(b *testing.B) {
	for _, row := range []struct{ name, request string }{
		{"polling", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
		{"websocket", upgradeRequest("/socket.io/?EIO=4&transport=websocket")},
		{"refused", upgradeRequest("/socket.io/?EIO=3&transport=websocket")},
	} {
		b.Run(row.name, func(b *testing.B) {
			sim, table := newTestTable(testConfig(), func(Request) Upper { return &echoUpper{} })
			request := []byte(row.request)
			b.ReportAllocs()
			for b.Loop() {
				p := sim.Open()
				p.Send(request)
				for _, s := range table.sessions {
					s.Close(TransportError)
				}
				p.Hangup(nil)
			}
		})
	}
}
