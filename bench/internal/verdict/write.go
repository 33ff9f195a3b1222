package verdict

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"starling/bench/internal/expect/quantity"
)

// headings are the columns of a group's table.
func (c *Comparison) headings() []string {
	return []string{"metric", "A", "B", "B/A", fmt.Sprintf("%.4g%% interval", c.confidence*100), "p", "rounds", "verdict"}
}

// pLeast is what of a probability is still told apart.
const pLeast = 0.001

func (r *Row) cells() []string {
	interval := "-"
	if !math.IsNaN(r.Lo) {
		interval = fmt.Sprintf("%s to %s", factor(r.Lo), factor(r.Hi))
	}
	p := "-"
	if !math.IsNaN(r.P) {
		p = fmt.Sprintf("%.3f", r.P)
	}
	if r.P < pLeast {
		p = fmt.Sprintf("<%.3f", pLeast)
	}
	return []string{
		r.Metric.Name, r.A.text(r.Metric.Unit), r.B.text(r.Metric.Unit), factor(r.Ratio), interval, p,
		fmt.Sprintf("%d+%d", len(r.A.Values), len(r.B.Values)), string(r.Verdict),
	}
}

func (s *Side) text(unit string) string {
	if len(s.Values) == 0 {
		return "-"
	}
	return quantity.Format(s.Median, unit)
}

// factor writes a ratio with as many digits as are of use.
func factor(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.IsInf(v, 0):
		return "inf"
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// differing are the rows of a group that a table is for.
func (g *Group) differing() (rows []*Row) {
	for i := range g.Rows {
		if g.Rows[i].Verdict != Same {
			rows = append(rows, &g.Rows[i])
		}
	}
	return rows
}

// same lists the rest in one line.
func (g *Group) same() string {
	var all []string
	for i := range g.Rows {
		if r := &g.Rows[i]; r.Verdict == Same {
			all = append(all, r.Metric.Name+" "+r.A.text(r.Metric.Unit))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "same in all rounds: " + strings.Join(all, ", ")
}

// remarks is what is said below a group's table.
func (g *Group) remarks() []string {
	all := append([]string(nil), g.Remark...)
	if same := g.same(); same != "" {
		all = append(all, same)
	}
	return all
}

// WriteText writes the comparison for a terminal: a table for each group, what has no counterpart, and the sum of it.
func (c *Comparison) WriteText(w io.Writer) error {
	var out bytes.Buffer
	for i := range c.Groups {
		g := &c.Groups[i]
		fmt.Fprintf(&out, "%s: %s\n", g.Key, g.rounds())
		if rows := g.differing(); len(rows) > 0 {
			c.writeTable(&out, rows)
		}
		for _, remark := range g.remarks() {
			fmt.Fprintf(&out, "  %s\n", remark)
		}
		fmt.Fprintln(&out)
	}
	for _, line := range c.lone() {
		fmt.Fprintln(&out, line)
	}
	fmt.Fprintln(&out, c.sum())
	_, err := w.Write(out.Bytes())
	return err
}

func (c *Comparison) writeTable(w io.Writer, rows []*Row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  %s\n", strings.Join(c.headings(), "\t"))
	for _, r := range rows {
		fmt.Fprintf(t, "  %s\n", strings.Join(r.cells(), "\t"))
	}
	_ = t.Flush() // a buffer takes everything
}

func (g *Group) rounds() string {
	text := fmt.Sprintf("%d and %d rounds", g.A, g.B)
	if g.A == 1 || g.B == 1 {
		text += ", which is too few to tell a difference from noise"
	}
	return text
}

// lone says what has no counterpart.
func (c *Comparison) lone() (lines []string) {
	list := func(all []Lone, here, there string) {
		for _, l := range all {
			line := fmt.Sprintf("only in %s: %s (%s)", here, l.Key, plural(l.Rounds, "round"))
			if l.Nearest != "" {
				line += fmt.Sprintf("; %s has it with %s", there, l.Nearest)
			}
			lines = append(lines, line)
		}
	}
	list(c.OnlyA, "A", "B")
	list(c.OnlyB, "B", "A")
	return lines
}

// sum counts the verdicts.
func (c *Comparison) sum() string {
	if len(c.Groups) == 0 {
		return "nothing to compare: A and B have no run in common"
	}
	var parts []string
	for _, v := range []Verdict{Worse, Better, Changed, Noise, Same, Single, Invalid, Missing} {
		if n := c.Count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return "of B's metrics: " + strings.Join(parts, ", ")
}

// WriteMarkdown writes the same for a page.
func (c *Comparison) WriteMarkdown(w io.Writer) error {
	var out bytes.Buffer
	for i := range c.Groups {
		g := &c.Groups[i]
		fmt.Fprintf(&out, "### %s\n\n%s\n\n", escape(g.Key.String()), sentence(g.rounds()))
		if rows := g.differing(); len(rows) > 0 {
			c.writeMarkdownTable(&out, rows)
		}
		for _, remark := range g.remarks() {
			fmt.Fprintf(&out, "- %s\n", escape(remark))
		}
		fmt.Fprintln(&out)
	}
	for _, line := range c.lone() {
		fmt.Fprintf(&out, "- %s\n", escape(line))
	}
	fmt.Fprintf(&out, "\n%s\n", sentence(c.sum()))
	_, err := w.Write(bytes.TrimLeft(out.Bytes(), "\n"))
	return err
}

func (c *Comparison) writeMarkdownTable(w io.Writer, rows []*Row) {
	headings := c.headings()
	fmt.Fprintf(w, "| %s |\n|---%s|---|\n", strings.Join(headings, " | "), strings.Repeat("|--:", len(headings)-2))
	for _, r := range rows {
		cells := r.cells()
		if r.Verdict == Worse || r.Verdict == Better || r.Verdict == Invalid {
			last := &cells[len(cells)-1]
			*last = "**" + *last + "**"
		}
		for i := range cells {
			cells[i] = escape(cells[i])
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(w)
}

// escape takes a name's letters for what they are: it is no markup and ends no cell.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
