package webhook

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silentTo has the backend never answer these kinds of calls, and allow all others at once.
func (p *play) silentTo(kinds ...string) {
	p.answers(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, kind := range kinds {
			if strings.HasPrefix(string(body), `{"type":"`+kind+`"`) {
				<-r.Context().Done()
				return
			}
		}
		_, _ = io.WriteString(w, `{"allow":true}`)
	})
}

// TestWhatFailsKeepsTheOthersUp: the pauses of one lane are not those of the other.
func TestWhatFailsKeepsTheOthersUp(t *testing.T) {
	for _, tc := range []struct {
		name   string
		silent []string // what the backend does not answer
		down   []string // what fails at once for that
		up     []string // what does not
		pauses int64
	}{
		{"events", []string{KindEvent}, []string{KindEvent}, []string{KindConnect, KindJoin}, 1},
		{"joins", []string{KindJoin}, []string{KindConnect, KindJoin}, []string{KindEvent}, 1},
		{"connects", []string{KindConnect}, []string{KindConnect, KindJoin}, []string{KindEvent}, 1},
		{"all", []string{KindConnect, KindJoin, KindEvent}, []string{KindConnect, KindJoin, KindEvent}, nil, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, Config{FailuresMax: 3, PauseMin: time.Hour}, func(p *play) {
				p.silentTo(tc.silent...)
				for range 12 {
					for _, kind := range tc.silent {
						go func() { _ = calls[kind](context.Background(), p.client) }()
					}
					for _, kind := range tc.up {
						if err := calls[kind](context.Background(), p.client); err != nil {
							t.Fatalf("%s: %v", kind, err)
						}
					}
					p.wait(TimeoutDefault)
				}
				if s := p.client.Stats(); !reflect.DeepEqual(s.Unavailable, tc.down) || s.Pauses != tc.pauses {
					t.Errorf("%v are unavailable after %d pauses, want %v and %d", s.Unavailable, s.Pauses, tc.down, tc.pauses)
				}
				for _, kind := range tc.down {
					if err := calls[kind](context.Background(), p.client); err != ErrUnavailable {
						t.Errorf("%s: %v", kind, err)
					}
				}
				for text, kind := range map[string]string{"calls=event": KindEvent, `calls="connect, join"`: KindJoin} {
					if got := strings.Contains(p.log.String(), text); got != slices.Contains(tc.down, kind) {
						t.Errorf("%s is in the log: %v; it is %s", text, got, p.log)
					}
				}
				p.silentTo()
				p.wait(2 * time.Hour)
				for kind, call := range calls {
					if err := call(context.Background(), p.client); err != nil {
						t.Errorf("%s, when it is answered again: %v", kind, err)
					}
				}
				if s := p.client.Stats(); s.Unavailable != nil {
					t.Errorf("%v are unavailable still", s.Unavailable)
				}
			})
		})
	}
}

// TestEventsLeavePlaces: as many events as there may be wait, and the rest of the places is for connects and joins.
func TestEventsLeavePlaces(t *testing.T) {
	for _, tc := range []struct {
		name   string
		max    int
		events int
	}{
		{"one place, which events may take too", 1, 1},
		{"two", 2, 1},
		{"three", 3, 2},
		{"four", 4, 3},
		{"those by default", InFlightMaxDefault, 192},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, Config{InFlightMax: tc.max}, func(p *play) {
				p.stall()
				for round := range 2 { // in the second one all places were given back
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					begin := func(kind string, n int) {
						for range n {
							go func() { _ = calls[kind](ctx, p.client) }()
						}
						synctest.Wait()
					}
					begin(KindEvent, tc.max+1)
					if n, busy := p.client.Stats().InFlight, p.calls(KindEvent, OutcomeBusy); n != tc.events || busy != int64(round+1)*int64(tc.max+1-tc.events) {
						t.Errorf("%d events wait and %d were refused, want %d to wait", n, busy, tc.events)
					}
					begin(KindConnect, 1)
					begin(KindJoin, tc.max-1)
					if n := p.client.Stats().InFlight; n != tc.max {
						t.Errorf("%d calls wait", n)
					}
					if busy := p.calls(KindConnect, OutcomeBusy) + p.calls(KindJoin, OutcomeBusy); busy != int64(round+1)*int64(tc.events) {
						t.Errorf("%d connects and joins were refused", busy)
					}
					p.wait(time.Second)
					cancel()
				}
			})
		})
	}
}

// TestConnectsMayTakeAllPlaces: what is kept for them from events is not kept from them.
func TestConnectsMayTakeAllPlaces(t *testing.T) {
	perform(t, Config{InFlightMax: 4}, func(p *play) {
		p.stall()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for range 4 {
			go func() { _ = calls[KindConnect](ctx, p.client) }()
		}
		synctest.Wait()
		if n := p.client.Stats().InFlight; n != 4 {
			t.Errorf("%d wait", n)
		}
		if err := calls[KindEvent](ctx, p.client); err != ErrBusy {
			t.Errorf("an event beside them: %v", err)
		}
		cancel()
		synctest.Wait()
		p.silentTo()
		for range 4 { // the refused one has kept no place
			if err := calls[KindEvent](context.Background(), p.client); err != nil {
				t.Errorf("an event afterwards: %v", err)
			}
		}
	})
}
