package tidy

import (
	"slices"
	"strings"
	"testing"
)

// ruleTest is one row of a rule's own test: a few synthetic files, and the problems that the rule must find in them.
type ruleTest struct {
	name  string
	files map[string]string
	want  []string
}

// run checks that the rule says exactly what the row wants.
func (rt ruleTest) run(t *testing.T, rule func([]source) []string) {
	t.Run(rt.name, func(t *testing.T) {
		var all []source
		for name, content := range rt.files {
			s, err := parse("starling", name, content)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		slices.SortFunc(all, func(a, b source) int { return strings.Compare(a.path, b.path) })
		got := rule(all)
		if !slices.Equal(got, rt.want) {
			t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(rt.want, "\n\t"))
		}
	})
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"hub", "hub", true},
		{"hub", "hub/cluster", false},
		{"hub/...", "hub", true},
		{"hub/...", "hub/internal/rooms", true},
		{"hub/...", "hubs", false},
		{"hub/internal/...", "hub", false},
	} {
		if got := match(tc.pattern, tc.pkg); got != tc.want {
			t.Errorf("match(%q, %q) is %v, want %v", tc.pattern, tc.pkg, got, tc.want)
		}
	}
}
