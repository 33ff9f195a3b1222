package hub

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// httpProbe is a short conversation over HTTP that was held with the reference server.
type httpProbe struct {
	Probe     string
	Session   string // new, connected to the main namespace, the same as in the probe before; or none
	Exchanges []exchange
	Server    [][]any
}

// exchange is a request, on a connection of its own, and what came of it.
type exchange struct {
	Send     string
	Says     []string // by WebSocket
	Got      string
	Messages []string // by WebSocket
	Closed   *string  // what ended the connection; nil if it stayed

	want answer // what Got says
}

// httpDifference is what we do otherwise than the reference over HTTP, on purpose.
type httpDifference struct {
	why    string
	change func(all []exchange)
}

// refused makes an answer one without any content.
func refused(status int) func([]exchange) {
	return func(all []exchange) { all[0].want = answer{status: status, header: http.Header{}} }
}

var httpDifferences = map[string]httpDifference{
	"OPTIONS preflight": {
		"the answer to a preflight (rs/cors) permits the method that was asked for, and varies by it",
		func(all []exchange) {
			all[0].want.header.Set("Access-Control-Allow-Methods", "POST")
			all[0].want.header.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
		},
	},
	"no trailing slash": {
		"without Options.Handler there is nobody outside of the path, and the connection ends with the answer that says so",
		func(all []exchange) { all[0].want.close = true },
	},
	"unknown sid POST": {
		"a body that nobody wants is not read, and ends its connection",
		func(all []exchange) { all[0].want.close = true },
	},
	"POST octet-stream": {
		"a body that nobody wants is not read, and ends its connection",
		func(all []exchange) { all[0].want.close = true },
	},
	"HEAD with sid": {
		"a method that means nothing is the client's mistake and not ours",
		func(all []exchange) {
			all[0].want = answer{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {"GET, POST"}}}
		},
	},
	"POST empty body":      {"the client learns that its packets made no sense", refused(http.StatusBadRequest)},
	"POST malformed 'abc'": {"the client learns that its packets made no sense", refused(http.StatusBadRequest)},
	"concurrent POST": {
		"the first one is answered too",
		func(all []exchange) {
			all[0].want = answer{status: http.StatusBadRequest, header: http.Header{}, close: true}
		},
	},
	"binary event over polling": {
		"a packet and its attachments go in one answer",
		func(all []exchange) { all[0].want.body += "\x1ebAQI=\x1ebAw==" },
	},
	"upgrade unknown sid":       {"the text that refuses an upgrade is plain text", plainText},
	"upgrade unknown transport": {"the text that refuses an upgrade is plain text", plainText},
	"upgrade transport=polling": {
		"what cannot be upgraded is refused, and not accepted and closed",
		func(all []exchange) {
			all[0].want = answer{status: http.StatusBadRequest, body: "Bad request", close: true, header: http.Header{}}
			all[0].Messages = nil
			plainText(all)
		},
	},
	"upgrade with Origin (CORS headers in 101)": {
		"browsers do not look at CORS headers of a 101",
		func(all []exchange) { withoutCORS(all[0].want.header) },
	},
	"upgrade other path": {
		"an upgrade outside of the path is refused like any other request there",
		func(all []exchange) {
			all[0].want = answer{status: http.StatusNotFound, header: http.Header{}, close: true}
		},
	},
}

func plainText(all []exchange) {
	all[0].want.header.Set("Content-Type", "text/plain; charset=utf-8")
}

func withoutCORS(h http.Header) {
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary"} {
		h.Del(name)
	}
}

// prepare reads what was recorded, less CORS headers where nobody has asked for them: the reference sends them with every
// answer, and here they go to allowed origins only.
func (p *httpProbe) prepare(t *testing.T) {
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		if x.Got == "" {
			continue
		}
		var err error
		if x.want, err = readRecorded(x.Got, x.Send); err != nil {
			t.Fatal(err)
		}
		x.want.close = x.Closed != nil
		if !strings.Contains(x.Send, "\r\nOrigin: ") {
			withoutCORS(x.want.header)
		}
	}
}

// recordedLength is a length that is not true any more, since ids were replaced.
var recordedLength = regexp.MustCompile(`Content-Length: \d+\r\n`)

// readRecorded reads a response that was recorded.
func readRecorded(response, request string) (answer, error) {
	method, _, _ := strings.Cut(request, " ")
	response = recordedLength.ReplaceAllString(response, "")         // so the body goes on to the end
	if _, body, _ := strings.Cut(response, "\r\n\r\n"); body == "" { // of large ones the heads alone were recorded
		response = strings.Replace(response, "Transfer-Encoding: chunked\r\n", "", 1)
	}
	return readResponse(bufio.NewReader(strings.NewReader(response)), method)
}

// TestHTTPProbes holds the conversations over HTTP that were recorded with the reference server.
func TestHTTPProbes(t *testing.T) {
	content, err := os.ReadFile("testdata/probes_http.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Rows []httpProbe }
	if err := json.Unmarshal(content, &file); err != nil || len(file.Rows) == 0 {
		t.Fatalf("%d probes, %v", len(file.Rows), err)
	}
	noted := newNotes()
	s := start(t, Options{
		PingInterval: PingIntervalDefault,
		Loops:        4, Origins: []string{"http://good.example"}, Credentials: true, AllowRequest: func(r *http.Request) error {
			switch q := r.URL.Query(); {
			case q.Has("deny"):
				return errors.New("nope")
			case q.Has("deny2"):
				return errors.New("Forbidden")
			}
			return nil
		},
	}, func(s *Server) { probeApp(s.Namespace, noted) })
	met, sid := 0, ""
	for _, p := range file.Rows {
		p.prepare(t)
		if d, ok := httpDifferences[p.Probe]; ok {
			met++
			d.change(p.Exchanges)
		}
		t.Run(p.Probe, func(t *testing.T) {
			switch p.Session {
			case "new":
				sid = openWire(t, s).handshake()
			case "connected":
				_, sid = joinPolling(t, s)
				noted.expect(t, "connection /")
			}
			p.hold(t, s, sid)
			noted.expect(t, (&probe{Server: p.Server}).happened()...)
			noted.none(t)
		})
	}
	if met != len(httpDifferences) {
		t.Errorf("%d of %d differences belong to a probe", met, len(httpDifferences))
	}
}

// hold has the conversation: one exchange after the other, or two at once.
func (p *httpProbe) hold(t *testing.T, s *Server, sid string) {
	for i := range p.Exchanges {
		p.Exchanges[i].Send = strings.ReplaceAll(p.Exchanges[i].Send, "<sid>", sid)
	}
	switch p.Probe {
	case "concurrent GET", "concurrent POST", "binary event over polling":
		p.holdBoth(t, s)
	case "aborted poll":
		before := s.sessions()
		w := openWire(t, s)
		w.send(p.Exchanges[0].Send)
		w.conn.Close()
		eventually(t, "the session is over", func() bool { return s.sessions() == before-1 })
		p.Exchanges[1].hold(t, openWire(t, s))
	case "upgrade: non-probe first packet": // the session goes on polling
		w := openWire(t, s)
		p.Exchanges[0].hold(t, w)
		poll := openWire(t, s)
		poll.send(p.Exchanges[1].Send)
		emit(t, s, "still polling")
		poll.expect("GET", http.StatusOK, `42["still polling"]`)
	default:
		for i := range p.Exchanges {
			p.Exchanges[i].hold(t, openWire(t, s))
		}
	}
}

// hold holds one exchange on a connection.
func (x *exchange) hold(t *testing.T, w *wire) {
	t.Helper()
	x.check(t, w, w.ask(x.Send))
	if len(x.Messages) == 0 {
		return
	}
	c := w.socket(t)
	c.send(x.Says...)
	c.expect(x.Messages...)
}

// check holds an answer against what is wanted. A connection that has not ended is good for another request.
func (x *exchange) check(t *testing.T, w *wire, got answer) {
	t.Helper()
	if got.String() != x.want.String() {
		t.Fatalf("%.100q is answered with\n%v\nwant\n%v", x.Send, got, x.want)
	}
	switch {
	case got.status == http.StatusSwitchingProtocols:
	case got.close:
		w.ended()
	default:
		if a := w.ask(getRequest("/socket.io/?EIO=4&transport=pigeon")); a.status != http.StatusBadRequest {
			t.Fatalf("the next request on the connection is answered with %v", a)
		}
	}
}

// holdBoth sends two requests before it reads an answer. Which of two GETs comes first is nobody's to say.
func (p *httpProbe) holdBoth(t *testing.T, s *Server) {
	wires := []*wire{openWire(t, s), openWire(t, s)}
	first := p.Exchanges[0].Send
	if strings.HasPrefix(first, "POST") { // whose head a loop has read when it answers, and the session's loop a task later
		wires[0].send(strings.Replace(first, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1))
		wires[0].expect("POST", http.StatusContinue, "")
		s.sessions()
	} else {
		wires[0].send(first)
	}
	wires[1].send(p.Exchanges[1].Send)
	answers := []answer{wires[0].answer("GET"), wires[1].answer("GET")}
	if p.Probe == "concurrent GET" && answers[0].status > answers[1].status {
		slices.Reverse(answers)
		slices.Reverse(wires)
	}
	for i := range p.Exchanges {
		p.Exchanges[i].check(t, wires[i], answers[i])
	}
}

// sessions is how many sessions there are on all loops.
func (s *Server) sessions() (n int) {
	for _, sh := range s.column() {
		count := make(chan int)
		sh.loop.PostAlways(taskFunc(func() { count <- sh.table.Len() }))
		n += <-count
	}
	return n
}
