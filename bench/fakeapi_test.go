package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeKey is the key that a fakeAPI knows.
const fakeKey = "the-key-of-the-fake"

// fakeAPI is the control API of a fake: POST /v1/emit with lines of JSON, and the emits to one room or one socket. It can be told to
// do it wrong.
type fakeAPI struct {
	*httptest.Server
	to *fake

	mu     sync.Mutex
	came   int            // messages so far
	kinds  map[string]int // of requests, by path
	status int            // what requests for a stream that goes on are refused with; 0 for not at all

	// answer, if set, makes what is replied to the n-th message, counted from 1, of the usual reply. It is called with the lock held.
	answer func(n int, usual string) []string
	// deliver, if set, says whether the n-th message is delivered.
	deliver func(n int) bool
}

func newFakeAPI(t *testing.T, to *fake, set func(*fakeAPI)) *fakeAPI {
	t.Helper()
	a := &fakeAPI{to: to, kinds: make(map[string]int)}
	if set != nil {
		set(a)
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.CloseClientConnections() // a stream does not end by itself
		a.Close()
	})
	return a
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.kinds[r.URL.Path]++
	a.mu.Unlock()
	streams := r.Header.Get("Content-Type") == "application/x-ndjson"
	switch parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/base"), "/"); {
	case r.Method != "POST" || parts[1] != "v1":
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer "+fakeKey:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintln(w, `{"error":{"code":"key_invalid","message":"who are you?"}}`)
	case streams && a.status != 0 && r.ContentLength != 0:
		http.NewResponseController(w).EnableFullDuplex() // not to wait for the end of what is refused
		w.WriteHeader(a.status)
		fmt.Fprint(w, `{"error":"not now"}`)
	case streams:
		a.stream(w, r)
	case len(parts) == 5 && (parts[2] == "rooms" || parts[2] == "sockets") && parts[4] == "emit":
		body, _ := io.ReadAll(r.Body)
		a.one(w, body, parts[3])
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (a *fakeAPI) stream(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	if c.EnableFullDuplex() != nil {
		return
	}
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		for _, reply := range a.emit(lines.Bytes(), "") {
			fmt.Fprintln(w, reply)
		}
		if c.Flush() != nil {
			return
		}
	}
}

// one answers a request of its own, whose reply has its status in its head.
func (a *fakeAPI) one(w http.ResponseWriter, body []byte, to string) {
	for _, reply := range a.emit(body, to) {
		var status struct{ Status int }
		_ = json.Unmarshal([]byte(reply), &status)
		if status.Status > 200 {
			w.WriteHeader(status.Status)
		}
		fmt.Fprintln(w, strings.Replace(reply, `"status":200,`, "", 1))
	}
}

// emit does what a message says, and returns what is replied.
func (a *fakeAPI) emit(message []byte, to string) []string {
	var m struct {
		Event, To string
		Args      json.RawMessage
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.came++
	if err := json.Unmarshal(message, &m); err != nil || (m.To == "") == (to == "") || m.Event != "room" && m.Event != "direct" {
		return []string{fmt.Sprintf(`{"status":400,"error":{"code":"bad","message":"line %d: %v"}}`, a.came, err)}
	}
	matched := 0
	if a.deliver == nil || a.deliver(a.came) {
		matched = a.to.emit(m.Event, `"`+m.To+to+`"`, string(m.Args[1:len(m.Args)-1]))
	}
	usual := fmt.Sprintf(`{"status":200,"id":"%026d","matched":%d,"queued":%d,"dropped":0}`, a.came, matched, matched)
	if a.answer == nil {
		return []string{usual}
	}
	return a.answer(a.came, usual)
}

// emit delivers an event to a room, or to a socket, and returns to how many.
func (f *fake) emit(event, to, args string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	packet := `42["` + event + `",` + args + "]"
	if c := f.sockets[to]; c != nil {
		f.deliver(c, event, packet)
		return 1
	}
	f.books.publish()
	for _, member := range f.members[to] {
		f.deliver(member, event, packet)
	}
	return len(f.members[to])
}

// deafAPI accepts connections and says nothing.
func deafAPI(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}
