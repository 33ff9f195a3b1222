package chaos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = time.Second

func TestParseSchedule(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Schedule
		err        error
	}{
		{"a pause", "5s:pause=500ms", Schedule{{At: 5 * second, Act: Pause, Pause: second / 2}}, nil},
		{"a pause and what follows it", "5s:pause=500ms:3s", Schedule{{At: 5 * second, For: 3 * second, Act: Pause, Pause: second / 2}}, nil},
		{"a crash", "0s:kill", Schedule{{Act: Kill}}, nil},
		{"a release", "1m:restart:30s", Schedule{{At: time.Minute, For: 30 * second, Act: Restart}}, nil},
		{"an attack to the end", "5s:slow=5%", Schedule{{At: 5 * second, Attack: Spec{Kind: Slow, Percent: 5}}}, nil},
		{"an attack for a time", "5s:malformed=200/s:10s", Schedule{{At: 5 * second, For: 10 * second, Attack: Spec{Kind: Malformed, Rate: 200}}}, nil},
		{"several, in order of time", "10s:kill, 5s:silent=1:1s", Schedule{
			{At: 5 * second, For: second, Attack: Spec{Kind: Silent, Connections: 1}}, {At: 10 * second, Act: Kill},
		}, nil},
		{"two at once, as they stand", "1s:restart,1s:kill", Schedule{{At: second, Act: Restart}, {At: second, Act: Kill}}, nil},

		{"nothing", "", nil, ErrEvent},
		{"no time", "kill", nil, ErrEvent},
		{"a time that is none", "5:kill", nil, ErrTime},
		{"before the beginning", "-5s:kill", nil, ErrTime},
		{"at no time soon", "1001h:kill", nil, ErrTime},
		{"for no time", "5s:slow=1:0s", nil, ErrTime},
		{"for a time that is none", "5s:slow=1:", nil, ErrTime},
		{"three times", "5s:slow=1:5s:5s", nil, ErrTime},
		{"a pause without a length", "5s:pause", nil, ErrAct},
		{"a pause of nothing", "5s:pause=0s", nil, ErrAct},
		{"a kill of something", "5s:kill=9", nil, ErrAct},
		{"a pause that is longer than its phase", "5s:pause=2s:1s", nil, ErrPause},
		{"what there is not", "5s:flee", nil, ErrKind},
		{"nothing to happen", "5s:", nil, ErrKind},
		{"an attack of no size", "5s:slow", nil, ErrConnections},
		{"too much", strings.Repeat("0s:kill,", EventsMax) + "0s:kill", nil, ErrTooMany},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseSchedule(tc.text)
			if !errors.Is(err, tc.err) || !slices.Equal(got, tc.want) {
				t.Errorf("%+v %v, want %+v %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// FuzzParseSchedule: what is read reads back as itself, and cuts any run that is long enough into pieces without a gap.
func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"5s:pause=500ms,10s:slow=5%:5s", "0s:kill,0s:restart:1ns", "1h:silent=3@2/s:2h", "999h:kill,1ns:pause=1ns", ":::", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		var words []string
		for _, e := range s {
			words = append(words, e.String())
		}
		again, err := ParseSchedule(strings.Join(words, ","))
		if err != nil || !slices.Equal(again, s) {
			t.Fatalf("%q is %+v, and %q is %+v %v", text, s, words, again, err)
		}
		wantWhole(t, s, s[len(s)-1].At+1)
		wantWhole(t, s, 2*TimeMax)
	})
}

// wantWhole checks that the pieces cover a run, have names of their own, and begin and end each event once.
func wantWhole(t *testing.T, s Schedule, total time.Duration) {
	t.Helper()
	pieces, err := s.pieces(total)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended, names := map[int]int{}, map[int]int{}, map[string]bool{}
	at := time.Duration(0)
	for _, p := range pieces {
		if p.from != at || p.to <= p.from || names[p.name] {
			t.Fatalf("%v in a run of %v: %+v", s, total, pieces)
		}
		at, names[p.name] = p.to, true
		for _, i := range p.begin {
			begun[i]++
		}
		for _, i := range p.end {
			ended[i]++
		}
	}
	for i := range s {
		if begun[i] != 1 || ended[i] != 1 {
			t.Fatalf("event %d of %v in a run of %v: %+v", i, s, total, pieces)
		}
	}
	if at != total {
		t.Fatalf("%v in a run of %v ends at %v", s, total, at)
	}
}

func TestPieces(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		total      time.Duration
		want       string // name from-to +begun -ended
		err        error
	}{
		{"quiet, what happens, after", "5s:malformed=1/s:5s", 20 * second, "quiet 0s-5s; malformed 5s-10s +0 -0; after 10s-20s", nil},
		{"from the beginning to the end", "0s:slow=1", 20 * second, "slow 0s-20s +0 -0", nil},
		{"a pause is as long as it says", "5s:pause=500ms", 6 * second, "quiet 0s-5s; pause 5s-5.5s +0 -0; after 5.5s-6s", nil},
		{"a crash has five seconds", "5s:kill", 20 * second, "quiet 0s-5s; kill 5s-10s +0 -0; after 10s-20s", nil},
		{"but the run's end ends it", "5s:restart", 6 * second, "quiet 0s-5s; restart 5s-6s +0 -0", nil},
		{
			"two that overlap", "5s:slow=1:10s,10s:kill:10s", 30 * second,
			"quiet 0s-5s; slow 5s-10s +0; slow+kill 10s-15s +1 -0; kill 15s-20s -1; after 20s-30s", nil,
		},
		{
			"the same again", "1s:kill:1s,3s:kill:1s", 5 * second,
			"quiet 0s-1s; kill 1s-2s +0 -0; after 2s-3s; kill-2 3s-4s +1 -1; after-2 4s-5s", nil,
		},
		{"one behind the other", "0s:slow=1:2s,2s:silent=1:2s", 4 * second, "slow 0s-2s +0 -0; silent 2s-4s +1 -1", nil},
		{"nothing at all", "", 4 * second, "quiet 0s-4s", nil},
		{"as late as the end", "4s:kill", 4 * second, "", ErrTooLate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Schedule
			if tc.text != "" {
				var err error
				if s, err = ParseSchedule(tc.text); err != nil {
					t.Fatal(err)
				}
			}
			pieces, err := s.pieces(tc.total)
			var words []string
			for _, p := range pieces {
				w := fmt.Sprintf("%s %v-%v", p.name, p.from, p.to)
				for _, i := range p.begin {
					w += fmt.Sprintf(" +%d", i)
				}
				for _, i := range p.end {
					w += fmt.Sprintf(" -%d", i)
				}
				words = append(words, w)
			}
			if got := strings.Join(words, "; "); got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s %v, want %s %v", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestAlways(t *testing.T) {
	specs, err := parseAll("slow=1,malformed=3/s")
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := always(specs).pieces(second)
	if err != nil || len(pieces) != 1 || pieces[0].name != "slow+malformed" {
		t.Errorf("%+v %v", pieces, err)
	}
}
