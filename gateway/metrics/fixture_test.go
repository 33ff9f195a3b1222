package metrics

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"starling/gateway/webhook"
	"starling/hub"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata to what the tests get")

// filler gives each number within a value another one, from a first one on.
type filler struct{ last int64 }

func (f *filler) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Int, reflect.Int64:
		f.last++
		if v.Type() == reflect.TypeFor[time.Duration]() {
			v.SetInt(f.last * int64(time.Second))
			return
		}
		v.SetInt(f.last)
	case reflect.Uint64:
		f.last++
		v.SetUint(uint64(f.last))
	}
}

// serverStats are the figures of a server in which no two are the same, but for those that are there or not.
func serverStats(loops int, first int64) hub.Stats {
	s, _ := hub.New(hub.Options{Logger: slog.New(slog.DiscardHandler)}).Stats(context.Background()) // which has each reason and cause
	s.Loops = make([]hub.LoopStats, loops)
	f := filler{first}
	f.fill(reflect.ValueOf(&s).Elem())
	s.Loops[loops-1].Held = true
	s.Closed[hub.ReasonSlowConsumer] = 7_000_001
	s.Refused[hub.CauseOverloaded] = 7_000_002
	return s
}

// webhookStats are the same of a webhook client.
func webhookStats(first int64) webhook.Stats {
	s := webhook.Stats{Unavailable: []string{webhook.KindConnect, webhook.KindJoin}, Calls: []webhook.CallCount{
		{Kind: webhook.KindConnect, Outcome: webhook.OutcomeOK},
		{Kind: webhook.KindEvent, Outcome: webhook.OutcomeTimeout},
		{Kind: webhook.KindBatch, Outcome: webhook.OutcomeStatus},
	}}
	f := filler{first}
	f.fill(reflect.ValueOf(&s).Elem())
	return s
}

// newFixture are metrics of everything that there can be.
func newFixture() *Metrics {
	m := New(Config{
		Stats:          func(context.Context) (hub.Stats, error) { return serverStats(2, 1_000), nil },
		ConnectionsMax: func() int { return 100_000 },
		Webhook:        func() webhook.Stats { return webhookStats(5_000) },
		Memory:         func() Memory { return Memory{State: "refusing", UsedBytes: 870, MaxBytes: 1_000} },
		Draining:       func() bool { return true },
		Version:        "v1.2.3",
		Logger:         slog.New(slog.DiscardHandler),
	})
	for range 3 {
		m.ClientEvent("rate_limited")
	}
	m.ClientEvent("ok")
	m.ClientEvent("ws:acme")
	m.TokenRefused("token_expired")
	m.ConnectRefused("user_connections_max")
	m.ObserveAPI("emit", 200, 300*time.Microsecond)
	m.ObserveAPI("emit", 200, 40*time.Millisecond)
	m.ObserveAPI("emit", 403, time.Millisecond)
	m.ObserveAPI("stats", 999, time.Minute)
	m.ObserveWebhook(webhook.KindConnect, webhook.OutcomeOK, 30*time.Millisecond)
	m.ObserveWebhook(webhook.KindConnect, webhook.OutcomeTimeout, 5*time.Second)
	return m
}

// scrape is what Prometheus would get.
func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	if r.Code != http.StatusOK {
		t.Errorf("status %d: %s", r.Code, r.Body)
	}
	return r.Body.String()
}

// ours keeps the lines of our own metrics.
func ours(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, namespace+"_") {
			b.WriteString(strings.ReplaceAll(line, runtime.Version(), "GOVERSION"))
		}
	}
	return b.String()
}

// expectLines wants lines to be in a text, each as it is.
func expectLines(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
}

// families are all metrics of the fixture, by their names.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := newFixture().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range all {
		byName[f.GetName()] = f
	}
	return byName
}

// labelsOf are the labels of a metric, and their values.
func labelsOf(f *dto.MetricFamily) map[string][]string {
	labels := map[string][]string{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
		}
	}
	return labels
}

// read is the content of a file of the tree, from here.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
