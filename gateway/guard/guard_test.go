package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"starling/internal/starlingtest"
)

// bench is a guard whose memory, clock and server are the test's. There are 1,000 bytes: Low is 800, High 850 and
// Critical 930.
type bench struct {
	guard *Guard
	now   time.Time
	used  []int64 // what the next looks see; the last one stays
	fails error   // why looks fail; nil: they do not
	holds int     // what Shed can free
	did   []string
	log   bytes.Buffer
}

var errGone = errors.New("the file has gone")

func newBench(t *testing.T, used ...int64) *bench {
	t.Helper()
	b := &bench{now: time.Unix(1_000, 0), used: used}
	g, err := build(Config{
		Max:    1000,
		Read:   b.read,
		Refuse: func(refuse bool) { b.note("refuse %v", refuse) },
		Shed:   b.shed,
		Free:   func() { b.note("free") },
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	b.guard = g
	return b
}

func (b *bench) read() (int64, error) {
	if b.fails != nil {
		return 0, b.fails
	}
	used := b.used[0]
	if len(b.used) > 1 {
		b.used = b.used[1:]
	}
	return used, nil
}

func (b *bench) shed(n int) int {
	freed := min(n, b.holds)
	b.holds -= freed
	b.note("shed %d: %d", n, freed)
	return freed
}

func (b *bench) note(format string, args ...any) { b.did = append(b.did, fmt.Sprintf(format, args...)) }

// look has the guard look once, a second after the last look, and returns what it did then.
func (b *bench) look() []string {
	b.did = nil
	b.now = b.now.Add(time.Second)
	b.guard.look(b.now)
	return b.did
}

// lines are the lines that were logged, each by its message.
func (b *bench) lines() []string {
	var all []string
	for line := range strings.Lines(b.log.String()) {
		_, rest, _ := strings.Cut(line, "msg=")
		message, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
		all = append(all, message)
	}
	return all
}

func TestStates(t *testing.T) {
	type step struct {
		used int64
		want State
		did  string
	}
	for _, tc := range []struct {
		name  string
		steps []step
		logs  int
	}{
		{"enough", []step{{0, OK, ""}, {850, OK, ""}, {850, OK, ""}}, 0},
		{"above High, and only below Low well again", []step{
			{851, Refusing, "free, refuse true"}, {930, Refusing, ""}, {849, Refusing, ""}, {800, Refusing, ""}, {799, OK, "refuse false"}, {850, OK, ""},
		}, 2},
		{"above Critical at once", []step{{931, Shedding, "free, refuse true, shed 1: 1"}, {931, Shedding, ""}}, 2},
		{"shedding ends at High, refusing at Low", []step{
			{860, Refusing, "free, refuse true"},
			{940, Shedding, "shed 10: 10"},
			{930, Shedding, ""},
			{851, Shedding, ""},
			{850, Refusing, ""},
			{860, Refusing, ""},
			{799, OK, "refuse false"},
		}, 5},
		{"from shedding straight to well", []step{{2_000, Shedding, "free, refuse true, shed 1070: 100"}, {10, OK, "refuse false"}}, 3},
		{"a state is said once, however long it lasts", []step{
			{851, Refusing, "free, refuse true"}, {852, Refusing, ""}, {853, Refusing, ""}, {854, Refusing, ""},
		}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, 0)
			b.holds = 100
			for i, s := range tc.steps {
				b.used = []int64{s.used}
				did := strings.Join(b.look(), ", ")
				want := Reading{State: s.want, UsedBytes: s.used, MaxBytes: 1000}
				if got := b.guard.Reading(); got != want || did != s.did || b.guard.State() != s.want {
					t.Errorf("look %d: %+v, did %q; want %+v, did %q", i, got, did, want, s.did)
				}
			}
			if got := b.lines(); len(got) != tc.logs {
				t.Errorf("logged %d lines, want %d: %q", len(got), tc.logs, got)
			}
		})
	}
}

func TestEachTransitionIsLoggedWithItsFigures(t *testing.T) {
	b := newBench(t, 0)
	for _, used := range []int64{900, 940, 840, 700} {
		b.used = []int64{used}
		b.look()
	}
	got := b.log.String()
	for _, want := range []string{
		`level=WARN msg="memory is short: new sessions are refused" state=refusing before=ok used=900 max=1000`,
		`level=WARN msg="memory is very short: new sessions are refused, and the slowest clients are disconnected" state=shedding before=refusing used=940 max=1000`,
		`level=WARN msg="memory is short: new sessions are refused" state=refusing before=shedding used=840 max=1000`,
		`level=INFO msg="memory suffices again: new sessions are let in" state=ok before=refusing used=700 max=1000`,
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%s\nis not once in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 4 { // nothing was freed at 940, so nothing is said of it
		t.Errorf("%d lines were logged, want 4:\n%s", n, got)
	}
}

func TestGarbageIsNoReasonToRefuse(t *testing.T) {
	b := newBench(t, 940, 500) // before the collection, and behind it
	if did := b.look(); !slices.Equal(did, []string{"free"}) || b.guard.State() != OK {
		t.Errorf("did %q and is %v, want a collection and no more", did, b.guard.State())
	}
	if b.log.Len() > 0 {
		t.Errorf("logged %q for nothing", b.log.String())
	}
}

func TestCollectionsKeepTheirDistance(t *testing.T) {
	b := newBench(t, 900)
	var at []int
	for second := range 91 {
		if slices.Contains(b.look(), "free") {
			at = append(at, second)
		}
	}
	if want := []int{0, 30, 60, 90}; !slices.Equal(at, want) {
		t.Errorf("collected at %v, want %v", at, want)
	}
}

// TestTheSameBytesAreNotShedTwice walks through memory that is given back slowly.
func TestTheSameBytesAreNotShedTwice(t *testing.T) {
	b := newBench(t, 0)
	b.holds = 1000
	freed := func() { b.guard.freed = b.now.Add(time.Second) } // no collection comes in between
	for i, step := range []struct {
		used int64
		did  string
	}{
		{980, "free, refuse true, shed 50: 50"},
		{980, ""},             // nothing has shown yet
		{960, ""},             // 20 have; 30 are to come
		{1010, "shed 50: 50"}, // 50 more than when all is seen: those are new
		{930, ""},             // all has shown
		{940, "shed 10: 10"},  // so these are new, too
		{940, ""},
		{949, "shed 9: 9"},
	} {
		b.used = []int64{step.used}
		if i > 0 {
			freed()
		}
		if did := strings.Join(b.look(), ", "); did != step.did {
			t.Errorf("look %d, at %d: did %q, want %q", i, step.used, did, step.did)
		}
	}
}

// TestACollectionEndsTheWait: what was shed is collected sooner than garbage, and behind a collection whatever is still used
// is not on its way out.
func TestACollectionEndsTheWait(t *testing.T) {
	b := newBench(t, 980)
	b.holds = 120
	did := map[int]string{}
	for second := range 12 {
		if s := strings.Join(b.look(), ", "); s != "" {
			did[second] = s
		}
	}
	want := map[int]string{
		0: "free, refuse true, shed 50: 50", 5: "free, shed 50: 50", 10: "free, shed 50: 20", 11: "shed 30: 0", // nobody is left
	}
	if fmt.Sprint(did) != fmt.Sprint(want) {
		t.Errorf("did %v, want %v", did, want)
	}
}

func TestBelowCriticalWhatWasShedCanWait(t *testing.T) {
	b := newBench(t, 980, 980, 900)
	b.holds = 1000
	for second := range 30 {
		if did := strings.Join(b.look(), ", "); did != "" && second > 0 {
			t.Errorf("second %d: did %q, want nothing", second, did)
		}
	}
}

func TestBlindness(t *testing.T) {
	b := newBench(t, 900)
	b.look()
	b.fails = errGone
	for range failuresMax - 1 {
		if did := b.look(); len(did) > 0 || b.guard.State() != Refusing {
			t.Fatalf("did %q and is %v on a look that failed, want nothing and refusing", did, b.guard.State())
		}
	}
	if did := b.look(); !slices.Equal(did, []string{"refuse false"}) || b.guard.State() != OK {
		t.Errorf("did %q and is %v in the end, want to let sessions in", did, b.guard.State())
	}
	b.look()
	b.fails = nil
	if did := b.look(); !slices.Equal(did, []string{"refuse true"}) {
		t.Errorf("did %q when it saw again, want to refuse", did)
	}
	want := []string{
		"memory is short: new sessions are refused",
		"the memory cannot be watched",
		"memory cannot be watched: new sessions are let in all the same",
		"the memory can be watched again",
		"memory is short: new sessions are refused",
	}
	if got := b.lines(); !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestBlindBehindACollection(t *testing.T) {
	b := newBench(t, 900)
	b.guard.cfg.Free = func() { b.fails = errGone }
	if did := b.look(); len(did) > 0 || b.guard.State() != OK {
		t.Errorf("did %q and is %v, want nothing: what was read before the collection says nothing", did, b.guard.State())
	}
}

func TestRun(t *testing.T) {
	clock := make(chan time.Time)
	refused := make(chan bool, 1)
	g, err := build(Config{
		Max: 1000, Clock: clock,
		Read:   func() (int64, error) { return 900, nil },
		Refuse: func(refuse bool) { refused <- refuse },
		Free:   func() {},
		Logger: slog.New(slog.DiscardHandler),
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { g.Run(ctx); close(ended) }()
	clock <- time.Unix(1, 0)
	if !<-refused {
		t.Error("sessions were let in, want them refused")
	}
	clock <- time.Unix(2, 0) // and it goes on looking
	cancel()
	<-ended
}

func TestRunLooksAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	g, err := build(Config{
		Max: 1000, Interval: time.Hour,
		Read:   func() (int64, error) { cancel(); return 10, nil },
		Logger: slog.New(slog.DiscardHandler),
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	g.Run(ctx) // would take an hour
	if got := g.Reading().UsedBytes; got != 10 {
		t.Errorf("saw %d bytes, want 10", got)
	}
}

func TestWithoutALimitTheGuardIsOff(t *testing.T) {
	g, err := build(Config{Read: func() (int64, error) { panic("nobody is to look") }}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	g.Run(context.Background()) // returns by itself
	if got := g.Reading(); got != (Reading{}) || g.State() != Off {
		t.Errorf("reads %+v, want nothing", got)
	}
}

func TestConfigThatCannotWork(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"a negative bound", Config{Max: -1}, ErrMax},
		{"Low missing", Config{High: 0.9, Critical: 0.95}, ErrThresholds},
		{"Low above High", Config{High: 0.8, Critical: 0.95, Low: 0.85}, ErrThresholds},
		{"Low as High", Config{High: 0.8, Critical: 0.95, Low: 0.8}, ErrThresholds},
		{"High as Critical", Config{High: 0.9, Critical: 0.9, Low: 0.8}, ErrThresholds},
		{"more than there is", Config{High: 0.9, Critical: 1.1, Low: 0.8}, ErrThresholds},
		{"no number", Config{High: math.NaN(), Critical: 1, Low: 0.8}, ErrThresholds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.cfg); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	var cfg Config
	cfg.ensureDefaults()
	cfg.Refuse(true)
	if freed := cfg.Shed(1); freed != 0 {
		t.Errorf("the default Shed frees %d bytes, want none", freed)
	}
	if cfg.High != 0.85 || cfg.Critical != 0.93 || cfg.Low != 0.80 || cfg.Interval != time.Second || cfg.Free == nil || cfg.Logger == nil {
		t.Errorf("the defaults are %+v", cfg)
	}
}

func TestStateNames(t *testing.T) {
	for s, want := range map[State]string{Off: "off", OK: "ok", Refusing: "refusing", Shedding: "shedding"} {
		if got := s.String(); got != want {
			t.Errorf("%d is %q, want %q", s, got, want)
		}
	}
}

func TestEveryErrorIsExpected(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 2 {
		t.Fatalf("only %d errors were found", len(declared))
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte(name)) {
			t.Errorf("%s is expected by no test", name)
		}
	}
}

// TestThresholdsAreDocumented: the page names the thresholds that are in force.
func TestThresholdsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| `off` | there is no limit |",
		fmt.Sprintf("| `ok` | below %.0f %% |", LowDefault*100),
		fmt.Sprintf("| `refusing` | above %.0f %% |", HighDefault*100),
		fmt.Sprintf("| `shedding` | above %.0f %% |", CriticalDefault*100),
		fmt.Sprintf("at most each %.0f s", freeTimeMin.Seconds()),
		fmt.Sprintf("within %.0f s", shedFreeTimeMin.Seconds()),
	} {
		if !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/METRICS.md lacks %q", row)
		}
	}
}
