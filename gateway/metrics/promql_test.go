package metrics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What PromQL puts between metrics. Functions are told by the parenthesis behind them.
var (
	promStrings  = regexp.MustCompile(`"[^"]*"`)
	promRanges   = regexp.MustCompile(`\[[^\]]*\]`)
	promGrouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	promMatchers = regexp.MustCompile(`\{([^}]*)\}`)
	promMatcher  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	promName     = regexp.MustCompile(`\b[a-zA-Z_:][\w:]*\s*\(?`)
	promWords    = []string{"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
)

// promUse is what a query needs: metrics, and the labels that it selects by or groups by.
type promUse struct{ metrics, labels []string }

// usedBy takes a query apart, as far as that is needed to know what it uses.
func usedBy(query string) promUse {
	labels := map[string]bool{}
	query = promStrings.ReplaceAllString(query, `""`)
	query = promRanges.ReplaceAllString(query, " ")
	query = promMatchers.ReplaceAllStringFunc(query, func(set string) string {
		for _, m := range promMatcher.FindAllStringSubmatch(set, -1) {
			labels[m[1]] = true
		}
		return " "
	})
	query = promGrouping.ReplaceAllStringFunc(query, func(clause string) string {
		for name := range strings.SplitSeq(promGrouping.FindStringSubmatch(clause)[2], ",") {
			labels[strings.TrimSpace(name)] = true
		}
		return " "
	})
	metrics := map[string]bool{}
	for _, name := range promName.FindAllString(query, -1) {
		if !strings.HasSuffix(name, "(") && !slices.Contains(promWords, strings.TrimSpace(name)) {
			metrics[strings.TrimSpace(name)] = true
		}
	}
	delete(labels, "le") // each histogram has it
	delete(labels, "")
	return promUse{slices.Sorted(maps.Keys(metrics)), slices.Sorted(maps.Keys(labels))}
}

func TestUsedBy(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"a metric", `up`, `[up] []`},
		{"a number and a comparison", `a_total > 1.5e3`, `[a_total] []`},
		{"functions, ranges and matchers", `rate(a_total{job="x_y", code=~"5.."}[5m])`, `[a_total] [code job]`},
		{"grouping before", `sum by (loop, job) (rate(a_total[$__rate_interval]))`, `[a_total] [job loop]`},
		{"grouping behind", `max(a) without(loop) / on (job) group_left() b`, `[a b] [job loop]`},
		{"a histogram", `histogram_quantile(0.99, sum by (le, kind) (rate(d_seconds_bucket[5m])))`, `[d_seconds_bucket] [kind]`},
		{"words of the language", `a unless b and c or d == bool 1 offset 5m`, `[a b c d] []`},
		{"brackets in a string", `a{x="{[ b"} - 1`, `[a] [x]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := usedBy(tc.query)
			if s := fmt.Sprint(got.metrics, got.labels); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
}
