package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

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
