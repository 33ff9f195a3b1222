package metrics

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"starling/gateway/webhook"
	"starling/hub"
	"starling/internal/starlingtest"
)

// TestExposition holds names, types, helps, labels and values of all metrics against testdata. go test -rewrite writes it.
func TestExposition(t *testing.T) {
	const name = "testdata/exposition.txt"
	got := ours(scrape(t, newFixture()))
	if *rewrite {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := read(t, name)
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s:%d differs (go test -rewrite takes it over):\ngot  %q\nwant %q", name, i+1, at(a, i), at(b, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(newFixture().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestEachFigureIsShown gives each figure another value, and wants to see it.
func TestEachFigureIsShown(t *testing.T) {
	stats, calls := serverStats(1, 1_000), webhookStats(5_000)
	m := New(Config{
		Stats:   func(context.Context) (hub.Stats, error) { return stats, nil },
		Webhook: func() webhook.Stats { return calls },
	})
	shown := map[string]bool{}
	for line := range strings.Lines(ours(scrape(t, m))) {
		shown[strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])] = true
	}
	seen := 0
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				look(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		case reflect.Int, reflect.Int64, reflect.Uint64:
			seen++
			n := v.Convert(reflect.TypeFor[int64]()).Int()
			if v.Type() == reflect.TypeFor[time.Duration]() {
				n /= int64(time.Second)
			}
			if !shown[strconv.FormatInt(n, 10)] {
				t.Errorf("%s, which is %d, is shown by no metric", path, n)
			}
		}
	}
	look("hub.Stats", reflect.ValueOf(stats))
	look("webhook.Stats", reflect.ValueOf(calls))
	if seen < 30 {
		t.Fatalf("only %d figures were looked at", seen)
	}
}

func TestOnlyWhatThereIs(t *testing.T) {
	got := ours(scrape(t, New(Config{Version: "v1"})))
	for _, name := range []string{"connections", "scrape_success", "webhook_calls_total", "memory_used_bytes", "draining"} {
		if strings.Contains(got, "starling_"+name) {
			t.Errorf("starling_%s is there, although nobody gave it", name)
		}
	}
	expectLines(t, got, `starling_build_info{goversion="GOVERSION",version="v1"} 1`, `starling_client_events_total{outcome="ok"} 0`,
		`starling_tokens_refused_total{code="token_expired"} 0`)
}

func TestProcessAndRuntime(t *testing.T) {
	got := scrape(t, New(Config{}))
	want := []string{"go_goroutines", "go_gc_duration_seconds", "go_memstats_heap_inuse_bytes"}
	if runtime.GOOS == "linux" {
		want = append(want, "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_cpu_seconds_total")
	}
	for _, name := range want {
		if !strings.Contains(got, "# TYPE "+name+" ") {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestRegistriesAreTheirOwn: two servers in one process do not meet.
func TestRegistriesAreTheirOwn(t *testing.T) {
	a, b := New(Config{}), New(Config{})
	a.ClientEvent("ok")
	expectLines(t, scrape(t, a), `starling_client_events_total{outcome="ok"} 1`)
	expectLines(t, scrape(t, b), `starling_client_events_total{outcome="ok"} 0`)
}

func TestLabelsAreBounded(t *testing.T) {
	m := New(Config{})
	for i := range 10 * WordsMax {
		word := "x" + strconv.Itoa(i)
		m.ClientEvent(word)
		m.TokenRefused(word)
		m.ConnectRefused(word)
		m.ObserveAPI(word, i, time.Second)
		m.ObserveWebhook(word, word, time.Second)
		m.ObserveWebhook("connect", word, time.Second)
	}
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, f := range all {
		for label, values := range labelsOf(f) {
			distinct := map[string]bool{}
			for _, v := range values {
				distinct[v] = true
			}
			looked++
			if most := WordsMax + 1; label != "status" && len(distinct) > most || len(distinct) > 600 {
				t.Errorf("%s has %d values of %s", f.GetName(), len(distinct), label)
			}
		}
	}
	if looked < 8 {
		t.Fatalf("only %d labels were looked at", looked)
	}
	expectLines(t, scrape(t, m), `starling_client_events_total{outcome="other"} 586`) // 640, and 10 of 64 known before
}

func TestStatusWord(t *testing.T) {
	for status, want := range map[int]string{200: "200", 100: "100", 599: "599", 99: "other", 600: "other", 0: "other", -1: "other"} {
		if got := statusWord(status); got != want {
			t.Errorf("%d is %q, want %q", status, got, want)
		}
	}
}

var errHeld = errors.New("a loop is held")

// TestAScrapeOfALoopThatIsHeld: what there is is shown, and that something is missing.
func TestAScrapeOfALoopThatIsHeld(t *testing.T) {
	var log strings.Builder
	var fails error
	m := New(Config{
		Stats: func(context.Context) (hub.Stats, error) {
			return hub.Stats{Loops: []hub.LoopStats{{Connections: 5, Held: fails != nil, Wait: time.Second}}}, fails
		},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for _, tc := range []struct {
		name  string
		fails error
		want  []string
		logs  int // lines of the log so far
	}{
		{"well", nil, []string{"starling_scrape_success 1", "starling_connections 5", `starling_loop_held{loop="0"} 0`}, 0},
		{"held", errHeld, []string{"starling_scrape_success 0", "starling_connections 5", `starling_loop_held{loop="0"} 1`, `starling_loop_wait_seconds{loop="0"} 1`}, 1},
		{"still held", errHeld, []string{"starling_scrape_success 0"}, 1},
		{"well again", nil, []string{"starling_scrape_success 1"}, 2},
		{"at its end, of which the log has enough", hub.ErrShutdown, []string{"starling_scrape_success 0"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fails = tc.fails
			expectLines(t, scrape(t, m), tc.want...)
			if n := strings.Count(log.String(), "\n"); n != tc.logs {
				t.Errorf("logged %d lines, want %d:\n%s", n, tc.logs, log.String())
			}
		})
	}
	for _, want := range []string{"level=WARN", `error="a loop is held"`, "level=INFO"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("%s is not once in the log:\n%s", want, log.String())
		}
	}
}

// TestAScrapeNeverHangs: not even if the server does not keep to the time that it is given.
func TestAScrapeNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var asked atomic.Int64
		m := New(Config{
			Stats:  func(context.Context) (hub.Stats, error) { asked.Add(1); <-release; return hub.Stats{}, nil },
			Logger: slog.New(slog.DiscardHandler),
		})
		began := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				got := scrape(t, m)
				expectLines(t, got, "starling_scrape_success 0", `starling_client_events_total{outcome="ok"} 0`)
				if strings.Contains(got, "starling_connections ") {
					t.Error("there are figures of the server, although it gave none")
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != ScrapeTimeDefault+graceTime {
			t.Errorf("the scrapes took %v", took)
		}
		if asked.Load() != 1 {
			t.Errorf("the server was asked %d times", asked.Load())
		}
		close(release)
		synctest.Wait()
		expectLines(t, scrape(t, m), "starling_scrape_success 1", "starling_connections 0")
	})
}

func TestEveryErrorIsExpected(t *testing.T) {
	declared, tests := starlingtest.Rules(t)
	if len(declared) < 1 {
		t.Fatal("no error was found")
	}
	for _, name := range declared {
		if !bytes.Contains(tests, []byte(name)) {
			t.Errorf("%s is expected by no test", name)
		}
	}
}
