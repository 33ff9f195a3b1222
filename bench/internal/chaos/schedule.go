package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Act is what can be done to the server's process.
type Act string

// The acts.
const (
	Pause   Act = "pause"   // SIGSTOP for a time and then SIGCONT: what a virtual machine that is moved, or a full disk, looks like
	Kill    Act = "kill"    // SIGKILL, and started again: a crash
	Restart Act = "restart" // SIGTERM, a drain, and started again: a new release
)

// The rules of a schedule.
var (
	ErrEvent    = errors.New("chaos: want what happens as TIME:WHAT or TIME:WHAT:HOW LONG, with commas between: 5s:pause=500ms,10s:slow=5%:5s")
	ErrTime     = errors.New("chaos: want a time as 500ms, 10s or 2m")
	ErrAct      = errors.New("chaos: want pause=TIME, kill or restart")
	ErrPause    = errors.New("chaos: a pause lasts longer than what it is part of")
	ErrTooMany  = fmt.Errorf("chaos: more than %d events", EventsMax)
	ErrTooLate  = errors.New("chaos: it would begin when the run is over")
	ErrNoServer = errors.New("chaos: there is no server whose process this bench may act upon")
)

// Event is something that happens in a run: an attack, or an act on the server.
type Event struct {
	At     time.Duration // from the beginning of what is measured
	For    time.Duration // how long it goes on; 0 of an attack is to the end
	Act    Act           // "" if it is an attack
	Pause  time.Duration // of the act Pause
	Attack Spec
}

// Schedule is events in the order in which they begin.
type Schedule []Event

// ParseSchedule reads events with commas between: "5s:pause=500ms,10s:slow=5%:5s". Each is a time, what begins then, an act or an attack
// (see Spec), and how long it lasts. Without that an attack goes on to the end, a pause is as long as it says, and what follows
// a restart belongs to it for five seconds.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	for part := range strings.SplitSeq(text, ",") {
		e, err := parseEvent(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%w: %q", err, part)
		}
		if len(s) == EventsMax {
			return nil, ErrTooMany
		}
		s = append(s, e)
	}
	slices.SortStableFunc(s, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return s, nil
}

func parseEvent(text string) (e Event, err error) {
	at, rest, found := strings.Cut(text, ":")
	if !found {
		return Event{}, ErrEvent
	}
	what, long, hasLength := strings.Cut(rest, ":")
	if e.At, err = parseTime(at); err != nil {
		return Event{}, err
	}
	if hasLength {
		if e.For, err = parseTime(long); err == nil && e.For == 0 {
			err = ErrTime
		}
		if err != nil {
			return Event{}, err
		}
	}
	if err := e.parseWhat(what); err != nil {
		return Event{}, err
	}
	return e, nil
}

func (e *Event) parseWhat(text string) (err error) {
	name, value, hasValue := strings.Cut(text, "=")
	switch Act(name) {
	case Pause:
		e.Act = Pause
		if e.Pause, err = parseTime(value); err != nil || e.Pause == 0 {
			return ErrAct
		}
		if e.For != 0 && e.For < e.Pause {
			return ErrPause
		}
		return nil
	case Kill, Restart:
		e.Act = Act(name)
		if hasValue {
			return ErrAct
		}
		return nil
	}
	e.Attack, err = parseSpec(text)
	return err
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > TimeMax {
		return 0, ErrTime
	}
	return d, nil
}

// String is the event as ParseSchedule reads it.
func (e Event) String() string {
	text := e.At.String() + ":" + e.what()
	if e.For != 0 {
		text += ":" + e.For.String()
	}
	return text
}

func (e Event) what() string {
	switch e.Act {
	case "":
		return e.Attack.String()
	case Pause:
		return string(Pause) + "=" + e.Pause.String()
	}
	return string(e.Act)
}

// name is the event in the name of a phase.
func (e Event) name() string {
	if e.Act == "" {
		return string(e.Attack.Kind)
	}
	return string(e.Act)
}

// end is when it is over, in a run of that length.
func (e Event) end(total time.Duration) time.Duration {
	long := e.For
	switch {
	case long != 0:
	case e.Act == "":
		return total
	case e.Act == Pause:
		long = e.Pause
	default:
		long = forDefault
	}
	return min(e.At+long, total)
}

// piece is a part of a run during which the same events go on.
type piece struct {
	name       string
	from, to   time.Duration
	begin, end []int // which events begin and end with it
}

// Quiet is the name of the phase before the first event.
const Quiet = "quiet"

// IsAttack says whether there is an attack in a phase of that name.
func IsAttack(phase string) bool {
	for part := range strings.SplitSeq(phase, "+") {
		for _, d := range kinds { // the second phase of a name has a number behind it
			if rest, ok := strings.CutPrefix(part, string(d.Kind)); ok && (rest == "" || strings.Trim(rest, "-0123456789") == "") {
				return true
			}
		}
	}
	return false
}

// The names of the pieces in which nothing happens: before the first event, and after one.
const (
	quietName = Quiet
	afterName = "after"
)

// pieces cuts a run of that length where an event begins or ends. No two pieces have the same name: the second "after" is "after-2".
func (s Schedule) pieces(total time.Duration) ([]piece, error) {
	edges := []time.Duration{0, total}
	for _, e := range s {
		if e.At >= total {
			return nil, fmt.Errorf("%w: %s in a run of %v", ErrTooLate, e, total)
		}
		edges = append(edges, e.At, e.end(total))
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var all []piece
	times := map[string]int{}
	for i, from := range edges[:len(edges)-1] {
		p := s.piece(from, edges[i+1], total)
		if times[p.name]++; times[p.name] > 1 {
			p.name += "-" + strconv.Itoa(times[p.name])
		}
		all = append(all, p)
	}
	return all, nil
}

func (s Schedule) piece(from, to, total time.Duration) piece {
	p := piece{from: from, to: to}
	var on []string
	begun := false
	for i, e := range s {
		end := e.end(total)
		begun = begun || e.At < from
		if e.At <= from && from < end {
			on = append(on, e.name())
		}
		if e.At == from {
			p.begin = append(p.begin, i)
		}
		if end == to {
			p.end = append(p.end, i)
		}
	}
	switch {
	case len(on) > 0:
		p.name = strings.Join(on, "+")
	case begun:
		p.name = afterName
	default:
		p.name = quietName
	}
	return p
}
