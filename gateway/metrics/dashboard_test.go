package metrics

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is what the tests look at of a dashboard of Grafana.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
	Panels        []panel
}

type variable struct{ Name, Type, Definition string }

type annotation struct{ Name, Expr string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

type target struct {
	Expr, LegendFormat, RefID string
	Datasource                struct{ Type, UID string }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "../../deploy/grafana/starling.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID != "starling" || d.Title != "Starling" || d.SchemaVersion < 38 { // that of Grafana 10.0
		t.Errorf("it is %q, %q, of version %d", d.UID, d.Title, d.SchemaVersion)
	}
	var variables, rows []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if want := []string{"datasource datasource", "job query", "instance query"}; !slices.Equal(variables, want) {
		t.Errorf("its variables are %q, want %q", variables, want)
	}
	for _, p := range d.Panels {
		if p.Type == "row" {
			rows = append(rows, p.Title)
		}
	}
	if want := []string{"Overview", "Loops", "Clients", "Slow clients", "Control API", "Webhooks", "Process"}; !slices.Equal(rows, want) {
		t.Errorf("its rows are %q, want %q", rows, want)
	}
}

// TestPanelsHaveTheirPlaces: each has its id, and a place of its own on the 24 columns.
func TestPanelsHaveTheirPlaces(t *testing.T) {
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s has the id %d, which is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.X < 0 || g.W <= 0 || g.X+g.W > 24 || g.H <= 0 {
			t.Errorf("%s is at %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s and %s overlap", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// selected is a metric with the selector that every query has, so that the variables of the dashboard work.
var selected = regexp.MustCompile(`(\w+)\{job=~"\$job", instance=~"\$instance"[^}]*\}`)

func TestPanelsAskForWhatThereIs(t *testing.T) {
	all := families(t)
	asked := 0
	for _, p := range readDashboard(t).Panels {
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s lacks a description, a unit or a query", p.Title)
		}
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s is tied to the data source %q", p.Title, p.Datasource.UID)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			asked++
			if refs[q.RefID] || q.RefID == "" || q.Datasource.UID != "${datasource}" || q.LegendFormat == "" {
				t.Errorf("%s: a query lacks a name of its own, the data source or a legend: %+v", p.Title, q)
			}
			refs[q.RefID] = true
			checkQuery(t, p.Title, q.Expr, all)
			checkTemplates(t, p.Title, strings.ReplaceAll(q.LegendFormat, "{{", "$labels."), q.Expr, all)
			for _, name := range usedBy(q.Expr).metrics {
				if !slices.ContainsFunc(selected.FindAllStringSubmatch(q.Expr, -1), func(m []string) bool { return m[1] == name }) {
					t.Errorf("%s: %s is not selected by the variables of the dashboard", p.Title, name)
				}
			}
		}
	}
	if asked < 60 {
		t.Fatalf("only %d queries were found", asked)
	}
}

func TestVariablesAndAnnotationsAskForWhatThereIs(t *testing.T) {
	all := families(t)
	d := readDashboard(t)
	asked := 0
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := regexp.MustCompile(`^label_values\((\w+)(\{[^}]*\})?, (job|instance)\)$`).FindStringSubmatch(v.Definition)
		if m == nil || all[m[1]] == nil {
			t.Errorf("%s asks for %s", v.Name, v.Definition)
		}
		asked++
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			checkQuery(t, a.Name, a.Expr, all)
			asked++
		}
	}
	if asked != 3 {
		t.Fatalf("%d queries were found, want 3", asked)
	}
}

// TestEachMetricIsOnTheDashboard: what nobody sees need not be there.
func TestEachMetricIsOnTheDashboard(t *testing.T) {
	all := families(t)
	shown := map[string]bool{}
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			for _, name := range usedBy(q.Expr).metrics {
				if f, ok := familyOf(name, all); ok {
					shown[f.GetName()] = true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, namespace+"_") && !shown[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}
