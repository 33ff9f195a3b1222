package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"starling/hub"
)

// Binary packets of an argument that a peer sends or gets: one attachment that stands for itself.
const attached = `{"_placeholder":true,"num":0}`

// payloads are arguments of an event, as packets behind the type of packet and the name of the event, and as values. The
// head is what stands before the name.
var payloads = []struct {
	name   string
	head   string // type and number of attachments
	args   string // behind the name
	bins   []string
	values []any
}{
	{"nothing", "42", ``, nil, nil},
	{"a number, a string, a list", "42", `,1,"2",[3]`, nil, []any{1, "2", []int{3}}},
	{"null", "42", `,null`, nil, []any{nil}},
	{"true and false", "42", `,true,false`, nil, []any{true, false}},
	{"an object", "42", `,{"hello":"friend"}`, nil, []any{map[string]string{"hello": "friend"}}},
	{"a struct", "42", `,{"a":1,"b":{"c":[]}}`, nil, []any{struct {
		A int                 `json:"a"`
		B map[string][]string `json:"b"`
	}{1, map[string][]string{"c": {}}}}},
	{"characters of several bytes", "42", `,"utf8 — string","😀日本"`, nil, []any{"utf8 — string", "😀日本"}},
	{"what is JSON already", "42", `,{"raw":[1,2.5]}`, nil, []any{hub.Raw(`{"raw":[1,2.5]}`)}},
	{"bytes", "451-", "," + attached, []string{"<bin 61626364>"}, []any{[]byte("abcd")}},
	{"no bytes", "451-", "," + attached, []string{"<bin >"}, []any{[]byte{}}},
	{"bytes in an object", "451-", `,{"image":` + attached + `}`, []string{"<bin ff00>"}, []any{map[string]any{"image": []byte{255, 0}}}},
	{
		"several kinds, with bytes", "454-", `,1,` + attached + `,"3",[4],` + second + `,[` + third + `,"swag",` + fourth + `]`,
		[]string{"<bin 01>", "<bin 0202>", "<bin 01>", "<bin 0202>"},
		[]any{1, []byte{1}, "3", []int{4}, []byte{2, 2}, []any{[]byte{1}, "swag", []byte{2, 2}}},
	},
}

const (
	second = `{"_placeholder":true,"num":1}`
	third  = `{"_placeholder":true,"num":2}`
	fourth = `{"_placeholder":true,"num":3}`
)

// packets are the packets of payload i, in a namespace.
func packets(i int, nsp, event string) []string {
	p := payloads[i]
	return append([]string{p.head + inside(nsp) + `["` + event + `"` + p.args + `]`}, p.bins...)
}

// TestEmit: what a socket, a namespace or a room is sent is on the wire as the protocol has it.
func TestEmit(t *testing.T) {
	rows(t, []string{"/", "/chat"}, func(nsp string) string { return nsp }, func(t *testing.T, k kind, nsp string) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s.Of(nsp)) })
		p := dial(t, s, k)
		p.connect(nsp, "")
		socket := receive(t, connected)
		for way, emit := range map[string]func(string, ...any) error{
			"socket": socket.Emit, "namespace": s.Of(nsp).Emit, "room": s.Of(nsp).To(socket.ID()).Emit,
		} {
			for i, payload := range payloads {
				if err := emit(way, payload.values...); err != nil {
					t.Fatalf("%s by %s: %v", payload.name, way, err)
				}
				p.expect(packets(i, nsp, way)...)
			}
		}
	})
}

// TestReceive: a handler gets the arguments that the client has sent, and may send them on.
func TestReceive(t *testing.T) {
	rows(t, []string{"/", "/chat"}, func(nsp string) string { return nsp }, func(t *testing.T, k kind, nsp string) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Of(nsp).On("event", func(s *hub.Socket, e *hub.Event) {
				values, err := e.Values(0)
				ok(t, err, s.Emit("back", values...))
				want(t, "WantsAck", e.WantsAck(), false)
			})
		})
		p := dial(t, s, k)
		p.connect(nsp, "")
		for i := range payloads {
			p.send(packets(i, nsp, "event")...)
			p.expect(packets(i, nsp, "back")...)
		}
	})
}

// TestNamesOfEvents: any string that is not reserved is a name, message among them, and so is a number on the wire.
func TestNamesOfEvents(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		names := []string{"message", "error", "toString", "__proto__", "a b", "", `quote " and \ slash`, "événement"}
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			for _, name := range append(names, "42") {
				s.On(name, func(s *hub.Socket, e *hub.Event) { ok(t, s.Emit(name, e.Raw(0)), e.Ack(e.Name())) })
			}
		})
		p := join(t, s, k)
		for i, name := range names {
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
			p.send(fmt.Sprintf(`42%d["%s",%d]`, i, quoted, i))
			p.expect(fmt.Sprintf(`42["%s",%d]`, quoted, i), fmt.Sprintf(`43%d["%s"]`, i, quoted))
		}
		p.send(`421[42,7]`)
		p.expect(`42["42",7]`, `431["42"]`)
		p.send(`42["nobody handles this"]`) // which is no offence
		p.settled("/")
	})
}

// TestOrderOfEvents: those of one client are handled in the order in which it has sent them, also in a namespace.
func TestOrderOfEvents(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		noted := newNotes()
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.Of("/chat").OnConnect(func(*hub.Socket) { noted.add("connected") })
			s.Of("/chat").On("hi", func(_ *hub.Socket, e *hub.Event) { noted.add("%s", e.Raw(0)) })
		})
		p := dial(t, s, k)
		p.send(`40/chat,`, `42/chat,["hi","a"]`, `42/chat,["hi","b"]`) // without waiting to be let in
		p.connected("/chat")
		p.send(`42/chat,["hi","c"]`)
		noted.expect(t, "connected", `"a"`, `"b"`, `"c"`)
	})
}

// TestLargeEvents: what is not near any limit goes through whole, there and back and there again.
func TestLargeEvents(t *testing.T) {
	large := strings.Repeat(`{"name":"friend"},[1,2,3],`, 4000)
	type row struct{ name, head, argument, bin string }
	rows(t, []row{
		{"JSON", "42", `{"hello":"friend","json":[` + strings.TrimSuffix(large, ",") + `]}`, ""},
		{"bytes", "451-", `{"hello":"friend","image":` + attached + `}`, "<bin " + strings.Repeat("00ff7f80", 64<<10) + ">"},
	}, func(r row) string { return r.name }, func(t *testing.T, k kind, r row) {
		s := start(t, k, hub.Options{}, func(s *hub.Server) {
			s.On("big", func(s *hub.Socket, e *hub.Event) {
				values, err := e.Values(0)
				ok(t, err, s.Emit("big", values...))
			})
		})
		p := join(t, s, k)
		event := []string{r.head + `["big",` + r.argument + `]`}
		if r.bin != "" {
			event = append(event, r.bin)
		}
		for range 3 {
			p.send(event...)
			p.expect(event...)
		}
	})
}

// placeholders are those of so many attachments, as arguments.
func placeholders(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i))
	}
	return strings.Join(all, ",")
}

// TestCannotBeEncoded: the caller is told, and nobody is sent anything.
func TestCannotBeEncoded(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var connected <-chan *hub.Socket
		s := start(t, k, hub.Options{}, func(s *hub.Server) { connected = sockets(s) })
		p := join(t, s, k)
		socket := receive(t, connected)
		circle := map[string]any{}
		circle["itself"] = circle
		for name, value := range map[string]any{"a channel": make(chan int), "a function": func() {}, "a circle": circle} {
			_, withAck := socket.EmitWithAck(t.Context(), "x", value)
			for way, err := range map[string]error{
				"Socket.Emit": socket.Emit("x", value), "Namespace.Emit": s.Emit("x", 1, value), "EmitWithAck": withAck,
				"a list": s.To(p.id).Emit("x", []any{value}),
			} {
				if err == nil {
					t.Errorf("%s by %s: no error", name, way)
				}
			}
		}
		eleven := slices.Repeat([]any{[]byte{1}}, 11) // clients take ten attachments, where there are attachments
		if err := s.Emit("eleven", eleven...); (err == nil) != k.packed {
			t.Errorf("eleven attachments: %v", err)
		} else if k.packed {
			p.expect(`4511-["eleven",` + placeholders(11) + `]`)
			p.expect(slices.Repeat([]string{"<bin 01>"}, 11)...)
		}
		ok(t, s.Emit("ten", eleven[1:]...))
		p.expect(`4510-["ten",` + placeholders(10) + `]`)
		p.expect(slices.Repeat([]string{"<bin 01>"}, 10)...)
		p.settled("/")
	})
}
