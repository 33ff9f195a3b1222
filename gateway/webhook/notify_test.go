package webhook

import (
	"context"
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

// tryTimes are the bounds within which the tries of a batch come, by default, if each fails at once: pauses of 1, 3, 9, 27
// and 30 s, give or take a fifth.
var tryTimes = [][2]time.Duration{
	{100 * time.Millisecond, 100 * time.Millisecond},
	{900 * time.Millisecond, 1300 * time.Millisecond},
	{3300 * time.Millisecond, 4900 * time.Millisecond},
	{10500 * time.Millisecond, 15700 * time.Millisecond},
	{32100 * time.Millisecond, 48100 * time.Millisecond},
	{56100 * time.Millisecond, 84100 * time.Millisecond},
}

func TestABatchIsRepeatedWithGrowingPauses(t *testing.T) {
	perform(t, Config{}, func(p *play) {
		p.away(true)
		p.notify("a", "b")
		p.wait(3 * time.Minute)
		if len(p.dials) != len(tryTimes) {
			t.Fatalf("tries at %v", p.dials)
		}
		for i, at := range p.dials {
			if at < tryTimes[i][0] || at > tryTimes[i][1]+time.Millisecond {
				t.Errorf("try %d at %v, want within %v", i, at, tryTimes[i])
			}
		}
		s := p.balance()
		if s.Dropped != (Drops{GaveUp: 2}) || s.Retried != 5 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if n := p.calls(KindBatch, OutcomeConnection); n != 6 {
			t.Errorf("%d attempts without a connection are counted", n)
		}
	})
}

// TestNothingIsLostInAShortOutage is for as long as the retries are sure to last by default.
func TestNothingIsLostInAShortOutage(t *testing.T) {
	for name, begin := range map[string]func(p *play){
		"nobody listens":  func(p *play) { p.away(true) },
		"it stalls":       (*play).stall,
		"it answers 502":  func(p *play) { p.replies(502, "<html>") },
		"it answers 302":  func(p *play) { p.answers(redirectElsewhere) },
		"it hangs up":     func(p *play) { p.answers(hangUp) },
		"it is overtaxed": func(p *play) { p.replies(429, "") },
	} {
		t.Run(name, func(t *testing.T) {
			perform(t, Config{BatchMax: 100}, func(p *play) {
				begin(p)
				var want []string
				for i := range 550 { // ten a second
					sid := fmt.Sprintf("s%03d", i)
					want = append(want, sid)
					p.notify(sid)
					p.wait(100 * time.Millisecond)
				}
				p.requests()
				p.away(false)
				p.replies(200, "")
				p.wait(time.Minute)
				if got := slices.Concat(p.batches()...); !slices.Equal(got, want) {
					t.Errorf("%d of %d arrived in order: %v", len(got), len(want), got)
				}
				if s := p.balance(); s.Sent != 550 || s.Dropped.Total() != 0 || s.Lag != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func redirectElsewhere(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://elsewhere.test/", http.StatusFound)
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestWhatIsNotTakenIsDroppedAndCounted(t *testing.T) {
	perform(t, Config{BatchMax: 2}, func(p *play) {
		p.away(true)
		p.notify("a", "b", "c", "d", "e")
		p.wait(50 * time.Second)
		if s := p.balance(); s.Waiting != 5 || s.Lag != 50*time.Second || s.Dropped.Total() != 0 {
			t.Errorf("before: %+v", s)
		}
		p.wait(35 * time.Second) // the first batch is given up after 84 s at most, the second after twice 56 at least
		if s := p.balance(); s.Dropped != (Drops{GaveUp: 2}) || s.Waiting != 3 || s.Sent != 0 {
			t.Errorf("when the first batch is given up: %+v", s)
		}
		p.away(false)
		p.wait(2 * time.Minute)
		if got := fmt.Sprint(p.batches()); got != "[[c d] [e]]" {
			t.Errorf("then arrived %v", got)
		}
		if s := p.balance(); s.Dropped != (Drops{GaveUp: 2}) || s.Sent != 3 {
			t.Errorf("after: %+v", s)
		}
	})
}

func TestStatusesOfBatches(t *testing.T) {
	type row struct {
		status  int
		outcome string // of the notification
	}
	for _, tc := range []row{
		{200, "sent"},
		{202, "sent"},
		{204, "sent"},
		{400, "refused"},
		{401, "refused"},
		{403, "refused"},
		{404, "refused"},
		{413, "refused"},
		{422, "refused"},
		{301, "repeated"},
		{307, "repeated"},
		{408, "repeated"},
		{429, "repeated"},
		{500, "repeated"},
		{502, "repeated"},
		{503, "repeated"},
	} {
		t.Run(fmt.Sprint(tc.status), func(t *testing.T) {
			perform(t, Config{}, func(p *play) {
				p.answers(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", "http://elsewhere.test/")
					w.WriteHeader(tc.status)
				})
				p.notify("a")
				p.wait(700 * time.Millisecond)
				s := p.balance()
				got := map[[3]int64]string{{1, 0, 0}: "sent", {0, 1, 0}: "refused", {0, 0, 1}: "repeated"}[[3]int64{s.Sent, s.Dropped.Refused, int64(s.Waiting)}]
				if got != tc.outcome {
					t.Errorf("%+v, want it %s", s, tc.outcome)
				}
				p.replies(200, "")
				p.wait(time.Second)
				if n := len(p.requests()); (n == 2) != (tc.outcome == "repeated") {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"seconds", 503, "20", 20 * time.Second},
		{"too many requests", 429, "7", 7 * time.Second},
		{"a date", 503, "Mon, 14 Sep 2026 12:00:30 GMT", 30 * time.Second},
		{"a date that has passed", 503, "Mon, 14 Sep 2026 11:00:30 GMT", 0},
		{"an hour", 503, "3600", RetryAfterMax},
		{"a year", 503, "Tue, 14 Sep 2027 12:00:30 GMT", RetryAfterMax},
		{"more seconds than can be counted", 503, "99999999999999999999", 0},
		{"none", 503, "", 0},
		{"negative", 503, "-20", 0},
		{"not a number", 503, "soon", 0},
		{"a status that does not ask for it", 500, "20", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := retryAfter(reply{status: tc.status, retryAfter: tc.header}, now); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// TestTheBackendMayAskForALongerPause but not for a shorter one, or a batch would soon be out of tries.
func TestTheBackendMayAskForALongerPause(t *testing.T) {
	for header, bounds := range map[string][2]time.Duration{
		"20": {20 * time.Second, 20 * time.Second},
		"0":  {800 * time.Millisecond, 1200 * time.Millisecond},
	} {
		perform(t, Config{}, func(p *play) {
			p.answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(503)
			})
			p.notify("a")
			p.wait(500 * time.Millisecond)
			p.replies(200, "")
			p.wait(time.Minute)
			all := p.requests()
			if len(all) != 2 {
				t.Fatalf("Retry-After %s: %d requests", header, len(all))
			}
			if pause := all[1].at - all[0].at; pause < bounds[0] || pause > bounds[1]+time.Millisecond {
				t.Errorf("Retry-After %s: a pause of %v", header, pause)
			}
		})
	}
}

func TestWithoutRetries(t *testing.T) {
	perform(t, Config{RetriesMax: NoRetries}, func(p *play) {
		p.replies(500, "")
		p.notify("a")
		p.wait(time.Minute)
		if s := p.balance(); s.Dropped != (Drops{GaveUp: 1}) || s.Retried != 0 || len(p.requests()) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestARepeatedBatchIsTheSame but for its signature, which a receiver would find too old.
func TestARepeatedBatchIsTheSame(t *testing.T) {
	perform(t, Config{Secrets: [][]byte{firstSecret}}, func(p *play) {
		p.answers(hangUp) // it may have taken the batch: who sends again must expect doubles, and the ids tell them
		p.notify("a", "b")
		p.wait(500 * time.Millisecond)
		p.notify("c")
		p.replies(200, "")
		p.wait(5 * time.Second)
		all := p.requests()
		if len(all) != 3 || all[0].body != all[1].body {
			t.Fatalf("requests %+v", all)
		}
		for _, r := range all {
			now := p.began.Add(r.at)
			if err := Verify(r.header.Get(SignatureHeader), []byte(r.body), [][]byte{firstSecret}, 0, now); err != nil {
				t.Errorf("at %v: Verify = %v", r.at, err)
			}
		}
		p.balance()
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

func TestClose(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cfg     Config
		before  func(p *play)
		ctx     time.Duration
		dropped int64
		took    time.Duration
		want    string // the batches
	}{
		{"with nothing to do", Config{}, func(*play) {}, time.Minute, 0, 0, "[]"},
		{"does not wait for company", Config{}, func(p *play) { p.notify("a") }, time.Minute, 0, 0, "[[a]]"},
		{"flushes all, at its rate", Config{BatchMax: 1}, func(p *play) {
			p.notify("a", "b", "c")
		}, time.Minute, 0, 20 * time.Millisecond, "[[a] [b] [c]]"},
		{"flushes what fits", Config{BatchMax: 2, RateMax: 1}, func(p *play) {
			p.notify("a", "b", "c", "d", "e")
		}, 1500 * time.Millisecond, 1, 1500 * time.Millisecond, "[[a b] [c d]]"},
		{"cuts a pause short", Config{RetryTimeMin: time.Minute}, func(p *play) {
			p.replies(500, "")
			p.notify("a")
			p.wait(time.Second)
			p.replies(200, "")
			p.requests()
		}, 10 * time.Second, 0, 0, "[[a]]"},
		{"drops what the backend refuses", Config{}, func(p *play) {
			p.replies(400, "")
			p.notify("a", "b")
		}, time.Minute, 2, 0, "[[a b]]"},
		{"gives up with the backend away", Config{BatchMax: 2}, func(p *play) {
			p.away(true)
			p.notify("a", "b", "c", "d", "e")
			p.wait(2 * time.Second)
		}, 10 * time.Second, 5, 10 * time.Second, "[]"},
		{"gives up a stalled batch", Config{BatchMax: 2}, func(p *play) {
			p.stall()
			p.notify("a", "b", "c")
			p.wait(0)
		}, 2 * time.Second, 3, 2 * time.Second, "[[a b]]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, tc.cfg, func(p *play) {
				tc.before(p)
				ctx, cancel := context.WithTimeout(context.Background(), tc.ctx)
				defer cancel()
				began := time.Now()
				if dropped := p.client.Close(ctx); dropped != tc.dropped {
					t.Errorf("%d dropped, want %d", dropped, tc.dropped)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("Close took %v, want %v", took, tc.took)
				}
				if got := fmt.Sprint(p.batches()); got != tc.want {
					t.Errorf("sent %s, want %s", got, tc.want)
				}
				if p.client.Notify(Notification{Type: TypeConnected}) {
					t.Error("queued after Close")
				}
				if dropped := p.client.Close(ctx); dropped != 0 {
					t.Errorf("a second Close dropped %d", dropped)
				}
				if s := p.balance(); s.Waiting != 0 || s.Dropped.Closed == 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
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
