package webhook

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestABatchAsItIsSent(t *testing.T) {
	perform(t, Config{Secrets: [][]byte{firstSecret, secondSecret}, Version: "1.2.3"}, func(p *play) {
		for _, n := range []Notification{
			{Type: TypeConnected, SID: "a1", User: "42", Namespace: "/"},
			{Type: TypeRoomOccupied, Namespace: "/", Room: "ws:\"acme\"", Time: time.Date(1999, 12, 31, 23, 0, 0, 5e6, time.FixedZone("", -3600))},
			{Type: TypeDisconnected, SID: "a1", User: "42", Namespace: "/", Reason: "transport close"},
			{Type: TypeRoomVacated, Namespace: "/", Room: "ws:\"acme\""},
		} {
			if !p.client.Notify(n) {
				t.Fatalf("%+v is not queued", n)
			}
		}
		p.wait(BatchDelayDefault)
		all := p.requests()
		if len(all) != 1 {
			t.Fatalf("%d requests", len(all))
		}
		r := all[0]
		want := `{"type":"batch","id":"<ulid>","time":"2000-01-01T00:00:00.100Z","events":[` +
			`{"type":"connected","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","user":"42","nsp":"/"},` +
			`{"type":"room_occupied","id":"<ulid>","time":"2000-01-01T00:00:00.005Z","nsp":"/","room":"ws:\"acme\""},` +
			`{"type":"disconnected","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","sid":"a1","user":"42","nsp":"/","reason":"transport close"},` +
			`{"type":"room_vacated","id":"<ulid>","time":"2000-01-01T00:00:00.000Z","nsp":"/","room":"ws:\"acme\""}]}`
		if got := masked(r.body); got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
		if r.method != "POST" || r.header.Get("Content-Type") != "application/json" || r.header.Get("User-Agent") != "starling/1.2.3" {
			t.Errorf("%s with %v", r.method, r.header)
		}
		for _, secret := range [][]byte{firstSecret, secondSecret} {
			if err := Verify(r.header.Get(SignatureHeader), []byte(r.body), [][]byte{secret}, 0, time.Now()); err != nil {
				t.Errorf("Verify with one of the secrets = %v", err)
			}
		}
	})
}

func TestNotificationsAreBatched(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		act  func(p *play)
		want string // the batches, each with its time
	}{
		{"one goes when its time has come", Config{}, func(p *play) { p.notify("a") }, "100ms [a]"},
		{"those that come meanwhile go along", Config{BatchDelay: 50 * time.Millisecond}, func(p *play) {
			p.notify("a")
			p.wait(49 * time.Millisecond)
			p.notify("b", "c")
		}, "50ms [a b c]"},
		{"the next ones have time of their own", Config{}, func(p *play) {
			p.notify("a")
			p.wait(170 * time.Millisecond)
			p.notify("b")
		}, "100ms [a]; 270ms [b]"},
		{"a full batch goes at once", Config{BatchMax: 3}, func(p *play) { p.notify("a", "b", "c") }, "0s [a b c]"},
		{"also one that is waited with", Config{BatchMax: 3}, func(p *play) {
			p.notify("a")
			p.wait(30 * time.Millisecond)
			p.notify("b", "c")
		}, "30ms [a b c]"},
		{"as do the next ones, at the rate; the rest waits", Config{BatchMax: 2}, func(p *play) {
			p.notify("a", "b", "c", "d", "e", "f", "g")
		}, "0s [a b]; 10ms [c d]; 20ms [e f]; 100ms [g]"},
		{"no more requests than the rate", Config{BatchMax: 1, RateMax: 2}, func(p *play) {
			p.notify("a", "b", "c")
		}, "0s [a]; 500ms [b]; 1s [c]"},
		// A batch is 96 bytes around its events, which are 108 bytes each, and their commas.
		{"no more bytes than fit", Config{BatchBytesMax: 313}, func(p *play) {
			p.notify("a", "b", "c", "d", "e")
		}, "100ms [a b]; 110ms [c d]; 120ms [e]"},
		{"and one byte less", Config{BatchBytesMax: 312}, func(p *play) {
			p.notify("a", "b", "c")
		}, "100ms [a]; 110ms [b]; 120ms [c]"},
		{"one that is larger goes alone", Config{BatchBytesMax: 312}, func(p *play) {
			p.notify(strings.Repeat("x", 300), "b")
		}, "100ms [" + strings.Repeat("x", 300) + "]; 110ms [b]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, tc.cfg, func(p *play) {
				tc.act(p)
				p.wait(10 * time.Second)
				if got := timetable(t, p.requests()); got != tc.want {
					t.Errorf("sent %s, want %s", got, tc.want)
				}
				if s := p.balance(); s.Waiting != 0 || s.Dropped.Total() != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func timetable(t *testing.T, all []request) string {
	t.Helper()
	var lines []string
	for _, r := range all {
		var sids []string
		for _, e := range r.events(t) {
			sids = append(sids, e.SID)
		}
		lines = append(lines, fmt.Sprintf("%v %v", r.at, sids))
	}
	return strings.Join(lines, "; ")
}

// TestIDsSort checks that ids are all different and have the order of the notifications, also within a millisecond.
func TestIDsSort(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		for range 3 {
			for range 100 {
				p.notify("a")
			}
			p.wait(time.Second)
		}
		var ids []string
		for _, r := range p.requests() {
			for _, e := range r.events(t) {
				ids = append(ids, e.ID)
			}
		}
		if len(ids) != 300 || !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != 300 {
			t.Errorf("ids %v", ids)
		}
	})
}

// TestAStatusIsEnough: what follows it of the reply to a batch does not matter, not even that it never ends.
func TestAStatusIsEnough(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"ten megabytes": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) },
		"no end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			stalled(w, r)
		},
		"half": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			perform(t, Config{}, func(p *play) {
				p.answers(answer)
				p.notify("a")
				p.wait(20 * time.Second)
				if s := p.balance(); s.Sent != 1 || len(p.requests()) != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Run("in notifications, those on their way included", func(t *testing.T) {
		perform(t, Config{QueueMax: 5, BatchMax: 2}, func(p *play) {
			p.stall()
			p.notify("a", "b")
			p.wait(0) // these are on their way
			p.notify("c", "d", "e", "f", "g")
			if s := p.balance(); s.Waiting != 5 || s.Dropped != (Drops{Full: 2}) {
				t.Errorf("%+v", s)
			}
			p.replies(200, "")
			p.wait(time.Minute)
			if s := p.balance(); s.Sent != 5 || s.Waiting != 0 {
				t.Errorf("after: %+v", s)
			}
			if !p.client.Notify(Notification{Type: TypeConnected}) {
				t.Error("there is room again, and it is not used")
			}
			if log := p.log.String(); strings.Count(log, "notifications are dropped") != 1 {
				t.Errorf("log %s", log)
			}
		})
	})
	t.Run("in bytes", func(t *testing.T) {
		size := notificationBytes + len("connected") + len("a") + len("/")
		perform(t, Config{QueueBytesMax: 3 * size, BatchMax: 1}, func(p *play) {
			p.stall()
			p.notify("a")
			p.wait(0)
			p.notify("b", "long", "c", "d")
			if s := p.balance(); s.Waiting != 3 || s.WaitingBytes != 3*size || s.Dropped != (Drops{Full: 2}) {
				t.Errorf("%+v", s)
			}
		})
	})
}

// TestOrderOfASocket has many sockets come and go while the backend flaps, and wants to hear of each once or more, first
// that it came.
func TestOrderOfASocket(t *testing.T) {
	perform(t, Config{BatchMax: 7}, func(p *play) {
		n := 0
		p.answers(func(w http.ResponseWriter, r *http.Request) {
			n++ // batches come one at a time
			switch n % 4 {
			case 1:
				w.WriteHeader(503)
			case 3:
				panic(http.ErrAbortHandler)
			}
		})
		const goroutines, sockets = 8, 50
		for g := range goroutines {
			go func() {
				for i := range sockets {
					sid := fmt.Sprintf("%d-%d", g, i)
					p.client.Notify(Notification{Type: TypeConnected, SID: sid})
					time.Sleep(time.Duration(g*i%5) * time.Millisecond)
					p.client.Notify(Notification{Type: TypeDisconnected, SID: sid})
				}
			}()
		}
		p.wait(10 * time.Minute)
		heard := map[string][]string{}
		ids := map[string]bool{}
		for _, r := range p.requests() {
			for _, e := range r.events(t) {
				if !ids[e.ID] {
					ids[e.ID] = true
					heard[e.SID] = append(heard[e.SID], e.Type)
				}
			}
		}
		for sid, types := range heard {
			if !slices.Equal(types, []string{TypeConnected, TypeDisconnected}) {
				t.Errorf("of %s was heard %v", sid, types)
			}
		}
		if s := p.balance(); len(heard) != goroutines*sockets || s.Sent != 2*goroutines*sockets {
			t.Errorf("heard of %d sockets; %+v", len(heard), s)
		}
	})
}

// TestAStrangeClock stamps what is sent, and nothing else goes by it.
func TestAStrangeClock(t *testing.T) {
	then := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	perform(t, Config{Now: func() time.Time { return then }, Secrets: [][]byte{firstSecret}}, func(p *play) {
		p.notify("a")
		p.wait(BatchDelayDefault)
		all := p.requests()
		if len(all) != 1 || !strings.HasPrefix(masked(all[0].body), `{"type":"batch","id":"<ulid>","time":"1999-01-01T00:00:00.000Z"`) {
			t.Fatalf("requests %+v", all)
		}
		if e := all[0].events(t)[0]; e.Time != "1999-01-01T00:00:00.000Z" || ulid.MustParse(e.ID).Time() != ulid.Timestamp(then) {
			t.Errorf("%+v", e)
		}
		if err := Verify(all[0].header.Get(SignatureHeader), []byte(all[0].body), [][]byte{firstSecret}, 0, then); err != nil {
			t.Errorf("Verify = %v", err)
		}
	})
}
