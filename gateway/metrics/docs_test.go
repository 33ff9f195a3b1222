package metrics

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	dto "github.com/prometheus/client_model/go"

	"starling/gateway/guard"
	"starling/gateway/webhook"
)

const docs = "../../docs/METRICS.md"

// documented are the rows of the tables of metrics: the type and the labels by the name of the metric.
func documented(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(" + namespace + "_\\w+)` \\| (\\w+) \\|([^|]*)\\| ([^|]+) \\| ([^|]+) \\|$")
	for _, m := range row.FindAllStringSubmatch(read(t, docs), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("%s has two rows", m[1])
		}
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		slices.Sort(labels)
		rows[m[1]] = fmt.Sprint(m[2], " ", labels)
	}
	return rows
}

// TestEachMetricHasItsRow holds the tables against the metrics, in both directions.
func TestEachMetricHasItsRow(t *testing.T) {
	rows := documented(t)
	for name, f := range families(t) {
		if !strings.HasPrefix(name, namespace+"_") {
			continue
		}
		got := fmt.Sprint(strings.ToLower(f.GetType().String()), " ", slices.Sorted(maps.Keys(labelsOf(f))))
		switch row, ok := rows[name]; {
		case !ok:
			t.Errorf("%s has no row in docs/METRICS.md", name)
		case row != got:
			t.Errorf("%s is %s, and in docs/METRICS.md %s", name, got, row)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/METRICS.md has a row for %s, which there is not", name)
	}
}

// TestEachLabelValueIsDocumented: whoever sees a word on a dashboard finds it in the docs.
func TestEachLabelValueIsDocumented(t *testing.T) {
	text := read(t, docs)
	free := []string{"loop", "version", "goversion", "operation", "status"} // whose values are numbers, or are listed elsewhere
	words := map[string]bool{}
	for name, f := range families(t) {
		for label, values := range labelsOf(f) {
			if strings.HasPrefix(name, namespace+"_") && !slices.Contains(free, label) {
				for _, v := range values {
					words[v] = true
				}
			}
		}
	}
	for _, outcome := range []string{
		webhook.OutcomeOK, webhook.OutcomeRefused, webhook.OutcomeStatus, webhook.OutcomeReply, webhook.OutcomeTimeout, webhook.OutcomeConnection,
		webhook.OutcomeCanceled, webhook.OutcomeBusy, webhook.OutcomeUnavailable, webhook.OutcomeClosed,
		webhook.KindConnect, webhook.KindJoin, webhook.KindEvent, webhook.KindBatch,
	} {
		words[outcome] = true
	}
	if len(words) < 60 {
		t.Fatalf("only %d words were found", len(words))
	}
	for word := range words {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("the value %q of a label is not in docs/METRICS.md", word)
		}
	}
}

// TestCodesOfTokensAreKnown: a code that package access adds is counted from zero on, as the others are.
func TestCodesOfTokensAreKnown(t *testing.T) {
	known := labelsOf(families(t)["starling_tokens_refused_total"])["code"]
	sources, err := filepath.Glob("../access/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`\bCode\w+\s*=\s*"(\w+)"`).FindAllStringSubmatch(read(t, name), -1) {
			found++
			if !slices.Contains(known, m[1]) {
				t.Errorf("the code %s is not known from the start", m[1])
			}
		}
	}
	if found < 8 {
		t.Fatalf("only %d codes were found", found)
	}
}

// TestStatesOfTheGuard: its words are ours.
func TestStatesOfTheGuard(t *testing.T) {
	states := []string{guard.Off.String(), guard.OK.String(), guard.Refusing.String(), guard.Shedding.String()}
	if !slices.Equal(states, MemoryStates) {
		t.Errorf("the guard has %q, the metrics have %q", states, MemoryStates)
	}
}

// rules is a file of rules for Prometheus.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// TestAlerts: the rules are a file that Prometheus reads, and ask for what there is.
func TestAlerts(t *testing.T) {
	text, ok := "", false
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, docs), -1) {
		if strings.HasPrefix(block[1], "groups:") {
			text, ok = block[1], true
		}
	}
	if !ok {
		t.Fatal("there is no block of rules")
	}
	var file rules
	if err := yaml.UnmarshalWithOptions([]byte(text), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	all := families(t)
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if seen[r.Alert] {
				t.Errorf("there are two alerts %s", r.Alert)
			}
			seen[r.Alert] = true
			if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
				t.Errorf("%s: %v", r.Alert, err)
			}
			if r.Labels["severity"] != "page" && r.Labels["severity"] != "warn" || r.Annotations["summary"] == "" {
				t.Errorf("%s lacks a severity, or a summary", r.Alert)
			}
			checkQuery(t, r.Alert, r.Expr, all)
			checkTemplates(t, r.Alert, r.Annotations["summary"], r.Expr, all)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d alerts were found", len(seen))
	}
}

// checkQuery wants the metrics and the labels of a query to be there.
func checkQuery(t *testing.T, where, query string, all map[string]*dto.MetricFamily) {
	t.Helper()
	if strings.Count(query, "(") != strings.Count(query, ")") || strings.Count(query, "{") != strings.Count(query, "}") {
		t.Errorf("%s: the brackets of %s do not match", where, query)
	}
	use := usedBy(query)
	if len(use.metrics) == 0 {
		t.Errorf("%s: %s uses no metric", where, query)
	}
	labels := []string{"job", "instance"} // what Prometheus adds
	for _, name := range use.metrics {
		f, ok := familyOf(name, all)
		if !ok && name != "up" {
			t.Errorf("%s: there is no metric %s", where, name)
			continue
		}
		labels = slices.AppendSeq(labels, maps.Keys(labelsOf(f)))
		if f.GetType() == dto.MetricType_SUMMARY {
			labels = append(labels, "quantile")
		}
	}
	for _, label := range use.labels {
		if !slices.Contains(labels, label) {
			t.Errorf("%s: no metric of %s has the label %s", where, query, label)
		}
	}
}

// checkTemplates wants the labels that a text names to be in what the query returns.
func checkTemplates(t *testing.T, where, text, query string, all map[string]*dto.MetricFamily) {
	t.Helper()
	use := usedBy(query)
	labels := append([]string{"job", "instance"}, use.labels...)
	if !strings.Contains(query, " by (") {
		for _, name := range use.metrics {
			f, _ := familyOf(name, all)
			labels = slices.AppendSeq(labels, maps.Keys(labelsOf(f)))
		}
	}
	for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(labels, m[1]) {
			t.Errorf("%s: %s has no label %s", where, query, m[1])
		}
	}
}

// familyOf finds the metric that a series belongs to: those of histograms and summaries have suffixes.
func familyOf(series string, all map[string]*dto.MetricFamily) (*dto.MetricFamily, bool) {
	if f, ok := all[series]; ok {
		return f, f.GetType() != dto.MetricType_HISTOGRAM
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name, ok := strings.CutSuffix(series, suffix)
		f := all[name]
		if ok && f != nil && (f.GetType() == dto.MetricType_HISTOGRAM || f.GetType() == dto.MetricType_SUMMARY && suffix != "_bucket") {
			return f, true
		}
	}
	return nil, false
}

func TestFamilyOf(t *testing.T) {
	all := families(t)
	for series, want := range map[string]bool{
		"starling_connections": true, "starling_connections_count": false, "starling_connection": false,
		"starling_api_request_duration_seconds_bucket": true, "starling_api_request_duration_seconds_sum": true,
		"starling_api_request_duration_seconds": false, "go_gc_duration_seconds": true, "go_gc_duration_seconds_sum": true,
		"go_gc_duration_seconds_bucket": false,
	} {
		if _, ok := familyOf(series, all); ok != want {
			t.Errorf("%s is a series: %v, want %v", series, ok, want)
		}
	}
}
