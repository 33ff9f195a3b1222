package advisories_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/internal/starlingtest"
)

// advisory is what somebody was warned of.
type advisory struct {
	id    string // CVE, GHSA or the commit that mended it; several are separated by commas
	fault string // what was wrong there

	rows      []row
	elsewhere []string // tests that prove it too, as folder.TestName or folder.TestName/name of a row
	reason    string   // why nothing of the kind can be sent to this server
}

// row is an input and what must come of it: of messages, frames, request and do it has one.
type row struct {
	name string
	on   kind
	over []transport // nil: every way that there is for this input

	messages []string // Engine.IO packets of a client in the main namespace
	unjoined bool     // which it is not in yet
	frames   string   // a picture of what a WebSocket sends
	code     int      // what the session ends with, 1005 for an empty close frame and for who polls; 0: it goes on

	request string // SID stands for a session that polls, which must outlive the request
	status  int
	body    string // "" for any
	without string // a header that the answer must not have
	costs   bool   // the session, of which something may have been lost

	do func(t *testing.T, s *stage, how transport)
}

// advisories are all of them.
var advisories = slices.Concat(ofTheReference, ofWS, ofOthers)

// TestAdvisories sends every input over each transport that it applies to. Meanwhile an audience hears all that it should,
// and afterwards the server has no descriptor and little memory more than before.
func TestAdvisories(t *testing.T) {
	t.Run("servers of their own", func(t *testing.T) {
		t.Parallel()
		for _, a := range advisories {
			for _, r := range a.rows {
				if r.on == alone {
					r.testAlone(t, a.id)
				}
			}
		}
	})
	for _, k := range []kind{plain, deflates, small, large, wildcard} {
		t.Run("starling roomapp "+string(k), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, k)
			for _, a := range advisories {
				for _, r := range a.rows {
					if r.on == k {
						r.test(t, s, a.id)
					}
				}
			}
			s.end(t)
		})
	}
}

func (r *row) test(t *testing.T, s *stage, id string) {
	for _, how := range r.ways() {
		s.withstands(t, func() {
			t.Run(fmt.Sprintf("%s/%s/%s", id, r.name, how), func(t *testing.T) {
				switch {
				case r.do != nil:
					r.do(t, s, how)
				case r.request != "":
					r.ask(t, s, how)
				default:
					r.say(t, s, how)
				}
			})
		})
	}
}

func (r *row) testAlone(t *testing.T, id string) {
	for _, how := range r.ways() {
		t.Run(fmt.Sprintf("%s/%s/%s", id, r.name, how), func(t *testing.T) { r.do(t, nil, how) })
	}
}

// ways are what an input goes over: frames need a WebSocket, and a request names its transport itself.
func (r *row) ways() []transport {
	switch {
	case r.over != nil:
		return r.over
	case r.request != "":
		return []transport{polling}
	case r.frames != "":
		return []transport{webSocket, upgraded}
	}
	return everyWay
}

// say has a client send messages or frames, and then either go on or hear that it cannot.
func (r *row) say(t *testing.T, s *stage, how transport) {
	p, err := enter(s, how, !r.unjoined)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	sent := make(chan error, 1)
	go func() {
		if r.frames != "" {
			_, err := p.ws.Write(starlingtest.Wire(r.frames))
			sent <- err
		} else {
			sent <- p.send(r.messages...)
		}
	}()
	if r.code == 0 {
		if err := errors.Join(<-sent, p.goOn(r.unjoined)); err != nil {
			t.Error(err)
		}
		return
	}
	if !p.onWebSocket() { // the POST is answered first
		if err := <-sent; err != nil && err != error(starlingtest.StatusError{Status: 400}) {
			t.Error(err)
		}
		sent <- nil
	}
	if err := p.wantEnd(r.code); err != nil {
		t.Error(err)
	}
	p.close()
	<-sent // of what ends a session not everything need be taken
}

// goOn wants a session to be as good as ever.
func (p *peer) goOn(unjoined bool) error {
	if unjoined {
		if err := p.join(); err != nil {
			return err
		}
	}
	return p.echo()
}

// ask sends a request, beside a session that goes on.
func (r *row) ask(t *testing.T, s *stage, how transport) {
	p, err := enter(s, how, true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	got, err := ask(s.Addr, strings.Replace(r.request, "SID", p.poll.SID, 1))
	if err != nil || got.Status != r.status || r.body != "" && got.Body != r.body {
		t.Errorf("answered with %d and %.200q, %v; want %d %s", got.Status, got.Body, err, r.status, r.body)
	}
	if r.without != "" && got.Header[r.without] != nil {
		t.Errorf("the answer has %s: %q", r.without, got.Header[r.without])
	}
	if r.costs {
		err = p.wantEnd(1005)
	} else {
		err = p.echo()
	}
	if err != nil {
		t.Errorf("the session that the request names: %v", err)
	}
}

// Requests that are made of a query and header lines, on every way that there is.
func requests(name, query string, status int, body string, headers ...string) []row {
	target := "/socket.io/?" + query
	of := func(what, request string) row {
		return row{name: name + ", " + what, request: request, status: status, body: body, without: "Access-Control-Allow-Origin"}
	}
	return []row{
		of("as a GET", starlingtest.GetRequest(target, headers...)),
		of("as a POST", starlingtest.PostRequest(target, "42", headers...)),
		of("as a WebSocket", withHeader(starlingtest.UpgradeRequest(target), headers...)),
	}
}
