package page

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"starling/bench/internal/report"
)

func TestPartsAreApartWhereNothingWasMeasured(t *testing.T) {
	var all []report.Sample
	for i, p50 := range []float64{0, 1, 2, 0, 3, 0} {
		s := report.Sample{AtS: float64(i)}
		if p50 > 0 {
			s.Latency = &report.Latency{P50: p50}
		}
		all = append(all, s)
	}
	got := parts(all, ofLatency(func(l *report.Latency) float64 { return l.P50 }))
	want := []plotter.XYs{{{X: 1, Y: 1}, {X: 2, Y: 2}}, {{X: 4, Y: 3}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// slowThin finds the least and the greatest of each place by looking at every point for every place.
func slowThin(points plotter.XYs, from, to float64) plotter.XYs {
	var out plotter.XYs
	for place := range PointsMax {
		lo, hi := -1, -1
		for i, p := range points {
			if placeOf(p.X, from, to) != place {
				continue
			}
			if lo < 0 || p.Y < points[lo].Y {
				lo = i
			}
			if hi < 0 || p.Y > points[hi].Y {
				hi = i
			}
		}
		if lo >= 0 {
			out = append(out, points[min(lo, hi)])
		}
		if lo != hi {
			out = append(out, points[max(lo, hi)])
		}
	}
	return out
}

func TestThin(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{2*PointsMax + 1, 1000, 5003} {
		var all []report.Sample
		var points plotter.XYs
		for i := range n {
			all = append(all, report.Sample{AtS: float64(i - 7), Sent: uint64(random.IntN(50))})
			points = append(points, plotter.XY{X: float64(i - 7), Y: float64(all[i].Sent)})
		}
		got := parts(all, always(func(s report.Sample) float64 { return float64(s.Sent) }))
		if want := slowThin(points, -7, float64(n-8)); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%d points: %d, want %d", n, len(got[0]), len(want))
		}
	}
}

func TestShortTimelinesAreWhole(t *testing.T) {
	all := make([]report.Sample, 2*PointsMax)
	for i := range all {
		all[i].AtS = float64(i)
	}
	if got := parts(all, always(func(report.Sample) float64 { return 1 })); len(got[0]) != len(all) {
		t.Errorf("%d", len(got[0]))
	}
}

func TestBands(t *testing.T) {
	r := &report.Report{Phases: []report.Phase{{Name: "quiet", FromS: 0, ToS: 1.5}, {Name: "storm", FromS: 1.5, ToS: 3}}}
	for i, name := range []string{"connect", "connect", "warm-up", "quiet", "storm", "storm", "drain", ""} {
		r.Timeline = append(r.Timeline, report.Sample{AtS: float64(i - 2), Phase: name})
	}
	want := []band{{"connect", -2, -1}, {"warm-up", -1, 0}, {"drain", 3, 4}, {"quiet", 0, 1.5}, {"storm", 1.5, 3}}
	if got := bands(r); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if got := bands(&report.Report{Phases: r.Phases}); got != nil {
		t.Errorf("without a timeline: %v", got)
	}
}

func TestFit(t *testing.T) {
	width := func(s string) vg.Length { return vg.Length(len([]rune(s))) * 10 }
	for _, tc := range []struct {
		name string
		room vg.Length
		want string
	}{
		{"quiet", 50, "quiet"},
		{"quiet", 49, ""},
		{"half-open clients", 90, "half-ope…"},
		{"half-open clients", 170, "half-open clients"},
		{"half-open clients", 50, ""},
		{"", 0, ""},
	} {
		if got := fit(tc.name, tc.room, width); got != tc.want {
			t.Errorf("%q in %v: %q, want %q", tc.name, tc.room, got, tc.want)
		}
	}
}
