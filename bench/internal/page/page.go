package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"starling/bench/internal/report"
)

// Run is what a page tells of. Its results must have IDs; it is read and not kept.
type Run struct {
	Started  time.Time
	Command  string // the command line
	Tool     string // version and commit
	Machine  string // processors, memory and kernel in a line
	Facts    []Fact // all that is known of the machine
	Settings []Fact // of its kernel
	Results  []*report.Report
}

// Fact is a thing that is known, under its name.
type Fact struct{ Name, Value string }

var (
	//go:embed page.html
	source string
	//go:embed style.css
	style string

	layout = template.Must(template.New("page").Parse(source))
)

// Write writes the page.
func Write(w io.Writer, run Run) error {
	if err := layout.Execute(w, viewOf(run)); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// view is what the template is filled with.
type view struct {
	Run
	Style    template.CSS
	Title    string
	Date     string
	Headline headline
	Class    string
	Overview []row
	Groups   []comparison
	Sections []section
}

// row is a result in the table at the top. A cell without a value was not measured.
type row struct {
	ID, Class, Verdict string
	Cells              []Fact
}

// comparison is a group with its plots.
type comparison struct {
	Scenario, Title string
	Curves, Bars    []figure
}

// section is all about one result.
type section struct {
	ID, Class, Verdict string
	About              string
	Why                []string
	Tiles              []tile
	Figures            []figure
	Metrics            []metric
	Tables             []table
}

// metric is a number with the name that assertions use.
type metric struct{ Name, Value, Unit, Better, Ratio string }

func viewOf(run Run) view {
	v := view{
		Run: run, Style: template.CSS(style), Title: title(run.Results), Date: run.Started.UTC().Format("2006-01-02 15:04 UTC"),
		Headline: judgeAll(run.Results),
	}
	v.Class = class(v.Headline.Verdict)
	p := paletteOf(run.Results)
	for _, g := range groups(run.Results) {
		v.Groups = append(v.Groups, comparison{g.results[0].Scenario, g.title, g.curves(p), g.bars(p)})
	}
	for _, r := range run.Results {
		v.Overview = append(v.Overview, rowOf(r))
		v.Sections = append(v.Sections, sectionOf(r))
	}
	return v
}

func class(v Verdict) string { return [...]string{"passed", "invalid", "failed"}[v] }

// title names the scenarios and the servers.
func title(results []*report.Report) string {
	var scenarios, targets []string
	for _, r := range results {
		if !slices.Contains(scenarios, r.Scenario) {
			scenarios = append(scenarios, r.Scenario)
		}
		if !slices.Contains(targets, r.Target) {
			targets = append(targets, r.Target)
		}
	}
	if len(results) == 0 {
		return "nothing"
	}
	return strings.Join(scenarios, ", ") + ": " + strings.Join(targets, ", ")
}

// overview is which tile, the first of these that there is, stands in which column.
var overview = []struct {
	column string
	tiles  []string
}{
	{"connected", []string{"connected"}},
	{"rate", []string{"highest rate", "deliveries", "echoes", "connections", "all back after"}},
	{"p50", []string{"latency p50", "handshake p50", "reconnect p50"}},
	{"p99", []string{"latency p99", "handshake p99", "reconnect p99"}},
	{"p99.9", []string{"latency p99.9", "handshake p99.9"}},
	{"max", []string{"latency max", "handshake max", "reconnect max"}},
	{"lost · twice · disordered", []string{"lost · twice · disordered"}},
	{"server CPU each", []string{
		"server CPU per delivery", "server CPU per echo", "server CPU per connection", "server CPU per client",
		"server CPU per idle connection and s",
	}},
	{"RSS per connection", []string{"RSS per connection"}},
}

// rowOf reads the overview's columns from the tiles, so that both say the same.
func rowOf(r *report.Report) row {
	verdict, _ := Judge(r)
	out := row{ID: r.ID, Class: class(verdict), Verdict: verdict.String()}
	all := tiles(r)
	for _, o := range overview {
		cell := Fact{Name: o.column}
		for _, name := range slices.Backward(o.tiles) {
			if i := slices.IndexFunc(all, func(t tile) bool { return t.Name == name }); i >= 0 {
				cell.Value = all[i].String()
			}
		}
		out.Cells = append(out.Cells, cell)
	}
	return out
}

func sectionOf(r *report.Report) section {
	verdict, why := Judge(r)
	s := section{
		ID: r.ID, Class: class(verdict), Verdict: verdict.String(), Why: why, Tiles: tiles(r),
		About: r.Scenario + " against " + who(r) + ": " + strings.Join(conditions(r), ", "),
	}
	s.Figures = slices.Concat(search(r), distributions(r), timelines(r))
	s.Metrics = metricsOf(r)
	s.Tables = slices.DeleteFunc([]table{failures(r), phases(r), steps(r), rounds(r), memory(r), setting(r)}, func(t table) bool { return len(t.Rows) == 0 })
	return s
}

func metricsOf(r *report.Report) []metric {
	var all []metric
	for _, m := range r.Metrics() {
		better := [...]string{"", "lower", "higher"}[m.Better]
		all = append(all, metric{Name: m.Name, Value: exact(m.Value), Unit: strings.Replace(m.Unit, "us", "µs", 1), Better: better})
	}
	return all
}
