package chaos

import (
	"fmt"
	"strings"
)

// parseAll reads attacks with commas between.
func parseAll(text string) ([]Spec, error) {
	var all []Spec
	for part := range strings.SplitSeq(text, ",") {
		s, err := parseSpec(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%w: %q", err, part)
		}
		all = append(all, s)
	}
	return all, nil
}

// always is a schedule of attacks that go on for the whole run.
func always(attacks []Spec) Schedule {
	var s Schedule
	for _, a := range attacks {
		s = append(s, Event{Attack: a})
	}
	return s
}
