package page

import (
	"reflect"
	"testing"

	"starling/bench/internal/report"
)

func of(target string, round, depth int, cpu float64) *report.Report {
	return &report.Report{
		Scenario: "broadcast", Target: target, Round: round, Connections: 100, Depth: depth, SizeBytes: 64,
		Delivery: &report.Delivery{Rooms: 1, CPUUsPerDelivery: &cpu},
	}
}

// Only results with the same numbers are set beside each other.
func TestGroups(t *testing.T) {
	all := []*report.Report{of("a", 0, 1, 1), of("a", 0, 16, 1), of("b", 0, 1, 1), {Scenario: "idle", Target: "a", Connections: 100}}
	got := groups(all)
	if len(got) != 1 || got[0].title != "broadcast, 100 connections, 1 in flight, 64 bytes of payload" || !reflect.DeepEqual(got[0].results, []*report.Report{all[0], all[2]}) {
		t.Errorf("%+v", got)
	}
}

func TestBarsAreMediansOfRounds(t *testing.T) {
	g := group{results: []*report.Report{of("b", 1, 1, 9), of("a", 1, 1, 3), of("b", 2, 1, 5), of("b", 3, 1, 6), of("a", 2, 1, 4)}}
	got, unit := g.collect("cpu_per_delivery")
	if want := []bar{{"b", 5, 6, 9, 3}, {"a", 3, 3.5, 4, 2}}; !reflect.DeepEqual(got, want) || unit != "us" {
		t.Errorf("%+v in %s", got, unit)
	}
	if !g.rounds() || (group{results: []*report.Report{of("a", 0, 1, 1), of("b", 0, 1, 1)}}).rounds() {
		t.Error("rounds")
	}
}

func TestOneServerHasNoBars(t *testing.T) {
	g := group{results: []*report.Report{of("a", 1, 1, 1), of("a", 2, 1, 2)}}
	if got := g.bars(paletteOf(g.results)); len(got) != 0 {
		t.Errorf("%d", len(got))
	}
}

func TestEachServerHasItsLook(t *testing.T) {
	var all []*report.Report
	for _, name := range []string{"a", "limit", "b", "c", "d", "e", "f", "g", "a"} {
		all = append(all, of(name, 0, 1, 1))
	}
	p, seen := paletteOf(all), map[key]bool{}
	for _, r := range all[:8] {
		k := p.look(who(r))
		k.Name = ""
		if seen[k] {
			t.Errorf("%s looks like another", r.Target)
		}
		seen[k] = true
	}
	if p.look("a") != p.look("a") || p.look("limit").Ink != inkDim {
		t.Error("a look changes")
	}
}
