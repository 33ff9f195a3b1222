package report

import (
	"strings"
	"testing"
)

// An attack is set beside the quiet, and the worst of them is the run's.
func TestToQuiet(t *testing.T) {
	phases := func() []Phase {
		return []Phase{
			{Name: "quiet", Latency: &Latency{P99: 200}},
			{Name: "slow", Latency: &Latency{P99: 300}},
			{Name: "after", Latency: &Latency{P99: 900}},
			{Name: "silent", Latency: &Latency{P99: 100}},
			{Name: "hoarder"},
		}
	}
	isAttack := func(name string) bool { return name == "slow" || name == "silent" || name == "hoarder" }
	for _, tc := range []struct {
		name   string
		phases []Phase
		want   []float64 // of each phase, 0 for none
		worst  float64
	}{
		{"some", phases()[:4], []float64{0, 1.5, 0, 0.5}, 1.5},
		{"one in which nothing is heard", phases(), []float64{0, 1.5, 0, 0.5, toQuietMax}, toQuietMax},
		{"no attack", phases()[:1], []float64{0}, 0},
		{"no quiet", phases()[1:4], []float64{0, 0, 0}, 0},
		{"nothing heard in the quiet", []Phase{{Name: "quiet"}, phases()[1]}, []float64{0, 0}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &Report{Phases: tc.phases}
			r.SetToQuiet("quiet", isAttack)
			value := func(v *float64) float64 {
				if v == nil {
					return 0
				}
				return *v
			}
			for i, p := range r.Phases {
				if got := value(p.ToQuiet); got != tc.want[i] {
					t.Errorf("%s: %v times the quiet, want %v", p.Name, got, tc.want[i])
				}
				if told := strings.Contains(p.text(), "times the quiet one"); told != (tc.want[i] != 0) {
					t.Errorf("%s: %s", p.Name, p.text())
				}
			}
			if m, ok := r.Metric("p99_to_quiet"); value(r.ToQuiet) != tc.worst || ok != (tc.worst != 0) || m.Value != tc.worst {
				t.Errorf("the worst is %v, want %v", m.Value, tc.worst)
			}
		})
	}
}
