package preflight

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Write prints the findings: what is missing with what mends it, and what is in order in one line.
func Write(w io.Writer, findings []Finding) error {
	var out bytes.Buffer
	var fine []string
	for _, f := range findings {
		if f.Severity == Pass {
			fine = append(fine, f.What)
			continue
		}
		fmt.Fprintf(&out, "preflight: %s: %s: have %s, need %s\n", f.Severity, f.What, f.Have, f.Need)
		verb := "fix"
		if f.Severity == Unknown {
			verb = "see"
		}
		fmt.Fprintf(&out, "  %s: %s\n", verb, f.Fix)
		if f.Or != "" {
			fmt.Fprintf(&out, "  or:  %s\n", f.Or)
		}
	}
	if len(fine) > 0 {
		fmt.Fprintf(&out, "preflight: in order: %s\n", strings.Join(fine, ", "))
	}
	_, err := w.Write(out.Bytes())
	return err
}

// Only are the findings that are at least that severe.
func Only(findings []Finding, least Severity) (some []Finding) {
	for _, f := range findings {
		if f.Severity >= least {
			some = append(some, f)
		}
	}
	return some
}
