package live

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The codes of a terminal that are used (ECMA-48): cursor up, erase to the end of the line, erase to the end of the screen.
const (
	codeUp         = "\x1b[%dA"
	codeEraseLine  = "\x1b[K"
	codeEraseBelow = "\x1b[J"
)

// draw writes a frame over the one before. A line is first written and then erased behind its end, so that what stays the same is
// never gone for a moment.
func (v *View) draw(frame []string, columns int) {
	var out strings.Builder
	out.WriteString(v.home(columns))
	for _, line := range frame {
		out.WriteString(line + codeEraseLine + "\n")
	}
	out.WriteString(codeEraseBelow) // what the frame before had more
	v.write(out.String())
	v.drawn = frame
}

// eraseCodes takes the frame away.
func (v *View) eraseCodes(columns int) string { return v.home(columns) + codeEraseBelow }

// home moves the cursor from below the frame to its first line. A terminal that has become narrower has broken the longer lines in
// several.
func (v *View) home(columns int) string {
	rows := 0
	for _, line := range v.drawn {
		rows++
		if n := utf8.RuneCountInString(line); columns > 0 && n > columns {
			rows += (n - 1) / columns
		}
	}
	if rows == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r"+codeUp, rows)
}

// fit cuts a line to the terminal's width, short of its last column, on which some terminals go to the next line and some do not.
func fit(line string, columns int) string {
	line = strings.TrimRight(line, " ")
	if utf8.RuneCountInString(line) < columns {
		return line
	}
	return string([]rune(line)[:max(columns-1, 0)])
}

// flow puts fields into as many lines as they need, none of them longer than the terminal is wide.
func flow(fields []string, columns int) (lines []string) {
	line := ""
	for _, f := range fields {
		switch {
		case line == "":
			line = f
		case utf8.RuneCountInString(line)+len(gap)+utf8.RuneCountInString(f) < columns:
			line += gap + f
		default:
			lines = append(lines, fit(line, columns))
			line = f
		}
	}
	return append(lines, fit(line, columns))
}

// gap is what is between fields of a line.
const gap = "   "
