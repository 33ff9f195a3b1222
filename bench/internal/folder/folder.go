// Package folder keeps the results of a run in a folder: summary.json for programs, summary.md and report.html for people,
// timeline.csv, and for each result its histograms, exact (.hdr) and as the percentiles that HDR plotters read (.hgrm). What was
// written is read back whole, or refused.
package folder

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"starling/bench/internal/page"
	"starling/bench/internal/report"
)

// Schema is the version of the folder. It grows when a file or a key changes its meaning or goes away.
const Schema = 1

// What is wrong with a folder.
var (
	// ErrNotOurs means that a folder holds something else, which is neither read nor overwritten.
	ErrNotOurs = errors.New("folder: not a folder of results")
	// ErrUnfinished means that the folder was being written when something came in between. Writing to it again is possible.
	ErrUnfinished = errors.New("folder: the results were not written to the end")
	// ErrSchema means that the folder is of another version, as are its reports.
	ErrSchema = errors.New("folder: unknown schema")
	// ErrDamaged means that a file is missing, or is not what was written.
	ErrDamaged = errors.New("folder: damaged")
	// ErrID means that a result's ID is not letters, digits, "-" and "_", too long, or that of another result.
	ErrID = errors.New("folder: unusable ID")
)

// Folder is what a folder holds.
type Folder struct {
	Schema  int              `json:"schema"` // set by Write
	Started time.Time        `json:"started"`
	Machine Machine          `json:"machine"`
	Tool    Tool             `json:"tool"`
	Results []*report.Report `json:"results"`
}

// page is what the folder's report.html tells.
func (f *Folder) page() page.Run {
	return page.Run{
		Started: f.Started, Command: f.Tool.command(), Tool: f.Tool.text(), Machine: f.Machine.text(),
		Facts: f.Machine.facts(), Settings: f.Machine.settings(), Results: f.Results,
	}
}

// The names of a folder's files. A result's begin with its ID, which has no dot.
const (
	summaryName  = "summary.json"
	summaryTemp  = "summary.json.tmp"
	tableName    = "summary.md"
	timelineName = "timeline.csv"
	pageName     = "report.html"

	exactSuffix      = ".hdr"
	exactHandshake   = ".handshake.hdr"
	percentileSuffix = ".hgrm"
	percentileShakes = ".handshake.hgrm"
)

// ours says whether a name is one that Write gives. Nothing else is ever removed, whatever a summary.json says.
func ours(name string) bool {
	if name == tableName || name == timelineName || name == pageName {
		return true
	}
	for _, suffix := range []string{exactHandshake, percentileShakes, exactSuffix, percentileSuffix} {
		if id, ok := strings.CutSuffix(name, suffix); ok {
			return usable(id)
		}
	}
	return false
}

// idRunesMax is how long an ID may be: it begins the names of files.
const idRunesMax = 80

// usable says whether an ID can be part of a file's name on any system, and of a link in the page.
func usable(id string) bool {
	if id == "" || len(id) > idRunesMax {
		return false
	}
	for i := range len(id) {
		if !plain(id[i]) {
			return false
		}
	}
	return true
}

func plain(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

// name gives each result that has none an ID from its place, case or scenario, server and round, and checks those that have one.
func name(results []*report.Report) error {
	taken := make(map[string]bool) // in lower case: there are systems to which those are the same file
	for i, r := range results {
		if r.ID == "" {
			continue
		}
		if lower := strings.ToLower(r.ID); !usable(r.ID) || taken[lower] {
			return fmt.Errorf("%w: %q of result %d", ErrID, r.ID, i+1)
		}
		taken[strings.ToLower(r.ID)] = true
	}
	for i, r := range results {
		if r.ID != "" {
			continue
		}
		what := r.Scenario
		if r.Case != "" {
			what = r.Case
		}
		id := fmt.Sprintf("%02d-%s-%s", i+1, sane(what), sane(r.Target))
		if r.Round > 0 {
			id += fmt.Sprintf("-r%d", r.Round)
		}
		for r.ID = id; taken[r.ID]; {
			r.ID += "-again"
		}
		taken[r.ID] = true
	}
	return nil
}

// partRunesMax is how much of a name goes into an ID.
const partRunesMax = 24

// sane makes part of an ID of any text.
func sane(text string) string {
	var out strings.Builder
	for _, b := range []byte(strings.ToLower(text)) {
		if plain(b) && b != '-' {
			out.WriteByte(b)
		} else if s := out.String(); s != "" && s[len(s)-1] != '-' {
			out.WriteByte('-')
		}
		if out.Len() == partRunesMax {
			break
		}
	}
	if s := strings.Trim(out.String(), "-"); s != "" {
		return s
	}
	return "unnamed"
}
