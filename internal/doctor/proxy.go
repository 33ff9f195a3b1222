package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// The names of what is tried through the public address.
const (
	proxyName   = "proxy"
	pollName    = "proxy: polling"
	socketName  = "proxy: WebSocket"
	stickyName  = "proxy: sessions"
	addressName = "proxy: client addresses"
	idleName    = "proxy: idle connections"
)

// proxy tries the way that clients take through the public address.
func (e *examination) proxy() []Result {
	if e.set.URL == "" {
		return []Result{{Check: proxyName, Verdict: Skip, Found: "no --url", Why: "What stands in front can only be tried from outside."}}
	}
	way, err := newRoute(e.sys, e.set.URL, e.set.Path)
	if err != nil {
		return []Result{{
			Check: proxyName, Verdict: Fail, Found: clip(e.set.URL), Wanted: "https://app.example.com", Why: "Nothing was tried: " + err.Error() + ".",
			Fix: []string{"--url https://app.example.com"},
		}}
	}
	polled := e.polling(way)
	results := []Result{polled, e.webSocket(way), e.sticky(way, polled.Verdict), {
		Check: addressName, Verdict: Skip, Found: "cannot be seen from outside",
		Why: "GET /v1/sockets/{id} of the control API shows the address that the server believes: --trusted-proxies, X-Forwarded-For.",
	}}
	return append(results, e.idle(way))
}

// polling begins a session as the stock client does.
func (e *examination) polling(way route) Result {
	r := Result{Check: pollName, Wanted: "a session", Why: "The stock client begins by polling."}
	open, a, err := e.begin(way)
	switch {
	case errors.Is(err, errNoOpen):
		return e.refused(r, a)
	case err != nil:
		return unreachable(r, err)
	}
	r.Verdict, r.Found = Pass, fmt.Sprintf("a session, heartbeat %v", open.heartbeat())
	_, _ = e.leave(way, open) // whether it is found there again is asked elsewhere
	return r
}

// begin begins a session that polls; errNoOpen says that the answer is another one.
func (e *examination) begin(way route) (opening, answer, error) {
	a, err := way.request(e.ctx, http.MethodGet, "transport=polling", "", "")
	if err != nil {
		return opening{}, a, err
	}
	if a.status != http.StatusOK {
		return opening{}, a, errNoOpen
	}
	open, err := parseOpening(a.body)
	open.cookies = a.cookies
	return open, a, err
}

// leave ends a session that polls, with Engine.IO's close packet, so that nobody waits for its heartbeat.
func (e *examination) leave(way route, open opening) (answer, error) {
	return way.request(e.ctx, http.MethodPost, "transport=polling&sid="+url.QueryEscape(open.SID), "1", open.cookies)
}

// webSocket begins a session over a WebSocket.
func (e *examination) webSocket(way route) Result {
	r := Result{Check: socketName, Wanted: "an upgrade", Why: "Without WebSockets all clients poll: more requests, more latency."}
	s, a, err := way.upgrade(e.ctx, "transport=websocket")
	switch {
	case errors.Is(err, errAccept):
		r.Verdict, r.Found = Fail, err.Error()
		r.Fix = upgradeFix
		return r
	case err != nil:
		return unreachable(r, err)
	case s == nil:
		return e.refused(r, a)
	}
	defer s.close()
	text, err := s.read(e.sys.Now().Add(stepTime))
	if err == nil {
		_, err = parseOpening(text)
	}
	if err != nil {
		r.Verdict, r.Found, r.Fix = Fail, "an upgrade, and then nothing: "+cause(err), upgradeFix
		return r
	}
	r.Verdict, r.Found = Pass, "an upgrade"
	return r
}

// sticky looks whether requests of one session, on connections of their own, come to the server that has it.
func (e *examination) sticky(way route, polled Verdict) Result {
	r := Result{Check: stickyName, Wanted: "found again", Why: "Requests of one client that polls come on several connections. On another server its session is unknown."}
	if polled != Pass {
		r.Verdict, r.Found = Skip, "there is no session"
		return r
	}
	found := 0
	for together := 1; together <= trials; together++ {
		var begun []opening
		for range together {
			open, a, err := e.begin(way)
			switch {
			case errors.Is(err, errNoOpen):
				return e.refused(r, a)
			case err != nil:
				return unreachable(r, err)
			}
			begun = append(begun, open)
		}
		for _, open := range begun {
			a, err := e.leave(way, open)
			if err != nil {
				return unreachable(r, err)
			}
			if a.status != http.StatusOK {
				r = e.refused(r, a)
				r.Found += fmt.Sprintf(", after %d found again", found)
				return r
			}
			found++
		}
	}
	r.Verdict, r.Found = Pass, fmt.Sprintf("%d of %[1]d found again", found)
	return r
}

// idle leaves a connection alone but for its heartbeat.
func (e *examination) idle(way route) Result {
	r := Result{Check: idleName, Why: "Between two heartbeats nothing is said. Who cuts such a connection off has its client connect again and again."}
	if !e.set.Slow {
		r.Verdict, r.Found = Skip, "only with --slow"
		return r
	}
	s, a, err := way.upgrade(e.ctx, "transport=websocket")
	switch {
	case err != nil:
		return unreachable(r, err)
	case s == nil:
		return e.refused(r, a)
	}
	defer s.close()
	text, err := s.read(e.sys.Now().Add(stepTime))
	open, bad := parseOpening(text)
	if err != nil || bad != nil {
		r.Verdict, r.Found = Skip, "there is no session"
		return r
	}
	hold := e.set.Hold
	if hold <= 0 {
		hold = open.heartbeat() + holdMargin
	}
	r.Wanted = "alive after " + hold.Round(time.Second/10).String()
	return e.hold(r, s, open, hold)
}

// hold answers heartbeats for a time and says nothing else. A client that is in no namespace is ended by the server itself after
// --connect-timeout.
func (e *examination) hold(r Result, s *socket, open opening, hold time.Duration) Result {
	begin := e.sys.Now()
	until := begin.Add(hold)
	stop := context.AfterFunc(e.ctx, s.close)
	defer stop()
	err := s.write(opText, connectPacket(e.set.Token))
	refusal, text := "", ""
	for err == nil {
		text, err = s.read(until)
		switch {
		case err != nil:
		case text == "2": // ping (Engine.IO v4, "Heartbeat")
			err = s.write(opText, []byte("3"))
		case strings.HasPrefix(text, "44"): // CONNECT_ERROR (Socket.IO v5)
			refusal = clip(text[2:])
		}
	}
	lasted := e.sys.Now().Sub(begin)
	alive := lasted.Round(time.Second / 10)
	switch {
	case e.ctx.Err() != nil:
		r.Verdict, r.Found = Skip, "interrupted"
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Verdict, r.Found = Pass, "alive after "+alive.String()
	case errors.Is(err, errEnded) && refusal != "" && lasted > time.Duration(open.PingInterval)*time.Millisecond:
		r.Verdict, r.Found = Pass, fmt.Sprintf("alive for %v, until the server ended a client without a token (--token)", alive)
	case errors.Is(err, errEnded):
		r.Verdict, r.Found, r.Fix = Warn, fmt.Sprintf("ended by the server after %v %s", alive, refusal), []string{"# with --token, for a client that may stay"}
	default:
		r.Verdict, r.Found, r.Fix = Fail, "cut off after "+alive.String(), idleFix
	}
	return r
}

// unknownSession is Engine.IO's code for a session that the server does not have.
const unknownSession = 1

// connectPacket is Socket.IO's CONNECT to the main namespace, with a token if there is one.
func connectPacket(token string) []byte {
	if token == "" {
		return []byte("40")
	}
	auth, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return []byte("40")
	}
	return append([]byte("40"), auth...)
}

var upgradeFix = []string{
	"proxy_http_version 1.1;                              # nginx",
	"proxy_set_header Upgrade $http_upgrade;",
	"proxy_set_header Connection $connection_upgrade;     # with the map of: starling init nginx",
}

var idleFix = []string{
	"proxy_read_timeout 75s;     # nginx: longer than the ping interval",
	"timeout tunnel 1h           # HAProxy",
	"# or a shorter --ping-interval than what cuts off",
}

// unreachable is the result when there was no answer.
func unreachable(r Result, err error) Result {
	r.Verdict, r.Found = Fail, "no answer: "+cause(err)
	r.Fix = []string{"# the name, the port, the certificate of --url; a firewall; and is anything running?"}
	return r
}

// cause is an error without the addresses that it is about, which the reader has given.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		err = io.EOF // net/http has seen the end first, and closed our side
	}
	return clip(err.Error())
}

// refused explains an answer that is another one than was wanted.
func (e *examination) refused(r Result, a answer) Result {
	r.Verdict, r.Found = Fail, fmt.Sprintf("status %d", a.status)
	if a.fault.code != noFault {
		r.Found += fmt.Sprintf(", %q", clip(a.fault.message))
	}
	switch {
	case a.status/100 == 3:
		r.Found += " to " + clip(a.location)
		r.Fix = []string{"# clients do not follow: give them that address, and --url too"}
	case a.fault.code == unknownSession:
		r.Fix = []string{
			"# several servers behind one address: send each client to one of them, by hash or by cookie:",
			"starling init nginx    # or haproxy, caddy",
			`# or have clients poll not at all: io(url, { transports: ["websocket"] })`,
		}
	case a.status == http.StatusBadRequest && r.Check != pollName:
		r.Why, r.Fix = "The proxy does not pass the Upgrade header on.", upgradeFix
	case a.status == http.StatusOK || a.status == http.StatusNotFound:
		r.Found += ", not from Socket.IO"
		r.Fix = []string{"# " + e.set.Path + " must go to the server, with its path: see starling init nginx"}
	case a.status == http.StatusForbidden:
		r.Fix = []string{"# something in front refuses, or --transports lacks this one"}
	case a.status == http.StatusServiceUnavailable:
		r.Fix = []string{"# the server is full, draining or short of memory, or the proxy does not reach it: GET /readyz says which"}
	default:
		r.Fix = []string{"# the proxy does not reach the server: is it up, at the address that the proxy has?"}
	}
	return r
}
