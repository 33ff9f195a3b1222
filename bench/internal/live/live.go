// Package live shows a run while it goes on, from one report.Sample a second. On a terminal it is a small view of a few lines that
// is drawn anew in its place; elsewhere, as in the log of a build, a line a second that fits 80 columns; and nothing at all if asked.
package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"starling/bench/internal/report"
)

// Options are what a view is told about the run.
type Options struct {
	Title       string        // "broadcast server"
	Connections int           // wanted
	Duration    time.Duration // of what is measured; 0 if that is not known
	Warmup      time.Duration // before it
	Quiet       bool          // show nothing

	// Size is the size of the terminal now, and false if there is none. If it is nil the writer is asked, if it is a file.
	Size func() (columns, rows int, ok bool)
}

// View shows one run. Its methods may be called from several goroutines.
type View struct {
	opts Options
	size func() (columns, rows int, ok bool)

	mu     sync.Mutex
	w      io.Writer
	closed bool
	lines  int      // written where there is no terminal
	drawn  []string // on the terminal now, below which the cursor stands
	totals totals
	p99    []float64 // of the last minute, in us; negative where nothing was delivered
}

// totals are of the run so far.
type totals struct {
	failed, disconnected int
	faults               uint64
}

// New returns a view that writes to w, which it never closes. It shows nothing before the first sample.
func New(w io.Writer, o Options) *View {
	v := &View{opts: o, size: o.Size, w: w}
	v.opts.Title = printable(o.Title)
	if v.size == nil {
		v.size = sizeOf(w)
	}
	return v
}

// sizeOf asks a file whether it is a terminal, and how large. A terminal that cannot move its cursor is none.
func sizeOf(w io.Writer) func() (columns, rows int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return func() (int, int, bool) { return 0, 0, false }
	}
	return func() (int, int, bool) {
		columns, rows, err := term.GetSize(int(file.Fd()))
		return columns, rows, err == nil && columns > 0 && rows > 1
	}
}

// Sample shows one second. After Close it does nothing.
func (v *View) Sample(s report.Sample) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opts.Quiet || v.closed {
		return
	}
	s.Phase = printable(s.Phase)
	v.remember(s)
	if columns, rows, ok := v.size(); ok {
		v.draw(v.frame(s, columns, rows), columns)
		return
	}
	v.writeLine(s)
}

// minute is how many samples the curve of p99 is of.
const minute = 60

func (v *View) remember(s report.Sample) {
	v.totals.failed += s.Failed
	v.totals.disconnected += s.Disconnected
	v.totals.faults += s.Faults
	p99 := -1.0
	if s.Latency != nil {
		p99 = s.Latency.P99
	}
	v.p99 = append(v.p99, p99)
	if len(v.p99) > minute {
		v.p99 = v.p99[len(v.p99)-minute:]
	}
}

// Note writes lines of text that stay, above the view. It is how others write to the same terminal while a view is on it.
func (v *View) Note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text = strings.TrimRight(text, "\n") + "\n"
	if len(v.drawn) == 0 {
		v.write(text)
		return
	}
	columns, _, _ := v.size()
	frame := v.drawn
	v.write(v.eraseCodes(columns) + text)
	v.drawn = nil
	v.draw(frame, columns)
}

// Close takes the view off the terminal and leaves the cursor where it began, at the start of an empty line. Lines that were written
// elsewhere stay.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	if len(v.drawn) == 0 {
		return
	}
	columns, _, _ := v.size()
	v.write(v.eraseCodes(columns))
	v.drawn = nil
}

// write is one system call for a whole frame, so that the terminal never shows half of it. A view that cannot be written is no reason
// to end the run it shows.
func (v *View) write(text string) { _, _ = io.WriteString(v.w, text) }

// printable takes out of a name what a terminal would obey, or would not show in one column.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x17f || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// clock writes a time of the run in seconds: "12s", "2m05s", "1h02m", with a minus before what is measured began.
func clock(s float64) string {
	if s < 0 {
		return "-" + clock(-s)
	}
	whole := int(s + 0.5)
	switch {
	case whole < 60:
		return fmt.Sprintf("%ds", whole)
	case whole < 3600:
		return fmt.Sprintf("%dm%02ds", whole/60, whole%60)
	}
	return fmt.Sprintf("%dh%02dm", whole/3600, whole/60%60)
}
