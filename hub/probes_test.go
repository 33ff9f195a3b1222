package hub

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// probe is a short conversation that was held with the reference server.
type probe struct {
	Probe    string
	Sent     []string
	Received []string
	WSClose  []any   // the code that the client sees, nil if it closes itself
	Server   [][]any // what happened on the server
}

// difference is what we do otherwise than the reference, on purpose.
type difference struct {
	why    string
	change func(*probe)
}

var differences = map[string]difference{
	"ws EIO '1' close": {
		"the reference ignores an Engine.IO close and waits for its ping timeout",
		func(p *probe) { p.WSClose = []any{1005.0, ""} },
	},
	"ws DISCONNECT '41' then event": {
		"the reference shows an event behind a disconnect to catch-all listeners, though not to the event's own; it has none here",
		func(p *probe) { p.Server = slices.DeleteFunc(p.Server, func(e []any) bool { return e[0] == "event" }) },
	},
}

// TestProbes holds the conversations that were recorded with the reference server.
func TestProbes(t *testing.T) {
	content, err := os.ReadFile("testdata/probes.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Rows []probe }
	if err := json.Unmarshal(content, &file); err != nil || len(file.Rows) == 0 {
		t.Fatalf("%d probes, %v", len(file.Rows), err)
	}
	noted := newNotes()
	s := start(t, Options{PingInterval: PingIntervalDefault}, func(s *Server) {
		probeApp(s.Namespace, noted)
		probeApp(s.Of("/custom"), noted)
	})
	met := 0
	for _, p := range file.Rows {
		if d, ok := differences[p.Probe]; ok {
			met++
			d.change(&p)
		}
		t.Run(p.Probe, func(t *testing.T) { p.hold(t, s, noted) })
	}
	if met != len(differences) {
		t.Errorf("%d of %d differences belong to a probe", met, len(differences))
	}
}

// probeApp does what the recording server did.
func probeApp(n *Namespace, noted notes) {
	n.OnConnect(func(s *Socket) { noted.add("connection %s", n.Name()) })
	n.OnDisconnect(func(s *Socket, reason Reason) { noted.add("disconnect %s %s", n.Name(), reason) })
	handle := func(event string, do func(*Socket, *Event)) {
		n.On(event, func(s *Socket, e *Event) {
			noted.add("event %s", eventJSON(e))
			do(s, e)
		})
	}
	handle("a", func(*Socket, *Event) {})
	handle("y", func(*Socket, *Event) {})
	handle("x", func(*Socket, *Event) {})
	handle("1", func(*Socket, *Event) {})
	handle("ackme", func(_ *Socket, e *Event) {
		if values, err := e.Values(0); err == nil && e.WantsAck() {
			_ = e.Ack(values...)
		}
	})
	handle("bin", func(s *Socket, _ *Event) {
		_ = s.Emit("bin", []byte{1, 2}, map[string]any{"a": []any{[]byte{3}}})
	})
	handle("kick", func(s *Socket, _ *Event) { s.Disconnect(false) })
	handle("kickhard", func(s *Socket, _ *Event) { s.Disconnect(true) })
}

// eventJSON is an event as the recording server wrote it: numbers as names stay numbers, the ack's callback is null.
func eventJSON(e *Event) string {
	name := strconv.Quote(e.Name())
	if _, err := strconv.Atoi(e.Name()); err == nil {
		name = e.Name()
	}
	parts := []string{name}
	for i := range e.Len() {
		parts = append(parts, string(e.Raw(i)))
	}
	if e.WantsAck() {
		parts = append(parts, "null")
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// hold has the conversation.
func (p *probe) hold(t *testing.T, s *Server, noted notes) {
	query := ""
	if strings.HasSuffix(p.Probe, "b64=1") {
		query = "&b64=1"
	}
	c := dial(t, s, query)
	c.t = t
	sent := slices.Clone(p.Sent)
	for i, m := range sent {
		sent[i] = inFull(m)
	}
	c.send(sent...)
	c.expect(p.Received...)
	if p.WSClose != nil {
		c.expectClose(int(p.WSClose[0].(float64)))
	} else {
		c.leave()
	}
	noted.expect(t, p.happened()...)
	noted.none(t)
}

// inFull undoes the shortening of a long message: its letters, three dots, and its length in brackets.
func inFull(m string) string {
	head, length, ok := strings.Cut(m, "...(")
	if !ok {
		return m
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(length, ")"))
	return head + strings.Repeat(head[len(head)-1:], n-len(head))
}

// happened is what the server's application saw: what a session or a parser tells its own library has no counterpart.
func (p *probe) happened() (all []string) {
	for _, e := range p.Server {
		kind, nsp, _ := strings.Cut(e[0].(string), " ")
		switch {
		case kind == "connection":
			all = append(all, fmt.Sprintf("connection %s", e[1]))
		case kind == "disconnect" && nsp == "":
			all = append(all, fmt.Sprintf("disconnect / %s", e[1]))
		case kind == "disconnect":
			all = append(all, fmt.Sprintf("disconnect %s %s", nsp, e[1]))
		case kind == "event":
			all = append(all, fmt.Sprintf("event %s", e[1]))
		}
	}
	return all
}
