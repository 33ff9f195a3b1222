package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteOptions say how a report is written.
type WriteOptions struct {
	// Quiet leaves out what is in order: nothing is written if all is.
	Quiet bool
	// Color marks verdicts with colours, for a terminal.
	Color bool
}

// Write writes the report for people: a line for each check and, below what did not pass, why and what to paste. What is to be
// read by a program is written by [Report.WriteJSON].
func (r Report) Write(w io.Writer, opts WriteOptions) error {
	var out bytes.Buffer
	if !opts.Quiet {
		fmt.Fprintf(&out, "starling doctor: %s connections, %s\n\n", number(int64(r.Connections)), r.System)
	}
	names, found := r.widths(opts)
	for _, result := range r.Results {
		if opts.shows(result) {
			result.write(&out, names, found, opts.Color)
		}
	}
	if m := r.Memory; m != nil && (!opts.Quiet || m.Verdict == Warn || m.Verdict == Fail) {
		fmt.Fprintf(&out, "\nmemory: %v\n", m)
	}
	if !opts.Quiet {
		r.summary(&out)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// WriteJSON writes the report for programs: one object, and the end of a line.
func (r Report) WriteJSON(w io.Writer) error {
	type plain Report // which has no method of its own
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Verdict Verdict `json:"verdict"`
		plain
	}{r.Verdict(), plain(r)})
}

func (o WriteOptions) shows(r Result) bool {
	return !o.Quiet || r.Verdict == Warn || r.Verdict == Fail
}

// foundMax is how wide the column of what was found may get; what is longer has its line grow.
const foundMax = 36

// widths are those of the first two columns.
func (r Report) widths(opts WriteOptions) (names, found int) {
	for _, result := range r.Results {
		if !opts.shows(result) {
			continue
		}
		names = max(names, utf8.RuneCountInString(result.Check))
		if n := utf8.RuneCountInString(result.Found); n <= foundMax && result.Wanted != "" && result.Verdict != Skip {
			found = max(found, n)
		}
	}
	return names, found
}

func (r Result) write(out *bytes.Buffer, names, found int, color bool) {
	line := r.Verdict.mark(color) + "  " + pad(r.Check, names) + "  " + r.Found
	if r.Wanted != "" && r.Verdict != Skip {
		line = r.Verdict.mark(color) + "  " + pad(r.Check, names) + "  " + pad(r.Found, found) + "  " + r.Wanted
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
	if r.Verdict != Warn && r.Verdict != Fail {
		return
	}
	fmt.Fprintf(out, "      %s\n", r.Why)
	for _, fix := range r.Fix {
		fmt.Fprintf(out, "        %s\n", fix)
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// mark is a verdict as it begins a line: what fails is to be seen without colours too.
func (v Verdict) mark(color bool) string {
	text := string(v)
	if v == Fail {
		text = "FAIL"
	}
	if !color {
		return text
	}
	return map[Verdict]string{Pass: "\x1b[32m", Warn: "\x1b[33m", Fail: "\x1b[1;31m", Skip: "\x1b[2m"}[v] + text + "\x1b[0m"
}

// summary counts the verdicts, and says how to mend all of the kernel's settings for good.
func (r Report) summary(out *bytes.Buffer) {
	fmt.Fprintf(out, "\n%d pass, %d warn, %d fail, %d skipped\n", r.count(Pass), r.count(Warn), r.count(Fail), r.count(Skip))
	if r.kernelFixes && r.Connections <= kernelFileCovers {
		out.WriteString("The kernel's settings all at once, and for good:\n" +
			"        starling init sysctl | sudo tee /etc/sysctl.d/99-starling.conf && sudo sysctl --system\n")
	}
}
