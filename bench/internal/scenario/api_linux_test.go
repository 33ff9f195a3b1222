package scenario

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"starling/bench/internal/flood"
	"starling/bench/internal/ledger"
)

// owner is who writes through a route.
type owner struct {
	opened int
	causes []string
}

func (o *owner) Opened(*flood.Conn)                { o.opened++ }
func (o *owner) Message(*flood.Conn, []byte)       {}
func (o *owner) Closed(_ *flood.Conn, cause error) { o.causes = append(o.causes, cause.Error()) }

// testRoute has one connection, which goes nowhere.
func testRoute(cfg Config, api API) (*apiRoute, *flood.Conn, *owner) {
	api.Host = "example.org"
	cfg.Protocol, cfg.Size, cfg.API = flood.SocketIO, PayloadBytesMin+2, &api
	o, c := &owner{}, &flood.Conn{}
	r := newRoute(&cfg, &flood.Loop{}, o).(*apiRoute)
	r.Opened(c)
	return r, c, o
}

// What members hear has the same bytes as from the room application: the name of the room, or an id of 20 bytes, and the message.
func TestMessagesForTheAPI(t *testing.T) {
	stamp := ledger.Stamp{Run: 1, Room: 7, Seq: 2, SentNs: 3}
	const text = "~00000001" + "00000007" + "00000002" + "00000000" + "0000000000000003" + ".."
	const auth = "Authorization: Bearer key\r\n"
	for _, tc := range []struct {
		name   string
		api    API
		rooms  int
		opened string // by the head of a stream
		room   string
		direct string
	}{
		{
			"a stream",
			API{Key: "key"},
			8,
			"POST /v1/emit HTTP/1.1\r\nHost: example.org\r\n" + auth + "Content-Type: application/x-ndjson\r\nContent-Length: 0\r\n\r\n",
			"69\r\n" + `{"event":"room","to":"flood:7","args":["flood:7","` + text + `"]}` + "\n\r\n",
			"74\r\n" + `{"event":"direct","to":"AbC","args":["publisher-by-the-api","` + text + `"]}` + "\n\r\n",
		},
		{
			"a stream behind a path, without a key",
			API{Path: "/base"},
			1,
			"POST /base/v1/emit HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/x-ndjson\r\nContent-Length: 0\r\n\r\n",
			"65\r\n" + `{"event":"room","to":"flood","args":["flood","` + text + `"]}` + "\n\r\n",
			"74\r\n" + `{"event":"direct","to":"AbC","args":["publisher-by-the-api","` + text + `"]}` + "\n\r\n",
		},
		{
			"requests",
			API{Key: "key", Path: "/base", Requests: true},
			8,
			"POST /base/v1/emit HTTP/1.1\r\nHost: example.org\r\n" + auth + "Content-Type: application/x-ndjson\r\nContent-Length: 0\r\n\r\n",
			"POST /base/v1/rooms/flood:7/emit HTTP/1.1\r\nHost: example.org\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 89\r\n\r\n" +
				`{"event":"room","args":["flood:7","` + text + `"]}`,
			"POST /base/v1/sockets/AbC/emit HTTP/1.1\r\nHost: example.org\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 104\r\n\r\n" +
				`{"event":"direct","args":["publisher-by-the-api","` + text + `"]}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, c, o := testRoute(Config{Connections: 16, Rooms: tc.rooms}, tc.api)
			if got := string(r.streamHead("Content-Length: 0")); got != tc.opened || o.opened != 1 || !r.directs() {
				t.Errorf("%q, want %q", got, tc.opened)
			}
			sent := func() string {
				l := &r.lanes[0]
				if tc.api.Requests {
					out := string(l.out)
					r.flush()
					return out
				}
				r.flush()
				return string(r.out)
			}
			r.publish(c, stamp)
			if got := sent(); got != tc.room {
				t.Errorf("%q, want %q", got, tc.room)
			}
			r.direct(c, "AbC", stamp)
			if got := sent(); got != tc.direct {
				t.Errorf("%q, want %q", got, tc.direct)
			}
			if len(r.lanes[0].out) != 0 || r.missing() != 2 {
				t.Errorf("%d bytes are left, %d messages wait", len(r.lanes[0].out), r.missing())
			}
		})
	}
}

// What is due at a time goes out as one chunk, unless it is much.
func TestMessagesGoTogether(t *testing.T) {
	r, c, _ := testRoute(Config{Connections: 4, Rooms: 1}, API{})
	r.publish(c, ledger.Stamp{Seq: 0})
	r.publish(c, ledger.Stamp{Seq: 1})
	r.flush()
	const lineBytes = 101
	if got := string(r.out); strings.Count(got, "\n") != 4 || !strings.HasPrefix(got, "ca\r\n") { // two lines, and two ends of the chunk's
		t.Errorf("%q", got)
	}
	for range apiFlushBytes / lineBytes {
		r.publish(c, ledger.Stamp{})
	}
	if before := len(r.lanes[0].out); before < apiFlushBytes-lineBytes {
		t.Errorf("%d bytes kept", before)
	}
	r.publish(c, ledger.Stamp{})
	if len(r.lanes[0].out) != 0 || len(r.out) < apiFlushBytes {
		t.Errorf("%d bytes kept, %d sent", len(r.lanes[0].out), len(r.out))
	}
	r.out = r.out[:0]
	r.flush()
	if len(r.out) != 0 {
		t.Error("nothing was sent as a chunk, which would be the last")
	}
}

func TestWhatTheAPISays(t *testing.T) {
	line := func(text string) func(r *apiRoute, c *flood.Conn) {
		return func(r *apiRoute, c *flood.Conn) { r.Message(c, []byte(text)) }
	}
	refuse := func(status int, text string) func(r *apiRoute, c *flood.Conn) {
		return func(r *apiRoute, c *flood.Conn) { r.Refused(c, status, []byte(text)) }
	}
	accept := line(`{"status":200,"matched":4,"queued":4,"dropped":0}`)
	for _, tc := range []struct {
		name string
		says []func(r *apiRoute, c *flood.Conn)
		want apiSays
	}{
		{"all is well", []func(*apiRoute, *flood.Conn){accept, accept, accept}, apiSays{accepted: 2}}, // the first was due too early to be measured
		{"in a request's own reply", []func(*apiRoute, *flood.Conn){line(`{"matched":4,"dropped":0}`), line(`{"matched":4,"dropped":0}`)}, apiSays{accepted: 1, unanswered: 1}},
		{"nothing", nil, apiSays{unanswered: 3}},
		{
			"refused by a line",
			[]func(*apiRoute, *flood.Conn){accept, line(`{"status":403,"error":{"code":"no","message":"not you"}}`), line(`{"status":500,"error":"x"}`)},
			apiSays{faults: 2, first: "status 403: no: not you"},
		},
		{
			"refused by a head",
			[]func(*apiRoute, *flood.Conn){accept, refuse(429, `{"error":{"code":"slow"}}`), accept},
			apiSays{accepted: 1, faults: 1, first: "status 429: slow"},
		},
		{"refused by a head, and the body says otherwise", []func(*apiRoute, *flood.Conn){accept, refuse(502, `{"status":200,"matched":4}`), accept}, apiSays{
			accepted: 1, faults: 1, first: `status 502: {"status":200,"matched":4}`,
		}},
		{
			"dropped",
			[]func(*apiRoute, *flood.Conn){accept, line(`{"status":200,"matched":4,"queued":1,"dropped":3}`), line(`{"status":200,"matched":4,"dropped":1}`)},
			apiSays{accepted: 2, faults: 2, first: "dropped for 3 of 4 sockets", dropped: 4},
		},
		{
			"fewer than the members",
			[]func(*apiRoute, *flood.Conn){accept, line(`{"status":200,"matched":3,"dropped":0}`), line(`{"status":200,"matched":0,"dropped":0}`)},
			apiSays{accepted: 2, short: 2, firstShort: "3 of 4"},
		},
		{"babble", []func(*apiRoute, *flood.Conn){accept, line("hello"), accept}, apiSays{accepted: 1, faults: 1, first: "a reply that says nothing: hello"}},
		{"too much", []func(*apiRoute, *flood.Conn){accept, accept, accept, accept}, apiSays{
			accepted: 2, faults: 1, first: `a reply to nothing: {"status":200,"matched":4,"queued":4,"dropped":0}`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, c, _ := testRoute(Config{Connections: 4, Rooms: 1}, API{})
			r.begin(100)
			for due := range int64(3) {
				r.publish(c, ledger.Stamp{SentNs: 99 + due})
			}
			for _, say := range tc.says {
				say(r, c)
			}
			a := r.result(2)
			got := apiSays{a.Accepted, a.Faults, a.Short, a.DroppedFor, a.Unanswered, a.FirstFault, a.FirstShort}
			if got != tc.want || a.AcceptedPerS != float64(a.Accepted)/2 || (a.ReplyMax > 0) != (a.Accepted > 0) || a.Mode != "stream" {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
			if r.begin(0); r.result(1).Faults+r.result(1).Short != 0 || r.result(1).FirstFault != "" {
				t.Error("what was counted is not forgotten")
			}
		})
	}
}

// apiSays is what a result says of the replies.
type apiSays struct {
	accepted, faults, short, dropped, unanswered uint64
	first, firstShort                            string
}

// The latency of a reply counts from when its message was due.
func TestRepliesCountFromTheIntendedTime(t *testing.T) {
	r, c, _ := testRoute(Config{Connections: 4, Rooms: 1}, API{Requests: true})
	r.begin(0)
	r.publish(c, ledger.Stamp{SentNs: 1_000_000, LagUs: 500})
	r.publish(c, ledger.Stamp{SentNs: 2_000_000})
	for _, at := range []int64{4_000_000, 9_000_000} {
		r.replied(c, 200, []byte(`{"matched":4}`), at)
	}
	if a := r.result(1); a.ReplyP50 < 2999 || a.ReplyP50 > 3001 || a.ReplyMax < 6990 || a.ReplyMax > 7010 || a.Mode != "requests" {
		t.Errorf("%+v", a)
	}
}

// A request goes where none is waited for, or else the fewest.
func TestRequestsAreSpread(t *testing.T) {
	r, c, _ := testRoute(Config{Connections: 4, Rooms: 1, Publishers: 4}, API{Requests: true})
	for i := range r.lanes {
		r.lanes[i].conn = &flood.Conn{}
	}
	r.lanes[2].conn = nil // it is gone
	waiting := func() (all [4]int) {
		for i := range r.lanes {
			all[i] = r.lanes[i].waiting()
		}
		return all
	}
	for _, want := range [][4]int{{1}, {1, 1}, {1, 1, 0, 1}, {2, 1, 0, 1}, {2, 2, 0, 1}, {2, 2, 0, 2}, {3, 2, 0, 2}} {
		if r.publish(c, ledger.Stamp{}); waiting() != want {
			t.Fatalf("%d, want %d", waiting(), want)
		}
	}
	for range 2 {
		r.lanes[3].answer()
	}
	if r.publish(c, ledger.Stamp{}); waiting() != [4]int{3, 2, 0, 1} {
		t.Errorf("%d", waiting())
	}
	if a := r.result(1); a.Connections != 4 || !a.Spread {
		t.Errorf("%+v", a)
	}
}

// Where an order is needed a connection keeps its rooms: of lines in any case, and of requests where members come and go.
func TestRequestsThatAreNotSpread(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg Config
		api API
	}{
		"lines":               {Config{Publishers: 2}, API{}},
		"requests amid churn": {Config{Publishers: 2, ChurnRate: 1}, API{Requests: true}},
		"requests over one":   {Config{Publishers: 1}, API{Requests: true}},
	} {
		tc.cfg.Connections, tc.cfg.Rooms = 4, 1
		r, c, _ := testRoute(tc.cfg, tc.api)
		r.lanes[len(r.lanes)-1].conn = c
		r.publish(c, ledger.Stamp{})
		r.publish(c, ledger.Stamp{})
		if r.lanes[0].waiting() != 2 || r.result(1).Spread {
			t.Errorf("%s: %d wait on the first connection, spread: %v", name, r.lanes[0].waiting(), r.result(1).Spread)
		}
	}
}

// Where members come and go nobody can tell how many a room has.
func TestMatchedAmidChurn(t *testing.T) {
	for name, cfg := range map[string]Config{"churn": {ChurnRate: 1}, "members that come back": {Return: true}} {
		cfg.Connections, cfg.Rooms = 4, 1
		r, c, _ := testRoute(cfg, API{})
		r.publish(c, ledger.Stamp{})
		r.Message(c, []byte(`{"status":200,"matched":3,"dropped":0}`))
		if a := r.result(1); a.Short != 0 || a.Accepted != 1 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A connection that ends leaves its messages unanswered, and what it had said last is told. The next one has nothing to do with it.
func TestALaneThatEnds(t *testing.T) {
	r, c, o := testRoute(Config{Connections: 4, Rooms: 1}, API{})
	r.publish(c, ledger.Stamp{})
	r.publish(c, ledger.Stamp{})
	r.Closed(c, flood.ReplyError{Status: 403, Body: `{"error":{"code":"scope","message":"may not"}}`})
	r.Opened(c)
	r.publish(c, ledger.Stamp{})
	r.Message(c, []byte(`{"status":401,"error":{"code":"key_invalid"}}`))
	r.Closed(c, errors.New("gone"))
	if a := r.result(1); a.Unanswered != 2 || a.Faults != 1 {
		t.Errorf("%+v", a)
	}
	if got := strings.Join(o.causes, "; "); got != "status 403: scope: may not; gone, behind status 401: key_invalid" {
		t.Errorf("%s", got)
	}
}

// However many wait, they are answered in their order.
func TestALaneIsAQueue(t *testing.T) {
	var l lane
	var slow []int64
	random := rand.New(rand.NewPCG(1, 2))
	for n := range int64(50_000) {
		l.awaited = append(l.awaited, awaited{dueNs: n})
		slow = append(slow, n)
		for range random.IntN(3) {
			got, ok := l.answer()
			if ok != (len(slow) > 0) || ok && got.dueNs != slow[0] || !ok && got != (awaited{}) {
				t.Fatalf("%d %v, want %d", got.dueNs, ok, slow[0])
			}
			slow = slow[min(1, len(slow)):]
		}
		if l.waiting() != len(slow) {
			t.Fatalf("%d wait, not %d", l.waiting(), len(slow))
		}
	}
}
