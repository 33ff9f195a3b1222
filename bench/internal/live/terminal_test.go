package live

import (
	"fmt"
	"strings"
	"testing"
)

// terminal is as much of one as the view uses: text that goes on in the next row at the edge, carriage return, newline, cursor up,
// erase to the end of the line and of the screen. It has rows without end, and so never scrolls.
type terminal struct {
	t        *testing.T
	columns  int
	rows     []row
	at, x    int // the cursor
	writes   int
	unwieldy []string // what went beyond the edge
}

type row struct {
	text   []rune
	broken bool // it goes on in the next row
}

func newTerminal(t *testing.T, columns int) *terminal {
	return &terminal{t: t, columns: columns, rows: make([]row, 1)}
}

func (s *terminal) Write(p []byte) (int, error) {
	s.writes++
	for rest := string(p); rest != ""; {
		if code, after, ok := escape(rest); ok {
			s.obey(code)
			rest = after
			continue
		}
		r := []rune(rest)[0]
		s.put(r)
		rest = rest[len(string(r)):]
	}
	return len(p), nil
}

// escape splits off a code: ESC [ digits letter.
func escape(text string) (code, rest string, ok bool) {
	body, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return "", "", false
	}
	end := strings.IndexFunc(body, func(r rune) bool { return r < '0' || r > '9' })
	return body[:end+1], body[end+1:], true
}

func (s *terminal) obey(code string) {
	switch code[len(code)-1] {
	case 'A':
		n := 0
		if _, err := fmt.Sscanf(code, "%dA", &n); err != nil || n < 1 || n > s.at {
			s.t.Fatalf("up by %q from row %d", code, s.at)
		}
		s.at -= n
	case 'K':
		line := &s.rows[s.at]
		line.text, line.broken = line.text[:min(s.x, len(line.text))], false
	case 'J':
		s.obey("K")
		s.rows = s.rows[:s.at+1]
	default:
		s.t.Fatalf("unknown code %q", code)
	}
}

func (s *terminal) put(r rune) {
	switch {
	case r == '\r':
		s.x = 0
	case r == '\n':
		s.down()
	case r < ' ':
		s.t.Fatalf("unexpected %q", r)
	default:
		if s.x == s.columns {
			s.unwieldy = append(s.unwieldy, string(s.rows[s.at].text))
			s.rows[s.at].broken = true
			s.down()
		}
		line := &s.rows[s.at]
		for len(line.text) <= s.x {
			line.text = append(line.text, ' ')
		}
		line.text[s.x] = r
		s.x++
	}
}

func (s *terminal) down() {
	s.at, s.x = s.at+1, 0
	if s.at == len(s.rows) {
		s.rows = append(s.rows, row{})
	}
}

// resize breaks the lines anew, as terminals do. The cursor must be in the last row, which is where the view leaves it.
func (s *terminal) resize(columns int) {
	s.columns = columns
	var all []row
	var line []rune
	for _, r := range s.rows {
		line = append(line, r.text...)
		if r.broken {
			continue
		}
		for len(line) > columns {
			all, line = append(all, row{line[:columns:columns], true}), line[columns:]
		}
		all, line = append(all, row{text: line}), nil
	}
	s.rows, s.at = all, len(all)-1
}

// screen is what one sees, without the empty end.
func (s *terminal) screen() string {
	var lines []string
	for _, r := range s.rows {
		lines = append(lines, strings.TrimRight(string(r.text), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func TestTerminalModel(t *testing.T) {
	s := newTerminal(t, 5)
	fmt.Fprint(s, "abc\ndefgh\n\x1b[1Axy\x1b[K\n")
	if got := s.screen(); got != "abc\nxy" {
		t.Errorf("%q", got)
	}
	fmt.Fprint(s, "\r\x1b[2Az\x1b[K\n\x1b[J")
	if got := s.screen(); got != "z" || s.at != 1 {
		t.Errorf("%q at %d", got, s.at)
	}
	fmt.Fprint(s, "1234567")
	if got := s.screen(); got != "z\n12345\n67" || len(s.unwieldy) != 1 {
		t.Errorf("%q", got)
	}
	s.resize(3)
	if got := s.screen(); got != "z\n123\n456\n7" {
		t.Errorf("%q", got)
	}
}
