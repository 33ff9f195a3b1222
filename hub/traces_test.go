package hub

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// traces are what was recorded beside the probes: with a cookie, with the client's files, and the stock client at work.
type traces struct {
	Rows  []struct{ Probe, Send, Got string }
	Stock [][3]string // connection, who speaks, what it says
}

// clientFiles stand for the builds of the client: what matters of them is the version in their first line.
func clientFiles() fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"} {
		files[name] = &fstest.MapFile{Data: []byte("/*!\n * Socket.IO v4.8.3\n * (c) somebody\n */\n" + strings.Repeat("// "+name+"\n", 200))}
	}
	return files
}

// traceDifferences are what we do otherwise than the reference, on purpose.
var traceDifferences = map[string]struct {
	why    string
	change func(want *answer)
}{
	"GET /socket.io/socket.io.js":             {"the file can be had compressed, and in parts", bundleHeaders},
	"GET /socket.io/socket.io.min.js":         {"the file can be had compressed, and in parts", bundleHeaders},
	"GET /socket.io/socket.io.esm.min.js":     {"the file can be had compressed, and in parts", bundleHeaders},
	"GET /socket.io/socket.io.msgpack.min.js": {"the file can be had compressed, and in parts", bundleHeaders},
	"GET client gzip": {"two encodings are not the same bytes (RFC 9110 8.8.1)", func(want *answer) {
		bundleHeaders(want)
		want.header.Set("Etag", `W/"4.8.3"`)
	}},
	"GET client 304": {"what a cache is to update goes with a 304 (RFC 9110 15.4.5)", func(want *answer) {
		want.header = http.Header{"Cache-Control": {"public, max-age=0"}, "Etag": {`"4.8.3"`}, "Vary": {"Accept-Encoding"}}
	}},
	"OPTIONS without cors option": {"a page of another origin is refused, whatever it asks for", func(want *answer) {
		want.status, want.body = http.StatusForbidden, `{"code":4,"message":"Forbidden"}`
	}},
}

func bundleHeaders(want *answer) {
	want.header.Set("Vary", "Accept-Encoding")
	want.header.Set("Accept-Ranges", "bytes")
}

func readTraces(t *testing.T) (file traces) {
	t.Helper()
	content, err := os.ReadFile("testdata/traces.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &file); err != nil || len(file.Rows) == 0 || len(file.Stock) == 0 {
		t.Fatalf("%d traces, %d lines of the stock client, %v", len(file.Rows), len(file.Stock), err)
	}
	return file
}

// startTraced runs a server like the one that was recorded.
func startTraced(t *testing.T) (*Server, notes) {
	noted := newNotes()
	cookie := &http.Cookie{Name: "io", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	s := start(t, Options{PingInterval: PingIntervalDefault, Loops: 4, Cookie: cookie, ClientFiles: clientFiles()}, func(s *Server) {
		probeApp(s.Namespace, noted)
		s.On("hello", func(_ *Socket, e *Event) {
			noted.add("event hello")
			values, _ := e.Values(0)
			_ = e.Ack(values...)
		})
	})
	return s, noted
}

// TestTraces holds what was recorded beside the probes, but for the stock client.
func TestTraces(t *testing.T) {
	s, noted := startTraced(t)
	met, sid := 0, ""
	for _, row := range readTraces(t).Rows {
		t.Run(row.Probe, func(t *testing.T) {
			want, err := readRecorded(row.Got, row.Send)
			if err != nil {
				t.Fatal(err)
			}
			want.close = false
			if d, ok := traceDifferences[row.Probe]; ok {
				met++
				d.change(&want)
			}
			switch name, isFile := strings.CutPrefix(row.Probe, "GET /socket.io/"); {
			case isFile:
				want.body = string(clientFiles()[name].Data)
			case row.Probe == "GET client gzip":
				want.body = string(clientFiles()["socket.io.min.js"].Data)
			case strings.HasPrefix(row.Probe, "poll >1024"):
				_, sid = joinPolling(t, s)
				noted.expect(t, "connection /")
				emit(t, s, "big", strings.Repeat("x", 2000))
				want.body = `42["big","` + strings.Repeat("x", 2000) + `"]`
			case row.Probe == "after disconnect(true): poll #1":
				var w *wire
				w, sid = joinPolling(t, s)
				w.send(postRequest(pollTarget+"&sid="+sid, `42["kickhard"]`))
				w.expect("POST", http.StatusOK, "ok")
				noted.expect(t, "connection /", `event ["kickhard"]`, "disconnect / server namespace disconnect")
			}
			x := exchange{Send: strings.ReplaceAll(row.Send, "<sid>", sid), want: want}
			x.hold(t, openWire(t, s))
			noted.none(t)
		})
	}
	if met != len(traceDifferences) {
		t.Errorf("%d of %d differences belong to a trace", met, len(traceDifferences))
	}
}

// TestStockClientTrace plays what the stock client did once, and wants what it got. The one difference: the GET that comes
// when the probe has been answered is released at once, and not up to 100 ms later, so that the acknowledgement of the
// POST beside it goes by the WebSocket.
func TestStockClientTrace(t *testing.T) {
	s, noted := startTraced(t)
	lines := readTraces(t).Stock
	asked := slices.IndexFunc(lines, func(l [3]string) bool { return l[0] == "conn5" })
	late := slices.IndexFunc(lines, func(l [3]string) bool { return strings.HasSuffix(l[2], `430["w"]`) })
	upgraded := slices.IndexFunc(lines, func(l [3]string) bool { return l[2] == "5" })
	if asked < 0 || late < asked || upgraded < late || lines[late][0] != lines[asked][0] {
		t.Fatal("the trace is another one")
	}
	released, socket := lines[late], lines[upgraded][0]
	released[2] = strings.Replace(released[2], `430["w"]`, "6", 1)
	lines = slices.Insert(lines, upgraded+1, [3]string{socket, "S>", `430["w"]`})
	lines = slices.Insert(slices.Delete(lines, late, late+1), asked+1, released)

	wires, methods, sockets, sid := map[string]*wire{}, map[string]string{}, map[string]*peer{}, ""
	for i, line := range lines {
		conn, fromClient, text := line[0], line[1] == "C>", strings.ReplaceAll(line[2], "<sid>", sid)
		w := wires[conn]
		if w == nil {
			w = openWire(t, s)
			wires[conn] = w
		}
		switch {
		case sockets[conn] != nil && fromClient && text == "<close 1005>":
			sockets[conn].write([]byte("\x88\x80\x00\x00\x00\x00"))
		case sockets[conn] != nil && fromClient:
			sockets[conn].send(text)
		case sockets[conn] != nil:
			sockets[conn].expect(text)
		case i == 0: // whose answer tells the id, which the next requests need
			w.send(text)
			methods[conn], _, _ = strings.Cut(text, " ")
			sid = peekID(t, w)
		case fromClient:
			w.send(text)
			methods[conn], _, _ = strings.Cut(text, " ")
		default:
			want, err := readRecorded(text, methods[conn]+" ")
			if err != nil {
				t.Fatal(err)
			}
			want.close = true
			got := w.answer(methods[conn])
			if want.status == http.StatusSwitchingProtocols {
				want.close = false
				sockets[conn] = w.socket(t)
			}
			if got.String() != want.String() {
				t.Fatalf("line %d on %s: %v\nwant\n%v", i, conn, got, want)
			}
		}
	}
	noted.expect(t, "connection /", "event hello", "event hello", "disconnect / client namespace disconnect")
	noted.none(t)
	eventually(t, "the session is over", func() bool { return s.sessions() == 0 })
}

// peekID finds the id in the answer to a handshake, without taking the answer.
func peekID(t *testing.T, w *wire) string {
	t.Helper()
	const before = `"sid":"`
	for n := 1; ; n++ {
		seen, err := w.in.Peek(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, id, ok := strings.Cut(string(seen), before); ok && len(id) == 20 {
			return id
		}
	}
}
